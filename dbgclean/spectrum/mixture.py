"""The mixture that is fitted to an abundance histogram; see `histogram` for its parts.

Abundances are binned in steps of half their square root, so that a Poisson peak is
equally wide at any depth, and the parts are fitted by robust least squares between
the square roots of counts, which have the same variance at any count (Anscombe 1948,
doi:10.1093/biomet/35.3-4.246).
"""

from dataclasses import dataclass

import numpy as np

__all__ = [
    "MAX_ABUNDANCE",
    "REACH",
    "Bins",
    "Model",
    "best_model",
    "binned",
    "has_het_peak",
    "heterozygosity",
    "highest_peak",
    "misfit",
]

MAX_ABUNDANCE = 100_000
"""The last bin of a histogram holds this abundance and everything above."""

REACH = 2.6
"""Fitted range in multiples of the depth: past the two-copy peak."""

_MODEL_ERROR = 0.03  # no shape here is truer than this share of a bin's count
_SMOOTH_FROM = 8
_HET_SHARE = 0.04  # of the genome's k-mers; smaller half peaks are not told from skew
_HET_GAIN = 40.0  # F ratio: misfit saved by the half peak over mean misfit left
# What a heterozygosity takes: depth for two peaks apart, a half peak out of all doubt, nearly
# all of both peaks explained, and no third height between them (other shares than 1:1).
_PLOIDY_DEPTH = 10.0
_PLOIDY_GAIN = 120.0
_PLOIDY_DEVIATION = 0.01
_PLOIDY_NOISE = 14.0  # k-mers of a read go up and down together: 7 times Poisson's mean deviation
_PLOIDY_UNSURE = 0.07
_PLOIDY_THIN = 0.4


@dataclass(frozen=True)
class Bins:
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
class Model:
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


def binned(histogram: np.ndarray, end: int) -> Bins:
    """Bins over abundances 1 to ``end - 1``, without the open last bin."""
    end = min(end, MAX_ABUNDANCE)
    edges = [1]
    while edges[-1] < end:
        edges.append(edges[-1] + max(1, int(np.sqrt(edges[-1]) / 2)))
    places = np.array(edges, dtype=np.int64)
    sums = np.concatenate(([0], np.cumsum(histogram[1:MAX_ABUNDANCE])))
    inside = np.minimum(places - 1, sums.size - 1)
    return Bins(places, np.diff(sums[inside]).astype(np.float64))


def highest_peak(bins: Bins) -> float | None:
    """Abundance of the peak that holds most of the sequence, or None.

    Looked for on the scale of square roots, where all peaks are equally wide, and
    only where the histogram has risen beyond chance since its last low.
    """
    stretch = np.sqrt(bins.centres) / bins.widths
    density = bins.counts * stretch
    kernel = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
    weight = np.convolve(np.ones_like(density), kernel, "same")
    smooth = np.convolve(density, kernel, "same") / weight
    noise = np.sqrt(density * stretch * (kernel**2).sum()) / weight
    # Where a bin is one abundance, the shape changes too fast for smoothing.
    single = bins.centres < _SMOOTH_FROM
    smooth[single] = density[single]
    noise[single] = np.sqrt(density * stretch)[single]
    best, best_mass = None, 0.0
    low = smooth[0]
    for i in range(1, smooth.size):
        low = min(low, smooth[i])
        reach = 1 if single[i] else 3
        is_top = smooth[i] == smooth[max(0, i - reach) : i + reach + 1].max()
        if is_top and smooth[i] > 1.02 * low + 3 * noise[i]:
            mass = smooth[i] * bins.centres[i]
            if mass > best_mass:
                best, best_mass = float(bins.centres[i]), mass
            low = smooth[i]
    return best


def _negative_binomial(x: np.ndarray, mean: float, size: float) -> np.ndarray:
    from scipy.special import gammaln  # a third of a second, for those who fit alone

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


def has_het_peak(model: Model) -> bool:
    """Whether the half peak is large enough to be told from skew."""
    return bool(model.weights[2] > _HET_SHARE * model.weights[2:].sum())


def best_model(histogram: np.ndarray, start: float) -> tuple[Bins, Model, float]:
    """The model with a half peak where that earns its place, else the one without.

    And what the half peak earns, as an F ratio; 0 where there is none.
    """
    bins = binned(histogram, int(REACH * start) + 2)
    plain = _fit(bins, start, half=False)
    het = _fit(bins, start, half=True)
    if not has_het_peak(het):
        return bins, plain, 0.0
    # A skewed peak is also fitted better with one more part, but not by this much.
    left = misfit(bins, het, 0)
    gain = (misfit(bins, plain, 0) - left) * bins.counts.size / max(left, 1e-300)
    return (bins, het, gain) if gain > _HET_GAIN else (bins, plain, 0.0)


def heterozygosity(bins: Bins, model: Model, gain: float, valley: int, k: int) -> float | None:
    """Bases that differ between the two haplotypes of a diploid, or None where that cannot be told.

    Of all places, a share 1 - (1 - h)**k has a difference within k bases; each of these makes two
    k-mers of half the depth (Vurture et al. 2017, doi:10.1093/bioinformatics/btx153). Differences
    are taken to be spread evenly: where they cluster they share k-mers, and h comes out lower.

    Parameters
    ----------
    gain
        Of the half peak, from `best_model`.
    valley
        Abundance where errors give way to the genome.
    """
    _, thin, half, one, two = model.weights
    if model.depth < _PLOIDY_DEPTH or gain < _PLOIDY_GAIN or thin > _PLOIDY_THIN * half:
        return None
    low, high = max(valley, 0.35 * model.depth), 1.4 * model.depth
    peaks = (bins.centres >= low) & (bins.centres <= high)
    expected = (model.parts(bins.centres).sum(axis=0) * bins.widths)[peaks]
    kmers = max(1.0, float(bins.counts[peaks].sum()))
    deviation = float(np.abs(expected - bins.counts[peaks]).sum()) / kmers
    if deviation > min(_PLOIDY_UNSURE, _PLOIDY_DEVIATION + _PLOIDY_NOISE / np.sqrt(kmers)):
        return None
    share = half / (half + 2 * one + 4 * two)
    return float(1 - (1 - share) ** (1 / k))


def _residuals(bins: Bins, model: Model) -> np.ndarray:
    """Differences between square roots, in standard deviations."""
    expected = model.parts(bins.centres).sum(axis=0) * bins.widths
    trust = 2 / np.sqrt(1 + _MODEL_ERROR**2 * bins.counts)
    out: np.ndarray = trust * (np.sqrt(expected + 0.375) - np.sqrt(bins.counts + 0.375))
    return out


def misfit(bins: Bins, model: Model, valley: int) -> float:
    """Sum of squared residuals from an abundance on."""
    return float((_residuals(bins, model)[bins.edges[:-1] >= valley] ** 2).sum())


def _fit(bins: Bins, start: float, half: bool) -> Model:
    """Robust least squares between the square roots of seen and expected counts."""
    from scipy.optimize import least_squares

    scale = bins.counts.sum()
    near = np.abs(bins.centres / start - 1) < 0.35
    in_peak = bins.counts[near].sum() / scale
    low = bins.counts[bins.centres < start / 2].sum() / scale

    def unpack(theta: np.ndarray) -> Model:
        depth, excess, mean, size = np.exp(theta[:4])
        return Model(depth, excess, mean, size, theta[4:] * scale)

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
