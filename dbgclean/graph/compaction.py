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

import numba
import numpy as np

from dbgclean.errors import InputError
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.kmers import revcomp

__all__ = ["compact", "compact_rows", "next_on_path", "walk_paths"]

_U0 = np.uint64(0)
_U1 = np.uint64(1)
_U2 = np.uint64(2)
_U3 = np.uint64(3)

MAX_KMERS = 2**30
"""Oriented k-mers are numbered in int32."""

_CHUNK = 1 << 18
"""Rows or unitigs per task."""

_MAX_BUCKET_BITS = 26


@numba.njit(cache=True, nogil=True)
def _fill_buckets(keys: np.ndarray, shift: int, starts: np.ndarray) -> None:
    """``starts[b]``: first row whose key has at least `b` as its highest bits (int32)."""
    down = np.uint64(shift)
    bucket = 0
    for row in range(keys.size):
        own = np.int64(keys[row] >> down)
        while bucket <= own:
            starts[bucket] = row
            bucket += 1
    while bucket < starts.size:
        starts[bucket] = keys.size
        bucket += 1


@numba.njit(cache=True, nogil=True)
def _lower_bound(keys: np.ndarray, starts: np.ndarray, shift: int, value: int) -> np.int64:
    """First row whose key is not less than `value`."""
    bucket = np.int64(value >> np.uint64(shift))
    low = np.int64(starts[bucket])
    high = np.int64(starts[bucket + 1])
    while high - low > 8:
        middle = (low + high) >> 1
        if keys[middle] < value:
            low = middle + 1
        else:
            high = middle
    while low < high and keys[low] < value:
        low += 1
    return low


@numba.njit(cache=True, nogil=True)
def _oriented_kmer(keys: np.ndarray, node: int, k: int) -> int:
    """The packed k-mer as read on the strand of oriented k-mer `node`."""
    key = keys[node >> 1]
    return revcomp(key, k) if node & 1 else key


@numba.njit(cache=True, nogil=True)
def _find_successors(
    keys: np.ndarray, starts: np.ndarray, shift: int, k: int, kmer: int, found: np.ndarray
) -> int:
    """Write the oriented k-mers that may follow `kmer` to `found`; return how many."""
    top = np.uint64(2 * (k - 1))
    prefix = (kmer << _U2) & ((_U1 << np.uint64(2 * k)) - _U1)
    n = 0
    # Those whose canonical form is as spelled here differ in the last base only.
    row = _lower_bound(keys, starts, shift, prefix)
    while row < keys.size and keys[row] <= prefix | _U3:
        found[n] = 2 * row
        n += 1
        row += 1
    # Those whose canonical form is the reverse complement differ in its first base.
    turned = revcomp(prefix, k) & ((_U1 << top) - _U1)
    for base in range(4):
        candidate = turned | ((_U3 - np.uint64(base)) << top)
        if candidate < (prefix | np.uint64(base)):
            row = _lower_bound(keys, starts, shift, candidate)
            if row < keys.size and keys[row] == candidate:
                found[n] = 2 * row + 1
                n += 1
    return n


@numba.njit(cache=True, nogil=True)
def _mark_successors(
    keys: np.ndarray,
    starts: np.ndarray,
    shift: int,
    k: int,
    first: int,
    last: int,
    only: np.ndarray,
) -> None:
    """``only[node]``: the one successor of an oriented k-mer of these rows, or -1."""
    found = np.empty(4, dtype=np.int64)
    for node in range(2 * first, 2 * last):
        kmer = _oriented_kmer(keys, node, k)
        n = _find_successors(keys, starts, shift, k, kmer, found)
        only[node] = found[0] if n == 1 else -1


@numba.njit(cache=True, nogil=True)
def next_on_path(only: np.ndarray, node: int) -> np.int64:
    """The node that continues a non-branching path after `node`, or -1.

    `only` (int32) holds the one successor of each oriented node, or -1. The path
    goes on where the successor has no other predecessor, and is neither `node`
    itself (a circle of one) nor its mirror (a hairpin).
    """
    target = np.int64(only[node])
    if target < 0 or only[target ^ 1] != (node ^ 1) or (target >> 1) == (node >> 1):
        return np.int64(-1)
    return target


@numba.njit(cache=True, nogil=True)
def walk_paths(only: np.ndarray, heads: np.ndarray, tails: np.ndarray, sizes: np.ndarray) -> int:
    """Find all maximal non-branching paths; return how many.

    Parameters
    ----------
    only : ndarray of int32, (2 n,)
        The one successor of each oriented node, -1 where none or several, -2
        where the node is not there at all.
    heads, tails, sizes : ndarray of int32, (n,)
        Filled with first and last oriented node and the number of nodes of each
        path. A circle begins with its smallest node, on that node's "+" strand.
    """
    seen = np.zeros(only.size // 2, dtype=np.uint8)
    n = 0
    for row in range(seen.size):
        if seen[row] or only[2 * row] == -2:
            continue
        head = 2 * row
        before = next_on_path(only, head ^ 1)
        while before >= 0 and before != (2 * row) ^ 1:
            head = before ^ 1
            before = next_on_path(only, before)
        if before >= 0:
            head = 2 * row
        tail = head
        size = 1
        seen[head >> 1] = 1
        after = next_on_path(only, tail)
        while after >= 0 and after != head:
            tail = after
            seen[tail >> 1] = 1
            size += 1
            after = next_on_path(only, tail)
        heads[n] = head
        tails[n] = tail
        sizes[n] = size
        n += 1
    return n


@numba.njit(cache=True, nogil=True)
def _turn(
    keys: np.ndarray, k: int, heads: np.ndarray, tails: np.ndarray, firsts: np.ndarray
) -> None:
    """Give each path the direction that begins with the smaller k-mer; `firsts` gets it."""
    for i in range(heads.size):
        head = heads[i]
        back = tails[i] ^ 1
        forward = _oriented_kmer(keys, head, k)
        backward = _oriented_kmer(keys, back, k)
        if backward < forward:
            heads[i] = back
            tails[i] = head ^ 1
            forward = backward
        firsts[i] = forward


@numba.njit(cache=True, nogil=True)
def _spell(
    keys: np.ndarray,
    counts: np.ndarray,
    k: int,
    only: np.ndarray,
    heads: np.ndarray,
    sizes: np.ndarray,
    offsets: np.ndarray,
    first: int,
    last: int,
    codes: np.ndarray,
    abundance: np.ndarray,
    unitig_of: np.ndarray,
) -> None:
    """Write sequences and abundances of unitigs `first` to `last`.

    `unitig_of`, where it is not empty, gets the unitig of each row.
    """
    top = np.uint64(2 * (k - 1))
    for unitig in range(first, last):
        node = np.int64(heads[unitig])
        place = offsets[unitig]
        kmer = _oriented_kmer(keys, node, k)
        for i in range(k):
            codes[place + i] = np.uint8((kmer >> np.uint64(2 * (k - 1 - i))) & _U3)
        place += k
        total = np.int64(0)
        for step in range(sizes[unitig]):
            key = keys[node >> 1]
            if step > 0:
                base = _U3 - (key >> top) if node & 1 else key & _U3
                codes[place] = np.uint8(base)
                place += 1
            total += np.int64(counts[node >> 1])
            if unitig_of.size:
                unitig_of[node >> 1] = unitig
            node = np.int64(only[node])
        abundance[unitig] = total


@numba.njit(cache=True, nogil=True)
def _join(
    keys: np.ndarray,
    starts: np.ndarray,
    shift: int,
    k: int,
    node_of: np.ndarray,
    heads: np.ndarray,
    tails: np.ndarray,
    first: int,
    last: int,
    targets: np.ndarray,
    degrees: np.ndarray,
) -> None:
    """Successors of both strands of unitigs `first` to `last`, ascending, four places each.

    `node_of` gives the oriented unitig that begins with an oriented k-mer.
    """
    found = np.empty(4, dtype=np.int64)
    for node in range(2 * first, 2 * last):
        end = heads[node >> 1] ^ 1 if node & 1 else tails[node >> 1]
        n = _find_successors(keys, starts, shift, k, _oriented_kmer(keys, end, k), found)
        for i in range(n):
            found[i] = node_of[found[i]]
        degrees[node] = n
        found[:n].sort()
        for i in range(n):
            targets[node, i] = found[i]


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
    _fill_buckets(keys, 2 * k - bits, starts)
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
    >>> graph = compact(strings_to_kmers(["ACG", "CGA"]), np.array([2, 3], np.uint32), 3)
    >>> graph.sequence(0), graph.abundance.tolist()
    ('ACGA', [5])
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
        lambda first, last: _mark_successors(keys, starts, shift, k, first, last, only),
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
        lambda first, last: _spell(
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
        lambda first, last: _join(
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
    _turn(keys, k, heads, tails, firsts)
    order = np.argsort(firsts)
    return heads[order], tails[order], sizes[:n][order]
