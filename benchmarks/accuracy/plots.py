"""Gain and false k-mers left against depth, one line per tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.harness.plots import panels, save, styles

__all__ = ["plot_accuracy"]


def plot_accuracy(summary: list[dict[str, Any]], folder: Path) -> list[Path]:
    """Write ``accuracy-SCENARIO.png`` for each scenario of a summary.

    Parameters
    ----------
    summary
        From `benchmarks.accuracy.summarise`.
    folder
        Made where it is not there.

    Returns
    -------
    list of Path
    """
    written = []
    for scenario in dict.fromkeys(row["scenario"] for row in summary):
        rows = [row for row in summary if row["scenario"] == scenario and "gain" in row]
        figure, ((left, right),) = panels(1, 2, 5, 4)
        # What is missed of the errors, on a log scale: .999 and .9999 are far apart.
        _lines(left, rows, "gain", lambda gain: max(1 - gain, 1e-6), skip=("raw",))
        left.set_ylabel("1 - gain")
        left.invert_yaxis()
        _lines(right, rows, "false_left", lambda count: max(count, 0.5), skip=())
        right.set_ylabel("false 31-mers left")
        right.legend(fontsize="small", ncols=2)
        for axes in (left, right):
            axes.set_xlabel("depth")
            axes.set_yscale("log")
            axes.set_xticks(sorted({row["depth"] for row in rows}))
        figure.suptitle(f"{scenario}: mean over seeds, bars from smallest to largest", fontsize=10)
        written.append(save(figure, folder / f"accuracy-{scenario}.png"))
    return written


def _lines(
    axes: Axes, rows: list[dict[str, Any]], column: str, height: Any, skip: tuple[str, ...]
) -> None:
    for tool, style in styles(dict.fromkeys(row["tool"] for row in rows)).items():
        points = sorted((row["depth"], row[column]) for row in rows if row["tool"] == tool)
        if not points or tool in skip:
            continue
        depths = [depth for depth, _ in points]
        mean = [height(values[0]) for _, values in points]
        ends = [sorted((height(values[1]), height(values[2]))) for _, values in points]
        axes.plot(depths, mean, label=tool, **style)
        axes.vlines(depths, *zip(*ends, strict=True), color=style["color"], linewidth=0.8)
