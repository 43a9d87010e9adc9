"""Where a gap may stand, and what it is called whichever strand and place it was found at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.copying import copy_to
from dbgclean.evidence.gaps import MASKED, MAX_GAP, OUTSIDE
from dbgclean.evidence.lookup import COUNT_SHIFT, Nodes, payload_of
from dbgclean.spectrum.hashing import GOLDEN
from dbgclean.spectrum.kmers import revcomp

__all__ = [
    "FLANK",
    "FLANKS_SHIFT",
    "KIND_SHIFT",
    "REACH",
    "RUNS",
    "Described",
    "Threaded",
    "Where",
    "describe_gaps",
    "flanks_of",
    "homopolymers",
]

# Path bases that have to follow on either side. Beyond a gap of a read threading goes on
# for at least eight.
FLANK = 8
# Homopolymers are told apart up to this length.
RUNS = 16
# Path bases looked at on either side: k - 1 for the depth, or a long repeat.
REACH = 48
_NEAR = 5
# A gap's key: its kind above the bits of a 31-mer (1: the reads have more; 2: they have less),
# the flanks, and what lies between and how much more or less of it there is, hashed.
KIND_SHIFT = np.uint64(62)
FLANKS_SHIFT = 30
# Path bases on either side of the one that stands for the gap's place.
_SITE = 15


class Where(NamedTuple):
    """Gaps of a batch.

    ``at``, ``read`` int64: place in the batch's arrays, and which read. ``size`` int64:
    bases that the read has more there, or (negative) that are missing before it; those are
    in ``value`` (int64), 2 bits each, the first in the highest.
    """

    at: np.ndarray
    read: np.ndarray
    size: np.ndarray
    value: np.ndarray


class Threaded(NamedTuple):
    """The batch: reads, their paths, and where bases are missing: uint8 (n_bases + 1,)."""

    codes: np.ndarray
    quals: np.ndarray
    offsets: np.ndarray
    path: np.ndarray
    place: np.ndarray
    missing: np.ndarray


class Described(NamedTuple):
    """One row per gap.

    Attributes
    ----------
    key
        uint64: see `KIND_SHIFT`; that of the smaller strand. 0: not to be filed.
    strand
        uint8: 1 where the read runs against it.
    quality
        uint8: mean Phred of the five bases on either side.
    rate_class
        uint8: of the rate at which such gaps are errors.
    depth
        int32: of the deepest path k-mer that spans all its places; 0 if none does.
    site
        uint64: the path's 31-mer over its places, on the key's strand; 0 where the read's
        path is too short.
    """

    key: np.ndarray
    strand: np.ndarray
    quality: np.ndarray
    rate_class: np.ndarray
    depth: np.ndarray
    site: np.ndarray

    @classmethod
    def empty(cls, n: int) -> Described:
        """Zeros for ``n`` gaps."""
        kinds = (np.uint64, np.uint8, np.uint8, np.uint8, np.int32, np.uint64)
        return cls(*(np.zeros(n, kind) for kind in kinds))


def flanks_of(keys: np.ndarray) -> np.ndarray:
    """Eight path bases on either side of gaps (keys: uint64 (n,)), 2 bits each: uint64 (n,)."""
    return (keys >> np.uint64(FLANKS_SHIFT)) & np.uint64((1 << 4 * FLANK) - 1)


@kernel
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


@helper
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


@helper
def _shift(
    own: np.ndarray, n: np.int64, ahead: np.ndarray, n_ahead: np.int64, left: np.int64
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


@helper
def _span(
    left: np.ndarray, right: np.ndarray, n_left: np.int64, n_right: np.int64, own: np.ndarray,
    n_own: np.int64,
) -> np.ndarray:  # fmt: skip
    """The path from its first base on the left to its last on the right."""
    whole = np.zeros(n_left + n_own + n_right, np.uint8)
    for i in range(n_left):
        whole[n_left - 1 - i] = left[i]
    copy_to(whole, n_left, own, np.int64(0), n_own)
    copy_to(whole, n_left + n_own, right, np.int64(0), n_right)
    return whole


@helper
def _depth(
    whole: np.ndarray, first: np.int64, last: np.int64, nodes: Nodes, k: np.int64
) -> np.int64:
    """Deepest k-mer of a path that spans its bases ``first`` to ``last``; 0 if none does."""
    deepest = np.int64(0)
    for start in range(max(0, last - k + 1), min(len(whole) - k, first) + 1):
        kmer = np.uint64(0)
        for i in range(start, start + k):
            kmer = (kmer << np.uint64(2)) | np.uint64(whole[i])
        here = np.int64(payload_of(nodes, kmer, revcomp(kmer, k)) >> COUNT_SHIFT)
        deepest = max(deepest, here)
    return deepest


@helper
def _site(whole: np.ndarray, middle: np.int64, turned: np.bool_) -> np.uint64:
    """The path's 31-mer around ``middle``; 0 where the path is too short."""
    kmer = np.uint64(0)
    if middle < _SITE or middle + _SITE >= len(whole):
        return kmer
    for i in range(middle - _SITE, middle + _SITE + 1):
        kmer = (kmer << np.uint64(2)) | np.uint64(whole[i])
    return revcomp(kmer, np.int64(2 * _SITE + 1)) if turned else kmer


@helper
def _name(
    left: np.ndarray, right: np.ndarray, a: np.int64, b: np.int64, middle: np.ndarray,
    n_middle: np.int64, size: np.int64, turned: np.int64,
) -> np.uint64:  # fmt: skip
    """Kind, flanks and hash of the middle, on one of the two strands."""
    flanks = np.uint64(0)
    for i in range(2 * FLANK):
        j = 2 * FLANK - 1 - i if turned else i
        c = left[a + FLANK - 1 - j] if j < FLANK else right[b + j - FLANK]
        flanks = (flanks << np.uint64(2)) | np.uint64(3 - c if turned else c)
    name = np.uint64(size + 16)
    for i in range(n_middle):
        c = 3 - middle[n_middle - 1 - i] if turned else middle[i]
        name = name * np.uint64(5) + np.uint64(c + 1)
    name = (name * GOLDEN) >> np.uint64(64 - FLANKS_SHIFT)
    kind = np.uint64(1 if size > 0 else 2)
    return (kind << KIND_SHIFT) | (flanks << np.uint64(FLANKS_SHIFT)) | name


@helper
def _mean_quality(
    quals: np.ndarray, low: np.int64, high: np.int64, at: np.int64, behind: np.int64
) -> np.uint8:
    """Of the bases around a gap, those that are not in it."""
    total, count = 0, 0
    for i in range(max(low, at - _NEAR), min(high, behind + _NEAR)):
        if i < at or i >= behind:
            total += quals[i]
            count += 1
    return np.uint8(total // max(1, count))


@kernel
def describe_gaps(
    where: Where, threaded: Threaded, nodes: Nodes, k: np.int64, out: Described
) -> None:
    """Fill one row of ``out`` per gap."""
    codes, path, place = threaded.codes, threaded.path, threaded.place
    left, right = np.zeros(REACH, np.uint8), np.zeros(REACH, np.uint8)
    own = np.zeros(MAX_GAP, np.uint8)
    middle = np.zeros(2 * REACH + MAX_GAP, np.uint8)
    for g in range(len(where.at)):
        at, size, value = where.at[g], where.size[g], where.value[g]
        low, high = threaded.offsets[where.read[g]], threaded.offsets[where.read[g] + 1]
        n = np.int64(abs(size))
        behind = at + (size if size > 0 else 0)
        if n > MAX_GAP:
            continue
        known = True
        for i in range(n):
            own[i] = codes[at + i] if size > 0 else (value >> (2 * (n - 1 - i))) & 3
            known = known and own[i] < 4
        if not known:
            continue
        missing = threaded.missing
        n_left = _walk(at - 1, np.int64(-1), low, high, path, place, missing, left)
        n_right = _walk(behind, np.int64(1), low, high, path, place, missing, right)
        a = _shift(own, n, left, n_left, np.int64(1))
        b = _shift(own, n, right, n_right, np.int64(0))
        if n_left - a < FLANK or n_right - b < FLANK:
            continue
        for i in range(a):
            middle[i] = left[a - 1 - i]
        copy_to(middle, a, own, np.int64(0), n)
        copy_to(middle, a + n, right, np.int64(0), b)
        along = _name(left, right, a, b, middle, n + a + b, size, np.int64(0))
        turned = _name(left, right, a, b, middle, n + a + b, size, np.int64(1))
        out.key[g] = min(along, turned)
        out.strand[g] = turned < along
        n_own = n if size < 0 else np.int64(0)
        if n == 1:
            out.rate_class[g] = min(a + b + n_own, RUNS - 1)
        else:
            out.rate_class[g] = RUNS + (1 if a + b >= n else 0)
        out.quality[g] = _mean_quality(threaded.quals, low, high, at, behind)
        whole = _span(left, right, n_left, n_right, own, n_own)
        out.depth[g] = _depth(whole, n_left - a - 1, n_left + n_own + b, nodes, k)
        out.site[g] = _site(whole, n_left - a + (a + n_own + b) // 2, turned < along)
