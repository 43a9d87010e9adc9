"""What leaves the reference's path in the graph of the reads: bubbles and dead ends.

Threading holds short gaps and a few differences at a time. A longer insertion or
deletion, or a cluster of differences, shows as an arm of the reads' own de Bruijn
graph: k-mers that the reference does not have, from one of its k-mers to another
(Iqbal et al. 2012, doi:10.1038/ng.1028). Arms that come back are candidates for
alleles; whether any read speaks for one is settled by laying the reads along it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.copying import copy_to
from dbgclean.spectrum.kmers import canonical_kmers, revcomp
from dbgclean.spectrum.table import KmerIndex, KmerTable, find_row
from dbgclean.variants.path_graph import PathGraph

__all__ = ["Arm", "DeadEnd", "find_arms", "least_abundance"]

# Longest arm in bases, arms from one place of the reference, and steps of the search there.
_LONGEST, _MOST_ARMS, _MOST_STEPS = 400, 12, 4000
# k-mers seen once are no arm; in deep windows neither are those below this share of the
# depth, where the same error is made many times over.
_LEAST, _SHARE = 2, 0.003
# A dead end that goes on for fewer bases than this is a read's bad end.
_SHORTEST_TIP = 12


@dataclass(frozen=True, slots=True)
class Arm:
    """One way round a stretch of the reference.

    Attributes
    ----------
    start, end
        Stretch of the reference that it stands for, as offsets.
    bases
        uint8: what the reads have there.
    abundance
        Of its rarest k-mer.
    """

    start: int
    end: int
    bases: np.ndarray
    abundance: int


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """A branch that does not come back; ``start`` is the first base that it replaces."""

    start: int
    bases: np.ndarray
    abundance: int


def least_abundance(coverage: np.ndarray) -> np.ndarray:
    """Abundance from which a k-mer may belong to an arm, by depth (reads over each base)."""
    return np.maximum(_LEAST, np.ceil(_SHARE * coverage)).astype(np.int64)


def find_arms(
    path: PathGraph, table: KmerTable, least: np.ndarray
) -> tuple[list[Arm], list[DeadEnd]]:
    """Arms and dead ends of the reads' graph, in the order of the reference.

    Parameters
    ----------
    table
        k-mers of the reads, at the path's k.
    least
        int64, one per base of the reference: see `least_abundance`.
    """
    if not len(path.kmers) or not len(table):
        return [], []
    canonical = canonical_kmers(path.kmers, path.k)
    own = np.where(path.valid, table.abundance(canonical), 0).astype(np.int64)
    on_path = np.full(len(table), -1, np.int64)
    rows = table.find(canonical)
    shown = path.valid & (rows >= 0)
    on_path[rows[shown & (path.copies > 1)]] = -2
    once = np.flatnonzero(shown & (path.copies == 1))
    on_path[rows[once]] = 2 * once + (path.kmers[once] != canonical[once])
    reads = _Reads(table.index(), table.counts.astype(np.int64), on_path)
    room = 1 << 12
    n = -1
    while n < 0:
        found = _Found(np.zeros((room, 5), np.int64), np.zeros(room * 64, np.uint8))
        n = _walk(path.kmers, own, path.copies, path.codes, reads, least, found)
        room *= 4
    return _collect(found.rows[:n], found.text, path.k)


class _Reads(NamedTuple):
    """The k-mers of the reads: lookup, abundance, and where on the path each stands (twice the
    offset and a strand, -2 where in several places, -1 elsewhere)."""

    lookup: KmerIndex
    counts: np.ndarray
    on_path: np.ndarray


class _Found(NamedTuple):
    """What is found: rows of the k-mers at either end (-1: none), first and last base in
    ``text``, and abundance."""

    rows: np.ndarray
    text: np.ndarray


class _Search(NamedTuple):
    """Scratch by depth: k-mer, base to try next, least abundance so far, bases, and those of
    the longest branch."""

    kmer: np.ndarray
    tried: np.ndarray
    lowest: np.ndarray
    bases: np.ndarray
    longest: np.ndarray


def _collect(rows: np.ndarray, text: np.ndarray, k: int) -> tuple[list[Arm], list[DeadEnd]]:
    arms, ends = [], []
    for p, q, first, last, abundance in rows.tolist():
        bases = text[first:last].copy()
        if q < 0:
            ends.append(DeadEnd(p + k, bases, abundance))
        else:
            arms.append(Arm(p + k, q + k, bases, abundance))
    return arms, ends


@helper
def _successor(kmer: np.uint64, b: int, index: KmerIndex) -> tuple[np.uint64, np.uint64, np.int64]:
    """The next k-mer, its canonical form and its row in the table (-1: not there)."""
    keep = (np.uint64(1) << np.uint64(2 * index.k)) - np.uint64(1)
    ahead = ((kmer << np.uint64(2)) | np.uint64(b)) & keep
    key = min(ahead, revcomp(ahead, index.k))
    return ahead, key, find_row(index.slots, index.rows, index.mask, key)


@helper
def _put(
    found: _Found, n: int, p: int, q: int, first: int, bases: np.ndarray, size: int,
    abundance: int,
) -> int:  # fmt: skip
    """Write one arm; where there is no room, -1."""
    if n >= len(found.rows) or first + size > len(found.text):
        return -1
    copy_to(found.text, first, bases, np.int64(0), size)
    row = found.rows[n]
    row[0], row[1], row[2], row[3], row[4] = p, q, first, first + size, abundance
    return first + size


@helper
def _comes_back(place: int, p: int, is_canonical: bool, depth: int) -> bool:
    """A k-mer of the reference in its own direction, and near: on the other strand or far
    away it is another copy, not an allele of this one."""
    along = is_canonical == (place % 2 == 0)
    return depth > 0 and along and abs(place // 2 - p) <= _LONGEST


@helper
def _explore(
    p: int, kmer: np.uint64, own_base: int, reads: _Reads, least: int, search: _Search, n: int,
    at: int, found: _Found,
) -> tuple[int, int]:  # fmt: skip
    """Depth first from one place of the reference; returns rows and text used."""
    search.kmer[0], search.tried[0], search.lowest[0] = kmer, 0, np.int64(1) << 60
    depth, first, steps, reach, reach_low = 0, n, 0, 0, 0
    while depth >= 0 and n - first < _MOST_ARMS and steps < _MOST_STEPS:
        b = search.tried[depth]
        search.tried[depth] += 1
        if b > 3 or depth >= _LONGEST:
            depth -= 1
            continue
        ahead, key, row = _successor(search.kmer[depth], b, reads.lookup)
        place = reads.on_path[row] if row >= 0 else -2
        steps += 1
        if place == -2 or (depth == 0 and b == own_base):
            continue
        if place < 0 and reads.counts[row] < least:
            continue
        search.bases[depth] = b
        if place >= 0:
            if _comes_back(place, p, ahead == key, depth):
                low = search.lowest[depth]
                at = _put(found, n, p, place // 2, at, search.bases, depth + 1, low)
                if at < 0:
                    return n, at
                n += 1
            continue
        depth += 1
        search.kmer[depth], search.tried[depth] = ahead, 0
        search.lowest[depth] = min(search.lowest[depth - 1], reads.counts[row])
        if depth > reach:
            reach, reach_low = depth, search.lowest[depth]
            copy_to(search.longest, np.int64(0), search.bases, np.int64(0), depth)
    if n == first and reach >= _SHORTEST_TIP:
        at = _put(found, n, p, np.int64(-1), at, search.longest, reach, reach_low)
        n += 1
    return n, at


@kernel
def _walk(
    kmers: np.ndarray, own: np.ndarray, copies: np.ndarray, reference: np.ndarray,
    reads: _Reads, least: np.ndarray, found: _Found,
) -> int:  # fmt: skip
    """Search from every place where the reads may leave the path; -1: out of room."""
    k, size = reads.lookup.k, _LONGEST + 1
    search = _Search(
        np.zeros(size, np.uint64), np.zeros(size, np.int64), np.zeros(size, np.int64),
        np.zeros(size, np.uint8), np.zeros(size, np.uint8),
    )  # fmt: skip
    n, at = 0, 0
    for p in range(len(kmers)):
        if own[p] == 0 or copies[p] != 1 or p + k >= len(reference):
            continue
        n, at = _explore(p, kmers[p], reference[p + k], reads, least[p], search, n, at, found)
        if at < 0:
            return -1
    return n
