"""Counting canonical k-mers, by strand and by quality, with one sort.

A packed 31-mer takes 62 of 64 bits. The two spare ones carry the strand it was
read from and whether all its bases are of high quality, so that sorting the
emitted integers and measuring runs counts all three at once. Three steps:

1. *emit*: chunks of the batch's bases roll their k-mers into a bounded buffer,
   grouped by the highest bits of the key into partitions;
2. *absorb*, when the buffer is full: each partition is gathered, sorted (a
   vectorised sort that fits the cache), run-length encoded and merged into that
   partition's sorted table;
3. *finish*: the partitions, ordered by key, one after the other are the table.

Sums do not depend on the order of their terms (nor do sums that stop at the
highest count), so the table is the same for any number of threads and any split
into batches. Memory: the buffer, and 20 bytes for each distinct k-mer.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from dbgclean.spectrum.kmers import check_k
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads.batch import ReadBatch

__all__ = ["CountStatistics", "KmerCounter", "count_codes", "count_kmers"]

logger = logging.getLogger(__name__)

CHUNK_BASES = 1 << 18
"""Bases that one task emits: its keys twice over stay in a core's cache."""

PARTITION_BITS = 8
"""Partitions are 256 prefixes of four bases: one open cache line each is a third
of a first-level cache, and a full buffer gives each about 1 MB to sort."""

DEFAULT_BUFFER = 1 << 25
SMALLEST_BUFFER = 1 << 20

_SATURATED = 2**32 - 1
_U0 = np.uint64(0)
_U1 = np.uint64(1)
_U2 = np.uint64(2)
_U3 = np.uint64(3)


@dataclass
class CountStatistics:
    """What was counted and what was passed over; ``+=`` adds.

    Attributes
    ----------
    reads : int
        Reads looked at.
    short_reads : int
        Of these, shorter than k.
    kmers : int
        k-mers counted.
    skipped_kmers : int
        Windows of k bases that hold an N or another ambiguous letter.
    """

    reads: int = 0
    short_reads: int = 0
    kmers: int = 0
    skipped_kmers: int = 0

    def __iadd__(self, other: "CountStatistics") -> "CountStatistics":
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    def to_dict(self) -> dict[str, int]:
        """The four numbers by name."""
        return asdict(self)


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
def _emit(
    codes: np.ndarray,
    quals: np.ndarray,
    offsets: np.ndarray,
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

    ``starts[p]`` to ``starts[p + 1]`` becomes partition p's place in the buffer.
    """
    scratch = np.empty(high - low, dtype=np.uint64)
    n = 0
    read = np.searchsorted(offsets, low, side="right") - 1
    while read + 1 < offsets.size and offsets[read] < high:
        first = max(low, offsets[read])
        last = min(high + k - 1, offsets[read + 1])
        n = _roll(codes, quals, first, last, k, min_quality, scratch, n)
        read += 1
    down = np.uint64(shift)
    starts[:] = 0
    for i in range(n):
        starts[np.int64(scratch[i] >> down) + 1] += 1
    starts[0] = begin
    for p in range(1, starts.size):
        starts[p] += starts[p - 1]
    places = starts.copy()
    for i in range(n):
        p = np.int64(scratch[i] >> down)
        buffer[places[p]] = scratch[i]
        places[p] += 1
    return n


@numba.njit(cache=True, nogil=True)
def _gather(buffer: np.ndarray, starts: np.ndarray, partition: int) -> np.ndarray:
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
def _absorb(
    fresh: np.ndarray, keys: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Merge sorted tagged keys into a sorted table of (keys, three rows of counts)."""
    distinct = 0
    previous = ~_U0
    for tagged in fresh:
        distinct += (tagged >> _U2) != previous
        previous = tagged >> _U2
    out_keys = np.empty(keys.size + distinct, dtype=np.uint64)
    out_values = np.empty((3, keys.size + distinct), dtype=np.uint32)
    i = 0
    j = 0
    n = 0
    while i < fresh.size:
        key = fresh[i] >> _U2
        while j < keys.size and keys[j] < key:
            out_keys[n] = keys[j]
            for column in range(3):
                out_values[column, n] = values[column, j]
            j += 1
            n += 1
        run = i
        reverse = np.int64(0)
        good = np.int64(0)
        while i < fresh.size and fresh[i] >> _U2 == key:
            reverse += np.int64((fresh[i] >> _U1) & _U1)
            good += np.int64(fresh[i] & _U1)
            i += 1
        count = np.int64(i - run)
        if j < keys.size and keys[j] == key:
            count += np.int64(values[0, j])
            reverse += np.int64(values[1, j])
            good += np.int64(values[2, j])
            j += 1
        out_keys[n] = key
        out_values[0, n] = min(count, _SATURATED)
        out_values[1, n] = min(reverse, _SATURATED)
        out_values[2, n] = min(good, _SATURATED)
        n += 1
    while j < keys.size:
        out_keys[n] = keys[j]
        for column in range(3):
            out_values[column, n] = values[column, j]
        j += 1
        n += 1
    return out_keys[:n].copy(), out_values[:, :n].copy()


@numba.njit(cache=True, nogil=True)
def _pick_reads(
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
        first = offsets[read]
        last = offsets[read + 1]
        out_codes[n : n + last - first] = codes[first:last]
        if quals.size:
            out_quals[n : n + last - first] = quals[first:last]
        n += last - first
        kept += 1
        out_offsets[kept] = n
    return out_codes, out_quals, out_offsets


class KmerCounter:
    """Counts the k-mers of batches of reads in bounded memory.

    Parameters
    ----------
    k : int
        Odd, 11 to 31.
    threads : int
        Workers; the result does not depend on it.
    min_quality : int
        Phred score from which a base counts as of high quality.
    memory_bytes : int, optional
        Memory to aim at. A quarter of it, at most 256 MiB and at least 8 MiB,
        becomes the buffer of emitted k-mers; the rest is for the table.

    Raises
    ------
    UsageError
        For an even k or one out of range.

    Attributes
    ----------
    statistics : CountStatistics
        What was counted so far.
    """

    def __init__(
        self,
        k: int,
        *,
        threads: int = 1,
        min_quality: int = 20,
        memory_bytes: int | None = None,
    ) -> None:
        self.k = check_k(k)
        self.min_quality = int(min_quality)
        self.threads = max(1, int(threads))
        self.statistics = CountStatistics()
        size = DEFAULT_BUFFER
        if memory_bytes is not None:
            size = min(max(memory_bytes // 32, SMALLEST_BUFFER), DEFAULT_BUFFER)
        self._buffer = np.empty(size, dtype=np.uint64)
        self._filled = 0
        self._starts: list[np.ndarray] = []
        self._shift = 2 * self.k + 2 - PARTITION_BITS
        self._keys = [np.empty(0, dtype=np.uint64)] * (1 << PARTITION_BITS)
        self._values = [np.empty((3, 0), dtype=np.uint32)] * (1 << PARTITION_BITS)

    def __repr__(self) -> str:
        return f"KmerCounter(k={self.k}, threads={self.threads}, min_quality={self.min_quality})"

    def add(self, batch: "ReadBatch", reads: np.ndarray | None = None) -> None:
        """Count the reads of a batch, or those whose entry in `reads` is not zero.

        Parameters
        ----------
        batch : ReadBatch
            Only its `codes`, `quals` and `offsets` are looked at.
        reads : ndarray of uint8 or bool, (n_reads,), optional
            Marks of the reads to count.
        """
        self.add_codes(batch.codes, batch.offsets, batch.quals, reads)

    def add_codes(
        self,
        codes: np.ndarray,
        offsets: np.ndarray,
        quals: np.ndarray | None = None,
        reads: np.ndarray | None = None,
    ) -> None:
        """As `add`, for the arrays of a batch: uint8, int64 (n_reads + 1,), uint8."""
        if quals is None:
            quals = np.empty(0, dtype=np.uint8)
        if reads is not None:
            marks = np.ascontiguousarray(reads).astype(np.uint8, copy=False)
            codes, quals, offsets = _pick_reads(codes, quals, offsets, marks)
        lengths = np.diff(offsets)
        windows = int(np.maximum(lengths - self.k + 1, 0).sum())
        emitted = 0
        first, end = int(offsets[0]), int(offsets[-1])
        while first < end:
            room = self._buffer.size - self._filled
            if room < min(CHUNK_BASES, end - first):
                self._flush()
                room = self._buffer.size
            last = min(end, first + room)
            emitted += self._emit_range(codes, quals, offsets, first, last)
            first = last
        self.statistics += CountStatistics(
            int(lengths.size), int((lengths < self.k).sum()), emitted, windows - emitted
        )

    def _emit_range(
        self, codes: np.ndarray, quals: np.ndarray, offsets: np.ndarray, first: int, last: int
    ) -> int:
        """Emit the k-mers that start in a range of bases, for which the buffer has room."""
        begin = self._filled - first

        def emit(low: int) -> tuple[int, np.ndarray]:
            starts = np.empty((1 << PARTITION_BITS) + 1, dtype=np.int64)
            high = min(low + CHUNK_BASES, last)
            # A chunk of b bases emits b k-mers at most, so its place is known beforehand.
            n = _emit(
                codes,
                quals,
                offsets,
                low,
                high,
                self.k,
                self.min_quality,
                self._shift,
                self._buffer,
                begin + low,
                starts,
            )
            return n, starts

        emitted = 0
        for n, starts in self._map(emit, range(first, last, CHUNK_BASES)):
            emitted += n
            self._starts.append(starts)
        self._filled += last - first
        return emitted

    def _flush(self) -> None:
        """Empty the buffer into the partitions' tables."""
        if not self._starts:
            return
        starts = np.stack(self._starts)

        def absorb(partition: int) -> None:
            fresh = _gather(self._buffer, starts, partition)
            if fresh.size:
                fresh.sort()
                self._keys[partition], self._values[partition] = _absorb(
                    fresh, self._keys[partition], self._values[partition]
                )

        self._map(absorb, range(1 << PARTITION_BITS))
        self._starts = []
        self._filled = 0

    def _map(self, task: Callable[[int], Any], items: Iterable[int]) -> list[Any]:
        """Results of a task for each item, in order, over the threads."""
        if self.threads == 1:
            return [task(item) for item in items]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(task, items))

    def finish(self) -> KmerTable:
        """The table of all k-mers added; the counter is spent afterwards."""
        self._flush()
        self._buffer = np.empty(0, dtype=np.uint64)
        total = sum(keys.size for keys in self._keys)
        all_keys = np.empty(total, dtype=np.uint64)
        columns = tuple(np.empty(total, dtype=np.uint32) for _ in range(3))
        n = 0
        # Each partition is let go once copied: joining must not double the memory.
        for partition in range(len(self._keys)):
            keys, values = self._keys[partition], self._values[partition]
            self._keys[partition], self._values[partition] = keys[:0], values[:, :0]
            all_keys[n : n + keys.size] = keys
            for column, row in zip(columns, values, strict=True):
                column[n : n + keys.size] = row
            n += keys.size
        logger.debug("counted %s: %d distinct k-mers", self.statistics, total)
        return KmerTable(self.k, all_keys, *columns)


def count_kmers(
    batches: "Iterable[ReadBatch]",
    k: int,
    *,
    threads: int = 1,
    min_quality: int = 20,
    memory_bytes: int | None = None,
) -> KmerTable:
    """Count the k-mers of all batches; parameters and errors as for `KmerCounter`."""
    counter = KmerCounter(k, threads=threads, min_quality=min_quality, memory_bytes=memory_bytes)
    for batch in batches:
        counter.add(batch)
    return counter.finish()


def count_codes(
    codes: np.ndarray,
    offsets: np.ndarray,
    quals: np.ndarray | None,
    k: int,
    *,
    threads: int = 1,
    min_quality: int = 20,
) -> KmerTable:
    """Count sequences that are in memory as codes (truth genomes, tests).

    Parameters
    ----------
    codes : ndarray of uint8, (n_bases,)
        0 to 4, where 4 breaks the k-mer.
    offsets : ndarray of int64, (n_sequences + 1,)
        Where each sequence begins, and the end of the last.
    quals : ndarray of uint8, (n_bases,), or None
        Phred scores; without them every k-mer is of high quality.
    k : int
        Odd, 11 to 31.
    """
    counter = KmerCounter(k, threads=threads, min_quality=min_quality)
    counter.add_codes(codes, offsets, quals)
    return counter.finish()
