"""Two-colour chemistry: four qualities that promise too much, and reads that end in dark G."""

from __future__ import annotations

import numpy as np

from benchmarks.simulators.family.core import Draft, Molecules, cut
from benchmarks.simulators.family.kernels import DARK
from benchmarks.simulators.family.reading import Errors, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish

__all__ = ["BINS", "FAMILY"]

BINS = (2, 12, 23, 37)
# Of all reads, half by a molecule that ends before the read and half by cycles without light.
TAILS = 0.03
SHORTEST = 40
LIT = 0.005


def _shorten(draft: Draft, molecules: Molecules) -> Molecules:
    """Let a few molecules end within the read."""
    rng = draft.rng
    size = np.diff(molecules.offsets)
    short = np.flatnonzero(rng.random(len(size)) < TAILS / 2)
    wanted = size.copy()
    wanted[short] = rng.integers(SHORTEST, draft.read_length - 5, len(short))
    offsets = np.concatenate([[0], np.cumsum(wanted)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], wanted)
    codes = molecules.codes[np.repeat(molecules.offsets[:-1], wanted) + within]
    rest = (molecules.start, molecules.forward, molecules.name, molecules.whole)
    return Molecules(codes, offsets, *rest)


def _make(draft: Draft) -> FamilySample:
    rng, length = draft.rng, draft.read_length
    molecules = _shorten(draft, cut(draft, draft.pairs))
    codes, quals = sequence(draft, molecules, Errors(bins=BINS, miscalibrated=0.8))
    end = np.minimum(np.repeat(np.diff(molecules.offsets), 2), length)
    dark = np.flatnonzero((rng.random(len(codes)) < TAILS / 2) & (end == length))
    end[dark] = rng.integers(SHORTEST, length - 5, len(dark))
    for read in np.flatnonzero(end < length):
        tail = slice(end[read], length)
        left = length - end[read]
        codes[read, tail] = np.where(rng.random(left) < LIT, rng.integers(0, 4, left), DARK)
        quals[read, tail] = BINS[-1]
    return finish(draft, molecules, codes, quals, countable=end == length)


FAMILY = Family("novaseq", "four qualities, miscalibrated, tails of G in 3 % of the reads", _make)
