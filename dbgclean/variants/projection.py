"""Placed reads as threads along the reference: what the corrector's evidence is gathered from.

However a read was laid in the end, here it differs from the reference and from nothing
else: bases to edit, bases to drop, bases that are missing. So an allele that every read
has is an edit like one that a single read has.
"""

from __future__ import annotations

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.gaps import DISPUTED, GAP, MAX_GAP, ON_PATH, OUTSIDE
from dbgclean.evidence.threading import (
    CLEAN,
    FOREIGN,
    NO_ANCHOR,
    PARTIAL,
    THREADED,
    TOO_SHORT,
    Threads,
)
from dbgclean.reads import ReadBatch
from dbgclean.variants.placement import INSERTED, OFF, Placement

__all__ = ["project", "slice_reads"]


def project(
    batch: ReadBatch, placement: Placement, reference: np.ndarray, states: np.ndarray
) -> Threads:
    """Threads of a batch whose path is the reference wherever a base lies on it.

    Parameters
    ----------
    states
        uint8 (n_reads,), of the threading: which reads were too short to be threaded.
    """
    path = batch.codes.copy()
    place = np.full(len(path), OUTSIDE, np.uint8)
    where = placement.where
    jumps = int(np.count_nonzero((where[:-1] >= 0) & (where[1:] > where[:-1] + 1)))
    jumps += int(np.count_nonzero((where[:-1] == INSERTED) & (where[1:] >= 0)))
    missing = np.zeros((jumps, 3), np.int64)
    differs = np.zeros(len(batch), np.uint8)
    off = np.zeros(len(batch), np.int64)
    n = _project(batch.codes, placement, reference, path, place, missing, differs, off)
    length = np.diff(batch.offsets)
    new = np.where(differs > 0, THREADED, CLEAN)
    new = np.where(off > 0, PARTIAL, new)
    new = np.where(off == length, NO_ANCHOR, new)
    new = np.where((states == TOO_SHORT) & (off == length), TOO_SHORT, new)
    new = new | np.where(placement.foreign & (off > 0), FOREIGN, 0)
    return Threads(path, place, missing[:n], new.astype(np.uint8))


@kernel
def _project(
    codes: np.ndarray, placed: Placement, reference: np.ndarray, path: np.ndarray,
    place: np.ndarray, missing: np.ndarray, differs: np.ndarray, off: np.ndarray,
) -> int:  # fmt: skip
    offsets, turned, where = placed.offsets, placed.turned, placed.where
    n = 0
    for r in range(len(offsets) - 1):
        start, stop = offsets[r], offsets[r + 1]
        last = -1
        for j in range(start, stop):
            i = start + stop - 1 - j if turned[r] else j
            p = where[j]
            if p == OFF or (p >= 0 and reference[p] > 3):
                off[r] += 1
                last = -1
                continue
            if p == INSERTED:
                differs[r] = 1
                # What the corrector would not take for a gap it is not told of.
                if _run(where, j, start, stop) <= MAX_GAP:
                    path[i] = GAP
                    place[i] = ON_PATH
                continue
            place[i] = ON_PATH
            path[i] = 3 - reference[p] if turned[r] else reference[p]
            if path[i] != codes[i]:
                differs[r] = 1
                if placed.disputed[j]:
                    place[i] = DISPUTED
            lacking = p - where[last] - 1 if last >= 0 else 0
            if lacking > 0:
                differs[r] = 1
            if 0 < lacking <= MAX_GAP:
                missing[n, 0] = start + stop - 1 - last if turned[r] else j
                missing[n, 1] = lacking
                missing[n, 2] = _packed(reference, where[last] + 1, p, turned[r])
                n += 1
            last = j
    return n


@helper
def _run(where: np.ndarray, j: int, start: int, stop: int) -> int:
    """Inserted bases in a row around base ``j``, counted to a few more than a gap has."""
    low, high = j, j
    while low > start and where[low - 1] == INSERTED and j - low <= MAX_GAP:
        low -= 1
    while high + 1 < stop and where[high + 1] == INSERTED and high - j <= MAX_GAP:
        high += 1
    return high - low + 1


@helper
def _packed(reference: np.ndarray, start: int, stop: int, turned: bool) -> int:
    """Bases of the reference as the read would have them, 2 bits each, first in the highest."""
    bases = 0
    for x in range(stop - start):
        base = 3 - reference[stop - 1 - x] if turned else reference[start + x]
        bases = (bases << 2) | int(base)
    return bases


def slice_reads(
    batch: ReadBatch, threads: Threads, first: int, last: int, *, paired: bool
) -> tuple[ReadBatch, Threads]:
    """Reads ``first`` to ``last`` (exclusive) of a batch and their threads."""
    low, high = int(batch.offsets[first]), int(batch.offsets[last])
    mine = (threads.missing[:, 0] >= low) & (threads.missing[:, 0] < high)
    missing = threads.missing[mine]
    missing[:, 0] -= low
    starts, size = batch.offsets[first:last], np.diff(batch.offsets[first : last + 1])
    part = batch.parts(starts, size, paired=paired)
    return part, Threads(
        threads.path[low:high], threads.place[low:high], missing, threads.states[first:last]
    )
