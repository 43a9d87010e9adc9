"""The solid graph that reads are threaded through: k-mers with edges.

A k-mer is *solid* when its abundance reaches the cutoff. That alone fails where
depth is uneven: any constant is too high in a shallow region and too low in a
deep one. So an edge of the solid graph also has to carry a minimum share of the
deepest parallel edge at either of its ends, which makes the cutoff local: an
error that recurs 30 times beside 1,000 correct reads cannot be entered, while a
true k-mer seen 6 times in a shallow region can.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np

from dbgclean.evidence.lookup import (
    COUNT_SHIFT,
    EMPTY,
    NOWHERE,
    Nodes,
    find_node,
    hash_of,
    home_of,
    payload_at,
    reversed_nibble,
    successors,
    unowned_nodes,
)
from dbgclean.evidence.unowned import unowned
from dbgclean.reads.prefetch import in_spans
from dbgclean.spectrum.kmers import revcomp, roll
from dbgclean.spectrum.table import KmerTable

__all__ = ["SeenKmers", "SolidGraph", "slots_for"]

# k-mers below the lower cutoff carry no edges, but what was seen twice is kept:
# a seam between two sequences that two reads share is nobody's accident.
_SEEN_TWICE = 2
# Up to this upper cutoff a sample is so shallow that the lower one holds in both passes:
# a true base seen twice is commoner there than an error made twice.
_SHALLOW_UPPER = 3
# In ``_Links.beside``: none, or more than one.
_MANY = np.int32(-2)
_NONE = np.int32(-1)
_MOST_NODES = 2**31 - 1


@dataclass(frozen=True, eq=False)
class SolidGraph:
    """The k-mers seen at least twice, with their solid edges.

    Attributes
    ----------
    k
        k-mer length, odd.
    nodes
        For kernels: see `dbgclean.evidence.lookup`. Nodes that follow each other
        without a fork stand side by side.
    upper, lower
        Abundance cutoffs of the first and of the second threading pass.
    reverse
        uint32, one per node: how many of its abundance were read as the reverse
        complement of the canonical form.
    """

    k: int
    nodes: Nodes
    upper: int
    lower: int
    reverse: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint32))

    @property
    def solid_kmers(self) -> int:
        """k-mers at the upper cutoff or above."""
        least = np.uint64(self.upper) << COUNT_SHIFT
        return int(np.count_nonzero(self.nodes.rows[:, 1] >= least))

    @classmethod
    def of_table(cls, table: KmerTable) -> SolidGraph:
        """All k-mers of a table, in its order and without edges."""
        return cls(table.k, _hashed(_rows_of(table)), 1, 1, table.reverse)

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

        Raises
        ------
        ValueError
            For more than 2**31 - 1 k-mers.
        """
        return cls.of_seen(SeenKmers.of(table, lower), upper, lower, min_share, threads, enough)

    @classmethod
    def of_seen(
        cls,
        seen: SeenKmers,
        upper: int,
        lower: int,
        min_share: float = 0.12,
        threads: int = 1,
        enough: int | None = None,
    ) -> SolidGraph:
        """As `build`, of what was taken from a table that may be gone by now.

        ``seen`` is used up: what its rows say of edges is the graph's.
        """
        least = np.int64(np.iinfo(np.int64).max if enough is None else enough)
        # In a shallow sample ``upper`` says what an anchor is, and no more.
        first = lower if upper <= _SHALLOW_UPPER else upper
        nodes, k = _hashed(seen.rows), np.int64(seen.k)
        cutoffs = first, np.int64(lower), np.float64(min_share), least
        nodes, place = _in_order(nodes, _with_edges(nodes, k, cutoffs, threads), k)
        seen.rows = nodes.rows
        reverse = np.empty(len(place), np.uint32)
        reverse[place] = seen.reverse
        return cls(seen.k, nodes, upper, lower, reverse)


@dataclass
class SeenKmers:
    """What `SolidGraph.of_seen` is made of: the k-mers of a table that were seen at least twice.

    Attributes
    ----------
    k
        k-mer length.
    rows
        As of `dbgclean.evidence.lookup.Nodes`, in the order of the k-mers, without edges.
    reverse
        As of `SolidGraph`.
    """

    k: int
    rows: np.ndarray
    reverse: np.ndarray

    @classmethod
    def of(cls, table: KmerTable, lower: int) -> SeenKmers:
        """Those of a table, at the graph's lower cutoff.

        Raises
        ------
        ValueError
            For more than 2**31 - 1 k-mers.
        """
        seen = table.counts >= min(lower, _SEEN_TWICE)
        if not seen.all():
            table = table.select(seen)
        return cls(table.k, _rows_of(table), table.reverse)


def _rows_of(table: KmerTable) -> np.ndarray:
    """Rows of nodes in the order of the k-mers, without edges."""
    n = len(table)
    if n > _MOST_NODES:
        msg = f"{n} k-mers exceed the {_MOST_NODES} that the solid graph holds"
        raise ValueError(msg)
    rows = np.empty((n, 2), np.uint64)
    rows[:, 0] = table.keys
    rows[:, 1] = table.counts
    rows[:, 1] <<= COUNT_SHIFT
    return rows


def slots_for(kmers: int) -> int:
    """Slots of the hash of so many k-mers: it is filled to a third to two thirds."""
    return 1 << max(4, (3 * kmers // 2).bit_length())


def _hashed(rows: np.ndarray) -> Nodes:
    """The rows, to be found by their k-mers."""
    nodes = Nodes(np.full(slots_for(len(rows)), EMPTY, np.uint64), rows)
    _insert(nodes)
    return nodes


def _with_edges(nodes: Nodes, k: np.int64, cutoffs: tuple[Any, ...], threads: int) -> np.ndarray:
    """Put the edges into the rows; the nodes beside each, int32 (n, 2).

    ``cutoffs``: upper, lower, share and the abundance from which none is asked for.
    """
    n = len(nodes.rows)
    one_sided = np.zeros(n, np.uint16)
    beside = np.full((n, 2), _NONE, np.int32)
    in_spans(lambda a, b: _edges_from(nodes, one_sided, beside, a, b, k, *cutoffs), n, threads)
    in_spans(lambda a, b: _edges_agreed(nodes, one_sided, beside, a, b, k), n, threads)
    return beside


def _in_order(nodes: Nodes, beside: np.ndarray, k: np.int64) -> tuple[Nodes, np.ndarray]:
    """The same nodes, those that follow each other side by side, and where each went."""
    place = np.full(len(nodes.rows), _NONE, np.int32)
    rows = np.empty_like(nodes.rows)
    _walk_all(nodes, beside, k, place, rows)
    _renumber(nodes.hashed, place)
    return Nodes(nodes.hashed, rows), place


@numba.njit(cache=True, nogil=True)
def _insert(nodes: Nodes) -> None:
    mask = np.uint64(nodes.hashed.shape[0] - 1)
    upper_half = ~np.uint64(0xFFFFFFFF)
    for row in range(len(nodes.rows)):
        h = hash_of(nodes.rows[row, 0])
        at = h & mask
        while nodes.hashed[at] != EMPTY:
            at = (at + np.uint64(1)) & mask
        nodes.hashed[at] = (h & upper_half) | np.uint64(row)


@numba.njit(cache=True, nogil=True)
def _renumber(hashed: np.ndarray, place: np.ndarray) -> None:
    low_half = np.uint64(0xFFFFFFFF)
    for at in range(len(hashed)):
        if hashed[at] != EMPTY:
            row = np.uint64(place[np.int64(hashed[at] & low_half)])
            hashed[at] = (hashed[at] & ~low_half) | row


@numba.njit(cache=True, nogil=True)
def _deep_enough(
    depth: np.ndarray, cutoff: np.int64, share: np.float64, enough: np.int64
) -> np.uint64:
    """Of four parallel edges, those that are solid and not dwarfed by a sibling."""
    deepest = max(max(depth[0], depth[1]), max(depth[2], depth[3]))
    bits = np.uint64(0)
    for b in range(4):
        if depth[b] >= cutoff and (depth[b] >= share * deepest or depth[b] >= enough):
            bits |= np.uint64(1) << np.uint64(b)
    return bits


@numba.njit(cache=True, nogil=True)
def _edges_from(
    nodes: Nodes,
    one_sided: np.ndarray,
    beside: np.ndarray,
    start: np.int64,
    stop: np.int64,
    k: np.int64,
    upper: np.int64,
    lower: np.int64,
    share: np.float64,
    enough: np.int64,
) -> None:
    """Edges as seen from one end, and the node at the other end where it is one."""
    graph = unowned_nodes(nodes)
    keys, homes = np.zeros(8, np.uint64), np.zeros(8, np.uint64)
    depth = np.zeros(4, np.int64)
    for i in range(start, stop):
        forward = graph.rows[i, 0]
        reverse = revcomp(forward, k)
        # All eight are asked for before the first answer is looked at.
        for b in range(4):
            f, r = roll(forward, reverse, b, k)
            keys[b] = min(f, r)
            r, f = roll(reverse, forward, b, k)
            keys[4 + b] = min(f, r)
        for n in range(8):
            homes[n] = graph.hashed[home_of(graph, keys[n])]
        edges = np.uint64(0)
        for side in range(2):
            there = NOWHERE
            for b in range(4):
                n = 4 * side + b
                depth[b] = 0
                if homes[n] == EMPTY:
                    continue
                row = find_node(graph, keys[n])
                if row >= 0:
                    depth[b] = np.int64(graph.rows[row, 1] >> COUNT_SHIFT)
                    if depth[b] >= lower:
                        there = np.int64(_MANY) if there != NOWHERE else row
            beside[i, side] = there
            low = _deep_enough(depth, lower, share, enough)
            high = _deep_enough(depth, upper, share, enough)
            if side == 1:
                high, low = reversed_nibble(high), reversed_nibble(low)
            edges |= (high | (low << np.uint64(8))) << np.uint64(4 * side)
        one_sided[i] = np.uint16(edges)


@numba.njit(cache=True, nogil=True)
def _agreed(
    nodes: Nodes,
    one_sided: np.ndarray,
    there: np.int64,
    forward: np.uint64,
    reverse: np.uint64,
    bits: np.uint64,
    k: np.int64,
) -> np.uint64:
    """Of the successors ``bits`` of ``forward`` (bits 0 to 3 at the upper cutoff, 8 to 11
    at the lower), those whose far end agrees; ``there`` is their node where it is one."""
    top = np.uint64(2 * (k - 1))
    first = forward >> top
    agreed = np.uint64(0)
    for b in range(4):
        asked = bits & (np.uint64(0x101) << np.uint64(b))
        if asked == 0:
            continue
        f, r = roll(forward, reverse, b, k)
        row = there if there >= 0 else find_node(nodes, min(f, r))
        # Is `first` among the predecessors of f? Seen from r, its complement
        # is among the successors.
        shift = np.uint64(4) + first if f <= r else np.uint64(3) - first
        back = (np.uint64(one_sided[row]) >> shift) & np.uint64(0x101)
        agreed |= asked & (back << np.uint64(b))
    return agreed


@numba.njit(cache=True, nogil=True)
def _edges_agreed(
    nodes: Nodes,
    one_sided: np.ndarray,
    beside: np.ndarray,
    start: np.int64,
    stop: np.int64,
    k: np.int64,
) -> None:
    """Put into the rows the edges that both ends agree on."""
    graph, seen = unowned_nodes(nodes), unowned(one_sided)
    for i in range(start, stop):
        key = graph.rows[i, 0]
        other = revcomp(key, k)
        edges = np.uint64(one_sided[i])
        after, before = np.int64(beside[i, 0]), np.int64(beside[i, 1])
        ahead = _agreed(graph, seen, after, key, other, edges & np.uint64(0x0F0F), k)
        behind = _swapped((edges >> np.uint64(4)) & np.uint64(0x0F0F))
        behind = _swapped(_agreed(graph, seen, before, other, key, behind, k))
        # Of the rows the others read the k-mers alone.
        graph.rows[i, 1] |= ahead | (behind << np.uint64(4))


@numba.njit(cache=True, nogil=True)
def _swapped(bits: np.uint64) -> np.uint64:
    """Bases of both cutoffs as the other strand has them."""
    low = reversed_nibble(bits & np.uint64(15))
    return low | (reversed_nibble((bits >> np.uint64(8)) & np.uint64(15)) << np.uint64(8))


@numba.njit(cache=True, nogil=True)
def _walk_all(
    nodes: Nodes, beside: np.ndarray, k: np.int64, place: np.ndarray, rows: np.ndarray
) -> None:
    """Put the nodes into ``rows`` along paths; each begins at the first one left over."""
    graph = unowned_nodes(nodes)
    n = 0
    for start in range(len(graph.rows)):
        at = np.int64(start)
        forward = graph.rows[start, 0]
        reverse = revcomp(forward, k)
        while at >= 0 and place[at] < 0:
            place[at] = n
            rows[n, 0], rows[n, 1] = graph.rows[at, 0], graph.rows[at, 1]
            n += 1
            turned = forward > reverse
            bits = successors(payload_at(graph, at, turned), np.int64(1))
            there = np.int64(beside[at, 1 if turned else 0])
            at = NOWHERE
            for b in range(4):
                if not (bits >> np.uint64(b)) & np.uint64(1):
                    continue
                f, r = roll(forward, reverse, b, k)
                row = there if there >= 0 else find_node(graph, min(f, r))
                if place[row] < 0:
                    at, forward, reverse = row, f, r
                    break
