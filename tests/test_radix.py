"""Sorting by digits gives what sorting by comparing gives."""

import numpy as np
import pytest

from dbgclean.spectrum.radix import sort_words


def _reads(rng, n, spread, top):
    """Words as counting has them: few k-mers, many times, with two bits of tags."""
    kmers = rng.integers(0, 2**top, max(1, n // spread), dtype=np.uint64) << np.uint64(2)
    return kmers[rng.integers(0, len(kmers), n)] | rng.integers(0, 4, n, dtype=np.uint64)


@pytest.mark.parametrize("n", [0, 1, 2, 511, 512, 513, 1000, 30_000, 200_000])
@pytest.mark.parametrize("top", [0, 1, 7, 12, 20, 21, 22, 23, 33, 45, 55, 62])
def test_sorted_as_numpy_sorts(n, top):
    rng = np.random.default_rng(top)
    for spread in (1, 4, max(1, n)):
        words = _reads(rng, n, spread, top)
        expected = np.sort(words)
        sort_words(words)
        assert np.array_equal(words, expected)


def test_where_the_highest_digits_are_the_same():
    """One deep amplicon: insertion alone would take a minute."""
    rng = np.random.default_rng(1)
    words = rng.integers(0, 2**30, 200_000, dtype=np.uint64)
    words[::7] |= np.uint64(1 << 63)
    expected = np.sort(words)
    sort_words(words)
    assert np.array_equal(words, expected)


@pytest.mark.parametrize("order", ["rising", "falling", "extremes"])
def test_orders_that_are_no_accident(order):
    words = np.arange(100_000, dtype=np.uint64) * np.uint64(2**64 // 100_000)
    if order == "falling":
        words = words[::-1].copy()
    elif order == "extremes":
        words[::2] = np.uint64(2**64 - 1)
    expected = np.sort(words)
    sort_words(words)
    assert np.array_equal(words, expected)


def test_parts_of_an_array():
    rng = np.random.default_rng(2)
    words = rng.integers(0, 2**63, 20_000, dtype=np.uint64)
    expected = words.copy()
    expected[3:9000].sort()
    expected[10_000::3].sort()
    sort_words(words[3:9000])
    sort_words(words[10_000::3])
    assert np.array_equal(words, expected)
