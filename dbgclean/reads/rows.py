"""Tables as dataclasses of arrays: what they have in common."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Generic, Self, TypeVar

import numpy as np

__all__ = ["Growing", "Rows", "column", "whole"]


def column(
    dtype: type, *shape: int, empty: object = 0, words: str = "", names: tuple[str, ...] = ()
) -> Any:
    """A field of `Rows` that has a value per row.

    Parameters
    ----------
    dtype, shape
        Of the array; ``shape`` are its dimensions after the first.
    empty
        What a row holds of which nothing is known.
    words, names
        For those that write the table: what it tells, and what its codes stand for.
    """
    kept = {"dtype": dtype, "shape": shape, "empty": empty, "words": words, "names": names}
    return field(metadata=kept)


def whole() -> Any:
    """A field of `Rows` that belongs to the table as a whole."""
    return field()


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Base of dataclasses whose fields are arrays with a value per row (`column`), or `whole`."""

    @classmethod
    def row_fields(cls) -> list[Field]:
        """The fields with a value per row."""
        return [f for f in fields(cls) if "dtype" in f.metadata]

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    @classmethod
    def empty(cls, n: int = 0, *others: Any) -> Self:
        """``n`` rows of which nothing is known; ``others``: the fields that are no columns."""
        made = {}
        for f in cls.row_fields():
            dtype, empty = f.metadata["dtype"], f.metadata["empty"]
            values = np.empty((n, *f.metadata["shape"]), dtype)
            # An object may itself be a sequence, which numpy would spread over the rows.
            values[:] = [empty] * n if dtype is object else empty
            made[f.name] = values
        names = [f.name for f in fields(cls) if f.name not in made]
        return cls(**made, **dict(zip(names, others, strict=True)))

    def select(self, rows: slice | np.ndarray) -> Self:
        """Some of the rows: bool (n,) or row numbers."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in self.row_fields()})

    @classmethod
    def concatenate(cls, parts: list[Self]) -> Self:
        """The rows of all parts, in their order; other fields are the first part's."""
        joined: Growing[Self] = Growing(cls)
        rows = sum(map(len, parts))
        for part in parts:
            joined.add(part, spare=rows)
        return joined.rows


Table = TypeVar("Table", bound=Rows)


class Growing(Generic[Table]):
    """A table that grows: parts are copied behind each other and need not be held.

    Parameters
    ----------
    kind
        Of table.
    """

    def __init__(self, kind: type[Table]) -> None:
        self._kind, self._n = kind, 0
        self._first: Table | None = None
        self._columns: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return self._n

    def add(self, part: Table, spare: int = 0) -> None:
        """Put the rows of ``part`` behind the others; ``spare``: so many there may be in all."""
        if self._first is None:
            self._first = part.select(slice(0))
        end = self._n + len(part)
        for field_ in self._kind.row_fields():
            values = getattr(part, field_.name)
            column = self._columns.get(field_.name, values[:0])
            if end > len(column):
                # Room that nothing was written to takes no memory.
                room = max(spare, end + end // 2)
                wider = np.empty((room, *values.shape[1:]), np.result_type(column, values))
                wider[: self._n] = column[: self._n]
                column = wider
            column[self._n : end] = values
            self._columns[field_.name] = column
        self._n = end

    @property
    def rows(self) -> Table:
        """All rows."""
        if self._first is None:
            return self._kind.empty()
        columns = {name: column[: self._n] for name, column in self._columns.items()}
        return replace(self._first, **columns)
