"""FASTQ of the usual layout, taken apart a block of text at a time.

Four lines a record, all alike, mates in step: then kernels find the records and copy
them straight into a batch, without an object per read and without holding up other
threads. What is laid out otherwise, or damaged, is left where it begins to the record
parser of `dbgclean.reads.fastx`, which reads on or says what is wrong.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from dbgclean.reads.batch import ReadBatch, RecordStyle, check_batch
from dbgclean.reads.compression import READ_ERRORS, damaged, open_bytes
from dbgclean.reads.fastq_kernels import are_mates, check_records, fill_records, find_lines
from dbgclean.reads.names import Names

__all__ = ["BlockFile", "block_batches"]

_BLOCK_BYTES = 1 << 20


class _Records(NamedTuple):
    """Where some records are: text, start of the names, lengths of name and sequence."""

    text: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray


class BlockFile:
    """One open FASTQ file, taken from a block at a time.

    Attributes
    ----------
    path, taken
        The file, and how many records were taken.
    style
        Layout of the first record; all that are taken share it.
    """

    def __init__(self, path: str, *, threads: int = 1) -> None:
        self.path = path
        self.taken = 0
        self.style = RecordStyle()
        self._known = False
        self._whole = False
        self._added = 0
        self._regular = True
        self._file = open_bytes(path, threads=threads)
        self._text = np.zeros(0, np.uint8)
        self._begins = np.zeros(1, np.int64)
        self._sizes = np.zeros((0, 2), np.int64)
        self._at = 0

    @property
    def left(self) -> int:
        """Records at hand."""
        return len(self._sizes) - self._at

    @property
    def ended(self) -> bool:
        """Whether everything was taken."""
        return self._whole and self._rest().size == 0

    def need(self, n: int) -> None:
        """Have `n` records at hand, where the file has as many of its layout."""
        size = _BLOCK_BYTES
        while self.left < n and self._regular and not self._whole:
            self._read(size)
            size *= 2

    def _rest(self) -> np.ndarray:
        return self._text[self._begins[self._at] :]

    def _read(self, size: int) -> None:
        rest = self._rest()
        end = len(rest)
        text = np.empty(end + size + 1, np.uint8)  # one more for a newline that is not there
        text[:end] = rest
        try:
            end += self._file.readinto(text[end:-1].data)
        except READ_ERRORS as error:
            raise damaged(self.path, self.taken + self.left, error) from error
        self._whole = end == len(rest)
        if self._whole and end and text[end - 1] != ord("\n"):
            text[end] = ord("\n")
            end += 1
            self._added = 1
        self._text = text[:end]
        self._begins = np.zeros(1, np.int64)
        self._sizes = np.zeros((0, 2), np.int64)
        self._at = 0
        if end:
            self._find()

    def _find(self) -> None:
        """Find the whole records of the block."""
        words = self._text[: self._text.size // 8 * 8].view(np.uint64)
        ends = np.empty(self._text.size // 8 + 16, np.int64)
        lines = find_lines(self._text, words, ends)
        if lines > len(ends):
            ends = np.empty(lines, np.int64)
            find_lines(self._text, words, ends)
        n = lines // 4
        if not self._known and n:
            self._look_at_first(ends)
        sizes = np.empty((n, 2), np.int64)
        returns, two = self.layout
        good = check_records(self._text, ends, n, returns, two, sizes)
        self._regular = good == n and not (self._whole and lines % 4)
        self._sizes = sizes[:good]
        self._begins = np.concatenate([[0], ends[3 : 4 * good : 4] + 1]).astype(np.int64)

    def _look_at_first(self, ends: np.ndarray) -> None:
        returns = bool(ends[0] and self._text[ends[0] - 1] == ord("\r"))
        two_headers = bool(ends[2] - ends[1] - returns > 2)
        self.style = RecordStyle(two_headers, "\r\n" if returns else "\n")
        self._known = True

    @property
    def layout(self) -> tuple[int, bool]:
        """Carriage returns at the end of a line (0 or 1), and whether names are repeated."""
        return len(self.style.newline) - 1, self.style.two_headers

    def look(self, n: int) -> _Records:
        """The next `n` records at hand."""
        part = slice(self._at, self._at + n)
        return _Records(self._text, self._begins[part] + 1, self._sizes[part])

    def take(self, n: int) -> None:
        """Go on by `n` records."""
        self._at += n
        self.taken += n

    def rest(self) -> BinaryIO:
        """What was not taken, for another parser; this one is spent."""
        head = self._rest().tobytes()
        raw = _Rest(head[: len(head) - self._added], self._file)
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, raw), _BLOCK_BYTES))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Rest(io.RawIOBase):
    """Bytes at hand, then those of a file."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        super().__init__()
        self._head = head
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] or self._file.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def block_batches(
    files: list[BlockFile], *, interleaved: bool, batch_bases: int, named: bool = True
) -> Generator[ReadBatch]:
    """Yield the reads as batches, as far as the files are laid out as usual.

    Parameters
    ----------
    files : list of BlockFile
        One, or two whose records are mates.
    interleaved : bool
        Whether the records of a single file are mates two by two.
    batch_bases : int
        A batch is closed as soon as it holds this many bases.
    named : bool
        Whether the names of mates have to go together.
    """
    step = 2 if interleaved else 1
    pending = _Pending(files, step)
    while True:
        for file in files:
            if file.left < step:
                file.need(step)
        n = min(file.left for file in files) // step * step
        found = [file.look(n) for file in files]
        if n == 0 or (named and not _in_step(found, interleaved)):
            break
        n = _enough(found, batch_bases - pending.bases, step)
        pending.add([_Records(r.text, r.starts[:n], r.sizes[:n]) for r in found])
        for file in files:
            file.take(n)
        if pending.bases >= batch_bases:
            yield pending.build()
    if pending.records:
        yield pending.build()


def _in_step(found: list[_Records], interleaved: bool) -> bool:
    """Whether the mates among the records go together."""
    if interleaved:
        one = found[0]
        ahead, behind = (_Records(one.text, one.starts[i::2], one.sizes[i::2]) for i in (0, 1))
    elif len(found) == 2:
        ahead, behind = found
    else:
        return True
    return are_mates(
        ahead.text, ahead.starts, ahead.sizes[:, 0].copy(),
        behind.text, behind.starts, behind.sizes[:, 0].copy(),
    )  # fmt: skip


def _enough(found: list[_Records], bases: int, step: int) -> int:
    """Records of each file that bring a number of bases together, or all."""
    total = np.cumsum(np.sum([records.sizes[:, 1] for records in found], axis=0))
    n = int(np.searchsorted(total, bases)) + 1
    return min(-(-n // step) * step, len(total))


class _Pending:
    """Records to become a batch."""

    def __init__(self, files: list[BlockFile], step: int) -> None:
        self._files = files
        self._paired = step == 2 or len(files) == 2
        self._first_read = 0
        self._clear()

    def _clear(self) -> None:
        self.bases = 0
        self.records = 0
        self._pieces: list[list[_Records]] = []

    def add(self, found: list[_Records]) -> None:
        """Take records, as many of each file."""
        self._pieces.append(found)
        self.bases += sum(int(records.sizes[:, 1].sum()) for records in found)
        self.records += sum(len(records.starts) for records in found)

    def build(self) -> ReadBatch:
        """The batch, checked; mates side by side."""
        stride = len(self._files)
        sizes = np.empty((self.records, 2), np.int64)
        for mate in range(stride):
            sizes[mate::stride] = np.concatenate([found[mate].sizes for found in self._pieces])
        bounds = np.zeros((2, self.records + 1), np.int64)
        np.cumsum(sizes.T, axis=1, out=bounds[:, 1:])
        name_offsets, offsets = bounds[0].copy(), bounds[1].copy()
        bases, codes, quals = (np.empty(offsets[-1], np.uint8) for _ in range(3))
        names = np.empty(name_offsets[-1], np.uint8)
        row = 0
        for found in self._pieces:
            for mate, records in enumerate(found):
                fill_records(
                    records.text, records.starts, records.sizes, self._files[mate].layout,
                    row + mate, stride, offsets, name_offsets, bases, codes,
                    quals, names,
                )  # fmt: skip
            row += sum(len(records.starts) for records in found)
        batch = ReadBatch(
            bases=bases,
            codes=codes,
            quals=quals,
            offsets=offsets,
            names=Names(names, name_offsets),
            first_read=self._first_read,
            paired=self._paired,
            extras=tuple(file.style for file in self._files),
        )
        check_batch(batch, [file.path for file in self._files])
        self._first_read += self.records
        self._clear()
        return batch
