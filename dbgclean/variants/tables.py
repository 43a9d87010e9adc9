"""Alleles as files and rows: the full table, what the page shows, and totals."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from dbgclean._files import open_output
from dbgclean.variants.allele_table import (
    CLASSES,
    ERROR,
    KINDS,
    VARIANT,
    ZYGOSITIES,
    AlleleTable,
)
from dbgclean.variants.signs import FILTERS, strand_bias

__all__ = [
    "COLUMNS",
    "alleles_to_rows",
    "listed_rows",
    "named_columns",
    "summarise",
    "write_alleles",
]

# Most alleles that a page lists; the file has them all.
_LISTED = 5000
_CHUNK = 50_000


COLUMNS = (
    "contig", "position", "ref", "alt", "kind", "class", "zygosity", "genotype", "phase_set",
    "posterior", "quality_score", "filters", "origin", "fraction", "alt_fragments",
    "ref_fragments", "depth", "alt_forward", "alt_reverse", "ref_forward", "ref_reverse",
    "strand_bias", "alt_reads", "quality", "best_quality", "low_quality", "mapping_quality",
    "ref_mapping_quality", "mapped_nowhere_else", "clipped", "cycles", "ref_cycles",
    "end_distance", "near_end", "ref_near_end", "agreed", "denied", "others", "copies", "run",
    "depth_ratio", "depth_tells", "crowd", "expected", "likelihood", "verdict",
    "genotype_likelihoods", "normal_alt", "normal_depth", "ref_arm", "alt_arm", "reasons",
)  # fmt: skip
"""Columns of ``alleles.tsv.gz``; `docs/inspect.md` says what each holds."""

# Those that are not the table's own, of the same name.
_MADE: dict[str, Callable[[AlleleTable], np.ndarray]] = {
    "contig": lambda table: np.array(table.contigs, object)[table.contig],
    "position": lambda table: table.position + 1,
    "class": lambda table: table.shown("klass"),
    "strand_bias": strand_bias,
    "depth_tells": lambda table: table.depth_tells.astype(int),
    "ref_arm": lambda table: np.array([arms[0] for arms in table.arms], object),
    "alt_arm": lambda table: np.array([arms[1] for arms in table.arms], object),
}


def _column(table: AlleleTable, name: str) -> np.ndarray:
    return _MADE[name](table) if name in _MADE else table.shown(name)


def named_columns(table: AlleleTable) -> dict[str, np.ndarray]:
    """The columns of the file by name, as numbers and words: arrays (n,), or (n, 3)."""
    return {name: _column(table, name) for name in COLUMNS}


def _text(value: Any) -> str:
    """A field of the file: no tab or line end may get in; '.' where nothing is known."""
    if isinstance(value, tuple):
        return "; ".join(" ".join(word.split()) for word in value) or "."
    if isinstance(value, list):
        return ",".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:.6g}" if np.isfinite(value) else "."
    return str(value) or "."


def _texts(table: AlleleTable, name: str) -> Iterable[str]:
    values = _column(table, name).tolist()
    if name == "filters":
        return (";".join(names) or "." for names in values)
    if name.startswith("normal_"):
        return (str(value) if value >= 0 else "." for value in values)
    return map(_text, values)


def write_alleles(path: str | os.PathLike[str], table: AlleleTable) -> None:
    """Write ``alleles.tsv.gz``: every row and every column, in the table's order.

    BGZF without a time stamp. Positions are 1-based; '.' stands for what is not known,
    and "; " parts several reasons.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with open_output(path, packed=True) as packed:
        packed.write(("\t".join(COLUMNS) + "\n").encode())
        for start in range(0, len(table), _CHUNK):
            some = table.select(np.arange(start, min(start + _CHUNK, len(table))))
            columns = [_texts(some, name) for name in COLUMNS]
            lines = ("\t".join(row) for row in zip(*columns, strict=True))
            packed.write(("\n".join(lines) + "\n").encode())


def listed_rows(table: AlleleTable, limit: int = _LISTED) -> np.ndarray:
    """Numbers of the rows worth a line on a page, rising: int64.

    Errors that one fragment shows are left out: every read has some, and they are in
    the file. If more than ``limit`` are left, the errors with the fewest fragments go
    first, then whatever else has the fewest.
    """
    fragments = table.alt_fragments
    wanted = np.flatnonzero((table.klass != ERROR) | (fragments >= 2))
    if len(wanted) > limit:
        worth = np.lexsort((-fragments[wanted], table.klass[wanted] == ERROR))
        wanted = np.sort(wanted[worth[:limit]])
    return wanted


def alleles_to_rows(table: AlleleTable) -> list[dict[str, Any]]:
    """The listed alleles (`listed_rows`) as plain dicts, for ``report.json`` and its page.

    Keys are those of `COLUMNS`; ``filters``, ``reasons`` and ``genotype_likelihoods`` are
    lists, and what is not known is None.
    """
    some = table.select(listed_rows(table))
    columns = [map(_value, _column(some, name).tolist()) for name in COLUMNS]
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
    for row in rows:
        if row["normal_depth"] < 0:
            row["normal_alt"] = row["normal_depth"] = None
    return rows


def _value(item: Any) -> Any:
    if isinstance(item, float):
        return float(f"{item:.6g}") if np.isfinite(item) else None
    if isinstance(item, tuple | list):
        return [_value(part) for part in item]
    return item


def summarise(table: AlleleTable) -> dict[str, Any]:
    """Totals of a table, in plain numbers.

    Returns
    -------
    dict
        ``alleles``; ``classes``, ``kinds``, ``zygosities``, ``origins`` and ``filters``
        (name to number; kinds and zygosities of the variants alone); ``filter_words``,
        what the filters mean;
        ``phased_variants``; ``median_depth`` over the alleles; ``listed`` and
        ``counted_only``, alleles that a page lists and that it only counts.
    """
    variants = table.klass == VARIANT
    listed = len(listed_rows(table))
    filters: dict[str, int] = {}
    for names in table.filters:
        for name in names:
            filters[name] = filters.get(name, 0) + 1
    zygosities = _tally(table.zygosity[variants], ZYGOSITIES)
    zygosities.pop("", None)
    origins, numbers = np.unique(table.origin.astype(str), return_counts=True)
    return {
        "alleles": len(table),
        "classes": _tally(table.klass, CLASSES),
        "kinds": _tally(table.kind[variants], KINDS),
        "zygosities": zygosities,
        "origins": {str(o): int(n) for o, n in zip(origins, numbers, strict=True) if o},
        "filters": dict(sorted(filters.items())),
        "filter_words": {name: FILTERS[name] for name in sorted(filters) if name in FILTERS},
        "phased_variants": int(np.count_nonzero(table.phase_set[variants])),
        "median_depth": float(np.median(table.depth)) if len(table) else None,
        "listed": listed,
        "counted_only": len(table) - listed,
    }


def _tally(codes: np.ndarray, names: tuple[str, ...]) -> dict[str, int]:
    sizes = np.bincount(codes, minlength=len(names))
    return {name: int(sizes[i]) for i, name in enumerate(names)}
