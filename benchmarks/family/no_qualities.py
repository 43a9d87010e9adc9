"""Independent errors, and files that say nothing about them."""

from __future__ import annotations

from benchmarks.family import independent
from benchmarks.family.core import Draft
from benchmarks.family.sample import Family, FamilySample

__all__ = ["FAMILY"]

EQUAL = 40


def _make(draft: Draft) -> FamilySample:
    sample = independent.make(draft)
    sample.quals[:] = EQUAL
    return sample


FAMILY = Family("no_qualities", "independent errors, FASTA", _make, fasta=True)
