"""Which k-mers of one sorted set are in another: one pass over both."""

import numba
import numpy as np

__all__ = ["rows_among"]


@numba.njit(cache=True, nogil=True)
def _rows_among(queries: np.ndarray, keys: np.ndarray, rows: np.ndarray) -> None:
    row = 0
    for i in range(queries.size):
        while row < keys.size and keys[row] < queries[i]:
            row += 1
        rows[i] = row if row < keys.size and keys[row] == queries[i] else -1


def rows_among(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Row of each query in `keys`, or -1.

    Parameters
    ----------
    queries, keys : ndarray of uint64, (n,) and (m,)
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
    _rows_among(
        np.ascontiguousarray(queries, dtype=np.uint64),
        np.ascontiguousarray(keys, dtype=np.uint64),
        rows,
    )
    return rows
