"""The reads over chosen sites, whatever base they show: what an alternative is compared with.

Whether an alternative that stands on one strand, on one orientation of the fragments, or
on few starts is odd depends on the other reads over the same site: in an amplicon they all
have the same two ends. They go by once more, and those that show a site exactly, but for
its middle base, are noted.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.mates import mate_start
from dbgclean.evidence.threading import qualities_of
from dbgclean.evidence.unowned import unowned
from dbgclean.reads.prefetch import map_in_order
from dbgclean.spectrum.hashing import GOLDEN
from dbgclean.spectrum.kmers import reverse_complements, roll
from dbgclean.spectrum.table import build_index, find_row

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = ["NO_SITE", "Found", "SiteReads", "Sites", "make_filter", "passes", "site_keys"]

_MIDDLE = np.uint64(3 << (2 * FLANK))
_WHOLE = np.uint64((1 << (2 * WINDOW)) - 1)
# Stands for a site over which no reads are known.
NO_SITE = np.uint64(1 << 62)
# The filter that most k-mers of the reads do not pass: bits a k-mer, and words at least and at
# most. It stays in a cache, and one k-mer in a hundred that it need not pass does.
_BITS_A_KMER, _FEWEST_WORDS, _MOST_WORDS = 16, 1 << 15, 1 << 24
# Reads noted of a site, and of all: beyond, a share of the fragments stands for them.
_MOST_READS, _MOST_ROWS = 2000, 8_000_000
# Rows for which there is room at first: a batch with more of them is looked at twice.
_BASES_A_ROW = 64
# Bits of ``told``: the read's base, its strand, and which mate it is.
_BASE, _STRAND, _MATE = 3, 2, 3


class SiteReads(NamedTuple):
    """One row per read over a site, sorted by site, then in the order of the reads.

    Attributes
    ----------
    bounds
        int64 (n_sites + 1,): rows of each site.
    base, strand
        uint8 (n,): the read's base, and 1 where it runs against the alternatives' keys.
    mate
        uint8 (n,): 0 for a first or lone read, 1 for a second.
    position
        int32 (n,): bases from the read's start to the site.
    quality
        uint8 (n,): Phred.
    margin
        uint8 (n,): bases from the site to the nearer end of the read, at most 255.
    fragment
        int64 (n,): mates share it.
    other_end
        uint64 (n,): see `dbgclean.evidence.mates.mate_start`.
    """

    bounds: np.ndarray
    base: np.ndarray
    strand: np.ndarray
    mate: np.ndarray
    position: np.ndarray
    quality: np.ndarray
    margin: np.ndarray
    fragment: np.ndarray
    other_end: np.ndarray


class Found(NamedTuple):
    """The same of one batch, in the order of the reads, and small.

    Attributes
    ----------
    site, position
        int32 (n,): number of the site, and bases from the read's start to it.
    told
        uint8 (n,): base, strand and mate.
    quality, margin, fragment, other_end
        As in `SiteReads`.
    """

    site: np.ndarray
    position: np.ndarray
    told: np.ndarray
    quality: np.ndarray
    margin: np.ndarray
    fragment: np.ndarray
    other_end: np.ndarray

    @classmethod
    def empty(cls, n: int) -> Found:
        """Rows to fill in."""
        site, position = np.zeros(n, np.int32), np.zeros(n, np.int32)
        told, quality, margin = (np.zeros(n, np.uint8) for _ in range(3))
        fragment, other_end = np.zeros(n, np.int64), np.zeros(n, np.uint64)
        return cls(site, position, told, quality, margin, fragment, other_end)


class _Index(NamedTuple):
    """What `_look` finds sites by: their filter and index, turned sites, share of fragments."""

    bits: np.ndarray
    slots: np.ndarray
    rows: np.ndarray
    mask: np.uint64
    turned: np.ndarray
    limit: np.ndarray


def site_keys(keys: np.ndarray) -> np.ndarray:
    """What all alternatives (uint64 (n,)) at a site share: the smaller strand, A in its middle."""
    return np.minimum(keys & ~_MIDDLE, reverse_complements(keys, WINDOW) & ~_MIDDLE)


class Sites:
    """The sites of some alternatives, to be looked for in reads.

    Parameters
    ----------
    keys
        uint64 (n,): `dbgclean.evidence.alternatives.Alternatives.key` of each; of gaps the
        31-mer of reads without it, on the strand of the gap's key, or NO_SITE.
    depth
        float64 (n,): reads over each, roughly.

    Attributes
    ----------
    of_key
        int64 (n,): the site of each alternative; those at one site share it.
    turned
        bool (n,): the site's strand is the other one of ``keys``; only where these are of
        alternatives of several kinds.
    """

    def __init__(self, keys: np.ndarray, depth: np.ndarray) -> None:
        along = keys & ~_MIDDLE
        against = reverse_complements(keys, WINDOW) & ~_MIDDLE
        # The middle of a site is A: no read has this one.
        smaller = np.where(keys == NO_SITE, _WHOLE, site_keys(keys))
        self._keys, first, self.of_key = np.unique(smaller, return_index=True, return_inverse=True)
        turned = (against < along)[first]
        self.turned = (against < along) != turned[self.of_key]
        deepest = np.zeros(len(self._keys))
        np.maximum.at(deepest, self.of_key, depth)
        share = np.minimum(1.0, _MOST_READS / np.maximum(deepest, 1.0))
        share *= min(1.0, _MOST_ROWS / max(1.0, float((share * deepest).sum())))
        index = build_index(self._keys, WINDOW)
        self._index = _Index(
            make_filter(self._keys), index.slots, index.rows, np.uint64(index.mask),
            turned, (share * (2**32 - 1)).astype(np.uint64),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._keys)

    def of(self, of_key: np.ndarray) -> Sites:
        """The same sites for other alternatives, at the sites ``of_key``: int64 (m,)."""
        other = copy(self)
        other.of_key = of_key
        other.turned = np.zeros(len(of_key), bool)
        return other

    def part(self, rows: slice) -> Sites:
        """The same sites for some of the alternatives."""
        other = self.of(self.of_key[rows])
        other.turned = self.turned[rows]
        return other

    def look(self, batch: ReadBatch, first_read: int) -> Found:
        """Reads of one batch over the sites."""
        quals = qualities_of(batch)
        arguments = (
            batch.codes, quals, batch.offsets, batch.paired, np.int64(batch.first_read),
            np.int64(first_read), self._index,
        )  # fmt: skip
        room = 1024 + len(batch.codes) // _BASES_A_ROW
        while True:
            found = Found.empty(room)
            n = _look(*arguments, found)
            if n <= room:
                return Found(*(column[:n].copy() for column in found))
            room = n

    def read(self, batches: Iterable[tuple[int, ReadBatch]], threads: int = 1) -> SiteReads:
        """All reads over the sites; the result does not depend on ``threads``.

        Parameters
        ----------
        batches
            Each with the number of its first read in the run.
        """
        return self.collect(list(map_in_order(lambda b: self.look(b[1], b[0]), batches, threads)))

    def collect(self, parts: list[Found]) -> SiteReads:
        """What `look` found in successive batches, as one; empties ``parts``."""
        columns: dict[str, list[np.ndarray]] = {
            name: [getattr(part, name) for part in parts] for name in Found._fields
        }
        parts.clear()
        none = Found.empty(0)

        def joined(name: str) -> np.ndarray:
            # One column after the other: what was noted is let go as it is put in order.
            return np.concatenate([getattr(none, name), *columns.pop(name)])

        site = joined("site")
        order = np.argsort(site, kind="stable")
        bounds = np.searchsorted(site[order], np.arange(len(self) + 1)).astype(np.int64)
        told = joined("told")[order]
        return SiteReads(
            bounds,
            told & _BASE,
            (told >> _STRAND) & 1,
            told >> _MATE,
            joined("position")[order],
            joined("quality")[order],
            joined("margin")[order],
            joined("fragment")[order],
            joined("other_end")[order],
        )


def make_filter(keys: np.ndarray) -> np.ndarray:
    """Two bits for each k-mer (uint64 (n,)) in a filter: uint64 words, a power of two.

    Both are in one word, so that one access tells (a blocked Bloom filter: Putze et al. 2009,
    doi:10.1145/1498698.1594230).
    """
    words = 1 << (_BITS_A_KMER * len(keys) // 64).bit_length()
    bits = np.zeros(min(max(words, _FEWEST_WORDS), _MOST_WORDS), np.uint64)
    _fill(bits, keys)
    return bits


@kernel
def _fill(bits: np.ndarray, keys: np.ndarray) -> None:
    for i in range(len(keys)):
        mixed = keys[i] * GOLDEN
        bits[_word(bits, mixed)] |= _two_bits(mixed)


@helper
def _word(bits: np.ndarray, mixed: np.uint64) -> np.uint64:
    return (mixed >> np.uint64(28)) & np.uint64(len(bits) - 1)


@helper
def _two_bits(mixed: np.uint64) -> np.uint64:
    one, other = mixed >> np.uint64(58), mixed >> np.uint64(52)
    return (np.uint64(1) << one) | (np.uint64(1) << (other & np.uint64(63)))


@helper
def passes(bits: np.ndarray, key: np.uint64) -> bool:
    """Whether a k-mer may be among those of `make_filter`."""
    mixed = key * GOLDEN
    asked = _two_bits(mixed)
    return bool(bits[_word(bits, mixed)] & asked == asked)


@kernel
def _look(
    codes: np.ndarray, quals: np.ndarray, offsets: np.ndarray, paired: bool,
    first_in_group: np.int64, first_read: np.int64, index: _Index, found: Found,
) -> np.int64:  # fmt: skip
    """Count the reads over sites; note as many as ``found`` has room for."""
    n = 0
    middle = np.uint64(2 * FLANK)
    bits, slots, of_slot = unowned(index.bits), unowned(index.slots), unowned(index.rows)
    for read in range(len(offsets) - 1):
        start, stop = offsets[read], offsets[read + 1]
        forward, backward, run = np.uint64(0), np.uint64(0), 0
        for i in range(start, stop):
            c = codes[i]
            if c > 3:
                run = 0
                continue
            forward, backward = roll(forward, backward, c, np.int64(WINDOW))
            run += 1
            if run < WINDOW:
                continue
            along, against = forward & ~_MIDDLE, backward & ~_MIDDLE
            key = min(along, against)
            if not passes(bits, key):
                continue
            site = find_row(slots, of_slot, index.mask, key)
            if site < 0:
                continue
            second = np.int64((read + first_in_group) & 1) if paired else np.int64(0)
            fragment = first_read + read - second
            draw = (np.uint64(fragment) * GOLDEN) >> np.uint64(32)
            if draw > index.limit[site]:
                continue
            if n < len(found.site):
                turned = index.turned[site]
                strand = (against < along) != turned
                kmer = backward if against < along else forward
                kmer = kmer if not turned else _other(kmer)
                found.site[n] = site
                found.position[n] = i - FLANK - start
                base = (kmer >> middle) & np.uint64(3)
                found.told[n] = np.int64(base) | (np.int64(strand) << _STRAND) | (second << _MATE)
                found.quality[n] = quals[i - FLANK]
                found.margin[n] = min(i - FLANK - start, stop - 1 - i + FLANK, 255)
                found.fragment[n] = fragment
                other = read ^ 1
                if paired and other + 1 < len(offsets):
                    found.other_end[n] = mate_start(codes, offsets[other], offsets[other + 1])
            n += 1
    return np.int64(n)


@helper
def _other(kmer: np.uint64) -> np.uint64:
    """The k-mer with its middle base complemented: all that is asked of its other strand."""
    return kmer ^ _MIDDLE
