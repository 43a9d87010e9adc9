"""Families of error processes, each with truth, for judges that never saw them.

    from benchmarks.simulators.family import FAMILIES

    sample = FAMILIES["ffpe"].draw(seed=1, length=50_000, depth=100)
    paths = FAMILIES["ffpe"].write(sample, folder)

Reads come from molecules: `core` cuts and copies them, `reading` reads them, `sample` puts
reads and truth together. A training job draws from other genomes (``genome=``): K-12, the
default, is what benchmarks are scored on.
"""

from benchmarks.simulators.family import (
    amplicons,
    contamination,
    duplicates,
    ffpe,
    independent,
    low_depth,
    motif,
    no_qualities,
    novaseq,
    oxidation,
    slippage,
    strand,
)
from benchmarks.simulators.family.sample import Family, FamilySample

__all__ = ["FAMILIES", "MODULES", "Family", "FamilySample"]

MODULES = (
    independent,
    strand,
    motif,
    ffpe,
    oxidation,
    duplicates,
    contamination,
    novaseq,
    no_qualities,
    slippage,
    amplicons,
    low_depth,
)
FAMILIES: dict[str, Family] = {module.FAMILY.name: module.FAMILY for module in MODULES}
