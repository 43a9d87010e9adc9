"""Counting canonical k-mers, by strand and by quality, with one sort.

A packed 31-mer takes 62 of 64 bits (a 63-mer 126 of 128, a 127-mer 254 of 256: what is
said here of eight bytes holds of 16 and 32 for them). The two spare ones carry the strand it was
read from and whether all its bases are of high quality, so that sorting the
emitted integers and measuring runs counts all three at once. Three steps:

1. *emit*: chunks of the batch's bases roll their k-mers into a bounded buffer,
   grouped by the highest bits of the key into partitions;
2. *absorb*, when the buffer is full: each partition is gathered, sorted (a
   vectorised sort that fits the cache) and counted (`Partition`);
3. *settle*: the partitions, ordered by key, one after the other are the table,
   handed out whole (`KmerCounter.finish`) or in parts (`KmerCounter.parts`).

Sums do not depend on the order of their terms (nor do sums that stop at the
highest count), so the table is the same for any number of threads and any split
into batches. Memory: the buffer, 8 bytes for each k-mer seen once and 20 for each
other one; where that is more than allowed, partitions go to disk (`SpillFile`).
"""

import logging
import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dbgclean.reads.prefetch import map_in_order
from dbgclean.spectrum.kmers import check_k
from dbgclean.spectrum.partition import Partition, Settled
from dbgclean.spectrum.spill import SpillFile, check_folder
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.tagged import Scratch, emit, gather, interleave, pick_reads
from dbgclean.spectrum.tally import CountStatistics, Tally
from dbgclean.spectrum.words import key_dtype

if TYPE_CHECKING:
    from dbgclean.reads.batch import ReadBatch

__all__ = ["PARTITIONS", "CountStatistics", "KmerCounter", "Tally"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

CHUNK_BASES = 1 << 18
"""Bases that one task emits."""

PARTS = 8
"""Parts of a chunk: the keys of one, before and after grouping, stay in a core's cache."""

PARTITION_BITS = 7
"""Of the highest key bits: more partitions than this overtax the first-level cache and
its address table when they are written side by side; fewer would sort slower."""

DEFAULT_BUFFER = 1 << 24
SMALLEST_BUFFER = 1 << 20
LARGEST_BUFFER = 1 << 25

PARTITIONS = 1 << PARTITION_BITS
_TABLE_SHARE = 0.8  # of the memory; the rest is what the allocator cannot use again at once


class KmerCounter:
    """Counts the k-mers of batches of reads in bounded memory.

    Parameters
    ----------
    k : int
        Odd, 11 to 127.
    threads : int
        Workers; the result does not depend on it.
    min_quality : int
        Phred score from which a base counts as of high quality.
    memory_bytes : int, optional
        Memory to aim at for what is counted. An eighth of it, at most 128 MiB and at
        least 8 MiB, becomes the buffer of emitted k-mers; the rest is for the tables.
    tmp : path, optional
        Folder for a temporary file, to which the tables go when they exceed
        `memory_bytes`. None: they stay in memory however large they grow.
    min_count : int
        Only k-mers seen this often are handed out; `tally` is of all of them. From 2
        on, a k-mer seen once never takes more than 8 bytes.

    Raises
    ------
    UsageError
        For an even k or one out of range.
    OutputError
        If `tmp` is missing or not writable, at the start; if the disk is full, later.

    Attributes
    ----------
    statistics : CountStatistics
        What was counted so far.
    tally : Tally
        Histogram and sums of all k-mers, once they were handed out.
    """

    def __init__(
        self,
        k: int,
        *,
        threads: int = 1,
        min_quality: int = 20,
        memory_bytes: int | None = None,
        tmp: str | os.PathLike[str] | None = None,
        min_count: int = 1,
    ) -> None:
        self.k = check_k(k)
        self.min_quality = int(min_quality)
        self.threads = max(1, int(threads))
        self.min_count = int(min_count)
        self.statistics = CountStatistics()
        self.tally = Tally()
        dtype, size = key_dtype(self.k), DEFAULT_BUFFER
        if memory_bytes is not None:
            size = min(max(memory_bytes // 64, SMALLEST_BUFFER), DEFAULT_BUFFER)
        self._buffer = np.empty(8 * size // dtype.itemsize, dtype=dtype)
        self._filled = 0
        self._starts: list[np.ndarray] = []
        self._shift = 2 * self.k + 2 - PARTITION_BITS
        self._partitions = [Partition(dtype) for _ in range(PARTITIONS)]
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None
        self._scratch = Scratch(dtype)
        self._table_bytes: int | None = None
        self._spill: SpillFile | None = None
        if tmp is not None and memory_bytes is not None:
            check_folder(tmp)
            table_bytes = _TABLE_SHARE * (memory_bytes - self._buffer.nbytes)
            self._table_bytes = max(int(table_bytes), memory_bytes // 4)
            self._spill = SpillFile(tmp, PARTITIONS, dtype)

    def __repr__(self) -> str:
        return f"KmerCounter(k={self.k}, threads={self.threads}, min_quality={self.min_quality})"

    def __getstate__(self) -> dict[str, Any]:
        """All that was counted, for another process; the counter is spent afterwards."""
        self._flush()
        pieces = self._map(lambda partition: self._settled(partition).narrow(), range(PARTITIONS))
        self._close()
        names = ("k", "min_quality", "min_count", "statistics")
        return {"pieces": pieces} | {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(  # type: ignore[misc]
            state["k"], min_quality=state["min_quality"], min_count=state["min_count"]
        )
        self._buffer = self._buffer[:0].copy()  # it takes in other counters, and no reads
        self.statistics = state["statistics"]
        for partition, piece in zip(self._partitions, state["pieces"], strict=True):
            partition.give([piece])

    def __iadd__(self, other: "KmerCounter") -> "KmerCounter":
        """Take over what another one, restored from its pickle, counted; it is spent then."""
        for partition, theirs in zip(self._partitions, other._partitions, strict=True):
            partition.adopt(theirs)
        self.statistics += other.statistics
        return self

    def expect(self, kmers: int) -> None:
        """Have room for what comes, if it is known: it is then sorted once, and not in parts."""
        if kmers > self._buffer.size and not self._starts:
            self._buffer = np.empty(min(kmers, LARGEST_BUFFER), dtype=self._buffer.dtype)

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
            starts = np.empty((PARTS, PARTITIONS + 1), dtype=np.int64)
            high = min(low + CHUNK_BASES, last)
            # A chunk of b bases emits b k-mers at most, so its place is known beforehand.
            n = emit(
                codes,
                quals,
                offsets,
                (read, low, high),
                self.k,
                self.min_quality,
                self._shift,
                self._buffer,
                begin + low,
                starts,
                self._scratch.words(CHUNK_BASES // PARTS + 1),
            )
            return n, starts

        emitted = 0
        for n, starts in self._map(emit_chunk, lows, reads.tolist()):
            emitted += n
            self._starts.append(starts)
        self._filled += last - first
        return emitted

    def _flush(self) -> None:
        """Empty the buffer into the partitions."""
        if not self._starts:
            return
        starts = np.concatenate(self._starts)
        sizes = np.diff(starts, axis=1).sum(axis=0).tolist()

        def absorb(partition: int, size: int) -> None:
            words = self._scratch.words(size)
            gather(self._buffer, starts, partition, words)
            self._partitions[partition].absorb(words)

        self._map(absorb, range(PARTITIONS), sizes)
        self._starts = []
        self._filled = 0
        if self._table_bytes is not None and self._held() > self._table_bytes:
            self._spill_all()

    def _held(self) -> int:
        return sum(partition.nbytes for partition in self._partitions)

    def _spill_all(self) -> None:
        """Move all partitions to disk, each as soon as it is settled."""
        assert self._spill is not None
        spill = self._spill
        spill.open()
        self._map(
            lambda partition: spill.write(partition, self._partitions[partition].take()),
            range(PARTITIONS),
        )
        logger.debug("%d bytes of k-mers on disk", spill.nbytes)

    def _map(self, task: Callable[..., Any], *arguments: Iterable[Any]) -> list[Any]:
        """Results of a task, as of the built-in `map`, in order, over the threads."""
        return list((self._pool.map if self._pool else map)(task, *arguments))

    def _settled(self, partition: int) -> Settled:
        """All of a partition, from disk and memory; it is empty afterwards."""
        if self._spill is not None:
            self._partitions[partition].give(self._spill.read(partition))
        return self._partitions[partition].take()

    def _close(self) -> None:
        self._partitions = []
        if self._spill is not None:
            self._spill.close()
        if self._pool is not None:
            self._pool.shutdown()

    def _rows(self, settled: Settled) -> int:
        """Rows that a partition has at most in the table."""
        return settled.keys.size + (settled.singles.size if self.min_count < 2 else 0)

    def _fill(self, settled: Settled, table: KmerTable, first: int) -> None:
        """Write a partition to its rows in the table, from row `first` on."""
        part = slice(first, first + self._rows(settled))
        columns = (table.keys, table.counts, table.reverse, table.high_quality)
        singles = settled.singles if self.min_count < 2 else settled.singles[:0]
        interleave(singles, settled.keys, settled.values, *(column[part] for column in columns))

    def _solid(self, table: KmerTable) -> KmerTable:
        return table if self.min_count <= 2 else table.select(table.counts >= self.min_count)

    def parts(self, task: Callable[[KmerTable], Result]) -> Generator[Result]:
        """Hand out the table in parts, in the order of their keys, through a task.

        The task is run on the workers, a few parts ahead of the consumer, so that never
        more than these stand in memory as rows. The counter is spent afterwards.

        Parameters
        ----------
        task : callable
            Takes a part of the table, possibly empty, and returns what is yielded.
        """
        self._flush()
        self._buffer = self._buffer[:0].copy()

        def part(partition: int) -> tuple[Tally, Result]:
            settled = self._settled(partition)
            table = KmerTable.allocate(self.k, self._rows(settled))
            self._fill(settled, table, 0)
            return Tally.of(settled), task(self._solid(table))

        try:
            with closing(map_in_order(part, range(PARTITIONS), self.threads)) as parts:
                for tally, result in parts:
                    self.tally += tally
                    yield result
        finally:
            self._close()

    def settle(self, partition: int, others: Iterable["KmerCounter"] = ()) -> tuple[Settled, Tally]:
        """All of a partition, which is empty afterwards; of rare k-mers the sums alone.

        Of ``others``, restored from their pickles, it is what they have of that partition, too.
        """
        for other in others:
            self._partitions[partition].adopt(other._partitions[partition])
        settled = self._settled(partition)
        tally = Tally.of(settled)
        if self.min_count > 1:  # dropped here, so that they are never all in memory
            settled = settled._replace(singles=settled.singles[:0])
        return settled, tally

    def finish(self, settled: Iterable[tuple[Settled, Tally]] | None = None) -> KmerTable:
        """The table of all k-mers added; the counter is spent afterwards.

        Parameters
        ----------
        settled
            What `settle` gave for all partitions, where that was done elsewhere.
        """
        self._flush()
        self._buffer = self._buffer[:0].copy()
        try:
            pieces: list[Settled | None] = []
            ends = [0]
            for piece, tally in settled or self._map(self.settle, range(PARTITIONS)):
                self.tally += tally
                pieces.append(piece)
                ends.append(ends[-1] + self._rows(piece))
            table = KmerTable.allocate(self.k, ends[-1])

            def fill(partition: int) -> None:
                piece, pieces[partition] = pieces[partition], None
                assert piece is not None
                self._fill(piece, table, ends[partition])

            self._map(fill, range(PARTITIONS))
        finally:
            self._close()
        table = self._solid(table)
        logger.debug("counted %s: %d distinct k-mers", self.statistics, self.tally.distinct)
        return table
