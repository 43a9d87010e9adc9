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

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.edge_kernels import NONE, edges_agreed, edges_from
from dbgclean.evidence.lookup import (
    COUNT_SHIFT,
    EMPTY,
    NOWHERE,
    Nodes,
    find_node,
    hash_of,
    next_slot,
    payload_at,
    slot_of,
    successors,
    unowned_nodes,
)
from dbgclean.evidence.unowned import unowned
from dbgclean.reads.prefetch import in_spans
from dbgclean.spectrum.fetching import fetch
from dbgclean.spectrum.kmers import revcomp, roll
from dbgclean.spectrum.table import KmerTable

__all__ = ["SeenKmers", "SolidGraph", "slots_for"]

# k-mers below the lower cutoff carry no edges, but what was seen twice is kept:
# a seam between two sequences that two reads share is nobody's accident.
_SEEN_TWICE = 2
# Up to this upper cutoff a sample is so shallow that the lower one holds in both passes:
# a true base seen twice is commoner there than an error made twice.
_SHALLOW_UPPER = 3
_MOST_NODES = 2**31 - 1
# Paths that are walked at once: a node is a miss of the cache, and these wait together.
_WALKS = 8


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
        nodes, place = _in_order(nodes, _with_edges(nodes, k, cutoffs, threads), k, threads)
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
    """Slots of the hash of so many k-mers."""
    return 16 + 7 * kmers // 4


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
    beside = np.full((n, 2), NONE, np.int32)
    in_spans(lambda a, b: edges_from(nodes, one_sided, beside, a, b, k, *cutoffs), n, threads)
    in_spans(lambda a, b: edges_agreed(nodes, one_sided, beside, a, b, k), n, threads)
    return beside


def _in_order(
    nodes: Nodes, beside: np.ndarray, k: np.int64, threads: int
) -> tuple[Nodes, np.ndarray]:
    """The same nodes, those that follow each other side by side, and where each went."""
    n = len(nodes.rows)
    # Of each row what was walked is touched, and no more.
    walked, taken = np.empty((_WALKS, n), np.int32), np.zeros(_WALKS, np.int64)
    kmers, seen = np.zeros((_WALKS, 2), np.uint64), np.zeros(n, np.uint8)
    _walk_all(nodes, beside, k, walked, taken, kmers, seen)
    del beside, seen
    order = np.concatenate([walk[:end] for walk, end in zip(walked, taken, strict=True)])
    del walked
    place, rows = np.empty(n, np.int32), np.empty_like(nodes.rows)
    in_spans(lambda a, b: _put(nodes.rows, order, rows, a, b, place), n, threads)
    in_spans(lambda a, b: _renumber(nodes.hashed[a:b], place), len(nodes.hashed), threads)
    return Nodes(nodes.hashed, rows), place


@kernel
def _insert(nodes: Nodes) -> None:
    upper_half = ~np.uint64(0xFFFFFFFF)
    for row in range(len(nodes.rows)):
        h = hash_of(nodes.rows[row, 0])
        at = slot_of(h, nodes.hashed)
        while nodes.hashed[at] != EMPTY:
            at = next_slot(at, nodes.hashed)
        nodes.hashed[at] = (h & upper_half) | np.uint64(row)


@kernel
def _renumber(hashed: np.ndarray, place: np.ndarray) -> None:
    low_half = np.uint64(0xFFFFFFFF)
    for at in range(len(hashed)):
        if hashed[at] != EMPTY:
            row = np.uint64(place[np.int64(hashed[at] & low_half)])
            hashed[at] = (hashed[at] & ~low_half) | row


@kernel
def _walk_all(
    nodes: Nodes, beside: np.ndarray, k: np.int64, walked: np.ndarray, taken: np.ndarray,
    kmers: np.ndarray, seen: np.ndarray,
) -> None:  # fmt: skip
    """Walk over all nodes along paths; each begins at the first one left over.

    Several walks take a step in turn, and ask for the node of their next one meanwhile. Walk
    w has been at ``walked[w, : taken[w]]``; ``kmers`` has room for where each is, on both
    strands, and ``seen`` for marks, all 0.
    """
    graph, kmers, seen = unowned_nodes(nodes), unowned(kmers), unowned(seen)
    rows, beside = graph.rows.reshape(-1), unowned(beside).reshape(-1)
    ahead = np.full(len(taken), NOWHERE, np.int64)
    start, left = np.int64(0), np.int64(len(seen))
    while left:
        for walk in range(len(taken)):
            at = ahead[walk]
            if at < 0 or seen[at]:
                while start < len(seen) and seen[start]:
                    start += 1
                if start == len(seen):
                    continue
                at = start
                kmers[walk, 0] = rows[2 * at]
                kmers[walk, 1] = revcomp(rows[2 * at], k)
            seen[at] = 1
            walked[walk, taken[walk]] = at
            taken[walk] += 1
            left -= 1
            at = _step(graph, beside, k, at, seen, kmers, walk)
            ahead[walk] = at
            if at >= 0:
                fetch(rows, 2 * at)
                fetch(beside, 2 * at)
                fetch(seen, at)


@helper
def _step(
    graph: Nodes, beside: np.ndarray, k: np.int64, at: np.int64,
    seen: np.ndarray, kmers: np.ndarray, walk: np.int64,
) -> np.int64:  # fmt: skip
    """The node behind another one, or ``NOWHERE``; the walk's k-mer, both strands, moves there."""
    forward, reverse = kmers[walk, 0], kmers[walk, 1]
    turned = forward > reverse
    bits = np.int64(successors(payload_at(graph, at, turned), np.int64(1)))
    there = np.int64(beside[2 * at + np.int64(turned)])
    if there >= 0 and bits:
        # One, which is looked at when it is here. Which base leads there is anybody's guess.
        b = np.int64(bits > 1) + np.int64(bits > 2) + np.int64(bits > 4)
        kmers[walk, 0], kmers[walk, 1] = roll(forward, reverse, b, k)
        return there
    for b in range(4):
        if (bits >> b) & 1:
            f, r = roll(forward, reverse, b, k)
            row = find_node(graph, min(f, r))
            if not seen[row]:
                kmers[walk, 0], kmers[walk, 1] = f, r
                return row
    return NOWHERE


@kernel
def _put(
    rows: np.ndarray, order: np.ndarray, out: np.ndarray, start: np.int64, stop: np.int64,
    place: np.ndarray,
) -> None:  # fmt: skip
    """Copy rows into an order, and tell each its place there."""
    for i in range(start, stop):
        row = order[i]
        out[i, 0], out[i, 1] = rows[row, 0], rows[row, 1]
        place[row] = i
