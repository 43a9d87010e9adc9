"""Alleles planted in the sample's own reads: what share of them does a judge lose?

Nobody knows which of a sample's alternatives are real. But a base on which its reads agree
can be turned to another in a share of its molecules, and there is an allele whose fraction
is known. The reads that are changed are threaded through the sample's own graph, what they
propose is pooled and looked at again as everything else is, by the sample's own error rates
and frequencies; and every judge may say what it makes of it. Each allele is planted by
itself: where a fragment covers several, each has a copy of it. No read of the sample is
touched, and no planted one is written.

What is planted is as even as alleles are in theory: one base, away from forks and from
whatever else recurs, every molecule alike. Real ones in repeats, in dips of the depth or
side by side are lost more often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import Edits
from dbgclean.evidence.explanations import Explained

__all__ = ["FRACTIONS", "SHOWN", "Spikes"]

# How many alleles are planted at each fraction: the rarer, the fewer of them are shown, and
# the fewer reads each takes.
FRACTIONS = {0.01: 400, 0.02: 400, 0.05: 200, 0.1: 100, 0.2: 40}
# An allele is shown where so many reads hold its window without an error.
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Spikes:
    """The planted alleles and what the reads with them propose.

    Attributes
    ----------
    fraction
        float64 (n,): share of the molecules in which each was planted.
    shown
        int64 (n,): reads that hold its window without an error.
    untouched
        bool (n,): some of these keep it whatever the verdict, as they were not threaded.
    row
        int64 (n,): its row in ``alternatives``, -1 where no read proposes to correct it.
    alternatives, edits, explained
        Of the planted alleles alone, as in `dbgclean.evidence.gather.Evidence`.
    """

    fraction: np.ndarray
    shown: np.ndarray
    untouched: np.ndarray
    row: np.ndarray
    alternatives: Alternatives
    edits: Edits
    explained: Explained

    def kept(self, kept: np.ndarray) -> np.ndarray:
        """Planted alleles that stand if the alternatives ``kept`` (bool) do: bool (n,)."""
        judged = np.append(kept, True)[self.row]
        return self.untouched | judged

    def by_fraction(self, kept: np.ndarray) -> dict[str, dict[str, int]]:
        """Alleles shown, and kept of these, by fraction; ``kept`` as in `kept`."""
        stands, shown = self.kept(kept), self.shown >= SHOWN
        return {
            f"{fraction:g}": {
                "shown": int(np.count_nonzero(shown & (self.fraction == fraction))),
                "kept": int(np.count_nonzero(shown & stands & (self.fraction == fraction))),
            }
            for fraction in FRACTIONS
        }
