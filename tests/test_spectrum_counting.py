"""Counting against `collections.Counter` over Python strings, and what must not matter."""

from collections import Counter, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dbgclean.spectrum.counting as counting
from dbgclean.errors import UsageError
from dbgclean.spectrum.counting import CountStatistics, KmerCounter, count_codes, count_kmers
from dbgclean.spectrum.kmers import encode, kmers_to_strings
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.words import key_dtype

COMPLEMENT = str.maketrans("ACGT", "TGCA")
Batch = namedtuple("Batch", "codes quals offsets")
Read = tuple[str, list[int]]

kmer_lengths = st.sampled_from([11, 13, 21, 31]) | st.integers(16, 63).map(lambda i: 2 * i + 1)


@st.composite
def sequences(draw: st.DrawFn) -> str:
    """Sequence with repeats, so that k-mers recur, and a few ambiguous letters."""
    unit = draw(st.text("ACGT", min_size=1, max_size=60))
    text = unit * draw(st.integers(1, 6)) + draw(st.text("ACGTN", max_size=60))
    return text if draw(st.booleans()) else text.translate(COMPLEMENT)[::-1]


@st.composite
def read_sets(draw: st.DrawFn) -> list[Read]:
    texts = draw(st.lists(sequences() | st.just(""), max_size=8))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    good = draw(st.sampled_from([0.5, 0.95, 1.0]))
    return [
        (text, np.where(rng.random(len(text)) < good, 37, rng.integers(0, 25, len(text))).tolist())
        for text in texts
    ]


def batch_of(reads: list[Read], graded: bool = True) -> Batch:
    offsets = np.cumsum([0] + [len(text) for text, _ in reads]).astype(np.int64)
    quals = np.array([q for _, quals in reads for q in quals], dtype=np.uint8)
    return Batch(encode("".join(text for text, _ in reads)), quals if graded else None, offsets)


def oracle(reads: list[Read], k: int, min_quality: int = 20) -> dict[str, tuple[int, int, int]]:
    counts, reverse, good = Counter(), Counter(), Counter()
    for text, quals in reads:
        for i in range(len(text) - k + 1):
            word = text[i : i + k]
            if "N" in word:
                continue
            other = word.translate(COMPLEMENT)[::-1]
            key = min(word, other)
            counts[key] += 1
            reverse[key] += other < word
            good[key] += min(quals[i : i + k]) >= min_quality
    return {key: (n, reverse[key], good[key]) for key, n in counts.items()}


def rows(table: KmerTable) -> dict[str, tuple[int, int, int]]:
    columns = (table.counts, table.reverse, table.high_quality)
    values = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(kmers_to_strings(table.keys, table.k), values, strict=True))


def assert_same_bytes(a: KmerTable, b: KmerTable) -> None:
    for name in ("keys", "counts", "reverse", "high_quality"):
        one, two = getattr(a, name), getattr(b, name)
        assert one.dtype == two.dtype
        assert one.tobytes() == two.tobytes()


@given(read_sets(), kmer_lengths, st.integers(0, 40))
def test_counts_equal_a_counter(reads: list[Read], k: int, min_quality: int) -> None:
    table = count_kmers([batch_of(reads)], k, min_quality=min_quality)
    assert rows(table) == oracle(reads, k, min_quality)
    assert list(rows(table)) == sorted(rows(table))
    assert [c.dtype for c in (table.keys, table.counts, table.reverse, table.high_quality)] == [
        key_dtype(k),
        *[np.uint32] * 3,
    ]


@given(read_sets(), kmer_lengths)
def test_without_qualities_all_are_of_high_quality(reads: list[Read], k: int) -> None:
    table = count_kmers([batch_of(reads, graded=False)], k)
    assert (table.high_quality == table.counts).all()
    assert {key: row[:2] for key, row in rows(table).items()} == {
        key: row[:2] for key, row in oracle(reads, k).items()
    }


@given(read_sets(), kmer_lengths)
def test_the_other_strand_gives_the_same_table(reads: list[Read], k: int) -> None:
    flipped = [(text.translate(COMPLEMENT)[::-1], quals[::-1]) for text, quals in reads]
    one, two = count_kmers([batch_of(reads)], k), count_kmers([batch_of(flipped)], k)
    assert (one.keys == two.keys).all()
    assert (one.counts == two.counts).all()
    assert (one.high_quality == two.high_quality).all()
    assert (one.reverse == two.counts - two.reverse).all()


@given(read_sets(), kmer_lengths, st.data())
def test_marks_choose_the_reads(reads: list[Read], k: int, data: st.DataObject) -> None:
    n = len(reads)
    marks = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    chosen = [read for read, mark in zip(reads, marks, strict=True) if mark]
    counter = KmerCounter(k)
    counter.add(batch_of(reads), np.array(marks, dtype=bool))
    assert rows(counter.finish()) == oracle(chosen, k)
    assert counter.statistics.reads == len(chosen)


@settings(max_examples=40)
@given(read_sets(), kmer_lengths, st.integers(1, 4), st.integers(1, 90))
def test_batches_threads_and_flushes_do_not_show(
    reads: list[Read], k: int, size: int, buffer: int
) -> None:
    whole = count_kmers([batch_of(reads)], k)
    # Tiny chunks and buffers: chunk borders fall inside reads, tables are merged often.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "CHUNK_BASES", 16)
        counter = KmerCounter(k, threads=2)
        counter._buffer = np.empty(buffer, dtype=key_dtype(k))
        for i in range(0, len(reads), size):
            counter.add(batch_of(reads[i : i + size]))
        assert_same_bytes(counter.finish(), whole)


def random_reads(seed: int, n: int, length: int) -> Batch:
    rng = np.random.default_rng(seed)
    codes = rng.choice(5, n * length, p=[0.25, 0.25, 0.25, 0.245, 0.005]).astype(np.uint8)
    quals = rng.integers(2, 41, n * length).astype(np.uint8)
    return Batch(codes, quals, np.arange(n + 1, dtype=np.int64) * length)


@pytest.mark.parametrize("memory_bytes", [None, 1])
def test_threads_and_memory_do_not_show_on_many_reads(memory_bytes: int | None) -> None:
    batch = random_reads(3, 20_000, 100)
    one = count_kmers([batch], 21)
    two = count_kmers([batch, batch], 21, threads=2, memory_bytes=memory_bytes)
    assert_same_bytes(one.combine(one), two)
    assert one.total == int(one.counts.sum())


def test_one_long_sequence_is_cut_where_the_buffer_ends() -> None:
    text = "".join(np.random.default_rng(1).choice(list("ACGT"), 5000))
    counter = KmerCounter(31)
    counter._buffer = np.empty(333, dtype=np.uint64)
    batch = batch_of([(text, [30] * len(text))])
    counter.add(batch)
    assert rows(counter.finish()) == oracle([(text, [30] * len(text))], 31)


def test_statistics_tell_what_was_passed_over() -> None:
    reads = ["ACGTACGTACGTA", "ACGT", "", "ACGTANGTACGTAC", "N" * 20]
    counter = KmerCounter(11)
    counter.add(batch_of([(text, [40] * len(text)) for text in reads]))
    counter.finish()
    expected = CountStatistics(reads=5, short_reads=2, kmers=3, skipped_kmers=14)
    assert counter.statistics == expected
    expected += expected
    assert expected.to_dict() == dict(reads=10, short_reads=4, kmers=6, skipped_kmers=28)


def test_nothing_gives_an_empty_table() -> None:
    assert len(count_kmers([], 31)) == 0
    table = count_codes(encode("ACGT"), np.array([0, 4]), None, 31)
    assert len(table) == 0
    assert table.total == 0
    assert table.abundance(np.zeros(2, dtype=np.uint64)).tolist() == [0, 0]


@settings(max_examples=20)
@given(st.integers(-5, 150).filter(lambda k: k % 2 == 0 or not 11 <= k <= 127))
def test_uncountable_k_is_refused(k: int) -> None:
    with pytest.raises(UsageError, match="choose"):
        KmerCounter(k)
