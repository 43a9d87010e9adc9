"""What every fragment shows at the places of the alleles, one row per allele and fragment.

Mates that overlap saw one molecule: the better of the two bases speaks, and the other
one agrees or denies. A fragment that shows neither the allele nor the reference shows
another allele; one that cannot tell, as where a read ends within a homopolymer, shows
nothing and is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.mates import AGREES, APART, DENIES
from dbgclean.reads.batch import stretches
from dbgclean.reads.rows import Rows, column
from dbgclean.variants.placement import OFF, Placement

if TYPE_CHECKING:
    from dbgclean.variants.aligned_window import AlignedWindow
    from dbgclean.variants.haplotypes import Allele

__all__ = [
    "ALT",
    "OTHER",
    "REF",
    "Observations",
    "observe_substitutions",
    "substitutions",
]

REF, ALT, OTHER = 0, 1, 2
# A base of the reference that the read does not have.
_GONE = 5


@dataclass(frozen=True, slots=True, eq=False)
class Observations(Rows):
    """Rows sorted by allele.

    Attributes
    ----------
    allele
        int32 (n,): row of the allele.
    read
        int32 (n,): the read that speaks for its fragment.
    at
        int64 (n,): index of its base in the placement.
    shows
        uint8 (n,): REF, ALT or OTHER.
    mate
        uint8 (n,): APART, AGREES or DENIES (`dbgclean.evidence.mates`).
    quality
        uint8 (n,): Phred of what it shows.
    reads
        uint8 (n,): reads of the fragment that show the same.
    """

    allele: np.ndarray = column(np.int32)
    read: np.ndarray = column(np.int32)
    at: np.ndarray = column(np.int64)
    shows: np.ndarray = column(np.uint8)
    mate: np.ndarray = column(np.uint8)
    quality: np.ndarray = column(np.uint8)
    reads: np.ndarray = column(np.uint8)


def substitutions(
    placement: Placement, reference: np.ndarray, start: int, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places (int64) and bases (uint8) of all substitutions in ``[start, end)``, sorted."""
    where, codes = placement.where, placement.codes
    at = np.flatnonzero((where >= start) & (where < end) & (codes < 4))
    place = where[at].astype(np.int64)
    differs = (codes[at] != reference[place]) & (reference[place] < 4)
    found = np.unique(4 * place[differs] + codes[at][differs])
    return found // 4, (found % 4).astype(np.uint8)


def observe_substitutions(
    window: AlignedWindow, alleles: list[Allele], rows: np.ndarray
) -> Observations:
    """What fragments show at the places of substitutions; ``rows``: int64, of each of them."""
    placement, reference = window.placement, window.reference
    places = np.array([allele.start for allele in alleles], np.int64)
    bases = np.array([allele.alt[0] for allele in alleles], np.uint8)
    sites = np.unique(places)
    number = np.full(len(reference) + 1, -1, np.int32)
    number[sites] = np.arange(len(sites))
    room = _covering(window, number)
    site, at = np.zeros(room, np.int32), np.zeros(room, np.int64)
    read, shown = np.zeros(room, np.int32), _Shown(*np.zeros((4, room), np.uint8))
    over = np.zeros((2, len(reference)), np.int64)
    n = _observe(placement, np.int64(window.reads.pairs), number, over, site, read, at, shown)
    order = np.argsort(site[:n], kind="stable")
    bounds = np.searchsorted(site[:n], np.arange(len(sites) + 1), sorter=order)
    of_allele = number[places]
    first, size = bounds[of_allele], np.diff(bounds)[of_allele]
    taken = order[stretches(first, size)[0]]
    shows = np.full(len(taken), OTHER, np.uint8)
    base = shown.base[taken]
    shows[base == np.repeat(bases, size)] = ALT
    shows[base == np.repeat(reference[places], size)] = REF
    allele = np.repeat(rows, size).astype(np.int32)
    return Observations(
        allele, read[taken], at[taken], shows, shown.mate[taken], shown.quality[taken],
        shown.reads[taken],
    )  # fmt: skip


def _covering(window: AlignedWindow, number: np.ndarray) -> int:
    """At least as many rows as `_observe` writes."""
    before = np.zeros(len(number) + 1, np.int64)
    np.cumsum(number >= 0, out=before[1:])
    first, last, _ = window.spans
    return int((before[last + 1] - before[np.maximum(first, 0)])[last >= 0].sum())


class _Shown(NamedTuple):
    """What a fragment shows at a site, uint8: base, mate's word, quality, reads that show it."""

    base: np.ndarray
    mate: np.ndarray
    quality: np.ndarray
    reads: np.ndarray


@helper
def _spread(placed: Placement, start: int, stop: int, at: np.ndarray) -> tuple[int, int]:
    """For every reference base that a read covers, which base of the read is over it, as
    ``2 * index``, plus 1 where the read lacks it; -1 where none is. Returns the span."""
    low, last, previous = -1, -1, -1
    for j in range(start, stop):
        p = placed.where[j]
        if p == OFF:
            previous = -1
        if p < 0:
            continue
        if low < 0:
            low = p
        for q in range(last + 1 if last >= 0 else p, p):
            at[q] = 2 * j + 1 if previous >= 0 else -1
        at[p] = 2 * j if placed.codes[j] < 4 else -1
        last = previous = p
    return low, last + 1


@helper
def _shown(placed: Placement, entry: int, low: int, high: int, p: int) -> tuple[int, int, int]:
    """Base (5: lacking; 4: none), its quality and index, of one entry of `_spread`."""
    if p < low or p >= high or entry < 0:
        return 4, 0, -1
    j = entry // 2
    if entry % 2:
        return _GONE, min(placed.quals[j], placed.quals[j - 1]), j
    return int(placed.codes[j]), int(placed.quals[j]), j


@kernel
def _observe(
    placed: Placement, pairs: int, number: np.ndarray, at: np.ndarray, out_site: np.ndarray,
    out_read: np.ndarray, out_at: np.ndarray, shown: _Shown,
) -> int:  # fmt: skip
    """One row per fragment and site."""
    offsets = placed.offsets
    n, r = 0, 0
    while r < len(offsets) - 1:
        two = r < 2 * pairs
        low, high = _spread(placed, offsets[r], offsets[r + 1], at[0])
        other_low, other_high = -1, -1
        if two:
            other_low, other_high = _spread(placed, offsets[r + 1], offsets[r + 2], at[1])
        first, last = low, high
        if other_low >= 0 and (low < 0 or other_low < low):
            first = other_low
        last = max(high, other_high)
        for p in range(max(first, 0), last):
            if number[p] < 0:
                continue
            base, quality, j = _shown(placed, at[0, p], low, high, p)
            base2, quality2, j2 = 4, 0, -1
            if two:
                base2, quality2, j2 = _shown(placed, at[1, p], other_low, other_high, p)
            if base == 4 and base2 == 4:
                continue
            mate, reads, read = APART, 1, r
            if base != 4 and base2 != 4:
                mate = AGREES if base == base2 else DENIES
                reads = 2 if base == base2 else 1
            if base == 4 or (base2 != 4 and quality2 > quality):
                base, quality, j, read = base2, quality2, j2, r + 1
            out_site[n], out_read[n], out_at[n] = number[p], read, j
            shown.base[n], shown.mate[n] = base, mate
            shown.quality[n], shown.reads[n] = quality, reads
            n += 1
        r += 2 if two else 1
    return n
