"""Where each base of a threaded read lies on the reference.

A path through the reference's graph is a stretch of the reference, so its k-mers say
where it lies and on which strand; what the path drops or puts in is a gap of the read.
The aligner's word is asked only where a read has no k-mer of the path: it aligned the
read to this place, and that stands if the bases bear it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np

from dbgclean.evidence.gaps import DISPUTED, GAP, ON_PATH
from dbgclean.evidence.threading import FOREIGN, Threads, default_quality
from dbgclean.reads import ReadBatch
from dbgclean.spectrum.table import find_row
from dbgclean.variants.path_graph import PathGraph

__all__ = [
    "INSERTED",
    "OFF",
    "Placement",
    "first_foreign",
    "place_reads",
    "trim_poor_ends",
]

# Where a base is that lies on no base of the reference: off the path, or put in.
OFF, INSERTED = -1, -2
# More differences of good quality than this so close together are another sequence
# (the guard that threading has, `dbgclean.evidence.beam`).
_CLUSTER_SPAN, _MAX_CLUSTER, _CLUSTER_QUALITY = 25, 4, 20
# So many of less quality are a read's bad end, which says nothing of the molecule.
_MAX_POOR = 5


@dataclass(eq=False)
class Placement:
    """Reads in the direction of the reference, and where their bases lie.

    Attributes
    ----------
    codes, quals
        uint8 (n_bases,).
    offsets
        int64 (n_reads + 1,).
    turned
        bool (n_reads,): the sequencer read the other strand.
    where
        int32 (n_bases,): offset on the reference, ``OFF`` or ``INSERTED``.
    disputed
        uint8 (n_bases,): 1 where another path fits the read about as well.
    foreign
        bool (n_reads,): a cluster of good bases that differ broke the path.
    """

    codes: np.ndarray
    quals: np.ndarray
    offsets: np.ndarray
    turned: np.ndarray
    where: np.ndarray
    disputed: np.ndarray
    foreign: np.ndarray

    def __len__(self) -> int:
        return len(self.turned)

    @cached_property
    def read_of(self) -> np.ndarray:
        """Read of each base, int32 (n_bases,)."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.offsets))

    def spans(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First and last reference base of each read (-1 where it has none), int64 (n_reads,),
        and the index of its first base that lies on the reference."""
        first, last = (np.full(len(self), -1, np.int64) for _ in range(2))
        at = np.zeros(len(self), np.int64)
        placed = np.flatnonzero(self.where >= 0)
        read = self.read_of[placed]
        ends = np.ones(len(placed) + 1, bool)
        ends[1:-1] = read[1:] != read[:-1]
        begins, stops = np.flatnonzero(ends[:-1]), np.flatnonzero(ends[1:])
        if len(placed):
            first[read[begins]] = self.where[placed[begins]]
            at[read[begins]] = placed[begins]
            last[read[stops]] = self.where[placed[stops]]
        return first, last, at


def place_reads(
    batch: ReadBatch,
    threads: Threads,
    path: PathGraph,
    reverse: np.ndarray,
    hint: np.ndarray,
) -> Placement:
    """Place the bases of a threaded batch.

    Parameters
    ----------
    threads
        Of the batch through ``path.graph``.
    reverse
        bool (n_reads,): the strand that the aligner has, for reads that no k-mer places.
    hint
        int64 (n_reads, 3): first and one past the last aligned base of the read, in the
        direction of the reference, and the offset of the first on the reference; first
        equal to last where the aligner's word is not to be had.
    """
    n = len(batch)
    quals = batch.quals
    if quals is None:
        quals = np.full(len(batch.codes), default_quality, np.uint8)
    missing = threads.missing[np.argsort(threads.missing[:, 0], kind="stable")]
    turned = np.zeros(n, np.uint8)
    out = Placement(
        np.empty_like(batch.codes),
        np.empty_like(batch.codes),
        batch.offsets,
        turned,
        np.full(len(batch.codes), OFF, np.int32),
        np.zeros(len(batch.codes), np.uint8),
        (threads.states & FOREIGN) > 0,
    )
    longest = int(np.diff(batch.offsets).max(initial=0))
    room = longest + int(missing[:, 1].sum() if len(missing) else 0) + 1
    _place(
        batch.codes, quals, batch.offsets, threads.path, threads.place,
        np.ascontiguousarray(missing), path.codes, np.int64(path.k), path.index.slots,
        path.index.rows, path.index.mask, path.place, reverse.astype(np.uint8),
        np.ascontiguousarray(hint), np.zeros(room, np.uint8), np.zeros((3, room), np.int32),
        turned, out.codes, out.quals, out.where, out.disputed,
    )  # fmt: skip
    out.turned = turned.astype(bool)
    return out


@numba.njit(cache=True, nogil=True)
def _items(
    start: int, stop: int, path: np.ndarray, place: np.ndarray, missing: np.ndarray, m: int,
    bases: np.ndarray, of_base: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """The path of one read as bases and the read's base behind each (-1: none).

    A base of 4 parts two paths. Returns how many, and the next row of ``missing``.
    """
    n = 0
    for i in range(start, stop + 1):
        while m < len(missing) and missing[m, 0] == i and i < stop:
            size = missing[m, 1]
            for j in range(size):
                bases[n] = (missing[m, 2] >> (2 * (size - 1 - j))) & 3
                of_base[n] = -1
                n += 1
            m += 1
        if i == stop or path[i] == GAP:
            continue
        on = (place[i] == ON_PATH or place[i] == DISPUTED) and path[i] < 4
        bases[n] = path[i] if on else 4
        of_base[n] = i - start if on else -1
        n += 1
    return n, m


@numba.njit(cache=True, nogil=True)
def _locate(
    bases: np.ndarray, n: int, k: int, slots: np.ndarray, rows: np.ndarray, mask: np.uint64,
    kmer_place: np.ndarray, lies: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Offset of the k-mer that starts at each base, and 1 in row 1 where it runs against
    the reference; -1 where it is not on the path once. Returns votes for either strand."""
    kmer, other, filled = np.uint64(0), np.uint64(0), 0
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    top = np.uint64(2 * (k - 1))
    along, against = 0, 0
    for t in range(n):
        lies[0, t] = -1
        c = bases[t]
        if c > 3:
            filled = 0
            continue
        kmer = ((kmer << np.uint64(2)) | np.uint64(c)) & keep
        other = (other >> np.uint64(2)) | (np.uint64(3 - c) << top)
        filled += 1
        if filled < k:
            continue
        row = find_row(slots, rows, mask, min(kmer, other))
        if row < 0:
            continue
        turned = (kmer > other) != (kmer_place[row] % 2 == 1)
        lies[0, t - k + 1] = kmer_place[row] // 2
        lies[1, t - k + 1] = turned
        if turned:
            against += 1
        else:
            along += 1
    return along, against


@numba.njit(cache=True, nogil=True)
def _settle(
    bases: np.ndarray, n: int, k: int, lies: np.ndarray, turned: bool, reference: np.ndarray,
) -> None:  # fmt: skip
    """Offset of every path base in row 2 of ``lies``: by its k-mers, then from its neighbours."""
    for t in range(n):
        lies[2, t] = -1
    for t in range(n):
        if lies[0, t] < 0 or (lies[1, t] == 1) != turned:
            continue
        for i in range(k):
            lies[2, t + i] = lies[0, t] + (k - 1 - i if turned else i)
    _fill(bases, n, lies, turned, reference, 1)
    _fill(bases, n, lies, turned, reference, -1)


@numba.njit(cache=True, nogil=True)
def _fill(
    bases: np.ndarray, n: int, lies: np.ndarray, turned: bool, reference: np.ndarray, step: int
) -> None:
    """Carry offsets from base to base in one direction, as long as the bases are the
    reference's and those further on lie further on."""
    ahead = -step if turned else step
    t = step if step > 0 else n - 2
    while 0 <= t < n:
        p = lies[2, t - step] + ahead
        free = lies[2, t] < 0 and lies[2, t - step] >= 0 and bases[t] < 4
        if free and 0 <= p < len(reference):
            same = reference[p] == (3 - bases[t] if turned else bases[t])
            i = t + step
            while 0 <= i < n and bases[i] < 4 and lies[2, i] < 0:
                i += step
            open_end = i < 0 or i >= n or bases[i] > 3
            if same and (open_end or (lies[2, i] - p) * ahead > 0):
                lies[2, t] = p
        t += step


@numba.njit(cache=True, nogil=True)
def first_foreign(
    codes: np.ndarray, quals: np.ndarray, where: np.ndarray, reference: np.ndarray,
    start: int, stop: int, step: int, good: bool,
) -> int:  # fmt: skip
    """First of a cluster of bases that differ from the reference, going by ``step`` from
    ``start``; ``stop`` if there is none. Bases of good quality alone, or all others."""
    most = _MAX_CLUSTER if good else _MAX_POOR
    recent = np.zeros(most + 1, np.int64)
    seen = 0
    i = start
    while i != stop:
        p = where[i]
        if p >= 0 and codes[i] < 4 and codes[i] != reference[p]:
            if (quals[i] >= _CLUSTER_QUALITY) == good:
                recent[seen % (most + 1)] = i
                seen += 1
                first = recent[seen % (most + 1)]
                if seen > most and abs(i - first) < _CLUSTER_SPAN:
                    return first
        i += step
    return stop


def trim_poor_ends(placement: Placement, reference: np.ndarray) -> None:
    """Take the ends of reads off the reference where bad bases differ from it all the time."""
    _trim(placement.codes, placement.quals, placement.offsets, placement.where, reference)


@numba.njit(cache=True, nogil=True)
def _trim(
    codes: np.ndarray, quals: np.ndarray, offsets: np.ndarray, where: np.ndarray,
    reference: np.ndarray,
) -> None:  # fmt: skip
    for r in range(len(offsets) - 1):
        start, stop = offsets[r], offsets[r + 1]
        run, longest, centre = 0, 0, start
        for j in range(start, stop):
            run = run + 1 if where[j] >= 0 and codes[j] == reference[where[j]] else 0
            if run > longest:
                longest, centre = run, j
        for side in range(2):
            step = 1 if side == 0 else -1
            end = stop if side == 0 else start - 1
            j = first_foreign(codes, quals, where, reference, centre, end, step, False)
            while j != end:
                where[j] = OFF
                j += step


@numba.njit(cache=True, nogil=True)
def _by_hint(
    codes: np.ndarray, quals: np.ndarray, where: np.ndarray, reference: np.ndarray,
    start: int, hint: np.ndarray,
) -> None:  # fmt: skip
    """Lay a read that no k-mer places where the aligner has it, if its bases agree."""
    first, last, offset = hint[0], hint[1], hint[2]
    if offset < 0 or last <= first or offset + last - first > len(reference):
        return
    differ = 0
    for j in range(first, last):
        p = offset + j - first
        where[start + j] = p
        differ += codes[start + j] != reference[p]
    fits = (
        5 * differ <= last - first
        and first_foreign(codes, quals, where, reference, start + first, start + last, 1, True)
        == start + last
    )
    if not fits:
        for j in range(first, last):
            where[start + j] = OFF


@numba.njit(cache=True, nogil=True)
def _place(
    codes: np.ndarray, quals: np.ndarray, offsets: np.ndarray, path: np.ndarray,
    place: np.ndarray, missing: np.ndarray, reference: np.ndarray, k: int, slots: np.ndarray,
    rows: np.ndarray, mask: np.uint64, kmer_place: np.ndarray, reverse: np.ndarray,
    hint: np.ndarray, bases: np.ndarray, lies: np.ndarray, turned: np.ndarray,
    out_codes: np.ndarray, out_quals: np.ndarray, where: np.ndarray, disputed: np.ndarray,
) -> None:  # fmt: skip
    m = 0
    of_base = np.zeros(len(bases), np.int32)
    for r in range(len(offsets) - 1):
        start, stop = offsets[r], offsets[r + 1]
        n, m = _items(start, stop, path, place, missing, m, bases, of_base)
        along, against = _locate(bases, n, k, slots, rows, mask, kmer_place, lies)
        back = against > along or (against == along and reverse[r] == 1)
        turned[r] = back
        for i in range(start, stop):
            j = start + stop - 1 - i if back else i
            c = codes[i]
            out_codes[j] = 3 - c if back and c < 4 else c
            out_quals[j] = min(quals[i], np.uint8(93))
        if along + against == 0:
            _by_hint(out_codes, out_quals, where, reference, start, hint[r])
            continue
        _settle(bases, n, k, lies, back, reference)
        for t in range(n):
            if of_base[t] >= 0 and lies[2, t] >= 0:
                i = start + of_base[t]
                j = start + stop - 1 - i if back else i
                where[j] = lies[2, t]
                disputed[j] = place[i] == DISPUTED
        _mark_inserted(where, start, stop)


@numba.njit(cache=True, nogil=True)
def _mark_inserted(where: np.ndarray, start: int, stop: int) -> None:
    """Bases between two placed ones are put in, if the placed ones run forward.

    Where they run back the later part is let go: it lies in another copy of a repeat.
    """
    last = -1
    for j in range(start, stop):
        if where[j] < 0:
            continue
        if last >= 0 and where[j] <= where[last]:
            for i in range(j, stop):
                where[i] = OFF
            return
        if last >= 0 and j - last > 1:
            between = where[j] - where[last] - 1
            for i in range(last + 1, j):
                where[i] = INSERTED
            # As many bases on either side: no gap, but bases that differ.
            if between == j - last - 1:
                for i in range(last + 1, j):
                    where[i] = where[last] + i - last
        last = j
