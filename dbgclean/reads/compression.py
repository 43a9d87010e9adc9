"""Opening an input for its decompressed bytes; the content decides, never the suffix."""

from __future__ import annotations

import importlib.util
import logging
import lzma
import os
import zlib
from typing import BinaryIO, cast

from xopen import xopen

from dbgclean.errors import InputError

__all__ = [
    "READ_ERRORS",
    "damaged",
    "detect_compression",
    "open_bytes",
    "read_head",
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
_BGZF_EXTRA = b"BC\x02\x00"
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def _read_errors() -> tuple[type[Exception], ...]:
    """Return what the decompressors raise for a damaged file."""
    errors: list[type[Exception]] = [EOFError, OSError, zlib.error, lzma.LZMAError]
    try:
        from isal import isal_zlib

        errors.append(cast(type[Exception], isal_zlib.error))
    except ImportError:
        pass
    try:
        from backports.zstd import ZstdError

        errors.append(ZstdError)
    except ImportError:
        pass
    return tuple(errors)


READ_ERRORS = _read_errors()


def detect_compression(path: str) -> str | None:
    """Return 'gz' (bgzip included), 'bz2', 'xz', 'zst', or None for anything else."""
    with open(path, "rb") as file:
        head = file.read(8)
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def open_bytes(path: str, *, threads: int = 1) -> BinaryIO:
    """Open `path` for reading its decompressed bytes.

    Parameters
    ----------
    threads : int
        With 2 or more, gzip is inflated in a thread of its own.

    Raises
    ------
    InputError
        If the file is zstd-compressed and no zstd library is installed.
    """
    compression = detect_compression(path)
    if compression is None:
        return open(path, "rb")
    if compression == "zst" and not _have_zstd():
        message = (
            f"{path}: compressed with zstd, and no zstd library is here; "
            "pip install backports.zstd, or decompress the file first"
        )
        raise InputError(message)
    helpers = 1 if threads > 1 and compression == "gz" else 0
    return cast(BinaryIO, xopen(path, "rb", threads=helpers, format=compression))


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


def _have_zstd() -> bool:
    """Tell whether xopen finds a zstd module (standard library from Python 3.14)."""
    for module in ("compression.zstd", "backports.zstd", "zstandard"):
        try:
            if importlib.util.find_spec(module) is not None:
                return True
        except ModuleNotFoundError:
            continue
    return False


def warn_without_end(path: str) -> None:
    """Warn of a bgzip file without its end marker: cut between two blocks, maybe."""
    with open(path, "rb") as file:
        is_bgzf = _BGZF_EXTRA in file.read(18)
        if not is_bgzf or file.seek(0, os.SEEK_END) < len(_BGZF_END):
            return
        file.seek(-len(_BGZF_END), os.SEEK_END)
        if file.read() != _BGZF_END:
            logger.warning("%s: no bgzip end marker; the file may be truncated", path)
