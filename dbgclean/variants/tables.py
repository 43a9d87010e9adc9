"""Alleles as files and rows: the full table, what the page shows, totals, and the k-mers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy import stats

from dbgclean._files import open_output
from dbgclean.reads.batch import stretches
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
    "strand_bias": lambda table: strand_bias(table),
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
    if not wanted.any():
        return score
    # Most rejected alleles have two or three fragments: the same few tables over and over.
    (a, b, c, d), which = np.unique(cells[:, wanted], axis=1, return_inverse=True)
    # As `scipy.stats.fisher_exact`, of all at once: the tables with these margins that are
    # no likelier than this one, where equals may differ in their last bits.
    low = np.maximum(0, a - d)
    x, starts = stretches(low, a + np.minimum(b, c) - low + 1)
    of = np.repeat(np.arange(len(a)), np.diff(starts))
    log = stats.hypergeom.logpmf(x, (a + b + c + d)[of], (a + b)[of], (a + c)[of])
    counts = log <= log[starts[:-1] + a - low][of] + 1e-7
    p = np.add.reduceat(np.where(counts, np.exp(log), 0.0), starts[:-1])
    p /= np.add.reduceat(np.exp(log), starts[:-1])
    phred = np.minimum(-10 * np.log10(np.maximum(p, 1e-300)), _MOST_BIASED) + 0.0
    score[wanted] = phred[which.reshape(-1)]
    return score
