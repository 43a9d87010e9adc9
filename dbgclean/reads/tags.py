"""SAM tags in the header lines of reads, as `samtools fastq -T` and `bwa mem -C` have them.

After the name stand, each behind a tab, ``TG:T:value``. What stands there and is no tag (the
comment of Illumina's own software, say) becomes a tag, too, ``CO:Z:``: as it is, `bwa mem -C`
would copy it into SAM that no tool can read.
"""

from __future__ import annotations

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.reads.names import Names
from dbgclean.reads.text_kernels import number, word

__all__ = ["CHANGED", "tag_names"]

CHANGED = b"nc:i:"
"""Tag and type of the number of bases changed in a read: lower case, for local use as the SAM
specification has it. ``ec``, which BFC writes, is text there and PacBio's effective coverage;
``XC`` holds cell barcodes and clipped lengths."""
_COMMENT = b"\tCO:Z:"
_TAB, _BLANK, _COLON = 9, 32, 58
# A tab, the tag and the digits of a number of 64 bits.
_ROOM = 1 + len(CHANGED) + 20 + len(_COMMENT)
_WORDS = tuple(np.frombuffer(bytearray(text), np.uint8) for text in (_COMMENT, b"\t" + CHANGED))


def tag_names(names: Names, counts: np.ndarray | None = None) -> Names:
    """Header lines with nothing but tags behind the name.

    Parameters
    ----------
    names
        As the file has them.
    counts
        int64 (n,): bases changed in each read, for ``nc:i:``, which replaces an older one.
        By default the tags are those that are there.
    """
    out = np.empty(len(names.text) + _ROOM * len(names), np.uint8)
    offsets = np.zeros(len(names) + 1, np.int64)
    given = np.full(len(names), -1, np.int64) if counts is None else counts
    _tag(names.text, names.offsets, given, *_WORDS, out, offsets)
    return Names(out[: offsets[-1]], offsets)


@helper
def _is_letter(c: np.uint8) -> bool:
    return bool(65 <= (c & 0xDF) <= 90)


@helper
def _is_tag(part: np.ndarray) -> bool:
    """Whether this is two letters (or a letter and a digit), a type and a value."""
    if len(part) < 5 or part[2] != _COLON or part[4] != _COLON:
        return False
    if not _is_letter(part[0]) or not (_is_letter(part[1]) or 48 <= part[1] <= 57):
        return False
    for kind in (65, 105, 102, 90, 72, 66):  # A i f Z H B
        if part[3] == kind:
            return True
    return False


@helper
def _begins(part: np.ndarray, word: np.ndarray) -> bool:
    if len(part) < len(word):
        return False
    for i in range(len(word)):
        if part[i] != word[i]:
            return False
    return True


@kernel
def _tag(
    text: np.ndarray,
    offsets: np.ndarray,
    counts: np.ndarray,
    comment: np.ndarray,
    changed: np.ndarray,
    out: np.ndarray,
    out_offsets: np.ndarray,
) -> None:
    """Write names, then their tags, then ``comment`` with what is none, then ``changed``."""
    n = 0
    for row in range(len(counts)):
        at, end = offsets[row], offsets[row + 1]
        while at < end and text[at] != _TAB and text[at] != _BLANK:
            out[n] = text[at]
            n, at = n + 1, at + 1
        for tags in (True, False):
            first, others = at + 1, 0
            while first < end:
                last = first
                while last < end and text[last] != _TAB:
                    last += 1
                part = text[first:last]
                first = last + 1
                older = counts[row] >= 0 and _begins(part, changed[1:4])
                if len(part) == 0 or _is_tag(part) != tags or older:
                    continue
                if tags:
                    out[n] = _TAB
                    n = word(out, n + 1, part)
                elif others == 0:
                    n = word(out, word(out, n, comment), part)
                else:
                    out[n] = _BLANK
                    n = word(out, n + 1, part)
                others += 1
        if counts[row] >= 0:
            n = number(out, word(out, n, changed), counts[row])
        out_offsets[row + 1] = n
