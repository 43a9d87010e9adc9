"""BAM and CRAM files of which regions are read: opened, and refused where that cannot be."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pysam

from dbgclean._sample import sample_name
from dbgclean.errors import InputError
from dbgclean.reads.bam import explain_failure, quiet_htslib
from dbgclean.reads.compression import read_head
from dbgclean.reads.names import as_text
from dbgclean.variants.regions import Region

__all__ = ["Alignments", "open_alignments"]

logger = logging.getLogger(__name__)

_INDEX_ENDS = (".bai", ".csi", ".crai")


class Alignments:
    """An open BAM or CRAM file with an index; made by `open_alignments`.

    Attributes
    ----------
    path
        As given.
    reference
        FASTA that was given with it, or None.
    contigs
        dict of str to int: lengths by name, in the order of the header.
    sample
        The sample's name (SM of the read groups); that of the file where there is none
        or more than one.
    """

    def __init__(self, path: str, reference: str | None, file: pysam.AlignmentFile) -> None:
        self.path = path
        self.reference = reference
        self._file = file
        self.contigs: dict[str, int] = dict(zip(file.references, file.lengths, strict=True))
        for name in self.contigs:
            if name == as_text(name):
                continue
            msg = f"{path}: contig {name!r} is not UTF-8; rename it (samtools reheader)"
            raise InputError(msg)
        groups = file.header.to_dict().get("RG", [])
        names = {as_text(group["SM"]) for group in groups if group.get("SM")}
        self.sample: str = names.pop() if len(names) == 1 else sample_name([path])
        if len(names) > 1:
            logger.warning("%s: holds %d samples; taken as one", path, len(names))

    def records(self, region: Region) -> Iterator[pysam.AlignedSegment]:
        """Yield every record whose alignment overlaps a region.

        Raises
        ------
        InputError
            If the file is truncated or damaged there, or a CRAM's reference is missing.
        """
        read = 0
        with quiet_htslib():
            try:
                for record in self._file.fetch(region.contig, region.start, region.end):
                    yield record
                    read += 1
            except (OSError, ValueError) as error:
                raise explain_failure(self.path, self.reference, read, error) from error


@contextmanager
def open_alignments(path: str, reference: str | None = None) -> Iterator[Alignments]:
    """Open a BAM or CRAM file to read regions of it.

    With one thread: htslib's threaded reader never ends on some damaged files.

    Parameters
    ----------
    path
        The file; its index (``.bai``, ``.csi`` or ``.crai``) lies beside it.
    reference
        FASTA that a CRAM file was written against.

    Yields
    ------
    Alignments

    Raises
    ------
    InputError
        If the file is missing, no BAM or CRAM, truncated, unaligned, or has no index.
    """
    _check_format(path)
    with quiet_htslib():
        try:
            file = pysam.AlignmentFile(path, "r", check_sq=False, reference_filename=reference)
        except (OSError, ValueError) as error:
            raise explain_failure(path, reference, 0, error) from error
    try:
        _check_index(path, file)
        yield Alignments(path, reference, file)
    finally:
        # pysam refuses to close a file that it failed to read; that was said already.
        with suppress(OSError):
            file.close()


def _check_format(path: str) -> None:
    """Refuse what is neither BAM nor CRAM."""
    if path == "-":
        msg = "standard input: regions are read by an index; give a BAM or CRAM file"
        raise InputError(msg)
    if not os.path.isfile(path):
        found = "a folder, not a file" if os.path.isdir(path) else "no such file"
        msg = f"{path}: {found}; check the path"
        raise InputError(msg)
    head = read_head(path)
    if head.startswith((b"BAM\x01", b"CRAM")):
        return
    if head.startswith((b"@HD\t", b"@SQ\t", b"@RG\t", b"@PG\t")):
        msg = f"{path}: SAM text is not read; convert it (samtools sort -o NAME.bam)"
        raise InputError(msg)
    found = f"starts with {head[:12]!r}" if head else "empty"
    msg = f"{path}: {found}, no BAM or CRAM; give reads aligned to a reference"
    raise InputError(msg)


def _check_index(path: str, file: pysam.AlignmentFile) -> None:
    if not file.references:
        msg = f"{path}: the header names no contig, so the reads are not aligned; align them first"
        raise InputError(msg)
    with quiet_htslib():
        indexed = file.has_index()
    beside = _index_of(path)
    if not indexed and beside:
        msg = f"{path}: its index {beside} is damaged; make it again with: samtools index {path}"
        raise InputError(msg)
    if not indexed:
        sort = file.header.to_dict().get("HD", {}).get("SO", "coordinate")
        command = "samtools index" if sort == "coordinate" else "samtools sort --write-index -o"
        command += f" {path}" if sort == "coordinate" else f" sorted.bam {path}"
        msg = f"{path}: has no index; make one with: {command}"
        raise InputError(msg)
    if beside and int(os.stat(beside).st_mtime) < int(os.stat(path).st_mtime):
        logger.warning("%s: older than %s; if reads are amiss, index it again", beside, path)


def _index_of(path: str) -> str | None:
    """The index beside a file, whole or not."""
    stem = os.path.splitext(path)[0]
    places = (base + end for base in (path, stem) for end in _INDEX_ENDS)
    return next((place for place in places if os.path.isfile(place)), None)
