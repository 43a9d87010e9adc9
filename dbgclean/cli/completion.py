"""Print what completes the command line in a shell: bash, zsh or tcsh.

Once per installation, for bash:

    dbgclean completion bash > ~/.local/share/bash-completion/completions/dbgclean

for zsh a file _dbgclean in a folder of $fpath, for tcsh a line in ~/.tcshrc that sources it.
Needs shtab: pip install 'dbgclean[completion]', or shtab alone.
"""

import argparse
import importlib

from dbgclean.cli._parser import whole_parser
from dbgclean.errors import DbgcleanError

_NO_FILES = ("NAME", "PROCESS", "REGION")  # what else is text without a type is a path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``completion``."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="which shell")


def main(args: argparse.Namespace) -> None:
    """Print the script.

    Raises
    ------
    DbgcleanError
        If shtab is not installed.
    """
    from dbgclean._files import open_text

    try:
        shtab = importlib.import_module("shtab")
    except ImportError as error:
        msg = "completion: shtab is not installed; pip install shtab"
        raise DbgcleanError(msg) from error
    parser = whole_parser()
    for action in _actions(parser):
        if action.metavar and action.type is None and action.metavar not in _NO_FILES:
            folder = action.metavar == "DIR"
            action.complete = shtab.DIRECTORY if folder else shtab.FILE  # type: ignore[attr-defined]
    with open_text("-") as out:
        out.write(shtab.complete(parser, args.shell) + "\n")


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What the parser and those of its verbs take."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                found += _actions(verb)
        else:
            found.append(action)
    return found
