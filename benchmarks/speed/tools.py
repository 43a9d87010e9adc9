"""What the speed benchmark runs, and how it is measured.

A `Job` is one tool's way to do something, in one or more commands; `measure` runs it by way of
`harness/launch.py`, and `compare` runs two of them in turn.
"""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.tools import Cost, Tool, find, measured, shown

__all__ = ["OTHERS", "ROOT", "Job", "Spent", "compare", "measure", "ratios", "warm"]

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ("wall", "cpu", "peak_gb")


@dataclass(frozen=True)
class Spent(Cost):
    """What a job took; its peak is the largest of its commands, see `launch.py`.

    Attributes
    ----------
    load : float
        Load average of the minute before it: well above 0 means that others were at work.
    steps : list of dict
        The same of each command, where there is more than one.
    """

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
        return "; ".join(map(shown, self.plan(Path("."))))


def measure(job: Job, folder: Path, keep: bool = False) -> Spent:
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
    return Spent(
        wall=round(sum(step["wall"] for step in steps), 3),
        cpu=round(sum(step["cpu"] for step in steps), 3),
        peak_gb=max(step["peak_gb"] for step in steps),
        load=load,
        steps=steps if len(steps) > 1 else [],
    )


def _launch(words: list[str], folder: Path, job: Job) -> dict[str, Any]:
    """Run one command; what the tool before it left unwritten is not to be its burden."""
    os.sync()
    name = f"{job.name}: {Path(words[0]).name}"
    cost = measured(words, folder, name, job.environment)
    return {"command": " ".join(shown(words).split()[:2]), **asdict(cost)}


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


OTHERS = (
    Tool("kmc", "kmc", version_words=()),
    Tool("jellyfish", "jellyfish"),
    Tool("bcalm", "bcalm", version_words=("-version",)),
    Tool("art", "art_illumina", version_words=()),
)
"""Tools that take part and are no correctors (those are `PEERS`)."""
