"""Insertions and deletions, and seams where two sequences were joined.

Substitution-only threading overwrites what follows an indel base by base until the
guard against foreign sequence stops it. Here the path is taken up again behind a
gap of a few bases. Where no gap helps, the read goes on with another sequence: a
chimera, an adapter, a genome that the sample does not hold. Such a tail, if nobody
else has it and the path it leaves is deep, is masked: it has no correction.
"""

from __future__ import annotations

import numpy as np

from dbgclean._kernels import helper
from dbgclean.evidence.beam import Search, extend
from dbgclean.evidence.copying import copy_to
from dbgclean.evidence.lookup import COUNT_SHIFT, Nodes, payload_of, successors, walk_deepest
from dbgclean.spectrum.kmers import pack, revcomp, roll

__all__ = ["DISPUTED", "GAP", "MASKED", "MAX_GAP", "ON_PATH", "OUTSIDE", "jump", "mask_seams"]

# What a base of a threaded read is: outside any path, on the path, disputed by a
# path of nearly the same cost, or masked because nothing supports it.
OUTSIDE, ON_PATH, DISPUTED, MASKED = 0, 1, 2, 3
# In a path: the read's base is an insertion and goes.
GAP = 5
MAX_GAP = 6
# A gap must be followed by this many bases that thread.
_MIN_RESUME = 8
# Cost (nats) of a gap and of each of its bases: Illumina indels are some 100 times
# rarer than substitutions (Schirmer 2016, doi:10.1186/s12859-016-0976-y).
_GAP_OPEN, _GAP_BASE = 7.0, 1.0
# Edits of any quality this close together belong to the same disturbance.
_CHAIN = 5
# The path that a seam leaves must be at least this deep for absence to mean much.
_MIN_SEAM_DEPTH = 8
_PAIR_SEAM_DEPTH = 20
# Bases that may fit the paths on both sides of a seam.
_SEAM_OVERLAP = 8


@helper
def _break_point(
    observed: np.ndarray, path: np.ndarray, start: np.int64, reached: np.int64
) -> np.int64:
    """First of the chain of edits that ends at ``reached``."""
    first = reached
    i = reached - 1
    while i >= start and first - i <= _CHAIN:
        if path[i] != observed[i]:
            first = i
        i -= 1
    return first


@helper
def _edit_total(
    observed: np.ndarray, qualities: np.ndarray, path: np.ndarray, start: np.int64,
    end: np.int64, costs: np.ndarray,
) -> np.float64:  # fmt: skip
    total = 0.0
    for i in range(start, end):
        if observed[i] < 4 and path[i] != observed[i]:
            total += costs[qualities[i]]
    return total


@helper
def jump(
    observed: np.ndarray,
    qualities: np.ndarray,
    start: np.int64,
    reached: np.int64,
    end: np.int64,
    level: np.int64,
    free: np.int64,
    search: Search,
    rows: np.ndarray,
    inserted: np.ndarray,
) -> tuple[np.int64, np.int64, np.int64]:
    """Resume a broken path behind the cheapest gap that carries it to ``end``.

    ``rows[4, start - k:reached]`` holds the path so far, row 5 what of it is disputed; where
    a gap is found the rest is written there, with ``GAP`` for bases of the read that go.

    Returns
    -------
    reached, place, size
        The new end; where a deletion was found, the place before which ``size``
        bases, left in ``inserted``, are missing from the read (else size 0). If no
        gap helps, ``reached`` is returned as it came.
    """
    path, ambiguous, trial, trial_ambiguous = rows[4], rows[5], rows[6], rows[7]
    at = _break_point(observed, path, start, reached)
    nodes, k, zero = search.nodes, search.k, np.int64(0)
    best_cost, best_size = np.inf, 0
    walked, work = np.zeros(MAX_GAP, np.uint8), np.zeros(k + MAX_GAP, np.uint8)
    for size in range(-MAX_GAP, MAX_GAP + 1):
        gap, resume = abs(size), at + max(size, 0)
        if size == 0 or end - resume < _MIN_RESUME:
            continue
        copy_to(work, zero, path, at - k, at)
        if size < 0:
            last = pack(path, at - k, k)
            if walk_deepest(last, revcomp(last, k), level, nodes, k, walked[:gap]) < gap:
                continue
            copy_to(work, k, walked, zero, np.int64(gap))
        forward = pack(work, np.int64(gap if size < 0 else 0), k)
        got, foreign = extend(
            observed, qualities, resume, end, forward, revcomp(forward, k), level, free,
            search, trial, trial_ambiguous,
        )  # fmt: skip
        if got < end or foreign:
            continue
        edits = _edit_total(observed, qualities, trial, resume, end, search.costs)
        cost = _GAP_OPEN + _GAP_BASE * gap + edits
        if cost < best_cost and cost < (end - resume) * 0.8:
            best_cost, best_size = cost, size
            copy_to(path, resume, trial, resume, end)
            ambiguous[at:resume] = 0
            copy_to(ambiguous, resume, trial_ambiguous, resume, end)
            copy_to(inserted, zero, walked, zero, np.int64(gap))
    if best_size == 0:
        return reached, at, 0
    if best_size > 0:
        path[at : at + best_size] = GAP
    return end, at, max(0, -best_size)


@helper
def _depth_beyond(
    path: np.ndarray, place: np.ndarray, at: np.int64, step: np.int64, length: np.int64,
    nodes: Nodes, k: np.int64,
) -> np.int64:  # fmt: skip
    """Depth at which the path that ends at base ``at`` (going by ``step``) goes on."""
    forward = np.uint64(0)
    for i in range(k):
        j = at - step * (k - 1 - i)
        if j < 0 or j >= length or place[j] == OUTSIDE or path[j] > 3:
            return np.int64(0)
        c = path[j] if step > 0 else 3 - path[j]
        forward = (forward << np.uint64(2)) | np.uint64(c)
    reverse = revcomp(forward, k)
    bits = successors(payload_of(nodes, forward, reverse), np.int64(0))
    deepest = np.uint64(0)
    for b in range(4):
        if (bits >> np.uint64(b)) & np.uint64(1):
            f, r = roll(forward, reverse, b, k)
            deepest = max(deepest, payload_of(nodes, f, r) >> COUNT_SHIFT)
    return np.int64(deepest)


@helper
def _nobody_else(
    depth: np.int64,
    payloads: np.ndarray,
    first: np.int64,
    last: np.int64,
    length: np.int64,
    k: np.int64,
) -> np.bool_:
    """No other fragment has a k-mer that touches bases ``first..last``, though many should.

    Two copies may be the two mates of one fragment, so they count as one where the
    path is deep enough for two to be too few.
    """
    if depth < _MIN_SEAM_DEPTH:
        return False
    allowed = np.uint64(2 if depth >= _PAIR_SEAM_DEPTH else 0)
    for i in range(max(0, first - k + 1), min(last, length - k) + 1):
        if payloads[i] >> COUNT_SHIFT > allowed:
            return False
    return True


@helper
def _joined_by_nobody_else(
    depth: np.int64, payloads: np.ndarray, seam: np.int64, length: np.int64, k: np.int64
) -> np.bool_:
    """No other fragment goes over the seam before base ``seam``, though many should.

    Where a few bases fit either path there is no saying at which of them the two were
    joined, and the outermost k-mers over the seam may belong to one path alone.
    """
    if depth < _MIN_SEAM_DEPTH:
        return False
    allowed = np.uint64(2 if depth >= _PAIR_SEAM_DEPTH else 0)
    first, last = max(0, seam - k + 1), min(seam - 1, length - k)
    for _ in range(_SEAM_OVERLAP):
        if first < last and payloads[first] >> COUNT_SHIFT > allowed:
            first += 1
        if first < last and payloads[last] >> COUNT_SHIFT > allowed:
            last -= 1
    for i in range(first, last + 1):
        if payloads[i] >> COUNT_SHIFT > allowed:
            return False
    return first <= last


@helper
def mask_seams(
    path: np.ndarray,
    place: np.ndarray,
    starts: np.ndarray,
    length: np.int64,
    payloads: np.ndarray,
    nodes: Nodes,
    k: np.int64,
) -> None:
    """Mark as MASKED what follows a seam that only this fragment has.

    Parameters
    ----------
    path, place
        uint8 (length,): the threaded read.
    starts
        uint8 (length,): 1 where a path begins right behind another.
    payloads
        uint64 (length,): of the read's own k-mers; 0 where seen once.
    """
    i = np.int64(0)
    ahead, back = np.int64(1), np.int64(-1)
    while i < length:
        if place[i] == OUTSIDE:
            last = i
            while last + 1 < length and place[last + 1] == OUTSIDE:
                last += 1
            depth = np.int64(0)
            if i > 0:
                depth = _depth_beyond(path, place, i - 1, ahead, length, nodes, k)
            if last + 1 < length:
                beyond = _depth_beyond(path, place, last + 1, back, length, nodes, k)
                depth = max(depth, beyond)
            if _nobody_else(depth, payloads, i, last, length, k):
                place[i : last + 1] = MASKED
            i = last
        elif starts[i] and i > 0 and place[i - 1] != OUTSIDE:
            # Two paths meet here: one masked base keeps them apart.
            depth = _depth_beyond(path, place, i - 1, ahead, length, nodes, k)
            if _joined_by_nobody_else(depth, payloads, i, length, k):
                place[i] = MASKED
        i += 1
