"""Third pass: the reads as the verdicts have them, and the k-mers of every column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dbgclean.correct.correctors import Sample
from dbgclean.correct.rewrite import Bases, Rewriter, RewriteStatistics, bases_of
from dbgclean.pipeline.runs import Cleaned, Column, Corrected, Judged
from dbgclean.reads.tasks import Each
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.membership import deepest_sibling, rows_among
from dbgclean.spectrum.ordering import distinct
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = ["Sink", "Written", "rewrite"]

_DELTA_MEMORY = 1 << 26
_TWO_MOLECULES = 2
# A base below is wrong more often than one time in ten.
_NOT_BAD = 10
# Abundance beside which a k-mer of one molecule is an error: where the depth is known, and
# where it is not.
_DEEPER, _MUCH_DEEPER = 2, 4


@dataclass(frozen=True, slots=True)
class Written:
    """One batch of the chosen column, to be written.

    Attributes
    ----------
    group, first_read
        Number of its input, and of its first read in the run.
    before, after
        The reads as they came, and as the verdicts have them.
    run
        Whose verdicts they are.
    """

    run: Judged
    group: int
    first_read: int
    before: ReadBatch
    after: ReadBatch


Sink = Callable[[Written], None]


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """One batch after the verdicts: of the chosen column, and for counting.

    ``before`` are the reads that change as they came; ``columns`` has for each column
    the same as they are now, what its k-mer set is to keep, and what of all reads lies
    off path: everything, and what only shows a molecule again. ``done`` says what was done
    to the reads, by column.
    """

    after: ReadBatch
    done: dict[str, RewriteStatistics]
    before: Bases | None = None
    columns: dict[str, tuple[Bases, Bases, Bases, Bases]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Rewriting(Each):
    """Rewrites a batch for the ``chosen`` column and, with k, for all that edit reads."""

    chosen: str
    rewriters: dict[str, Rewriter]
    edited: tuple[str, ...]
    k: int

    def __call__(self, first: int, batch: ReadBatch) -> _Rewritten:
        after, counts = self.rewriters[self.chosen].rewritten(batch, first)
        done = {self.chosen: counts}
        if not self.edited:
            return _Rewritten(after, done)
        touched = self.rewriters[self.edited[0]].touched(first, len(batch))
        parts = {}
        for name in self.edited:
            rewriter, result = self.rewriters[name], after
            if name != self.chosen:
                result, done[name] = rewriter.rewritten(batch, first)
            stretches = rewriter.kept_stretches(batch, first, self.k)
            off = rewriter.off_path(batch, result, first, self.k)
            parts[name] = bases_of(result).take(touched), stretches, *off
        return _Rewritten(after, done, bases_of(batch).take(touched), parts)


def rewrite(run: Judged, sink: Sink, *, records: bool = False) -> Corrected:
    """Third pass: corrected reads of the chosen column to ``sink``, k-mers of all columns.

    Only reads that some verdict could touch are counted again: the table of a column
    is the raw one, less those reads as they were, plus those reads as they are now.
    ``records`` as of `dbgclean.reads.iter_batches`.
    """
    edited = [c for c in run.columns.values() if c.corrector.edits_reads] if run.graph else []
    before = _Delta(run)
    deltas = {column.name: _Deltas.of(run) for column in edited}
    chosen, names = run.chosen.name, tuple(column.name for column in edited)
    rewriters = {name: run.columns[name].rewriter for name in dict.fromkeys((chosen, *names))}
    task = _Rewriting(chosen, rewriters, names, run.options.k)
    for (group, first, batch), done in run.beside("write", task, records=records):
        for name, counts in done.done.items():
            rewriters[name].statistics += counts
        sink(Written(run, group, first, batch, done.after))
        if done.before is None:
            continue
        before.add(done.before)
        for name, parts in done.columns.items():
            for delta, part in zip(deltas[name], parts, strict=True):
                delta.add(part)
    untouched = run.raw.combine(before.finish(), -1) if edited else run.raw
    sample, columns = run.sample(), dict[str, Cleaned]()
    for column in run.columns.values():
        table, kept = run.raw, np.zeros(0, bool)
        if column.name in deltas:
            table, kept = _kept(run, column, untouched, deltas.pop(column.name), sample)
        elif run.graph:
            kept = column.corrector.keep(table, table.keys[:0], sample)
        kept &= table.counts >= run.options.kept_from
        columns[column.name] = Cleaned(**vars(column), table=table, kept=kept)
    return Corrected(**vars(run) | {"columns": columns})


def _kept(
    run: Judged, column: Column, untouched: KmerTable, deltas: _Deltas, sample: Sample
) -> tuple[KmerTable, np.ndarray]:
    """k-mers of a column's reads, and which of them stand in its set."""
    keys = deltas.protected.finish().keys
    table = untouched.combine(deltas.after.finish())
    judged = _in_molecules(table, deltas.twins.finish())
    loose = deltas.off_path.finish()
    keys = distinct(np.concatenate([keys, _vouched_for(run, table, judged, loose, sample)]))
    return table, column.corrector.keep(judged, keys, sample)


def _in_molecules(table: KmerTable, twins: KmerTable) -> KmerTable:
    """Abundances less what only shows off path what the same fragment has shown."""
    if len(twins) == 0:
        return table
    return replace(table, counts=table.counts - _counts_of(table, twins.keys, twins.counts))


def _vouched_for(
    run: Judged, table: KmerTable, judged: KmerTable, off: KmerTable, sample: Sample
) -> np.ndarray:
    """k-mers of the corrected reads that one molecule is enough for, sorted.

    In a shallow sample those that lie on a path, every part of which is seen more often.
    Where it is shallower still, or nothing fits the spectrum and nobody knows how often
    the genome was read, all but those over a bad base. But never one that differs in a
    single base from a k-mer seen more often: on a path, an error that was made twice.
    """
    if sample.cutoff > _TWO_MOLECULES or (run.depth_tells and run.rarest is not None):
        return table.keys[:0]
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

    def __init__(self, run: Judged, min_quality: int | None = None) -> None:
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


class _Deltas(NamedTuple):
    """What is counted for a column, in the order of `_Rewritten.columns`."""

    after: _Delta
    protected: _Delta
    off_path: _Delta
    twins: _Delta

    @classmethod
    def of(cls, run: Judged) -> _Deltas:
        return cls(_Delta(run), _Delta(run), _Delta(run, _NOT_BAD), _Delta(run))
