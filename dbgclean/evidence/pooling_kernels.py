"""What the reads of an alternative say, summed up: the inner loops of pooling."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from dbgclean.evidence.edits import FLANK, WINDOW, Edits
from dbgclean.evidence.mates import AGREES, DENIES
from dbgclean.evidence.weigh_kernels import at_best

__all__ = [
    "COLUMNS",
    "END_BASES",
    "GOOD_QUALITY",
    "LOW_QUALITY",
    "NEAR_FLANK",
    "Pooled",
    "Seen",
    "likelihoods",
    "pool_support",
]

# Columns of `dbgclean.evidence.alternatives.Alternatives.support`.
COLUMNS = (
    "fragments", "reads", "reverse", "disputed", "high_quality", "high_quality_reverse",
    "quality", "best_quality", "log_error", "placements", "end_distance", "near_end", "co_edits",
    "flank_quality", "low_quality", "quality_rank", "agreed", "denied", "second",
)  # fmt: skip
(
    FRAGMENTS, READS, REVERSE, DISPUTED, HIGH_QUALITY, HIGH_QUALITY_REVERSE,
    QUALITY, BEST_QUALITY, LOG_ERROR, PLACEMENTS, END_DISTANCE, NEAR_END, CO_EDITS,
    FLANK_QUALITY, LOW_QUALITIES, QUALITY_RANK, AGREED, DENIED, SECOND,
) = range(len(COLUMNS))  # fmt: skip
# Means over the fragments; the others are counts or sums.
_MEANS = (QUALITY, END_DISTANCE, CO_EDITS, FLANK_QUALITY, QUALITY_RANK)
# Bases near an end of their read, and the Phred value of good ones.
END_BASES, GOOD_QUALITY = 10, 20
# Bases on either side whose qualities tell those of the read.
NEAR_FLANK = 5
# Bases below this Phred value are of low quality.
LOW_QUALITY = 15


class Seen(NamedTuple):
    """Columns of `Edits` that pooling looks at, 1 for second mates, and the log error of each."""

    to: np.ndarray
    strand: np.ndarray
    second: np.ndarray
    fragment: np.ndarray
    position: np.ndarray
    quality: np.ndarray
    end_distance: np.ndarray
    disputed: np.ndarray
    co_edits: np.ndarray
    mate: np.ndarray
    qualities: np.ndarray
    log_error: np.ndarray

    @classmethod
    def of(cls, edits: Edits, log_error: np.ndarray) -> Seen:
        """Those of these edits."""
        known = {"second": edits.read - edits.fragment, "log_error": log_error}
        return cls(*(known[f] if f in known else getattr(edits, f) for f in cls._fields))


class Pooled(NamedTuple):
    """Columns of `Alternatives`, and (in sorted order) the read that speaks for its fragment."""

    to: np.ndarray
    columns: np.ndarray
    mean_quality: np.ndarray
    co_edited: np.ndarray
    chosen: np.ndarray


@numba.njit(cache=True, nogil=True)
def _speaker(
    order: np.ndarray, fragment: np.ndarray, quality: np.ndarray, i: int, end: int
) -> tuple[int, int]:
    """Of the edits of one fragment from ``i`` on, the one of highest quality (the first
    of equals), and where the next fragment begins."""
    best = i
    j = i + 1
    while j < end and fragment[order[j]] == fragment[order[i]]:
        if quality[order[j]] > quality[order[best]]:
            best = j
        j += 1
    return best, j


@numba.njit(cache=True, nogil=True)
def _add_window(qualities: np.ndarray, co_edits: int, sums: np.ndarray, row: np.ndarray) -> None:
    """Add one read's window: rows of ``sums`` are quality, reads with one, co-edits."""
    flank, n = 0.0, 0
    for w in range(WINDOW):
        if qualities[w] > 0:
            sums[0, w] += qualities[w]
            sums[1, w] += 1
            if w != FLANK and abs(w - FLANK) <= NEAR_FLANK:
                flank += qualities[w]
                n += 1
        if (co_edits >> w) & 1:
            sums[2, w] += 1
            row[CO_EDITS] += 1
    row[FLANK_QUALITY] += flank / max(1, n)


@numba.njit(cache=True, nogil=True)
def _add(seen: Seen, e: np.int64, rank: np.ndarray, placed: np.ndarray, row: np.ndarray) -> None:
    """Add what the read that speaks for a fragment says to the sums of its alternative."""
    quality, strand = np.int64(seen.quality[e]), seen.strand[e]
    row[FRAGMENTS] += 1
    row[REVERSE] += strand
    row[DISPUTED] += seen.disputed[e]
    if quality >= GOOD_QUALITY:
        row[HIGH_QUALITY] += 1
        row[HIGH_QUALITY_REVERSE] += strand
    row[QUALITY] += quality
    row[BEST_QUALITY] = max(row[BEST_QUALITY], quality)
    row[LOG_ERROR] += seen.log_error[e]
    place = (np.int64(seen.position[e]) * 2 + np.int64(strand)) & (len(placed) - 1)
    row[PLACEMENTS] += placed[place] == 0
    placed[place] = 1
    row[END_DISTANCE] += seen.end_distance[e]
    row[NEAR_END] += seen.end_distance[e] < END_BASES
    row[LOW_QUALITIES] += quality < LOW_QUALITY
    row[QUALITY_RANK] += rank[quality]
    row[AGREED] += seen.mate[e] == AGREES
    row[DENIED] += seen.mate[e] == DENIES
    row[SECOND] += seen.second[e]


@numba.njit(cache=True, nogil=True)
def pool_support(
    order: np.ndarray, bounds: np.ndarray, seen: Seen, rank: np.ndarray, out: Pooled
) -> None:
    """Fill one row per alternative.

    Parameters
    ----------
    order, bounds
        int64: edits by alternative, and where each of these begins.
    rank
        float64 (94,): `dbgclean.evidence.rates.quality_ranks`.
    """
    placed = np.zeros(512, np.uint8)
    sums = np.zeros((3, WINDOW), np.float64)
    votes = np.zeros(4, np.int64)
    for g in range(len(bounds) - 1):
        placed[:] = 0
        sums[:] = 0
        votes[:] = 0
        row = out.columns[g]
        row[READS] = bounds[g + 1] - bounds[g]
        i = bounds[g]
        while i < bounds[g + 1]:
            best, i = _speaker(order, seen.fragment, seen.quality, i, bounds[g + 1])
            out.chosen[best] = 1
            e = order[best]
            votes[seen.to[e]] += 1
            _add(seen, e, rank, placed, row)
            _add_window(seen.qualities[e], np.int64(seen.co_edits[e]), sums, row)
        n = row[FRAGMENTS]
        for c in _MEANS:
            row[c] /= n
        for w in range(WINDOW):
            if sums[1, w] > 0:
                out.mean_quality[g, w] = np.uint8(sums[0, w] / sums[1, w] + 0.5)
            out.co_edited[g, w] = np.uint8(255 * sums[2, w] / n)
        out.to[g] = np.argmax(votes)


@numba.njit(cache=True, nogil=True)
def likelihoods(
    order: np.ndarray, bounds: np.ndarray, weight: np.ndarray, chosen: np.ndarray,
    depth: np.ndarray, likelihood: np.ndarray, fraction: np.ndarray,
) -> None:  # fmt: skip
    """The ratio of each group at its best fraction, see `at_best`."""
    for g in range(len(bounds) - 1):
        weights, n = np.empty(bounds[g + 1] - bounds[g]), 0
        for i in range(bounds[g], bounds[g + 1]):
            if chosen[i]:
                weights[n] = weight[order[i]]
                n += 1
        likelihood[g], fraction[g] = at_best(weights, n, depth[g])
