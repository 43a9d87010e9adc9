"""Alleles of a sample beside its matched normal: somatic, germline, error or undecided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dbgclean.variants.allele_table import ERROR, VARIANT, AlleleTable
from dbgclean.variants.reasons import explain_origins
from dbgclean.variants.signs import MOST_QUALITY, Rules
from dbgclean.variants.somatic import ORIGINS, judge_origins

__all__ = ["with_origins"]


def with_origins(table: AlleleTable, rules: Rules) -> AlleleTable:
    """Somatic, germline, error or undecided.

    Somatic is only what the tumour itself shows to be a variant. What is no more frequent
    in the tumour than in the normal, and too rare there for an allele, is an error in both.
    """
    origins = judge_origins(
        table.alt_fragments, table.depth, table.normal_alt, table.normal_depth, table.expected
    )
    words = explain_origins(table, origins)
    origin = np.array(ORIGINS, object)[origins.origin]
    doubted = (table.klass != VARIANT) & (origin != "germline")
    origin[doubted] = np.where(table.klass[doubted] == ERROR, "error", "undecided")
    # A fifth of the tumour's fragments is no error, whatever the normal shows.
    frequent = table.alt_fragments >= rules.frequent_fraction * table.depth
    frequent &= (origin == "error") & (table.depth >= rules.frequent_depth)
    origin[frequent & (table.klass == VARIANT)] = "undecided"
    recurring = (table.klass == VARIANT) & (origin == "error")
    reasons, filters = table.reasons.copy(), table.filters.copy()
    for row, word in enumerate(words):
        reasons[row] = (*table.reasons[row], word)
    for row in np.flatnonzero(recurring).tolist():
        filters[row] = ("NotReal", "InNormal")
    score = np.minimum(table.quality_score, MOST_QUALITY[ERROR])
    return replace(
        table,
        origin=origin,
        reasons=reasons,
        filters=filters,
        klass=np.where(recurring, ERROR, table.klass).astype(np.uint8),
        zygosity=np.where(recurring, 0, table.zygosity).astype(np.uint8),
        genotype=np.where(recurring, "0/0", table.genotype),
        phase_set=np.where(recurring, 0, table.phase_set),
        quality_score=np.where(recurring, score, table.quality_score),
    )
