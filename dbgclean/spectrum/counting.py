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

import numpy as np

from dbgclean.spectrum.kmers import check_k
from dbgclean.spectrum.table import KmerTable, merge_rows
from dbgclean.spectrum.tagged import emit, gather, pick_reads, run_lengths

if TYPE_CHECKING:
    from dbgclean.reads.batch import ReadBatch

__all__ = ["CountStatistics", "KmerCounter", "count_codes", "count_kmers"]

logger = logging.getLogger(__name__)

CHUNK_BASES = 1 << 18
"""Bases that one task emits."""

PARTS = 8
"""Parts of a chunk: the keys of one, before and after grouping, stay in a core's cache."""

PARTITION_BITS = 7
"""Of the highest key bits: more partitions than this overtax the first-level cache and
its address table when they are written side by side; fewer would sort slower."""

DEFAULT_BUFFER = 1 << 25
SMALLEST_BUFFER = 1 << 20


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
            codes, quals, offsets = pick_reads(codes, quals, offsets, marks)
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

        lows = range(first, last, CHUNK_BASES)
        reads = np.searchsorted(offsets, lows, side="right") - 1

        def emit_chunk(low: int, read: int) -> tuple[int, np.ndarray]:
            starts = np.empty((PARTS, (1 << PARTITION_BITS) + 1), dtype=np.int64)
            high = min(low + CHUNK_BASES, last)
            # A chunk of b bases emits b k-mers at most, so its place is known beforehand.
            n = emit(
                codes,
                quals,
                offsets,
                read,
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
        for n, starts in self._map(emit_chunk, lows, reads.tolist()):
            emitted += n
            self._starts.append(starts)
        self._filled += last - first
        return emitted

    def _flush(self) -> None:
        """Empty the buffer into the partitions' tables."""
        if not self._starts:
            return
        starts = np.concatenate(self._starts)

        def absorb(partition: int) -> None:
            fresh = gather(self._buffer, starts, partition)
            fresh.sort()
            keys, values = run_lengths(fresh)
            old = self._keys[partition], self._values[partition]
            if old[0].size:
                keys, values, _ = merge_rows(*old, keys, values, 1)
            self._keys[partition], self._values[partition] = keys, values

        self._map(absorb, range(1 << PARTITION_BITS))
        self._starts = []
        self._filled = 0

    def _map(self, task: Callable[..., Any], *arguments: Iterable[int]) -> list[Any]:
        """Results of a task, as of the built-in `map`, in order, over the threads."""
        if self.threads == 1:
            return list(map(task, *arguments))
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(task, *arguments))

    def finish(self) -> KmerTable:
        """The table of all k-mers added; the counter is spent afterwards."""
        self._flush()
        self._buffer = np.empty(0, dtype=np.uint64)
        pieces = list(zip(self._keys, self._values, strict=True))
        self._keys, self._values = [], []
        table = KmerTable.join(self.k, pieces)
        logger.debug("counted %s: %d distinct k-mers", self.statistics, len(table))
        return table


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
