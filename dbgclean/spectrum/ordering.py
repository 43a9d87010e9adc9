"""Sets of packed k-mers of any width: sorting, and looking up in what is sorted.

Of one word they are sorted by their digits, and the rest is numpy's. Wider ones are sorted as
words are: by a word of each k-mer's highest bits that differ at all, with its row behind them;
what ties there is put in order by comparing whole k-mers.
"""

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.spectrum.radix import differing, sort_words
from dbgclean.spectrum.words import as_keys, is_wide, key_dtype, load, store, zero

__all__ = ["borders", "distinct", "is_rising", "lower_bound", "order_of", "search", "sort_keys"]

_FEW = 24
"""Ties up to here are sorted by insertion."""


@kernel
def _tickets(keys: np.ndarray, shift: int, bits: int, tickets: np.ndarray) -> None:
    """Highest bits of each k-mer with its row in the lowest `bits`."""
    down, up = np.uint64(shift), np.uint64(bits)
    for i in range(keys.size):
        tickets[i] = (np.uint64(load(keys, i) >> down) << up) | np.uint64(i)


@helper
def _before(keys: np.ndarray, one: int, other: int) -> bool:
    """Whether row `one` goes first: it is smaller, or the same and above."""
    a, b = load(keys, one), load(keys, other)
    return a < b or (a == b and one < other)


@helper
def _sift(keys: np.ndarray, rows: np.ndarray, first: int, root: int, n: int) -> None:
    """Let the row at `root` sink to its place in the heap of `n` rows from `first` on."""
    while 2 * root + 1 < n:
        child = 2 * root + 1
        if child + 1 < n and _before(keys, rows[first + child], rows[first + child + 1]):
            child += 1
        if not _before(keys, rows[first + root], rows[first + child]):
            return
        rows[first + root], rows[first + child] = rows[first + child], rows[first + root]
        root = child


@helper
def _sort_rows(keys: np.ndarray, rows: np.ndarray, first: int, last: int) -> None:
    """Sort ``rows[first:last]`` by their k-mers: by insertion, or many on a heap."""
    n = last - first
    if n > _FEW:
        for root in range(n // 2 - 1, -1, -1):
            _sift(keys, rows, first, root, n)
        for end in range(n - 1, 0, -1):
            rows[first], rows[first + end] = rows[first + end], rows[first]
            _sift(keys, rows, first, 0, end)
        return
    for i in range(first + 1, last):
        row = rows[i]
        j = i
        while j > first and _before(keys, row, rows[j - 1]):
            rows[j] = rows[j - 1]
            j -= 1
        rows[j] = row


@kernel
def _settle(keys: np.ndarray, tickets: np.ndarray, bits: int, rows: np.ndarray) -> None:
    """Rows of sorted tickets, in the order of their k-mers."""
    up = np.uint64(bits)
    low = (np.uint64(1) << up) - np.uint64(1)
    first = 0
    for i in range(rows.size):
        rows[i] = np.int64(tickets[i] & low)
        if i and tickets[i] >> up != tickets[i - 1] >> up:
            if i - first > 1:
                _sort_rows(keys, rows, first, i)
            first = i
    if rows.size - first > 1:
        _sort_rows(keys, rows, first, rows.size)


@kernel
def _take(keys: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    for i in range(rows.size):
        store(out, i, load(keys, rows[i]))


def order_of(keys: np.ndarray, *, stable: bool = False) -> np.ndarray:
    """Rows in the order of their k-mers, int64 (n,); `stable`: the same k-mers as they come."""
    if not is_wide(keys):
        return np.argsort(keys, kind="stable" if stable else None)
    keys, rows = as_keys(keys), np.empty(keys.size, dtype=np.int64)
    if keys.size:
        bits = int(keys.size).bit_length()
        tickets = np.empty(keys.size, dtype=np.uint64)
        _tickets(keys, max(0, differing(keys) - (64 - bits)), bits, tickets)
        sort_words(tickets)
        _settle(keys, tickets, bits, rows)
    return rows


def sort_keys(keys: np.ndarray) -> None:
    """Sort k-mers in place."""
    if not is_wide(keys):
        sort_words(keys)
    else:
        _take(keys.copy(), order_of(keys), keys)


def distinct(keys: np.ndarray) -> np.ndarray:
    """The k-mers in order, each once: a new array."""
    keys = keys.copy()
    sort_keys(keys)
    first = np.ones(keys.size, dtype=bool)
    first[1:] = keys[1:] != keys[:-1]
    unique: np.ndarray = keys[first]
    return unique


@kernel
def is_rising(keys: np.ndarray) -> bool:
    """Whether each k-mer is above the one before it."""
    for i in range(1, keys.size):
        if load(keys, i) <= load(keys, i - 1):
            return False
    return True


@helper
def lower_bound(keys: np.ndarray, kmer: np.uint64) -> np.int64:
    """How many of the sorted keys are below a k-mer."""
    low, high = np.int64(0), np.int64(keys.size)
    while low < high:
        middle = (low + high) >> 1
        if load(keys, middle) < kmer:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _lower_bounds(keys: np.ndarray, queries: np.ndarray, out: np.ndarray) -> None:
    for i in range(queries.size):
        out[i] = lower_bound(keys, load(queries, i))


def search(keys: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """How many of the sorted keys are below each query, int64 (n,): `numpy.searchsorted`."""
    if not is_wide(keys):
        return np.searchsorted(keys, queries)
    out = np.empty(queries.size, dtype=np.int64)
    _lower_bounds(as_keys(keys), as_keys(queries), out)
    return out


@kernel
def _shift_up(numbers: np.ndarray, shift: int, out: np.ndarray) -> None:
    for i in range(numbers.size):
        store(out, i, (zero(out) | numbers[i]) << np.uint64(shift))


def borders(numbers: np.ndarray, shift: int, k: int) -> np.ndarray:
    """The smallest k-mers whose highest bits are these numbers (uint64), `shift` bits up."""
    out = np.empty(numbers.size, dtype=key_dtype(k))
    _shift_up(numbers.astype(np.uint64), shift, out)
    return out
