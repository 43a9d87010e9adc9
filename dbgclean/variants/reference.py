"""The reference that reads were aligned to, one stretch at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pysam

from dbgclean._temporary import temporary_folder
from dbgclean.errors import InputError
from dbgclean.reads.bam import quiet_htslib
from dbgclean.reads.compression import detect_compression, read_head
from dbgclean.reads.spool import Spool

__all__ = ["Reference"]

# Of each letter that stands for several bases the first of them in the alphabet, as VCF 4.3
# (1.6.1.4) has it; N stands for any, and is left.
_FIRST = str.maketrans("URYSWKMBDHV", "TACCAGACAAA")

logger = logging.getLogger(__name__)

_BGZF_EXTRA = b"BC\x02\x00"
_LARGE = 100_000_000


class Reference:
    """A FASTA file, plain or bgzip, whose sequences are read by place.

    Without an index beside it (``.fai``, with bgzip also ``.gzi``) one is made in a
    temporary folder: nothing is written where the reference lies. Use it as a context
    manager, or `close` it.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    path
        As given.
    lengths
        dict of str to int: bases by contig, in the order of the file.

    Raises
    ------
    InputError
        If the file is missing, no FASTA, damaged, or compressed in a way that cannot be
        read by place.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Read more than once: a pipe is copied.
        self.path = Spool().readable(os.fspath(path))
        _check_format(self.path)
        with ExitStack() as stack:
            stack.enter_context(quiet_htslib())
            self._folder = stack.enter_context(ExitStack())
            self._file = self._open()
            # Opened: the temporary index now lives as long as the file does.
            self._folder = self._folder.pop_all()
        self.lengths: dict[str, int] = dict(
            zip(self._file.references, self._file.lengths, strict=True)
        )

    def _open(self) -> pysam.FastaFile:
        try:
            if _is_indexed(self.path):
                return pysam.FastaFile(self.path)
            fai, gzi = self._index()
            return pysam.FastaFile(self.path, filepath_index=fai, filepath_index_compressed=gzi)
        except (OSError, ValueError, pysam.SamtoolsError) as error:
            msg = (
                f"{self.path}: the reference cannot be read by place; check that it is a whole "
                f"FASTA and that its index fits (samtools faidx {self.path})"
            )
            raise InputError(msg) from error

    def _index(self) -> tuple[str, str | None]:
        """Make an index in a temporary folder; return its paths."""
        # Worth a word only where it takes a while.
        level = logging.INFO if os.path.getsize(self.path) > _LARGE else logging.DEBUG
        logger.log(level, "%s: has no index; one is made (samtools faidx)", self.path)
        folder = self._folder.enter_context(temporary_folder())
        fai = str(Path(folder, "index.fai"))
        gzi = str(Path(folder, "index.gzi")) if detect_compression(self.path) else None
        compressed = ["--gzi-idx", gzi] if gzi else []
        pysam.faidx("--fai-idx", fai, *compressed, self.path, catch_stdout=False)
        return fai, gzi

    def fetch(self, contig: str, start: int, end: int) -> str:
        """Bases of ``contig`` from ``start`` to ``end``: upper case, A, C, G, T and N.

        A letter that stands for several bases is the first of them (VCF 4.3, 1.6.1.4).

        Parameters
        ----------
        start, end
            0-based, half open; clipped to the contig.

        Raises
        ------
        InputError
            If there is no such contig, or the file is damaged there.
        """
        return self._letters(contig, start, end).translate(_FIRST)

    def count_unnamed(self, contig: str, start: int, end: int) -> tuple[int, int]:
        """Letters from ``start`` to ``end`` that stand for several bases, and those for any."""
        letters = self._letters(contig, start, end)
        plain = sum(map(letters.count, "ACGTU"))
        several = sum(map(letters.count, "RYSWKMBDHV"))
        return several, len(letters) - plain - several

    def _letters(self, contig: str, start: int, end: int) -> str:
        """As the file has them, in upper case."""
        if contig not in self.lengths:
            raise self._missing(contig)
        start, end = max(0, start), min(end, self.lengths[contig])
        if start >= end:
            return ""
        with quiet_htslib():
            try:
                bases = self._file.fetch(contig, start, end).upper()
            except (OSError, ValueError) as error:
                raise self._damaged(contig) from error
        if len(bases) != end - start:
            raise self._damaged(contig)
        return bases

    def check_against(self, contigs: Mapping[str, int], names: Iterable[str] | None = None) -> None:
        """Refuse alignments that were made against another reference.

        Parameters
        ----------
        contigs
            Lengths by name, of the alignments' header.
        names
            Contigs that matter; all by default.

        Raises
        ------
        InputError
            If one is not here, or has another length.
        """
        for name in contigs if names is None else names:
            if name not in self.lengths:
                raise self._missing(name)
            if self.lengths[name] != contigs[name]:
                msg = (
                    f"{self.path}: {name} has {self.lengths[name]:,} bases, but "
                    f"{contigs[name]:,} in the header of the alignments; give the reference "
                    "that they were made with"
                )
                raise InputError(msg)

    def close(self) -> None:
        """Close the file; a temporary index goes."""
        self._file.close()
        self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _missing(self, contig: str) -> InputError:
        names = list(self.lengths)
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        return InputError(
            f"{self.path}: no contig {contig!r}, which the alignments have (here: {shown}); "
            "give the reference that they were made with"
        )

    def _damaged(self, contig: str) -> InputError:
        return InputError(
            f"{self.path}: damaged in {contig}, or its index is of another file; get a whole "
            f"copy, and index it again (samtools faidx {self.path})"
        )


def _is_indexed(path: str) -> bool:
    ends = (".fai", ".gzi") if detect_compression(path) else (".fai",)
    return all(os.path.isfile(path + end) for end in ends)


def _check_format(path: str) -> None:
    """Refuse what is no FASTA that can be read by place."""
    try:
        compression = detect_compression(path)
        with open(path, "rb") as file:
            is_bgzip = _BGZF_EXTRA in file.read(18)
    except OSError as error:
        msg = f"{path}: the reference cannot be read: {error.strerror}; check the path"
        raise InputError(msg) from error
    head = read_head(path).lstrip()
    if not head.startswith(b">"):
        msg = f"{path}: starts with {head[:12]!r}, not with '>'; give the reference as FASTA"
        raise InputError(msg)
    if compression and not is_bgzip:
        msg = (
            f"{path}: compressed, but not with bgzip, so that it cannot be read by place; "
            "decompress it, or compress it again with bgzip"
        )
        raise InputError(msg)
