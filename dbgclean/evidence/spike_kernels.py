"""Where alleles can be planted in the sample's own reads, and in which reads: the inner loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.copying import is_among
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.lookup import COUNT_SHIFT, Nodes, follow, payload_at
from dbgclean.evidence.places import PlaceIndex, scan_places
from dbgclean.spectrum.hashing import uniform
from dbgclean.spectrum.kmers import pack, revcomp, roll

__all__ = ["BY_ENDS", "BY_FRAGMENT", "COLUMNS", "Ground", "choose_places", "draw"]

# Columns of what `draw` fills: the allele, the first read of its fragment in the batch, where
# it stands in the first and in the second read (-1: nowhere), its strand there (0: along the
# alternative's key), whether its window is whole there, and which draws it is in.
COLUMNS = (
    "allele", "read", "at_first", "at_second", "strand_first", "strand_second",
    "whole_first", "whole_second", "drawn",
)  # fmt: skip
BY_ENDS, BY_FRAGMENT = 1, 2
# First bases of the mate that tell one fragment of the same start from the next: few, so
# that errors in them, which would part the copies of a molecule, are rare.
_PREFIX = 7
# Abundance of the rarest k-mer over a place, to that of the most frequent.
_EVEN = 0.25
_MIDDLE = np.uint64(3 << (2 * FLANK))


class Ground(NamedTuple):
    """What `draw` is told of the places and alleles.

    ``known_by``: the k-mers over the places. ``context`` uint8
    (p, 2 * reach + 1); ``flipped`` uint8 (p,): the alternatives' keys run against it.
    ``fraction``, ``salt`` float64, uint64 (n,): of each allele, those of place i being
    i, i + p, i + 2 p.
    """

    known_by: PlaceIndex
    context: np.ndarray
    flipped: np.ndarray
    fraction: np.ndarray
    salt: np.ndarray


@helper
def _only(bits: np.uint64) -> np.int64:
    """The base of a set of one; -1 of any other set."""
    for b in range(4):
        if bits == np.uint64(1) << np.uint64(b):
            return np.int64(b)
    return np.int64(-1)


@helper
def _walk(
    row: np.int64, forward: np.uint64, k: np.int64, nodes: Nodes, walked: np.ndarray,
    passed: np.ndarray,
) -> bool:  # fmt: skip
    """Follow a stretch without forks; fills the bases and the rows of its nodes."""
    reverse = revcomp(forward, k)
    for step in range(len(walked)):
        base = _only(payload_at(nodes, row, forward > reverse) & np.uint64(15))
        if base < 0:
            return False
        forward, reverse = roll(forward, reverse, base, k)
        row = follow(nodes, row, min(forward, reverse))
        before = (payload_at(nodes, row, forward > reverse) >> np.uint64(4)) & np.uint64(15)
        if row < 0 or _only(before) < 0:
            return False
        walked[step], passed[step] = base, row
    return True


@helper
def _is_free(
    row: np.int64, passed: np.ndarray, half: np.int64, nodes: Nodes, taken: np.ndarray
) -> bool:
    """Are the k-mers over a place about equally frequent, and none of them another's?"""
    low = high = nodes.rows[row, 1] >> COUNT_SHIFT
    for side in range(2):
        for step in range(half):
            there = passed[side, step]
            count = nodes.rows[there, 1] >> COUNT_SHIFT
            low, high = min(low, count), max(high, count)
            if taken[there] or there == row:
                return False
    return bool(np.float64(low) >= _EVEN * np.float64(high))


@helper
def _spell(key: np.uint64, k: np.int64, walked: np.ndarray, context: np.ndarray) -> np.uint64:
    """Fill in the bases around a place; the canonical 31-mer there, but for its middle base."""
    reach, half = len(context) // 2, k // 2
    for i in range(k):
        context[reach - half + i] = (key >> np.uint64(2 * (k - 1 - i))) & np.uint64(3)
    for step in range(reach - half):
        context[reach + half + 1 + step] = walked[0, step]
        context[reach - half - 1 - step] = 3 - walked[1, step]
    window = pack(context, np.int64(reach - FLANK), np.int64(WINDOW))
    return min(window & ~_MIDDLE, revcomp(window, np.int64(WINDOW)) & ~_MIDDLE)


@kernel
def choose_places(
    candidates: np.ndarray, nodes: Nodes, k: np.int64, spoilt: np.ndarray, contexts: np.ndarray,
    chosen: np.ndarray,
) -> np.int64:  # fmt: skip
    """Fill ``contexts``, and ``chosen`` with the rows of their nodes: places in even stretches
    without forks, no two of which share a k-mer.

    Parameters
    ----------
    candidates
        int64, rows of nodes, tried in this order until ``contexts`` is full.
    spoilt
        uint64, sorted canonical 31-mers, A in their middle: sites that are no places.

    Returns
    -------
    int64
        How many were found.
    """
    taken = np.zeros(len(nodes.rows), np.bool_)
    half, steps = k // 2, contexts.shape[1] // 2 - k // 2
    walked, passed = np.zeros((2, steps), np.uint8), np.zeros((2, steps), np.int64)
    n = 0
    for row in candidates:
        if n == len(contexts):
            break
        key = nodes.rows[row, 0]
        if taken[row] or not _walk(row, key, k, nodes, walked[0], passed[0]):
            continue
        if not _walk(row, revcomp(key, k), k, nodes, walked[1], passed[1]):
            continue
        if not _is_free(row, passed, half, nodes, taken):
            continue
        site = _spell(key, k, walked, contexts[n])
        if is_among(site, spoilt):
            continue
        chosen[n], taken[row] = row, True
        for step in range(half):
            taken[passed[0, step]] = taken[passed[1, step]] = True
        n += 1
    return np.int64(n)


@helper
def _is_whole(
    codes: np.ndarray, start: np.int64, stop: np.int64, at: np.int64, turned: np.int64,
    context: np.ndarray,
) -> bool:  # fmt: skip
    """Does the read show the window around the place without an error?"""
    if at - FLANK < start or at + FLANK >= stop:
        return False
    middle = len(context) // 2
    for step in range(-FLANK, FLANK + 1):
        c = codes[at + step]
        if turned:
            if c != 3 - context[middle - step]:
                return False
        elif c != context[middle + step]:
            return False
    return True


@helper
def _ends(
    codes: np.ndarray, offsets: np.ndarray, read: np.int64, at: np.int64, strand: np.int64,
    mate: np.int64,
) -> np.uint64:  # fmt: skip
    """The two ends of a fragment: the start of its read seen from the place, and its mate's."""
    packed = np.uint64(0)
    if mate >= 0:
        for i in range(offsets[mate], min(offsets[mate + 1], offsets[mate] + _PREFIX)):
            packed = (packed << np.uint64(2)) | np.uint64(codes[i] & np.uint8(3))
    place = np.uint64(2 * (at - offsets[read]) + strand)
    return (place << np.uint64(2 * _PREFIX)) | packed


@helper
def _find(hits: np.ndarray, n: np.int64, place: np.int64) -> np.int64:
    """Which of the first n hits is at a place, -1 for none."""
    for h in range(n):
        if hits[h, 0] == place:
            return np.int64(h)
    return np.int64(-1)


@helper
def _note(
    codes: np.ndarray, offsets: np.ndarray, unit: np.int64, mate: np.int64, hit: np.ndarray,
    ground: Ground, row: np.ndarray,
) -> None:  # fmt: skip
    """Fill in what concerns one read of a fragment that gets an allele."""
    row[2 + mate], row[4 + mate] = hit[1], hit[2]
    turned = hit[2] ^ np.int64(ground.flipped[hit[0]])
    start, stop = offsets[unit + mate], offsets[unit + mate + 1]
    row[6 + mate] = _is_whole(codes, start, stop, hit[1], turned, ground.context[hit[0]])


@kernel
def draw(
    codes: np.ndarray, offsets: np.ndarray, paired: bool, first_read: np.int64, ground: Ground,
    cover: np.ndarray, out: np.ndarray,
) -> np.int64:  # fmt: skip
    """Count the fragments in which an allele is put; note as many as ``out`` has room for.

    Each is drawn twice: as its ends have it, so that copies of a molecule are drawn
    together, and by itself. Which draw holds is decided once it is known what ends tell.

    Parameters
    ----------
    first_read
        Number of the batch's first read in the run.
    cover
        int64 (p, 2), added to: reads over each place, along the alternatives' keys and
        against them.
    out
        int64 (n, len(COLUMNS)).
    """
    n, size = np.int64(0), len(offsets) - 1
    per = 2 if paired else 1
    p = len(ground.context)
    longest = np.int64(0)
    for read in range(size):
        longest = max(longest, offsets[read + 1] - offsets[read])
    hits, found = np.zeros((2, longest // 8 + 2, 3), np.int64), np.zeros(2, np.int64)
    for unit in range(0, size, per):
        found[1] = 0
        for m in range(min(per, size - unit)):
            start, stop = offsets[unit + m], offsets[unit + m + 1]
            found[m] = scan_places(codes, start, stop, ground.known_by, hits[m])
            for h in range(found[m]):
                hits[m, h, 2] ^= np.int64(ground.flipped[hits[m, h, 0]])
                cover[hits[m, h, 0], hits[m, h, 2]] += 1
        for m in range(per):
            for h in range(found[m]):
                other = _find(hits[1 - m], found[1 - m], hits[m, h, 0])
                if m == 1 and other >= 0:
                    continue
                # The read along the key tells the ends, where there is one.
                of = 1 - m if other >= 0 and hits[m, h, 2] == 1 else m
                seen = hits[of, other if of != m else h]
                mate = unit + 1 - of if unit + 1 - of < size and per == 2 else -1
                ends = _ends(codes, offsets, unit + of, seen[1], seen[2], mate)
                for allele in range(hits[m, h, 0], len(ground.fraction), p):
                    fraction, salt = ground.fraction[allele], ground.salt[allele]
                    fragment = np.uint64(first_read + unit)
                    drawn = BY_ENDS * np.int64(uniform(salt, ends) < fraction)
                    drawn += BY_FRAGMENT * np.int64(uniform(~salt, fragment) < fraction)
                    if drawn and n < len(out):
                        out[n, 2:8] = -1
                        out[n, 0], out[n, 1], out[n, 8] = allele, unit, drawn
                        _note(codes, offsets, unit, m, hits[m, h], ground, out[n])
                        if other >= 0:
                            _note(codes, offsets, unit, 1 - m, hits[1 - m, other], ground, out[n])
                    n += drawn > 0
    return n
