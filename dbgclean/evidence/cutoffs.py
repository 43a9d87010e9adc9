"""How deep is solid, and at which k to thread, from the fitted abundances of a sample."""

from __future__ import annotations

import numpy as np

from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.kmers import MAX_K, MAX_ONE_WORD

__all__ = [
    "CORRECTION_K",
    "LONG_CORRECTION_K",
    "choose_correction_k",
    "choose_cutoffs",
    "choose_graph_k",
    "depth_cutoffs",
    "enough_depth",
    "first_correction_k",
    "median_depth",
]

# More of a read is covered by clean k-mers of this length than by longer ones, and
# those of a bacterium are still unique.
CORRECTION_K = 25
# Copies of a repeat that differ by a base in a hundred are often alike for as long as that,
# so that an error which makes one of them another goes unseen; a longer k sees it, where a
# genome is large enough to have repeats, the reads are long enough for it, and k-mers as deep
# as that remains.
LONG_CORRECTION_K = 31
_REPETITIVE = 2_000_000
_LONG_READS = 4 * LONG_CORRECTION_K
# From so many bases on a sample is rather a diploid's, whose haplotypes are seldom that deep.
_OF_DIPLOIDS = 5e8
# Below this depth in k-mers of that length shorter ones are better: more of them are
# seen twice.
_SHALLOW = 9.0
# How many times the bases of the genome there have to be k-mers: then even in a
# repetitive one few k-mers stand in two places by chance.
_SPARSE = 20_000
_SHORTEST = 15

# Depth in k-mers that a longer k has to leave: what is above is "wasted" on k-mers that could
# be longer, says the manual of Velvet.
_DEEP_ENOUGH = 20.0

# The deepest cutoffs of the two threading passes, and their share of a shallow peak.
_UPPER, _LOWER = 5, 3
_UPPER_SHARE, _LOWER_SHARE = 0.35, 0.2
# Share of the peak that nobody asks of which sequence it is a share.
_ENOUGH_SHARE = 0.35
# Median abundance below which reads do not vouch for each other, and the cutoff then.
_SEEN_BY_OTHERS = 2
_NEVER = 2**31 - 1


def first_correction_k(bases: float, longest: int, k: int) -> int:
    """The k to count at before `choose_correction_k` knows more than how much there is to read.

    Counting at both would cost more than counting anew the few samples for which it is wrong.

    Parameters
    ----------
    bases
        Of all reads, about.
    longest
        Of some of the reads, in bases; 0 where that is not known: they may be too short.
    k
        Of the graph.
    """
    long = longest >= _LONG_READS and _REPETITIVE * _DEEP_ENOUGH <= bases < _OF_DIPLOIDS
    return min(k, LONG_CORRECTION_K if long else CORRECTION_K)


def choose_correction_k(spectrum: Spectrum, mean_length: float, k: int) -> int:
    """The k to thread reads at: 25, 31 of a deep large genome, or less of a shallow sample.

    What is left of the depth in k-mers falls with k, and at 4x of 100 bases most 25-mers
    are seen once or twice, which tells nothing from errors. A shorter k has to be long
    enough that k-mers are still unique in a genome of this size.

    Parameters
    ----------
    spectrum
        Of the raw reads, at any k.
    mean_length
        Of the reads, in bases.
    k
        Of the graph; the result is no larger.

    Returns
    -------
    int
        Odd, from 15 to 31 where ``k`` allows. If it is not the k that was counted, reads
        have to be counted again.
    """
    longest = min(k, CORRECTION_K)
    if spectrum.fitted:
        depth, size = spectrum.peak, spectrum.genome_size
    else:
        depth, size = median_depth(spectrum), int(spectrum.histogram[2:].sum())
    if size == 0 or mean_length <= CORRECTION_K:
        return longest
    large = spectrum.fitted and size >= _REPETITIVE and k >= LONG_CORRECTION_K
    if large and mean_length >= _LONG_READS:
        # Of a diploid each haplotype has to be as deep: its alleles are what would be lost.
        least = spectrum.half_peak or depth
        if least * _share_at(LONG_CORRECTION_K, spectrum, mean_length) >= _DEEP_ENOUGH:
            return LONG_CORRECTION_K
    if depth * _share_at(CORRECTION_K, spectrum, mean_length) >= _SHALLOW:
        return longest
    unique = int(np.ceil(np.log(_SPARSE * size) / np.log(4)))
    return min(longest, max(_SHORTEST, unique + 1 - unique % 2))


def _share_at(k: int, spectrum: Spectrum, mean_length: float) -> float:
    """Depth of k-mers of this length to that of those counted: fewer a read, more with errors."""
    clean: float = (1 - spectrum.error_rate) ** (k - spectrum.k)
    windows = max(1.0, mean_length - spectrum.k + 1)
    return clean * max(0.0, mean_length - k + 1) / windows


def choose_graph_k(spectrum: Spectrum, mean_length: float) -> int:
    """The k that ``-k auto`` takes for a graph: the largest that leaves the k-mers 20 deep.

    A longer k tells more repeats apart and leaves less of the depth. From reads of length L
    that cover the genome C times, k-mers are ``C * (L - k + 1) / L`` deep, less what errors
    break: above 10 an assembly holds together, and above 20 depth is given away that a
    longer k could use (manual of Velvet 1.1, section 5.1; Zerbino 2010,
    doi:10.1002/0471250953.bi1105s31).

    Parameters
    ----------
    spectrum
        Of the raw reads.
    mean_length
        Of the reads, in bases.

    Returns
    -------
    int
        Odd, from 31 to 127; 31 where nothing fits the spectrum.
    """
    for k in range(MAX_K, MAX_ONE_WORD, -2):
        if spectrum.fitted and spectrum.peak * _share_at(k, spectrum, mean_length) >= _DEEP_ENOUGH:
            return k
    return MAX_ONE_WORD


def choose_cutoffs(spectrum: Spectrum, rarest: int | None = None) -> tuple[int, int]:
    """Abundance cutoffs of the two threading passes, from the depth of the sample.

    5 and 3 where a base is covered 15 times or more; less where it is shallower, and
    where the fitted parts say that the genome's own k-mers outnumber errors earlier: in
    a diploid of 20x, half of the alleles stand at 8 and some below 5. Both are 3 then:
    what was seen twice is as often an error twice (benchmarks/accuracy, diploid). The
    fork rule of `SolidGraph` takes care of what is deeper. Without a fit the median abundance that
    a base of the reads sees stands in for the peak. Where most of what is read is seen
    once, as of a genome given as a read, only repeats could correct each other: nothing
    is solid then.

    Parameters
    ----------
    rarest
        Depth of the rarest member of a mix (`dbgclean.spectrum.read_depths`): the cutoffs
        are then its own, though not below 3 and 2; the fork rule of `SolidGraph` keeps
        errors of the deeper ones out.
    """
    if not spectrum.fitted and 0 < median_depth(spectrum) < _SEEN_BY_OTHERS:
        return _NEVER, _NEVER
    if rarest is not None:
        upper, lower = _cutoffs_at(rarest)
        return max(upper, _LOWER), lower
    upper, lower = depth_cutoffs(spectrum)
    upper = min(upper, max(_first_genuine(spectrum), _LOWER))
    return upper, min(lower, upper)


def depth_cutoffs(spectrum: Spectrum) -> tuple[int, int]:
    """Upper and lower cutoff by depth alone: 5 and 3, and less below 15x."""
    return _cutoffs_at(spectrum.peak if spectrum.fitted else median_depth(spectrum))


def _cutoffs_at(peak: float) -> tuple[int, int]:
    upper = int(np.clip(round(_UPPER_SHARE * peak), 2, _UPPER))
    return upper, min(upper, int(np.clip(round(_LOWER_SHARE * peak), 2, _LOWER)))


def _first_genuine(spectrum: Spectrum) -> int:
    """Lowest abundance, from 2, at which no more errors are expected than true k-mers."""
    for abundance, errors, genome in spectrum.curve if spectrum.fitted else ():
        if abundance > 1 and genome >= errors:
            return abundance
    return _UPPER


def enough_depth(spectrum: Spectrum) -> int | None:
    """Abundance of a k-mer that the genome has, whatever stands beside it; None without a fit."""
    if not spectrum.fitted:
        return None
    return max(_LOWER, int(np.ceil(_ENOUGH_SHARE * spectrum.peak)))


def median_depth(spectrum: Spectrum) -> float:
    """Abundance of the k-mer in the middle when k-mers are weighted by abundance."""
    weight = np.cumsum(spectrum.histogram * np.arange(len(spectrum.histogram)))
    if len(weight) == 0 or weight[-1] == 0:
        return 0.0
    return float(np.searchsorted(weight, weight[-1] / 2))
