"""Verdicts on pooled insertions and deletions.

Where gaps were decided read by read, a real minority allele with an insertion or
deletion went silently, whatever its support.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean.correct.correctors import Corrector
from dbgclean.correct.verdicts import ERROR, REAL, UNDECIDED, Verdicts
from dbgclean.evidence.gap_alternatives import GapAlternatives

if TYPE_CHECKING:
    from dbgclean.evidence.gather import Evidence

__all__ = ["all_gap_errors", "gap_verdicts", "judge_gaps", "judges"]

# Log likelihood ratio (nats) from which a gap is real: far above chance, and there are
# few places at which gaps recur.
_REAL = 9.5
# Fragments that a real gap must have, and mean quality of the bases around it.
_LEAST_FRAGMENTS, _LEAST_QUALITY = 3, 20
# A real allele is seen on one strand alone this seldom (two-sided).
_STRAND_RISK = 0.02


def all_gap_errors(gaps: GapAlternatives) -> Verdicts:
    """Nothing is real that is not solid."""
    return Verdicts(np.full(len(gaps), ERROR, np.uint8), np.zeros(len(gaps), np.float32))


def judge_gaps(corrector: object, evidence: Evidence) -> Verdicts | None:
    """Verdicts on a run's gaps; a corrector that judges no base judges no gap.

    Returns
    -------
    Verdicts or None
        None where there are no reads.
    """
    if evidence.gaps is None:
        return None
    return (gap_verdicts if judges(corrector) else all_gap_errors)(evidence.gaps)


def judges(corrector: object) -> bool:
    """Whether a corrector has a judgement of its own."""
    return getattr(type(corrector), "judge", None) is not Corrector.judge


def gap_verdicts(gaps: GapAlternatives) -> Verdicts:
    """Judge by likelihood ratio, fragments, strands and qualities.

    Real: a ratio of 9.5 or more, three fragments, both strands, good bases around the
    gap. Undecided where only the second strand is lacking and that may be chance.
    The posterior is the logistic of the ratio less 9.5.
    """
    n = gaps.fragments
    enough = (gaps.likelihood >= _REAL) & (n >= _LEAST_FRAGMENTS)
    enough &= gaps.quality >= _LEAST_QUALITY
    one_strand = (gaps.reverse == 0) | (gaps.reverse == n)
    by_chance = 2.0 ** (1 - n) >= _STRAND_RISK
    verdict = np.full(len(gaps), ERROR, np.uint8)
    verdict[enough & one_strand & by_chance] = UNDECIDED
    verdict[enough & ~one_strand] = REAL
    odds = np.clip(gaps.likelihood - _REAL, -60, 60)
    return Verdicts(verdict, (1 / (1 + np.exp(-odds))).astype(np.float32))
