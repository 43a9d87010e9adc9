"""Which fragments over a site are copies of one molecule, told by their two ends: kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.copying import order_of
from dbgclean.evidence.sites import SiteReads
from dbgclean.spectrum.kmers import substitutions

__all__ = [
    "DIFFER",
    "Fragments",
    "coincidences",
    "families",
    "fragments",
    "new_fragments",
    "tell",
    "tell_molecules",
]

# Bases in which the starts of two copies' mates may differ.
DIFFER = 3
# Fragments per distinct pair of ends, and such pairs, from which the ends are those of
# an amplicon and tell no molecule from the next.
_AMPLICON, _FEW_ENDS = 12.0, 12.0
# Fragments over a site per place where they could begin: more, and many share one by chance.
_BY_CHANCE = 0.3


class Fragments(NamedTuple):
    """Fragments over a site: place of the start, start of the mate, first row, molecule."""

    place: np.ndarray
    end: np.ndarray
    row: np.ndarray
    family: np.ndarray


@helper
def fragments(
    first: np.int64, last: np.int64, fragment: np.ndarray, strand: np.ndarray,
    position: np.ndarray, other_end: np.ndarray, out: Fragments,
) -> np.int64:  # fmt: skip
    """One entry per fragment: where it begins, told by its read along the key if it has one;
    each is a molecule of its own until `families` says more.

    The arrays are columns of `SiteReads`, or of what has the same.
    """
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
        out.end[n] = other_end[chosen]
        out.row[n] = i
        out.family[n] = n
        n += 1
        i = j
    return np.int64(n)


@helper
def families(of: Fragments, n: np.int64) -> np.int64:
    """Number the fragments by molecule, in the order of their places; those with the same two
    ends are one."""
    order = order_of(of.place, n)
    heads = np.zeros(n, np.int64)
    found, first = np.int64(0), np.int64(0)
    for t in range(n):
        i = order[t]
        if t == 0 or of.place[order[t - 1]] != of.place[i]:
            first = found
        family = first
        while family < found and substitutions(of.end[heads[family]], of.end[i]) > DIFFER:
            family += 1
        if family == found:
            heads[found] = i
            found += 1
        of.family[i] = family
    return found


@helper
def _effective(family: np.ndarray, n: np.int64, n_families: np.int64) -> float:
    """Inverse Simpson index of the families' sizes."""
    sizes = np.zeros(max(1, n_families), np.int64)
    for i in range(n):
        sizes[family[i]] += 1
    squares = 0.0
    for s in sizes:
        squares += float(s) * s
    return n * n / max(1.0, squares)


@helper
def new_fragments(n: np.int64) -> Fragments:
    return Fragments(
        np.zeros(n, np.int64), np.zeros(n, np.uint64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    )


@helper
def tell(site: Fragments, n: np.int64, starts: float) -> tuple[int, float]:
    """Whether a fragment's ends tell its molecule at this site (1; 0: too many share them
    by chance; -1: an amplicon's); molecules per fragment."""
    if n == 0:
        return 0, 1.0
    n_molecules = families(site, n)
    effective = _effective(site.family, n, n_molecules)
    if n > _AMPLICON * effective and effective < _FEW_ENDS:
        return -1, 1.0
    if n / starts >= _BY_CHANCE:
        return 0, 1.0
    return 1, n_molecules / n


@helper
def coincidences(site: Fragments, n: np.int64) -> tuple[float, float]:
    """Pairs of fragments with the same two ends, and how many chance lets expect.

    Where many molecules begin at one place, as at preferred cuts, many end at one as well.
    ``site`` has the numbers of `families`: molecules that begin at one place follow each other.
    """
    sizes, first = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        sizes[site.family[i]] += 1
        first[site.family[i]] = site.place[i]
    m = 0
    observed = 0.0
    while m < n and sizes[m] > 0:
        observed += sizes[m] * (sizes[m] - 1) / 2
        m += 1
    together, run = 0.0, 0
    for i in range(1, m):
        run = run + 1 if first[i] == first[i - 1] else 0
        together += run
    share = together / max(1.0, m * (m - 1) / 2)
    return observed, n * (n - 1) * share * share


@kernel
def tell_molecules(reads: SiteReads, starts: float) -> np.ndarray:
    """Whether the ends of the fragments over each site tell its molecules: bool (n_sites,)."""
    told = np.zeros(len(reads.bounds) - 1, np.bool_)
    for s in range(len(told)):
        c, d = reads.bounds[s], reads.bounds[s + 1]
        site = new_fragments(d - c)
        n = fragments(c, d, reads.fragment, reads.strand, reads.position, reads.other_end, site)
        told[s] = tell(site, n, starts)[0] == 1
    return told
