"""What is known of a sample as a whole, told by its own alternatives.

An alternative is not judged by itself alone. How many others look real sets the odds
before it is looked at; how many recur on one strand, at low quality or behind the same
motif tells whether this sequencer, on this library, repeats its errors (Nakamura et al.
2011, doi:10.1093/nar/gkr344; Meacham et al. 2011, doi:10.1186/1471-2105-12-451).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK, WINDOW

__all__ = ["SampleContext", "describe_sample", "log_prior", "motif_classes", "recurrence"]

# Alternatives above this ratio, on both strands, are real beyond doubt; how many there
# are per megabase tells a mixture from a clone.
_STRONG = 15.0
# Chance (-log10) from which independent errors do not explain the support.
_RECURS = 4.0
_FEWEST = 3
# Bases of the motif on either side, and classes: those bases, the path's and the read's.
_MOTIF = 3
_CLASSES = 4 ** (_MOTIF + 2)


@dataclass(frozen=True, eq=False)
class SampleContext:
    """What is known of the sample as a whole.

    Attributes
    ----------
    peak
        Depth of the sample in reads over a base; the fitted k-mer peak scaled, or
        the mean where there is no fit.
    error_rate
        Edits that do not recur over bases on a path.
    genome_size
        Bases, fitted or the number of solid k-mers.
    low_share
        Share of all bases on a path that are of low quality (below Q15).
    has_qualities
        False for FASTA.
    strong_density, recurring_density
        Alternatives per megabase: real beyond doubt; too many for independent errors.
    prior
        Log odds of an alternative being real before it is looked at, see `log_prior`.
    one_stranded, low_quality
        Of the recurring ones: share supported by one strand only beyond what chance
        gives; mean share of low-quality support beyond ``low_share``.
    motifs
        float32 (1024,): log2 of how much more often than its share a motif class
        recurs on one strand, see `motif_classes`.
    """

    peak: float
    error_rate: float
    genome_size: float
    low_share: float = 0.0
    has_qualities: bool = True
    strong_density: float = 0.0
    recurring_density: float = 0.0
    prior: float = -10.0
    one_stranded: float = 0.0
    low_quality: float = 0.0
    motifs: np.ndarray | None = None


def describe_sample(
    alternatives: Alternatives,
    *,
    peak: float,
    error_rate: float,
    genome_size: float,
    low_share: float = 0.0,
    has_qualities: bool = True,
) -> SampleContext:
    """Everything of `SampleContext` that the alternatives themselves tell.

    Unknown columns (NaN) tell nothing.
    """
    a = alternatives.recurring  # one read alone says nothing of this
    megabases = max(genome_size, 1) / 1e6
    n = a.column("fragments")
    recurs = (recurrence(n, a.expected) > _RECURS) & (n >= _FEWEST)
    one_strand = (a.column("reverse") == 0) | (a.column("reverse") == n)
    strong = int(np.count_nonzero((a.likelihood > _STRONG) & ~one_strand))
    known = recurs & np.isfinite(a.column("reverse")) & (n > _FEWEST)
    low = (a.column("low_quality") / np.maximum(n, 1))[known]
    size = n[known]
    weight = max(1.0, float(known.sum()) + 5)
    return SampleContext(
        peak=peak,
        error_rate=error_rate,
        genome_size=genome_size,
        low_share=low_share,
        has_qualities=has_qualities,
        strong_density=strong / megabases,
        recurring_density=np.count_nonzero(recurs) / megabases,
        prior=log_prior(strong, genome_size),
        one_stranded=float((one_strand[known] - 0.5 ** (size - 1)).sum() / weight),
        low_quality=float((low - low_share).sum() / weight),
        motifs=_motif_excess(alternatives, a.select(recurs)),
    )


def recurrence(n: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """-log10 of the Poisson chance of n or more errors where ``expected`` are due, at most 20."""
    return np.minimum(20, -np.log10(np.maximum(special.pdtrc(n - 1, expected), 1e-20)))


def log_prior(strong: int, genome_size: float) -> float:
    """Log odds that another base at a place is real, before its reads are looked at.

    Those that are real beyond doubt, over the three other bases at every place. Errors
    pass a log likelihood ratio x with a chance of about exp(-x), so an alternative
    whose ratio does not outweigh these odds is more likely one of the many errors of a
    large genome than one of its few alleles. Half an allele is assumed at least.
    """
    return float(np.log((strong + 0.5) / (3 * max(genome_size, 1.0))))


def motif_classes(alternatives: Alternatives) -> np.ndarray:
    """Motif before and after the site in the direction of most supporting reads.

    Returns
    -------
    ndarray
        int64 (2, n): the path's three bases before the site, its base there and the
        reads' one, as a number below 1024; the same seen from the other side. Reads
        and their reverse complements give the same two in turn.
    """
    a = alternatives
    n = a.column("fragments")
    against = np.nan_to_num(a.column("reverse")) * 2 > n
    sides = np.zeros((2, len(a)), np.int64)
    for side in range(2):
        for step in range(_MOTIF, 0, -1):
            sides[side] = sides[side] * 4 + _base_at(a.key, step if side else -step, side == 1)
    to, base = a.to.astype(np.int64), a.base.astype(np.int64)
    ahead = sides[0] * 16 + to * 4 + base
    behind = sides[1] * 16 + (3 - to) * 4 + (3 - base)
    return np.where(against, [behind, ahead], [ahead, behind])


def _base_at(keys: np.ndarray, step: int, complement: bool) -> np.ndarray:
    """Base ``step`` places after the middle of each key, or its complement."""
    shift = np.uint64(2 * (WINDOW - 1 - FLANK - step))
    base = ((keys >> shift) & np.uint64(3)).astype(np.int64)
    return 3 - base if complement else base


def _motif_excess(every: Alternatives, recurs: Alternatives) -> np.ndarray:
    """Log2 excess of each motif class among what recurs on one strand, shrunk to none.

    Motif and substitution are counted together and the share of each substitution
    taken out, or a sequencer's favourite would be every motif's.
    """
    n, reverse = recurs.column("fragments"), recurs.column("reverse")
    one = recurs.select((reverse == 0) | (reverse == n))
    everything = sum((_of_class(block) for block in every.blocks()), np.zeros(_CLASSES))
    found = _of_class(one)
    by_change = found.reshape(-1, 16).sum(0) / np.maximum(everything.reshape(-1, 16).sum(0), 1)
    expected = everything * np.tile(by_change, _CLASSES // 16)
    return np.log2((found + 2) / (expected + 2)).astype(np.float32)


def _of_class(a: Alternatives) -> np.ndarray:
    """Alternatives of each motif class, seen from either side: float64 (1024,)."""
    return np.bincount(motif_classes(a).ravel(), minlength=_CLASSES).astype(float)
