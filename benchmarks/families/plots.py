"""False k-mers left against alleles kept, a panel per family, a mark per tool."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from benchmarks.families.table import pooled
from benchmarks.harness.plots import panels, save, styles

__all__ = ["plot_families"]

_COLUMNS = 4
# What hardly any corrector loses says nothing.
_EASY = ("0.5", "0.2")


def plot_families(path: Path, runs: list[dict]) -> None:
    """Draw what `benchmarks/families` found; sets without known truth have no panel."""
    runs = [run for run in runs if "raw_false" in run]
    families = list(dict.fromkeys(run["family"] for run in runs))
    tools = list(dict.fromkeys(name for run in runs for name in run["tools"]))
    figure, grid = panels(-(-len(families) // _COLUMNS), _COLUMNS, 3.2, 2.8)
    panes, looks = grid.ravel(), styles(tools)
    for axes, family in zip(panes, families, strict=False):
        _panel(axes, [run for run in runs if run["family"] == family], looks)
        axes.set_title(family, fontsize="medium")
    for axes in panes[len(families) :]:
        axes.set_axis_off()
    handles = {}
    for axes in panes[: len(families)]:
        found = axes.get_legend_handles_labels()
        handles |= dict(zip(found[1], found[0], strict=True))
    place = {"loc": "outside upper center", "ncols": len(tools) or 1}
    figure.legend(handles.values(), handles.keys(), **place)
    figure.supxlabel("false 31-mers left in the reads")
    figure.supylabel("alleles <= 10 % kept, of shown")
    save(figure, path, 80)


def _panel(axes: Axes, runs: list[dict], looks: dict[str, dict]) -> None:
    for name, style in looks.items():
        mine = [run for run in runs if name in run["tools"]]
        if not mine:
            continue
        left = np.array([run["tools"][name]["false_left"][0] for run in mine])
        counts = [n for group, n in pooled(mine, name).items() if group not in _EASY]
        kept = sum(n[0] for n in counts) / max(1, sum(n[1] for n in counts))
        spread = [[left.mean() - left.min()], [left.max() - left.mean()]]
        axes.errorbar(left.mean(), kept, xerr=spread, linestyle="", label=name, **style)
    axes.set_xscale("symlog", linthresh=100)
    axes.set_xlim(left=0)
    axes.set_ylim(-0.03, 1.03)
    axes.grid(alpha=0.3)
