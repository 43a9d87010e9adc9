"""Graphs as text, a block of lines at a time: arrays of bytes, ready to be written.

For De Bruijn graphs, whose unitigs are named by number and overlap by k - 1.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from dbgclean.graph.text_kernels import (
    LINK_ROOM,
    RECORD_ROOM,
    link_lines,
    segment_lines,
    unitig_records,
)
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.kmers import LETTERS

__all__ = ["link_text", "segment_text", "unitig_text"]

_BASES = 1 << 21
"""Bases a block, more where a single unitig has more."""

_LINKS = 1 << 16
"""Links a block."""


def _word(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8).copy()


_SEGMENT_WORDS = (_word("\tLN:i:"), _word("\tKC:i:"), _word("\tdp:f:"))
_FASTA_WORDS = (_word(" LN:i:"), _word(" KC:i:"), _word(" km:f:"))


def _blocks(graph: UnitigGraph) -> Iterator[tuple[int, int]]:
    """First and last unitig of each block."""
    # Room for their tags counts, or many short unitigs would be one block.
    ends = graph.offsets + RECORD_ROOM * np.arange(len(graph) + 1)
    cuts = np.searchsorted(ends, np.arange(0, ends[-1], _BASES)).tolist()
    return pairwise([*dict.fromkeys(cuts), len(graph)])


def segment_text(graph: UnitigGraph) -> Iterator[np.ndarray]:
    """Yield the ``S`` lines of GFA: uint8 (bytes,)."""
    for first, last in _blocks(graph):
        bases = graph.offsets[last] - graph.offsets[first]
        out = np.empty(bases + (last - first) * RECORD_ROOM, dtype=np.uint8)
        n = segment_lines(
            graph.codes,
            graph.offsets,
            graph.abundance,
            graph.depth,
            first,
            last,
            LETTERS,
            _SEGMENT_WORDS,
            out,
        )
        yield out[:n]


def link_text(graph: UnitigGraph) -> Iterator[np.ndarray]:
    """Yield the ``L`` lines of GFA, each link once: uint8 (bytes,)."""
    overlap = _word(f"{graph.k - 1}M")
    rows = graph.link_rows()
    for start in range(0, rows.size, _LINKS):
        part = rows[start : start + _LINKS]
        out = np.empty(part.size * (LINK_ROOM + overlap.size), dtype=np.uint8)
        n = link_lines(graph.link_sources[part], graph.link_targets[part], overlap, out)
        yield out[:n]


def unitig_text(graph: UnitigGraph) -> Iterator[np.ndarray]:
    """Yield FASTA records with the headers of BCALM 2: uint8 (bytes,)."""
    for first, last in _blocks(graph):
        bases = graph.offsets[last] - graph.offsets[first]
        links = graph.link_offsets[2 * last] - graph.link_offsets[2 * first]
        room = bases + (last - first) * RECORD_ROOM + links * LINK_ROOM
        out = np.empty(room, dtype=np.uint8)
        n = unitig_records(
            graph.codes,
            graph.offsets,
            graph.abundance,
            graph.depth,
            graph.link_offsets,
            graph.link_targets,
            first,
            last,
            LETTERS,
            _FASTA_WORDS,
            out,
        )
        yield out[:n]
