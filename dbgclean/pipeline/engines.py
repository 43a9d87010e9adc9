"""Who goes over the reads: this process, or steps that others do.

A pass over the reads is a task applied to all of them (`dbgclean.reads.tasks`). An engine
says where that happens; what comes back is the same, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from dbgclean.reads.tasks import Each, Numbered, Task

if TYPE_CHECKING:
    from dbgclean.pipeline.runs import Inputs
    from dbgclean.reads import ReadBatch, ReadStatistics
    from dbgclean.spectrum.counting import KmerCounter
    from dbgclean.spectrum.table import KmerTable

__all__ = ["COUNTED", "TITLES", "Engine", "engine_now", "using"]

TITLES = {
    "count": "Counting",
    "recount": "Counting",
    "thread": "Threading",
    "compare": "Comparing",
    "write": "Writing",
}
"""What is said of each pass while it goes on."""

COUNTED = ("count", "recount")
"""Passes whose results go on to `Engine.table`."""

Result = TypeVar("Result")
Beside = Iterator[tuple[tuple[int, int, "ReadBatch"], Any]]


class Engine:
    """Goes over the reads of a run: this one in this process, on its threads."""

    def over(
        self,
        inputs: Inputs,
        name: str,
        task: Task,
        statistics: list[ReadStatistics] | None = None,
    ) -> Iterator[Any]:
        """Apply a task to all reads, results in their order.

        Parameters
        ----------
        name
            One of `TITLES`.
        statistics
            Gets what was read of each input.
        """

        def batches() -> Numbered:
            for _, first, batch in inputs.batches(TITLES[name], statistics):
                inputs.refuse()
                yield first, batch

        return task.over(batches(), inputs.options.threads)

    def beside(self, inputs: Inputs, name: str, task: Each, *, records: bool = False) -> Beside:
        """As `over`; each result comes beside (group, number of the first read, batch)."""
        return task.beside(inputs.batches(TITLES[name], records=records), inputs.options.threads)

    def table(self, inputs: Inputs, name: str, counter: KmerCounter) -> KmerTable:
        """The k-mers that a pass has counted, all results of `over` in ``counter``."""
        return counter.finish()

    def kept(self, name: str, make: Callable[[], Result]) -> Result:
        """What ``make`` gives, or gave when it was asked the last time, in whichever process."""
        return make()


_HERE = Engine()
_engine: ContextVar[Engine] = ContextVar("_engine", default=_HERE)


def engine_now() -> Engine:
    """The engine of the runs that are opened now."""
    return _engine.get()


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Runs that are opened within have this engine."""
    token = _engine.set(engine)
    try:
        yield
    finally:
        _engine.reset(token)
