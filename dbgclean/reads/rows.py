"""Tables as dataclasses of arrays: what they have in common."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Self

import numpy as np

__all__ = ["Rows", "column", "whole"]


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
        return cls.drain(list(parts))

    @classmethod
    def drain(cls, parts: list[Self]) -> Self:
        """As `concatenate`, and empties ``parts``: each is let go once it is copied, so that
        joining what is on no other hands does not double the memory."""
        if not parts:
            return cls.empty()
        first, n = parts[0], sum(map(len, parts))
        joined = {
            f.name: np.empty(
                (n, *getattr(first, f.name).shape[1:]),
                np.result_type(*{getattr(part, f.name).dtype for part in parts}),
            )
            for f in cls.row_fields()
        }
        done = 0
        parts.reverse()
        while parts:
            part = parts.pop()
            for name, whole in joined.items():
                whole[done : done + len(part)] = getattr(part, name)
            done += len(part)
        return replace(first, **joined)
