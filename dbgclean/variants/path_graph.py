"""The reference of a window as a graph to thread reads through, and where its k-mers stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbgclean.evidence.solid import SolidGraph
from dbgclean.spectrum.kmers import canonical_kmers, encode
from dbgclean.spectrum.table import KmerIndex, KmerTable, build_index

__all__ = ["PathGraph", "build_path_graph", "evidence_graph", "reference_kmers"]

# Lengths to choose from: that at which reads are corrected, and the longest that packs.
# The reference's k-mers have to be unique with so many bases to spare, or a repeat that
# is a few copies longer in the reads turns the path into a circle.
_KS = (25, 27, 29, 31)
_SPARE = 6
# Every k-mer of the reference is as good as any: one abundance for all, solid, but too
# shallow for a read that leaves the path to be masked as nobody's.
_ABUNDANCE, _UPPER, _LOWER = 7, 5, 3


@dataclass(frozen=True, eq=False)
class PathGraph:
    """Reference of one window.

    Attributes
    ----------
    codes
        uint8 (n,): the reference, 4 where it is not ACGT.
    k
        Length of the k-mers.
    graph
        What `dbgclean.evidence.threading.thread_batch` takes.
    kmers
        uint64 (n - k + 1,): as the reference runs; `valid` is False where one holds an N.
    copies
        int64 (n - k + 1,): how often the k-mer stands in the window, on either strand.
    index
        Canonical k-mers that stand once.
    place
        int64, one per row of ``index``: twice the offset, plus 1 where the reference
        runs against the canonical form.
    """

    codes: np.ndarray
    k: int
    graph: SolidGraph
    kmers: np.ndarray
    valid: np.ndarray
    copies: np.ndarray
    index: KmerIndex
    place: np.ndarray


def reference_kmers(codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Packed k-mers (uint64) of a sequence in its own direction, and which hold no N."""
    n = max(0, len(codes) - k + 1)
    kmers = np.zeros(n, np.uint64)
    valid = np.ones(n, bool)
    for i in range(k):
        base = codes[i : i + n]
        kmers |= (base & 3).astype(np.uint64) << np.uint64(2 * (k - 1 - i))
        valid &= base < 4
    return kmers, valid


def build_path_graph(reference: str) -> PathGraph:
    """Graph of the reference's own k-mers, k raised until its path is acyclic if it can be.

    Parameters
    ----------
    reference
        Bases of the window; anything but ACGT breaks the path.
    """
    codes = encode(reference)
    k = next((k for k in _KS if _is_unique(codes, k - _SPARE)), _KS[-1])
    kmers, valid = reference_kmers(codes, k)
    canonical = canonical_kmers(kmers, k)
    keys, inverse, counts = np.unique(canonical, return_inverse=True, return_counts=True)
    copies = counts[inverse].astype(np.int64) if len(keys) else np.zeros(0, np.int64)
    table = _constant_table(np.unique(canonical[valid]), k)
    graph = SolidGraph.build(table, _UPPER, _LOWER, min_share=0.0, enough=_ABUNDANCE)
    once = np.flatnonzero(valid & (copies == 1))
    order = once[np.argsort(canonical[once], kind="stable")]
    place = 2 * order + (kmers[order] != canonical[order])
    index = build_index(canonical[order], k)
    return PathGraph(codes, k, graph, kmers, valid, copies, index, place.astype(np.int64))


def _is_unique(codes: np.ndarray, k: int) -> bool:
    """No k-mer stands twice, on whichever strand."""
    kmers, valid = reference_kmers(codes, k)
    canonical = canonical_kmers(kmers[valid], k)
    return len(np.unique(canonical)) == len(canonical)


def evidence_graph(path: PathGraph, table: KmerTable) -> SolidGraph:
    """The same path with the depth at which the reads show each of its k-mers.

    Parameters
    ----------
    table
        k-mers of the reads at the same k. What they never show stays in the path: the
        reference is where alternatives are named, whether or not the sample has it.
    """
    keys = np.unique(canonical_kmers(path.kmers[path.valid], path.k))
    counts = np.maximum(table.abundance(keys), 1).astype(np.uint32)
    zero = np.zeros(len(keys), np.uint32)
    shown = KmerTable(path.k, keys, counts, zero, counts)
    return SolidGraph.build(shown, 1, 1, min_share=0.0, enough=1)


def _constant_table(keys: np.ndarray, k: int) -> KmerTable:
    counts = np.full(len(keys), _ABUNDANCE, np.uint32)
    return KmerTable(k, keys, counts, np.zeros(len(keys), np.uint32), counts)
