"""Deamination in fixed tissue: C>T on either strand, in the molecule, so both mates show it.

Do and Dobrovic 2015 (doi:10.1373/clinchem.2014.223040): uracil from cytosine, thymine from
5-methylcytosine, which stands in CpG.
"""

from __future__ import annotations

import numpy as np

from benchmarks.simulators.family import kernels
from benchmarks.simulators.family.core import Draft, cut
from benchmarks.simulators.family.damage import BEHIND, PAIRS, context_tables
from benchmarks.simulators.family.reading import Errors, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish

__all__ = ["FAMILY"]

RATE = 0.0005
CPG = 3.0
# Contexts differ by this deviation of the logarithm of their rate besides.
SPREAD = 0.3


def _make(draft: Draft) -> FamilySample:
    rng = draft.rng
    molecules = cut(draft, draft.pairs)
    weight = np.where(BEHIND == PAIRS["G"], CPG, 1.0) * np.exp(rng.normal(0, SPREAD, 64))
    rate, to = context_tables("CT", weight, RATE, draft.genome)
    # Either strand of a molecule, and both were ligated: one table of C>T and G>A.
    both = rate.sum(0, keepdims=True), np.where(rate[:1] > 0, to[:1], to[1:])
    row = np.zeros(len(molecules), np.int64)
    kernels.change_by_context(molecules.codes, molecules.offsets, row, *both, rng)
    return finish(draft, molecules, *sequence(draft, molecules, Errors()))


FAMILY = Family("ffpe", "C>T and G>A in the molecule, three times as often in CpG", _make)
