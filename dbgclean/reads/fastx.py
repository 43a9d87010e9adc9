"""FASTA and FASTQ: records parsed by dnaio, joined into batches.

What a batch does not keep of a file: blank lines, '#' lines and white space at the
end of header lines in FASTA; a missing newline at the end. Repeated FASTQ names on
'+' lines, Windows line ends and the FASTA line width are kept, as the head of the
file shows them (`RecordStyle`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from types import TracebackType
from typing import Self

import dnaio

from dbgclean.errors import InputError
from dbgclean.reads.batch import BatchBuilder, ReadBatch, RecordStyle, next_step
from dbgclean.reads.compression import READ_ERRORS, damaged, open_bytes, read_head
from dbgclean.reads.fastq_blocks import BlockFile, block_batches

__all__ = ["RecordFile", "fastx_batches", "names_are_mates"]

_PARSE_ERRORS: tuple[type[Exception], ...] = (*READ_ERRORS, dnaio.FileFormatError, ValueError)


class RecordFile:
    """One open FASTA or FASTQ file, taken from a few records at a time.

    ``begun`` is a FASTQ file whose first records were taken in blocks.
    """

    def __init__(
        self, path: str, file_format: str, *, threads: int = 1, begun: BlockFile | None = None
    ) -> None:
        self.path = path
        self._format = file_format
        self.taken = self._before = begun.taken if begun else 0
        self._file = begun.rest() if begun else open_bytes(path, threads=threads)
        try:
            reader = (dnaio.FastaReader if file_format == "fasta" else dnaio.FastqReader)(
                self._file
            )
        except _PARSE_ERRORS as error:
            self._file.close()
            raise self._explained(error) from error
        two_headers = getattr(reader, "two_headers", False)
        self.style = (
            begun.style
            if begun and begun.taken
            else _record_style(read_head(path), file_format, two_headers)
        )
        self._reader = reader  # kept alive: it would close the file with a warning
        self._records = iter(reader)

    @property
    def is_fasta(self) -> bool:
        """Whether the records have no qualities."""
        return self._format == "fasta"

    def take(self, n: int) -> list[dnaio.SequenceRecord]:
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
        name = self._format.upper()
        if isinstance(error, dnaio.FileFormatError):
            # A record has four lines as long as blocks are taken of it.
            line = None if error.line is None else error.line + 1 + 4 * self._before
            where = f"after record {self.taken:,}" if line is None else f"line {line:,}"
            # Whole records may follow in the parser's message: its first sentence will do.
            found = " ".join(error.message.split(". ")[0].split()).rstrip(".")
            return InputError(
                f"{self.path}: {where}: not {name}: {found}; repair the file or get a whole copy"
            )
        if isinstance(error, UnicodeDecodeError):
            return InputError(
                f"{self.path}: after record {self.taken:,}: characters other than ASCII; "
                f"give a plain {name} file"
            )
        return damaged(self.path, self.taken, error)


def fastx_batches(
    paths: tuple[str, ...],
    file_format: str,
    *,
    interleaved: bool,
    batch_bases: int,
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
    threads : int
        With 2 or more, each gzip file is inflated in a thread of its own.

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
            yield from _parsed(files, interleaved, batch_bases)
        return
    with ExitStack() as stack:
        blocks = []
        for path in paths:
            blocks.append(BlockFile(path, threads=threads))
            stack.callback(blocks[-1].close)
        yield from block_batches(blocks, interleaved=interleaved, batch_bases=batch_bases)
        if all(block.ended for block in blocks):
            return
        files = [
            stack.enter_context(RecordFile(block.path, "fastq", begun=block)) for block in blocks
        ]
        yield from _parsed(files, interleaved, batch_bases)


def _parsed(files: list[RecordFile], interleaved: bool, batch_bases: int) -> Iterator[ReadBatch]:
    """Yield what is left of files, parsed record by record, as batches."""
    paired = interleaved or len(files) == 2
    builder = BatchBuilder(
        [file.path for file in files],
        tuple(file.style for file in files),
        sum(file.taken for file in files),
    )
    for records in _chunks(files, interleaved, batch_bases):
        builder.add(
            [record.name for record in records],
            [record.sequence for record in records],
            None if files[0].is_fasta else [record.qualities or "" for record in records],
        )
        if builder.bases >= batch_bases:
            yield builder.build(paired=paired)
    if len(builder):
        yield builder.build(paired=paired)


def _chunks(
    files: list[RecordFile], interleaved: bool, batch_bases: int
) -> Iterator[list[dnaio.SequenceRecord]]:
    """Yield a few records at a time, mates side by side."""
    step = 1
    while True:
        if interleaved:
            records = _take_interleaved(files[0], step)
        elif len(files) == 2:
            records = _take_mates(files[0], files[1], step)
        else:
            records = files[0].take(step)
        if not records:
            return
        yield records
        step = next_step(step, sum(map(len, records)), len(records), batch_bases)


def _take_mates(first: RecordFile, second: RecordFile, n: int) -> list[dnaio.SequenceRecord]:
    """Return the next `n` pairs of two files, mates side by side."""
    before = first.taken
    left, right = first.take(n), second.take(n)
    _check_mates(left, right, before, f"{first.path} and {second.path}: record")
    if len(left) != len(right):
        short, long = (first, second) if len(left) < len(right) else (second, first)
        message = (
            f"{short.path}: ends after {short.taken:,} reads while {long.path} goes on; "
            "give both files of the same run whole, or treat them as single reads (--single)"
        )
        raise InputError(message)
    records: list[dnaio.SequenceRecord] = left + right
    records[0::2], records[1::2] = left, right
    return records


def _take_interleaved(file: RecordFile, n: int) -> list[dnaio.SequenceRecord]:
    """Return the records of the next `n` pairs of an interleaved file."""
    before = file.taken
    records = file.take(2 * n)
    _check_mates(records[0::2], records[1::2], before // 2, f"{file.path}: pair")
    if len(records) % 2:
        message = (
            f"{file.path}: {file.taken:,} reads cannot be interleaved pairs, the last one "
            f"({records[-1].name}) has no mate; leave --interleaved out for single reads"
        )
        raise InputError(message)
    return records


def _check_mates(
    left: list[dnaio.SequenceRecord], right: list[dnaio.SequenceRecord], before: int, where: str
) -> None:
    """Raise InputError where two records that stand side by side are not mates."""
    if all(map(dnaio.SequenceRecord.is_mate, left, right)):
        return
    pairs = enumerate(zip(left, right, strict=False), start=before + 1)
    number, (one, two) = next((i, pair) for i, pair in pairs if not pair[0].is_mate(pair[1]))
    message = (
        f"{where} {number:,}: {one.id!r} and {two.id!r} are not mates; "
        "bring the pairs back in step (repair.sh, seqkit pair), or treat the reads as single"
    )
    raise InputError(message)


def names_are_mates(first: str, second: str) -> bool:
    """Tell whether two header lines look like read 1 and read 2 of one fragment.

    Beyond dnaio's rule (same name, a last 1, 2 or 3 aside) the two must not both say
    that they are the same read of it: 'a/1' and 'a/1', or '1:N:0' in both comments.
    """
    one, two = dnaio.SequenceRecord(first, ""), dnaio.SequenceRecord(second, "")
    if not one.is_mate(two):
        return False
    for mine, other in ((one.id, two.id), (one.comment or "", two.comment or "")):
        if mine[-2:] == other[-2:] and mine[-2:] in ("/1", "/2"):
            return False
        if mine[1:2] == ":" and mine[:2] == other[:2] and mine[0] in "12":
            return False
    return True


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
