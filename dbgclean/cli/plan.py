"""Cut a run into steps that other processes or machines do, with any scheduler.

`dbgclean plan -o PLAN correct ...` (or `run ...`) reads the reads once, cuts them into blocks in
the folder PLAN, and prints which pass over them is next and how many steps it has: "count 64".
Each step is `dbgclean step PLAN count I` for an I from 0 on, in any order, on any machine that
sees PLAN. When all are done, `dbgclean step PLAN` goes on: it prints the next pass, or writes
what the command writes and prints "done". The result is that of the command, byte for byte.
"""

import argparse
import os
from pathlib import Path

from dbgclean._folder import refuse_folder
from dbgclean.cli._cluster import add_blocks

_VERBS = ("correct", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``plan``."""
    parser.add_argument(
        "-o", "--output", metavar="PLAN", required=True, help="folder of the plan: new, or empty"
    )
    add_blocks(parser)
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="correct|run ...", help="what is to be done"
    )


def validate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what argparse cannot see."""
    if not args.words or args.words[0] not in _VERBS:
        found = f", found {args.words[0]}" if args.words else ""
        parser.error(f"the command has to be one of {' and '.join(_VERBS)}{found}")


def main(args: argparse.Namespace) -> int:
    """Make the plan, and say which pass is next."""
    from dbgclean.cli.step import go_on

    folder = Path(os.path.abspath(args.output))
    refuse_folder(folder, False, "name a new one, or go on with it: dbgclean step")
    return go_on(folder, args.words, args.blocks)
