"""Make the page of a run again, from its report.json alone.

Give the folder of a run, or its report.json, which holds all that the page shows: the page is
the one that `run` wrote, byte for byte, where the version is the same. Links to the run's other
files hold as long as the page stands beside them.
"""

import argparse
from pathlib import Path

from dbgclean.errors import InputError

_JSON = "report.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``report``."""
    parser.add_argument("report", metavar="DIR|JSON", help=f"folder of a run, or its {_JSON}")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE.html",
        help="the page; '-' is stdout. Default: report.html beside the JSON, which it replaces",
    )


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """What is written, and what is read."""
    source = _source(args)
    args.output = args.output or str(source.with_name("report.html"))
    return [args.output], [str(source)]


def _source(args: argparse.Namespace) -> Path:
    given = Path(args.report)
    return given / _JSON if given.is_dir() else given


def main(args: argparse.Namespace) -> None:
    """Read the JSON, write the page.

    Raises
    ------
    InputError
        If the JSON holds what no page can show.
    """
    from dbgclean._files import open_text
    from dbgclean.report import read_report, render_html

    source = _source(args)
    report = read_report(source)
    try:
        text = render_html(report)
        text.encode()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Whatever the schema does not say of a field, that dbgclean always writes the same way.
        msg = (
            f"{source}: damaged, a field is not what dbgclean writes ({error!r:.80}); "
            "write the report again with dbgclean run"
        )
        raise InputError(msg) from error
    with open_text(args.output) as out:
        out.write(text)
