"""Columns of the allele table that are counted from what fragments show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean.evidence.alternatives import LOW_QUALITY
from dbgclean.evidence.mates import AGREES, DENIES
from dbgclean.variants.allele_table import KINDS, AlleleTable
from dbgclean.variants.haplotypes import Allele
from dbgclean.variants.observations import ALT, OTHER, REF, Observations
from dbgclean.variants.placement import Placement

if TYPE_CHECKING:
    from dbgclean.variants.region_reads import RegionReads

__all__ = [
    "count_crowd",
    "count_others",
    "count_support",
    "fragment_depth",
    "kind_of",
    "repeat_runs",
    "showing",
]

_NEAR_END = 10
# From this mapping quality on the aligner knows no other place.
_MAPPED = 20
# What a read shows beside an allele counts if so many fragments show it: errors do not.
_FEWEST, _COMMON = 3, 0.1
# Bases on either side of an allele within which others are its company.
_COMPANY = 250
# Longest unit of a tandem repeat.
_LONGEST_UNIT = 6
_TIP = KINDS.index("tip")


def kind_of(allele: Allele) -> int:
    """Index in `dbgclean.variants.allele_table.KINDS`."""
    if allele.is_tip:
        return _TIP
    gone, more = allele.end - allele.start, len(allele.alt)
    if gone == more:
        return KINDS.index("snv" if gone == 1 else "mnv")
    if gone and more:
        return KINDS.index("complex")
    return KINDS.index("deletion" if gone else "insertion")


def count_support(
    table: AlleleTable, found: Observations, placement: Placement, reads: RegionReads
) -> None:
    """Fill the support columns of the rows of ``table`` that ``found`` is about.

    ``others`` takes all alleles: see `count_others`.
    """
    rows = np.unique(found.allele)
    n = int(rows[-1]) + 1 if len(rows) else 0
    alt, ref = found.shows == ALT, found.shows == REF
    turned = placement.turned[found.read]
    mapping = reads.mapping_quality[found.read].astype(float)
    start = placement.offsets[found.read]
    length = placement.offsets[found.read + 1] - start
    at = found.at - start
    outside = (at < reads.clip_left[found.read]) | (at >= length - reads.clip_right[found.read])
    # Places in the read as it was sequenced, with what was taken off it.
    at = at + reads.cut_left[found.read]
    length = length + reads.cut_left[found.read] + reads.cut_right[found.read]
    end_distance = np.minimum(at, length - 1 - at)
    place = 2 * np.where(turned, length - 1 - at, at) + turned

    def count(mask: np.ndarray) -> np.ndarray:
        return np.bincount(found.allele[mask], minlength=n)[rows]

    def mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        total = np.bincount(found.allele[mask], values[mask], minlength=n)[rows]
        size = count(mask)
        return np.divide(total, size, out=np.full(len(rows), np.nan), where=size > 0)

    best = np.full(n, -1.0)
    np.maximum.at(best, found.allele[alt], found.quality[alt].astype(float))
    columns = {
        "alt_forward": count(alt & ~turned),
        "alt_reverse": count(alt & turned),
        "ref_forward": count(ref & ~turned),
        "ref_reverse": count(ref & turned),
        "depth": count(np.ones(len(alt), bool)),
        "alt_reads": np.bincount(found.allele[alt], found.reads[alt], minlength=n)[rows],
        "quality": mean(found.quality, alt),
        "best_quality": np.where(best[rows] < 0, np.nan, best[rows]),
        "low_quality": count(alt & (found.quality < LOW_QUALITY)),
        "mapping_quality": mean(mapping, alt),
        "ref_mapping_quality": mean(mapping, ref),
        "mapped_nowhere_else": count(alt & (mapping >= _MAPPED)),
        "clipped": count(alt & outside),
        "cycles": _distinct(found.allele[alt], place[alt], n)[rows],
        "ref_cycles": _rarefied(found.allele, place, alt, ref, n)[rows],
        "end_distance": mean(end_distance, alt),
        "near_end": count(alt & (end_distance < _NEAR_END)),
        "ref_near_end": count(ref & (end_distance < _NEAR_END)),
        "agreed": count(alt & (found.mate == AGREES)),
        "denied": count(alt & (found.mate == DENIES)),
    }
    for name, values in columns.items():
        getattr(table, name)[rows] = values


def count_others(table: AlleleTable, allele: np.ndarray, read: np.ndarray, n_reads: int) -> None:
    """Fill ``others``: what the reads of an allele show beside it.

    Parameters
    ----------
    allele, read
        int32: which allele which read shows, over all alleles.
    """
    n = table.alt_fragments
    common = (n >= _FEWEST) & (n >= _COMMON * table.depth)
    counts = common[allele]
    shown = np.bincount(read[counts], minlength=n_reads)
    total = np.bincount(allele, shown[read] - counts, minlength=len(table))
    table.others[:] = total / np.maximum(np.bincount(allele, minlength=len(table)), 1)


def count_crowd(table: AlleleTable) -> None:
    """Fill ``crowd``: other alleles within 250 bases that a tenth of the fragments show.

    Rows of one contig stand together, sorted by position.
    """
    n = table.alt_fragments
    common = (n >= _FEWEST) & (n >= _COMMON * table.depth) & (table.kind != _TIP)
    # Contigs apart, so that one sorted array serves all of them.
    place = table.contig.astype(np.int64) << 40 | table.position
    known = place[common]
    low = np.searchsorted(known, place - _COMPANY, side="left")
    high = np.searchsorted(known, place + _COMPANY, side="right")
    table.crowd[:] = high - low - common


def _distinct(allele: np.ndarray, place: np.ndarray, n: int) -> np.ndarray:
    """Different values of ``place`` per allele."""
    pairs = np.unique(np.stack([allele.astype(np.int64), place.astype(np.int64)], 1), axis=0)
    return np.bincount(pairs[:, 0], minlength=n)


def _rarefied(
    allele: np.ndarray, place: np.ndarray, alt: np.ndarray, ref: np.ndarray, n: int
) -> np.ndarray:
    """Distinct places that as many fragments as show the allele have on average where they
    show the reference, drawn with replacement: float64 (n,), NaN without both."""
    drawn = np.bincount(allele[alt], minlength=n)
    # Of a single fragment nobody asks, and most errors are shown by one.
    take = ref & (drawn > 1)[allele]
    key, count = np.unique(allele[take].astype(np.int64) << 32 | place[take], return_counts=True)
    owner = key >> 32
    total = np.bincount(owner, count, minlength=n)
    missed = (1 - count / np.maximum(total[owner], 1)) ** drawn[owner]
    expected = np.bincount(owner, 1 - missed, minlength=n)
    return np.where(total > 0, expected, np.nan)


def showing(
    found: Observations, fragment: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fragments that show each allele or the reference there.

    Parameters
    ----------
    fragment
        int64, by read.
    wanted
        bool (n,): alleles to list them for; the others have none.

    Returns
    -------
    offsets
        int64 (n + 1,).
    fragment
        int64: numbers from ``fragment``.
    shows_alt
        bool: the allele, or else the reference.
    """
    known = wanted[found.allele] & (found.shows != OTHER)
    offsets = np.zeros(len(wanted) + 1, np.int64)
    np.cumsum(np.bincount(found.allele[known], minlength=len(wanted)), out=offsets[1:])
    return offsets, fragment[found.read[known]], found.shows[known] == ALT


def fragment_depth(
    spans: tuple[np.ndarray, np.ndarray, np.ndarray], pairs: int, size: int
) -> np.ndarray:
    """Fragments over each base of the reference, int64 (size,); overlapping mates are one."""
    first, last, _ = spans
    low, high = first[: 2 * pairs].reshape(-1, 2), last[: 2 * pairs].reshape(-1, 2)
    both = (low.max(1) <= high.min(1)) & (low.min(1) >= 0)
    on = last >= 0
    # Where mates overlap one of the two is taken back.
    begins = np.concatenate([first[on], high.min(1)[both] + 1])
    ends = np.concatenate([last[on] + 1, low.max(1)[both]])
    change = np.bincount(begins, minlength=size + 1) - np.bincount(ends, minlength=size + 1)
    return np.cumsum(change[:size])


def repeat_runs(reference: np.ndarray) -> np.ndarray:
    """Length of the longest homopolymer or tandem repeat over each base, int64 (n,).

    Two copies or more of a unit of up to six bases; 1 where there is none.
    """
    n = len(reference)
    longest = np.ones(n, np.int64)
    for unit in range(1, min(_LONGEST_UNIT, n - 1) + 1):
        same = (reference[unit:] == reference[:-unit]) & (reference[unit:] < 4)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
        for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            size = stop - first + unit
            if size >= 2 * unit:
                part = longest[first : stop + unit]
                np.maximum(part, size, out=part)
    return longest
