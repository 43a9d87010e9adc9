"""One look for all plots: a tool has the same colour and mark wherever it is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

__all__ = ["COLOURS", "panels", "save", "styles"]

# Okabe and Ito's colours, told apart by most eyes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
# Ours first and round, others in angles.
_TOOLS = {
    "dbgclean": ("#0072b2", "o"),
    "autoencoder": ("#0072b2", "o"),
    "likelihood": ("#009e73", "s"),
    "nearest": ("#56b4e9", "D"),
    "auto": ("#332288", "h"),
    "ratio": ("#117733", "p"),
    "lighter": ("#d55e00", "v"),
    "bayeshammer": ("#cc79a7", "^"),
    "tadpole": ("#e69f00", "<"),
    "bfc": ("#7a5230", ">"),
    "karect": ("#555555", "P"),
    "raw": ("#bbbbbb", "x"),
}


def styles(tools: Iterable[str]) -> dict[str, dict[str, str]]:
    """Colour and mark of each tool."""
    return {
        name: dict(zip(("color", "marker"), _TOOLS.get(name, ("#999999", "*")), strict=True))
        for name in tools
    }


def panels(
    rows: int, columns: int, width: float, height: float, **settings: Any
) -> tuple[Figure, np.ndarray]:
    """A figure of panels, each ``width`` by ``height`` inches: the axes as (rows, columns)."""
    rows, columns = max(1, rows), max(1, columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **settings)


def save(figure: Figure, path: Path, dpi: int = 90) -> Path:
    """Write a PNG; without a software tag it is the same for every release of matplotlib."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"savefig.dpi": dpi}):
        figure.savefig(path, metadata={"Software": None})
    return path
