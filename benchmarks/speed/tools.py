"""What the speed benchmark runs, and how it is measured.

A `Job` is one tool's way to do something, in one or more commands; `measure` runs it by way of
`speed/launch.py`, and `compare` runs two of them in turn.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = [
    "ROOT",
    "Cost",
    "Job",
    "compare",
    "find",
    "machine",
    "measure",
    "ratios",
    "versions",
    "warm",
]

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = Path(__file__).with_name("launch.py")
LIBRARIES = ("numpy", "numba", "torch", "dnaio", "pysam")
FIGURES = ("wall", "cpu", "peak_gb")


@dataclass(frozen=True)
class Cost:
    """What a job took.

    Attributes
    ----------
    wall : float
        Seconds.
    cpu : float
        Seconds, user and system, of all its processes.
    peak_gb : float
        Largest resident set in GiB, see `benchmarks.speed.launch`; of several commands, the
        largest.
    load : float
        Load average of the minute before it: well above 0 means that others were at work.
    steps : list of dict
        The same of each command, where there is more than one.
    """

    wall: float
    cpu: float
    peak_gb: float
    load: float = 0.0
    steps: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; ``steps`` only where there are some."""
        return {key: value for key, value in asdict(self).items() if key != "steps" or value}


@dataclass(frozen=True)
class Job:
    """One tool's way to do something.

    Attributes
    ----------
    name : str
        As in tables.
    plan : callable (folder) -> list of commands
        Every word of every command; they run one after another, in ``folder``.
    programs : tuple of str
        What has to be on the PATH.
    environment : dict
        Set for its processes.
    """

    name: str
    plan: Callable[[Path], list[list[str]]]
    programs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def missing(self) -> str | None:
        """Why the job cannot be run here; None where it can."""
        absent = [program for program in self.programs if find(program) is None]
        return f"{', '.join(absent)} not on the PATH" if absent else None

    def shown(self) -> str:
        """The commands as somebody else would type them, without our folders."""
        lines = self.plan(Path("."))
        return "; ".join(" ".join(_shown(words)) for words in lines)


def find(program: str) -> str | None:
    """Path of a program; the scripts of BBTools lie off the PATH on Debian."""
    return shutil.which(program) or shutil.which(program, path="/usr/share/bbmap")


def _shown(words: list[str]) -> list[str]:
    if words[0] == sys.executable:
        words = [words[2], *words[3:]] if words[1] == "-m" else ["python", *words[1:]]
    result = []
    for word in words:
        head, equals, value = word.rpartition("=")
        at = "@" if value.startswith("@") else ""
        result.append(head + equals + (at + Path(value).name if "/" in value else value))
    return result


def measure(job: Job, folder: Path, keep: bool = False) -> Cost:
    """Run a job in ``folder``, which is made for it and removed afterwards unless ``keep``.

    Raises
    ------
    RuntimeError
        If a command is not there, or fails.
    """
    if reason := job.missing():
        raise RuntimeError(reason)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Relative names would point elsewhere from within the folder.
    folder = folder.resolve()
    load = round(os.getloadavg()[0], 2)
    steps = [_launch(words, folder, job) for words in job.plan(folder)]
    if not keep:
        shutil.rmtree(folder)
    return Cost(
        wall=round(sum(step["wall"] for step in steps), 3),
        cpu=round(sum(step["cpu"] for step in steps), 3),
        peak_gb=max(step["peak_gb"] for step in steps),
        load=load,
        steps=steps if len(steps) > 1 else [],
    )


def _launch(words: list[str], folder: Path, job: Job) -> dict[str, Any]:
    """Run one command; what the tool before it left unwritten is not to be its burden."""
    os.sync()
    program = find(words[0])
    if program is None:
        msg = f"{words[0]} is not on the PATH"
        raise RuntimeError(msg)
    command = [program, *words[1:]]
    with tempfile.TemporaryDirectory() as name:
        # stdout stays in the folder: some tools write their reads there.
        files = [Path(name) / "took.json", folder / "stdout", Path(name) / "stderr"]
        subprocess.run(
            [sys.executable, "-I", "-S", str(LAUNCH), *map(str, files), *command],
            cwd=folder, env={**os.environ, **job.environment}, check=True,
        )  # fmt: skip
        took = json.loads(files[0].read_text())
        said = files[2].read_text(errors="replace").strip().splitlines()
    if took["code"]:
        reason = said[-1][-300:] if said else "it said nothing"
        msg = f"{job.name}: {Path(words[0]).name} ended with {took['code']}: {reason}"
        raise RuntimeError(msg)
    cpu = took["user"] + took["system"]
    return {
        "command": " ".join(_shown(words)[:2]),
        "wall": round(took["wall"], 3),
        "cpu": round(cpu, 3),
        "peak_gb": round(took["peak"] / 2**30, 4),
    }


def warm(files: Sequence[Path]) -> None:
    """Read files through, so that nobody waits for the disk."""
    for path in files:
        with open(path, "rb", buffering=0) as stream:
            while stream.read(1 << 22):
                pass


def compare(
    ours: Job, peer: Job, files: Sequence[Path], work: Path, pairs: int
) -> list[dict[str, Any]]:
    """Run two jobs in turn, ours first, ``pairs`` times; both costs of each pair.

    Raises
    ------
    RuntimeError
        If one of them cannot be run, or fails.
    """
    if reason := peer.missing():
        raise RuntimeError(reason)
    found = []
    for _ in range(pairs):
        pair = {}
        for name, job in (("ours", ours), ("peer", peer)):
            warm(files)
            pair[name] = measure(job, work / name).to_dict()
        found.append(pair)
    return found


def ratios(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of a comparison: of both sides, and of the ratios within pairs (ours / peer)."""
    result: dict[str, Any] = {"ours": {}, "peer": {}, "ratio": {}}
    for figure in FIGURES:
        for side in ("ours", "peer"):
            result[side][figure] = statistics.median(pair[side][figure] for pair in pairs)
        paired = [pair["ours"][figure] / max(pair["peer"][figure], 1e-9) for pair in pairs]
        result["ratio"][figure] = round(statistics.median(paired), 3)
    return result


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


_TELLS = {
    "kmc": ("kmc", ()),
    "jellyfish": ("jellyfish", ("--version",)),
    "lighter": ("lighter", ("-v",)),
    "tadpole": ("tadpole.sh", ("--version",)),
    "bcalm": ("bcalm", ("-version",)),
    "bfc": ("bfc", ("-v",)),
    "art": ("art_illumina", ()),
}


def versions() -> dict[str, str]:
    """Of everything that takes part; what is not installed is left out."""
    from dbgclean import __version__

    found = {"dbgclean": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for name, (program, words) in _TELLS.items():
        if path := find(program):
            done = subprocess.run(
                [path, *words], capture_output=True, text=True, check=False, errors="replace"
            )
            said = re.search(r"v?(\d+(?:\.\d+)+[-\w]*)", done.stdout + done.stderr)
            found[name] = said[1] if said else _packaged(program)
    return found


def _packaged(program: str) -> str:
    """Version of a tool that does not tell its own, as Debian's package has it."""
    if asked := shutil.which("dpkg-query"):
        words = [asked, "--show", "--showformat=${Version}", program]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.stdout or "unknown"
    return "unknown"
