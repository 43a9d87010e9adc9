"""Kernels on FASTQ text: where the records are, taken apart, and put together again."""

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.reads.batch import CHECKED_CODES

__all__ = ["are_mates", "check_records", "fill_records", "find_lines", "format_fastq", "text_size"]

_NEWLINE, _RETURN, _AT, _PLUS = 10, 13, 64, 43
_SPACE, _TAB = 32, 9
_A, _C, _G, _T, _N = (np.uint8(ord(base)) for base in "ACGTN")
_0, _1, _2, _3, _4, _OTHER = (np.uint8(code) for code in (0, 1, 2, 3, 4, 8))
_EACH_BYTE = np.uint64(0x0101010101010101)
_NEWLINES, _HIGH_BITS = np.uint64(10) * _EACH_BYTE, np.uint64(128) * _EACH_BYTE
_PHRED = np.uint8(33)
_LESS_PHRED = np.uint8(256 - 33)


@helper
def _list_lines(text: np.ndarray, first: int, end: int, ends: np.ndarray, n: int) -> int:
    """Append where the lines of a stretch end to a list of ``n``; its length."""
    for i in range(first, end):
        if text[i] == _NEWLINE:
            if n < len(ends):
                ends[n] = i
            n += 1
    return n


@kernel
def find_lines(text: np.ndarray, words: np.ndarray, ends: np.ndarray) -> int:
    """List where the lines of a text end, as many as ``ends`` has room for.

    ``words`` (uint64) are the same bytes by eights, as far as these go: most hold no end, which
    is seen of all eight at once. Returns the number of lines.
    """
    n = 0
    for word in range(len(words)):
        # A byte that is zero borrows from its highest bit, and no other one's is first to.
        other = words[word] ^ _NEWLINES
        if (other - _EACH_BYTE) & ~other & _HIGH_BITS:
            n = _list_lines(text, 8 * word, 8 * word + 8, ends, n)
    return _list_lines(text, 8 * len(words), len(text), ends, n)


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


@helper
def _copy(source: np.ndarray, first: int, size: int, out: np.ndarray, at: int) -> None:
    """Copy a stretch, ``size`` bytes from ``first`` on.

    As in all of these loops the places have no sign: numba counts negative ones from the
    end, and a loop that looks for these is no vector instruction.
    """
    here, there = np.uint64(first), np.uint64(at)
    for i in range(np.uint64(size)):
        out[there + i] = source[here + i]


@helper
def _encode(source: np.ndarray, first: int, size: int, out: np.ndarray, at: int) -> None:
    """`CHECKED_CODES` of a stretch; what is none of ACGTN is looked up."""
    here, there = np.uint64(first), np.uint64(at)
    seen = _0
    for i in range(np.uint64(size)):
        base = source[here + i]
        code = _OTHER
        if base == _A:
            code = _0
        if base == _C:
            code = _1
        if base == _G:
            code = _2
        if base == _T:
            code = _3
        if base == _N:
            code = _4
        seen |= code
        out[there + i] = code
    if seen & _OTHER:
        for i in range(np.uint64(size)):
            out[there + i] = CHECKED_CODES[source[here + i]]


@helper
def _add(source: np.ndarray, first: int, size: int, by: np.uint8, out: np.ndarray, at: int) -> None:
    """Copy a stretch with a number added to each byte."""
    here, there = np.uint64(first), np.uint64(at)
    for i in range(np.uint64(size)):
        out[there + i] = source[here + i] + by


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
        _copy(text, at, name, names, name_offsets[row])
        at += name + end
        _copy(text, at, n, bases, offsets[row])
        _encode(text, at, n, codes, offsets[row])
        at += n + end + 1 + (name if two_headers else 0) + end
        _add(text, at, n, _LESS_PHRED, quals, offsets[row])
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
        name, n = name_offsets[r + 1] - name_offsets[r], offsets[r + 1] - offsets[r]
        _copy(names, name_offsets[r], name, out, at)
        at = _line_end(out, at + name, returns)
        _copy(bases, offsets[r], n, out, at)
        at = _line_end(out, at + n, returns)
        out[at] = _PLUS
        at += 1
        if two:
            _copy(names, name_offsets[r], name, out, at)
            at += name
        at = _line_end(out, at, returns)
        _add(quals, offsets[r], n, _PHRED, out, at)
        at = _line_end(out, at + n, returns)
