"""Writing reads back: same names, order, qualities and layout as they came."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from dbgclean._files import open_output, refuse_overwriting
from dbgclean.errors import UsageError
from dbgclean.reads.batch import ReadBatch, RecordStyle
from dbgclean.reads.inputs import InputGroup
from dbgclean.reads.names import as_bytes, as_names

__all__ = ["ReadWriter", "open_writer"]

_BLOCK_READS = 512  # even, so that mates stay together
_BAM = (".bam", ".ubam")
_REFUSED_SUFFIXES = (".cram", ".sam", ".bam.gz", ".sam.gz")


class ReadWriter:
    """Writes batches to one file, or to two with the mates apart; a context manager.

    The files appear under their names when the context ends without an error.

    Attributes
    ----------
    needs_records : bool
        Whether batches have to bring the records of a BAM file (`ReadBatch.records`).
    """

    needs_records = False

    def __init__(
        self, group: InputGroup, outputs: Sequence[str | os.PathLike[str]], threads: int = 1
    ) -> None:
        self._threads = threads
        self._outputs = [os.fspath(output) for output in outputs]
        _check(group, self._outputs)
        self._fasta = group.format == "fasta"
        self._stack = ExitStack()
        self._sinks: list[BinaryIO] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            opened = (open_output(output, threads=self._threads) for output in self._outputs)
            self._sinks = [stack.enter_context(output) for output in opened]
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(exc_type, exc, traceback)

    def sentences(self) -> list[str]:
        """What the files do not hold, for the user."""
        return []

    def write(self, batch: ReadBatch) -> None:
        """Write the reads of a batch.

        Raises
        ------
        UsageError
            If mates are to be written apart and the batch is not of pairs.
        """
        if len(self._sinks) == 1:
            self._write(0, batch, 0, 1)
            return
        if not batch.paired:
            message = "reads without mates cannot be written to two files; name one output file"
            raise UsageError(message)
        for mate in (0, 1):
            self._write(mate, batch, mate, 2)

    def _write(self, sink: int, batch: ReadBatch, start: int, step: int) -> None:
        styles = batch.extras or (RecordStyle(),)
        style = styles[min(sink, len(styles) - 1)]
        if not self._fasta and batch.quals is not None:
            self._sinks[sink].write(_fastq(batch, style, start, step))
            return
        for block in _blocks(batch, style, start, step):
            self._sinks[sink].write(block)


def open_writer(
    group: InputGroup,
    outputs: Sequence[str | os.PathLike[str]],
    *,
    bam: bool = False,
    description: str = "",
    sample: str = "",
    threads: int = 1,
) -> ReadWriter:
    """Return a writer for the batches of a group.

    Parameters
    ----------
    group : InputGroup
        FASTA is written as FASTA, anything else as FASTQ.
    outputs : sequence of paths
        One (mates interleaved) or two (mates apart). '.gz' and '.bgz' are written
        as BGZF without time stamps, '.bz2', '.xz' and '.zst' as such, '.bam' and '.ubam'
        as unaligned BAM; '-' is standard output.
    bam : bool
        Write BAM, whatever the output is called.
    description : str
        What was done to the reads, for the header of BAM.
    sample : str
        Name of the read group in BAM of reads that are from no BAM.
    threads : int
        Threads that pack; the bytes do not depend on them.

    Raises
    ------
    UsageError
        If the number or the names of the outputs do not fit.
    OutputError
        On entering or writing: if a file cannot be written.
    """
    if bam or any(os.fspath(output).lower().endswith(_BAM) for output in outputs):
        from dbgclean.reads.bam_writer import BamWriter

        return BamWriter(group, outputs, description, sample)
    return ReadWriter(group, outputs, threads)


def _fastq(batch: ReadBatch, style: RecordStyle, start: int, step: int) -> memoryview:
    """Return the reads ``start, start + step, ...`` as FASTQ text."""
    from dbgclean.reads.fastq_kernels import format_fastq, text_size

    names = as_names(batch.names)
    returns, two = len(style.newline) - 1, style.two_headers
    offsets = batch.offsets
    out = np.empty(text_size(offsets, names.offsets, start, step, returns, two), np.uint8)
    format_fastq(
        names.text, names.offsets, batch.bases, batch.quals, offsets, start, step, returns, two,
        out,
    )  # fmt: skip
    return out.data


def _fasta(names: list[bytes], bases: list[bytes], style: RecordStyle) -> bytes:
    """Return records as FASTA text, folded to the width of the style."""
    end, width = style.newline.encode(), style.width
    if width is not None:
        bases = [end.join([b[i : i + width] for i in range(0, len(b), width)]) for b in bases]
    return b"".join([b">%b%b%b%b" % (n, end, b, end) for n, b in zip(names, bases, strict=True)])


def _blocks(batch: ReadBatch, style: RecordStyle, start: int, step: int) -> Iterator[bytes]:
    """Yield the reads ``start, start + step, ...`` as FASTA text, a cacheful at a time."""
    for first in range(0, len(batch), _BLOCK_READS):
        names = [as_bytes(name) for name in batch.names[first : first + _BLOCK_READS]]
        low, *ends = batch.offsets[first : first + len(names) + 1].tolist()
        bounds = [slice(a - low, b - low) for a, b in zip([low, *ends], ends, strict=False)]
        text = batch.bases[low : ends[-1]].tobytes()
        bases = [text[bound] for bound in bounds[start::step]]
        yield _fasta(names[start::step], bases, style)


def _check(group: InputGroup, outputs: list[str]) -> None:
    """Raise UsageError unless the outputs fit the group."""
    if len(outputs) not in ((1,) if group.layout == "single" else (1, 2)):
        message = (
            f"{' and '.join(group.paths)}: {group.layout} reads cannot be written to "
            f"{len(outputs)} files; name {'one' if group.layout == 'single' else 'one or two'}"
        )
        raise UsageError(message)
    refuse_overwriting(outputs, group.paths)
    for path in outputs:
        if path.lower().endswith(_REFUSED_SUFFIXES):
            message = (
                f"{path}: corrected reads are written as FASTQ or FASTA, plain or compressed, or "
                "as BAM; name the output .fastq.gz, .fastq or .bam"
            )
            raise UsageError(message)
