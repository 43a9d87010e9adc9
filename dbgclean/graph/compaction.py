"""From sorted canonical k-mers to unitigs: the compacted De Bruijn graph.

A unitig is a maximal path on which every k-mer but the last has one successor,
every k-mer but the first has one predecessor, and no k-mer meets its own reverse
complement (Chikhi, Limasset and Medvedev 2016, doi:10.1093/bioinformatics/btw279).
Four steps over arrays, each on all threads:

1. every k-mer is brought to the two (k-1)-mers where it ends, and what meets there
   either continues a unitig or is a link;
2. unitigs are walked from their ends, many at a time, because a step is a wait for
   memory;
3. sequences and abundances are written at their final places, again many at a time;
4. links between k-mers become links between unitigs.

An oriented k-mer is a number like an oriented unitig: ``2 * row`` for the canonical
form, ``2 * row + 1`` for its reverse complement. A (k-1)-mer is met in its canonical
form. By their first k - 1 bases the keys are in order, and by their last as well among
those that begin with the same base; so only ends whose reverse complement is smaller,
about a third, have to be sorted, and that no further than into buckets that fit the
cache, where a small hash table does the rest.

The result is the same for any number of threads: a unitig is stored in the
direction (a circular one also from the k-mer) whose sequence is smallest, and
unitigs are sorted by sequence.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

from dbgclean.errors import InputError
from dbgclean.graph.compaction_kernels import find_circles, lead_links, spell, turn, walk
from dbgclean.graph.meeting_kernels import count_turned, meet, scatter_turned
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.kmers import MAX_K
from dbgclean.spectrum.ordering import borders, order_of, search
from dbgclean.spectrum.words import as_keys, key_dtype

__all__ = ["compact", "compact_rows", "outline"]

T = TypeVar("T")

MAX_KMERS = 2**30
"""Oriented k-mers are numbered in int32."""

_CHUNK = 1 << 18
"""Rows per task."""

_BUCKET_ROWS = 1 << 11
"""Rows per bucket, about; their hash table fits the second-level cache."""

_MAX_BUCKET_BITS = 14
"""More would cost more in scattering than they save in the cache."""


def _each(work: Callable[[int, int], T], cuts: Iterable[int], threads: int) -> list[T]:
    """``work(first, last)`` of each stretch between cuts, in order; stretches do not meet."""
    parts = list(pairwise(cuts))
    if threads <= 1 or len(parts) < 2:
        return [work(first, last) for first, last in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda part: work(*part), parts))


def _cuts(n: int) -> list[int]:
    return [*range(0, n, _CHUNK), n]


def compact_rows(
    keys: np.ndarray, counts: np.ndarray, k: int, threads: int = 1
) -> tuple[UnitigGraph, np.ndarray]:
    """As `compact`, and the unitig of each k-mer (int32, (n,))."""
    unitig_of = np.empty(keys.size, dtype=np.int32)
    return _compact(keys, counts, k, threads, unitig_of), unitig_of


def outline(keys: np.ndarray, counts: np.ndarray, k: int, threads: int = 1) -> UnitigGraph:
    """As `compact`, but sequences are not spelled: `codes` is empty, and all else is there.

    What is counted in a graph (`dbgclean.graph.ambiguity`) needs no more.
    """
    return _compact(keys, counts, k, threads, np.empty(0, dtype=np.int32), spelled=False)


def compact(keys: np.ndarray, counts: np.ndarray, k: int, threads: int = 1) -> UnitigGraph:
    """Compact k-mers into unitigs and their links.

    Parameters
    ----------
    keys : ndarray of uint64, or wider (`dbgclean.spectrum.words`), (n,)
        Canonical k-mers, sorted, each once.
    counts : ndarray of uint32, (n,)
        Their abundances.
    k : int
        Odd, 3 to 127.
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
        For an even k or one out of range, k-mers of another width, or arrays of different
        lengths.

    Notes
    -----
    Time is linear in the k-mers. Memory beyond the input: 8 bytes a k-mer for
    successors, about 8 (of wider k-mers 11 or 21) for ends in buckets, later let go, and
    the graph.

    Examples
    --------
    >>> from dbgclean.spectrum.kmers import strings_to_kmers
    >>> graph = compact(strings_to_kmers(["AAC", "ACC"]), np.array([2, 3], np.uint32), 3)
    >>> graph.sequence(0), graph.abundance.tolist()
    ('AACC', [5])
    """
    return _compact(keys, counts, k, threads, np.empty(0, dtype=np.int32))


def _checked(keys: np.ndarray, counts: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    if k % 2 == 0 or not 3 <= k <= MAX_K:
        msg = f"k must be odd and from 3 to {MAX_K}, found {k}"
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
    keys = as_keys(keys)
    if keys.dtype != key_dtype(k):
        msg = f"k-mers of k = {k} are {key_dtype(k)}, found {keys.dtype}"
        raise ValueError(msg)
    return keys, np.ascontiguousarray(counts, dtype=np.uint32)


def _compact(
    keys: np.ndarray,
    counts: np.ndarray,
    k: int,
    threads: int,
    unitig_of: np.ndarray,
    spelled: bool = True,
) -> UnitigGraph:
    keys, counts = _checked(keys, counts, k)
    after, links = _successors(keys, k, threads)
    heads, tails, sizes, circles = _paths(keys, k, after, threads)
    unitigs = heads.size
    offsets = np.zeros(unitigs + 1, dtype=np.int64)
    np.cumsum(sizes + np.int64(k - 1), out=offsets[1:])
    codes = np.empty(offsets[-1] if spelled else 0, dtype=np.uint8)
    abundance = np.empty(unitigs, dtype=np.int64)
    # Stretches of like length, because one unitig may be as long as all others.
    cuts = np.searchsorted(offsets, np.arange(0, offsets[-1], 2 * _CHUNK)).tolist()
    _each(
        lambda first, last: spell(
            keys, counts, k, after, heads, sizes, offsets, first, last, codes, abundance, unitig_of
        ),
        [*cuts, unitigs],
        threads,
    )
    # Successors have served: the array now says where unitigs begin.
    after[heads] = np.arange(0, 2 * unitigs, 2, dtype=np.int32)
    after[tails ^ 1] = np.arange(1, 2 * unitigs, 2, dtype=np.int32)
    closing = np.column_stack([tails, heads])[circles]
    links = np.concatenate([links, closing, closing[:, ::-1] ^ 1])
    link_offsets = np.zeros(2 * unitigs + 1, dtype=np.int64)
    link_targets = np.empty(len(links), dtype=np.int32)
    lead_links(links, after, link_offsets, link_targets)
    return UnitigGraph(k, codes, offsets, abundance, link_offsets, link_targets)


def _successors(keys: np.ndarray, k: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """What continues a unitig after each oriented k-mer, or -1, and all other steps."""
    bits = min(2 * (k - 1), _MAX_BUCKET_BITS, int(keys.size // _BUCKET_ROWS).bit_length())
    shift = 2 * (k - 1) - bits
    buckets = 1 << bits
    numbers = np.arange(buckets, dtype=np.uint64)
    rows = np.full((5, buckets + 1), keys.size, dtype=np.int64)
    rows[0, :-1] = search(keys, borders(numbers, shift + 2, k))
    for base in range(4):
        begins = borders(numbers | np.uint64(base << bits), shift, k)
        rows[1 + base, :-1] = search(keys, begins)
    rows[1:4, -1] = rows[2:5, 0]
    turned, places, nodes = _turned(keys, k, shift, buckets, threads)
    after = np.empty(2 * keys.size, dtype=np.int32)
    # Some stretches more than threads, as none takes quite as long as another.
    loads = turned + (rows - rows[:, :1]).sum(axis=0)
    cuts = np.searchsorted(loads, np.arange(0, loads[-1], 4 * _CHUNK)).tolist()
    links = _each(
        lambda first, last: meet(keys, k, rows, turned, first, last, places, nodes, after),
        [*cuts, buckets],
        threads,
    )
    return after, np.concatenate(links or [np.empty((0, 2), dtype=np.int32)])


def _turned(
    keys: np.ndarray, k: int, shift: int, buckets: int, threads: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends whose reverse complement is smaller, by bucket: offsets, places, k-mers."""
    cuts = _cuts(keys.size)
    # Few stretches: each has a cursor for every bucket.
    cuts = [*cuts[: -1 : max(1, len(cuts) // (4 * threads))], keys.size]
    sizes = np.zeros((len(cuts), buckets), dtype=np.int64)
    number = {first: i for i, first in enumerate(cuts[:-1], 1)}
    _each(
        lambda first, last: count_turned(keys, k, shift, first, last, sizes[number[first]]),
        cuts,
        threads,
    )
    offsets = np.zeros(buckets + 1, dtype=np.int64)
    np.cumsum(sizes.sum(axis=0), out=offsets[1:])
    cursors = np.cumsum(sizes, axis=0)[:-1] + offsets[:-1]
    places = np.empty(offsets[-1], dtype=keys.dtype)
    nodes = np.empty(offsets[-1], dtype=np.int32)
    _each(
        lambda first, last: scatter_turned(
            keys, k, shift, first, last, cursors[number[first] - 1], places, nodes
        ),
        cuts,
        threads,
    )
    return offsets, places, nodes


def _paths(
    keys: np.ndarray, k: int, after: np.ndarray, threads: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Heads, tails and k-mers of all unitigs, in canonical direction and order.

    Also which are circles: their last k-mer leads to their first.
    """
    # Far fewer unitigs than k-mers: what is not written takes no memory.
    heads, tails, sizes = (np.empty(keys.size, dtype=np.int32) for _ in range(3))
    seen = np.zeros(keys.size, dtype=np.uint8)
    cuts = _cuts(keys.size)
    found = _each(
        lambda first, last: walk(after, seen, first, last, heads, tails, sizes), cuts, threads
    )
    parts = [slice(first, first + n) for first, n in zip(cuts, found, strict=False)]
    columns = [[column[part] for part in parts] for column in (heads, tails, sizes)]
    rings = [np.empty(int(np.count_nonzero(seen == 0)), dtype=np.int32) for _ in range(3)]
    n = find_circles(after, seen, *rings)
    paths = [
        np.concatenate([*pieces, ring[:n]]) for pieces, ring in zip(columns, rings, strict=True)
    ]
    firsts, paths = _ordered(keys, k, *paths)
    # Two threads may have walked one path, each from another end.
    again = np.flatnonzero(firsts[1:] == firsts[:-1])
    paths = [np.delete(column, again) for column in paths] if again.size else paths
    heads, tails, sizes = paths
    return heads, tails, sizes, after[tails] == heads


def _ordered(
    keys: np.ndarray, k: int, heads: np.ndarray, tails: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Paths in canonical direction, sorted by their first k-mers, and these."""
    firsts = np.empty(heads.size, dtype=keys.dtype)
    turn(keys, k, heads, tails, firsts)
    order = order_of(firsts)
    return firsts[order], [column[order] for column in (heads, tails, sizes)]
