"""What the user says matters, applied to the verdicts of any corrector.

Three rules, none of them on by default. *Protected* alternatives are real whatever
the corrector made of them. Of the others, those that the corrector would keep become
errors where their fraction is credibly below ``min_vaf``, or where no allele of a
clone of the given ploidy could have so little support.

A rule says of an alternative only that it need not be kept; the posterior stays the
corrector's own. Alleles that are solid are no alternatives: no rule touches them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from dbgclean.correct.protection import Protection
from dbgclean.correct.verdicts import ERROR, REAL, Verdicts

if TYPE_CHECKING:
    from dbgclean.evidence.gather import Evidence

__all__ = [
    "CORRELATION",
    "RULES",
    "Policy",
    "RuledVerdicts",
    "at_most",
    "below_fraction",
    "fits_ploidy",
]

RULES = ("", "min_vaf", "ploidy", "protected")
"""Reason codes: the place in this tuple is the code in `RuledVerdicts.rule`."""
_MIN_VAF, _PLOIDY, _PROTECTED = 1, 2, 3

# An allele of exactly the least fraction is lost to chance this often, at most.
_MIN_VAF_RISK = 0.05
# The same for an allele of the clone, per tail. Smaller, because a clone has many.
_PLOIDY_RISK = 0.001
# Correlation between fragments of one site (amplification, mappability of the
# flanks): the variance of a count of n grows by 1 + (n - 1) times this.
CORRELATION = 0.002
# Local depth over the depth of one copy may be off by this factor either way.
_COPY_SLACK = 1.5
# With more copies than this the fractions are so close that only the least matters.
_MAX_COPIES = 12
# Share of the fragments of a fixed allele that show another base all the same.
_SITE_ERROR = 0.02


@dataclass(frozen=True, slots=True)
class RuledVerdicts(Verdicts):
    """Verdicts after the rules.

    Attributes
    ----------
    rule
        uint8 (n,): place in `RULES` of the rule that settled the verdict; 0 where it
        is the corrector's own.
    judged
        uint8 (n,): the corrector's own verdicts.
    matched
        int64: numbers of the protected alleles or regions that are among the alternatives.
    """

    rule: np.ndarray
    judged: np.ndarray
    matched: np.ndarray

    def ruled(self) -> dict[str, int]:
        """Alternatives by the rule that settled them."""
        sizes = np.bincount(self.rule, minlength=len(RULES))
        return {name: int(sizes[code]) for code, name in enumerate(RULES) if code}

    @property
    def restored(self) -> int:
        """Protected alternatives that the corrector took for errors."""
        return int(np.count_nonzero((self.rule == _PROTECTED) & (self.judged == ERROR)))


@dataclass(frozen=True)
class Policy:
    """The rules of a run.

    Attributes
    ----------
    min_vaf
        Least fraction, 0 to 0.5, of alleles that have to be kept; 0 is no rule.
    ploidy
        Copies of the genome in a cell of the clone that was sequenced; None where
        the sample may be a mixture.
    protection
        Alleles or regions that stay.
    """

    min_vaf: float = 0.0
    ploidy: int | None = None
    protection: Protection | None = None

    @property
    def active(self) -> bool:
        """Is there any rule?"""
        return self.min_vaf > 0 or self.ploidy is not None or self.protection is not None

    def apply(self, evidence: Evidence, verdicts: Verdicts) -> Verdicts:
        """The verdicts as the rules have them; the same object where there are none."""
        if not self.active:
            return verdicts
        alternatives = evidence.alternatives
        found, matched = np.zeros(len(alternatives), bool), np.zeros(0, np.int64)
        if self.protection is not None:
            found, matched = self.protection.match(alternatives)
        support = fragment_counts(
            alternatives.column("fragments"),
            alternatives.column("reads"),
            alternatives.depth.sum(1),
        )
        return self._ruled(verdicts, found, matched, support, evidence.context.peak)

    def _ruled(
        self,
        verdicts: Verdicts,
        found: np.ndarray,
        matched: np.ndarray,
        support: tuple[np.ndarray, np.ndarray, np.ndarray],
        peak: float,
    ) -> RuledVerdicts:
        verdict = verdicts.verdict.copy()
        rule = np.zeros(len(verdict), np.uint8)
        verdict[found], rule[found] = REAL, _PROTECTED
        kept = np.flatnonzero((verdict != ERROR) & (rule == 0))
        n, depth, reads = (column[kept] for column in support)
        if self.min_vaf > 0:
            rule[kept[below_fraction(n, depth, self.min_vaf)]] = _MIN_VAF
        if self.ploidy is not None:
            unfit = ~fits_ploidy(n, depth, reads / max(peak, 1.0), self.ploidy)
            rule[kept[unfit & (rule[kept] == 0)]] = _PLOIDY
        verdict[(rule == _MIN_VAF) | (rule == _PLOIDY)] = ERROR
        return RuledVerdicts(verdict, verdicts.posterior, rule, verdicts.verdict, matched)

    def report(self, judged: Verdicts) -> dict[str, Any]:
        """What the rules did; empty where there are none."""
        if not isinstance(judged, RuledVerdicts):
            return {}
        result: dict[str, Any] = {"rules": judged.ruled()}
        if self.protection is not None:
            result["protected"] = self.protection.to_dict(len(judged.matched), judged.restored)
        return result


def fragment_counts(
    fragments: np.ndarray, reads: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Supporting fragments, fragments over the site, and reads over the site: float64 (n,).

    Depth is known in reads. Mates that overlap are one fragment: the ratio of the
    alternative's own support stands for that of the site.

    Parameters
    ----------
    fragments, reads
        That support each alternative.
    others
        Reads over the site that do not.
    """
    n = np.asarray(fragments, float)
    over = reads + others
    return n, np.maximum(n, n * over / np.maximum(reads, 1)), over


def at_most(n: np.ndarray, depth: np.ndarray, fraction: np.ndarray | float) -> np.ndarray:
    """P(X <= n) of a binomial, for counts that need not be whole: float64 (m,)."""
    n, depth = np.asarray(n, float), np.asarray(depth, float)
    lower = special.betainc(np.maximum(depth - n, 1e-9), n + 1, 1 - np.asarray(fraction))
    return np.where(depth <= n, 1.0, lower)


def _at_least(n: np.ndarray, depth: np.ndarray, fraction: np.ndarray | float) -> np.ndarray:
    """P(X >= n) of a binomial, for counts that need not be whole."""
    upper = special.betainc(np.maximum(n, 1e-9), np.maximum(depth - n, 0) + 1, fraction)
    return np.where(n <= 0, 1.0, upper)


def below_fraction(n: np.ndarray, depth: np.ndarray, fraction: float) -> np.ndarray:
    """Is the fraction credibly below ``fraction``? bool (m,).

    It is where the upper end of the one-sided 95 % interval of Clopper and Pearson
    (1934, doi:10.1093/biomet/26.4.404) is: an allele at the fraction itself would
    show so few fragments less often than one time in twenty.

    Parameters
    ----------
    n, depth
        float64 (m,): supporting fragments, and all over the site.
    """
    return at_most(n, depth, fraction) < _MIN_VAF_RISK


def fits_ploidy(n: np.ndarray, depth: np.ndarray, relative: np.ndarray, ploidy: int) -> np.ndarray:
    """Could the support come from i of m copies, for whole i and m? bool (r,).

    Parameters
    ----------
    n, depth
        float64 (r,): supporting fragments, and all over the site.
    relative
        float64 (r,): the site's depth over the sample's. The copies m are the ploidy
        itself, and what a repeat may have: every number within a factor of 1.5 of
        ploidy times ``relative``.

    Notes
    -----
    A binomial test on each tail; over-dispersion divides both counts by its factor.
    """
    spread = 1 + np.maximum(depth - 1, 0) * CORRELATION
    n, depth = n / spread, depth / spread
    most = np.floor(ploidy * relative * _COPY_SLACK)
    least = np.ceil(ploidy * relative / _COPY_SLACK)
    fits = np.zeros(len(n), bool)
    share = n / np.maximum(depth, 1e-9)
    for m in range(1, _MAX_COPIES + 1):
        possible = ((least <= m) & (m <= most)) | (m == ploidy)
        for i in (np.floor(share * m), np.floor(share * m) + 1):
            fraction = np.clip(i, 1, m) / m * (1 - _SITE_ERROR)
            likely = at_most(n, depth, fraction) >= _PLOIDY_RISK
            likely &= _at_least(n, depth, fraction) >= _PLOIDY_RISK
            fits |= likely & possible
    most = np.maximum(most, ploidy)
    many = most > _MAX_COPIES
    fits[many] |= (at_most(n, depth, 1 / most) >= _PLOIDY_RISK)[many]
    return fits
