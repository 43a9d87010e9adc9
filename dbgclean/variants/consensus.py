"""What stands in for the reference where there is none: the deepest sequence of the reads.

The reads' graph is cleaned as assemblers do, tips clipped and bubbles popped, which
leaves the deeper arm of every bubble; what is left without a branch is a contig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean.graph.cleaning import classical_clean
from dbgclean.graph.compaction import compact
from dbgclean.spectrum.kmers import canonical_kmers, decode, encode
from dbgclean.spectrum.whole import count_codes
from dbgclean.variants.path_graph import reference_kmers

if TYPE_CHECKING:
    from dbgclean.variants.region_reads import RegionReads

__all__ = ["consensus", "nearest_contig"]

_K = 31
# k-mers below this share of the median (weighted by abundance) take no part.
_SHARE, _LEAST = 0.1, 3
# Shorter contigs hold no read, and no allele in the middle of one.
_SHORTEST = 100


def consensus(reads: RegionReads) -> list[tuple[str, str]]:
    """Contigs of a window's reads, in the order and direction of their alignments.

    Returns
    -------
    list of (str, str)
        Name (``bubble-contig-1`` and so on) and bases; empty where nothing was read
        thrice over a hundred bases.
    """
    codes = reads.along_reference()
    offsets = reads.batch.offsets
    table = count_codes(codes, offsets, reads.batch.quals, _K)
    if not len(table):
        return []
    by_depth = np.sort(table.counts)
    weight = np.cumsum(by_depth.astype(np.int64))
    median = int(by_depth[np.searchsorted(weight, weight[-1] / 2)])
    table = table.select(table.counts >= max(_LEAST, _SHARE * median))
    table = table.select(classical_clean(table.keys, table.counts, _K))
    graph = compact(table.keys, table.counts, _K)
    found = []
    place = _Places(codes, reads)
    for u in np.flatnonzero(graph.lengths >= _SHORTEST).tolist():
        own = graph.codes[graph.offsets[u] : graph.offsets[u + 1]]
        kmers, _ = reference_kmers(own, _K)
        canonical = canonical_kmers(kmers, _K)
        rows = table.find(canonical)
        turned = np.where(kmers == canonical, table.reverse[rows], 0).sum()
        turned += np.where(kmers != canonical, table.counts[rows] - table.reverse[rows], 0).sum()
        if 2 * turned > table.counts[rows].sum():
            own = 3 - own[::-1]
        found.append((place(canonical[[0, -1]]), decode(own)))
    found.sort()
    return [(f"bubble-contig-{i}", bases) for i, (_, bases) in enumerate(found, 1)]


def nearest_contig(reads: RegionReads, contigs: list[tuple[str, str]]) -> np.ndarray:
    """The contig that most k-mers of each read stand on, int64 (n,).

    Copies of a repeat are contigs of their own: laid along another's, their reads would
    show all that the copies differ in. Reads without a k-mer of any go with the first.
    """
    found = [canonical_kmers(reference_kmers(encode(bases), _K)[0], _K) for _, bases in contigs]
    owner = np.repeat(np.arange(len(contigs)), [len(kmers) for kmers in found])
    keys, first, count = np.unique(np.concatenate(found), return_index=True, return_counts=True)
    keys, owner = keys[count == 1], owner[first[count == 1]]
    offsets = reads.batch.offsets
    kmers, valid = reference_kmers(reads.batch.codes, _K)
    read = np.repeat(np.arange(len(reads)), np.diff(offsets))[: len(kmers)]
    valid &= np.arange(len(kmers)) + _K <= offsets[read + 1]
    mine = canonical_kmers(kmers, _K)
    row = np.minimum(np.searchsorted(keys, mine), max(0, len(keys) - 1))
    votes = np.zeros((len(reads), len(contigs)), np.int64)
    if len(keys):
        valid &= keys[row] == mine
        np.add.at(votes, (read[valid], owner[row[valid]]), 1)
    return votes.argmax(1)


class _Places:
    """Where the aligner has k-mers, by the reads that hold them."""

    def __init__(self, codes: np.ndarray, reads: RegionReads) -> None:
        kmers, valid = reference_kmers(codes, _K)
        self._order = np.flatnonzero(valid)
        keys = canonical_kmers(kmers[self._order], _K)
        rank = np.argsort(keys, kind="stable")
        self._keys, self._order = keys[rank], self._order[rank]
        self._offsets = reads.batch.offsets
        self._start = reads.start - reads.clip_left

    def __call__(self, keys: np.ndarray) -> float:
        """Median place of the first of them, and of the last, whichever is less."""
        low = np.searchsorted(self._keys, keys, side="left")
        high = np.searchsorted(self._keys, keys, side="right")
        least = np.inf
        for a, b in zip(low.tolist(), high.tolist(), strict=True):
            at = self._order[a:b]
            read = np.searchsorted(self._offsets, at, side="right") - 1
            if len(at):
                least = min(least, float(np.median(self._start[read] + at - self._offsets[read])))
        return least
