"""Alternatives from a k-mer table alone: weak k-mers beside their solid neighbours.

Without reads there is no strand, no quality, no position; what a counter's dump still
tells is how often each k-mer was seen, and what the molecule had there instead. Weak
k-mers over the same base at the same place are pooled under the key that threaded reads
would have given them, so judges take either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.changes import OtherChanges
from dbgclean.evidence.cutoffs import choose_cutoffs
from dbgclean.evidence.edits import FLANK, WINDOW, Edits
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.kmer_pooling import Shown, pool_shown
from dbgclean.evidence.lookup import Nodes, walk_deepest
from dbgclean.evidence.nearest_solid import (
    FOUND,
    MOST_SUBSTITUTIONS,
    TIE,
    find_goals,
    solid_beside,
)
from dbgclean.evidence.solid import SolidGraph
from dbgclean.reads.prefetch import in_spans
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.kmers import canonical_kmers, revcomp, substitutions
from dbgclean.spectrum.table import KmerTable

__all__ = ["KmerEvidence", "neighbour_alternatives"]

# States of reads that `gather` tells of; there are none here of any.
_READ_STATES = (
    "clean", "threaded", "partly_threaded", "no_anchor", "too_short", "foreign_part",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class KmerEvidence(Evidence):
    """What a k-mer table says of its weak k-mers.

    The parts that only reads have (edits, changes, reads) are empty, and so are the
    columns of ``alternatives`` that only reads fill: NaN in ``support``, 0 in
    ``mean_quality``.

    Attributes
    ----------
    row
        int64 (n,): rows of the weak k-mers in the table, rising.
    target
        int64 (n,): row of the solid k-mer that each was, or -1.
    goal
        uint64 (n,): that k-mer, on the strand on which the weak one is canonical; the
        weak one itself where there is none.
    tied
        bool (n,): another k-mer may as well be the target.
    of_alternative
        int32 (n, 3): the alternatives that a weak k-mer shows, one for each base in
        which it differs from its target; -1 fills up.
    """

    row: np.ndarray
    target: np.ndarray
    goal: np.ndarray
    tied: np.ndarray
    of_alternative: np.ndarray


def neighbour_alternatives(table: KmerTable, spectrum: Spectrum, threads: int = 1) -> KmerEvidence:
    """Pool the weak k-mers of a table by the alternative that they show.

    Parameters
    ----------
    table
        Abundances at any k; strands and qualities are not looked at.
    spectrum
        Of the same table.
    threads
        Worker threads; the result does not depend on them.

    Notes
    -----
    See `dbgclean.evidence.kmer_pooling` for what abundances of k-mers say of reads.
    """
    upper, lower = choose_cutoffs(spectrum)
    graph = SolidGraph.build(table, upper, lower, threads=threads)
    goals = find_goals(table, graph, threads=threads)
    row = np.flatnonzero(goals.state != 0)
    led = (goals.state[row] == FOUND) | (goals.state[row] == TIE)
    at, goal = row[led], goals.goal[row[led]]
    solid = np.flatnonzero(table.counts >= upper)
    its_row = solid[table.select(solid).find(canonical_kmers(goal, table.k))]
    beside = solid_beside(table, graph, at, threads)
    # k-mers of one arm that overlap share nearly all reads: what is far deeper is another's.
    beside[(beside > 2 * table.counts[at][:, None] + 2) | (goals.state[at] == TIE)[:, None]] = 0
    shown = _describe_all(table, graph, at, goal, its_row, beside, threads)
    alternatives, of_shown, context = pool_shown(shown, table, spectrum, upper, lower)
    of_alternative = np.full((len(row), MOST_SUBSTITUTIONS), -1, np.int32)
    of_alternative[np.flatnonzero(led)[shown.kmer], shown.rank] = of_shown
    target = np.full(len(row), -1, np.int64)
    target[led] = its_row
    return KmerEvidence(
        alternatives,
        Edits.empty(),
        OtherChanges.concatenate([]),
        dict.fromkeys(_READ_STATES, 0),
        context,
        row,
        target,
        goals.goal[row],
        goals.state[row] == TIE,
        of_alternative,
    )


def _describe_all(
    table: KmerTable,
    graph: SolidGraph,
    at: np.ndarray,
    goal: np.ndarray,
    target: np.ndarray,
    beside: np.ndarray,
    threads: int,
) -> Shown:
    sizes = np.zeros(len(at), np.int64)
    in_spans(
        lambda start, stop: _count_substitutions(table.keys, at, goal, start, stop, sizes),
        len(at),
        threads,
    )
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    kmer = np.repeat(np.arange(len(at)), sizes)
    n = len(kmer)
    key = np.zeros(n, np.uint64)
    to, place, against = (np.zeros(n, np.uint8) for _ in range(3))
    k = np.int64(table.k)
    in_spans(
        lambda start, stop: _describe(
            table.keys, at, goal, offsets, start, stop, k, graph.nodes, key, to, place, against
        ),
        len(at),
        threads,
    )
    rank = np.arange(n) - np.repeat(offsets[:-1], sizes)
    counts = table.counts
    # Going on behind the k-mer takes a base to the place before its own, on one strand.
    lower = np.where(against[:, None] == 1, beside[kmer][:, ::-1], beside[kmer])
    lower[place == 0, 0] = 0
    lower[place == table.k - 1, 1] = 0
    return Shown(kmer, rank, key, to, place, counts[at[kmer]], counts[target[kmer]], lower)


@kernel
def _count_substitutions(
    keys: np.ndarray,
    at: np.ndarray,
    goal: np.ndarray,
    start: np.int64,
    stop: np.int64,
    sizes: np.ndarray,
) -> None:
    for i in range(start, stop):
        sizes[i] = substitutions(keys[at[i]], goal[i])


@helper
def _flanked(
    kmer: np.uint64,
    goal: np.uint64,
    k: np.int64,
    nodes: Nodes,
    onward: np.ndarray,
    path: np.ndarray,
) -> None:
    """The goal, and as much solid path on either side as windows around its changes need.

    Into ``path``, the goal from FLANK on. Past a dead end A before and T after, each
    other's complement.
    """
    first, last = int(k), -1
    for i in range(k):
        shift = np.uint64(2 * (k - 1 - i))
        path[FLANK + i] = (goal >> shift) & np.uint64(3)
        if ((kmer ^ goal) >> shift) & np.uint64(3):
            first, last = min(first, i), i
    back = revcomp(goal, k)
    needed = max(0, FLANK - (int(k) - 1 - last))
    onward[:] = 4
    walk_deepest(goal, back, np.int64(1), nodes, k, onward[:needed])
    for i in range(needed):
        path[FLANK + k + i] = onward[i] if onward[i] < 4 else 3
    needed = max(0, FLANK - first)
    onward[:] = 4
    walk_deepest(back, goal, np.int64(1), nodes, k, onward[:needed])
    for i in range(needed):
        path[FLANK - 1 - i] = 3 - onward[i] if onward[i] < 4 else 0


@kernel
def _describe(
    keys: np.ndarray,
    at: np.ndarray,
    goal: np.ndarray,
    offsets: np.ndarray,
    start: np.int64,
    stop: np.int64,
    k: np.int64,
    nodes: Nodes,
    key: np.ndarray,
    to: np.ndarray,
    place: np.ndarray,
    turned: np.ndarray,
) -> None:
    path = np.zeros(2 * FLANK + k, np.uint8)
    onward = np.zeros(FLANK, np.uint8)
    for i in range(start, stop):
        n = offsets[i]
        _flanked(keys[at[i]], goal[i], k, nodes, onward, path)
        for p in range(k):
            base = (keys[at[i]] >> np.uint64(2 * (k - 1 - p))) & np.uint64(3)
            its = path[FLANK + p]
            if base == its:
                continue
            kmer = np.uint64(0)
            for w in range(WINDOW):
                own = base if w == FLANK else np.uint64(path[p + w])
                kmer = (kmer << np.uint64(2)) | own
            other = revcomp(kmer, np.int64(WINDOW))
            against = other < kmer
            key[n] = other if against else kmer
            to[n] = 3 - its if against else its
            place[n] = k - 1 - p if against else p
            turned[n] = against
            n += 1
