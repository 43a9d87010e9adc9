"""Numba kernels that write words and numbers into an array of bytes.

Each writes from place `n` of `out` (uint8), which has room, and returns the place behind.
"""

import numpy as np

from dbgclean._kernels import helper, kernel

__all__ = ["number", "word"]


@kernel
def word(out: np.ndarray, n: int, word: np.ndarray) -> int:
    """The bytes of ``word``, uint8."""
    for i in range(word.size):
        out[n + i] = word[i]
    return n + word.size


@helper
def number(out: np.ndarray, n: int, value: int) -> int:
    """A whole number, not negative, in decimal."""
    digits = 1
    rest = value // 10
    while rest:
        rest //= 10
        digits += 1
    for i in range(n + digits - 1, n - 1, -1):
        out[i] = 48 + value % 10
        value //= 10
    return n + digits
