"""The parser of the whole command line, with the options of the verbs that are wanted."""

import argparse
import importlib
from collections.abc import Collection
from types import ModuleType
from typing import NoReturn

from dbgclean import __version__
from dbgclean.cli import find_verbs
from dbgclean.errors import printable

__all__ = ["build_parser", "whole_parser"]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the command line in one line, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"dbgclean: error: {printable(message)} (see '{self.prog} --help')\n")


def build_parser(
    chosen: Collection[str],
) -> tuple[argparse.ArgumentParser, dict[str, ModuleType]]:
    """Build the parser; only the chosen verbs are imported and get their options.

    Returns
    -------
    parser
    modules
        Of the chosen verbs, by name.
    """
    parser = _Parser(
        prog="dbgclean",
        description="Correct k-mers with an evidence-conditioned autoencoder, build the "
        "De Bruijn graph of what remains, and report what that cost.",
        epilog="'dbgclean VERB --help' explains one verb.",
    )
    parser.add_argument("--version", action="version", version=f"dbgclean {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", required=True)
    modules = {}
    for name, short_help in find_verbs().items():
        verb = verbs.add_parser(
            name, help=short_help, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name in chosen:
            modules[name] = module = importlib.import_module(
                f"dbgclean.cli.{name.replace('-', '_')}"
            )
            verb.description = module.__doc__
            module.add_arguments(verb)
            _add_common(verb)
            verb.set_defaults(parser=verb)
    return parser, modules


def _add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("messages")
    group.add_argument(
        "-q", "--quiet", action="store_true", help="say nothing but warnings and errors"
    )
    group.add_argument("--debug", action="store_true", help="say everything, and show tracebacks")
    group.add_argument(
        "--log", metavar="FILE", help="write all messages into a file as well, with times"
    )


def whole_parser() -> argparse.ArgumentParser:
    """The parser with the options of every verb: for completion and the man page."""
    return build_parser(find_verbs())[0]
