"""Stretches of reads that no path of the solid graph explains.

What lies on a path was judged: its edits were pooled with those of other reads. What
lies on none (a read without an anchor, the end of a partly threaded one, a base in
dispute) came out as it was read, and nothing but other reads can vouch for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dbgclean._kernels import kernel
from dbgclean.evidence.gaps import DISPUTED, OUTSIDE
from dbgclean.evidence.threading import CLEAN, Threads
from dbgclean.reads.rows import Rows, column

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = ["Stretches", "off_path"]


@dataclass(frozen=True, slots=True)
class Stretches(Rows):
    """Stretches of reads, sorted by read and place, none touching the next.

    Attributes
    ----------
    read
        int64 (n,), number of the read in the run.
    start, stop
        int32 (n,), 0-based bases in the read as it came, ``stop`` not included.
    """

    read: np.ndarray = column(np.int64)
    start: np.ndarray = column(np.int32)
    stop: np.ndarray = column(np.int32)


def off_path(batch: ReadBatch, threads: Threads, first_read: int) -> Stretches:
    """What of a batch lies on no path; ``first_read`` is the number of its first read."""
    arrays = batch.codes, batch.offsets, threads.states, threads.path, threads.place
    n = _list_stretches(*arrays, np.zeros((0, 3), np.int64))
    rows = np.zeros((n, 3), np.int64)
    _list_stretches(*arrays, rows)
    return Stretches(
        rows[:, 0] + first_read, rows[:, 1].astype(np.int32), rows[:, 2].astype(np.int32)
    )


@kernel
def _list_stretches(
    codes: np.ndarray,
    offsets: np.ndarray,
    states: np.ndarray,
    path: np.ndarray,
    place: np.ndarray,
    rows: np.ndarray,
) -> int:
    """Count the stretches; list read, start and stop of as many as ``rows`` has room for."""
    n = 0
    for read in range(len(states)):
        if states[read] == CLEAN:
            continue
        first, begin = offsets[read], -1
        for i in range(first, offsets[read + 1] + 1):
            off = False
            if i < offsets[read + 1]:
                off = place[i] == OUTSIDE or (place[i] == DISPUTED and path[i] != codes[i])
            if off and begin < 0:
                begin = i
            elif not off and begin >= 0:
                if n < len(rows):
                    rows[n, 0], rows[n, 1], rows[n, 2] = read, begin - first, i - first
                n += 1
                begin = -1
    return n
