"""Where each base of a threaded read lies on the reference.

A path through the reference's graph is a stretch of the reference, so its k-mers say
where it lies and on which strand; what the path drops or puts in is a gap of the read.
The aligner's word is asked only where a read has no k-mer of the path: it aligned the
read to this place, and that stands if the bases bear it out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.gaps import DISPUTED, GAP, ON_PATH
from dbgclean.evidence.threading import FOREIGN, Threads, qualities_of
from dbgclean.reads import ReadBatch
from dbgclean.spectrum.kmers import roll
from dbgclean.spectrum.table import KmerIndex, find_row
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


class Placement(NamedTuple):
    """Reads in the direction of the reference, and where their bases lie.

    Attributes
    ----------
    codes, quals
        uint8 (n_bases,).
    offsets
        int64 (n_reads + 1,).
    read_of
        int32 (n_bases,): read of each base.
    turned
        bool (n_reads,): the sequencer read the other strand.
    where
        int32 (n_bases,): offset on the reference, ``OFF`` or ``INSERTED``.
    disputed
        bool (n_bases,): another path fits the read about as well.
    foreign
        bool (n_reads,): a cluster of good bases that differ broke the path.
    """

    codes: np.ndarray
    quals: np.ndarray
    offsets: np.ndarray
    read_of: np.ndarray
    turned: np.ndarray
    where: np.ndarray
    disputed: np.ndarray
    foreign: np.ndarray

    def spans(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First and last reference base of each read (-1 where it has none), int64 (n_reads,),
        and the index of its first base that lies on the reference."""
        first, last = (np.full(len(self.turned), -1, np.int64) for _ in range(2))
        at = np.zeros(len(self.turned), np.int64)
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
    n, size = len(batch), len(batch.codes)
    missing = threads.missing[np.argsort(threads.missing[:, 0], kind="stable")]
    out = Placement(
        codes=np.empty_like(batch.codes),
        quals=np.empty_like(batch.codes),
        offsets=batch.offsets,
        read_of=np.repeat(np.arange(n, dtype=np.int32), np.diff(batch.offsets)),
        turned=np.zeros(n, bool),
        where=np.full(size, OFF, np.int32),
        disputed=np.zeros(size, bool),
        foreign=(threads.states & FOREIGN) > 0,
    )
    longest = int(np.diff(batch.offsets).max(initial=0))
    room = longest + int(missing[:, 1].sum() if len(missing) else 0) + 1
    line = _Line(*np.zeros((5, room), np.int32))
    _place(
        batch.codes, qualities_of(batch), threads.path, threads.place,
        np.ascontiguousarray(missing), path.codes, path.index, path.place, reverse,
        np.ascontiguousarray(hint), line, out,
    )  # fmt: skip
    return out


class _Line(NamedTuple):
    """The path of one read, base by base, int32: the base (4: none), the read's base behind
    it (-1: none), where the k-mer that begins there stands on the reference (-1: not once)
    and whether against it, and where the base lies in the end (-1: nowhere)."""

    base: np.ndarray
    behind: np.ndarray
    kmer: np.ndarray
    against: np.ndarray
    lies: np.ndarray


@helper
def _spell_path(
    start: int, stop: int, path: np.ndarray, place: np.ndarray, missing: np.ndarray, m: int,
    line: _Line,
) -> tuple[int, int]:  # fmt: skip
    """The path of one read as a line, where a base of 4 parts two paths.

    Returns how many bases, and the next row of ``missing``.
    """
    n = 0
    for i in range(start, stop + 1):
        while m < len(missing) and missing[m, 0] == i and i < stop:
            size = missing[m, 1]
            for j in range(size):
                line.base[n] = (missing[m, 2] >> (2 * (size - 1 - j))) & 3
                line.behind[n] = -1
                n += 1
            m += 1
        if i == stop or path[i] == GAP:
            continue
        on = (place[i] == ON_PATH or place[i] == DISPUTED) and path[i] < 4
        line.base[n] = path[i] if on else 4
        line.behind[n] = i - start if on else -1
        n += 1
    return n, m


@helper
def _locate(line: _Line, n: int, index: KmerIndex, kmer_place: np.ndarray) -> tuple[int, int]:
    """Find the k-mers of a line on the reference; returns votes for either strand."""
    k = index.k
    kmer, other, filled = np.uint64(0), np.uint64(0), 0
    along, against = 0, 0
    for t in range(n):
        line.kmer[t] = -1
        c = line.base[t]
        if c > 3:
            filled = 0
            continue
        kmer, other = roll(kmer, other, c, k)
        filled += 1
        if filled < k:
            continue
        row = find_row(index.slots, index.rows, index.mask, min(kmer, other))
        if row < 0:
            continue
        turned = (kmer > other) != (kmer_place[row] % 2 == 1)
        line.kmer[t - k + 1] = kmer_place[row] // 2
        line.against[t - k + 1] = turned
        if turned:
            against += 1
        else:
            along += 1
    return along, against


@helper
def _settle(line: _Line, n: int, k: int, turned: bool, reference: np.ndarray) -> None:
    """Say where every base of a line lies: by its k-mers, then from its neighbours."""
    for t in range(n):
        line.lies[t] = -1
    for t in range(n):
        if line.kmer[t] < 0 or (line.against[t] == 1) != turned:
            continue
        for i in range(k):
            line.lies[t + i] = line.kmer[t] + (k - 1 - i if turned else i)
    _fill(line, n, turned, reference, 1)
    _fill(line, n, turned, reference, -1)


@helper
def _fill(line: _Line, n: int, turned: bool, reference: np.ndarray, step: int) -> None:
    """Carry offsets from base to base in one direction, as long as the bases are the
    reference's and those further on lie further on."""
    bases, lies = line.base, line.lies
    ahead = -step if turned else step
    t = step if step > 0 else n - 2
    while 0 <= t < n:
        p = lies[t - step] + ahead
        free = lies[t] < 0 and lies[t - step] >= 0 and bases[t] < 4
        if free and 0 <= p < len(reference):
            same = reference[p] == (3 - bases[t] if turned else bases[t])
            i = t + step
            while 0 <= i < n and bases[i] < 4 and lies[i] < 0:
                i += step
            open_end = i < 0 or i >= n or bases[i] > 3
            if same and (open_end or (lies[i] - p) * ahead > 0):
                lies[t] = p
        t += step


@kernel
def first_foreign(
    placed: Placement, reference: np.ndarray, start: int, stop: int, step: int, good: bool
) -> int:
    """First of a cluster of bases that differ from the reference, going by ``step`` from
    ``start``; ``stop`` if there is none. Bases of good quality alone, or all others."""
    codes, quals, where = placed.codes, placed.quals, placed.where
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


@kernel
def trim_poor_ends(placed: Placement, reference: np.ndarray) -> None:
    """Take the ends of reads off the reference where bad bases differ from it all the time."""
    where = placed.where
    for r in range(len(placed.offsets) - 1):
        start, stop = placed.offsets[r], placed.offsets[r + 1]
        run, longest, centre = 0, 0, start
        for j in range(start, stop):
            run = run + 1 if where[j] >= 0 and placed.codes[j] == reference[where[j]] else 0
            if run > longest:
                longest, centre = run, j
        for side in range(2):
            step = 1 if side == 0 else -1
            end = stop if side == 0 else start - 1
            j = first_foreign(placed, reference, centre, end, step, False)
            while j != end:
                where[j] = OFF
                j += step


@helper
def _by_hint(placed: Placement, reference: np.ndarray, start: int, hint: np.ndarray) -> None:
    """Lay a read that no k-mer places where the aligner has it, if its bases agree."""
    first, last, offset = hint[0], hint[1], hint[2]
    if offset < 0 or last <= first or offset + last - first > len(reference):
        return
    differ = 0
    for j in range(first, last):
        p = offset + j - first
        placed.where[start + j] = p
        differ += placed.codes[start + j] != reference[p]
    stop = start + last
    fits = 5 * differ <= last - first
    if not fits or first_foreign(placed, reference, start + first, stop, 1, True) != stop:
        for j in range(start + first, stop):
            placed.where[j] = OFF


@kernel
def _place(
    codes: np.ndarray, quals: np.ndarray, path: np.ndarray, place: np.ndarray,
    missing: np.ndarray, reference: np.ndarray, index: KmerIndex, kmer_place: np.ndarray,
    reverse: np.ndarray, hint: np.ndarray, line: _Line, out: Placement,
) -> None:  # fmt: skip
    m = 0
    for r in range(len(out.offsets) - 1):
        start, stop = out.offsets[r], out.offsets[r + 1]
        n, m = _spell_path(start, stop, path, place, missing, m, line)
        along, against = _locate(line, n, index, kmer_place)
        back = against > along or (against == along and reverse[r])
        out.turned[r] = back
        for i in range(start, stop):
            j = start + stop - 1 - i if back else i
            c = codes[i]
            out.codes[j] = 3 - c if back and c < 4 else c
            out.quals[j] = min(quals[i], np.uint8(93))
        if along + against == 0:
            _by_hint(out, reference, start, hint[r])
            continue
        _settle(line, n, index.k, back, reference)
        for t in range(n):
            if line.behind[t] >= 0 and line.lies[t] >= 0:
                i = start + line.behind[t]
                j = start + stop - 1 - i if back else i
                out.where[j] = line.lies[t]
                out.disputed[j] = place[i] == DISPUTED
        _mark_inserted(out.where, start, stop)


@helper
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
