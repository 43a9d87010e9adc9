"""Reference and truth sequences: FASTA or GenBank, plain or compressed."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import BinaryIO, cast

import numpy as np

from dbgclean.errors import InputError
from dbgclean.reads.batch import encode_bases
from dbgclean.reads.compression import READ_ERRORS, damaged, open_bytes
from dbgclean.reads.names import id_of
from dbgclean.reads.records import BadRecord, fasta_records

__all__ = ["iter_sequences", "read_sequences"]


def iter_sequences(path: str | os.PathLike[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the sequences of FASTA or GenBank, one at a time.

    Parameters
    ----------
    path
        Told apart by the first letters; gz and the like are unpacked. Names and descriptions
        may hold any letters.

    Yields
    ------
    name
        First word of the header, or the GenBank version.
    codes
        uint8 (n_bases,), 0..3, 4 for anything else.

    Raises
    ------
    InputError
        If the file is missing, empty, damaged or of another format.
    """
    path = os.fspath(path)
    try:
        with open_bytes(path) as file:
            head = cast(io.BufferedReader, file).peek().lstrip()
            if head.startswith((b">", b"#")) and b">" in head:
                for record in fasta_records(file):
                    bases = np.frombuffer(record.sequence, np.uint8)
                    yield id_of(record.name), encode_bases(bases)
            elif head.startswith(b"LOCUS"):
                yield from _genbank(file)
            else:
                msg = f"{path}: starts with {head[:10]!r}, not with '>' or 'LOCUS'; "
                raise InputError(msg + "give FASTA or GenBank")
    except READ_ERRORS as error:
        raise damaged(path, 0, error) from error
    except BadRecord as error:
        raise error.explained(path, "fasta") from error
    except ValueError as error:
        msg = f"{path}: damaged GenBank ({error}); get the file again"
        raise InputError(msg) from error


def _genbank(file: BinaryIO) -> Iterator[tuple[str, np.ndarray]]:
    from Bio import SeqIO

    with io.TextIOWrapper(file, "utf-8", errors="surrogateescape") as text:
        for entry in SeqIO.parse(text, "genbank"):
            yield entry.id, encode_bases(np.frombuffer(bytes(entry.seq), np.uint8))


def read_sequences(path: str | os.PathLike[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read whole sequences into one array of codes.

    Parameters
    ----------
    path
        As in `iter_sequences`.

    Returns
    -------
    names
        One per sequence.
    codes
        uint8 (n_bases,), 0..3, 4 for anything else.
    offsets
        int64 (n + 1,).

    Raises
    ------
    InputError
        As `iter_sequences`, or if there is no base at all.
    """
    records = list(iter_sequences(path))
    codes = np.concatenate([np.zeros(0, np.uint8), *(codes for _, codes in records)])
    if not np.any(codes < 4):
        msg = f"{path}: holds no ACGT; give the sequence that the reads come from"
        raise InputError(msg)
    offsets = np.concatenate([[0], np.cumsum([len(codes) for _, codes in records])])
    return [name for name, _ in records], codes, offsets.astype(np.int64)
