"""Opening an input for its decompressed bytes; the content decides, never the suffix.

A file is as many members as follow one another: gzip members (BGZF blocks are some), xz
and bzip2 streams, zstd frames. Zeros between and behind them are padding; other bytes
behind the last one are told of, never passed over in silence.
"""

from __future__ import annotations

import bz2
import io
import logging
import lzma
import os
import re
import zlib
from collections.abc import Callable, Generator
from shlex import quote
from typing import Any, BinaryIO

from dbgclean._bgzf import END
from dbgclean._files import optional
from dbgclean.errors import InputError
from dbgclean.reads.prefetch import prefetch

__all__ = [
    "READ_ERRORS",
    "damaged",
    "detect_compression",
    "forget",
    "open_bytes",
    "read_head",
    "refuse_database",
    "warn_without_end",
]

logger = logging.getLogger(__name__)

HEAD_BYTES = 1 << 16

_MAGIC = (
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
)
_SKIPPABLE_FRAME = b"\x2a\x4d\x18"  # of zstd, behind a first byte of its own
# A length in nine digits, and a header in JSON.
_JELLYFISH = re.compile(rb"\d{9}\{\"")
_BGZF_EXTRA = b"BC\x02\x00"
_BGZF_HEADER = 18
_READ = 1 << 16
_INFLATED = 1 << 20


igzip_lib = optional("isal.igzip_lib")
zstd = optional("compression.zstd", "backports.zstd")

READ_ERRORS: tuple[type[Exception], ...] = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    *((igzip_lib.error,) if igzip_lib else ()),
    *((zstd.ZstdError,) if zstd else ()),
)
"""What the decompressors raise for a damaged file."""


class _Inflater:
    """zlib's decompressor with the methods that the others have."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(31)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, most)

    @property
    def needs_input(self) -> bool:
        return not self._inflate.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data


def _gzip_member() -> Any:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP) if igzip_lib else _Inflater()


_MEMBERS: dict[str, Callable[[], Any]] = {
    "gz": _gzip_member,
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
    "zst": lambda: zstd.ZstdDecompressor(),
}
_told: set[str] = set()


def forget(path: str) -> None:
    """Tell once more of bytes behind a file's data, if there are any."""
    _told.discard(path)


class _Members(io.RawIOBase):
    """The decompressed bytes of a file, one member after the other."""

    def __init__(self, file: BinaryIO, kind: str, *, ahead: bool) -> None:
        super().__init__()
        self._file, self._kind = file, kind
        self._blocks = prefetch(self._inflated) if ahead else self._inflated()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        n = min(len(buffer), len(self._rest))
        buffer[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n

    def close(self) -> None:
        if not self.closed:
            self._blocks.close()
            self._file.close()
        super().close()

    def _inflated(self) -> Generator[bytes]:
        data = b""
        while data := self._next_member(data):
            member = _MEMBERS[self._kind]()
            while not member.eof:
                if member.needs_input and not data and not (data := self._file.read(_READ)):
                    raise EOFError
                block = member.decompress(data, _INFLATED)
                data = b""
                if block:
                    yield block
            data = member.unused_data

    def _next_member(self, data: bytes) -> bytes:
        """Bytes that a member begins with, of those at hand and to come; empty at the end."""
        magic = next(magic for magic, kind in _MAGIC if kind == self._kind)
        while len(data := data.lstrip(b"\0")) < len(magic):
            more = self._file.read(_READ)
            if not more:
                break
            data += more
        skippable = self._kind == "zst" and data[1:4] == _SKIPPABLE_FRAME
        if not data or skippable or magic.startswith(data[: len(magic)]):
            return data
        behind = len(data)
        while more := self._file.read(_READ):
            behind += len(more)
        if self._file.name not in _told:
            _told.add(self._file.name)
            logger.warning(
                "%s: %s bytes behind the compressed data were not read; get a whole copy if "
                "they should be data",
                self._file.name, f"{behind:,}",
            )  # fmt: skip
        return b""


def detect_compression(path: str) -> str | None:
    """Return 'gz' (bgzip included), 'bz2', 'xz', 'zst', or None for anything else."""
    with open(path, "rb") as file:
        return _kind(file.peek(8))


def _kind(head: bytes) -> str | None:
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def open_bytes(path: str, *, threads: int = 1) -> io.BufferedReader:
    """Open `path` for reading its decompressed bytes; a pipe too, once.

    Parameters
    ----------
    threads : int
        With 2 or more, compressed files are decompressed in a thread of their own.

    Raises
    ------
    InputError
        If the file is zstd-compressed and no zstd library is installed.
    """
    file = open(path, "rb")
    compression = _kind(file.peek(8))
    if compression is None:
        return file
    if compression == "zst" and zstd is None:
        file.close()
        message = (
            f"{path}: compressed with zstd, and no zstd library is here; "
            "pip install backports.zstd, or decompress the file first"
        )
        raise InputError(message)
    members = _Members(file, compression, ahead=threads > 1)
    return io.BufferedReader(members, _READ)


def read_head(path: str) -> bytes:
    """Return the first decompressed bytes (64 KiB, or all) of `path`.

    Raises
    ------
    InputError
        If even these cannot be decompressed.
    """
    try:
        with open_bytes(path) as file:
            return file.read(HEAD_BYTES)
    except READ_ERRORS as error:
        raise damaged(path, 0, error) from error


def refuse_database(path: str | os.PathLike[str], head: bytes = b"") -> None:
    """Refuse a counter's database by its first bytes, or the name that KMC has for its two files.

    Raises
    ------
    InputError
        With the command that dumps this very database, as it is read here.
    """
    name = os.fspath(path)
    stem = name.removesuffix(".kmc_pre").removesuffix(".kmc_suf")
    of_kmc = os.path.isfile(f"{stem}.kmc_pre") and not os.path.exists(stem)
    if head.startswith((b"KMCP", b"KMCS")) or (of_kmc and not head):
        what, command = "KMC", f"kmc_tools transform {quote(stem)} dump {quote(stem + '.txt')}"
        give = f"{stem}.txt"
    elif _JELLYFISH.match(head):
        give = f"{name.removesuffix('.jf')}.txt"
        what, command = "Jellyfish", f"jellyfish dump -c -o {quote(give)} {quote(name)}"
    else:
        return
    msg = (
        f"{name}: a database of {what}; dump it (`{command}`), and give {give} to `run --kmers`, "
        "`graph` or `compare`"
    )
    raise InputError(msg)


def damaged(path: str, records: int, error: BaseException) -> InputError:
    """Return the error for a file that cannot be read on after `records` records."""
    after = f"somewhere after record {records:,}" if records else "at its start"
    if isinstance(error, EOFError):
        found = f"the compressed file is truncated {after}"
    elif isinstance(error, OSError) and error.errno is not None:
        return InputError(f"{path}: cannot be read: {os.strerror(error.errno)}; check the path")
    else:
        found = f"the compressed data are damaged {after}"
    return InputError(f"{path}: {found}; get a whole copy of it")


def warn_without_end(path: str) -> None:
    """Warn of a bgzip file without its end marker: cut between two blocks, maybe.

    Only where it is BGZF up to its end: gzip may follow, which is checked as it is inflated.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - len(END)))
        if file.read() == END:
            return
        place = 0
        while place < size:
            file.seek(place)
            header = file.read(_BGZF_HEADER)
            if _BGZF_EXTRA not in header:
                return
            place += 1 + int.from_bytes(header[16:18], "little")
    if size:
        logger.warning("%s: no bgzip end marker; the file may be truncated", path)
