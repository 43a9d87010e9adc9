"""Hours of each step on 8, 64 and 512 cores, scenario by scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.harness.plots import panels, save

__all__ = ["plot_scale"]

# Steps that are one are hatched; those in many parts are not.
_COLOURS = {
    "plan": "#999999", "count": "#0072b2", "merge": "#56b4e9", "solid": "#d55e00",
    "thread": "#009e73", "pool": "#e69f00", "compare": "#117733", "judge": "#cc79a7",
    "write": "#332288", "join": "#7a5230",
}  # fmt: skip


def plot_scale(results: dict[str, Any], path: Path) -> Path:
    """A panel for each number of cores, a bar for each scenario; hatched what is one step."""
    parts = {row["step"]: row["parts"] for row in results["paper"]}
    rows = results["simulation"]
    cores = list(dict.fromkeys(row["cores"] for row in rows))
    figure, axes = panels(1, len(cores), 4.2, 3.6)
    for at, number in zip(axes[0], cores, strict=True):
        mine = [row for row in rows if row["cores"] == number]
        names = [row["scenario"] for row in mine]
        base = [0.0] * len(mine)
        for step, colour in _COLOURS.items():
            hours = [row["hours_by_step"][step] for row in mine]
            hatch = "//" if parts[step] == 1 else None
            at.bar(
                names, hours, bottom=base, color=colour, hatch=hatch, edgecolor="white",
                linewidth=0.3, label=step,
            )  # fmt: skip
            base = [low + more for low, more in zip(base, hours, strict=True)]
        at.set_title(f"{number} cores", fontsize=10)
        at.set_ylabel("hours, simulated")
        at.tick_params(axis="x", labelsize="small")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], fontsize="small", loc="outside right center")
    return save(figure, path)
