"""Reads laid along the sequences of a cluster: which of them does each read show?

From the longest stretch of a read that lies on the reference without a gap the read is
followed to both ends. At every cluster it meets, each sequence of the cluster is
compared with the read without gaps, up to the next cluster; the cheapest one stands,
and says where the bases beyond it lie. Mismatches cost what they cost in threading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.threading import edit_costs
from dbgclean.variants.haplotypes import Clusters, Texts
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
    far
        int64 (n,): index of the last base of the read that was compared.
    """

    read: np.ndarray
    cluster: np.ndarray
    cost: np.ndarray
    far: np.ndarray

    def __len__(self) -> int:
        return len(self.read)


def realign(placement: Placement, reference: np.ndarray, clusters: Clusters) -> Choices:
    """Lay the reads along the clusters' sequences; ``placement`` is brought up to date."""
    most = int(np.diff(clusters.texts.first).max(initial=1))
    room = _meetings(placement, clusters.texts)
    rows = np.zeros((room, 3), np.int64)
    cost = np.full((room, most), _NEVER, np.float32)
    used = 0
    if room:
        used = _realign(placement, reference, clusters.texts, edit_costs(), rows, cost)
    order = np.argsort(rows[:used, 1], kind="stable")
    rows = rows[order]
    return Choices(rows[:, 0], rows[:, 1], cost[order], rows[:, 2])


def _meetings(placement: Placement, clusters: Texts) -> int:
    """At least as many as there are reads that meet a cluster, with multiplicity."""
    lo, hi, _ = placement.spans()
    length = np.diff(placement.offsets)
    first = np.searchsorted(clusters.end, lo - length, side="left")
    last = np.searchsorted(clusters.start, hi + length, side="right")
    return int(np.maximum(last - first, 0)[hi >= 0].sum())


class _Along(NamedTuple):
    """The sequences of a cluster (``text`` at ``texts``), seen from the side that ``step`` comes
    from, and the reference behind them, from ``far`` on."""

    texts: np.ndarray
    text: np.ndarray
    reference: np.ndarray
    step: int
    far: int


@helper
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


@helper
def _anchor(where: np.ndarray, start: int, stop: int, clusters: Texts) -> tuple[int, int]:
    """Longest stretch of a read that lies on the reference without a gap, outside clusters."""
    c_start, c_end = clusters.start, clusters.end
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


@helper
def _text_at(along: _Along, h: int, x: int) -> int:
    """Base ``x`` of sequence ``h`` and what follows it on the reference; 4 beyond it."""
    first, m = along.texts[h], along.texts[h + 1] - along.texts[h]
    if x < m:
        return int(along.text[first + x] if along.step > 0 else along.text[first + m - 1 - x])
    p = along.far + along.step * (x - m)
    if p < 0 or p >= len(along.reference):
        return 4
    return int(along.reference[p])


@helper
def _as_it_lies(
    placed: Placement, reference: np.ndarray, first: int, last: int, costs: np.ndarray
) -> float:
    """Cost of bases ``first`` to ``last`` of a read as it is placed now."""
    codes, quals, where = placed.codes, placed.quals, placed.where
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


@helper
def _compare(
    placed: Placement, j: int, n: int, along: _Along, costs: np.ndarray, cost: np.ndarray
) -> int:
    """Cost of ``n`` bases from ``j`` on along each sequence; returns the cheapest."""
    best = 0
    for h in range(len(along.texts) - 1):
        total = 0.0
        for x in range(n):
            c = placed.codes[j + along.step * x]
            b = _text_at(along, h, x)
            if c < 4 and b < 4 and c != b:
                total += costs[placed.quals[j + along.step * x]]
        cost[h] = total
        if cost[h] < cost[best]:
            best = h
    return best


@helper
def _dispute(placed: Placement, j: int, n: int, along: _Along, best: int, cost: np.ndarray) -> None:
    """Mark what the best sequence would have to edit and one about as good would not."""
    for x in range(n):
        placed.disputed[j + along.step * x] = False
    for h in range(len(along.texts) - 1):
        if h == best or cost[h] - cost[best] >= MARGIN:
            continue
        for x in range(n):
            c = placed.codes[j + along.step * x]
            if c == _text_at(along, h, x) and c != _text_at(along, best, x):
                placed.disputed[j + along.step * x] = True


@helper
def _lay(placed: Placement, j: int, end: int, along: _Along, places: np.ndarray) -> None:
    """Place a read along a sequence from base ``j`` on, and on the reference behind it."""
    where, step, m = placed.where, along.step, len(places)
    x = 0
    i = j
    while i != end and x < m:
        where[i] = places[x] if step > 0 else places[m - 1 - x]
        i += step
        x += 1
    if i == end or where[i] == along.far:
        return
    p = along.far
    k = i
    while k != end:
        where[k] = p if 0 <= p < len(along.reference) else OFF
        p += step
        k += step
    k = first_foreign(placed, along.reference, i, end, step, True)
    while k != end:
        where[k] = OFF
        k += step


@helper
def _reach(clusters: Texts, c: int, texts: np.ndarray, step: int) -> int:
    """Bases that the sequences of a cluster are compared over: to the next cluster at most."""
    shortest = np.int64(1) << 40
    for h in range(len(texts) - 1):
        shortest = min(shortest, texts[h + 1] - texts[h])
    beyond = np.int64(_REACH)
    if step > 0 and c + 1 < len(clusters.start):
        beyond = min(beyond, clusters.start[c + 1] - clusters.end[c])
    if step < 0 and c > 0:
        beyond = min(beyond, clusters.start[c] - clusters.end[c - 1])
    return int(shortest + beyond)


@helper
def _sweep(
    placed: Placement, reference: np.ndarray, clusters: Texts, costs: np.ndarray, r: int,
    j: int, end: int, step: int, rows: np.ndarray, cost: np.ndarray, n: int,
) -> int:  # fmt: skip
    """Follow one read from base ``j`` to ``end`` (exclusive) by ``step``."""
    where, c_start, c_end = placed.where, clusters.start, clusters.end
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
        texts = clusters.text_first[clusters.first[c] : clusters.first[c + 1] + 1]
        along = _Along(texts, clusters.text, reference, step, far)
        size = min((end - at) * step, _reach(clusters, c, texts, step))
        last = at + step * (size - 1)
        best = _compare(placed, at, size, along, costs, cost[n])
        before = _as_it_lies(placed, reference, min(at, last), max(at, last), costs)
        if cost[n, best] <= before + 1e-3:
            rows[n, 0], rows[n, 1], rows[n, 2] = r, c, max(at, last)
            _dispute(placed, at, size, along, best, cost[n])
            _lay(placed, at, end, along, clusters.where[texts[best] : texts[best + 1]])
            inside = min(texts[best + 1] - texts[best], (end - at) * step)
            j, p = at + step * (inside - 1), far - step
            n += 1
        else:
            for h in range(cost.shape[1]):
                cost[n, h] = _NEVER
            j, p = at - step, near - step
        c += step
    return n


@kernel
def _realign(
    placed: Placement, reference: np.ndarray, clusters: Texts, costs: np.ndarray,
    rows: np.ndarray, cost: np.ndarray,
) -> int:  # fmt: skip
    n = 0
    for r in range(len(placed.offsets) - 1):
        start, stop = placed.offsets[r], placed.offsets[r + 1]
        low, high = _anchor(placed.where, start, stop, clusters)
        if low < 0:
            continue
        for side in range(2):
            n = _sweep(
                placed, reference, clusters, costs, r, high if side == 0 else low,
                stop if side == 0 else start - 1, 1 if side == 0 else -1, rows, cost, n,
            )  # fmt: skip
    return n
