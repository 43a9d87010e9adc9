"""The pictures: spectrum and its fit, ambiguity, what was removed, what it cost."""

import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbgclean._files import open_text
from dbgclean.errors import OutputError
from dbgclean.report.canvas import (
    CHOSEN,
    ERROR,
    FILL,
    GENOME,
    INK,
    MUTED,
    SETTINGS,
    abundance_end,
    new_figure,
    to_svg,
)
from dbgclean.report.graph_picture import draw_graphs
from dbgclean.report.words import chosen_column, compact, printable, rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_plots", "write_plots"]

Report = Mapping[str, Any]
Pairs = Sequence[Sequence[float]]


def draw_plots(report: Report) -> dict[str, str]:
    """Draw every picture that the report has the numbers for.

    Returns
    -------
    dict of str to str
        ``graph_before``, ``graph_after``, ``spectrum``, ``ambiguity``, ``abundance`` and
        ``cost`` (those that can be drawn, in this order) to the text of an SVG file.
    """
    import matplotlib as mpl

    drawers: dict[str, Callable[[Report], Figure | None]] = {
        "spectrum": _spectrum,
        "ambiguity": _ambiguity,
        "abundance": _abundance,
        "cost": _cost,
    }
    drawn = draw_graphs(report)
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        # A plug-in's name in a script that the font lacks: the reader's font will do.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for name, draw in drawers.items():
            figure = draw(report)
            if figure is not None:
                drawn[name] = to_svg(figure)
    return drawn


def write_plots(
    report: Report,
    folder: str | os.PathLike[str],
    *,
    drawn: Mapping[str, str] | None = None,
) -> list[str]:
    """Write the pictures as ``folder/NAME.svg``; the folder is made.

    Parameters
    ----------
    report, folder
        What to draw, and where.
    drawn
        The pictures, where :func:`draw_plots` has made them already.

    Returns
    -------
    list of str
        The names of the files written.

    Raises
    ------
    OutputError
        Where a file cannot be written.
    """
    names = []
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder}: cannot be made: {error.strerror}; write to another folder"
        raise OutputError(msg) from error
    for name, svg in (draw_plots(report) if drawn is None else drawn).items():
        with open_text(folder / f"{name}.svg") as out:
            out.write(svg)
        names.append(f"{name}.svg")
    return names


def _spectrum(report: Report) -> "Figure | None":
    spectrum = report.get("spectrum") or {}
    histogram = spectrum.get("histogram") or []
    if not histogram:
        return None
    figure = new_figure(8, 3.6)
    axes = figure.subplots()
    end = abundance_end(report)
    _steps(axes, histogram, end, label="k-mers seen", color=FILL, fill=True)
    fit = spectrum.get("fit") or {}
    curve = spectrum.get("curve") or []
    if fit.get("fitted") and curve:
        at = [row[0] for row in curve]
        parts = (("errors, fitted", ERROR, 1, "--"), ("genome, fitted", GENOME, 2, "-"))
        for label, color, column, dashes in parts:
            # Below one k-mer a curve says nothing and would stretch the log axis.
            height = [row[column] if row[column] >= 0.5 else math.nan for row in curve]
            axes.plot(at, height, color=color, linestyle=dashes, linewidth=1.8, label=label)
    if fit.get("fitted"):
        marks = (("valley", "valley"), ("half_peak", "half peak"), ("peak", "peak"))
        for step, (key, label) in enumerate((k, n) for k, n in marks if fit.get(k) is not None):
            _mark(axes, fit[key], f"{label} {fit[key]:.4g}", step)
    _count_axes(axes, end, "abundance (times a k-mer was seen)")
    _legend(axes)
    return figure


def _abundance(report: Report) -> "Figure | None":
    sides = report.get("abundance") or {}
    kept, removed = sides.get("kept") or [], sides.get("removed") or []
    if not kept and not removed:
        return None
    figure = new_figure(8, 3.4)
    axes = figure.subplots()
    end = abundance_end(report)
    _steps(axes, kept, end, label="kept", color=GENOME, fill=True)
    _steps(axes, removed, end, label="removed", color=ERROR, fill=False)
    fit = (report.get("spectrum") or {}).get("fit") or {}
    if fit.get("fitted") and fit.get("valley") is not None:
        _mark(axes, fit["valley"], f"valley {fit['valley']:.4g}", 0)
    _count_axes(axes, end, "abundance in the raw reads")
    _legend(axes)
    return figure


def _steps(axes: "Axes", pairs: Pairs, end: float, *, label: str, color: str, fill: bool) -> None:
    """A histogram as steps, a bin centred on its abundance; gaps are zero."""
    heights = {int(a): n for a, n in pairs if a <= end}
    if not heights:
        return
    last = max(heights)
    values = [heights.get(a, 0) for a in range(1, last + 1)]
    edges = [a - 0.5 for a in range(1, last + 2)]
    style: dict[str, Any] = {"fill": True, "alpha": 0.45} if fill else {"linewidth": 1.6}
    axes.stairs(values, edges, baseline=0.5, color=color, label=label, **style)
    if fill:
        axes.stairs(values, edges, baseline=None, color=color, linewidth=0.9)


def _count_axes(axes: "Axes", end: float, label: str) -> None:
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5, top=axes.get_ylim()[1] * 2)
    # The default labels are powers in math notation, which is off here.
    axes.yaxis.set_major_formatter(lambda value, _: compact(value))
    axes.yaxis.set_minor_locator(_null_locator())
    axes.set_xlim(0.5, end + 0.5)
    axes.set_xlabel(label)
    axes.set_ylabel("distinct k-mers")


def _legend(axes: "Axes") -> None:
    """Above the axes, where no label of a mark can lie under it."""
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2)


def _mark(axes: "Axes", at: float, text: str, step: int) -> None:
    """A dotted line at an abundance, its label at a height of its own."""
    axes.axvline(at, color=INK, linestyle=":", linewidth=1.1)
    axes.annotate(
        text,
        (at, 1.0 - 0.09 * step),
        xycoords=("data", "axes fraction"),
        xytext=(4, -2),
        textcoords="offset points",
        va="top",
        fontsize=9,
        color=INK,
    )


def _ambiguity(report: Report) -> "Figure | None":
    names, blocks = rows(report)
    wanted = ("unitigs", "junctions", "tips", "simple_bubbles", "superbubbles", "eulerian_deficit")
    panels = [row for _, block in blocks for row in block if row.key in wanted]
    if not panels:
        return None
    return _dots(report, names, [(row.label, row.values) for row in panels])


def _dots(
    report: Report, names: list[str], panels: Sequence[tuple[str, Sequence[float | None]]]
) -> "Figure":
    """A panel per count, a line per column of the report, the number beside its dot."""
    across = min(3, len(panels))
    down = -(-len(panels) // across)
    figure = new_figure(8.6, down * (0.75 + 0.23 * len(names)), between=0.06)
    grid = figure.subplots(down, across, sharey=True, squeeze=False)
    chosen = chosen_column(report)
    for axes, (label, values) in zip(grid.flat, panels, strict=False):
        axes.set_title(label)
        _log_axis(axes, values, room=30)
        axes.grid(axis="y", visible=False)
        for at, (name, value) in enumerate(zip(names, values, strict=True)):
            if value is None:
                axes.annotate("not known", (0, at), xytext=(5, 0), **_BESIDE, color=MUTED)
                continue
            color = CHOSEN if name == chosen else (INK if name == "raw" else MUTED)
            axes.plot([0, value], [at, at], color=color, linewidth=2.2, solid_capstyle="butt")
            axes.plot([value], [at], "o", color=color, markersize=6.5, clip_on=False)
            axes.annotate(compact(value), (value, at), xytext=(7, 0), **_BESIDE, color=INK)
        axes.set_yticks(range(len(names)), [printable(name)[:24] for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    return figure


_BESIDE: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 8.5}


def _log_axis(
    axes: "Axes",
    values: Sequence[float | None],
    *,
    room: float,
    axis: str = "x",
    start: float = 0.0,
) -> None:
    """A log axis that shows zero too, with room for labels beyond the largest value."""
    largest = max([value for value in values if value is not None], default=0)
    getattr(axes, f"set_{axis}scale")("symlog", linthresh=1, linscale=0.5)
    getattr(axes, f"set_{axis}lim")(start, max(largest, 1) * room)
    powers = [10**e for e in range(0, 16) if 10**e <= max(largest, 1) * room]
    ticks = [0, *powers[:: max(1, -(-len(powers) // 4))]]
    getattr(axes, f"set_{axis}ticks")(ticks, [compact(tick) for tick in ticks], minor=False)
    getattr(axes, f"{axis}axis").set_minor_locator(_null_locator())


def _null_locator() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _cost(report: Report) -> "Figure | None":
    columns = report.get("ambiguity") or {}
    points = [
        (name, column["false_kmers_left"], column["true_kmers_lost"])
        for name, column in columns.items()
        if column.get("false_kmers_left") is not None and column.get("true_kmers_lost") is not None
    ]
    if not points:
        return None
    figure = new_figure(8, 3.8)
    axes = figure.subplots()
    # Zero stands off the axes, where its marks and names can be read.
    _log_axis(axes, [left for _, left, _ in points], room=8, start=-0.4)
    _log_axis(axes, [lost for _, _, lost in points], room=8, axis="y", start=-0.6)
    axes.set_xlabel("false k-mers left (errors not removed)")
    axes.set_ylabel("true k-mers lost")
    chosen = chosen_column(report)
    marks = "osD^vPX*<>"
    for i, (name, left, lost) in enumerate(points):
        color = CHOSEN if name == chosen else (INK if name == "raw" else MUTED)
        axes.plot([left], [lost], marks[i % len(marks)], color=color, markersize=8, clip_on=False)
    _label_points(figure, axes, points, chosen)
    axes.annotate(
        "better: down and left",
        (0.995, 0.97),
        xycoords="axes fraction",
        ha="right",
        va="top",
        fontsize=9,
        color=MUTED,
    )
    return figure


def _label_points(
    figure: "Figure", axes: "Axes", points: Sequence[tuple[str, float, float]], chosen: str
) -> None:
    """Name each point, in the first place around it where nothing else stands.

    Correctors often tie (none loses a true k-mer), so a fixed offset would print one
    name over another.
    """
    figure.draw_without_rendering()  # the layout decides where the points are
    scale = 72 / figure.dpi
    at = [axes.transData.transform((left, lost)) * scale for _, left, lost in points]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in at]
    window = axes.get_window_extent()
    low, high = window.x0 * scale, window.x1 * scale
    for (name, left, lost), (x, y) in zip(points, at, strict=True):
        text = f"{printable(name)[:24]} ({compact(left)} left, {compact(lost)} lost)"
        width = 5.1 * len(text)
        for dx, dy, side in _places():
            x0 = x + dx - (width if side == "right" else 0)
            box = (x0, y + dy - 5.5, x0 + width, y + dy + 5.5)
            free = not any(_overlap(box, other) for other in taken)
            if free and low <= box[0] and box[2] <= high:
                break
        taken.append(box)
        axes.annotate(
            text,
            (left, lost),
            xytext=(dx, dy),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=8.5,
            color=CHOSEN if name == chosen else INK,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkB": 4}
            if abs(dy) > 15
            else None,
        ).set_in_layout(False)


def _places() -> list[tuple[float, float, str]]:
    """Offsets in points around a mark, near ones first, and the side the text starts at."""
    near = [(9.0, 0.0, "left"), (-9.0, 0.0, "right")]
    rings = [
        (9.0 if side == "left" else -9.0, float(dy), side)
        for height in range(14, 200, 13)
        for dy in (height, -height)
        for side in ("left", "right")
    ]
    return near + [place for place in rings if place[1] > 0]


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
