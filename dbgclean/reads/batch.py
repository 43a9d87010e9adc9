"""Batches of reads as a struct of arrays: the one object that leaves this stage.

A batch holds some megabases of reads back to back in flat arrays with an offsets
array, so that later stages run array operations and kernels over it and never
touch a Python object per read (the names alone stay a list: they are only kept
to be written again).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from dbgclean.errors import InputError

__all__ = ["MAX_QUALITY", "ReadBatch", "RecordStyle", "build_batch", "encode_bases"]

MAX_QUALITY = 93
"""Highest Phred score a printable FASTQ quality character can carry ('~')."""

_OTHER = 4  # N, IUPAC ambiguity codes, U, X, gaps: a k-mer never spans one
_NOT_A_BASE = 5  # only seen while a batch is checked; never leaves build_batch


def _translation(default: int) -> bytes:
    """Return a 256-byte table from ASCII to 2-bit code, `default` elsewhere."""
    table = bytearray([default]) * 256
    for base in b"NRYSWKMBDHVUXnryswkmbdhvux.-":
        table[base] = _OTHER
    for code, pair in enumerate((b"Aa", b"Cc", b"Gg", b"Tt")):
        for base in pair:
            table[base] = code
    return bytes(table)


_CODES = _translation(_OTHER)
_CHECKED_CODES = _translation(_NOT_A_BASE)


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
        A=0 C=1 G=2 T=3 (either case), 4 for anything else.
    quals : ndarray of uint8, shape (n_bases,), or None
        Phred scores 0 to 93; None for FASTA.
    offsets : ndarray of int64, shape (n_reads + 1,)
        Read i is ``bases[offsets[i]:offsets[i + 1]]``.
    names : list of str
        Header lines without '@' or '>': name, white space and comment as they came.
    first_read : int
        0-based number of the first read within its `InputGroup`.
    paired : bool
        True: reads 2i and 2i + 1 are mates.
    extras : tuple of RecordStyle or None
        One per input file; for the writer alone.

    Notes
    -----
    Treat the arrays as read-only, although they are not marked so: numba compiles
    a kernel once more for read-only arrays.
    """

    bases: np.ndarray
    codes: np.ndarray
    quals: np.ndarray | None
    offsets: np.ndarray
    names: list[str]
    first_read: int
    paired: bool
    extras: tuple | None = None

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


def encode_bases(bases: np.ndarray) -> np.ndarray:
    """Return 2-bit codes, uint8 (n,), of ASCII bases, uint8 (n,); 4 where not ACGT."""
    return _writable(bases.tobytes().translate(_CODES))


def build_batch(
    names: list[str],
    sequences: Sequence[str],
    qualities: Sequence[str] | None,
    *,
    first_read: int,
    paired: bool,
    paths: Sequence[str],
    extras: tuple | None = None,
) -> ReadBatch:
    """Join the columns of parsed records into one checked batch.

    Parameters
    ----------
    names, sequences, qualities : columns of the records
        `qualities` are FASTQ strings (Phred + 33), as long as the sequences.
    first_read : int
        0-based number of the first read within its group.
    paired : bool
        Whether reads 2i and 2i + 1 are mates.
    paths : sequence of str
        The files of the group, to say where a bad record is.
    extras : tuple of RecordStyle, optional
        Handed to the batch.

    Raises
    ------
    InputError
        If a sequence holds something that is no nucleotide, or a quality
        character lies outside '!' to '~'.
    """
    text = "".join(sequences).encode("ascii")
    offsets = np.zeros(len(names) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, sequences), np.int64, len(names)), out=offsets[1:])
    codes = _writable(text.translate(_CHECKED_CODES))
    bad = _first(codes == _NOT_A_BASE) if codes.size and codes.max() == _NOT_A_BASE else -1
    if bad >= 0:
        where = _locate(bad, offsets, names, first_read, paths)
        message = (
            f"{where}: {chr(text[bad])!r} in the sequence is no nucleotide; "
            "give DNA reads, FASTA or FASTQ all through"
        )
        raise InputError(message)
    quals = None
    if qualities is not None:
        quals = _writable("".join(qualities).encode("ascii"))
        quals -= 33  # below '!' wraps around to above MAX_QUALITY
        if quals.size and quals.max() > MAX_QUALITY:
            bad = _first(quals > MAX_QUALITY)
            where = _locate(bad, offsets, names, first_read, paths)
            character = chr((int(quals[bad]) + 33) % 256)
            message = f"{where}: {character!r} is no Phred+33 quality ('!' to '~'); repair the file"
            raise InputError(message)
    return ReadBatch(_writable(text), codes, quals, offsets, names, first_read, paired, extras)


def _writable(data: bytes) -> np.ndarray:
    """Return a writable uint8 array of `data`: read-only ones compile kernels twice."""
    return np.frombuffer(bytearray(data), dtype=np.uint8)


def _first(mask: np.ndarray) -> int:
    return int(np.argmax(mask))


def _locate(
    base: int, offsets: np.ndarray, names: list[str], first_read: int, paths: Sequence[str]
) -> str:
    """Return 'FILE: record N (NAME)' for a base of the batch."""
    row = int(np.searchsorted(offsets, base, side="right")) - 1
    number = first_read + row
    return f"{paths[number % len(paths)]}: record {number // len(paths) + 1:,} ({names[row]})"
