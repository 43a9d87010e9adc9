"""Why each false k-mer is still there: which of its bases was left, and by whom.

Every base of a corrected read is labelled by what threading and the verdicts made of
it. A false k-mer is blamed on the label that counts most among its bases; over all of
its occurrences, on *solid* if any lies wholly on a path (it would stand whatever was
decided elsewhere), else on the most frequent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from dbgclean.correct.verdicts import REAL, UNDECIDED
from dbgclean.evidence import gather as gathering
from dbgclean.evidence.gaps import OUTSIDE
from dbgclean.evidence.threading import FOREIGN, NO_ANCHOR, TOO_SHORT
from dbgclean.pipeline.passes import Column, Corrected
from dbgclean.spectrum.kmers import revcomp
from dbgclean.spectrum.table import KmerTable, find_row

if TYPE_CHECKING:
    from dbgclean.evidence.threading import Threads
    from dbgclean.reads import ReadBatch

__all__ = ["LABELS", "Places", "blame", "recorded_places", "split_false"]

# In rising order of blame.
LABELS = ("solid", "partial", "foreign", "no_anchor", "disputed", "gap", "undecided", "real")
_LABEL = {name: np.uint8(code) for code, name in enumerate(LABELS)}


class Places:
    """Where threading put each base and in which state it left each read, batch by batch.

    Batches are threaded side by side: they are known by what is in them.
    """

    def __init__(self) -> None:
        self._of: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    @staticmethod
    def _name(batch: ReadBatch) -> bytes:
        head = f"{batch.first_read} {len(batch)} {batch.names[0] if len(batch) else ''}".encode()
        return head + batch.codes[:200].tobytes()

    def note(self, batch: ReadBatch, threads: Threads) -> None:
        """Keep what was found of one batch."""
        self._of[self._name(batch)] = threads.place, threads.states

    def of(self, batch: ReadBatch) -> tuple[np.ndarray, np.ndarray]:
        """Places and states of a batch that was noted."""
        return self._of[self._name(batch)]


@contextmanager
def recorded_places() -> Iterator[Places]:
    """Note what threading finds while `dbgclean.evidence.gather.gather` runs.

    The evidence of a run holds only what would change; what was never threaded is
    gone by then. One byte a base is kept here.
    """
    places = Places()
    thread_batch = gathering.thread_batch

    def recording(batch: ReadBatch, *args: Any, **kwargs: Any) -> Threads:
        threads = thread_batch(batch, *args, **kwargs)
        places.note(batch, threads)
        return threads

    gathering.thread_batch = recording
    try:
        yield places
    finally:
        gathering.thread_batch = thread_batch


def _labels(
    place: np.ndarray, states: np.ndarray, offsets: np.ndarray, rows: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """One label per base of a batch; ``rows`` are places and labels of the kept edits."""
    of_read = np.full(len(states), _LABEL["partial"], np.uint8)
    of_read[states >= FOREIGN] = _LABEL["foreign"]
    of_read[(states == NO_ANCHOR) | (states == TOO_SHORT)] = _LABEL["no_anchor"]
    labels = np.repeat(of_read, np.diff(offsets))
    labels[place != OUTSIDE] = _LABEL["solid"]
    labels[rows[0]] = rows[1]
    return labels


def _kept_edits(run: Corrected, column: Column) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read, position and label of the edits and gaps that the verdicts did not apply."""
    evidence = run.evidence
    assert evidence is not None
    assert column.verdicts is not None
    edits, of_edit = evidence.edits.substitutions(), evidence.alternatives.of_edit
    verdict = column.verdicts.verdict[of_edit[: len(edits)]]
    label = np.where(edits.disputed > 0, _LABEL["disputed"], _LABEL["solid"])
    label[verdict == UNDECIDED] = _LABEL["undecided"]
    label[verdict == REAL] = _LABEL["real"]
    stays = label != _LABEL["solid"]
    columns = [edits.read[stays], edits.position[stays], label[stays].astype(np.uint8)]
    changes = evidence.changes
    kept = changes.gap >= 0
    kept[kept] = column.verdicts.kept[of_edit[changes.gap[kept]]]
    gaps = np.full(np.count_nonzero(kept), _LABEL["gap"], np.uint8)
    added = (changes.read[kept], changes.position[kept], gaps)
    columns = [np.concatenate(pair) for pair in zip(columns, added, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return columns[0][order], columns[1][order], columns[2][order]


@numba.njit(cache=True, nogil=True)
def _blame(
    codes: np.ndarray,
    offsets: np.ndarray,
    labels: np.ndarray,
    k: int,
    slots: np.ndarray,
    rows: np.ndarray,
    mask: int,
    tally: np.ndarray,
) -> None:
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    for read in range(len(offsets) - 1):
        kmer, length = np.uint64(0), 0
        for i in range(offsets[read], offsets[read + 1]):
            if codes[i] > 3:
                length = 0
                continue
            kmer = ((kmer << np.uint64(2)) | np.uint64(codes[i])) & keep
            length += 1
            if length < k:
                continue
            row = find_row(slots, rows, mask, min(kmer, revcomp(kmer, k)))
            if row < 0:
                continue
            worst = 0
            for j in range(i - k + 1, i + 1):
                worst = max(worst, labels[j])
            tally[row, worst] += 1


def blame(
    codes: np.ndarray, offsets: np.ndarray, labels: np.ndarray, false: KmerTable, tally: np.ndarray
) -> None:
    """Add each occurrence of a false k-mer to ``tally`` under the worst of its labels.

    Parameters
    ----------
    codes, offsets, labels
        uint8 (n,), int64 (reads + 1,) and uint8 (n,): corrected reads and their labels.
    false
        The k-mers in question.
    tally
        int64 (len(false), len(LABELS)).
    """
    index = false.index()
    _blame(
        codes, offsets, labels, np.int64(false.k), index.slots, index.rows, index.mask, tally
    )  # fmt: skip


def split_false(run: Corrected, truth_kmers: np.ndarray, places: Places) -> dict[str, dict]:
    """Blame every false k-mer in the corrected reads of every column that judges.

    Returns
    -------
    dict
        By column, then for each of ``LABELS`` the false k-mers at abundance >= 1, 2 and
        3: *solid* lie wholly on a path (never judged), *partial*, *foreign* and
        *no_anchor* in what was not threaded, *disputed* hold a base that two paths of
        nearly equal cost disagree on, *gap* an insertion or deletion that was kept,
        *undecided* and *real* a base that a verdict left.
    """
    blamers = [
        _Blamer(run, column, truth_kmers)
        for column in run.columns.values()
        if column.verdicts is not None
    ]
    for _, first, batch in run.batches("Blaming"):
        place, states = places.of(batch)
        for blamer in blamers:
            blamer.add(batch, first, place, states)
    return {blamer.name: blamer.by_label() for blamer in blamers}


class _Blamer:
    """The false k-mers of one column and what each was blamed on so far."""

    def __init__(self, run: Corrected, column: Column, truth_kmers: np.ndarray) -> None:
        assert column.verdicts is not None
        self.name = column.name
        self.false = column.table.select(
            ~np.isin(column.table.keys, truth_kmers, assume_unique=True)
        )
        self.tally = np.zeros((len(self.false), len(LABELS)), np.int64)
        self.read, self.position, self.label = _kept_edits(run, column)
        self.rewriter = column.rewriter

    def add(self, batch: ReadBatch, first: int, place: np.ndarray, states: np.ndarray) -> None:
        low, high = np.searchsorted(self.read, [first, first + len(batch)])
        at = batch.offsets[self.read[low:high] - first] + self.position[low:high]
        labels = _labels(place, states, batch.offsets, (at, self.label[low:high]))
        # Labels travel as qualities: what moves a base moves its label.
        corrected = self.rewriter.rewrite(replace(batch, quals=labels), first)
        assert corrected.quals is not None
        blame(corrected.codes, corrected.offsets, corrected.quals, self.false, self.tally)

    def by_label(self) -> dict[str, list[int]]:
        blamed = np.where(self.tally[:, 0] > 0, 0, self.tally.argmax(axis=1))
        return {
            name: [
                int(np.count_nonzero((blamed == code) & (self.false.counts >= a)))
                for a in (1, 2, 3)
            ]
            for code, name in enumerate(LABELS)
        }
