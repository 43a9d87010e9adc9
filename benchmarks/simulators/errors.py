"""Where errors come from: quality profiles, a uniform profile, and systematic error sites."""

from dataclasses import dataclass

import numpy as np

from benchmarks.simulators.kernels import fill_qualities
from benchmarks.simulators.truth import encode

__all__ = ["QualityProfile", "Systematic", "UniformProfile", "draw_systematic"]

# HiSeq 2500 / NovaSeq-like reporting in eight levels.
_EIGHT_LEVELS = ((2, 2), (3, 6), (10, 15), (20, 22), (25, 27), (30, 33), (35, 37), (40, 40))


@dataclass(frozen=True)
class QualityProfile:
    """Errors by quality: a base of quality q errs with probability scale x 10^(-q/10).

    Attributes
    ----------
    rate : float or None
        Overall substitution rate; the scale is set to meet it. None: scale 1 (near 0.2 %).
    binned : bool
        Report eight quality levels, as HiSeq and NovaSeq do, instead of the full range.
    top, end_drop : float
        Mean quality of the first cycles, and how much the last cycle loses. Second reads
        lose half as much again.
    """

    rate: float | None = 0.004
    binned: bool = False
    top: float = 39.0
    end_drop: float = 7.0

    def bins(self) -> np.ndarray:
        """Reported quality by drawn quality, uint8 (94,)."""
        table = np.arange(94, dtype=np.uint8)
        if self.binned:
            for least, level in _EIGHT_LEVELS:
                table[least:] = level
        return table

    def draw(self, n_reads: int, length: int, seed: int) -> np.ndarray:
        """Qualities, uint8 (n_reads, length); odd rows are second reads."""
        cycle = np.linspace(0.0, 1.0, length)
        start = 3.0 * np.exp(-np.arange(length) / 4.0)
        first = self.top - start - self.end_drop * cycle**2
        second = self.top - start - 1.5 * self.end_drop * cycle**1.7
        spread = np.tile(1.0 + 3.0 * cycle, (2, 1))
        quals = np.empty((n_reads, length), np.uint8)
        mean = np.stack([first, second])
        fill_qualities(quals, mean, spread, 1.2, 0.012, self.bins(), np.uint64(seed))
        return quals

    def probabilities(self, quals: np.ndarray) -> np.ndarray:
        """Error probability by quality, float64 (94,), scaled to the overall rate."""
        nominal = 10.0 ** (-np.arange(94) / 10.0)
        if self.rate is None:
            return np.minimum(nominal, 0.75)
        share = np.bincount(quals.ravel(), minlength=94)[:94] / quals.size
        scale = self.rate / max(float(share @ nominal), 1e-12)
        for _ in range(20):
            # Capped probabilities lose some errors: the others make up for it.
            scale *= self.rate / float(share @ np.minimum(scale * nominal, 0.75))
        return np.minimum(scale * nominal, 0.75)

    def substitution(self) -> np.ndarray:
        """Cumulative distribution of the observed base by true base, float64 (4, 4).

        Stylised after Illumina's preference for A>C and T>G over the rest.
        """
        weights = [[0, 5, 3, 2], [5, 0, 2, 3], [2, 3, 0, 5], [2, 3, 5, 0]]
        return np.cumsum(np.array(weights) / 10.0, axis=1)


@dataclass(frozen=True)
class UniformProfile:
    """One error rate everywhere, one quality, any wrong base alike (Mitchell's grid, wgsim).

    Mitchell et al. 2020, doi:10.1186/s13059-020-01988-3: 100 bp, 0.5 %.
    """

    rate: float = 0.005

    def bins(self) -> np.ndarray:
        """Reported quality by drawn quality, uint8 (94,)."""
        return np.arange(94, dtype=np.uint8)

    def draw(self, n_reads: int, length: int, seed: int) -> np.ndarray:
        """Qualities, uint8 (n_reads, length): the rate's own Phred value."""
        phred = 60 if self.rate <= 1e-6 else round(-10 * np.log10(self.rate))
        return np.full((n_reads, length), phred, np.uint8)

    def probabilities(self, quals: np.ndarray) -> np.ndarray:
        """Error probability by quality, float64 (94,)."""
        return np.full(94, self.rate)

    def substitution(self) -> np.ndarray:
        """Cumulative distribution of the observed base by true base, float64 (4, 4)."""
        return np.cumsum((1 - np.eye(4)) / 3, axis=1)


@dataclass(frozen=True)
class Systematic:
    """Sites where reads of one strand err again and again, always to the same base.

    Attributes
    ----------
    position : int64 (E,)
    reverse : bool (E,)
        Strand of the reads that err.
    alt : uint8 (E,)
        Wrong base, forward orientation.
    rate : float64 (E,)
    low_share : float
        Share of systematic errors with a low quality (below Q15); the rest have Q30 or more.
    """

    position: np.ndarray
    reverse: np.ndarray
    alt: np.ndarray
    rate: np.ndarray
    low_share: float = 0.6

    def __len__(self) -> int:
        return len(self.position)


def draw_systematic(
    genome: np.ndarray,
    per_kb: float = 1.0,
    rates: tuple[float, float] = (0.01, 0.1),
    motif: str | None = None,
    seed: int = 1,
) -> Systematic:
    """Draw systematic error sites at a density, anywhere or behind a motif.

    Parameters
    ----------
    genome : uint8 (G,)
    per_kb : float
        Sites per kilobase, both strands together.
    rates : (low, high)
        Per-site error rates are log-uniform between them.
    motif : None, "homopolymer", or bases such as "GGC"
        Sites follow the motif in sequencing direction; the wrong base is then the motif's
        last base (phasing, Nakamura et al. 2011, doi:10.1093/nar/gkr344) where that differs
        from the true one. "homopolymer" is four equal bases or more.
    seed : int
    """
    rng = np.random.default_rng([seed, 103])
    wanted = round(len(genome) * per_kb / 1000)
    if motif is None:
        places = rng.choice(len(genome), min(wanted, len(genome)), replace=False)
        reverse = rng.random(len(places)) < 0.5
    else:
        forward = _behind_motif(genome, motif)
        backward = len(genome) - 1 - _behind_motif(3 - genome[::-1], motif)
        both = np.concatenate([forward, backward])
        strands = np.repeat([False, True], [len(forward), len(backward)])
        chosen = rng.choice(len(both), min(wanted, len(both)), replace=False)
        places, reverse = both[chosen], strands[chosen]
    places, first = np.unique(places.astype(np.int64), return_index=True)
    reverse = reverse[first]
    alt = (genome[places] + rng.integers(1, 4, len(places))) & 3
    if motif is not None:
        before = np.clip(np.where(reverse, places + 1, places - 1), 0, len(genome) - 1)
        alt = np.where(genome[before] != genome[places], genome[before], alt)
    rate = np.exp(rng.uniform(np.log(rates[0]), np.log(rates[1]), len(places)))
    return Systematic(places, reverse, alt.astype(np.uint8), rate)


def _behind_motif(genome: np.ndarray, motif: str) -> np.ndarray:
    if motif == "homopolymer":
        same = genome[1:] == genome[:-1]
        return np.flatnonzero(same[2:-1] & same[1:-2] & same[:-3] & ~same[3:]) + 4
    hit = np.ones(len(genome) - len(motif), bool)
    for offset, base in enumerate(encode(motif)):
        hit &= genome[offset : offset + len(hit)] == base
    return np.flatnonzero(hit) + len(motif)
