"""Alleles and errors put into the sample's own reads, at places that are known.

Nobody knows which alternatives of a sample are real. But a base that every read
agrees on can be turned to another in a share of the *fragments*, mates and strands
alike, and then there is an allele whose fraction is known; turned in single reads, by
their qualities or on one strand, it is an error. What the network makes of either, in
this very sample, can then be looked at and learned from. Reads are rewritten as they go
by and never held; a place is known again by any clean k-mer over it, so an error
elsewhere in a read or its end being near does not hide the place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK, N_QUALITIES
from dbgclean.evidence.places import PlaceIndex, Places, index_places, scan_places
from dbgclean.evidence.threading import default_quality, qualities_of
from dbgclean.reads.prefetch import in_spans
from dbgclean.spectrum.hashing import mixed, uniform
from dbgclean.spectrum.kmers import LETTERS, revcomp, roll
from dbgclean.spectrum.table import KmerTable, find_row

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = ["Injection", "Injector", "PlaceFinder"]

# A place is solid where every k-mer over it is seen this often, and the rarest at least
# this share of the most frequent: no allele, no repeat's border, no dip of the depth.
_LEAST, _EVEN = 6, 0.5
# One base error is at most this many times as likely at a low quality as on average.
_STEEPEST = 25.0


@helper
def _even(
    codes: np.ndarray, start: np.int64, k: np.int64, slots: np.ndarray, rows: np.ndarray,
    mask: np.uint64, counts: np.ndarray,
) -> bool:  # fmt: skip
    """Are the k k-mers from ``start`` on frequent, and about equally so?"""
    low, high = np.int64(1) << np.int64(40), np.int64(0)
    kmer = np.uint64(0)
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    for i in range(start, start + 2 * k - 1):
        kmer = ((kmer << np.uint64(2)) | np.uint64(codes[i])) & keep
        if i - start < k - 1:
            continue
        row = find_row(slots, rows, mask, min(kmer, revcomp(kmer, k)))
        if row < 0:
            return False
        count = np.int64(counts[row])
        low, high = min(low, count), max(high, count)
    return bool(low >= _LEAST and low >= _EVEN * high)


@kernel
def _find_places(
    codes: np.ndarray, offsets: np.ndarray, k: np.int64, reach: np.int64, limit: np.uint64,
    slots: np.ndarray, rows: np.ndarray, mask: np.uint64, counts: np.ndarray, found: np.ndarray,
    keys: np.ndarray,
) -> np.int64:  # fmt: skip
    """Bases in the middle of a k-mer of small hash, solid and evenly deep all around.

    Fills ``found`` with places in ``codes``, negative (-1 - place) where the canonical
    k-mer runs against the read, and ``keys``; returns how many.
    """
    n = 0
    for read in range(len(offsets) - 1):
        forward, backward, run = np.uint64(0), np.uint64(0), 0
        for i in range(offsets[read], offsets[read + 1]):
            c = codes[i]
            if c > 3:
                run = 0
                continue
            forward, backward = roll(forward, backward, c, k)
            run += 1
            key = min(forward, backward)
            if run < k or mixed(key) > limit or n == len(found):
                continue
            at = i - k // 2
            if at - reach < offsets[read] or at + reach >= offsets[read + 1]:
                continue
            clear = True
            for j in range(at - reach, at + reach + 1):
                clear &= codes[j] < 4
            if clear and _even(codes, at - k + 1, k, slots, rows, mask, counts):
                found[n] = at if forward <= backward else -1 - at
                keys[n] = key
                n += 1
    return np.int64(n)


class PlaceFinder:
    """Collects places from batches that go by.

    Parameters
    ----------
    table
        k-mers of the same reads, with their abundance.
    spacing
        Bases between places, on average, were all of the sample solid.
    """

    def __init__(self, table: KmerTable, spacing: float) -> None:
        self.k = table.k
        self.reach = max(self.k - 1, FLANK)
        self.qualities = np.zeros(N_QUALITIES, np.int64)
        self._counts, self._index = table.counts, table.index()
        self._limit = np.uint64(int((2**64 - 1) / max(spacing, 1.0)))
        self._keys = np.zeros(0, np.uint64)
        self._contexts = np.zeros((0, 2 * self.reach + 1), np.uint8)

    def add(self, batch: ReadBatch) -> None:
        """Look at one batch; of the same k-mer the first read that shows it counts."""
        if batch.quals is not None:
            seen = np.bincount(batch.quals, minlength=N_QUALITIES)[:N_QUALITIES]
            self.qualities += seen
        else:
            self.qualities[default_quality] += len(batch.codes)
        found = np.zeros(len(batch.codes) // 4 + 64, np.int64)
        keys = np.zeros(len(found), np.uint64)
        n = _find_places(
            batch.codes, batch.offsets, np.int64(self.k), np.int64(self.reach), self._limit,
            self._index.slots, self._index.rows, self._index.mask, self._counts, found, keys,
        )  # fmt: skip
        fresh, first = np.unique(keys[:n], return_index=True)
        new = ~np.isin(fresh, self._keys, assume_unique=True)
        fresh, at = fresh[new], found[first[new]]
        if len(fresh) == 0:
            return
        against = at < 0
        at = np.where(against, -1 - at, at)
        contexts = batch.codes[at[:, None] + np.arange(-self.reach, self.reach + 1)]
        contexts[against] = 3 - contexts[against][:, ::-1]
        order = np.argsort(np.concatenate([self._keys, fresh]), kind="stable")
        self._keys = np.concatenate([self._keys, fresh])[order]
        self._contexts = np.concatenate([self._contexts, contexts])[order]

    def finish(self, alternatives: Alternatives) -> Places:
        """The places that are apart from each other and at which nothing recurs."""
        return Places(self.k, self._keys, self._contexts).untouched(alternatives).apart()


@dataclass(frozen=True, slots=True)
class Injection:
    """What is put in, one row per place of ``places``.

    Attributes
    ----------
    places
        `Places`.
    to
        uint8 (n,): the base put there, along the place's key; another than its own.
    rate
        float64 (n,): share of fragments (alleles) or of reads (errors) that get it.
    is_allele
        bool (n,).
    strand
        int8 (n,): errors on reads along the key (0), against it (1), or on both (2).
    blind
        float64 (n,): share of an error that does not care for the quality of the base.
    """

    places: Places
    to: np.ndarray
    rate: np.ndarray
    is_allele: np.ndarray
    strand: np.ndarray
    blind: np.ndarray

    @property
    def key(self) -> np.ndarray:
        """Keys of the alternatives that it makes, uint64 (n,)."""
        return self.places.alternatives(self.to)


class Injector:
    """Rewrites batches; the same batch always in the same way.

    Parameters
    ----------
    injection
        What to put where.
    rates
        float64 (4, 4, 94): error rates of the sample (`Alternatives.rates`).
    qualities
        int64 (94,): how frequent each quality is.
    seed
        Of what is drawn for each fragment and read.

    Attributes
    ----------
    tally
        int64 (n,): reads that were changed at each place, over all batches since the
        injector was made or `reset`.
    """

    def __init__(
        self, injection: Injection, rates: np.ndarray, qualities: np.ndarray, seed: int
    ) -> None:
        share = qualities / max(1, qualities.sum())
        mean = (rates * share).sum(axis=2, keepdims=True)
        steepness = np.minimum(rates / np.maximum(mean, 1e-9), _STEEPEST)
        places = injection.places
        self._index = index_places(places)
        self._what = _What(
            places.base, injection.to, injection.rate, injection.is_allele, injection.strand,
            injection.blind, steepness, np.uint64(seed),
        )  # fmt: skip
        self.tally = np.zeros(len(places), np.int64)

    def reset(self) -> None:
        """Forget the tally, as before another pass over the reads."""
        self.tally[:] = 0

    def inject(
        self, batch: ReadBatch, first_read: int, threads: int = 1
    ) -> tuple[ReadBatch, np.ndarray]:
        """The batch with its alleles and errors.

        Parameters
        ----------
        first_read
            Number of the batch's first read in the whole run.
        threads
            The result does not depend on them.

        Returns
        -------
        batch
            As it came where nothing was put in.
        changed
            bool (n_reads,): reads that differ from before.
        """
        codes = batch.codes.copy()
        quals = qualities_of(batch)
        changed = np.zeros(len(batch), np.uint8)

        def work(start: np.int64, stop: np.int64) -> np.ndarray:
            tally = np.zeros(len(self.tally), np.int64)
            _inject(
                batch.codes, quals, batch.offsets, (start, stop), np.int64(first_read),
                np.int64(batch.first_read), batch.paired, self._index, self._what, codes, changed,
                tally,
            )  # fmt: skip
            return tally

        for tally in in_spans(work, len(batch), threads):
            self.tally += tally
        if not changed.any():
            return batch, changed.astype(bool)
        bases = np.where(codes != batch.codes, LETTERS[codes], batch.bases)
        return replace(batch, bases=bases, codes=codes), changed.astype(bool)


class _What(NamedTuple):
    """What `_inject` is told of each place: see `Injection`; ``steepness`` float64 (4, 4, 94)."""

    base: np.ndarray
    to: np.ndarray
    rate: np.ndarray
    is_allele: np.ndarray
    strand: np.ndarray
    blind: np.ndarray
    steepness: np.ndarray
    seed: np.uint64


@kernel
def _inject(
    codes: np.ndarray, quals: np.ndarray, offsets: np.ndarray, span: tuple[np.int64, np.int64],
    first_read: np.int64, first_in_group: np.int64, paired: np.bool_, index: PlaceIndex,
    what: _What, out: np.ndarray, changed: np.ndarray, tally: np.ndarray,
) -> None:  # fmt: skip
    """Change the bases of some reads; ``out`` begins as a copy of ``codes``."""
    longest = np.int64(0)
    for read in range(span[0], span[1]):
        longest = max(longest, offsets[read + 1] - offsets[read])
    hits = np.zeros((longest + 1, 3), np.int64)
    for read in range(span[0], span[1]):
        number = read + first_read
        fragment = number - ((read + first_in_group) & 1 if paired else 0)
        for h in range(scan_places(codes, offsets[read], offsets[read + 1], index, hits)):
            place, at, turned = hits[h, 0], hits[h, 1], hits[h, 2]
            x, y = what.base[place], what.to[place]
            if turned:
                x, y = np.uint8(3 - x), np.uint8(3 - y)
            chance, who = what.rate[place], fragment
            if not what.is_allele[place]:
                if what.strand[place] != 2 and what.strand[place] != turned:
                    continue
                q = min(quals[at], np.uint8(N_QUALITIES - 1))
                share = what.blind[place]
                chance = min(0.9, chance * ((1 - share) * what.steepness[x, y, q] + share))
                who = number
            if uniform(what.seed ^ np.uint64(place), np.uint64(who)) < chance:
                out[at] = y
                changed[read] = 1
                tally[place] += 1
