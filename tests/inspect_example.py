"""Alleles as an inspection would find them, drawn: variants of both zygosities, phased,
errors of several sorts, copies of a repeat, and places that stay undecided."""

from typing import Any

import numpy as np

from dbgclean.variants.allele_table import (
    ERROR,
    KINDS,
    REPEAT,
    UNDECIDED,
    VARIANT,
    AlleleTable,
)
from dbgclean.variants.tables import alleles_to_rows, summarise

CONTIG = "chr20"
ORIGIN = 1_000  # 0-based start of the region on the drawn contig
REASONS = {
    VARIANT: ("{n} fragments on both strands", "mean base quality {q}", "in {c} distinct cycles"),
    ERROR: (
        "{low} of {n} alternative bases below Q15",
        "all on the {strand} strand",
        "same cycle in every read",
    ),
    REPEAT: ("the k-mer over the place stands {copies} times in the region", "depth 1.8 x median"),
    UNDECIDED: ("P(real) {p} lies between the two thresholds",),
}
FILTERS = {VARIANT: (), ERROR: ("NotReal", "StrandBias"), REPEAT: ("Repeat",), UNDECIDED: ()}


def reference(bases: int, seed: int = 1) -> str:
    """The whole drawn contig: ORIGIN bases, the region, and some more."""
    codes = np.random.default_rng(seed).integers(0, 4, bases + 2 * ORIGIN)
    return "".join(np.array(list("ACGT"))[codes])


def example_table(n: int = 40, seed: int = 1) -> tuple[str, AlleleTable]:
    """The contig and ``n`` alleles on it, sorted, about 50 bases apart."""
    rng = np.random.default_rng(seed)
    sequence = reference(50 * n, seed)
    table = AlleleTable.empty(n, [CONTIG])
    klass = rng.choice(4, n, p=[0.35, 0.45, 0.08, 0.12])
    table.klass[:] = klass
    table.position[:] = ORIGIN + 50 * np.arange(n) + rng.integers(0, 20, n)
    _draw_alleles(table, sequence, rng)
    _draw_counts(table, rng)
    _draw_evidence(table, rng)
    _name(table)
    return sequence, table


def _draw_alleles(table: AlleleTable, sequence: str, rng: np.random.Generator) -> None:
    kinds = rng.choice(6, len(table), p=[0.7, 0.05, 0.1, 0.1, 0.03, 0.02])
    for row, kind in enumerate(kinds):
        at = int(table.position[row])
        name = KINDS[kind]
        size = int(rng.integers(1, 5))
        ref = sequence[at]
        if name == "deletion":
            # Left-aligned: the last base that goes is not the one before.
            while sequence[at + size] == sequence[at]:
                size += 1
            ref, alt = sequence[at : at + size + 1], sequence[at]
        elif name == "insertion":
            alt = ref + "".join(rng.choice(list("ACGT"), size - 1)) + _other(ref)
        elif name in ("mnv", "complex"):
            ref = sequence[at : at + 3]
            alt = _other(ref[0]) + ref[1] + _other(ref[2]) * (1 if name == "mnv" else 2)
        else:
            alt = _other(ref)
            if name == "tip":
                alt += "ACCTG"
        table.kind[row], table.ref[row], table.alt[row] = kind, ref, alt
        left, right = sequence[at - 30 : at], sequence[at + len(ref) : at + len(ref) + 30]
        table.arms[row] = (left + ref + right, left + alt + right)


def _other(base: str) -> str:
    return {"A": "G", "G": "A", "C": "T", "T": "C"}[base]


def _draw_counts(table: AlleleTable, rng: np.random.Generator) -> None:
    n = len(table)
    depth = rng.poisson(52, n)
    fraction = np.where(rng.random(n) < 0.35, 1.0, 0.5)
    fraction[table.klass == ERROR] = rng.uniform(0.02, 0.12, np.sum(table.klass == ERROR))
    fraction[table.klass == UNDECIDED] = rng.uniform(0.06, 0.2, np.sum(table.klass == UNDECIDED))
    fraction[table.klass == REPEAT] = rng.uniform(0.2, 0.5, np.sum(table.klass == REPEAT))
    low = (table.klass == VARIANT) & (rng.random(n) < 0.1)
    fraction[low] = 0.12
    alt = np.maximum(rng.binomial(depth, fraction), 1)
    share = np.where(table.klass == ERROR, rng.choice([0.0, 1.0, 0.5], n), 0.5)
    table.depth[:] = depth
    table.alt_forward[:] = rng.binomial(alt, share)
    table.alt_reverse[:] = alt - table.alt_forward
    table.ref_forward[:] = rng.binomial(depth - alt, 0.5)
    table.ref_reverse[:] = depth - alt - table.ref_forward
    table.zygosity[table.klass == VARIANT] = 1
    table.zygosity[(table.klass == VARIANT) & (fraction == 1)] = 2
    table.zygosity[low] = 3


def _draw_evidence(table: AlleleTable, rng: np.random.Generator) -> None:
    n, alt, wrong = len(table), table.alt_fragments, table.klass == ERROR
    table.alt_reads[:] = alt + rng.binomial(alt, 0.2)
    table.quality[:] = np.where(wrong, rng.uniform(6, 22, n), rng.uniform(27, 38, n))
    table.best_quality[:] = np.minimum(table.quality + rng.uniform(0, 9, n), 41)
    table.low_quality[:] = rng.binomial(alt, np.where(wrong, 0.7, 0.03))
    repeat = table.klass == REPEAT
    table.mapping_quality[:] = np.where(repeat, rng.uniform(0, 20, n), rng.uniform(50, 60, n))
    table.ref_mapping_quality[:] = rng.uniform(50, 60, n)
    table.mapped_nowhere_else[:] = np.where(repeat, alt // 3, alt)
    table.clipped[:] = rng.binomial(alt, 0.02)
    table.cycles[:] = np.where(wrong, 1, np.maximum(alt * 9 // 10, 1))
    table.end_distance[:] = np.where(wrong, rng.uniform(2, 20, n), rng.uniform(25, 45, n))
    table.near_end[:] = rng.binomial(alt, np.where(wrong, 0.6, 0.1))
    table.agreed[:] = rng.binomial(alt, 0.15)
    table.denied[:] = np.where(wrong, rng.binomial(alt, 0.2), 0)
    table.others[:] = rng.uniform(0, 1, n)
    table.copies[repeat] = rng.integers(2, 5, repeat.sum())
    table.run[:] = rng.integers(1, 7, n)
    table.depth_ratio[:] = np.where(repeat, 1.8, table.depth / 52)
    table.expected[:] = rng.uniform(0.2, 2, n)
    p = np.select([table.klass == k for k in range(4)], [0.999, 0.002, 0.9, 0.5])
    table.posterior[:] = np.clip(p + rng.normal(0, 0.03, n), 1e-5, 1 - 1e-5)
    table.likelihood[:] = np.log(table.posterior / (1 - table.posterior)) + 9
    table.verdict[:] = np.array([1, 0, 1, 2])[table.klass]
    table.quality_score[:] = -10 * np.log10(1 - table.posterior.astype(float))


def _genotype_likelihoods(ref: int, alt: int, error: float = 0.01) -> np.ndarray:
    """log10 of a binomial model, best 0."""
    chance = np.array([error, 0.5, 1 - error])
    score = alt * np.log10(chance) + ref * np.log10(1 - chance)
    return score - score.max()


def _name(table: AlleleTable) -> None:
    block = 0
    for row in range(len(table)):
        klass = int(table.klass[row])
        alt = int(table.alt_fragments[row])
        table.genotype_likelihoods[row] = _genotype_likelihoods(int(table.ref_fragments[row]), alt)
        words = {
            "n": alt,
            "q": f"{table.quality[row]:.0f}",
            "c": table.cycles[row],
            "low": table.low_quality[row],
            "strand": "reverse" if table.alt_reverse[row] else "forward",
            "copies": table.copies[row],
            "p": f"{table.posterior[row]:.2f}",
        }
        table.reasons[row] = tuple(text.format(**words) for text in REASONS[klass])
        table.filters[row] = FILTERS[klass]
        zygosity = int(table.zygosity[row])
        table.genotype[row] = {0: "./.", 1: "0/1", 2: "1/1", 3: "0/1"}[zygosity]
        if zygosity == 1 and row % 3:
            block = block or int(table.position[row]) + 1
            table.genotype[row] = "0|1" if row % 2 else "1|0"
            table.phase_set[row] = block
        if row % 12 == 0:
            block = 0


def example_report(n: int = 40, seed: int = 1, **changed: Any) -> dict[str, Any]:
    """The report of an inspection that found `example_table`."""
    _, table = example_table(n, seed)
    return {
        "tag": "dbgclean inspect",
        "schema_version": [0, 1],
        "version": "0.1.0",
        "config": {
            "corrector": "autoencoder",
            "reference": "ref.fa",
            "ploidy": 2,
            "min_fraction": 0.0,
            "min_mapping_quality": 0,
            "seed": 1,
        },
        "inputs": [
            {
                "files": ["sample.bam"],
                "format": "bam",
                "reads": 26 * n,
                "duplicate": 41,
                "secondary": 3,
                "supplementary": 0,
            }
        ],
        "regions": [
            {
                "contig": CONTIG,
                "start": ORIGIN,
                "end": ORIGIN + 50 * n,
                "reads": 26 * n,
                "depth": 52.3,
                "windows": 1 + n // 40,
            }
        ],
        "summary": summarise(table),
        "alleles": alleles_to_rows(table),
    } | changed


EVIL = "</script><script>alert(1)</script><!--'\"&{{ 7*7 }}\u2028"


def evil_report():
    rows = example_report()["alleles"]
    rows[0] |= {"reasons": [EVIL], "filters": [EVIL], "ref": EVIL, "alt": EVIL, "ref_arm": EVIL,
                "alt_arm": EVIL + "x", "contig": EVIL, "genotype": EVIL, "zygosity": EVIL,
                "origin": EVIL, "kind": EVIL}  # fmt: skip
    return example_report(
        alleles=rows,
        config={EVIL: EVIL, "more": {EVIL: [EVIL]}},
        inputs=[{"files": [EVIL, "a\x1b[31m\nb.bam"], EVIL: 3}],
        regions=[{"contig": EVIL, "start": 0, "end": 9000, EVIL: EVIL}],
        summary=example_report()["summary"] | {"filter_words": {EVIL: EVIL}},
    )
