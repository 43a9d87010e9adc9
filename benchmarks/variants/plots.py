"""Alleles kept against false k-mers left: one mark per tool, one curve per judge."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["kept_share", "plot_mixtures", "tool_styles"]

_OURS = {"nearest": "tab:gray", "likelihood": "tab:orange", "autoencoder": "tab:blue"}
_OTHERS = ("tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive")
_MARKS = "sD^vP*"
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
    figure = Figure(figsize=(4.2 * (1 + len(close)), 4.2), layout="constrained")
    panels = figure.subplots(1, 1 + len(close), squeeze=False)[0]
    styles = tool_styles(tools)
    _by_fraction(panels[0], runs, tools, groups, styles)
    for axes, group in zip(panels[1:], close, strict=True):
        _against_false(axes, runs, tools, group, styles)
    panels[0].legend(fontsize="small")
    settings = record["settings"]
    figure.suptitle(
        f"set {settings['set']}, {settings['length'] / 1e3:g} kb at {settings['depth']:g}x, "
        f"{len(runs)} seeds; alleles whose middle 31-mer the raw reads show three times",
        fontsize="medium",
    )
    # Without a software tag the file is the same for every matplotlib release.
    with matplotlib.rc_context({"savefig.dpi": 80}):
        figure.savefig(path, metadata={"Software": None})


def tool_styles(tools: list[str]) -> dict[str, dict]:
    """Colour and mark of each tool: ours always the same, others in their order."""
    others = [name for name in tools if name not in _OURS]
    styles = {
        name: {"color": _OTHERS[i % len(_OTHERS)], "marker": _MARKS[i % len(_MARKS)]}
        for i, name in enumerate(others)
    }
    return styles | {name: {"color": color, "marker": "o"} for name, color in _OURS.items()}


def _by_fraction(
    axes: Axes, runs: list[dict], tools: list[str], groups: list[str], styles: dict[str, dict]
) -> None:
    places = np.arange(len(groups))
    for name in tools:
        rows = [run["tools"][name] for run in runs]
        pooled = [kept_share(rows, group)[0] for group in groups]
        axes.plot(places, pooled, label=name, **styles[name])
    axes.set_xticks(places, [f"{100 * float(group):g} %" for group in groups])
    axes.set_xlabel("allele fraction")
    axes.set_ylabel("alleles kept, of those shown")
    axes.set_ylim(-0.03, 1.03)


def _against_false(
    axes: Axes, runs: list[dict], tools: list[str], group: str, styles: dict[str, dict]
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
            **styles[name],
        )
    for name in runs[0].get("sweep", {}):
        # One list per threshold, of the points of all seeds.
        points = list(zip(*(run["sweep"][name] for run in runs), strict=True))
        left = np.array([np.mean([row["false_left"][0] for row in rows]) for rows in points])
        kept = [kept_share(list(rows), group)[0] for rows in points]
        color = styles.get(name, {}).get("color")
        axes.plot(left, kept, color=color, linewidth=1, marker=".", markersize=3)
    axes.set_xscale("symlog", linthresh=100)
    axes.set_xlabel("false 31-mers left in the reads")
    axes.set_title(f"alleles at {100 * float(group):g} %", fontsize="medium")
    axes.set_ylim(-0.03, 1.03)
    axes.grid(alpha=0.3)
