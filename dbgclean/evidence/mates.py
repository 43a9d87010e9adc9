"""What the mate says of an edit, where the two reads of a fragment overlap.

Both read one molecule: a base that only one of them shows is a sequencing error, a base
that both show is none, whatever their qualities.
"""

from __future__ import annotations

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.spectrum.kmers import revcomp

__all__ = ["AGREES", "APART", "DENIES", "mate_start", "mate_starts", "mates_of"]

# The mate does not reach the place, shows the same base there, or shows another.
APART, AGREES, DENIES = 0, 1, 2
_WINDOW, _MIDDLE = 31, 15
# Bases on either side that have to be found in the mate, and how many of them may differ.
_REACH, _DIFFER = 8, 1
# Share of the bases in which mates may differ where they would overlap: more, and it is
# another copy of a repeat that the mate shows.
_OVERLAP_DIFFER = 0.1
# Bases of a read's start that tell its fragment from the next.
_START = 28


@kernel
def mates_of(
    where: np.ndarray,
    reads: np.ndarray,
    codes: np.ndarray,
    quals: np.ndarray,
    offsets: np.ndarray,
    key: np.ndarray,
    strand: np.ndarray,
    verdict: np.ndarray,
    quality: np.ndarray,
) -> None:
    """Look every edit of a paired batch up in the mate of its read.

    Parameters
    ----------
    where, reads
        int64 (n,): each edit's base in the batch, and the number of its read there, whose
        mate is ``read ^ 1``.
    codes, quals, offsets
        Of the batch.
    key, strand
        uint64, uint8 (n,): canonical 31-mer with the read's base in the middle, and 1
        where the read runs against it.
    verdict, quality
        uint8 (n,), filled: APART, AGREES or DENIES; Phred of the mate's base.
    """
    for e in range(len(reads)):
        mate = reads[e] ^ 1
        if mate + 1 >= len(offsets):
            continue
        # The mate runs the other way.
        target = key[e] if strand[e] else revcomp(key[e], np.int64(_WINDOW))
        start, stop = offsets[mate], offsets[mate + 1]
        for at in range(start + _REACH, stop - _REACH):
            differ = np.int64(0)
            for step in range(1, _REACH + 1):
                before = (target >> np.uint64(2 * (_WINDOW - 1 - _MIDDLE + step))) & np.uint64(3)
                after = (target >> np.uint64(2 * (_WINDOW - 1 - _MIDDLE - step))) & np.uint64(3)
                differ += np.int64(codes[at - step] != before) + np.int64(codes[at + step] != after)
                if differ > _DIFFER:
                    break
            if differ <= _DIFFER and _overlap(
                codes, where[e], offsets[reads[e]], offsets[reads[e] + 1], at, start, stop
            ):
                own = (target >> np.uint64(2 * (_WINDOW - 1 - _MIDDLE))) & np.uint64(3)
                verdict[e] = AGREES if codes[at] == own else DENIES
                quality[e] = min(quals[at], np.uint8(93))
                break


@helper
def _overlap(
    codes: np.ndarray, place: np.int64, begin: np.int64, end: np.int64, at: np.int64,
    start: np.int64, stop: np.int64,
) -> bool:  # fmt: skip
    """Do two mates agree wherever they overlap, if base ``place`` of one is ``at`` of the other?"""
    first = max(begin - place, at - (stop - 1))
    last = min(end - 1 - place, at - start)
    differ = 0
    for j in range(first, last + 1):
        differ += codes[place + j] != 3 - codes[at - j]
    return bool(differ <= _OVERLAP_DIFFER * (last - first + 1) + 1)


@helper
def mate_start(codes: np.ndarray, start: np.int64, stop: np.int64) -> np.uint64:
    """The first 28 bases of a read in 56 bits, its length where it is shorter.

    With the place of a site in the one read, the start of the other tells one fragment
    from the next; compared base by base, so that an error in it does no harm.
    """
    packed = np.uint64(0)
    for i in range(start, min(stop, start + _START)):
        packed = (packed << np.uint64(2)) | np.uint64(codes[i] & np.uint8(3))
    return packed


@kernel
def mate_starts(codes: np.ndarray, offsets: np.ndarray, reads: np.ndarray, out: np.ndarray) -> None:
    """`mate_start` of the mate of each read (number in a paired batch), into ``out``."""
    for i in range(len(reads)):
        other = reads[i] ^ 1
        if other + 1 < len(offsets):
            out[i] = mate_start(codes, offsets[other], offsets[other + 1])
