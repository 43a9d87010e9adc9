"""One form for graphs that differ in nothing but order, direction and rotation."""

import numpy as np

from dbgclean.graph.gfa import link_arrays
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.kmers import encode

__all__ = ["canonical"]

_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def _rotated(text: str, k: int) -> str:
    """A circular unitig from its smallest k-mer, of either strand, on."""
    ring = text[: len(text) - k + 1]
    candidates = []
    for turn in (ring, ring.translate(_COMPLEMENT)[::-1]):
        twice = turn * (2 + k // len(turn))
        _, start = min((twice[i : i + k], i) for i in range(len(turn)))
        candidates.append(twice[start : start + len(turn) + k - 1])
    return min(candidates)


def canonical(graph: UnitigGraph) -> UnitigGraph:
    """The same graph as `dbgclean.graph.compaction.compact` would lay it out.

    Unitigs in the direction whose sequence is smaller, circular ones from their
    smallest k-mer, sorted by sequence: two De Bruijn graphs are equal up to reverse
    complement if their canonical forms have equal arrays.

    Parameters
    ----------
    graph : UnitigGraph
        A De Bruijn graph, as `read_gfa` or `read_unitigs` give it.

    Raises
    ------
    ValueError
        For a graph that holds names or overlaps of another kind.
    """
    if graph.foreign is not None or not graph.k:
        msg = "canonical form is defined for De Bruijn graphs only"
        raise ValueError(msg)
    texts = list(graph.texts())
    flipped = np.zeros(len(texts), dtype=np.int64)
    for unitig, text in enumerate(texts):
        if graph.is_circular(unitig):
            texts[unitig] = _rotated(text, graph.k)
            continue
        other = text.translate(_COMPLEMENT)[::-1]
        if other < text:
            texts[unitig] = other
            flipped[unitig] = 1
    order = np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    ends = np.column_stack([graph.link_sources, graph.link_targets]).astype(np.int64)
    ends = 2 * rank[ends >> 1] + ((ends & 1) ^ flipped[ends >> 1])
    blank = np.zeros(len(ends), dtype=np.int32)
    link_offsets, link_targets, _ = link_arrays(ends, blank, blank, len(texts))
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(graph.lengths[order], out=offsets[1:])
    codes = encode("".join([texts[unitig] for unitig in order.tolist()]))
    return UnitigGraph(graph.k, codes, offsets, graph.abundance[order], link_offsets, link_targets)
