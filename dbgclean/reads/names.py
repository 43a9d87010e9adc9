"""Header lines of many reads in two arrays, text only where somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

__all__ = ["Names", "are_mates", "as_bytes", "as_names", "as_text", "id_of", "names_are_mates"]

# Names are bytes; as text, what is no UTF-8 is kept so that it goes back as it came.
_CODING = ("utf-8", "surrogateescape")
_MATE_DIGITS = (b"1", b"2", b"3")


class Names(Sequence[str]):
    """Header lines, without '@' or '>', as one text and where each begins.

    Parameters
    ----------
    text : ndarray of uint8, (n_bytes,)
        As the file has them, one after the other; as str, UTF-8 (other bytes as surrogates).
    offsets : ndarray of int64, (n + 1,)
        Name i is ``text[offsets[i]:offsets[i + 1]]``.
    """

    __slots__ = ("offsets", "text")

    def __init__(self, text: np.ndarray, offsets: np.ndarray) -> None:
        self.text = text
        self.offsets = offsets

    @classmethod
    def of(cls, names: Sequence[bytes]) -> Names:
        """Of header lines one by one."""
        offsets = np.zeros(len(names) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, names), np.int64, len(names)), out=offsets[1:])
        return cls(np.frombuffer(bytearray(b"".join(names)), np.uint8), offsets)

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
        text = self.text[bounds[0] : bounds[-1]].tobytes()
        for row in rows:
            name = text[bounds[row - low] - bounds[0] : bounds[row - low + 1] - bounds[0]]
            yield name.decode(*_CODING)

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
    """The same header lines as `Names`; str as it comes out of one."""
    return names if isinstance(names, Names) else Names.of([as_bytes(name) for name in names])


def as_bytes(name: str) -> bytes:
    """A header line as the file has it."""
    return name.encode(*_CODING)


def as_text(name: str) -> str:
    """A name that can be written as UTF-8: other bytes of it are replaced."""
    return as_bytes(name).decode("utf-8", "replace")


def id_of(name: bytes) -> str:
    """The first word of a header line, for a message."""
    return _id(name).decode(*_CODING)


def _id(name: bytes) -> bytes:
    return name.replace(b"\t", b" ").partition(b" ")[0]


def are_mates(first: bytes, second: bytes) -> bool:
    """Tell whether two header lines go together: one id, a last 1, 2 or 3 aside."""
    one, two = _id(first), _id(second)
    if one == two:
        return True
    return one[:-1] == two[:-1] and one[-1:] in _MATE_DIGITS and two[-1:] in _MATE_DIGITS


def names_are_mates(first: bytes, second: bytes) -> bool:
    """Tell whether two header lines look like read 1 and read 2 of one fragment.

    Beyond `are_mates`, the two must not both say that they are the same read of it: 'a/1'
    and 'a/1', or '1:N:0' in both comments.
    """
    if not are_mates(first, second):
        return False
    ends = [(_id(name)[-2:], name[len(_id(name)) + 1 :][:2]) for name in (first, second)]
    (end, comment), other = ends[0], ends[1]
    return not (
        (end == other[0] and end in (b"/1", b"/2"))
        or (comment == other[1] and comment in (b"1:", b"2:"))
    )
