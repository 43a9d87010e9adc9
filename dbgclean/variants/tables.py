"""Alleles as files and rows: the full table, what the page shows, totals, and the k-mers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dbgclean._files import open_output
from dbgclean.correct.verdicts import NAMES as VERDICTS
from dbgclean.spectrum.formats import write_kmer_fasta
from dbgclean.variants.allele_table import (
    CLASSES,
    ERROR,
    KINDS,
    VARIANT,
    ZYGOSITIES,
    AlleleTable,
)

__all__ = [
    "COLUMNS",
    "LISTED",
    "alleles_to_rows",
    "listed_rows",
    "named_columns",
    "strand_bias",
    "summarise",
    "write_alleles",
    "write_kmers",
]

LISTED = 5000
"""Most alleles that a page lists; the file has them all."""

_CHUNK = 50_000
_MOST_BIASED = 999.0


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the file: its name, its values, and how one is written."""

    name: str
    values: Callable[[AlleleTable], np.ndarray]
    text: Callable[[Any], str] = str


def _number(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else "."


def _joined(values: Iterable[str]) -> str:
    """Words that stand in one field: no tab or line end may get in."""
    return "; ".join(" ".join(value.split()) for value in values) or "."


def _named(name: str, names: tuple[str, ...]) -> Callable[[AlleleTable], np.ndarray]:
    lookup = np.array(names, object)
    return lambda table: lookup[getattr(table, name)]


def _plain(name: str, text: Callable[[Any], str] = str) -> _Column:
    return _Column(name, lambda table: getattr(table, name), text)


def _word(value: str) -> str:
    return value or "."


def _or_missing(value: int) -> str:
    return str(value) if value >= 0 else "."


def _arm(side: int) -> Callable[[AlleleTable], np.ndarray]:
    return lambda table: np.array([pair[side] for pair in table.arms], object)


_COLUMNS = (
    _Column("contig", lambda table: np.array(table.contigs, object)[table.contig]),
    _Column("position", lambda table: table.position + 1),
    _plain("ref", _word),
    _plain("alt", _word),
    _Column("kind", _named("kind", KINDS)),
    _Column("class", _named("klass", CLASSES)),
    _Column("zygosity", _named("zygosity", ZYGOSITIES), _word),
    _plain("genotype", _word),
    _plain("phase_set"),
    _plain("posterior", _number),
    _plain("quality_score", _number),
    _plain("filters", lambda value: ";".join(value) or "."),
    _plain("origin", _word),
    _Column("fraction", lambda table: table.fraction, _number),
    _Column("alt_fragments", lambda table: table.alt_fragments),
    _Column("ref_fragments", lambda table: table.ref_fragments),
    _plain("depth"),
    _plain("alt_forward"),
    _plain("alt_reverse"),
    _plain("ref_forward"),
    _plain("ref_reverse"),
    _Column("strand_bias", lambda table: strand_bias(table), _number),
    _plain("alt_reads"),
    _plain("quality", _number),
    _plain("best_quality", _number),
    _plain("low_quality"),
    _plain("mapping_quality", _number),
    _plain("ref_mapping_quality", _number),
    _plain("mapped_nowhere_else"),
    _plain("clipped"),
    _plain("cycles"),
    _plain("ref_cycles", _number),
    _plain("end_distance", _number),
    _plain("near_end"),
    _plain("ref_near_end"),
    _plain("agreed"),
    _plain("denied"),
    _plain("others", _number),
    _plain("copies"),
    _plain("run"),
    _plain("depth_ratio", _number),
    _Column("depth_tells", lambda table: table.depth_tells.astype(int)),
    _plain("crowd"),
    _plain("expected", _number),
    _plain("likelihood", _number),
    _Column("verdict", _named("verdict", VERDICTS)),
    _plain("genotype_likelihoods", lambda three: ",".join(map(_number, three))),
    _plain("normal_alt", _or_missing),
    _plain("normal_depth", _or_missing),
    _Column("ref_arm", _arm(0), _word),
    _Column("alt_arm", _arm(1), _word),
    _plain("reasons", _joined),
)

COLUMNS = tuple(column.name for column in _COLUMNS)
"""Columns of ``alleles.tsv.gz``; `docs/inspect.md` says what each holds."""


def named_columns(table: AlleleTable) -> dict[str, np.ndarray]:
    """The columns of the file by name, as numbers and words: arrays (n,), or (n, 3)."""
    return {column.name: column.values(table) for column in _COLUMNS}


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
            columns = [map(c.text, c.values(some).tolist()) for c in _COLUMNS]
            lines = ("\t".join(row) for row in zip(*columns, strict=True))
            packed.write(("\n".join(lines) + "\n").encode())


def write_kmers(
    kept_path: str | os.PathLike[str],
    removed_path: str | os.PathLike[str],
    keys: np.ndarray,
    counts: np.ndarray,
    kept: np.ndarray,
    k: int,
) -> None:
    """Write the k-mers that the verdicts keep and those they remove, each sorted, as FASTA.

    Parameters
    ----------
    keys
        uint64 (n,): canonical k-mers of the reads, in any order.
    counts
        uint32 (n,): their abundances.
    kept
        bool (n,).
    k
        Length of the k-mers.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    order = np.argsort(keys, kind="stable")
    keys, counts, kept = keys[order], counts[order].astype(np.uint32), kept[order].astype(bool)
    write_kmer_fasta(kept_path, keys[kept], counts[kept], k)
    write_kmer_fasta(removed_path, keys[~kept], counts[~kept], k)


def listed_rows(table: AlleleTable, limit: int = LISTED) -> np.ndarray:
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


def alleles_to_rows(table: AlleleTable, limit: int = LISTED) -> list[dict[str, Any]]:
    """The listed alleles (`listed_rows`) as plain dicts, for ``report.json`` and its page.

    Keys are those of `COLUMNS`; ``filters``, ``reasons`` and ``genotype_likelihoods`` are
    lists, and what is not known is None.
    """
    some = table.select(listed_rows(table, limit))
    columns = [[_value(item) for item in c.values(some).tolist()] for c in _COLUMNS]
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


def summarise(table: AlleleTable, limit: int = LISTED) -> dict[str, Any]:
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
    # Not above: the signs, too, ask for `strand_bias`.
    from dbgclean.variants.signs import FILTERS

    listed = len(listed_rows(table, limit))
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


def strand_bias(table: AlleleTable) -> np.ndarray:
    """Phred-scaled p of Fisher's exact test, two-sided, on strand against allele.

    0 where the allele's fragments lie on the two strands as the reference's do; at most
    999. Float64 (n,).

    References
    ----------
    Fisher, R. A. On the interpretation of chi-squared from contingency tables.
    J R Stat Soc 85:87, 1922. doi:10.2307/2340521.
    """
    cells = np.stack([table.alt_forward, table.alt_reverse, table.ref_forward, table.ref_reverse])
    score = np.zeros(len(table))
    # One fragment has one strand, and without the reference there is nothing to compare.
    wanted = (table.alt_fragments > 1) & (table.ref_fragments > 0)
    top = int(cells.sum(0).max(initial=0))
    logs = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, top + 1)))))
    # Most rejected alleles have two or three fragments: the same few tables over and over.
    tables, which = np.unique(cells[:, wanted], axis=1, return_inverse=True)
    scores = np.array([_fisher(column, logs) for column in tables.T])
    if len(scores):
        score[wanted] = scores[which.ravel()]
    return score


def _fisher(cells: np.ndarray, logs: np.ndarray) -> float:
    """Phred of the sum over all tables with these margins that are no likelier than this one."""
    a, b, c, d = cells.tolist()
    alt, forward, n = a + b, a + c, a + b + c + d
    x = np.arange(max(0, alt - (n - forward)), min(alt, forward) + 1)
    ways = -(logs[x] + logs[alt - x] + logs[forward - x] + logs[n - alt - forward + x])
    ways -= ways.max()
    here = ways[a - x[0]]
    # Equal tables differ in their last bits.
    p = np.exp(ways[ways <= here + 1e-7]).sum() / np.exp(ways).sum()
    return float(min(-10 * np.log10(max(p, 1e-300)), _MOST_BIASED)) + 0.0
