"""Reads through the solid graph: what each read would be if nothing weak were real.

For every read the longest run of solid k-mers is the anchor; a beam search
(`dbgclean.evidence.beam`) carries it to both ends over solid k-mers only. What
stays partial is tried again at the lower cutoff, then from up to three further
anchors. The result is a *proposal*: nothing is edited until the alternatives have
been pooled over all reads and judged (`dbgclean.evidence.alternatives`).

The order, threading first and judging after, and the costs follow the spectral
alignment of BFC (Li 2015, doi:10.1093/bioinformatics/btv290) in so far as both
search paths over trusted k-mers instead of walking greedily.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.anchors import (
    CLEAN,
    FOREIGN,
    NO_ANCHOR,
    PARTIAL,
    ROWS,
    THREADED,
    TOO_SHORT,
    other_strand,
    thread_read,
)
from dbgclean.evidence.beam import Search, new_beam, unowned_search
from dbgclean.evidence.copying import copy_to
from dbgclean.evidence.gaps import ON_PATH
from dbgclean.evidence.runs import is_clean, look_up, turn_payloads
from dbgclean.evidence.solid import SolidGraph
from dbgclean.evidence.unowned import unowned
from dbgclean.reads.prefetch import in_spans

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = [
    "CLEAN",
    "FOREIGN",
    "NO_ANCHOR",
    "PARTIAL",
    "THREADED",
    "TOO_SHORT",
    "Threads",
    "default_quality",
    "edit_costs",
    "kernels_are_cached",
    "qualities_of",
    "thread_batch",
]

# FASTA has no qualities: as if every base were Q20.
default_quality = 20


@dataclass(frozen=True, slots=True)
class Threads:
    """Paths of a batch of reads, aligned with the batch's own arrays.

    Attributes
    ----------
    path
        uint8 (n_bases,): the path's base where the read is threaded, else the
        observed code; GAP (5) for a base that the path does not have.
    place
        uint8 (n_bases,): OUTSIDE any path, ON_PATH, DISPUTED or MASKED.
    missing
        int64 (n, 3): base index in the batch before which bases are missing from
        the read, how many, and which (2 bits each, the first in the highest).
    states
        uint8 (n_reads,): CLEAN, THREADED, PARTIAL, NO_ANCHOR or TOO_SHORT, plus
        FOREIGN where a cluster of high-quality edits stopped a path.
    tails
        int64 (n_reads,): base index in the batch from which a read is masked because it
        ends without a signal (`dbgclean.evidence.poly_g`), else the read's end; None
        where this was not looked at.
    """

    path: np.ndarray
    place: np.ndarray
    missing: np.ndarray
    states: np.ndarray
    tails: np.ndarray | None = None


class _Room(NamedTuple):
    """Scratch of one worker: the rows of `dbgclean.evidence.anchors`, the payloads of a
    read's k-mers, and its deletions."""

    rows: np.ndarray
    payloads: np.ndarray
    missing: np.ndarray


def qualities_of(batch: ReadBatch) -> np.ndarray:
    """Phred value of each base of a batch, uint8 (n_bases,), whether or not it has any."""
    if batch.quals is None:
        return np.full(len(batch.codes), default_quality, np.uint8)
    return batch.quals


def edit_costs() -> np.ndarray:
    """Cost in nats of reading another base than the observed, by Phred quality."""
    quality = np.arange(94)
    error = np.minimum(10 ** (-np.maximum(quality, 2) / 10), 0.6)
    return np.maximum(np.log((1 - error) / (error / 3)), 0.5)


def thread_batch(batch: ReadBatch, graph: SolidGraph, threads: int = 1) -> Threads:
    """Thread every read of a batch; the result is the same at any thread count."""
    codes, offsets = batch.codes, batch.offsets
    quals = qualities_of(batch)
    path = codes.copy()
    place = np.zeros(len(codes), np.uint8)
    states = np.zeros(len(offsets) - 1, np.uint8)
    costs = edit_costs()
    longest = int(np.diff(offsets).max(initial=0))

    def work(start: np.int64, stop: np.int64) -> np.ndarray:
        missing = np.zeros((2 * (stop - start), 3), np.int64)
        k, upper = np.int64(graph.k), np.int64(graph.upper)
        room = _Room(
            np.zeros((ROWS, max(1, longest)), np.uint8),
            np.zeros(max(1, longest), np.uint64),
            np.zeros((2, 3), np.int64),
        )
        n = _thread_reads(
            codes, quals, offsets, start, stop,
            Search(graph.nodes, k, upper, costs, new_beam(longest)), room,
            path, place, states, missing,
        )  # fmt: skip
        return missing[:n].copy()

    missing = in_spans(work, len(states), threads)
    return Threads(path, place, np.concatenate(missing), states)


def kernels_are_cached() -> bool:
    """Whether the search was compiled since this version was installed."""
    source = Path(__file__)
    stem = f"{source.stem}.{_thread_reads.__name__}-*.nbi"
    found = Path(_thread_reads.stats.cache_path).glob(stem)
    return any(index.stat().st_mtime >= source.stat().st_mtime for index in found)


@helper
def _orient(
    codes: np.ndarray, quals: np.ndarray, start: np.int64, length: np.int64, rows: np.ndarray
) -> np.bool_:
    """Copy a read so that it and its reverse complement are treated alike.

    Row 0 and 1 get the lexicographically smaller strand and its qualities, row 2
    and 3 the other. Returns whether the read was turned. Every tie the search
    breaks by base order then breaks the same way on both strands.
    """
    turned = False
    for i in range(length):
        a = codes[start + i]
        b = codes[start + length - 1 - i]
        c = np.uint8(3 - b) if b < 4 else np.uint8(4)
        if a != c:
            turned = c < a
            break
    for i in range(length):
        j = start + length - 1 - i if turned else start + i
        c = codes[j]
        if turned and c < 4:
            c = np.uint8(3 - c)
        rows[0, i] = c
        rows[1, i] = min(quals[j], np.uint8(93))
        rows[2, length - 1 - i] = np.uint8(3 - c) if c < 4 else c
        rows[3, length - 1 - i] = rows[1, i]
    return turned


@kernel
def _thread_reads(
    codes: np.ndarray,
    quals: np.ndarray,
    offsets: np.ndarray,
    begin: np.int64,
    end: np.int64,
    search: Search,
    room: _Room,
    path: np.ndarray,
    place: np.ndarray,
    states: np.ndarray,
    missing: np.ndarray,
) -> np.int64:
    own = unowned_search(search)
    nodes, k, upper = own.nodes, own.k, own.upper
    rows, payloads, found = unowned(room.rows), unowned(room.payloads), unowned(room.missing)
    n_missing = 0
    for read in range(begin, end):
        start = offsets[read]
        length = offsets[read + 1] - start
        if length < k:
            states[read] = TOO_SHORT
            continue
        whole = codes[start : start + length]
        look_up(whole, length, nodes, k, payloads)
        if is_clean(whole, payloads, length, k, upper):
            states[read] = CLEAN
            place[start : start + length] = ON_PATH
            continue
        turned = _orient(codes, quals, start, length, rows)
        if turned:
            turn_payloads(payloads, length - k + 1)
        state, n = thread_read(length, payloads, own, rows, found)
        states[read] = state
        if state == NO_ANCHOR:
            continue
        for i in range(length):
            j = length - 1 - i if turned else i
            c = rows[8, j]
            path[start + i] = 3 - c if turned and c < 4 else c
            place[start + i] = rows[9, j]
        for m in range(n):
            if turned:
                other_strand(found[m], length)
            copy_to(missing[n_missing], np.int64(0), found[m], np.int64(0), np.int64(3))
            missing[n_missing, 0] += start
            n_missing += 1
    return n_missing
