"""Places of the sample that are known by any clean k-mer over them, and their finding in reads.

Alleles and errors are put there, to see what becomes of them: an error elsewhere in a read,
or its end being near, does not hide a place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper
from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.sites import make_filter, passes
from dbgclean.evidence.unowned import unowned
from dbgclean.spectrum.kmers import canonical_kmers, roll
from dbgclean.spectrum.table import build_index, find_row

__all__ = ["PlaceIndex", "Places", "index_places", "scan_places"]

# What recurs at a place already, in so many fragments or at such a ratio, spoils it.
_OWN_FRAGMENTS, _OWN_LIKELIHOOD = 2, 2.0


@dataclass(frozen=True, slots=True)
class Places:
    """Where something can be put in.

    Attributes
    ----------
    k
        Of the k-mers that places are known by.
    key
        uint64 (n,): canonical k-mer with the place in its middle.
    context
        uint8 (n, 2 * reach + 1): bases around it, along ``key``.
    """

    k: int
    key: np.ndarray
    context: np.ndarray

    def __len__(self) -> int:
        return len(self.key)

    @property
    def base(self) -> np.ndarray:
        """The base there, uint8 codes (n,), along ``key``."""
        return self.context[:, self.context.shape[1] // 2]

    def take(self, rows: np.ndarray) -> Places:
        """Some of the places."""
        return Places(self.k, self.key[rows], self.context[rows])

    def windows(self, base: np.ndarray) -> np.ndarray:
        """31-mer around each place, with ``base`` (uint8 (n,)) in the middle: uint64 (n,)."""
        middle = self.context.shape[1] // 2
        packed = np.zeros(len(self), np.uint64)
        for i in range(middle - FLANK, middle + FLANK + 1):
            codes = base if i == middle else self.context[:, i]
            packed = (packed << np.uint64(2)) | codes.astype(np.uint64)
        return packed

    def alternatives(self, base: np.ndarray) -> np.ndarray:
        """Key under which `Alternatives` files ``base`` (uint8 (n,)) there: uint64 (n,)."""
        return canonical_kmers(self.windows(base), WINDOW)

    def kmers(self) -> np.ndarray:
        """The k-mers over each place, not canonical: uint64 (n, k), column j begins at j."""
        first = self.context.shape[1] // 2 - (self.k - 1)
        keep = np.uint64((1 << 2 * self.k) - 1)
        columns = []
        kmer = np.zeros(len(self), np.uint64)
        for i in range(2 * self.k - 1):
            kmer = ((kmer << np.uint64(2)) | self.context[:, first + i].astype(np.uint64)) & keep
            if i >= self.k - 1:
                columns.append(kmer)
        return np.stack(columns, axis=1)

    def apart(self) -> Places:
        """Those that share no k-mer with another place or with themselves."""
        kmers = canonical_kmers(self.kmers().ravel(), self.k)
        _, inverse, times = np.unique(kmers, return_inverse=True, return_counts=True)
        return self.take(np.flatnonzero((times[inverse] == 1).reshape(-1, self.k).all(axis=1)))

    def untouched(self, alternatives: Alternatives) -> Places:
        """Those at which nothing recurs in the sample as it came."""
        recurs = alternatives.fragments >= _OWN_FRAGMENTS
        recurs |= alternatives.likelihood > _OWN_LIKELIHOOD
        spoilt = np.zeros(len(self), bool)
        for base in range(4):
            keys = self.alternatives(np.full(len(self), base, np.uint8))
            spoilt |= np.isin(keys, alternatives.key[recurs])
        return self.take(np.flatnonzero(~spoilt))


class PlaceIndex(NamedTuple):
    """The k-mers over places, k rows each, the first of which begins k - 1 bases before the place.

    ``slots``, ``rows``, ``mask``: as `dbgclean.spectrum.table.build_index` gives them;
    ``against`` uint8: whether a k-mer's canonical form runs against the place's own;
    ``bits``: filter of the k-mers, see `dbgclean.evidence.sites.make_filter`.
    """

    k: np.int64
    slots: np.ndarray
    rows: np.ndarray
    mask: np.uint64
    against: np.ndarray
    bits: np.ndarray


def index_places(places: Places) -> PlaceIndex:
    """What `scan_places` finds them by."""
    kmers = places.kmers().ravel()
    canonical = canonical_kmers(kmers, places.k)
    index = build_index(canonical, places.k)
    against = (canonical != kmers).astype(np.uint8)
    return PlaceIndex(
        np.int64(places.k), index.slots, index.rows, np.uint64(index.mask), against,
        make_filter(canonical),
    )  # fmt: skip


@helper
def scan_places(
    codes: np.ndarray, start: np.int64, stop: np.int64, index: PlaceIndex, hits: np.ndarray
) -> np.int64:
    """Places in one read: fills ``hits`` (int64 (m, 3)) with place, base, and 1 where turned."""
    k, bits = index.k, unowned(index.bits)
    slots, rows = unowned(index.slots), unowned(index.rows)
    forward, backward, run = np.uint64(0), np.uint64(0), 0
    n, done = 0, np.int64(-1)
    for i in range(start, stop):
        c = codes[i]
        if c > 3:
            run = 0
            continue
        forward, backward = roll(forward, backward, c, k)
        run += 1
        if run < k:
            continue
        key = min(forward, backward)
        if not passes(bits, key):
            continue
        row = find_row(slots, rows, index.mask, key)
        if row < 0:
            continue
        # Column j begins j bases into the context, so the place is its base k - 1 - j.
        column = row % k
        turned = (forward > backward) != (index.against[row] == 1)
        at = i - k + 1 + (column if turned else k - 1 - column)
        if at <= done or n == len(hits):
            continue
        done = at
        hits[n, 0], hits[n, 1], hits[n, 2] = row // k, at, np.int64(turned)
        n += 1
    return np.int64(n)
