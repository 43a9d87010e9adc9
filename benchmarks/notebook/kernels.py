"""Numba kernels of seed and verify: filling buckets, recruiting, voting.

All release the GIL and write into arrays given to them, so that threads work on parts.
k-mers are uint64, two bits per base, the first base highest; an index entry is
``id << OFFSET_BITS | offset of the seed in the k-mer``.
"""

import numba
import numpy as np

__all__ = ["MOST_KMERS", "OFFSET_BITS", "fill_buckets", "mismatch_histogram", "vote"]

OFFSET_BITS = 5
MOST_KMERS = 1 << (32 - OFFSET_BITS)

# Open-addressing table in which the recruits of one query are kept apart.
_SEEN_SLOTS = 1 << 11
_MOST_RECRUITS = 1 << 10


@numba.njit(cache=True, nogil=True)
def _seed(kmer, k, pattern, offset):  # type: ignore[no-untyped-def]
    key = np.int64(0)
    for p in pattern:
        base = (kmer >> np.uint64(2 * (k - 1 - offset - p))) & np.uint64(3)
        key = (key << 2) | np.int64(base)
    return key


@numba.njit(cache=True, nogil=True)
def fill_buckets(kmers, k, pattern, starts, entries):  # type: ignore[no-untyped-def]
    """Counting sort of (id, offset) by seed; ``starts`` ends as the CSR row pointer."""
    n_offsets = k - pattern[-1]
    for kmer in kmers:
        for offset in range(n_offsets):
            starts[_seed(kmer, k, pattern, offset)] += np.uint32(1)
    total = np.uint32(0)
    for bucket in range(len(starts)):
        total += starts[bucket]
        starts[bucket] = total
    # Filling backwards turns each bucket's end into its start.
    for row in range(len(kmers) - 1, -1, -1):
        for offset in range(n_offsets - 1, -1, -1):
            bucket = _seed(kmers[row], k, pattern, offset)
            starts[bucket] -= np.uint32(1)
            entries[starts[bucket]] = np.uint32((row << OFFSET_BITS) | offset)


@numba.njit(cache=True, nogil=True)
def _differences(query, entry, k, shift):  # type: ignore[no-untyped-def]
    """Bit 2j set where base j from the end of the overlap differs.

    ``shift`` is the query's position of the entry's first base.
    """
    if shift >= 0:
        entry = entry >> np.uint64(2 * shift)
        mask = (np.uint64(1) << np.uint64(2 * (k - shift))) - np.uint64(1)
        query = query & mask
    else:
        query = query >> np.uint64(-2 * shift)
        mask = (np.uint64(1) << np.uint64(2 * (k + shift))) - np.uint64(1)
        entry = entry & mask
    x = query ^ entry
    return (x | (x >> np.uint64(1))) & np.uint64(0x5555555555555555)


@numba.njit(cache=True, nogil=True)
def _popcount(x):  # type: ignore[no-untyped-def]
    """Set bits of a word in which only even bits may be set."""
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@numba.njit(cache=True, nogil=True)
def _is_new(key, seen, used, n_used):  # type: ignore[no-untyped-def]
    """Put a key into the query's table; False where it was there already."""
    slot = (key * 0x9E3779B1) & (_SEEN_SLOTS - 1)
    while seen[slot] >= 0:
        if seen[slot] == key:
            return False
        slot = (slot + 1) & (_SEEN_SLOTS - 1)
    seen[slot] = key
    used[n_used] = slot
    return True


@numba.njit(cache=True, nogil=True)
def _add_votes(entry, apart, k, shift, matched, mismatched, votes):  # type: ignore[no-untyped-def]
    """One recruit's votes at the query's positions ``max(shift, 0)`` to the overlap's end."""
    first, last = max(shift, 0), min(k, k + shift)
    for position in range(first, last):
        base = np.int64((entry >> np.uint64(2 * (k - 1 - position + shift))) & np.uint64(3))
        differs = (apart >> np.uint64(2 * (last - 1 - position))) & np.uint64(1)
        votes[position, base] += mismatched if differs else matched


@numba.njit(cache=True, nogil=True)
def _neighbours(seed, weight, substitutions, found):  # type: ignore[no-untyped-def]
    """The seed and, with ``substitutions`` 1, those one base away; returns their number."""
    found[0] = seed
    n = 1
    if substitutions:
        for position in range(weight):
            for step in range(1, 4):
                found[n] = seed ^ (step << (2 * position))
                n += 1
    return n


@numba.njit(cache=True, nogil=True)
def vote(  # type: ignore[no-untyped-def]
    queries, ids, kmers, k, patterns, substitutions, starts, entries, matched, mismatched, votes,
    recruits
):  # fmt: skip
    """Recruit by every seed of every query, verify, vote; ``ids`` are left out of their own."""
    n_offsets, weight = k - patterns[0, -1], patterns.shape[1]
    seen = np.full(_SEEN_SLOTS, -1, dtype=np.int64)
    used = np.empty(_MOST_RECRUITS, dtype=np.int64)
    buckets = np.empty(1 + 3 * weight, dtype=np.int64)
    for row in range(len(queries)):
        query, n_used = queries[row], 0
        for p in range(len(patterns)):
            for offset in range(n_offsets):
                seed = _seed(query, k, patterns[p], offset)
                for bucket in buckets[: _neighbours(seed, weight, substitutions, buckets)]:
                    for at in range(starts[p, bucket], starts[p, bucket + 1]):
                        packed = np.int64(entries[p, at])
                        other = packed >> OFFSET_BITS
                        shift = offset - (packed & ((1 << OFFSET_BITS) - 1))
                        apart = _differences(query, kmers[other], k, shift)
                        differing, overlap = _popcount(apart), k - abs(shift)
                        # The weight at a mismatch is the larger of the two.
                        most = mismatched[overlap, differing]
                        if most == 0 or other == ids[row] or n_used == _MOST_RECRUITS:
                            continue
                        if not _is_new((other << 6) | (shift + 32), seen, used, n_used):
                            continue
                        n_used += 1
                        _add_votes(
                            *(kmers[other], apart, k, shift),
                            *(matched[overlap, differing], most, votes[row]),
                        )
        recruits[row] = n_used
        for at in range(n_used):
            seen[used[at]] = -1


@numba.njit(cache=True, nogil=True)
def mismatch_histogram(rows, kmers, k, pattern, starts, entries, histogram):  # type: ignore[no-untyped-def]
    """Seed hits of the rows by overlap outside the seed and mismatches."""
    n_offsets = k - pattern[-1]
    for row in rows:
        for offset in range(n_offsets):
            bucket = _seed(kmers[row], k, pattern, offset)
            for at in range(starts[bucket], starts[bucket + 1]):
                packed = np.int64(entries[at])
                other = packed >> OFFSET_BITS
                shift = offset - (packed & ((1 << OFFSET_BITS) - 1))
                if other != row and shift != 0:
                    apart = _differences(kmers[row], kmers[other], k, shift)
                    histogram[k - abs(shift) - len(pattern), _popcount(apart)] += 1
