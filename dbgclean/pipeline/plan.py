"""A run in steps: its reads cut into blocks, and for each pass over them one file per block.

A folder holds all of it. ``plan.json`` says what is run on what; ``reads/`` has the reads, a
batch in each file; every pass has a folder of its own with its task and, for each block, what
the task gave. A file is there when it is whole, and a step that is done twice writes the same
one again: what a lost worker had begun is begun anew by another.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dbgclean import __version__
from dbgclean._store import load, save, written
from dbgclean.errors import InputError, UsageError
from dbgclean.reads import ReadBatch, ReadStatistics, iter_batches
from dbgclean.reads.inputs import likely_bases
from dbgclean.reads.names import as_names
from dbgclean.reads.reading import BATCH_BASES
from dbgclean.spectrum.counting import PARTITIONS
from dbgclean.spectrum.partition import Settled
from dbgclean.spectrum.tally import Tally

if TYPE_CHECKING:
    from dbgclean.pipeline.runs import Inputs

__all__ = ["Merging", "Piece", "Plan", "do_step", "fingerprint"]

logger = logging.getLogger(__name__)

_FORMAT = 1
_PLAN = "plan.json"
# Batches of a block, so that blocks are about as large as each other, and bases of one.
_PER_BLOCK, _FEWEST_BASES = 4, 100_000
# Where nobody says how many blocks: bases of one where it is not known what memory there is, of
# which a step may have so much, blocks for each worker, and blocks at most.
_BLOCK_BASES, _OF_SHARE, _PER_WORKER, _MOST_BLOCKS = 32_000_000, 0.75, 4, 64
# Bytes a base, on disk and in memory: of each k that is counted, and of all else; and those of
# libraries and batches under way.
_DISK, _DISK_BESIDES, _A_BASE, _A_BASE_BESIDES, _LIBRARIES = 7, 6.5, 11, 4, 300 << 20


class Piece(NamedTuple):
    """One batch of reads: the number of its input and of its first read, reads and bases."""

    group: int
    first: int
    reads: int
    bases: int


@dataclass(frozen=True)
class Plan:
    """What is run, and on which reads.

    Attributes
    ----------
    folder
        Where all of it is; any machine that does a step sees it under this name.
    words, directory
        Arguments of the command line, and the folder that they were given in.
    command
        The command line as far as it decides the result.
    inputs
        Files of reads, with their sizes and times of change.
    pieces
        The reads, batch by batch.
    blocks
        Piece that each block begins with, and their number.
    """

    folder: Path
    words: list[str]
    directory: str
    command: str | None
    inputs: list[tuple[str, int, int]]
    pieces: list[Piece]
    blocks: list[int]

    @classmethod
    def make(
        cls,
        folder: Path,
        words: list[str],
        inputs: Inputs,
        blocks: int | None,
        workers: int = 1,
        share: int = 0,
    ) -> Plan:
        """Cut the reads of a run into blocks, which reads them once.

        Parameters
        ----------
        blocks
            How many; None: by the size of the files, and some for each of ``workers``.
        share
            Bytes of memory that each worker has; 0 where that is not known.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        progress, statistics = inputs.progress, list[ReadStatistics]()
        pieces, first = list[Piece](), 0
        files = [path for group in inputs.groups for path in group.paths]
        most = _block_bases(share, 1 + inputs.graph)
        blocks, batch_bases = _sizes(files, blocks, workers, most)
        progress.start("Cutting the reads into blocks")
        for number, group in enumerate(inputs.groups):
            tally = ReadStatistics()
            for batch in progress.iterate(
                iter_batches(
                    group,
                    batch_bases=batch_bases,
                    reference=inputs.options.reference,
                    threads=inputs.options.threads,
                    statistics=tally,
                )
            ):
                whole = replace(batch, names=as_names(batch.names))
                save(folder / "reads" / f"{len(pieces):06d}", whole)
                pieces.append(Piece(number, first, len(batch), len(batch.bases)))
                first += len(batch)
            statistics.append(tally)
        save(folder / "statistics", statistics)
        bounds, command = _bounds(pieces, blocks), inputs.options.command
        found = [fingerprint(path) for path in files]
        plan = cls(folder, words, os.getcwd(), command, found, pieces, bounds)
        estimate = plan.estimate(1 + inputs.graph)
        plan._write(estimate)
        logger.info(
            "%d blocks; files of all steps: about %s MB; memory of a step: at most about %s MB",
            blocks,
            *(f"{number >> 20:,}" for number in estimate.values()),
        )
        return plan

    def estimate(self, sizes_of_k: int) -> dict[str, int]:
        """Bytes on disk of all steps, and of memory that one of them takes: rough, upper figures.

        Counting takes most, for each of ``sizes_of_k``: nearly every base begins a k-mer, which is
        8 bytes where it is seen once in its block. What goes on between two passes takes what the
        whole run takes in one process, and threading maps the graph.
        """
        sizes = np.diff([0, *np.cumsum([piece.bases for piece in self.pieces])[self._ends()]])
        total = sum(piece.bases for piece in self.pieces)
        most = max(int(sizes.max(initial=0)), total // min(self.n_blocks, PARTITIONS))
        disk = _DISK * sizes_of_k + _DISK_BESIDES
        return {"disk": int(disk * total), "memory": _LIBRARIES + _a_base(sizes_of_k) * most}

    def _ends(self) -> list[int]:
        """Last piece of each block that has some."""
        return sorted({end - 1 for end in self.blocks[1:] if end > 0})

    def _write(self, estimate: dict[str, int]) -> None:
        content = {
            "format": _FORMAT,
            "version": __version__,
            "words": self.words,
            "directory": self.directory,
            "command": self.command,
            "inputs": self.inputs,
            "estimate": estimate,
            "pieces": self.pieces,
            "blocks": self.blocks,
        }
        with written(self.folder / _PLAN) as file:
            file.write(json.dumps(content, indent=1).encode())

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether a plan was made in a folder."""
        return (folder / _PLAN).exists()

    @classmethod
    def open(cls, folder: Path) -> Plan:
        """Read a plan.

        Raises
        ------
        InputError
            If there is none, or it is of another version.
        """
        path = folder / _PLAN
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            made = content["version"]
            plan = cls(
                folder,
                list(content["words"]),
                content["directory"],
                content["command"],
                [tuple(each) for each in content["inputs"]],
                [Piece(*each) for each in content["pieces"]],
                list(content["blocks"]),
            )
        except FileNotFoundError as error:
            msg = f"{path}: no such file; make a plan first (dbgclean plan -o {folder} ...)"
            raise InputError(msg) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"{path}: not a plan ({error}); make it again (dbgclean plan)"
            raise InputError(msg) from error
        if made != __version__ or content["format"] != _FORMAT:
            msg = (
                f"{path}: made by dbgclean {made}, and this is {__version__}; steps of one run "
                "need one version: make it again in an empty folder"
            )
            raise InputError(msg)
        return plan

    def check(self, command: str | None) -> None:
        """See that inputs are as they were, and the command the one that is asked for.

        Raises
        ------
        InputError, UsageError
        """
        if command != self.command:
            msg = (
                f"{self.folder}: has steps of another command ({self.command}); give that, or "
                "another folder"
            )
            raise UsageError(msg)
        for path, size, modified in self.inputs:
            if fingerprint(path) != (path, size, modified):
                msg = (
                    f"{path}: not as it was when {self.folder} was planned; plan anew in an "
                    "empty folder"
                )
                raise InputError(msg)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self.blocks) - 1

    def statistics(self) -> list[ReadStatistics]:
        """What was read of each input."""
        found: list[ReadStatistics] = load(self.folder / "statistics", check=True)
        return found

    def batches(self, block: int) -> Iterator[tuple[int, int, ReadBatch]]:
        """Yield (group, number of the first read in the run, batch) of one block."""
        for number in range(self.blocks[block], self.blocks[block + 1]):
            piece = self.pieces[number]
            yield piece.group, piece.first, load(self.folder / "reads" / f"{number:06d}")

    def path(self, name: str, number: int) -> Path:
        """File of what one step of a pass gave."""
        return self.folder / name / f"{number:06d}"

    def missing(self, name: str, steps: int) -> list[int]:
        """Of the steps of a pass, those that are still to be done."""
        return [number for number in range(steps) if not self.path(name, number).exists()]

    def ask(self, name: str, task: Any, steps: int, stored: Mapping[str, Any]) -> None:
        """Write the task of a pass, once: from then on its steps can be done.

        ``stored`` is what it may have within that lies in the folder already.
        """
        path = self.folder / name / "task"
        if not path.exists():
            save(path, (task, steps), stored)

    def do(self, name: str, number: int, threads: int = 1) -> None:
        """Do one step: the task of a pass with the reads of one block, or some partitions.

        Raises
        ------
        UsageError
            If there is no such step, or the pass is not asked for.
        """
        path = self.folder / name / "task"
        if not path.exists():
            msg = f"{self.folder}: no pass {name!r} is asked for now; see `dbgclean step PLAN`"
            raise UsageError(msg)
        task, steps = load(path)
        if not 0 <= number < steps:
            msg = f"{self.folder}: no step {number} of {name}; they go from 0 to {steps - 1}"
            raise UsageError(msg)
        if self.path(name, number).exists():
            return
        if isinstance(task, Merging):
            save(self.path(name, number), task.merged(self, number, steps))
            return
        batches = [(first, batch) for _, first, batch in self.batches(number)]
        save(self.path(name, number), list(task.over(batches, threads)))


@dataclass(frozen=True)
class Merging:
    """What all blocks have counted of some partitions of the k-mers.

    Attributes
    ----------
    name, k
        Of the pass that counted, and which of its counters.
    """

    name: str
    k: int

    def merged(self, plan: Plan, number: int, steps: int) -> list[tuple[Settled, Tally]]:
        """The partitions of one step of ``steps``, in their order.

        Each step reads what it merges of all blocks; every block's file is checked as a whole
        by one of them.
        """
        counts = [
            load(plan.path(self.name, block), check=block % steps == number)[0]
            for block in range(plan.n_blocks)
        ]
        one, *others = (each.counters[self.k] for each in counts)
        first, end = (PARTITIONS * each // steps for each in (number, number + 1))
        return [one.settle(partition, others) for partition in range(first, end)]


def do_step(folder: str, name: str, number: int) -> None:
    """`Plan.do`, for a process that knows nothing of the plan yet."""
    Plan.open(Path(folder)).do(name, number)


def fingerprint(path: str) -> tuple[str, int, int]:
    """A file, its size and its time of change (ns); -1 where it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return path, -1, -1
    return path, found.st_size, found.st_mtime_ns


def _a_base(sizes_of_k: int) -> int:
    """Bytes of memory that a step takes for each base of its block."""
    return _A_BASE * sizes_of_k + _A_BASE_BESIDES


def _block_bases(share: int, sizes_of_k: int) -> int:
    """Bases that a block may have, so that a step takes no more than a share of the memory.

    The more, the better: a k-mer that a block sees once is sorted again when blocks are merged.
    """
    room = _OF_SHARE * (share - _LIBRARIES) / _a_base(sizes_of_k)
    return max(_BLOCK_BASES, int(room))


def _sizes(paths: list[str], blocks: int | None, workers: int, most: int) -> tuple[int, int]:
    """Number of blocks of so many bases, and bases of a batch, so that each block has some."""
    bases = likely_bases(paths)
    blocks = blocks or min(_MOST_BLOCKS, max(_PER_WORKER * workers, -int(-bases // most)))
    return blocks, int(min(BATCH_BASES, max(_FEWEST_BASES, bases / (_PER_BLOCK * blocks))))


def _bounds(pieces: list[Piece], blocks: int) -> list[int]:
    """Where blocks of about as many bases each begin among the pieces."""
    ends = np.cumsum([piece.bases for piece in pieces], dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    inner = [total * block // blocks for block in range(1, blocks)]
    return [0, *np.searchsorted(ends, inner, side="left").tolist(), len(pieces)]
