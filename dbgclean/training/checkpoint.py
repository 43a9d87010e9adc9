"""Where a training has come to, on disk: tensors in safetensors, the rest in JSON.

Nothing in the folder is a pickle, so reading it runs no code. Each file appears whole
or not at all, and the JSON names the tensors that belong to it: killed between the two
writes, the pair before stands.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from safetensors.torch import load, save
from torch import Tensor

from dbgclean._files import atomic_path
from dbgclean.errors import ModelError, OutputError

__all__ = ["Checkpoint"]

_FORMAT = 1


class Checkpoint:
    """A folder that a killed run can go on from.

    Parameters
    ----------
    folder : path
        Made at the first write.
    fingerprint : dict
        Plain values that fix the result: a checkpoint made with others is refused.
    """

    def __init__(self, folder: str | Path, fingerprint: dict[str, Any]) -> None:
        self.folder = Path(folder)
        # As JSON gives it back: tuples become lists.
        self._fingerprint = json.loads(json.dumps(fingerprint))

    def exists(self) -> bool:
        """Whether a run has left something here."""
        return (self.folder / "run.json").exists()

    def begin(self) -> None:
        """Note what run this is; what an earlier one left goes.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        self.remove()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"{self.folder}: cannot be made ({error.strerror}); choose another output"
            raise OutputError(msg) from error
        self._write("run.json", {"format": _FORMAT, "run": self._fingerprint})

    def check(self) -> None:
        """Refuse to go on with the run of other reads, options or weights.

        Raises
        ------
        ModelError
            Saying what differs, or that the checkpoint is damaged.
        """
        found = self._read("run.json")
        run = found.get("run", {})
        names = [name for name, value in self._fingerprint.items() if run.get(name) != value]
        if found.get("format") != _FORMAT or names:
            what = ", ".join(names) or "its format"
            msg = (
                f"{self.folder}: left by a run that differs in {what}; "
                "give the same reads and options, or --force to begin anew"
            )
            raise ModelError(msg)

    def remove(self) -> None:
        """Take the files away, and the folder if nothing else is in it."""
        for path in sorted(self.folder.glob("*")) if self.folder.is_dir() else []:
            if path.name in _FILES or ".tmp." in path.name:
                path.unlink()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def has_examples(self) -> bool:
        """Whether `load_examples` has something to load."""
        return (self.folder / "examples.json").exists()

    def save_examples(self, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
        """Keep the examples, so that the reads need not be gone through again."""
        content = save_arrays(arrays)
        self._write_bytes("examples.safetensors", content)
        digest = hashlib.sha256(content).hexdigest()
        # Written last: what it vouches for is there.
        self._write("examples.json", {"sha256": digest, "facts": facts})

    def load_examples(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and facts as `save_examples` was given them.

        Raises
        ------
        ModelError
            If a file is damaged.
        """
        head = self._read("examples.json")
        content = self._read_bytes("examples.safetensors", head.get("sha256"))
        return load_arrays(content), head["facts"]

    def has_training(self) -> bool:
        """Whether `load_training` has something to load."""
        return (self.folder / "training.json").exists()

    def save_training(self, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
        """Keep the state of a training; two files hold the tensors in turn."""
        last = self._read("training.json").get("tensors") if self.has_training() else None
        name = "training-b" if last == "training-a" else "training-a"
        content = save({key: tensor.detach().cpu().clone() for key, tensor in tensors.items()})
        self._write_bytes(f"{name}.safetensors", content)
        digest = hashlib.sha256(content).hexdigest()
        self._write("training.json", {"tensors": name, "sha256": digest, "state": plain})

    def load_training(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """State as `save_training` was given it.

        Raises
        ------
        ModelError
            If a file is damaged.
        """
        head = self._read("training.json")
        content = self._read_bytes(f"{head.get('tensors')}.safetensors", head.get("sha256"))
        try:
            return load(content), head["state"]
        except (SafetensorError, KeyError) as error:
            name = "training.json"
            raise self._damaged(name) from error

    def _write(self, name: str, values: dict[str, Any]) -> None:
        self._write_bytes(name, json.dumps(values, indent=1).encode("utf-8") + b"\n")

    def _write_bytes(self, name: str, content: bytes) -> None:
        with atomic_path(self.folder / name) as temporary:
            Path(temporary).write_bytes(content)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folder / name).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise self._damaged(name) from error

    def _read_bytes(self, name: str, sha256: str | None) -> bytes:
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise self._damaged(name) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise self._damaged(name)
        return content

    def _damaged(self, name: str) -> ModelError:
        return ModelError(
            f"{self.folder / name}: the checkpoint is damaged; begin anew with --force"
        )


_FILES = {
    "run.json",
    "examples.json",
    "examples.safetensors",
    "training.json",
    "training-a.safetensors",
    "training-b.safetensors",
}
