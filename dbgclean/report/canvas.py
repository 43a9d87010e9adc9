"""What every picture shares: colours, settings, the canvas, and SVG made fit for a page.

matplotlib's object interface on the Agg canvas: no pyplot, no global state touched
(settings hold only while a picture is drawn). SVG with a fixed hash salt and no
metadata, so that the same report draws the same bytes.

Colours are drawn as fixed tokens: in a file of its own a picture keeps them, and the
HTML page replaces them by its style variables, so that one drawing serves light and
dark.
"""

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SETTINGS", "TOKENS", "abundance_end", "inline_svg", "new_figure", "to_svg"]

# Colour tokens (after Okabe and Ito, told apart by readers with colour-vision
# deficiencies) and the style variables that replace them on the page.
INK, MUTED, GRID, PAPER = "#1f2933", "#5f6b77", "#d9dee4", "#fefefe"
GENOME, ERROR, CHOSEN, FILL = "#0069a8", "#c2410c", "#00796b", "#a9b8c6"
TOKENS = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    PAPER: "--paper",
    GENOME: "--genome",
    ERROR: "--error",
    CHOSEN: "--chosen",
    FILL: "--fill",
}

_MIN_SPAN = 20  # abundances shown at least, however shallow the data
_TAIL = 0.005  # share of k-mers (repeats, organelles) that may lie right of the picture

SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "dbgclean",
    "svg.fonttype": "none",  # text stays text: small, selectable, readable to screen readers
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.parse_math": False,  # a corrector's name may hold a dollar sign
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.unicode_minus": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}


def to_svg(figure: "Figure") -> str:
    """Text of an SVG file, the same for the same figure."""
    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(out, format="svg", metadata=nothing)
    return re.sub(r"<metadata>.*?</metadata>\s*", "", out.getvalue(), flags=re.S)


def new_figure(width: float, height: float, *, between: float = 0.02) -> "Figure":
    """An empty figure of this size in inches, laid out so that no label is cut.

    ``between`` is the space between rows of panels, as a share of the height.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(hspace=between))
    FigureCanvasAgg(figure)
    return figure


def abundance_end(report: Mapping[str, Any]) -> float:
    """Where the abundance axis ends: past the peak and its double, not at the repeats."""
    spectrum = report.get("spectrum") or {}
    fit = spectrum.get("fit") or {}
    sides = report.get("abundance") or {}
    pairs = spectrum.get("histogram") or [*(sides.get("kept") or []), *(sides.get("removed") or [])]
    last = max((a for a, _ in pairs), default=_MIN_SPAN)
    if fit.get("fitted") and fit.get("peak"):
        end = 2.6 * fit["peak"]
    else:
        total, seen, end = sum(n for _, n in pairs), 0.0, float(last)
        for a, n in sorted(pairs, key=lambda pair: pair[0]):
            seen += n
            if seen >= (1 - _TAIL) * total:
                end = 1.3 * a
                break
    return float(max(_MIN_SPAN, min(end, last)))


def inline_svg(svg: str, name: str, label: str) -> str:
    """Make the text of an SVG file fit to stand inside an HTML page.

    The page's style variables take the place of the colours, identifiers get the
    picture's name in front (several pictures share a page), and what a page must not
    hold twice or at all (XML head, style for every element, namespaces) goes.

    Parameters
    ----------
    svg
        As from :func:`draw_plots`.
    name
        Put in front of every identifier.
    label
        The alternative text.
    """
    from markupsafe import escape

    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r' xmlns(:xlink)?="[^"]*"| version="1\.1"', "", body)
    body = re.sub(r'\b(id=")([^"]+)"', rf'\g<1>{name}-\2"', body)
    body = re.sub(r'(xlink:href="|url\()#', rf"\g<1>#{name}-", body).replace("xlink:href", "href")
    for colour, variable in TOKENS.items():
        body = body.replace(colour, f"var({variable})")
    body = re.sub(r"'DejaVu Sans'", "var(--sans)", body)
    body = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", body)
    body = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", body)
    return body.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1).strip()
