"""BAM and CRAM, aligned or not: the reads in them, as the sequencer gave them.

One read per template end: secondary and supplementary records, reads that failed
quality control and duplicates are left out and counted. Reads aligned to the
reverse strand are turned back, soft-clipped parts are included (hard-clipped ones
are not in the file). As `samtools fastq` does, '/1' and '/2' are added to the names
of mates, and a read without qualities is given quality 1.

Mates are used as pairs only where they stand next to each other, as in unaligned
or name-grouped files; the reads of a coordinate-sorted file are taken one by one,
so that a file of any size streams through without an index.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pysam

from dbgclean.errors import InputError
from dbgclean.reads.batch import ReadBatch, build_batch
from dbgclean.reads.statistics import ReadStatistics

__all__ = ["alignment_batches", "is_name_grouped"]

_SKIPPED = pysam.FSECONDARY | pysam.FSUPPLEMENTARY | pysam.FQCFAIL | pysam.FDUP
_SKIP_ORDER = (
    (pysam.FSECONDARY, "secondary"),
    (pysam.FSUPPLEMENTARY, "supplementary"),
    (pysam.FQCFAIL, "qc_fail"),
    (pysam.FDUP, "duplicate"),
)
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVNacgtryswkmbdhvn", "TGCAYRSWMKVHDBNtgcayrswmkvhdbn")
_NO_QUALITY = chr(33 + 1)
_LOOK_AHEAD = 2


class _Columns:
    """Reads gathered for the next batch."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sequences: list[str] = []
        self.qualities: list[str] = []
        self.templates: list[tuple[str, int]] = []  # name and READ1/READ2 flags
        self.bases = 0
        self.statistics = ReadStatistics()

    def add(self, record: pysam.AlignedSegment) -> None:
        sequence = record.query_sequence or ""
        scores = record.query_qualities
        qualities = "" if scores is None else pysam.qualities_to_qualitystring(scores) or ""
        if sequence and not qualities:
            qualities = _NO_QUALITY * len(sequence)
            self.statistics.without_quality += 1
        flag = record.flag
        if flag & pysam.FREVERSE:
            sequence = sequence.translate(_COMPLEMENT)[::-1]
            qualities = qualities[::-1]
        end = flag & (pysam.FREAD1 | pysam.FREAD2)
        suffix = "/1" if end == pysam.FREAD1 else "/2" if end == pysam.FREAD2 else ""
        name = record.query_name or "*"
        self.names.append(name + suffix)
        self.templates.append((name, end))
        self.sequences.append(sequence)
        self.qualities.append(qualities)
        self.bases += len(sequence)

    def orphans(self) -> int:
        """Return how many reads do not stand next to their mate."""
        alone, row = 0, 0
        while row < len(self.templates):
            if self.pair_at(row):
                row += 2
            else:
                alone += 1
                row += 1
        return alone

    def pair_at(self, row: int) -> bool:
        """Tell whether the reads at `row` and `row` + 1 are read 1 and read 2."""
        if row + 1 >= len(self.templates):
            return False
        (name, end), (other, other_end) = self.templates[row : row + 2]
        return name == other and end == pysam.FREAD1 and other_end == pysam.FREAD2

    def ends_with_half_pair(self) -> bool:
        """Tell whether the mate of the last read may be the next one."""
        return bool(self.templates) and self.templates[-1][1] == pysam.FREAD1


def alignment_batches(
    path: str,
    *,
    grouped: bool,
    batch_bases: int,
    reference: str | None = None,
    threads: int = 1,
) -> Iterator[tuple[ReadBatch, ReadStatistics]]:
    """Yield the reads of a BAM or CRAM file as batches, and what was left out before each.

    Parameters
    ----------
    path : str
    grouped : bool
        Whether mates stand next to each other. A batch in which some read has no
        mate beside it is handed out as single reads, in the order of the file.
    batch_bases : int
        A batch is closed as soon as it holds this many bases and no half pair.
    reference : str, optional
        FASTA that a CRAM file was written against.
    threads : int
        Threads that decompress.

    Raises
    ------
    InputError
        If the file is truncated, damaged, or cannot be read without a reference.
    """
    columns, first_read = _Columns(), 0
    for record in _records(path, reference, threads):
        flag = record.flag
        if flag & _SKIPPED:
            _count_skipped(columns.statistics, flag)
            continue
        columns.add(record)
        if columns.bases >= batch_bases and not (grouped and columns.ends_with_half_pair()):
            yield _batch(columns, path, grouped, first_read)
            first_read += len(columns.names)
            columns = _Columns()
    yield _batch(columns, path, grouped, first_read)


def is_name_grouped(path: str, reference: str | None = None) -> bool:
    """Tell whether the first two reads of a file are mates; check that there are reads.

    Raises
    ------
    InputError
        If the file holds no usable read, or cannot be read.
    """
    columns = _Columns()
    for record in _records(path, reference, 1):
        if record.flag & _SKIPPED:
            _count_skipped(columns.statistics, record.flag)
            continue
        columns.add(record)
        if len(columns.names) == _LOOK_AHEAD:
            break
    if not columns.names:
        left_out = columns.statistics.skipped
        found = f"only {left_out:,} secondary, QC-failed or duplicate records" if left_out else ""
        message = f"{path}: holds {found or 'no reads'}; give a file with primary reads"
        raise InputError(message)
    return columns.pair_at(0)


def _batch(
    columns: _Columns, path: str, grouped: bool, first_read: int
) -> tuple[ReadBatch, ReadStatistics]:
    orphans = columns.orphans() if grouped else 0
    columns.statistics.orphans = orphans
    batch = build_batch(
        columns.names,
        columns.sequences,
        columns.qualities,
        first_read=first_read,
        paired=grouped and not orphans,
        paths=(path,),
    )
    return batch, columns.statistics


def _count_skipped(statistics: ReadStatistics, flag: int) -> None:
    name = next(name for bit, name in _SKIP_ORDER if flag & bit)
    setattr(statistics, name, getattr(statistics, name) + 1)


def _records(path: str, reference: str | None, threads: int) -> Iterator[pysam.AlignedSegment]:
    """Yield every record of a file in its order; no index needed."""
    read = 0
    with _quiet():
        try:
            with pysam.AlignmentFile(
                path, "r", check_sq=False, reference_filename=reference, threads=threads
            ) as file:
                for record in file.fetch(until_eof=True):
                    yield record
                    read += 1
        except (OSError, ValueError) as error:
            raise _explained(path, reference, read, error) from error


def _explained(path: str, reference: str | None, read: int, error: Exception) -> InputError:
    """Return why a BAM or CRAM file cannot be read on, as one line for the user."""
    with open(path, "rb") as file:
        is_cram = file.read(4) == b"CRAM"
    after = f"after record {read:,}" if read else "at its start"
    if is_cram and reference is None:
        return InputError(
            f"{path}: this CRAM cannot be decoded {after} without its reference; "
            "give the FASTA that it was written against (--reference), or convert it to BAM"
        )
    if is_cram:
        return InputError(
            f"{path}: this CRAM cannot be decoded {after} with {reference}; "
            "check that it is the FASTA the file was written against, and that the file is whole"
        )
    what = "truncated" if "truncated" in str(error) else "damaged"
    return InputError(f"{path}: the BAM file is {what} {after}; get a whole copy of it")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep htslib from writing its own words to stderr: the exception says it."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
