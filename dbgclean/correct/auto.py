"""The judge that does better on this sample's own reads: likelihood ratio or network.

Nobody knows which alternatives of a sample are real, nor how many false ones a judge keeps.
But of two judges that keep equally many of the same alternatives, the one that loses fewer
real ones keeps fewer false ones. So the network is made to keep as many of the sample's
alternatives as the likelihood ratio does, and is taken where it then loses clearly fewer of
the alleles that were planted (`dbgclean.evidence.spikes`), and the ratio wherever this
is not so, or cannot be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.correct.correctors import AutoencoderCorrector, Corrector, LikelihoodCorrector
from dbgclean.correct.verdicts import ERROR, REAL, UNDECIDED, Verdicts, spare_clear
from dbgclean.evidence.spikes import SHOWN, Spikes

if TYPE_CHECKING:
    from dbgclean.correct.correctors import Sample
    from dbgclean.evidence.gather import Evidence

__all__ = ["AutoCorrector", "Choice"]

ANCHOR, NETWORK = "likelihood", "autoencoder"
# Planted alleles that have to be shown.
_FEWEST = 50
# What planted alleles tell of real ones is right within five points (benchmarks/
# expected_loss.py): so much more has the network to keep at some fraction. And standard
# deviations by which the alleles that one judge alone keeps have to differ over all.
_POINTS, _CLEARLY = 0.05, 3.0
# The fraction that is spoken of where the judges differ nowhere.
_USUAL = 0.05


@dataclass(frozen=True, slots=True)
class Choice:
    """Which judge was taken, and why, in words.

    ``least`` is the posterior from which the network keeps an alternative, where it is
    taken.
    """

    judge: str
    why: str
    least: float = 0.0

    def __str__(self) -> str:
        return f"{self.judge} ({self.why})"


class AutoCorrector(Corrector):
    """Judges by likelihood ratio or network, whichever loses fewer planted alleles.

    Attributes
    ----------
    choice
        What was taken; None until alternatives were judged. What is judged later and has
        no planted alleles of its own, as these themselves, is judged in the same way.
    """

    choice: Choice | None = None

    def __init__(self) -> None:
        self.anchor: Corrector = LikelihoodCorrector()
        self.network: Corrector = AutoencoderCorrector()

    def check(self, model: str | None) -> None:
        """The network's weights are there and take our windows."""
        self.network.check(model)

    def judge(self, evidence: Evidence, sample: Sample) -> Verdicts:
        """Verdicts of the judge that is taken."""
        spikes = getattr(evidence, "spikes", None)
        if spikes is None and self.choice is not None:
            return self._by_choice(evidence, sample)
        shown = 0 if spikes is None else int(np.count_nonzero(spikes.shown >= SHOWN))
        anchor = sample.judged.get(ANCHOR) or self.anchor.judge(evidence, sample)
        if spikes is None or shown < _FEWEST:
            why = "no alleles were planted" if spikes is None else (
                f"only {shown} of the alleles planted in these reads are shown by {SHOWN} of them"
            )  # fmt: skip
            self.choice = Choice(ANCHOR, why)
            return anchor
        network = sample.judged.get(NETWORK) or self.network.judge(evidence, sample)
        rows = evidence.alternatives.substitutions
        least = _threshold(network.posterior[rows], int(np.count_nonzero(anchor.kept[rows])))
        planted = evidence.planted()
        mine = spikes.kept(self.anchor.judge(planted, sample).kept)
        other = spikes.kept(self.network.judge(planted, sample).posterior >= least)
        self.choice = _choose(spikes, mine, other, least)
        if self.choice.judge == ANCHOR:
            return anchor
        return self._at_least(evidence, network, least)

    def _by_choice(self, evidence: Evidence, sample: Sample) -> Verdicts:
        assert self.choice is not None
        if self.choice.judge == ANCHOR:
            return self.anchor.judge(evidence, sample)
        return self._at_least(evidence, self.network.judge(evidence, sample), self.choice.least)

    @staticmethod
    def _at_least(evidence: Evidence, judged: Verdicts, least: float) -> Verdicts:
        """The network's verdicts, keeping what has the least posterior or more.

        Of insertions and deletions it says what the ratio does: they stay as they are.
        """
        real = np.where(judged.verdict == REAL, REAL, UNDECIDED)
        verdict = np.where(judged.posterior >= least, real, ERROR).astype(np.uint8)
        gaps = evidence.alternatives.gaps
        verdict[gaps] = judged.verdict[gaps]
        return spare_clear(evidence.alternatives, Verdicts(verdict, judged.posterior))


def _threshold(posterior: np.ndarray, most: int) -> float:
    """The least posterior that ``most`` alternatives, and no more, reach: 2 where none does."""
    falling = np.sort(posterior)[::-1]
    if most < len(falling):
        higher = falling[falling > falling[most]]
        return float(higher[-1]) if len(higher) else 2.0
    return 0.0


def _choose(spikes: Spikes, mine: np.ndarray, other: np.ndarray, least: float) -> Choice:
    """The network where it keeps clearly more of what is shown, else the ratio."""
    shown = spikes.shown >= SHOWN
    gain = int(np.count_nonzero(shown & other & ~mine))
    loss = int(np.count_nonzero(shown & mine & ~other))
    fractions = sorted(set(spikes.fraction.tolist()), key=lambda f: (abs(f - _USUAL), f))
    counts = {
        f: [int(np.count_nonzero(shown & (spikes.fraction == f) & x)) for x in (shown, mine, other)]
        for f in fractions
    }
    told = max(fractions, key=lambda f: abs(counts[f][1] - counts[f][2]))
    number, by_mine, by_other = counts[told]
    better = by_other - by_mine > _POINTS * number
    better &= gain - loss > _CLEARLY * (gain + loss) ** 0.5
    both = (by_mine, f"the network {by_other}"), (by_other, f"the likelihood ratio {by_mine}")
    first, second = both[better]
    why = (
        f"of {number} planted alleles at {100 * told:g} % it keeps {first}, {second} "
        "where both keep as many alternatives"
    )
    return Choice(NETWORK if better else ANCHOR, why, least)
