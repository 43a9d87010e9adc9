"""Unitig FASTA with the headers of BCALM 2.

``>id LN:i:<bases> KC:i:<abundances summed> km:f:<mean> L:<+/->:<id>:<+/-> ...``: every
link stands in the headers of both unitigs, an incoming one as what leaves the
reverse complement.
"""

import os
import re
from collections.abc import Iterator

import numpy as np

from dbgclean._files import open_output
from dbgclean.errors import InputError
from dbgclean.graph.gfa import link_arrays
from dbgclean.graph.rendering import unitig_text
from dbgclean.graph.textfiles import bad_line, numbered_lines
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.kmers import encode

__all__ = ["read_unitigs", "write_unitigs"]

_LINK = re.compile(r"L:([+-]):(\d+):([+-])")
_BASES = re.compile(r"[ACGTacgt]+")


def write_unitigs(path: str | os.PathLike[str], graph: UnitigGraph) -> None:
    """Write unitigs as FASTA with BCALM 2 headers, sequence on one line.

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
    with open_output(path) as out:
        for block in unitig_text(graph):
            out.write(block.data)


def _headers(path: str | os.PathLike[str]) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, header, sequence) of each record."""
    header, start, pieces = "", 0, list[str]()
    for number, line in numbered_lines(path):
        if line.startswith(">"):
            if start:
                yield start, header, "".join(pieces)
            header, start, pieces = line[1:], number, []
        elif not start and line:
            raise bad_line(path, number, f"{line[:12]!r} before any '>'", "give unitig FASTA")
        else:
            pieces.append(line)
    if start:
        yield start, header, "".join(pieces)


def read_unitigs(path: str | os.PathLike[str], k: int | None = None) -> UnitigGraph:
    """Read unitig FASTA as BCALM 2 and `write_unitigs` write it, plain or gzip.

    Parameters
    ----------
    path : path
        '-' for standard input.
    k : int, optional
        Needed where no two unitigs are linked, because the file does not name it;
        else it is the one odd number whose k - 1 bases all links share.

    Returns
    -------
    UnitigGraph
        Unitigs in the order of the file.

    Raises
    ------
    InputError
        With the line's number, for anything else, and where k cannot be told.
    """
    texts: list[str] = []
    abundance: list[int] = []
    links: list[tuple[int, int]] = []
    for number, header, text in _headers(path):
        words = header.split()
        if not words or words[0] != str(len(texts)):
            found = f"unitig {words[0] if words else ''!r} where {len(texts)} was due"
            raise bad_line(path, number, found, "unitigs must be numbered from 0")
        if not _BASES.fullmatch(text):
            raise bad_line(
                path, number, f"unitig {words[0]} holds other than A, C, G, T", "check the file"
            )
        abundance.append(_total(path, number, words))
        for strand, other, other_strand in _LINK.findall(header):
            links.append((2 * len(texts) + (strand == "-"), 2 * int(other) + (other_strand == "-")))
        texts.append(text.upper())
    if not texts:
        msg = f"{path}: holds no unitigs; give unitig FASTA"
        raise InputError(msg)
    nodes = np.array(links, dtype=np.int64).reshape(-1, 2)
    if nodes.size and nodes.max() >= 2 * len(texts):
        msg = f"{path}: a link leads to unitig {nodes.max() >> 1} of {len(texts)}; the file is cut"
        raise InputError(msg)
    blank = np.zeros(len(nodes), dtype=np.int32)
    link_offsets, link_targets, _ = link_arrays(nodes, blank, blank, len(texts))
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    graph = UnitigGraph(
        0,
        encode("".join(texts)),
        offsets,
        np.array(abundance, dtype=np.int64),
        link_offsets,
        link_targets,
    )
    found_k = _told_k(path, graph, k)
    return UnitigGraph(found_k, graph.codes, offsets, graph.abundance, link_offsets, link_targets)


def _total(path: str | os.PathLike[str], number: int, words: list[str]) -> int:
    for word in words[1:]:
        if word.startswith("KC:i:") and word[5:].isdigit():
            return int(word[5:])
    raise bad_line(path, number, "no KC:i:<number> in the header", "give BCALM 2's unitig FASTA")


def _told_k(path: str | os.PathLike[str], graph: UnitigGraph, k: int | None) -> int:
    """The k that every link bears out; `k` where it is given.

    Raises
    ------
    InputError
        If none fits, or there is no link to tell from.
    """
    shortest = int(graph.lengths.min())
    if k is None and not graph.link_targets.size:
        msg = f"{path}: no links to tell k from; give it with -k"
        raise InputError(msg)
    candidates = range(shortest - (shortest % 2 == 0), 2, -2) if k is None else (k,)
    for candidate in candidates:
        if candidate <= shortest and _overlaps_are(graph, candidate - 1):
            return candidate
    wanted = "any odd k" if k is None else f"k = {k}"
    msg = f"{path}: links do not overlap as they would for {wanted}; give another k or file"
    raise InputError(msg)


def _overlaps_are(graph: UnitigGraph, overlap: int) -> bool:
    """True where the last bases of each link's source are the first of its target."""
    links = graph.links()
    ends = _edge_codes(graph, links[:, 0] ^ 1, overlap)
    begins = _edge_codes(graph, links[:, 1], overlap)
    return bool((3 - ends[:, ::-1] == begins).all())


def _edge_codes(graph: UnitigGraph, nodes: np.ndarray, n: int) -> np.ndarray:
    """First `n` codes of oriented unitigs, uint8 (nodes, n)."""
    unitigs, steps = nodes >> 1, np.arange(n)
    forward = graph.codes[graph.offsets[unitigs][:, None] + steps]
    backward = 3 - graph.codes[graph.offsets[unitigs + 1][:, None] - 1 - steps]
    return np.where((nodes & 1)[:, None] == 0, forward, backward)
