"""Our own correctors on a sample's files, as every benchmark runs them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dbgclean.log import Progress
from dbgclean.pipeline.passes import Corrected, Judged, Options, count, judge, open_run, rewrite
from dbgclean.reads import ReadBatch, iter_batches, plan_inputs
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.table import KmerTable

__all__ = ["K", "batches_of", "count_files", "judged", "rewritten", "timed"]

K = 31


def judged(
    paths: Sequence[str | Path],
    correctors: Sequence[str],
    threads: int = 2,
    model: str | None = None,
    graph: bool = False,
) -> Judged:
    """Reads threaded once and judged by each corrector.

    The last is the one that a user would have asked for; that decides no figure.
    ``graph``: raw k-mers are counted for `rewritten` as well.
    """
    options = Options(k=K, corrector=correctors[-1], threads=threads, model=model)
    files = [str(path) for path in paths]
    return judge(count(open_run(files, options, Progress(quiet=True), graph=graph)), correctors)


def rewritten(run: Judged) -> Corrected:
    """The same run with the k-mers that each corrector makes of the reads."""
    return rewrite(run, lambda written: None)


def batches_of(files: Sequence[str | Path], threads: int = 2) -> Iterator[tuple[int, ReadBatch]]:
    """Yield (number of the file, batch) over FASTQ files, each read by itself."""
    for number, path in enumerate(files):
        for group in plan_inputs([str(path)], single=True):
            for batch in iter_batches(group, threads=threads):
                yield number, batch


def count_files(files: Sequence[str | Path], threads: int = 2) -> KmerTable:
    """31-mers of reads in files."""
    counter = KmerCounter(K, threads=threads)
    for _, batch in batches_of(files, threads):
        counter.add(batch)
    return counter.finish()


class timed:  # noqa: N801  (a context manager)
    """Within the block time passes; afterwards ``took`` has wall clock and processor seconds."""

    def __enter__(self) -> timed:
        self._begun = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        now = time.perf_counter(), time.process_time()
        wall, cpu = (round(b - a, 1) for a, b in zip(self._begun, now, strict=True))
        self.took = {"seconds": wall, "cpu_seconds": cpu}
