"""What can be read only once (standard input, a pipe), as a file that can be read again."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from dbgclean._files import refuse_missing
from dbgclean._temporary import temporary_folder
from dbgclean.errors import InputError
from dbgclean.reads.compression import (
    READ_ERRORS,
    damaged,
    detect_compression,
    read_head,
    refuse_database,
)

__all__ = ["Spool"]


class Spool:
    """Copies of what can be read only once; they go when the program ends.

    Parameters
    ----------
    folder : path, optional
        Where the copies are made; by default the system's temporary folder.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._given = folder
        self._folder: str | None = None
        self._copies = 0

    def readable(self, name: str) -> str:
        """Return a path that can be read more than once; '-' is standard input.

        Raises
        ------
        InputError
            If the file is missing, a folder, may not be read, or cannot be copied.
        """
        if name == "-":
            return self._copy(_standard_input(), "stdin")
        if not os.path.lexists(name):
            refuse_database(name)
        refuse_missing([name])
        if stat.S_ISREG(os.stat(name).st_mode):
            return name
        try:
            with open(name, "rb") as file:
                return self._copy(file, os.path.basename(name))
        except READ_ERRORS as error:
            raise damaged(name, 0, error) from error

    def _copy(self, source: BinaryIO, stem: str) -> str:
        """Copy into a folder of its own: inputs of several folders may share a name."""
        try:
            if self._folder is None:
                self._folder = str(temporary_folder(self._given).path)
            self._copies += 1
            target = Path(self._folder, str(self._copies), stem)
            target.parent.mkdir()
            with target.open("xb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            folder = self._given or tempfile.gettempdir()
            message = (
                f"{stem}: cannot be copied to {folder}: {reason}; "
                "give a temporary folder with room (--tmp), or a file"
            )
            raise InputError(message) from error
        return str(target.rename(f"{target}{_suffixes(str(target))}"))


def _suffixes(path: str) -> str:
    """Return the suffixes that tell what a spooled file is."""
    compression = detect_compression(path)
    head = read_head(path)
    if head.startswith(b"BAM\x01") or head.startswith(b"CRAM"):
        return ".bam" if head.startswith(b"BAM") else ".cram"
    kind = {b">": ".fasta", b"@": ".fastq"}.get(head.lstrip()[:1], "")
    return f"{kind}.{compression}" if compression else kind


def _standard_input() -> BinaryIO:
    """Standard input for bytes.

    Raises
    ------
    InputError
        If it is closed.
    """
    try:
        closed = sys.stdin is None or fcntl.fcntl(0, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
    except OSError:
        closed = True
    if closed:
        message = "-: standard input is closed; give it something to read, or name a file"
        raise InputError(message)
    return cast(BinaryIO, sys.stdin.buffer)
