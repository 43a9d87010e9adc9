"""Words for the person at the terminal: log lines and progress, both on stderr.

Data goes to stdout, words go to stderr. Library code logs through
``logging.getLogger(__name__)``; only the command line sets the logging up.
"""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, TextIO, TypeVar

from dbgclean._files import output_error
from dbgclean.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["Progress", "close_log", "log_error", "log_to", "set_up_logging"]

_PACKAGE = logging.getLogger("dbgclean")
logger = logging.getLogger(__name__)

Item = TypeVar("Item")


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stderr`` is now: progress bars and tests replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _LogFile(logging.FileHandler):
    """The file of ``--log``; where it cannot be written on, that is said once, on stderr."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        reason = sys.exc_info()[1]
        _PACKAGE.removeHandler(self)
        message = "--log %s: cannot be written any more (%s); free some space"
        _PACKAGE.warning(message, self.baseFilename, reason)
        with contextlib.suppress(OSError):
            self.close()


class _Formatter(logging.Formatter):
    """Warnings and worse say who speaks, debug lines where they come from; with times if asked."""

    default_msec_format = None

    def __init__(self, *, timed: bool) -> None:
        super().__init__()
        self._timed = timed

    def format(self, record: logging.LogRecord) -> str:
        # Names in it come from files: one line, and nothing that a terminal obeys.
        text = printable(record.getMessage())
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        if record.levelno >= logging.WARNING:
            text = f"dbgclean: {record.levelname.lower()}: {text}"
        elif record.levelno <= logging.DEBUG:
            text = f"[{record.name}] {text}"
        return f"{self.formatTime(record)} {text}" if self._timed else text


def set_up_logging(*, quiet: bool = False, debug: bool = False) -> None:
    """Send the package's log to stderr; calling it again replaces the settings.

    Lines have times where stderr is no terminal.

    Parameters
    ----------
    quiet : bool
        Warnings and errors only.
    debug : bool
        Everything; wins over ``quiet``.
    """
    close_log()
    handler = _StderrHandler()
    handler.setFormatter(_Formatter(timed=not sys.stderr.isatty()))
    handler.setLevel(logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO)
    _PACKAGE.handlers[:] = [handler]
    _PACKAGE.propagate = False
    _PACKAGE.setLevel(handler.level)


def log_to(path: str) -> None:
    """Send everything to a file as well, with times; what was in it is gone.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        handler = _LogFile(path, "w", "utf-8", errors="backslashreplace")
    except OSError as error:
        raise output_error(path, error) from error
    handler.setFormatter(_Formatter(timed=True))
    _PACKAGE.addHandler(handler)
    _PACKAGE.setLevel(logging.DEBUG)


def log_error(message: str) -> None:
    """Write an error, which was said on stderr already, to the file of `log_to`."""
    for handler in _PACKAGE.handlers[:]:
        if isinstance(handler, _LogFile):
            handler.handle(
                _PACKAGE.makeRecord(_PACKAGE.name, logging.ERROR, "", 0, message, (), None)
            )


def close_log() -> None:
    """Close the file of `log_to`, if there is one."""
    for handler in _PACKAGE.handlers[:]:
        if isinstance(handler, _LogFile):
            _PACKAGE.removeHandler(handler)
            with contextlib.suppress(OSError):  # said when it could not be written
                handler.close()


class Progress:
    """One progress line on a terminal; elsewhere a line of the log for each stage, at its end.

    Nothing is shown where ``quiet`` is on. Stages follow one another: starting the next one
    ends the last.

    Parameters
    ----------
    quiet : bool
        Never show anything.

    Examples
    --------
    >>> with Progress(quiet=True) as progress:
    ...     progress.start("Counting", total=2)
    ...     for batch in progress.iterate(["a", "b"]):
    ...         pass
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self._level = logging.DEBUG if quiet or self.shown else logging.INFO
        self._stage, self._since = "", 0.0
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "Progress":
        if self.shown:
            # rich is only paid for where it is seen.
            from rich.console import Console
            from rich.progress import Progress as RichProgress

            self._bar = RichProgress(console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._end()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _end(self) -> None:
        """Say of the current stage how long it took."""
        if self._stage:
            seconds = time.monotonic() - self._since
            logger.log(self._level, "%s: %.1f s", self._stage, seconds)
        self._stage = ""

    def start(self, description: str, total: float | None = None) -> None:
        """Begin a stage; without ``total`` the line only shows that something moves."""
        self._end()
        self._stage, self._since = description, time.monotonic()
        logger.debug("%s", description)
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(description, total=total)

    def advance(self, amount: float = 1) -> None:
        """Move the current stage on."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, amount)

    def iterate(
        self, items: Iterable[Item], size: Callable[[Item], float] | None = None
    ) -> Iterator[Item]:
        """Yield ``items``, moving the current stage on by ``size(item)`` (1) after each."""
        for item in items:
            yield item
            self.advance(1 if size is None else size(item))
