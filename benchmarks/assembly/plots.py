"""NGA50, mismatches and the assembler's seconds: means over seeds, raw and corrected reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.harness.plots import panels, save, styles

__all__ = ["plot_assembly"]

_COLUMNS = {
    "nga50": "NGA50, kb",
    "mismatches": "mismatches",
    "assembly_cpu_seconds": "assembler's CPU, s",
}


def plot_assembly(summary: list[dict[str, Any]], path: Path) -> Path:
    """Draw a row of panels for each assembler: samples across, a mark for each kind of reads."""
    assemblers = list(dict.fromkeys(row["assembler"] for row in summary))
    samples = list(dict.fromkeys(map(_sample, summary)))
    looks = styles(dict.fromkeys(row["reads"] for row in summary))
    figure, axes = panels(len(assemblers), len(_COLUMNS), 4.6, 3.2)
    for line, assembler in zip(axes, assemblers, strict=True):
        for at, (column, title) in zip(line, _COLUMNS.items(), strict=True):
            for number, (reads, look) in enumerate(looks.items()):
                rows = [r for r in summary if (r["assembler"], r["reads"]) == (assembler, reads)]
                aside = 0.13 * (number - (len(looks) - 1) / 2)
                across = [samples.index(_sample(row)) + aside for row in rows]
                heights = [row[column] / (1000 if column == "nga50" else 1) for row in rows]
                at.plot(across, heights, linestyle="none", label=reads, **look)
            at.set_xticks(range(len(samples)), samples, fontsize="small")
            at.set_ylabel(title)
            top = at.get_ylim()[1]
            at.set_ylim(-0.05 * top, 1.08 * top)
            at.set_title(assembler, fontsize=10)
    axes[0, 0].legend(fontsize="small", loc="lower left")
    return save(figure, path)


def _sample(row: dict[str, Any]) -> str:
    return f"{row['sample']}\n{row['length'] / 1000:g} kb"
