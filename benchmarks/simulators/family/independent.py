"""Errors by quality alone: every judge should know these."""

from __future__ import annotations

from benchmarks.simulators.family.core import Draft, cut
from benchmarks.simulators.family.reading import Errors, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish

__all__ = ["FAMILY", "make"]


def make(draft: Draft) -> FamilySample:
    """Molecules, each read once."""
    molecules = cut(draft, draft.pairs)
    return finish(draft, molecules, *sequence(draft, molecules, Errors()))


FAMILY = Family("independent", "errors as qualities have them, each on its own", make)
