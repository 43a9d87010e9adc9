"""Text files of graphs, for reading: opened by content, lines with their number."""

import os
from collections.abc import Iterator

from dbgclean.errors import InputError
from dbgclean.reads.compression import READ_ERRORS, damaged, open_bytes
from dbgclean.reads.spool import Spool

__all__ = ["bad_line", "numbered_lines"]

_LONGEST = 2**28  # bytes: more than human chromosome 1; a compressed file can hold any length


def bad_line(path: str | os.PathLike[str], number: int, found: str, remedy: str) -> InputError:
    """The error for line `number` (from 1) of a file."""
    return InputError(f"{path}, line {number}: {found}; {remedy}")


def numbered_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line without its end) of a text file, compressed or not, or '-'.

    Raises
    ------
    InputError
        If the file is missing, a folder, empty, binary, or damaged, or a line has more than
        268,435,456 bytes: memory is taken for a whole line.
    """
    number = 0
    try:
        with open_bytes(Spool().readable(os.fspath(path))) as lines:
            while line := lines.readline(_LONGEST + 1):
                number += 1
                if len(line) > _LONGEST:
                    found = f"a line of more than {_LONGEST:,} bytes"
                    raise bad_line(path, number, found, "cut the sequence, or check the file")
                yield number, line.rstrip(b"\r\n").decode("utf-8")
    except UnicodeDecodeError:
        raise bad_line(path, number, "not text", "is this the right file?") from None
    except READ_ERRORS as error:
        if isinstance(error, OSError) and error.errno:
            raise damaged(os.fspath(path), 0, error) from error
        found = "the compressed data are damaged or cut off"
        raise bad_line(path, number + 1, found, "get a whole copy of it") from error
    if number == 0:
        msg = f"{path}: the file is empty; nothing to read"
        raise InputError(msg)
