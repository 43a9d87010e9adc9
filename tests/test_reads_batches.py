"""Batches, their statistics, and the thread that makes them."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbgclean.errors import InputError
from dbgclean.reads import ReadStatistics, iter_batches, plan_inputs
from dbgclean.reads.batch import encode_bases, next_step
from dbgclean.reads.prefetch import prefetch


def write_fastq(path, sequences):
    path.write_text("".join(f"@r{i}\n{s}\n+\n{'I' * len(s)}\n" for i, s in enumerate(sequences)))
    return plan_inputs([path])[0]


def test_batches_are_cut_by_bases(tmp_path):
    group = write_fastq(tmp_path / "a.fq", ["ACGTA" * 4] * 1000)
    batches = list(iter_batches(group, batch_bases=3000))
    assert sum(map(len, batches)) == 1000
    assert all(3000 <= len(batch.bases) < 6000 for batch in batches[:-1])
    assert [b.first_read for b in batches] == np.cumsum([0, *map(len, batches[:-1])]).tolist()


def test_long_reads_do_not_pile_up(tmp_path):
    group = write_fastq(tmp_path / "a.fq", ["ACGT" * 5000] * 60)
    assert max(len(batch) for batch in iter_batches(group, batch_bases=20_000)) <= 2


@given(st.integers(1, 1024), st.integers(0, 10**9), st.integers(1, 512), st.integers(1, 10**8))
def test_step_stays_within_its_bounds(step, bases, records, batch_bases):
    assert 1 <= next_step(step, bases, records, batch_bases) <= min(2 * step, 512)


def test_statistics_count_what_decides_later(tmp_path):
    group = write_fastq(tmp_path / "a.fq", ["ACGTN", "", "NN", "acgtacgt"])
    statistics = ReadStatistics()
    list(iter_batches(group, statistics=statistics))
    list(iter_batches(group, statistics=statistics))
    assert statistics == ReadStatistics(
        reads=8, bases=30, acgt_bases=24, longest=8, shortest=0, empty=2
    )
    assert statistics.to_dict()["longest"] == 8


def test_statistics_of_nothing():
    total = ReadStatistics()
    total += ReadStatistics()
    assert total == ReadStatistics()
    assert set(total.to_dict().values()) == {0}
    total += ReadStatistics(shortest=7, longest=9)
    assert (total.shortest, total.longest) == (7, 9)


def test_edited_bases_keep_everything_else(tmp_path):
    group = write_fastq(tmp_path / "a.fq", ["ACGT", "acn"])
    (batch,) = iter_batches(group)
    edited = batch.bases.copy()
    edited[:2] = np.frombuffer(b"NT", np.uint8)
    other = batch.with_bases(edited)
    assert other.codes.tolist() == [4, 3, 2, 3, 0, 1, 4]
    assert batch.codes.tolist() == [0, 1, 2, 3, 0, 1, 4]
    assert (other.names, other.quals is batch.quals) == (batch.names, True)
    with pytest.raises(ValueError, match="batch of 7 bases cannot take 6"):
        batch.with_bases(edited[:6])


@given(st.binary(max_size=300))
def test_codes_of_any_bytes(data):
    codes = encode_bases(np.frombuffer(data, np.uint8))
    code_of = dict(zip(b"ACGTUacgtu", [0, 1, 2, 3, 3] * 2, strict=True))
    assert codes.tolist() == [code_of.get(byte, 4) for byte in data]


def test_prefetch_keeps_the_order_and_ends_its_thread():
    before = threading.active_count()
    assert list(prefetch(lambda: iter(range(100)))) == list(range(100))
    assert threading.active_count() == before


def test_prefetch_raises_what_the_thread_raised_after_what_it_made():
    def produce():
        yield 1
        yield 2
        raise InputError

    items = prefetch(produce)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(InputError):
        next(items)


def test_prefetch_left_early_ends_its_thread_and_closes_the_iterator():
    before = threading.active_count()
    closed = threading.Event()

    def produce():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    items = prefetch(produce)
    next(items)
    items.close()
    assert closed.is_set()
    assert threading.active_count() == before


def test_prefetch_works_ahead():
    made = []

    def produce():
        for i in range(5):
            made.append(i)
            yield i

    items = prefetch(produce, depth=2)
    next(items)
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(made) == 4  # one handed out, two waiting, one in hand
    assert list(items) == [1, 2, 3, 4]


def test_files_are_closed_when_reading_is_left_early(tmp_path):
    group = write_fastq(tmp_path / "a.fq", ["ACGT" * 50] * 2000)
    batches = iter_batches(group, batch_bases=500)
    next(batches)
    batches.close()  # an open file would be a ResourceWarning, and those are errors here
