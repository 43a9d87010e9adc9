"""Entry point: ``dbgclean VERB ...`` and ``python -m dbgclean VERB ...``."""

import argparse
import contextlib
import errno
import logging
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dbgclean import __version__
from dbgclean._cache import NO_CACHE, prepare_cache
from dbgclean._files import (
    refuse_missing,
    refuse_overwriting,
    refuse_unwritable,
    together,
)
from dbgclean._folder import refuse_folder
from dbgclean._process import (
    NO_MEMORY,
    end,
    is_memory_error,
    open_closed_streams,
    prepare_libraries,
    watch_signals,
)
from dbgclean.cli._options import command_of
from dbgclean.cli._parser import build_parser
from dbgclean.correct.registry import find_corrector
from dbgclean.errors import DbgcleanError, DoubtfulError, printable
from dbgclean.log import close_log, log_error, log_to, set_up_logging

__all__ = ["main", "main_cli", "run_verb"]

logger = logging.getLogger("dbgclean")  # and not "__main__", which `python -m` makes of it

INTERRUPTED = 130


def run_verb(argv: Sequence[str]) -> int:
    """Run one verb and return its exit code; what goes wrong is raised."""
    parser, modules = build_parser(argv)
    args = parser.parse_args(argv)
    module = modules[args.verb]
    set_up_logging(quiet=args.quiet, debug=args.debug)
    if hasattr(module, "validate"):
        module.validate(args, args.parser)
    written, read = module.files(args) if hasattr(module, "files") else ([], [])
    # What is in an output folder is looked at file by file, there.
    refuse_overwriting([*([] if "force" in args else written), args.log], read)
    dry = getattr(args, "dry_run", False)
    if args.log is not None:
        _check_log(args)
        if not dry:
            log_to(args.log)
    logger.debug("dbgclean %s: %s", __version__, shlex.join(argv))
    if "force" in args:
        refuse_folder(args.output, args.force)
    for path in written:
        if path is not None:
            refuse_unwritable(path, folder="force" in args)
    prepare_libraries(args.verb)
    _refuse_inputs(args, read)
    if folder := prepare_cache():
        logger.info("dbgclean's own folder cannot be written: compiled kernels go to %s", folder)
    args.argv, args.command = list(argv), command_of(args, written, read)
    try:
        # What is in a folder has its name within that before the folder has its own.
        with together(hold="force" not in args):
            code = module.main(args) or 0
    except DoubtfulError:  # after everything is written
        _tell_written(written)
        raise
    if not dry:
        _tell_written(written)
    return code


def _check_log(args: argparse.Namespace) -> None:
    """Refuse a log that is no file, or within a folder that appears only when it is whole."""
    if args.log == "-":
        args.parser.error("argument --log: messages are on stderr anyway; name a file")
    home = Path(os.path.realpath(args.output)) if "force" in args else None
    if home in Path(os.path.realpath(args.log)).parents:
        args.parser.error(
            f"argument --log: {args.log} is in the output folder, which appears only when "
            "everything in it is whole; name a file beside it"
        )


def _refuse_inputs(args: argparse.Namespace, read: list[str | None]) -> None:
    """Say what can be said of the inputs before anything heavy is loaded."""
    given = vars(args)
    if given.get("corrector"):
        find_corrector(args.corrector)
    refuse_missing(read, given.get("model"))
    if given.get("reads"):
        from dbgclean.reads.inputs import refuse_unreadable

        refuse_unreadable(args.reads)


def _tell_written(paths: list[str | None]) -> None:
    """Name what the user named, and is there now."""
    if there := [path for path in paths if path not in (None, "-") and os.path.exists(path)]:
        page = os.path.join(there[0], "report.html")
        look = f"; open {page}" if os.path.exists(page) else ""
        logger.info("written: %s%s", ", ".join(there), look)


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
        code = run_verb(arguments)
        # A pipe that closed early shows itself only when the last bytes are pushed out.
        sys.stdout.flush()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
        if code > 128:
            log_error(f"ended by signal {code - 128}")
        return code
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return 1
    except DbgcleanError as error:
        return _fail(str(error), error.exit_code)
    except (MemoryError, ImportError, RuntimeError, OSError) as error:
        if is_memory_error(error):
            return _fail(NO_MEMORY, 1)
        if "cannot cache function" in str(error):
            return _fail(NO_CACHE, 1)
        if isinstance(error, OSError):
            return _fail(_explain_os_error(error), 1)
        raise
    finally:
        close_log()
    return code


def _explain_os_error(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{place}no space left on the device; free some, or write elsewhere"
    return f"{place}{error.strerror or error}"


def _fail(message: str, code: int) -> int:
    logger.debug("traceback of the error below", exc_info=True)
    log_error(message)
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
    end(code)


if __name__ == "__main__":
    main_cli()
