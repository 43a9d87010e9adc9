"""Batches of reads as a struct of arrays: the one object that leaves this stage.

A batch holds some megabases of reads back to back in flat arrays with an offsets
array, so that later stages run array operations and kernels over it and never
touch a Python object per read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from dbgclean.errors import InputError
from dbgclean.reads.names import Names, as_names

__all__ = [
    "CHECKED_CODES",
    "MAX_QUALITY",
    "BatchBuilder",
    "ReadBatch",
    "RecordStyle",
    "check_batch",
    "encode_bases",
    "next_step",
    "stretches",
]

MAX_QUALITY = 93
"""Highest Phred score a printable FASTQ quality character can carry ('~')."""

_OTHER = 4  # N, IUPAC ambiguity codes, X, gaps: a k-mer never spans one
_NOT_A_BASE = 5  # only seen while a batch is checked; never leaves BatchBuilder

_MOST_RECORDS = 512


def _translation(default: int) -> bytes:
    """Return a 256-byte table from ASCII to 2-bit code, `default` elsewhere."""
    table = bytearray([default]) * 256
    for base in b"NRYSWKMBDHVXnryswkmbdhvx.-":
        table[base] = _OTHER
    for code, pair in enumerate((b"Aa", b"Cc", b"Gg", b"TtUu")):
        for base in pair:
            table[base] = code
    return bytes(table)


_CODES = _translation(_OTHER)
_CHECKED_CODES = _translation(_NOT_A_BASE)
CHECKED_CODES = np.frombuffer(bytearray(_CHECKED_CODES), np.uint8)
"""2-bit code by ASCII character, uint8 (256,); above 4 for what `check_batch` refuses."""


class RecordStyle(NamedTuple):
    """How one file lays out its records, beyond what the parser hands over.

    Read off the head of the file and taken to hold for all of it.
    """

    two_headers: bool = False  # FASTQ: the name is repeated on the '+' line
    newline: str = "\n"  # "\r\n" for files from Windows
    width: int | None = None  # FASTA: bases per line; None: a sequence is one line


@dataclass(frozen=True, slots=True, eq=False)
class ReadBatch:
    """Some reads in file order.

    Attributes
    ----------
    bases : ndarray of uint8, shape (n_bases,)
        ASCII exactly as in the file (lower case and IUPAC codes kept). Reads of a
        BAM or CRAM file stand in sequencing orientation.
    codes : ndarray of uint8, shape (n_bases,)
        A=0 C=1 G=2 T=3 (either case; U is T), 4 for anything else.
    quals : ndarray of uint8, shape (n_bases,), or None
        Phred scores 0 to 93; None for FASTA.
    offsets : ndarray of int64, shape (n_reads + 1,)
        Read i is ``bases[offsets[i]:offsets[i + 1]]``.
    names : sequence of str
        Header lines without '@' or '>': name, white space and comment as they came;
        bytes that are no UTF-8 as surrogates (`dbgclean.reads.names.Names`).
    first_read : int
        0-based number of the first read within its `InputGroup`.
    paired : bool
        True: reads 2i and 2i + 1 are mates.
    extras : tuple of RecordStyle or None
        One per input file; for the writer alone.
    records : list or None
        Of a BAM or CRAM file, where asked for: the record of each read, for the writer alone.

    Notes
    -----
    Treat the arrays as read-only, although they are not marked so: numba compiles
    a kernel once more for read-only arrays.
    """

    bases: np.ndarray
    codes: np.ndarray
    quals: np.ndarray | None
    offsets: np.ndarray
    names: Sequence[str]
    first_read: int
    paired: bool
    extras: tuple | None = None
    records: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def with_bases(self, bases: np.ndarray) -> ReadBatch:
        """Return the same reads with edited bases; the codes follow.

        Parameters
        ----------
        bases : ndarray of uint8, shape (n_bases,)
            ASCII, one for each base of this batch.

        Raises
        ------
        ValueError
            If the number of bases differs.
        """
        bases = np.ascontiguousarray(bases, dtype=np.uint8)
        if bases.shape != self.bases.shape:
            message = f"a batch of {len(self.bases)} bases cannot take {len(bases)}"
            raise ValueError(message)
        return replace(self, bases=bases, codes=encode_bases(bases))

    def take(self, reads: np.ndarray) -> ReadBatch:
        """The chosen reads, bool (n_reads,); pairs have to be chosen as pairs."""
        rows = np.flatnonzero(reads)
        names = as_names(self.names)
        at, named = stretches(names.offsets[rows], np.diff(names.offsets)[rows])
        return replace(
            self.parts(self.offsets[rows], np.diff(self.offsets)[rows], paired=self.paired),
            names=Names(names.text[at], named),
            first_read=self.first_read,
            records=None if self.records is None else [self.records[row] for row in rows],
        )

    def parts(self, first: np.ndarray, size: np.ndarray, *, paired: bool = False) -> ReadBatch:
        """Stretches of the bases, int64 (m,) each, as reads of their own without names."""
        at, offsets = stretches(first, size)
        return replace(
            self,
            bases=self.bases[at],
            codes=self.codes[at],
            quals=None if self.quals is None else self.quals[at],
            offsets=offsets,
            names=[""] * len(first),
            first_read=0,
            paired=paired,
            records=None,
        )


def stretches(first: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers ``first[0], first[0] + 1, ...`` for ``size[0]`` steps, then the next; int64.

    Beside them the offset of each stretch among them, int64 (n + 1,).
    """
    offsets = np.zeros(len(first) + 1, np.int64)
    np.cumsum(size, out=offsets[1:])
    return np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], size), offsets


def encode_bases(bases: np.ndarray) -> np.ndarray:
    """Return 2-bit codes, uint8 (n,), of ASCII bases, uint8 (n,); 4 where not ACGTU."""
    return _writable(bases.tobytes().translate(_CODES))


class BatchBuilder:
    """Gathers parsed records and joins them into one checked batch.

    A few hundred records are joined at a time, so that the strings of the parser are
    freed while they are still in the processor's cache: three times as fast as
    keeping all of them up to the end of the batch.

    Parameters
    ----------
    paths : sequence of str
        The files of the group, to say where a bad record is.
    extras : tuple of RecordStyle, optional
        Handed to the batches.
    first_read : int
        Number of the first read that will be added.
    """

    def __init__(
        self, paths: Sequence[str], extras: tuple | None = None, first_read: int = 0
    ) -> None:
        self._paths = paths
        self._extras = extras
        self._first_read = first_read
        self._clear()

    def _clear(self) -> None:
        self.bases = 0
        self._names: list[bytes] = []
        self._sequences: list[bytes] = []
        self._qualities: list[bytes] = []
        self._lengths: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._names)

    def add(
        self, names: list[bytes], sequences: Sequence[bytes], qualities: Sequence[bytes] | None
    ) -> None:
        """Append records; `qualities` are FASTQ strings (Phred + 33), None for FASTA."""
        text = b"".join(sequences)
        self.bases += len(text)
        self._names += names
        self._sequences.append(text)
        self._lengths.append(np.fromiter(map(len, sequences), np.int64, len(names)))
        if qualities is not None:
            self._qualities.append(b"".join(qualities))

    def build(self, *, paired: bool) -> ReadBatch:
        """Return what was gathered as a batch, and start on the next one.

        Raises
        ------
        InputError
            If a sequence holds something that is no nucleotide, or a quality
            character lies outside '!' to '~'.
        """
        bases = bytearray().join(self._sequences)
        codes = _writable(bases.translate(_CHECKED_CODES))
        quals = _writable(bytearray().join(self._qualities)) if self._qualities else None
        if quals is not None:
            quals -= 33  # below '!' wraps around to above MAX_QUALITY
        offsets = np.zeros(len(self._names) + 1, dtype=np.int64)
        if self._lengths:
            np.cumsum(np.concatenate(self._lengths), out=offsets[1:])
        batch = ReadBatch(
            bases=_writable(bases),
            codes=codes,
            quals=quals,
            offsets=offsets,
            names=Names.of(self._names),
            first_read=self._first_read,
            paired=paired,
            extras=self._extras,
        )
        check_batch(batch, self._paths)
        self._first_read += len(batch)
        self._clear()
        return batch


def check_batch(batch: ReadBatch, paths: Sequence[str]) -> None:
    """Check codes made with `CHECKED_CODES`, and qualities.

    Raises
    ------
    InputError
        If a sequence holds something that is no nucleotide, or a quality character
        lies outside '!' to '~'.
    """
    if batch.codes.size and batch.codes.max() == _NOT_A_BASE:
        bad = int(np.argmax(batch.codes == _NOT_A_BASE))
        message = (
            f"{_locate(batch, paths, bad)}: {chr(batch.bases[bad])!r} in the sequence is no "
            "nucleotide; give DNA reads, FASTA or FASTQ all through"
        )
        raise InputError(message)
    quals = batch.quals
    if quals is not None and quals.size and quals.max() > MAX_QUALITY:
        bad = int(np.argmax(quals > MAX_QUALITY))
        message = (
            f"{_locate(batch, paths, bad)}: {chr((int(quals[bad]) + 33) % 256)!r} is no "
            "Phred+33 quality ('!' to '~'); repair the file"
        )
        raise InputError(message)


def _locate(batch: ReadBatch, paths: Sequence[str], base: int) -> str:
    """Return 'FILE: record N (NAME)' for a base of a batch."""
    row = int(np.searchsorted(batch.offsets, base, side="right")) - 1
    number = batch.first_read + row
    path = paths[number % len(paths)]
    return f"{path}: record {number // len(paths) + 1:,} ({batch.names[row]})"


def next_step(step: int, bases: int, records: int, batch_bases: int) -> int:
    """Return how many records to parse next after `records` of `bases` bases.

    Doubles from one up to what still lies in the processor's cache, as long as that
    stays well below a batch: a file of chromosomes is not taken into memory at once.
    """
    return max(1, min(2 * step, _MOST_RECORDS, batch_bases * records // (8 * (bases + 1))))


def _writable(data: bytes | bytearray) -> np.ndarray:
    """Return a writable uint8 array of `data`: read-only ones compile kernels twice."""
    buffer = data if isinstance(data, bytearray) else bytearray(data)
    return np.frombuffer(buffer, dtype=np.uint8)
