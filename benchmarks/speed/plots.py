"""Growth of time and memory with the reads, and ratios to other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.harness.plots import panels, save
from benchmarks.speed.table import BARS

__all__ = ["plot_growth", "plot_pairs"]

_STYLE = {
    "count": ("#009e73", "s"),
    "correct": ("#0072b2", "o"),
    "graph raw": ("#d55e00", "^"),
    "graph solid": ("#e69f00", "v"),
    "run": ("#555555", "D"),
}
_FIGURES = (("wall", "seconds"), ("cpu", "CPU seconds"), ("peak_gb", "peak memory, GiB"))
_TITLES = {
    "depth": "one genome, more and more reads",
    "genome": "larger and larger genomes at one depth",
}


def plot_growth(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``speed-growth-AXIS.png`` for each axis, points and their lines.

    Parameters
    ----------
    results
        As `benchmarks.speed` writes them.
    folder
        Made where it is not there.

    Returns
    -------
    list of Path
    """
    grown = [row for row in results["rows"] if row["part"] == "growth" and "cost" in row]
    written = []
    for axis in dict.fromkeys(row["axis"] for row in grown):
        rows = [row for row in grown if row["axis"] == axis]
        fits = [fit for fit in results.get("fits", []) if fit["axis"] == axis]
        figure, (row,) = panels(1, 3, 11 / 3, 3.6)
        for axes, (name, label) in zip(row, _FIGURES, strict=True):
            _points(axes, rows, [fit for fit in fits if fit["figure"] == name], name)
            axes.set_xlabel("Mbp of reads")
            axes.set_ylabel(label)
            # Genomes of 1 and of 50 Mb are told apart on no linear axis.
            if axis == "genome":
                axes.set_xscale("log")
                axes.set_yscale("log")
            else:
                axes.set_xlim(0)
                axes.set_ylim(0)
        axes.legend(fontsize="small")
        figure.suptitle(_TITLES[axis], fontsize=10)
        written.append(save(figure, folder / f"speed-growth-{axis}.png"))
    return written


def _points(axes: Axes, rows: list[dict[str, Any]], fits: list[dict[str, Any]], name: str) -> None:
    for stage, (colour, marker) in _STYLE.items():
        points = sorted((r["bases"] / 1e6, r["cost"][name]) for r in rows if r["name"] == stage)
        if not points:
            continue
        x, y = zip(*points, strict=True)
        axes.plot(x, y, marker=marker, color=colour, linestyle="none", label=stage)
        for fit in fits:
            if fit["name"] == stage:
                # Many short pieces: a line is a curve where both axes are logarithmic.
                steps = [x[0] + (x[-1] - x[0]) * i / 200 for i in range(201)]
                line = [fit["intercept"] + fit["slope"] * at for at in steps]
                axes.plot(steps, line, color=colour, linewidth=1)


def plot_pairs(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``speed-ratios.png``: ours / peer in wall clock, CPU and memory, every pair a dot.

    Parameters
    ----------
    results
        As `benchmarks.speed` writes them.
    folder
        Made where it is not there.

    Returns
    -------
    list of Path
        Empty where nothing was compared.
    """
    parts = ("count", "correct", "graph", "run")
    rows = [row for row in results["rows"] if row["part"] in parts and "ratio" in row][::-1]
    if not rows:
        return []
    figure, (panes,) = panels(1, 3, 11 / 3, 1.2 + 0.35 * len(rows), sharey=True)
    for axes, (name, label) in zip(panes, _FIGURES, strict=True):
        for height, row in enumerate(rows):
            dots = [pair["ours"][name] / max(pair["peer"][name], 1e-9) for pair in row["pairs"]]
            # From 1 on, either way: half and double are as long on a logarithmic axis.
            axes.barh(height, row["ratio"][name] - 1, left=1, color="#9ecae1")
            axes.plot(dots, [height] * len(dots), "k.", markersize=4)
            bar = BARS.get((row["part"], row["name"], row["against"]), {}).get(name)
            if bar is not None:
                axes.plot([bar, bar], [height - 0.45, height + 0.45], color="#d55e00", linewidth=2)
        axes.axvline(1, color="#888888", linewidth=0.8)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"{label}, ours / peer")
        axes.set_yticks(range(len(rows)), [f"{row['name']} / {row['against']}" for row in rows])
    return [save(figure, folder / "speed-ratios.png")]
