"""PCR duplicates: four pairs a molecule, and what the first cycles got wrong in many of them."""

from __future__ import annotations

import numpy as np

from benchmarks.simulators.family.core import Draft, copied, cut
from benchmarks.simulators.family.reading import Errors, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish

__all__ = ["FAMILY"]

COPIES = 4
RATE = 1e-4
# An error of the first cycle may be in all copies that are read, later ones in fewer.
SHARES = ((1.0, 0.35), (0.5, 0.4), (0.25, 0.25))


def _make(draft: Draft) -> FamilySample:
    rng, pairs = draft.rng, draft.pairs
    molecules = cut(draft, max(1, round(pairs / COPIES)))
    # A branching process without death has geometric family sizes (Yule).
    number = rng.geometric(1 / COPIES, len(molecules))
    source = rng.permutation(np.repeat(np.arange(len(molecules)), number))[:pairs]
    copies = copied(draft, molecules, source, RATE, shares=SHARES)
    return finish(draft, copies, *sequence(draft, copies, Errors()))


FAMILY = Family("duplicates", "four pairs a molecule with errors of early cycles", _make)
