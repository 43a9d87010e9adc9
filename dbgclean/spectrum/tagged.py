"""Kernels on tagged k-mers, "words": emitted by partition, gathered, counted.

A tagged k-mer is the canonical k-mer shifted up by two bits; bit 1 says that it
was read as the reverse complement, bit 0 that all its bases are of high quality.
"""

import threading

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.spectrum.words import full, load, store, zero

__all__ = ["Scratch", "emit", "gather", "interleave", "join", "pick_reads", "split"]

_U0 = np.uint64(0)
_U1 = np.uint64(1)
_U2 = np.uint64(2)
_U3 = np.uint64(3)
_U32 = np.uint64(32)
_LOW_HALF = np.uint64(2**32 - 1)
_SATURATED = 2**32 - 1


class Scratch(threading.local):
    """Room that a thread uses again and again: fresh pages cost as much as the work."""

    def __init__(self, dtype: np.dtype) -> None:
        self._words = np.empty(0, dtype=dtype)

    def words(self, n: int) -> np.ndarray:
        """Tagged k-mers (n,), of any content."""
        if self._words.size < n:
            self._words = np.empty(n + n // 4, dtype=self._words.dtype)
        return self._words[:n]


@helper
def _roll(
    codes: np.ndarray, quals: np.ndarray, k: int, min_quality: int, out: np.ndarray, n: int
) -> int:
    """Append the tagged k-mers of a stretch of one read to `out`, which holds `n`."""
    shift = np.uint64(2 * (k - 1))
    one = zero(out) | _U1
    mask = (one << np.uint64(2 * k)) - one
    graded = quals.size > 0
    forward = zero(out)
    backward = zero(out)
    valid = 0
    good = 0
    for i in range(codes.size):
        code = codes[i]
        if code > 3:
            valid = 0
            continue
        base = np.uint64(code)
        forward = ((forward << _U2) | base) & mask
        backward = (backward >> _U2) | ((zero(out) | (_U3 - base)) << shift)
        valid += 1
        good += 1
        if graded and quals[i] < min_quality:
            good = 0
        if valid >= k:
            # `good` may run on across an N, but then `valid` is the shorter run. The
            # strand is a coin toss to the branch predictor: no branch on it.
            strand = np.uint64(backward < forward)
            tags = (strand << _U1) | np.uint64(good >= k)
            store(out, n, (min(forward, backward) << _U2) | tags)
            n += 1
    return n


@helper
def _scatter(
    tagged: np.ndarray, shift: int, buffer: np.ndarray, begin: int, starts: np.ndarray
) -> None:
    """Copy to ``buffer[begin:]`` by partition; ``starts[p]`` becomes the place of partition p."""
    down = np.uint64(shift)
    for p in range(starts.size):
        starts[p] = 0
    for i in range(tagged.size):
        starts[np.int64(load(tagged, i) >> down) + 1] += 1
    starts[0] = begin
    for p in range(1, starts.size):
        starts[p] += starts[p - 1]
    places = starts.copy()
    for i in range(tagged.size):
        word = load(tagged, i)
        partition = np.int64(word >> down)
        store(buffer, places[partition], word)
        places[partition] += 1


@kernel
def emit(
    codes: np.ndarray,
    quals: np.ndarray,
    offsets: np.ndarray,
    span: tuple[int, int, int],
    k: int,
    min_quality: int,
    shift: int,
    buffer: np.ndarray,
    begin: int,
    starts: np.ndarray,
    scratch: np.ndarray,
) -> int:
    """Write the k-mers that start in a span of bases to ``buffer[begin:]`` by partition.

    `span` is the read that holds the first of them, that base and where the span ends;
    `shift` leaves the partition of a tagged k-mer. Each row of `starts`, one per equal
    part of the bases, receives where its partitions begin and the last one ends; `scratch`
    holds the k-mers of a part meanwhile. Returns the number of k-mers.
    """
    read, low, high = span
    part = -(-(high - low) // starts.shape[0])
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


@kernel
def gather(buffer: np.ndarray, starts: np.ndarray, partition: int, out: np.ndarray) -> int:
    """Copy all emitted words of one partition to `out`; their number.

    `starts` has one row per part of a chunk, as `emit` filled it in.
    """
    n = 0
    for part in range(starts.shape[0]):
        first, end = starts[part, partition], starts[part, partition + 1]
        # Not a slice: numba's takes three seconds to compile, most of it the error message.
        for i in range(first, end):
            store(out, n, load(buffer, i))
            n += 1
    return n


@helper
def _measure_runs(words: np.ndarray, ends: np.ndarray, tags: np.ndarray) -> int:
    """Where the words of each k-mer end, and the sums of their tags until there; how many k-mers.

    Without a branch, which would be missed once a k-mer.
    """
    n = 0
    total = _U0
    for i in range(words.size):
        total += _both_tags(load(words, i))
        ends[n] = i + 1
        tags[n] = total
        n += 1 if i + 1 == words.size else _differ(words, i)
    return n


@helper
def _both_tags(word: np.uint64) -> np.uint64:
    """1 for the reverse strand in the upper half, 1 for high quality in the lower one."""
    tags = np.uint64(word)
    return ((tags & _U2) << np.uint64(31)) | (tags & _U1)


@kernel
def join(words: np.ndarray, keys: np.ndarray, values: np.ndarray) -> int:
    """Add sorted words to the rows of their keys; what has no row moves to the front.

    Parameters
    ----------
    words : ndarray of uint64, or wider
        Tagged k-mers, sorted, fewer than 2**31; the rest is left in ``words[:n]``, sorted,
        where n is what is returned.
    keys : ndarray of the same dtype, (rows,)
        Sorted k-mers, untagged.
    values : ndarray of uint32, (3, rows)
        Abundance, reverse, high quality: added to in place, up to the highest value.
    """
    if keys.size == 0:
        return words.size
    ends, sums = np.empty(words.size, np.int32), np.empty(words.size, np.uint64)
    left = row = 0
    first, before = np.int64(0), _U0
    for run in range(_measure_runs(words, ends, sums)):
        end, tags = np.int64(ends[run]), sums[run] - before
        key = load(words, first) >> _U2
        while row < keys.size and load(keys, row) < key:
            row += 1
        if row < keys.size and load(keys, row) == key:
            _raise(values, 0, row, end - first)
            _raise(values, 1, row, np.int64(tags >> _U32))
            _raise(values, 2, row, np.int64(tags & _LOW_HALF))
        else:
            for i in range(first, end):
                store(words, left, load(words, i))
                left += 1
        first, before = end, sums[run]
    return left


@helper
def _raise(values: np.ndarray, column: int, row: int, by: int) -> None:
    """Add to one value, which stops at the highest there is."""
    values[column, row] = min(np.int64(values[column, row]) + by, np.int64(_SATURATED))


@kernel
def split(words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part sorted words into those whose k-mer stands alone and rows for the others.

    Returns the lone words, still tagged: eight bytes tell all that there is to say of
    a k-mer seen once. And keys ((rows,)) and values (uint32, (3, rows)) of
    k-mers seen twice or more, fewer than 2**32 times.
    """
    alone, distinct = _measure(words)
    singles = np.empty(alone, dtype=words.dtype)
    keys = np.empty(distinct - alone, dtype=words.dtype)
    values = np.empty((3, distinct - alone), dtype=np.uint32)
    single = row = i = 0
    while i < words.size:
        first = i
        word = load(words, i)
        last = word | _U3
        i += 1
        if i == words.size or load(words, i) > last:
            store(singles, single, word)
            single += 1
            continue
        reverse = (np.uint64(word) >> _U1) & _U1
        good = np.uint64(word) & _U1
        while i < words.size and load(words, i) <= last:
            tags = np.uint64(load(words, i))
            reverse += (tags >> _U1) & _U1
            good += tags & _U1
            i += 1
        store(keys, row, word >> _U2)
        values[0, row] = i - first
        values[1, row] = reverse
        values[2, row] = good
        row += 1
    return singles, keys, values


@helper
def _differ(words: np.ndarray, i: int) -> int:
    """1 where the k-mers of a word and of the next are not the same."""
    return int((load(words, i) ^ load(words, i + 1)) > _U3)


@helper
def _measure(words: np.ndarray) -> tuple[int, int]:
    """How many k-mers of sorted words stand alone, and how many there are."""
    if words.size < 2:
        return words.size, words.size
    # A loop without branches, which the compiler turns into vector instructions.
    alone = _differ(words, 0)
    distinct = 1
    for i in range(1, words.size - 1):
        new = _differ(words, i - 1)
        alone += new & _differ(words, i)
        distinct += new
    last = _differ(words, words.size - 2)
    return alone + last, distinct + last


@kernel
def interleave(
    singles: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    out_keys: np.ndarray,
    out_counts: np.ndarray,
    out_reverse: np.ndarray,
    out_good: np.ndarray,
) -> None:
    """Write lone words and rows, no k-mer in both, as one sorted table."""
    row = single = 0
    for n in range(out_keys.size):
        # As in `merge_rows`: an exhausted side reads its last entry again, for nothing.
        word = load(singles, min(single, singles.size - 1)) if singles.size else full(singles)
        key = load(keys, min(row, keys.size - 1)) if keys.size else full(keys)
        take = row == keys.size or (single < singles.size and word >> _U2 < key)
        if take:
            store(out_keys, n, word >> _U2)
            out_counts[n] = 1
            out_reverse[n] = (np.uint64(word) >> _U1) & _U1
            out_good[n] = np.uint64(word) & _U1
            single += 1
        else:
            store(out_keys, n, key)
            out_counts[n] = values[0, row]
            out_reverse[n] = values[1, row]
            out_good[n] = values[2, row]
            row += 1


@kernel
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
