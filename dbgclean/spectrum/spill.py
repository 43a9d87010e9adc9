"""Where partitions go that memory does not hold: one temporary file without a name."""

import os
import tempfile
import threading
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dbgclean.errors import OutputError
from dbgclean.spectrum.partition import Settled

__all__ = ["SpillFile", "check_folder", "temporary_folder"]


class _Place(NamedTuple):
    """Where a piece lies, and how many words and rows it has."""

    offset: int
    singles: int
    rows: int


def temporary_folder(given: str | None) -> str | None:
    """The folder that was asked for, else the system's, else none, if all is read-only."""
    if given is not None:
        return given
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return None


def check_folder(folder: str | os.PathLike[str]) -> None:
    """See at the start whether temporary files could be written.

    Raises
    ------
    OutputError
        If the folder is missing or not ours to write to.
    """
    if not Path(folder).is_dir():
        msg = f"{folder}: no such folder for temporary files; make it, or name another with --tmp"
        raise OutputError(msg)
    if not os.access(folder, os.W_OK | os.X_OK):
        msg = (
            f"{folder}: not writable, but temporary files go there; "
            "name a folder of yours with --tmp"
        )
        raise OutputError(msg)


class SpillFile:
    """Pieces of partitions as raw arrays, appended to a file and read back by partition.

    The file has no name (it is removed while it is open), so that nothing of it is left
    after an error, an interrupt or a crash.

    Parameters
    ----------
    folder : path
        Where the file's blocks go; the file is made when the first piece is written.
    partitions : int
        Number of partitions.
    dtype : dtype
        Of k-mers.
    """

    def __init__(
        self, folder: str | os.PathLike[str], partitions: int, dtype: np.dtype | type = np.uint64
    ) -> None:
        self._folder = os.fspath(folder)
        self._dtype = np.dtype(dtype)
        self._file: Any = None
        self._places: list[list[_Place]] = [[] for _ in range(partitions)]
        self._lock = threading.Lock()
        self.nbytes = 0

    def open(self) -> None:
        """Make the file, if it is not there yet.

        Raises
        ------
        OutputError
            If the folder is missing or cannot be written to.
        """
        if self._file is not None:
            return
        try:
            self._file = tempfile.TemporaryFile(buffering=0, prefix="dbgclean-", dir=self._folder)
        except OSError as error:
            raise self._explained(error) from error
        weakref.finalize(self, self._file.close)

    def write(self, partition: int, piece: Settled) -> None:
        """Append a piece of a partition; several threads may write at once.

        Raises
        ------
        OutputError
            If the disk is full or fails.
        """
        with self._lock:
            offset = self.nbytes
            self._places[partition].append(_Place(offset, piece.singles.size, piece.keys.size))
            self.nbytes += piece.nbytes
        assert self._file is not None
        try:
            for array in piece:
                left = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
                while left:
                    written = os.pwrite(self._file.fileno(), left, offset)
                    left = left[written:]
                    offset += written
        except OSError as error:
            raise self._explained(error) from error

    def read(self, partition: int) -> list[Settled]:
        """All pieces of a partition, in the order they were written."""
        return [self._piece(place) for place in self._places[partition]]

    def _piece(self, place: _Place) -> Settled:
        keys = place.offset + self._dtype.itemsize * place.singles
        values = keys + self._dtype.itemsize * place.rows
        return Settled(
            self._array(place.offset, self._dtype, place.singles),
            self._array(keys, self._dtype, place.rows),
            self._array(values, np.dtype(np.uint32), 3 * place.rows).reshape(3, -1),
        )

    def _array(self, offset: int, dtype: np.dtype, n: int) -> np.ndarray:
        assert self._file is not None
        out: np.ndarray = np.empty(n, dtype=dtype)
        left = out.view(np.uint8).data
        try:
            while left:
                got = os.preadv(self._file.fileno(), [left], offset)
                if not got:
                    msg = "the file ends early"
                    raise OSError(msg)
                left = left[got:]
                offset += got
        except OSError as error:
            raise self._explained(error) from error
        return out

    def close(self) -> None:
        """Free the disk space."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _explained(self, error: OSError) -> OutputError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return OutputError(
            f"{self._folder}: temporary k-mers cannot be kept there: {reason}; free some space, "
            "name another folder with --tmp, or give more --memory"
        )
