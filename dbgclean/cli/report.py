"""Make the page of a run again, from its report.json alone.

Give the folder of a run, or its report.json, which holds all that the page shows: the page is
the one that `run` wrote, byte for byte, where the version is the same. Links to the run's other
files hold as long as the page stands beside them.
"""

import argparse
from pathlib import Path

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
    """Read the JSON, write the page."""
    from dbgclean.report import read_report, write_html

    write_html(read_report(_source(args)), args.output)
