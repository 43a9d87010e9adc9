"""Header lines of many reads in two arrays, text only where somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

__all__ = ["Names", "as_names"]


class Names(Sequence[str]):
    """Header lines, without '@' or '>', as one text and where each begins.

    Parameters
    ----------
    text : ndarray of uint8, (n_bytes,)
        ASCII, one after the other.
    offsets : ndarray of int64, (n + 1,)
        Name i is ``text[offsets[i]:offsets[i + 1]]``.
    """

    __slots__ = ("offsets", "text")

    def __init__(self, text: np.ndarray, offsets: np.ndarray) -> None:
        self.text = text
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return list(self._texts(range(*at.indices(len(self)))))
        rows = range(len(self))[at]
        return next(self._texts(range(rows, rows + 1)))

    def __iter__(self) -> Iterator[str]:
        return self._texts(range(len(self)))

    def _texts(self, rows: range) -> Iterator[str]:
        if not len(rows):
            return
        low, high = min(rows[0], rows[-1]), max(rows[0], rows[-1])
        bounds = self.offsets[low : high + 2].tolist()
        text = self.text[bounds[0] : bounds[-1]].tobytes().decode("ascii")
        for row in rows:
            yield text[bounds[row - low] - bounds[0] : bounds[row - low + 1] - bounds[0]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Names({len(self)})"


def as_names(names: Sequence[str]) -> Names:
    """The same header lines as `Names`.

    Raises
    ------
    UnicodeEncodeError
        If they are not ASCII.
    """
    if isinstance(names, Names):
        return names
    text = np.frombuffer(bytearray("".join(names).encode("ascii")), np.uint8)
    offsets = np.zeros(len(names) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, names), np.int64, len(names)), out=offsets[1:])
    return Names(text, offsets)
