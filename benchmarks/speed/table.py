"""Tables of the speed benchmark for a README, the bars it is held to, and the fits of growth."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from dbgclean.cli import memory_size

__all__ = ["BARS", "fit_growth", "linear_fit", "markdown", "met"]

Row = dict[str, Any]

# Part, name, against: the largest ratio (ours / peer) that will do.
BARS: dict[tuple[str, str, str], dict[str, float]] = {
    ("count", "count", "kmc -ci1"): {"wall": 0.5, "peak_gb": 1.0},
    ("correct", "correct", "lighter"): {"wall": 0.45},
    ("correct", "correct", "tadpole"): {"wall": 0.4},
    ("correct", "correct", "bfc"): {"wall": 0.13},
    ("graph", "graph raw", "bcalm 1"): {"wall": 0.5},
    ("graph", "graph solid", "bcalm 3"): {"wall": 0.5},
    ("run", "run", "lighter + bcalm 1 + bcalm 3"): {"wall": 1.0},
}
SPEEDUP, FIRST_RUN, HELP = 1.6, 20.0, 0.4
PEAK, PEAK_GROWTH = 0.7, 1.3
USUAL = 50.0
"""Depth at which a bacterium is usually read: peaks are compared with those there."""


def met(row: Row) -> str:
    """Whether a comparison stays within its bars: "yes", "no", or "" where it has none."""
    bars = BARS.get((row["part"], row["name"], row.get("against", "")))
    if bars is None or "ratio" not in row:
        return ""
    return "yes" if all(row["ratio"][name] <= bar for name, bar in bars.items()) else "no"


def linear_fit(x: Sequence[float], y: Sequence[float]) -> dict[str, float]:
    """Least squares of y = intercept + slope x.

    Returns
    -------
    dict
        ``slope``, ``intercept``, ``r2``, and ``off``, the largest distance of a point from the
        line as a share of the line's height there.

    Examples
    --------
    >>> linear_fit([1, 2, 3], [3, 5, 7])
    {'slope': 2.0, 'intercept': 1.0, 'r2': 1.0, 'off': 0.0}
    """
    slope, intercept = statistics.linear_regression(x, y)
    line = [intercept + slope * value for value in x]
    mean = statistics.fmean(y)
    spread = sum((value - mean) ** 2 for value in y)
    left = sum((value - fit) ** 2 for value, fit in zip(y, line, strict=True))
    off = max(abs(value - fit) / max(abs(fit), 1e-9) for value, fit in zip(y, line, strict=True))
    return {
        "slope": round(slope, 6),
        "intercept": round(intercept, 6),
        "r2": round(1 - left / spread, 5) if spread else 1.0,
        "off": round(off, 4),
    }


def fit_growth(rows: Sequence[Row]) -> list[Row]:
    """Lines through the points of growth, per stage, axis and figure; x in Mbp of reads.

    Three points at least, or a line says nothing.
    """
    series: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["part"] == "growth" and "cost" in row:
            series.setdefault((row["name"], row["axis"]), []).append(row)
    fits = []
    for (name, axis), points in series.items():
        x = [row["bases"] / 1e6 for row in points]
        if len(set(x)) < 3:
            continue
        for figure in ("wall", "cpu", "peak_gb"):
            y = [row["cost"][figure] for row in points]
            fits.append({"name": name, "axis": axis, "figure": figure, **linear_fit(x, y)})
    return fits


def markdown(results: dict[str, Any]) -> str:
    """Everything that is in the results as Markdown tables."""
    rows = results["rows"]
    parts = [_machine(results), _comparisons(rows), _threads(rows), _memory(rows), _large(rows)]
    parts += [_growth(results), _first(rows), _floors(rows), _profiles(rows)]
    return "\n".join(part for part in parts if part)


def _table(head: str, lines: list[list[str]]) -> str:
    if not lines:
        return ""
    columns = head.split("|")
    rule = " | ".join("---" if i == 0 else "--:" for i in range(len(columns)))
    body = [" | ".join(line) for line in lines]
    return "\n".join(f"| {line} |" for line in [" | ".join(columns), rule, *body]) + "\n"


def _machine(results: dict[str, Any]) -> str:
    if "machine" not in results:
        return ""
    told = results["machine"]
    tools = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"{told['cpu']}, {told['cores']} cores, {told['memory_gb']:.0f} GB, {told['system']}; "
        f"{tools}.\n"
    )


def _comparisons(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        if row["part"] not in ("count", "correct", "graph", "run"):
            continue
        name = f"`{row['name']}` / {row['against']}"
        if "skipped" in row:
            lines.append([name, row["skipped"], *[""] * 6])
            continue
        ours, peer, ratio = row["ours"], row["peer"], row["ratio"]
        bars = BARS.get((row["part"], row["name"], row["against"]), {})
        bar = ", ".join(f"{key.removesuffix('_gb')} {value:g}" for key, value in bars.items())
        lines.append([
            name,
            f"{ours['wall']:.1f} / {peer['wall']:.1f}", f"{ratio['wall']:.2f}",
            f"{ratio['cpu']:.2f}",
            f"{ours['peak_gb']:.2f} / {peer['peak_gb']:.2f}", f"{ratio['peak_gb']:.2f}",
            bar, met(row),
        ])  # fmt: skip
    head = "ours / peer|wall, s|ratio|CPU ratio|peak, GiB|ratio|bar|met"
    return _table(head, lines)


def _threads(rows: Sequence[Row]) -> str:
    lines = [
        [
            f"`{row['name']}`",
            f"{row['peer']['wall']:.1f}",
            f"{row['ours']['wall']:.1f}",
            f"{row['speedup']:.2f}",
            "yes" if row["speedup"] >= SPEEDUP else "no",
        ]
        for row in rows
        if row["part"] == "threads" and "speedup" in row
    ]
    return _table(f"stage|1 thread, s|2 threads, s|faster by|at least {SPEEDUP}", lines)


def _memory(rows: Sequence[Row]) -> str:
    grown = [row for row in rows if row["part"] == "growth" and row["axis"] == "depth"]
    found = grown + [row for row in rows if row["part"] == "memory"]
    found = [row for row in found if "cost" in row]
    depths = {row["depth"] for row in found}
    base, deepest = (USUAL if USUAL in depths else min(depths, default=0)), max(depths, default=0)
    peaks = {r["name"]: r["cost"]["peak_gb"] for r in found if r["depth"] == base and "axis" in r}
    lines = []
    for row in sorted(found, key=lambda row: (row["name"], row["depth"])):
        peak = row["cost"]["peak_gb"]
        growth = peak / peaks[row["name"]] if row["name"] in peaks else 0.0
        bar, ok = "", True
        if "memory" in row:
            limit = memory_size(row["memory"]) / 2**30
            bar, ok = f"{limit:.2g} GiB", peak <= limit
        elif row["name"] == "correct" and row["depth"] == base:
            bar, ok = f"{PEAK:g} GiB", peak < PEAK
        elif row["name"] == "correct" and row["depth"] == deepest:
            bar, ok = f"{PEAK_GROWTH:g} times", growth <= PEAK_GROWTH
        lines.append([
            f"`{row['name']}`", f"{row['depth']:g}x", row.get("memory", "8G"),
            f"{row['cost']['wall']:.1f}", f"{peak:.2f}", f"{growth:.2f}" if growth else "",
            bar, ("yes" if ok else "no") if bar else "",
        ])  # fmt: skip
    head = f"stage|depth|--memory|wall, s|peak, GiB|times {base:g}x|bar|met"
    return _table(head, lines)


def _large(rows: Sequence[Row]) -> str:
    """Per billion bases, and what K-12 takes of the same: it is the smallest one."""
    found = [row for row in rows if row["part"] == "large" and "cost" in row]
    found.sort(key=lambda row: (row["name"], row["genome_size"]))
    lines, least = [], dict[str, float]()
    for row in found:
        each = row["cost"]["wall"] / row["bases"] * 1e9
        least.setdefault(row["name"], each)
        truth = row.get("truth", {})
        size = row["genome_size"] / 1e6
        told = [
            f"{truth[key] / size:.2f}" if truth else ""
            for key in ("true_kmers_lost", "true_kmers_lost_3", "false_kmers_left")
        ]
        lines.append([
            f"`{row['name']}`, {size:.0f} Mb, {row['depth']:g}x", row["memory"],
            f"{row['cost']['wall']:.0f}", f"{row['cost']['peak_gb']:.2f}", f"{each:.0f}",
            f"{each / least[row['name']]:.2f}", *told,
        ])  # fmt: skip
    head = "genome|--memory|wall, s|peak, GiB|s a Gbp|times the first|true 31-mers lost a Mb"
    return _table(head + "|of those read thrice|false left a Mb", lines)


def _growth(results: dict[str, Any]) -> str:
    lines = []
    for fit in results.get("fits", []):
        unit = "GiB" if fit["figure"] == "peak_gb" else "s"
        lines.append([
            f"`{fit['name']}` {fit['figure'].removesuffix('_gb')}, by {fit['axis']}",
            f"{fit['intercept']:.2f} {unit}", f"{100 * fit['slope']:.3f} {unit}",
            f"{fit['r2']:.4f}", f"{100 * fit['off']:.0f} %",
        ])  # fmt: skip
    return _table("growth|at nothing|per 100 Mbp|R2|furthest off the line", lines)


def _first(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        if row["part"] != "first-run":
            continue
        if row["name"] == "--help":
            ok = row["wall"] < HELP
            lines.append(["`--help`", "", f"{row['wall']:.2f}", "", f"{HELP:g} s"])
        else:
            ok = row["slower_by"] <= FIRST_RUN
            first, second = row["first"]["wall"], row["second"]["wall"]
            lines.append([f"`{row['name']}`, example", f"{first:.1f}", f"{second:.1f}"])
            lines[-1] += [f"{row['slower_by']:.1f}", f"{FIRST_RUN:g} s more"]
        lines[-1].append("yes" if ok else "no")
    return _table("after install|first run, s|second, s|more|bar|met", lines)


def _floors(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        if row["part"] == "floor" and "least" in row:
            least, cpu = row["least"], row["cost"]["cpu"]
            lines.append([f"`{row['name']}`", f"{cpu:.1f}", f"{least:.1f}", f"{cpu / least:.1f}"])
    return _table("stage|CPU, s|the least, s|times as much", lines)


def _profiles(rows: Sequence[Row]) -> str:
    text = ""
    for row in rows:
        if row["part"] != "profile" or "stages" not in row:
            continue
        lines = [
            [
                stage["stage"],
                f"{stage['wall']:.2f}",
                f"{stage['cpu']:.2f}",
                f"{100 * stage['share']:.1f} %",
                f"{stage['peak_gb']:.2f}",
            ]
            for stage in sorted(row["stages"], key=lambda stage: -stage["wall"])
        ]
        lines.append(
            ["all", f"{row['wall']:.2f}", f"{row['cpu']:.2f}", "", f"{row['peak_gb']:.2f}"]
        )
        head = f"`{row['name']}`, {row['threads']} threads|wall, s|CPU, s|share|peak so far, GiB"
        text += _table(head, lines) + "\n"
    return text
