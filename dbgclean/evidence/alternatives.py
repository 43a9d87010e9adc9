"""Edits pooled over all reads: one row per alternative, its support and its site.

An alternative is a low-confidence k-mer: 31 bases whose flanks are path and whose
middle base some reads insist on; or a gap, an insertion or deletion between such flanks
(`dbgclean.evidence.gap_alternatives`). Support is counted in fragments (mates that
overlap saw one molecule), by strand, with the sum that the likelihood ratio needs;
the site's depth comes from the abundances of the k-mers through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from dbgclean.evidence.depths import site_depths
from dbgclean.evidence.edits import FIRST_GAP, FLANK, N_QUALITIES, WINDOW, Edits, kind_of
from dbgclean.evidence.pooling_kernels import (
    COLUMNS,
    LOW_QUALITY,
    Pooled,
    Seen,
    likelihoods,
    pool_support,
)
from dbgclean.evidence.rates import (
    error_rates,
    evidence_weights,
    mean_rates,
    quality_ranks,
    substitution_of,
)
from dbgclean.evidence.solid import SolidGraph
from dbgclean.reads.prefetch import map_in_order
from dbgclean.reads.rows import Rows, column, whole
from dbgclean.spectrum.table import KmerTable

__all__ = [
    "COLUMNS",
    "LEAST_RATIO",
    "LOW_QUALITY",
    "Alternatives",
    "Depths",
    "Pooling",
    "middle_of",
    "pool_edits",
    "pool_gaps",
    "sibling_fragments",
]

# Alternatives below this ratio (nats) are errors whatever else is known.
LEAST_RATIO = 3.0
# Alternatives that are pooled, or looked at, at a time.
_BLOCK = 1 << 16
_COLUMN = {name: i for i, name in enumerate(COLUMNS)}
Depths = Callable[[Edits, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Alternatives(Rows):
    """One row per alternative, sorted by ``key``: substitutions, insertions, deletions.

    Attributes
    ----------
    key
        uint64 (n,): canonical 31-mer with the alternative base in the middle; of gaps
        `dbgclean.evidence.gap_places.Described.key`.
    to
        uint8 (n,): the path's base there (the majority over the edits); of gaps 0 for an
        insertion and 1 for a deletion.
    support
        float64 (n, len(COLUMNS)): see ``COLUMNS``; means over fragments for
        quality, end_distance, co_edits, flank_quality and quality_rank (0 to 1, among
        all bases of the sample), counts or sums for the others. ``log_error`` is in
        nats. A fragment counts once, at the quality of its best read. ``agreed`` and
        ``denied``: fragments whose mate shows the same base, or another. NaN: not known,
        as where there are k-mers but no reads. ``second``: fragments told by their second read.
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
    expected
        float64 (n,): fragments that this substitution's mean rate lets expect here.
    mean_quality, co_edited
        uint8 (n, 31): mean quality of the supporting reads along the window, and
        the share (0..255) of them edited there too.
    odds
        float64 (n,): ``likelihood``, or what is left of it beside other explanations
        (`dbgclean.evidence.explanations`), nats.
    of_edit
        int32 (n_edits,): the row that each edit belongs to.
    rates
        float64 (4, 4, 94): see `dbgclean.evidence.rates.error_rates`.
    """

    key: np.ndarray = column(np.uint64)
    to: np.ndarray = column(np.uint8)
    support: np.ndarray = column(np.float64, len(COLUMNS))
    depth: np.ndarray = column(np.float64, 2)
    to_depth: np.ndarray = column(np.float64)
    siblings: np.ndarray = column(np.int64)
    likelihood: np.ndarray = column(np.float64)
    fraction: np.ndarray = column(np.float64)
    expected: np.ndarray = column(np.float64)
    mean_quality: np.ndarray = column(np.uint8, WINDOW)
    co_edited: np.ndarray = column(np.uint8, WINDOW)
    odds: np.ndarray = column(np.float64)
    of_edit: np.ndarray = whole()
    rates: np.ndarray = whole()

    def column(self, name: str) -> np.ndarray:
        """One column of ``support`` by its name."""
        return self.support[:, _COLUMN[name]]

    @property
    def fragments(self) -> np.ndarray:
        """Supporting fragments, int64 (n,)."""
        return self.column("fragments").astype(np.int64)

    @property
    def base(self) -> np.ndarray:
        """The alternative base itself, uint8 codes (n,); of gaps ``to``: no base is another."""
        return np.where(self.key < FIRST_GAP, middle_of(self.key), self.to)

    @property
    def kind(self) -> np.ndarray:
        """SUBSTITUTION, INSERTION or DELETION (`dbgclean.evidence.edits`), uint8 (n,)."""
        return kind_of(self.key)

    @property
    def substitutions(self) -> slice:
        """Rows of the substitutions."""
        return slice(0, int(np.searchsorted(self.key, FIRST_GAP)))

    @property
    def gaps(self) -> slice:
        """Rows of the insertions and deletions."""
        return slice(self.substitutions.stop, len(self))

    @property
    def recurring(self) -> Alternatives:
        """Those that more than one read shows, and maybe others, in their order."""
        return self

    def blocks(self) -> Iterator[Alternatives]:
        """All rows, some at a time."""
        for start in range(0, len(self), _BLOCK):
            yield self.select(slice(start, start + _BLOCK))

    def with_gaps(self, gaps: Alternatives) -> Alternatives:
        """These and, behind them, ``gaps``, whose edits are behind the edits of these."""
        of_edit = np.concatenate([self.of_edit, gaps.of_edit + np.int32(len(self))])
        return replace(Alternatives.concatenate([self, gaps]), of_edit=of_edit)

    def with_odds(self, odds: np.ndarray) -> Alternatives:
        """The same with other ``odds``."""
        return replace(self, odds=odds)


def pool_edits(
    edits: Edits,
    profile: np.ndarray,
    counted: KmerTable | SolidGraph,
    mean_length: float,
    min_depth: int = 1,
    peak: float = 0.0,
    depths: Depths | None = None,
    threads: int = 1,
    rates: np.ndarray | None = None,
) -> Alternatives:
    """Pool the edits of a whole run.

    Parameters
    ----------
    profile
        int64 (4, 94): bases on a path by path base and quality, over all reads.
    counted
        Raw abundances at the correction k, or the graph made of them, whose nodes are at
        hand: the depth of a site is read from it.
    mean_length
        Mean read length: k-mers see (L - k + 1) / L of the reads over a base.
    min_depth
        k-mers rarer than this say nothing about depth.
    peak
        Reads over a base of the sample; 0 where it is not known.
    depths
        Where it is known which reads lie over a site: ``depth`` and ``to_depth`` of
        alternatives, told by the edits and by one of them (its row) for each. By default
        `site_depths`.
    threads
        Workers; the result does not depend on them.
    rates
        Of errors, where they are known; else the edits tell them.
    """
    pooling = Pooling(
        edits, profile, counted, mean_length, min_depth, peak, depths, threads, rates
    )  # fmt: skip
    pooled = Alternatives.concatenate([part for part, _ in pooling.parts()])
    siblings = sibling_fragments(pooled.key, pooled.column("fragments"))
    return replace(pooled, siblings=siblings, of_edit=pooling.groups.of_edit, rates=pooling.rates)


class Pooling:
    """The edits of a run in groups, to be pooled some alternatives at a time.

    Parameters as of `pool_edits`.

    Attributes
    ----------
    groups
        Which edits make up which alternative.
    rates, rate
        Of errors (`dbgclean.evidence.rates.error_rates`), and their means over the qualities.
    scale
        Reads over a base for each k-mer that sees it.
    """

    def __init__(
        self, edits: Edits, profile: np.ndarray, counted: KmerTable | SolidGraph,
        mean_length: float, min_depth: int = 1, peak: float = 0.0, depths: Depths | None = None,
        threads: int = 1, rates: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.groups = _group(edits)
        if rates is None:
            sizes = np.diff(self.groups.bounds).astype(np.int32)
            rates = error_rates(edits, sizes[self.groups.of_edit], profile, peak)
        self.rates, self.rate = rates, mean_rates(rates, profile)
        self.scale = mean_length / max(1.0, mean_length - counted.k + 1)
        self._edits, self._profile = edits, profile
        self._counted, self._min_depth, self._threads = counted, min_depth, threads
        self._depths = depths

    def parts(self) -> Iterator[tuple[Alternatives, _Groups]]:
        """Some alternatives at a time in their order, and of which edits each is.

        Nothing is known yet of ``siblings`` and ``of_edit``.
        """
        return map_in_order(
            self._part, range(0, max(len(self.groups.keys), 1), _BLOCK), self._threads
        )

    def _part(self, first: int) -> tuple[Alternatives, _Groups]:
        groups = self.groups
        last = min(len(groups.keys), first + _BLOCK)
        start, stop = groups.bounds[first], groups.bounds[last]
        own = groups._replace(
            order=groups.order[start:stop],
            bounds=groups.bounds[first : last + 1] - start,
            keys=groups.keys[first:last],
        )
        return self._pooled(own), own

    def _pooled(self, groups: _Groups) -> Alternatives:
        edits = self._edits.select(groups.order)
        read_as, molecule = substitution_of(edits)
        error = self.rates[molecule, read_as, edits.quality]
        own = _support(groups, edits, error, self._profile)
        if self._depths is not None:
            depth, to_depth = self._depths(self._edits, groups.order[groups.bounds[:-1]])
        else:
            depth, to_depth = site_depths(
                groups.keys, own.to, self._counted, self._min_depth, self._threads
            )
            depth, to_depth = depth * self.scale, to_depth * self.scale
        rate = self.rate[own.to, middle_of(groups.keys)]
        return _alternatives(groups.keys, own, edits, error, groups.bounds, (depth, to_depth, rate))


def pool_gaps(
    edits: Edits, error: np.ndarray, rate: np.ndarray, depth: np.ndarray, profile: np.ndarray
) -> Alternatives:
    """The same of gaps.

    Parameters
    ----------
    error
        float64 (n_edits,): rate at which each edit is an error.
    rate, depth
        float64, for each key in order: rate of such gaps as errors, and reads over the place
        that do not show it.
    profile
        As in `pool_edits`.
    """
    groups = _group(edits)
    edits, error = edits.select(groups.order), error[groups.order]
    own = _support(groups, edits, error, profile)
    depths = np.stack([depth, depth], axis=1) / 2, depth, rate
    pooled = _alternatives(groups.keys, own, edits, error, groups.bounds, depths)
    siblings = sibling_fragments(groups.keys, pooled.column("fragments"))
    rates = np.zeros((4, 4, N_QUALITIES))
    return replace(pooled, siblings=siblings, of_edit=groups.of_edit, rates=rates)


class _Groups(NamedTuple):
    """Edits by alternative: in which order, where each begins, and the row of each edit."""

    order: np.ndarray
    bounds: np.ndarray
    of_edit: np.ndarray
    keys: np.ndarray


def _group(edits: Edits) -> _Groups:
    order = np.argsort(edits.key, kind="stable")
    key = edits.key[order]
    first = np.ones(len(key), bool)
    first[1:] = key[1:] != key[:-1]
    starts = np.flatnonzero(first)
    bounds = np.concatenate([starts, [len(key)]]).astype(np.int64)
    of_edit = np.empty(len(key), np.int32)
    of_edit[order] = np.cumsum(first) - 1
    return _Groups(order, bounds, of_edit, key[starts])


def _support(groups: _Groups, edits: Edits, error: np.ndarray, profile: np.ndarray) -> Pooled:
    """Of edits that are in the order of their groups."""
    n = len(groups.keys)
    own = Pooled(
        np.zeros(n, np.uint8), np.zeros((n, len(COLUMNS))), np.zeros((n, WINDOW), np.uint8),
        np.zeros((n, WINDOW), np.uint8), np.zeros(len(edits), np.uint8),
    )  # fmt: skip
    order = np.arange(len(edits))
    pool_support(order, groups.bounds, Seen.of(edits, np.log(error)), quality_ranks(profile), own)
    return own


def _alternatives(
    keys: np.ndarray, own: Pooled, edits: Edits, error: np.ndarray, bounds: np.ndarray,
    known: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Alternatives:  # fmt: skip
    """Rows of edits in the order of their groups; ``known``: depths and rate of its errors."""
    depth, to_depth, rate = known
    others = depth.sum(1)
    likelihood, fraction = np.zeros(len(others)), np.zeros(len(others))
    weight = evidence_weights(error, edits.mate, edits.mate_quality)
    order = np.arange(len(edits))
    likelihoods(order, bounds, weight, own.chosen, others, likelihood, fraction)
    expected = (others + own.columns[:, _COLUMN["fragments"]]) * rate
    return Alternatives(
        keys, own.to, own.columns, depth, to_depth, np.zeros(len(keys), np.int64), likelihood,
        fraction, expected, own.mean_quality, own.co_edited, likelihood, order[:0], rate,
    )  # fmt: skip


def middle_of(keys: np.ndarray) -> np.ndarray:
    """Middle base of 31-mers."""
    return ((keys >> np.uint64(2 * FLANK)) & np.uint64(3)).astype(np.uint8)


def sibling_fragments(keys: np.ndarray, fragments: np.ndarray) -> np.ndarray:
    """Fragments of the other alternatives whose window differs in the middle base only."""
    site = keys & ~np.uint64(3 << (2 * FLANK))
    _, inverse = np.unique(site, return_inverse=True)
    total = np.bincount(inverse, weights=fragments) if len(keys) else np.zeros(0)
    return (total[inverse] - fragments).astype(np.int64) if len(keys) else np.zeros(0, np.int64)
