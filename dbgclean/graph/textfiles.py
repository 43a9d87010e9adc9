"""Text files of graphs, for reading: opened by content, lines with their number."""

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, cast

from dbgclean._files import standard_input
from dbgclean.errors import InputError

__all__ = ["bad_line", "numbered_lines"]

_FOREIGN_MAGIC = {
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
}


def bad_line(path: str | os.PathLike[str], number: int, found: str, remedy: str) -> InputError:
    """The error for line `number` (from 1) of a file."""
    return InputError(f"{path}, line {number}: {found}; {remedy}")


@contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open for bytes, decompressed if need be; standard input stays open."""
    with ExitStack() as stack:
        if os.fspath(path) == "-":
            raw = cast(io.BufferedReader, standard_input())
        else:
            try:
                raw = stack.enter_context(open(path, "rb"))
            except IsADirectoryError:
                msg = f"{path}: a folder; name a file"
                raise InputError(msg) from None
            except OSError as error:
                msg = f"{path}: cannot be read: {os.strerror(error.errno or 0)}; check the path"
                raise InputError(msg) from error
        head = raw.peek(6)[:6]
        for magic, (kind, program) in _FOREIGN_MAGIC.items():
            if head.startswith(magic):
                msg = f"{path}: compressed with {kind}; decompress it first ({program})"
                raise InputError(msg)
        if head.startswith(b"\x1f\x8b"):
            yield cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=raw)))
        else:
            yield raw


def numbered_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line without its end) of a text file, gzip or plain, or '-'.

    Raises
    ------
    InputError
        If the file is missing, a folder, empty, binary, or damaged gzip.
    """
    number = 0
    with _open(path) as lines:
        try:
            for number, line in enumerate(lines, 1):  # noqa: B007  (named in the errors)
                yield number, line.rstrip(b"\r\n").decode("utf-8")
        except UnicodeDecodeError:
            raise bad_line(path, number, "not text", "is this the right file?") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise bad_line(
                path, number + 1, f"damaged gzip ({error})", "fetch or make the file again"
            ) from error
    if number == 0:
        msg = f"{path}: the file is empty; nothing to read"
        raise InputError(msg)
