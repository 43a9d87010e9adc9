"""8-oxoguanine: G>T in first reads, C>A in second reads, whichever strand they come from.

Costello et al. 2013 (doi:10.1093/nar/gks1443): the guanine that paired with A lay on the strand
that first reads copy, so F1R2 fragments carry G>T and F2R1 fragments C>A, most in CCG (CGG).
"""

from __future__ import annotations

import numpy as np

from benchmarks.simulators.family import kernels
from benchmarks.simulators.family.core import Draft, cut
from benchmarks.simulators.family.damage import BEFORE, BEHIND, PAIRS, context_tables
from benchmarks.simulators.family.reading import Errors, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish
from benchmarks.simulators.family.strand import draw_places

__all__ = ["FAMILY"]

RATE = 3e-4
# Places where it comes again and again, and in what share of the molecules of a side.
PER_BASE = 4 / 1000
RATES = (0.005, 0.05)


def _make(draft: Draft) -> FamilySample:
    rng, genome = draft.rng, draft.genome
    molecules = cut(draft, draft.pairs)
    side = (~molecules.forward).astype(np.int64)
    g = PAIRS["G"]
    weight = np.where(BEHIND == g, 3.0, 1.0) * np.where(BEFORE == PAIRS["C"], 2.0, 1.0)
    tables = context_tables("GT", weight, RATE, genome)
    kernels.change_by_context(molecules.codes, molecules.offsets, side, *tables, rng)
    candidates = np.flatnonzero((genome == g) | (genome == PAIRS["C"]))
    position = draw_places(draft, candidates, round(len(genome) * PER_BASE))
    row = (genome[position] != g).astype(np.int64)
    base = np.where(row == 0, PAIRS["T"], PAIRS["A"]).astype(np.uint8)
    rate = np.exp(rng.uniform(*np.log(RATES), len(position)))
    places = (position, row, base, rate)
    kernels.change_at(molecules.codes, molecules.offsets, molecules.start, side, places, rng)
    return finish(draft, molecules, *sequence(draft, molecules, Errors()))


FAMILY = Family("oxidation", "G>T in F1R2, C>A in F2R1, recurring at 0.5 to 5 %", _make)
