"""Changes to reads that are no substitutions: bases to drop, to put in, to mask, to fill in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dbgclean._kernels import kernel
from dbgclean.evidence.gaps import GAP, MASKED, ON_PATH
from dbgclean.evidence.threading import CLEAN, Threads
from dbgclean.reads.rows import Rows, column

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = ["DELETE", "FILL", "INSERT", "MASK", "NO_SIGNAL", "OtherChanges", "other_changes"]

# Changes that are no substitutions: drop a base the path does not have, put missing
# ones in before a base, mask what nothing supports, fill in an N.
DELETE, INSERT, MASK, FILL = 1, 2, 3, 4
# Value of a MASK: the read ends without a signal. Else it follows a seam.
NO_SIGNAL = 1


@dataclass(frozen=True, slots=True)
class OtherChanges(Rows):
    """Changes that are no substitutions, sorted by read and position.

    Attributes
    ----------
    read
        int64, number of the read in the run.
    position
        int32, 0-based in the read as it came.
    kind
        uint8, DELETE, INSERT (before ``position``), MASK or FILL.
    value
        int64, FILL: the base; INSERT: the bases, 2 bits each, first in the highest;
        MASK: NO_SIGNAL, or 0.
    size
        int64, INSERT: how many bases; else 1.
    gap
        int64, the gap that a DELETE or INSERT is part of, as its row in
        `dbgclean.evidence.gather.Evidence.edits` (of one batch: among its gaps); -1 for what
        is no gap, or too near a read's end to be pooled.
    """

    read: np.ndarray = column(np.int64)
    position: np.ndarray = column(np.int32)
    kind: np.ndarray = column(np.uint8)
    value: np.ndarray = column(np.int64)
    size: np.ndarray = column(np.int64)
    gap: np.ndarray = column(np.int64)

    @property
    def longer(self) -> np.ndarray:
        """int64: 1 for a base that the read has more than its path, minus those that it lacks."""
        return np.where(self.kind == INSERT, -self.size, self.kind == DELETE)

    def with_gaps_from(self, first: int) -> OtherChanges:
        """The same, where ``gap`` counts from ``first``."""
        return replace(self, gap=np.where(self.gap < 0, -1, self.gap + first))

    def without_signal(self) -> tuple[int, int]:
        """Reads with an end that is masked because it holds no signal, and its bases in all."""
        found = self.read[(self.kind == MASK) & (self.value == NO_SIGNAL)]
        return len(np.unique(found)), len(found)


def other_changes(batch: ReadBatch, threads: Threads, first_read: int) -> OtherChanges:
    """Deletions, masks, filled Ns and insertions of one batch in reading order."""
    arrays = batch.codes, batch.offsets, threads.states, threads.path, threads.place
    n = _changed(*arrays, np.zeros(0, np.int64), np.zeros(0, np.uint8))
    where, kind = np.zeros(n, np.int64), np.zeros(n, np.uint8)
    _changed(*arrays, where, kind)
    missing = threads.missing[np.argsort(threads.missing[:, 0], kind="stable")]
    at = np.concatenate([missing[:, 0], where])
    kinds = np.concatenate([np.full(len(missing), INSERT, np.uint8), kind])
    value = np.where(kind == FILL, threads.path[where], 0).astype(np.int64)
    if threads.tails is not None:
        tail = threads.tails[np.searchsorted(batch.offsets, where, side="right") - 1]
        value[(kind == MASK) & (where >= tail)] = NO_SIGNAL
    values = np.concatenate([missing[:, 2], value])
    sizes = np.concatenate([missing[:, 1], np.ones(len(where), np.int64)])
    order = np.argsort(at, kind="stable")
    at = at[order]
    reads = np.searchsorted(batch.offsets, at, side="right") - 1
    # Bases missing after the last one of a batch's last read stay with that read.
    reads = np.minimum(reads, len(batch) - 1)
    return OtherChanges(
        (reads + first_read).astype(np.int64),
        (at - batch.offsets[reads]).astype(np.int32),
        kinds[order],
        values[order],
        sizes[order],
        np.full(len(order), -1, np.int64),
    )


@kernel
def _changed(
    codes: np.ndarray,
    offsets: np.ndarray,
    states: np.ndarray,
    path: np.ndarray,
    place: np.ndarray,
    where: np.ndarray,
    kind: np.ndarray,
) -> int:
    """Count the bases to drop, mask or fill in; list as many as ``where`` has room for."""
    n = 0
    for read in range(len(states)):
        if states[read] == CLEAN:
            continue
        for i in range(offsets[read], offsets[read + 1]):
            if path[i] == codes[i] and place[i] != MASKED:
                continue
            change = 0
            if codes[i] > 3 and path[i] < 4 and place[i] == ON_PATH:
                change = FILL
            elif codes[i] < 4 and place[i] == MASKED:
                change = MASK
            elif path[i] == GAP:
                change = DELETE
            if change:
                if n < len(where):
                    where[n], kind[n] = i, change
                n += 1
    return n
