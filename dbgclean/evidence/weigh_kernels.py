"""What the reads over a site say of an alternative, molecule by molecule: the inner loops."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

__all__ = ["OUT", "Support", "weigh"]

# Columns of what `weigh` fills. ``real`` is the plain ratio of molecules at its best
# fraction, and ``averaging`` what it loses where all fractions count; ``along`` to
# ``backward`` the same average for an error of one strand, or of one orientation of the
# fragments: log likelihoods in nats, against independent errors.
OUT = (
    "real", "averaging", "along", "against", "forward", "backward",
    "molecules", "denied", "per_fragment", "depth_along", "depth_forward",
)  # fmt: skip
# Bases in which the starts of two copies' mates may differ.
_DIFFER = 3
# Fragments per distinct pair of ends, and such pairs, from which the ends are those of
# an amplicon and tell no molecule from the next.
_AMPLICON, _FEW_ENDS = 12.0, 12.0
# Fragments over a site per place where they could begin: more, and many share one by chance.
_BY_CHANCE = 0.3
_FACTORS = (0.4, 0.6, 0.8, 1.0, 1.25)
_LEAST_SHARE, _STEP = 0.004, 1.35
# A place that errs does so in more than this share of its reads ever more rarely.
_OFTEN, _RARELY = 0.15, 20.0
# What each further copy of a molecule adds to the most that it weighs.
_COPY = 0.45


class Support(NamedTuple):
    """Edits of the alternatives that are weighed, sorted by alternative, then by read.

    ``bounds`` int64 (n + 1,); the others have one row per edit: ``strand``, ``mate``
    uint8; ``position``, ``fragment`` int64; ``other_end`` uint64; ``quality`` uint8;
    ``own``, ``weight`` float64, of the read alone and with what its mate says.
    """

    bounds: np.ndarray
    strand: np.ndarray
    mate: np.ndarray
    position: np.ndarray
    fragment: np.ndarray
    other_end: np.ndarray
    quality: np.ndarray
    own: np.ndarray
    weight: np.ndarray


@numba.njit(cache=True, nogil=True)
def _differences(a: np.uint64, b: np.uint64) -> np.int64:
    """Bases in which two packed starts differ."""
    x = a ^ b
    x = (x | (x >> np.uint64(1))) & np.uint64(0x5555555555555555)
    n = np.int64(0)
    while x and n <= _DIFFER:
        x &= x - np.uint64(1)
        n += 1
    return n


@numba.njit(cache=True, nogil=True)
def _same(places: np.ndarray, ends: np.ndarray, i: int, j: int) -> bool:
    return places[i] == places[j] and _differences(ends[i], ends[j]) <= _DIFFER


@numba.njit(cache=True, nogil=True)
def _fragments(
    first: np.int64, last: np.int64, fragment: np.ndarray, strand: np.ndarray,
    position: np.ndarray, ends: np.ndarray, out_places: np.ndarray, out_ends: np.ndarray,
    out_rows: np.ndarray,
) -> np.int64:  # fmt: skip
    """One entry per fragment: where it begins, told by its read along the key if it has one."""
    n = 0
    i = first
    while i < last:
        j = i + 1
        chosen = i
        while j < last and fragment[j] == fragment[i]:
            if strand[j] < strand[chosen]:
                chosen = j
            j += 1
        out_places[n] = position[chosen] * 2 + np.int64(strand[chosen])
        out_ends[n] = ends[chosen]
        out_rows[n] = i
        n += 1
        i = j
    return np.int64(n)


@numba.njit(cache=True, nogil=True)
def _families(places: np.ndarray, ends: np.ndarray, n: np.int64, family: np.ndarray) -> np.int64:
    """Number the fragments by molecule; those with the same two ends are one."""
    order = np.argsort(places[:n], kind="mergesort")
    n_families = np.int64(0)
    heads = np.zeros(n, np.int64)
    first_of_place = np.int64(0)
    for t in range(n):
        i = order[t]
        if t == 0 or places[order[t - 1]] != places[i]:
            first_of_place = n_families
        found = np.int64(-1)
        for h in range(first_of_place, n_families):
            if _same(places, ends, heads[h], i):
                found = h
                break
        if found < 0:
            heads[n_families] = i
            found = n_families
            n_families += 1
        family[i] = found
    return n_families


@numba.njit(cache=True, nogil=True)
def _effective(family: np.ndarray, n: np.int64, n_families: np.int64) -> float:
    """Inverse Simpson index of the families' sizes."""
    sizes = np.zeros(max(1, n_families), np.int64)
    for i in range(n):
        sizes[family[i]] += 1
    squares = 0.0
    for s in sizes:
        squares += float(s) * s
    return n * n / max(1.0, squares)


@numba.njit(cache=True, nogil=True)
def _at_best(weights: np.ndarray, n: np.int64, others: float) -> float:
    """max over f of sum ln[f w + (1 - f)] + D ln(1 - f), as the plain ratio has it."""
    others = max(others, 1.0)
    best = -1e300
    for factor in _FACTORS:
        f = min(0.99, factor * n / (others + n))
        best = max(best, _at(weights, n, others, f))
    return best


@numba.njit(cache=True, nogil=True)
def _at(weights: np.ndarray, n: np.int64, others: float, f: float) -> float:
    value = others * np.log(1 - f)
    for i in range(n):
        value += np.log(f * weights[i] + (1 - f))
    return value


@numba.njit(cache=True, nogil=True)
def _on_average(weights: np.ndarray, n: np.int64, others: float, an_error: bool) -> float:
    """Log of the likelihood's mean over f, as many to each doubling from .4 % on.

    Few places err in more than 15 % of the reads; an allele may have any share.
    """
    others = max(others, 1.0)
    top, total, mass = -1e300, 0.0, 0.0
    f = _LEAST_SHARE
    while f < 1:
        log_prior = -max(0.0, _RARELY * (f - _OFTEN)) if an_error else 0.0
        value = _at(weights, n, others, f) + log_prior
        mass += np.exp(log_prior)
        if value > top:
            total = total * np.exp(top - value) + 1
            top = value
        else:
            total += np.exp(value - top)
        f *= _STEP
    return top + np.log(total / mass)


@numba.njit(cache=True, nogil=True)
def weigh(
    support: Support,
    site_of: np.ndarray,
    base: np.ndarray,
    depth: np.ndarray,
    reads: tuple,
    starts: float,
    cap: float,
    out: np.ndarray,
) -> None:
    """Fill one row of ``out`` per alternative.

    Parameters
    ----------
    site_of, base
        int64, uint8 (n,): row of ``reads.bounds``, and the alternative's base.
    depth
        float64 (n, 2): reads over the site that do not show it, along and against.
    reads
        `SiteReads` as a tuple of its arrays.
    starts
        Places where a fragment over a site can begin or, with its mate, begin and end.
    cap
        What one molecule weighs at most (log), however well it is read.
    """
    bounds, r_base, r_strand, r_mate, r_position, r_quality, r_fragment, r_ends = reads
    for g in range(len(support.bounds) - 1):
        a, b = support.bounds[g], support.bounds[g + 1]
        c, d = bounds[site_of[g]], bounds[site_of[g] + 1]
        row = out[g]
        # The whole site: do its ends tell molecules apart?
        n_all = d - c
        all_places, all_ends = np.zeros(n_all, np.int64), np.zeros(n_all, np.uint64)
        all_rows, all_family = np.zeros(n_all, np.int64), np.zeros(n_all, np.int64)
        n_all = _fragments(
            c, d, r_fragment, r_strand, r_position, r_ends, all_places, all_ends, all_rows
        )
        n_molecules = _families(all_places, all_ends, n_all, all_family)
        effective = _effective(all_family, n_all, n_molecules)
        told = n_all > 0 and n_all / starts < _BY_CHANCE
        if told and n_all > _AMPLICON * effective and effective < _FEW_ENDS:
            told = False
        per_fragment = n_molecules / n_all if told else 1.0
        # The alternative's own fragments, by molecule.
        n = b - a
        places, ends = np.zeros(n, np.int64), np.zeros(n, np.uint64)
        heads, family = np.zeros(n, np.int64), np.zeros(n, np.int64)
        n = _fragments(
            a, b, support.fragment, support.strand, support.position, support.other_end,
            places, ends, heads,
        )  # fmt: skip
        if told:
            n_families = _families(places, ends, n, family)
        else:
            n_families = n
            family[:n] = np.arange(n)
        full, copies = np.zeros(n_families), np.zeros(n_families)
        by_strand = np.zeros((2, n_families))
        orientation = np.zeros(n_families, np.int64)
        for i in range(n):
            stop = heads[i + 1] if i + 1 < n else b
            best = heads[i]
            own = np.zeros(2)
            for e in range(heads[i], stop):
                if support.quality[e] > support.quality[best]:
                    best = e
                s = support.strand[e]
                own[s] = max(own[s], np.log(support.own[e]))
            m = family[i]
            full[m] += np.log(support.weight[best])
            copies[m] += 1
            by_strand[0, m] += own[0]
            by_strand[1, m] += own[1]
            orientation[m] = support.strand[heads[i]] ^ support.mate[heads[i]]
        # Copies of the same molecules without it.
        denied = 0
        if told and per_fragment < 0.999:
            for j in range(n_all):
                shown = r_base[all_rows[j]] == base[g]
                if shown:
                    continue
                for i in range(n):
                    if places[i] == all_places[j] and (
                        _differences(ends[i], all_ends[j]) <= _DIFFER
                        and support.fragment[heads[i]] != r_fragment[all_rows[j]]
                    ):
                        q = min(30.0, max(3.0, float(r_quality[all_rows[j]])))
                        full[family[i]] -= q * 0.23
                        by_strand[0, family[i]] -= q * 0.23
                        by_strand[1, family[i]] -= q * 0.23
                        denied += 1
                        break
        others = np.zeros((2, 2), np.int64)
        for j in range(c, d):
            if r_base[j] != base[g]:
                others[r_strand[j], r_mate[j]] += 1
        # An error of copying is seldom in all copies: the more have it, the more it takes.
        most = cap + _COPY * (copies - 1)
        for s in range(2):
            by_strand[s] = np.minimum(by_strand[s], most)
        full = np.minimum(full, most)
        _hypotheses(full, by_strand, orientation, n_families, depth[g] * per_fragment, others, row)
        row[6], row[7], row[8] = n_families, denied, per_fragment


@numba.njit(cache=True, nogil=True)
def _hypotheses(
    full: np.ndarray, by_strand: np.ndarray, orientation: np.ndarray, n: np.int64,
    depth: np.ndarray, others: np.ndarray, row: np.ndarray,
) -> None:  # fmt: skip
    total = depth[0] + depth[1]
    m = others.sum()
    along = depth[0] / max(total, 1e-9)
    forward = 0.5
    if m > 0:
        along = (others[0, 0] + others[0, 1] + 20 * along) / (m + 20)
        forward = (others[0, 0] + others[1, 1] + 5) / (m + 10)
    weights = np.exp(full)
    row[0] = _at_best(weights, n, total)
    row[1] = row[0] - _on_average(weights, n, total, False)
    chosen = np.zeros(n)
    for s in range(2):
        k = 0
        for i in range(n):
            if by_strand[s, i] != 0:
                chosen[k] = np.exp(by_strand[s, i])
                k += 1
        row[2 + s] = _on_average(chosen, k, total * (along if s == 0 else 1 - along), True)
        k = 0
        for i in range(n):
            if orientation[i] == s:
                chosen[k] = weights[i]
                k += 1
        row[4 + s] = _on_average(chosen, k, total * (forward if s == 0 else 1 - forward), True)
    row[9], row[10] = along, forward
