"""Reference and truth sequences: FASTA or GenBank, plain or gz, through Biopython."""

from __future__ import annotations

import io
import os

import numpy as np

from dbgclean.errors import InputError
from dbgclean.reads.batch import encode_bases
from dbgclean.reads.compression import READ_ERRORS, open_bytes

__all__ = ["read_sequences"]

_UNREADABLE: tuple[type[Exception], ...] = (*READ_ERRORS, UnicodeDecodeError)


def read_sequences(path: str | os.PathLike[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read whole sequences into one array of codes.

    Parameters
    ----------
    path
        FASTA or GenBank, told apart by the first letter; gz and the like are unpacked.

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
        If the file is missing, empty, damaged or of another format.
    """
    from Bio import SeqIO

    try:
        with open_bytes(os.fspath(path)) as handle:
            text = handle.read().decode("ascii")
    except _UNREADABLE as error:
        msg = f"{path}: cannot read sequences ({error}); give a FASTA or GenBank file"
        raise InputError(msg) from error
    form = "genbank" if text.startswith("LOCUS") else "fasta"
    if form == "fasta" and not text.lstrip().startswith(">"):
        msg = f"{path}: starts with {text[:10]!r}, not with '>' or 'LOCUS'; give FASTA or GenBank"
        raise InputError(msg)
    try:
        records = list(SeqIO.parse(io.StringIO(text.lstrip()), form))
        sequences = [bytes(record.seq) for record in records]
    except ValueError as error:
        msg = f"{path}: damaged {form} ({error}); get the file again"
        raise InputError(msg) from error
    codes = encode_bases(np.frombuffer(b"".join(sequences), np.uint8))
    if not np.any(codes < 4):
        msg = f"{path}: holds no ACGT; give the sequence that the reads come from"
        raise InputError(msg)
    lengths = [len(sequence) for sequence in sequences]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return [record.id for record in records], codes, offsets
