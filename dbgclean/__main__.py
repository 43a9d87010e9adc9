"""Entry point: ``dbgclean VERB ...`` and ``python -m dbgclean VERB ...``."""

import argparse
import contextlib
import errno
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import NoReturn

from dbgclean import __version__
from dbgclean._cache import NO_CACHE, prepare_cache
from dbgclean._files import refuse_overwriting
from dbgclean._folder import refuse_folder
from dbgclean._process import (
    NO_MEMORY,
    end,
    is_memory_error,
    open_closed_streams,
    prepare_libraries,
    watch_signals,
)
from dbgclean.cli import find_verbs
from dbgclean.errors import DbgcleanError, printable
from dbgclean.log import set_up_logging

__all__ = ["main", "main_cli"]

logger = logging.getLogger("dbgclean")  # and not "__main__", which `python -m` makes of it

INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the command line in one line, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"dbgclean: error: {printable(message)} (see '{self.prog} --help')\n")


def _build_parser(chosen: str | None) -> tuple[_Parser, ModuleType | None]:
    """Build the parser; only the chosen verb is imported and gets its options."""
    parser = _Parser(
        prog="dbgclean",
        description="Correct k-mers with an evidence-conditioned autoencoder, build the "
        "De Bruijn graph of what remains, and report what that cost.",
        epilog="'dbgclean VERB --help' explains one verb.",
    )
    parser.add_argument("--version", action="version", version=f"dbgclean {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", required=True)
    module = None
    for name, short_help in find_verbs().items():
        verb = verbs.add_parser(
            name, help=short_help, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == chosen:
            module = importlib.import_module(f"dbgclean.cli.{name.replace('-', '_')}")
            verb.description = module.__doc__
            module.add_arguments(verb)
            _add_common(verb)
            verb.set_defaults(parser=verb)
    return parser, module


def _add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("messages")
    group.add_argument(
        "-q", "--quiet", action="store_true", help="say nothing but warnings and errors"
    )
    group.add_argument("--debug", action="store_true", help="say everything, and show tracebacks")


def _run(argv: Sequence[str]) -> int:
    chosen = argv[0] if argv and argv[0] in find_verbs() else None
    parser, module = _build_parser(chosen)
    args = parser.parse_args(argv)
    assert module is not None, "argparse lets only known verbs through"
    set_up_logging(quiet=args.quiet, debug=args.debug)
    if folder := prepare_cache():
        logger.info("dbgclean's own folder cannot be written: compiled kernels go to %s", folder)
    if hasattr(module, "validate"):
        module.validate(args, args.parser)
    if hasattr(module, "files"):
        refuse_overwriting(*module.files(args))
    if "force" in args:
        refuse_folder(args.output, args.force)  # before anything heavy is loaded
    prepare_libraries(args.verb)
    return module.main(args) or 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default ``sys.argv[1:]``.

    Returns
    -------
    int
        0; 1 for an anticipated failure, said in one line on stderr; 2 for a wrong command
        line; 130 when interrupted (143 by SIGTERM). A closed pipe ends quietly with 1.

    Raises
    ------
    Exception
        Whatever was not anticipated: that is a bug, and its traceback is wanted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        # A pipe that closed early shows itself only when the last bytes are pushed out.
        sys.stdout.flush()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, arguments)
    except BrokenPipeError:
        return 1
    except DbgcleanError as error:
        return _fail(str(error), error.exit_code, arguments)
    except (MemoryError, ImportError, RuntimeError, OSError) as error:
        if is_memory_error(error):
            return _fail(NO_MEMORY, 1, arguments)
        if "cannot cache function" in str(error):
            return _fail(NO_CACHE, 1, arguments)
        if isinstance(error, OSError):
            return _fail(_explain_os_error(error), 1, arguments)
        raise
    return code


def _explain_os_error(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{place}no space left on the device; free some, or write elsewhere"
    return f"{place}{error.strerror or error}"


def _fail(message: str, code: int, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        logger.debug("traceback of the error below", exc_info=True)
    with contextlib.suppress(OSError):  # nobody to tell it to
        print(f"dbgclean: error: {printable(message)}", file=sys.stderr, flush=True)
    return code


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def main_cli() -> NoReturn:
    """Console entry point."""
    # SIGTERM unwinds the stack like ^C does, so that temporary outputs are removed.
    signal.signal(signal.SIGTERM, _terminate)
    open_closed_streams()
    watch_signals()
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Or Python complains of it once more on its way out, and ends with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if code > 128:  # stopped by a signal
        end(code)
    sys.exit(code)


if __name__ == "__main__":
    main_cli()
