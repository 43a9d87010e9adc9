"""The inspect benchmark's figures as plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.plots import COLOURS, panels, save
from benchmarks.inspect.lines import pooled_somatic

__all__ = ["plot_curves", "plot_recall", "plot_somatic"]

_CALLERS = ("dbgclean", "freebayes", "freebayes by QA", "bcftools", "quality and strand")


def _colour(name: str) -> str:
    return COLOURS[_CALLERS.index(name)] if name in _CALLERS else COLOURS[-1]


def plot_recall(table: Sequence[dict[str, Any]], path: Path) -> None:
    """Recall of substitutions at a precision of .95 against fraction, a panel per depth.

    Parameters
    ----------
    table
        As `benchmarks.inspect.simulated.lowfreq_table` gives it.
    """
    rows = [row for row in table if row["kind"] == "snv"]
    errors = sorted({row["errors"] for row in rows})
    depths = sorted({row["depth"] for row in rows})
    figure, axes = panels(len(errors), len(depths), 3.1, 3.0, sharex=True, sharey=True)
    for across, kind in zip(axes, errors, strict=False):
        for axis, depth in zip(across, depths, strict=True):
            here = [row for row in rows if (row["errors"], row["depth"]) == (kind, depth)]
            _recall_panel(axis, here)
            axis.set(title=f"{depth:g}x, {kind} errors")
    for axis in axes[-1]:
        axis.set_xlabel("allele fraction (%)")
    for axis in axes[:, 0]:
        axis.set_ylabel("recall at precision .95")
    axes[0, -1].legend(frameon=False, fontsize=7, loc="lower right")
    save(figure, path, 120)


def _recall_panel(axis: Any, rows: Sequence[dict[str, Any]]) -> None:
    """One depth: a line per caller, and what could be found at all."""
    for name in _CALLERS:
        own = sorted((r for r in rows if r["caller"] == name), key=lambda r: r["fraction"])
        x, y = [100 * r["fraction"] for r in own], [r["recall_at_precision"] for r in own]
        if own:
            axis.plot(x, y, color=_colour(name), marker=".", label=name)
    known = {row["fraction"]: row for row in rows}
    x = [100 * fraction for fraction in sorted(known)]
    limit = [known[f]["shown"] / max(known[f]["alleles"], 1) for f in sorted(known)]
    axis.plot(x, limit, ":", color="black", label="in two reads or more")
    axis.set(xscale="log", ylim=(-0.02, 1.03))
    axis.set_xticks(x, [f"{percent:g}" for percent in x])
    axis.minorticks_off()
    axis.grid(alpha=0.25)


def plot_curves(samples: Sequence[dict[str, Any]], path: Path) -> None:
    """Precision against recall of substitutions by QUAL, one line per seed."""
    kinds = sorted({(sample["errors"], sample["depth"]) for sample in samples})
    figure, axes = panels(1, len(kinds), 2.9, 3.1, sharey=True)
    for axis, (errors, depth) in zip(axes[0], kinds, strict=False):
        for sample in samples:
            if (sample["errors"], sample["depth"]) != (errors, depth):
                continue
            for name, row in sample["callers"].items():
                if "missing" not in row and row["snv"]["curve"]:
                    precision, recall, _ = zip(*row["snv"]["curve"], strict=True)
                    axis.plot(recall, precision, color=_colour(name), linewidth=1, label=name)
        axis.axhline(0.95, color="grey", linestyle=":", linewidth=1)
        axis.set(title=f"{depth:g}x, {errors}", xlabel="recall", xlim=(0, 1.02), ylim=(0, 1.03))
    axes[0, 0].set_ylabel("precision")
    handles = dict(zip(*axes[0, -1].get_legend_handles_labels()[::-1], strict=True))
    axes[0, -1].legend(handles.values(), handles.keys(), frameon=False, fontsize=7)
    save(figure, path, 120)


def plot_somatic(runs: Sequence[dict[str, Any]], path: Path) -> None:
    """Somatic alleles found by fraction, over all seeds; false ones in the legend."""
    figure, ((axis,),) = panels(1, 1, 5.0, 3.4)
    for name, row in pooled_somatic(runs).items():
        x = [100 * float(fraction) for fraction in row["found"]]
        y = [found / n for found, n in row["found"].values()]
        words = f"{name}: {row['germline']} germline, {row['outside']} outside"
        axis.plot(x, y, color=_colour(name), marker=".", label=words)
    axis.set(xscale="log", xlabel="fraction of the tumour (%)", ylabel="somatic alleles found")
    axis.set_ylim(-0.02, 1.03)
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, fontsize=7)
    save(figure, path, 120)
