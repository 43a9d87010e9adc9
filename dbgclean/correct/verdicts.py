"""Verdicts: is an alternative real, an error, or undecided?

One verdict holds for every read that shows the alternative: reads corrected one by
one disagree, and their disagreement is what breaks assemblies (Heydari 2017,
doi:10.1186/s12859-017-1784-8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.signs import in_question, signs_of
from dbgclean.evidence.windows import build_windows
from dbgclean.model.network import Network, predict
from dbgclean.reads.prefetch import map_in_order

__all__ = [
    "ERROR",
    "LIKELIHOOD_ERROR",
    "LIKELIHOOD_REAL",
    "REAL",
    "UNDECIDED",
    "Verdicts",
    "all_errors",
    "explained_prior",
    "explained_verdicts",
    "likelihood_verdicts",
    "network_verdicts",
    "rule_verdicts",
    "spare_clear",
    "ties",
]

ERROR, REAL, UNDECIDED = 0, 1, 2
NAMES = ("error", "real", "undecided")

# Log likelihood ratios (nats). At 9 a megabase of genome at 200x lets through some 40
# false alternatives (benchmarks/variants); an allele needs about three good bases.
LIKELIHOOD_REAL, LIKELIHOOD_ERROR = 9.5, 9.0
# P(real) of the ratio that knows of errors that recur is one half at the threshold; how
# steep it is, calibrated on families of errors.
_STEEPNESS = 0.6
# Of the odds that all alternatives together give, those of errors that pass are a part.
_CAUTION = 0.4
# The rule of three: what stands on one strand with a chance below this (-log10), or with
# more than this share of its support below Q15, is an error whatever its ratio.
_RULE_STRAND, _RULE_LOW_QUALITY = 2.0, 0.34
# What so large a share of so many fragments shows, from both strands and both mates, is
# more than any judge may call an error.
_CLEAR_SHARE, _CLEAR_FRAGMENTS, _SPARED = 0.2, 20, 0.5
# Windows are built and judged this many at a time: memory does not grow with the data.
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One row per alternative, in their order.

    Attributes
    ----------
    verdict
        uint8 (n,): ERROR, REAL or UNDECIDED.
    posterior
        float32 (n,): P(real), calibrated as well as the judge can.
    """

    verdict: np.ndarray
    posterior: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """bool (n,): the reads keep their base, because it is real or undecided."""
        return self.verdict != ERROR

    def count(self, rows: slice = slice(None)) -> dict[str, int]:
        """Alternatives by verdict, of some ``rows``."""
        sizes = np.bincount(self.verdict[rows], minlength=3)
        return {name: int(sizes[code]) for code, name in enumerate(NAMES)}


def between(score: np.ndarray, error: float, real: float) -> np.ndarray:
    """Verdicts of scores: at most ``error``, at least ``real``, or undecided."""
    verdict = np.full(len(score), UNDECIDED, np.uint8)
    verdict[score <= error] = ERROR
    verdict[score >= real] = REAL
    return verdict


def all_errors(alternatives: Alternatives) -> Verdicts:
    """Nothing is real that is not solid."""
    n = len(alternatives)
    return Verdicts(np.full(n, ERROR, np.uint8), np.zeros(n, np.float32))


def likelihood_verdicts(
    alternatives: Alternatives,
    prior: float = -LIKELIHOOD_ERROR,
    *,
    error: float = LIKELIHOOD_ERROR,
    real: float = LIKELIHOOD_REAL,
    ratio: np.ndarray | None = None,
) -> Verdicts:
    """Judge by a log likelihood ratio, that of `dbgclean.evidence.alternatives` by default.

    The posterior is the logistic of the ratio less the middle of the two thresholds,
    which stand for the prior odds. Of another ratio it is less steep: models of errors
    are never whole, and so it is calibrated (`benchmarks/families`).

    Parameters
    ----------
    prior
        Log odds of the sample (`dbgclean.evidence.sample.log_prior`). Where they are
        worse than what the thresholds were set for, as in the large genome of a clone,
        both rise to outweigh them; they never fall.
    error, real
        Ratios (nats) at most and at least.
    ratio
        float64 (n,): another ratio to judge by, as `Alternatives.odds`.
    """
    rise = max(0.0, -prior - error)
    error, real = error + rise, real + rise
    odds = alternatives.likelihood - (error + real) / 2
    if ratio is not None:
        odds = _STEEPNESS * (ratio - error)
    ratio = alternatives.likelihood if ratio is None else ratio
    posterior = (1 / (1 + np.exp(-np.clip(odds, -60, 60)))).astype(np.float32)
    return Verdicts(between(ratio, error, real), posterior)


def explained_verdicts(evidence: Evidence) -> Verdicts:
    """Judge by the ratio that knows of errors that recur (`dbgclean.evidence.explanations`)."""
    a = evidence.alternatives
    return likelihood_verdicts(a, explained_prior(evidence), ratio=a.odds)


def explained_prior(evidence: Evidence) -> float:
    """Log odds of the sample, as those beyond doubt and all alternatives together have it."""
    prior = evidence.context.prior
    if evidence.explained is None:
        return prior
    # Of a shallow sample few alleles are beyond doubt, and these are not all.
    return max(prior, evidence.explained.prior - _CAUTION)


def rule_verdicts(alternatives: Alternatives, prior: float = -LIKELIHOOD_ERROR) -> Verdicts:
    """Judge by `likelihood_verdicts` and two signs of errors that recur.

    Real: the ratio says so, the strands of its reads are those of the site (binomial,
    p > .01), and at most 34 % of its reads have a low quality there. What any learned
    judge has to beat.
    """
    a = alternatives
    judged = likelihood_verdicts(a, prior)
    n = a.column("fragments")
    reverse = np.where(np.isnan(a.column("reverse")), n / 2, a.column("reverse"))
    odd = _one_sided(reverse, n, a.depth) >= _RULE_STRAND
    odd |= np.nan_to_num(a.column("low_quality")) > _RULE_LOW_QUALITY * n
    verdict = np.where(odd, ERROR, judged.verdict).astype(np.uint8)
    return Verdicts(verdict, np.where(odd, 0, judged.posterior).astype(np.float32))


def _one_sided(reverse: np.ndarray, n: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """-log10 of the two-sided binomial p value of the support's strands, at most 6."""
    share = (depth[:, 1] + 1) / (depth.sum(1) + 2)
    lower = special.bdtr(reverse, n.astype(np.int64), share)
    upper = special.bdtrc(reverse - 1, n.astype(np.int64), share)
    upper = np.where(reverse == 0, 1.0, upper)
    p = np.minimum(1, 2 * np.minimum(lower, upper))
    return np.minimum(6, -np.log10(np.maximum(p, 1e-6)))


def ties(alternatives: Alternatives) -> np.ndarray:
    """Which of them stay as they were read though no judge believes them: bool (n,).

    Those that two fragments show, and each only where another path, which keeps the base and
    edits another, costs nearly the same. They are two solid alleles side by side as no deep
    k-mer has them: shown once, an error that turned one copy of a repeat into another; shown
    twice, most often a haplotype of few reads.
    """
    n = alternatives.column("fragments")
    shown: np.ndarray = (n > 1) & (alternatives.column("disputed") >= n)
    return shown


def spare_clear(alternatives: Alternatives, judged: Verdicts) -> Verdicts:
    """The same verdicts, but that what a fifth of twenty fragments show is no error.

    Unless one strand, or of pairs one mate, shows it alone, it is undecided at least:
    a judge that contradicts arithmetic is wrong more often than the reads are.
    """
    a = alternatives
    n, second, reverse = (a.column(name) for name in ("fragments", "second", "reverse"))
    total = n + a.depth.sum(1)
    clear = (total >= _CLEAR_FRAGMENTS) & (n >= _CLEAR_SHARE * total)
    clear &= (reverse > 0) & (reverse < n) & (second < n)
    if second.any():
        clear &= second > 0
    spared = clear & (judged.verdict == ERROR)
    verdict = np.where(spared, UNDECIDED, judged.verdict).astype(np.uint8)
    posterior = np.where(spared, np.maximum(judged.posterior, _SPARED), judged.posterior)
    return Verdicts(verdict, posterior.astype(np.float32))


def network_verdicts(
    evidence: Evidence,
    model: Network,
    error: float,
    real: float,
    threads: int = 1,
    signs: np.ndarray | None = None,
) -> Verdicts:
    """Judge by what the autoencoder gives back: P(real) is the posterior of the k-mer's own base.

    It is asked about what is `dbgclean.evidence.signs.in_question`; of the rest the
    ratio says how little it is, and of gaps `explained_verdicts` says what they are.

    Parameters
    ----------
    model
        For the scheme of `dbgclean.evidence.windows`.
    error, real
        Posteriors at which an alternative is an error, or real.
    signs
        `signs_of` of all alternatives, where they are at hand.
    """
    alternatives = evidence.alternatives
    rows = in_question(alternatives)
    posterior = likelihood_verdicts(alternatives).posterior
    gaps, explained = alternatives.gaps, explained_verdicts(evidence)
    posterior[gaps] = explained.posterior[gaps]
    signs = signs_of(evidence, rows) if signs is None else signs[rows]
    parts = [slice(start, start + _CHUNK) for start in range(0, len(rows), _CHUNK)]
    # The next windows are built while the network looks at these.
    ahead = map_in_order(lambda p: build_windows(evidence, rows[p], signs[p]), parts, 1)
    for part, windows in zip(parts, ahead, strict=True):
        given_back = predict(
            model,
            windows.windows,
            windows.globals_,
            windows.observed,
            threads=threads,
        )
        own = windows.observed[:, FLANK]
        posterior[rows[part]] = given_back[np.arange(len(own)), FLANK, own]
    verdict = between(posterior, error, real)
    verdict[gaps] = explained.verdict[gaps]
    return Verdicts(verdict, posterior)
