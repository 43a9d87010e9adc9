"""Places that reads of one strand misread: all at low quality, or all at full quality."""

from __future__ import annotations

import numpy as np

from benchmarks.simulators.family.core import Draft, cut
from benchmarks.simulators.family.reading import Errors, WrongSites, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish

__all__ = ["FAMILY", "LOW", "draw_places", "wrong_sites"]

LOW = 12
LOW_SHARE = 0.6
PER_BASE = 1 / 1000
RATES = (0.01, 0.1)


def wrong_sites(
    draft: Draft, position: np.ndarray, strand: np.ndarray, base: np.ndarray
) -> WrongSites:
    """Give places their rates and a quality that all their errors share."""
    rng, count = draft.rng, len(position)
    rate = rng.uniform(*RATES, count)
    quality = np.where(rng.random(count) < LOW_SHARE, LOW, 0).astype(np.uint8)
    return WrongSites(position, strand, base.astype(np.uint8), rate, quality)


def draw_places(draft: Draft, candidates: np.ndarray, count: int) -> np.ndarray:
    """Some of the candidate places, sorted, none of them an allele's: int64."""
    free = np.setdiff1d(candidates, draft.sites.position)
    return np.sort(draft.rng.choice(free, min(count, len(free)), replace=False))


def _make(draft: Draft) -> FamilySample:
    rng, genome = draft.rng, draft.genome
    count = round(len(genome) * PER_BASE)
    position = draw_places(draft, np.arange(len(genome)), count)
    base = (genome[position] + rng.integers(1, 4, len(position))) & 3
    wrong = wrong_sites(draft, position, rng.integers(0, 2, len(position)), base)
    molecules = cut(draft, draft.pairs)
    return finish(draft, molecules, *sequence(draft, molecules, Errors(), wrong))


FAMILY = Family(
    "strand",
    "a place a kilobase misread by 1 to 10 % of the reads of one strand",
    _make,
    length=500_000,
)
