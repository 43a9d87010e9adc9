"""Where a gap may stand, and what it is called whichever strand and place it was found at."""

from __future__ import annotations

import numba
import numpy as np

from dbgclean.evidence.copying import copy_to
from dbgclean.evidence.gaps import MASKED, MAX_GAP, OUTSIDE
from dbgclean.evidence.lookup import COUNT_SHIFT, Nodes, payload_of
from dbgclean.spectrum.kmers import revcomp

__all__ = ["FLANK", "REACH", "RUNS", "describe_gaps", "homopolymers"]

# Path bases that have to follow on either side. Beyond a gap of a read threading goes on
# for at least eight.
FLANK = 8
# Homopolymers are told apart up to this length.
RUNS = 16
# Path bases looked at on either side: k - 1 for the depth, or a long repeat.
REACH = 48
_NEAR = 5


@numba.njit(cache=True, nogil=True)
def homopolymers(codes: np.ndarray, offsets: np.ndarray, counts: np.ndarray) -> None:
    """Add the runs of equal bases in the reads to ``counts``, by length."""
    longest = len(counts) - 1
    # Every base adds to the number of runs that get as far; where a run ends is a coin
    # toss to the branch predictor. The cells at the ends take what does not count.
    reach = np.zeros(longest + 2, np.int64)
    for r in range(len(offsets) - 1):
        run = np.int64(0)
        last = np.uint8(255)
        for i in range(offsets[r], offsets[r + 1]):
            code = codes[i]
            run = min(np.int64(run * np.int64(code == last) + 1), np.int64(longest + 1))
            last = code
            reach[run * np.int64(code < 4)] += 1
    for run in range(1, longest):
        counts[run] += reach[run] - reach[run + 1]
    counts[longest] += reach[longest]


@numba.njit(cache=True, nogil=True)
def _walk(
    first: np.int64,
    step: np.int64,
    low: np.int64,
    high: np.int64,
    path: np.ndarray,
    place: np.ndarray,
    missing: np.ndarray,
    out: np.ndarray,
) -> np.int64:
    """Path bases from ``first`` on within [low, high), until the path ends or has a gap."""
    n = 0
    i = first
    while n < len(out) and low <= i < high:
        if place[i] == OUTSIDE or place[i] == MASKED or path[i] > 3:
            break
        if n > 0 and missing[i if step > 0 else i + 1]:
            break
        out[n] = path[i]
        n += 1
        i += step
    return np.int64(n)


@numba.njit(cache=True, nogil=True)
def _shift(
    own: np.ndarray, n: np.int64, ahead: np.ndarray, n_ahead: np.int64, left: np.bool_
) -> np.int64:
    """How far a gap of the bases ``own`` can move towards ``ahead`` without a difference.

    By one where the next base is the one that the gap gives away on that side; what it
    gives away comes round again after ``n`` steps.
    """
    moved = 0
    while moved < n_ahead:
        if moved >= n:
            away = ahead[moved - n]
        else:
            away = own[n - 1 - moved] if left else own[moved]
        if ahead[moved] != away:
            break
        moved += 1
    return np.int64(moved)


@numba.njit(cache=True, nogil=True)
def _depth(
    left: np.ndarray, right: np.ndarray, n_left: np.int64, n_right: np.int64, a: np.int64,
    b: np.int64, own: np.ndarray, n_own: np.int64, nodes: Nodes, k: np.int64,
) -> np.int64:  # fmt: skip
    """Deepest path k-mer that spans all places of the gap; 0 if none does."""
    n_left, n_right = min(n_left, k - 1), min(n_right, k - 1)
    size = n_left + n_own + n_right
    whole = np.zeros(size, np.uint8)
    for i in range(n_left):
        whole[n_left - 1 - i] = left[i]
    copy_to(whole, n_left, own, np.int64(0), n_own)
    copy_to(whole, n_left + n_own, right, np.int64(0), n_right)
    first, last = n_left - a - 1, n_left + n_own + b
    deepest = np.int64(0)
    for start in range(size - k + 1):
        if start > first or start + k <= last:
            continue
        kmer = np.uint64(0)
        for i in range(start, start + k):
            kmer = (kmer << np.uint64(2)) | np.uint64(whole[i])
        here = np.int64(payload_of(nodes, kmer, revcomp(kmer, k)) >> COUNT_SHIFT)
        deepest = max(deepest, here)
    return deepest


@numba.njit(cache=True, nogil=True)
def _name(
    left: np.ndarray, right: np.ndarray, a: np.int64, b: np.int64, middle: np.ndarray,
    n_middle: np.int64, size: np.int64, turned: np.bool_,
) -> tuple[np.uint64, np.uint64]:  # fmt: skip
    """Flanks and hash of the middle, on one of the two strands."""
    flanks = np.uint64(0)
    for i in range(2 * FLANK):
        j = 2 * FLANK - 1 - i if turned else i
        c = left[a + FLANK - 1 - j] if j < FLANK else right[b + j - FLANK]
        flanks = (flanks << np.uint64(2)) | np.uint64(3 - c if turned else c)
    name = np.uint64(size + 16)
    for i in range(n_middle):
        c = 3 - middle[n_middle - 1 - i] if turned else middle[i]
        name = name * np.uint64(5) + np.uint64(c + 1)
    return flanks, name


@numba.njit(cache=True, nogil=True)
def describe_gaps(
    at: np.ndarray,
    read: np.ndarray,
    size: np.ndarray,
    value: np.ndarray,
    codes: np.ndarray,
    quals: np.ndarray,
    offsets: np.ndarray,
    path: np.ndarray,
    place: np.ndarray,
    missing: np.ndarray,
    nodes: Nodes,
    k: np.int64,
    keys: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Fill one row per gap: its name in ``keys``, what else is known in ``rows``.

    Parameters
    ----------
    at, read
        int64: place in the batch's arrays, and which read.
    size
        int64: bases that the read has more there, or (negative) that are missing
        before it; those are in ``value``, 2 bits each, the first in the highest.
    missing
        uint8 (n_bases + 1,): 1 where bases are missing before this one.
    keys
        uint64 (n, 2), out: flanks and middle.
    rows
        int64 (n, 5), out: size, class of its rate, strand, mean quality around it, and
        depth. Size 0: not to be filed.
    """
    left, right = np.zeros(REACH, np.uint8), np.zeros(REACH, np.uint8)
    own = np.zeros(MAX_GAP, np.uint8)
    middle = np.zeros(2 * REACH + MAX_GAP, np.uint8)
    for g in range(len(at)):
        low, high = offsets[read[g]], offsets[read[g] + 1]
        n = abs(size[g])
        behind = at[g] + (size[g] if size[g] > 0 else 0)
        if n > MAX_GAP:
            continue
        known = True
        for i in range(n):
            own[i] = codes[at[g] + i] if size[g] > 0 else (value[g] >> (2 * (n - 1 - i))) & 3
            known = known and own[i] < 4
        if not known:
            continue
        n_left = _walk(at[g] - 1, np.int64(-1), low, high, path, place, missing, left)
        n_right = _walk(behind, np.int64(1), low, high, path, place, missing, right)
        a = _shift(own, n, left, n_left, True)
        b = _shift(own, n, right, n_right, False)
        if n_left - a < FLANK or n_right - b < FLANK:
            continue
        for i in range(a):
            middle[i] = left[a - 1 - i]
        copy_to(middle, a, own, np.int64(0), np.int64(n))
        copy_to(middle, a + n, right, np.int64(0), b)
        flanks, name = _name(left, right, a, b, middle, n + a + b, size[g], False)
        other, other_name = _name(left, right, a, b, middle, n + a + b, size[g], True)
        against = other < flanks or (other == flanks and other_name < name)
        keys[g, 0] = other if against else flanks
        keys[g, 1] = other_name if against else name
        rows[g, 0] = size[g]
        if n == 1:
            rows[g, 1] = min(a + b + (1 if size[g] < 0 else 0), RUNS - 1)
        else:
            rows[g, 1] = RUNS + (1 if a + b >= n else 0)
        rows[g, 2] = 1 if against else 0
        total, count = 0, 0
        for i in range(max(low, at[g] - _NEAR), min(high, behind + _NEAR)):
            if i < at[g] or i >= behind:
                total += quals[i]
                count += 1
        rows[g, 3] = total // max(1, count)
        rows[g, 4] = _depth(
            left, right, n_left, n_right, a, b, own, n if size[g] < 0 else np.int64(0), nodes, k
        )
