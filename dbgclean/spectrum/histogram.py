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
doi:10.1093/bioinformatics/btx153. Here abundances are binned in steps of half
their square root, so that a Poisson peak is equally wide at any depth, and the
parts are fitted by robust least squares between square roots of counts (which
have the same variance at any count; Anscombe 1948, doi:10.1093/biomet/35.3-4.246).

Where the histogram has no clear peak (too shallow, too few k-mers, a metagenome,
uneven amplicons) there is no fit, and the reason is given in words.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from scipy.special import gammaln

from dbgclean.spectrum.table import KmerTable

__all__ = ["MAX_ABUNDANCE", "Spectrum", "abundance_histogram", "fit_spectrum"]

MAX_ABUNDANCE = 100_000
"""The histogram's last bin holds this abundance and everything above."""

FALLBACK_CUTOFF = 2

_MIN_KMERS = 200
_MIN_DEPTH = 2.0
_REACH = 2.6  # fitted range in multiples of the depth: past the two-copy peak
_MODEL_ERROR = 0.03  # no shape above is truer than this share of a bin's count
_LARGEST_SPREAD = 0.1  # squared coefficient of variation beyond Poisson
_SMALLEST_SHARE = 0.6  # of the k-mers above the valley, in the coverage peaks
_SMALLEST_SHARE_IF_FLAT = 0.3
_CLOSE_FIT = 3.0  # mean squared residual that is still mostly chance
_HET_SHARE = 0.04  # of the genome's k-mers; smaller half peaks are not told from skew
_HET_GAIN = 40.0  # F ratio: misfit saved by the half peak over mean misfit left
_RELABEL = 0.3  # two-copy k-mers above this share mean that the peak is half the depth
_CURVE_POINTS = 400


@dataclass(frozen=True)
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
    error_rate : float
        Errors per base, from the share of k-mers that hold one.
    genome_size : int
        Bases (k-mer positions) of the haploid genome, repeats included.
    depth : float
        Depth in reads, ``peak * bases / total``, if the bases were given to
        `fit_spectrum`; else the same as `peak`. With reads of length L it is
        ``peak * L / (L - k + 1)``.
    curve : list of (int, float, float)
        Abundance, and the k-mers that the model expects there from errors and
        from the genome, for plotting.
    """

    k: int
    histogram: np.ndarray
    distinct: int
    total: int
    fitted: bool = False
    reason: str = ""
    valley: int = 0
    peak: float = 0.0
    half_peak: float | None = None
    error_rate: float = 0.0
    genome_size: int = 0
    depth: float = 0.0
    curve: list[tuple[int, float, float]] = field(default_factory=list, repr=False)

    @property
    def cutoff(self) -> int:
        """Lowest abundance of a solid k-mer: the valley, or 2 where there is no fit."""
        return self.valley if self.fitted else FALLBACK_CUTOFF

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for the report; the histogram as pairs without empty bins."""
        fit = asdict(self)
        for name in ("k", "histogram", "distinct", "total", "curve"):
            del fit[name]
        filled = np.flatnonzero(self.histogram)
        return {
            "k": self.k,
            "distinct": self.distinct,
            "total": self.total,
            "fit": fit,
            "histogram": [[int(a), int(self.histogram[a])] for a in filled],
            "curve": [[a, round(error, 3), round(genome, 3)] for a, error, genome in self.curve],
        }


@dataclass(frozen=True)
class _Bins:
    """The histogram in bins about half a Poisson standard deviation wide."""

    edges: np.ndarray  # int64 (n + 1,), first abundance of each bin
    counts: np.ndarray  # float64 (n,)

    @property
    def widths(self) -> np.ndarray:
        return np.diff(self.edges)

    @property
    def centres(self) -> np.ndarray:
        return (self.edges[:-1] + self.edges[1:] - 1) / 2


@dataclass(frozen=True)
class _Model:
    """Parameters of the mixture; `weights` are k-mers: error, thin, half, one, two copies."""

    depth: float
    excess: float  # variance of a coverage peak is mean * (1 + excess)
    error_mean: float
    error_size: float
    weights: np.ndarray

    def parts(self, abundances: np.ndarray) -> np.ndarray:
        """Expected k-mers of each part at each abundance, (5, n)."""
        return self.weights[:, None] * _shapes(
            abundances, self.depth, self.excess, self.error_mean, self.error_size
        )


def abundance_histogram(table: KmerTable) -> np.ndarray:
    """Number of distinct k-mers at each abundance (int64, index = abundance)."""
    return np.bincount(np.minimum(table.counts, MAX_ABUNDANCE), minlength=2).astype(np.int64)


def fit_spectrum(
    source: KmerTable | np.ndarray, k: int | None = None, *, bases: int | None = None
) -> Spectrum:
    """Fit errors and coverage peaks to a table's abundances.

    Parameters
    ----------
    source : KmerTable or ndarray of int
        A table, or a histogram with ``source[a]`` k-mers of abundance a.
    k : int, optional
        Length of the k-mers; needed for a histogram.
    bases : int, optional
        Bases in the reads, to turn k-mer depth into read depth.

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
    start = _highest_peak(_binned(blank.histogram, blank.histogram.size))
    if start is None:
        return _without_fit(
            blank,
            "the histogram falls without a coverage peak: "
            "the depth is too low, or too uneven (metagenome, amplicons, RNA)",
        )
    bins, model = _best_model(blank.histogram, start)
    if model.weights[4] > _RELABEL * model.weights[3]:
        # As many k-mers at twice the depth as no haploid genome has: it was half the depth.
        bins, model = _best_model(blank.histogram, 2 * model.depth)
    valley = _valley(bins, model)
    reason = _objection(bins, model, valley, int(blank.histogram[valley:].sum()))
    return _without_fit(blank, reason) if reason else _summary(blank, model, valley, bases)


def _binned(histogram: np.ndarray, end: int) -> _Bins:
    """Bins over abundances 1 to ``end - 1``, without the open last bin."""
    end = min(end, MAX_ABUNDANCE)
    edges = [1]
    while edges[-1] < end:
        edges.append(edges[-1] + max(1, int(np.sqrt(edges[-1]) / 2)))
    places = np.array(edges, dtype=np.int64)
    sums = np.concatenate(([0], np.cumsum(histogram[1:MAX_ABUNDANCE])))
    inside = np.minimum(places - 1, sums.size - 1)
    return _Bins(places, np.diff(sums[inside]).astype(np.float64))


def _highest_peak(bins: _Bins) -> float | None:
    """Abundance of the peak that holds most of the sequence, or None.

    Looked for on the scale of square roots, where all peaks are equally wide, and
    only where the histogram has risen beyond chance since its last low.
    """
    density = bins.counts / bins.widths * np.sqrt(bins.centres)
    kernel = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
    smooth = np.convolve(density, kernel, "same") / np.convolve(
        np.ones_like(density), kernel, "same"
    )
    smooth[bins.centres < 8] = density[bins.centres < 8]
    noise = np.sqrt(density / bins.widths * np.sqrt(bins.centres) / 3 + 1e-9)
    best, best_mass = None, 0.0
    low = smooth[0]
    for i in range(1, smooth.size):
        low = min(low, smooth[i])
        reach = 1 if bins.centres[i] < 8 else 3
        is_top = smooth[i] == smooth[max(0, i - reach) : i + reach + 1].max()
        if is_top and smooth[i] > 1.02 * low + 4 * noise[i]:
            mass = smooth[i] * bins.centres[i]
            if mass > best_mass:
                best, best_mass = float(bins.centres[i]), mass
            low = smooth[i]
    return best


def _negative_binomial(x: np.ndarray, mean: float, size: float) -> np.ndarray:
    log_share = np.log(mean / (mean + size))
    log_rest = -np.log1p(mean / size)
    pmf: np.ndarray = np.exp(
        gammaln(x + size) - gammaln(size) - gammaln(x + 1) + size * log_rest + x * log_share
    )
    return pmf


def _shapes(
    x: np.ndarray, depth: float, excess: float, error_mean: float, error_size: float
) -> np.ndarray:
    """Probability of each part at abundances `x`, (5, n)."""
    zero = np.exp(-error_size * np.log1p(error_mean / error_size))
    return np.stack(
        [
            _negative_binomial(x, error_mean, error_size) / (1 - zero),
            (x <= depth) / depth,
            _negative_binomial(x, depth / 2, depth / 2 / excess),
            _negative_binomial(x, depth, depth / excess),
            _negative_binomial(x, 2 * depth, 2 * depth / excess),
        ]
    )


def _best_model(histogram: np.ndarray, start: float) -> tuple[_Bins, _Model]:
    """The model with a half peak where that earns its place, else the one without."""
    bins = _binned(histogram, int(_REACH * start) + 2)
    plain = _fit(bins, start, half=False)
    het = _fit(bins, start, half=True)
    if het.weights[2] < _HET_SHARE * het.weights[2:].sum():
        return bins, plain
    # A skewed peak is also fitted better with one more part, but not by this much.
    left = _misfit(bins, het, 0)
    return bins, het if _misfit(
        bins, plain, 0
    ) - left > _HET_GAIN * left / bins.counts.size else plain


def _residuals(bins: _Bins, model: _Model) -> np.ndarray:
    """Differences between square roots, in standard deviations."""
    expected = model.parts(bins.centres).sum(axis=0) * bins.widths
    trust = 2 / np.sqrt(1 + _MODEL_ERROR**2 * bins.counts)
    out: np.ndarray = trust * (np.sqrt(expected + 0.375) - np.sqrt(bins.counts + 0.375))
    return out


def _misfit(bins: _Bins, model: _Model, valley: int) -> float:
    """Sum of squared residuals from an abundance on."""
    return float((_residuals(bins, model)[bins.edges[:-1] >= valley] ** 2).sum())


def _fit(bins: _Bins, start: float, half: bool) -> _Model:
    """Robust least squares between the square roots of seen and expected counts."""
    scale = bins.counts.sum()
    near = np.abs(bins.centres / start - 1) < 0.35
    in_peak = bins.counts[near].sum() / scale
    low = bins.counts[bins.centres < start / 2].sum() / scale

    def unpack(theta: np.ndarray) -> _Model:
        depth, excess, mean, size = np.exp(theta[:4])
        return _Model(depth, excess, mean, size, theta[4:] * scale)

    def residuals(theta: np.ndarray) -> np.ndarray:
        return _residuals(bins, unpack(theta))

    thin = 1.0 if start > 8 else 1e-9  # at low depth it would pass for the errors' tail
    lower = [np.log(0.75 * start), -5, np.log(0.01), np.log(0.02), 0, 0, 0, 0, 0]
    upper = [
        np.log(1.33 * start),
        np.log(start),
        np.log(max(0.5, start / 4)),
        np.log(50),
        *(20, thin, 5 if half else 1e-9, 5, 5),
    ]
    first = [np.log(start), 0, np.log(0.2), 0, low, 0.01 * thin, 0.02, in_peak, 0.02]
    theta = np.clip(first, np.array(lower) + 1e-12, np.array(upper) - 1e-12)
    found = least_squares(
        residuals, theta, bounds=(lower, upper), loss="soft_l1", f_scale=3.0, max_nfev=200
    )
    return unpack(found.x)


def _valley(bins: _Bins, model: _Model) -> int:
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


def _exceeds(bins: _Bins, i: int, density: float, width: int, deviations: float) -> bool:
    """Whether bin i lies above a density, which a bin of some width showed, beyond chance."""
    expected = density * bins.widths[i]
    variance = expected * (1 + bins.widths[i] / width) + 1
    return bool(bins.counts[i] - expected > deviations * np.sqrt(variance))


def _objection(bins: _Bins, model: _Model, valley: int, solid: int) -> str:
    """Why the model is not to be believed, or an empty string; `solid` k-mers reach the valley."""
    if model.depth < _MIN_DEPTH:
        return f"the depth is too low: k-mers of the genome are seen {model.depth:.1f} times"
    if model.excess / model.depth > _LARGEST_SPREAD:
        return "the depth is too uneven for a peak (metagenome, amplicons, RNA)"
    above = bins.edges[:-1] >= valley
    peaks = model.parts(bins.centres)[2:].sum(axis=0) * bins.widths
    share = peaks[above].sum() / max(solid, 1)
    # Short molecules thin out towards their ends; then the flat part fits closely.
    flat = _misfit(bins, model, valley) < _CLOSE_FIT * above.sum()
    if share < (_SMALLEST_SHARE_IF_FLAT if flat else _SMALLEST_SHARE):
        return (
            f"peaks at multiples of one depth hold only {share:.0%} of the k-mers above "
            "the errors: the depth is uneven (metagenome, amplicons, RNA)"
        )
    return ""


def _summary(blank: Spectrum, model: _Model, valley: int, bases: int | None) -> Spectrum:
    abundances = np.arange(1, min(blank.histogram.size, int(_REACH * model.depth) + 2))
    parts = model.parts(abundances.astype(np.float64))
    genome = parts[1:].sum(axis=0)
    wrong = parts[0] / np.maximum(parts[0] + genome, 1e-300)
    error_kmers = float((abundances * blank.histogram[abundances] * wrong).sum())
    share = min(error_kmers / blank.total, 1 - 1e-9)
    heterozygous = model.weights[2] > _HET_SHARE * model.weights[2:].sum()
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
        peak=float(model.depth),
        half_peak=float(model.depth / 2) if heterozygous else None,
        error_rate=float(1 - (1 - share) ** (1 / blank.k)),
        genome_size=round((blank.total - error_kmers) / model.depth),
        depth=float(model.depth * (bases / blank.total if bases else 1)),
        curve=[(int(a), float(parts[0, a - 1]), float(genome[a - 1])) for a in points],
    )
