"""Alternatives from a k-mer table alone: weak k-mers beside their solid neighbours.

Without reads there is no strand, no quality, no position; what a counter's dump still
tells is how often each k-mer was seen, and what the molecule had there instead. Weak
k-mers over the same base at the same place are pooled under the key that threaded reads
would have given them, so judges take either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from dbgclean.evidence.alternatives import COLUMNS, Alternatives, _siblings, _site_depths
from dbgclean.evidence.cutoffs import choose_cutoffs, median_depth
from dbgclean.evidence.edits import FLANK, N_QUALITIES, WINDOW, Edits
from dbgclean.evidence.gather import Evidence, OtherChanges
from dbgclean.evidence.nearest_solid import (
    FOUND,
    MOST_SUBSTITUTIONS,
    TIE,
    find_goals,
    in_spans,
    substitutions,
)
from dbgclean.evidence.sample import SampleContext, describe_sample
from dbgclean.evidence.solid import SolidGraph, walk_deepest
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.kmers import canonical_kmers, revcomp
from dbgclean.spectrum.table import KmerTable

__all__ = ["KmerEvidence", "neighbour_alternatives"]

# Alternatives up to this likelihood ratio (nats) teach the error rate; it is taken again
# with the likelihoods that it gives, this many times.
_SURELY_REAL = 9.0
_TURNS = 4
_FACTORS = (0.4, 0.6, 0.8, 1.0, 1.25)
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
    Abundances are k-mers, not reads: ``fragments`` is the highest over the k places that
    the base can have in a k-mer, ``depth`` that of the k-mers at the site. Half of the
    depth is said to be on either strand.
    """
    upper, lower = choose_cutoffs(spectrum)
    graph = SolidGraph.build(table, upper, lower, threads=threads)
    goals = find_goals(table, graph, threads=threads)
    row = np.flatnonzero(goals.state != 0)
    led = (goals.state[row] == FOUND) | (goals.state[row] == TIE)
    at, goal = row[led], goals.goal[row[led]]
    shown = _describe_all(table, graph, at, goal, threads)
    alternatives, of_shown, context = _pool(shown, table, spectrum, upper, lower)
    of_alternative = np.full((len(row), MOST_SUBSTITUTIONS), -1, np.int32)
    of_alternative[np.flatnonzero(led)[shown.kmer], shown.rank] = of_shown
    target = np.full(len(row), -1, np.int64)
    solid = np.flatnonzero(table.counts >= upper)
    target[led] = solid[table.select(solid).find(canonical_kmers(goal, table.k))]
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


@dataclass(frozen=True, slots=True)
class _Shown:
    """One row per base in which a weak k-mer differs from its goal.

    Attributes
    ----------
    kmer, rank
        int64: number of the k-mer, and which of its differences this is; int8.
    key, to
        As of `Alternatives`.
    place
        uint8: of the base in the k-mer, counted along ``key``.
    count
        uint32: abundance of the weak k-mer.
    """

    kmer: np.ndarray
    rank: np.ndarray
    key: np.ndarray
    to: np.ndarray
    place: np.ndarray
    count: np.ndarray


def _describe_all(
    table: KmerTable, graph: SolidGraph, at: np.ndarray, goal: np.ndarray, threads: int
) -> _Shown:
    sizes = np.zeros(len(at), np.int64)
    in_spans(
        lambda start, stop: _count_substitutions(table.keys, at, goal, start, stop, sizes),
        len(at),
        threads,
    )
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    kmer = np.repeat(np.arange(len(at)), sizes)
    n = len(kmer)
    key, to, place = np.zeros(n, np.uint64), np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    k = np.int64(table.k)
    in_spans(
        lambda start, stop: _describe(
            table.keys, at, goal, offsets, start, stop, k, graph.slots, key, to, place
        ),
        len(at),
        threads,
    )
    rank = np.arange(n) - np.repeat(offsets[:-1], sizes)
    return _Shown(kmer, rank, key, to, place, table.counts[at[kmer]])


def _pool(
    shown: _Shown, table: KmerTable, spectrum: Spectrum, upper: int, lower: int
) -> tuple[Alternatives, np.ndarray, SampleContext]:
    """Alternatives, the row of each base shown, and what is known of the sample."""
    order = np.argsort(shown.key, kind="stable")
    key = shown.key[order]
    first = np.ones(len(key), bool)
    first[1:] = key[1:] != key[:-1]
    starts = np.flatnonzero(first)
    bounds = np.concatenate([starts, [len(key)]]).astype(np.int64)
    n = len(starts)
    of_shown = np.empty(len(key), np.int64)
    of_shown[order] = np.repeat(np.arange(n), np.diff(bounds))
    fragments, to = np.zeros(n, np.float64), np.zeros(n, np.uint8)
    _highest(order, bounds, shown.place, shown.count, shown.to, fragments, to)
    keys = key[starts]
    depth, to_depth = _site_depths(keys, to, table.select(table.counts >= lower))
    total = depth.sum(1)
    solid = table.counts >= upper
    rates, likelihood, fraction = _rates_and_likelihood(
        keys, to, fragments, total, table.keys[solid], table.counts[solid], table.k
    )
    support = np.full((n, len(COLUMNS)), np.nan)
    support[:, COLUMNS.index("fragments")] = fragments
    support[:, COLUMNS.index("reads")] = fragments
    alternatives = Alternatives(
        key=keys,
        to=to,
        support=support,
        depth=np.stack([total / 2, total / 2], axis=1),
        to_depth=to_depth,
        siblings=_siblings(keys, fragments),
        likelihood=likelihood,
        fraction=fraction,
        expected=(total + fragments) * rates[to, _middle(keys, WINDOW)],
        mean_quality=np.zeros((n, WINDOW), np.uint8),
        co_edited=np.zeros((n, WINDOW), np.uint8),
        of_edit=np.zeros(0, np.int64),
        rates=np.repeat(rates[:, :, None], N_QUALITIES, axis=2),
    )
    peak = spectrum.peak if spectrum.fitted else median_depth(spectrum)
    size = spectrum.genome_size if spectrum.fitted else np.count_nonzero(solid)
    context = describe_sample(
        alternatives,
        peak=float(peak),
        error_rate=float(rates.sum() / 4),
        genome_size=float(size),
        has_qualities=False,
    )
    return alternatives, of_shown, context


def _rates_and_likelihood(
    keys: np.ndarray,
    to: np.ndarray,
    fragments: np.ndarray,
    depth: np.ndarray,
    solid_keys: np.ndarray,
    solid_counts: np.ndarray,
    k: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rates of the substitutions, and what the alternatives' ratios are at these rates.

    Returns
    -------
    rates
        float64 (4, 4): probability that a base x is read as y, the same on both strands.
        Each substitution weighs in as ten errors at the mean rate.
    likelihood, fraction
        float64 (n,), as of `Alternatives`.

    Notes
    -----
    Errors are what is not surely real. At first that is what was seen less than three
    times, which is too little where the sample is deep and errors recur; then it is what
    the likelihood ratio says.
    """
    base = _middle(keys, WINDOW)
    weights = solid_counts.astype(np.float64)
    bases = np.bincount(_middle(solid_keys, k), weights=weights, minlength=4)
    bases = bases + bases[::-1]
    error = fragments < 3
    for _ in range(_TURNS):
        seen = np.bincount(4 * to[error] + base[error], weights=fragments[error], minlength=16)
        pairs = seen.reshape(4, 4) + seen.reshape(4, 4)[::-1, ::-1]
        mean = (pairs.sum() + 1) / (bases.sum() + 1) / 3
        rates = mean * (pairs + 10) / (bases[:, None] * mean + 10)
        np.fill_diagonal(rates, 0)
        rates = np.clip(rates, 1e-7, 0.25) * ~np.eye(4, dtype=bool)
        likelihood, fraction = _likelihoods(fragments, depth, rates[to, base])
        error = likelihood <= _SURELY_REAL
    return rates, likelihood, fraction


def _middle(keys: np.ndarray, k: int) -> np.ndarray:
    """Code of the middle base of packed k-mers, int64 (n,)."""
    return (keys >> np.uint64(2 * (k // 2))).astype(np.int64) & 3


def _likelihoods(
    fragments: np.ndarray, depth: np.ndarray, rate: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The greatest log likelihood ratio over a few fractions, and that fraction.

    See `dbgclean.evidence.alternatives`; every observation has the same error rate here.
    """
    others = np.maximum(depth, 1.0)
    likelihood = np.full(len(fragments), -np.inf)
    fraction = np.zeros(len(fragments))
    for factor in _FACTORS:
        f = np.minimum(0.99, factor * fragments / (others + fragments))
        value = others * np.log1p(-f)
        value += fragments * np.log(f * (1 - 3 * rate) / np.maximum(rate, 1e-12) + (1 - f))
        better = value > likelihood
        likelihood[better], fraction[better] = value[better], f[better]
    return likelihood, fraction


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
def _flanked(
    goal: np.uint64, k: np.int64, slots: np.ndarray, onward: np.ndarray, path: np.ndarray
) -> None:
    """The goal with FLANK bases of solid path on either side, into ``path``.

    Past a dead end A before and T after, each other's complement.
    """
    back = revcomp(goal, k)
    onward[:] = 4
    walk_deepest(goal, back, np.int64(1), slots, k, onward)
    for i in range(FLANK):
        path[FLANK + k + i] = onward[i] if onward[i] < 4 else 3
    onward[:] = 4
    walk_deepest(back, goal, np.int64(1), slots, k, onward)
    for i in range(FLANK):
        path[FLANK - 1 - i] = 3 - onward[i] if onward[i] < 4 else 0
    for i in range(k):
        path[FLANK + i] = (goal >> np.uint64(2 * (k - 1 - i))) & np.uint64(3)


@numba.njit(cache=True, nogil=True)
def _describe(
    keys: np.ndarray,
    at: np.ndarray,
    goal: np.ndarray,
    offsets: np.ndarray,
    start: np.int64,
    stop: np.int64,
    k: np.int64,
    slots: np.ndarray,
    key: np.ndarray,
    to: np.ndarray,
    place: np.ndarray,
) -> None:
    path = np.zeros(2 * FLANK + k, np.uint8)
    onward = np.zeros(FLANK, np.uint8)
    for i in range(start, stop):
        n = offsets[i]
        _flanked(goal[i], k, slots, onward, path)
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
            n += 1


@numba.njit(cache=True, nogil=True)
def _highest(
    order: np.ndarray,
    bounds: np.ndarray,
    place: np.ndarray,
    count: np.ndarray,
    to: np.ndarray,
    fragments: np.ndarray,
    out_to: np.ndarray,
) -> None:
    """Abundance of each group at its best place, and the base that most have instead."""
    sums = np.zeros(WINDOW, np.int64)
    votes = np.zeros(4, np.int64)
    for g in range(len(bounds) - 1):
        sums[:] = 0
        votes[:] = 0
        for i in range(bounds[g], bounds[g + 1]):
            e = order[i]
            sums[place[e]] += count[e]
            votes[to[e]] += count[e]
        fragments[g] = sums.max()
        out_to[g] = np.argmax(votes)
