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
from dbgclean.reads.batch import BatchBuilder, ReadBatch
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
_ENDS = pysam.FREAD1 | pysam.FREAD2
_SUFFIXES = {pysam.FREAD1: "/1", pysam.FREAD2: "/2"}
# Joined this often, see BatchBuilder.
_JOINED_READS = 512
_JOINED_BASES = 1_000_000


class _Templates:
    """The names and ends (READ1, READ2 flags) of the reads of one batch, to find pairs."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, int]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, record: pysam.AlignedSegment) -> None:
        self._rows.append((record.query_name or "*", record.flag & _ENDS))

    def pair_at(self, row: int) -> bool:
        """Tell whether the reads at `row` and `row` + 1 are read 1 and read 2."""
        if row + 1 >= len(self._rows):
            return False
        (name, end), (other, other_end) = self._rows[row : row + 2]
        return name == other and end == pysam.FREAD1 and other_end == pysam.FREAD2

    def orphans(self) -> int:
        """Return how many reads do not stand next to their mate."""
        alone, row = 0, 0
        while row < len(self._rows):
            paired = self.pair_at(row)
            alone += not paired
            row += 2 if paired else 1
        return alone

    def half_pair_last(self) -> bool:
        """Tell whether the mate of the last read may be the next one."""
        return bool(self._rows) and self._rows[-1][1] == pysam.FREAD1


class _Gatherer:
    """Turns records into reads and gathers them for the next batch."""

    def __init__(self, path: str) -> None:
        self._builder = BatchBuilder((path,))
        self._clear()

    def _clear(self) -> None:
        self.templates = _Templates()
        self.statistics = ReadStatistics()
        self._names: list[str] = []
        self._sequences: list[str] = []
        self._qualities: list[str] = []

    def add(self, record: pysam.AlignedSegment) -> None:
        """Append the read of a record, or count why it is none."""
        flag = record.flag
        if flag & _SKIPPED:
            name = next(name for bit, name in _SKIP_ORDER if flag & bit)
            setattr(self.statistics, name, getattr(self.statistics, name) + 1)
            return
        sequence = record.query_sequence or ""
        scores = record.query_qualities
        qualities = "" if scores is None else pysam.qualities_to_qualitystring(scores) or ""
        if sequence and not qualities:
            qualities = _NO_QUALITY * len(sequence)
            self.statistics.without_quality += 1
        if flag & pysam.FREVERSE:
            sequence = sequence.translate(_COMPLEMENT)[::-1]
            qualities = qualities[::-1]
        self.templates.add(record)
        self._names.append((record.query_name or "*") + _SUFFIXES.get(flag & _ENDS, ""))
        self._sequences.append(sequence)
        self._qualities.append(qualities)
        if len(self._names) >= _JOINED_READS or len(sequence) > _JOINED_BASES:
            self._join()

    def _join(self) -> None:
        self._builder.add(self._names, self._sequences, self._qualities)
        self._names, self._sequences, self._qualities = [], [], []

    @property
    def bases(self) -> int:
        """Bases gathered, apart from the last few hundred reads."""
        return self._builder.bases

    def build(self, grouped: bool) -> tuple[ReadBatch, ReadStatistics]:
        """Return the batch and what was left out in it, and start on the next one."""
        self._join()
        statistics = self.statistics
        if grouped:
            statistics.orphans = self.templates.orphans()
        batch = self._builder.build(paired=grouped and not statistics.orphans)
        self._clear()
        return batch, statistics


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
    reads = _Gatherer(path)
    for record in _records(path, reference, threads):
        reads.add(record)
        if reads.bases >= batch_bases and not (grouped and reads.templates.half_pair_last()):
            yield reads.build(grouped)
    yield reads.build(grouped)


def is_name_grouped(path: str, reference: str | None = None) -> bool:
    """Tell whether the first two reads of a file are mates; check that there are reads.

    Raises
    ------
    InputError
        If the file holds no usable read, or cannot be read.
    """
    reads = _Gatherer(path)
    for record in _records(path, reference, 1):
        reads.add(record)
        if len(reads.templates) == 2:
            break
    if not len(reads.templates):
        left_out = reads.statistics.skipped
        found = f"only {left_out:,} secondary, QC-failed or duplicate records" if left_out else ""
        message = f"{path}: holds {found or 'no reads'}; give a file with primary reads"
        raise InputError(message)
    return reads.templates.pair_at(0)


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
