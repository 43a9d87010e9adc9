"""What the user gave as reads: checked up front, paired, and named for the output."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from dbgclean._files import standard_input
from dbgclean._temporary import temporary_folder
from dbgclean.errors import InputError, UsageError
from dbgclean.reads.compression import (
    READ_ERRORS,
    damaged,
    detect_compression,
    read_head,
    warn_without_end,
)
from dbgclean.reads.fastx import RecordFile, names_are_mates

__all__ = ["InputGroup", "output_names", "plan_inputs"]

logger = logging.getLogger(__name__)

Layout = Literal["single", "paired", "interleaved"]
Format = Literal["fasta", "fastq", "bam", "cram"]

_ALIGNMENT_SUFFIXES = (".bam", ".cram", ".ubam")
_UNWRITTEN_SUFFIXES = (".bz2", ".xz", ".zst")
_SAM_STARTS = (b"@HD\t", b"@SQ\t", b"@RG\t", b"@PG\t")


@dataclass(frozen=True)
class InputGroup:
    """One file, or two that hold the mates of each other.

    Attributes
    ----------
    paths : tuple of str
        One path, or two if `layout` is 'paired'.
    layout : 'single', 'paired' or 'interleaved'
        A BAM or CRAM file in which mates stand next to each other is interleaved.
    format : 'fasta', 'fastq', 'bam' or 'cram'
        By content, whatever the suffix says.
    """

    paths: tuple[str, ...]
    layout: Layout
    format: Format


@dataclass(frozen=True)
class _Inspected:
    path: str
    format: Format
    first_name: str


def plan_inputs(
    paths: Sequence[str | os.PathLike[str]],
    *,
    interleaved: bool = False,
    single: bool = False,
    spool_dir: str | os.PathLike[str] | None = None,
    reference: str | None = None,
) -> list[InputGroup]:
    """Check every file and say which ones belong together.

    Two FASTA or FASTQ files given one after the other are a pair if the names of
    their first records match as mates.

    Parameters
    ----------
    paths : sequence of paths
        '-' and anything that can be read only once (a pipe) is copied to a
        temporary file first.
    interleaved : bool
        FASTA and FASTQ files hold mates two by two.
    single : bool
        Never pair anything.
    spool_dir : path, optional
        Where to copy standard input and pipes; by default a temporary folder that
        is removed when the program ends.
    reference : str, optional
        FASTA that CRAM files were written against.

    Raises
    ------
    InputError
        If a file is missing, a folder, empty, damaged, of no known format, or given
        twice.
    UsageError
        If there is no path, or both `interleaved` and `single`.
    """
    if not paths:
        message = "no reads were given; name at least one FASTA, FASTQ, BAM or CRAM file"
        raise UsageError(message)
    if interleaved and single:
        message = "reads cannot be both interleaved and single; leave one of the two out"
        raise UsageError(message)
    names = [os.fspath(path) for path in paths]
    _refuse_repeats(names)
    spool = _Spool(spool_dir)
    files = [_inspect(spool.readable(name)) for name in names]
    groups: list[InputGroup] = []
    position = 0
    while position < len(files):
        mates = files[position : position + 2]
        if not interleaved and not single and _are_a_pair(mates):
            both = (mates[0].path, mates[1].path)
            groups.append(InputGroup(both, "paired", mates[0].format))
        else:
            mates = mates[:1]
            layout = _layout(mates[0], interleaved, single, reference)
            groups.append(InputGroup((mates[0].path,), layout, mates[0].format))
        position += len(mates)
    return groups


def output_names(groups: Sequence[InputGroup]) -> list[tuple[str, ...]]:
    """Return a file name for the corrected reads of every input file.

    Names are kept, with '-2', '-3' ... put in where files of several folders share
    one. BAM and CRAM become '.fastq.gz'; bzip2, xz and zstd become gzip.
    """
    taken: set[str] = set()
    return [tuple(_free(_output_name(p, g.format), taken) for p in g.paths) for g in groups]


def _output_name(path: str, file_format: Format) -> str:
    name = os.path.basename(path)
    stem, suffix = os.path.splitext(name)
    if file_format in ("bam", "cram"):
        return f"{stem if suffix.lower() in _ALIGNMENT_SUFFIXES else name}.fastq.gz"
    return f"{stem}.gz" if suffix.lower() in _UNWRITTEN_SUFFIXES else name


def _free(name: str, taken: set[str]) -> str:
    stem, dot, suffixes = name.partition(".")
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{stem}-{number}{dot}{suffixes}"
    taken.add(candidate)
    return candidate


def _refuse_repeats(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        real = name if name == "-" else os.path.realpath(name)
        if real in seen:
            message = f"{name}: given twice; its reads would count double, name it once"
            raise InputError(message)
        seen.add(real)


def _are_a_pair(files: list[_Inspected]) -> bool:
    if len(files) < 2 or files[0].format not in ("fasta", "fastq"):
        return False
    one, two = files
    return one.format == two.format and names_are_mates(one.first_name, two.first_name)


def _layout(file: _Inspected, interleaved: bool, single: bool, reference: str | None) -> Layout:
    if file.format in ("fasta", "fastq"):
        return "interleaved" if interleaved else "single"
    from dbgclean.reads.bam import is_name_grouped

    grouped = is_name_grouped(file.path, reference)
    return "interleaved" if grouped and not single else "single"


def _inspect(path: str) -> _Inspected:
    """Return the format of a file and the name of its first record."""
    try:
        compression = detect_compression(path)
        head = read_head(path)
    except OSError as error:
        raise damaged(path, 0, error) from error
    if not head.strip():
        message = f"{path}: empty, holds no reads; check the step that wrote it"
        raise InputError(message)
    if compression is None and path.lower().endswith((".gz", ".bgz")):
        logger.warning("%s: not gzip, whatever its name says; read as it is", path)
    file_format = _detect_format(path, head)
    if file_format in ("bam", "cram"):
        return _Inspected(path, file_format, "")
    if compression == "gz":
        warn_without_end(path)
    with RecordFile(path, file_format) as file:
        records = file.take(1)
    if not records:
        message = f"{path}: holds no reads; check the step that wrote it"
        raise InputError(message)
    return _Inspected(path, file_format, records[0].name)


def _detect_format(path: str, head: bytes) -> Format:
    if head.startswith(b"BAM\x01"):
        return "bam"
    if head.startswith(b"CRAM"):
        return "cram"
    if head.startswith(_SAM_STARTS):
        message = f"{path}: SAM text is not read; convert it (samtools view -b)"
        raise InputError(message)
    start = head.lstrip()[:1]
    if start == b"@":
        return "fastq"
    if start in (b">", b"#") and b">" in head:
        return "fasta"
    message = (
        f"{path}: starts with {head[:12]!r}, which is no format read here; give FASTA "
        "(starts with '>'), FASTQ ('@'), BAM or CRAM, plain or compressed (gzip, bzip2, xz, zstd)"
    )
    raise InputError(message)


class _Spool:
    """Keeps what can be read only once in files that can be read again."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self._given = folder
        self._folder: str | None = None

    def readable(self, name: str) -> str:
        """Return a path that can be read more than once.

        Raises
        ------
        InputError
            If the file is missing, a folder, may not be read, or cannot be copied.
        """
        if name == "-":
            return self._copy(standard_input(), "stdin")
        try:
            mode = os.stat(name).st_mode
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                message = f"{name}: no such file; check the path"
                raise InputError(message) from error
            raise damaged(name, 0, error) from error
        if stat.S_ISDIR(mode):
            message = f"{name}: a folder, not a file; name the read files in it"
            raise InputError(message)
        if stat.S_ISREG(mode):
            return name
        try:
            with open(name, "rb") as file:
                return self._copy(file, os.path.basename(name))
        except READ_ERRORS as error:
            raise damaged(name, 0, error) from error

    def _copy(self, source: BinaryIO, stem: str) -> str:
        try:
            if self._folder is None:
                self._folder = str(temporary_folder(self._given).path)
            target = Path(self._folder, stem)
            with target.open("wb") as file:
                shutil.copyfileobj(source, cast(BinaryIO, file), 1 << 20)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            folder = self._given or tempfile.gettempdir()
            message = (
                f"{stem}: cannot be copied to {folder}: {reason}; "
                "give a temporary folder with room (--tmp), or a file"
            )
            raise InputError(message) from error
        return str(target.rename(f"{target}{_suffixes(str(target))}"))


def _suffixes(path: str) -> str:
    """Return the suffixes that tell what a spooled file is."""
    compression = detect_compression(path)
    head = read_head(path)
    if head.startswith(b"BAM\x01") or head.startswith(b"CRAM"):
        return ".bam" if head.startswith(b"BAM") else ".cram"
    kind = ".fasta" if head.lstrip()[:1] == b">" else ".fastq"
    return f"{kind}.{compression}" if compression else kind
