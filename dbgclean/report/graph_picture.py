"""The graph before and after as two drawings, from ``picture`` of the report.

Lines are unitigs: wide where they are deep, coloured by what became of them. Both drawings
have the same positions. A ring marks what has an evidence card on the page.
"""

import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from dbgclean.report.canvas import CHOSEN, ERROR, GENOME, MUTED, PAPER
from dbgclean.report.words import full, printable

__all__ = ["COLOURS", "caption", "check_picture", "draw_graphs"]

Report = Mapping[str, Any]

COLOURS = {"plain": MUTED, "removed": ERROR, "undecided": GENOME, "kept": CHOSEN}
"""Colour of each class of unitigs, in the order in which they are drawn."""

WORDS = {
    "plain": "not in question",
    "removed": "removed",
    "undecided": "undecided, left as read",
    "kept": "judged real, or an arm of a bubble that is solid",
}

_MARGIN = 9
# Share of the usual depth below which a line has this width; deeper ones have the last.
_WIDTHS = ((0.1, 1.1), (0.3, 1.7), (0.7, 2.6), (1.5, 3.6), (math.inf, 4.8))


# What a picture holds, and of which kind.
_PARTS: dict[str, tuple[type, ...]] = {
    "whole": (bool,), "box": (list,), "depth": (int, float), "unitigs": (dict,),
    "standing": (int,), "removed": (int,), "before": (list,), "after": (list,),
    "alternatives": (list,),
}  # fmt: skip
_ROW: tuple[type | tuple[type, ...], ...] = (
    str, int, (int, float), str, (int, type(None)), str
)  # fmt: skip
_DRAWN = re.compile(r"M[-0-9.LQC ]+")


def check_picture(found: Report) -> None:
    """Check ``picture`` of a report.

    Raises
    ------
    ValueError
        Naming what is wrong: rows are name, length, depth, class, card (or None), SVG path.
    """
    for key, kinds in _PARTS.items():
        if not isinstance(found.get(key), kinds):
            msg = f"report: picture.{key} is {found.get(key)!r:.80}, expected a {kinds[0].__name__}"
            raise ValueError(msg)
    cards = len(found["alternatives"])
    for row in [*found["before"], *found["after"]]:
        good = isinstance(row, list) and len(row) == len(_ROW)
        good = good and all(isinstance(v, kinds) for v, kinds in zip(row, _ROW, strict=True))
        good = good and row[3] in COLOURS and (row[4] is None or 0 <= row[4] < cards)
        # It goes into the page as it is.
        if not good or not _DRAWN.fullmatch(row[5]):
            msg = f"report: picture has the row {row!r:.80}, expected a unitig and its SVG path"
            raise ValueError(msg)


def draw_graphs(report: Report) -> dict[str, str]:
    """``graph_before`` and ``graph_after`` to the text of an SVG file; without a picture none."""
    found = report.get("picture")
    if not found:
        return {}
    return {f"graph_{side}": _drawing(found, side) for side in ("before", "after")}


def _drawing(found: Report, side: str) -> str:
    width, high = (value + 2 * _MARGIN for value in found["box"])
    high = max(high, 0.3 * width)
    top = (high - found["box"][1]) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{high:.0f}" '
        f'viewBox="{-_MARGIN} {-top:.1f} {width:.1f} {high:.1f}">',
        f"<title>The graph {side}</title>",
        f"<desc>{escape(caption(found, side))}</desc>",
        '<g fill="none" stroke-linecap="round" stroke-linejoin="round">',
    ]
    rows = [(row, _width(row[2], found["depth"])) for row in found[side]]
    for kind, colour in COLOURS.items():
        dashes = "; stroke-dasharray: 6 3" if kind == "undecided" else ""
        for _, wide in _WIDTHS:
            lines = [_line(row) for row, own in rows if row[3] == kind and own == wide]
            if lines:
                style = f"stroke: {colour}; stroke-width: {wide}{dashes}"
                parts += [f'<g style="{style}">', *lines, "</g>"]
    parts += [*_marks(found[side]), "</g>", "</svg>"]
    return "\n".join(parts) + "\n"


def _width(depth: float, usual: float) -> float:
    share = depth / max(usual, 1e-9)
    return next((wide for below, wide in _WIDTHS if share < below), _WIDTHS[-1][1])


def _line(row: Sequence[Any]) -> str:
    return f'<path d="{row[5]}"><title>{_title(row)}</title></path>'


def _title(row: Sequence[Any]) -> str:
    name = f"unitig {row[0]}" if str(row[0]).isdigit() else printable(row[0])
    return escape(f"{name} · {full(row[1])} bp · depth {full(row[2])} · {row[3]}")


def _marks(rows: Sequence[Sequence[Any]]) -> list[str]:
    """A ring on every unitig with a card, which links it; one for each card."""
    marks, seen = [], set()
    for row in rows:
        if row[4] is None or row[4] in seen:
            continue
        seen.add(row[4])
        x, y = _middle(row[5])
        radius = 2.6 if row[3] == "removed" else 4.4
        label = f"{_title(row)}: evidence"
        marks.append(
            f'<a href="../report.html#alternative-{row[4]}" aria-label="{label}">'
            f"<title>{label}</title>"
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" '
            f'style="stroke: {COLOURS[row[3]]}; stroke-width: 1.6; fill: {PAPER}"/></a>'
        )
    return marks


def _middle(drawn: str) -> tuple[float, float]:
    """Half-way along a path of ours."""
    numbers = [float(text) for text in re.findall(r"-?[\d.]+", drawn)]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    weights = {"Q": (1, 2, 1), "C": (1, 3, 3, 1)}.get(drawn.strip("M-.0123456789 ")[:1])
    if weights:
        x, y = (
            sum(w * point[i] for w, point in zip(weights, points, strict=True)) / sum(weights)
            for i in (0, 1)
        )
        return x, y
    half = len(points) // 2
    if len(points) % 2:
        return points[half]
    (x0, y0), (x1, y1) = points[half - 1 : half + 1]
    return (x0 + x1) / 2, (y0 + y1) / 2


def caption(found: Report, side: str) -> str:
    """What of the graph a drawing shows, in words."""
    if side == "after":
        drawn = f"{full(len(found['after']))} unitigs around the most tangled place"
        return "All of it." if found["whole"] else f"{drawn}; open ends go on."
    gone = sum(row[3] == "removed" for row in found["before"])
    standing, removed = found["standing"], found["removed"]
    where = "" if found["whole"] else "The same place: "
    if not removed:
        return f"{where}{_unitigs(standing)} and nothing that was removed."
    some = f"the deepest {full(gone)} of {full(removed)} removed ones" if gone < removed else ""
    some = some or ("the one removed" if removed == 1 else f"all {full(removed)} removed ones")
    verb = "hang" if removed > 1 else "hangs"
    return f"{where}{_unitigs(standing)}, and {some} that {verb} on what stands."


def _unitigs(n: int) -> str:
    return f"{full(n)} unitigs that stand" if n != 1 else "1 unitig that stands"
