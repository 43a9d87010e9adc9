"""Unitig graphs for networkx, and back; and as files that other programs open.

Nodes are oriented unitigs ``(unitig, "+")`` and ``(unitig, "-")``, so every unitig is
there twice and every link with its mirror (a hairpin ``(u, "+") -> (u, "-")`` is its
own). Algorithms that know nothing of strands then give right answers; whatever they
count, they count on both strands.
"""

import json
import os
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from dbgclean._files import open_output
from dbgclean.errors import InputError, UsageError
from dbgclean.graph.gfa import link_arrays
from dbgclean.graph.unitigs import Foreign, UnitigGraph
from dbgclean.spectrum.kmers import encode

__all__ = [
    "LIMIT",
    "SUFFIXES",
    "GraphView",
    "from_networkx",
    "mirror_name",
    "to_networkx",
    "view",
    "write_networkx",
]

LIMIT = 200_000
"""Most unitigs of a networkx graph, unless asked for more."""

_TURN = str.maketrans("ACGTacgt", "TGCAtgca")

SUFFIXES = (".graphml", ".gexf", ".json")


def mirror_name(node: tuple[int, str]) -> tuple[int, str]:
    """The same unitig on the other strand.

    Examples
    --------
    >>> mirror_name((3, "+"))
    (3, '-')
    """
    return node[0], "-" if node[1] == "+" else "+"


def to_networkx(graph: UnitigGraph, limit: int = LIMIT) -> nx.DiGraph:
    """The graph over oriented unitigs.

    Parameters
    ----------
    graph : UnitigGraph
    limit : int
        Most unitigs to convert: networkx takes about 1.3 GB and a minute a million.

    Returns
    -------
    networkx.DiGraph
        ``k`` is a graph attribute, and ``foreign``: whether another tool made it, whose
        names (kept) and overlaps (not kept) it has. Nodes have ``name``, ``sequence`` (on
        their strand), ``length`` (bases), ``abundance`` (summed over k-mers) and ``depth``,
        the last two where they are known.

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
    out = nx.DiGraph(k=graph.k, foreign=graph.foreign is not None)
    # Far faster as whole columns, and strings turned, than unitig by unitig.
    columns = graph.texts(), *(c.tolist() for c in (graph.lengths, graph.abundance, graph.depth))
    nodes = []
    known = np.ones(len(graph), bool) if graph.foreign is None else graph.foreign.known_depth
    for unitig, (text, length, abundance, depth) in enumerate(zip(*columns, strict=True)):
        for strand, sequence in (("+", text), ("-", _turned(text))):
            nodes.append((unitig, strand))
            out.add_node(
                nodes[-1],
                name=graph.name(unitig),
                sequence=sequence,
                length=length,
                **({"abundance": abundance, "depth": depth} if known[unitig] else {}),
            )
    pairs = zip(graph.link_sources.tolist(), graph.link_targets.tolist(), strict=True)
    out.add_edges_from((nodes[source], nodes[target]) for source, target in pairs)
    return out


def _turned(text: str) -> str:
    """Reverse complement; other letters stay."""
    return text.translate(_TURN)[::-1]


@dataclass(frozen=True, eq=False)
class GraphView:
    """A networkx graph as arrays, and what its nodes are called.

    Attributes
    ----------
    graph : UnitigGraph
    nodes : list
        Name of each oriented unitig, also of those that only their mirror stands for.
    there : ndarray of bool, (2 U,)
        Which of them the networkx graph has.
    """

    graph: UnitigGraph
    nodes: list[Any]
    there: np.ndarray


def from_networkx(graph: nx.DiGraph) -> UnitigGraph:
    """The arrays of a graph as `to_networkx` makes it, whole or in part: see `view`."""
    return view(graph).graph


def view(graph: nx.DiGraph) -> GraphView:
    """Read a graph as `to_networkx` makes it, or as the user has changed it since.

    Unitigs keep their order and get new numbers; nothing is compacted. A unitig is there
    while either of its nodes is, as in a neighbourhood that was cut out along one strand:
    to remove a unitig, remove both. Nodes may be spelled ``"12+"`` too, as in files.

    Raises
    ------
    InputError
        If a node is no oriented unitig, lacks an attribute, or if a link was removed or
        added on one strand only.
    """
    at = {node: _split(node) for node in graph.nodes}
    unitigs = sorted({unitig for unitig, _ in at.values()})
    number = {unitig: i for i, unitig in enumerate(unitigs)}
    spelled = bool(at) and isinstance(next(iter(at)), str)
    nodes: list[Any] = [
        f"{unitig}{strand}" if spelled else (unitig, strand)
        for unitig in unitigs
        for strand in "+-"
    ]
    place = {node: 2 * number[unitig] + (strand == "-") for node, (unitig, strand) in at.items()}
    links = np.array(
        [[place[source], place[target]] for source, target in graph.edges], dtype=np.int64
    ).reshape(-1, 2)
    there = np.zeros(len(nodes), dtype=bool)
    there[list(place.values())] = True
    _refuse_one_sided(links, there, nodes)
    texts, lengths, depths, names = _attributes(graph, nodes, there)
    abundance = np.array([depth or 0 for depth in depths], np.int64)
    offsets = np.zeros(len(unitigs) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    blank = np.zeros(len(links), dtype=np.int32)
    link_offsets, link_targets, labels = link_arrays(links, blank, blank, len(unitigs))
    foreign = None
    if graph.graph.get("foreign"):
        known = np.array([depth is not None for depth in depths], bool)
        foreign = Foreign(tuple(names), lengths, ("*",), labels.astype(np.int32), known)
    arrays = UnitigGraph(
        int(_needed(graph.graph, "k", "the graph")),
        encode("".join(texts)),
        offsets,
        abundance,
        link_offsets,
        link_targets,
        foreign,
    )
    return GraphView(arrays, nodes, there)


def _split(node: Hashable) -> tuple[int, str]:
    """Unitig and strand of a node, ``(12, "+")`` or ``"12+"``."""
    if isinstance(node, tuple) and len(node) == 2 and isinstance(node[0], int):
        if node[1] in ("+", "-"):
            return node
    elif isinstance(node, str) and re.fullmatch(r"\d+[+-]", node):
        return int(node[:-1]), node[-1]
    msg = (
        f"networkx: node {node!r} is no oriented unitig, as (12, '+') is; give a graph of "
        "`build_graph`, or a part of one"
    )
    raise InputError(msg)


def _refuse_one_sided(links: np.ndarray, there: np.ndarray, nodes: list[Any]) -> None:
    """A link whose mirror could be there and is not: removed, or added, on one strand."""
    n = len(nodes)
    mirrors = links[:, ::-1] ^ 1
    lone = ~np.isin(mirrors @ [n, 1], links @ [n, 1]) & there[mirrors].all(axis=1)
    if lone.any():
        source, target = links[int(np.argmax(lone))].tolist()
        msg = (
            f"networkx: link {nodes[source]} -> {nodes[target]} is there without its mirror "
            f"{nodes[target ^ 1]} -> {nodes[source ^ 1]}; add or remove both"
        )
        raise InputError(msg)


def _attributes(
    graph: nx.DiGraph, nodes: list[Any], there: np.ndarray
) -> tuple[list[str], np.ndarray, list[int | None], list[str]]:
    """Sequence as stored, length, abundance (None: not known) and name of each unitig."""
    # Where only the reverse complement is there, the unitig is stored as that.
    shown = [nodes[i + (not there[i])] for i in range(0, len(nodes), 2)]
    rows = [graph.nodes[node] for node in shown]
    texts = [str(_needed(row, "sequence", n)) for row, n in zip(rows, shown, strict=True)]
    texts = [text if there[2 * i] else _turned(text) for i, text in enumerate(texts)]
    lengths = [int(row.get("length", len(t))) for row, t in zip(rows, texts, strict=True)]
    if graph.graph.get("foreign"):
        rows = [{"abundance": None, **row} for row in rows]
    told = [_needed(row, "abundance", n) for row, n in zip(rows, shown, strict=True)]
    abundance = [None if value is None else int(value) for value in told]
    names = [str(row.get("name", n)) for row, n in zip(rows, shown, strict=True)]
    return texts, np.array(lengths, np.int64), abundance, names


def _needed(attributes: dict[str, Any], name: str, where: Any) -> Any:
    if name not in attributes:
        msg = f"networkx: {where} has no {name!r}; set it as `build_graph` does"
        raise InputError(msg)
    return attributes[name]


def write_networkx(path: str | os.PathLike[str], graph: UnitigGraph, limit: int = LIMIT) -> None:
    """Write the graph as networkx has it: GraphML, GEXF or node-link JSON, by the suffix.

    Nodes are spelled ``12+``; attributes are those of `to_networkx`. GEXF has no place for
    ``k``. ``networkx.node_link_graph(json.load(file), edges="edges")`` reads the JSON.

    Raises
    ------
    UsageError
        For another suffix.
    InputError
        For more than `limit` unitigs.
    OutputError
        If it cannot be written.
    """
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in SUFFIXES:
        msg = f"{path}: networkx graphs are written as {', '.join(SUFFIXES)}; take one of these"
        raise UsageError(msg)
    found = to_networkx(graph, limit)
    named = nx.relabel_nodes(found, {node: f"{node[0]}{node[1]}" for node in found})
    with open_output(path) as out:
        if suffix == ".graphml":
            # Not `write_graphml`, whose bytes depend on whether lxml is installed.
            nx.write_graphml_xml(named, out)
        elif suffix == ".gexf":
            text = "\n".join(nx.generate_gexf(named)) + "\n"
            out.write(re.sub(r' lastmodifieddate="[^"]*"', "", text).encode())
        else:
            out.write((json.dumps(_node_link(named), indent=1) + "\n").encode())


def _node_link(graph: nx.DiGraph) -> dict[str, Any]:
    """As `networkx.node_link_data`, whose names for the links differ between versions."""
    return {
        "directed": True,
        "multigraph": False,
        "graph": dict(graph.graph),
        "nodes": [{**data, "id": node} for node, data in graph.nodes(data=True)],
        "edges": [{"source": source, "target": target} for source, target in graph.edges],
    }
