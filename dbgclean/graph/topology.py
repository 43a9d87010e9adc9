"""Tips, bubbles, superbubbles and chains of a unitig graph of any size.

Each is found on the arrays and counted once per strand pair: of a structure and
its mirror, the one whose source has the smaller number. `docs/graph-definitions.md`
compares the definitions with those of other tools.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, Literal, TypeVar

import numpy as np

from dbgclean.graph.topology_kernels import (
    count_components,
    eulerian_sum,
    parallel_arms,
    superbubble_ends,
    topological,
)
from dbgclean.graph.unitigs import UnitigGraph

__all__ = [
    "MAX_BUBBLE_UNITIGS",
    "Bubble",
    "Chain",
    "Superbubble",
    "Tip",
    "bubble_arms",
    "chains",
    "components",
    "eulerian_deficit",
    "find_bubbles",
    "find_superbubbles",
    "find_tips",
    "junctions",
    "superbubble_table",
    "tip_nodes",
]

Node = TypeVar("Node")

MAX_BUBBLE_UNITIGS = 10_000
"""Unitigs that one superbubble may hold inside before the search for its end stops."""


@dataclass(frozen=True)
class Tip(Generic[Node]):
    """A dead end shorter than 2k.

    Attributes
    ----------
    node : int, or a node of a networkx graph
        The unitig, oriented towards its open end.
    length : int
        Bases.
    depth : float
        Mean abundance of its k-mers.
    """

    node: Node
    length: int
    depth: float


@dataclass(frozen=True)
class Bubble(Generic[Node]):
    """A simple bubble: parallel unitigs, the arms, that join the same two ends.

    Attributes
    ----------
    source, sink : int, or nodes of a networkx graph
        Oriented unitigs at its two ends.
    arms : tuple of the same
        Two or more oriented unitigs, ascending.
    """

    source: Node
    sink: Node
    arms: tuple[Node, ...]


@dataclass(frozen=True)
class Superbubble:
    """All paths that leave `source` and meet again, for the first time, in `sink`.

    Attributes
    ----------
    source, sink : int
        Oriented unitigs at its entrance and exit.
    inside : tuple of int
        Oriented unitigs between them, in topological order.
    kind : {"simple", "insertion", "super"}
        ``"simple"``: `inside` are parallel arms; ``"insertion"``: one arm, beside a
        direct link; ``"super"``: anything else.
    """

    source: int
    sink: int
    inside: tuple[int, ...]
    kind: Literal["simple", "insertion", "super"]


@dataclass(frozen=True)
class Chain:
    """Superbubbles one after the other, the sink of one the source of the next.

    Attributes
    ----------
    name : str
        ``"3"`` for the third chain; ``"3.1.2"`` for the second chain nested in the
        first bubble of it (bubbles count from 1 along their chain).
    bubbles : tuple of Superbubble
        All in the direction of the chain.
    parent : str or None
        Name of the bubble it is nested in: ``"3.1"`` for ``"3.1.2"``.
    """

    name: str
    bubbles: tuple[Superbubble, ...]
    parent: str | None


def junctions(graph: UnitigGraph) -> np.ndarray:
    """Oriented unitigs with more than one successor, int64, ascending."""
    return np.flatnonzero(graph.out_degree > 1)


def tip_nodes(graph: UnitigGraph, max_length: int | None = None) -> np.ndarray:
    """Tips as oriented unitigs that point to their open end, int64, ascending.

    Parameters
    ----------
    graph : UnitigGraph
    max_length : int, optional
        Longest tip in bases; the default is 2k - 1 (Zerbino and Birney 2008,
        doi:10.1101/gr.074492.107, clip below 2k).
    """
    if max_length is None:
        max_length = 2 * graph.k - 1
    open_end = (graph.out_degree == 0) & (graph.in_degree > 0)
    return np.flatnonzero(open_end & (np.repeat(graph.lengths, 2) <= max_length))


def find_tips(graph: UnitigGraph, max_length: int | None = None) -> Iterator[Tip[int]]:
    """Yield the tips: unitigs with one open end, joined at the other, shorter than 2k.

    A unitig open at both ends is a component of its own, not a tip. Parameters as
    in `tip_nodes`.
    """
    for node in tip_nodes(graph, max_length).tolist():
        yield Tip(node, int(graph.lengths[node >> 1]), float(graph.depth[node >> 1]))


def bubble_arms(graph: UnitigGraph) -> tuple[np.ndarray, np.ndarray]:
    """Arms of all simple bubbles as arrays.

    Returns
    -------
    ends : ndarray of int64, (n, 2)
        Source and sink of each arm's bubble; the arms of a bubble are neighbours.
    arms : ndarray of int64, (n,)
        Oriented unitigs.
    """
    ends = np.empty((graph.link_targets.size, 2), dtype=np.int64)
    arms = np.empty(graph.link_targets.size, dtype=np.int64)
    n = parallel_arms(graph.link_offsets, graph.link_targets, ends, arms)
    return ends[:n].copy(), arms[:n].copy()


def first_arms(ends: np.ndarray) -> np.ndarray:
    """Places in `ends` (see `bubble_arms`) where another bubble begins, int64."""
    if not len(ends):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.r_[True, (ends[1:] != ends[:-1]).any(axis=1)])


def find_bubbles(graph: UnitigGraph) -> Iterator[Bubble[int]]:
    """Yield the simple bubbles.

    Two or more unitigs are parallel where each has one predecessor and one
    successor and both are the same oriented unitigs, of two different unitigs.
    The ends may have further links: the arms are an alternative all the same.

    Notes
    -----
    Linear in the links (out-degrees are at most four in a De Bruijn graph).
    """
    ends, arms = bubble_arms(graph)
    for begin, end in pairwise([*first_arms(ends).tolist(), len(arms)]):
        source, sink = ends[begin].tolist()
        yield Bubble(source, sink, tuple(arms[begin:end].tolist()))


def superbubble_table(graph: UnitigGraph, max_unitigs: int = MAX_BUBBLE_UNITIGS) -> np.ndarray:
    """Superbubbles as rows of (source, sink, unitigs inside, 1 if only parallel arms), int64.

    Parameters
    ----------
    graph : UnitigGraph
    max_unitigs : int
        Unitigs inside at which the search from a source is given up.
    """
    room = int(np.count_nonzero(graph.out_degree > 1))
    found = np.empty((room, 4), dtype=np.int64)
    n = superbubble_ends(graph.link_offsets, graph.link_targets, max_unitigs, found)
    return found[:n]


def find_superbubbles(
    graph: UnitigGraph, max_unitigs: int = MAX_BUBBLE_UNITIGS
) -> Iterator[Superbubble]:
    """Yield the superbubbles, simple bubbles that are closed among them.

    (s, t) is a superbubble where t can be reached from s, what is reached from s
    without passing t is what reaches t without passing s, this part of the graph,
    with both ends, has no cycle, and no other node of it pairs with s in this way.
    Source and sink are of two different unitigs.

    Notes
    -----
    The traversal of Onodera et al. from every junction, over oriented unitigs:
    linear on average, and bounded at worst by `max_unitigs` steps a junction.

    References
    ----------
    Onodera, Sadakane and Shibuya 2013, doi:10.1007/978-3-642-40453-5_26. Gärtner,
    Müller and Stadler 2018, doi:10.1186/s13015-018-0134-3, whose correction (which
    pairs are minimal; a link from sink to source makes a cycle) is heeded.
    """
    table = superbubble_table(graph, max_unitigs)
    offsets = np.zeros(len(table) + 1, dtype=np.int64)
    np.cumsum(table[:, 2], out=offsets[1:])
    inside = np.empty(offsets[-1], dtype=np.int64)
    sources = table[:, 0].copy()
    topological(graph.link_offsets, graph.link_targets, sources, offsets, inside)
    for i, (source, sink, size, plain) in enumerate(table.tolist()):
        kind: Literal["simple", "insertion", "super"] = "super"
        if plain:
            kind = "simple"
        elif size == 1:
            kind = "insertion"
        yield Superbubble(source, sink, tuple(inside[offsets[i] : offsets[i + 1]].tolist()), kind)


def components(graph: UnitigGraph) -> np.ndarray:
    """Connected component of each unitig, named by its smallest unitig, int64 (U,)."""
    return count_components(graph.link_offsets, graph.link_targets)


def eulerian_deficit(graph: UnitigGraph) -> int:
    """How far the graph is from having an Eulerian path.

    Half the sum of |in-degree - out-degree| over the (k-1)-mers, of both strands,
    where oriented unitigs begin and end: k-mers are the edges of this graph, and
    inside a unitig every (k-1)-mer is balanced. The half counts a (k-1)-mer and its
    reverse complement once. A circle has 0 and an open path 2, and these two are
    Eulerian; a fork adds 1 where it splits and 1 for the end it leads to.
    """
    return int(eulerian_sum(graph.link_offsets, graph.link_targets)) // 2


def _mirrored(bubble: Superbubble) -> Superbubble:
    """The same superbubble from the other strand."""
    inside = tuple(node ^ 1 for node in reversed(bubble.inside))
    return Superbubble(bubble.sink ^ 1, bubble.source ^ 1, inside, bubble.kind)


def _line_up(bubbles: list[Superbubble]) -> list[list[Superbubble]]:
    """Join superbubbles that share an end, each in the direction of its line."""
    by_source = {}
    for bubble in bubbles:
        by_source[bubble.source] = bubble
        by_source[bubble.sink ^ 1] = _mirrored(bubble)
    used: set[int] = set()
    lines = []
    for bubble in bubbles:
        if bubble.source in used:
            continue
        first = bubble
        # A node opens one superbubble at most, so backwards is forwards on the mirror.
        while (before := by_source.get(first.source ^ 1)) is not None:
            first = _mirrored(before)
            if first.source == bubble.source:
                break
        line = []
        after: Superbubble | None = first
        while after is not None and after.source not in used:
            line.append(after)
            used.update((after.source, after.sink ^ 1))
            after = by_source.get(after.sink)
        lines.append(line)
    return lines


def chains(graph: UnitigGraph, max_unitigs: int = MAX_BUBBLE_UNITIGS) -> list[Chain]:
    """Chains of superbubbles, parents before what is nested in them.

    Parameters
    ----------
    graph : UnitigGraph
    max_unitigs : int
        As in `find_superbubbles`.

    Notes
    -----
    A chain is nested in the smallest superbubble that holds its ends inside. A
    chain that closes upon itself begins with the superbubble found first.
    """
    lines = _line_up(list(find_superbubbles(graph, max_unitigs)))
    # Smaller superbubbles are written over the larger ones that hold them.
    placed = sorted(
        ((len(b.inside), i, j) for i, line in enumerate(lines) for j, b in enumerate(line)),
        reverse=True,
    )
    owner: dict[int, tuple[int, int]] = {}
    for _, i, j in placed:
        owner.update(((node >> 1), (i, j)) for node in lines[i][j].inside)
    parents = [owner.get(line[0].source >> 1) for line in lines]
    children: dict[tuple[int, int] | None, list[int]] = {}
    for i, parent in enumerate(parents):
        children.setdefault(parent, []).append(i)
    out: list[Chain] = []
    waiting: list[tuple[str | None, int, int]] = []
    waiting.extend((None, number, i) for number, i in enumerate(children.get(None, []), 1))
    waiting.reverse()
    while waiting:
        inside_of, number, i = waiting.pop()
        name = str(number) if inside_of is None else f"{inside_of}.{number}"
        out.append(Chain(name, tuple(lines[i]), inside_of))
        for j in range(len(lines[i]) - 1, -1, -1):
            nested = list(enumerate(children.get((i, j), []), 1))
            waiting.extend((f"{name}.{j + 1}", number, child) for number, child in nested[::-1])
    return out
