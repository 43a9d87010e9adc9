"""False k-mers left against alleles kept, a panel per family, a mark per tool."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.families.table import pooled
from benchmarks.variants.plots import tool_styles

__all__ = ["plot_families"]

_COLUMNS = 4
# What hardly any corrector loses says nothing.
_EASY = ("0.5", "0.2")


def plot_families(path: Path, record: dict) -> None:
    """Draw what `benchmarks/families` found; sets without known truth have no panel."""
    runs = [run for run in record["runs"] if "raw_false" in run]
    families = list(dict.fromkeys(run["family"] for run in runs))
    tools = list(dict.fromkeys(name for run in runs for name in run["tools"]))
    rows = max(1, -(-len(families) // _COLUMNS))
    figure = Figure(figsize=(3.2 * _COLUMNS, 2.8 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    styles = tool_styles(tools)
    for axes, family in zip(panels, families, strict=False):
        _panel(axes, [run for run in runs if run["family"] == family], styles)
        axes.set_title(family, fontsize="medium")
    for axes in panels[len(families) :]:
        axes.set_axis_off()
    handles = {}
    for axes in panels[: len(families)]:
        found = axes.get_legend_handles_labels()
        handles |= dict(zip(found[1], found[0], strict=True))
    place = {"loc": "outside upper center", "ncols": len(tools) or 1}
    figure.legend(handles.values(), handles.keys(), **place)
    figure.supxlabel("false 31-mers left in the reads")
    figure.supylabel("alleles <= 10 % kept, of shown")
    # Without a software tag the file is the same for every matplotlib release.
    with matplotlib.rc_context({"savefig.dpi": 80}):
        figure.savefig(path, metadata={"Software": None})


def _panel(axes: Axes, runs: list[dict], styles: dict[str, dict]) -> None:
    for name, style in styles.items():
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
