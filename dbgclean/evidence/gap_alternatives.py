"""Insertions and deletions that reads propose, pooled into alternatives as substitutions are.

Aligned to its path a read may hold bases too many or too few. Such gaps are sequencing
errors in most reads and a real minority allele in some, and only the pool tells: the
same gap, at the same place, in several fragments, against what gaps of its kind cost
in this sample. In a homopolymer or tandem repeat a gap may stand in several places of
one meaning; it is filed under the bases on either side of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.evidence.alternatives import Alternatives, pool_gaps
from dbgclean.evidence.edits import N_QUALITIES, Edits, kind_of
from dbgclean.evidence.gap_places import (
    RUNS,
    Described,
    Threaded,
    Where,
    describe_gaps,
    homopolymers,
)
from dbgclean.evidence.mates import mate_starts
from dbgclean.evidence.threading import qualities_of

if TYPE_CHECKING:
    from dbgclean.evidence.changes import OtherChanges
    from dbgclean.evidence.solid import SolidGraph
    from dbgclean.evidence.threading import Threads
    from dbgclean.reads import ReadBatch

__all__ = ["GapEdits", "Gaps", "collect_gaps", "pool"]

# A gap seen in this many fragments is no longer surely an error; but in a homopolymer
# of this length errors recur all the time.
_RECURRING, _LONG_RUN = 3, 7
# Rate of a gap where the sample itself says nothing: of a base without equals beside
# it, and how it grows with each further base of a homopolymer (Schirmer 2016,
# doi:10.1186/s12859-016-0976-y; Ross 2013, doi:10.1186/gb-2013-14-5-r51).
_NOMINAL, _NOMINAL_GROWTH, _NOMINAL_MOST = 1e-6, 3.0, 0.1
# Classes of rates: single bases by run length, then several bases, alone and in a repeat.
_REPEAT = RUNS + 1
_CLASSES = RUNS + 2
# Share of bases that stand in a tandem repeat of more than one base.
_REPEAT_SHARE = 0.05
# Bases below this Phred value are laid along a path wrongly as often as they are read wrongly.
_POOR = 20


@dataclass(frozen=True, slots=True)
class GapEdits:
    """The gaps of some reads: one edit each, and what only gaps have.

    Attributes
    ----------
    edits
        Of keys as `dbgclean.evidence.gap_places.Described` has them; ``quality`` is the mean
        around the gap, ``to`` 0 where the reads have more bases and 1 where they have less.
    rate_class, depth, site
        As there.
    runs
        int64 (RUNS,): homopolymers in the reads by their length.
    """

    edits: Edits
    rate_class: np.ndarray
    depth: np.ndarray
    site: np.ndarray
    runs: np.ndarray

    def __len__(self) -> int:
        return len(self.edits)

    @classmethod
    def concatenate(cls, parts: list[GapEdits]) -> GapEdits:
        """Those of successive batches as one."""
        none = Described.empty(0)
        return cls(
            Edits.concatenate([part.edits for part in parts]),
            np.concatenate([none.rate_class, *(part.rate_class for part in parts)]),
            np.concatenate([none.depth, *(part.depth for part in parts)]),
            np.concatenate([none.site, *(part.site for part in parts)]),
            np.sum([np.zeros(RUNS, np.int64), *(part.runs for part in parts)], axis=0),
        )


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a second look at the reads has to know of pooled gaps.

    Attributes
    ----------
    error
        float64 (n_gap_edits,): rate at which each is an error.
    site
        uint64, for each gap alternative: the 31-mer of reads without it; 0: none is known.
    """

    error: np.ndarray
    site: np.ndarray


def collect_gaps(
    batch: ReadBatch,
    threads: Threads,
    graph: SolidGraph,
    first_read: int,
    changes: OtherChanges,
) -> tuple[GapEdits, OtherChanges]:
    """The gaps of one batch, and its changes with the ``gap`` that each is part of.

    Parameters
    ----------
    first_read
        Number of the batch's first read in the run.
    changes
        Of the batch.
    """
    read, position, size = changes.read, changes.position, changes.longer
    runs = np.zeros(RUNS, np.int64)
    homopolymers(batch.codes, batch.offsets, runs)
    follows = np.zeros(len(read), bool)
    follows[1:] = (size[1:] == 1) & (size[:-1] == 1) & (read[1:] == read[:-1])
    follows[1:] &= position[1:] == position[:-1] + 1
    head = np.cumsum(~follows) - 1
    heads = np.flatnonzero(~follows & (size != 0))
    extra = np.bincount(head, weights=np.maximum(size, 0), minlength=1).astype(np.int64)
    missing = np.zeros(len(batch.codes) + 1, np.uint8)
    local = read - first_read
    at = batch.offsets[local] + position
    missing[at[size < 0]] = 1
    signed = np.where(size[heads] > 0, extra[head[heads]], size[heads])
    found = Described.empty(len(heads))
    describe_gaps(
        Where(at[heads], local[heads], signed, changes.value[heads]),
        Threaded(
            batch.codes, qualities_of(batch), batch.offsets, threads.path, threads.place, missing
        ),
        graph.nodes, np.int64(graph.k), found,
    )  # fmt: skip
    filed = found.key != 0
    row = np.where(filed, np.cumsum(filed) - 1, -1)
    of = np.full(len(read), -1, np.int64)
    of[heads] = row
    of[size != 0] = of[np.flatnonzero(~follows)[head[size != 0]]]
    found = Described(*(column[filed] for column in found))
    edits = _edits(batch, local[heads][filed], position[heads][filed], first_read, found)
    part = GapEdits(edits, found.rate_class, found.depth, found.site, runs)
    return part, replace(changes, gap=of)


def _edits(
    batch: ReadBatch, reads: np.ndarray, position: np.ndarray, first_read: int, found: Described
) -> Edits:
    out = Edits.empty(len(reads))
    out.key[:] = found.key
    out.to[:] = kind_of(found.key) - 1
    out.strand[:] = found.strand
    out.read[:] = reads + first_read
    second = (reads + batch.first_read) & 1 if batch.paired else 0
    out.fragment[:] = out.read - second
    out.position[:] = position
    ends = np.diff(batch.offsets)[reads] - 1 - position
    out.end_distance[:] = np.clip(np.minimum(position, ends), 0, 65535)
    out.quality[:] = np.minimum(found.quality, N_QUALITIES - 1)
    if batch.paired:
        mate_starts(batch.codes, batch.offsets, reads, out.other_end)
    return out


def pool(
    found: GapEdits, profile: np.ndarray, scale: float, peak: float, common: float = 1.0
) -> tuple[Alternatives, Gaps]:
    """One row per alternative.

    Parameters
    ----------
    found
        Of the whole run.
    profile
        `dbgclean.evidence.edits.quality_profile` of its reads.
    scale
        Reads over a base per k-mer that sees it.
    peak
        Depth of the sample in reads, for places that no k-mer spans.
    common
        Share of the fragments from which a gap teaches no rate, in whatever run it
        stands: where a genome of one or two copies is read, that is its own.
    """
    edits = found.edits
    keys, first, group = np.unique(edits.key, return_index=True, return_inverse=True)
    n = len(keys)
    pairs = np.unique(np.stack([group, edits.fragment], 1), axis=0)
    fragments = np.bincount(pairs[:, 0], minlength=n)
    deepest = np.zeros(n)
    np.maximum.at(deepest, group, found.depth.astype(float))
    site = np.zeros(n, np.uint64)
    np.maximum.at(site, group, found.site)
    depth = np.where(deepest > 0, deepest * scale, peak)
    errors = fragments <= common * (fragments + depth)
    rate = _rates(found.runs, found.rate_class[first], kind_of(keys), fragments, errors)
    poor = 10 ** (-np.maximum(edits.quality, 1.0) / 10)
    error = np.maximum(rate[group], np.where(edits.quality < _POOR, poor, 0))
    pooled = pool_gaps(edits, error, rate, depth, profile)
    return pooled, Gaps(error, site)


def _rates(
    runs: np.ndarray, kind: np.ndarray, longer: np.ndarray, fragments: np.ndarray,
    errors: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Rate of each alternative's class, from the gaps that do not recur."""
    lone = (fragments < _RECURRING) | ((kind >= _LONG_RUN) & (kind < RUNS))
    lone &= errors
    bases = float((runs * np.arange(RUNS)).sum())
    exposure = np.concatenate([runs, [bases, bases * _REPEAT_SHARE]]).astype(float)
    exposure[0] = bases
    nominal = np.full(_CLASSES, _NOMINAL)
    grown = _NOMINAL * _NOMINAL_GROWTH ** np.arange(RUNS)
    nominal[1:RUNS] = np.minimum(grown, _NOMINAL_MOST)[1:]
    nominal[_REPEAT] *= 10
    rate = np.zeros(len(kind))
    for which in np.unique(longer):
        mine = longer == which
        seen = np.bincount(kind[mine & lone], fragments[mine & lone], _CLASSES)
        rates = (seen + 1) / (exposure + 1 / nominal)
        rate[mine] = rates[kind[mine]]
    return np.clip(rate, 1e-8, 0.5)
