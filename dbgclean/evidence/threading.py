"""Reads through the solid graph: what each read would be if nothing weak were real.

For every read the longest run of solid k-mers is the anchor; a beam search
(`dbgclean.evidence.beam`) carries it to both ends over solid k-mers only. What
stays partial is tried again at the lower cutoff, then from up to three further
anchors. The result is a *proposal*: nothing is edited until the alternatives have
been pooled over all reads and judged (`dbgclean.evidence.alternatives`).

The order, threading first and judging after, and the costs follow the spectral
alignment of BFC (Li 2015, doi:10.1093/bioinformatics/btv290) in so far as both
search paths over trusted k-mers instead of walking greedily.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

from dbgclean.evidence.beam import Beam, extend, new_beam
from dbgclean.evidence.gaps import (
    DISPUTED,
    MAX_GAP,
    ON_PATH,
    OUTSIDE,
    jump,
    mask_seams,
)
from dbgclean.evidence.solid import SolidGraph, payload_of, successors
from dbgclean.spectrum.kmers import revcomp

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = [
    "CLEAN",
    "FOREIGN",
    "NO_ANCHOR",
    "PARTIAL",
    "THREADED",
    "TOO_SHORT",
    "Threads",
    "default_quality",
    "thread_batch",
]

# Read states; FOREIGN may be added to PARTIAL or THREADED.
CLEAN, THREADED, PARTIAL, NO_ANCHOR, TOO_SHORT = 0, 1, 2, 3, 4
FOREIGN = 8
_ANCHORS = 4
# FASTA has no qualities: as if every base were Q20.
default_quality = 20


@dataclass(frozen=True, slots=True)
class Threads:
    """Paths of a batch of reads, aligned with the batch's own arrays.

    Attributes
    ----------
    path
        uint8 (n_bases,): the path's base where the read is threaded, else the
        observed code; GAP (5) for a base that the path does not have.
    place
        uint8 (n_bases,): OUTSIDE any path, ON_PATH, DISPUTED or MASKED.
    missing
        int64 (n, 3): base index in the batch before which bases are missing from
        the read, how many, and which (2 bits each, the first in the highest).
    states
        uint8 (n_reads,): CLEAN, THREADED, PARTIAL, NO_ANCHOR or TOO_SHORT, plus
        FOREIGN where a cluster of high-quality edits stopped a path.
    """

    path: np.ndarray
    place: np.ndarray
    missing: np.ndarray
    states: np.ndarray


def edit_costs() -> np.ndarray:
    """Cost in nats of reading another base than the observed, by Phred quality."""
    quality = np.arange(94)
    error = np.minimum(10 ** (-np.maximum(quality, 2) / 10), 0.6)
    return np.maximum(np.log((1 - error) / (error / 3)), 0.5)


def thread_batch(batch: ReadBatch, graph: SolidGraph, threads: int = 1) -> Threads:
    """Thread every read of a batch; the result is the same at any thread count."""
    codes, offsets = batch.codes, batch.offsets
    quals = batch.quals
    if quals is None:
        quals = np.full(len(codes), default_quality, np.uint8)
    path = codes.copy()
    place = np.zeros(len(codes), np.uint8)
    states = np.zeros(len(offsets) - 1, np.uint8)
    costs = edit_costs()
    longest = int(np.diff(offsets).max(initial=0))
    bounds = np.linspace(0, len(states), (4 * threads if threads > 1 else 1) + 1).astype(np.int64)

    def work(span: tuple[int, int]) -> np.ndarray:
        missing = np.zeros((2 * (span[1] - span[0]), 3), np.int64)
        n = _thread_reads(
            codes, quals, offsets, span[0], span[1], graph.slots, np.int64(graph.k),
            np.int64(graph.upper), costs, new_beam(longest), _new_scratch(longest),
            path, place, states, missing,
        )  # fmt: skip
        return missing[:n].copy()

    with ThreadPoolExecutor(threads) as pool:
        missing = list(pool.map(work, zip(bounds[:-1], bounds[1:], strict=True)))
    return Threads(path, place, np.concatenate(missing), states)


def _new_scratch(longest: int) -> np.ndarray:
    """Rows: observed and quality on both strands, path and dispute of two levels,
    then the result: path, place, where a path starts."""
    return np.zeros((11, max(1, longest)), np.uint8)


@numba.njit(cache=True, nogil=True)
def _orient(
    codes: np.ndarray, quals: np.ndarray, start: np.int64, length: np.int64, rows: np.ndarray
) -> np.bool_:
    """Copy a read so that it and its reverse complement are treated alike.

    Row 0 and 1 get the lexicographically smaller strand and its qualities, row 2
    and 3 the other. Returns whether the read was turned. Every tie the search
    breaks by base order then breaks the same way on both strands.
    """
    turned = False
    for i in range(length):
        a = codes[start + i]
        b = codes[start + length - 1 - i]
        c = np.uint8(3 - b) if b < 4 else np.uint8(4)
        if a != c:
            turned = c < a
            break
    for i in range(length):
        j = start + length - 1 - i if turned else start + i
        c = codes[j]
        if turned and c < 4:
            c = np.uint8(3 - c)
        rows[0, i] = c
        rows[1, i] = min(quals[j], np.uint8(93))
        rows[2, length - 1 - i] = np.uint8(3 - c) if c < 4 else c
        rows[3, length - 1 - i] = rows[1, i]
    return turned


@numba.njit(cache=True, nogil=True)
def _look_up(
    observed: np.ndarray, length: np.int64, slots: np.ndarray, k: np.int64, payloads: np.ndarray
) -> None:
    """Payload of the k-mer starting at each base; 0 where weak or holding an N."""
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    top = np.uint64(2 * (k - 1))
    forward = np.uint64(0)
    reverse = np.uint64(0)
    filled = 0
    for i in range(length):
        c = observed[i]
        if c > 3:
            filled = 0
        else:
            forward = ((forward << np.uint64(2)) | np.uint64(c)) & keep
            reverse = (reverse >> np.uint64(2)) | (np.uint64(3 - c) << top)
            filled += 1
        if i >= k - 1:
            payloads[i - k + 1] = (
                payload_of(slots, forward, reverse) if filled >= k else np.uint64(0)
            )


@numba.njit(cache=True, nogil=True)
def _longest_run(
    observed: np.ndarray,
    payloads: np.ndarray,
    low: np.int64,
    high: np.int64,
    k: np.int64,
    cutoff: np.int64,
    level: np.int64,
) -> tuple[np.int64, np.int64]:
    """First and last k-mer start of the longest solid run within bases [low, high)."""
    best_first, best_last = np.int64(-1), np.int64(-2)
    first = np.int64(-1)
    for i in range(low, high - k + 1):
        solid = np.int64(payloads[i] >> np.uint64(16)) >= cutoff
        if solid and first >= 0:
            step = np.uint64(observed[i + k - 1])
            linked = (successors(payloads[i - 1], level) >> step) & np.uint64(1)
            if not linked:
                first = i
        elif solid:
            first = i
        else:
            first = np.int64(-1)
        if first >= 0 and i - first > best_last - best_first:
            best_first, best_last = first, i
    return best_first, best_last


@numba.njit(cache=True, nogil=True)
def _pack(observed: np.ndarray, start: np.int64, k: np.int64) -> np.uint64:
    kmer = np.uint64(0)
    for i in range(start, start + k):
        kmer = (kmer << np.uint64(2)) | np.uint64(observed[i])
    return kmer


@numba.njit(cache=True, nogil=True)
def _extend_twice(
    observed: np.ndarray,
    qualities: np.ndarray,
    start: np.int64,
    end: np.int64,
    level: np.int64,
    slots: np.ndarray,
    k: np.int64,
    costs: np.ndarray,
    beam: Beam,
    rows: np.ndarray,
) -> tuple[np.int64, np.bool_]:
    """Extend at ``level``; where that stays partial, keep the lower one if it gets further.

    The path is left in rows 4 (bases) and 5 (disputed), behind the anchor's last k-mer.
    """
    rows[4, start - k : start] = observed[start - k : start]
    forward = _pack(observed, start - k, k)
    reverse = revcomp(forward, k)
    reached, foreign = extend(
        observed, qualities, start, end, forward, reverse, level, slots, k, costs, beam,
        rows[4], rows[5],
    )  # fmt: skip
    if reached == end or level == 1:
        return reached, foreign
    second, second_foreign = extend(
        observed, qualities, start, end, forward, reverse, np.int64(1), slots, k, costs, beam,
        rows[6], rows[7],
    )  # fmt: skip
    if second <= reached:
        return reached, foreign
    rows[4, start:second] = rows[6, start:second]
    rows[5, start:second] = rows[7, start:second]
    return second, second_foreign


@numba.njit(cache=True, nogil=True)
def _carry(
    observed: np.ndarray,
    qualities: np.ndarray,
    start: np.int64,
    end: np.int64,
    level: np.int64,
    slots: np.ndarray,
    k: np.int64,
    costs: np.ndarray,
    beam: Beam,
    rows: np.ndarray,
    missing: np.ndarray,
) -> tuple[np.int64, np.bool_]:
    """Extend, and where that breaks off, over a gap; a deletion is left in ``missing``."""
    missing[1] = 0
    reached, foreign = _extend_twice(
        observed, qualities, start, end, level, slots, k, costs, beam, rows
    )
    if reached == end:
        return reached, foreign
    inserted = np.zeros(MAX_GAP, np.uint8)
    got, at, size = jump(
        observed, qualities, start, reached, end, level, slots, k, costs, beam,
        rows[4], rows[5], rows[6], rows[7], inserted,
    )  # fmt: skip
    if got == reached:
        return reached, foreign
    missing[0], missing[1], missing[2] = at, size, 0
    for i in range(size):
        missing[2] = (missing[2] << 2) | np.int64(inserted[i])
    return got, False


@numba.njit(cache=True, nogil=True)
def _other_strand(missing: np.ndarray, length: np.int64) -> None:
    """The same missing bases seen from the other strand."""
    bases = np.int64(0)
    for i in range(missing[1]):
        bases = (bases << 2) | (3 - ((missing[2] >> (2 * i)) & 3))
    missing[0] = length - missing[0]
    missing[2] = bases


@numba.njit(cache=True, nogil=True)
def _note(missing: np.ndarray, found: np.ndarray, n: np.int64) -> np.int64:
    """Add a deletion to those of the read, if there is one and there is room."""
    if missing[1] == 0 or n >= len(found):
        return n
    found[n] = missing
    return n + 1


@numba.njit(cache=True, nogil=True)
def _thread_from(
    first: np.int64,
    last: np.int64,
    low: np.int64,
    high: np.int64,
    length: np.int64,
    level: np.int64,
    slots: np.ndarray,
    k: np.int64,
    costs: np.ndarray,
    beam: Beam,
    rows: np.ndarray,
    found: np.ndarray,
    n_found: np.int64,
) -> tuple[np.int64, np.int64, np.bool_, np.int64]:
    """Thread both ways from the anchor ``first..last`` within bases [low, high).

    Rows 8, 9 and 10 receive the path, the place of each base and the path's start.
    """
    for i in range(first, last + k):
        rows[8, i] = rows[0, i]
        rows[9, i] = ON_PATH
    missing = np.zeros(3, np.int64)
    right, foreign = _carry(
        rows[0], rows[1], last + k, high, level, slots, k, costs, beam, rows, missing
    )
    n_found = _note(missing, found, n_found)
    for i in range(last + k, right):
        rows[8, i] = rows[4, i]
        rows[9, i] = DISPUTED if rows[5, i] else ON_PATH
    reached, foreign_left = _carry(
        rows[2], rows[3], length - first, length - low, level, slots, k, costs, beam, rows, missing
    )
    _other_strand(missing, length)
    n_found = _note(missing, found, n_found)
    for j in range(length - first, reached):
        i = length - 1 - j
        rows[8, i] = 3 - rows[4, j] if rows[4, j] < 4 else rows[4, j]
        rows[9, i] = DISPUTED if rows[5, j] else ON_PATH
    rows[10, length - reached] = 1
    if right < length:
        rows[10, right] = 1
    return length - reached, right, foreign or foreign_left, n_found


@numba.njit(cache=True, nogil=True)
def _near_anchor(
    rows: np.ndarray, length: np.int64, slots: np.ndarray, k: np.int64, upper: np.int64
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
        kmer = _pack(rows[0], start, k)
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
                if np.int64(payload_of(slots, f, r) >> np.uint64(16)) >= upper:
                    hits += 1
                    where, what = i, np.int64(own ^ x)
        if hits == 1:
            rows[8, :length] = rows[0, :length]
            rows[8, start + where] = what
            return start
    return np.int64(-1)


@numba.njit(cache=True, nogil=True)
def _thread_near(
    start: np.int64,
    length: np.int64,
    slots: np.ndarray,
    k: np.int64,
    costs: np.ndarray,
    beam: Beam,
    rows: np.ndarray,
    found: np.ndarray,
) -> tuple[np.int64, np.int64, np.bool_, np.int64]:
    """Thread from the k-mer that `_near_anchor` made, as if it had been read."""
    place = np.int64(-1)
    for i in range(start, start + k):
        if rows[8, i] != rows[0, i]:
            place = i
    zero = np.int64(0)  # a bare literal would compile every callee once more
    own = rows[0, place]
    rows[0, place] = rows[8, place]
    rows[2, length - 1 - place] = 3 - rows[8, place]
    low, high, foreign, n = _thread_from(
        start, start, zero, length, length, zero, slots, k, costs, beam, rows, found, zero
    )
    rows[0, place] = own
    rows[2, length - 1 - place] = 3 - own
    return low, high, foreign, n


@numba.njit(cache=True, nogil=True)
def _thread_rest(
    low: np.int64,
    high: np.int64,
    length: np.int64,
    payloads: np.ndarray,
    slots: np.ndarray,
    k: np.int64,
    upper: np.int64,
    costs: np.ndarray,
    beam: Beam,
    rows: np.ndarray,
    found: np.ndarray,
    n_found: np.int64,
) -> tuple[np.bool_, np.int64]:
    """What the first path did not reach, from further anchors: right, then left."""
    zero = np.int64(0)
    foreign = False
    todo = np.zeros((2 * _ANCHORS, 2), np.int64)
    todo[0, 0], todo[0, 1] = high, length
    todo[1, 0], todo[1, 1] = 0, low
    n = 2
    at = 0
    while at < n and at < _ANCHORS:
        a, b = todo[at, 0], todo[at, 1]
        at += 1
        if b - a < k:
            continue
        first, last = _longest_run(rows[0], payloads, a, b, k, upper, zero)
        if first < 0:
            continue
        low, high, more, n_found = _thread_from(
            first, last, a, b, length, zero, slots, k, costs, beam, rows, found, n_found
        )
        foreign = foreign or more
        if n + 1 < 2 * _ANCHORS:
            todo[n, 0], todo[n, 1] = high, b
            todo[n + 1, 0], todo[n + 1, 1] = a, low
            n += 2
    return foreign, n_found


@numba.njit(cache=True, nogil=True)
def _thread_read(
    length: np.int64,
    payloads: np.ndarray,
    slots: np.ndarray,
    k: np.int64,
    upper: np.int64,
    costs: np.ndarray,
    beam: Beam,
    rows: np.ndarray,
    found: np.ndarray,
) -> tuple[np.uint8, np.int64]:
    """Thread one oriented read (rows 0 to 3) into rows 8 to 10.

    Returns its state and how many deletions were left in ``found``.
    """
    _look_up(rows[0], length, slots, k, payloads)
    zero, one = np.int64(0), np.int64(1)
    first, last = _longest_run(rows[0], payloads, zero, length, k, upper, zero)
    rows[8, :length] = rows[0, :length]
    rows[9, :length] = OUTSIDE
    rows[10, :length] = 0
    if first == 0 and last == length - k:
        rows[9, :length] = ON_PATH
        return np.uint8(CLEAN), np.int64(0)
    level = zero
    if first < 0:
        level = one
        first, last = _longest_run(rows[0], payloads, zero, length, k, one, one)
        # A lone k-mer without a solid edge is no anchor at the lower cutoff.
        if last == first and (first < 0 or successors(payloads[first], one) == np.uint64(0)):
            first = np.int64(-1)
    if first >= 0:
        low, high, foreign, n = _thread_from(
            first, last, zero, length, length, level, slots, k, costs, beam, rows, found, zero
        )
    else:
        start = _near_anchor(rows, length, slots, k, upper)
        if start < 0:
            return np.uint8(NO_ANCHOR), np.int64(0)
        low, high, foreign, n = _thread_near(start, length, slots, k, costs, beam, rows, found)
    state = THREADED if low == 0 and high == length else PARTIAL
    if state == PARTIAL:
        more, n = _thread_rest(
            low, high, length, payloads, slots, k, upper, costs, beam, rows, found, n
        )
        foreign = foreign or more
        mask_seams(rows[8], rows[9], rows[10], length, payloads, slots, k)
    return np.uint8(state | FOREIGN) if foreign else np.uint8(state), n


@numba.njit(cache=True, nogil=True)
def _thread_reads(
    codes: np.ndarray,
    quals: np.ndarray,
    offsets: np.ndarray,
    begin: np.int64,
    end: np.int64,
    slots: np.ndarray,
    k: np.int64,
    upper: np.int64,
    costs: np.ndarray,
    beam: Beam,
    rows: np.ndarray,
    path: np.ndarray,
    place: np.ndarray,
    states: np.ndarray,
    missing: np.ndarray,
) -> np.int64:
    payloads = np.zeros(rows.shape[1], np.uint64)
    found = np.zeros((2, 3), np.int64)
    n_missing = 0
    for read in range(begin, end):
        start = offsets[read]
        length = offsets[read + 1] - start
        if length < k:
            states[read] = TOO_SHORT
            continue
        turned = _orient(codes, quals, start, length, rows)
        state, n = _thread_read(length, payloads, slots, k, upper, costs, beam, rows, found)
        states[read] = state
        if state == NO_ANCHOR:
            continue
        for i in range(length):
            j = length - 1 - i if turned else i
            c = rows[8, j]
            path[start + i] = 3 - c if turned and c < 4 else c
            place[start + i] = rows[9, j]
        for m in range(n):
            if turned:
                _other_strand(found[m], length)
            missing[n_missing] = found[m]
            missing[n_missing, 0] += start
            n_missing += 1
    return n_missing
