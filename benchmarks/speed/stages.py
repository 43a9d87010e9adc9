"""Where the time of `correct` and `run` goes, stage by stage.

    python -m benchmarks.speed.stages correct STAGES.json R1.fastq R2.fastq -t 2

The pipeline runs in this process with a clock around the functions that stand between its
stages. A stage's own time leaves out that of the stages within it, so they add up to the whole.
CPU seconds are the process's, of all threads: what a thread in the background does while the
main one is in a stage is counted there. Calls from other threads are summed up apart.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CLOCKS", "Clock", "main", "profile"]

_PASSES, _FULL = "dbgclean.pipeline.passes", "dbgclean.pipeline.full"
_COUNTING = "dbgclean.pipeline.counting"
CLOCKS: tuple[tuple[str, str, str], ...] = (
    ("inputs and weights looked at", _PASSES, "open_run"),
    ("inputs and weights looked at", _FULL, "open_run"),
    ("count", _PASSES, "count"),
    ("judge", _PASSES, "judge"),
    ("rewrite", _PASSES, "rewrite"),
    ("graphs", _FULL, "analyse"),
    ("waiting for reads", _COUNTING, "iter_batches"),
    ("k-mers emitted", "dbgclean.spectrum.counting", "KmerCounter.add"),
    ("k-mers emitted", "dbgclean.spectrum.counting", "KmerCounter.add_codes"),
    ("k-mers sorted and merged", "dbgclean.spectrum.counting", "KmerCounter.finish"),
    ("k-mers sorted and merged", "dbgclean.spectrum.counting", "KmerCounter._flush"),
    ("spectrum fitted", _PASSES, "fit_spectrum"),
    ("spectrum fitted", _COUNTING, "fit_spectrum"),
    ("solid k-mers", "dbgclean.evidence.solid", "SolidGraph.build"),
    ("threading", "dbgclean.evidence.gather", "thread_batch"),
    ("edits collected", "dbgclean.evidence.gather", "Gathered.add"),
    ("edits pooled", "dbgclean.evidence.gather", "pool_edits"),
    ("evidence, the rest", _PASSES, "gather_along"),
    ("verdicts", "dbgclean.correct.correctors", "Corrector.judge"),
    ("verdicts", "dbgclean.correct.correctors", "LikelihoodCorrector.judge"),
    ("verdicts", "dbgclean.correct.correctors", "AutoencoderCorrector.judge"),
    ("windows", "dbgclean.correct.verdicts", "build_windows"),
    ("network", "dbgclean.correct.verdicts", "predict"),
    ("reads rewritten", "dbgclean.correct.rewrite", "Rewriter.rewrite"),
    ("reads written", "dbgclean.reads.writers", "ReadWriter.write"),
    ("k-mers exchanged", "dbgclean.spectrum.table", "KmerTable.combine"),
    ("k-mers chosen", "dbgclean.correct.correctors", "Corrector.keep"),
    ("compaction", _FULL, "compact"),
    ("compaction", _FULL, "compact_rows"),
    ("compaction", _FULL, "outline"),
    ("ambiguity", _FULL, "ambiguity"),
    ("classical cleaning", _FULL, "classical_clean"),
    ("graphs written", _FULL, "write_gfa"),
    ("graphs written", _FULL, "write_unitigs"),
    ("k-mers written", _FULL, "write_kmer_fasta"),
    ("corrections written", _FULL, "write_corrections"),
    ("corrections written", _PASSES, "write_corrections"),
    ("report", _FULL, "build_report"),
    ("report", _FULL, "write_outputs"),
)
"""Stage, module, and the name in it of the function that is timed, which may be a method."""


@dataclass
class _Stage:
    calls: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    peak_gb: float = 0.0


@dataclass
class Clock:
    """Puts clocks around functions, and adds up what they say.

    Attributes
    ----------
    stages : dict of str to stage
        Own wall and CPU seconds, of calls of the main thread.
    background : dict of str to stage
        Wall seconds of calls of other threads; they overlap with the others.
    absent : list of str
        Functions of `CLOCKS` that the package does not have.
    """

    stages: dict[str, _Stage] = field(default_factory=dict)
    background: dict[str, _Stage] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    _within: list[list[float]] = field(default_factory=list)

    def install(self) -> None:
        """Replace every function of `CLOCKS` by itself with a clock."""
        for stage, module, name in CLOCKS:
            owner: Any = importlib.import_module(module)
            *path, last = name.split(".")
            for part in path:
                owner = getattr(owner, part, None)
            # A method that is inherited is timed where it is defined.
            found = vars(owner).get(last) if owner is not None else None
            if found is None:
                self.absent.append(f"{module}.{name}")
                continue
            kind = type(found) if isinstance(found, classmethod | staticmethod) else None
            timed = self.around(stage, found.__func__ if kind else found)
            setattr(owner, last, kind(timed) if kind else timed)

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a clock around it; of an iterator, around each step."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            result = self._timed(stage, function, args, kwargs)
            return self._steps(stage, result) if isinstance(result, Iterator) else result

        return timed

    def _steps(self, stage: str, items: Iterator[Any]) -> Iterator[Any]:
        nothing = object()
        while (item := self._timed(stage, next, (items, nothing), {})) is not nothing:
            yield item

    def _timed(self, stage: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            begun = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._add(self.background, stage, time.perf_counter() - begun, 0.0)
        begun, cpu = time.perf_counter(), time.process_time()
        self._within.append([0.0, 0.0])
        try:
            return function(*args, **kwargs)
        finally:
            took = time.perf_counter() - begun, time.process_time() - cpu
            inner = self._within.pop()
            if self._within:
                self._within[-1][0] += took[0]
                self._within[-1][1] += took[1]
            self._add(self.stages, stage, took[0] - inner[0], took[1] - inner[1])

    @staticmethod
    def _add(table: dict[str, _Stage], stage: str, wall: float, cpu: float) -> None:
        entry = table.setdefault(stage, _Stage())
        entry.calls += 1
        entry.wall += wall
        entry.cpu += cpu
        entry.peak_gb = peak_gb()

    def rows(self, wall: float, cpu: float) -> list[dict[str, Any]]:
        """Stages in the order in which they began to end, and what is in none of them."""
        rest = _Stage(1, wall, cpu, peak_gb())
        for stage in self.stages.values():
            rest.wall -= stage.wall
            rest.cpu -= stage.cpu
        return [
            {
                "stage": name,
                "calls": stage.calls,
                "wall": round(stage.wall, 3),
                "cpu": round(stage.cpu, 3),
                "share": round(stage.wall / wall, 4),
                "peak_gb": round(stage.peak_gb, 3),
            }
            for name, stage in {**self.stages, "elsewhere": rest}.items()
        ]


def peak_gb() -> float:
    """Largest resident set of this process so far, GiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def profile(verb: str, files: list[str], threads: int, folder: Path) -> dict[str, Any]:
    """Run `correct` or `run` with clocks and return what they say.

    Imports come first and are a stage of their own.
    """
    begun, cpu = time.perf_counter(), time.process_time()
    clock = Clock()
    clock.around("imports", clock.install)()
    from dbgclean.log import Progress
    from dbgclean.pipeline import full, passes

    options = passes.Options(threads=threads)
    with Progress(quiet=True) as progress:
        if verb == "correct":
            outputs = [str(folder / f"corrected_{mate}.fastq") for mate in (1, 2)]
            passes.correct_reads(files, passes.ReadOutputs([outputs]), options, progress)
        else:
            full.full_run(files, str(folder / "run"), options, progress=progress)
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {
        "wall": round(wall, 3),
        "cpu": round(cpu, 3),
        "peak_gb": round(peak_gb(), 3),
        "stages": clock.rows(wall, cpu),
        "background": {
            name: {"calls": stage.calls, "wall": round(stage.wall, 3)}
            for name, stage in clock.background.items()
        },
        "absent": clock.absent,
    }


def main(argv: list[str] | None = None) -> int:
    """Profile one verb and write the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.stages")
    parser.add_argument("verb", choices=("correct", "run"))
    parser.add_argument("json", type=Path)
    parser.add_argument("reads", nargs="+")
    parser.add_argument("-t", "--threads", type=int, default=2)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.json.parent) as folder:
        found = profile(args.verb, args.reads, args.threads, Path(folder))
    args.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
