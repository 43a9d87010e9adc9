"""BAM and CRAM, aligned or not: the reads in them, as the sequencer gave them.

One read per template end: secondary and supplementary records, reads that failed
quality control and duplicates are left out and counted. Reads aligned to the
reverse strand are turned back, soft-clipped parts are included (hard-clipped ones
are not in the file). As `samtools fastq` does, '/1' and '/2' are added to the names
of mates, and a read without qualities is given 'B' throughout (33: like the bases of
FASTA, they count as good).

Mates are used as pairs only where they stand next to each other, as in unaligned
or name-grouped files; the reads of a coordinate-sorted file are taken one by one,
so that a file of any size streams through without an index.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

import numpy as np
import pysam

from dbgclean.errors import InputError
from dbgclean.reads.batch import MAX_QUALITY, BatchBuilder, ReadBatch, next_step
from dbgclean.reads.names import as_bytes
from dbgclean.reads.reference import iter_sequences
from dbgclean.reads.statistics import ReadStatistics

__all__ = [
    "COMPLEMENT",
    "RecordGatherer",
    "alignment_batches",
    "explain_failure",
    "is_name_grouped",
    "quiet_htslib",
]

# Names are bytes; those that are no UTF-8 come as they do of FASTQ (`dbgclean.reads.names`).
# For good: records hand out their names after the file was closed.
pysam.set_encoding_error_handler("surrogateescape")

_SKIPPED = pysam.FSECONDARY | pysam.FSUPPLEMENTARY | pysam.FQCFAIL | pysam.FDUP
_SKIP_ORDER = (
    (pysam.FSECONDARY, "secondary"),
    (pysam.FSUPPLEMENTARY, "supplementary"),
    (pysam.FQCFAIL, "qc_fail"),
    (pysam.FDUP, "duplicate"),
)
COMPLEMENT = bytes.maketrans(b"ACGTRYSWKMBDHVNacgtryswkmbdhvn", b"TGCAYRSWMKVHDBNtgcayrswmkvhdbn")
_LETTERS = np.frombuffer(b"ACGTN", np.uint8)
_NO_QUALITY = b"B"
_TO_FASTQ = bytes(min(score, MAX_QUALITY) + 33 for score in range(256))
_ENDS = pysam.FREAD1 | pysam.FREAD2
_SUFFIXES = {pysam.FREAD1: b"/1", pysam.FREAD2: b"/2"}


class RecordGatherer:
    """Turns records into reads and gathers them for the next batch.

    With ``keep`` the batch holds the records too.
    """

    def __init__(self, path: str, reference: str | None = None, *, keep: bool = False) -> None:
        self._path, self._reference, self._keep = path, reference, keep
        self._contigs: dict[str, np.ndarray] = {}
        self._builder = BatchBuilder((path,))
        self._clear()

    def _clear(self) -> None:
        self.statistics = ReadStatistics()
        self._ends: list[tuple[bytes, int]] = []  # name and READ1, READ2 flags of each read
        self._records: list[pysam.AlignedSegment] = []

    def __len__(self) -> int:
        return len(self._builder)

    @property
    def bases(self) -> int:
        """Bases gathered for the next batch."""
        return self._builder.bases

    def usable(self, records: Iterable[pysam.AlignedSegment]) -> Iterator[pysam.AlignedSegment]:
        """Yield the records that stand for a read; count the others."""
        for record in records:
            flag = record.flag
            if flag & _SKIPPED:
                name = next(name for bit, name in _SKIP_ORDER if flag & bit)
                setattr(self.statistics, name, getattr(self.statistics, name) + 1)
            else:
                yield record

    def add(self, records: Sequence[pysam.AlignedSegment]) -> None:
        """Append the reads of records, in sequencing orientation."""
        flags = [record.flag for record in records]
        names = [as_bytes(record.query_name or "*") for record in records]
        sequences = [(record.query_sequence or "").encode("ascii") for record in records]
        for row, record in enumerate(records):
            if b"=" in sequences[row]:
                sequences[row] = self._spelled(record, sequences[row])
        qualities = []
        for sequence, record in zip(sequences, records, strict=True):
            scores = record.query_qualities
            if scores is None:
                qualities.append(_NO_QUALITY * len(sequence))
                self.statistics.without_quality += bool(sequence)
            else:
                qualities.append(scores.tobytes().translate(_TO_FASTQ))
        for row, flag in enumerate(flags):
            if flag & pysam.FREVERSE:
                sequences[row] = sequences[row].translate(COMPLEMENT)[::-1]
                qualities[row] = qualities[row][::-1]
        self._ends += [(name, flag & _ENDS) for name, flag in zip(names, flags, strict=True)]
        suffixed = [
            name + _SUFFIXES.get(flag & _ENDS, b"") for name, flag in zip(names, flags, strict=True)
        ]
        self._builder.add(suffixed, sequences, qualities)
        if self._keep:
            self._records += records

    def _spelled(self, record: pysam.AlignedSegment, sequence: bytes) -> bytes:
        """The sequence with the reference's bases for '=', which stand for them.

        Raises
        ------
        InputError
            If there is no reference.
        """
        if self._reference is None:
            message = (
                f"{self._path}: read {record.query_name!r} has '=' for bases like the reference's "
                "(samtools calmd -e); give the reference (--reference)"
            )
            raise InputError(message)
        if not self._contigs:
            self._contigs = dict(iter_sequences(self._reference))
        contig = self._contigs.get(record.reference_name or "", np.zeros(0, np.uint8))
        letters = np.frombuffer(bytearray(sequence), np.uint8)
        pairs = np.array(record.get_aligned_pairs(matches_only=True), np.int64).reshape(-1, 2)
        pairs = pairs[(pairs[:, 1] < len(contig)) & (letters[pairs[:, 0]] == ord("="))]
        letters[pairs[:, 0]] = _LETTERS[contig[pairs[:, 1]]]
        return letters.tobytes()

    def build(self, grouped: bool) -> tuple[ReadBatch, ReadStatistics]:
        """Return the batch and what was left out in it, and start on the next one."""
        statistics = self.statistics
        if grouped:
            statistics.orphans = self._orphans()
        batch = self._builder.build(paired=grouped and not statistics.orphans)
        if self._keep:
            batch = replace(batch, records=self._records)
        self._clear()
        return batch, statistics

    def pair_at(self, row: int) -> bool:
        """Tell whether the reads at `row` and `row` + 1 are read 1 and read 2."""
        if row + 1 >= len(self._ends):
            return False
        (name, end), (other, other_end) = self._ends[row : row + 2]
        return name == other and end == pysam.FREAD1 and other_end == pysam.FREAD2

    def half_pair_last(self) -> bool:
        """Tell whether the mate of the last read may be the next one."""
        return bool(self._ends) and self._ends[-1][1] == pysam.FREAD1

    def _orphans(self) -> int:
        """Return how many reads do not stand next to their mate."""
        alone, row = 0, 0
        while row < len(self._ends):
            paired = self.pair_at(row)
            alone += not paired
            row += 2 if paired else 1
        return alone


def alignment_batches(
    path: str,
    *,
    grouped: bool,
    batch_bases: int,
    reference: str | None = None,
    records: bool = False,
) -> Iterator[tuple[ReadBatch, ReadStatistics]]:
    """Yield the reads of a BAM or CRAM file as batches, and what was left out before each.

    Parameters
    ----------
    path : str
    grouped : bool
        Whether mates stand next to each other. A batch in which some read has no
        mate beside it is handed out as single reads, in the order of the file.
    batch_bases : int
        A batch is closed as soon as it holds this many bases.
    reference : str, optional
        FASTA that a CRAM file was written against.
    records : bool
        Hand out `ReadBatch.records`.

    Raises
    ------
    InputError
        If the file is truncated, damaged, or cannot be read without a reference.
    """
    reads = RecordGatherer(path, reference, keep=records)
    usable = reads.usable(_records(path, reference))
    source = _first_mate_first(usable) if grouped else usable
    step = 1
    while chunk := list(islice(source, step)):
        before = reads.bases
        reads.add(chunk)
        step = next_step(step, reads.bases - before, len(chunk), batch_bases)
        if reads.bases >= batch_bases:
            if grouped and reads.half_pair_last():
                reads.add(list(islice(source, 1)))
            yield reads.build(grouped)
    yield reads.build(grouped)


def is_name_grouped(path: str, reference: str | None = None) -> bool:
    """Tell whether mates stand side by side in a file; check that there are reads.

    They do if the first two reads are mates, unless the header says that the file is
    sorted by coordinate.

    Raises
    ------
    InputError
        If the file holds no usable read, or cannot be read.
    """
    reads = RecordGatherer(path, reference)
    reads.add(list(islice(_first_mate_first(reads.usable(_records(path, reference))), 2)))
    if not len(reads):
        left_out = reads.statistics.skipped
        found = f"only {left_out:,} secondary, QC-failed or duplicate records" if left_out else ""
        message = f"{path}: holds {found or 'no reads'}; give a file with primary reads"
        raise InputError(message)
    return reads.pair_at(0) and not _sorted_by_coordinate(path)


def _first_mate_first(records: Iterable[pysam.AlignedSegment]) -> Iterator[pysam.AlignedSegment]:
    """Yield records with read 2 after read 1 where the two stand side by side.

    Tools that group by name leave their order open.
    """
    held = None
    for record in records:
        if held is not None and record.is_read1 and record.query_name == held.query_name:
            yield record
            yield held
            held = None
            continue
        if held is not None:
            yield held
        held = record if record.is_read2 else None
        if held is None:
            yield record
    if held is not None:
        yield held


def _sorted_by_coordinate(path: str) -> bool:
    with quiet_htslib(), pysam.AlignmentFile(path, "r", check_sq=False) as file:
        return file.header.to_dict().get("HD", {}).get("SO") == "coordinate"


def _records(path: str, reference: str | None) -> Iterator[pysam.AlignedSegment]:
    """Yield every record of a file in its order; no index needed.

    With one thread: htslib's threaded reader never ends on some damaged files, and what is
    read here is read ahead anyway.
    """
    if reference is not None and not os.path.isfile(reference):
        message = f"{reference}: no such reference; give the FASTA that {path} was written against"
        raise InputError(message)
    read = 0
    with quiet_htslib():
        try:
            with pysam.AlignmentFile(
                path, "r", check_sq=False, reference_filename=reference
            ) as file:
                for record in file.fetch(until_eof=True):
                    yield record
                    read += 1
        except (OSError, ValueError) as error:
            raise explain_failure(path, reference, read, error) from error


def explain_failure(path: str, reference: str | None, read: int, error: Exception) -> InputError:
    """Return why a BAM or CRAM file cannot be read on, as one line for the user.

    Parameters
    ----------
    read : int
        Records that were read before; 0 if it failed on opening.
    error : Exception
        What pysam raised.
    """
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
    # A missing end marker is found on opening: then there is no saying where it was cut.
    what = "truncated" if "truncated" in str(error) else f"damaged {after}"
    return InputError(f"{path}: the BAM file is {what}; get a whole copy of it")


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Keep htslib from writing its own words to stderr: the exception says it."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
