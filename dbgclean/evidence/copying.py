"""Copying a stretch of one array into another, for kernels.

numba's own slice assignment brings an error message for shapes that differ, and text
takes it seconds to compile.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["copy_to"]


@numba.njit(cache=True, nogil=True)
def copy_to(
    out: np.ndarray, at: np.int64, source: np.ndarray, first: np.int64, last: np.int64
) -> None:
    """``out[at:] = source[first:last]``; the two must not overlap."""
    for i in range(last - first):
        out[at + i] = source[first + i]
