"""Bases that the reference does not name, as most of the reads over them have them.

An N passes no k-mer, so that a read over it ends there for whoever follows k-mers, and
alleles on one side lose half of their depth. What the reads agree on closes the path; no
allele is named at such a place, for there is nothing to differ from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean.spectrum.kmers import decode, encode

if TYPE_CHECKING:
    from dbgclean.variants.region_reads import RegionReads

__all__ = ["fill_unknown", "pile_of_bases"]

# Longer stretches stand for sequence of unknown length: reads from either side disagree.
_LONGEST = 25
# Reads that must show a base, and their share.
_FEWEST, _SHARE = 2, 0.5


def fill_unknown(reference: str, reads: RegionReads, start: int) -> tuple[str, np.ndarray]:
    """Put the reads' base where the reference has none.

    Parameters
    ----------
    start
        Place of the reference's first base on the contig.

    Returns
    -------
    str
        The bases; N is left where reads do not agree, or where there are too many of them.
    bool (n,)
        Where the reference as given has none of ACGT.
    """
    codes = encode(reference)
    unknown = codes > 3
    if not unknown.any():
        return reference, unknown
    edges = np.flatnonzero(np.diff(np.concatenate([[False], unknown, [False]]).astype(np.int8)))
    short = np.zeros(len(codes), bool)
    for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        short[first:stop] = stop - first <= _LONGEST
    counts = pile_of_bases(reads, start, len(codes))
    best, total = counts.argmax(1), counts.sum(1)
    most = counts.max(1)
    fill = short & (most >= _FEWEST) & (most >= _SHARE * total)
    codes[fill] = best[fill]
    return decode(codes), unknown


def pile_of_bases(reads: RegionReads, start: int, size: int, *, clipped: bool = True) -> np.ndarray:
    """Bases of the reads that the aligner laid without a gap, their clipped ends beside them.

    Returns
    -------
    int64 (size, 4)
        Reads by place, from ``start`` on the contig on, and base.
    """
    offsets = reads.batch.offsets
    length = np.diff(offsets)
    whole = reads.end - reads.start == length - reads.clip_left - reads.clip_right
    read = np.repeat(np.arange(len(reads)), length)
    at = np.arange(len(read)) - np.repeat(offsets[:-1], length)
    codes = reads.along_reference().astype(np.int64)
    place = (reads.start - reads.clip_left)[read] + at - start
    keep = whole[read] & (codes < 4) & (place >= 0) & (place < size)
    if not clipped:
        keep &= (at >= reads.clip_left[read]) & (at < (length - reads.clip_right)[read])
    return np.bincount(4 * place[keep] + codes[keep], minlength=4 * size).reshape(size, 4)
