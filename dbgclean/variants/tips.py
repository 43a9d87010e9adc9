"""Branches of the reads' graph that do not come back to the reference.

A breakpoint of something larger than reads can span, an insertion longer than the
search, a chimera: the reads leave the reference at one place and go on together. There
is no telling what the allele is, so such a tip is reported and never called.
"""

from __future__ import annotations

import numpy as np

from dbgclean.variants.haplotypes import Allele
from dbgclean.variants.local_graph import DeadEnd
from dbgclean.variants.observations import ALT, REF, Spans
from dbgclean.variants.placement import OFF, Placement

__all__ = ["tip_alleles", "told_by_ends"]

# Abundance of a tip's rarest k-mer: two reads may share an error or a chimera's seam.
_FEWEST = 3
# Bases of a read behind the reference's that are compared with the tip, and the share of
# them that may differ.
_LEAST, _DIFFER = 4, 0.1
# As certain as it gets, in hundredths of a nat.
_CERTAIN = 1000


def tip_alleles(ends: list[DeadEnd], start: int, end: int) -> list[Allele]:
    """Dead ends in ``[start, end)`` as alleles: the tip in place of one base, sorted."""
    found = {
        Allele(tip.start, tip.start + 1, tip.bases.tobytes())
        for tip in ends
        if start <= tip.start < end and tip.abundance >= _FEWEST
    }
    return sorted(found)


def told_by_ends(placement: Placement, spans: Spans, tip: Allele) -> np.ndarray:
    """Who leaves the reference with a tip, and who reads on.

    Returns
    -------
    ndarray
        int64 (n, 4): read, ALT or REF, odds in hundredths of a nat, index of the first
        base that is off the reference, or of the one that the tip stands for.
    """
    where, codes = placement.where, placement.codes
    first, last, at = spans
    text = np.frombuffer(tip.alt, np.uint8)
    leave = np.flatnonzero((where[:-1] == tip.start - 1) & (where[1:] == OFF)) + 1
    read = placement.read_of[leave].astype(np.int64)
    inside = placement.read_of[leave - 1] == read
    leave, read = leave[inside], read[inside]
    size = np.minimum(placement.offsets[read + 1] - leave, len(text))
    differ = np.zeros(len(leave), np.int64)
    for i in range(len(text)):
        here = i < size
        differ[here] += codes[leave[here] + i] != text[i]
    fits = (size >= _LEAST) & (differ <= _DIFFER * size)
    read, leave = read[fits], leave[fits]
    across = np.flatnonzero((first >= 0) & (first < tip.start) & (last >= tip.start))
    across = across[~np.isin(across, read)]
    reads = np.concatenate([read, across])
    shows = np.repeat([ALT, REF], [len(read), len(across)])
    index = np.concatenate([leave, at[across] + tip.start - first[across]])
    return np.stack([reads, shows, np.full(len(reads), _CERTAIN), index], 1).astype(np.int64)
