"""What the reads over a site say of an alternative, molecule by molecule: the inner loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.molecule_kernels import (
    DIFFER,
    Fragments,
    coincidences,
    families,
    fragments,
    new_fragments,
    tell,
)
from dbgclean.evidence.sites import SiteReads
from dbgclean.spectrum.kmers import substitutions

__all__ = ["OUT", "Support", "at_best", "weigh"]

# Columns of what `weigh` fills. ``real`` is the plain ratio of molecules at its best
# fraction, and ``averaging`` what it loses where all fractions count; ``along`` to
# ``backward`` the same average for an error of one strand, or of one orientation of the
# fragments: log likelihoods in nats, against independent errors.
OUT = (
    "real", "averaging", "along", "against", "forward", "backward",
    "molecules", "denied", "per_fragment", "depth_along", "depth_forward", "told",
    "same_ends", "same_by_chance",
)  # fmt: skip
(
    REAL, AVERAGING, ALONG, AGAINST, FORWARD, BACKWARD,
    MOLECULES, DENIED, PER_FRAGMENT, DEPTH_ALONG, DEPTH_FORWARD, TOLD,
    SAME_ENDS, SAME_BY_CHANCE,
) = range(len(OUT))  # fmt: skip
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
# Odds (nats, against) that fragments with the same two ends are no copies after all.
_COINCIDENCE = 3.5
# Molecules per fragment from which there are no copies to speak of.
_ALL_APART = 0.999


class Support(NamedTuple):
    """Edits of the alternatives that are weighed, sorted by alternative, then by read.

    ``bounds`` int64 (n + 1,); the others have one row per edit: ``strand``, ``mate``
    uint8; ``position``, ``fragment`` int64; ``other_end`` uint64; ``quality`` uint8;
    ``margin`` uint16, bases to the nearer end of the read;
    ``own``, ``weight`` float64, of the read alone and with what its mate says.
    """

    bounds: np.ndarray
    strand: np.ndarray
    mate: np.ndarray
    position: np.ndarray
    fragment: np.ndarray
    other_end: np.ndarray
    quality: np.ndarray
    margin: np.ndarray
    own: np.ndarray
    weight: np.ndarray


@kernel
def at_best(weights: np.ndarray, n: np.int64, others: float) -> tuple[float, float]:
    """max over f of sum ln[f w + (1 - f)] + D ln(1 - f), and that f.

    ``weights``: of the first n, of `dbgclean.evidence.rates.evidence_weights`; D ``others``.
    """
    others = max(others, 1.0)
    best, best_f = -1e300, 0.0
    for factor in _FACTORS:
        f = min(0.99, factor * n / (others + n))
        value = _at(weights, n, others, f)
        if value > best:
            best, best_f = value, f
    return best, best_f


@helper
def _at(weights: np.ndarray, n: np.int64, others: float, f: float) -> float:
    value = others * np.log(1 - f)
    for i in range(n):
        value += np.log(f * weights[i] + (1 - f))
    return value


@helper
def _on_average(weights: np.ndarray, n: np.int64, others: float, rarely: float) -> float:
    """Log of the likelihood's mean over f, as many to each doubling from .4 % on.

    Few places err in more than 15 % of the reads (``rarely`` is `_RARELY`, and not a flag, for
    each value of a flag is compiled apart); an allele may have any share (0).
    """
    others = max(others, 1.0)
    top, total, mass = -1e300, 0.0, 0.0
    f = _LEAST_SHARE
    while f < 1:
        log_prior = -max(0.0, rarely * (f - _OFTEN))
        value = _at(weights, n, others, f) + log_prior
        mass += np.exp(log_prior)
        if value > top:
            total = total * np.exp(top - value) + 1
            top = value
        else:
            total += np.exp(value - top)
        f *= _STEP
    return top + np.log(total / mass)


@kernel
def weigh(
    support: Support,
    site_of: np.ndarray,
    base: np.ndarray,
    depth: np.ndarray,
    reads: SiteReads,
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
        site = new_fragments(d - c)
        n_site = fragments(
            c, d, reads.fragment, reads.strand, reads.position, reads.other_end, site
        )
        told, per_fragment = 0, 1.0
        if by_ends:
            told, per_fragment = tell(site, n_site, starts)
        if told == 1:
            row[SAME_ENDS], row[SAME_BY_CHANCE] = coincidences(site, n_site)
        own = new_fragments(b - a)
        n = fragments(
            a, b, support.fragment, support.strand, support.position, support.other_end, own
        )
        n_molecules = families(own, n) if told == 1 else n
        full, by_strand = np.zeros((2, n_molecules)), np.zeros((2, n_molecules))
        orientation, copies = np.zeros(n_molecules, np.int64), np.zeros(n_molecules)
        _add_up(support, own, n, b, full, by_strand, orientation, copies)
        denied = 0
        if told == 1 and per_fragment < _ALL_APART:
            denied = _deny(support, own, n, reads, site, n_site, base[g], full, by_strand)
        others = np.zeros((2, 2), np.int64)
        for j in range(c, d):
            if reads.base[j] != base[g]:
                others[reads.strand[j], reads.mate[j]] += 1
        _cap(full, by_strand, copies, cap)
        _hypotheses(full, by_strand, orientation, n_molecules, depth[g] * per_fragment, others, row)
        row[MOLECULES], row[DENIED] = n_molecules, denied
        row[PER_FRAGMENT], row[TOLD] = per_fragment, told


@helper
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


@helper
def _deny(
    support: Support, own: Fragments, n: np.int64, reads: SiteReads, site: Fragments,
    n_site: np.int64, base: np.uint8, full: np.ndarray, by_strand: np.ndarray,
) -> np.int64:  # fmt: skip
    """Take off what copies of the same molecules without the base say; how many there are."""
    denied = np.int64(0)
    against = np.zeros(full.shape[1])
    for j in range(n_site):
        row = site.row[j]
        if reads.base[row] == base:
            continue
        for i in range(n):
            if (
                own.place[i] == site.place[j]
                and substitutions(own.end[i], site.end[j]) <= DIFFER
                and support.fragment[own.row[i]] != reads.fragment[row]
            ):
                quality = min(_MOST_SURE, max(3.0, float(reads.quality[row])))
                against[own.family[i]] += quality * _PHRED
                denied += 1
                break
    for m in range(len(against)):
        # However many deny, the ends may be the same by chance.
        most = min(against[m], _COINCIDENCE)
        for s in range(2):
            full[s, m] -= most
            by_strand[s, m] -= most
    return denied


@helper
def _cap(full: np.ndarray, by_strand: np.ndarray, copies: np.ndarray, cap: float) -> None:
    """An error of copying is seldom in all copies: the more have it, the more it takes."""
    for m in range(len(copies)):
        most = cap + _COPY * (copies[m] - 1)
        for s in range(2):
            by_strand[s, m] = min(by_strand[s, m], most)
            full[s, m] = min(full[s, m], most)


@helper
def _hypotheses(
    full: np.ndarray, by_strand: np.ndarray, orientation: np.ndarray, n: np.int64,
    depth: np.ndarray, others: np.ndarray, row: np.ndarray,
) -> None:  # fmt: skip
    total = depth[0] + depth[1]
    along = depth[0] / max(total, 1e-9)
    # Reads whose first bases the site is among are in the depth, but not among ``others``:
    # these say which mate the reads of either strand are, no more.
    first = (others[0, 0] + 2.5) / (others[0, 0] + others[0, 1] + 5)
    second = (others[1, 1] + 2.5) / (others[1, 0] + others[1, 1] + 5)
    forward = along * first + (1 - along) * second
    weights, chosen = np.empty(n), np.empty(n)
    for i in range(n):
        weights[i], chosen[i] = np.exp(full[0, i]), np.exp(full[1, i])
    row[REAL] = at_best(weights, n, total)[0]
    # In a tandem repeat it is the other copy that the mates show: seldom, but then always.
    unasked = at_best(chosen, n, total)[0] - _TANDEM
    if unasked > row[REAL]:
        weights, chosen, row[REAL] = chosen, weights, unasked
    row[AVERAGING] = at_best(weights, n, total)[0] - _on_average(weights, n, total, 0.0)
    for s in range(2):
        k = np.int64(0)
        for i in range(n):
            if by_strand[s, i] != 0:
                chosen[k] = np.exp(by_strand[s, i])
                k += 1
        share = along if s == 0 else 1 - along
        row[ALONG + s] = _on_average(chosen, k, total * share, _RARELY)
        k = np.int64(0)
        for i in range(n):
            if orientation[i] == s:
                chosen[k] = weights[i]
                k += 1
        share = forward if s == 0 else 1 - forward
        row[FORWARD + s] = _on_average(chosen, k, total * share, _RARELY)
    row[DEPTH_ALONG], row[DEPTH_FORWARD] = along, forward
