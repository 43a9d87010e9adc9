"""Third pass: the reads as the verdicts have them, and the k-mers of every column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

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


class _Parts(NamedTuple):
    """What is counted of a column, of one batch (`Bases`) or of all (`_Delta`).

    Attributes
    ----------
    fewer, more
        Reads that differ from those of the first column, as that has them, and as they are.
    protected, off_path, twins
        What its k-mer set is to keep, and what of all reads lies off path: everything, and
        what only shows a molecule again.
    """

    fewer: Any
    more: Any
    protected: Any
    off_path: Any
    twins: Any


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """One batch after the verdicts: the chosen column's, and for counting.

    ``done`` says what was done to its reads. ``before`` and ``after`` are the reads that
    change as they came, and as the first column has them.
    """

    written: ReadBatch
    done: RewriteStatistics
    before: Bases | None = None
    after: Bases | None = None
    columns: dict[str, _Parts] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Rewriting(Each):
    """Rewrites a batch for the chosen column and, where they are counted, for all that edit reads.

    Attributes
    ----------
    chosen, columns
        Names: of the column that is written, and of those that are counted, in their order.
    rewriters, apart
        By name: of each column, and the reads in which it differs from the first.
    """

    chosen: str
    columns: tuple[str, ...]
    rewriters: dict[str, Rewriter]
    apart: dict[str, np.ndarray]
    k: int

    @property
    def long(self) -> bool:
        """See `Each`: reads are rewritten in no time, and counted for every column in some."""
        return bool(self.columns)

    def __call__(self, first: int, batch: ReadBatch) -> _Rewritten:
        chosen, done = self.rewriters[self.chosen].rewritten(batch, first)
        if not self.columns:
            return _Rewritten(chosen, done)
        one = self.rewriters[self.columns[0]]
        own = chosen if self.columns[0] == self.chosen else one.rewritten(batch, first)[0]
        touched, parts = one.touched(first, len(batch)), dict[str, _Parts]()
        for name in self.columns:
            reads, rewriter = self.apart[name], self.rewriters[name]
            low, high = np.searchsorted(reads, [first, first + len(batch)])
            differs = np.zeros(len(batch), bool)
            differs[reads[low:high] - first] = True
            result = rewriter.rewritten(batch, first)[0] if differs.any() else own
            stretches = rewriter.kept_stretches(batch, first, self.k)
            off = rewriter.off_path(batch, result, first, self.k)
            fewer, more = bases_of(own).take(differs), bases_of(result).take(differs)
            parts[name] = _Parts(fewer, more, stretches, *off)
        before, after = bases_of(batch).take(touched), bases_of(own).take(touched)
        return _Rewritten(chosen, done, before, after, parts)


class _Columns:
    """The columns that edit reads: the first, and what is different in the others.

    The table of the first is the raw one, less the reads that some verdict could touch as
    they were, plus these reads as they are now. Columns differ in few reads, and the table of
    another is that of the first, less these reads and plus these reads.
    """

    def __init__(self, run: Judged) -> None:
        edited = [c for c in run.columns.values() if c.corrector.edits_reads] if run.graph else []
        self._run = run
        self._columns = sorted(edited, key=lambda column: column is not run.chosen)
        self._apart = {c.name: _differing(run, self._columns[0], c) for c in edited}
        self._before, self._after = _Delta(run), _Delta(run)
        self._deltas = {column.name: _Parts(*_deltas(run)) for column in edited}
        self._first: KmerTable | None = None

    def task(self) -> _Rewriting:
        """What is done with each batch."""
        chosen, names = self._run.chosen, tuple(column.name for column in self._columns)
        rewriters = {column.name: column.rewriter for column in (chosen, *self._columns)}
        return _Rewriting(chosen.name, names, rewriters, self._apart, self._run.options.k)

    def add(self, done: _Rewritten) -> None:
        """Count one batch."""
        if done.before is None or done.after is None:
            return
        self._before.add(done.before)
        self._after.add(done.after)
        for name, parts in done.columns.items():
            for delta, part in zip(self._deltas[name], parts, strict=True):
                delta.add(part)

    def cleaned(self, column: Column, sample: Sample) -> tuple[KmerTable, np.ndarray]:
        """k-mers of a column's reads, and which of them stand in its set; once for each."""
        run = self._run
        if not run.graph:
            return run.raw, np.zeros(0, bool)
        if column not in self._columns:
            return run.raw, column.corrector.keep(run.raw, run.raw.keys[:0], sample)
        if self._first is None:
            self._first = run.raw.combine(self._before.finish(), -1).combine(self._after.finish())
        delta = self._deltas.pop(column.name)
        table, fewer, more = self._first, delta.fewer.finish(), delta.more.finish()
        if len(fewer) or len(more):
            table = table.combine(fewer, -1).combine(more)
        keys = delta.protected.finish().keys
        judged = _in_molecules(table, delta.twins.finish())
        loose = delta.off_path.finish()
        keys = distinct(np.concatenate([keys, _vouched_for(run, table, judged, loose, sample)]))
        return table, column.corrector.keep(judged, keys, sample)


def _differing(run: Judged, one: Column, other: Column) -> np.ndarray:
    """Numbers of the reads, int64, rising, that two columns may leave different."""
    if one is other or run.evidence is None or one.verdicts is None or other.verdicts is None:
        return np.zeros(0, np.int64)
    differs = one.verdicts.kept != other.verdicts.kept
    of_edit, edits = run.evidence.alternatives.of_edit, run.evidence.edits.substitutions()
    gap = run.evidence.changes.gap
    differs_there = (gap >= 0) & differs[of_edit[gap]] if len(of_edit) else np.zeros(len(gap), bool)
    reads = edits.read[differs[of_edit[: len(edits)]]], run.evidence.changes.read[differs_there]
    return np.unique(np.concatenate(reads))


def rewrite(run: Judged, sink: Sink, *, records: bool = False) -> Corrected:
    """Third pass: corrected reads of the chosen column to ``sink``, k-mers of all columns.

    ``records`` as of `dbgclean.reads.iter_batches`.
    """
    edited = _Columns(run)
    for (group, first, batch), done in run.beside("write", edited.task(), records=records):
        run.chosen.rewriter.statistics += done.done
        sink(Written(run, group, first, batch, done.written))
        edited.add(done)
    sample, columns = run.sample(), dict[str, Cleaned]()
    for column in run.columns.values():
        table, kept = edited.cleaned(column, sample)
        kept &= table.counts >= run.options.kept_from
        columns[column.name] = Cleaned(**vars(column), table=table, kept=kept)
    return Corrected(**vars(run) | {"columns": columns})


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
        # A run with all controls has twenty-two of these: their buffers have to be small.
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


def _deltas(run: Judged) -> Iterator[_Delta]:
    """Counters of a column, as `_Parts` has them."""
    for name in _Parts._fields:
        yield _Delta(run, _NOT_BAD if name == "off_path" else None)
