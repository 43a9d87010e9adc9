"""The parts of the speed benchmark: each yields rows for the results as it measures them."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.ours import K, count_files
from benchmarks.simulators import simulate
from benchmarks.speed.jobs import bcalm, chain, corrector, jellyfish, kmc, ours
from benchmarks.speed.samples import (
    Reads,
    Source,
    haplotypes_of,
    hiseq,
    patchwork_reads,
    plain_reads,
    random_reads,
)
from benchmarks.speed.tools import ROOT, Job, compare, measure, ratios
from dbgclean.report.cost import TruthCost, truth_cost

__all__ = ["PARTS", "STAGES", "Settings"]

STAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "count": ("count", ()),
    "correct": ("correct", ()),
    "graph raw": ("graph", ("--min-abundance", "1")),
    "graph solid": ("graph", ("--min-abundance", "3")),
    "run": ("run", ()),
}
"""What is timed of ours: name, verb, options."""

_FEW = ("count", "correct", "graph raw")

WARMING = (200_000, 40)
"""Bases and depth of the sample on which kernels are compiled before anything is timed."""

EXAMPLE = tuple(f"dbgclean/example/example_R{mate}.fastq.gz" for mate in (1, 2))
HELP_RUNS = 7
_RUN_UP_TO = 30_000_000  # bases of a genome
COUNT_NOTHING = ("--min-abundance", "4294967295", "--histogram", "histogram.tsv")


@dataclass
class Settings:
    """What was asked for on the command line.

    Attributes
    ----------
    source : Source
        Where reads come from, and the folder in which they are kept.
    depth : float
        Of the comparisons.
    pairs, threads : int
    depths, genomes : tuple
        Of the series of growth: at a fixed genome, and of genomes in bases.
    genome_depth : float
        At which genomes of several sizes are read.
    stages : tuple of str or None
        Among `STAGES`, for growth, threads and memory; by default all for threads, and
        counting, correction and the raw graph for the others, which take long.
    memory_depth : float
        Of the deep sample of the part on memory.
    memory : str
        The ``--memory`` that has to hold there.
    peers : tuple of str or None
        Leave out all others.
    large, large_depth, large_memory
        Sizes of the part on large genomes, their depth, and the ``--memory`` that has to hold.
    """

    source: Source
    depth: float = 50
    pairs: int = 3
    threads: int = 2
    depths: tuple[float, ...] = (12, 25, 50, 100, 200)
    genomes: tuple[int, ...] = (1_000_000, 5_000_000, 50_000_000)
    genome_depth: float = 50
    stages: tuple[str, ...] | None = None
    memory_depth: float = 200
    memory: str = "1G"
    peers: tuple[str, ...] | None = None
    large: tuple[int, ...] = (30_000_000, 100_000_000)
    large_depth: float = 30
    large_memory: str = "8G"
    _warmed: set[tuple[str, int]] = field(default_factory=set)

    @property
    def work(self) -> Path:
        """Where tools write; emptied after every run."""
        return self.source.folder / "work"

    def reads(self, depth: float | None = None) -> Reads:
        """ART's reads at a depth."""
        return hiseq(self.source, depth or self.depth)

    def random(self, length: int) -> Reads:
        """Reads of a random genome."""
        return random_reads(self.source.folder, length, self.genome_depth, self.source.seed)

    def draw(self, parts: Sequence[str]) -> Iterator[Reads]:
        """The samples that these parts need, so that they are there when time is measured."""
        others = {"growth", "first-run", "memory", "large"}
        depths = [self.depth] if set(parts) - others else []
        depths += [self.memory_depth] if "memory" in parts else []
        depths += list(self.depths) if "growth" in parts else []
        for depth in sorted(set(depths)):
            yield self.reads(depth)
        for length in self.genomes if "growth" in parts else ():
            yield self.random(length)
        yield from self.large_reads() if "large" in parts else ()

    def large_reads(self) -> Iterator[Reads]:
        """The source's genome by our own simulator, then the large ones, drawn as they come."""
        yield plain_reads(self.source, self.large_depth)
        for length in self.large:
            yield patchwork_reads(self.source, length, self.large_depth)

    def job(self, stage: str, reads: Reads, threads: int = 0, extra: tuple[str, ...] = ()) -> Job:
        """One of our stages, with its kernels compiled by an earlier run that is not timed."""
        verb, words = STAGES[stage]
        if verb not in self._warmed:
            self._warmed.add(verb)
            small = random_reads(self.source.folder, *WARMING, self.source.seed)
            measure(ours(verb, small, self.threads), self.work / "warming")
        return ours(verb, reads, threads or self.threads, stage, (*words, *extra))


Row = dict[str, Any]


def _pairs(
    settings: Settings, part: str, reads: Reads, stage: str, peer: Job, mine: Job | None = None
) -> Iterator[Row]:
    """The row of one comparison, or one that says why there is none."""
    if settings.peers is not None and not any(name in peer.name for name in settings.peers):
        return
    head = {"part": part, "name": stage, "against": peer.name, "threads": settings.threads}
    head["depth"], head["genome_size"] = reads.depth, reads.genome_size
    try:
        if reason := peer.missing():
            raise RuntimeError(reason)
        job = mine or settings.job(stage, reads)
        found = compare(job, peer, reads.files, settings.work, settings.pairs)
    except RuntimeError as error:
        yield {**head, "skipped": str(error)}
        return
    commands = {"ours": job.shown(), "peer": peer.shown()}
    yield {
        **head,
        "sample": reads.to_dict(),
        "commands": commands,
        **ratios(found),
        "pairs": found,
    }


def counting(settings: Settings) -> Iterator[Row]:
    """`count` against KMC and Jellyfish; with singletons and without, and nothing written."""
    reads, threads = settings.reads(), settings.threads
    yield from _pairs(settings, "count", reads, "count", kmc(reads, threads, 1))
    two = ours("count", reads, threads, "count 2", ("--min-abundance", "2"))
    settings.job("count", reads)
    yield from _pairs(settings, "count", reads, "count 2", kmc(reads, threads, 2), two)
    none = ours("count", reads, threads, "count, not written", COUNT_NOTHING)
    silent = kmc(reads, threads, 1, write=False)
    yield from _pairs(settings, "count", reads, "count, not written", silent, none)
    yield from _pairs(settings, "count", reads, "count", jellyfish(reads, threads))


def correcting(settings: Settings) -> Iterator[Row]:
    """`correct` against other correctors, two files in and two out."""
    reads = settings.reads()
    for name in ("lighter", "tadpole", "bfc"):
        peer = corrector(name, reads, settings.threads)
        yield from _pairs(settings, "correct", reads, "correct", peer)


def graphs(settings: Settings) -> Iterator[Row]:
    """`graph` against BCALM 2: all k-mers, and those seen three times or more."""
    reads = settings.reads()
    for stage, least in (("graph raw", 1), ("graph solid", 3)):
        peer = bcalm(reads, settings.threads, least)
        yield from _pairs(settings, "graph", reads, stage, peer)


def running(settings: Settings) -> Iterator[Row]:
    """`run` against the chain of tools that it stands for."""
    reads = settings.reads()
    yield from _pairs(settings, "run", reads, "run", chain(reads, settings.threads))


def growth(settings: Settings) -> Iterator[Row]:
    """Our stages over depths of one genome, then over genomes at one depth; one run each."""
    for depth in settings.depths:
        yield from _grown(settings, "depth", depth, settings.reads(depth))
    for length in settings.genomes:
        yield from _grown(settings, "genome", length, settings.random(length))


def _grown(settings: Settings, axis: str, value: float, reads: Reads) -> Iterator[Row]:
    for stage in settings.stages or _FEW:
        job = settings.job(stage, reads)
        head = {"part": "growth", "name": stage, "axis": axis, "value": value}
        yield from _one(head, job, reads, settings)


def _one(
    head: Row, job: Job, reads: Reads, settings: Settings, keep: bool = False
) -> Iterator[Row]:
    """The row of a single run; a failure is a row that says so."""
    head |= {"threads": settings.threads, "bases": reads.bases, "depth": reads.depth}
    head["genome_size"] = reads.genome_size
    try:
        cost = measure(job, settings.work / "ours", keep).to_dict()
    except RuntimeError as error:
        yield {**head, "skipped": str(error)}
        return
    yield {**head, "sample": reads.to_dict(), "command": job.shown(), "cost": cost}


def threads(settings: Settings) -> Iterator[Row]:
    """Every stage with two threads (or more) and with one, in turn."""
    reads = settings.reads()
    for stage in settings.stages or STAGES:
        single = settings.job(stage, reads, 1)
        single = Job("1 thread", single.plan, environment=single.environment)
        for row in _pairs(settings, "threads", reads, stage, single):
            if "pairs" in row:
                speedups = [pair["peer"]["wall"] / pair["ours"]["wall"] for pair in row["pairs"]]
                row["speedup"] = round(statistics.median(speedups), 3)
            yield row


def memory(settings: Settings) -> Iterator[Row]:
    """Peaks under a small ``--memory`` at a large depth; those without are in `growth`."""
    reads = settings.reads(settings.memory_depth)
    for stage in settings.stages or _FEW:
        job = settings.job(stage, reads, extra=("--memory", settings.memory))
        head = {"part": "memory", "name": stage, "memory": settings.memory}
        yield from _one(head, job, reads, settings)


def large(settings: Settings) -> Iterator[Row]:
    """`correct`, and of the smaller ones `run`, of larger genomes within what --memory says.

    K-12 by the same simulator at the same depth is the first; of all, what their corrected
    reads lost and left.
    """
    for reads in settings.large_reads():
        usual = ("correct", "run") if reads.genome_size <= _RUN_UP_TO else ("correct",)
        for stage in settings.stages or usual:
            job = settings.job(stage, reads, extra=("--memory", settings.large_memory))
            head = {"part": "large", "name": stage, "memory": settings.large_memory}
            for row in _one(head, job, reads, settings, keep=stage == "correct"):
                if stage == "correct" and "cost" in row:
                    row["truth"] = kmers_of(settings, reads, settings.work / "ours").to_dict()
                    shutil.rmtree(settings.work / "ours")
                yield row


def kmers_of(settings: Settings, reads: Reads, folder: Path) -> TruthCost:
    """True 31-mers that reads corrected into ``folder`` have lost, and false ones left there."""
    raw = count_files(reads.files, settings.threads)
    found = count_files([folder / path.name for path in reads.files], settings.threads)
    truth = simulate.true_kmers(haplotypes_of(settings.source, reads), None, K)
    return truth_cost(truth, found.keys, found.counts, raw_keys=raw.keys, raw_counts=raw.counts)


def first_run(settings: Settings) -> Iterator[Row]:
    """The first run of a fresh copy of the package against its second; and ``--help``.

    The copy's Python is compiled, as installers do; its kernels are not.
    """
    example = [str(ROOT / path) for path in EXAMPLE]
    outputs = {
        "count": ["kmers.fa"],
        "correct": ["c1.fastq", "c2.fastq"],
        "graph": ["g.gfa"],
        "run": ["run"],
    }
    for verb, names in outputs.items():
        copy = settings.source.folder / "fresh"
        environment = {"PYTHONPATH": str(_copy_package(copy)), "NUMBA_CACHE_DIR": ""}
        words = [sys.executable, "-m", "dbgclean", verb, *example, "-q", "-t"]
        words += [str(settings.threads), "-o", *names]

        def plan(_: Path, words: list[str] = words) -> list[list[str]]:
            return [words]

        job = Job(verb, plan, environment=environment)
        first, second = (measure(job, settings.work / "ours").to_dict() for _ in range(2))
        yield {
            "part": "first-run",
            "name": verb,
            "threads": settings.threads,
            "command": job.shown(),
            "first": first,
            "second": second,
            "slower_by": round(first["wall"] - second["wall"], 2),
        }
        shutil.rmtree(copy)
    asked = Job(
        "--help",
        lambda _: [[sys.executable, "-m", "dbgclean", "--help"]],
        environment={"PYTHONPATH": str(ROOT)},
    )
    walls = [measure(asked, settings.work / "ours").wall for _ in range(HELP_RUNS)]
    wall = statistics.median(walls)
    yield {"part": "first-run", "name": "--help", "wall": wall, "runs": walls}


def _copy_package(folder: Path) -> Path:
    """The package as an installer leaves it: no compiled kernels, Python compiled."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "dbgclean", folder / "dbgclean", ignore=ignored)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder)], check=True)
    return folder.resolve()


def profiles(settings: Settings) -> Iterator[Row]:
    """Stage by stage, `correct` and `run`, see `benchmarks.speed.stages`."""
    reads = settings.reads()
    for verb in ("correct", "run"):
        settings.job(verb, reads)
        words = ["stages", verb], ["-t", str(settings.threads)]
        yield from _told(settings, {"part": "profile", "name": verb}, reads, *words)


def floors(settings: Settings) -> Iterator[Row]:
    """CPU seconds of our stages, and of the least there is, see `benchmarks.speed.floor`."""
    reads = settings.reads()
    for row in _told(settings, {"part": "floor", "name": "floor"}, reads, ["floor"]):
        yield row
        for stage in ("count", "correct", "run") if "reading" in row else ():
            head = {"part": "floor", "name": stage}
            for one in _one(head, settings.job(stage, reads), reads, settings):
                least = row["reading"] + (row["look_ups"] if stage != "count" else 0)
                yield one | ({"least": round(least, 3)} if "cost" in one else {})


def _told(
    settings: Settings, head: Row, reads: Reads, before: list[str], after: Sequence[str] = ()
) -> Iterator[Row]:
    """The row of a module of this package that writes its figures as JSON."""
    target = (settings.work / "told.json").resolve()
    files = [str(path.resolve()) for path in reads.files]
    module, *verb = before
    words = [sys.executable, "-m", f"benchmarks.speed.{module}", *verb, str(target), *files, *after]
    target.parent.mkdir(parents=True, exist_ok=True)
    head |= {"threads": settings.threads, "depth": reads.depth, "genome_size": reads.genome_size}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        yield {**head, "skipped": done.stderr.strip().splitlines()[-1][-300:]}
        return
    yield {**head, "sample": reads.to_dict(), **json.loads(target.read_text())}
    target.unlink()


PARTS: dict[str, Callable[[Settings], Iterator[Row]]] = {
    "count": counting,
    "correct": correcting,
    "graph": graphs,
    "run": running,
    "threads": threads,
    "memory": memory,
    "growth": growth,
    "large": large,
    "first-run": first_run,
    "profile": profiles,
    "floor": floors,
}
