"""Third pass: the reads as the verdicts have them, and the k-mers of every column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.correct.rewrite import Bases, bases_of
from dbgclean.pipeline.runs import Run, sample_of
from dbgclean.reads.prefetch import map_in_order
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = ["Sink", "rewrite"]

_DELTA_MEMORY = 1 << 27

Sink = Callable[[int, "ReadBatch"], None]


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """One batch after the verdicts: of the chosen column, and for counting.

    ``before`` are the reads that change as they came; ``columns`` has for each column
    the same as they are now, and what its k-mer set is to keep.
    """

    group: int
    chosen: ReadBatch
    before: Bases | None = None
    columns: dict[str, tuple[Bases, Bases]] = field(default_factory=dict)


def rewrite(run: Run, sink: Sink, *, graph: bool) -> None:
    """Third pass: corrected reads of the chosen column to ``sink``, k-mers of all columns.

    Only reads that some verdict could touch are counted again: the table of a column
    is the raw one, less those reads as they were, plus those reads as they are now.
    """
    edited = [c for c in run.columns.values() if c.corrector.edits_reads] if graph else []
    before = _Delta(run)
    after = {column.name: _Delta(run) for column in edited}
    protected = {column.name: _Delta(run) for column in edited}

    def rewritten(item: tuple[int, int, ReadBatch]) -> _Rewritten:
        group, first, batch = item
        chosen = run.chosen.rewriter.rewrite(batch, first)
        if not edited:
            return _Rewritten(group, chosen)
        touched = edited[0].rewriter.touched(first, len(batch))
        parts = {}
        for column in edited:
            result = chosen if column is run.chosen else column.rewriter.rewrite(batch, first)
            stretches = column.rewriter.kept_stretches(batch, first, run.options.k)
            parts[column.name] = bases_of(result).take(touched), stretches
        return _Rewritten(group, chosen, bases_of(batch).take(touched), parts)

    batches = run.batches("Writing")
    for done in map_in_order(rewritten, batches, run.options.threads):
        sink(done.group, done.chosen)
        if done.before is None:
            continue
        before.add(done.before)
        for name, (result, stretches) in done.columns.items():
            after[name].add(result)
            protected[name].add(stretches)
    if not graph:
        return
    assert run.raw is not None
    assert run.spectrum is not None
    untouched = run.raw.combine(before.finish(), -1) if edited else run.raw
    sample = sample_of(run, run.spectrum)
    for column in run.columns.values():
        names = protected.get(column.name)
        keys = names.finish().keys if names else np.zeros(0, np.uint64)
        column.table = (
            untouched.combine(after[column.name].finish()) if column.name in after else run.raw
        )
        column.kept = column.corrector.keep(column.table, keys, sample)


class _Delta:
    """A counter at the graph's k for the few reads that change."""

    def __init__(self, run: Run) -> None:
        options = run.options
        # A run with all controls has seven of these: their buffers have to be small.
        self._counter = KmerCounter(
            options.k,
            threads=options.threads,
            min_quality=options.min_quality,
            memory_bytes=_DELTA_MEMORY,
        )

    def add(self, bases: Bases) -> None:
        self._counter.add_codes(bases.codes, bases.offsets, bases.quals)

    def finish(self) -> KmerTable:
        return self._counter.finish()
