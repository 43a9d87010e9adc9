"""Regions of a BED file, plain or compressed."""

from __future__ import annotations

from collections.abc import Iterator

from dbgclean.errors import InputError
from dbgclean.reads.compression import READ_ERRORS, damaged, open_bytes

__all__ = ["bed_regions"]

_SKIPPED = (b"#", b"track", b"browser")


def bed_regions(path: str, found: str = "no BED region") -> Iterator[tuple[int, str, int, int]]:
    """Yield the number of the line, contig, start and end of each region.

    Parameters
    ----------
    found
        What a line is that is no region, for the errors.

    Raises
    ------
    InputError
        If the file is missing or damaged, or a line is no region.
    """
    number = 0
    try:
        with open_bytes(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip() and not line.startswith(_SKIPPED):
                    yield number, *_region(f"{path}: line {number:,}", line, found)
    except READ_ERRORS as error:
        if isinstance(error, OSError) and error.errno:
            raise damaged(path, 0, error) from error
        msg = f"{path}: damaged after line {number:,}; get a whole copy of it"
        raise InputError(msg) from error


def _region(where: str, line: bytes, found: str) -> tuple[str, int, int]:
    fields = line.rstrip(b"\r\n").split(b"\t") if b"\t" in line else line.split()
    try:
        start, end = int(fields[1]), int(fields[2])
    except (IndexError, ValueError):
        text = line.strip()[:40].decode("ascii", "backslashreplace")
        msg = f"{where} is {text!r}, {found}; give contig, start and end on each line"
        raise InputError(msg) from None
    if not 0 <= start <= end:
        msg = f"{where} goes from {start} to {end}; a BED region has 0 <= start <= end"
        raise InputError(msg)
    return fields[0].decode("utf-8", "surrogateescape"), start, end
