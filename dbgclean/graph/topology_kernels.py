"""Numba kernels of the topology: one pass over the link arrays each.

All take a graph's ``link_offsets`` (int64) and ``link_targets`` (int32) and speak
of oriented unitigs (nodes): ``node ^ 1`` is the mirror, ``node >> 1`` the unitig.
"""

import numpy as np

from dbgclean._kernels import helper, kernel

__all__ = ["count_components", "eulerian_sum", "parallel_arms", "superbubble_ends", "topological"]


@helper
def _root(parents: np.ndarray, item: int) -> int:
    while parents[item] != item:
        parents[item] = parents[parents[item]]
        item = parents[item]
    return item


@kernel
def count_components(link_offsets: np.ndarray, link_targets: np.ndarray) -> np.ndarray:
    """Smallest unitig of the connected component of each unitig, int64 (U,)."""
    parents = np.arange((link_offsets.size - 1) // 2)
    for node in range(link_offsets.size - 1):
        for i in range(link_offsets[node], link_offsets[node + 1]):
            a = _root(parents, node >> 1)
            b = _root(parents, np.int64(link_targets[i]) >> 1)
            if a < b:
                parents[b] = a
            else:
                parents[a] = b
    for unitig in range(parents.size):
        parents[unitig] = _root(parents, unitig)
    return parents


@kernel
def eulerian_sum(link_offsets: np.ndarray, link_targets: np.ndarray) -> np.int64:
    """Sum of |in-degree - out-degree| over the places where oriented unitigs meet.

    The end of ``node`` is item ``2 * node``, its start ``2 * node + 1``; a link makes
    the end of one and the start of the other the same place.
    """
    nodes = link_offsets.size - 1
    parents = np.arange(2 * nodes)
    for node in range(nodes):
        for i in range(link_offsets[node], link_offsets[node + 1]):
            a = _root(parents, 2 * node)
            b = _root(parents, 2 * np.int64(link_targets[i]) + 1)
            parents[max(a, b)] = min(a, b)
    balance = np.zeros(2 * nodes, dtype=np.int64)
    for item in range(2 * nodes):
        balance[_root(parents, item)] += 1 if item & 1 else -1
    total = np.int64(0)
    for item in range(2 * nodes):
        total += np.abs(balance[item])
    return total


@helper
def _lone_target(link_offsets: np.ndarray, link_targets: np.ndarray, node: int) -> np.int64:
    """The successor of a node with in-degree 1 and out-degree 1, else -1."""
    out_degree = link_offsets[node + 1] - link_offsets[node]
    in_degree = link_offsets[(node ^ 1) + 1] - link_offsets[node ^ 1]
    if out_degree != 1 or in_degree != 1:
        return np.int64(-1)
    return np.int64(link_targets[link_offsets[node]])


@kernel
def parallel_arms(
    link_offsets: np.ndarray, link_targets: np.ndarray, ends: np.ndarray, arms: np.ndarray
) -> int:
    """Find every arm of every simple bubble, once per strand pair; return how many.

    ``ends[i]`` becomes (source, sink) of arm ``arms[i]``; the arms of a bubble are
    neighbours. Both arrays have room for every link.
    """
    n = 0
    for source in range(link_offsets.size - 1):
        first = link_offsets[source]
        last = link_offsets[source + 1]
        for i in range(first, last):
            sink = _lone_target(link_offsets, link_targets, np.int64(link_targets[i]))
            # Two different unitigs, and of a bubble and its mirror the smaller.
            if sink < 0 or source >= (sink ^ 1) or (sink >> 1) == (source >> 1):
                continue
            begin = n
            known = False
            for j in range(first, last):
                arm = np.int64(link_targets[j])
                if _lone_target(link_offsets, link_targets, arm) == sink:
                    known = known or j < i
                    arms[n] = arm
                    ends[n, 0] = source
                    ends[n, 1] = sink
                    n += 1
            if known or n - begin < 2:
                n = begin
    return n


@helper
def _traverse(
    link_offsets: np.ndarray,
    link_targets: np.ndarray,
    source: int,
    limit: int,
    epoch: int,
    stamps: np.ndarray,
    waiting: np.ndarray,
    stack: np.ndarray,
    inside: np.ndarray,
) -> tuple[int, int]:
    """Look for the sink of the superbubble that `source` opens.

    Nodes are visited once all their predecessors are; the sink is the first node
    that waits alone. ``inside`` gets the visited nodes, `source` first, in
    topological order. Returns the sink, or -1, and how many were visited.
    """
    stack[0] = source
    height = 1
    seen = 1
    visited = 0
    while height > 0 and visited <= limit:
        height -= 1
        node = stack[height]
        seen -= 1
        inside[visited] = node
        visited += 1
        if link_offsets[node] == link_offsets[node + 1]:
            return -1, visited
        for i in range(link_offsets[node], link_offsets[node + 1]):
            target = np.int64(link_targets[i])
            if (target >> 1) == (source >> 1):
                return -1, visited
            if stamps[target] != epoch:
                stamps[target] = epoch
                waiting[target] = link_offsets[(target ^ 1) + 1] - link_offsets[target ^ 1]
                seen += 1
            waiting[target] -= 1
            if waiting[target] == 0:
                stack[height] = target
                height += 1
        if height == 1 and seen == 1:
            sink = stack[0]
            for i in range(link_offsets[sink], link_offsets[sink + 1]):
                if link_targets[i] == source:
                    return -1, visited
            return sink, visited
    return -1, visited


@kernel
def superbubble_ends(
    link_offsets: np.ndarray, link_targets: np.ndarray, limit: int, found: np.ndarray
) -> int:
    """Find superbubbles, once per strand pair; return how many.

    Rows of `found` (int64, (2 U, 4)) become source, sink, unitigs inside, and 1 where
    every one of these joins the two ends and the ends are not linked directly, else 0.
    """
    nodes = link_offsets.size - 1
    stamps = np.zeros(nodes, dtype=np.int32)
    waiting = np.empty(nodes, dtype=np.int32)
    stack = np.empty(nodes + 1, dtype=np.int64)
    inside = np.empty(min(limit + 1, nodes) + 1, dtype=np.int64)
    n = 0
    for source in range(nodes):
        if link_offsets[source + 1] - link_offsets[source] < 2:
            continue
        sink, visited = _traverse(
            link_offsets, link_targets, source, limit, source + 1, stamps, waiting, stack, inside
        )
        if sink < 0 or source > (sink ^ 1):
            continue
        plain = link_offsets[source + 1] - link_offsets[source] == visited - 1
        for i in range(1, visited):
            plain = plain and _lone_target(link_offsets, link_targets, inside[i]) == sink
        found[n, 0] = source
        found[n, 1] = sink
        found[n, 2] = visited - 1
        found[n, 3] = 1 if plain else 0
        n += 1
    return n


@kernel
def topological(
    link_offsets: np.ndarray,
    link_targets: np.ndarray,
    sources: np.ndarray,
    offsets: np.ndarray,
    out: np.ndarray,
) -> None:
    """Nodes inside the superbubbles that `sources` open, each in topological order."""
    nodes = link_offsets.size - 1
    stamps = np.zeros(nodes, dtype=np.int32)
    waiting = np.empty(nodes, dtype=np.int32)
    stack = np.empty(nodes + 1, dtype=np.int64)
    inside = np.empty(nodes + 1, dtype=np.int64)
    for i in range(sources.size):
        _traverse(
            link_offsets, link_targets, sources[i], nodes, i + 1, stamps, waiting, stack, inside
        )
        for j in range(offsets[i + 1] - offsets[i]):
            out[offsets[i] + j] = inside[1 + j]
