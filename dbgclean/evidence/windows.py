"""What the network reads: one window of channels and one row of globals per alternative.

Everything here is the same whichever strand of the library was sequenced: support
and depth by strand enter as the share of the rarer strand. The k-mer stands in its
canonical orientation. What is not known (NaN in the alternatives) is 0 here, and two
globals say so.

Nothing here but the anchor, the last of the globals and the one that the network takes as it
is (nats), grows with the number of molecules: see `dbgclean.evidence.signs`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.sample import SampleContext, motif_classes
from dbgclean.evidence.signs import SIGNS, anchor, signs_of

__all__ = [
    "CHANNELS",
    "COMPLEMENT",
    "GLOBALS",
    "QUALITIES",
    "SCHEME",
    "Windows",
    "build_windows",
]

# Weights trained on one scheme refuse another; change the name with the features.
SCHEME = "pooled-3"
# One-hot k-mer, one-hot consensus, mean quality of the supporting reads, share of
# them that is edited at that place too.
CHANNELS = 10
# Where each channel of the reverse complement's window comes from.
COMPLEMENT = np.array([3, 2, 1, 0, 7, 6, 5, 4, 8, 9])
GLOBALS = (
    "rarer_strand",
    "high_quality",
    "log_error",
    "near_end",
    "quality_drop",
    "consensus_share",
    "siblings",
    "site_depth",
    "homopolymer",
    "low_quality",
    "quality_rank",
    "agreed",
    "denied",
    "motif",
    "motif_other",
    "sample_one_stranded",
    "sample_low_quality",
    "known_reads",
    "known_qualities",
    *SIGNS,
    "anchor",
)

# What is 0 where the reads have no qualities.
QUALITIES = ("high_quality", "log_error", "quality_drop", "low_quality", "quality_rank")

_QUALITY_FULL = 45.0


@dataclass(frozen=True, slots=True)
class Windows:
    """Arrays as `dbgclean.model.predict` takes them.

    Attributes
    ----------
    windows
        uint8 (n, 31, CHANNELS).
    globals_
        float32 (n, len(GLOBALS)), each about 0 to 1; the last is the anchor, in nats.
    observed
        uint8 (n, 31): the k-mer as the reads have it.
    """

    windows: np.ndarray
    globals_: np.ndarray
    observed: np.ndarray


def build_windows(evidence: Evidence, rows: np.ndarray, signs: np.ndarray | None = None) -> Windows:
    """Channels and globals of the chosen alternatives, in the order of ``rows``.

    Parameters
    ----------
    signs
        `signs_of` of these rows, where they are at hand.
    """
    signs = signs_of(evidence, rows) if signs is None else signs
    alternatives = evidence.alternatives.select(rows)
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
    globals_ = _globals(alternatives, evidence.context, consensus, signs)
    globals_[:, -1] = anchor(evidence.alternatives, evidence.context.genome_size)[rows]
    if not evidence.context.has_qualities:
        windows[:, :, 8] = 0
        globals_[:, [GLOBALS.index(name) for name in QUALITIES]] = 0
    return Windows(windows, globals_, observed)


def _globals(
    a: Alternatives, sample: SampleContext, consensus: np.ndarray, signs: np.ndarray
) -> np.ndarray:
    """The features named in GLOBALS, in that order; the anchor is not in it."""
    n = np.maximum(a.column("fragments"), 1)
    depth = a.depth.sum(1)
    reverse = a.column("reverse")
    columns = {
        "rarer_strand": 2 * np.minimum(reverse, n - reverse) / n,
        "high_quality": a.column("high_quality") / n,
        "log_error": -a.column("log_error") / n / 12,
        "near_end": a.column("near_end") / n,
        "quality_drop": (a.column("flank_quality") - a.column("quality")) / 20,
        "consensus_share": a.to_depth / np.maximum(depth, 1),
        "siblings": np.log2(1 + a.siblings) / 6,
        "site_depth": np.clip(np.log2((1 + depth) / (1 + sample.peak)), -4, 4) / 4,
        "homopolymer": np.minimum(_homopolymer(consensus), 10) / 8,
        "low_quality": a.column("low_quality") / n,
        "quality_rank": a.column("quality_rank"),
        "agreed": a.column("agreed") / n,
        "denied": a.column("denied") / n,
        **_motifs(a, sample),
        **{name: np.full(len(a), value) for name, value in _of_sample(a, sample).items()},
        **dict(zip(SIGNS, signs.T, strict=True)),
    }
    rows = np.stack([columns[name] for name in GLOBALS[:-1]] + [np.zeros(len(a))], axis=1)
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
        "sample_one_stranded": sample.one_stranded,
        "sample_low_quality": sample.low_quality,
        "known_reads": float(known),
        "known_qualities": float(known and sample.has_qualities),
    }


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
