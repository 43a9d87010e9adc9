"""Outputs that appear under their final names only when whole, and never over an input.

`atomic_path` for one file (`dbgclean._folder` for a folder), `refuse_overwriting` for all
files that a command line names, `BgzfWriter` for gzip that bgzip and tabix understand and
that carries no time stamp.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from dbgclean.errors import OutputError, UsageError

__all__ = [
    "BgzfWriter",
    "atomic_path",
    "concerns",
    "identities",
    "identity",
    "output_error",
    "refuse_overwriting",
]

_Path = str | os.PathLike[str]

_REMEDIES = {
    errno.ENOSPC: "free some space or write elsewhere",
    errno.EDQUOT: "free some space or write elsewhere",
    errno.EACCES: "write to a folder that is yours",
    errno.EPERM: "write to a folder that is yours",
    errno.EROFS: "write to a folder that is yours",
    errno.ENOENT: "make that folder first, or check the path",
    errno.ENOTDIR: "check the path",
}


def output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Return why `path` cannot be written as one line for the user."""
    where = "standard output" if os.fspath(path) == "-" else os.fspath(path)
    reason = os.strerror(error.errno) if error.errno else str(error)
    remedy = _REMEDIES.get(error.errno or 0, "check the path and the disk")
    return OutputError(f"{where}: cannot be written: {reason}; {remedy}")


def concerns(error: BaseException | None, *paths: Path) -> bool:
    """Tell whether `error` is about writing one of `paths`.

    An OSError that names some other file (an input that is missing) is not, and a
    broken pipe stays what it is: whoever read us has gone.
    """
    if not isinstance(error, OSError) or isinstance(error, BrokenPipeError):
        return False
    if error.filename is None or not isinstance(error.filename, str | os.PathLike):
        return True
    named = Path(error.filename)
    return any(path == named or path in named.parents for path in paths)


def identity(path: _Path, standard: int) -> tuple[object, ...] | None:
    """What tells one file from another, whatever it is called: device and inode.

    For '-' those of the descriptor ``standard``. None for what cannot be lost: a device,
    a standard stream that is no file.
    """
    dash = os.fspath(path) == "-"
    try:
        found = os.fstat(standard) if dash else os.stat(path)
    except OSError:
        return None if dash else (os.path.realpath(path),)
    lasts = stat.S_ISREG(found.st_mode) or not (dash or stat.S_ISCHR(found.st_mode))
    return (found.st_dev, found.st_ino) if lasts else None


def identities(inputs: Iterable[_Path | None]) -> set[tuple[object, ...]]:
    """Of all inputs; of a folder (a model), of the files in it as well."""
    given = [path for path in inputs if path is not None]
    inside = [item for path in given if Path(path).is_dir() for item in Path(path).iterdir()]
    return {one for path in (*given, *inside) if (one := identity(path, 0)) is not None}


def refuse_overwriting(outputs: Iterable[_Path | None], inputs: Iterable[_Path | None]) -> None:
    """Refuse outputs that are an input, or one another, by another name too.

    Parameters
    ----------
    outputs, inputs
        All files that will be written and read; '-' is standard output and input, None
        is passed over.

    Raises
    ------
    UsageError
        Naming the first such output.
    """
    read = identities(inputs)
    taken: set[tuple[object, ...]] = set()
    for path in outputs:
        if path is None:
            continue
        dash = os.fspath(path) == "-"
        one = identity(path, 1) or (("-",) if dash else None)
        name = "standard output" if dash else path
        if one in read:
            message = f"{name}: an input too; name another output file"
            raise UsageError(message)
        if one in taken:
            message = f"{name}: named for two outputs; name another file for one"
            raise UsageError(message)
        if one is not None:
            taken.add(one)


class atomic_path:  # noqa: N801  (reads like the function it replaces)
    """Context manager: a temporary path beside `final` that becomes `final` at the end.

    On an error the temporary file is removed and an older `final` stays as it was.
    '-' is handed through for standard output; a device or pipe is written directly.

    Parameters
    ----------
    final : path
        Where the file is to appear. A link is followed.

    Raises
    ------
    OutputError
        On entering or leaving: no such folder, not writable, disk full, or any other
        OSError raised inside that is about this file.
    """

    def __init__(self, final: str | os.PathLike[str]) -> None:
        self._given = final
        self._final = Path(final)
        self._temporary: Path | None = None

    def __enter__(self) -> Path:
        if os.fspath(self._given) == "-":
            return Path("-")
        if self._final.is_dir():
            message = f"{self._given}: a folder; name a file to write"
            raise OutputError(message)
        if self._final.exists() and not self._final.is_file():
            return self._final
        self._final = Path(os.path.realpath(self._final))
        # The suffix stays last: some libraries choose a format by it.
        name = f".{secrets.token_hex(4)}.tmp.{self._final.name}"
        self._temporary = self._final.with_name(name)
        try:
            # open() and not mkstemp(): the mode then follows the user's umask.
            self._temporary.open("xb").close()
        except OSError as error:
            raise output_error(self._given, error) from error
        return self._temporary

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        temporary = self._temporary
        if exc is None and temporary is not None:
            try:
                os.replace(temporary, self._final)
            except OSError as error:
                temporary.unlink(missing_ok=True)
                raise output_error(self._given, error) from error
            return
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(exc, OSError) and concerns(exc, temporary or self._final, self._final):
            raise output_error(self._given, exc) from exc


class BgzfWriter(io.RawIOBase):
    """Writes BGZF: gzip in blocks, readable by gzip, bgzip, tabix and htslib.

    Same bytes in, same bytes out: no time stamp, no name, blocks cut at fixed
    lengths. About five times as fast as `pysam.BGZFile`, where the library isal
    is installed; else zlib.

    Parameters
    ----------
    raw : binary file
        Open for writing; stays open.
    level : int
        0 to 3 for isal; at 1, size and speed are the best compromise for reads.

    References
    ----------
    SAM/BAM format specification, section 4.1, "The BGZF compression format".
    """

    BLOCK = 65_280
    _HEADER = bytes.fromhex("1f8b08040000000000ff0600424302 00".replace(" ", ""))
    _END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

    def __init__(self, raw: BinaryIO, level: int = 1) -> None:
        self._raw = raw
        self._level = level
        self._tail = b""
        self._deflate = _deflater()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Take `data` (bytes-like); whole blocks are compressed at once."""
        size = len(data)
        if len(self._tail) + size < self.BLOCK:
            self._tail += bytes(data)
            return size
        view = memoryview(self._tail + bytes(data))
        whole = len(view) - len(view) % self.BLOCK
        self._raw.write(
            b"".join(
                self._block(view[start : start + self.BLOCK])
                for start in range(0, whole, self.BLOCK)
            )
        )
        self._tail = bytes(view[whole:])
        return size

    def close(self) -> None:
        """Write what is left and the end marker; the file below stays open."""
        if self.closed:
            return
        try:
            if self._tail:
                self._raw.write(self._block(memoryview(self._tail)))
            self._raw.write(self._END)
            self._raw.flush()
        finally:
            self._tail = b""
            super().close()

    def _block(self, data: memoryview) -> bytes:
        body = self._deflate(data, self._level)
        if len(body) >= self.BLOCK:
            body = zlib.compress(data, 0, wbits=-15)  # noise: stored, it then fits
        size = len(self._HEADER) + 2 + len(body) + 8
        return b"".join(
            (
                self._HEADER,
                struct.pack("<H", size - 1),
                body,
                struct.pack("<II", zlib.crc32(data), len(data)),
            )
        )


def _deflater() -> Any:
    """Return a function (data, level) -> raw deflate stream; the fastest at hand."""
    try:
        from isal import isal_zlib
    except ImportError:
        return lambda data, level: zlib.compress(data, level, wbits=-15)
    return lambda data, level: isal_zlib.compress(data, level=level, wbits=-15)
