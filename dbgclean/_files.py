"""Outputs that appear under their final names only when whole, and never over an input.

`open_output` and `open_text` for one file or standard output, `atomic_path` where a library
does the writing (`dbgclean._folder` for a folder), `refuse_overwriting` for all files that a
command line names.
"""

from __future__ import annotations

import bz2
import errno
import importlib
import io
import lzma
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TextIO, cast

from dbgclean._temporary import FINISHING, Temporary
from dbgclean.errors import DoubtfulError, InputError, OutputError, UsageError

__all__ = [
    "atomic_path",
    "concerns",
    "identities",
    "identity",
    "open_output",
    "open_plain",
    "open_text",
    "optional",
    "output_error",
    "refuse_missing",
    "refuse_overwriting",
    "refuse_unwritable",
    "together",
]

_Path = str | os.PathLike[str]

_GZIP_SUFFIXES = (".gz", ".bgz", ".bgzf")
_BUFFER = 1 << 20
# Whole files of `together`: where each is, where it belongs, and what the user calls it.
_held: ContextVar[list[tuple[Temporary, Path, _Path]] | None] = ContextVar("_held", default=None)

_REMEDIES = {
    errno.ENOSPC: "free some space or write elsewhere",
    errno.EDQUOT: "free some space or write elsewhere",
    errno.EACCES: "write to a folder that is yours",
    errno.EPERM: "write to a folder that is yours",
    errno.EROFS: "write to a folder that is yours",
    errno.ENOENT: "make that folder first, or check the path",
    errno.ENOTDIR: "check the path",
    errno.EBADF: "it is closed; open it or name a file",
}


def optional(*names: str) -> Any:
    """The first of some modules that is installed, or None."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


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


def refuse_missing(inputs: Iterable[_Path | None], folder: _Path | None = None) -> None:
    """Refuse inputs that are not there, may not be read, or are folders.

    Parameters
    ----------
    inputs
        '-' is standard input, None is passed over.
    folder
        The one of them that is a folder.

    Raises
    ------
    InputError
        Naming the first such input.
    """
    for path in inputs:
        if path is None or os.fspath(path) == "-":
            continue
        try:
            is_folder = stat.S_ISDIR(os.stat(path).st_mode)
            if not os.access(path, os.R_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except FileNotFoundError as error:
            if os.path.exists(f"{os.fspath(path)}.kmc_pre"):
                continue  # two files of KMC, which has its own words
            message = f"{path}: no such file; check the path"
            raise InputError(message) from error
        except OSError as error:
            message = f"{path}: cannot be read: {error.strerror}; check the path"
            raise InputError(message) from error
        if is_folder and path != folder:
            message = f"{path}: a folder, not a file; name the files in it"
            raise InputError(message)


def refuse_unwritable(path: _Path, *, folder: bool = False) -> None:
    """Refuse an output, or a folder that is made with those above it, for want of a place.

    Raises
    ------
    OutputError
        If the place is missing, no folder, or may not be written; if a folder stands where a
        file is to be.
    """
    is_folder = os.path.isdir(path)
    if os.fspath(path) == "-" or (os.path.exists(path) and not is_folder | os.path.isfile(path)):
        return  # standard output, a device or a pipe
    if is_folder and not folder:
        message = f"{path}: a folder; name a file to write"
        raise OutputError(message)
    home = os.fspath(path) if folder else os.path.dirname(os.path.realpath(path))
    while folder and not os.path.lexists(home):
        home = os.path.dirname(home) or "."
    try:
        # A slash at the end asks for a folder.
        os.stat(os.path.join(home, ""))
    except OSError as error:
        raise output_error(path, error) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise output_error(path, OSError(errno.EACCES, os.strerror(errno.EACCES)))


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
        self._temporary: Temporary | None = None

    def __enter__(self) -> Path:
        if os.fspath(self._given) == "-":
            return Path("-")
        if self._final.is_dir():
            message = f"{self._given}: a folder; name a file to write"
            raise OutputError(message)
        if self._final.exists() and not self._final.is_file():
            return self._final
        self._final = Path(os.path.realpath(self._final))
        try:
            self._temporary = Temporary(self._final.parent, self._final.name)
        except OSError as error:
            raise output_error(self._given, error) from error
        return self._temporary.path

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        temporary = self._temporary
        if exc is None and temporary is not None:
            held = _held.get()
            if held is not None:
                held.append((temporary, self._final, self._given))
            else:
                _name(temporary, self._final, self._given)
            return
        if temporary is not None:
            temporary.remove()
        path = temporary.path if temporary else self._final
        if isinstance(exc, OSError) and concerns(exc, path, self._final):
            raise output_error(self._given, exc) from exc


def _name(temporary: Temporary, final: Path, given: _Path) -> None:
    try:
        os.replace(temporary.path, final)
    except OSError as error:
        temporary.remove()
        raise output_error(given, error) from error
    temporary.forget()


@contextmanager
def together(*, hold: bool = True) -> Iterator[None]:
    """Files that are whole appear under their names at the end, and after an error none does.

    Not so without ``hold``, where a folder waits for its files, within another of these as well.

    A doubtful result is no error. Devices, pipes and standard output are written as ever.

    Raises
    ------
    OutputError
        If a file cannot have its name.
    """
    held: list[tuple[Temporary, Path, _Path]] = []
    token = _held.set(held if hold else None)
    doubt: DoubtfulError | None = None
    try:
        try:
            yield
        except DoubtfulError as error:
            doubt = error
        with FINISHING:
            while held:
                _name(*held.pop(0))
    finally:
        _held.reset(token)
        for temporary, _, _ in held:
            temporary.remove()
    if doubt is not None:
        raise doubt


@contextmanager
def open_output(path: _Path, *, packed: bool = False, threads: int = 1) -> Iterator[BinaryIO]:
    """Open a file for bytes that appear under its name only when whole.

    A name in .gz, .bgz or .bgzf is written as BGZF, and any where ``packed``; one in .bz2,
    .xz or .zst as that. '-' is standard output: everything is written or an error is raised,
    however that is buffered elsewhere. BGZF is packed by several threads where there are some.

    Raises
    ------
    OutputError
        If it cannot be written; then nothing is there under its name.
    BrokenPipeError
        If whoever read standard output has gone.
    """
    name = os.fspath(path)
    with atomic_path(path) as place, open_plain(place) as raw:
        packer = _packer(f"{name}.gz" if packed else name, raw, threads)
        if packer is None:
            yield raw
            return
        # What packs cuts blocks of its own; small pieces are gathered before.
        with io.BufferedWriter(packer, _BUFFER) as blocks:
            yield cast(BinaryIO, blocks)


def _packer(name: str, raw: BinaryIO, threads: int) -> Any:
    """What packs as a name's suffix says, or None; ``raw`` stays open."""
    suffix = os.path.splitext(name.lower())[1]
    if suffix in _GZIP_SUFFIXES:
        # Not above: who writes plain text (MultiQC's plug-in) needs no library for it.
        from dbgclean._bgzf import BgzfWriter

        return BgzfWriter(raw, threads=threads)
    if suffix == ".bz2":
        return bz2.BZ2File(raw, "w")
    if suffix == ".xz":
        return lzma.LZMAFile(raw, "w")
    if suffix != ".zst":
        return None
    zstd = optional("compression.zstd", "backports.zstd")
    if zstd is None:
        message = f"{name}: no zstd library is here; pip install backports.zstd, or name it .gz"
        raise OutputError(message)
    return zstd.ZstdFile(raw, "w")


@contextmanager
def open_text(path: _Path) -> Iterator[TextIO]:
    """As `open_output`, for text: UTF-8, lines as they are given."""
    with open_output(path) as raw:
        text = io.TextIOWrapper(raw, "utf-8", newline="\n")
        yield text
        text.detach()


@contextmanager
def open_plain(place: Path) -> Iterator[BinaryIO]:
    """A file, or for '-' descriptor 1, with a buffer of our own.

    `sys.stdout.buffer` has none under PYTHONUNBUFFERED, and may then write a part and say
    no word; one that an error left full is pushed out once more as the program ends.
    """
    if os.fspath(place) != "-":
        with io.BufferedWriter(_Named(place, "wb"), _BUFFER) as file:
            yield cast(BinaryIO, file)
        return
    if sys.stdout is not None:
        sys.stdout.flush()
    raw = _Named(1, "wb", closefd=False)
    try:
        out = io.BufferedWriter(raw, _BUFFER)
        yield cast(BinaryIO, out)
        out.flush()
    finally:
        raw.close()


class _Named(io.FileIO):
    """A file whose failed writes name it: of several that are open, one is full."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = "-" if self.name == 1 else self.name
            raise
