"""Reads rewritten by verdicts: edits that stand, gaps, masks; in order, names untouched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dbgclean._kernels import kernel
from dbgclean.correct.off_path import off_path_pieces
from dbgclean.correct.verdicts import ties
from dbgclean.evidence.changes import DELETE, FILL, INSERT, MASK, OtherChanges

if TYPE_CHECKING:
    from dbgclean.evidence.gather import Evidence
    from dbgclean.evidence.off_path import Stretches
    from dbgclean.reads import ReadBatch

__all__ = ["Bases", "RewriteStatistics", "Rewriter", "applied", "bases_of"]

_LETTERS = np.frombuffer(b"ACGTN", np.uint8)
_LOWER_CASE = np.uint8(0x20)
_SMALL_A = np.uint8(ord("a"))


@dataclass(frozen=True, slots=True)
class Bases:
    """Reads without their names: what counting needs.

    Attributes
    ----------
    codes, quals, offsets
        As in `dbgclean.reads.ReadBatch`.
    """

    codes: np.ndarray
    quals: np.ndarray | None
    offsets: np.ndarray

    def take(self, reads: np.ndarray) -> Bases:
        """The chosen reads; ``reads`` is a bool array (n_reads,)."""
        lengths = np.diff(self.offsets)
        mask = np.repeat(reads, lengths)
        offsets = np.concatenate([[0], np.cumsum(lengths[reads])]).astype(np.int64)
        quals = None if self.quals is None else self.quals[mask]
        return Bases(self.codes[mask], quals, offsets)


def bases_of(batch: ReadBatch) -> Bases:
    """A batch without its names."""
    return Bases(batch.codes, batch.quals, batch.offsets)


def applied(evidence: Evidence, kept: np.ndarray) -> np.ndarray:
    """Which of the substitutions are made: bool, one per edit; ``kept`` as of `Rewriter`."""
    stays = kept | ties(evidence.alternatives)
    made: np.ndarray = ~stays[evidence.alternatives.of_edit[: len(evidence.edits.substitutions())]]
    return made


@dataclass
class RewriteStatistics:
    """What was done to the reads."""

    bases_changed: int = 0
    bases_deleted: int = 0
    bases_inserted: int = 0
    bases_masked: int = 0
    unknown_filled: int = 0
    reads_touched: int = 0

    def to_dict(self) -> dict[str, int]:
        """Plain numbers for the report."""
        return dict(vars(self))

    def __iadd__(self, other: RewriteStatistics) -> RewriteStatistics:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


class Rewriter:
    """Applies one set of verdicts to the batches of a run.

    Parameters
    ----------
    evidence
        Of the pass over the same reads.
    kept
        bool, one per alternative: its reads keep their own base, or their length. None
        leaves every read as it came.
    doubted
        bool, one per alternative: where it is kept, its k-mers have to be seen in two
        molecules to stand in the k-mer set. By default none.
    """

    def __init__(
        self,
        evidence: Evidence | None,
        kept: np.ndarray | None,
        doubted: np.ndarray | None = None,
    ) -> None:
        self.statistics = RewriteStatistics()
        self._edits_reads = evidence is not None and kept is not None
        empty = np.zeros(0, np.int64)
        self._read, self._position, self._to = empty, empty, empty.astype(np.uint8)
        self._kept_read, self._kept_position = empty, empty
        self._substituted, self._changed, self._unplaced = empty, empty, empty
        self._changes = OtherChanges.concatenate([])
        self._stretches: Stretches | None = None
        if evidence is None or kept is None:
            return
        edits, all_edits = evidence.edits.substitutions(), evidence.alternatives.of_edit
        of_edit = all_edits[: len(edits)]
        stands = kept[of_edit]
        use = applied(evidence, kept)
        self._substituted = edits.read
        self._read, self._position = edits.read[use], edits.position[use]
        turned = edits.strand[use] == 1
        self._to = np.where(turned, 3 - edits.to[use], edits.to[use]).astype(np.uint8)
        if doubted is not None:
            stands &= ~doubted[of_edit]
        # Nothing else is held of the evidence: it is most of what a run weighs.
        changes, self._changed = evidence.changes, evidence.changes.read
        self._unplaced, self._stretches = evidence.unplaced, evidence.off_path
        stays = changes.gap >= 0
        stays[stays] = kept[all_edits[changes.gap[stays]]]
        self._changes = changes.select(~stays)
        self._kept_read = np.concatenate([edits.read[stands], changes.read[stays]])
        self._kept_position = np.concatenate([edits.position[stands], changes.position[stays]])
        order = np.argsort(self._kept_read, kind="stable")
        self._kept_read, self._kept_position = self._kept_read[order], self._kept_position[order]

    @property
    def substitutions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read, int64, position in it, and the base it gets: of those that are made."""
        return self._read, self._position, self._to

    @property
    def others(self) -> OtherChanges:
        """The other changes that are made."""
        return self._changes

    def changed(self, first_read: int, n_reads: int) -> np.ndarray:
        """Bases of each read that are changed, put in, dropped or masked: int64 (n_reads,)."""
        counts = np.zeros(n_reads, np.int64)
        for read, size in ((self._read, None), (self._changes.read, self._changes.size)):
            low, high = np.searchsorted(read, [first_read, first_read + n_reads])
            np.add.at(counts, read[low:high] - first_read, 1 if size is None else size[low:high])
        return counts

    def unplaced(self, first_read: int, n_reads: int) -> np.ndarray:
        """Reads that have no place in the solid graph, bool (n_reads,)."""
        mask = np.zeros(n_reads, bool)
        low, high = np.searchsorted(self._unplaced, [first_read, first_read + n_reads])
        mask[self._unplaced[low:high] - first_read] = True
        return mask

    def touched(self, first_read: int, n_reads: int) -> np.ndarray:
        """Reads of a batch that any verdict could touch, bool (n_reads,)."""
        mask = np.zeros(n_reads, bool)
        for read in (self._substituted, self._changed):
            low, high = np.searchsorted(read, [first_read, first_read + n_reads])
            mask[read[low:high] - first_read] = True
        return mask

    def rewrite(self, batch: ReadBatch, first_read: int) -> ReadBatch:
        """The batch as these verdicts have it, counted in ``statistics``; see `rewritten`."""
        result, counts = self.rewritten(batch, first_read)
        self.statistics += counts
        return result

    def rewritten(self, batch: ReadBatch, first_read: int) -> tuple[ReadBatch, RewriteStatistics]:
        """The batch as these verdicts have it, and what was done.

        Parameters
        ----------
        first_read
            Number of the batch's first read in the whole run.
        """
        if not self._edits_reads:
            return batch, RewriteStatistics()
        where, to = self._substitutions(batch.offsets, first_read, len(batch))
        changes = self._other(batch.offsets, first_read, len(batch))
        if len(where) == 0 and len(changes.at) == 0:
            return batch, RewriteStatistics()
        bases = batch.bases.copy()
        bases[where] = _in_case_of(bases[where], _LETTERS[to])
        masked = changes.at[changes.kind == MASK]
        bases[masked] = _in_case_of(bases[masked], _LETTERS[4])
        filled = changes.at[changes.kind == FILL]
        values = changes.value[changes.kind == FILL]
        bases[filled] = _in_case_of(bases[filled], _LETTERS[values])
        result = _regapped(batch, bases, changes) if changes.has_gaps else batch.with_bases(bases)
        counts = self._count(batch, first_read, len(where), changes)
        return _spelled_as(batch, result), counts

    def kept_stretches(self, batch: ReadBatch, first_read: int, k: int) -> Bases:
        """The k-mers of the corrected reads over bases that stand although they were weak.

        Everything further than k - 1 bases from such a base becomes N. Gaps that are
        closed or opened are not applied: a k-mer across one is not protected.
        """
        bases = Bases(batch.codes.copy(), batch.quals, batch.offsets)
        where, to = self._substitutions(batch.offsets, first_read, len(batch))
        bases.codes[where] = to
        low, high = np.searchsorted(self._kept_read, [first_read, first_read + len(batch)])
        reads = self._kept_read[low:high] - first_read
        chosen = np.zeros(len(batch), bool)
        chosen[reads] = True
        taken = bases.take(chosen)
        if len(reads) == 0:
            return taken
        place = np.cumsum(chosen) - 1
        at = taken.offsets[place[reads]] + self._kept_position[low:high]
        near = np.zeros(len(taken.codes) + 1, np.int64)
        ends = taken.offsets[place[reads] + 1]
        np.add.at(near, np.maximum(at - k + 1, taken.offsets[place[reads]]), 1)
        np.add.at(near, np.minimum(at + k, ends), -1)
        taken.codes[np.cumsum(near)[:-1] == 0] = 4
        return taken

    def off_path(
        self, batch: ReadBatch, result: ReadBatch, first_read: int, k: int
    ) -> tuple[Bases, Bases]:
        """Pieces of corrected reads whose k-mers do not lie wholly on a path.

        Parameters
        ----------
        batch, result
            A batch as it came, and as `rewrite` gave it back.

        Returns
        -------
        Bases, Bases
            All such k-mers; those that show again what their fragment has shown
            (`dbgclean.correct.off_path`). Without a path there are none.
        """
        if self._stretches is None:
            none = bases_of(result).take(np.zeros(len(result), bool))
            return none, none
        pieces, twins = off_path_pieces(
            self._stretches, self._changes, batch, result.offsets, result.codes, first_read, k
        )
        return _cut(result, pieces), _cut(result, twins)

    def _substitutions(
        self, offsets: np.ndarray, first_read: int, n_reads: int
    ) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.searchsorted(self._read, [first_read, first_read + n_reads])
        where = offsets[self._read[low:high] - first_read] + self._position[low:high]
        return where, self._to[low:high]

    def _other(self, offsets: np.ndarray, first_read: int, n_reads: int) -> _Changes:
        c = self._changes
        low, high = np.searchsorted(c.read, [first_read, first_read + n_reads])
        part = slice(low, high)
        reads = c.read[part] - first_read
        return _Changes(
            offsets[reads] + c.position[part], reads, c.kind[part], c.value[part], c.size[part]
        )

    def _count(
        self, batch: ReadBatch, first_read: int, substitutions: int, c: _Changes
    ) -> RewriteStatistics:
        low, high = np.searchsorted(self._read, [first_read, first_read + len(batch)])
        touched = len(np.union1d(self._read[low:high] - first_read, c.reads))
        return RewriteStatistics(
            bases_changed=substitutions,
            bases_deleted=int(np.count_nonzero(c.kind == DELETE)),
            bases_inserted=int(c.size[c.kind == INSERT].sum()),
            bases_masked=int(np.count_nonzero(c.kind == MASK)),
            unknown_filled=int(np.count_nonzero(c.kind == FILL)),
            reads_touched=touched,
        )


@dataclass(frozen=True, slots=True)
class _Changes:
    """The other changes of one batch, ``at`` being places in the batch's arrays."""

    at: np.ndarray
    reads: np.ndarray
    kind: np.ndarray
    value: np.ndarray
    size: np.ndarray

    @property
    def has_gaps(self) -> bool:
        return bool(np.any((self.kind == DELETE) | (self.kind == INSERT)))


def _cut(batch: ReadBatch, pieces: np.ndarray) -> Bases:
    """The ``pieces`` of a batch (first base, one past the last) as reads."""
    lengths = pieces[:, 1] - pieces[:, 0]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    where = np.repeat(pieces[:, 0] - offsets[:-1], lengths) + np.arange(offsets[-1])
    quals = None if batch.quals is None else batch.quals[where]
    return Bases(batch.codes[where], quals, offsets)


def _in_case_of(old: np.ndarray, letters: np.ndarray) -> np.ndarray:
    """Capital ``letters``, small where ``old`` is: soft-masked stretches stay masked."""
    return letters | np.where(old >= _SMALL_A, _LOWER_CASE, np.uint8(0))


def _spelled_as(batch: ReadBatch, result: ReadBatch) -> ReadBatch:
    """Corrected reads with U for T where the read has U and no T: RNA."""
    capital = batch.bases & ~_LOWER_CASE
    is_u = capital == ord("U")
    if not is_u.any():
        return result
    counts = [
        np.add.reduceat(np.append(each, False), batch.offsets[:-1], dtype=np.int64)
        for each in (is_u, capital == ord("T"))
    ]
    rna = (counts[0] > 0) & (counts[1] == 0) & (np.diff(batch.offsets) > 0)
    changed = np.repeat(rna, np.diff(result.offsets)) & (result.bases & ~_LOWER_CASE == ord("T"))
    return result.with_bases(result.bases + changed.astype(np.uint8))


def _regapped(batch: ReadBatch, bases: np.ndarray, changes: _Changes) -> ReadBatch:
    """Delete and insert bases; an inserted base gets the quality of the one it precedes."""
    from dbgclean.reads.batch import encode_bases

    gap = (changes.kind == DELETE) | (changes.kind == INSERT)
    at, size, value = changes.at[gap], changes.size[gap], changes.value[gap]
    longer = np.where(changes.kind[gap] == INSERT, size, -1)
    lengths = np.diff(batch.offsets)
    np.add.at(lengths, changes.reads[gap], longer)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    quals = np.zeros(0, np.uint8) if batch.quals is None else batch.quals
    new_bases = np.empty(offsets[-1], np.uint8)
    new_quals = np.empty(offsets[-1] if len(quals) else 0, np.uint8)
    _close_and_open(bases, quals, at, longer, value, _LETTERS, new_bases, new_quals)
    return replace(
        batch,
        bases=new_bases,
        codes=encode_bases(new_bases),
        quals=None if batch.quals is None else new_quals,
        offsets=offsets,
    )


@kernel
def _close_and_open(
    bases: np.ndarray,
    quals: np.ndarray,
    at: np.ndarray,
    longer: np.ndarray,
    value: np.ndarray,
    letters: np.ndarray,
    out: np.ndarray,
    out_quals: np.ndarray,
) -> None:
    """Copy, dropping a base where ``longer`` is -1 and putting in as many where it is more."""
    n, done = 0, 0
    for event in range(len(at) + 1):
        stop = at[event] if event < len(at) else len(bases)
        for i in range(done, stop):
            out[n] = bases[i]
            if len(quals):
                out_quals[n] = quals[i]
            n += 1
        done = max(done, stop)
        if event == len(at):
            break
        if longer[event] < 0:
            done = stop + 1
        for j in range(longer[event]):
            # The first base is in the highest bits.
            out[n] = letters[(value[event] >> (2 * (longer[event] - 1 - j))) & 3]
            if len(quals):
                out_quals[n] = quals[min(stop, len(quals) - 1)]
            n += 1
