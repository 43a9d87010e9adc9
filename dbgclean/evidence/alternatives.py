"""Edits pooled over all reads: one row per alternative, its support and its site.

An alternative is a low-confidence k-mer: 31 bases whose flanks are path and whose
middle base some reads insist on. Support is counted in fragments (mates that
overlap saw one molecule), by strand, with the sum that the likelihood ratio needs;
the site's depth comes from the abundances of the k-mers through it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from dbgclean.evidence.edits import FLANK, N_QUALITIES, WINDOW, Edits
from dbgclean.spectrum.kmers import revcomp
from dbgclean.spectrum.table import KmerTable, find_row

__all__ = ["Alternatives", "error_rates", "pool_edits"]

# Columns of Alternatives.support.
COLUMNS = (
    "fragments",
    "reads",
    "reverse",
    "disputed",
    "high_quality",
    "high_quality_reverse",
    "quality",
    "best_quality",
    "log_error",
    "placements",
    "end_distance",
    "near_end",
    "co_edits",
    "flank_quality",
)
_COLUMN = {name: i for i, name in enumerate(COLUMNS)}
_NEAR_END = 10
_HIGH_QUALITY = 20
# An error seen this often is no longer surely an error, so it does not teach the rates.
_RECURRING = 3


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One row per alternative, sorted by ``key``.

    Attributes
    ----------
    key
        uint64 (n,): canonical 31-mer with the alternative base in the middle.
    to
        uint8 (n,): the path's base there (the majority over the edits).
    support
        float64 (n, len(COLUMNS)): see ``COLUMNS``; means over fragments for
        quality, end_distance, co_edits and flank_quality, counts or sums for the
        others. ``log_error`` is in nats. A fragment counts once, at the quality of
        its best read.
    depth
        float64 (n, 2): reads over the site that do not support the alternative,
        along ``key`` and against it.
    to_depth
        float64 (n,): those of them that show ``to``.
    siblings
        int64 (n,): fragments of the other alternatives at the same site.
    likelihood
        float64 (n,): log likelihood ratio of "real at some fraction" to "error",
        nats.
    fraction
        float64 (n,): the fraction at which it is greatest.
    mean_quality, co_edited
        uint8 (n, 31): mean quality of the supporting reads along the window, and
        the share (0..255) of them edited there too.
    of_edit
        int64 (n_edits,): the row that each edit belongs to.
    rates
        float64 (4, 4, 94): see `error_rates`.
    """

    key: np.ndarray
    to: np.ndarray
    support: np.ndarray
    depth: np.ndarray
    to_depth: np.ndarray
    siblings: np.ndarray
    likelihood: np.ndarray
    fraction: np.ndarray
    mean_quality: np.ndarray
    co_edited: np.ndarray
    of_edit: np.ndarray
    rates: np.ndarray

    def __len__(self) -> int:
        return len(self.key)

    def part(self, rows: slice) -> Alternatives:
        """Some of the rows; ``of_edit`` and ``rates`` stay those of the whole."""
        whole = ("of_edit", "rates")
        return Alternatives(
            *(getattr(self, f) if f in whole else getattr(self, f)[rows] for f in self.__slots__)
        )

    def column(self, name: str) -> np.ndarray:
        """One column of ``support`` by its name."""
        return self.support[:, _COLUMN[name]]

    @property
    def fragments(self) -> np.ndarray:
        """Supporting fragments, int64 (n,)."""
        return self.column("fragments").astype(np.int64)

    @property
    def base(self) -> np.ndarray:
        """The alternative base itself, uint8 codes (n,)."""
        return ((self.key >> np.uint64(2 * FLANK)) & np.uint64(3)).astype(np.uint8)


def error_rates(edits: Edits, group_size: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Rate of each substitution at each Phred value, from edits that do not recur.

    Parameters
    ----------
    group_size
        int64 (n_edits,): reads that propose the same alternative.
    profile
        int64 (4, 94): bases on a path by path base and quality.

    Returns
    -------
    ndarray
        float64 (4, 4, 94): probability that a base ``x`` of the molecule is read as
        ``y`` at quality ``q``, on the strand of the read. The rate by quality and
        the share of each substitution are estimated apart and multiplied. Where a
        quality is rare the nominal 10**(-Q/10) weighs in as five bases' worth of
        prior, and each substitution as ten errors.
    """
    lone = (group_size < _RECURRING) & (edits.disputed == 0)
    seen = np.bincount(edits.quality[lone], minlength=N_QUALITIES)[:N_QUALITIES]
    nominal = 10 ** (-np.maximum(np.arange(N_QUALITIES), 1) / 10)
    prior = 5.0
    by_quality = (seen + prior * nominal) / (profile.sum(0) + prior)
    read_as, molecule = substitution_of(edits)
    pairs = np.bincount((4 * molecule + read_as)[lone], minlength=16).reshape(4, 4).astype(float)
    expected = (profile * by_quality).sum(1)[:, None] / 3
    share = (pairs + 10) / (expected + 10)
    np.fill_diagonal(share, 0)
    rates = share[:, :, None] * by_quality[None, None, :] / 3
    return np.clip(rates, 1e-7, 0.25)


def substitution_of(edits: Edits) -> tuple[np.ndarray, np.ndarray]:
    """The base each edit was read as and the path's base, on the strand of the read."""
    middle = (edits.key >> np.uint64(2 * FLANK)).astype(np.int64) & 3
    turned = edits.strand == 1
    return np.where(turned, 3 - middle, middle), np.where(turned, 3 - edits.to, edits.to)


def pool_edits(
    edits: Edits, profile: np.ndarray, table: KmerTable, mean_length: float, min_depth: int = 1
) -> Alternatives:
    """Pool the edits of a whole run.

    Parameters
    ----------
    profile
        int64 (4, 94): bases on a path by path base and quality, over all reads.
    table
        Raw abundances at the correction k; the depth of a site is read from it.
    mean_length
        Mean read length: k-mers see (L - k + 1) / L of the reads over a base.
    min_depth
        k-mers rarer than this say nothing about depth.
    """
    order = np.argsort(edits.key, kind="stable")
    key = edits.key[order]
    first = np.ones(len(key), bool)
    first[1:] = key[1:] != key[:-1]
    starts = np.flatnonzero(first)
    bounds = np.concatenate([starts, [len(key)]]).astype(np.int64)
    size = np.diff(bounds)
    of_edit = np.empty(len(key), np.int64)
    of_edit[order] = np.repeat(np.arange(len(size)), size)
    rates = error_rates(edits, size[of_edit], profile)
    read_as, molecule = substitution_of(edits)
    error = rates[molecule, read_as, edits.quality]
    n = len(size)
    support = np.zeros((n, len(COLUMNS)))
    mean_quality = np.zeros((n, WINDOW), np.uint8)
    co_edited = np.zeros((n, WINDOW), np.uint8)
    to = np.zeros(n, np.uint8)
    chosen = np.zeros(len(key), np.uint8)
    _pool(
        order, bounds, edits.to, edits.strand, edits.fragment, edits.position, edits.quality,
        edits.end_distance, edits.disputed, edits.co_edits, edits.qualities, np.log(error),
        to, support, mean_quality, co_edited, chosen,
    )  # fmt: skip
    keys = key[starts] if n else np.zeros(0, np.uint64)
    depth, to_depth = _site_depths(keys, to, table.select(table.counts >= min_depth))
    scale = mean_length / max(1.0, mean_length - table.k + 1)
    depth, to_depth = depth * scale, to_depth * scale
    likelihood, fraction = np.zeros(n), np.zeros(n)
    _likelihoods(order, bounds, error, chosen, depth.sum(1), likelihood, fraction)
    siblings = _siblings(keys, support[:, 0])
    return Alternatives(
        keys, to, support, depth, to_depth, siblings, likelihood, fraction, mean_quality,
        co_edited, of_edit, rates,
    )  # fmt: skip


def _siblings(keys: np.ndarray, fragments: np.ndarray) -> np.ndarray:
    """Fragments of the other alternatives whose window differs in the middle base only."""
    site = keys & ~np.uint64(3 << (2 * FLANK))
    _, inverse = np.unique(site, return_inverse=True)
    total = np.bincount(inverse, weights=fragments) if len(keys) else np.zeros(0)
    return (total[inverse] - fragments).astype(np.int64) if len(keys) else np.zeros(0, np.int64)


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
            if w != FLANK and abs(w - FLANK) <= 5:
                flank += qualities[w]
                n += 1
        if (co_edits >> w) & 1:
            sums[2, w] += 1
            row[12] += 1
    row[13] += flank / max(1, n)


@numba.njit(cache=True, nogil=True)
def _pool(
    order: np.ndarray,
    bounds: np.ndarray,
    to: np.ndarray,
    strand: np.ndarray,
    fragment: np.ndarray,
    position: np.ndarray,
    quality: np.ndarray,
    end_distance: np.ndarray,
    disputed: np.ndarray,
    co_edits: np.ndarray,
    qualities: np.ndarray,
    log_error: np.ndarray,
    out_to: np.ndarray,
    support: np.ndarray,
    mean_quality: np.ndarray,
    co_edited: np.ndarray,
    chosen: np.ndarray,
) -> None:
    """Fill one row per group; ``chosen`` marks (in sorted order) the read that speaks
    for its fragment."""
    placed = np.zeros(512, np.uint8)
    sums = np.zeros((3, WINDOW), np.float64)
    votes = np.zeros(4, np.int64)
    for g in range(len(bounds) - 1):
        placed[:] = 0
        sums[:] = 0
        votes[:] = 0
        row = support[g]
        row[1] = bounds[g + 1] - bounds[g]
        i = bounds[g]
        while i < bounds[g + 1]:
            best, i = _speaker(order, fragment, quality, i, bounds[g + 1])
            chosen[best] = 1
            e = order[best]
            q = np.int64(quality[e])
            votes[to[e]] += 1
            row[0] += 1
            row[2] += strand[e]
            row[3] += disputed[e]
            if q >= _HIGH_QUALITY:
                row[4] += 1
                row[5] += strand[e]
            row[6] += q
            row[7] = max(row[7], q)
            row[8] += log_error[e]
            place = (np.int64(position[e]) * 2 + np.int64(strand[e])) & 511
            row[9] += placed[place] == 0
            placed[place] = 1
            row[10] += end_distance[e]
            row[11] += end_distance[e] < _NEAR_END
            _add_window(qualities[e], np.int64(co_edits[e]), sums, row)
        n = row[0]
        for c in (6, 10, 12, 13):
            row[c] /= n
        for w in range(WINDOW):
            if sums[1, w] > 0:
                mean_quality[g, w] = np.uint8(sums[0, w] / sums[1, w] + 0.5)
            co_edited[g, w] = np.uint8(255 * sums[2, w] / n)
        out_to[g] = np.argmax(votes)


@numba.njit(cache=True, nogil=True)
def _depth_kernel(
    keys: np.ndarray,
    to: np.ndarray,
    k: int,
    slots: np.ndarray,
    rows: np.ndarray,
    mask: int,
    counts: np.ndarray,
    reverse: np.ndarray,
    depth: np.ndarray,
    to_depth: np.ndarray,
) -> None:
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    low = max(0, FLANK - k + 1)
    high = min(FLANK, WINDOW - k)
    middle = np.uint64(2 * FLANK)
    for i in range(len(keys)):
        own = (keys[i] >> middle) & np.uint64(3)
        for b in range(4):
            if np.uint64(b) == own:
                continue
            window = (keys[i] & ~(np.uint64(3) << middle)) | (np.uint64(b) << middle)
            along, against = 0, 0
            for s in range(low, high + 1):
                kmer = (window >> np.uint64(2 * (WINDOW - k - s))) & keep
                other = revcomp(kmer, k)
                row = find_row(slots, rows, mask, min(kmer, other))
                if row >= 0 and counts[row] > along + against:
                    turned = np.int64(reverse[row])
                    straight = np.int64(counts[row]) - turned
                    along, against = (straight, turned) if kmer <= other else (turned, straight)
            depth[i, 0] += along
            depth[i, 1] += against
            if b == to[i]:
                to_depth[i] = along + against


def _site_depths(
    keys: np.ndarray, to: np.ndarray, table: KmerTable
) -> tuple[np.ndarray, np.ndarray]:
    """Deepest k-mer through each site for every base but the alternative's own."""
    depth = np.zeros((len(keys), 2))
    to_depth = np.zeros(len(keys))
    index = table.index()
    _depth_kernel(
        keys, to, np.int64(table.k), index.slots, index.rows, index.mask, table.counts,
        table.reverse, depth, to_depth,
    )  # fmt: skip
    return depth, to_depth


@numba.njit(cache=True, nogil=True)
def _likelihoods(
    order: np.ndarray,
    bounds: np.ndarray,
    error: np.ndarray,
    chosen: np.ndarray,
    depth: np.ndarray,
    likelihood: np.ndarray,
    fraction: np.ndarray,
) -> None:
    """max over f of sum ln[(f(1-e) + (1-f)e) / e] + (D - n) ln(1 - f), e for this substitution."""
    for g in range(len(bounds) - 1):
        n = 0
        for i in range(bounds[g], bounds[g + 1]):
            n += chosen[i]
        others = max(depth[g], 1.0)
        best, best_f = -1e300, 0.0
        for factor in (0.4, 0.6, 0.8, 1.0, 1.25):
            f = min(0.99, factor * n / (others + n))
            value = others * np.log(1 - f)
            for i in range(bounds[g], bounds[g + 1]):
                if chosen[i]:
                    e = error[order[i]]
                    value += np.log(f * (1 - 3 * e) / e + (1 - f))
            if value > best:
                best, best_f = value, f
        likelihood[g] = best
        fraction[g] = best_f
