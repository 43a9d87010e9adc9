"""Alternatives that stand together in one fragment: in a mix, a rare member, not errors.

A lone read of a rare strain differs from the deep one in many places, each of which by
itself looks like an error. Errors do not come together at good quality: of single errors
of a 50x genome one in 200 has two more beside it in its fragment, of the differences of a
3x strain nine in ten (`python -m benchmarks.accuracy.depths --sets strands`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean.correct.verdicts import ERROR, UNDECIDED, Verdicts

if TYPE_CHECKING:
    from dbgclean.evidence.gather import Evidence

__all__ = ["leave_linked"]

_GOOD = 25
# So good that one other such base close by is enough.
_SURE, _CLOSE = 35, 31
_BELIEVED = 0.1
_OTHERS = 2


def leave_linked(evidence: Evidence, verdicts: Verdicts) -> tuple[Verdicts, np.ndarray]:
    """Undecided in place of error, where most reads of an alternative show others beside it.

    A read counts where its base is of Q25 or better and its fragment is edited at two
    more bases that are; or where it is of Q35 and so is another within 31 bases.

    Parameters
    ----------
    evidence
        Of a sample that is a mix; ``alternatives.of_edit`` leads from edits to verdicts.

    Returns
    -------
    Verdicts, ndarray
        The verdicts; bool (n,), the alternatives that were left.
    """
    edits = evidence.edits.substitutions()
    of = evidence.alternatives.of_edit[: len(edits)]
    good = (edits.quality >= _GOOD) & (edits.disputed == 0)
    _, fragment = np.unique(edits.fragment, return_inverse=True)
    linked = good & (np.bincount(fragment, weights=good)[fragment] > _OTHERS)
    sure = np.flatnonzero(good & (edits.quality >= _SURE))
    sure = sure[np.lexsort((edits.position[sure], edits.read[sure]))]
    beside = (np.diff(edits.read[sure]) == 0) & (np.diff(edits.position[sure]) <= _CLOSE)
    linked[sure[:-1][beside]] = linked[sure[1:][beside]] = True
    n = len(verdicts.verdict)
    share = np.bincount(of, weights=linked, minlength=n) / np.maximum(
        1, np.bincount(of, minlength=n)
    )
    together = share >= 0.5
    left = together & (verdicts.verdict == ERROR)
    # Of a member of 3x the judge finds more than half of them real by itself; of damaged or
    # bad reads, whose depth of their own is low too, next to none.
    if left.any() and np.mean(~left[together]) < _BELIEVED:
        left[:] = False
    verdict = np.where(left, np.uint8(UNDECIDED), verdicts.verdict)
    return Verdicts(verdict, verdicts.posterior), left
