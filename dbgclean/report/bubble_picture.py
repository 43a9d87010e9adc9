"""What the picture of a bubble is drawn from: flanks that both arms share, and the arms.

The page draws it where it is unfolded (``templates/inspect_pictures.js``); here the two
sequences are laid side by side once, so that the script has nothing to work out.
"""

from dataclasses import dataclass

__all__ = ["Bubble", "bubble"]

_ALIGNED = 60  # longest arms whose inside is aligned base by base


@dataclass(frozen=True, slots=True)
class Bubble:
    """A reference and an allele, cut where they part and where they meet again.

    Attributes
    ----------
    left, right
        Bases before and after, the same in both; behind a tip, the reference's alone.
    ref, alt
        The arms in columns: of one length, '-' where an arm has no base.
    """

    left: str
    ref: str
    alt: str
    right: str


def bubble(ref_arm: str, alt_arm: str, *, tip: bool = False) -> Bubble:
    """Cut two sequences into shared flanks and the arms between them.

    Where an insertion or deletion could stand in several places it is put as far left as
    it goes, as in a VCF.

    Parameters
    ----------
    ref_arm, alt_arm
        The reference's and the allele's sequence between the same two places.
    tip
        The allele does not come back to the reference: only the left flank is shared.

    Examples
    --------
    >>> bubble("GATTACA", "GATCACA")
    Bubble(left='GAT', ref='T', alt='C', right='ACA')
    >>> bubble("GCAAAT", "GCAAT")
    Bubble(left='GC', ref='A', alt='-', right='AAT')
    """
    shorter = min(len(ref_arm), len(alt_arm))
    end = 0
    while not tip and end < shorter and ref_arm[-1 - end] == alt_arm[-1 - end]:
        end += 1
    start = 0
    while start < shorter - end and ref_arm[start] == alt_arm[start]:
        start += 1
    if tip:
        # The tip stops where its reads do; the reference goes on.
        alt = alt_arm[start:]
        ref = ref_arm[start : start + len(alt)]
        return Bubble(ref_arm[:start], ref.ljust(len(alt), "-"), alt, ref_arm[start + len(alt) :])
    ref, alt = ref_arm[start : len(ref_arm) - end], alt_arm[start : len(alt_arm) - end]
    if ref and alt and len(ref) != len(alt) and max(len(ref), len(alt)) <= _ALIGNED:
        ref, alt = _aligned(ref, alt)
    width = max(len(ref), len(alt))
    right = ref_arm[len(ref_arm) - end :]
    return Bubble(ref_arm[:start], ref.ljust(width, "-"), alt.ljust(width, "-"), right)


def _aligned(ref: str, alt: str) -> tuple[str, str]:
    """The two with the fewest differences between columns; gaps as far left as they go."""
    rows, columns = len(ref) + 1, len(alt) + 1
    cost = [[i + j if not i or not j else 0 for j in range(columns)] for i in range(rows)]
    for i in range(1, rows):
        for j in range(1, columns):
            cost[i][j] = min(
                cost[i - 1][j - 1] + (ref[i - 1] != alt[j - 1]),
                cost[i - 1][j] + 1,
                cost[i][j - 1] + 1,
            )
    i, j = rows - 1, columns - 1
    above, below = [], []
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (ref[i - 1] != alt[j - 1]):
            i, j = i - 1, j - 1
            above.append(ref[i])
            below.append(alt[j])
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            above.append(ref[i])
            below.append("-")
        else:
            j -= 1
            above.append("-")
            below.append(alt[j])
    return "".join(reversed(above)), "".join(reversed(below))
