"""The bubbles of a graph as a tab-separated table, one row each."""

import os
from collections.abc import Iterator

from dbgclean._files import open_text
from dbgclean.graph.topology import Bubble, Superbubble, chains, find_bubbles
from dbgclean.graph.unitigs import UnitigGraph

__all__ = ["COLUMNS", "write_bubbles"]

COLUMNS = ("bubble", "chain", "parent", "kind", "source", "sink", "inside", "bases", "depth")
"""Names of the columns.

``bubble``, ``chain``: names as in `dbgclean.graph.topology.Chain` (a bubble is
``<chain>.<place in it>``); ``parent``: the bubble it is nested in; ``kind``: simple,
insertion, super, or open (parallel arms whose ends have further links); then the
oriented unitigs, and lengths and mean abundances of those inside. ``.``: none.
"""


def write_bubbles(path: str | os.PathLike[str], graph: UnitigGraph) -> None:
    """Write all bubbles, chain by chain, then those that are not closed.

    Parameters
    ----------
    path : path
        '-' for standard output; compressed (BGZF) if it ends in ``.gz``.
    graph : UnitigGraph

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with open_text(path) as out:
        out.write("\t".join(COLUMNS) + "\n")
        out.writelines("\t".join(row) + "\n" for row in _rows(graph))


def _rows(graph: UnitigGraph) -> Iterator[list[str]]:
    closed: set[tuple[int, int]] = set()
    for chain in chains(graph):
        for place, bubble in enumerate(chain.bubbles, 1):
            names = [f"{chain.name}.{place}", chain.name, chain.parent or ".", bubble.kind]
            yield names + _structure(graph, bubble)
            closed.update(((bubble.source, bubble.sink), (bubble.sink ^ 1, bubble.source ^ 1)))
    for arms in find_bubbles(graph):
        if (arms.source, arms.sink) not in closed:
            yield [".", ".", ".", "open", *_structure(graph, arms)]


def _structure(graph: UnitigGraph, bubble: Superbubble | Bubble[int]) -> list[str]:
    inside = bubble.inside if isinstance(bubble, Superbubble) else bubble.arms
    return [
        graph.oriented_name(bubble.source),
        graph.oriented_name(bubble.sink),
        ",".join(map(graph.oriented_name, inside)),
        ",".join(str(graph.lengths[node >> 1]) for node in inside),
        ",".join(
            f"{graph.depth[node >> 1]:.1f}" if graph.known_depth(node >> 1) else "."
            for node in inside
        ),
    ]
