"""GFA 1.0: writing unitig graphs, reading those of any tool.

https://gfa-spec.github.io/GFA-spec/GFA1.html. Written are ``H VN:Z:1.0 ks:i:<k>``, ``S``
lines with ``LN`` (bases), ``KC`` (k-mer abundances summed) and ``dp`` (mean
abundance; Bandage would divide KC by the length), and each link once, a hairpin too.
"""

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from dbgclean._files import open_output
from dbgclean.errors import InputError
from dbgclean.graph.rendering import link_text, segment_text
from dbgclean.graph.textfiles import bad_line, numbered_lines
from dbgclean.graph.unitigs import Foreign, UnitigGraph
from dbgclean.spectrum.kmers import encode

__all__ = ["link_arrays", "read_gfa", "write_gfa"]

logger = logging.getLogger(__name__)

_CIGAR = re.compile(r"(\d+[MIDNSHPX=])+")
_MATCH = re.compile(r"(\d+)M")
_TURNED_OPERATIONS = str.maketrans("ID", "DI")
_SEQUENCE = re.compile(r"[A-Za-z=.]+")
_OF_GFA_2 = frozenset("EFGOU")


def write_gfa(path: str | os.PathLike[str], graph: UnitigGraph) -> None:
    """Write a graph as GFA 1.0.

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
        out.write(f"H\tVN:Z:1.0\tks:i:{graph.k}\n".encode() if graph.k else b"H\tVN:Z:1.0\n")
        if graph.foreign is not None:
            out.writelines(line.encode() for line in _foreign_lines(graph, graph.foreign))
            return
        for block in segment_text(graph):
            out.write(block.data)
        for block in link_text(graph):
            out.write(block.data)


def _foreign_lines(graph: UnitigGraph, foreign: Foreign) -> Iterator[str]:
    """Lines of a graph whose segments have names and whose links have overlaps of their own."""
    rows = zip(
        foreign.names,
        graph.texts(),
        graph.lengths.tolist(),
        graph.abundance.tolist(),
        graph.depth.tolist(),
        foreign.known_depth.tolist(),
        strict=True,
    )
    for name, text, length, abundance, depth, known in rows:
        told = f"\tKC:i:{abundance}\tdp:f:{depth:.3f}" if known else ""
        yield f"S\t{name}\t{text or '*'}\tLN:i:{length}{told}\n"
    links = graph.link_rows()
    sources = graph.link_sources[links].tolist()
    targets = graph.link_targets[links].tolist()
    for row, source, target in zip(links.tolist(), sources, targets, strict=True):
        yield (
            f"L\t{graph.name(source >> 1)}\t{'+-'[source & 1]}\t{graph.name(target >> 1)}"
            f"\t{'+-'[target & 1]}\t{foreign.cigars[foreign.link_cigars[row]]}\n"
        )


def turned_cigar(cigar: str) -> str:
    """The overlap as the mirror link has it.

    Examples
    --------
    >>> turned_cigar("1M2D3M"), turned_cigar("*")
    ('3M2I1M', '*')
    """
    operations = re.findall(r"\d+[A-Z=]", cigar)
    return "".join(operations[::-1]).translate(_TURNED_OPERATIONS) or cigar


def link_arrays(
    links: np.ndarray, labels: np.ndarray, turned: np.ndarray, unitigs: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Links as sorted arrays with their mirrors, each once.

    Parameters
    ----------
    links : ndarray of int, (n, 2)
        Oriented unitigs, in either of a link's two forms, or both.
    labels : ndarray of int, (n,)
        Something each link has; of repeated links the first one's is kept.
    turned : ndarray of int, (n,)
        The same of its mirror.
    unitigs : int

    Returns
    -------
    link_offsets, link_targets, labels
        As in `UnitigGraph`, and the label of each target.
    """
    links = links.reshape(-1, 2).astype(np.int64)
    both = np.concatenate([links, links[:, ::-1] ^ 1])
    # As given goes before as mirrored, so that a label read is never overwritten.
    _, rows = np.unique(both[:, 0] * (2 * unitigs) + both[:, 1], return_index=True)
    offsets = np.zeros(2 * unitigs + 1, dtype=np.int64)
    np.cumsum(np.bincount(both[rows, 0], minlength=2 * unitigs), out=offsets[1:])
    return offsets, both[rows, 1].astype(np.int32), np.concatenate([labels, turned])[rows]


@dataclass
class _Parts:
    """What the lines of a GFA file said, in the order they said it."""

    path: str | os.PathLike[str]
    numbers: dict[str, int] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    tags: list[dict[str, str]] = field(default_factory=list)
    links: list[tuple[int, str, str, str, str, str]] = field(default_factory=list)
    k: int = 0
    skipped: dict[str, int] = field(default_factory=dict)


def read_gfa(path: str | os.PathLike[str], k: int | None = None) -> UnitigGraph:
    """Read GFA 1, plain or gzip.

    Parameters
    ----------
    path : path
        '-' for standard input.
    k : int, optional
        Taken for the k of the graph. Without it, k comes from the header's ``ks``
        or from an overlap that all links share; else it is 0 (not known).

    Returns
    -------
    UnitigGraph
        Segments in the order of the file. ``foreign`` is None where the file could
        have been written by us: names are numbers from 0, sequences and depths are there and
        every overlap is ``<k - 1>M``. Letters other than A, C, G and T are read as N;
        links given twice, or with their mirror, are one. Records of other kinds (paths,
        walks, containments, jumps, and what tools add) are passed over, which is said.

    Raises
    ------
    InputError
        With the line's number, for anything that is not GFA 1.
    """
    parts = _Parts(path)
    readers = {"H": _read_header, "S": _read_segment, "L": _read_link}
    for number, line in numbered_lines(path):
        if not line:
            continue
        kind = line[0]
        if kind == "#":
            continue
        if kind in readers and line[1:2] in ("\t", ""):
            readers[kind](parts, number, line.split("\t"))
        elif kind in _OF_GFA_2 and line[1:2] == "\t":
            raise _second_version(path, number)
        elif kind.isascii() and kind.isalpha() and line[1:2] == "\t":
            parts.skipped[kind] = parts.skipped.get(kind, 0) + 1
        else:
            raise bad_line(
                path, number, f"no GFA 1 record begins with {line[:12]!r}", "give a GFA 1 file"
            )
    if not parts.numbers:
        msg = f"{path}: holds no segments (S lines); give a GFA 1 file"
        raise InputError(msg)
    if parts.skipped:
        kinds = ", ".join(f"{times:,} {kind}" for kind, times in sorted(parts.skipped.items()))
        logger.warning("%s: passed over, and not in any output: %s lines", path, kinds)
    return _assemble(parts, k)


def _read_header(parts: _Parts, number: int, fields: list[str]) -> None:
    for tag in fields[1:]:
        if tag.startswith("VN:Z:2"):
            raise _second_version(parts.path, number)
        if tag.startswith("ks:i:"):
            value = tag[5:]
            if not value.isdigit():
                raise bad_line(parts.path, number, f"k is {value!r}", "ks:i takes a number")
            parts.k = int(value)


def _second_version(path: str | os.PathLike[str], number: int) -> InputError:
    return bad_line(path, number, "this is GFA 2", "convert it to GFA 1 (gfak convert)")


def _read_segment(parts: _Parts, number: int, fields: list[str]) -> None:
    if len(fields) < 3 or not fields[1] or not fields[2]:
        raise bad_line(
            parts.path, number, "a segment without name or sequence", "S lines need both (or *)"
        )
    name, text = fields[1], fields[2]
    if name in parts.numbers:
        raise bad_line(parts.path, number, f"segment {name!r} again", "names must differ")
    if text != "*" and not _SEQUENCE.fullmatch(text):
        raise bad_line(
            parts.path, number, f"segment {name!r} holds other than letters", "give its bases or *"
        )
    tags = {tag[:2]: tag[5:] for tag in fields[3:]}
    length = tags.get("LN", "0") if text == "*" else str(len(text))
    if not length.isdigit():
        raise bad_line(parts.path, number, f"length {length!r}", "LN:i takes a number")
    parts.numbers[name] = len(parts.texts)
    parts.texts.append("" if text == "*" else text)
    parts.lengths.append(int(length))
    parts.tags.append({key: value for key, value in tags.items() if key in _DEPTH_TAGS})


def _read_link(parts: _Parts, number: int, fields: list[str]) -> None:
    if len(fields) < 5 or fields[2] not in ("+", "-") or fields[4] not in ("+", "-"):
        raise bad_line(
            parts.path, number, "not a link", "L lines are: from, + or -, to, + or -, overlap"
        )
    cigar = fields[5] if len(fields) > 5 else "*"
    if cigar != "*" and not _CIGAR.fullmatch(cigar):
        raise bad_line(parts.path, number, f"overlap {cigar!r}", "give a CIGAR or *")
    parts.links.append((number, *fields[1:5], cigar))  # type: ignore[arg-type]


_COUNTS = ("RC", "FC")  # reads and fragments: over the length, as Bandage has it
_MEANS = ("dp", "DP", "rd", "km")
_DEPTH_TAGS = frozenset(("KC", *_COUNTS, *_MEANS))
_MOST = 2**62


def _abundance(tags: dict[str, str], kmers: int, length: int) -> int | None:
    """Abundances summed: as told, or mean times k-mers; None where the file is silent."""
    kmers = max(kmers, 1)
    shares = [("KC", 1.0), *((tag, kmers) for tag in _MEANS)]
    for tag, share in [*shares, *((tag, kmers / max(length, 1)) for tag in _COUNTS)]:
        try:
            total = float(tags[tag]) * share
        except (KeyError, ValueError):
            continue
        if 0 <= total < _MOST:
            return round(total)
    return None


def _oriented_links(parts: _Parts) -> tuple[np.ndarray, list[str]]:
    nodes = np.empty((len(parts.links), 2), dtype=np.int64)
    cigars = []
    for row, (number, source, source_strand, target, target_strand, cigar) in enumerate(
        parts.links
    ):
        for side, name, strand in ((0, source, source_strand), (1, target, target_strand)):
            segment = parts.numbers.get(name)
            if segment is None:
                raise bad_line(
                    parts.path, number, f"a link of segment {name!r}", "the file has no such S line"
                )
            nodes[row, side] = 2 * segment + (strand == "-")
        cigars.append(cigar)
    return nodes, cigars


def _common_k(parts: _Parts, cigars: list[str], k: int | None) -> int:
    if k is not None:
        return k
    if parts.k:
        return parts.k
    match = _MATCH.fullmatch(cigars[0]) if len(set(cigars)) == 1 else None
    return int(match[1]) + 1 if match else 0


def _assemble(parts: _Parts, k: int | None) -> UnitigGraph:
    nodes, cigars = _oriented_links(parts)
    unitigs = len(parts.texts)
    k = _common_k(parts, cigars, k)
    distinct = sorted({*cigars, *map(turned_cigar, cigars)})
    label_of = {cigar: i for i, cigar in enumerate(distinct)}
    labels = np.array([label_of[cigar] for cigar in cigars], dtype=np.int32)
    turned = np.array([label_of[turned_cigar(cigar)] for cigar in cigars], dtype=np.int32)
    link_offsets, link_targets, link_cigars = link_arrays(nodes, labels, turned, unitigs)
    offsets = np.zeros(unitigs + 1, dtype=np.int64)
    np.cumsum([len(text) for text in parts.texts], out=offsets[1:])
    kmers = [max(length - max(k, 1) + 1, 0) for length in parts.lengths]
    told = list(map(_abundance, parts.tags, kmers, parts.lengths))
    abundance = np.array([total or 0 for total in told], dtype=np.int64)
    known = np.array([total is not None for total in told], dtype=bool)
    plain = (
        k > 0
        and set(cigars) <= {f"{k - 1}M"}
        and all(parts.texts)
        and known.all()
        and all(name == str(number) for name, number in parts.numbers.items())
    )
    foreign = None
    if not plain:
        lengths = np.array(parts.lengths, dtype=np.int64)
        foreign = Foreign(tuple(parts.numbers), lengths, tuple(distinct), link_cigars, known)
    codes = encode("".join(parts.texts))
    return UnitigGraph(k, codes, offsets, abundance, link_offsets, link_targets, foreign)
