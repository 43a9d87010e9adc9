"""The inspect benchmark's figures as lines on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["lines", "pooled_somatic"]


def pooled_somatic(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Counts of all seeds by caller: found by fraction, germline called somatic, outside."""
    pooled: dict[str, dict[str, Any]] = {}
    for one in runs:
        for name, row in one["callers"].items():
            if "missing" in row:
                continue
            total = pooled.setdefault(name, {"found": {}, "germline": 0, "outside": 0})
            total["germline"] += row["germline_called_somatic"]
            total["outside"] += row["outside"]
            for fraction, (found, n) in row["somatic_found"].items():
                before = total["found"].get(fraction, (0, 0))
                total["found"][fraction] = (before[0] + found, before[1] + n)
    return pooled


def lines(name: str, document: dict[str, Any]) -> Iterator[str]:
    """The figures of a set, one line for each row of a table."""
    yield from _LINES[name](document)


def _na12878(document: dict[str, Any]) -> Iterator[str]:
    for window, found in document["figures"].items():
        for caller, row in found["callers"].items():
            yield f"{window} {caller:20s} " + (row.get("missing") or _scores(row))


def _scores(row: dict[str, Any]) -> str:
    cells = []
    for kind, one in row["score"].items():
        by = one["by_haplotype"]
        cells.append(
            f"{kind} {one['found']}/{one['truth']} outside {one['outside']} (by haplotype "
            f"{by['found']}, {by['outside']}) genotypes {one['genotype_concordance']}"
        )
    return "; ".join(cells) + f"; {row['wall']} s; isec agrees {row['isec']['agrees']}"


def _lowfreq(document: dict[str, Any]) -> Iterator[str]:
    for row in document["table"]:
        if row["kind"] == "snv":
            yield (
                f"{row['depth']:g}x {row['errors']:11s} {row['caller']:19s} "
                f"{100 * row['fraction']:4g} %  called {row['recall_called']:.3f}  "
                f"at precision .95 {row['recall_at_precision']:.3f}  "
                f"alone {row['recall_alone']:.3f}  of {row['alleles']} ({row['shown']} shown)"
            )


def _twist(document: dict[str, Any]) -> Iterator[str]:
    for fraction, runs in document["figures"].items():
        for one in runs:
            shown = ", ".join(f"{word} {a}/{n}" for word, (a, n) in one["fragments"].items())
            yield f"twist {fraction} seed {one['seed']} fragments in the reads: {shown}"
            for caller, row in one["callers"].items():
                words = row.get("missing") or _twist_row(row)
                yield f"twist {fraction} seed {one['seed']} {caller:20s} {words}"


def _twist_row(row: dict[str, Any]) -> str:
    outside = row["outside"]
    return (
        f"SNVs {row['snvs_found']}/3, deletion {row['deletion_found']}, outside: SNVs "
        f"{outside['snv']['all']} (5 % and more {outside['snv']['at_5_percent']}), indels "
        f"{outside['indel']['all']} ({outside['indel']['at_5_percent']})"
    )


def _somatic(document: dict[str, Any]) -> Iterator[str]:
    for caller, row in pooled_somatic(document["figures"]).items():
        yield f"somatic {caller:20s} {row}"


def _depth(document: dict[str, Any]) -> Iterator[str]:
    for one in document["figures"]:
        for caller, row in one["callers"].items():
            words = row.get("missing") or (
                f"{row['found']}/{row['alleles']}, outside {row['outside']}, "
                f"{row['wall']} s, {row['peak_gb']} GB"
            )
            yield f"depth seed {one['seed']} {caller:20s} {words}"


def _speed(document: dict[str, Any]) -> Iterator[str]:
    for caller, row in document["figures"]["callers"].items():
        yield f"speed {caller:20s} {row}"


_LINES = {
    "na12878": _na12878,
    "lowfreq": _lowfreq,
    "twist": _twist,
    "somatic": _somatic,
    "depth": _depth,
    "speed": _speed,
}
