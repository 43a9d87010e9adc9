"""One partition of the k-mers being counted, kept small.

Most distinct k-mers of a deep sample hold a sequencing error and are seen once. Those
are kept as the words they came as, eight bytes each (above k = 31, 16 or 32), whose two
spare bits say the rest; only what is seen again becomes a row, of twelve bytes more. Sorted
pieces that pile up are merged when they are as large as what they are merged with, so that
the work grows with the reads and not with their square (log-structured merging: O'Neil et
al. 1996, doi:10.1007/s002360050048).
"""

from typing import NamedTuple

import numpy as np

from dbgclean.spectrum.ordering import sort_keys
from dbgclean.spectrum.table import merge_rows
from dbgclean.spectrum.tagged import join, split

__all__ = ["Partition", "Settled"]

_NO_VALUES = np.empty((3, 0), dtype=np.uint32)
_SHARE = 4  # new pieces wait until they are a quarter of what they are joined with

Rows = tuple[np.ndarray, np.ndarray]


class Settled(NamedTuple):
    """k-mers of a partition, each in one place.

    Attributes
    ----------
    singles : ndarray of uint64, or wider (`dbgclean.spectrum.words`), (m,)
        Tagged k-mers seen once, sorted.
    keys : ndarray of the same dtype, (n,)
        k-mers seen twice or more, sorted.
    values : ndarray of uint32, (3, n)
        Their abundance, and how many were reverse and of high quality.
    """

    singles: np.ndarray
    keys: np.ndarray
    values: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes of the three arrays."""
        return self.singles.nbytes + self.keys.nbytes + self.values.nbytes

    def narrow(self) -> "Settled":
        """The same with values of no more bytes than they need, to be stored."""
        dtype = np.min_scalar_type(self.values.max(initial=0))
        return self._replace(values=self.values.astype(dtype, copy=False))


class Partition:
    """Words and rows of the k-mers whose highest bits are the same.

    Every word that was absorbed stands either in a row or, as a word, in one of
    the lists: `_fresh`, as it came, or `_singles`, in sorted pieces without repeats. `_alone`:
    there is one such piece at most, and none of its words has a row.
    """

    __slots__ = (
        "_alone", "_fresh", "_no_words", "_pending", "_rows", "_settled_singles", "_singles"
    )  # fmt: skip

    def __init__(self, dtype: np.dtype | type = np.uint64) -> None:
        self._no_words = np.empty(0, dtype=dtype)
        self._clear()

    def _clear(self) -> None:
        self._fresh: list[np.ndarray] = []
        self._singles: list[np.ndarray] = []
        self._settled_singles = 0
        self._alone = True
        self._rows: Rows = self._no_words, _NO_VALUES
        self._pending: list[Rows] = []

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        rows = (self._rows, *self._pending)
        words = sum(piece.nbytes for piece in (*self._fresh, *self._singles))
        return words + sum(keys.nbytes + values.nbytes for keys, values in rows)

    def absorb(self, words: np.ndarray) -> None:
        """Take words in any order; the array is the caller's, and is overwritten."""
        waiting = words.size + sum(piece.size for piece in self._fresh)
        if waiting * _SHARE < self._rows[0].size:
            self._fresh.append(words.copy())
            return
        if self._fresh:
            words = np.concatenate([*self._fresh, words])
            self._fresh = []
        self._digest(words)
        if sum(piece.size for piece in self._singles) > 2 * self._settled_singles:
            self._settle_singles()

    def _digest(self, words: np.ndarray) -> None:
        """Count words; what is seen for the first time is left as a word."""
        self._alone = not self._singles and not self._pending
        sort_keys(words)
        singles, keys, values = split(words[: join(words, *self._rows)])
        if singles.size:
            self._singles.append(singles)
        if keys.size:
            self._pending.append((keys, values))
            if sum(keys.size for keys, _ in self._pending) * _SHARE >= self._rows[0].size:
                self._merge_pending()

    def _merge_pending(self) -> None:
        pieces = [(keys, values.astype(np.uint32, copy=False)) for keys, values in self._pending]
        pieces.append(self._rows)
        self._pending = []
        while len(pieces) > 1:
            pieces.sort(key=lambda rows: rows[0].size, reverse=True)
            one, two = pieces.pop(), pieces.pop()
            pieces.append(merge_rows(*one, *two, 1)[:2] if one[0].size else two)
        self._rows = pieces[0]

    def _settle_singles(self) -> None:
        """Count words that stand in several pieces, or have a row by now."""
        if not self._alone:
            words = np.concatenate(self._singles) if self._singles else self._no_words.copy()
            self._singles = []
            self._digest(words)
        self._settled_singles = sum(piece.size for piece in self._singles)

    def settle(self) -> None:
        """Bring everything into its final place: the least memory that holds it."""
        if self._fresh:
            words = np.concatenate(self._fresh)
            self._fresh = []
            self._digest(words)
        # First the rows, then the words: a word must find the row of its k-mer.
        self._merge_pending()
        self._settle_singles()
        self._merge_pending()

    def take(self) -> Settled:
        """Everything, settled; the partition is empty afterwards."""
        self.settle()
        singles = self._singles[0] if self._singles else self._no_words
        settled = Settled(singles, *self._rows)
        self._clear()
        return settled

    def adopt(self, other: "Partition") -> None:
        """Take over what another one of the same k-mers holds; that one is empty afterwards."""
        self._alone = False
        self._fresh += other._fresh
        self._singles += other._singles
        self._pending += [other._rows, *other._pending]
        other._clear()

    def give(self, pieces: list[Settled]) -> None:
        """Put back what was taken, once or several times; nothing may be repeated or lost.

        Values may be narrow (`Settled.narrow`) until they are merged.
        """
        self._alone = False
        self._singles += [piece.singles for piece in pieces if piece.singles.size]
        self._pending += [(piece.keys, piece.values) for piece in pieces if piece.keys.size]
