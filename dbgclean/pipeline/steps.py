"""The engine of a run in steps: it asks for passes over the blocks of a plan, and joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from dbgclean._store import load, save
from dbgclean.pipeline.engines import COUNTED, TITLES, Beside, Engine
from dbgclean.pipeline.plan import Merging, Plan
from dbgclean.reads import tell_pairs
from dbgclean.spectrum.counting import PARTITIONS

if TYPE_CHECKING:
    from dbgclean.log import Progress
    from dbgclean.pipeline.runs import Inputs
    from dbgclean.reads import ReadStatistics
    from dbgclean.reads.tasks import Each, Task
    from dbgclean.spectrum.counting import KmerCounter
    from dbgclean.spectrum.table import KmerTable

__all__ = ["Doer", "Steps", "Waiting"]

Result = TypeVar("Result")
Doer = Callable[[Plan, str, list[int], "Progress"], None]
"""Sees to it that steps of a pass (its name, their numbers) are done when it returns."""


class Waiting(Exception):  # noqa: N818  (no error: others have something to do first)
    """A run can go on when the steps of a pass are done.

    Attributes
    ----------
    name, steps
        The pass, and how many steps it has.
    """

    def __init__(self, name: str, steps: int) -> None:
        super().__init__(name, steps)
        self.name, self.steps = name, steps


class Steps(Engine):
    """Passes are done in steps, by whoever does them.

    Parameters
    ----------
    folder
        Of the plan, which is made at the first pass where it is not there.
    words
        Arguments of the command line.
    doer
        Has the steps done; None: the run stops (`Waiting`) until they are, and begins again.
    blocks, workers, share
        Of a new plan: see `Plan.make`.
    """

    def __init__(
        self,
        folder: Path,
        words: list[str],
        doer: Doer | None,
        blocks: int | None = None,
        workers: int = 1,
        share: int = 0,
    ) -> None:
        self._folder, self._words, self._doer = folder, words, doer
        self._sizes = blocks, workers, share
        self._plan: Plan | None = None
        self._stored = WeakValueDictionary[str, Any]()

    def over(
        self,
        inputs: Inputs,
        name: str,
        task: Task,
        statistics: list[ReadStatistics] | None = None,
    ) -> Iterator[Any]:
        """See `Engine`."""
        plan = self._with_plan(inputs)
        self._have(inputs, name, task, plan.n_blocks)
        if statistics is not None:
            for group, tally in zip(inputs.groups, plan.statistics(), strict=True):
                statistics.append(tally)
                tell_pairs(group, tally)
        # What was counted is not read here, but by the steps that merge it; these check it.
        for block in range(plan.n_blocks):
            yield from load(plan.path(name, block), check=name not in COUNTED)

    def beside(self, inputs: Inputs, name: str, task: Each, *, records: bool = False) -> Beside:
        """See `Engine`; what needs the records of a BAM file goes over that file, here.

        A task that is done sooner than its results are read is done here, too, and so is
        the last pass of a run that stops in between: it would be judged once more.
        """
        if records:
            yield from super().beside(inputs, name, task, records=records)
            return
        plan = self._with_plan(inputs)
        if self._doer is None or not task.long:
            inputs.progress.start(TITLES[name])
            batches = chain.from_iterable(map(plan.batches, range(plan.n_blocks)))
            yield from inputs.progress.iterate(task.beside(batches, inputs.options.threads))
            return
        self._have(inputs, name, task, plan.n_blocks)
        for block in range(plan.n_blocks):
            results = load(plan.path(name, block), check=True)
            yield from zip(plan.batches(block), results, strict=True)

    def table(self, inputs: Inputs, name: str, counter: KmerCounter) -> KmerTable:
        """See `Engine`: each step merges some partitions."""
        plan, merging = self._with_plan(inputs), f"{name}-merge-{counter.k}"
        steps = min(plan.n_blocks, PARTITIONS)
        self._have(inputs, merging, Merging(name, counter.k), steps)
        parts = (load(plan.path(merging, number), check=True) for number in range(steps))
        return counter.finish(chain.from_iterable(parts))

    def kept(self, name: str, make: Callable[[], Result]) -> Result:
        """See `Engine`."""
        path = self._folder / name
        if path.exists():
            found: Result = load(path)
        else:
            found = make()
            save(path, found)
        with suppress(TypeError):  # tables are not: they go before there is a task
            self._stored[name] = found
        return found

    def _with_plan(self, inputs: Inputs) -> Plan:
        """The plan, made where it is not there yet."""
        if self._plan is None:
            if Plan.exists(self._folder):
                self._plan = Plan.open(self._folder)
                self._plan.check(inputs.options.command)
            else:
                self._plan = Plan.make(self._folder, self._words, inputs, *self._sizes)
        return self._plan

    def _have(self, inputs: Inputs, name: str, task: Any, steps: int) -> None:
        """Come back when all steps of a pass are done.

        Raises
        ------
        Waiting
            If nobody here does them.
        """
        plan = self._with_plan(inputs)
        missing = plan.missing(name, steps)
        title = TITLES.get(name, "Merging")
        inputs.progress.start(f"{title} in {steps} steps", total=len(missing))
        if not missing:
            return
        inputs.refuse(wait=True)
        plan.ask(name, task, steps, self._stored)
        if self._doer is None:
            raise Waiting(name, steps)
        self._doer(plan, name, missing, inputs.progress)
