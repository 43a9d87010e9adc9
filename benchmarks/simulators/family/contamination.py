"""A near-identical strain in a few of the molecules: all of it is true."""

from __future__ import annotations

import numpy as np

from benchmarks.simulators.family.core import Draft, cut
from benchmarks.simulators.family.reading import Errors, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish

__all__ = ["FAMILY", "draw_strain"]

SHARE = 0.03
DIVERGENCE = 0.005
INDELS = 0.0003


def draw_strain(draft: Draft) -> tuple[np.ndarray, np.ndarray]:
    """The strain, and where in it its SNVs lie: uint8, int64."""
    rng, genome = draft.rng, draft.genome
    kind = rng.random(len(genome))
    kind[draft.sites.position] = 1
    snv = kind < DIVERGENCE
    strain = np.where(snv, genome + rng.integers(1, 4, len(genome)), genome) & 3
    size = rng.integers(1, 4, len(genome))
    pieces: list[np.ndarray] = []
    first, deleted, moved, shift = 0, np.zeros(len(genome), bool), np.zeros(len(genome), int), 0
    for at in np.flatnonzero((kind >= DIVERGENCE) & (kind < DIVERGENCE + INDELS)).tolist():
        if at <= first:
            continue
        pieces.append(strain[first:at])
        first = at
        if rng.random() < 0.5:
            pieces.append(rng.integers(0, 4, size[at]))
            shift = int(size[at])
        else:
            first = min(at + int(size[at]), len(genome))
            deleted[at:first] = True
            shift = at - first
        if first < len(genome):
            moved[first] += shift
    pieces.append(strain[first:])
    place = np.arange(len(genome)) + np.cumsum(moved)
    return np.concatenate(pieces).astype(np.uint8), place[snv & ~deleted]


def _make(draft: Draft) -> FamilySample:
    strain, at = draw_strain(draft)
    molecules = cut(draft, draft.pairs, strain=strain, strain_share=SHARE)
    reads = sequence(draft, molecules, Errors())
    return finish(draft, molecules, *reads, strain=(strain, at))


FAMILY = Family("contamination", "a strain, 0.5 % away, in 3 % of the molecules", _make)
