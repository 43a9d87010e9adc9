"""Tumour and normal: is an allele of the tumour somatic, germline or a recurring error?

Three explanations of what the normal shows are weighed by their likelihoods:

* *somatic*: the normal lacks the allele and shows it by error, or because a few per cent
  of its cells are tumour (as in blood beside a leukaemia, or tissue beside a carcinoma);
* *germline*: the normal holds it on one copy or both, whatever loss or gain made of it in
  the tumour;
* *error*: the same artefact, at the same rate, in both libraries.

A germline allele is a hundred times as frequent as a somatic one before the reads are
seen; the normal has to be deep enough to outweigh that, or the allele stays undecided
(the argument of MuTect, Cibulskis 2013, doi:10.1038/nbt.2514).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from dbgclean.variants.allele_table import ERROR, ORIGINS, VARIANT, AlleleTable
from dbgclean.variants.signs import MOST_QUALITY, Rules

__all__ = ["ORIGINS", "Origins", "judge_origins", "with_origins"]

SOMATIC, GERMLINE, RECURRING, OPEN = range(4)

# Before the reads: alleles of a place per base of a genome. An allele has passed for real
# in the tumour, so that an artefact there is an exception.
_PRIOR = np.log([1e-5, 1e-3, 5e-7])
# Of the germline alleles, those on both copies.
_BOTH_COPIES = 1 / 3
# How much the share of a heterozygous allele varies from place to place beyond chance:
# a beta distribution of this weight around one half has a standard deviation of .07.
_WEIGHT = 50.0
# Errors at a place, as a share of its fragments: most places err seldom, few often.
_ARTEFACT = (1.0, 12.0)
# Tumour in the normal, and how likely that is: none most of the time, up to 5 %.
_CONTAMINATION = np.array([0.0, 0.01, 0.02, 0.03, 0.05])
_HOW_LIKELY = np.array([0.6, 0.1, 0.1, 0.1, 0.1])
_LEAST_ERROR, _MOST_ERROR = 5e-4, 0.1
# What may be left to the other explanations.
_GERMLINE_RISK, _ERROR_RISK = 1e-3, 0.1
_BELIEVED = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """One row per allele.

    Attributes
    ----------
    origin
        uint8 (n,): place in `ORIGINS`.
    probability
        float64 (n, 3): of somatic, germline and error.
    by_contamination
        bool (n,): somatic or undecided, and the normal shows it all the same.
    """

    origin: np.ndarray
    probability: np.ndarray
    by_contamination: np.ndarray


def _log_binomial(n: np.ndarray, of: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    return stats.binom.logpmf(n, of, np.clip(fraction, 1e-9, 1 - 1e-9))


def _log_somatic(
    alt: np.ndarray, depth: np.ndarray, n: np.ndarray, of: np.ndarray, error: np.ndarray
) -> np.ndarray:
    """Any fraction in the tumour; in the normal error and a share of tumour cells."""
    fraction = alt / np.maximum(depth, 1)
    parts = [
        np.log(weight) + _log_binomial(n, of, error + share * fraction)
        for share, weight in zip(_CONTAMINATION, _HOW_LIKELY, strict=True)
    ]
    return special.logsumexp(parts, axis=0) - np.log(depth + 1)


def _log_germline(depth: np.ndarray, n: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Any fraction in the tumour (copies may be lost or gained); one copy or two in the normal."""
    one = stats.betabinom.logpmf(n, of, _WEIGHT / 2, _WEIGHT / 2)
    both = _log_binomial(n, of, np.full(len(n), 0.99))
    parts = [np.log(1 - _BOTH_COPIES) + one, np.log(_BOTH_COPIES) + both]
    return special.logsumexp(parts, axis=0) - np.log(depth + 1)


def _log_recurring(alt: np.ndarray, depth: np.ndarray, n: np.ndarray, of: np.ndarray) -> np.ndarray:
    """One rate for both libraries, integrated over what rates artefacts have."""
    a, b = _ARTEFACT
    ways = -special.betaln(alt + 1, depth - alt + 1) - np.log(depth + 1)
    ways += -special.betaln(n + 1, of - n + 1) - np.log(of + 1)
    return ways + special.betaln(alt + n + a, depth + of - alt - n + b) - special.betaln(a, b)


def judge_origins(
    alt: np.ndarray,
    depth: np.ndarray,
    normal_alt: np.ndarray,
    normal_depth: np.ndarray,
    expected: np.ndarray | None = None,
) -> Origins:
    """Judge alleles of the tumour by the normal.

    Parameters
    ----------
    alt, depth
        int64 (n,): fragments of the tumour that show the allele, and all over the place.
    normal_alt, normal_depth
        int64 (n,): the same of the normal; -1 where it is not known.
    expected
        float64 (n,): fragments that errors let expect in the tumour; NaN: not known.

    Notes
    -----
    Somatic: at most one in a thousand for germline, one in ten for a recurring error.
    Germline and error: 95 %. Everything else is undecided, so is an allele without a normal.
    """
    known = np.asarray(normal_depth) >= 0
    depth = np.maximum(np.maximum(depth, alt), 1)
    of = np.maximum(np.maximum(normal_depth, normal_alt), 0)
    n = np.maximum(normal_alt, 0)
    rate = np.zeros(len(depth)) if expected is None else np.nan_to_num(expected) / depth
    error = np.clip(rate, _LEAST_ERROR, _MOST_ERROR)
    score = _PRIOR[:, None] + np.stack(
        [
            _log_somatic(alt, depth, n, of, error),
            _log_germline(depth, n, of),
            _log_recurring(alt, depth, n, of),
        ]
    )
    probability = np.exp(score - special.logsumexp(score, axis=0)).T
    origin = np.full(len(depth), OPEN, np.uint8)
    somatic = probability[:, GERMLINE] <= _GERMLINE_RISK
    somatic &= probability[:, RECURRING] <= _ERROR_RISK
    origin[known & somatic] = SOMATIC
    origin[known & (probability[:, GERMLINE] >= _BELIEVED)] = GERMLINE
    origin[known & (probability[:, RECURRING] >= _BELIEVED)] = RECURRING
    shows = known & (n > 0) & ((origin == SOMATIC) | (origin == OPEN))
    return Origins(origin, probability, shows)


def with_origins(table: AlleleTable, rules: Rules) -> AlleleTable:
    """Somatic, germline, error or undecided.

    Somatic is only what the tumour itself shows to be a variant. What is no more frequent
    in the tumour than in the normal, and too rare there for an allele, is an error in both.
    """
    origins = judge_origins(
        table.alt_fragments, table.depth, table.normal_alt, table.normal_depth, table.expected
    )
    origin = np.array(ORIGINS, object)[origins.origin]
    doubted = (table.klass != VARIANT) & (origin != "germline")
    origin[doubted] = np.where(table.klass[doubted] == ERROR, "error", "undecided")
    # A fifth of the tumour's fragments is no error, whatever the normal shows.
    frequent = table.alt_fragments >= rules.frequent_fraction * table.depth
    frequent &= (origin == "error") & (table.depth >= rules.frequent_depth)
    origin[frequent & (table.klass == VARIANT)] = "undecided"
    recurring = (table.klass == VARIANT) & (origin == "error")
    reasons, filters = table.reasons.copy(), table.filters.copy()
    for row, word in enumerate(_explain(table, origins)):
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


def _explain(table: AlleleTable, origins: Origins) -> Iterator[str]:
    """What the matched normal shows, of each allele."""
    columns = zip(
        table.normal_alt.tolist(),
        table.normal_depth.tolist(),
        origins.by_contamination.tolist(),
        (origins.origin == OPEN).tolist(),
        strict=True,
    )
    for n, depth, shown, undecided in columns:
        if depth < 0:
            yield "the normal says nothing here"
            continue
        more = ": too few to tell" if undecided else ""
        if shown:
            more = ": tumour cells in the normal, or errors, or an allele of it"
        yield f"{n} of {depth} fragments of the normal{more}"
