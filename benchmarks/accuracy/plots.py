"""Gain and false k-mers left against depth, one line per tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["plot_accuracy"]

# Ours in full colour and thick, others thin: the same in every plot, whoever was run.
_STYLE = {
    "autoencoder": ("#0072b2", "o", 2.2),
    "likelihood": ("#009e73", "s", 1.6),
    "nearest": ("#56b4e9", "D", 1.6),
    "lighter": ("#d55e00", "v", 1.0),
    "bayeshammer": ("#cc79a7", "^", 1.0),
    "tadpole": ("#e69f00", "<", 1.0),
    "bfc": ("#7a5230", ">", 1.0),
    "karect": ("#555555", "P", 1.0),
    "raw": ("#bbbbbb", "x", 1.0),
}


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
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for scenario in dict.fromkeys(row["scenario"] for row in summary):
        rows = [row for row in summary if row["scenario"] == scenario and "gain" in row]
        figure = Figure(figsize=(10, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
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
        written.append(folder / f"accuracy-{scenario}.png")
        # Without a software tag the file is the same for every matplotlib release.
        with matplotlib.rc_context({"savefig.dpi": 90}):
            figure.savefig(written[-1], metadata={"Software": None})
    return written


def _lines(
    axes: Axes, rows: list[dict[str, Any]], column: str, height: Any, skip: tuple[str, ...]
) -> None:
    for tool, (colour, marker, width) in _STYLE.items():
        points = sorted((row["depth"], row[column]) for row in rows if row["tool"] == tool)
        if not points or tool in skip:
            continue
        depths = [depth for depth, _ in points]
        mean = [height(values[0]) for _, values in points]
        ends = [sorted((height(values[1]), height(values[2]))) for _, values in points]
        axes.plot(depths, mean, marker=marker, color=colour, linewidth=width, label=tool)
        axes.vlines(depths, *zip(*ends, strict=True), color=colour, linewidth=0.8)
