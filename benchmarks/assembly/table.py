"""Rows of the assembly benchmark as a table, and against the bars that are set for ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["bars", "markdown", "summarise"]

OURS = "dbgclean"
NGA50_KEPT = 0.99
CPU_SHARE = 0.6
_FIGURES = (
    *("nga50", "misassemblies", "mismatches", "mismatches_per_100kb", "indels_per_100kb"),
    *("genome_fraction", "duplication", "contigs"),
)

Row = dict[str, Any]


def summarise(rows: Sequence[Row]) -> list[Row]:
    """Means over the seeds of each sample, assembler and kind of reads, with the seeds."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        if "skipped" not in row:
            key = tuple(row[name] for name in ("sample", "length", "assembler", "reads"))
            groups.setdefault(key, []).append(row)
    result = []
    for key, group in groups.items():
        head = dict(zip(("sample", "length", "assembler", "reads"), key, strict=True))
        means = {name: _mean([row[name] for row in group]) for name in _FIGURES}
        for step in ("correction", "assembly"):
            for what in ("cpu_seconds", "peak_gb"):
                values = [(row[step] or {}).get(what, 0) for row in group]
                means[f"{step}_{what}"] = _mean(values)
        result.append({**head, "seeds": [row["seed"] for row in group], **means})
    return result


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 4) if known else None


def _pairs(rows: Sequence[Row]) -> list[dict[str, Row]]:
    """Rows of one sample, seed and assembler by kind of reads, raw and ours among them."""
    groups: dict[tuple, dict[str, Row]] = {}
    for row in rows:
        if "skipped" not in row:
            key = tuple(row[name] for name in ("sample", "length", "seed", "assembler"))
            groups.setdefault(key, {})[row["reads"]] = row
    return [group for group in groups.values() if {"raw", OURS} <= group.keys()]


def bars(rows: Sequence[Row]) -> dict[str, Any]:
    """For each bar how many cases (sample, seed, assembler) hold it, and those that do not.

    A case of fewer mismatches or misassemblies is against the best of the peers that ran; one
    without any peer is none. SPAdes's seconds are those of the assembly alone in both, and those of
    raw reads with BayesHammer before it.
    """
    found: dict[str, Any] = {}

    def judge(bar: str, row: Row, value: float, limit: float, holds: bool) -> None:
        entry = found.setdefault(bar, {"held": 0, "of": 0, "broken": []})
        entry["of"] += 1
        entry["held"] += holds
        if not holds:
            case = {name: row[name] for name in ("sample", "length", "seed", "assembler")}
            entry["broken"].append({**case, "ours": value, "limit": round(limit, 3)})

    for group in _pairs(rows):
        raw, ours = group["raw"], group[OURS]
        limit = NGA50_KEPT * raw["nga50"]
        judge("NGA50 at least .99 of raw", ours, ours["nga50"], limit, ours["nga50"] >= limit)
        peers = [row for name, row in group.items() if name not in ("raw", OURS)]
        for what in ("misassemblies", "mismatches") if peers else ():
            best = min(row[what] for row in peers)
            judge(f"{what} at most the best peer's", ours, ours[what], best, ours[what] <= best)
        if ours["assembler"] == "spades":
            took = ours["assembly"]["cpu_seconds"]
            before = {"assembly alone": raw["assembly"]["cpu_seconds"]}
            if peer := group.get("bayeshammer"):
                both = peer["correction"]["cpu_seconds"] + peer["assembly"]["cpu_seconds"]
                before["with BayesHammer"] = both
            for what, seconds in before.items():
                limit = CPU_SHARE * seconds
                judge(f"SPAdes CPU at most .6 of raw, {what}", ours, took, limit, took <= limit)
    return found


def markdown(rows: Sequence[Row]) -> str:
    """The table of the docs: a line for each sample, assembler and kind of reads."""
    lines = [
        "| sample | assembler | reads | NGA50 | misassemblies | mismatches | indels / 100 kb "
        "| genome, % | duplication | CPU, s: correct + assemble | peak, GiB |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in summarise(rows):
        correction = f"{row['correction_cpu_seconds']:.1f} + " if row["reads"] != "raw" else ""
        peaks = f"{row['correction_peak_gb']:.2f}, " if row["reads"] != "raw" else ""
        lines.append(
            f"| {row['sample']}, {row['length'] / 1000:g} kb | {row['assembler']} | {row['reads']} "
            f"| {row['nga50']:,.0f} | {row['misassemblies']:g} | {row['mismatches']:g} "
            f"| {row['indels_per_100kb']:.2f} | {row['genome_fraction']:.2f} "
            f"| {row['duplication']:.3f} | {correction}{row['assembly_cpu_seconds']:.1f} "
            f"| {peaks}{row['assembly_peak_gb']:.2f} |"
        )
    return "\n".join(lines)
