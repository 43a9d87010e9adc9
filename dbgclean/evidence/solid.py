"""The solid graph that reads are threaded through: a hash of k-mers with edges.

A k-mer is *solid* when its abundance reaches the cutoff. That alone fails where
depth is uneven: any constant is too high in a shallow region and too low in a
deep one. So an edge of the solid graph also has to carry a minimum share of the
deepest parallel edge at either of its ends, which makes the cutoff local: an
error that recurs 30 times beside 1,000 correct reads cannot be entered, while a
true k-mer seen 6 times in a shallow region can.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np

from dbgclean.spectrum.kmers import revcomp
from dbgclean.spectrum.table import KmerTable

__all__ = ["EMPTY", "SolidGraph", "successors", "walk_deepest"]

EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# Payload layout, low to high: successors and predecessors at the upper cutoff,
# the same at the lower one (four bits each), then the abundance.
_COUNT_SHIFT = np.uint64(16)
# k-mers below the lower cutoff carry no edges, but what was seen twice is kept:
# a seam between two sequences that two reads share is nobody's accident.
_SEEN_TWICE = 2
# Up to this upper cutoff a sample is so shallow that the lower one holds in both passes:
# a true base seen twice is commoner there than an error made twice.
_SHALLOW_UPPER = 3


@dataclass(frozen=True, eq=False)
class SolidGraph:
    """Hash of the k-mers seen at least twice, with their solid edges.

    Attributes
    ----------
    k
        k-mer length, odd.
    slots
        uint64, shape (n_slots, 2): canonical k-mer (or ``EMPTY``) and payload.
        Key and payload share a cache line, so a lookup costs one miss.
    upper, lower
        Abundance cutoffs of the first and of the second threading pass.
    """

    k: int
    slots: np.ndarray
    upper: int
    lower: int

    @classmethod
    def build(
        cls,
        table: KmerTable,
        upper: int,
        lower: int,
        min_share: float = 0.12,
        threads: int = 1,
        enough: int | None = None,
    ) -> SolidGraph:
        """Index the k-mers of ``table`` and the edges between its solid ones.

        Parameters
        ----------
        table
            Raw abundances of the reads.
        upper, lower
            Cutoffs, ``upper >= lower >= 1``.
        min_share
            Least share of the deepest parallel edge that an edge must carry.
        threads
            Worker threads; the result does not depend on it.
        enough
            Abundance from which an edge needs no share: where a repeat of many copies
            goes on into one of them, that copy is a small share, and yet no error
            recurs as often as the genome is read. None: there is no such abundance.
        """
        least = np.int64(np.iinfo(np.int64).max if enough is None else enough)
        seen = table.counts >= min(lower, _SEEN_TWICE)
        # In a shallow sample ``upper`` says what an anchor is, and no more.
        first = lower if upper <= _SHALLOW_UPPER else upper
        keys, counts = table.keys[seen], table.counts[seen]
        bits = max(4, int(np.ceil(np.log2(max(1, len(keys)) * 2))))
        slots = np.zeros((1 << bits, 2), np.uint64)
        slots[:, 0] = EMPTY
        _insert(keys, counts, slots)
        one_sided = np.zeros(len(slots), np.uint16)
        final = np.zeros(len(slots), np.uint16)
        bounds = np.linspace(0, len(slots), 4 * threads + 1).astype(np.int64)
        spans = list(zip(bounds[:-1], bounds[1:], strict=True))
        k = np.int64(table.k)
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(
                lambda s: _edges_from(
                    slots, one_sided, s[0], s[1], k, first, lower, min_share, least
                ),
                spans,
            ):
                pass
            for _ in pool.map(
                lambda s: _edges_agreed(slots, one_sided, final, s[0], s[1], k), spans
            ):
                pass
        slots[:, 1] |= final.astype(np.uint64)
        return cls(table.k, slots, upper, lower)


@numba.njit(cache=True, nogil=True)
def find_slot(slots: np.ndarray, key: np.uint64) -> np.int64:
    """Slot of a canonical k-mer, or of the empty place where it would stand."""
    mask = np.uint64(slots.shape[0] - 1)
    h = key * _MULTIPLIER
    h ^= h >> np.uint64(32)
    at = h & mask
    while slots[at, 0] != key and slots[at, 0] != EMPTY:
        at = (at + np.uint64(1)) & mask
    return np.int64(at)


@numba.njit(cache=True, nogil=True)
def _insert(keys: np.ndarray, counts: np.ndarray, slots: np.ndarray) -> None:
    for i in range(len(keys)):
        at = find_slot(slots, keys[i])
        slots[at, 0] = keys[i]
        slots[at, 1] = np.uint64(counts[i]) << _COUNT_SHIFT


@numba.njit(cache=True, nogil=True)
def reversed_nibble(bits: np.uint64) -> np.uint64:
    """Bit b to bit 3 - b: the same bases read on the other strand."""
    return (
        ((bits & np.uint64(1)) << np.uint64(3))
        | ((bits & np.uint64(2)) << np.uint64(1))
        | ((bits & np.uint64(4)) >> np.uint64(1))
        | ((bits & np.uint64(8)) >> np.uint64(3))
    )


@numba.njit(cache=True, nogil=True)
def payload_of(slots: np.ndarray, forward: np.uint64, reverse: np.uint64) -> np.uint64:
    """Payload of a k-mer given with its reverse complement; 0 where it is not solid.

    The edge bits are turned so that they speak of ``forward``: bits 0 to 3 are
    its successors at the upper cutoff, 4 to 7 its predecessors, 8 to 15 the same
    at the lower one.
    """
    if forward <= reverse:
        at = find_slot(slots, forward)
        if slots[at, 0] == EMPTY:
            return np.uint64(0)
        return slots[at, 1]
    at = find_slot(slots, reverse)
    if slots[at, 0] == EMPTY:
        return np.uint64(0)
    p = slots[at, 1]
    turned = reversed_nibble((p >> np.uint64(4)) & np.uint64(15))
    turned |= reversed_nibble(p & np.uint64(15)) << np.uint64(4)
    turned |= reversed_nibble((p >> np.uint64(12)) & np.uint64(15)) << np.uint64(8)
    turned |= reversed_nibble((p >> np.uint64(8)) & np.uint64(15)) << np.uint64(12)
    return (p & ~np.uint64(0xFFFF)) | turned


@numba.njit(cache=True, nogil=True)
def successors(payload: np.uint64, level: np.int64) -> np.uint64:
    """Four bits, base b in bit b; ``level`` 0 is the upper cutoff, 1 the lower."""
    return (payload >> np.uint64(8 * level)) & np.uint64(15)


@numba.njit(cache=True, nogil=True)
def walk_deepest(
    forward: np.uint64,
    reverse: np.uint64,
    level: np.int64,
    slots: np.ndarray,
    k: np.int64,
    walked: np.ndarray,
) -> np.int64:
    """Continue from a k-mer by the deepest successor (the first of equals).

    Fills ``walked`` (uint8) with bases and returns how many the graph had.
    """
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    top = np.uint64(2 * (k - 1))
    for step in range(len(walked)):
        bits = successors(payload_of(slots, forward, reverse), level)
        best, deepest = -1, np.uint64(0)
        for b in range(4):
            if (bits >> np.uint64(b)) & np.uint64(1):
                f = ((forward << np.uint64(2)) | np.uint64(b)) & keep
                r = (reverse >> np.uint64(2)) | (np.uint64(3 - b) << top)
                depth = payload_of(slots, f, r) >> _COUNT_SHIFT
                if best < 0 or depth > deepest:
                    best, deepest = b, depth
        if best < 0:
            return np.int64(step)
        walked[step] = best
        forward = ((forward << np.uint64(2)) | np.uint64(best)) & keep
        reverse = (reverse >> np.uint64(2)) | (np.uint64(3 - best) << top)
    return np.int64(len(walked))


@numba.njit(cache=True, nogil=True)
def _edge_bits(
    slots: np.ndarray,
    forward: np.uint64,
    reverse: np.uint64,
    k: np.int64,
    cutoff: np.int64,
    share: np.float64,
    enough: np.int64,
) -> np.uint64:
    """Successors of ``forward`` that are solid and not dwarfed by a sibling."""
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    top = np.uint64(2 * (k - 1))
    depth = np.zeros(4, np.int64)
    deepest = 0
    for b in range(4):
        f = ((forward << np.uint64(2)) | np.uint64(b)) & keep
        r = (reverse >> np.uint64(2)) | (np.uint64(3 - b) << top)
        at = find_slot(slots, min(f, r))
        if slots[at, 0] != EMPTY:
            depth[b] = np.int64(slots[at, 1] >> _COUNT_SHIFT)
            deepest = max(deepest, depth[b])
    bits = np.uint64(0)
    for b in range(4):
        if depth[b] >= cutoff and (depth[b] >= share * deepest or depth[b] >= enough):
            bits |= np.uint64(1) << np.uint64(b)
    return bits


@numba.njit(cache=True, nogil=True)
def _edges_from(
    slots: np.ndarray,
    one_sided: np.ndarray,
    start: np.int64,
    stop: np.int64,
    k: np.int64,
    upper: np.int64,
    lower: np.int64,
    share: np.float64,
    enough: np.int64,
) -> None:
    for i in range(start, stop):
        key = slots[i, 0]
        if key == EMPTY:
            continue
        other = revcomp(key, k)
        bits = _edge_bits(slots, key, other, k, upper, share, enough)
        bits |= reversed_nibble(
            _edge_bits(slots, other, key, k, upper, share, enough)
        ) << np.uint64(4)
        bits |= _edge_bits(slots, key, other, k, lower, share, enough) << np.uint64(8)
        low = reversed_nibble(_edge_bits(slots, other, key, k, lower, share, enough))
        one_sided[i] = np.uint16(bits | (low << np.uint64(12)))


@numba.njit(cache=True, nogil=True)
def _agreed(
    slots: np.ndarray,
    one_sided: np.ndarray,
    forward: np.uint64,
    reverse: np.uint64,
    bits: np.uint64,
    k: np.int64,
    level: np.int64,
) -> np.uint64:
    """Of the successor ``bits`` of ``forward``, those whose far end agrees."""
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    top = np.uint64(2 * (k - 1))
    first = forward >> top
    agreed = np.uint64(0)
    for b in range(4):
        if not (bits >> np.uint64(b)) & np.uint64(1):
            continue
        f = ((forward << np.uint64(2)) | np.uint64(b)) & keep
        r = (reverse >> np.uint64(2)) | (np.uint64(3 - b) << top)
        at = find_slot(slots, min(f, r))
        edges = np.uint64(one_sided[at]) >> np.uint64(8 * level)
        # Is `first` among the predecessors of f? Seen from r, its complement
        # is among the successors.
        if f <= r:
            back = (edges >> (np.uint64(4) + first)) & np.uint64(1)
        else:
            back = (edges >> (np.uint64(3) - first)) & np.uint64(1)
        if back:
            agreed |= np.uint64(1) << np.uint64(b)
    return agreed


@numba.njit(cache=True, nogil=True)
def _edges_agreed(
    slots: np.ndarray,
    one_sided: np.ndarray,
    final: np.ndarray,
    start: np.int64,
    stop: np.int64,
    k: np.int64,
) -> None:
    for i in range(start, stop):
        key = slots[i, 0]
        if key == EMPTY:
            continue
        other = revcomp(key, k)
        result = np.uint64(0)
        for level in range(2):
            edges = np.uint64(one_sided[i]) >> np.uint64(8 * level)
            ahead = _agreed(slots, one_sided, key, other, edges & np.uint64(15), k, level)
            behind = reversed_nibble((edges >> np.uint64(4)) & np.uint64(15))
            behind = reversed_nibble(_agreed(slots, one_sided, other, key, behind, k, level))
            result |= (ahead | (behind << np.uint64(4))) << np.uint64(8 * level)
        final[i] = np.uint16(result)
