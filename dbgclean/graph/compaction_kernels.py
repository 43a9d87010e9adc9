"""Numba kernels of the compaction; see `dbgclean.graph.compaction` for the method.

`keys` are sorted canonical k-mers (uint64); an oriented k-mer is ``2 * row`` as there,
``2 * row + 1`` as its reverse complement. Threads call them over chunks that do not meet.
"""

import numba
import numpy as np

from dbgclean.spectrum.kmers import revcomp

__all__ = [
    "fill_buckets",
    "join",
    "mark_successors",
    "next_on_path",
    "spell",
    "turn",
    "walk_paths",
]

_U1 = np.uint64(1)
_U2 = np.uint64(2)
_U3 = np.uint64(3)


@numba.njit(cache=True, nogil=True)
def fill_buckets(keys: np.ndarray, shift: int, starts: np.ndarray) -> None:
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
def mark_successors(
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
def turn(
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
def spell(
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
def join(
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
