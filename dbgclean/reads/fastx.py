"""FASTA and FASTQ as batches: FASTQ of the usual layout in blocks, all else by record.

What a batch does not keep of a file: blank lines, '#' lines and white space at the
end of header lines in FASTA; a missing newline at the end. Repeated FASTQ names on
'+' lines, Windows line ends and the FASTA line width are kept, as the head of the
file shows them (`RecordStyle`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, islice
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dbgclean.errors import InputError
from dbgclean.reads.batch import BatchBuilder, ReadBatch, RecordStyle, next_step
from dbgclean.reads.compression import READ_ERRORS, damaged, open_bytes, read_head
from dbgclean.reads.names import are_mates, id_of
from dbgclean.reads.records import BadRecord, Record, fasta_records, fastq_records

if TYPE_CHECKING:
    from dbgclean.reads.fastq_blocks import BlockFile

__all__ = ["RecordFile", "fastx_batches"]

_PARSE_ERRORS: tuple[type[Exception], ...] = (*READ_ERRORS, BadRecord)


class RecordFile:
    """One open FASTA or FASTQ file, taken from a few records at a time.

    ``begun`` is a FASTQ file whose first records were taken in blocks.
    """

    def __init__(
        self, path: str, file_format: str, *, threads: int = 1, begun: BlockFile | None = None
    ) -> None:
        self.path = path
        self._format = file_format
        self.taken = begun.taken if begun else 0
        self._file = begun.rest() if begun else open_bytes(path, threads=threads)
        # A record has four lines as long as blocks are taken of it.
        records = (
            fasta_records(self._file)
            if self.is_fasta
            else fastq_records(self._file, 4 * self.taken)
        )
        try:
            first = list(islice(records, 1))
        except _PARSE_ERRORS as error:
            self._file.close()
            raise self._explained(error) from error
        self._records = chain(first, records)
        if begun and begun.taken:
            self.style = begun.style
        else:
            repeated = bool(first) and first[0].repeated
            self.style = _record_style(read_head(path), file_format, repeated)

    @property
    def is_fasta(self) -> bool:
        """Whether the records have no qualities."""
        return self._format == "fasta"

    def take(self, n: int) -> list[Record]:
        """Return the next `n` records, fewer at the end of the file.

        Raises
        ------
        InputError
            If the file is damaged or malformed.
        """
        try:
            records = list(islice(self._records, n))
        except _PARSE_ERRORS as error:
            raise self._explained(error) from error
        self.taken += len(records)
        return records

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _explained(self, error: BaseException) -> InputError:
        """Return what goes wrong in this file as one line for the user."""
        if isinstance(error, BadRecord):
            return error.explained(self.path, self._format)
        return damaged(self.path, self.taken, error)


def fastx_batches(
    paths: tuple[str, ...],
    file_format: str,
    *,
    interleaved: bool,
    batch_bases: int,
    named: bool = True,
    threads: int = 1,
) -> Iterator[ReadBatch]:
    """Yield the reads of one file, or of two with mates, as batches.

    Parameters
    ----------
    paths : tuple of str
        One file, or two whose records are mates, in the same order.
    file_format : 'fasta' or 'fastq'
    interleaved : bool
        Whether the records of a single file are mates two by two.
    batch_bases : int
        A batch is closed as soon as it holds this many bases.
    named : bool
        Whether the names of mates have to go together.
    threads : int
        With 2 or more, each compressed file is decompressed in a thread of its own.

    Raises
    ------
    InputError
        If a file is damaged or malformed, or mates do not go together.
    """
    if file_format == "fasta":
        with ExitStack() as stack:
            files = [
                stack.enter_context(RecordFile(path, "fasta", threads=threads)) for path in paths
            ]
            yield from _parsed(files, interleaved, batch_bases, named)
        return
    # Not above: a look at the first records needs no compiled kernel.
    from dbgclean.reads.fastq_blocks import BlockFile, block_batches

    with ExitStack() as stack:
        blocks = []
        for path in paths:
            blocks.append(BlockFile(path, threads=threads))
            stack.callback(blocks[-1].close)
        yield from block_batches(
            blocks, interleaved=interleaved, batch_bases=batch_bases, named=named
        )
        if all(block.ended for block in blocks):
            return
        files = [
            stack.enter_context(RecordFile(block.path, "fastq", begun=block)) for block in blocks
        ]
        yield from _parsed(files, interleaved, batch_bases, named)


def _parsed(
    files: list[RecordFile], interleaved: bool, batch_bases: int, named: bool
) -> Iterator[ReadBatch]:
    """Yield what is left of files, parsed record by record, as batches."""
    paired = interleaved or len(files) == 2
    builder = BatchBuilder(
        [file.path for file in files],
        tuple(file.style for file in files),
        sum(file.taken for file in files),
    )
    for records in _chunks(files, interleaved, batch_bases, named):
        builder.add(
            [record.name for record in records],
            [record.sequence for record in records],
            None if files[0].is_fasta else [record.qualities or b"" for record in records],
        )
        if builder.bases >= batch_bases:
            yield builder.build(paired=paired)
    if len(builder):
        yield builder.build(paired=paired)


def _chunks(
    files: list[RecordFile], interleaved: bool, batch_bases: int, named: bool
) -> Iterator[list[Record]]:
    """Yield a few records at a time, mates side by side."""
    step = 1
    while True:
        if interleaved:
            records = _take_interleaved(files[0], step)
        elif len(files) == 2:
            records = _take_mates(files[0], files[1], step, named)
        else:
            records = files[0].take(step)
        if not records:
            return
        yield records
        step = next_step(
            step, sum(len(record.sequence) for record in records), len(records), batch_bases
        )


def _take_mates(first: RecordFile, second: RecordFile, n: int, named: bool) -> list[Record]:
    """Return the next `n` pairs of two files, mates side by side."""
    before = first.taken
    left, right = first.take(n), second.take(n)
    if named:
        _check_mates(left, right, before, f"{first.path} and {second.path}: record")
    if len(left) != len(right):
        short, long = (first, second) if len(left) < len(right) else (second, first)
        message = (
            f"{short.path}: ends after {short.taken:,} reads while {long.path} goes on; "
            "give both files of the same run whole, or treat them as single reads (--single)"
        )
        raise InputError(message)
    records: list[Record] = left + right
    records[0::2], records[1::2] = left, right
    return records


def _take_interleaved(file: RecordFile, n: int) -> list[Record]:
    """Return the records of the next `n` pairs of an interleaved file."""
    before = file.taken
    records = file.take(2 * n)
    _check_mates(records[0::2], records[1::2], before // 2, f"{file.path}: pair")
    if len(records) % 2:
        message = (
            f"{file.path}: {file.taken:,} reads cannot be interleaved pairs, the last one "
            f"({id_of(records[-1].name)}) has no mate; leave --interleaved out for single reads"
        )
        raise InputError(message)
    return records


def _check_mates(left: list[Record], right: list[Record], before: int, where: str) -> None:
    """Raise InputError where two records that stand side by side are not mates."""
    pairs = enumerate(zip(left, right, strict=False), start=before + 1)
    wrong = (pair for pair in pairs if not are_mates(pair[1][0].name, pair[1][1].name))
    for number, (one, two) in wrong:
        message = (
            f"{where} {number:,}: {id_of(one.name)!r} and {id_of(two.name)!r} are not mates; "
            "bring the pairs back in step (repair.sh, seqkit pair), or treat the reads as single"
        )
        raise InputError(message)


def _record_style(head: bytes, file_format: str, two_headers: bool) -> RecordStyle:
    """Return the layout that the first bytes of a file show."""
    lines = head.split(b"\n")
    newline = "\r\n" if lines[0].endswith(b"\r") else "\n"
    width = None
    if file_format == "fasta":
        complete = [line.rstrip(b"\r") for line in lines[:-1]]
        for previous, line, following in zip(complete, complete[1:], complete[2:], strict=False):
            if previous[:1] == b">" and following and following[:1] != b">":
                width = len(line) or None
                break
    return RecordStyle(two_headers, newline, width)
