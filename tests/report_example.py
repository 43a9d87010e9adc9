"""A report as a run would make it: a 500 kb genome at 60x, two haplotypes, truth given.

The spectrum comes from formulas (errors fall off geometrically, the genome is Poisson
around its peak and twice that), the counts are hand-made and plausible.
"""

import math
from typing import Any

from dbgclean.report import build_report

VERSION = {"version": "0.1.0"}  # golden files outlive ours
PEAK = 46.8
LAST = 160


def _poisson(a: int, mean: float) -> float:
    return math.exp(a * math.log(mean) - mean - math.lgamma(a + 1))


def _curve() -> list[list[float]]:
    return [
        [
            a,
            1_720_000 * 0.19 ** (a - 1) + 900 * 0.72 ** (a - 1),
            481_000 * _poisson(a, PEAK) + 21_000 * _poisson(a, PEAK / 2) + 9_000 * _poisson(a, 94),
        ]
        for a in range(1, LAST)
    ]


def _column(kmers: int, unitigs: int, junctions: int, tips: int, bubbles: int) -> dict[str, int]:
    return {
        "kmers": kmers,
        "unitigs": unitigs,
        "total_bases": kmers + 30 * unitigs,
        "n50": max(62, 4_000_000 // unitigs),
        "junctions": junctions,
        "tips": tips,
        "simple_bubbles": bubbles,
        "superbubbles": bubbles // 9,
        "components": 1 + tips // 900,
        "eulerian_deficit": tips + tips // 50 + 4,
    }


def _cost(lost: int, left: int, closed: int, made: int) -> dict[str, int]:
    return {
        "true_kmers_lost": lost,
        "false_kmers_left": left,
        "real_bubbles_closed": closed,
        "new_junctions": made,
    }


def parts() -> dict[str, Any]:
    """The arguments of build_report; tests take parts away or spoil them."""
    curve = _curve()
    histogram = [[a, round(e + g)] for a, e, g in curve if round(e + g)]
    return {
        "verdict": {
            "doubtful": False,
            "grade": "usable",
            "reasons": [],
            "causes": [],
            "read_depths": [47],
        },
        "config": {
            "k": 31,
            "corrector": "autoencoder",
            "correction_k": 25,
            "seed": 1,
            "min_quality": 20,
            "min_vaf": 0.01,
            "ploidy": 2,
        },
        "inputs": [
            {
                "files": ["mix60x_R1.fastq.gz", "mix60x_R2.fastq.gz"],
                "layout": "paired",
                "format": "fastq",
                "reads": 200_000,
                "pairs": 100_000,
                "bases": 30_000_000,
                "acgt_bases": 29_998_716,
                "longest": 150,
                "shortest": 150,
                "empty": 0,
                "secondary": 0,
                "supplementary": 0,
                "qc_fail": 0,
                "duplicate": 0,
                "orphans": 0,
                "without_quality": 0,
            },
            {
                "files": ["lane2.bam"],
                "layout": "single",
                "format": "bam",
                "reads": 4_120,
                "bases": 618_000,
                "secondary": 37,
                "supplementary": 12,
                "qc_fail": 3,
                "duplicate": 401,
            },
        ],
        "spectrum": {
            "k": 31,
            "distinct": sum(n for _, n in histogram),
            "total": sum(a * n for a, n in histogram),
            "fit": {
                "fitted": True,
                "reason": "",
                "valley": 8,
                "peak": PEAK,
                "half_peak": PEAK / 2,
                "error_rate": 0.00243,
                "genome_size": 500_613,
                "depth": 59.9,
            },
            "skipped_kmers": 38_520,
            "histogram": histogram,
            "curve": curve,
        },
        "corrections": {
            "corrector": "autoencoder",
            "alternatives": 70_412,
            "real": 214,
            "error": 70_061,
            "undecided": 137,
            "bases_changed": 71_984,
            "reads_touched": 61_377,
            "refused": {
                "edit_real": 1_904,
                "edit_undecided": 288,
                "edit_tie": 312,
                "read_without_anchor": 96,
                "read_too_short": 0,
            },
            "kmers_dropped": 1_411,
        },
        "ambiguity": {
            "raw": _column(2_626_114, 163_220, 108_441, 27_912, 40_127) | _cost(0, 2_101_883, 0, 0),
            "cutoff": _column(523_410, 1_322, 590, 41, 203) | _cost(1_188, 507, 9, 0),
            "classical": _column(522_004, 310, 118, 12, 11) | _cost(6_240, 640, 201, 0),
            "nearest": _column(523_902, 1_290, 570, 22, 204) | _cost(310, 121, 8, 3),
            "likelihood": _column(524_701, 1_352, 602, 25, 213) | _cost(0, 580, 0, 2),
            "autoencoder": _column(524_262, 1_315, 584, 20, 212) | _cost(0, 141, 0, 2),
        },
        "abundance": {
            "kept": [[a, round(g)] for a, _, g in curve if round(g)],
            "removed": [[a, round(e)] for a, e, _ in curve if round(e)],
        },
        "alleles": {"kept": 214, "undecided": 137},
        "expected_loss": {
            "0.02": {"shown": 240, "kept": 204},
            "0.05": {"shown": 197, "kept": 194},
            "0.1": {"shown": 100, "kept": 100},
        },
        "truth": {
            "file": "mix_truth.fa",
            "kmers": 524_231,
            "reads": {
                "true_kmers_lost": 0,
                "true_kmers_lost_2": 1,
                "true_kmers_lost_3": 4,
                "false_kmers_left": 141,
                "false_kmers_left_2": 38,
                "false_kmers_left_3": 6,
            },
        },
    }


def example(**changed: Any) -> dict[str, Any]:
    """The report of :func:`parts`, with parts replaced (None where optional)."""
    return build_report(**(parts() | changed)) | VERSION


def without_truth(**changed: Any) -> dict[str, Any]:
    """The same run where nobody knew the truth."""
    cost = _cost(0, 0, 0, 0)
    columns = {
        name: {key: value for key, value in column.items() if key not in cost}
        for name, column in parts()["ambiguity"].items()
    }
    return example(**({"truth": None, "ambiguity": columns} | changed))


def bare(**changed: Any) -> dict[str, Any]:
    """The least that a report can be: no reads named, no spectrum, nothing corrected."""
    raw = _column(2_626_114, 163_220, 108_441, 27_912, 40_127)
    least = {
        "config": {},
        "inputs": [],
        "ambiguity": {"raw": raw},
    }
    return build_report(**(least | changed)) | VERSION


def picture() -> dict[str, Any]:
    """A ring with a bubble that is kept, one that is not in question, and two that were removed."""
    card = {
        "kmer": "ACGTTGCAACGTTGCAACGTTGCAACGTTGC",
        "raw_count": 9,
        "from": "C",
        "to": "T",
        "posterior": 0.98,
        "verdict": "real",
        "reason": "real",
        "fragments": 8,
        "depth": 40,
        "reverse": 3,
        "quality": 33.5,
        "best_quality": 38.0,
        "low_quality": 1,
        "near_end": 0,
        "agreed": 2,
        "denied": 1,
        "other_reverse": 21,
        "expected": 0.03,
        "ratio": 22.4,
    }
    unknown = ("reverse", "quality", "best_quality", "low_quality", "near_end", "agreed", "denied")
    error = (
        card | dict.fromkeys(unknown) | {"verdict": "error", "reason": "changed", "fragments": 2}
    )
    doubt = card | {"verdict": "undecided", "reason": "tie", "posterior": 0.0004}
    after = [
        ["0", 900, 47.0, "plain", None, "M10 60L60 10 110 60"],
        ["1", 61, 8.0, "kept", 0, "M110 60L100 80 90 90"],
        ["2", 61, 40.0, "kept", None, "M110 60L112 80 90 90"],
        ["3", 61, 3.0, "undecided", 2, "M90 90L60 100 30 90 10 60"],
    ]
    removed = [
        ["7", 45, 1.0, "removed", 1, "M60 10Q70 0 80 5"],
        ["8", 61, 1.5, "removed", None, "M60 10C70 0 50 0 60 10"],
    ]
    return {
        "whole": True,
        "box": [120.0, 100.0],
        "depth": 47.0,
        "unitigs": {"before": 40, "after": 4},
        "standing": 12,
        "removed": 28,
        "before": [["9 unitigs", *after[0][1:]], *after[1:], *removed],
        "after": after,
        "alternatives": [card, error, doubt],
    }
