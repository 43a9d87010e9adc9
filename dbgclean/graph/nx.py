"""Unitig graphs for networkx, and back.

Nodes are oriented unitigs ``(unitig, "+")`` and ``(unitig, "-")``, so every unitig is
there twice and every link with its mirror (a hairpin ``(u, "+") -> (u, "-")`` is its
own). Algorithms that know nothing of strands then give right answers; whatever they
count, they count on both strands.
"""

import networkx as nx
import numpy as np

from dbgclean.errors import InputError
from dbgclean.graph.gfa import link_arrays
from dbgclean.graph.unitigs import UnitigGraph, node_name
from dbgclean.spectrum.kmers import encode

__all__ = ["from_networkx", "mirror_name", "to_networkx"]


def mirror_name(node: tuple[int, str]) -> tuple[int, str]:
    """The same unitig on the other strand.

    Examples
    --------
    >>> mirror_name((3, "+"))
    (3, '-')
    """
    return node[0], "-" if node[1] == "+" else "+"


def to_networkx(graph: UnitigGraph, limit: int = 200_000) -> nx.DiGraph:
    """The graph over oriented unitigs.

    Parameters
    ----------
    graph : UnitigGraph
    limit : int
        Most unitigs to convert: networkx takes about 1.3 GB and a minute a million.

    Returns
    -------
    networkx.DiGraph
        ``k`` is a graph attribute; nodes have ``name``, ``sequence`` (on their
        strand), ``length`` (bases), ``abundance`` (summed over k-mers) and ``depth``.

    Raises
    ------
    InputError
        For more than `limit` unitigs.

    Examples
    --------
    >>> from dbgclean.graph.compaction import compact
    >>> from dbgclean.spectrum.kmers import strings_to_kmers
    >>> keys = strings_to_kmers(["AAC", "ACC", "ACG"])
    >>> g = to_networkx(compact(keys, np.ones(3, np.uint32), 3))
    >>> sorted(g.successors((0, "+")))
    [(1, '+'), (2, '+')]
    """
    if len(graph) > limit:
        msg = (
            f"networkx: the graph has {len(graph)} unitigs, more than the limit of {limit}; clean "
            "it first, take a region, or raise `limit` (about 1.3 GB of memory a million)"
        )
        raise InputError(msg)
    out = nx.DiGraph(k=graph.k)
    for unitig in range(len(graph)):
        for strand in (0, 1):
            out.add_node(
                node_name(2 * unitig + strand),
                name=graph.name(unitig),
                sequence=graph.oriented_sequence(2 * unitig + strand),
                length=int(graph.lengths[unitig]),
                abundance=int(graph.abundance[unitig]),
                depth=float(graph.depth[unitig]),
            )
    pairs = zip(graph.link_sources.tolist(), graph.link_targets.tolist(), strict=True)
    out.add_edges_from((node_name(source), node_name(target)) for source, target in pairs)
    return out


def from_networkx(graph: nx.DiGraph) -> UnitigGraph:
    """The arrays of a graph as `to_networkx` makes it, whole or with unitigs removed.

    Unitigs keep their order and get new numbers. Nothing is compacted.

    Raises
    ------
    InputError
        If a unitig lacks one of its strands, or a link its mirror.
    """
    unitigs = sorted({unitig for unitig, _ in graph.nodes})
    number = {unitig: i for i, unitig in enumerate(unitigs)}
    for node in graph.nodes:
        if mirror_name(node) not in graph:
            msg = f"networkx: {node} is there without {mirror_name(node)}; add or remove both"
            raise InputError(msg)
    links = []
    for source, target in graph.edges:
        if not graph.has_edge(mirror_name(target), mirror_name(source)):
            msg = f"networkx: link {source} -> {target} is there without its mirror; add it"
            raise InputError(msg)
        links.append([2 * number[n] + (strand == "-") for n, strand in (source, target)])
    data = [graph.nodes[unitig, "+"] for unitig in unitigs]
    texts = [row["sequence"] for row in data]
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    blank = np.zeros(len(links), dtype=np.int32)
    link_offsets, link_targets, _ = link_arrays(
        np.array(links, dtype=np.int64), blank, blank, len(texts)
    )
    abundance = np.array([row["abundance"] for row in data], dtype=np.int64)
    return UnitigGraph(
        graph.graph["k"], encode("".join(texts)), offsets, abundance, link_offsets, link_targets
    )
