"""Genotypes: what one or two copies of the genome would show, against what the fragments show.

Likelihoods are those of samtools (Li 2011, doi:10.1093/bioinformatics/btr509): every
fragment is a draw from the copies, read with the error of its base and of its place.
Fragments of one site are not independent; counts are discounted for that, so that great
depth does not make a genotype more certain than the library can.
"""

from __future__ import annotations

import numpy as np

from dbgclean.correct.policy import CORRELATION, at_most
from dbgclean.variants.phase import WRONG

__all__ = [
    "HETEROZYGOUS",
    "HOMOZYGOUS",
    "REFERENCE",
    "best_genotype",
    "effective",
    "fits_one_copy",
    "fragment_error",
    "genotype_likelihoods",
    "genotype_posteriors",
    "genotype_quality",
    "one_copy_by_phase",
]

REFERENCE, HETEROZYGOUS, HOMOZYGOUS = range(3)

# However good base and mapping quality are, a fragment speaks wrongly this often: it is
# contamination, a chimera, or was mapped to the better of two wrong places.
_LEAST_ERROR = 0.002
# Of a site with an allele at all, P(0/1) and P(1/1) before its reads are seen: human
# heterozygosity, and half of it (Li 2011). A haploid genome differs as often.
_HETEROZYGOSITY = 1e-3
_PRIOR = np.log10([1 - 1.5 * _HETEROZYGOSITY, _HETEROZYGOSITY, _HETEROZYGOSITY / 2])
_LARGEST_QUALITY = 99.0


def effective(count: np.ndarray, of: np.ndarray) -> np.ndarray:
    """``count`` of ``of`` fragments as independent draws, float64 (n,): see `CORRELATION`."""
    return np.asarray(count, float) / (1 + np.maximum(np.asarray(of, float) - 1, 0) * CORRELATION)


def fragment_error(quality: np.ndarray, mapping_quality: np.ndarray) -> np.ndarray:
    """Probability that a fragment speaks wrongly, float64 (n,).

    Parameters
    ----------
    quality, mapping_quality
        float64 (n,): mean Phred of the bases and of the mapping. The mean of Phred values is
        the Phred of the geometric mean, which is what a product over fragments needs. NaN:
        not known, and no reason for doubt beyond the least error.
    """
    base = 10.0 ** (-np.nan_to_num(np.asarray(quality, float), nan=60.0) / 10)
    place = 10.0 ** (-np.nan_to_num(np.asarray(mapping_quality, float), nan=60.0) / 10)
    return np.clip(1 - (1 - base) * (1 - place), _LEAST_ERROR, 0.5)


def genotype_likelihoods(
    alt: np.ndarray,
    other: np.ndarray,
    alt_error: np.ndarray,
    other_error: np.ndarray,
    ploidy: int = 2,
    shown: np.ndarray | None = None,
) -> np.ndarray:
    """Log10 likelihoods of 0/0, 0/1 and 1/1, float64 (n, 3), greatest 0.

    Parameters
    ----------
    alt, other
        int64 (n,): fragments that show the allele; that show the reference or another
        allele believed in.
    alt_error, other_error
        float64 (n,): probability that such a fragment speaks wrongly (`fragment_error`).
        A wrong one shows the allele in question one time in three.
    ploidy
        2, or 1: then there is no 0/1, and its likelihood is minus infinity.
    shown
        int64 (n, 2, 2): the fragments by copy, where they tell (`one_copy_by_phase`).

    Raises
    ------
    ValueError
        If ``ploidy`` is neither.
    """
    if ploidy not in (1, 2):
        msg = f"genotypes are known of one or two copies, not of {ploidy}"
        raise ValueError(msg)
    over = np.asarray(alt) + np.asarray(other)
    a, b = effective(alt, over), effective(other, over)
    result = np.empty((len(a), 3))
    result[:, REFERENCE] = a * np.log10(alt_error / 3) + b * np.log10(1 - other_error)
    result[:, HETEROZYGOUS] = a * np.log10(0.5 * (1 - alt_error) + 0.5 * alt_error / 3)
    result[:, HETEROZYGOUS] += b * np.log10(0.5 * (1 - other_error) + 0.5 * other_error / 3)
    result[:, HOMOZYGOUS] = a * np.log10(1 - alt_error) + b * np.log10(other_error / 3)
    if shown is not None:
        result[:, HETEROZYGOUS] += one_copy_by_phase(shown)
    if ploidy == 1:
        result[:, HETEROZYGOUS] = -np.inf
    return result - result.max(1, keepdims=True)


def one_copy_by_phase(shown: np.ndarray) -> np.ndarray:
    """What fragments that tell their copy add to the log10 likelihood of 0/1, float64 (n,).

    Without knowing its copy a fragment shows an allele of one copy half of the time; with
    it, always or (assigned wrongly) hardly ever.

    Parameters
    ----------
    shown
        int64 (n, 2, 2): see `dbgclean.variants.phase.copies_shown`.
    """
    total = shown.sum((1, 2))
    first = effective(shown[:, 0, 1] + shown[:, 1, 0], total)
    second = effective(shown[:, 1, 1] + shown[:, 0, 0], total)
    agree, disagree = np.maximum(first, second), np.minimum(first, second)
    return agree * np.log10(2 * (1 - WRONG)) + disagree * np.log10(2 * WRONG)


def genotype_posteriors(likelihoods: np.ndarray) -> np.ndarray:
    """Log10 probabilities of the three genotypes, float64 (n, 3), under human heterozygosity."""
    score = likelihoods + _PRIOR
    top = score.max(1, keepdims=True)
    return score - top - np.log10((10.0 ** (score - top)).sum(1, keepdims=True))


def best_genotype(likelihoods: np.ndarray) -> np.ndarray:
    """REFERENCE, HETEROZYGOUS or HOMOZYGOUS of greatest probability, int64 (n,)."""
    return np.argmax(genotype_posteriors(likelihoods), axis=1)


def genotype_quality(likelihoods: np.ndarray) -> np.ndarray:
    """GQ: Phred-scaled probability that the likeliest genotype is wrong, float64 (n,), 0 to 99."""
    probability = np.sort(10.0 ** genotype_posteriors(likelihoods), axis=1)
    wrong = probability[:, 0] + probability[:, 1]
    return np.minimum(-10 * np.log10(np.maximum(wrong, 1e-30)), _LARGEST_QUALITY)


def fits_one_copy(alt: np.ndarray, over: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """P of so few fragments or fewer from an allele that ``share`` of the genome's copies hold.

    Parameters
    ----------
    alt, over
        int64 (n,): supporting fragments, and all.
    share
        Fraction to expect: 0.5 of a heterozygous base, less where reads that hold the
        allele are mapped or aligned less readily.

    Returns
    -------
    float64 (n,)
    """
    return at_most(effective(alt, over), effective(over, over), share)
