"""Plots of the calibration benchmark: reliability with counts, average precision by fraction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.plots import COLOURS, panels, save

__all__ = ["plot_precision", "plot_reliability"]


def plot_reliability(by_depth: dict[str, dict], path: Path) -> None:
    """Share that is real against P(real), one column per depth, counts below.

    Parameters
    ----------
    by_depth
        By depth and judge, as `benchmarks.calibration.pool` gives them.
    """
    figure, axes = panels(2, len(by_depth), 4.6, 2.8, height_ratios=(3, 1), sharex=True)
    for column, (depth, judges) in enumerate(by_depth.items()):
        upper, lower = axes[:, column]
        upper.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1)
        for number, (name, row) in enumerate(judges.items()):
            bins, colour = row["bins"], COLOURS[number]
            x, y = [b["chance"] for b in bins], [b["share"] for b in bins]
            reach = [
                [max(0, b["share"] - b["low"]) for b in bins],
                [max(0, b["high"] - b["share"]) for b in bins],
            ]
            label = f"{name}: error {row['calibration_error']:.3f}"
            upper.errorbar(x, y, reach, marker="o", markersize=4, color=colour, label=label)
            middles = [(b["from"] + b["to"]) / 2 for b in bins]
            lower.step(
                *(middles, [b["count"] for b in bins]), where="mid", color=colour, marker="."
            )
        upper.set(title=depth, xlim=(0, 1), ylim=(0, 1))
        upper.legend(frameon=False, fontsize=8)
        lower.set(xlabel="P(real)", yscale="log")
    axes[0, 0].set_ylabel("share that is real (95 % interval)")
    axes[1, 0].set_ylabel("alternatives")
    save(figure, path, 120)


def plot_precision(table: Sequence[dict], judges: Sequence[str], path: Path) -> None:
    """Average precision against allele fraction, one panel per depth and kind of errors."""
    kinds = sorted({(row["depth"], row["systematic"]) for row in table})
    figure, axes = panels(1, len(kinds), 3.6, 3.6, sharey=True)
    for axis, (depth, systematic) in zip(axes[0], kinds, strict=False):
        rows = [r for r in table if (r["depth"], r["systematic"]) == (depth, systematic)]
        x = [100 * row["fraction"] for row in rows]
        for judge, colour in zip(judges, COLOURS, strict=False):
            low, high = ([row[judge][end] for row in rows] for end in ("lowest", "highest"))
            axis.plot(
                x, [row[judge]["mean"] for row in rows], color=colour, marker=".", label=judge
            )
            if judge == judges[0]:
                axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        kind = "systematic errors too" if systematic else "independent errors"
        axis.set(title=f"{depth:g}x, {kind}", xlabel="allele fraction (%)", xscale="log")
    axes[0, 0].set(ylabel="average precision", ylim=(0, 1.02))
    axes[0, -1].legend(frameon=False, fontsize=7, loc="lower right")
    save(figure, path, 120)
