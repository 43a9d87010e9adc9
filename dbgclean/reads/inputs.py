"""What the user gave as reads: checked up front, paired, and named for the output."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from dbgclean.errors import InputError, UsageError
from dbgclean.reads.compression import (
    damaged,
    detect_compression,
    forget,
    read_head,
    refuse_database,
    warn_without_end,
)
from dbgclean.reads.fastx import RecordFile
from dbgclean.reads.pairing import LOOKED_AT, Looked, pair_up
from dbgclean.reads.spool import Spool
from dbgclean.reads.statistics import ReadStatistics

__all__ = [
    "InputGroup",
    "likely_bases",
    "output_names",
    "plan_inputs",
    "refuse_unreadable",
    "tell_pairs",
]

logger = logging.getLogger(__name__)

# Bases that a byte of reads stands for, about, plain (FASTQ) and compressed.
_PLAIN, _PACKED = 0.5, 2.0

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
    named : bool
        Whether the names of mates go together, and are checked; else their places tell.
    longest : int
        Bases of the longest of the first reads; 0 of BAM and CRAM, which are not looked into.
    """

    paths: tuple[str, ...]
    layout: Layout
    format: Format
    named: bool = True
    longest: int = field(default=0, compare=False)


def likely_bases(paths: Iterable[str]) -> float:
    """Bases that files of reads hold, as far as their sizes tell."""
    return sum(
        os.path.getsize(path) * (_PACKED if detect_compression(path) else _PLAIN) for path in paths
    )


def refuse_unreadable(paths: Sequence[str]) -> None:
    """Refuse files that hold no reads, as `plan_inputs` will; what is read once is left alone.

    Raises
    ------
    InputError
        If a file is a folder, empty, damaged at its start, of no known format, or given twice.
    """
    _refuse_repeats(list(paths))
    for path in paths:
        if path != "-" and os.path.isfile(path):
            _format_of(path)


def plan_inputs(
    paths: Sequence[str | os.PathLike[str]],
    *,
    interleaved: bool = False,
    single: bool = False,
    paired: bool = False,
    spool_dir: str | os.PathLike[str] | None = None,
    reference: str | None = None,
) -> list[InputGroup]:
    """Check every file and say which ones belong together.

    Two FASTA or FASTQ files given one after the other are a pair if the names of
    their first records match as mates (`dbgclean.reads.pairing`).

    Parameters
    ----------
    paths : sequence of paths
        '-' and anything that can be read only once (a pipe) is copied to a
        temporary file first.
    interleaved : bool
        FASTA and FASTQ files hold mates two by two.
    single : bool
        Never pair anything.
    paired : bool
        Every two files in a row are a pair, whatever their names.
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
        If there is no path, more than one of `interleaved`, `single` and `paired`, or
        `paired` with files that cannot be pairs.
    """
    if not paths:
        message = "no reads were given; name at least one FASTA, FASTQ, BAM or CRAM file"
        raise UsageError(message)
    layouts = {"interleaved": interleaved, "single": single, "paired": paired}
    if len(asked := [name for name, chosen in layouts.items() if chosen]) > 1:
        message = f"reads cannot be both {asked[0]} and {asked[1]}; leave one of the two out"
        raise UsageError(message)
    names = [os.fspath(path) for path in paths]
    _refuse_repeats(names)
    spool = Spool(spool_dir)
    files = [_look(spool.readable(name)) for name in names]
    groups = []
    for mates, named in pair_up(files, single=single or interleaved, paired=paired):
        layout = "paired" if len(mates) == 2 else _layout(mates[0], interleaved, single, reference)
        held = tuple(file.path for file in mates)
        longest = max(file.longest for file in mates)
        groups.append(InputGroup(held, layout, cast(Format, mates[0].format), named, longest))
    return groups


def tell_pairs(group: InputGroup, statistics: ReadStatistics) -> None:
    """Say how many pairs came of which two files, once they were read."""
    if group.layout == "paired":
        logger.info("%s pairs from %s and %s", f"{statistics.pairs:,}", *group.paths)


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


def _layout(file: Looked, interleaved: bool, single: bool, reference: str | None) -> Layout:
    if file.format in ("fasta", "fastq"):
        return "interleaved" if interleaved else "single"
    from dbgclean.reads.bam import is_name_grouped

    grouped = is_name_grouped(file.path, reference)
    return "interleaved" if grouped and not single else "single"


def _look(path: str) -> Looked:
    """Return the format of a file, and names and length of its first records."""
    forget(path)
    compression, file_format = _format_of(path)
    if compression is None and path.lower().endswith((".gz", ".bgz")):
        logger.warning("%s: not gzip, whatever its name says; read as it is", path)
    if file_format in ("bam", "cram"):
        return Looked(path, file_format)
    if compression == "gz":
        warn_without_end(path)
    with RecordFile(path, file_format) as file:
        records = file.take(LOOKED_AT)
    if not records:
        message = f"{path}: holds no reads; check the step that wrote it"
        raise InputError(message)
    longest = max(len(record.sequence) for record in records)
    return Looked(path, file_format, tuple(record.name for record in records), longest)


def _format_of(path: str) -> tuple[str | None, Format]:
    """Return how a file is compressed, and what it holds."""
    try:
        compression = detect_compression(path)
        head = read_head(path)
    except OSError as error:
        raise damaged(path, 0, error) from error
    if not head.strip():
        message = f"{path}: empty, holds no reads; check the step that wrote it"
        raise InputError(message)
    return compression, _detect_format(path, head)


def _detect_format(path: str, head: bytes) -> Format:
    if head.startswith(b"BAM\x01"):
        return "bam"
    if head.startswith(b"CRAM"):
        return "cram"
    if head.startswith(_SAM_STARTS):
        message = f"{path}: SAM text is not read; convert it (samtools view -b)"
        raise InputError(message)
    refuse_database(path, head)
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
