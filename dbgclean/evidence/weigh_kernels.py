"""What the reads over a site say of an alternative, molecule by molecule: the inner loops."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

__all__ = ["OUT", "Beside", "Support", "tell_molecules", "weigh"]

# Columns of what `weigh` fills. ``real`` is the plain ratio of molecules at its best
# fraction, and ``averaging`` what it loses where all fractions count; ``along`` to
# ``backward`` the same average for an error of one strand, or of one orientation of the
# fragments: log likelihoods in nats, against independent errors.
OUT = (
    "real", "averaging", "along", "against", "forward", "backward",
    "molecules", "denied", "per_fragment", "depth_along", "depth_forward", "told",
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
# What a copy without the base says at most (Phred), and nats per Phred.
_MOST_SURE, _PHRED = 30.0, np.log(10) / 10
# Odds (nats, against) that mates speak of another copy of a tandem repeat.
_TANDEM = 5.0
# Molecules per fragment from which there are no copies to speak of.
_ALL_APART = 0.999


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


class Beside(NamedTuple):
    """`dbgclean.evidence.sites.SiteReads` as kernels take it."""

    bounds: np.ndarray
    base: np.ndarray
    strand: np.ndarray
    mate: np.ndarray
    position: np.ndarray
    quality: np.ndarray
    fragment: np.ndarray
    other_end: np.ndarray


class Fragments(NamedTuple):
    """Fragments over a site: place of the start, start of the mate, first row, molecule."""

    place: np.ndarray
    end: np.ndarray
    row: np.ndarray
    family: np.ndarray


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
def _fragments(
    first: np.int64, last: np.int64, fragment: np.ndarray, strand: np.ndarray,
    position: np.ndarray, ends: np.ndarray, out: Fragments,
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
        out.place[n] = position[chosen] * 2 + np.int64(strand[chosen])
        out.end[n] = ends[chosen]
        out.row[n] = i
        n += 1
        i = j
    return np.int64(n)


@numba.njit(cache=True, nogil=True)
def _families(of: Fragments, n: np.int64) -> np.int64:
    """Number the fragments by molecule; those with the same two ends are one."""
    order = np.argsort(of.place[:n], kind="mergesort")
    heads = np.zeros(n, np.int64)
    found, first = np.int64(0), np.int64(0)
    for t in range(n):
        i = order[t]
        if t == 0 or of.place[order[t - 1]] != of.place[i]:
            first = found
        family = first
        while family < found and _differences(of.end[heads[family]], of.end[i]) > _DIFFER:
            family += 1
        if family == found:
            heads[found] = i
            found += 1
        of.family[i] = family
    return found


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
    reads: Beside,
    starts: float,
    cap: float,
    by_ends: bool,
    out: np.ndarray,
) -> None:
    """Fill one row of ``out`` per alternative.

    Parameters
    ----------
    site_of, base
        int64, uint8 (n,): row of ``reads.bounds``, and the alternative's base.
    depth
        float64 (n, 2): reads over the site that do not show it, along and against.
    starts
        Places where a fragment over a site can begin or, with its mate, begin and end.
    cap
        What one molecule weighs at most (log), however well it is read.
    by_ends
        Fragments with the same two ends may be copies of one molecule.
    """
    for g in range(len(support.bounds) - 1):
        a, b = support.bounds[g], support.bounds[g + 1]
        c, d = reads.bounds[site_of[g]], reads.bounds[site_of[g] + 1]
        row = out[g]
        # The whole site: do its ends tell molecules apart?
        site = _new_fragments(d - c)
        n_site = _fragments(
            c, d, reads.fragment, reads.strand, reads.position, reads.other_end, site
        )
        told, per_fragment = _tell(site, n_site, starts, by_ends)
        own = _new_fragments(b - a)
        n = _fragments(
            a, b, support.fragment, support.strand, support.position, support.other_end, own
        )
        n_molecules = _families(own, n) if told == 1 else n
        if told != 1:
            own.family[:n] = np.arange(n)
        full, by_strand = np.zeros((2, n_molecules)), np.zeros((2, n_molecules))
        orientation, copies = np.zeros(n_molecules, np.int64), np.zeros(n_molecules)
        _add_up(support, own, n, b, full, by_strand, orientation, copies)
        denied = 0
        if told == 1 and per_fragment < _ALL_APART:
            denied = _deny(support, own, n, reads, site, n_site, base[g], full, by_strand)
        # An error of copying is seldom in all copies: the more have it, the more it takes.
        most = cap + _COPY * (copies - 1)
        for s in range(2):
            by_strand[s] = np.minimum(by_strand[s], most)
            full[s] = np.minimum(full[s], most)
        others = np.zeros((2, 2), np.int64)
        for j in range(c, d):
            if reads.base[j] != base[g]:
                others[reads.strand[j], reads.mate[j]] += 1
        _hypotheses(full, by_strand, orientation, n_molecules, depth[g] * per_fragment, others, row)
        row[6], row[7], row[8], row[11] = n_molecules, denied, per_fragment, told


@numba.njit(cache=True, nogil=True)
def _new_fragments(n: np.int64) -> Fragments:
    return Fragments(
        np.zeros(n, np.int64), np.zeros(n, np.uint64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    )


@numba.njit(cache=True, nogil=True)
def _tell(site: Fragments, n: np.int64, starts: float, by_ends: bool) -> tuple[int, float]:
    """Whether a fragment's ends tell its molecule at this site (1; 0: too many share them
    by chance; -1: an amplicon's); molecules per fragment."""
    if not by_ends or n == 0:
        return 0, 1.0
    n_molecules = _families(site, n)
    effective = _effective(site.family, n, n_molecules)
    if n > _AMPLICON * effective and effective < _FEW_ENDS:
        return -1, 1.0
    if n / starts >= _BY_CHANCE:
        return 0, 1.0
    return 1, n_molecules / n


@numba.njit(cache=True, nogil=True)
def _add_up(
    support: Support, own: Fragments, n: np.int64, end: np.int64, full: np.ndarray,
    by_strand: np.ndarray, orientation: np.ndarray, copies: np.ndarray,
) -> None:  # fmt: skip
    """What the reads of each molecule say for the base: together, and by strand.

    Row 1 of ``full`` leaves out what mates say against it.
    """
    for i in range(n):
        stop = own.row[i + 1] if i + 1 < n else end
        best = own.row[i]
        along, against = 0.0, 0.0
        for e in range(own.row[i], stop):
            if support.quality[e] > support.quality[best]:
                best = e
            if support.strand[e]:
                against = max(against, np.log(support.own[e]))
            else:
                along = max(along, np.log(support.own[e]))
        m = own.family[i]
        full[0, m] += np.log(support.weight[best])
        full[1, m] += np.log(max(support.weight[best], support.own[best]))
        by_strand[0, m] += along
        by_strand[1, m] += against
        copies[m] += 1
        orientation[m] = support.strand[own.row[i]] ^ support.mate[own.row[i]]


@numba.njit(cache=True, nogil=True)
def _deny(
    support: Support, own: Fragments, n: np.int64, reads: Beside, site: Fragments,
    n_site: np.int64, base: np.uint8, full: np.ndarray, by_strand: np.ndarray,
) -> np.int64:  # fmt: skip
    """Take off what copies of the same molecules without the base say; how many there are."""
    denied = np.int64(0)
    for j in range(n_site):
        row = site.row[j]
        if reads.base[row] == base:
            continue
        for i in range(n):
            if (
                own.place[i] == site.place[j]
                and _differences(own.end[i], site.end[j]) <= _DIFFER
                and support.fragment[own.row[i]] != reads.fragment[row]
            ):
                quality = min(_MOST_SURE, max(3.0, float(reads.quality[row])))
                m = own.family[i]
                full[0, m] -= quality * _PHRED
                full[1, m] -= quality * _PHRED
                by_strand[0, m] -= quality * _PHRED
                by_strand[1, m] -= quality * _PHRED
                denied += 1
                break
    return denied


@numba.njit(cache=True, nogil=True)
def _hypotheses(
    full: np.ndarray, by_strand: np.ndarray, orientation: np.ndarray, n: np.int64,
    depth: np.ndarray, others: np.ndarray, row: np.ndarray,
) -> None:  # fmt: skip
    total = depth[0] + depth[1]
    along = depth[0] / max(total, 1e-9)
    # Reads whose first bases the site is among are in the depth, but not among ``others``:
    # these say which mate the reads of either strand are, no more.
    first = (others[0, 0] + 2.5) / (others[0].sum() + 5)
    second = (others[1, 1] + 2.5) / (others[1].sum() + 5)
    forward = along * first + (1 - along) * second
    weights = np.exp(full[0])
    row[0] = _at_best(weights, n, total)
    # In a tandem repeat it is the other copy that the mates show: seldom, but then always.
    unasked = _at_best(np.exp(full[1]), n, total) - _TANDEM
    if unasked > row[0]:
        weights, row[0] = np.exp(full[1]), unasked
    row[1] = _at_best(weights, n, total) - _on_average(weights, n, total, False)
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


@numba.njit(cache=True, nogil=True)
def tell_molecules(reads: Beside, starts: float) -> np.ndarray:
    """Whether the ends of the fragments over each site tell its molecules: bool (n_sites,)."""
    told = np.zeros(len(reads.bounds) - 1, np.bool_)
    for s in range(len(told)):
        c, d = reads.bounds[s], reads.bounds[s + 1]
        site = _new_fragments(d - c)
        n = _fragments(c, d, reads.fragment, reads.strand, reads.position, reads.other_end, site)
        told[s] = _tell(site, n, starts, True)[0]
    return told
