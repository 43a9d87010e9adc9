"""Which k-mers of one sorted set are in another, as they are or but for a base."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean._kernels import kernel
from dbgclean.spectrum.kmers import revcomp
from dbgclean.spectrum.ordering import lower_bound
from dbgclean.spectrum.words import as_keys, load, zero

if TYPE_CHECKING:
    from dbgclean.spectrum.table import KmerTable

__all__ = ["deepest_sibling", "rows_among"]


@kernel
def _rows_among(queries: np.ndarray, keys: np.ndarray, rows: np.ndarray) -> None:
    row = 0
    for i in range(queries.size):
        query = load(queries, i)
        while row < keys.size and load(keys, row) < query:
            row += 1
        rows[i] = row if row < keys.size and load(keys, row) == query else -1


def rows_among(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Row of each query in `keys`, or -1.

    Parameters
    ----------
    queries, keys : ndarray of uint64 (or wider: `dbgclean.spectrum.words`), (n,) and (m,)
        Both sorted.

    Returns
    -------
    ndarray of int64, (n,)

    Examples
    --------
    >>> rows_among(np.array([1, 4, 9], np.uint64), np.array([4, 9], np.uint64)).tolist()
    [-1, 0, 1]
    """
    rows = np.empty(queries.size, dtype=np.int64)
    _rows_among(as_keys(queries), as_keys(keys), rows)
    return rows


def deepest_sibling(queries: np.ndarray, table: KmerTable) -> np.ndarray:
    """Highest abundance among the k-mers that differ from each query in one base.

    Parameters
    ----------
    queries : ndarray of the table's keys' dtype, (n,)
        Canonical, of the table's k.

    Returns
    -------
    ndarray of int64, (n,)
        0 where the table has none.
    """
    deepest = np.zeros(len(queries), np.int64)
    _deepest_sibling(queries, table.keys, table.counts, np.int64(table.k), deepest)
    return deepest


@kernel
def _deepest_sibling(
    queries: np.ndarray, keys: np.ndarray, counts: np.ndarray, k: np.int64, deepest: np.ndarray
) -> None:
    for i in range(queries.size):
        for place in range(k):
            for change in range(1, 4):
                flip = (zero(keys) | np.uint64(change)) << np.uint64(2 * place)
                other = load(queries, i) ^ flip
                other = min(other, revcomp(other, k))
                row = lower_bound(keys, other)
                if row < keys.size and load(keys, row) == other:
                    deepest[i] = max(deepest[i], np.int64(counts[row]))
