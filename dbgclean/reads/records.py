"""FASTA and FASTQ, record by record: the one reader for reads, truths and references.

Bytes throughout: only sequence and qualities have to be ASCII, which is checked where they
are used, and names are whatever the file has. What a record does not keep: white space at
the ends of FASTA lines and within its sequence, '#' lines in FASTA, and blank lines where
a record is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from dbgclean.errors import InputError

__all__ = ["BadRecord", "Record", "fasta_records", "fastq_records"]

_SHOWN = 40


class Record(NamedTuple):
    """One sequence."""

    name: bytes  # header line without '@' or '>'
    sequence: bytes
    qualities: bytes | None = None  # FASTQ: Phred + 33
    repeated: bool = False  # FASTQ: the name stands on the '+' line too


class BadRecord(Exception):
    """A line (from 1) that cannot stand where it does, and why."""

    def __init__(self, line: int, found: str) -> None:
        super().__init__(line, found)
        self.line = line
        self.found = found

    def explained(self, path: str, file_format: str) -> InputError:
        """The same as one line for the user."""
        return InputError(
            f"{path}: line {self.line:,}: not {file_format.upper()}: {self.found}; "
            "repair the file or get a whole copy"
        )


def fasta_records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Yield the records of FASTA, from its lines.

    Raises
    ------
    BadRecord
        If there is sequence before the first header.
    """
    name: bytes | None = None
    parts: list[bytes] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith(b">"):
            if name is not None:
                yield Record(name, b"".join(parts))
            name, parts = text[1:], []
        elif text and not text.startswith(b"#"):
            if name is None:
                raise BadRecord(number, f"expected '>', but found {_shown(text)}")
            parts.append(b"".join(text.split()))
    if name is not None:
        yield Record(name, b"".join(parts))


def fastq_records(lines: Iterable[bytes], before: int = 0) -> Iterator[Record]:
    """Yield the records of FASTQ, four lines each, from its lines.

    Parameters
    ----------
    before
        Lines that were read already, for the errors.

    Raises
    ------
    BadRecord
        If a line is not what is due there, or the file ends within a record.
    """
    number = before
    source = iter(lines)
    for line in source:
        number += 1
        head = _bare(line)
        if not head:
            continue
        if not head.startswith(b"@"):
            raise BadRecord(number, f"expected '@', but found {_shown(head)}")
        rest = [_bare(line) for line in islice(source, 3)]
        if len(rest) == 2 and rest == [b"", b"+"]:
            rest.append(b"")  # no qualities of no bases, and no newline behind them
        number += len(rest)
        if len(rest) >= 2 and not rest[1].startswith(b"+"):
            raise BadRecord(number + 2 - len(rest), f"expected '+', but found {_shown(rest[1])}")
        if len(rest) < 3:
            raise BadRecord(number, "the file ends within a record")
        sequence, again, qualities = rest
        if again[1:] and again[1:] != head[1:]:
            raise BadRecord(number - 1, f"{_shown(again[1:])} is not the record's name")
        if len(sequence) != len(qualities):
            found = f"{len(qualities):,} qualities for {len(sequence):,} bases"
            raise BadRecord(number, found)
        yield Record(head[1:], sequence, qualities, len(again) > 1)


def _bare(line: bytes) -> bytes:
    """A line without its end."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _shown(text: bytes) -> str:
    return repr(text[:_SHOWN].decode("ascii", "backslashreplace"))
