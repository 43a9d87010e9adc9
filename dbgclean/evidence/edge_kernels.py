"""The edges of the solid graph (`dbgclean.evidence.solid`): the inner loops."""

from __future__ import annotations

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.lookup import (
    COUNT_SHIFT,
    NOWHERE,
    Nodes,
    find_node,
    home_of,
    likely_row,
    reversed_nibble,
    unowned_nodes,
)
from dbgclean.evidence.unowned import unowned
from dbgclean.spectrum.fetching import fetch
from dbgclean.spectrum.kmers import revcomp, roll

__all__ = ["NONE", "edges_agreed", "edges_from"]

# Nodes whose neighbours are looked up together.
_AT_ONCE = 16
# In ``beside``: none, or more than one.
_MANY = np.int32(-2)
NONE = np.int32(-1)


@helper
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


@kernel
def edges_from(
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
    asked = np.zeros((_AT_ONCE, 8), np.uint64)
    depth = np.zeros(4, np.int64)
    for first in range(start, stop, _AT_ONCE):
        last = min(first + _AT_ONCE, stop)
        _ask_beside(graph, first, last, k, asked)
        for i in range(first, last):
            edges = np.uint64(0)
            for side in range(2):
                there = NOWHERE
                for b in range(4):
                    depth[b] = 0
                    row = find_node(graph, asked[i - first, 4 * side + b])
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


@helper
def _ask_beside(
    graph: Nodes, first: np.int64, last: np.int64, k: np.int64, asked: np.ndarray
) -> None:
    """The eight k-mers beside each of some nodes, and what tells of them on its way."""
    for i in range(first, last):
        forward = graph.rows[i, 0]
        reverse = revcomp(forward, k)
        for b in range(4):
            f, r = roll(forward, reverse, b, k)
            asked[i - first, b] = min(f, r)
            r, f = roll(reverse, forward, b, k)
            asked[i - first, 4 + b] = min(f, r)
        for n in range(8):
            fetch(graph.hashed, np.int64(home_of(graph, asked[i - first, n])))
    # By now the slots are there, and what they lead to is asked for.
    rows = graph.rows.reshape(-1)
    for i in range(last - first):
        for n in range(8):
            fetch(rows, 2 * likely_row(graph, asked[i, n]))


@helper
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


@kernel
def edges_agreed(
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
        later = i + _AT_ONCE if i + _AT_ONCE < stop else i
        for side in range(2):
            fetch(seen, max(np.int64(beside[later, side]), np.int64(0)))
        key = graph.rows[i, 0]
        other = revcomp(key, k)
        edges = np.uint64(one_sided[i])
        after, before = np.int64(beside[i, 0]), np.int64(beside[i, 1])
        ahead = _agreed(graph, seen, after, key, other, edges & np.uint64(0x0F0F), k)
        behind = _swapped((edges >> np.uint64(4)) & np.uint64(0x0F0F))
        behind = _swapped(_agreed(graph, seen, before, other, key, behind, k))
        # Of the rows the others read the k-mers alone.
        graph.rows[i, 1] |= ahead | (behind << np.uint64(4))


@helper
def _swapped(bits: np.uint64) -> np.uint64:
    """Bases of both cutoffs as the other strand has them."""
    low = reversed_nibble(bits & np.uint64(15))
    return low | (reversed_nibble((bits >> np.uint64(8)) & np.uint64(15)) << np.uint64(8))
