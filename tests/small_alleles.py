"""Tables of alleles made by hand, for tests of what reads them."""

import numpy as np

from dbgclean.correct.verdicts import ERROR, REAL, UNDECIDED
from dbgclean.variants.allele_table import KINDS, AlleleTable

VERDICTS = {"error": (ERROR, 0.01), "real": (REAL, 0.995), "undecided": (UNDECIDED, 0.35)}


def alleles(*rows, contigs=("chr1",)):
    """Alleles as dicts of columns; what is not said is that of a clean heterozygous SNV.

    ``verdict`` may be a word, which sets the posterior; positions are 100 apart.
    """
    table = AlleleTable.empty(len(rows), list(contigs))
    for i, row in enumerate(rows):
        clean = {
            "position": 1000 + 100 * i, "ref": "A", "alt": "C", "kind": "snv",
            "alt_forward": 13, "alt_reverse": 12, "ref_forward": 12, "ref_reverse": 13,
            "quality": 34.0, "best_quality": 40.0, "mapping_quality": 60.0,
            "ref_mapping_quality": 60.0, "end_distance": 30.0, "others": 0.1,
            "depth_ratio": 1.0, "expected": 0.1, "verdict": "real",
        } | row  # fmt: skip
        clean.setdefault("likelihood", 100.0 if clean["verdict"] == "real" else 12.0)
        n = clean["alt_forward"] + clean["alt_reverse"]
        clean.setdefault("depth", n + clean["ref_forward"] + clean["ref_reverse"])
        clean.setdefault("mapped_nowhere_else", n)
        clean.setdefault("alt_reads", n)
        clean.setdefault("cycles", n)
        if clean["verdict"] in VERDICTS:
            clean["verdict"], posterior = VERDICTS[clean["verdict"]]
            clean.setdefault("posterior", posterior)
        clean["kind"] = KINDS.index(clean["kind"])
        for name, value in clean.items():
            getattr(table, name)[i] = value
    return table


def reads_of(table, seen=()):
    """Fragments by allele: ``seen`` is (fragment, {allele: shows it}) over and over."""
    rows = [[] for _ in range(len(table))]
    for fragment, shown in seen:
        for allele, shows in shown.items():
            rows[allele].append((fragment, shows))
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    flat = [pair for row in rows for pair in row]
    return (
        offsets,
        np.array([fragment for fragment, _ in flat], np.int64),
        np.array([shows for _, shows in flat], bool),
    )
