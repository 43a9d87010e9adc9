"""What the mate says of an edit, where the two reads of a fragment overlap.

Both read one molecule: a base that only one of them shows is a sequencing error, a base
that both show is none, whatever their qualities.
"""

from __future__ import annotations

import numba
import numpy as np

from dbgclean.spectrum.kmers import revcomp

__all__ = ["AGREES", "APART", "DENIES", "mates_of"]

# The mate does not reach the place, shows the same base there, or shows another.
APART, AGREES, DENIES = 0, 1, 2
_WINDOW, _MIDDLE = 31, 15
# Bases on either side that have to be found in the mate, and how many of them may differ.
_REACH, _DIFFER = 8, 1


@numba.njit(cache=True, nogil=True)
def mates_of(
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
    reads
        int64 (n,): number of each edit's read in the batch; its mate is ``read ^ 1``.
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
            if differ <= _DIFFER:
                own = (target >> np.uint64(2 * (_WINDOW - 1 - _MIDDLE))) & np.uint64(3)
                verdict[e] = AGREES if codes[at] == own else DENIES
                quality[e] = min(quals[at], np.uint8(93))
                break
