"""Independent errors in few reads: 30x and 60x."""

from __future__ import annotations

from benchmarks.simulators.family.independent import make
from benchmarks.simulators.family.sample import Family

__all__ = ["FAMILY"]

FAMILY = Family(
    "low_depth",
    "independent errors, 30x and 60x, alleles of 10 % and more",
    make,
    depths=(30.0, 60.0),
    fractions=(0.5, 0.2, 0.1),
)
