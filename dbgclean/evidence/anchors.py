"""One read threaded: its anchors, and from each to both ends.

Works on the rows of a scratch array (uint8, one column per base): 0 and 1 the read and
its qualities, 2 and 3 the same on the other strand, 4 to 7 path and dispute at two
cutoffs in the direction of travel, 8 to 10 the result: path, place of each base, 1
where a path begins. Calls are few, in one place each, and where that is all there is
to a function it is inlined: numba optimises a callee again in every caller, and all
of this is compiled on a user's first run.
"""

from __future__ import annotations

import numba
import numpy as np

from dbgclean._kernels import helper
from dbgclean.evidence.beam import Search, extend
from dbgclean.evidence.copying import copy_to
from dbgclean.evidence.gaps import DISPUTED, MAX_GAP, ON_PATH, OUTSIDE, jump, mask_seams
from dbgclean.evidence.lookup import (
    COUNT_SHIFT,
    Nodes,
    payload_of,
    successors,
)
from dbgclean.evidence.runs import free_ends, longest_run
from dbgclean.spectrum.kmers import pack, revcomp

__all__ = [
    "CLEAN",
    "FOREIGN",
    "NO_ANCHOR",
    "PARTIAL",
    "ROWS",
    "THREADED",
    "TOO_SHORT",
    "other_strand",
    "thread_read",
]

# Read states; FOREIGN may be added to PARTIAL or THREADED.
CLEAN, THREADED, PARTIAL, NO_ANCHOR, TOO_SHORT = 0, 1, 2, 3, 4
FOREIGN = 8
ROWS = 11
ANCHORS = 4
# So many k-mers of an anchor's end are looked over for forks.
_STEP_BACK = 40


@numba.njit(cache=True, nogil=True, inline="always")
def _extend_twice(
    observed: np.ndarray,
    qualities: np.ndarray,
    start: np.int64,
    end: np.int64,
    level: np.int64,
    free: np.ndarray,
    search: Search,
    rows: np.ndarray,
) -> tuple[np.int64, np.bool_]:
    """Extend at ``level``; where that stays partial, keep the lower one if it gets further.

    The path is left in rows 4 (bases) and 5 (disputed), behind the anchor's last k-mer.
    """
    k = search.k
    copy_to(rows[4], start - k, observed, start - k, start)
    forward = pack(observed, start - k, k)
    reverse = revcomp(forward, k)
    best, best_foreign = start, False
    for attempt in range(2):
        path, disputed = rows[4 + 2 * attempt], rows[5 + 2 * attempt]
        at = max(level, attempt)
        reached, foreign = extend(
            observed, qualities, start, end, forward, reverse, at, free[at], search, path,
            disputed,
        )  # fmt: skip
        if attempt == 0:
            best, best_foreign = reached, foreign
            if reached == end or level == 1:
                break
        elif reached > best:
            copy_to(rows[4], start, path, start, reached)
            copy_to(rows[5], start, disputed, start, reached)
            best, best_foreign = reached, foreign
    return best, best_foreign


@numba.njit(cache=True, nogil=True, inline="always")
def _carry(
    observed: np.ndarray,
    qualities: np.ndarray,
    start: np.int64,
    end: np.int64,
    level: np.int64,
    free: np.ndarray,
    search: Search,
    rows: np.ndarray,
    missing: np.ndarray,
) -> tuple[np.int64, np.bool_]:
    """Extend, and where that breaks off, over a gap; a deletion is left in ``missing``."""
    missing[1] = 0
    reached, foreign = _extend_twice(observed, qualities, start, end, level, free, search, rows)
    if reached == end:
        return reached, foreign
    inserted = np.zeros(MAX_GAP, np.uint8)
    got, at, size = jump(
        observed, qualities, start, reached, end, level, free[level], search, rows, inserted
    )
    if got == reached:
        return reached, foreign
    missing[0], missing[1], missing[2] = at, size, 0
    for i in range(size):
        missing[2] = (missing[2] << 2) | np.int64(inserted[i])
    return got, False


@helper
def other_strand(missing: np.ndarray, length: np.int64) -> None:
    """The same missing bases seen from the other strand."""
    bases = np.int64(0)
    for i in range(missing[1]):
        bases = (bases << 2) | (3 - ((missing[2] >> (2 * i)) & 3))
    missing[0] = length - missing[0]
    missing[2] = bases


@helper
def _note(missing: np.ndarray, found: np.ndarray, n: np.int64) -> np.int64:
    """Add a deletion to those of the read, if there is one and there is room."""
    if missing[1] == 0 or n >= len(found):
        return n
    copy_to(found[n], np.int64(0), missing, np.int64(0), np.int64(3))
    return n + 1


@helper
def _step_back(
    payloads: np.ndarray,
    first: np.int64,
    last: np.int64,
    side: np.int64,
    level: np.int64,
) -> np.int64:
    """k-mer start, within the anchor, from which to go on to one side.

    An error that turns one copy of a repeat into another is solid, and the anchor holds
    it in its last k-mers. Behind a fork the read may be taken for either arm, so the
    search begins before the forks near the anchor's end.
    """
    if side == 0:
        for i in range(max(first, last - _STEP_BACK), last):
            bits = successors(payloads[i], level)
            if bits & (bits - np.uint64(1)):
                return i
        return last
    for i in range(min(last, first + _STEP_BACK), first, -1):
        bits = (payloads[i] >> np.uint64(8 * level + 4)) & np.uint64(15)
        if bits & (bits - np.uint64(1)):
            return i
    return first


@helper
def _thread_from(
    payloads: np.ndarray,
    first: np.int64,
    last: np.int64,
    low: np.int64,
    high: np.int64,
    length: np.int64,
    level: np.int64,
    search: Search,
    rows: np.ndarray,
    found: np.ndarray,
    n_found: np.int64,
) -> tuple[np.int64, np.int64, np.bool_, np.int64]:
    """Thread both ways from the anchor ``first..last`` within bases [low, high).

    Rows 8, 9 and 10 receive the path, the place of each base and the path's start.
    """
    k = search.k
    for i in range(first, last + k):
        rows[8, i] = rows[0, i]
        rows[9, i] = ON_PATH
    missing = np.zeros(3, np.int64)
    ends, free = np.zeros(2, np.int64), np.zeros(2, np.int64)
    any_foreign = False
    for side in range(2):
        near = _step_back(payloads, first, last, np.int64(side), level)
        start = near + k if side == 0 else length - near
        end = high if side == 0 else length - low
        free_ends(rows[0], payloads, low, high, np.int64(side), end, k, free)
        reached, foreign = _carry(
            rows[2 * side], rows[2 * side + 1], start, end, level, free, search, rows, missing
        )
        if side == 1:
            other_strand(missing, length)
        n_found = _note(missing, found, n_found)
        for j in range(start, reached):
            i = j if side == 0 else length - 1 - j
            base = rows[4, j]
            rows[8, i] = 3 - base if side == 1 and base < 4 else base
            rows[9, i] = DISPUTED if rows[5, j] else ON_PATH
        ends[side] = reached
        any_foreign = any_foreign or foreign
    left = length - ends[1]
    rows[10, left] = 1
    if ends[0] < length:
        rows[10, ends[0]] = 1
    return left, ends[0], any_foreign, n_found


@helper
def _near_anchor(
    rows: np.ndarray, length: np.int64, nodes: Nodes, k: np.int64, upper: np.int64
) -> np.int64:
    """Start of a k-mer that is solid after one substitution, made in row 8; -1 if none.

    For reads too short, or too unluckily hit, to hold a clean k-mer. The k-mer must
    be the only solid one within a substitution of the read's.
    """
    top = np.uint64(2 * (k - 1))
    for start in range(0, length - k + 1, max(1, (length - k) // 2)):
        clean = True
        for i in range(start, start + k):
            clean = clean and rows[0, i] < 4
        if not clean:
            continue
        kmer = pack(rows[0], start, k)
        other = revcomp(kmer, k)
        hits, where, what = 0, 0, 0
        for i in range(k):
            shift = top - np.uint64(2 * i)
            back = np.uint64(2 * i)
            own = (kmer >> shift) & np.uint64(3)
            for change in range(1, 4):
                x = np.uint64(change)
                f = kmer ^ (x << shift)
                r = other ^ (x << back)
                if np.int64(payload_of(nodes, f, r) >> COUNT_SHIFT) >= upper:
                    hits += 1
                    where, what = i, np.int64(own ^ x)
        if hits == 1:
            copy_to(rows[8], np.int64(0), rows[0], np.int64(0), length)
            rows[8, start + where] = what
            return start
    return np.int64(-1)


@numba.njit(cache=True, nogil=True, inline="always")
def _anchor(
    length: np.int64,
    payloads: np.ndarray,
    nodes: Nodes,
    k: np.int64,
    upper: np.int64,
    rows: np.ndarray,
) -> tuple[np.int64, np.int64, np.int64, np.int64]:
    """First and last k-mer start of a read's best anchor, its level, and the base that
    had to be substituted to make it solid (-1 if none); a first of -1: no anchor."""
    zero, one, none = np.int64(0), np.int64(1), np.int64(-1)
    first, last = longest_run(rows[0], payloads, zero, length, k, upper, zero)
    if first >= 0:
        return first, last, zero, none
    first, last = longest_run(rows[0], payloads, zero, length, k, one, one)
    # A lone k-mer without a solid edge is no anchor at the lower cutoff.
    if last > first or (first >= 0 and successors(payloads[first], one) != np.uint64(0)):
        return first, last, one, none
    start = _near_anchor(rows, length, nodes, k, upper)
    for i in range(start, start + k):
        if start >= 0 and rows[8, i] != rows[0, i]:
            return start, start, zero, i
    return none, none, zero, none


@helper
def _put(rows: np.ndarray, place: np.int64, length: np.int64, base: np.uint8) -> None:
    """Make a read hold ``base`` at ``place``, on both strands."""
    rows[0, place] = base
    rows[2, length - 1 - place] = 3 - base


@numba.njit(cache=True, nogil=True, inline="always")
def thread_read(
    length: np.int64,
    payloads: np.ndarray,
    search: Search,
    rows: np.ndarray,
    found: np.ndarray,
) -> tuple[np.uint8, np.int64]:
    """Thread one oriented read (rows 0 to 3), which is not clean, into rows 8 to 10.

    ``payloads`` are those of its k-mers. From the best anchor to both ends; what is not
    reached, from further anchors, to the right first. Returns the read's state and how
    many deletions were left in ``found``.
    """
    nodes, k, upper = search.nodes, search.k, search.upper
    zero = np.int64(0)
    first, last, level, put = _anchor(length, payloads, nodes, k, upper, rows)
    if first < 0:
        return np.uint8(NO_ANCHOR), zero
    if put < 0:
        copy_to(rows[8], np.int64(0), rows[0], np.int64(0), length)
    rows[9, :length] = OUTSIDE
    rows[10, :length] = 0
    own = rows[0, max(put, zero)]
    if put >= 0:
        _put(rows, put, length, rows[8, put])
    # Every stretch leaves at most two behind; the last ones are not looked at.
    todo = np.zeros((2 * ANCHORS + 1, 2), np.int64)
    todo[0, 1] = length
    n, state, foreign, n_found = 1, PARTIAL, False, zero
    for at in range(ANCHORS):
        if at >= n:
            break
        a, b = todo[at, 0], todo[at, 1]
        if at > 0:
            level = zero
            first, last = longest_run(rows[0], payloads, a, b, k, upper, zero)
            if first < 0:
                continue
        low, high, more, n_found = _thread_from(
            payloads, first, last, a, b, length, level, search, rows, found, n_found
        )
        foreign = foreign or more
        if put >= 0:
            _put(rows, put, length, own)
            put = np.int64(-1)
        if high - low == length:
            state = THREADED
        todo[n, 0], todo[n, 1] = high, b
        todo[n + 1, 0], todo[n + 1, 1] = a, low
        n += 2
    if state == PARTIAL:
        mask_seams(rows[8], rows[9], rows[10], length, payloads, nodes, k)
    return np.uint8(state | FOREIGN) if foreign else np.uint8(state), n_found
