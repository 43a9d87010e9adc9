"""Results as named columns: for pandas, for a notebook, for a loop."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from dbgclean.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ALL", "Columns", "Named"]

ALL = slice(None)
_SHOWN = 10


class Columns:
    """What a result offers that is a table: `columns` and length are its own, the rest follows."""

    __slots__ = ()

    def columns(self, rows: slice = ALL) -> Mapping[str, Any]:
        """Arrays or lists of one length by name, of all rows or some."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def to_pandas(self) -> pd.DataFrame:
        """The columns as a data frame.

        Raises
        ------
        UsageError
            Where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            msg = "to_pandas: pandas is not installed; pip install pandas, or take .columns()"
            raise UsageError(msg) from None
        # A column of pandas has one dimension: what has more becomes a column of rows.
        columns = self.columns().items()
        return pd.DataFrame(
            {name: list(v) if getattr(v, "ndim", 1) > 1 else v for name, v in columns}
        )

    def __repr__(self) -> str:
        return f"{len(self):,} rows of {', '.join(self.columns(slice(0)))}"

    def _repr_html_(self) -> str:
        columns, size = self.columns(slice(_SHOWN)), len(self)
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_shown(value))}</td>" for value in line) + "</tr>"
            for line in zip(*columns.values(), strict=True)
        )
        more = f"<p>{_SHOWN} of {size:,} rows</p>" if size > _SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


class Named(Columns):
    """A table that is nothing but its columns: ``table[name]``, ``len(table)``.

    Parameters
    ----------
    columns
        Arrays or lists of one length by name.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns = columns

    def columns(self, rows: slice = ALL) -> Mapping[str, Any]:
        """Arrays or lists of one length by name, of all rows or some."""
        return {name: values[rows] for name, values in self._columns.items()}

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), ()))


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
