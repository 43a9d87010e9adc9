"""Programs of other people: where they are, what they call themselves, what they take."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = [
    "Cost",
    "Tool",
    "call",
    "find",
    "machine",
    "measured",
    "shown",
    "version_of",
    "versions",
    "without_folders",
]

LAUNCH = Path(__file__).with_name("launch.py")
LIBRARIES = ("numpy", "numba", "torch", "isal", "pysam")
_LINE = 300


@dataclass(frozen=True)
class Cost:
    """Seconds of wall clock and of all processors, and the largest resident set in GiB."""

    wall: float
    cpu: float
    peak_gb: float


@dataclass(frozen=True)
class Tool:
    """A program by the name it has in tables and the one it has on the PATH ("" for none).

    Attributes
    ----------
    version_words
        Arguments that make it tell its version.
    """

    name: str
    program: str
    version_words: tuple[str, ...] = field(default=("--version",), kw_only=True)

    def missing(self) -> str | None:
        """Why the tool cannot be run here; None where it can."""
        there = not self.program or find(self.program)
        return None if there else f"{self.program} is not on the PATH"

    def version(self) -> str:
        """What the tool calls itself, or "unknown"."""
        return version_of(self.program, self.version_words)


def find(program: str) -> str | None:
    """Path of a program; the scripts of BBTools lie off the PATH on Debian."""
    return shutil.which(program) or shutil.which(program, path="/usr/share/bbmap")


def version_of(program: str, words: Sequence[str]) -> str:
    """Version that a program tells when called with ``words``, or else Debian's of it."""
    path = find(program)
    if path is None:
        return "not installed"
    told = _said([path, *words])
    if found := re.search(r"v?(\d+(?:\.\d+)+[-\w]*)", told):
        return found[1]
    query = shutil.which("dpkg-query")
    return (query and _said([query, "-W", "-f=${Version}", program], False)) or "unknown"


def _said(words: list[str], both: bool = True) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, errors="replace")
    return done.stdout + done.stderr if both else done.stdout


def versions(tools: Sequence[Tool] = ()) -> dict[str, str]:
    """Of this package, its libraries, and those of ``tools`` that are there."""
    from dbgclean import __version__

    found = {"dbgclean": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {tool.name: tool.missing() or tool.version() for tool in tools}


def machine() -> dict[str, Any]:
    """What the figures were measured on; no names of machines."""
    model = platform.processor() or platform.machine()
    if (told := Path("/proc/cpuinfo")).exists():
        found = re.search(r"^model name\s*:\s*(.+)$", told.read_text(), re.MULTILINE)
        model = found[1] if found else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": model,
        "cores": cores,
        "memory_gb": round(memory, 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
    }


def without_folders(word: str) -> str:
    """A word of a command as another machine would have it: paths are names alone."""
    head, equals, value = word.rpartition("=")
    at = "@" if value.startswith("@") else ""
    return head + equals + (at + Path(value).name if "/" in value else value)


def shown(words: Sequence[str]) -> str:
    """A command as somebody else would type it, without the folders of this machine."""
    words = list(words)
    if words[0] == sys.executable:
        words = [words[2], *words[3:]] if words[1:2] == ["-m"] else ["python", *words[1:]]
    return " ".join(map(without_folders, words))


def measured(
    words: Sequence[str],
    folder: Path,
    name: str = "",
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Cost:
    """Run one command in ``folder`` (or ``cwd``) by way of `launch.py`; what it took.

    Its standard output stays as ``folder/stdout``: some tools write their reads there.

    Raises
    ------
    RuntimeError
        If it is not there, or ends with anything but 0; its last line is in the message.
    """
    program = find(words[0])
    if program is None:
        msg = f"{words[0]} is not on the PATH"
        raise RuntimeError(msg)
    with tempfile.TemporaryDirectory() as own:
        files = [Path(own) / "took.json", folder.resolve() / "stdout", Path(own) / "stderr"]
        subprocess.run(
            [sys.executable, "-I", "-S", str(LAUNCH), *map(str, files), program, *words[1:]],
            cwd=cwd or folder, env={**os.environ, **(environment or {})}, check=True,
        )  # fmt: skip
        took = json.loads(files[0].read_text())
        _check(name or shown(words[:4]), took["code"], files[2].read_text(errors="replace"))
    cpu, peak = took["user"] + took["system"], took["peak"] / 2**30
    return Cost(round(took["wall"], 3), round(cpu, 3), round(peak, 4))


def call(words: Sequence[str | Path], cwd: Path | None = None) -> str:
    """Run a command that is not measured; its standard output.

    Raises
    ------
    RuntimeError
        If it is not there, or ends with anything but 0.
    """
    program = shutil.which(str(words[0]))
    if program is None:
        msg = f"{words[0]} is not on the PATH"
        raise RuntimeError(msg)
    done = subprocess.run(
        [program, *map(str, words[1:])], cwd=cwd, capture_output=True, text=True, check=False
    )
    _check(" ".join(str(word) for word in words[:2]), done.returncode, done.stderr)
    return done.stdout


def _check(name: str, code: int, stderr: str) -> None:
    if code:
        said = stderr.strip().splitlines()
        msg = f"{name} ended with {code}: {said[-1][-_LINE:] if said else 'it said nothing'}"
        raise RuntimeError(msg)
