"""Third pass: the reads as the verdicts have them, and the k-mers of every column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.correct.correctors import Sample
from dbgclean.correct.rewrite import Bases, bases_of
from dbgclean.pipeline.runs import Run, sample_of
from dbgclean.reads.prefetch import map_in_order
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.membership import deepest_sibling, rows_among
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = ["Sink", "rewrite"]

_DELTA_MEMORY = 1 << 26
_TWO_MOLECULES = 2
# A base below is wrong more often than one time in ten.
_NOT_BAD = 10
# Abundance beside which a k-mer of one molecule is an error: where the depth is known, and
# where it is not.
_DEEPER, _MUCH_DEEPER = 2, 4

Sink = Callable[[int, "ReadBatch"], None]


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """One batch after the verdicts: of the chosen column, and for counting.

    ``before`` are the reads that change as they came; ``columns`` has for each column
    the same as they are now, what its k-mer set is to keep, and what of all reads lies
    off path: everything, and what only shows a molecule again.
    """

    group: int
    chosen: ReadBatch
    before: Bases | None = None
    columns: dict[str, tuple[Bases, Bases, Bases, Bases]] = field(default_factory=dict)


def rewrite(run: Run, sink: Sink, *, graph: bool) -> None:
    """Third pass: corrected reads of the chosen column to ``sink``, k-mers of all columns.

    Only reads that some verdict could touch are counted again: the table of a column
    is the raw one, less those reads as they were, plus those reads as they are now.
    """
    edited = [c for c in run.columns.values() if c.corrector.edits_reads] if graph else []
    before = _Delta(run)
    after = {column.name: _Delta(run) for column in edited}
    protected = {column.name: _Delta(run) for column in edited}
    off_path = {column.name: _Delta(run, _NOT_BAD) for column in edited}
    twins = {column.name: _Delta(run) for column in edited}

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
            off = column.rewriter.off_path(batch, result, first, run.options.k)
            parts[column.name] = bases_of(result).take(touched), stretches, *off
        return _Rewritten(group, chosen, bases_of(batch).take(touched), parts)

    batches = run.batches("Writing")
    for done in map_in_order(rewritten, batches, run.options.threads):
        sink(done.group, done.chosen)
        if done.before is None:
            continue
        before.add(done.before)
        for name, (result, stretches, off, again) in done.columns.items():
            after[name].add(result)
            protected[name].add(stretches)
            off_path[name].add(off)
            twins[name].add(again)
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
        judged = column.table
        if names:
            judged = _in_molecules(column.table, twins[column.name].finish())
            loose = off_path[column.name].finish()
            keys = np.union1d(keys, _vouched_for(run, column.table, judged, loose, sample))
        column.kept = column.corrector.keep(judged, keys, sample)


def _in_molecules(table: KmerTable, twins: KmerTable) -> KmerTable:
    """Abundances less what only shows off path what the same fragment has shown."""
    if len(twins) == 0:
        return table
    return replace(table, counts=table.counts - _counts_of(table, twins.keys, twins.counts))


def _vouched_for(
    run: Run, table: KmerTable, judged: KmerTable, off: KmerTable, sample: Sample
) -> np.ndarray:
    """k-mers of the corrected reads that one molecule is enough for, uint64, sorted.

    In a shallow sample those that lie on a path, every part of which is seen more often.
    Where it is shallower still, or nothing fits the spectrum and nobody knows how often
    the genome was read, all but those over a bad base. But never one that differs in a
    single base from a k-mer seen more often: on a path, an error that was made twice.
    """
    if sample.cutoff > _TWO_MOLECULES or (run.depth_tells and run.rarest is not None):
        return np.zeros(0, np.uint64)
    some = table.select(judged.counts < sample.cutoff)
    vouched = some.counts > _counts_of(some, off.keys, off.counts)
    if not run.depth_tells:
        vouched |= _counts_of(some, off.keys, off.high_quality) > 0
    keys: np.ndarray = some.keys[vouched]
    return keys[deepest_sibling(keys, table) < (_DEEPER if run.depth_tells else _MUCH_DEEPER)]


def _counts_of(table: KmerTable, keys: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Counts of other keys (sorted) at the rows of a table, 0 where they have none."""
    rows = rows_among(table.keys, keys)
    found = np.zeros(len(table), np.uint32)
    found[rows >= 0] = counts[rows[rows >= 0]]
    return found


class _Delta:
    """A counter at the graph's k for the few reads that change."""

    def __init__(self, run: Run, min_quality: int | None = None) -> None:
        options = run.options
        # A run with all controls has thirteen of these: their buffers have to be small.
        self._counter = KmerCounter(
            options.k,
            threads=options.threads,
            min_quality=options.min_quality if min_quality is None else min_quality,
            memory_bytes=_DELTA_MEMORY,
        )

    def add(self, bases: Bases) -> None:
        self._counter.add_codes(bases.codes, bases.offsets, bases.quals)

    def finish(self) -> KmerTable:
        return self._counter.finish()
