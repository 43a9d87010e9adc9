"""Kernels on FASTQ text: where the records are, taken apart, and put together again."""

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.reads.batch import CHECKED_CODES

__all__ = ["are_mates", "check_records", "fill_records", "find_lines", "format_fastq", "text_size"]

_NEWLINE, _RETURN, _AT, _PLUS = 10, 13, 64, 43
_SPACE, _TAB = 32, 9


@kernel
def find_lines(text: np.ndarray, size: int, ends: np.ndarray) -> int:
    """List where the lines of ``text[:size]`` end, as many as ``ends`` has room for.

    Returns their number.
    """
    n = 0
    for i in range(size):
        if text[i] == _NEWLINE:
            if n < len(ends):
                ends[n] = i
            n += 1
    return n


@kernel
def check_records(
    text: np.ndarray,
    ends: np.ndarray,
    n: int,
    returns: int,
    two_headers: bool,
    sizes: np.ndarray,
) -> int:
    """Lengths of the name and of the sequence, int64 (n, 2), of records of four lines.

    ``returns`` is 1 where lines end on a carriage return too. Returns the number of
    records before the first that is not laid out as the others.
    """
    start = 0
    for record in range(n):
        a, b, c, d = (
            ends[4 * record],
            ends[4 * record + 1],
            ends[4 * record + 2],
            ends[4 * record + 3],
        )
        if text[start] != _AT or text[b + 1] != _PLUS:
            return record
        before = start
        for end in (a, b, c, d):
            has_return = end > before and text[end - 1] == _RETURN
            if has_return != (returns == 1):
                return record
            before = end + 1
        name = a - returns - start - 1
        length = b - returns - a - 1
        if name < 0 or d - returns - c - 1 != length:
            return record
        again = c - returns - b - 2
        if again != (name if two_headers else 0):
            return record
        if two_headers:
            for i in range(name):
                if text[start + 1 + i] != text[b + 2 + i]:
                    return record
        sizes[record, 0], sizes[record, 1] = name, length
        start = d + 1
    return n


@helper
def _id_length(text: np.ndarray, start: int, size: int) -> int:
    for i in range(size):
        if text[start + i] == _SPACE or text[start + i] == _TAB:
            return i
    return size


@kernel
def are_mates(
    text: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    other: np.ndarray,
    other_starts: np.ndarray,
    other_sizes: np.ndarray,
) -> bool:
    """Do names go together one by one: the same up to a last 1, 2 or 3 and the comment?"""
    for i in range(len(starts)):
        a, b = starts[i], other_starts[i]
        n = _id_length(text, a, sizes[i])
        if n == 0 or n != _id_length(other, b, other_sizes[i]):
            return False
        for j in range(n - 1):
            if text[a + j] != other[b + j]:
                return False
        one, two = text[a + n - 1], other[b + n - 1]
        if one != two and not (49 <= one <= 51 and 49 <= two <= 51):
            return False
    return True


@kernel
def fill_records(
    text: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    layout: tuple[int, bool],
    row: int,
    step: int,
    offsets: np.ndarray,
    name_offsets: np.ndarray,
    bases: np.ndarray,
    codes: np.ndarray,
    quals: np.ndarray,
    names: np.ndarray,
) -> None:
    """Copy records to the rows ``row, row + step, ...`` of a batch.

    ``starts`` are where the names begin, ``sizes`` as of `check_records`; ``layout`` is
    whether lines end on a carriage return (1 or 0), and whether names are repeated.
    """
    returns, two_headers = layout
    end = 1 + returns
    for i in range(len(starts)):
        at, name, n = starts[i], sizes[i, 0], sizes[i, 1]
        to = name_offsets[row]
        for j in range(name):
            names[to + j] = text[at + j]
        at += name + end
        to = offsets[row]
        for j in range(n):
            bases[to + j] = text[at + j]
            codes[to + j] = CHECKED_CODES[text[at + j]]
        at += n + end + 1 + (name if two_headers else 0) + end
        for j in range(n):
            quals[to + j] = text[at + j] - np.uint8(33)
        row += step


@kernel
def text_size(
    offsets: np.ndarray, name_offsets: np.ndarray, row: int, step: int, returns: int, two: bool
) -> int:
    """Bytes that the rows ``row, row + step, ...`` take as FASTQ."""
    total = 0
    for r in range(row, len(offsets) - 1, step):
        name = name_offsets[r + 1] - name_offsets[r]
        total += 2 * (offsets[r + 1] - offsets[r]) + (2 * name if two else name)
        total += 2 + 4 * (1 + returns)
    return total


@helper
def _line_end(out: np.ndarray, at: int, returns: int) -> int:
    if returns:
        out[at] = _RETURN
    out[at + returns] = _NEWLINE
    return at + returns + 1


@kernel
def format_fastq(
    names: np.ndarray,
    name_offsets: np.ndarray,
    bases: np.ndarray,
    quals: np.ndarray,
    offsets: np.ndarray,
    row: int,
    step: int,
    returns: int,
    two: bool,
    out: np.ndarray,
) -> None:
    """Write the rows ``row, row + step, ...`` as FASTQ of `text_size` bytes."""
    at = 0
    for r in range(row, len(offsets) - 1, step):
        out[at] = _AT
        at += 1
        for j in range(name_offsets[r], name_offsets[r + 1]):
            out[at] = names[j]
            at += 1
        at = _line_end(out, at, returns)
        for j in range(offsets[r], offsets[r + 1]):
            out[at] = bases[j]
            at += 1
        at = _line_end(out, at, returns)
        out[at] = _PLUS
        at += 1
        if two:
            for j in range(name_offsets[r], name_offsets[r + 1]):
                out[at] = names[j]
                at += 1
        at = _line_end(out, at, returns)
        for j in range(offsets[r], offsets[r + 1]):
            out[at] = quals[j] + np.uint8(33)
            at += 1
        at = _line_end(out, at, returns)
