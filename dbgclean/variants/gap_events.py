"""The gaps that placed reads have, under one name for all that mean the same."""

from __future__ import annotations

import numba
import numpy as np

from dbgclean.variants.placement import OFF, Placement

__all__ = ["gap_events"]


def gap_events(placement: Placement, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gaps of all reads, named so that what means the same has one name.

    Returns
    -------
    events
        int64 (n, 5), in the order of the reads: read, offset of the last reference base
        before the gap where it is moved to the left as far as it goes, bases deleted,
        bases inserted, and index in ``placement`` of the first base behind what is deleted
        or of the first that is put in.
    inserted
        uint64 (n,): hash of the inserted bases as they stand at that place.
    """
    flat = placement.where
    jump = np.zeros(len(flat), bool)
    jump[:-1] = (flat[:-1] >= 0) & (flat[1:] != flat[:-1] + 1)
    room = int(np.count_nonzero(jump))
    events, names = np.zeros((room, 5), np.int64), np.zeros(room, np.uint64)
    n = _gap_events(placement.codes, placement.offsets, flat, reference, events, names)
    return events[:n], names[:n]


@numba.njit(cache=True, nogil=True)
def _moved(
    codes: np.ndarray, reference: np.ndarray, p: int, lacking: int, extra: int, first: int
) -> int:
    """How far a gap behind base ``p`` of the reference goes to the left."""
    moved = 0
    if lacking == 0:
        while p - moved >= 0 and reference[p - moved] == codes[first + (extra - 1 - moved) % extra]:
            moved += 1
    elif extra == 0:
        while p - moved >= 0 and reference[p - moved] == reference[p - moved + lacking]:
            moved += 1
    return moved


@numba.njit(cache=True, nogil=True)
def _gap_events(
    codes: np.ndarray, offsets: np.ndarray, where: np.ndarray, reference: np.ndarray,
    events: np.ndarray, names: np.ndarray,
) -> int:  # fmt: skip
    n = 0
    for r in range(len(offsets) - 1):
        last = -1
        for j in range(offsets[r], offsets[r + 1]):
            if where[j] == OFF:
                last = -1
            if where[j] < 0:
                continue
            extra = j - last - 1
            lacking = where[j] - where[last] - 1 if last >= 0 else 0
            if last >= 0 and (extra > 0 or lacking > 0):
                moved = _moved(codes, reference, where[last], lacking, extra, last + 1)
                name = np.uint64(extra)
                for i in range(extra):
                    base = codes[last + 1 + (i - moved) % extra]
                    name = name * np.uint64(1000003) + np.uint64(base + 1)
                if where[last] - moved >= 0:
                    names[n] = name
                    events[n, 0], events[n, 1], events[n, 2] = r, where[last] - moved, lacking
                    events[n, 3], events[n, 4] = extra, last + 1
                    n += 1
            last = j
    return n
