"""Insertions and deletions pooled over all reads: one row per gap alternative.

Aligned to its path a read may hold bases too many or too few. Such gaps are sequencing
errors in most reads and a real minority allele in some, and only the pool tells: the
same gap, at the same place, in several fragments, against what gaps of its kind cost
in this sample. In a homopolymer or tandem repeat a gap may stand in several places of
one meaning; it is filed under the bases on either side of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.evidence.gap_places import RUNS, describe_gaps, homopolymers

if TYPE_CHECKING:
    from dbgclean.evidence.changes import OtherChanges
    from dbgclean.evidence.solid import SolidGraph
    from dbgclean.evidence.threading import Threads
    from dbgclean.reads import ReadBatch

__all__ = ["GapAlternatives", "GapCollector", "GapPart", "describe_batch", "gap_likelihood"]

# A gap seen in this many fragments is no longer surely an error; but in a homopolymer
# of this length errors recur all the time.
_RECURRING, _LONG_RUN = 3, 7
# Rate of a gap where the sample itself says nothing: of a base without equals beside
# it, and how it grows with each further base of a homopolymer (Schirmer 2016,
# doi:10.1186/s12859-016-0976-y; Ross 2013, doi:10.1186/gb-2013-14-5-r51).
_NOMINAL, _NOMINAL_GROWTH, _NOMINAL_MOST = 1e-6, 3.0, 0.1
# Classes of rates: single bases by run length, then several bases, alone and in a repeat.
_ALONE, _REPEAT = RUNS, RUNS + 1
_CLASSES = RUNS + 2
# Share of bases that stand in a tandem repeat of more than one base.
_REPEAT_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class GapAlternatives:
    """One row per gap alternative, sorted by ``flanks`` and ``middle``.

    Attributes
    ----------
    flanks
        uint64 (n,): eight path bases on either side, 2 bits each, on the smaller strand.
    middle
        uint64 (n,): hash of what lies between, and of how much more or less of it
        there is.
    size
        int8 (n,): bases that the reads have more (positive) or less than the path.
    fragments, reads, reverse
        int64 (n,): support; ``reverse`` are fragments against ``flanks``.
    quality
        float64 (n,): mean Phred of the five bases on either side.
    depth
        float64 (n,): reads over the place that do not support the gap.
    rate
        float64 (n,): of such gaps as errors, in this sample, per place.
    likelihood
        float64 (n,): log likelihood ratio of "real at some fraction" to "error", nats.
    of_change
        int64 (n_changes,): the row that each of `dbgclean.evidence.gather.OtherChanges`
        belongs to; -1 for what is no gap, or too near a read's end to be filed.
    """

    flanks: np.ndarray
    middle: np.ndarray
    size: np.ndarray
    fragments: np.ndarray
    reads: np.ndarray
    reverse: np.ndarray
    quality: np.ndarray
    depth: np.ndarray
    rate: np.ndarray
    likelihood: np.ndarray
    of_change: np.ndarray

    def __len__(self) -> int:
        return len(self.flanks)


@dataclass(frozen=True, slots=True)
class GapPart:
    """The gaps of one batch.

    Attributes
    ----------
    keys
        uint64 (n, 2): as `dbgclean.evidence.gap_places.describe_gaps` fills them.
    rows
        int64 (n, 6): the same, and the fragment.
    heads
        int64, for each change of the batch: the gap that it belongs to, or -1.
    runs
        int64 (RUNS,): homopolymers in the reads by their length.
    """

    keys: np.ndarray
    rows: np.ndarray
    heads: np.ndarray
    runs: np.ndarray


def describe_batch(
    batch: ReadBatch,
    threads: Threads,
    graph: SolidGraph,
    first_read: int,
    changes: OtherChanges,
    size: np.ndarray,
) -> GapPart:
    """Describe the gaps of one batch.

    Parameters
    ----------
    first_read
        Number of the batch's first read in the run.
    changes
        Of the batch.
    size
        int64, for each of them: 1 for a base that the read has more than its path,
        minus the bases that it has less, 0 for what is no gap.
    """
    read, position, value = changes.read, changes.position, changes.value
    runs = np.zeros(RUNS, np.int64)
    homopolymers(batch.codes, batch.offsets, runs)
    follows = np.zeros(len(read), bool)
    follows[1:] = (size[1:] == 1) & (size[:-1] == 1) & (read[1:] == read[:-1])
    follows[1:] &= position[1:] == position[:-1] + 1
    head = np.cumsum(~follows) - 1
    is_head = np.flatnonzero(~follows & (size != 0))
    extra = np.bincount(head, weights=np.maximum(size, 0), minlength=1).astype(np.int64)
    missing = np.zeros(len(batch.codes) + 1, np.uint8)
    local = read - first_read
    at = batch.offsets[local] + position
    missing[at[size < 0]] = 1
    quals = batch.quals
    if quals is None:
        quals = np.full(len(batch.codes), 20, np.uint8)
    n = len(is_head)
    keys, rows = np.zeros((n, 2), np.uint64), np.zeros((n, 5), np.int64)
    signed = np.where(size[is_head] > 0, extra[head[is_head]], size[is_head])
    describe_gaps(
        at[is_head], local[is_head], signed, value[is_head], batch.codes, quals,
        batch.offsets, threads.path, threads.place, missing, graph.nodes,
        np.int64(graph.k), keys, rows,
    )  # fmt: skip
    in_group = local[is_head] + batch.first_read
    fragment = read[is_head] - (in_group & 1 if batch.paired else 0)
    of = np.full(len(read), -1, np.int64)
    of[is_head] = np.arange(n)
    gap = size != 0
    of[gap] = of[np.flatnonzero(~follows)[head[gap]]]
    return GapPart(keys, np.column_stack([rows, fragment]), of, runs)


@dataclass
class GapCollector:
    """Gathers the gaps of a run, batch by batch."""

    _rows: list[np.ndarray] = field(default_factory=list)
    _keys: list[np.ndarray] = field(default_factory=list)
    _heads: list[np.ndarray] = field(default_factory=list)
    _runs: np.ndarray = field(default_factory=lambda: np.zeros(RUNS, np.int64))
    _n: int = 0

    def add(self, part: GapPart) -> None:
        """Take the gaps of the next batch."""
        self._keys.append(part.keys)
        self._rows.append(part.rows)
        self._heads.append(np.where(part.heads < 0, -1, part.heads + self._n))
        self._runs += part.runs
        self._n += len(part.keys)

    def pool(self, scale: float, peak: float, common: float = 1.0) -> GapAlternatives:
        """One row per alternative.

        Parameters
        ----------
        scale
            Reads over a base per k-mer that sees it.
        peak
            Depth of the sample in reads, for places that no k-mer spans.
        common
            Share of the fragments from which a gap teaches no rate, in whatever run it
            stands: where a genome of one or two copies is read, that is its own.
        """
        keys = np.concatenate([np.zeros((0, 2), np.uint64), *self._keys])
        rows = np.concatenate([np.zeros((0, 6), np.int64), *self._rows])
        heads = np.concatenate([np.zeros(0, np.int64), *self._heads])
        filed = np.flatnonzero(rows[:, 0] != 0)
        order = filed[np.lexsort((filed, rows[filed, 5], keys[filed, 1], keys[filed, 0]))]
        keys, rows = keys[order], rows[order]
        new = np.ones(len(order), bool)
        new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
        speaks = new.copy()
        speaks[1:] |= rows[1:, 5] != rows[:-1, 5]
        starts = np.flatnonzero(new)
        group = np.cumsum(new) - 1
        of_gap = np.full(self._n + 1, -1, np.int64)
        of_gap[order] = group

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(group, weights=values, minlength=len(starts))

        fragments = total(speaks).astype(np.int64)
        depth = np.zeros(len(starts))
        np.maximum.at(depth, group, rows[:, 4].astype(float))
        depth = np.where(depth > 0, depth * scale, peak)
        kind = rows[starts, 1]
        errors = fragments <= common * (fragments + depth)
        rate = self._rates(kind, rows[starts, 0], fragments, errors)
        return GapAlternatives(
            keys[starts, 0],
            keys[starts, 1],
            rows[starts, 0].astype(np.int8),
            fragments,
            total(np.ones(len(group))).astype(np.int64),
            total(speaks & (rows[:, 2] == 1)).astype(np.int64),
            total(rows[:, 3]) / np.maximum(1, total(np.ones(len(group)))),
            depth,
            rate,
            gap_likelihood(fragments, depth, rate),
            of_gap[heads],
        )

    def _rates(
        self, kind: np.ndarray, size: np.ndarray, fragments: np.ndarray, errors: np.ndarray
    ) -> np.ndarray:
        """Rate of each alternative's class, from the gaps that do not recur."""
        lone = (fragments < _RECURRING) | ((kind >= _LONG_RUN) & (kind < RUNS))
        lone &= errors
        bases = float((self._runs * np.arange(RUNS)).sum())
        exposure = np.concatenate([self._runs, [bases, bases * _REPEAT_SHARE]]).astype(float)
        exposure[0] = bases
        nominal = np.full(_CLASSES, _NOMINAL)
        grown = _NOMINAL * _NOMINAL_GROWTH ** np.arange(RUNS)
        nominal[1:RUNS] = np.minimum(grown, _NOMINAL_MOST)[1:]
        nominal[_REPEAT] *= 10
        rate = np.zeros(len(kind))
        for more in (False, True):
            mine = (size > 0) == more
            seen = np.bincount(kind[mine & lone], fragments[mine & lone], _CLASSES)
            rates = (seen + 1) / (exposure + 1 / nominal)
            rate[mine] = rates[kind[mine]]
        return np.clip(rate, 1e-8, 0.5)


def gap_likelihood(n: np.ndarray, depth: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """n ln[(f + (1 - f) e) / e] + D ln[(1 - f) / (1 - e)] at f = n / (n + D)."""
    f = np.minimum(n / np.maximum(n + depth, 1), 0.99)
    value = n * np.log((f + (1 - f) * rate) / rate) + depth * np.log((1 - f) / (1 - rate))
    return np.where(f > rate, value, 0.0)
