"""The edits that threading proposes, each with the evidence its read carries.

An edit is one base in which a read differs from its path. It is filed under its
*alternative*: the canonical 31-mer of the path around the base with the read's
own base put back in the middle. Both flanks are path, so every read that shows
the same base at the same place files it under the same k-mer, whatever other
errors the read holds and whichever strand it came from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from dbgclean.evidence.gaps import GAP, MASKED, ON_PATH, OUTSIDE
from dbgclean.evidence.lookup import Nodes, walk_deepest
from dbgclean.evidence.mates import mate_starts, mates_of
from dbgclean.evidence.solid import SolidGraph
from dbgclean.evidence.threading import CLEAN, Threads, default_quality, qualities_of
from dbgclean.reads.rows import Rows, column
from dbgclean.spectrum.kmers import pack, revcomp

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = [
    "DELETION",
    "FIRST_GAP",
    "FLANK",
    "INSERTION",
    "N_QUALITIES",
    "SUBSTITUTION",
    "WINDOW",
    "Edits",
    "collect_edits",
    "kind_of",
    "quality_profile",
]

FLANK = 15
WINDOW = 2 * FLANK + 1
N_QUALITIES = 94
# Kinds of edits and alternatives: the reads have another base than their path, bases more,
# or bases less. The kind stands above the bits of a 31-mer in the key.
SUBSTITUTION, INSERTION, DELETION = 0, 1, 2
FIRST_GAP = np.uint64(1 << 62)


@dataclass(frozen=True, slots=True)
class Edits(Rows):
    """Proposed edits in the order of the reads; all arrays have one row per edit.

    Where gaps are among them, these stand behind all substitutions
    (`dbgclean.evidence.gap_alternatives.GapEdits` says what differs).

    Attributes
    ----------
    key
        uint64, the alternative: canonical 31-mer, the read's base in the middle.
    to
        uint8, the path's base, on the strand of ``key``.
    strand
        uint8, 1 where the read runs against ``key``.
    read, fragment
        int64, number of the read in the run; mates share a fragment.
    position
        int32, 0-based in the read.
    quality, end_distance
        uint8 Phred of the edited base; uint16 bases to the nearer read end.
    disputed
        uint8, 1 where a path of nearly equal cost has another base here.
    co_edits
        uint32, bit i set where the read is edited at place i of the window too.
    mate, mate_quality
        uint8, what the mate shows there (`dbgclean.evidence.mates`), and its Phred.
    other_end
        uint64, first bases of the mate (`dbgclean.evidence.mates.mate_start`), 0 without.
    qualities
        uint8 (n, 31), qualities of the read over the window, 0 beyond its ends.
    """

    key: np.ndarray = column(np.uint64)
    to: np.ndarray = column(np.uint8)
    strand: np.ndarray = column(np.uint8)
    read: np.ndarray = column(np.int64)
    fragment: np.ndarray = column(np.int64)
    position: np.ndarray = column(np.int32)
    quality: np.ndarray = column(np.uint8)
    end_distance: np.ndarray = column(np.uint16)
    disputed: np.ndarray = column(np.uint8)
    co_edits: np.ndarray = column(np.uint32)
    mate: np.ndarray = column(np.uint8)
    mate_quality: np.ndarray = column(np.uint8)
    other_end: np.ndarray = column(np.uint64)
    qualities: np.ndarray = column(np.uint8, WINDOW)

    def substitutions(self) -> Edits:
        """Those that are no gaps, as views."""
        n = int(np.count_nonzero(self.key < FIRST_GAP))
        return self.select(slice(n))

    def without_windows(self) -> Edits:
        """The same without ``qualities``, which only pooling needs."""
        return replace(self, qualities=np.zeros((0, WINDOW), np.uint8))

    def for_rewriting(self) -> Edits:
        """The same without what only pooling and a second look need."""
        names = "end_distance", "co_edits", "mate", "mate_quality", "other_end"
        gone = {name: getattr(self, name)[:0].copy() for name in names}
        return replace(self.without_windows(), **gone)


class _Windows(NamedTuple):
    """Columns of `Edits` that tell an edit from the path and the read around it."""

    key: np.ndarray
    to: np.ndarray
    strand: np.ndarray
    co_edits: np.ndarray
    qualities: np.ndarray


def kind_of(keys: np.ndarray) -> np.ndarray:
    """SUBSTITUTION, INSERTION or DELETION of each key (uint64 (n,)): uint8 (n,)."""
    return (keys >> np.uint64(62)).astype(np.uint8)


def quality_profile(batch: ReadBatch, threads: Threads) -> np.ndarray:
    """Bases on a path by what the path has there and by Phred quality: int64 (4, 94).

    What the error rates are shares of; bases are on the read's own strand.
    """
    profile = np.zeros((4, N_QUALITIES), np.int64)
    quals = np.zeros(0, np.uint8) if batch.quals is None else batch.quals
    _add_profile(threads.path, threads.place, quals, profile)
    return profile


@numba.njit(cache=True, nogil=True)
def _add_profile(
    path: np.ndarray, place: np.ndarray, quals: np.ndarray, profile: np.ndarray
) -> None:
    for i in range(len(path)):
        if place[i] == ON_PATH and path[i] < 4:
            quality = quals[i] if len(quals) else np.uint8(default_quality)
            profile[path[i], min(quality, np.uint8(N_QUALITIES - 1))] += 1


def collect_edits(
    batch: ReadBatch, threads: Threads, graph: SolidGraph, first_read: int = 0
) -> Edits:
    """Every base of the batch in which a read differs from its path.

    Parameters
    ----------
    first_read
        Number of the batch's first read in the whole run.

    Notes
    -----
    An N on a path is no alternative: it is filled in when reads are rewritten.
    """
    codes = batch.codes
    arrays = codes, batch.offsets, threads.states, threads.path, threads.place
    where = np.zeros(_edited(*arrays, np.zeros(0, np.int64)), np.int64)
    _edited(*arrays, where)
    out = Edits.empty(len(where))
    if len(where) == 0:
        return out
    reads = np.searchsorted(batch.offsets, where, side="right") - 1
    quals = qualities_of(batch)
    out.read[:] = reads + first_read
    in_group = reads + batch.first_read
    out.fragment[:] = out.read - (in_group & 1) if batch.paired else out.read
    out.position[:] = where - batch.offsets[reads]
    ends = batch.offsets[reads + 1] - 1 - where
    out.end_distance[:] = np.minimum(np.minimum(out.position, ends), 65535)
    out.quality[:] = np.minimum(quals[where], N_QUALITIES - 1)
    out.disputed[:] = threads.place[where] != ON_PATH
    _describe(
        where, reads, codes, quals, batch.offsets, threads.path, threads.place, graph.nodes,
        np.int64(graph.k), _Windows(out.key, out.to, out.strand, out.co_edits, out.qualities),
    )  # fmt: skip
    if batch.paired:
        mate_starts(codes, batch.offsets, reads, out.other_end)
        mates_of(
            where, reads, codes, quals, batch.offsets, out.key, out.strand, out.mate,
            out.mate_quality,
        )  # fmt: skip
    return out


@numba.njit(cache=True, nogil=True)
def _edited(
    codes: np.ndarray,
    offsets: np.ndarray,
    states: np.ndarray,
    path: np.ndarray,
    place: np.ndarray,
    where: np.ndarray,
) -> np.int64:
    """Count the bases that differ from their path; list as many as ``where`` has room for."""
    n = 0
    for read in range(len(states)):
        if states[read] == CLEAN:
            continue
        for i in range(offsets[read], offsets[read + 1]):
            if path[i] == codes[i] or codes[i] > 3 or path[i] == GAP:
                continue
            if place[i] == OUTSIDE or place[i] == MASKED:
                continue
            if n < len(where):
                where[n] = i
            n += 1
    return np.int64(n)


@numba.njit(cache=True, nogil=True)
def _onward(
    path: np.ndarray,
    first: np.int64,
    last: np.int64,
    backwards: np.bool_,
    nodes: Nodes,
    k: np.int64,
    onward: np.ndarray,
) -> None:
    """The bases after ``last`` (or, on the other strand, before ``first``)."""
    onward[:] = 4
    if last - first + 1 < k:
        return
    forward = np.uint64(0)
    for i in range(k):
        c = 3 - path[first + k - 1 - i] if backwards else path[last - k + 1 + i]
        forward = (forward << np.uint64(2)) | np.uint64(c)
    walk_deepest(forward, revcomp(forward, k), np.int64(1), nodes, k, onward)


@numba.njit(cache=True, nogil=True)
def _window(
    at: np.int64,
    first: np.int64,
    last: np.int64,
    path: np.ndarray,
    nodes: Nodes,
    k: np.int64,
    onward: np.ndarray,
    window: np.ndarray,
) -> None:
    """Path bases around ``at``; past a dead end A before and T after, each other's complement."""
    if at - first < FLANK:
        _onward(path, first, last, True, nodes, k, onward)
        for i in range(FLANK - (at - first)):
            c = onward[i]
            window[FLANK - (at - first) - 1 - i] = 3 - c if c < 4 else 0
    if last - at < FLANK:
        _onward(path, first, last, False, nodes, k, onward)
        for i in range(FLANK - (last - at)):
            c = onward[i]
            window[FLANK + (last - at) + 1 + i] = c if c < 4 else 3
    for i in range(max(first, at - FLANK), min(last, at + FLANK) + 1):
        window[i - at + FLANK] = path[i]


@numba.njit(cache=True, nogil=True)
def _continues(place: np.uint8, base: np.uint8) -> np.bool_:
    """Is this base part of an ungapped path?"""
    return place != OUTSIDE and place != MASKED and base < 4


@numba.njit(cache=True, nogil=True)
def _describe(
    where: np.ndarray,
    reads: np.ndarray,
    codes: np.ndarray,
    quals: np.ndarray,
    offsets: np.ndarray,
    path: np.ndarray,
    place: np.ndarray,
    nodes: Nodes,
    k: np.int64,
    out: _Windows,
) -> None:
    """Fill ``out`` for the edits of bases ``where``, in ``reads``."""
    window = np.zeros(WINDOW, np.uint8)
    onward = np.zeros(FLANK, np.uint8)
    for n in range(len(where)):
        at = where[n]
        start, stop = offsets[reads[n]], offsets[reads[n] + 1]
        first = at
        while first > start and _continues(place[first - 1], path[first - 1]):
            first -= 1
        last = at
        while last + 1 < stop and _continues(place[last + 1], path[last + 1]):
            last += 1
        _window(at, first, last, path, nodes, k, onward, window)
        window[FLANK] = codes[at]
        kmer = pack(window, np.int64(0), np.int64(WINDOW))
        other = revcomp(kmer, np.int64(WINDOW))
        against = other < kmer
        out.key[n] = other if against else kmer
        out.strand[n] = against
        out.to[n] = 3 - path[at] if against else path[at]
        for i in range(max(start, at - FLANK), min(stop - 1, at + FLANK) + 1):
            slot = i - at + FLANK
            if against:
                slot = WINDOW - 1 - slot
            out.qualities[n, slot] = quals[i]
            if _continues(place[i], path[i]) and path[i] != codes[i] and i != at:
                out.co_edits[n] |= np.uint32(1) << np.uint32(slot)
