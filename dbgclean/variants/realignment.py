"""Reads laid along the sequences of a cluster: which of them does each read show?

From the longest stretch of a read that lies on the reference without a gap the read is
followed to both ends. At every cluster it meets, each sequence of the cluster is
compared with the read without gaps, up to the next cluster; the cheapest one stands,
and says where the bases beyond it lie. Mismatches cost what they cost in threading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from dbgclean.evidence.threading import edit_costs
from dbgclean.variants.haplotypes import Clusters
from dbgclean.variants.placement import INSERTED, OFF, Placement, first_foreign

__all__ = ["MARGIN", "Choices", "realign"]

# Odds of 10 to 1 between two sequences: less is a tie.
MARGIN = 2.3
# What a gap of a read costs that is no candidate (as in threading), and a base off the path.
_GAP_OPEN, _GAP_BASE, _OFF_BASE = 7.0, 1.0, 2.0
# Bases beyond a cluster that are compared at most.
_REACH = 60
_NEVER = np.float32(1e9)


@dataclass(frozen=True, eq=False)
class Choices:
    """What reads cost along the sequences of the clusters they meet, sorted by cluster.

    Attributes
    ----------
    read, cluster
        int64 (n,).
    cost
        float32 (n, most): nats, by the number of the sequence within its cluster; 1e9
        beyond the last.
    near, far
        int64 (n,): index of the first and of the last base of the read that was compared.
    """

    read: np.ndarray
    cluster: np.ndarray
    cost: np.ndarray
    near: np.ndarray
    far: np.ndarray

    def __len__(self) -> int:
        return len(self.read)


def realign(placement: Placement, reference: np.ndarray, clusters: Clusters) -> Choices:
    """Lay the reads along the clusters' sequences; ``placement`` is brought up to date."""
    n = len(clusters)
    most = int(np.diff(clusters.first).max(initial=1))
    room = _meetings(placement, clusters) if n else 0
    rows = np.zeros((room, 4), np.int64)
    cost = np.full((room, most), _NEVER, np.float32)
    used = 0
    if room:
        used = _realign(
            placement.codes, placement.quals, placement.offsets, placement.where,
            placement.disputed, reference, clusters.start, clusters.end, clusters.first,
            clusters.text_first, clusters.text, clusters.where, edit_costs(), rows, cost,
        )  # fmt: skip
    order = np.argsort(rows[:used, 1], kind="stable")
    rows = rows[order]
    return Choices(rows[:, 0], rows[:, 1], cost[order], rows[:, 2], rows[:, 3])


def _meetings(placement: Placement, clusters: Clusters) -> int:
    """At least as many as there are reads that meet a cluster, with multiplicity."""
    lo, hi, _ = placement.spans()
    length = np.diff(placement.offsets)
    first = np.searchsorted(clusters.end, lo - length, side="left")
    last = np.searchsorted(clusters.start, hi + length, side="right")
    return int(np.maximum(last - first, 0)[hi >= 0].sum())


@numba.njit(cache=True, nogil=True)
def _first_above(values: np.ndarray, p: int) -> int:
    """Row of the first of rising values that is above ``p``."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] > p:
            high = middle
        else:
            low = middle + 1
    return low


@numba.njit(cache=True, nogil=True)
def _anchor(
    where: np.ndarray, start: int, stop: int, c_start: np.ndarray, c_end: np.ndarray
) -> tuple[int, int]:
    """Longest stretch of a read that lies on the reference without a gap, outside clusters."""
    best_first, best_last = -1, -2
    first = -1
    c = 0
    for j in range(start, stop):
        p = where[j]
        if p < 0:
            first = -1
            continue
        if first < 0 or j == start or where[j - 1] != p - 1:
            first = j
            c = _first_above(c_end, p)
        while c < len(c_end) and c_end[c] <= p:
            c += 1
        if c < len(c_start) and c_start[c] <= p:
            first = -1
            continue
        if j - first > best_last - best_first:
            best_first, best_last = first, j
    return best_first, best_last


@numba.njit(cache=True, nogil=True)
def _text_at(
    x: int, first: int, last: int, text: np.ndarray, far: int, step: int, reference: np.ndarray
) -> int:
    """Base ``x`` of a sequence (rows ``first`` to ``last`` of the text) and what follows it
    on the reference, from the side that ``step`` comes from; 4 beyond the reference."""
    m = last - first
    if x < m:
        return int(text[first + x] if step > 0 else text[last - 1 - x])
    p = far + step * (x - m)
    if p < 0 or p >= len(reference):
        return 4
    return int(reference[p])


@numba.njit(cache=True, nogil=True)
def _as_it_lies(
    codes: np.ndarray, quals: np.ndarray, where: np.ndarray, reference: np.ndarray,
    first: int, last: int, costs: np.ndarray,
) -> float:  # fmt: skip
    """Cost of bases ``first`` to ``last`` of a read as it is placed now."""
    total = 0.0
    for i in range(first, last + 1):
        p = where[i]
        if p == OFF:
            total += _OFF_BASE
        elif p == INSERTED:
            total += _GAP_BASE
            if i > first and where[i - 1] != INSERTED:
                total += _GAP_OPEN
        else:
            if codes[i] < 4 and reference[p] < 4 and codes[i] != reference[p]:
                total += costs[quals[i]]
            if i > first and where[i - 1] >= 0 and p > where[i - 1] + 1:
                total += _GAP_OPEN + _GAP_BASE * min(p - where[i - 1] - 1, 8)
    return total


@numba.njit(cache=True, nogil=True)
def _compare(
    codes: np.ndarray, quals: np.ndarray, j: int, n: int, step: int, far: int,
    texts: np.ndarray, text: np.ndarray, reference: np.ndarray, costs: np.ndarray,
    cost: np.ndarray,
) -> int:  # fmt: skip
    """Cost of ``n`` bases from ``j`` on along each sequence; returns the cheapest."""
    best = 0
    for h in range(len(texts) - 1):
        total = 0.0
        for x in range(n):
            c = codes[j + step * x]
            b = _text_at(x, texts[h], texts[h + 1], text, far, step, reference)
            if c < 4 and b < 4 and c != b:
                total += costs[quals[j + step * x]]
        cost[h] = total
        if cost[h] < cost[best]:
            best = h
    return best


@numba.njit(cache=True, nogil=True)
def _dispute(
    codes: np.ndarray, disputed: np.ndarray, j: int, n: int, step: int, far: int, best: int,
    texts: np.ndarray, text: np.ndarray, reference: np.ndarray, cost: np.ndarray,
) -> None:  # fmt: skip
    """Mark what the best sequence would have to edit and one about as good would not."""
    for x in range(n):
        disputed[j + step * x] = 0
    for h in range(len(texts) - 1):
        if h == best or cost[h] - cost[best] >= MARGIN:
            continue
        for x in range(n):
            c = codes[j + step * x]
            if c == _text_at(x, texts[h], texts[h + 1], text, far, step, reference) and (
                c != _text_at(x, texts[best], texts[best + 1], text, far, step, reference)
            ):
                disputed[j + step * x] = 1


@numba.njit(cache=True, nogil=True)
def _lay(
    codes: np.ndarray, quals: np.ndarray, where: np.ndarray, reference: np.ndarray, j: int,
    end: int, step: int, far: int, places: np.ndarray,
) -> None:  # fmt: skip
    """Place a read along a sequence from base ``j`` on, and on the reference behind it."""
    m = len(places)
    x = 0
    i = j
    while i != end and x < m:
        where[i] = places[x] if step > 0 else places[m - 1 - x]
        i += step
        x += 1
    if i == end or where[i] == far:
        return
    p = far
    k = i
    while k != end:
        where[k] = p if 0 <= p < len(reference) else OFF
        p += step
        k += step
    k = first_foreign(codes, quals, where, reference, i, end, step, True)
    while k != end:
        where[k] = OFF
        k += step


@numba.njit(cache=True, nogil=True)
def _sweep(
    codes: np.ndarray, quals: np.ndarray, where: np.ndarray, disputed: np.ndarray,
    reference: np.ndarray, c_start: np.ndarray, c_end: np.ndarray, first: np.ndarray,
    text_first: np.ndarray, text: np.ndarray, places: np.ndarray, costs: np.ndarray,
    r: int, j: int, end: int, step: int, rows: np.ndarray, cost: np.ndarray, n: int,
) -> int:  # fmt: skip
    """Follow one read from base ``j`` to ``end`` (exclusive) by ``step``."""
    p = np.int64(where[j])
    c = _first_above(c_start, p) if step > 0 else _first_above(c_end, p) - 1
    while 0 <= c < len(c_start):
        near = c_start[c] if step > 0 else c_end[c] - 1
        far = c_end[c] if step > 0 else c_start[c] - 1
        i = j + step
        while i != end and (where[i] < 0 or (near - where[i]) * step > 0):
            if where[i] >= 0:
                j, p = i, np.int64(where[i])
            i += step
        at = j + (near - p)
        if (end - at) * step <= 0 or n >= len(rows):
            break
        texts = text_first[first[c] : first[c + 1] + 1]
        shortest = np.int64(1) << 40
        for h in range(len(texts) - 1):
            shortest = min(shortest, texts[h + 1] - texts[h])
        beyond = np.int64(_REACH)
        if step > 0 and c + 1 < len(c_start):
            beyond = min(beyond, c_start[c + 1] - far)
        if step < 0 and c > 0:
            beyond = min(beyond, far + 1 - c_end[c - 1])
        size = min((end - at) * step, shortest + beyond)
        last = at + step * (size - 1)
        best = _compare(codes, quals, at, size, step, far, texts, text, reference, costs, cost[n])
        before = _as_it_lies(codes, quals, where, reference, min(at, last), max(at, last), costs)
        if cost[n, best] <= before + 1e-3:
            rows[n, 0], rows[n, 1], rows[n, 2], rows[n, 3] = r, c, min(at, last), max(at, last)
            _dispute(codes, disputed, at, size, step, far, best, texts, text, reference, cost[n])
            _lay(
                codes, quals, where, reference, at, end, step, far,
                places[texts[best] : texts[best + 1]],
            )  # fmt: skip
            inside = min(texts[best + 1] - texts[best], (end - at) * step)
            j, p = at + step * (inside - 1), far - step
            n += 1
        else:
            for h in range(cost.shape[1]):
                cost[n, h] = _NEVER
            j, p = at - step, near - step
        c += step
    return n


@numba.njit(cache=True, nogil=True)
def _realign(
    codes: np.ndarray, quals: np.ndarray, offsets: np.ndarray, where: np.ndarray,
    disputed: np.ndarray, reference: np.ndarray, c_start: np.ndarray, c_end: np.ndarray,
    first: np.ndarray, text_first: np.ndarray, text: np.ndarray, places: np.ndarray,
    costs: np.ndarray, rows: np.ndarray, cost: np.ndarray,
) -> int:  # fmt: skip
    n = 0
    for r in range(len(offsets) - 1):
        start, stop = offsets[r], offsets[r + 1]
        low, high = _anchor(where, start, stop, c_start, c_end)
        if low < 0:
            continue
        for side in range(2):
            n = _sweep(
                codes, quals, where, disputed, reference, c_start, c_end, first, text_first,
                text, places, costs, r, high if side == 0 else low,
                stop if side == 0 else start - 1, 1 if side == 0 else -1, rows, cost, n,
            )  # fmt: skip
    return n
