"""Weights on disk: a folder with ``config.toml`` and ``weights.safetensors``.

``config.toml`` holds the architecture, the feature scheme, a checksum of the
weights and the model card; nothing in the folder is a pickle, so loading it runs no
code. A model refuses evidence that it was not trained on, here rather than with a
wrong answer later.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.numpy import load, save

from dbgclean._files import atomic_path
from dbgclean.errors import OutputError
from dbgclean.model.card import FORMAT, check_model
from dbgclean.model.network import Network

if TYPE_CHECKING:
    from dbgclean.model.autoencoder import Autoencoder

__all__ = ["load_model", "save_model"]


def save_model(folder: str | Path, model: Network | Autoencoder, card: dict[str, Any]) -> None:
    """Write a model and its card; files appear under their names only when whole.

    Parameters
    ----------
    folder : path
        Created where absent; a model already there is replaced.
    model : Network or Autoencoder
        The latter on any device.
    card : dict
        What it was trained on, with which commands, and what it scored: strings,
        numbers, booleans, lists of them, and dicts of them.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    TypeError
        If the card holds a value that TOML cannot.
    """
    folder = Path(folder)
    weights = save(model.network().weights)
    head = {"format": FORMAT, "sha256": hashlib.sha256(weights).hexdigest()}
    text = _toml(head) + _toml_table("model", model.config.to_dict()) + _toml_table("card", card)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder}: cannot make the model's folder ({error.strerror}); choose another"
        raise OutputError(msg) from error
    with atomic_path(folder / "weights.safetensors") as temporary:
        Path(temporary).write_bytes(weights)
    with atomic_path(folder / "config.toml") as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


def load_model(
    folder: str | Path,
    *,
    positions: int | None = None,
    channels: int | None = None,
    globals_: int | None = None,
    scheme: str | None = None,
) -> Network:
    """Load a model that takes the evidence described.

    Parameters
    ----------
    folder : path
        As written by :func:`save_model`.
    positions, channels, globals_ : int, optional
        Shape of the evidence; None is not checked.
    scheme : str, optional
        Feature scheme of the evidence; None is not checked.

    Raises
    ------
    ModelError
        If a file is missing or damaged, or the model was made for other evidence.
    """
    config, weights = check_model(
        folder, positions=positions, channels=channels, globals_=globals_, scheme=scheme
    )
    return Network(config, load(weights))


def _toml_table(name: str, values: dict[str, Any]) -> str:
    """A table and its sub-tables; plain values come first, as TOML wants."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    text = f"\n[{name}]\n{_toml(plain)}"
    for key, value in values.items():
        if isinstance(value, dict):
            text += _toml_table(f"{name}.{_key(key)}", value)
    return text


def _toml(values: dict[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in values.items())


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _string(key)


def _string(value: str) -> str:
    # JSON strings are TOML basic strings, but for DEL, which JSON leaves bare.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, float):
        return repr(float(value))
    msg = f"a model card cannot hold a {type(value).__name__}: {value!r}"
    raise TypeError(msg)
