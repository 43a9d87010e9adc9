"""What becomes of the corrected reads: written, tagged, told of, set apart."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from dbgclean._files import open_output
from dbgclean.reads import InputGroup, ReadBatch, ReadStatistics, open_writer

if TYPE_CHECKING:
    from typing import BinaryIO

    from dbgclean.correct.read_changes import ReadChanges
    from dbgclean.pipeline.rewriting import Written

__all__ = ["ReadOutputs", "ReadsOut"]

_SKIPPED = {
    "secondary": "secondary",
    "supplementary": "supplementary",
    "qc_fail": "failed in quality control",
    "duplicate": "duplicates",
}


@dataclass(frozen=True)
class ReadOutputs:
    """What to write of the reads.

    Attributes
    ----------
    reads
        For each input one file, or two with the mates apart; '-' is standard output.
    unplaced
        The same for reads that have no place in the graph, which are then not in ``reads``.
        Empty where they are not set apart.
    changes
        Table of the reads that changed.
    tag
        Say in each header line how many bases changed.
    bam
        Write BAM, whatever the files are called.
    threads
        Threads that pack.
    """

    reads: Sequence[Sequence[str]]
    unplaced: Sequence[Sequence[str]] = ()
    changes: str | None = None
    tag: bool = False
    bam: bool = False
    threads: int = 1


class ReadsOut:
    """Takes the batches of a run in their order; a context manager, and a sink.

    All files appear under their names when the context ends without an error.

    Attributes
    ----------
    unplaced : int
        Reads that were set apart.
    """

    def __init__(
        self,
        groups: Sequence[InputGroup],
        outputs: ReadOutputs,
        description: str = "",
        sample: str = "",
    ) -> None:
        self.unplaced = 0
        self._outputs, self._groups = outputs, groups
        self._stack = ExitStack()
        self._writers, self._apart = (
            [
                open_writer(
                    group,
                    names,
                    bam=outputs.bam,
                    description=description,
                    sample=sample,
                    threads=outputs.threads,
                )
                for group, names in zip(groups, files, strict=bool(files))
            ]
            for files in (outputs.reads, outputs.unplaced)
        )
        self._table: BinaryIO | None = None
        self._changes: ReadChanges | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for writer in (*self._writers, *self._apart):
                stack.enter_context(writer)
            if self._outputs.changes:
                self._table = stack.enter_context(open_output(self._outputs.changes))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(exc_type, exc, traceback)

    def sentences(self, read: ReadStatistics) -> list[str]:
        """What was set apart, and what is not in the files; ``read`` is what came in."""
        said = []
        if self._apart:
            files = " and ".join(name for names in self._outputs.unplaced for name in names)
            n, every = f"{self.unplaced:,}", f"{read.reads:,}"
            said.append(f"{n} of {every} reads have no place in the graph and are in {files}")
        if read.skipped:
            found = {name: f"{getattr(read, name):,} {words}" for name, words in _SKIPPED.items()}
            parts = ", ".join(text for name, text in found.items() if getattr(read, name))
            said.append(f"records that are no reads of their own, left out: {parts}")
        writers = (*self._writers, *self._apart)
        return said + [sentence for writer in writers for sentence in writer.sentences()]

    @property
    def records(self) -> bool:
        """Whether the writers need the records of a BAM or CRAM file."""
        return any(writer.needs_records for writer in (*self._writers, *self._apart))

    def __call__(self, written: Written) -> None:
        """Write a batch."""
        batch, first, n = written.after, written.first_read, len(written.after)
        rewriter, group = written.run.chosen.rewriter, written.group
        if self._table is not None:
            self._tell(self._table, written)
        if self._outputs.tag:
            from dbgclean.reads.names import as_names
            from dbgclean.reads.tags import tag_names

            counts = rewriter.changed(first, n)
            batch = replace(batch, names=tag_names(as_names(batch.names), counts))
        if not self._apart:
            self._writers[group].write(batch)
            return
        apart = rewriter.unplaced(first, n)
        if self._groups[group].layout != "single":
            apart = _with_mates(batch, apart)
        self.unplaced += int(apart.sum())
        self._writers[group].write(batch.take(~apart))
        self._apart[group].write(batch.take(apart))

    def _tell(self, table: BinaryIO, written: Written) -> None:
        """Write the rows of a batch."""
        from dbgclean.correct.read_changes import ReadChanges

        if self._changes is None:
            run = written.run
            chosen = run.chosen
            self._changes = ReadChanges(chosen.rewriter, run.evidence, chosen.verdicts)
            table.write(self._changes.header)
        table.write(self._changes.lines(written.before, written.first_read))


def _with_mates(batch: ReadBatch, chosen: np.ndarray) -> np.ndarray:
    """The chosen reads whose mates are chosen, too, bool (n_reads,).

    In a batch of a BAM file where some read has no mate beside it, names tell the others.
    """
    if batch.paired:
        return np.repeat(chosen.reshape(-1, 2).all(1), 2)
    both = chosen.copy()
    for row in np.flatnonzero(chosen).tolist():
        name = batch.names[row].partition("\t")[0]
        for ending, step, other in (("/1", 1, "/2"), ("/2", -1, "/1")):
            if not name.endswith(ending) or not 0 <= row + step < len(batch):
                continue
            if batch.names[row + step].partition("\t")[0] == name[:-2] + other:
                both[row] = chosen[row + step]
    return both
