"""Corrected reads as unaligned BAM: what is told of a read stays, what an aligner said goes.

Of BAM and CRAM input each record is written again, in the order of the file: its name, its
place in a pair, its read group and its tags. Reads are unmapped and in sequencing
orientation, as `samtools reset` and Picard's RevertSam make them. Tags of an alignment go
with it; of a read that changed, those go, too, that speak of its bases one by one. Of FASTQ,
tags are taken from behind the name (`dbgclean.reads.tags`).
"""

from __future__ import annotations

import array
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, count
from typing import Any, BinaryIO, Literal, Self, cast

import pysam

from dbgclean import __version__
from dbgclean._bgzf import END
from dbgclean._files import open_output
from dbgclean.errors import InputError, UsageError, printable
from dbgclean.reads.bam import COMPLEMENT, quiet_htslib
from dbgclean.reads.batch import ReadBatch
from dbgclean.reads.inputs import InputGroup
from dbgclean.reads.names import are_mates, as_bytes, as_names
from dbgclean.reads.tags import tag_names
from dbgclean.reads.writers import ReadWriter

__all__ = ["BamWriter"]

_PAIR = pysam.FPAIRED | pysam.FREAD1 | pysam.FREAD2
_ALONE, _NO_MATE = pysam.FUNMAP, pysam.FUNMAP | pysam.FMUNMAP
_MATES = tuple(pysam.FPAIRED | _NO_MATE | end for end in (pysam.FREAD1, pysam.FREAD2))
# Of an alignment, as `samtools reset` and RevertSam have it, and what BWA and minimap2 add.
_OF_ALIGNMENT = frozenset(
    "AS CC CG CP H0 H1 H2 HI IH MC MD MQ NH NM SA TS UQ XA XS ms nn tp cm s1 s2 de rl".split()
)
# Gone with any change: they count the read's own bases of a kind.
_OF_BASES = frozenset("MM Mm ML Ml MN".split())
# Gone with a change of length, beside what has a value for every base: places in the read.
_OF_PLACES = frozenset(["XT", "mv"])
# Turned with a read of the reverse strand, as RevertSam and fgbio's consensus tags are.
_REVERSED = frozenset("OQ U2 BQ ad ae aq bd be bq cd ce".split())
_COMPLEMENTED = frozenset("E2 ac bc".split())
_LEVEL = "level=1"
_MOST_NAME = 254
# Letters of SAM's arrays, and of Python's.
_ARRAYS = {"c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "f": "f"}
_SEPARATORS = b"/._:-"


class BamWriter(ReadWriter):
    """Writes batches to a BAM file; a context manager.

    The file appears under its name when the context ends without an error.

    Parameters
    ----------
    group : InputGroup
        Of BAM and CRAM, batches have to bring their records (`ReadBatch.records`), which are
        changed.
    outputs : sequence of one path
        '-' is standard output.
    description : str
        Of what was done, for ``@PG``.
    sample : str
        Of reads that are from no BAM: the name of their read group. Without it they have none.
    """

    def __init__(
        self,
        group: InputGroup,
        outputs: Sequence[str | os.PathLike[str]],
        description: str = "",
        sample: str = "",
    ) -> None:
        super().__init__(group, outputs)
        if len(self._outputs) > 1:
            message = (
                f"{' and '.join(self._outputs)}: BAM holds both mates; name one output file, "
                "or two .fastq.gz"
            )
            raise UsageError(message)
        self._aligned, self._dropped = 0, Counter[str]()
        self._group, self._description = group, description
        self.needs_records = group.format in ("bam", "cram")
        # SAM takes printable ASCII there.
        name = "".join(c if " " <= c <= "~" else "_" for c in sample)
        self._read_group = "" if self.needs_records else name

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(quiet_htslib())
            header = _header(self._group, self._description, self._read_group)
            self._header = pysam.AlignmentHeader.from_text(header)
            self._raw = stack.enter_context(open_output(self._outputs[0]))
            self._file = stack.enter_context(_opened(self._raw, self._header))
            self._stack = stack.pop_all()
        return self

    def sentences(self) -> list[str]:
        """Alignments and tags that were dropped."""
        output, said = self._outputs[0], []
        if self._aligned:
            said.append(f"{output}: unaligned; the alignments of {self._aligned:,} reads are gone")
        if self._dropped:
            tags = ", ".join(f"{tag} ({n:,})" for tag, n in sorted(self._dropped.items()))
            said.append(f"{output}: without the tags that no longer hold, by reads: {tags}")
        return said

    def write(self, batch: ReadBatch) -> None:
        """Write the reads of a batch.

        Raises
        ------
        InputError
            If a name or a tag is one that BAM cannot hold.
        """
        bases = batch.bases.tobytes().decode("ascii")
        quals = None if batch.quals is None else array.array("B", batch.quals.tobytes())
        low, *ends = batch.offsets.tolist()
        records = self._new(batch) if batch.records is None else iter(batch.records)
        # One by one, as pysam has it; of BAM that was unaligned, what did not change stays.
        headers = tag_names(as_names(batch.names))
        for header, end, record in zip(headers, ends, records, strict=True):
            sequence, scores = bases[low:end], None if quals is None else quals[low:end]
            if batch.records is None:
                record.query_sequence, record.query_qualities = sequence, scores
            else:
                self._respell(record, sequence, scores)
            for tag in header.split("\t")[1:]:
                self._put(record, tag)
            try:
                self._file.write(record)
            except OSError as error:
                _say_why(self._raw, error)
                raise
            low = end

    def _new(self, batch: ReadBatch) -> Iterator[pysam.AlignedSegment]:
        """Records of reads that are from no BAM: names, and places in a pair."""
        names = [as_bytes(name) for name in batch.names]
        for row, stem in enumerate(_stems(names, batch.paired)):
            if len(stem) > _MOST_NAME:
                message = (
                    f"{' and '.join(self._group.paths)}: the name {stem[:40]!r}... has "
                    f"{len(stem)} letters, and BAM takes {_MOST_NAME}; write FASTQ"
                )
                raise InputError(message)
            record = pysam.AlignedSegment(self._header)
            record.query_name = stem.decode("utf-8", "surrogateescape") or "*"
            record.flag = _MATES[row % 2] if batch.paired else _ALONE
            if self._read_group:
                record.set_tag("RG", self._read_group)
            yield record

    def _respell(
        self, record: pysam.AlignedSegment, sequence: str, scores: array.array[int] | None
    ) -> None:
        """Unmap a record, and give it the bases that its read has now."""
        flag = record.flag
        own = flag & _PAIR | (_NO_MATE if flag & pysam.FPAIRED else _ALONE)
        placed = record.reference_id >= 0 or record.next_reference_id >= 0
        if flag == own and not placed and sequence == (record.query_sequence or ""):
            return
        before = record.get_forward_sequence() or ""
        self._aligned += not flag & pysam.FUNMAP
        self._choose_tags(record, before, sequence)
        if before != sequence or flag & pysam.FREVERSE:
            known = record.query_qualities is not None
            record.query_sequence = sequence
            record.query_qualities = scores if known else None
        record.flag, record.cigartuples, record.mapping_quality = own, None, 0
        record.reference_id = record.next_reference_id = -1
        record.reference_start = record.next_reference_start = -1
        record.template_length = 0

    def _choose_tags(self, record: pysam.AlignedSegment, before: str, after: str) -> None:
        """Drop what no longer holds, and turn what was turned."""
        gone = _OF_ALIGNMENT if before == after else _OF_ALIGNMENT | _OF_BASES
        longer = len(before) != len(after)
        value: Any
        for tag, value in record.get_tags():
            every = isinstance(value, str | array.array) and len(value) == len(before)
            if tag in gone or (longer and (every or tag in _OF_PLACES)):
                record.set_tag(tag, None)
                self._dropped[tag] += 1
            elif every and record.is_reverse and tag in _COMPLEMENTED | _REVERSED:
                if tag in _COMPLEMENTED:
                    value = value.encode().translate(COMPLEMENT).decode()
                record.set_tag(tag, value[::-1])

    def _put(self, record: pysam.AlignedSegment, tag: str) -> None:
        """Set a tag from its text."""
        name, kind, value = tag.split(":", 2)
        try:
            if kind == "B":
                code, *numbers = value.split(",")
                made = map(float if code == "f" else int, numbers)
                record.set_tag(name, array.array(_ARRAYS[code], list(made)))
            elif kind in "if":
                record.set_tag(name, int(value) if kind == "i" else float(value))
            else:
                record.set_tag(name, value, cast(Literal["A", "Z", "H"], kind))
        except (KeyError, OverflowError, ValueError) as error:
            message = (
                f"{' and '.join(self._group.paths)}: {printable(tag[:40])!r} of read "
                f"{record.query_name!r} is no SAM tag; repair it, or write FASTQ"
            )
            raise InputError(message) from error


@contextmanager
def _opened(raw: BinaryIO, header: pysam.AlignmentHeader) -> Iterator[pysam.AlignmentFile]:
    """A BAM file that is whole at the end, or closed and said nothing of after an error."""
    file = pysam.AlignmentFile(raw, "wb", header=header, format_options=[_LEVEL])
    try:
        yield file
        file.close()
    except BaseException as error:
        with suppress(OSError):
            file.close()
        if isinstance(error, OSError):
            _say_why(raw, error)
        raise


def _say_why(raw: BinaryIO, error: OSError) -> None:
    """Of a failed write, htslib does not say why, nor where; the next one does."""
    if error.errno is None:
        raw.write(END)
        raw.flush()


def _header(group: InputGroup, description: str, sample: str) -> str:
    """Lines of the input's header that hold for its reads, and ours as the last ``@PG``."""
    lines: list[str] = []
    if group.format in ("bam", "cram"):
        with pysam.AlignmentFile(group.paths[0], "r", check_sq=False) as file:
            lines = str(file.header).split("\n")
    head = next((_fields(line) for line in lines if line.startswith("@HD")), {})
    order = "" if group.layout == "single" else "\tGO:query"
    programs = [_fields(line).get("ID", "") for line in lines if line.startswith("@PG")]
    numbered = (f"dbgclean.{number}" for number in count(1))
    name = next(name for name in chain(["dbgclean"], numbered) if name not in programs)
    ours = [f"@PG\tID:{name}\tPN:dbgclean\tVN:{__version__}"]
    ours += [f"PP:{programs[-1]}"] if programs else []
    ours += [f"DS:{printable(description)}"] if description else []
    kept = [line for line in lines if line and not line.startswith(("@HD", "@SQ"))]
    kept += [f"@RG\tID:{sample}\tSM:{sample}"] if sample else []
    first = f"@HD\tVN:{head.get('VN', '1.6')}\tSO:unsorted{order}"
    return "\n".join([first, *kept, "\t".join(ours), ""])


def _fields(line: str) -> dict[str, str]:
    """Tags of a header line, and what they hold."""
    return {field[:2]: field[3:] for field in line.split("\t")[1:]}


def _stems(names: list[bytes], paired: bool) -> Iterator[bytes]:
    """Names as BAM has them: one word, and mates of one name."""
    ids = [name.replace(b"\t", b" ").partition(b" ")[0] for name in names]
    if not paired:
        yield from ids
        return
    for one, two in zip(ids[::2], ids[1::2], strict=True):
        stem = one
        if one != two and are_mates(one, two):
            stem = one[:-1]
            stem = stem[:-1] if stem[-1:] and stem[-1:] in _SEPARATORS else stem
        yield from (stem, stem)
