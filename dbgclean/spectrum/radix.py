"""Sorting words by their digits: several times as fast as by comparing them.

Two passes over the highest digits leave almost every word at its place, and insertion does
the rest. Where many words share their highest digits (one deep amplicon) that would not end,
and all digits are sorted by, the lowest first (Knuth, The Art of Computer Programming 3, 5.2.5).
"""

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.spectrum.words import load, zero

__all__ = ["differing", "sort_words"]

_U1, _U2, _U3 = (np.uint64(i) for i in range(1, 4))
_FEW = 512
"""Up to here numpy's own sort is as fast."""
_DIGIT = 11
"""Bits of a digit: the places of all its values stay in the first-level cache."""
_MASK = np.uint64((1 << _DIGIT) - 1)
_MOVES = 4
"""Places that words may be moved by insertion, on average, before that is given up."""


@kernel
def differing(words: np.ndarray) -> int:
    """Bits up to the highest in which two of the words, of any width, differ."""
    first, any_differs = load(words, 0), zero(words)
    for i in range(words.size):
        any_differs = any_differs | (load(words, i) ^ first)
    bits = 0
    while any_differs != zero(words):
        any_differs = any_differs >> _U1
        bits += 1
    return bits


@helper
def _digit(word: np.uint64, low: np.uint64, tags: bool) -> np.int64:
    """The digit of a word from bit `low` on; with `tags` its lowest two bits are the word's."""
    digit = word >> low
    if tags:
        digit = (digit << _U2) | (word & _U3)
    return np.int64(digit & _MASK)


@helper
def _by_digit(
    words: np.ndarray, low: np.uint64, tags: bool, places: np.ndarray, out: np.ndarray
) -> None:
    """Copy to `out` in the order of a digit, and words with the same digit as they come."""
    places[:] = 0
    for i in range(words.size):
        places[_digit(words[i], low, tags)] += 1
    total = 0
    for digit in range(places.size):
        places[digit], total = total, total + places[digit]
    for i in range(words.size):
        digit = _digit(words[i], low, tags)
        out[places[digit]] = words[i]
        places[digit] += 1


@helper
def _insert(words: np.ndarray) -> bool:
    """Sort by insertion; False where it was given up."""
    moves = 0
    for i in range(1, words.size):
        word = words[i]
        j = i
        while j > 0 and words[j - 1] > word:
            words[j] = words[j - 1]
            j -= 1
        words[j] = word
        moves += i - j
        if moves > _MOVES * words.size:
            return False
    return True


@kernel
def _sort(words: np.ndarray, scratch: np.ndarray, places: np.ndarray) -> None:
    bits = differing(words)
    # The lowest two bits go with the lower of two digits: many words are alike but for their tags.
    low = bits - 2 * _DIGIT + 2
    if low > 2:
        _by_digit(words, np.uint64(low), True, places, scratch)
        _by_digit(scratch, np.uint64(bits - _DIGIT), False, places, words)
        if _insert(words):
            return
    for low in range(0, bits, 2 * _DIGIT):
        _by_digit(words, np.uint64(low), False, places, scratch)
        # A digit beyond the highest bit that differs leaves everything as it is.
        _by_digit(scratch, np.uint64(low + _DIGIT), False, places, words)


def sort_words(words: np.ndarray) -> None:
    """Sort in place.

    Parameters
    ----------
    words : ndarray of uint64, (n,)
        Fastest where they are k-mers, tagged or not: spread over their highest bits.
    """
    if words.size <= _FEW or not words.flags.c_contiguous:
        words.sort()
        return
    _sort(words, np.empty_like(words), np.empty(1 << _DIGIT, np.int64))
