"""What every fragment shows at the places of gaps, complex alleles and tips.

Where reads were laid along several sequences, what each costs says what a read shows,
and how surely; elsewhere, whether it reads across the place, with the gap or without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean.evidence.mates import AGREES, APART, DENIES
from dbgclean.variants.haplotypes import Allele, Clusters, rightmost
from dbgclean.variants.observations import ALT, OTHER, REF, Observations
from dbgclean.variants.placement import OFF, Placement
from dbgclean.variants.realignment import MARGIN, Choices

if TYPE_CHECKING:
    from dbgclean.variants.aligned_window import AlignedWindow

__all__ = ["observe_gaps"]

# Bases of a read behind the reference's that are compared with a tip, and the share of
# them that may differ.
_LEAST, _DIFFER = 4, 0.1
# As certain as it gets, in hundredths of a nat.
_CERTAIN = 1000


def observe_gaps(window: AlignedWindow, alleles: list[Allele], rows: np.ndarray) -> Observations:
    """What fragments show at the places of insertions, deletions, complex alleles and tips.

    ``rows``: int64, of each of the alleles. Those that stand in a cluster's sequences are
    told by what reads cost there.
    """
    clusters, choices = window.clusters, window.choices
    by_cluster: dict[Allele, int] = {}
    for c in range(len(clusters)):
        for h in clusters.rows(c):
            by_cluster.update(dict.fromkeys(clusters.alleles[h], c))
    starts = np.searchsorted(choices.cluster, np.arange(len(clusters) + 1))
    parts = []
    for allele, row in zip(alleles, rows, strict=True):
        c = by_cluster.get(allele, -1)
        if allele.is_tip:
            told = _told_by_ends(window, allele)
        elif c >= 0:
            told = _told_by_cost(clusters, choices, c, slice(starts[c], starts[c + 1]), allele)
        else:
            told = _told_by_place(window, allele)
        parts.append(_by_fragment(window, int(row), allele, told))
    return Observations.concatenate(parts)


def _told_by_cost(
    clusters: Clusters, choices: Choices, c: int, part: slice, allele: Allele
) -> np.ndarray:
    """int64 (n, 4): read, what it shows, odds in hundredths of a nat, index of its base."""
    own = clusters.rows(c)
    cost = choices.cost[part][:, : len(own)]
    have = np.array([allele in clusters.alleles[h] for h in own])
    # Of the sequences without it, those that have the reference at its place.
    clean = np.array([not any(_overlap(allele, a) for a in clusters.alleles[h]) for h in own])
    rival = ~have & ~clean
    # Between two alleles of one place the commoner one is the likelier: the rarer may be
    # the same with an error in it.
    dearer = cost - np.log(_clearly_best(cost) + 1.0)
    plain = _least(cost, clean)
    odds = plain - _least(cost, have)
    beside = _least(dearer, rival) - _least(dearer, have)
    shows = np.where((odds > 0) & (beside > 0), ALT, np.where(odds <= 0, REF, OTHER))
    shows = np.where((odds <= 0) & (_least(cost, rival) < plain), OTHER, shows)
    odds = np.minimum(np.abs(odds), np.where(odds > 0, np.abs(beside), np.inf))
    tells = odds >= MARGIN
    odds = np.minimum(odds, 1e6) * 100
    columns = (choices.read[part], shows, odds, choices.far[part])
    return np.stack([np.asarray(column)[tells].astype(np.int64) for column in columns], 1)


def _clearly_best(cost: np.ndarray) -> np.ndarray:
    """How many reads each sequence fits better than all others, int64 (n_sequences,)."""
    n = cost.shape[1]
    if n < 2 or not len(cost):
        return np.zeros(n, np.int64)
    two = np.partition(cost, 1, axis=1)[:, :2]
    clear = two[:, 1] - two[:, 0] >= MARGIN
    return np.bincount(cost[clear].argmin(1), minlength=n)


def _least(cost: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Least cost of the chosen sequences, float64 (n,); infinite where there are none."""
    if not which.any():
        return np.full(len(cost), np.inf)
    return cost[:, which].min(1).astype(float)


def _overlap(a: Allele, b: Allele) -> bool:
    return a.start <= b.end and b.start <= a.end


def _told_by_place(window: AlignedWindow, allele: Allele) -> np.ndarray:
    """As `_told_by_cost`, for a gap that no other read shares: who reads across."""
    first, last, at = window.spans
    own = window.own(allele)[:, 0]
    reach = rightmost(window.reference, allele)
    across = np.flatnonzero((first >= 0) & (first < allele.start) & (last >= reach))
    lone = own[~np.isin(own, across)]
    reads = np.concatenate([across, lone])
    shows = np.where(np.isin(reads, own), ALT, REF)
    near = at[reads] + np.maximum(allele.start - first[reads], 0)
    return np.stack([reads, shows, np.full(len(reads), _CERTAIN), near], 1)


def _told_by_ends(window: AlignedWindow, tip: Allele) -> np.ndarray:
    """As `_told_by_cost`: who leaves the reference with a tip, and who reads on.

    The index is that of the first base off the reference, or of the one that the tip
    stands for.
    """
    placement, (first, last, at) = window.placement, window.spans
    where, codes = placement.where, placement.codes
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


def _by_fragment(window: AlignedWindow, row: int, allele: Allele, told: np.ndarray) -> Observations:
    """One row per fragment: the read with the greater odds speaks."""
    placement, pairs, own = window.placement, window.reads.pairs, window.own(allele)
    read, shows, odds, at = told.T
    behind = np.full(len(window.reads), -1, np.int64)
    behind[own[:, 0]] = own[:, 1]
    at = np.where((behind[read] >= 0) & (shows == ALT), behind[read], at)
    offsets = placement.offsets
    at = np.clip(at, offsets[read], offsets[read + 1] - 1)
    # Read and mate have the same number here; others are their own fragment.
    molecule = np.where(read < 2 * pairs, read // 2, read)
    order = np.lexsort((read, -odds, molecule))
    read, shows, at, molecule = read[order], shows[order], at[order], molecule[order]
    speaks = np.ones(len(read), bool)
    speaks[1:] = molecule[1:] != molecule[:-1]
    has_mate = np.zeros(len(read), bool)
    has_mate[:-1] = ~speaks[1:]
    same = np.zeros(len(read), bool)
    same[:-1] = has_mate[:-1] & (shows[1:] == shows[:-1])
    mate = np.where(has_mate, np.where(same, AGREES, DENIES), APART)
    quality = _gap_quality(placement, at, len(allele.alt), shows == ALT)
    columns = (read, at, shows, mate, quality, 1 + same)
    kinds = (np.int32, np.int64, np.uint8, np.uint8, np.uint8, np.uint8)
    kept = [column[speaks].astype(kind) for column, kind in zip(columns, kinds, strict=True)]
    return Observations(np.full(int(speaks.sum()), row, np.int32), *kept)


def _gap_quality(
    placement: Placement, behind: np.ndarray, inserted: int, alt: np.ndarray
) -> np.ndarray:
    """Worst Phred of the inserted bases and the two on either side of the gap."""
    read = np.searchsorted(placement.offsets, behind, side="right") - 1
    low, high = placement.offsets[read], placement.offsets[read + 1] - 1
    worst = placement.quals[np.clip(behind, low, high)].copy()
    for step in range(1, min(inserted, 30) + 2):
        wanted = alt | (step == 1)
        here = placement.quals[np.clip(behind - step, low, high)]
        worst = np.where(wanted, np.minimum(worst, here), worst)
    return worst
