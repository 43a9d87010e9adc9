"""Tiled amplicons: few distinct starts, depths over two orders, primers, jackpots of PCR."""

from __future__ import annotations

import numpy as np

from benchmarks.simulators.family.core import Draft, copied, cut
from benchmarks.simulators.family.reading import Errors, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish

__all__ = ["FAMILY", "PRIMER", "SIZE", "STEP"]

SIZE, STEP, PRIMER = 400, 300, 22
# Deviation of the log of a tile's depth: two orders of magnitude between -2 and 2 of it.
SPREAD = np.log(100) / 4
# Errors of early cycles are in this share of a tile's molecules; late ones in one molecule.
JACKPOTS = tuple((share, 0.25) for share in (0.002, 0.004, 0.007, 0.012))
JACKPOT_RATE = 2e-3
RATE = 1e-4


def _make(draft: Draft) -> FamilySample:
    rng, pairs = draft.rng, draft.pairs
    starts = np.arange(0, len(draft.genome) - SIZE + 1, STEP)
    weight = np.exp(rng.normal(0, SPREAD, len(starts)))
    tile = rng.choice(len(starts), pairs, p=weight / weight.sum())
    molecules = cut(draft, pairs, tiles=(starts[tile], SIZE, PRIMER))
    late = copied(draft, molecules, np.arange(pairs), RATE, margin=PRIMER)
    early = copied(
        draft, late, np.arange(pairs), JACKPOT_RATE, shares=JACKPOTS, margin=PRIMER, group=tile
    )
    return finish(draft, early, *sequence(draft, early, Errors()))


FAMILY = Family(
    "amplicons",
    "tiles of 400 every 300 bases, 2 x 250, depths over two orders",
    _make,
    read_length=250,
)
