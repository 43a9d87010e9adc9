"""The summary on the terminal: the verdict, figures, a table, and a few sentences.

rich draws it; where the stream is no terminal (a log file, a pipe) the same table is
written plainly, without colour, at its natural width. Only ASCII is used around the
names, so that any locale can show it.
"""

import io
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from dbgclean.report.opening import opening, tiles
from dbgclean.report.words import (
    Row,
    chosen_column,
    compact,
    full,
    printable,
    rows,
    sentences,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["ambiguity_table", "print_summary", "print_table", "summary_table"]

_ANY_WIDTH = 10_000
_HELD = "\u00a0"  # where no line ends
_TEXT_WIDTH = 88
_COLOURS = {"usable": "bold green", "with care": "bold yellow", "do not use": "bold red"}
# Rules below the head and between sections, nothing upright (rich's eight box lines).
_RULES = "    \n    \n -- \n    \n -- \n    \n    \n    \n"


def summary_table(report: Mapping[str, Any], *, short: bool = False) -> "Table":
    """Table of a report: a column per corrector, what changed above what it cost.

    Parameters
    ----------
    report
        A report of :func:`dbgclean.report.build_report`; missing parts leave out rows.
    short
        Abbreviate numbers of 100,000 and more (``7.63M``), for narrow terminals.
    """
    return _table(*rows(report), chosen=chosen_column(report), short=short)


def ambiguity_table(columns: Mapping[str, Mapping[str, Any]], *, short: bool = False) -> "Table":
    """Table of any graphs side by side (``dbgclean compare``): name to its counts."""
    # The files stand in the order in which they were given.
    names, blocks = rows({"ambiguity": columns, "corrections": {"corrector": "none"}})
    return _table(names, blocks, chosen="", short=short)


def print_summary(report: Mapping[str, Any], file: TextIO | None = None) -> None:
    """Print a report to ``file`` (standard error): verdict, figures, table and sentences."""
    file = sys.stderr if file is None else file
    _write(file, _opening(report, file))
    print_table(lambda short: summary_table(report, short=short), file)
    text = "\n".join(map(_filled, sentences(report)))
    _write(file, text + "\n")


def _opening(report: Mapping[str, Any], file: TextIO) -> str:
    """Verdict in colour where the stream shows colours, its causes, and a line per figure."""
    from rich.console import Console

    lines = []
    if found := opening(report):
        shown = io.StringIO()
        stream = Console(file=file)
        colors: Any = stream.color_system if stream.is_terminal else None
        console = Console(
            file=shown,
            force_terminal=stream.is_terminal,
            color_system=colors,
            highlight=False,
            markup=False,
            width=_ANY_WIDTH,
        )
        console.print(found.sentence, style=_COLOURS.get(found.grade, "bold"), end="")
        lines.append(shown.getvalue())
        texts = [cause.text for cause in found.causes]
        texts += [f"{found.more} more: report.json, verdict."] if found.more else []
        lines += [_filled(text, "- ", "  ") for text in texts]
    figures = tiles(report)
    wide = max((len(tile.label) for tile in figures), default=0)
    for tile in figures:
        note = f" ({tile.note})" if tile.note else ""
        start, after = f"  {tile.label:<{wide}}  ", " " * (wide + 4)
        lines.append(_filled(tile.value + note, start, after))
    return "".join(f"{line}\n" for line in [*lines, *([""] if lines else [])])


def _filled(text: str, start: str = "", after: str = "") -> str:
    """Lines of a width, the first after ``start``; no per cent sign leaves its number."""
    held = text.replace(" %", f"{_HELD}%")
    lines = textwrap.fill(held, _TEXT_WIDTH, initial_indent=start, subsequent_indent=after)
    return lines.replace(_HELD, " ")


def print_table(make: "Callable[[bool], Table]", file: TextIO | None = None) -> None:
    """Print a table, with short numbers where the long ones do not fit.

    Parameters
    ----------
    make
        Called with ``short``; returns the table.
    file
        Standard error by default.
    """
    from rich.console import Console

    file = sys.stderr if file is None else file
    stream = Console(file=file)
    colors: Any = stream.color_system if stream.is_terminal else None
    table = make(False)
    if stream.is_terminal and _natural_width(stream, table) > stream.width:
        table = make(True)
    # Drawn aside, so that what the stream cannot encode can be replaced; and never
    # narrower than its numbers, because a number cut short is a wrong number.
    shown = io.StringIO()
    Console(
        file=shown,
        width=max(_natural_width(stream, table), 1),
        force_terminal=stream.is_terminal,
        color_system=colors,
        highlight=False,
    ).print(table)
    _write(file, "\n".join(line.rstrip() for line in shown.getvalue().splitlines()) + "\n")


def _natural_width(console: "Console", table: "Table") -> int:
    from rich.measure import Measurement

    options = console.options.update(width=_ANY_WIDTH, max_width=_ANY_WIDTH)
    return Measurement.get(console, options, table).maximum


def _table(
    names: list[str], blocks: list[tuple[str, list[Row]]], *, chosen: str, short: bool
) -> "Table":
    from rich.box import Box
    from rich.table import Table
    from rich.text import Text

    number = compact if short else full
    table = Table(
        box=Box(_RULES, ascii=True),
        show_edge=False,
        pad_edge=False,
        padding=(0, 0 if short else 1, 0, 0),
    )
    table.add_column("", no_wrap=True)
    for name in names:
        style = "bold" if name == chosen else None
        table.add_column(Text(printable(name)), justify="right", no_wrap=True, style=style)
    for title, block in blocks:
        table.add_section()
        table.add_row(Text(title, style="bold"))
        for row in block:
            table.add_row(Text(f" {row.label}"), *(Text(number(v)) for v in row.values))
    return table


def _write(file: TextIO, text: str) -> None:
    encoding = getattr(file, "encoding", None) or "utf-8"
    file.write(text.encode(encoding, "replace").decode(encoding))
