"""Alleles kept against false k-mers left: one mark per tool, one curve per judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from benchmarks.harness.plots import panels, save, styles

__all__ = ["kept_share", "plot_mixtures"]

_CLOSE_UPS = ("0.05", "0.02", "0.01")


def kept_share(rows: list[dict], group: str, sense: str = "by_kmers") -> list[float]:
    """Share of the shown alleles of one group that are kept: pooled, lowest, highest.

    ``rows`` are one tool's in the runs of several seeds; NaN where no run shows any.
    """
    counts = [row["alleles"][sense][group] for row in rows]
    shares = [kept / shown for kept, _, shown in counts if shown]
    if not shares:
        return [np.nan] * 3
    pooled = sum(kept for kept, _, _ in counts) / sum(shown for _, _, shown in counts)
    return [pooled, min(shares), max(shares)]


def plot_mixtures(path: Path, record: dict) -> None:
    """Draw what `benchmarks/variants` found: by fraction, then against what is left.

    The first panel has one line per tool over the fractions; the others, one for each
    of the three lowest fractions, a mark per tool at its false k-mers left, with bars
    from the lowest to the highest seed, and for each judge the curve over thresholds.
    """
    runs = record["runs"]
    tools = [name for name in runs[0]["tools"] if all(name in run["tools"] for run in runs)]
    groups = list(runs[0]["tools"][tools[0]]["alleles"]["by_kmers"])
    close = [group for group in _CLOSE_UPS if group in groups]
    figure, (axes_of,) = panels(1, 1 + len(close), 4.2, 4.2)
    looks = styles(tools)
    _by_fraction(axes_of[0], runs, tools, groups, looks)
    for axes, group in zip(axes_of[1:], close, strict=True):
        _against_false(axes, runs, tools, group, looks)
    axes_of[0].legend(fontsize="small")
    settings = record["settings"]
    figure.suptitle(
        f"set {settings['set']}, {settings['length'] / 1e3:g} kb at {settings['depth']:g}x, "
        f"{len(runs)} seeds; alleles whose middle 31-mer the raw reads show three times",
        fontsize="medium",
    )
    save(figure, path, 80)


def _by_fraction(
    axes: Axes, runs: list[dict], tools: list[str], groups: list[str], looks: dict[str, dict]
) -> None:
    places = np.arange(len(groups))
    for name in tools:
        rows = [run["tools"][name] for run in runs]
        pooled = [kept_share(rows, group)[0] for group in groups]
        axes.plot(places, pooled, label=name, **looks[name])
    axes.set_xticks(places, [f"{100 * float(group):g} %" for group in groups])
    axes.set_xlabel("allele fraction")
    axes.set_ylabel("alleles kept, of those shown")
    axes.set_ylim(-0.03, 1.03)


def _against_false(
    axes: Axes, runs: list[dict], tools: list[str], group: str, looks: dict[str, dict]
) -> None:
    for name in tools:
        rows = [run["tools"][name] for run in runs]
        left = np.array([row["false_left"][0] for row in rows])
        pooled, low, high = kept_share(rows, group)
        axes.errorbar(
            *(left.mean(), pooled),
            xerr=[[left.mean() - left.min()], [left.max() - left.mean()]],
            yerr=[[pooled - low], [high - pooled]],
            linestyle="",
            **looks[name],
        )
    for name in runs[0].get("sweep", {}):
        # One list per threshold, of the points of all seeds.
        points = list(zip(*(run["sweep"][name] for run in runs), strict=True))
        left = np.array([np.mean([row["false_left"][0] for row in rows]) for rows in points])
        kept = [kept_share(list(rows), group)[0] for rows in points]
        color = looks.get(name, {}).get("color")
        axes.plot(left, kept, color=color, linewidth=1, marker=".", markersize=3)
    axes.set_xscale("symlog", linthresh=100)
    axes.set_xlabel("false 31-mers left in the reads")
    axes.set_title(f"alleles at {100 * float(group):g} %", fontsize="medium")
    axes.set_ylim(-0.03, 1.03)
    axes.grid(alpha=0.3)
