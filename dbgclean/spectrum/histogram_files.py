"""Histograms of abundances as files.

Ours is a tab-separated table with the fit in comment lines. Two columns and nothing else are
what `jellyfish histo` writes and GenomeScope reads.
"""

import os
from typing import Any

import numpy as np

from dbgclean._files import open_output
from dbgclean.errors import InputError
from dbgclean.reads.compression import READ_ERRORS, open_bytes
from dbgclean.spectrum.histogram import Spectrum

__all__ = ["read_histogram", "write_histo", "write_histogram"]

_HIGHEST_OF_HISTO = 10_000  # as of `jellyfish histo` unless told otherwise
_FIT_FIELDS = ("valley", "peak", "half_peak", "error_rate", "genome_size", "depth")


def write_histogram(path: str | os.PathLike[str], spectrum: Spectrum) -> None:
    """Write abundances, k-mers and the fitted curves as a tab-separated table.

    Comment lines (``#name<TAB>value``) give k, totals and the fit. The columns are
    abundance, k-mers seen, and k-mers expected of errors and of the genome where the
    model was drawn ('.' elsewhere). A row of
    abundance 100000 (`MAX_ABUNDANCE`) stands for that and everything above.
    """
    facts: dict[str, Any] = {name: getattr(spectrum, name) for name in ("k", "distinct", "total")}
    facts["fitted"] = spectrum.fitted
    if spectrum.fitted:
        facts |= {name: getattr(spectrum, name) for name in _FIT_FIELDS}
        if spectrum.half_peak is not None:
            facts |= {"ploidy": spectrum.ploidy, "heterozygosity": spectrum.heterozygosity}
    else:
        facts["reason"] = spectrum.reason
    lines = [f"#{name}\t{_plain(value)}" for name, value in facts.items()]
    lines.append("abundance\tkmers\terror_model\tgenome_model")
    curve = {abundance: (error, genome) for abundance, error, genome in spectrum.curve}
    filled = set(np.flatnonzero(spectrum.histogram).tolist())
    for abundance in sorted((filled | curve.keys()) - {0}):
        seen = int(spectrum.histogram[abundance]) if abundance in filled else 0
        drawn = [f"{value:.6g}" for value in curve.get(abundance, ())] or [".", "."]
        lines.append("\t".join([str(abundance), str(seen), *drawn]))
    with open_output(path) as out:
        out.write(("\n".join(lines) + "\n").encode("ascii"))


def write_histo(path: str | os.PathLike[str], histogram: np.ndarray) -> None:
    """Write two columns, abundance and k-mers, byte for byte as `jellyfish histo -h 10000`.

    Parameters
    ----------
    path : path
        '-' for standard output; compressed as its suffix says.
    histogram : ndarray of int64, (n,)
        ``histogram[a]`` distinct k-mers have abundance a. Abundances that nothing has are left
        out; the row of 10,001 stands for that and everything above.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    rows = histogram[: _HIGHEST_OF_HISTO + 2].copy()
    rows[_HIGHEST_OF_HISTO + 1 :] = histogram[_HIGHEST_OF_HISTO + 1 :].sum()
    lines = (f"{a} {rows[a]}\n" for a in np.flatnonzero(rows).tolist() if a)
    with open_output(path) as out:
        out.write("".join(lines).encode("ascii"))


def _plain(value: Any) -> str:
    if value is None:
        return "."
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def read_histogram(path: str | os.PathLike[str]) -> np.ndarray:
    """Histogram (int64, index = abundance) from our table, `jellyfish histo` or KMC's.

    Raises
    ------
    InputError
        If the file is missing or a row does not begin with two whole numbers.
    """
    rows: dict[int, int] = {}
    try:
        with open_bytes(os.fspath(path)) as source:
            text = source.read().decode("ascii", "replace")
    except READ_ERRORS as error:
        msg = f"{path}: cannot be read: {error}; check the file"
        raise InputError(msg) from error
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or line.startswith(("#", "abundance")):
            continue
        if len(words) < 2 or not (words[0].isdecimal() and words[1].isdecimal()):
            msg = f"{path}, line {number}: found {line[:40]!r}; needed are an abundance and a count"
            raise InputError(msg)
        rows[int(words[0])] = int(words[1])
    histogram = np.zeros(max(rows, default=0) + 1, dtype=np.int64)
    for abundance, kmers in rows.items():
        histogram[abundance] = kmers
    return histogram
