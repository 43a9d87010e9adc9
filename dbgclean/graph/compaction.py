"""From sorted canonical k-mers to unitigs: the compacted De Bruijn graph.

A unitig is a maximal path on which every k-mer but the last has one successor,
every k-mer but the first has one predecessor, and no k-mer meets its own reverse
complement (Chikhi, Limasset and Medvedev 2016, doi:10.1093/bioinformatics/btw279).
Four steps over arrays:

1. the one successor of each oriented k-mer, or none (threads, over rows);
2. unitigs: from each k-mer not yet seen back to where its path begins, then
   along it (one thread: each k-mer is touched about one and a half times);
3. sequences and abundances, written at their final places (threads);
4. links between unitig ends (threads).

An oriented k-mer is a number like an oriented unitig: ``2 * row`` for the canonical
form, ``2 * row + 1`` for its reverse complement. k-mers are found by binary search
in the sorted keys within a bucket of equal first bases: no hash table to build or
hold, and the successors spelled canonically are neighbours in memory.

The result is the same for any number of threads: a unitig is stored in the
direction (a circular one also from the k-mer) whose sequence is smallest, and
unitigs are sorted by sequence.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from dbgclean.errors import InputError
from dbgclean.graph.compaction_kernels import (
    fill_buckets,
    join,
    mark_successors,
    spell,
    turn,
    walk_paths,
)
from dbgclean.graph.unitigs import UnitigGraph

__all__ = ["compact", "compact_rows"]

MAX_KMERS = 2**30
"""Oriented k-mers are numbered in int32."""

_CHUNK = 1 << 18
"""Rows or unitigs per task."""

_MAX_BUCKET_BITS = 26


def _in_chunks(work: Callable[[int, int], None], n: int, threads: int) -> None:
    """Call ``work(first, last)`` over ``range(n)`` in chunks; chunks do not meet."""
    cuts = [*range(0, n, _CHUNK), n]
    if threads <= 1 or len(cuts) < 3:
        for first, last in pairwise(cuts):
            work(first, last)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda cut: work(*cut), pairwise(cuts)):
            pass


def _buckets(keys: np.ndarray, k: int) -> tuple[np.ndarray, int]:
    """Row where each bucket of equal highest bits begins (int32), and the shift to them.

    About one bucket a key: erroneous k-mers share the first bases of true ones, so
    fewer buckets would mean longer searches, more would miss the cache.
    """
    bits = min(2 * k, _MAX_BUCKET_BITS, max(int(keys.size).bit_length(), 1))
    starts = np.empty((1 << bits) + 1, dtype=np.int32)
    fill_buckets(keys, 2 * k - bits, starts)
    return starts, 2 * k - bits


def compact_rows(
    keys: np.ndarray, counts: np.ndarray, k: int, threads: int = 1
) -> tuple[UnitigGraph, np.ndarray]:
    """As `compact`, and the unitig of each k-mer (int32, (n,))."""
    unitig_of = np.empty(keys.size, dtype=np.int32)
    return _compact(keys, counts, k, threads, unitig_of), unitig_of


def compact(keys: np.ndarray, counts: np.ndarray, k: int, threads: int = 1) -> UnitigGraph:
    """Compact k-mers into unitigs and their links.

    Parameters
    ----------
    keys : ndarray of uint64, (n,)
        Canonical k-mers, sorted, each once.
    counts : ndarray of uint32, (n,)
        Their abundances.
    k : int
        Odd, 3 to 31.
    threads : int
        Workers; the graph does not depend on it.

    Returns
    -------
    UnitigGraph
        Unitigs in their canonical direction, sorted by sequence.

    Raises
    ------
    InputError
        For more than 2**30 k-mers.
    ValueError
        For an even k or one out of range, or arrays of different lengths.

    Notes
    -----
    Time is linear in the k-mers but for the searches, whose buckets hold about one
    key. Memory beyond the input: 8 bytes a k-mer for successors, 4 to 8 for the
    buckets, and the graph.

    Examples
    --------
    >>> from dbgclean.spectrum.kmers import strings_to_kmers
    >>> graph = compact(strings_to_kmers(["AAC", "ACC"]), np.array([2, 3], np.uint32), 3)
    >>> graph.sequence(0), graph.abundance.tolist()
    ('AACC', [5])
    """
    return _compact(keys, counts, k, threads, np.empty(0, dtype=np.int32))


def _checked(keys: np.ndarray, counts: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    if k % 2 == 0 or not 3 <= k <= 31:
        msg = f"k must be odd and from 3 to 31, found {k}"
        raise ValueError(msg)
    if keys.size != counts.size:
        msg = f"{keys.size} k-mers but {counts.size} counts"
        raise ValueError(msg)
    if keys.size > MAX_KMERS:
        msg = (
            f"graph: {keys.size} distinct k-mers, more than the {MAX_KMERS} that can be "
            "numbered; raise --min-abundance"
        )
        raise InputError(msg)
    return (
        np.ascontiguousarray(keys, dtype=np.uint64),
        np.ascontiguousarray(counts, dtype=np.uint32),
    )


def _compact(
    keys: np.ndarray, counts: np.ndarray, k: int, threads: int, unitig_of: np.ndarray
) -> UnitigGraph:
    keys, counts = _checked(keys, counts, k)
    starts, shift = _buckets(keys, k)
    only = np.empty(2 * keys.size, dtype=np.int32)
    _in_chunks(
        lambda first, last: mark_successors(keys, starts, shift, k, first, last, only),
        keys.size,
        threads,
    )
    heads, tails, sizes = _paths(keys, k, only)
    unitigs = heads.size
    offsets = np.zeros(unitigs + 1, dtype=np.int64)
    np.cumsum(sizes + np.int64(k - 1), out=offsets[1:])
    codes = np.empty(offsets[-1], dtype=np.uint8)
    abundance = np.empty(unitigs, dtype=np.int64)
    _in_chunks(
        lambda first, last: spell(
            keys, counts, k, only, heads, sizes, offsets, first, last, codes, abundance, unitig_of
        ),
        unitigs,
        threads,
    )
    # Successors are known and spelled out: the array now says where unitigs begin.
    only[heads] = np.arange(0, 2 * unitigs, 2, dtype=np.int32)
    only[tails ^ 1] = np.arange(1, 2 * unitigs, 2, dtype=np.int32)
    targets = np.empty((2 * unitigs, 4), dtype=np.int32)
    degrees = np.empty(2 * unitigs, dtype=np.int64)
    _in_chunks(
        lambda first, last: join(
            keys, starts, shift, k, only, heads, tails, first, last, targets, degrees
        ),
        unitigs,
        threads,
    )
    link_offsets = np.zeros(2 * unitigs + 1, dtype=np.int64)
    np.cumsum(degrees, out=link_offsets[1:])
    link_targets = targets[np.arange(4) < degrees[:, None]]
    return UnitigGraph(k, codes, offsets, abundance, link_offsets, link_targets)


def _paths(keys: np.ndarray, k: int, only: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heads, tails and k-mers of all unitigs, in canonical direction and order."""
    # Far fewer unitigs than k-mers: what is not written takes no memory.
    heads = np.empty(keys.size, dtype=np.int32)
    tails = np.empty(keys.size, dtype=np.int32)
    sizes = np.empty(keys.size, dtype=np.int32)
    n = walk_paths(only, heads, tails, sizes)
    heads, tails = heads[:n].copy(), tails[:n].copy()
    firsts = np.empty(n, dtype=np.uint64)
    turn(keys, k, heads, tails, firsts)
    order = np.argsort(firsts)
    return heads[order], tails[order], sizes[:n][order]
