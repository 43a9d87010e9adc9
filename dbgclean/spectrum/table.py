"""The k-mer table: sorted arrays, set arithmetic, and a hash index for kernels."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from dbgclean._columns import ALL, Columns
from dbgclean._kernels import helper, kernel
from dbgclean.spectrum.hashing import GOLDEN
from dbgclean.spectrum.kmers import canonical_kmers, kmers_to_strings
from dbgclean.spectrum.ordering import search
from dbgclean.spectrum.words import as_keys, folded, full, full_keys, key_dtype, load, store

__all__ = ["EMPTY", "KmerIndex", "KmerTable", "build_index", "find_row", "merge_rows"]

EMPTY = np.uint64(2**64 - 1)
"""Marks a free slot, all bits set as they are where k-mers take more words: two are spare."""

_SATURATED = 2**32 - 1
_PIECE = 1 << 20
_U32 = np.uint64(32)
_ONE = np.uint64(1)


@helper
def _home(key: np.uint64, mask: np.uint64) -> np.uint64:
    """Slot where the search for `key` starts.

    Neighbouring k-mers differ in a shift, and erroneous ones in a single base: a
    multiplication by 2**64 over the golden ratio spreads either into the high
    half, which is folded down onto the bits that the mask keeps.
    """
    mixed = folded(key) * GOLDEN
    return (mixed ^ (mixed >> _U32)) & np.uint64(mask)


@kernel
def find_row(slots: np.ndarray, rows: np.ndarray, mask: np.uint64, key: np.uint64) -> np.int64:
    """Row of a canonical k-mer in its table, or -1 (int64); see `KmerIndex`."""
    slot = _home(key, mask)
    while True:
        found = load(slots, np.int64(slot))
        if found == key:
            return np.int64(rows[slot])
        if found == full(slots):
            return np.int64(-1)
        slot = (slot + _ONE) & np.uint64(mask)


@kernel
def _fill_index(keys: np.ndarray, slots: np.ndarray, rows: np.ndarray, mask: np.uint64) -> None:
    for row in range(keys.size):
        key = load(keys, row)
        slot = _home(key, mask)
        while load(slots, np.int64(slot)) != full(slots):
            slot = (slot + _ONE) & np.uint64(mask)
        store(slots, np.int64(slot), key)
        rows[slot] = row


@kernel
def _find_rows(
    slots: np.ndarray, rows: np.ndarray, mask: np.uint64, queries: np.ndarray, out: np.ndarray
) -> None:
    for i in range(queries.size):
        out[i] = find_row(slots, rows, mask, load(queries, i))


class KmerIndex(NamedTuple):
    """Open-addressing hash over the canonical k-mers of a table.

    Hand ``slots, rows, mask`` to a kernel and look k-mers up there with
    ``find_row(slots, rows, mask, key)``.

    Attributes
    ----------
    k : int
        Length of the k-mers.
    slots : ndarray of the keys' dtype, (size,)
        Keys, or all bits set (`EMPTY`); `size` is a power of two, at least twice the rows.
    rows : ndarray of int32, (size,)
        Row of the key in the table.
    mask : uint64
        ``size - 1``.
    """

    k: int
    slots: np.ndarray
    rows: np.ndarray
    mask: np.uint64

    def find(self, canonical_keys: np.ndarray) -> np.ndarray:
        """Row of each canonical key or -1 (int64, same length)."""
        queries = as_keys(canonical_keys)
        out = np.empty(queries.size, dtype=np.int64)
        _find_rows(self.slots, self.rows, self.mask, queries, out)
        return out


def build_index(keys: np.ndarray, k: int) -> KmerIndex:
    """Hash canonical, unique k-mers to their positions.

    Raises
    ------
    ValueError
        If there are more than 2**31 - 1 keys, the reach of a row number.
    """
    if keys.size > np.iinfo(np.int32).max:
        msg = f"{keys.size} k-mers exceed the {np.iinfo(np.int32).max} that one index holds"
        raise ValueError(msg)
    size = 1 << max(4, int(2 * keys.size - 1).bit_length())
    keys = as_keys(keys)
    slots = full_keys(size, keys.dtype)
    rows = np.empty(size, dtype=np.int32)
    mask = np.uint64(size - 1)
    _fill_index(keys, slots, rows, mask)
    return KmerIndex(k, slots, rows, mask)


@kernel
def merge_rows(
    keys: np.ndarray, values: np.ndarray, keys2: np.ndarray, values2: np.ndarray, sign: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Add (`sign` 1) or subtract (-1) two sorted tables; rows that reach zero go.

    Keys are packed k-mers (n,), values uint32 (3, n): abundance, reverse, high quality.
    Returns keys, values, and whether no value fell below zero.
    """
    if keys2.size == 0:
        return keys.copy(), values.copy(), True
    if keys.size == 0:
        return keys2.copy(), values2.copy(), sign > 0
    total = keys.size + keys2.size
    out_keys = np.empty(total, dtype=keys.dtype)
    out_values = np.empty((3, total), dtype=np.uint32)
    i = j = n = 0
    whole = True
    while i < keys.size or j < keys2.size:
        # An exhausted side reads its last row again, but for nothing. Which side is
        # next is a coin toss to the branch predictor, hence arithmetic, not branches.
        a = min(i, keys.size - 1)
        b = min(j, keys2.size - 1)
        key, key2 = load(keys, a), load(keys2, b)
        take = int(i < keys.size) & (int(j >= keys2.size) | int(key <= key2))
        take2 = int(j < keys2.size) & (int(i >= keys.size) | int(key2 <= key))
        store(out_keys, n, key if take else key2)
        for column in range(3):
            value = take * np.int64(values[column, a])
            value += take2 * sign * np.int64(values2[column, b])
            whole &= bool(value >= 0)
            out_values[column, n] = np.int64(_SATURATED) if value > _SATURATED else value
        i += take
        j += take2
        n += int(out_values[0, n] > 0)
    return out_keys[:n].copy(), out_values[:, :n].copy(), whole


@dataclass(frozen=True, eq=False)
class KmerTable(Columns):
    """Distinct canonical k-mers with what the reads say of each.

    Attributes
    ----------
    k : int
        Length of the k-mers, odd.
    keys : ndarray of uint64, (n,)
        Canonical, packed, sorted, unique; above k = 31 of two or four words
        (`dbgclean.spectrum.words`).
    counts : ndarray of uint32, (n,)
        Abundance: times seen in the reads, either strand; stays at 2**32 - 1.
    reverse : ndarray of uint32, (n,)
        How many of `counts` were read as the reverse complement of the canonical
        form.
    high_quality : ndarray of uint32, (n,)
        How many of `counts` had all k bases at the quality threshold or above
        (from FASTA: all of them).
    """

    k: int
    keys: np.ndarray
    counts: np.ndarray
    reverse: np.ndarray
    high_quality: np.ndarray

    @classmethod
    def empty(cls, k: int) -> "KmerTable":
        """A table without rows."""
        columns = (np.empty(0, dtype=np.uint32) for _ in range(3))
        return cls(k, np.empty(0, dtype=key_dtype(k)), *columns)

    @classmethod
    def allocate(cls, k: int, rows: int) -> "KmerTable":
        """A table of so many rows for the caller to fill in; their content is arbitrary."""
        columns = (np.empty(rows, dtype=np.uint32) for _ in range(3))
        return cls(k, np.empty(rows, dtype=key_dtype(k)), *columns)

    @classmethod
    def join(cls, k: int, pieces: list[tuple[np.ndarray, np.ndarray]]) -> "KmerTable":
        """Put pieces (keys; uint32 (3, n) columns), sorted within and among them, together.

        Empties `pieces`: each is let go once copied, so that joining does not double
        the memory.
        """
        total = sum(keys.size for keys, _ in pieces)
        all_keys = np.empty(total, dtype=key_dtype(k))
        columns = tuple(np.empty(total, dtype=np.uint32) for _ in range(3))
        n = 0
        pieces.reverse()
        while pieces:
            keys, values = pieces.pop()
            all_keys[n : n + keys.size] = keys
            for column, row in zip(columns, values, strict=True):
                column[n : n + keys.size] = row
            n += keys.size
        return cls(k, all_keys, *columns)

    def __len__(self) -> int:
        return int(self.keys.size)

    def __repr__(self) -> str:
        return f"KmerTable(k={self.k}, distinct={len(self)}, total={self.total})"

    def columns(self, rows: slice = ALL) -> dict[str, Any]:
        """``kmer`` (spelled), ``counts``, ``reverse`` and ``high_quality``."""
        return {
            "kmer": kmers_to_strings(self.keys[rows], self.k),
            "counts": self.counts[rows],
            "reverse": self.reverse[rows],
            "high_quality": self.high_quality[rows],
        }

    @property
    def total(self) -> int:
        """Sum of the abundances."""
        return int(self.counts.sum(dtype=np.uint64))

    def select(self, mask: np.ndarray) -> "KmerTable":
        """The rows where `mask` (bool or row numbers in rising order) says so."""
        mask = np.asarray(mask)
        columns = (self.keys, self.counts, self.reverse, self.high_quality)
        return KmerTable(self.k, *(column[mask] for column in columns))

    def find(self, canonical_keys: np.ndarray) -> np.ndarray:
        """Row of each canonical k-mer or -1 (int64)."""
        return self.index().find(canonical_keys)

    def abundance(self, kmers: np.ndarray) -> np.ndarray:
        """Abundance (uint32) of k-mers of either orientation; 0 where absent."""
        rows = self.find(canonical_kmers(kmers, self.k))
        found = rows >= 0
        out = np.zeros(rows.size, dtype=np.uint32)
        out[found] = self.counts[rows[found]]
        return out

    def index(self) -> KmerIndex:
        """Hash index over the rows; built at the first call, then kept."""
        return self._index

    @cached_property
    def _index(self) -> KmerIndex:
        return build_index(self.keys, self.k)

    def combine(self, other: "KmerTable", sign: int = 1) -> "KmerTable":
        """Add (`sign` +1) or subtract (-1) the counts of another table.

        Rows whose abundance becomes zero go. With subtraction, recounting only
        the reads that changed brings a table up to date.

        Raises
        ------
        ValueError
            If k differs, `sign` is neither, or a count would fall below zero,
            that is, `other` is not part of this table.
        """
        if self.k != other.k or sign not in (1, -1):
            msg = f"cannot combine a k={self.k} table with a k={other.k} table, sign {sign}"
            raise ValueError(msg)
        # Piece by piece: the working copies of a whole table would weigh twice the table.
        borders = self.keys[_PIECE::_PIECE]
        mine = _slices(search(self.keys, borders), len(self))
        theirs = _slices(search(other.keys, borders), len(other))
        pieces = []
        for own, added in zip(mine, theirs, strict=True):
            keys, values, whole = merge_rows(*self._rows(own), *other._rows(added), sign)
            if not whole:
                msg = "a count would fall below zero: the table subtracted is not part of this one"
                raise ValueError(msg)
            pieces.append((keys, values))
        return KmerTable.join(self.k, pieces)

    def _rows(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        columns = (self.counts, self.reverse, self.high_quality)
        return self.keys[part], np.stack([column[part] for column in columns])


def _slices(borders: np.ndarray, end: int) -> list[slice]:
    edges = [0, *borders.tolist(), end]
    return [slice(first, last) for first, last in pairwise(edges)]
