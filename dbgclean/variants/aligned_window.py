"""The reads of a window on its reference, with every sequence they may have there tried."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.threading import thread_batch
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.whole import count_codes
from dbgclean.variants.haplotypes import (
    Allele,
    Candidate,
    Clusters,
    build_clusters,
    candidate_of,
    normalise,
    primitive_alleles,
)
from dbgclean.variants.local_graph import Arm, DeadEnd, find_arms, least_abundance
from dbgclean.variants.path_graph import PathGraph, build_path_graph
from dbgclean.variants.placement import OFF, Placement, place_reads, trim_poor_ends
from dbgclean.variants.realignment import Choices, realign
from dbgclean.variants.unknown_bases import fill_unknown

if TYPE_CHECKING:
    from dbgclean.variants.region_reads import RegionReads
    from dbgclean.variants.regions import Region

__all__ = ["AlignedWindow", "align_window"]

# An arm without a gap is worth trying where threading might break off: from as many
# differences on.
_CLUSTER = 3


@dataclass(frozen=True, eq=False)
class AlignedWindow:
    """Reads of a window laid along its reference.

    Attributes
    ----------
    reads
        As they came.
    path
        The reference and its graph.
    table
        k-mers of the reads, at the path's k.
    states
        uint8 (n_reads,): of the threading.
    placement
        Where each base lies.
    clusters, choices
        Places with more than one sequence, and what reads cost along each.
    coverage
        int64 (n, 2, 4): reads over each base of the reference by strand and base shown.
    dead_ends
        Branches of the reads' graph that do not come back.
    unknown
        bool (n,): where the reference names no base, and the path has the reads'.
    """

    reads: RegionReads
    path: PathGraph
    table: KmerTable
    states: np.ndarray
    placement: Placement
    clusters: Clusters
    choices: Choices
    coverage: np.ndarray
    dead_ends: list[DeadEnd]
    unknown: np.ndarray

    @cached_property
    def spans(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Placement.spans`."""
        return self.placement.spans()

    def own(self, gap: Allele) -> np.ndarray:
        """A row of `gaps`, empty for a gap that no read has."""
        return self.gaps.get(gap, np.zeros((0, 2), np.int64))

    @cached_property
    def gaps(self) -> dict[Allele, np.ndarray]:
        """Gaps that reads have, int64 (n, 2) each: read, index of the first base behind it."""
        return _gaps(self.placement, self.reference)

    @property
    def reference(self) -> np.ndarray:
        """Codes of the path, uint8 (n,)."""
        return self.path.codes

    @property
    def named(self) -> np.ndarray:
        """Codes of the reference as it names them, uint8 (n,): 4 where it does not."""
        return np.where(self.unknown, np.uint8(4), self.path.codes)


def align_window(
    reads: RegionReads,
    reference: str,
    origin: Region,
    *,
    alleles: tuple[Allele, ...] = (),
) -> AlignedWindow:
    """Thread, place, find what threading cannot hold, and lay the reads along that.

    Parameters
    ----------
    reference, origin
        Bases, and where the first of them lies.
    alleles
        To be tried whether or not these reads suggest them.
    """
    bases, unknown = fill_unknown(reference, reads, origin.start)
    path = build_path_graph(bases)
    batch = reads.batch
    table = count_codes(batch.codes, batch.offsets, batch.quals, path.k)
    threaded = thread_batch(batch, path.graph)
    hint = _hints(reads, origin)
    placement = place_reads(batch, threaded, path, reads.reverse, hint)
    least = least_abundance(_coverage(placement, len(path.codes)).sum((1, 2)))
    arms, dead_ends = find_arms(path, table, least)
    candidates = _from_gaps(placement, path.codes, least) + _from_arms(arms, path.codes)
    given = (candidate_of(path.codes, (a,), len(reads)) for a in alleles if _is_gap(a))
    candidates += [candidate for candidate in given if candidate is not None]
    clusters = build_clusters(path.codes, candidates)
    choices = realign(placement, path.codes, clusters)
    trim_poor_ends(placement, path.codes)
    coverage = _coverage(placement, len(path.codes))
    return AlignedWindow(
        reads, path, table, threaded.states, placement, clusters, choices, coverage, dead_ends,
        unknown,
    )  # fmt: skip


def _hints(reads: RegionReads, origin: Region) -> np.ndarray:
    """Where the aligner has each read, for `place_reads`; nothing where it has a gap."""
    length = np.diff(reads.batch.offsets)
    first = reads.clip_left.astype(np.int64)
    last = length - reads.clip_right
    last = np.where(reads.end - reads.start == last - first, last, first)
    return np.stack([first, last, reads.start - origin.start], 1)


def _coverage(placement: Placement, size: int) -> np.ndarray:
    at = np.flatnonzero((placement.where >= 0) & (placement.codes < 4))
    turned = placement.turned[placement.read_of[at]]
    cell = 8 * placement.where[at].astype(np.int64) + 4 * turned + placement.codes[at]
    return np.bincount(cell, minlength=8 * size).reshape(size, 2, 4)


def _is_gap(allele: Allele) -> bool:
    return allele.end - allele.start != len(allele.alt)


def _gaps(placement: Placement, reference: np.ndarray) -> dict[Allele, np.ndarray]:
    """See `AlignedWindow.gaps`."""
    flat = placement.where
    jumps = (flat[:-1] >= 0) & (flat[1:] != flat[:-1] + 1)
    room = int(np.count_nonzero(jumps))
    events, names = np.zeros((room, 5), np.int64), np.zeros(room, np.uint64)
    n = _gap_events(placement, reference, events, names)
    if not n:
        return {}
    events = events[:n]
    keys = np.column_stack([events[:, 1:4], names[:n].view(np.int64)])
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    bounds = np.searchsorted(inverse.reshape(-1)[order], np.arange(len(first) + 1))
    found: dict[Allele, np.ndarray] = {}
    for group, row in enumerate(first.tolist()):
        gone, more, at = events[row, 2:].tolist()
        alt = placement.codes[at : at + more]
        # The event says where it stands on the left; its bases still as the read has them.
        last = int(placement.where[at - 1])
        allele = normalise(reference, last + 1, last + 1 + gone, alt)
        if allele is None or (alt > 3).any():
            continue
        mine = events[order[bounds[group] : bounds[group + 1]]]
        rows = np.column_stack([mine[:, 0], mine[:, 4] + mine[:, 3]])
        found[allele] = np.concatenate([found[allele], rows]) if allele in found else rows
    return found


@helper
def _moved(
    codes: np.ndarray, reference: np.ndarray, p: int, lacking: int, extra: int, first: int
) -> int:
    """How far a gap behind base ``p`` of the reference goes to the left."""
    moved = 0
    if lacking == 0:
        while p - moved >= 0 and reference[p - moved] == codes[first + (extra - 1 - moved) % extra]:
            moved += 1
    elif extra == 0:
        while p - moved >= 0 and reference[p - moved] == reference[p - moved + lacking]:
            moved += 1
    return moved


@kernel
def _gap_events(
    placed: Placement, reference: np.ndarray, events: np.ndarray, names: np.ndarray
) -> int:
    """Gaps of all reads, named so that what means the same has one name.

    Fills rows of ``events``: read, offset of the last reference base before the gap where
    it is moved to the left as far as it goes, bases deleted, bases inserted, and index of
    the first base behind what is deleted or of the first that is put in; and ``names``, a
    hash of the inserted bases as they stand at that place. Returns how many.
    """
    codes, offsets, where = placed.codes, placed.offsets, placed.where
    n = 0
    for r in range(len(offsets) - 1):
        last = -1
        for j in range(offsets[r], offsets[r + 1]):
            if where[j] == OFF:
                last = -1
            if where[j] < 0:
                continue
            extra = j - last - 1
            lacking = where[j] - where[last] - 1 if last >= 0 else 0
            if last >= 0 and (extra > 0 or lacking > 0):
                moved = _moved(codes, reference, where[last], lacking, extra, last + 1)
                name = np.uint64(extra)
                for i in range(extra):
                    base = codes[last + 1 + (i - moved) % extra]
                    name = name * np.uint64(1000003) + np.uint64(base + 1)
                if where[last] - moved >= 0:
                    names[n] = name
                    events[n, 0], events[n, 1], events[n, 2] = r, where[last] - moved, lacking
                    events[n, 3], events[n, 4] = extra, last + 1
                    n += 1
            last = j
    return n


def _from_gaps(placement: Placement, reference: np.ndarray, least: np.ndarray) -> list[Candidate]:
    candidates = []
    for allele, rows in _gaps(placement, reference).items():
        if len(rows) >= least[min(allele.start, len(least) - 1)]:
            candidates.append(candidate_of(reference, (allele,), len(rows)))
    return [candidate for candidate in candidates if candidate is not None]


def _from_arms(arms: list[Arm], reference: np.ndarray) -> list[Candidate]:
    """Arms with a gap, or with more differences than threading is sure to hold."""
    candidates = []
    for arm in arms:
        start, end, bases = arm.start, arm.end, arm.bases
        if end <= start:
            # It comes back before the place it left: something is there twice.
            low = max(0, end - 1)
            bases, start = np.concatenate([reference[low:start], bases]), low
        alleles = primitive_alleles(reference, start, end, bases)
        if any(_is_gap(a) for a in alleles) or len(alleles) >= _CLUSTER:
            candidates.append(candidate_of(reference, alleles, arm.abundance))
    return [candidate for candidate in candidates if candidate is not None]
