"""Temporary files and folders: known while they are ours, and removed when a run is killed.

Each is locked for as long as its process lives. What is left by one that was killed outright
(SIGKILL, a lost machine) has no lock any more, and the next run into the same place removes it.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path

__all__ = ["FINISHING", "Temporary", "remove_all", "temporary_folder"]

FINISHING = threading.RLock()
"""Held while outputs get their names, which must not stop half way."""

_SECONDS = 10  # no lock is looked for on what is younger: it may be about to be locked
_OURS: set[Temporary] = set()


class Temporary:
    """A file or folder that is removed unless it was moved away.

    Its name holds the machine's, because a lock is not seen from another, and that of what it
    stands for, which comes last: some libraries choose a format by a suffix.

    Parameters
    ----------
    where : path
        Folder to make it in.
    name : str
        What it will be.
    folder : bool

    Raises
    ------
    OSError
        If it cannot be made.
    """

    def __init__(self, where: Path, name: str, *, folder: bool = False) -> None:
        before = f".dbgclean-{_machine()}-"
        name = name[-100:]  # file systems take 255 bytes
        _remove_dead(where, before, f".tmp.{name}")
        self.path = where / f"{before}{secrets.token_hex(4)}.tmp.{name}"
        if folder:
            self.path.mkdir(mode=0o777)
        else:
            # open() and not mkstemp(): the mode then follows the user's umask.
            self.path.open("xb").close()
        self._lock = os.open(self.path, os.O_RDONLY)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _OURS.add(self)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Take it away, if it is still there, and forget it."""
        _remove(self.path)
        self.forget()

    def forget(self) -> None:
        """Leave it: it has another name now."""
        _OURS.discard(self)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def temporary_folder(where: str | os.PathLike[str] | None = None) -> Temporary:
    """A folder for intermediate files, gone when the program ends; by default the system's.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    made = Temporary(Path(where or tempfile.gettempdir()), "files", folder=True)
    made.path.chmod(0o700)
    atexit.register(made.remove)
    return made


def remove_all() -> None:
    """Take away everything temporary: the process is about to end."""
    for one in list(_OURS):
        _remove(one.path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
        return
    shutil.rmtree(path, ignore_errors=True)


def _machine() -> str:
    return "".join(c if c.isalnum() else "_" for c in socket.gethostname())[:40]


def _remove_dead(where: Path, before: str, after: str) -> None:
    """Remove what an earlier run of this machine left here for the same name."""
    try:
        names = [n for n in os.listdir(where) if n.startswith(before) and n.endswith(after)]
    except OSError:
        return
    for name in names:
        path = where / name
        if len(name) != len(before) + 8 + len(after):
            continue
        with contextlib.suppress(OSError):
            if path.stat().st_uid != os.geteuid() or time.time() - path.stat().st_mtime < _SECONDS:
                continue
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
            finally:
                os.close(lock)
