"""What is done with all reads of a run: a task, which whoever holds the reads applies to them.

Counting, threading, comparing and rewriting are functions of a batch and of what is known
before (a graph, sites, verdicts). They say so in a task, an object that can go to another
process, and get what it returns in the order of the reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from dbgclean.reads.prefetch import map_in_order

if TYPE_CHECKING:
    from dbgclean.reads.batch import ReadBatch

__all__ = ["Each", "Numbered", "Over", "Task", "numbered", "over_batches"]

Numbered = Iterable[tuple[int, "ReadBatch"]]
"""Batches of reads, each with the number of its first read in the run."""


class Task(Protocol):
    """What is done with batches that follow each other."""

    def over(self, batches: Numbered, threads: int) -> Iterator[Any]:
        """Results in the order of the batches; they do not depend on ``threads``."""
        ...


class Each:
    """A task that does the same with every batch: a subclass says what.

    Attributes
    ----------
    long
        Whether it takes longer than writing its results and reading them again.
    """

    @property
    def long(self) -> bool:
        """See the class."""
        return True

    def __call__(self, first: int, batch: ReadBatch) -> Any:
        """The result of one batch; ``first`` is the number of its first read in the run."""
        raise NotImplementedError

    def over(self, batches: Numbered, threads: int) -> Iterator[Any]:
        """One result per batch."""
        return map_in_order(lambda item: self(*item), batches, threads)

    def beside(
        self, batches: Iterable[tuple[int, int, ReadBatch]], threads: int
    ) -> Iterator[tuple[tuple[int, int, ReadBatch], Any]]:
        """Each result beside its batch, which comes with the number of its input as well."""
        return map_in_order(lambda item: (item, self(*item[1:])), batches, threads)


class Over(Protocol):
    """Applies a task to all reads of a run; ``name`` tells this task from the others."""

    def __call__(self, name: str, task: Task) -> Iterator[Any]:
        """Results in the order of the reads."""
        ...


def numbered(batches: Iterable[ReadBatch]) -> Iterator[tuple[int, ReadBatch]]:
    """Each batch with the number of its first read in the run."""
    first = 0
    for batch in batches:
        yield first, batch
        first += len(batch)


def over_batches(batches: Callable[[], Iterable[ReadBatch]], threads: int = 1) -> Over:
    """Tasks done here: ``batches`` gives the reads of the run, each time anew."""
    return lambda name, task: task.over(numbered(batches()), threads)
