"""Do one step of a plan, or go on with it when the steps of a pass are done.

`dbgclean step PLAN PASS I` does step I of a pass, which writes one file into PLAN; done twice, or
after a machine was lost, it is the same file. `dbgclean step PLAN` does what lies between two
passes, and prints the next one and how many steps it has, or "done". See `dbgclean plan`.
"""

import argparse
import os
from pathlib import Path

from dbgclean.cli._options import add_threads


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``step``."""
    parser.add_argument("plan", metavar="PLAN", help="folder that `dbgclean plan` made")
    parser.add_argument("name", nargs="?", metavar="PASS", help="as `dbgclean step PLAN` prints it")
    parser.add_argument("number", nargs="?", type=int, metavar="I", help="step of it, from 0 on")
    add_threads(parser)


def validate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what argparse cannot see."""
    if args.name is not None and args.number is None:
        parser.error(f"PASS {args.name}: which of its steps? name one, from 0 on")


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """What is written is in the plan; what is read besides is that."""
    return [], [os.path.join(args.plan, "plan.json")]


def main(args: argparse.Namespace) -> int:
    """Do what was named."""
    from dbgclean.pipeline.plan import Plan

    folder = Path(os.path.abspath(args.plan))
    plan = Plan.open(folder)
    if args.name is not None:
        plan.do(args.name, args.number, args.threads)
        return 0
    os.chdir(plan.directory)
    return go_on(folder, plan.words)


def go_on(folder: Path, words: list[str], blocks: int | None = None) -> int:
    """Run a command up to the pass that is not done yet, and print that, or to its end."""
    from dbgclean.__main__ import run_verb
    from dbgclean.pipeline.engines import using
    from dbgclean.pipeline.steps import Steps, Waiting

    try:
        with using(Steps(folder, words, None, blocks)):
            code = run_verb(words)
    except Waiting as waiting:
        print(f"{waiting.name} {waiting.steps}", flush=True)
        return 0
    print("done", flush=True)
    return code
