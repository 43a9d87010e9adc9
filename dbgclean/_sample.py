"""A sample's name: the one given, or that of its first file; and what of it fits a file's name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from dbgclean.errors import UsageError, printable

__all__ = ["check_sample", "sample_name", "stem_of"]

_MOST = 150  # bytes: file systems take 255, and the ends of file names come behind it
_ALIGNED = re.compile(r"\.(bam|cram|sam|ubam)$", re.IGNORECASE)
_SUFFIXES = re.compile(
    r"(\.(gz|bgz|bz2|xz|zst|bam|ubam|cram|sam|fastq|fq|fasta|fa|fna|txt))+$", re.IGNORECASE
)
_MATE = re.compile(r"(?<=.)[._-](R?[12])(_001)?$", re.IGNORECASE)


def check_sample(name: str) -> str:
    """Return a name that a user gave.

    Raises
    ------
    UsageError
        If it is empty, too long, or holds a slash or a control character.
    """
    remedy = "give letters and digits, such as patient-7"
    why = ""
    if not any(c.isalnum() for c in name):
        why = "no letter and no digit in it"
    elif "/" in name or "\\" in name:
        why = "a slash in it"
    elif not name.isprintable():
        why = "a control character in it"
    elif len(name.encode()) > _MOST:
        why = f"longer than {_MOST} bytes"
    if why:
        msg = f"--sample {printable(name[:_MOST])!r}: {why}; {remedy}"
        raise UsageError(msg)
    return name


def sample_name(files: Iterable[str]) -> str:
    """Name a sample after its first file: folders and suffixes off, of reads the mate's number.

    Examples
    --------
    >>> sample_name(["run7/ecoli_R1.fastq.gz", "run7/ecoli_R2.fastq.gz"])
    'ecoli'
    >>> sample_name(["tumour_2.bam"])
    'tumour_2'
    >>> sample_name(["-"])
    'stdin'
    """
    first = next(iter(files), "")
    if first == "-":
        return "stdin"
    name = _SUFFIXES.sub("", PurePath(first).name)
    return stem_of(name if _ALIGNED.search(first) else _MATE.sub("", name))


def stem_of(sample: str) -> str:
    """What of a sample's name can stand in a file's, on any system.

    Examples
    --------
    >>> stem_of("lane 1: 5%"), stem_of("..")
    ('lane 1_ 5%', 'sample')
    """
    name = "".join(c if c.isprintable() and c not in '/\\<>:"|?*' else "_" for c in sample)
    return name.strip(" .") or "sample"
