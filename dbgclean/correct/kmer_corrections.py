"""The table of corrections of a k-mer set: what was judged, and which k-mers were left."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import numpy as np

from dbgclean._files import open_output
from dbgclean.correct.corrections import COLUMNS, alternative_rows
from dbgclean.correct.kmer_moves import ALONE, LEFT, Moves
from dbgclean.correct.verdicts import Verdicts
from dbgclean.evidence.neighbours import KmerEvidence
from dbgclean.spectrum.kmers import kmers_to_strings
from dbgclean.spectrum.table import KmerTable

__all__ = ["write_kmer_corrections"]

_CHUNK = 100_000


def write_kmer_corrections(
    path: str | os.PathLike[str],
    table: KmerTable,
    evidence: KmerEvidence | None,
    verdicts: Verdicts | None,
    moves: Moves | None,
    left: np.ndarray,
) -> None:
    """Write ``corrections.tsv.gz`` of a k-mer set.

    The columns are those of `dbgclean.correct.corrections.write_corrections`. A row of
    kind ``substitution`` is an alternative; ``raw_count`` and ``fragments`` are its
    abundance, ``depth`` that of the k-mers at its site. A row of kind ``kmer`` is a weak
    k-mer that had nowhere to go: ``reason`` is tie, no_neighbour or beside_kept, with
    ``dropped`` behind it where the corrector did not keep it either.

    Parameters
    ----------
    table
        Before anything moved.
    evidence, verdicts, moves
        None for correctors that judge nothing.
    left
        uint64, sorted: the k-mers of the result.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with open_output(path, packed=True) as packed:
        packed.write(("\t".join(COLUMNS) + "\n").encode())
        if evidence is None or verdicts is None or moves is None:
            return
        for block in alternative_rows(evidence, verdicts):
            packed.write(block.encode())
        for block in _kmer_rows(table, evidence, moves, left):
            packed.write(block.encode())


def _kmer_rows(
    table: KmerTable, evidence: KmerEvidence, moves: Moves, left: np.ndarray
) -> Iterator[str]:
    which = np.flatnonzero(np.isin(moves.fate, list(LEFT)))
    for start in range(0, len(which), _CHUNK):
        part = which[start : start + _CHUNK]
        rows, fates = evidence.row[part], moves.fate[part].tolist()
        keys = table.keys[rows]
        dropped = ~np.isin(keys, left, assume_unique=True)
        out = io.StringIO()
        for kmer, count, fate, gone in zip(
            kmers_to_strings(keys, table.k),
            table.counts[rows].tolist(),
            fates,
            dropped.tolist(),
            strict=True,
        ):
            verdict = "undecided" if fate == ALONE else "error"
            reason = LEFT[fate] + ("; dropped" if gone else "")
            out.write(f"kmer\t{kmer}\t{count}\t.\t.\t.\t.\t{verdict}\t{reason}\t.\t.\t.\n")
        yield out.getvalue()
