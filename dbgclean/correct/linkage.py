"""Alternatives that stand together in one fragment: in a mix, a rare member, not errors.

A lone read of a rare strain differs from the deep one in many places, each of which by
itself looks like an error. Errors do not come together at good quality: of single errors
of a 50x genome one in 200 has two more beside it in its fragment, of the differences of a
3x strain nine in ten (`python -m benchmarks.depths --sets strands`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean.correct.verdicts import ERROR, UNDECIDED, Verdicts

if TYPE_CHECKING:
    from dbgclean.evidence.gather import Evidence

__all__ = ["leave_linked"]

_GOOD = 25
_REPEATED = 0.4
_OTHERS = 2


def leave_linked(evidence: Evidence, verdicts: Verdicts) -> tuple[Verdicts, np.ndarray]:
    """Undecided in place of error, where most reads of an alternative show others beside it.

    A read counts where its base is of Q25 or better and its fragment is edited at two
    more bases that are.

    Parameters
    ----------
    evidence
        Of a sample that is a mix; ``alternatives.of_edit`` leads from edits to verdicts.

    Returns
    -------
    Verdicts, ndarray
        The verdicts; bool (n,), the alternatives that were left.
    """
    edits, of = evidence.edits, evidence.alternatives.of_edit
    good = (edits.quality >= _GOOD) & (edits.disputed == 0)
    _, fragment = np.unique(edits.fragment, return_inverse=True)
    linked = good & (np.bincount(fragment, weights=good)[fragment] > _OTHERS)
    n = len(verdicts.verdict)
    share = np.bincount(of, weights=linked, minlength=n) / np.maximum(
        1, np.bincount(of, minlength=n)
    )
    left = (verdicts.verdict == ERROR) & (share >= 0.5)
    # A member of 3x shows most of its differences in two fragments or more; damaged or bad
    # reads, whose depth of their own is low too, hardly any.
    if left.any() and np.mean(evidence.alternatives.fragments[left] > 1) < _REPEATED:
        left[:] = False
    verdict = np.where(left, np.uint8(UNDECIDED), verdicts.verdict)
    return Verdicts(verdict, verdicts.posterior), left
