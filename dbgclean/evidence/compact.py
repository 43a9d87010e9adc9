"""Alternatives of a whole run in little memory: what one read shows, and no judge believes.

Of the errors of a deep sample nearly all are shown by one read. All that pooling has to say
of such an alternative follows from that read's base and from the depth of the place, so some
forty bytes are kept in place of three hundred, and the columns are worked out where somebody
asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from dbgclean.evidence.alternatives import (
    COLUMNS,
    LEAST_RATIO,
    LOW_QUALITY,
    Alternatives,
    Depths,
    Pooling,
    middle_of,
    sibling_fragments,
)
from dbgclean.evidence.edits import FLANK, WINDOW, Edits
from dbgclean.evidence.mates import AGREES, DENIES
from dbgclean.evidence.pooling_kernels import END_BASES, GOOD_QUALITY, NEAR_FLANK
from dbgclean.evidence.rates import quality_ranks
from dbgclean.evidence.solid import SolidGraph
from dbgclean.reads.rows import Growing, Rows, column
from dbgclean.spectrum.table import KmerTable

__all__ = ["CompactAlternatives", "pool_compactly"]

# Bits of `_Slight.flags`; the mate's word stands above them.
_STRAND, _SECOND, _DISPUTED, _MATE = 1, 2, 4, 3
_NEAR = [w for w in range(FLANK - NEAR_FLANK, FLANK + NEAR_FLANK + 1) if w != FLANK]


@dataclass(frozen=True, slots=True, eq=False)
class _Slight(Rows):
    """Alternatives of one read and a low ratio, in the order of their keys.

    Attributes
    ----------
    depth, to_depth
        uint32: k-mers, as `dbgclean.evidence.depths.site_depths` has them.
    flags
        uint8: the read's strand, whether it is a second mate, whether the base is disputed,
        and what the mate shows.
    flank, flanked
        uint16, uint8: sum of the qualities near the base, and how many there are.
    others
        As of `Alternatives` and `Edits`.
    """

    depth: np.ndarray = column(np.uint32, 2)
    to_depth: np.ndarray = column(np.uint32)
    siblings: np.ndarray = column(np.uint32)
    fraction: np.ndarray = column(np.float64)
    quality: np.ndarray = column(np.uint8)
    end_distance: np.ndarray = column(np.uint16)
    flags: np.ndarray = column(np.uint8)
    co_edits: np.ndarray = column(np.uint32)
    flank: np.ndarray = column(np.uint16)
    flanked: np.ndarray = column(np.uint8)

    @classmethod
    def of(cls, edits: Edits, pooled: Alternatives, scale: float) -> _Slight:
        """Those of one edit each."""
        flags = edits.strand * _STRAND | (edits.read != edits.fragment) * np.uint8(_SECOND)
        flags |= (edits.disputed > 0) * np.uint8(_DISPUTED) | edits.mate << _MATE
        near = edits.qualities[:, _NEAR]
        return cls(
            np.rint(pooled.depth / scale).astype(np.uint32),
            np.rint(pooled.to_depth / scale).astype(np.uint32),
            pooled.siblings.astype(np.uint32), pooled.fraction, edits.quality,
            edits.end_distance, flags, edits.co_edits, near.sum(1, dtype=np.uint16),
            np.count_nonzero(near, axis=1).astype(np.uint8),
        )  # fmt: skip


class _Told(NamedTuple):
    """What of the sample the columns follow from; see `Pooling`, and ``ranks`` of qualities."""

    scale: float
    rate: np.ndarray
    log_rates: np.ndarray
    ranks: np.ndarray


class CompactAlternatives(Alternatives):
    """The same rows and columns as `Alternatives`, each column made when it is asked for.

    One thing is not known of what a single read shows at a ratio below `LEAST_RATIO`: its
    ``mean_quality`` and ``co_edited``, which are 0. No judge is asked about these.
    """

    __slots__ = ("_at", "_slight", "_told", "_whole")

    _at: np.ndarray
    _slight: _Slight
    _told: _Told
    _whole: Alternatives

    # Of the slots of `Alternatives`, the others stay empty: see `__getattr__`.
    _KEPT = ("key", "to", "likelihood", "of_edit", "rates")

    def __init__(
        self, kept: dict[str, np.ndarray], whole: Alternatives, slight: _Slight, at: np.ndarray,
        told: _Told,
    ) -> None:  # fmt: skip
        parts = {"_whole": whole, "_slight": slight, "_at": at, "_told": told}
        for name, value in (kept | parts).items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self._at)

    def __getattr__(self, name: str) -> np.ndarray:
        """A column of all rows."""
        if name not in (f.name for f in fields(Alternatives)):
            raise AttributeError(name)
        return self._joined(getattr(self._whole, name), name)

    def _joined(self, whole: np.ndarray, name: str) -> np.ndarray:
        out = np.empty((len(self), *whole.shape[1:]), whole.dtype)
        slight = self._at < 0
        out[~slight] = whole
        out[slight] = self._of_slight(name, np.flatnonzero(slight), self._slight)
        return out

    def column(self, name: str) -> np.ndarray:
        """One column of ``support`` by its name."""
        return self._joined(self._whole.column(name), name)

    @property
    def recurring(self) -> Alternatives:
        """See `Alternatives.recurring`."""
        return self._whole

    def select(self, rows: slice | np.ndarray) -> Alternatives:  # type: ignore[override]
        """Some of the rows, with all that is known of each: bool (n,) or row numbers."""
        rows = np.arange(len(self))[rows]
        at = self._at[rows]
        mine, part = at < 0, self._whole.select(at[at >= 0])
        few, slight = self._slight.select(~at[mine]), rows[mine]
        columns = {}
        for field in Alternatives.row_fields():
            values = getattr(part, field.name)
            out = np.empty((len(rows), *values.shape[1:]), values.dtype)
            out[~mine] = values
            out[mine] = self._of_slight(field.name, slight, few)
            columns[field.name] = out
        return Alternatives(**columns, of_edit=self.of_edit, rates=self.rates)

    def with_gaps(self, gaps: Alternatives) -> Alternatives:
        """See `Alternatives.with_gaps`."""
        n, first = len(self), len(self._whole)
        kept = {name: np.concatenate([getattr(self, name), getattr(gaps, name)])
                for name in self._KEPT[:3]}  # fmt: skip
        kept["of_edit"] = np.concatenate([self.of_edit, gaps.of_edit + np.int32(n)])
        at = np.arange(first, first + len(gaps), dtype=np.int32)
        return CompactAlternatives(
            kept | {"rates": self.rates}, Alternatives.concatenate([self._whole, gaps]),
            self._slight, np.concatenate([self._at, at]), self._told,
        )  # fmt: skip

    def with_odds(self, odds: np.ndarray) -> Alternatives:
        """The same with other ``odds``; they are the ratio of what has no more than that."""
        kept = {name: getattr(self, name) for name in self._KEPT}
        whole = replace(self._whole, odds=odds[self._at >= 0])
        return CompactAlternatives(kept, whole, self._slight, self._at, self._told)

    def _of_slight(self, name: str, rows: np.ndarray, some: _Slight) -> np.ndarray:
        """A column, or one of ``support``, of ``some`` slight alternatives and their rows."""
        if name in self._KEPT:
            return np.asarray(getattr(self, name)[rows])
        if name == "odds":
            return self.likelihood[rows]
        if name == "support":
            return np.stack([self._of_slight(c, rows, some) for c in COLUMNS], axis=1)
        if name in ("mean_quality", "co_edited"):
            return np.zeros((len(rows), WINDOW), np.uint8)
        if name in ("depth", "to_depth"):
            return np.asarray(getattr(some, name) * self._told.scale)
        if name == "expected":
            others = (some.depth * self._told.scale).sum(1)
            return (others + 1) * self._told.rate[self.to[rows], middle_of(self.key[rows])]
        if name == "log_error":
            turned = some.flags & _STRAND == _STRAND
            base, to = middle_of(self.key[rows]), self.to[rows]
            base, to = (np.where(turned, 3 - x, x) for x in (base, to))
            return np.asarray(self._told.log_rates[to, base, some.quality])
        return _said_of(some, name, self._told.ranks)


def _said_of(some: _Slight, name: str, ranks: np.ndarray) -> np.ndarray:
    """A column that the read alone tells."""
    quality, mate = some.quality, some.flags >> _MATE
    reverse = (some.flags & _STRAND) > 0
    made = {
        "reverse": lambda: reverse,
        "second": lambda: (some.flags & _SECOND) > 0,
        "disputed": lambda: (some.flags & _DISPUTED) > 0,
        "high_quality": lambda: quality >= GOOD_QUALITY,
        "high_quality_reverse": lambda: reverse & (quality >= GOOD_QUALITY),
        "low_quality": lambda: quality < LOW_QUALITY,
        "best_quality": lambda: quality,
        "quality_rank": lambda: ranks[quality],
        "near_end": lambda: some.end_distance < END_BASES,
        "co_edits": lambda: np.bitwise_count(some.co_edits),
        "flank_quality": lambda: some.flank / np.maximum(1, some.flanked),
        "agreed": lambda: mate == AGREES,
        "denied": lambda: mate == DENIES,
        **{one: lambda: np.ones(len(some)) for one in ("fragments", "reads", "placements")},
    }
    return np.asarray(made[name]() if name in made else getattr(some, name))


def pool_compactly(
    edits: Edits, profile: np.ndarray, counted: KmerTable | SolidGraph, mean_length: float,
    min_depth: int = 1, peak: float = 0.0, depths: Depths | None = None, threads: int = 1,
) -> Alternatives:  # fmt: skip
    """`dbgclean.evidence.alternatives.pool_edits`, in little memory."""
    pooling = Pooling(edits, profile, counted, mean_length, min_depth, peak, depths, threads)
    keys, n = pooling.groups.keys, len(pooling.groups.keys)
    to, likelihood = np.zeros(n, np.uint8), np.zeros(n)
    fragments, at = np.ones(n, np.uint32), np.zeros(n, np.int32)
    wholes, slights = Growing(Alternatives), Growing(_Slight)
    first = 0
    for part, groups in pooling.parts():
        rows = slice(first, first + len(part))
        first = rows.stop
        to[rows], likelihood[rows] = part.to, part.likelihood
        fragments[rows] = part.column("fragments")
        slight = (np.diff(groups.bounds) == 1) & (part.likelihood < LEAST_RATIO)
        at[rows] = np.where(slight, -1, 0)
        alone = edits.select(groups.order[groups.bounds[:-1][slight]])
        slights.add(_Slight.of(alone, part.select(slight), pooling.scale), spare=n)
        wholes.add(part.select(~slight))
    mine = at < 0
    at[mine] = ~np.arange(np.count_nonzero(mine), dtype=np.int32)
    at[~mine] = np.arange(n - np.count_nonzero(mine), dtype=np.int32)
    siblings = sibling_fragments(keys, fragments)
    whole = replace(wholes.rows, siblings=siblings[~mine], of_edit=at[:0],
                    rates=pooling.rates)  # fmt: skip
    little = replace(slights.rows, siblings=siblings[mine].astype(np.uint32))
    told = _Told(pooling.scale, pooling.rate, np.log(pooling.rates), quality_ranks(profile))
    kept = {"key": keys, "to": to, "likelihood": likelihood, "of_edit": pooling.groups.of_edit}
    return CompactAlternatives(kept | {"rates": pooling.rates}, whole, little, at, told)
