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

from dbgclean._kernels import kernel
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


def _in_order(nodes: Nodes, beside: np.ndarray, k: np.int64) -> tuple[Nodes, np.ndarray]:
    """The same nodes, those that follow each other side by side, and where each went."""
    place = np.full(len(nodes.rows), NONE, np.int32)
    rows = np.empty_like(nodes.rows)
    _walk_all(nodes, beside, k, place, rows)
    _renumber(nodes.hashed, place)
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
