"""Counting in little memory: pieces on disk, singletons left out, nothing left behind."""

import errno
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dbgclean.spectrum.counting as counting
import dbgclean.spectrum.spill as spill_module
from dbgclean.errors import OutputError
from dbgclean.spectrum.counting import KmerCounter, Tally
from dbgclean.spectrum.histogram import abundance_histogram, fit_spectrum
from dbgclean.spectrum.partition import Partition, Settled
from dbgclean.spectrum.spill import SpillFile, temporary_folder
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.whole import count_codes

K = 21


@pytest.fixture(scope="module")
def reads() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """12x of a small genome with errors, and a few N."""
    rng = np.random.default_rng(7)
    genome = rng.integers(0, 4, 20_000, dtype=np.uint8)
    n, length = 2_400, 100
    starts = rng.integers(0, genome.size - length, n)
    codes = genome[(starts[:, None] + np.arange(length)).ravel()]
    wrong = rng.random(codes.size)
    codes = np.where(wrong < 0.01, (codes + 1) % 4, codes).astype(np.uint8)
    codes[wrong > 0.9995] = 4
    quals = rng.choice(np.array([11, 37], dtype=np.uint8), codes.size, p=[0.02, 0.98])
    return codes, np.arange(n + 1, dtype=np.int64) * length, quals


@pytest.fixture(scope="module")
def table(reads) -> KmerTable:
    return count_codes(*reads, K)


def assert_same(one: KmerTable, two: KmerTable) -> None:
    for name in ("keys", "counts", "reverse", "high_quality"):
        assert getattr(one, name).dtype == getattr(two, name).dtype
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


def counter_of(reads, buffer: int = 30_000, table_bytes: int | None = None, **options):
    """A counter that has taken the reads a hundred at a time, through a small buffer."""
    codes, offsets, quals = reads
    counter = KmerCounter(K, memory_bytes=1 << 30, **options)
    counter._buffer = np.empty(buffer, dtype=np.uint64)
    if table_bytes is not None:
        counter._table_bytes = table_bytes
    for first in range(0, offsets.size - 1, 100):
        counter.add_codes(codes, offsets[first : first + 101], quals)
    return counter


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("table_bytes", [0, 200_000, 400_000])
def test_what_went_to_disk_comes_back(threads, table_bytes, reads, table, tmp_path):
    counter = counter_of(reads, table_bytes=table_bytes, threads=threads, tmp=tmp_path)
    assert counter._spill.nbytes > 0
    assert not list(tmp_path.iterdir())  # the file has no name, so nothing can stay behind
    assert_same(counter.finish(), table)
    assert counter.tally.distinct == len(table)


def test_no_file_where_memory_does(reads, table, tmp_path):
    counter = counter_of(reads, tmp=tmp_path)
    assert_same(counter.finish(), table)
    assert counter._spill.nbytes == 0


def test_memory_stays_within_what_was_given(reads, tmp_path):
    limit = 300_000
    counter = counter_of(reads, table_bytes=limit, tmp=tmp_path)
    assert counter._held() <= limit
    assert counter._spill.nbytes > 0


@pytest.mark.parametrize("table_bytes", [None, 200_000])
@pytest.mark.parametrize("min_count", [2, 3])
def test_rare_kmers_are_left_out_but_counted(min_count, table_bytes, reads, table, tmp_path):
    tmp = tmp_path if table_bytes else None
    counter = counter_of(reads, table_bytes=table_bytes, tmp=tmp, min_count=min_count, threads=2)
    assert_same(counter.finish(), table.select(table.counts >= min_count))
    assert_tally(counter.tally, table)


def assert_tally(tally: Tally, table: KmerTable) -> None:
    assert tally.histogram.tolist() == abundance_histogram(table).tolist()
    assert tally.histogram.dtype == np.int64
    assert tally.total == table.total
    assert tally.reverse == table.reverse.sum()
    assert tally.high_quality == table.high_quality.sum()


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("min_count", [1, 2])
@pytest.mark.parametrize("table_bytes", [None, 200_000])
def test_the_parts_are_the_table(threads, min_count, table_bytes, reads, table, tmp_path):
    counter = counter_of(
        reads, table_bytes=table_bytes, tmp=tmp_path, threads=threads, min_count=min_count
    )
    parts = list(counter.parts(lambda part: part))
    for name in ("keys", "counts", "reverse", "high_quality"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tobytes() == getattr(table, name)[table.counts >= min_count].tobytes()
    assert_tally(counter.tally, table)


def test_the_fit_of_the_tally_is_that_of_the_table(reads, table):
    counter = counter_of(reads, min_count=2)
    counter.finish()
    one = fit_spectrum(counter.tally.histogram, K, bases=1000, total=counter.tally.total)
    assert one.to_dict() == fit_spectrum(table, bases=1000).to_dict()


def test_an_error_in_a_task_comes_out_and_the_file_goes(reads, tmp_path):
    counter = counter_of(reads, table_bytes=0, tmp=tmp_path, threads=2)

    def fail(part: KmerTable) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(counter.parts(fail))
    assert counter._spill._file is None
    assert not list(tmp_path.iterdir())


def test_a_consumer_that_stops_early_ends_the_workers(reads, tmp_path):
    counter = counter_of(reads, table_bytes=0, tmp=tmp_path, threads=2)
    parts = counter.parts(len)
    next(parts)
    parts.close()
    assert counter._spill._file is None


@pytest.mark.parametrize("how", ["missing", "file"])
def test_a_folder_that_is_none_is_told_at_the_start(how, tmp_path):
    folder = tmp_path / "tmp"
    if how == "file":
        folder.touch()
    with pytest.raises(OutputError, match="--tmp") as caught:
        KmerCounter(K, memory_bytes=1 << 20, tmp=folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_somebody_else_is_told_at_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="not writable"):
        KmerCounter(K, memory_bytes=1 << 20, tmp=tmp_path)


def test_a_folder_that_is_gone_when_it_is_needed(reads, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    counter = KmerCounter(K, memory_bytes=1 << 20, tmp=folder)
    counter._buffer = np.empty(30_000, dtype=np.uint64)
    counter._table_bytes = 0
    folder.rmdir()
    with pytest.raises(OutputError, match="No such file"):
        counter.add_codes(*reads[:2], reads[2])


def test_where_nothing_can_be_written_all_stays_in_memory(monkeypatch):
    assert temporary_folder("mine") == "mine"
    assert os.path.isdir(temporary_folder(None))

    def nowhere() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(spill_module.tempfile, "gettempdir", nowhere)
    assert temporary_folder(None) is None


@pytest.mark.parametrize("threads", [1, 2])
def test_a_full_disk_is_one_line(threads, reads, tmp_path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(spill_module.os, "pwrite", full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        counter_of(reads, table_bytes=0, tmp=tmp_path, threads=threads)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_file_cut_short_is_an_error(tmp_path):
    partition = Partition()
    partition.absorb(np.arange(100, dtype=np.uint64) << np.uint64(2))
    spill = SpillFile(tmp_path, 1)
    spill.open()
    piece = partition.take()
    spill.write(0, piece)
    os.ftruncate(spill._file.fileno(), 80)
    with pytest.raises(OutputError, match="ends early"):
        spill.read(0)
    spill.close()


words = st.lists(st.integers(0, 40), max_size=60)


@settings(max_examples=60)
@given(st.lists(words | st.none(), max_size=12))
def test_a_partition_counts_whatever_comes_in_between(pieces: list[list[int] | None]) -> None:
    """None: settle, and take everything out and put it back."""
    partition = Partition()
    everything = []
    for piece in pieces:
        if piece is None:
            partition.settle()
            partition.give([partition.take()])
            continue
        everything += piece
        partition.absorb(np.array(piece, dtype=np.uint64))
    settled = partition.take()
    assert partition.nbytes == 0
    seen: dict[int, list[int]] = {}
    for word in everything:
        row = seen.setdefault(word >> 2, [0, 0, 0])
        for column, add in enumerate((1, word >> 1 & 1, word & 1)):
            row[column] += add
    found = {int(word >> 2): [1, int(word >> 1 & 1), int(word & 1)] for word in settled.singles}
    assert list(found) == sorted(found)
    assert all(count > 1 for count in settled.values[0])
    assert settled.keys.tolist() == sorted(settled.keys.tolist())
    found |= dict(zip(settled.keys.tolist(), settled.values.T.tolist(), strict=True))
    assert found == seen


def test_a_count_stops_at_the_highest() -> None:
    partition = Partition()
    partition.absorb(np.array([4, 5, 7], dtype=np.uint64))
    partition.settle()
    partition._rows[1][0, 0] = 2**32 - 2
    partition.absorb(np.full(5, 4, dtype=np.uint64))
    assert partition.take().values[:, 0].tolist() == [2**32 - 1, 1, 2]


@pytest.mark.parametrize(
    ("count", "bytes_"), [(2, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (2**32 - 1, 4)]
)
def test_counts_that_were_stored_narrow_add_up(count, bytes_) -> None:
    piece = Settled(
        np.empty(0, np.uint64),
        np.array([9], np.uint64),
        np.array([[count], [1], [count]], np.uint32),
    ).narrow()
    assert piece.values.dtype.itemsize == bytes_
    one, other = Partition(), Partition()
    one.give([piece])
    other.give([piece])
    one.adopt(other)
    values = one.take().values
    assert values.dtype == np.uint32
    assert values.T.tolist() == [[min(2 * count, 2**32 - 1), 2, min(2 * count, 2**32 - 1)]]
    # Alone, too: there is nothing to merge it with.
    other.give([piece])
    assert other.take().values.dtype == np.uint32


def test_small_flushes_wait_for_a_large_table(monkeypatch) -> None:
    digested = []
    digest = Partition._digest
    monkeypatch.setattr(
        Partition, "_digest", lambda self, words: (digested.append(words.size), digest(self, words))
    )
    partition = Partition()
    partition.absorb(np.repeat(np.arange(4000, dtype=np.uint64) << np.uint64(2), 2))
    digested.clear()
    for _ in range(9):
        partition.absorb(np.arange(100, dtype=np.uint64) << np.uint64(2))
    assert digested == []  # 900 words for 4,000 rows: not yet worth a walk over the rows
    partition.absorb(np.arange(100, dtype=np.uint64) << np.uint64(2))
    assert digested[0] == 1000
    assert partition.take().values[0, :100].tolist() == [12] * 100


def test_pieces_of_tallies_add_up() -> None:
    tally = Tally(np.array([0, 3]), 3, 1, 2)
    tally += Tally(np.array([0, 1, 0, 2]), 7, 3, 4)
    assert tally.histogram.tolist() == [0, 4, 0, 2]
    assert (tally.distinct, tally.total, tally.reverse, tally.high_quality) == (6, 10, 4, 6)


def test_the_buffer_follows_the_memory() -> None:
    assert KmerCounter(K)._buffer.size == counting.DEFAULT_BUFFER
    assert KmerCounter(K, memory_bytes=1)._buffer.size == counting.SMALLEST_BUFFER
    assert KmerCounter(K, memory_bytes=1 << 28)._buffer.size == 1 << 22
