"""The k-mers of corrected reads that do not lie wholly on a path: nobody judged them.

A k-mer of the corrected reads that some read shows on its path was judged with it. Of
the others it counts how many molecules show them, and the two mates of a fragment are
one molecule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.changes import DELETE, INSERT
from dbgclean.evidence.copying import copy_to, is_among, order_of
from dbgclean.spectrum.kmers import roll
from dbgclean.spectrum.words import folded, key_dtype, zero

if TYPE_CHECKING:
    from dbgclean.evidence.changes import OtherChanges
    from dbgclean.evidence.off_path import Stretches
    from dbgclean.reads import ReadBatch

__all__ = ["OffPathPieces", "off_path_pieces"]

_NO_KMER = np.uint64(2**64 - 1)


class OffPathPieces(NamedTuple):
    """Pieces of a corrected batch, int64 (n, 2): first base and one past the last.

    Attributes
    ----------
    pieces
        Their k-mers are those that touch a stretch off path, each as often as it is read.
    twins
        Their k-mers are those of second mates that the first mate shows off path, too.
    """

    pieces: np.ndarray
    twins: np.ndarray


def off_path_pieces(
    stretches: Stretches,
    changes: OtherChanges,
    batch: ReadBatch,
    offsets: np.ndarray,
    codes: np.ndarray,
    first_read: int,
    k: int,
) -> OffPathPieces:
    """Where the unjudged k-mers of a corrected batch lie.

    Parameters
    ----------
    stretches
        Of the run, in the reads as they came.
    changes
        Those that were applied: they move places in the corrected reads.
    batch
        As it came; ``first_read`` is the number of its first read.
    offsets, codes
        Of the corrected batch.
    """
    low, high = np.searchsorted(stretches.read, [first_read, first_read + len(batch)])
    reads = stretches.read[low:high] - first_read
    first, last = np.searchsorted(changes.read, [first_read, first_read + len(batch)])
    moved = _Moved(changes, slice(first, last), first_read)
    start = moved(reads, stretches.start[low:high])
    stop = moved(reads, stretches.stop[low:high])
    return OffPathPieces(
        *_pieces(
            codes,
            offsets,
            reads,
            start,
            stop,
            np.empty(0, key_dtype(k)),
            np.int64(k),
            bool(batch.paired),
        )  # fmt: skip
    )


class _Moved:
    """Places in corrected reads of places in the reads as they came."""

    def __init__(self, changes: OtherChanges, part: slice, first_read: int) -> None:
        kind = changes.kind[part]
        gap = (kind == DELETE) | (kind == INSERT)
        longer = np.where(kind == INSERT, changes.size[part], -1)[gap]
        self._at = _key(changes.read[part][gap] - first_read, changes.position[part][gap])
        self._longer = np.concatenate([[0], np.cumsum(longer)])

    def __call__(self, reads: np.ndarray, places: np.ndarray) -> np.ndarray:
        before = np.searchsorted(self._at, _key(reads, places))
        start = np.searchsorted(self._at, _key(reads, np.zeros_like(places)))
        moved: np.ndarray = places + self._longer[before] - self._longer[start]
        return moved


def _key(reads: np.ndarray, places: np.ndarray) -> np.ndarray:
    """One number that sorts as read and place do."""
    key: np.ndarray = (reads.astype(np.int64) << 32) + places
    return key


@kernel
def _pieces(
    codes: np.ndarray,
    offsets: np.ndarray,
    reads: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    like: np.ndarray,
    k: np.int64,
    paired: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Pieces and twins of `OffPathPieces`; ``start`` and ``stop`` count in corrected reads.

    ``like``: an array of the width of k-mers.
    """
    pieces = np.zeros((len(reads), 2), np.int64)
    twins = np.zeros((len(reads) + 16, 2), np.int64)
    longest = np.int64(0)
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    first_mate = np.zeros(longest + 1, np.uint64)
    n, n_twins, n_first = 0, 0, 0
    fragment = np.int64(-1)
    for i in range(len(reads)):
        read = reads[i]
        begin = max(np.int64(0), start[i] - k + 1)
        if i > 0 and reads[i - 1] == read:
            # What touches the stretch before as well stands in its piece.
            begin = max(begin, np.int64(stop[i - 1]))
        begin += offsets[read]
        finish = min(offsets[read] + stop[i] + k - 1, offsets[read + 1])
        if finish - begin < k:
            continue
        pieces[n, 0], pieces[n, 1] = begin, finish
        n += 1
        if not paired:
            continue
        here = _kmers_of(codes, begin, finish, like, k)
        if read & 1 == 0:
            if fragment != read >> 1:
                fragment, n_first = read >> 1, 0
            copy_to(first_mate, np.int64(n_first), here, np.int64(0), np.int64(len(here)))
            n_first += len(here)
        elif fragment == read >> 1:
            again = _again(here, first_mate, np.int64(n_first))
            found = len(again)
            if n_twins + found > len(twins):
                fewer, twins = twins, np.zeros((2 * len(twins) + found, 2), np.int64)
                for j in range(n_twins):
                    twins[j, 0], twins[j, 1] = fewer[j, 0], fewer[j, 1]
            for j in range(found):
                twins[n_twins + j, 0] = begin + again[j, 0]
                twins[n_twins + j, 1] = begin + again[j, 1] + k - 1
            n_twins += found
    return pieces[:n], twins[:n_twins]


@helper
def _again(kmers: np.ndarray, others: np.ndarray, n_others: np.int64) -> np.ndarray:
    """Runs of k-mers that are among the first of ``others``: int64 (n, 2), first, one past
    the last."""
    order, seen = order_of(others, n_others), np.empty(n_others, np.uint64)
    for j in range(n_others):
        seen[j] = others[order[j]]
    runs = np.zeros((len(kmers) + 1, 2), np.int64)
    n, first = 0, np.int64(-1)
    for j in range(len(kmers) + 1):
        again = j < len(kmers) and kmers[j] != _NO_KMER and is_among(kmers[j], seen)
        if again and first < 0:
            first = np.int64(j)
        elif not again and first >= 0:
            runs[n, 0], runs[n, 1] = first, j
            n += 1
            first = np.int64(-1)
    return runs[:n]


@helper
def _kmers_of(
    codes: np.ndarray, begin: np.int64, finish: np.int64, like: np.ndarray, k: np.int64
) -> np.ndarray:
    """Canonical k-mers of ``codes[begin:finish]`` in their order; _NO_KMER over an N.

    Those of several words as a hash: two of a fragment are taken for one by chance once in
    2**64 pairs.
    """
    out = np.full(finish - begin - k + 1, _NO_KMER, np.uint64)
    forward, reverse, filled = zero(like), zero(like), 0
    for i in range(begin, finish):
        filled = filled + 1 if codes[i] < 4 else 0
        forward, reverse = roll(forward, reverse, codes[i] & np.uint8(3), k)
        if filled >= k:
            out[i - begin - k + 1] = folded(min(forward, reverse))
    return out
