"""Numba kernels of the compaction: where k-mers meet; see `dbgclean.graph.compaction`.

`keys` are sorted canonical k-mers (uint64, or wider: `dbgclean.spectrum.words`); an oriented
k-mer is ``2 * row`` as there, ``2 * row + 1`` as its reverse complement. A *place*
is a canonical (k-1)-mer, which oriented k-mers enter (it is their last bases) and leave.
Threads call the kernels over ranges that do not meet.
"""

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.spectrum.hashing import GOLDEN
from dbgclean.spectrum.kmers import revcomp
from dbgclean.spectrum.words import folded, full, load, store, zero

__all__ = ["count_turned", "meet", "scatter_turned"]

_U1 = np.uint64(1)
_U2 = np.uint64(2)


@kernel
def count_turned(
    keys: np.ndarray, k: int, shift: int, first: int, last: int, sizes: np.ndarray
) -> None:
    """Count, by bucket of the place, the ends of these rows that are turned there.

    A k-mer's first k - 1 bases, or its last, are turned where their reverse complement
    is the smaller. The bucket is ``place >> shift``; `sizes` (int64) is added to.
    """
    down = np.uint64(shift)
    one = zero(keys) | _U1
    low = (one << np.uint64(2 * (k - 1))) - one
    for row in range(first, last):
        key = load(keys, row)
        other = revcomp(key, k)
        if other & low < key >> _U2:
            sizes[np.int64((other & low) >> down)] += 1
        if other >> _U2 < key & low:
            sizes[np.int64((other >> _U2) >> down)] += 1


@kernel
def scatter_turned(
    keys: np.ndarray,
    k: int,
    shift: int,
    first: int,
    last: int,
    cursors: np.ndarray,
    places: np.ndarray,
    nodes: np.ndarray,
) -> None:
    """Write what `count_turned` counted to where `cursors` (int64, by bucket) say.

    `places` (as `keys`) get the place. `nodes` (int32) get the reverse complement of the
    k-mer: as it is where it enters the place (its last bases are the k-mer's first,
    turned), and as ``-1 - node`` where it leaves.
    """
    down = np.uint64(shift)
    one = zero(keys) | _U1
    low = (one << np.uint64(2 * (k - 1))) - one
    for row in range(first, last):
        key = load(keys, row)
        other = revcomp(key, k)
        place = other & low
        if place < key >> _U2:
            at = cursors[np.int64(place >> down)]
            cursors[np.int64(place >> down)] = at + 1
            store(places, at, place)
            nodes[at] = 2 * row + 1
        place = other >> _U2
        if place < key & low:
            at = cursors[np.int64(place >> down)]
            cursors[np.int64(place >> down)] = at + 1
            store(places, at, place)
            nodes[at] = -2 - 2 * row


@helper
def _collect(
    keys: np.ndarray,
    k: int,
    rows: np.ndarray,
    bucket: int,
    places: np.ndarray,
    nodes: np.ndarray,
) -> int:
    """List the oriented k-mers that meet in a bucket and are not turned there; how many.

    `nodes` (int32) get the k-mer where it enters the place, and ``-1 - node`` where it
    leaves.
    """
    one = zero(keys) | _U1
    low = (one << np.uint64(2 * (k - 1))) - one
    n = 0
    for kind in range(5):
        for row in range(rows[kind, bucket], rows[kind, bucket + 1]):
            key = load(keys, row)
            other = revcomp(key, k)
            place = key & low if kind else key >> _U2
            mirror = other >> _U2 if kind else other & low
            # Whether it is turned is a coin toss to the branch predictor, hence no branch.
            store(places, n, place)
            nodes[n] = 2 * row if kind else -1 - 2 * row
            n += int(place <= mirror)
            if place == mirror:
                store(places, n, place)
                nodes[n] = -2 - 2 * row if kind else 2 * row + 1
                n += 1
    return n


@helper
def _find_slots(places: np.ndarray, n: int, bits: int, table: np.ndarray) -> None:
    """Put places into the open-addressing `table`; each is overwritten by its slot."""
    mask = (np.int64(1) << bits) - 1
    down = np.uint64(64 - bits)
    for i in range(n):
        place = load(places, i)
        slot = np.int64((folded(place) * GOLDEN) >> down)
        while load(table, slot) != place and load(table, slot) != full(table):
            slot = np.int64((slot + 1) & mask)
        store(table, slot, place)
        store(places, i, np.uint64(slot))


@helper
def _add(met: np.ndarray, slot: int, side: int, node: int, others: np.ndarray, n: int) -> int:
    """Add a second or later oriented k-mer to one side of a slot; how many entries then."""
    before = np.int64(met[slot, side])
    if before >= 0:
        others[n, 0] = before
        others[n, 1] = -1
        before = np.int64(-2 - n)
        n += 1
    others[n, 0] = node
    others[n, 1] = -2 - before
    met[slot, side] = -2 - n
    return n + 1


@helper
def _meet_in_bucket(
    slots: np.ndarray, nodes: np.ndarray, n: int, met: np.ndarray, others: np.ndarray
) -> None:
    """Bring oriented k-mers to their slots.

    `met` (int32), of each slot: the k-mer that enters and the one that leaves, -1 for
    none, ``-2 - entry`` for several; an entry of `others` (int32) has one of them and
    the next entry, or -1.
    """
    n_others = 0
    for i in range(n):
        slot = np.int64(load(slots, i))
        side = np.int64(nodes[i] < 0)
        node = np.int64(nodes[i]) ^ -side
        if met[slot, side] == -1:
            met[slot, side] = node
        else:
            n_others = _add(met, slot, side, node, others, n_others)


@helper
def _link(links: np.ndarray, n: int, source: int, out: int, others: np.ndarray, own: bool) -> int:
    """Write the links from `source` to all of `out` and, unless `own`, their mirrors."""
    entry = np.int64(-1) if out >= 0 else -2 - out
    while True:
        target = np.int64(others[entry, 0]) if entry >= 0 else out
        links[n, 0] = source
        links[n, 1] = target
        n += 1
        if not own:
            links[n, 0] = target ^ 1
            links[n, 1] = source ^ 1
            n += 1
        if entry < 0 or others[entry, 1] < 0:
            return n
        entry = np.int64(others[entry, 1])


@helper
def _resolve(
    k: int,
    slots: np.ndarray,
    nodes: np.ndarray,
    n: int,
    table: np.ndarray,
    met: np.ndarray,
    others: np.ndarray,
    after: np.ndarray,
    links: np.ndarray,
    n_links: int,
) -> int:
    """Write `after` of the k-mers met in a bucket, and what is a link; how many are now."""
    for i in range(n):
        slot = np.int64(load(slots, i))
        into = np.int64(met[slot, 0])
        out = np.int64(met[slot, 1])
        side = np.int64(nodes[i] < 0)
        node = np.int64(nodes[i]) ^ -side
        # A circle of one k-mer and a hairpin are links, but continue nothing.
        one = (into >= 0) & (out >= 0) & ((into >> 1) != (out >> 1))
        target = into ^ 1 if side else out
        after[node ^ side] = target if one else -1
        if not one and not side and out != -1:
            own = revcomp(load(table, slot), k - 1) == load(table, slot)
            n_links = _link(links, n_links, node, out, others, own)
    return n_links


@helper
def _room(links: np.ndarray, n: int, more: int) -> np.ndarray:
    """`links`, or a copy of its first `n` rows with room for `more`."""
    if n + more <= len(links):
        return links
    wider = np.empty((2 * n + more, 2), dtype=np.int32)
    # Loops here and below: a slice assignment brings seconds of compiling with it.
    for i in range(n):
        wider[i, 0], wider[i, 1] = links[i, 0], links[i, 1]
    return wider


@kernel
def meet(
    keys: np.ndarray,
    k: int,
    rows: np.ndarray,
    turned: np.ndarray,
    first: int,
    last: int,
    turned_places: np.ndarray,
    turned_nodes: np.ndarray,
    after: np.ndarray,
) -> np.ndarray:
    """Say how every oriented k-mer at places of buckets `first` to `last` goes on.

    Parameters
    ----------
    rows : ndarray of int64, (5, buckets + 1)
        Where each bucket begins: first among all keys by their first k - 1 bases,
        then among those that begin with A, C, G and T by their last.
    turned : ndarray of int64, (buckets + 1,)
        The same in `turned_places` and `turned_nodes`; see `scatter_turned`.
    after : ndarray of int32, (2 n,)
        Gets the k-mer that continues a unitig after an oriented k-mer, or -1.

    Returns
    -------
    ndarray of int32, (links, 2)
        All other steps from one oriented k-mer to the next.
    """
    most = np.int64(1)
    for bucket in range(first, last):
        size = turned[bucket + 1] - turned[bucket]
        for kind in range(5):
            size += rows[kind, bucket + 1] - rows[kind, bucket]
        most = max(most, size)
    # Twice: a place that is its own reverse complement is both entered and left.
    places = np.empty(2 * most + 1, dtype=keys.dtype)
    nodes = np.empty(2 * most + 1, dtype=np.int32)
    others = np.empty((4 * most, 2), dtype=np.int32)
    table = np.empty(4 * most, dtype=keys.dtype)
    met = np.empty((4 * most, 2), dtype=np.int32)
    links = np.empty((64, 2), dtype=np.int32)
    n_links = 0
    for bucket in range(first, last):
        n = _collect(keys, k, rows, bucket, places, nodes)
        more = turned[bucket + 1] - turned[bucket]
        for i in range(more):
            store(places, n + i, load(turned_places, turned[bucket] + i))
            nodes[n + i] = turned_nodes[turned[bucket] + i]
        n += more
        bits = 1
        while (np.int64(1) << bits) <= n:
            bits += 1
        for slot in range(np.int64(1) << bits):
            store(table, slot, full(table))
        met[: np.int64(1) << bits] = -1
        _find_slots(places, n, bits, table)
        _meet_in_bucket(places, nodes, n, met, others)
        links = _room(links, n_links, 8 * n)
        n_links = _resolve(k, places, nodes, n, table, met, others, after, links, n_links)
    return links[:n_links].copy()
