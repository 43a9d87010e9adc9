"""From the abundances of weak k-mers to alternatives seen in so many reads.

A read that is right but for one base shows it in up to k k-mers, one for each place that
the base can have in a k-mer. Place by place the abundances rise where reads begin to show
it and fall where they end, so that what they rise by in all is the reads that showed it, as
long as none begins where another ends. Reads that end near the base have fewer such
k-mers; how many the lone errors have on average tells how many reads there are to a k-mer.
An alternative may be solid at some places; what is known of those belongs to its profile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.alternatives import COLUMNS, Alternatives, sibling_fragments
from dbgclean.evidence.cutoffs import median_depth
from dbgclean.evidence.depths import site_depths
from dbgclean.evidence.edits import N_QUALITIES, WINDOW
from dbgclean.evidence.sample import SampleContext, describe_sample
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.table import KmerTable

__all__ = ["Shown", "pool_shown"]

# Alternatives up to this likelihood ratio (nats) teach the error rate; it is taken again
# with the likelihoods that it gives, this many times.
_SURELY_REAL = 9.0
_TURNS = 4
_FACTORS = (0.4, 0.6, 0.8, 1.0, 1.25)
# Lone errors with all k k-mers that weigh in before the first is counted.
_PRIOR_LONE = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """One row per base in which a weak k-mer differs from its goal.

    Attributes
    ----------
    kmer, rank
        int64: number of the k-mer, and which of its differences this is; int8.
    key, to
        As of `Alternatives`.
    place
        uint8: of the base in the k-mer, counted along ``key``.
    count, depth
        uint32: abundance of the weak k-mer, and of its goal.
    beside
        uint32 (n, 2): abundance of the solid k-mers that show the base at the place before
        and at the one after, 0 where there are none.
    """

    kmer: np.ndarray
    rank: np.ndarray
    key: np.ndarray
    to: np.ndarray
    place: np.ndarray
    count: np.ndarray
    depth: np.ndarray
    beside: np.ndarray


def pool_shown(
    shown: Shown, table: KmerTable, spectrum: Spectrum, upper: int, lower: int
) -> tuple[Alternatives, np.ndarray, SampleContext]:
    """Alternatives, the row of each base shown, and what is known of the sample.

    Depths are in reads over a base, half of them said to be on either strand.
    """
    groups = _group(shown, table.k)
    keys, to, fragments = groups.keys, groups.to, groups.fragments
    depth, to_depth = site_depths(keys, to, table, lower)
    # The window may run past a dead end, where there is no k-mer to ask.
    to_depth = np.maximum(to_depth, groups.goal_depth) * groups.reads_per_kmer
    total = np.maximum(depth.sum(1) * groups.reads_per_kmer, to_depth)
    solid = table.counts >= upper
    weights = table.counts[solid] * groups.reads_per_kmer
    bases = np.bincount(_middle(table.keys[solid], table.k), weights=weights, minlength=4)
    base = _middle(keys, WINDOW)
    rates, likelihood, fraction = _rates_and_likelihood(to, base, fragments, total, bases)
    n = len(keys)
    support = np.full((n, len(COLUMNS)), np.nan)
    support[:, COLUMNS.index("fragments")] = fragments
    support[:, COLUMNS.index("reads")] = fragments
    alternatives = Alternatives(
        key=keys,
        to=to,
        support=support,
        depth=np.stack([total / 2, total / 2], axis=1),
        to_depth=to_depth,
        siblings=sibling_fragments(keys, fragments),
        likelihood=likelihood,
        fraction=fraction,
        expected=(total + fragments) * rates[to, base],
        mean_quality=np.zeros((n, WINDOW), np.uint8),
        co_edited=np.zeros((n, WINDOW), np.uint8),
        odds=likelihood,
        of_edit=np.zeros(0, np.int64),
        rates=np.repeat(rates[:, :, None], N_QUALITIES, axis=2),
    )
    peak = spectrum.peak if spectrum.fitted else median_depth(spectrum)
    size = spectrum.genome_size if spectrum.fitted else np.count_nonzero(solid)
    context = describe_sample(
        alternatives,
        peak=float(peak * groups.reads_per_kmer),
        error_rate=float(rates.sum() / 4),
        genome_size=float(size),
        has_qualities=False,
    )
    return alternatives, groups.of_shown, context


@dataclass(frozen=True, slots=True)
class _Groups:
    """Bases shown, by the alternative that they are.

    Attributes
    ----------
    keys, to, fragments
        As of `Alternatives`, one row per alternative.
    goal_depth
        float64 (n,): abundance of the deepest k-mer that any of them leads to.
    of_shown
        int64: row of each base shown.
    reads_per_kmer
        Reads over a base for each over a k-mer.
    """

    keys: np.ndarray
    to: np.ndarray
    fragments: np.ndarray
    goal_depth: np.ndarray
    of_shown: np.ndarray
    reads_per_kmer: float


def _group(shown: Shown, k: int) -> _Groups:
    order = np.argsort(shown.key, kind="stable")
    key = shown.key[order]
    first = np.ones(len(key), bool)
    first[1:] = key[1:] != key[:-1]
    starts = np.flatnonzero(first)
    bounds = np.concatenate([starts, [len(key)]]).astype(np.int64)
    n = len(starts)
    of_shown = np.empty(len(key), np.int64)
    of_shown[order] = np.repeat(np.arange(n), np.diff(bounds))
    fragments, goal_depth, to = np.zeros(n), np.zeros(n), np.zeros(n, np.uint8)
    places = np.zeros(n, np.int64)
    _profile(
        order, bounds, shown.place, shown.count, shown.depth, shown.beside, shown.to, fragments,
        goal_depth, to, places,
    )  # fmt: skip
    lone = places[fragments == 1]
    share = (lone.sum() + _PRIOR_LONE * k) / (len(lone) + _PRIOR_LONE) / k
    return _Groups(key[starts], to, fragments, goal_depth, of_shown, float(1 / share))


def _rates_and_likelihood(
    to: np.ndarray, base: np.ndarray, fragments: np.ndarray, depth: np.ndarray, bases: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rates of the substitutions, and what the alternatives' ratios are at these rates.

    Parameters
    ----------
    to, base, fragments, depth
        (n,): the path's base and the alternative's, its reads, and those without it.
    bases
        float64 (4,): bases read, by code.

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


@helper
def _rises(sums: np.ndarray, solid: np.ndarray) -> np.int64:
    """What a profile rises by in all; solid k-mers between two that are known are no dip."""
    total, before, last = 0, 0, -1
    for p in range(WINDOW):
        # Not their sum: what is deep, but shallow beside its goal, is in both.
        now = max(sums[p], solid[p])
        if now == 0 and last >= 0:
            for q in range(p + 1, WINDOW):
                if solid[q] > 0:
                    now = min(solid[last], solid[q])
                    break
                if sums[q] > 0:
                    break
        if solid[p] > 0:
            last = p
        elif sums[p] > 0:
            last = -1
        total += max(0, now - before)
        before = now
    return np.int64(total)


@kernel
def _profile(
    order: np.ndarray,
    bounds: np.ndarray,
    place: np.ndarray,
    count: np.ndarray,
    depth: np.ndarray,
    beside: np.ndarray,
    to: np.ndarray,
    fragments: np.ndarray,
    goal_depth: np.ndarray,
    out_to: np.ndarray,
    places: np.ndarray,
) -> None:
    """Of each group the reads that begin to show it, its deepest goal, the base that most
    have instead, and at how many places it was seen."""
    sums, solid = np.zeros(WINDOW, np.int64), np.zeros(WINDOW, np.int64)
    votes = np.zeros(4, np.int64)
    for g in range(len(bounds) - 1):
        sums[:] = 0
        solid[:] = 0
        votes[:] = 0
        for i in range(bounds[g], bounds[g + 1]):
            e = order[i]
            p = int(place[e])
            sums[p] += count[e]
            votes[to[e]] += count[e]
            goal_depth[g] = max(goal_depth[g], np.float64(depth[e]))
            if beside[e, 0] > 0:
                solid[p - 1] = max(solid[p - 1], np.int64(beside[e, 0]))
            if beside[e, 1] > 0:
                solid[p + 1] = max(solid[p + 1], np.int64(beside[e, 1]))
        fragments[g] = _rises(sums, solid)
        for p in range(WINDOW):
            places[g] += sums[p] > 0
        out_to[g] = np.argmax(votes)
