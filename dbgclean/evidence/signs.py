"""What a second look tells the network of each alternative, beside its pooled support.

None of it grows with the number of molecules as such: what many molecules weigh is the
anchor's (`Alternatives.odds`) to say, and what the network adds to it must not fall
when molecules are added. So everything here is a share, a mean over molecules, or a figure
of the sample.
"""

from __future__ import annotations

import numpy as np

from dbgclean.evidence.alternatives import LEAST_RATIO, Alternatives
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.weigh_kernels import OUT

__all__ = ["SIGNS", "allele_odds", "anchor", "in_question", "signs_of"]

# Columns of `signs_of`, each about -1 to 2; 0 is neutral.
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
    "substitution_excess",
)
_ROUNDS = 30
# Where alleles are more frequent than these log odds, half of it speaks for each of them: the
# other half is not risked on what else there may be many of. At most so many nats.
_FREQUENT, _HALF, _MOST = -8.0, 0.5, 1.5
# What a substitution's share among the alternatives is shrunk by: so many of each.
_SHRINK = 5.0


def in_question(a: Alternatives) -> np.ndarray:
    """Rows of the substitutions that the network is asked about: int64.

    The rest is far more, and errors by the ratio alone. Gaps are no k-mers with another base.
    """
    here = a.substitutions
    return np.flatnonzero(np.maximum(a.likelihood[here], a.odds[here]) >= LEAST_RATIO)


def signs_of(evidence: Evidence, rows: np.ndarray | None = None) -> np.ndarray:
    """The columns of `SIGNS` of some rows (int64, rising; None: all): float64 (n, len(SIGNS)).

    What was not looked at again (`Evidence.explained`) has 0 in all that only the reads tell.
    """
    a = evidence.alternatives
    rows = np.arange(len(a)) if rows is None else rows
    some = a.select(rows)
    columns = {name: np.zeros(len(rows)) for name in SIGNS}
    asked = in_question(a)
    if len(asked):
        columns["substitution_excess"][:] = _substitution_excess(a.select(asked), some)
    found = evidence.explained
    if found is not None:
        known = np.isin(found.rows, rows, assume_unique=True)
        at = np.searchsorted(rows, found.rows[known])
        size = evidence.context.genome_size
        _explained(some, at, found.figures[known], found.frequency, size, columns)
    return np.stack([columns[name] for name in SIGNS], axis=1)


def anchor(a: Alternatives, genome_size: float) -> np.ndarray:
    """`Alternatives.odds`, and more where alleles are frequent, as in a mix of strains: (n,)."""
    more = _HALF * (allele_odds(a, genome_size) - _FREQUENT)
    return np.asarray(a.odds + np.clip(more, 0, _MOST))


def allele_odds(a: Alternatives, genome_size: float) -> float:
    """Log odds that another base at a place is an allele, as these alternatives have it.

    Expectation and maximisation over `Alternatives.odds`, taken for likelihood ratios.
    """
    odds = np.clip(a.odds[in_question(a)], -50, 50)
    places = 3 * max(genome_size, 1.0)
    prior = np.log(0.5 / places)
    for _ in range(_ROUNDS):
        found = float((1 / (1 + np.exp(-(odds + prior)))).sum())
        prior = np.log((found + 0.5) / places)
    return float(prior)


def _substitution_excess(asked: Alternatives, some: Alternatives) -> np.ndarray:
    """Log2 of how much more frequent each one's substitution is than others: (n,), 0 to 1.

    A substitution and its complement are one: their strand is that of the k-mer's name.
    """
    found = np.bincount(_kind(asked), minlength=16).astype(float)
    kind, kinds = _kind(some), 6
    share = (found + _SHRINK) / (found.sum() + kinds * _SHRINK)
    return np.asarray(np.log2(share[kind] * kinds) / 2)


def _kind(a: Alternatives) -> np.ndarray:
    to, base = a.to.astype(np.int64), a.base.astype(np.int64)
    return np.minimum(4 * to + base, 4 * (3 - to) + 3 - base)


def _explained(
    a: Alternatives, rows: np.ndarray, told: np.ndarray, frequency: np.ndarray,
    genome_size: float, columns: dict[str, np.ndarray],
) -> None:  # fmt: skip
    """Fill in what the reads over the sites told of ``rows``; arguments as of `Explained`."""
    figures = dict(zip(OUT, told.T, strict=True))
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
    columns["told"][rows] = np.maximum(figures["told"], 0)
    columns["depth_orientation"][rows] = np.abs(2 * figures["depth_forward"] - 1)
    to, base = a.to[rows].astype(np.int64), a.base[rows].astype(np.int64)
    kinds = 4 * to + base, 4 * (3 - to) + 3 - base
    places = max(genome_size / 2, 1.0)
    for which, name in enumerate(("strand_places", "orientation_places")):
        found = frequency[which] * places
        columns[name][rows] = np.log10(0.05 + np.maximum(*(found[kind] for kind in kinds))) / 2
