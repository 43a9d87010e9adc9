"""What the network reads: one window of channels and one row of globals per alternative.

Everything here is the same whichever strand of the library was sequenced: support
and depth by strand enter as the share of the rarer strand. The k-mer stands in its
canonical orientation. What is not known (NaN in the alternatives) is 0 here, and two
globals say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.sample import SampleContext, motif_classes, recurrence

__all__ = ["CHANNELS", "COMPLEMENT", "GLOBALS", "SCHEME", "Windows", "build_windows", "strand_bias"]

# Weights trained on one scheme refuse another; change the name with the features.
SCHEME = "pooled-2"
# One-hot k-mer, one-hot consensus, mean quality of the supporting reads, share of
# them that is edited at that place too.
CHANNELS = 10
# Where each channel of the reverse complement's window comes from.
COMPLEMENT = np.array([3, 2, 1, 0, 7, 6, 5, 4, 8, 9])
GLOBALS = (
    "fragments",
    "depth",
    "fraction",
    "likelihood",
    "likelihood_per_fragment",
    "rarer_strand",
    "rarer_strand_depth",
    "strand_bias",
    "quality",
    "best_quality",
    "high_quality",
    "high_quality_both_strands",
    "log_error",
    "placements",
    "end_distance",
    "near_end",
    "co_edits",
    "flank_quality",
    "quality_drop",
    "consensus_share",
    "siblings",
    "peak",
    "multiplicity",
    "error_rate",
    "disputed",
    "homopolymer",
    "surprise",
    "recurrence",
    "odds",
    "likelihood_fine",
    "low_quality",
    "quality_rank",
    "rank_drop",
    "agreed",
    "denied",
    "motif",
    "motif_other",
    "strong_density",
    "recurring_density",
    "prior",
    "sample_one_stranded",
    "sample_low_quality",
    "known_reads",
    "known_qualities",
)

_QUALITY_FULL = 45.0


@dataclass(frozen=True, slots=True)
class Windows:
    """Arrays as `dbgclean.model.predict` takes them.

    Attributes
    ----------
    windows
        uint8 (n, 31, CHANNELS).
    globals_
        float32 (n, len(GLOBALS)), each about 0 to 1.
    observed
        uint8 (n, 31): the k-mer as the reads have it.
    """

    windows: np.ndarray
    globals_: np.ndarray
    observed: np.ndarray


def build_windows(
    alternatives: Alternatives, sample: SampleContext, part: slice | None = None
) -> Windows:
    """Channels and globals of the alternatives (or of a slice of them), in their order."""
    if part is not None:
        alternatives = alternatives.part(part)
    n = len(alternatives)
    shifts = np.arange(2 * (WINDOW - 1), -1, -2, dtype=np.uint64)
    observed = ((alternatives.key[:, None] >> shifts) & np.uint64(3)).astype(np.uint8)
    consensus = observed.copy()
    consensus[:, FLANK] = alternatives.to
    windows = np.zeros((n, WINDOW, CHANNELS), np.uint8)
    for base in range(4):
        windows[:, :, base] = 255 * (observed == base)
        windows[:, :, 4 + base] = 255 * (consensus == base)
    quality = alternatives.mean_quality * (255 / _QUALITY_FULL)
    windows[:, :, 8] = np.minimum(quality, 255).astype(np.uint8)
    windows[:, :, 9] = alternatives.co_edited
    return Windows(windows, _globals(alternatives, sample, consensus), observed)


def _globals(a: Alternatives, sample: SampleContext, consensus: np.ndarray) -> np.ndarray:
    """The features named in GLOBALS, in that order."""
    n = a.column("fragments")
    depth = a.depth.sum(1)
    total = n + depth
    rarer = np.minimum(a.column("reverse"), n - a.column("reverse")) / np.maximum(n, 1)
    high = a.column("high_quality")
    high_reverse = a.column("high_quality_reverse")
    quality = a.column("quality")
    mean_error = np.exp(a.column("log_error") / np.maximum(n, 1))
    columns = {
        "fragments": np.log2(1 + n) / 8,
        "depth": np.log2(1 + depth) / 12,
        "fraction": 1 + np.log2(n / total) / 12,
        "likelihood": np.clip(a.likelihood, -10, 40) / 20,
        "likelihood_per_fragment": np.clip(a.likelihood / np.maximum(n, 1), -5, 12) / 8,
        "rarer_strand": rarer * 2,
        "rarer_strand_depth": 2 * a.depth.min(1) / np.maximum(depth, 1),
        "strand_bias": strand_bias(a.column("reverse"), n, a.depth) / 6,
        "quality": quality / _QUALITY_FULL,
        "best_quality": a.column("best_quality") / _QUALITY_FULL,
        "high_quality": high / np.maximum(n, 1),
        "high_quality_both_strands": 2 * np.minimum(high_reverse, high - high_reverse) / n,
        "log_error": -np.log(mean_error) / 12,
        "placements": a.column("placements") / np.maximum(n, 1),
        "end_distance": np.minimum(a.column("end_distance"), 150) / 75,
        "near_end": a.column("near_end") / np.maximum(n, 1),
        "co_edits": np.minimum(a.column("co_edits"), 8) / 4,
        "flank_quality": a.column("flank_quality") / _QUALITY_FULL,
        "quality_drop": (a.column("flank_quality") - quality) / 20,
        "consensus_share": a.to_depth / np.maximum(depth, 1),
        "siblings": np.log2(1 + a.siblings) / 6,
        "peak": np.full(len(a), np.log2(1 + sample.peak) / 12),
        "multiplicity": np.clip(np.log2((1 + total) / (1 + sample.peak)), -4, 4) / 4,
        "error_rate": np.full(len(a), (np.log10(max(sample.error_rate, 1e-6)) + 6) / 5),
        "disputed": a.column("disputed") / np.maximum(n, 1),
        "homopolymer": np.minimum(_homopolymer(consensus), 10) / 8,
        "surprise": recurrence(n, total * mean_error) / 10,
        "recurrence": recurrence(n, a.expected) / 10,
        "odds": np.clip(a.likelihood + sample.prior, -12, 12) / 6,
        "likelihood_fine": np.clip((a.likelihood - 9) / 4, -1.5, 1.5),
        "low_quality": a.column("low_quality") / np.maximum(n, 1),
        "quality_rank": a.column("quality_rank"),
        # In deviations of the mean of n ranks drawn at random.
        "rank_drop": np.clip((0.5 - a.column("quality_rank")) * np.sqrt(12 * n), -4, 8) / 4,
        "agreed": a.column("agreed") / np.maximum(n, 1),
        "denied": a.column("denied") / np.maximum(n, 1),
        **_motifs(a, sample),
        **{name: np.full(len(a), value) for name, value in _of_sample(a, sample).items()},
    }
    rows = np.stack([columns[name] for name in GLOBALS], axis=1)
    return np.nan_to_num(rows, nan=0.0).astype(np.float32)


def _motifs(a: Alternatives, sample: SampleContext) -> dict[str, np.ndarray]:
    """How much the motifs on either side recur in this sample, the greater first."""
    if sample.motifs is None:
        return {"motif": np.zeros(len(a)), "motif_other": np.zeros(len(a))}
    excess = np.clip(sample.motifs[motif_classes(a)], -1, 6) / 3
    return {"motif": excess.max(0), "motif_other": excess.min(0)}


def _of_sample(a: Alternatives, sample: SampleContext) -> dict[str, float]:
    """Globals that are the same for the whole sample."""
    known = bool(len(a)) and bool(np.isfinite(a.column("reverse")[0]))
    return {
        "strong_density": np.log10(1 + sample.strong_density) / 4,
        "recurring_density": np.log10(1 + sample.recurring_density) / 4,
        "prior": (sample.prior + 20) / 20,
        "sample_one_stranded": sample.one_stranded,
        "sample_low_quality": sample.low_quality,
        "known_reads": float(known),
        "known_qualities": float(known and sample.has_qualities),
    }


def strand_bias(reverse: np.ndarray, n: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """-log10 of the two-sided binomial p value of the support's strands, at most 6."""
    share = (depth[:, 1] + 1) / (depth.sum(1) + 2)
    lower = special.bdtr(reverse, n.astype(np.int64), share)
    upper = special.bdtrc(reverse - 1, n.astype(np.int64), share)
    upper = np.where(reverse == 0, 1.0, upper)
    p = np.minimum(1, 2 * np.minimum(lower, upper))
    return np.minimum(6, -np.log10(np.maximum(p, 1e-6)))


def _homopolymer(consensus: np.ndarray) -> np.ndarray:
    """Longest run of one base that the consensus has just before or just after the site."""
    longest = np.zeros(len(consensus))
    for step in (-1, 1):
        base = consensus[:, FLANK + step]
        run = np.zeros(len(consensus))
        going = np.ones(len(consensus), bool)
        for i in range(1, FLANK + 1):
            going &= consensus[:, FLANK + step * i] == base
            run += going
        longest = np.maximum(longest, run)
    return longest
