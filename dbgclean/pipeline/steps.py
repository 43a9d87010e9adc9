"""The engine of a run in steps: it asks for passes over the blocks of a plan, and joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dbgclean._store import load, save
from dbgclean.pipeline.engines import TITLES, Beside, Here
from dbgclean.pipeline.plan import Plan
from dbgclean.reads import tell_pairs

if TYPE_CHECKING:
    from dbgclean.log import Progress
    from dbgclean.pipeline.runs import Inputs
    from dbgclean.reads import ReadStatistics
    from dbgclean.reads.tasks import Each, Task

__all__ = ["Doer", "Steps", "Waiting"]

Result = TypeVar("Result")
Doer = Callable[[Plan, str, list[int], "Progress"], None]
"""Sees to it that the steps of a pass (its name, the missing blocks) are done when it returns."""


class Waiting(Exception):  # noqa: N818  (no error: others have something to do first)
    """A run can go on when the steps of a pass are done.

    Attributes
    ----------
    name, blocks
        The pass, and how many blocks there are.
    """

    def __init__(self, name: str, blocks: int) -> None:
        super().__init__(name, blocks)
        self.name, self.blocks = name, blocks


class Steps:
    """See `dbgclean.pipeline.engines.Engine`: passes are done in steps, by whoever does them.

    Parameters
    ----------
    folder
        Of the plan, which is made at the first pass where it is not there.
    words
        Arguments of the command line.
    blocks
        Number of blocks of a new plan.
    doer
        Has the steps done; None: the run stops (`Waiting`) until they are, and begins again.
    """

    def __init__(self, folder: Path, words: list[str], blocks: int, doer: Doer | None) -> None:
        self._folder, self._words, self._blocks, self._doer = folder, words, blocks, doer
        self._plan: Plan | None = None

    def over(
        self,
        inputs: Inputs,
        name: str,
        task: Task,
        statistics: list[ReadStatistics] | None = None,
    ) -> Iterator[Any]:
        """See `Engine`."""
        plan = self._asked(inputs, name, task)
        if statistics is not None:
            for group, tally in zip(inputs.groups, plan.statistics(), strict=True):
                statistics.append(tally)
                tell_pairs(group, tally)
        for block in range(plan.n_blocks):
            yield from load(plan.path(name, block), check=True)

    def beside(self, inputs: Inputs, name: str, task: Each, *, records: bool = False) -> Beside:
        """See `Engine`; what needs the records of a BAM file goes over that file, here.

        So does the last pass of a run that stops in between: it would be judged once more.
        """
        if records or self._doer is None:
            yield from Here().beside(inputs, name, task, records=records)
            return
        plan = self._asked(inputs, name, task)
        for block in range(plan.n_blocks):
            results = load(plan.path(name, block), check=True)
            yield from zip(plan.batches(block), results, strict=True)

    def kept(self, name: str, make: Callable[[], Result]) -> Result:
        """See `Engine`."""
        path = self._folder / name
        if path.exists():
            found: Result = load(path)
            return found
        made = make()
        save(path, made)
        return made

    def _asked(self, inputs: Inputs, name: str, task: Task) -> Plan:
        """The plan, once all steps of a pass are done."""
        if self._plan is None:
            if Plan.exists(self._folder):
                self._plan = Plan.open(self._folder)
                self._plan.check(inputs.options.command)
            else:
                self._plan = Plan.make(self._folder, self._words, inputs, self._blocks)
        plan = self._plan
        missing = plan.missing(name)
        inputs.progress.start(f"{TITLES[name]} in {plan.n_blocks} blocks", total=len(missing))
        if missing:
            inputs.refuse(wait=True)
            plan.ask(name, task)
            if self._doer is None:
                raise Waiting(name, plan.n_blocks)
            self._doer(plan, name, missing, inputs.progress)
        return plan
