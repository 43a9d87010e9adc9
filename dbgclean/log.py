"""Words for the person at the terminal: log lines and progress, both on stderr.

Data goes to stdout, words go to stderr. Library code logs through
``logging.getLogger(__name__)``; only the command line sets the logging up.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, TextIO, TypeVar

from dbgclean.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["Progress", "set_up_logging"]

Item = TypeVar("Item")


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stderr`` is now: progress bars and tests replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _Formatter(logging.Formatter):
    """Plain lines; warnings and worse say who speaks, debug lines where they come from."""

    def format(self, record: logging.LogRecord) -> str:
        # Names in it come from files: one line, and nothing that a terminal obeys.
        text = printable(record.getMessage())
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        if record.levelno >= logging.WARNING:
            return f"dbgclean: {record.levelname.lower()}: {text}"
        if record.levelno <= logging.DEBUG:
            return f"[{record.name}] {text}"
        return text


def set_up_logging(*, quiet: bool = False, debug: bool = False) -> None:
    """Send the package's log to stderr; calling it again replaces the settings.

    Parameters
    ----------
    quiet : bool
        Warnings and errors only.
    debug : bool
        Everything; wins over ``quiet``.
    """
    logger = logging.getLogger("dbgclean")
    logger.handlers.clear()
    handler = _StderrHandler()
    handler.setFormatter(_Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.propagate = False
    level = logging.WARNING if quiet else logging.INFO
    logger.setLevel(logging.DEBUG if debug else level)


class Progress:
    """One progress line on a terminal; nothing at all elsewhere.

    Shown only where stderr is a terminal and ``quiet`` is off. Stages follow one another:
    starting the next one ends the last.

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
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def start(self, description: str, total: float | None = None) -> None:
        """Begin a stage; without ``total`` the line only shows that something moves."""
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
