"""Outputs that appear under their final names only when whole.

`atomic_path` for one file, `OutputFolder` for a folder, `BgzfWriter` for gzip that
bgzip and tabix understand and that carries no time stamp.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
import struct
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from dbgclean.errors import OutputError

__all__ = ["BgzfWriter", "OutputFolder", "atomic_path"]

_REMEDIES = {
    errno.ENOSPC: "free some space or write elsewhere",
    errno.EDQUOT: "free some space or write elsewhere",
    errno.EACCES: "write to a folder that is yours",
    errno.EPERM: "write to a folder that is yours",
    errno.EROFS: "write to a folder that is yours",
    errno.ENOENT: "make that folder first, or check the path",
    errno.ENOTDIR: "check the path",
}


def _output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Return why `path` cannot be written as one line for the user."""
    where = "standard output" if os.fspath(path) == "-" else os.fspath(path)
    reason = os.strerror(error.errno) if error.errno else str(error)
    remedy = _REMEDIES.get(error.errno or 0, "check the path and the disk")
    return OutputError(f"{where}: cannot be written: {reason}; {remedy}")


def _concerns(error: BaseException | None, *paths: Path) -> bool:
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
            raise _output_error(self._given, error) from error
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
                raise _output_error(self._given, error) from error
            return
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(exc, OSError) and _concerns(exc, temporary or self._final, self._final):
            raise _output_error(self._given, exc) from exc


class OutputFolder:
    """Context manager: a hidden folder whose content moves to `path` on `commit`.

    Parameters
    ----------
    path : path
        The final folder. May exist if it is empty.
    force : bool
        Write into a folder that holds something: what has the name of a new file or
        folder is replaced, anything else in it is left alone.

    Raises
    ------
    OutputError
        If the folder holds something and `force` is not given, if it cannot be made,
        and on leaving for any OSError inside that is about a file in it.
    """

    def __init__(self, path: str | os.PathLike[str], force: bool = False) -> None:
        self.final = Path(path)
        self._committed = False
        if self.final.exists() and not self.final.is_dir():
            message = f"{path}: a file, not a folder; name another output folder"
            raise OutputError(message)
        self._exists = self.final.is_dir()
        hidden = f".dbgclean-{secrets.token_hex(4)}.tmp"
        try:
            if self._exists and not force and any(self.final.iterdir()):
                message = (
                    f"{path}: the folder is not empty; use --force or name another output folder"
                )
                raise OutputError(message)
            # Inside an existing folder, which may be a disk of its own: then the
            # moves of commit() stay renames.
            real = Path(os.path.realpath(self.final))
            parent = real if self._exists else real.parent
            parent.mkdir(parents=True, exist_ok=True)
            self._temporary = parent / hidden
            self._temporary.mkdir()
        except OSError as error:
            raise _output_error(path, error) from error

    def path(self, name: str) -> Path:
        """Return where to write `name` ('report.json', 'reads/a.fq.gz') for now."""
        path = self._temporary / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _output_error(self.final / name, error) from error
        return path

    def commit(self) -> Path:
        """Move everything under the final name and return it.

        Raises
        ------
        OutputError
            If something cannot be moved.
        """
        try:
            if not self._exists:
                os.rename(self._temporary, os.path.realpath(self.final))
            else:
                for item in sorted(self._temporary.iterdir()):
                    self._move_into_place(item)
                self._temporary.rmdir()
        except OSError as error:
            raise _output_error(self.final, error) from error
        self._committed = True
        return self.final

    def _move_into_place(self, item: Path) -> None:
        target = self.final / item.name
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        elif item.is_dir() and os.path.lexists(target):
            target.unlink()
        os.replace(item, target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._committed:
            return
        temporary = self._temporary
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(exc, OSError) and _concerns(exc, temporary):
            named = Path(exc.filename) if isinstance(exc.filename, str) else temporary
            raise _output_error(self.final / named.relative_to(temporary), exc) from exc
        if isinstance(exc, OutputError) and str(temporary) in str(exc):
            message = str(exc).replace(str(temporary), str(self.final))
            raise OutputError(message) from exc


class BgzfWriter(io.RawIOBase):
    """Writes BGZF: gzip in blocks, readable by gzip, bgzip, tabix and htslib.

    Same bytes in, same bytes out: no time stamp, no name, blocks cut at fixed
    lengths. About five times as fast as `pysam.BGZFile`, where the library isal
    (which dnaio brings) is installed; else zlib.

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
