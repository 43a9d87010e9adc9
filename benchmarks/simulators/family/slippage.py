"""Homopolymers that lose or gain a base, the more often the longer they are.

Slips are of the molecule (stutter of the polymerase), so mates that overlap agree.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.simulators.family.core import Draft, cut
from benchmarks.simulators.family.kernels import slip_runs
from benchmarks.simulators.family.reading import Errors, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish

__all__ = ["FAMILY", "slip_rates"]

SHORTEST_RUN = 4
INSERTED = 0.35


def slip_rates() -> np.ndarray:
    """Share of the molecules that slip, by length of the run: float64 (32,).

    One in a thousand at four, 2.5 times as many for each base more, a tenth at most.
    """
    run = np.arange(32)
    return np.where(run < SHORTEST_RUN, 0.0, np.minimum(1e-3 * 2.5 ** (run - SHORTEST_RUN), 0.1))


def _make(draft: Draft) -> FamilySample:
    # Room for the bases that slips may cost.
    molecules = cut(draft, draft.pairs, shortest=draft.read_length + 20)
    room = np.empty(len(molecules.codes) * 3 // 2 + 1, np.uint8)
    offsets = slip_runs(molecules.codes, molecules.offsets, slip_rates(), INSERTED, room, draft.rng)
    same = np.diff(offsets) == np.diff(molecules.offsets)
    copies = replace(molecules, codes=room[: offsets[-1]].copy(), offsets=offsets, whole=same)
    return finish(draft, copies, *sequence(draft, copies, Errors()))


FAMILY = Family("slippage", "indels of homopolymers, growing with their length", _make)
