"""Numba kernels that write graphs as text: many lines at a time into an array of bytes.

Each writes from place `n` of `out` (uint8), which has room, and returns the place behind.
"""

import math

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.reads.text_kernels import number as _number
from dbgclean.reads.text_kernels import word as _word

__all__ = [
    "LINK_ROOM",
    "RECORD_ROOM",
    "decimal",
    "link_lines",
    "segment_lines",
    "unitig_records",
]

RECORD_ROOM = 128
"""Bytes that a segment line or unitig record takes at most, bases and links aside."""

LINK_ROOM = 64
"""Bytes that a link takes at most, but for its overlap."""

_TAB, _LINE, _BLANK, _COLON, _POINT = 9, 10, 32, 58, 46


@kernel
def decimal(out: np.ndarray, n: int, value: float, digits: int) -> int:
    """A number that is not negative with `digits` (at most 3) decimals, rounded as Python does.

    That is exactly, and to even where two are as near.
    """
    scale = np.int64(10**digits)
    mantissa, exponent = math.frexp(value)
    down = 53 - exponent
    if down <= 0:
        whole, part = np.int64(value), np.int64(0)
    else:
        # 53 bits times 1000 are 63: no bit is lost.
        exact = np.int64(mantissa * 2.0**53) * scale
        scaled = np.int64(0)
        if down < 63:
            scaled = exact >> down
            rest = exact - (scaled << down)
            half = np.int64(1) << (down - 1)
            scaled += np.int64(rest > half or (rest == half and scaled & 1))
        elif down == 63:
            scaled = np.int64(exact > (np.int64(1) << 62))
        whole, part = scaled // scale, scaled % scale
    n = _number(out, n, whole)
    out[n] = _POINT
    for i in range(n + digits, n, -1):
        out[i] = 48 + part % 10
        part //= 10
    return n + 1 + digits


@helper
def _bases(out: np.ndarray, n: int, codes: np.ndarray, letters: np.ndarray) -> int:
    for i in range(codes.size):
        out[n + i] = letters[codes[i]]
    return n + codes.size


@kernel
def segment_lines(
    codes: np.ndarray,
    offsets: np.ndarray,
    abundance: np.ndarray,
    depth: np.ndarray,
    first: int,
    last: int,
    letters: np.ndarray,
    words: tuple[np.ndarray, ...],
    out: np.ndarray,
) -> int:
    """``S`` lines of unitigs `first` to `last`; `words` are the three tags."""
    n = 0
    for unitig in range(first, last):
        out[n] = 83  # S
        out[n + 1] = _TAB
        n = _number(out, n + 2, np.int64(unitig))
        out[n] = _TAB
        n = _bases(out, n + 1, codes[offsets[unitig] : offsets[unitig + 1]], letters)
        n = _number(out, _word(out, n, words[0]), offsets[unitig + 1] - offsets[unitig])
        n = _number(out, _word(out, n, words[1]), abundance[unitig])
        n = decimal(out, _word(out, n, words[2]), depth[unitig], np.int64(3))
        out[n] = _LINE
        n += 1
    return n


@kernel
def link_lines(
    sources: np.ndarray,
    targets: np.ndarray,
    overlap: np.ndarray,
    out: np.ndarray,
) -> int:
    """``L`` lines of links between oriented unitigs."""
    n = 0
    for i in range(sources.size):
        out[n] = 76  # L
        n += 1
        for node in (np.int64(sources[i]), np.int64(targets[i])):
            out[n] = _TAB
            n = _number(out, n + 1, node >> 1)
            out[n] = _TAB
            out[n + 1] = 45 if node & 1 else 43
            n += 2
        out[n] = _TAB
        n = _word(out, n + 1, overlap)
        out[n] = _LINE
        n += 1
    return n


@kernel
def unitig_records(
    codes: np.ndarray,
    offsets: np.ndarray,
    abundance: np.ndarray,
    depth: np.ndarray,
    link_offsets: np.ndarray,
    link_targets: np.ndarray,
    first: int,
    last: int,
    letters: np.ndarray,
    words: tuple[np.ndarray, ...],
    out: np.ndarray,
) -> int:
    """FASTA records of unitigs `first` to `last`; `words` are the three tags."""
    n = 0
    for unitig in range(first, last):
        out[n] = 62  # >
        n = _number(out, n + 1, np.int64(unitig))
        n = _number(out, _word(out, n, words[0]), offsets[unitig + 1] - offsets[unitig])
        n = _number(out, _word(out, n, words[1]), abundance[unitig])
        n = decimal(out, _word(out, n, words[2]), depth[unitig], np.int64(1))
        for node in (2 * unitig, 2 * unitig + 1):
            for i in range(link_offsets[node], link_offsets[node + 1]):
                target = np.int64(link_targets[i])
                out[n] = _BLANK
                out[n + 1] = 76  # L
                out[n + 2] = _COLON
                out[n + 3] = 45 if node & 1 else 43
                out[n + 4] = _COLON
                n = _number(out, n + 5, target >> 1)
                out[n] = _COLON
                out[n + 1] = 45 if target & 1 else 43
                n += 2
        out[n] = _LINE
        n = _bases(out, n + 1, codes[offsets[unitig] : offsets[unitig + 1]], letters)
        out[n] = _LINE
        n += 1
    return n
