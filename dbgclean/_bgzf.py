"""BGZF: gzip that bgzip, tabix and htslib understand, without a time stamp."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import deflate

__all__ = ["END", "BgzfWriter"]

END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that a whole file ends with."""


class BgzfWriter(io.RawIOBase):
    """Writes BGZF: gzip in blocks, readable by gzip, bgzip, tabix and htslib.

    Same bytes in, same bytes out: no time stamp, no name, blocks cut at fixed
    lengths, packed by libdeflate. isal is faster, but what it gives for a block now and
    then depends on what the memory held before.

    Parameters
    ----------
    raw : binary file
        Open for writing; stays open.
    level : int
        1 to 12; at 1, size and speed are the best compromise for reads.
    threads : int
        Threads that pack what is written many blocks at a time; the bytes are the same.

    References
    ----------
    SAM/BAM format specification, section 4.1, "The BGZF compression format".
    """

    BLOCK = 65_280
    _HEADER = END[:16]  # up to the size of the block

    def __init__(self, raw: BinaryIO, level: int = 1, threads: int = 1) -> None:
        self._raw = raw
        self._level = level
        self._tail = b""
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

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
        blocks = [view[start : start + self.BLOCK] for start in range(0, whole, self.BLOCK)]
        spread: Any = self._pool.map if self._pool is not None and len(blocks) > 1 else map
        self._raw.write(b"".join(spread(self._block, blocks)))
        self._tail = bytes(view[whole:])
        return size

    def close(self) -> None:
        """Write what is left and the end marker; the file below stays open."""
        if self.closed:
            return
        try:
            if self._tail:
                self._raw.write(self._block(memoryview(self._tail)))
            self._raw.write(END)
            self._raw.flush()
        finally:
            self._tail = b""
            if self._pool is not None:
                self._pool.shutdown()
            super().close()

    def _block(self, data: memoryview) -> bytes:
        body = deflate.deflate_compress(data, self._level)
        if len(body) >= self.BLOCK:
            body = bytearray(zlib.compress(data, 0, wbits=-15))  # noise: stored, it then fits
        size = len(self._HEADER) + 2 + len(body) + 8
        return b"".join(
            (
                self._HEADER,
                struct.pack("<H", size - 1),
                body,
                struct.pack("<II", deflate.crc32(data), len(data)),
            )
        )
