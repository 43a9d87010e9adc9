"""Independent errors, and files that say nothing about them."""

from __future__ import annotations

from benchmarks.simulators.family.core import Draft, cut
from benchmarks.simulators.family.reading import Errors, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish

__all__ = ["FAMILY"]

EQUAL = 40
# Reads without qualities were mostly trimmed by them: no bad stretches, hardly a bad read.
TRIMMED = Errors(scatter=(0.3, 1.2), bursts=(0.0, 1.0), drop=6.0)


def _make(draft: Draft) -> FamilySample:
    molecules = cut(draft, draft.pairs)
    codes, quals = sequence(draft, molecules, TRIMMED)
    quals[:] = EQUAL
    return finish(draft, molecules, codes, quals)


FAMILY = Family("no_qualities", "independent errors, FASTA", _make, fasta=True)
