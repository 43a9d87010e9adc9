"""What a second look tells the network of each alternative, beside its pooled support.

None of it grows with the number of molecules as such: what many molecules weigh is the
anchor's (`Alternatives.odds`) to say, and what the network adds to it must not fall
when molecules are added. So everything here is a share, a mean over molecules, or a figure
of the sample.
"""

from __future__ import annotations

import numba
import numpy as np

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.explanations import Explained, candidates
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.weigh_kernels import OUT

__all__ = ["SIGNS", "allele_odds", "second_look"]

# Columns of `second_look`, each about -1 to 2; 0 is neutral.
SIGNS = (
    "looked_at",
    "taken_off",
    "one_strand",
    "one_orientation",
    "denied_copies",
    "copies",
    "site_copies",
    "told",
    "depth_orientation",
    "strand_places",
    "orientation_places",
    "allele_odds",
    "substitution_excess",
    "phased",
)
_ROUNDS = 30
# Odds of an allele (log) about which `allele_odds` is centred.
_USUAL = -9.0
# What a substitution's share among the alternatives is shrunk by: so many of each.
_SHRINK = 5.0
# Fragments that two alternatives share where they are in phase.
_TOGETHER = 2


def second_look(evidence: Evidence) -> np.ndarray:
    """One row per alternative with the columns of `SIGNS`: float64 (n, len(SIGNS)).

    What was not looked at again (`Evidence.explained`) has 0 in all that only the reads tell.
    """
    a = evidence.alternatives
    columns = {name: np.zeros(len(a)) for name in SIGNS}
    rows = candidates(a)
    if len(rows):
        columns["allele_odds"][:] = (allele_odds(a, evidence.context.genome_size) - _USUAL) / 3
        columns["substitution_excess"][:] = _substitution_excess(a, rows)
        fragment = getattr(evidence.edits, "fragment", None)
        if fragment is not None and len(fragment):
            columns["phased"][rows] = _phased(a, rows, fragment)
    if evidence.explained is not None:
        _explained(a, evidence.explained, evidence.context.genome_size, columns)
    return np.stack([columns[name] for name in SIGNS], axis=1)


def allele_odds(a: Alternatives, genome_size: float) -> float:
    """Log odds that another base at a place is an allele, as these alternatives have it.

    Expectation and maximisation over `Alternatives.odds`, taken for likelihood ratios.
    """
    odds = np.clip(a.odds[candidates(a)], -50, 50)
    places = 3 * max(genome_size, 1.0)
    prior = np.log(0.5 / places)
    for _ in range(_ROUNDS):
        found = float((1 / (1 + np.exp(-(odds + prior)))).sum())
        prior = np.log((found + 0.5) / places)
    return float(prior)


def _substitution_excess(a: Alternatives, rows: np.ndarray) -> np.ndarray:
    """Log2 of how much more frequent each one's substitution is than others: (n,), 0 to 1.

    A substitution and its complement are one: their strand is that of the k-mer's name.
    """
    to, base = a.to.astype(np.int64), a.base.astype(np.int64)
    kind = np.minimum(4 * to + base, 4 * (3 - to) + 3 - base)
    found = np.bincount(kind[rows], minlength=16).astype(float)
    kinds = 6
    share = (found + _SHRINK) / (found.sum() + kinds * _SHRINK)
    return np.asarray(np.log2(share[kind] * kinds) / 2)


def _explained(
    a: Alternatives, explained: Explained, genome_size: float, columns: dict[str, np.ndarray]
) -> None:
    """Fill in what the reads over the sites told."""
    rows = explained.rows
    figures = dict(zip(OUT, explained.figures.T, strict=True))
    molecules = np.maximum(figures["molecules"], 1)
    fragments = np.maximum(a.column("fragments")[rows], 1)
    average = figures["real"] - figures["averaging"]
    one_strand = np.maximum(figures["along"], figures["against"])
    one_side = np.maximum(figures["forward"], figures["backward"])
    columns["looked_at"][rows] = 1
    columns["taken_off"][rows] = np.clip((a.likelihood - a.odds)[rows] / fragments, -2, 8) / 4
    columns["one_strand"][rows] = np.clip((one_strand - average) / molecules, -8, 2) / 4
    columns["one_orientation"][rows] = np.clip((one_side - average) / molecules, -8, 2) / 4
    columns["denied_copies"][rows] = figures["denied"] / (figures["denied"] + molecules)
    columns["copies"][rows] = 1 - np.minimum(molecules / fragments, 1)
    columns["site_copies"][rows] = 1 - figures["per_fragment"]
    columns["told"][rows] = figures["told"]
    columns["depth_orientation"][rows] = np.abs(2 * figures["depth_forward"] - 1)
    to, base = a.to[rows].astype(np.int64), a.base[rows].astype(np.int64)
    kinds = 4 * to + base, 4 * (3 - to) + 3 - base
    places = max(genome_size / 2, 1.0)
    for which, name in enumerate(("strand_places", "orientation_places")):
        found = explained.frequency[which] * places
        columns[name][rows] = np.log10(0.05 + np.maximum(*(found[kind] for kind in kinds))) / 2


def _phased(a: Alternatives, rows: np.ndarray, fragment: np.ndarray) -> np.ndarray:
    """Share of each one's fragments that show another alternative which goes with it: (m,).

    Two go together where at least two fragments show both. An allele's fragments share
    their haplotype's other alleles; errors meet by chance.
    """
    place = np.full(len(a), -1, np.int64)
    place[rows] = np.arange(len(rows))
    mine = place[a.of_edit]
    chosen = np.flatnonzero(mine >= 0)
    pairs = np.unique(np.stack([fragment[chosen], mine[chosen]], axis=1), axis=0)
    by_row = np.argsort(pairs[:, 1], kind="stable")
    bounds = np.searchsorted(pairs[by_row, 1], np.arange(len(rows) + 1)).astype(np.int64)
    starts = np.searchsorted(pairs[:, 0], pairs[:, 0])
    ends = np.searchsorted(pairs[:, 0], pairs[:, 0], side="right")
    return _count_phased(pairs[:, 1].copy(), by_row, bounds, starts, ends)


@numba.njit(cache=True, nogil=True)
def _count_phased(
    row: np.ndarray,
    by_row: np.ndarray,
    bounds: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
) -> np.ndarray:
    n = len(bounds) - 1
    share, together = np.zeros(n), np.zeros(n, np.int64)
    for g in range(n):
        for sign in (1, 0):
            for i in range(bounds[g], bounds[g + 1]):
                found = False
                for j in range(starts[by_row[i]], ends[by_row[i]]):
                    if row[j] == g:
                        continue
                    found |= together[row[j]] >= _TOGETHER
                    together[row[j]] += sign
                if not sign:
                    share[g] += found
        for i in range(bounds[g], bounds[g + 1]):
            for j in range(starts[by_row[i]], ends[by_row[i]]):
                together[row[j]] = 0
        if bounds[g + 1] > bounds[g]:
            share[g] /= bounds[g + 1] - bounds[g]
    return share
