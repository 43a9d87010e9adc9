"""Copying, ordering and looking up within kernels.

numba's own slice assignment brings an error message for shapes that differ, and text takes it
seconds to compile; so do its sort and its search.
"""

from __future__ import annotations

import numpy as np

from dbgclean._kernels import helper
from dbgclean.spectrum.ordering import lower_bound

__all__ = ["copy_to", "is_among", "order_of"]


@helper
def copy_to(
    out: np.ndarray, at: np.int64, source: np.ndarray, first: np.int64, last: np.int64
) -> None:
    """``out[at:] = source[first:last]``; the two must not overlap."""
    for i in range(last - first):
        out[at + i] = source[first + i]


@helper
def order_of(values: np.ndarray, n: np.int64) -> np.ndarray:
    """Order of the first n values, int64; equal ones stay as they came (a merge sort)."""
    order, other = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        order[i] = i
    width = np.int64(1)
    while width < n:
        for low in range(0, n, 2 * width):
            middle, high = min(low + width, n), min(low + 2 * width, n)
            i, j = low, middle
            for t in range(low, high):
                if i < middle and (j == high or values[order[i]] <= values[order[j]]):
                    other[t] = order[i]
                    i += 1
                else:
                    other[t] = order[j]
                    j += 1
        order, other = other, order
        width *= 2
    return order


@helper
def is_among(key: np.uint64, keys: np.ndarray) -> bool:
    """Is a key among sorted ones?"""
    at = lower_bound(keys, key)
    return bool(at < len(keys) and keys[at] == key)
