"""Scores of chances against the truth, and the tests that a network has to beat.

*Calibration error*: alternatives fall into bins by their P(real); the mean over the bins of
the absolute difference between mean P and the share that is real, each bin at its number of
alternatives (Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602). Ten bins of equal width over
the alternatives with P > 0.02, as `dbgclean.model.calibration` has it, because below that
all judges agree and the mass of lone errors would hide everything; the same over all
alternatives; and over ten bins of equal number. A judge whose chances are perfect still
shows an error, as finite samples do: the *floor* says how much.
"""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.rates import mean_rates
from dbgclean.model.calibration import average_precision, log_loss

__all__ = [
    "adaptive_error",
    "binomial_score",
    "bins_of",
    "calibration_floor",
    "chance_scores",
    "equal_width_error",
    "precision_by_fraction",
    "quality_score",
    "strand_bias",
    "with_strand",
]

BINS = 10
SURELY_ERROR = 0.02
_HIGH_QUALITY = 20
# Below this Fisher p value an alternative fails the strand filter.
_STRAND_ALPHA = 1e-3
_DRAWS = 200


def bins_of(chance: np.ndarray, real: np.ndarray, above: float = SURELY_ERROR) -> list[dict]:
    """Mean chance and share of real ones of ten equal bins between 0 and 1.

    Returns
    -------
    list of dict
        ``from``, ``to``, ``count``, ``chance``, ``share`` and the ends of the share's 95 %
        Wilson interval, ``low`` and ``high``; empty bins are left out.
    """
    use = chance > above
    which = np.minimum((chance * BINS).astype(int), BINS - 1)
    rows = []
    for one in range(BINS):
        inside = use & (which == one)
        n = int(inside.sum())
        if not n:
            continue
        share = float(real[inside].mean())
        z = 1.96
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        rows.append(
            {
                "from": one / BINS,
                "to": (one + 1) / BINS,
                "count": n,
                "chance": round(float(chance[inside].mean()), 4),
                "share": round(share, 4),
                "low": round(float(centre - half), 4),
                "high": round(float(centre + half), 4),
            }
        )
    return rows


def _error(chance: np.ndarray, real: np.ndarray, which: np.ndarray) -> float:
    """Mean over bins, by number, of the absolute gap between chance and share."""
    if not len(chance):
        return 0.0
    gap = np.bincount(which, weights=chance) - np.bincount(which, weights=real)
    return float(np.abs(gap).sum() / len(chance))


def equal_width_error(chance: np.ndarray, real: np.ndarray, above: float = SURELY_ERROR) -> float:
    """Calibration error over ten bins of equal width of what lies above ``above``."""
    use = chance > above
    which = np.minimum((chance[use] * BINS).astype(int), BINS - 1)
    return _error(chance[use], real[use].astype(float), which)


def adaptive_error(chance: np.ndarray, real: np.ndarray, above: float = SURELY_ERROR) -> float:
    """Calibration error over ten bins of equal number of what lies above ``above``."""
    use = np.flatnonzero(chance > above)
    use = use[np.argsort(chance[use], kind="stable")]
    which = np.arange(len(use)) * BINS // max(1, len(use))
    return _error(chance[use], real[use].astype(float), which)


def calibration_floor(chance: np.ndarray, seed: int = 1) -> tuple[float, float]:
    """Mean and 95th percentile of `equal_width_error` if the chances were perfect.

    Labels are drawn from the chances themselves, 200 times.
    """
    rng = np.random.default_rng([seed, 113])
    use = chance[chance > SURELY_ERROR]
    found = [equal_width_error(use, rng.random(len(use)) < use) for _ in range(_DRAWS)]
    return float(np.mean(found)), float(np.quantile(found, 0.95))


def chance_scores(chance: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Calibration errors with their floor, Brier score (Brier 1950) and log loss (nats)."""
    chance = chance.astype(float)
    mean, high = calibration_floor(chance)
    use = chance > SURELY_ERROR
    squares = (chance - real) ** 2
    return {
        "alternatives": len(chance),
        "real": int(real.sum()),
        "above_0.02": int(use.sum()),
        "calibration_error": round(equal_width_error(chance, real), 4),
        "floor": round(mean, 4),
        "floor_95": round(high, 4),
        "adaptive": round(adaptive_error(chance, real), 4),
        "calibration_error_all": round(equal_width_error(chance, real, above=-1), 5),
        "brier": round(float(squares.mean()), 6),
        "brier_above_0.02": round(float(squares[use].mean()) if use.any() else 0.0, 4),
        "log_loss": round(log_loss(chance, real, np.ones(len(real))), 6),
    }


def precision_by_fraction(
    score: np.ndarray, real: np.ndarray, fraction: np.ndarray
) -> dict[str, dict]:
    """Average precision of each fraction's alleles among all false alternatives.

    Alleles of other fractions are left out, so each figure is that of a sample with this
    fraction's alleles alone. Only alleles that are alternatives count: those that no read
    shows, and those that are solid and never judged, are in nobody's figure.
    """
    found = {}
    for one in sorted(set(fraction[~np.isnan(fraction)].tolist()), reverse=True):
        rows = (fraction == one) | ~real
        precision = average_precision(score[rows], real[rows], np.ones(int(rows.sum())))
        alleles = int((fraction == one).sum())
        found[f"{one:g}"] = {"average_precision": round(precision, 4), "alleles": alleles}
    return found


def binomial_score(alternatives: Alternatives, error_rate: float) -> np.ndarray:
    """-log10 of the binomial chance of so many supporting fragments, float64 (n,).

    Every base errs with the sample's mean rate, to each other base alike; qualities and
    strands do not count.
    """
    n = alternatives.column("fragments")
    total = np.maximum(np.round(n + alternatives.depth.sum(1)), n)
    return -stats.binom.logsf(n - 1, total, max(error_rate, 1e-9) / 3) / np.log(10)


def _log_poisson_tail(n: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """-log10 P(X >= n), exact where it can be told from 0 and bounded by its first term
    beyond."""
    tail = special.pdtrc(n - 1, expected)
    with np.errstate(divide="ignore"):
        plain = -np.log10(tail)
    first = expected - n * np.log(np.maximum(expected, 1e-300)) + special.gammaln(n + 1)
    return np.where(tail > 1e-280, plain, first / np.log(10))


def _high_share(profile: np.ndarray) -> float:
    return float(profile[:, _HIGH_QUALITY:].sum() / max(1, profile.sum()))


def quality_score(alternatives: Alternatives, profile: np.ndarray) -> np.ndarray:
    """-log10 chance that errors of good bases alone make so many good supporting ones.

    After LoFreq (Wilm et al. 2012, doi:10.1093/nar/gks918): the number of bases of a
    column that err is Poisson-binomial in their own error probabilities; here in its
    Poisson limit (Le Cam), with the probabilities re-estimated from the sample by quality and
    substitution, which is more than a Phred value says. As is common, only bases of Q20 and
    more count, on either side. The qualities of the bases that agree with the path are
    those of the sample at large.

    Parameters
    ----------
    profile
        int64 (4, 94): bases of the sample by base and quality.
    """
    a = alternatives
    good = profile.copy()
    good[:, :_HIGH_QUALITY] = 0
    rate = mean_rates(a.rates, good)[a.to, a.base]
    n = a.column("high_quality")
    expected = (a.depth.sum(1) * _high_share(profile) + n) * np.maximum(rate, 1e-9)
    return np.where(n > 0, _log_poisson_tail(np.maximum(n, 1), expected), 0.0)


def strand_bias(alternatives: Alternatives, profile: np.ndarray) -> np.ndarray:
    """-log10 p of Fisher's exact test on strand by base, over good bases, float64 (n,).

    Two-sided by doubling the smaller tail.
    """
    a = alternatives
    n, reverse = a.column("high_quality"), a.column("high_quality_reverse")
    others = np.round(a.depth * _high_share(profile))
    found = np.zeros(len(a))
    rows = np.flatnonzero(n > 1)
    if len(rows):
        n, reverse, others = n[rows], reverse[rows], others[rows]
        total, turned = n + others.sum(1), reverse + others[:, 1]
        below = stats.hypergeom.cdf(reverse, total, turned, n)
        above = stats.hypergeom.sf(reverse - 1, total, turned, n)
        p = np.minimum(1, 2 * np.minimum(below, above))
        found[rows] = -np.log10(np.maximum(p, 1e-300))
    return found


def with_strand(quality: np.ndarray, bias: np.ndarray, filtered: bool) -> np.ndarray:
    """The quality-and-strand test's score.

    Either what fails the strand filter (p < 0.001, LoFreq's default) comes after all
    that passes, or the bias is taken off the score.
    """
    if not filtered:
        return quality - bias
    fails = bias > -np.log10(_STRAND_ALPHA)
    return np.where(fails, quality - quality.max(initial=0) - 1, quality)
