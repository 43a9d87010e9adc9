"""Kernels on tagged k-mers: emitted by partition, gathered, run-length encoded.

A tagged k-mer is the canonical k-mer shifted up by two bits; bit 1 says that it
was read as the reverse complement, bit 0 that all its bases are of high quality.
"""

import numba
import numpy as np

__all__ = ["emit", "gather", "pick_reads", "run_lengths"]

_SATURATED = 2**32 - 1
_U0 = np.uint64(0)
_U1 = np.uint64(1)
_U2 = np.uint64(2)
_U3 = np.uint64(3)


@numba.njit(cache=True, nogil=True)
def _roll(
    codes: np.ndarray,
    quals: np.ndarray,
    first: int,
    last: int,
    k: int,
    min_quality: int,
    out: np.ndarray,
    n: int,
) -> int:
    """Append the tagged k-mers of ``codes[first:last]``, one stretch of one read, to `out`."""
    shift = np.uint64(2 * (k - 1))
    mask = (_U1 << np.uint64(2 * k)) - _U1
    graded = quals.size > 0
    forward = _U0
    backward = _U0
    valid = 0
    good = 0
    for i in range(first, last):
        code = codes[i]
        if code > 3:
            valid = 0
            continue
        base = np.uint64(code)
        forward = ((forward << _U2) | base) & mask
        backward = (backward >> _U2) | ((_U3 - base) << shift)
        valid += 1
        good = good + 1 if not graded or quals[i] >= min_quality else 0
        if valid >= k:
            # `good` may run on across an N, but then `valid` is the shorter run.
            high = _U1 if good >= k else _U0
            if backward < forward:
                out[n] = (backward << _U2) | _U2 | high
            else:
                out[n] = (forward << _U2) | high
            n += 1
    return n


@numba.njit(cache=True, nogil=True)
def emit(
    codes: np.ndarray,
    quals: np.ndarray,
    offsets: np.ndarray,
    read: int,
    low: int,
    high: int,
    k: int,
    min_quality: int,
    shift: int,
    buffer: np.ndarray,
    begin: int,
    starts: np.ndarray,
) -> int:
    """Write the k-mers that start at bases `low` to `high` to ``buffer[begin:]`` by partition.

    `read` is the read that holds base `low`, and `shift` what leaves the partition
    of a tagged k-mer. Returns the number of k-mers;
    ``starts[p]`` to ``starts[p + 1]`` becomes partition p's place in the buffer.
    """
    scratch = np.empty(high - low, dtype=np.uint64)
    n = 0
    while read + 1 < offsets.size and offsets[read] < high:
        first = max(low, offsets[read])
        last = min(high + k - 1, offsets[read + 1])
        n = _roll(codes, quals, first, last, k, min_quality, scratch, n)
        read += 1
    down = np.uint64(shift)
    for p in range(starts.size):
        starts[p] = 0
    for i in range(n):
        starts[np.int64(scratch[i] >> down) + 1] += 1
    starts[0] = begin
    for p in range(1, starts.size):
        starts[p] += starts[p - 1]
    places = starts.copy()
    for i in range(n):
        partition = np.int64(scratch[i] >> down)
        buffer[places[partition]] = scratch[i]
        places[partition] += 1
    return n


@numba.njit(cache=True, nogil=True)
def gather(buffer: np.ndarray, starts: np.ndarray, partition: int) -> np.ndarray:
    """All emitted keys of one partition; `starts` has one row per chunk."""
    n = 0
    for chunk in range(starts.shape[0]):
        n += starts[chunk, partition + 1] - starts[chunk, partition]
    out = np.empty(n, dtype=np.uint64)
    n = 0
    for chunk in range(starts.shape[0]):
        for i in range(starts[chunk, partition], starts[chunk, partition + 1]):
            out[n] = buffer[i]
            n += 1
    return out


@numba.njit(cache=True, nogil=True)
def _clamped(count: int) -> int:
    return min(count, _SATURATED)


@numba.njit(cache=True, nogil=True)
def run_lengths(tagged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct keys (uint64) of sorted tagged k-mers, and their counts (uint32 (3, n))."""
    distinct = 0
    previous = ~_U0
    for key in tagged:
        distinct += int((key >> _U2) != previous)
        previous = key >> _U2
    keys = np.empty(distinct, dtype=np.uint64)
    values = np.empty((3, distinct), dtype=np.uint32)
    i = 0
    for n in range(distinct):
        first = i
        keys[n] = tagged[i] >> _U2
        reverse = good = 0
        while i < tagged.size and tagged[i] >> _U2 == keys[n]:
            reverse += int(np.int64((tagged[i] >> _U1) & _U1))
            good += int(np.int64(tagged[i] & _U1))
            i += 1
        values[0, n] = _clamped(i - first)
        values[1, n] = _clamped(reverse)
        values[2, n] = _clamped(good)
    return keys, values


@numba.njit(cache=True, nogil=True)
def pick_reads(
    codes: np.ndarray, quals: np.ndarray, offsets: np.ndarray, reads: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, qualities and offsets of the reads whose mark is not zero."""
    kept = 0
    bases = 0
    for read in range(reads.size):
        if reads[read]:
            kept += 1
            bases += offsets[read + 1] - offsets[read]
    out_codes = np.empty(bases, dtype=np.uint8)
    out_quals = np.empty(bases if quals.size else 0, dtype=np.uint8)
    out_offsets = np.zeros(kept + 1, dtype=np.int64)
    kept = 0
    n = 0
    for read in range(reads.size):
        if not reads[read]:
            continue
        for i in range(offsets[read], offsets[read + 1]):
            out_codes[n] = codes[i]
            if quals.size:
                out_quals[n] = quals[i]
            n += 1
        kept += 1
        out_offsets[kept] = n
    return out_codes, out_quals, out_offsets
