"""Ends without a signal that were read as G, on two-colour machines.

Where an insert is shorter than its read, or a cluster goes dark, NextSeq and NovaSeq call
G at high quality to the read's end: dark in both channels *is* their G. Such tails recur
in thousands of reads and make one another solid. So what touches a tail is no evidence for
the solid graph (`TailCounter`), and a tail that this graph does not hold is masked
(`leave_out_tails`): the read is threaded as if it ended there.

A tail is a stretch up to the read's 3' end of ten bases or more with at most one in eight
that is no G, the rule of fastp's ``--trim_poly_g`` (Chen 2018,
doi:10.1093/bioinformatics/bty560), but with an end that is where G stops being common
and not where mismatches run out. Unlike there, the sample has to show that it is an artefact:
see `EndRuns.artefact`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.gaps import GAP, MASKED
from dbgclean.evidence.lookup import COUNT_SHIFT, Nodes
from dbgclean.evidence.runs import look_up
from dbgclean.evidence.threading import (
    CLEAN,
    NO_ANCHOR,
    PARTIAL,
    TOO_SHORT,
    Threads,
    thread_batch,
)
from dbgclean.reads.batch import stretches
from dbgclean.reads.prefetch import in_spans
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.membership import rows_among

if TYPE_CHECKING:
    from dbgclean.evidence.solid import SolidGraph
    from dbgclean.reads import ReadBatch
    from dbgclean.spectrum.table import KmerTable

__all__ = ["EndRuns", "TailCounter", "find_tails", "leave_out_tails"]

_C, _G = np.uint8(1), np.uint8(2)
# Shortest tail, and bases of a tail to each one that is no G (fastp's rule).
_SHORTEST, _PER_MISMATCH = 10, 8
# What a base that is no G takes from the score that ends a tail, and how far the score
# may fall below its best before nothing beyond is looked at.
_MISMATCH, _GIVE_UP = 3, 9
# Fewest tails that are an artefact, and how often they must outnumber runs that are none.
_FEWEST, _TIMES = 10, 2
_MEMORY = 1 << 27


@dataclass
class EndRuns:
    """Reads by the run of one base that they end or begin with; ``+=`` adds.

    Attributes
    ----------
    ends_g
        Reads that end in a run of G: genome, or no signal.
    ends_c, begins_g, begins_c
        Runs that no lack of a signal makes. A genome is read on both strands, so that it
        has as many of each of these.
    """

    ends_g: int = 0
    ends_c: int = 0
    begins_g: int = 0
    begins_c: int = 0

    def __iadd__(self, other: EndRuns) -> EndRuns:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    @property
    def artefact(self) -> bool:
        """Whether more reads end in G than any genome, strand or amplicon explains."""
        genuine = max(self.ends_c, self.begins_g, self.begins_c)
        return self.ends_g >= _FEWEST + _TIMES * genuine


def find_tails(batch: ReadBatch, threads: int = 1) -> tuple[np.ndarray, EndRuns]:
    """Where each read's tail of G begins.

    Parameters
    ----------
    threads
        The result does not depend on it.

    Returns
    -------
    starts
        int64 (n_reads,): index of the tail's first base in the batch; the read's end
        where it has none.
    runs
        What `EndRuns.artefact` is decided by.
    """
    starts, offsets = np.empty(len(batch.offsets) - 1, np.int64), batch.offsets

    def find(a: np.int64, b: np.int64) -> np.ndarray:
        counts = np.zeros(4, np.int64)
        _find(batch.codes, offsets[a : b + 1], starts[a:b], counts)
        return counts

    counts: np.ndarray = sum(in_spans(find, len(starts), threads), np.zeros(4, np.int64))
    return starts, EndRuns(*counts.tolist())


@helper
def _run(
    codes: np.ndarray, at: np.int64, step: np.int64, length: np.int64, base: np.uint8
) -> np.int64:
    """Length of the run of ``base`` that begins at ``at`` and goes by ``step``; 0 if too short."""
    score = best = np.int64(0)
    wrong = best_wrong = reach = np.int64(0)
    for n in range(length):
        if codes[at + step * n] == base:
            score += 1
            if score > best:
                best, best_wrong, reach = score, wrong, np.int64(n + 1)
        else:
            score -= _MISMATCH
            wrong += 1
            if score < best - _GIVE_UP:
                break
    long_enough = reach >= _SHORTEST and best_wrong * _PER_MISMATCH <= reach
    return reach if long_enough else np.int64(0)


@kernel
def _find(codes: np.ndarray, offsets: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> None:
    ahead, back = np.int64(1), np.int64(-1)
    for read in range(len(starts)):
        first, end = offsets[read], offsets[read + 1]
        length = end - first
        tail = _run(codes, end - 1, back, length, _G)
        starts[read] = end - tail
        counts[0] += tail > 0
        counts[1] += _run(codes, end - 1, back, length, _C) > 0
        # A cluster that was dark from its first cycle on begins with G, too.
        counts[2] += _run(codes, first, ahead, length - tail, _G) > 0
        counts[3] += _run(codes, first, ahead, length, _C) > 0


@dataclass
class TailCounter:
    """k-mers that touch a tail of G, counted beside all k-mers of the same reads.

    Attributes
    ----------
    k, min_quality
        As of the counter whose table `left_out` takes.
    threads
        The result does not depend on it.
    runs
        Of the reads so far.
    """

    k: int
    min_quality: int = 20
    threads: int = 1
    runs: EndRuns = field(default_factory=EndRuns)
    _counter: KmerCounter | None = None

    def add(self, batch: ReadBatch) -> None:
        """Look at the ends of a batch's reads."""
        starts, runs = find_tails(batch, self.threads)
        self.runs += runs
        if not runs.ends_g:
            return
        if self._counter is None:
            self._counter = KmerCounter(self.k, min_quality=self.min_quality, memory_bytes=_MEMORY)
        ends = batch.offsets[1:]
        has = starts < ends
        first = np.maximum(batch.offsets[:-1], starts - (self.k - 1))
        self._counter.add(batch.parts(first[has], (ends - first)[has]))

    def __iadd__(self, later: TailCounter) -> TailCounter:
        self.runs += later.runs
        if self._counter is None:
            self._counter = later._counter
        elif later._counter is not None:
            self._counter += later._counter
        return self

    def left_out(self, table: KmerTable) -> KmerTable:
        """``table`` less the k-mers that touch tails; k-mers it lacks are of no account."""
        if self._counter is None:
            return table
        tails, self._counter = self._counter.finish(), None
        return table.combine(tails.select(rows_among(tails.keys, table.keys) >= 0), -1)


def leave_out_tails(batch: ReadBatch, threads: Threads, graph: SolidGraph) -> Threads:
    """Mask the tails of G that the graph does not hold, and thread what is left of their reads.

    Parameters
    ----------
    batch, threads
        Reads, and their paths as `thread_batch` has them.
    graph
        Built without k-mers that touch tails. A tail that lies on it, on a path that is
        itself a run of G and leads there from the read's other bases, is the genome's.

    Returns
    -------
    Threads
        With ``tails``; the same object where there is nothing to mask.
    """
    starts, _ = find_tails(batch)
    _keep_genome(
        threads.path, batch.offsets, graph.nodes, np.int64(graph.k), np.int64(graph.lower), starts
    )  # fmt: skip
    ends = batch.offsets[1:]
    chosen = np.flatnonzero(starts < ends)
    if len(chosen) == 0:
        return threads
    first, end = batch.offsets[chosen], starts[chosen]
    heads = thread_batch(batch.parts(first, end - first), graph)
    at, within = stretches(first, end - first)
    path, place, states = threads.path.copy(), threads.place.copy(), threads.states.copy()
    path[at], place[at] = heads.path, heads.place
    tails, _ = stretches(end, ends[chosen] - end)
    path[tails], place[tails] = batch.codes[tails], MASKED
    # Something of these reads changes, whatever there is to say of their heads.
    found = np.where(heads.states == CLEAN, PARTIAL, heads.states)
    states[chosen] = np.where(found == TOO_SHORT, NO_ANCHOR, found)
    # Missing bases: of the reads that stay as they are, and of the heads of the others.
    read = np.searchsorted(batch.offsets, threads.missing[:, 0], side="right") - 1
    moved = heads.missing.copy()
    head = np.searchsorted(within, moved[:, 0], side="right") - 1
    moved[:, 0] += (first - within[:-1])[head]
    missing = np.concatenate([threads.missing[~np.isin(read, chosen)], moved])
    missing = missing[np.argsort(missing[:, 0], kind="stable")]
    return Threads(path, place, missing, states, starts)


@kernel
def _keep_genome(
    path: np.ndarray,
    offsets: np.ndarray,
    nodes: Nodes,
    k: np.int64,
    lower: np.int64,
    starts: np.ndarray,
) -> None:
    """Set the start of a tail to its read's end where the tail is part of the genome."""
    for read in range(len(starts)):
        first, end = offsets[read], offsets[read + 1]
        if starts[read] == end:
            continue
        if end - first < k:
            # Too short to say anything of, as always.
            starts[read] = end
            continue
        wrong = 0
        gap = False
        for i in range(starts[read], end):
            wrong += path[i] != _G
            gap |= path[i] == GAP
        if gap or wrong * _PER_MISMATCH > end - starts[read]:
            continue
        low = max(first, starts[read] - k + 1)
        payloads = np.zeros(end - low, np.uint64)
        look_up(path[low:end], end - low, nodes, k, payloads)
        held = end - low >= k
        for i in range(end - low - k + 1):
            held &= np.int64(payloads[i] >> COUNT_SHIFT) >= lower
        if held:
            starts[read] = end
