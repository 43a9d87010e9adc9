"""Abundance histogram and its model: which k-mers are errors, and how deep is the rest.

The histogram of a shotgun sample is a sum of parts, each with a known shape:

* *errors*: k-mers that sequencing errors made, seen once or a few times; a
  negative binomial without its zero (Poisson chance of repeating an error, with
  error rates that differ from site to site);
* *coverage peaks*: k-mers of the genome, negative binomials with means at half
  the depth (heterozygous), at the depth, and at twice the depth (two copies),
  whose variance exceeds the mean by one common factor;
* a *thin* part, flat from 1 to the depth: k-mers near the ends of linear
  molecules, drop-outs, minor alleles.

Such mixtures go back to Kelley, Schatz, Salzberg, "Quake", Genome Biol 11, R116
(2010), doi:10.1186/gb-2010-11-11-r116, and, with peaks tied to multiples of one
depth, to Vurture et al., "GenomeScope", Bioinformatics 33, 2202 (2017),
doi:10.1093/bioinformatics/btx153. How the parts are fitted is told in `mixture`.

Where the histogram has no clear peak (too shallow, too few k-mers, a metagenome,
uneven amplicons) there is no fit, and the reason is given in words.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dbgclean.spectrum.mixture import (
    MAX_ABUNDANCE,
    REACH,
    Bins,
    Model,
    best_model,
    binned,
    has_het_peak,
    heterozygosity,
    highest_peak,
    misfit,
)
from dbgclean.spectrum.table import KmerTable

__all__ = ["MAX_ABUNDANCE", "Spectrum", "abundance_histogram", "fit_spectrum"]

FALLBACK_CUTOFF = 2

_MIN_KMERS = 200
_MIN_DEPTH = 2.0
_LARGEST_SPREAD = 0.1  # squared coefficient of variation beyond Poisson
_SMALLEST_SHARE = 0.6  # of the k-mers above the valley, in the coverage peaks
_SMALLEST_SHARE_IF_FLAT = 0.3
_CLOSE_FIT = 3.0  # mean squared residual that is still mostly chance
_RELABEL = 0.3  # two-copy k-mers above this share mean that the peak is half the depth
_SMALLEST_GENOME = 0.1  # of all that was read; the rest would be errors
_CURVE_POINTS = 400


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Histogram of abundances with the model fitted to it.

    Attributes
    ----------
    k : int
        Length of the k-mers.
    histogram : ndarray of int64
        ``histogram[a]`` distinct k-mers have abundance a; the last bin of a full
        length of ``MAX_ABUNDANCE + 1`` holds that abundance and all above.
    distinct, total : int
        Distinct k-mers, and the sum of their abundances.
    fitted : bool
        Whether a model was found; if not, `reason` says why and the numbers
        below are 0 (`half_peak` is None).
    reason : str
        Why there is no fit, in words; empty with a fit.
    valley : int
        Abundance where errors give way to the genome: k-mers below are weak.
    peak : float
        Mean abundance of k-mers that the genome has once (in a diploid: on both
        haplotypes); the depth in k-mers.
    half_peak : float or None
        Mean abundance of heterozygous k-mers, where there are any.
    heterozygosity : float or None
        Bases that differ between the two haplotypes, as a share, where the spectrum is that
        of a diploid beyond doubt; see `ploidy` and `mixture.heterozygosity`.
    error_rate : float
        Errors per base, from the share of k-mers that hold one.
    genome_size : int
        Bases (k-mer positions) of the haploid genome, repeats included.
    depth : float
        Depth in reads, bases over genome size, if the bases were given to
        `fit_spectrum`; else depth in k-mers, erroneous ones included. From reads of
        length L with e errors per base, the peak stands at
        ``depth * (L - k + 1) / L * (1 - e)**k``.
    curve : list of (int, float, float)
        Abundance, and the k-mers that the model expects there from errors and
        from the genome, for plotting.
    """

    k: int
    histogram: np.ndarray = field(repr=False)
    distinct: int
    total: int
    fitted: bool = False
    reason: str = ""
    valley: int = 0
    peak: float = 0.0
    half_peak: float | None = None
    heterozygosity: float | None = None
    error_rate: float = 0.0
    genome_size: int = 0
    depth: float = 0.0
    curve: list[tuple[int, float, float]] = field(default_factory=list, repr=False)

    @property
    def cutoff(self) -> int:
        """Lowest abundance of a solid k-mer: the valley, or 2 where there is no fit."""
        return self.valley if self.fitted else FALLBACK_CUTOFF

    @property
    def ploidy(self) -> int | None:
        """2 where there are two peaks at 1:2 beyond doubt, else None: one peak proves nothing.

        A haploid genome and an inbred diploid have the same spectrum.
        """
        return None if self.heterozygosity is None else 2

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for the report; the histogram as pairs without empty bins."""
        names = ("fitted", "reason", "valley", "peak", "half_peak")
        fit = {name: getattr(self, name) for name in (*names, "error_rate", "genome_size", "depth")}
        if self.half_peak is not None:
            fit |= {"ploidy": self.ploidy, "heterozygosity": self.heterozygosity}
        filled = np.flatnonzero(self.histogram)
        return {
            "k": self.k,
            "distinct": self.distinct,
            "total": self.total,
            "fit": fit,
            "histogram": [[int(a), int(self.histogram[a])] for a in filled],
            "curve": [list(point) for point in self.curve],
        }


def abundance_histogram(table: KmerTable) -> np.ndarray:
    """Number of distinct k-mers at each abundance (int64, index = abundance)."""
    return np.bincount(np.minimum(table.counts, MAX_ABUNDANCE), minlength=2).astype(np.int64)


def fit_spectrum(
    source: KmerTable | np.ndarray,
    k: int | None = None,
    *,
    bases: int | None = None,
    total: int | None = None,
) -> Spectrum:
    """Fit errors and coverage peaks to a table's abundances.

    Parameters
    ----------
    source : KmerTable or ndarray of int
        A table, or a histogram with ``source[a]`` k-mers of abundance a.
    k : int, optional
        Length of the k-mers; needed for a histogram.
    bases : int, optional
        Bases in the reads, for `Spectrum.depth`.
    total : int, optional
        Sum of the abundances, where a histogram's last bin hides it.

    Returns
    -------
    Spectrum
        Never fails on account of the data: see `Spectrum.fitted` and `reason`.

    Raises
    ------
    ValueError
        If a histogram comes without k, or k contradicts the table's.
    """
    if isinstance(source, KmerTable):
        if k not in (None, source.k):
            msg = f"the table holds {source.k}-mers, not {k}-mers"
            raise ValueError(msg)
        k, histogram, total = source.k, abundance_histogram(source), source.total
    else:
        histogram = np.asarray(source, dtype=np.int64)
        if total is None:
            total = int((histogram * np.arange(histogram.size)).sum())
    if k is None:
        msg = "k is needed with a histogram"
        raise ValueError(msg)
    blank = Spectrum(k, histogram, int(histogram[1:].sum()), total)
    return _fitted(blank, bases) if blank.distinct else _without_fit(blank, "there are no k-mers")


def _without_fit(blank: Spectrum, reason: str) -> Spectrum:
    return Spectrum(blank.k, blank.histogram, blank.distinct, blank.total, reason=reason)


def _fitted(blank: Spectrum, bases: int | None) -> Spectrum:
    if blank.distinct < _MIN_KMERS:
        return _without_fit(blank, f"only {blank.distinct} distinct k-mers, too few for a model")
    start = highest_peak(binned(blank.histogram, blank.histogram.size + 16))
    if start is None:
        return _without_fit(
            blank,
            "the histogram falls without a coverage peak: "
            "the depth is too low, or too uneven (metagenome, amplicons, RNA)",
        )
    bins, model, gain = best_model(blank.histogram, start)
    if model.weights[4] > _RELABEL * model.weights[3]:
        # As many k-mers at twice the depth as no haploid genome has: it was half the depth.
        bins, model, gain = best_model(blank.histogram, 2 * model.depth)
    valley = _valley(bins, model)
    reason = _objection(bins, model, valley, int(blank.histogram[valley:].sum()))
    if reason:
        return _without_fit(blank, reason)
    fit = _summary(blank, model, valley, bases)
    if fit.half_peak is not None:
        found = heterozygosity(bins, model, gain, valley, blank.k)
        fit = replace(fit, heterozygosity=None if found is None else _rounded(found))
    if fit.genome_size * fit.peak < _SMALLEST_GENOME * blank.total:
        return _without_fit(blank, "nearly everything is seen once: the depth is too low")
    return fit


def _valley(bins: Bins, model: Model) -> int:
    """First low of the histogram after the errors; the leftmost where several are equal.

    A rise only counts beyond chance (four standard deviations). Minor alleles rise
    before the coverage peak does, and the valley stays below them.
    """
    mode = int(max(1.0, model.error_mean * (1 - 1 / model.error_size)))
    counts, widths = bins.counts, bins.widths
    density = counts / widths
    first = int(np.searchsorted(bins.edges, mode, side="right")) - 1
    last = int(np.searchsorted(bins.centres, model.depth))
    lowest = first
    for i in range(first, min(last, counts.size)):
        if density[i] < density[lowest]:
            lowest = i
        elif _exceeds(bins, i, density[lowest], widths[lowest], 4):
            break
    for i in range(first, lowest):
        if not _exceeds(bins, i, density[lowest], widths[lowest], 2):
            lowest = i
            break
    return max(FALLBACK_CUTOFF, int(bins.edges[lowest]))


def _exceeds(bins: Bins, i: int, density: float, width: int, deviations: float) -> bool:
    """Whether bin i lies above a density, which a bin of some width showed, beyond chance."""
    expected = density * bins.widths[i]
    variance = expected * (1 + bins.widths[i] / width) + 1
    return bool(bins.counts[i] - expected > deviations * np.sqrt(variance))


def _objection(bins: Bins, model: Model, valley: int, solid: int) -> str:
    """Why the model is not to be believed, or an empty string; `solid` k-mers reach the valley."""
    if model.depth < _MIN_DEPTH:
        return f"the depth is too low: k-mers of the genome are seen {model.depth:.1f} times"
    if model.excess / model.depth > _LARGEST_SPREAD:
        return "the depth is too uneven for a peak (metagenome, amplicons, RNA)"
    above = bins.edges[:-1] >= valley
    peaks = model.parts(bins.centres)[2:].sum(axis=0) * bins.widths
    share = peaks[above].sum() / max(solid, 1)
    # Short molecules thin out towards their ends; then the flat part fits closely.
    flat = misfit(bins, model, valley) < _CLOSE_FIT * above.sum()
    if share < (_SMALLEST_SHARE_IF_FLAT if flat else _SMALLEST_SHARE):
        return (
            f"peaks at multiples of one depth hold only {share:.0%} of the k-mers above "
            "the errors: the depth is uneven (metagenome, amplicons, RNA)"
        )
    return ""


def _summary(blank: Spectrum, model: Model, valley: int, bases: int | None) -> Spectrum:
    abundances = np.arange(1, min(blank.histogram.size, int(REACH * model.depth) + 2))
    parts = model.parts(abundances.astype(np.float64))
    genome = parts[1:].sum(axis=0)
    wrong = parts[0] / np.maximum(parts[0] + genome, 1e-300)
    error_kmers = float((abundances * blank.histogram[abundances] * wrong).sum())
    share = min(error_kmers / blank.total, 1 - 1e-9)
    genome_size = max(1, round((blank.total - error_kmers) / model.depth))
    points = abundances
    if points.size > _CURVE_POINTS:
        points = np.unique(np.geomspace(1, abundances[-1], _CURVE_POINTS).astype(np.int64))
    return Spectrum(
        blank.k,
        blank.histogram,
        blank.distinct,
        blank.total,
        fitted=True,
        valley=valley,
        peak=_rounded(model.depth),
        half_peak=_rounded(model.depth / 2) if has_het_peak(model) else None,
        error_rate=_rounded(1 - (1 - share) ** (1 / blank.k)),
        genome_size=genome_size,
        depth=_rounded((bases or blank.total) / genome_size),
        curve=[(int(a), _rounded(parts[0, a - 1]), _rounded(genome[a - 1])) for a in points],
    )


def _rounded(value: float) -> float:
    """Five digits: what lies beyond depends on the machine's arithmetic."""
    return float(f"{value:.5g}")
