"""The solid k-mer that a weak one was before an error: found in the table alone.

An error in the middle of a read makes k weak k-mers, each one substitution away from the
k-mer that the molecule had. Those are looked for first. A k-mer with two errors or three
overlaps one with fewer: what that was corrected to, moved on by a base, corrects it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.lookup import Nodes, abundance_of
from dbgclean.evidence.solid import SolidGraph
from dbgclean.reads.prefetch import in_spans
from dbgclean.spectrum.kmers import revcomp, roll, substitutions
from dbgclean.spectrum.table import KmerIndex, KmerTable, find_row

__all__ = [
    "FOUND",
    "MOST_SUBSTITUTIONS",
    "NONE",
    "SOLID",
    "TIE",
    "Goals",
    "find_goals",
    "solid_beside",
]

# What became of a k-mer.
SOLID, FOUND, TIE, NONE = 0, 1, 2, 3
MOST_SUBSTITUTIONS = 3
# A second target at another place makes a tie if it has this share of the first one's
# abundance: then either may be where the k-mer came from.
_RIVAL_SHARE = 0.5
# Bits of the filter for each solid k-mer: 16 to 32 (2**4 at least). Three of them are set,
# all in one word, so that asking costs one miss; one question in two hundred passes in vain.
_FILTER_BITS = 4
_MULTIPLIER = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True, slots=True)
class Goals:
    """Where the k-mers of a table lead.

    Attributes
    ----------
    state
        uint8 (n,): SOLID (stands by itself), FOUND, TIE (two goals, equally good) or
        NONE.
    goal
        uint64 (n,): the solid k-mer, on the strand on which the k-mer is canonical;
        the k-mer itself where there is none.
    """

    state: np.ndarray
    goal: np.ndarray


class _Lookup(NamedTuple):
    """A table's k-mers and abundances, and the index to find their rows by."""

    keys: np.ndarray
    counts: np.ndarray
    slots: np.ndarray
    rows: np.ndarray
    mask: np.uint64


def find_goals(
    table: KmerTable, graph: SolidGraph, min_share: float = 0.05, threads: int = 1
) -> Goals:
    """Find the solid k-mer of each weak one.

    Parameters
    ----------
    table
        All k-mers with their abundances; strands and qualities are not looked at.
    graph
        Of the same table. A k-mer below its upper cutoff is weak, and so is one that
        has less than ``min_share`` of the abundance of a k-mer one substitution away.
    min_share
        As in `SolidGraph.build`.
    threads
        Worker threads; the result does not depend on them.

    Notes
    -----
    One substitution: the most abundant neighbour, of three bases at one place whichever
    it is; two places with comparable abundances are a tie. More: from k-mers that
    overlap it by k - 1 bases and have a goal, round by round, the goal with the fewest
    substitutions.
    """
    k = np.int64(table.k)
    solid = table.keys[table.counts >= graph.upper]
    words, shift = _filter_of(solid)
    goals = Goals(np.zeros(len(table), np.uint8), table.keys.copy())
    upper = np.int64(graph.upper)
    in_spans(
        lambda start, stop: _one_substitution(
            table.keys, table.counts, start, stop, k, upper, float(min_share), words, shift,
            graph.nodes, goals.state, goals.goal,
        ),
        len(table),
        threads,
    )  # fmt: skip
    _carry_on(table, graph, goals, threads)
    return goals


def solid_beside(
    table: KmerTable, graph: SolidGraph, at: np.ndarray, threads: int = 1
) -> np.ndarray:
    """Abundance of the deepest solid k-mer that overlaps a k-mer by all but one base.

    Parameters
    ----------
    at
        int64 (m,): rows of the table.

    Returns
    -------
    ndarray
        uint32 (m, 2): of those that go on behind it and of those that begin before it,
        on the strand on which it is canonical; 0 where there is none.
    """
    words, shift = _filter_of(table.keys[table.counts >= graph.upper])
    k, upper = np.int64(table.k), np.int64(graph.upper)
    beside = np.zeros((len(at), 2), np.uint32)
    in_spans(
        lambda start, stop: _beside(
            table.keys, at, start, stop, k, upper, words, shift, graph.nodes, beside
        ),
        len(at),
        threads,
    )
    return beside


def _filter_of(solid: np.ndarray) -> tuple[np.ndarray, np.uint64]:
    """A blocked Bloom filter of the solid k-mers, and by how much to shift a hash for its word.

    Putze, Sanders and Singler 2009, doi:10.1145/1498698.1594230.
    """
    size = max(10, int(len(solid)).bit_length() + _FILTER_BITS)
    words = np.zeros(1 << (size - 6), np.uint64)
    shift = np.uint64(64 - (size - 6))
    _fill_filter(solid, words, shift)
    return words, shift


def _carry_on(table: KmerTable, graph: SolidGraph, goals: Goals, threads: int) -> None:
    """Rounds over the k-mers without a goal, until one brings nothing."""
    left = np.flatnonzero(goals.state == NONE)
    if len(left) == 0:
        return
    index = table.index()
    while len(left):
        state, goal = _one_round(table, index, graph, goals, left, threads)
        reached = state != NONE
        if not reached.any():
            return
        goals.state[left[reached]] = state[reached]
        goals.goal[left[reached]] = goal[reached]
        left = left[~reached]


def _one_round(
    table: KmerTable,
    index: KmerIndex,
    graph: SolidGraph,
    goals: Goals,
    left: np.ndarray,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """State and goal that the rows ``left`` have from k-mers with a goal before the round."""
    k, upper = np.int64(table.k), np.int64(graph.upper)
    state = np.full(len(left), NONE, np.uint8)
    goal = table.keys[left]
    in_spans(
        lambda start, stop: _from_overlaps(
            _Lookup(table.keys, table.counts, index.slots, index.rows, index.mask), left, start,
            stop, k, upper, graph.nodes, goals.state, goals.goal, state, goal,
        ),
        len(left),
        threads,
    )  # fmt: skip
    return state, goal


@helper
def _three_bits(h: np.uint64) -> np.uint64:
    """Bits of a hash's word; the word itself comes from the hash's top bits."""
    one, low = np.uint64(1), np.uint64(63)
    return (
        (one << (h & low))
        | (one << ((h >> np.uint64(6)) & low))
        | (one << ((h >> np.uint64(12)) & low))
    )


@helper
def _hash(key: np.uint64) -> np.uint64:
    h = key * _MULTIPLIER
    return h ^ (h >> np.uint64(32))


@kernel
def _fill_filter(solid: np.ndarray, words: np.ndarray, shift: np.uint64) -> None:
    for i in range(len(solid)):
        h = _hash(solid[i])
        words[np.int64(h >> shift)] |= _three_bits(h)


@helper
def _passes(key: np.uint64, words: np.ndarray, shift: np.uint64) -> np.bool_:
    """May a k-mer be solid? No is certain."""
    h = _hash(key)
    wanted = _three_bits(h)
    return words[np.int64(h >> shift)] & wanted == wanted


@helper
def _best_at(
    forward: np.uint64,
    reverse: np.uint64,
    place: np.int64,
    k: np.int64,
    upper: np.int64,
    words: np.ndarray,
    shift: np.uint64,
    nodes: Nodes,
) -> tuple[np.int64, np.uint64]:
    """The most abundant solid k-mer with another base at ``place`` (0 is the last base)."""
    here, there = np.uint64(2 * place), np.uint64(2 * (k - 1 - place))
    best, best_kmer = np.int64(0), forward
    for change in range(1, 4):
        # A substitution is an exclusive or, the same one on both strands.
        f = forward ^ (np.uint64(change) << here)
        r = reverse ^ (np.uint64(change) << there)
        key = min(f, r)
        if not _passes(key, words, shift):
            continue
        count = abundance_of(nodes, key)
        # Of equals the first base in the alphabet.
        first = count == best and (f >> here) & np.uint64(3) < (best_kmer >> here) & np.uint64(3)
        if count >= upper and (count > best or first):
            best, best_kmer = count, f
    return best, best_kmer


@kernel
def _one_substitution(
    keys: np.ndarray,
    counts: np.ndarray,
    start: np.int64,
    stop: np.int64,
    k: np.int64,
    upper: np.int64,
    min_share: float,
    words: np.ndarray,
    shift: np.uint64,
    nodes: Nodes,
    state: np.ndarray,
    goal: np.ndarray,
) -> None:
    for i in range(start, stop):
        forward = keys[i]
        reverse = revcomp(forward, k)
        count = np.int64(counts[i])
        best, rival = np.int64(0), np.int64(0)
        goal[i] = forward
        for place in range(k):
            found, kmer = _best_at(forward, reverse, place, k, upper, words, shift, nodes)
            if found > best:
                best, rival = found, best
                goal[i] = kmer
            elif found > rival:
                rival = found
        weak = count < upper or count < min_share * best
        if not weak:
            state[i] = SOLID
            goal[i] = forward
        elif best <= count:
            state[i] = NONE
            goal[i] = forward
        elif rival >= _RIVAL_SHARE * best:
            state[i] = TIE
        else:
            state[i] = FOUND


@helper
def _moved_on(
    goal: np.uint64, kmer: np.uint64, k: np.int64, upper: np.int64, nodes: Nodes
) -> tuple[np.int64, np.uint64]:
    """The solid k-mer after ``goal``: with the base that ``kmer`` ends in, or the deepest."""
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    onward = (goal << np.uint64(2)) & keep
    best, best_kmer = np.int64(0), kmer
    for step in range(4):
        f = onward | ((kmer + np.uint64(step)) & np.uint64(3))
        count = abundance_of(nodes, min(f, revcomp(f, k)))
        if count >= upper and count > best:
            best, best_kmer = count, f
            if step == 0:
                break
    return best, best_kmer


@kernel
def _from_overlaps(
    table: _Lookup,
    left: np.ndarray,
    start: np.int64,
    stop: np.int64,
    k: np.int64,
    upper: np.int64,
    nodes: Nodes,
    state: np.ndarray,
    goal: np.ndarray,
    new_state: np.ndarray,
    new_goal: np.ndarray,
) -> None:
    for i in range(start, stop):
        key, own = table.keys[left[i]], table.counts[left[i]]
        other = revcomp(key, k)
        fewest, best, best_goal, rival = np.int64(99), np.int64(0), key, np.int64(0)
        for side in range(2):
            kmer, back = (key, other) if side == 0 else (other, key)
            for base in range(4):
                mirror, before = roll(back, kmer, 3 - base, k)
                row = find_row(table.slots, table.rows, table.mask, min(before, mirror))
                if row < 0 or state[row] != FOUND:
                    continue
                its = goal[row] if before < mirror else revcomp(goal[row], k)
                count, found = _moved_on(its, kmer, k, upper, nodes)
                far = substitutions(found, kmer)
                if count <= own or far > min(fewest, MOST_SUBSTITUTIONS):
                    continue
                found = found if side == 0 else revcomp(found, k)
                if far < fewest:
                    fewest, best, best_goal, rival = far, count, found, np.int64(0)
                elif found != best_goal:
                    rival = max(rival, min(count, best))
                    if count > best or (count == best and found < best_goal):
                        best, best_goal = count, found
        if fewest <= MOST_SUBSTITUTIONS:
            new_goal[i] = best_goal
            new_state[i] = TIE if rival >= _RIVAL_SHARE * best else FOUND


@kernel
def _beside(
    keys: np.ndarray,
    at: np.ndarray,
    start: np.int64,
    stop: np.int64,
    k: np.int64,
    upper: np.int64,
    words: np.ndarray,
    shift: np.uint64,
    nodes: Nodes,
    beside: np.ndarray,
) -> None:
    for i in range(start, stop):
        key = keys[at[i]]
        other = revcomp(key, k)
        for side in range(2):
            kmer, back = (key, other) if side == 0 else (other, key)
            for base in range(4):
                f, r = roll(kmer, back, base, k)
                if _passes(min(f, r), words, shift):
                    count = abundance_of(nodes, min(f, r))
                    if count >= upper and count > beside[i, side]:
                        beside[i, side] = count
