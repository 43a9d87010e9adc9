"""Numba kernels of the compaction: paths and unitigs; see `dbgclean.graph.compaction`.

`keys` are sorted canonical k-mers (uint64, or wider: `dbgclean.spectrum.words`); an oriented
k-mer is ``2 * row`` as there, ``2 * row + 1`` as its reverse complement. Threads
call the kernels over ranges that do not meet.
"""

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.spectrum.kmers import revcomp
from dbgclean.spectrum.words import load, store

__all__ = ["find_circles", "lead_links", "spell", "turn", "walk"]

LANES = 24
"""Paths walked in turn: while one waits for memory, the others go on."""

# What a lane holds: where it is, where it began, k-mers behind it or, in `spell`, ahead;
# there also the unitig, the place of its next base and the sum of its counts.
_NODE, _HEAD, _SIZE, _UNITIG, _AT, _TOTAL = range(6)
_FIELDS = 6

_U3 = np.uint64(3)


@kernel
def walk(
    after: np.ndarray,
    seen: np.ndarray,
    first: int,
    last: int,
    heads: np.ndarray,
    tails: np.ndarray,
    sizes: np.ndarray,
) -> int:
    """Walk the paths that begin or end in rows `first` to `last`; return how many.

    Parameters
    ----------
    after : ndarray of int32, (2 n,)
        From `meet`.
    seen : ndarray of uint8, (n,)
        0 where no path has come by; 1 where one begins or ends, not to be walked from its
        other end too; else 2. Threads may both walk one path: the caller sees to that.
    heads, tails, sizes : ndarray of int32, (n,)
        Filled from `first` on: each path's first and last oriented k-mer, and number of
        k-mers; circles are not found.
    """
    lanes = np.empty((_FIELDS, LANES), dtype=np.int64)
    busy, row, n = 0, first, first
    while True:
        while busy < LANES and row < last:
            forward = after[2 * row] >= 0
            if forward != (after[2 * row + 1] >= 0):
                if seen[row] != 1:
                    lanes[_HEAD, busy] = lanes[_NODE, busy] = 2 * row + (0 if forward else 1)
                    lanes[_SIZE, busy] = 1
                    busy += 1
            elif not forward:
                heads[n] = tails[n] = 2 * row
                sizes[n] = 1
                seen[row] = 2
                n += 1
            row += 1
        if not busy:
            return n - first
        lane = 0
        while lane < busy:
            node = lanes[_NODE, lane]
            step = np.int64(after[node])
            if step >= 0:
                # Not its end yet: that is for the one who has walked it whole to say.
                if after[step] >= 0:
                    seen[step >> 1] = 2
                lanes[_NODE, lane] = step
                lanes[_SIZE, lane] += 1
                lane += 1
                continue
            head = lanes[_HEAD, lane]
            if seen[head >> 1] != 1:
                seen[head >> 1] = seen[node >> 1] = 1
                heads[n], tails[n], sizes[n] = head, node, lanes[_SIZE, lane]
                n += 1
            busy -= 1
            for field in range(_FIELDS):  # a slice assignment brings seconds of compiling
                lanes[field, lane] = lanes[field, busy]


@kernel
def find_circles(
    after: np.ndarray, seen: np.ndarray, heads: np.ndarray, tails: np.ndarray, sizes: np.ndarray
) -> int:
    """Find the paths that close upon themselves, among what `walk` has not seen; how many.

    A circle begins with its smallest k-mer, as that is stored.
    """
    n = 0
    for row in range(seen.size):
        if seen[row]:
            continue
        node = np.int64(2 * row)
        heads[n] = node
        sizes[n] = 0
        while not seen[node >> 1]:
            seen[node >> 1] = 2
            tails[n] = node
            sizes[n] += 1
            node = np.int64(after[node])
        n += 1
    return n


@helper
def _oriented_kmer(keys: np.ndarray, node: int, k: int) -> int:
    """The packed k-mer as read on the strand of oriented k-mer `node`."""
    key = load(keys, node >> 1)
    return revcomp(key, k) if node & 1 else key


@kernel
def turn(
    keys: np.ndarray, k: int, heads: np.ndarray, tails: np.ndarray, firsts: np.ndarray
) -> None:
    """Give each path the direction that begins with the smaller k-mer; `firsts` gets it."""
    for i in range(heads.size):
        head = np.int64(heads[i])
        back = np.int64(tails[i]) ^ 1
        forward = _oriented_kmer(keys, head, k)
        backward = _oriented_kmer(keys, back, k)
        if backward < forward:
            heads[i] = back
            tails[i] = head ^ 1
            forward = backward
        store(firsts, i, forward)


@kernel
def spell(
    keys: np.ndarray,
    counts: np.ndarray,
    k: int,
    after: np.ndarray,
    heads: np.ndarray,
    sizes: np.ndarray,
    offsets: np.ndarray,
    first: int,
    last: int,
    codes: np.ndarray,
    abundance: np.ndarray,
    unitig_of: np.ndarray,
) -> None:
    """Write abundances and, where there is room, sequences of unitigs `first` to `last`.

    `unitig_of`, where it is not empty, gets the unitig of each row.
    """
    top = np.uint64(2 * (k - 1))
    lanes = np.empty((_FIELDS, LANES), dtype=np.int64)
    busy = 0
    waiting = first
    while True:
        while busy < LANES and waiting < last:
            lanes[_NODE, busy] = heads[waiting]
            lanes[_SIZE, busy] = sizes[waiting]
            lanes[_UNITIG, busy] = waiting
            lanes[_AT, busy] = offsets[waiting] + k - 1
            lanes[_TOTAL, busy] = 0
            if codes.size:
                kmer = _oriented_kmer(keys, lanes[_NODE, busy], k)
                for i in range(k - 1):
                    base = (kmer >> np.uint64(2 * (k - 1 - i))) & _U3
                    codes[offsets[waiting] + i] = np.uint64(base)
            busy += 1
            waiting += 1
        if busy == 0:
            return
        lane = 0
        while lane < busy:
            here = lanes[_NODE, lane]
            if codes.size:
                key = load(keys, here >> 1)
                base = _U3 - np.uint64(key >> top) if here & 1 else np.uint64(key) & _U3
                codes[lanes[_AT, lane]] = base
                lanes[_AT, lane] += 1
            lanes[_TOTAL, lane] += np.int64(counts[here >> 1])
            if unitig_of.size:
                unitig_of[here >> 1] = lanes[_UNITIG, lane]
            lanes[_SIZE, lane] -= 1
            if lanes[_SIZE, lane] > 0:
                lanes[_NODE, lane] = after[here]
                lane += 1
                continue
            abundance[lanes[_UNITIG, lane]] = lanes[_TOTAL, lane]
            busy -= 1
            for field in range(_FIELDS):  # a slice assignment brings seconds of compiling
                lanes[field, lane] = lanes[field, busy]


@kernel
def lead_links(
    links: np.ndarray, begins: np.ndarray, offsets: np.ndarray, targets: np.ndarray
) -> None:
    """Turn steps between oriented k-mers into links between oriented unitigs.

    Parameters
    ----------
    links : ndarray of int32, (n, 2)
        From the last k-mer of one to the first of another; overwritten.
    begins : ndarray of int32
        Oriented unitig that begins with an oriented k-mer.
    offsets : ndarray of int64, (2 U + 1,)
        Zeros; becomes `UnitigGraph.link_offsets`.
    targets : ndarray of int32, (n,)
        Becomes `UnitigGraph.link_targets`.
    """
    for i in range(len(links)):
        source = np.int64(begins[links[i, 0] ^ 1]) ^ 1
        links[i, 0] = source
        links[i, 1] = begins[links[i, 1]]
        offsets[source + 1] += 1
    for node in range(1, offsets.size):
        offsets[node] += offsets[node - 1]
    # Each source's targets are filled in from its end, then offsets stand at its begin.
    for i in range(len(links)):
        source = np.int64(links[i, 0])
        at = offsets[source + 1] - 1
        offsets[source + 1] = at
        targets[at] = links[i, 1]
    for node in range(offsets.size - 1):
        offsets[node] = offsets[node + 1]
    offsets[offsets.size - 1] = len(links)
    for node in range(offsets.size - 1):
        for i in range(offsets[node] + 1, offsets[node + 1]):
            target = targets[i]
            while i > offsets[node] and targets[i - 1] > target:
                targets[i] = targets[i - 1]
                i -= 1
            targets[i] = target
