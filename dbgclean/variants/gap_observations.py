"""What every fragment shows at the places of gaps, complex alleles and tips.

Where reads were laid along several sequences, what each costs says what a read shows,
and how surely; elsewhere, whether it reads across the place, with the gap or without.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from dbgclean.evidence.mates import AGREES, APART, DENIES
from dbgclean.variants.haplotypes import Allele, Clusters, rightmost
from dbgclean.variants.observations import ALT, OTHER, REF, Observations, Spans
from dbgclean.variants.placement import Placement
from dbgclean.variants.realignment import MARGIN, Choices
from dbgclean.variants.tips import told_by_ends

__all__ = ["observe_gaps"]


def observe_gaps(
    placement: Placement,
    reference: np.ndarray,
    pairs: int,
    alleles: list[Allele],
    rows: np.ndarray,
    clusters: Clusters,
    choices: Choices,
    spans: Spans,
    events: dict[Allele, np.ndarray],
    tips: Collection[Allele] = (),
) -> Observations:
    """What fragments show at the places of insertions, deletions and complex alleles.

    Parameters
    ----------
    alleles, rows
        The alleles, and the row of each.
    clusters, choices
        Alleles that stand in a cluster's sequences are told by what reads cost there.
    spans
        `Placement.spans`.
    events
        int64 (n, 2) by allele: reads whose gap it is, and the first base behind the gap.
    tips
        Those of the alleles that are dead ends.
    """
    by_cluster: dict[Allele, int] = {}
    for c in range(len(clusters)):
        for h in clusters.rows(c):
            by_cluster.update(dict.fromkeys(clusters.alleles[h], c))
    starts = np.searchsorted(choices.cluster, np.arange(len(clusters) + 1), sorter=None)
    parts = []
    for allele, row in zip(alleles, rows, strict=True):
        own = events.get(allele, np.zeros((0, 2), np.int64))
        c = by_cluster.get(allele, -1)
        if allele in tips:
            told = told_by_ends(placement, spans, allele)
        elif c >= 0:
            part = slice(starts[c], starts[c + 1])
            told = _told_by_cost(clusters, choices, c, part, allele)
        else:
            told = _told_by_place(spans, allele, reference, own)
        parts.append(_by_fragment(placement, pairs, int(row), allele, told, own))
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


def _told_by_place(
    spans: Spans,
    allele: Allele,
    reference: np.ndarray,
    own: np.ndarray,
) -> np.ndarray:
    """As `_told_by_cost`, for a gap that no other read shares: who reads across."""
    first, last, at = spans
    reach = rightmost(reference, allele)
    across = np.flatnonzero((first >= 0) & (first < allele.start) & (last >= reach))
    shows = np.full(len(across), REF, np.int64)
    shows[np.isin(across, own[:, 0])] = ALT
    lone = own[~np.isin(own[:, 0], across), 0]
    reads = np.concatenate([across, lone])
    shows = np.concatenate([shows, np.full(len(lone), ALT, np.int64)])
    near = at[reads] + np.maximum(allele.start - first[reads], 0)
    return np.stack([reads, shows, np.full(len(reads), 1000, np.int64), near], 1)


def _by_fragment(
    placement: Placement, pairs: int, row: int, allele: Allele, told: np.ndarray, own: np.ndarray
) -> Observations:
    """One row per fragment: the read with the greater odds speaks."""
    read, shows, odds, at = told.T
    behind = np.full(len(placement.turned), -1, np.int64)
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
