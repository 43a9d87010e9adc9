"""Kernels on tagged k-mers: emitted by partition, gathered, run-length encoded.

A tagged k-mer is the canonical k-mer shifted up by two bits; bit 1 says that it
was read as the reverse complement, bit 0 that all its bases are of high quality.
"""

import numba
import numpy as np

__all__ = ["emit", "gather", "pick_reads", "run_lengths"]

_U0 = np.uint64(0)
_U1 = np.uint64(1)
_U2 = np.uint64(2)
_U3 = np.uint64(3)


@numba.njit(cache=True, nogil=True)
def _roll(
    codes: np.ndarray, quals: np.ndarray, k: int, min_quality: int, out: np.ndarray, n: int
) -> int:
    """Append the tagged k-mers of a stretch of one read to `out`, which holds `n`."""
    shift = np.uint64(2 * (k - 1))
    mask = (_U1 << np.uint64(2 * k)) - _U1
    graded = quals.size > 0
    forward = _U0
    backward = _U0
    valid = 0
    good = 0
    for i in range(codes.size):
        code = codes[i]
        if code > 3:
            valid = 0
            continue
        base = np.uint64(code)
        forward = ((forward << _U2) | base) & mask
        backward = (backward >> _U2) | ((_U3 - base) << shift)
        valid += 1
        good += 1
        if graded and quals[i] < min_quality:
            good = 0
        if valid >= k:
            # `good` may run on across an N, but then `valid` is the shorter run. The
            # strand is a coin toss to the branch predictor: no branch on it.
            strand = np.uint64(backward < forward)
            out[n] = (min(forward, backward) << _U2) | (strand << _U1) | np.uint64(good >= k)
            n += 1
    return n


@numba.njit(cache=True, nogil=True)
def _scatter(
    tagged: np.ndarray, shift: int, buffer: np.ndarray, begin: int, starts: np.ndarray
) -> None:
    """Copy to ``buffer[begin:]`` by partition; ``starts[p]`` becomes the place of partition p."""
    down = np.uint64(shift)
    for p in range(starts.size):
        starts[p] = 0
    for i in range(tagged.size):
        starts[np.int64(tagged[i] >> down) + 1] += 1
    starts[0] = begin
    for p in range(1, starts.size):
        starts[p] += starts[p - 1]
    places = starts.copy()
    for i in range(tagged.size):
        partition = np.int64(tagged[i] >> down)
        buffer[places[partition]] = tagged[i]
        places[partition] += 1


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
    of a tagged k-mer. Each row of `starts`, one per equal part of the bases, receives
    where its partitions begin and the last one ends. Returns the number of k-mers.
    """
    part = -(-(high - low) // starts.shape[0])
    scratch = np.empty(part, dtype=np.uint64)
    total = 0
    for row in range(starts.shape[0]):
        end = min(low + part, high)
        n = 0
        while read + 1 < offsets.size and offsets[read] < end:
            first = max(low, offsets[read])
            last = min(end + k - 1, offsets[read + 1])
            stretch = quals[first:last] if quals.size else quals
            n = _roll(codes[first:last], stretch, k, min_quality, scratch, n)
            if offsets[read + 1] > end:
                break
            read += 1
        _scatter(scratch[:n], shift, buffer, begin + total, starts[row])
        total += n
        low = end
    return total


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
def run_lengths(tagged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct keys and counts (uint32 (3, n)) of sorted tagged k-mers, fewer than 2**32."""
    keys = np.empty(tagged.size, dtype=np.uint64)
    ends = np.empty((3, tagged.size), dtype=np.uint32)
    n = -1
    reverse = good = _U0
    previous = ~_U0
    # Running sums are stored at every step, the last one of a run stays: no branches.
    for i in range(tagged.size):
        key = tagged[i] >> _U2
        n += int(key != previous)
        previous = key
        reverse += (tagged[i] >> _U1) & _U1
        good += tagged[i] & _U1
        keys[n] = key
        ends[0, n] = i + 1
        ends[1, n] = reverse
        ends[2, n] = good
    values = np.empty((3, n + 1), dtype=np.uint32)
    for column in range(3):
        before = np.uint32(0)
        for row in range(n + 1):
            values[column, row] = ends[column, row] - before
            before = ends[column, row]
    return keys[: n + 1].copy(), values


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
