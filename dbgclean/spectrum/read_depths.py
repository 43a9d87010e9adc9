"""How deep reads lie, each by the k-mers along it: what one histogram of k-mers hides.

A rare member of a mix has few k-mers, and those stand among the errors of the others;
its reads have a depth of their own. A sample of the reads is enough to see that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dbgclean.spectrum.kmers import canonical_kmers, kmers_at
from dbgclean.spectrum.membership import rows_among
from dbgclean.spectrum.ordering import distinct, search
from dbgclean.spectrum.words import full_keys

if TYPE_CHECKING:
    from dbgclean.reads.batch import ReadBatch
    from dbgclean.spectrum.table import KmerTable

__all__ = ["ReadSample", "depth_modes", "read_depths"]

_WINDOWS, _WIDTH = 9, 31
_MOST_READS = 20_000
# Reads around a mode, of all, and at its top; how many times one mode is deeper than another.
_LEAST_SHARE, _LEAST_READS = 0.01, 10
_APART = 4.0


class ReadSample:
    """Every n-th read of a run, as nine stretches along it.

    Which reads are taken depends on their number in the run alone; n doubles whenever
    more than 20,000 were taken. Shorter reads have no stretch.

    Parameters
    ----------
    k : int
        Longest k-mers that will be asked for; a stretch has as many bases, at least 31.
    first : int
        Number of the first read that will be added.
    """

    def __init__(self, k: int = _WIDTH, first: int = 0) -> None:
        self._step = 1
        self._first = first
        self._width = max(k, _WIDTH)
        self._numbers = [np.zeros(0, np.int64)]
        self._codes = [np.zeros((0, _WINDOWS, self._width), np.uint8)]

    def add(self, batch: ReadBatch) -> None:
        """Take reads of the next batch."""
        numbers = np.arange(-self._first % self._step, len(batch), self._step)
        self._first += len(batch)
        lengths = np.diff(batch.offsets)[numbers]
        long = lengths >= self._width
        numbers, lengths = numbers[long], lengths[long]
        if len(numbers) == 0:
            return
        starts = (lengths - self._width)[:, None] * np.arange(_WINDOWS) // (_WINDOWS - 1)
        stretches = sliding_window_view(batch.codes, self._width)
        self._numbers.append(numbers + self._first - len(batch))
        self._codes.append(stretches[batch.offsets[numbers][:, None] + starts])
        self._thin(self._step)

    def __iadd__(self, later: ReadSample) -> ReadSample:
        """Take over what was taken of the reads that follow: as if all had been added here."""
        self._first = later._first
        self._numbers += later._numbers
        self._codes += later._codes
        self._thin(later._step)
        return self

    def _thin(self, step: int) -> None:
        """Keep every ``step``-th read, or fewer where these are too many."""
        while self._step < step or sum(map(len, self._numbers)) > _MOST_READS:
            self._step *= 2
            numbers, codes = np.concatenate(self._numbers), np.concatenate(self._codes)
            kept = numbers % self._step == 0
            self._numbers, self._codes = [numbers[kept]], [codes[kept]]

    def kmers(self, k: int) -> np.ndarray:
        """Canonical k-mers that the stretches begin with.

        Returns
        -------
        ndarray
            As of `dbgclean.spectrum.words.key_dtype`, (n_reads, 9); all bits set over an N.
        """
        codes = np.concatenate(self._codes).reshape(-1, self._width)
        starts = np.arange(0, codes.size, self._width)
        keys = canonical_kmers(kmers_at(codes.reshape(-1), starts, k), k)
        keys[(codes[:, :k] > 3).any(axis=1)] = full_keys(1, keys.dtype)
        return keys.reshape(-1, _WINDOWS)


def read_depths(sample: ReadSample, table: KmerTable) -> np.ndarray:
    """Depth of each sampled read: the median abundance of its k-mers, int64 (n_reads,).

    Parameters
    ----------
    table
        At any k up to that of the sample; a k-mer that it lacks counts as seen once.
        Errors of a read lower fewer than half of its k-mers, as a rule.
    """
    keys = sample.kmers(table.k)
    unique = distinct(keys.reshape(-1))
    of = search(unique, keys.reshape(-1))
    rows = rows_among(unique, table.keys)
    counts = np.ones(len(unique), np.int64)
    counts[rows >= 0] = table.counts[rows[rows >= 0]]
    middle: np.ndarray = np.median(counts[of].reshape(keys.shape), axis=1).astype(np.int64)
    return middle


def depth_modes(depths: np.ndarray) -> list[int]:
    """Depths around which reads gather, rising, up to that of most reads.

    More than one make a mix of depths: members that are rarer by four times or more. What
    is deeper than most reads are repeats, plasmids and organelles, and no other sample.
    Reads are counted by half octaves of their depth; those that nobody shares
    (contaminants, mostly) tell none.

    Parameters
    ----------
    depths
        int64 (n_reads,), of `read_depths`.

    Returns
    -------
    list of int
        Median depth of the reads around each mode.
    """
    shared = np.sort(depths[depths > 1])
    if len(shared) == 0:
        return []
    bounds = [0, *(2 ** (low / 2) for low in _valleys(np.bincount(_half_octave(shared))))]
    groups = np.split(shared, np.searchsorted(shared, bounds[1:]))
    merged = [groups[0]]
    for group in groups[1:]:
        if np.median(group) < _APART * np.median(merged[-1]):
            group = np.concatenate([merged.pop(), group])
        merged.append(group)
    most = max(range(len(merged)), key=lambda i: len(merged[i]))
    least = _LEAST_SHARE * len(depths)
    return [int(np.median(group)) for group in merged[: most + 1] if len(group) >= least]


def _half_octave(depths: np.ndarray) -> np.ndarray:
    return np.floor(2 * np.log2(depths) + 1e-9).astype(np.int64)


def _valleys(counts: np.ndarray) -> list[int]:
    """Lows between two tops that rise to more than twice their height, from left to right."""
    found, top, low = [], 0, -1
    for i, here in enumerate(counts):
        if low < 0 or here <= counts[low]:
            low = i
        lower = min(here, counts[top])
        parted = lower >= _LEAST_READS and 2 * counts[low] < lower
        if parted:
            found.append(low)
        if parted or here >= counts[top]:
            top, low = i, -1
    return found
