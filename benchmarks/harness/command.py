"""The frame of every benchmark: its command line, the data it needs, its figures as JSON."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import DATA
from benchmarks.harness.tools import machine, versions, without_folders
from dbgclean import __version__
from dbgclean._files import atomic_path

__all__ = ["RESULTS", "Parser", "need", "record", "samples_folder", "save"]

RESULTS = Path(__file__).parents[1] / "results" / __version__

# Options that many benchmarks have; what they stand at by default is each one's own affair.
_SHARED: dict[str, dict[str, Any]] = {
    "seeds": {"type": int, "nargs": "+"},
    "seed": {"type": int},
    "threads": {"type": int},
    "jobs": {"type": int, "help": "samples at the same time"},
    "length": {"type": int, "help": "bases of the genome"},
    "depth": {"type": float},
    "depths": {"type": float, "nargs": "+"},
    "fractions": {"type": float, "nargs": "+", "help": "of the alleles"},
    "spacing": {"type": int, "help": "bases from one allele to the next"},
    "error": {"type": float, "help": "errors per base"},
    "end_drop": {
        "type": float,
        "help": "Phred that the last cycle loses: 7 makes errors 3 times what qualities say, 9.4 2",
    },
    "corrector": {},
    "correctors": {"nargs": "+", "metavar": "NAME"},
    "model": {"metavar": "FOLDER", "help": "of the network's weights; by default those that ship"},
    "folder": {"type": Path, "help": "where samples are kept, and found again"},
    "plot": {"type": Path, "metavar": "PNG", "help": "draw the figures here"},
    "plots": {"type": Path, "metavar": "FOLDER", "help": "draw the figures here"},
    "output": {"type": Path, "help": "JSON of the figures, or the folder of it and its plots"},
    "options": {"nargs": argparse.REMAINDER, "help": "last: words for dbgclean inspect"},
}
# What says where things lie is no setting of an experiment.
_PLACES = {"data", "folder", "output", "plot", "plots", "command", "jobs"}


class Parser(argparse.ArgumentParser):
    """Command line of ``python -m benchmarks.MODULE``; arguments keep it as ``command``.

    Parameters
    ----------
    module, description
    defaults
        Names of the shared options that it has, and what they stand at.
    """

    def __init__(self, module: str, description: str | None, **defaults: Any) -> None:
        super().__init__(
            prog=f"python -m benchmarks.{module}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_argument("--data", type=Path, default=DATA, help="default: %(default)s")
        for name, default in defaults.items():
            flags = ["-o"] if name == "output" else []
            flags.append("--" + name.replace("_", "-"))
            self.add_argument(*flags, default=default, **_SHARED[name])

    def several(
        self, flag: str, among: Iterable[str], default: Iterable[str] | None = None, **more: Any
    ) -> None:
        """Add an option that takes some of a few names; by default all of them."""
        among = list(among)
        told = f"of {', '.join(among)}".replace("%", "%%")
        chosen = among if default is None else list(default)
        settings = {"nargs": "+", "choices": among, "default": chosen, "metavar": "NAME"}
        self.add_argument(flag, **{**settings, "help": told, **more})

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, and what was typed, without folders, for the results."""
        words = list(sys.argv[1:] if args is None else args)
        found = super().parse_args(words, namespace)
        found.command = shlex.join([*self.prog.split(), *map(without_folders, words)])
        return found


def samples_folder(name: str) -> Path:
    """Where a benchmark keeps large samples unless it is told where."""
    return Path(tempfile.gettempdir()) / f"dbgclean-{name}"


def need(path: Path, option: str = "--data") -> None:
    """End with one line, and status 1, where a benchmark's data are not there."""
    if not path.exists():
        msg = f"{path}: not there; give {option}"
        raise SystemExit(msg)


def record(args: argparse.Namespace, tools: Sequence[Any] = (), **figures: Any) -> dict[str, Any]:
    """Figures with all that they depend on: command, settings, versions, machine.

    Parameters
    ----------
    args
        From `Parser`.
    tools
        Other people's (`benchmarks.harness.tools.Tool`) whose versions count.
    """
    settings = {name: value for name, value in vars(args).items() if name not in _PLACES}
    return {
        "command": args.command,
        "settings": settings,
        "versions": versions(tools),
        "machine": machine(),
        **figures,
    }


def save(path: Path | None, document: Any, indent: int | None = 1) -> None:
    """Write JSON, whole or not at all; nothing where no path was given."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as building:
            building.write_text(json.dumps(document, indent=indent, default=_name) + "\n")


def _name(value: Any) -> str:
    """Of a path, without the folders of this machine."""
    return value.name if isinstance(value, Path) else str(value)
