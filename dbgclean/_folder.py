"""An output folder that is filled as a whole or not at all, beside what is the user's own."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import threading
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from dbgclean._files import concerns, identities, identity, output_error
from dbgclean._temporary import FINISHING, Temporary
from dbgclean.errors import OutputError, UsageError

__all__ = ["OutputFolder", "refuse_folder", "refuse_names"]

_Path = str | os.PathLike[str]


class OutputFolder:
    """Context manager: a hidden folder whose content moves to `path` on `commit`.

    Parameters
    ----------
    path : path
        The final folder. May exist if it is empty.
    force : bool
        Write into a folder that holds something: files of the same name are replaced,
        nothing else in it is touched.
    inputs : iterable of paths
        What must not be replaced; None is passed over.

    Raises
    ------
    OutputError
        If the folder holds something and `force` is not given, if another run writes
        into it, if it cannot be made, and on leaving for any OSError inside that is about
        a file in it.
    """

    def __init__(
        self, path: _Path, force: bool = False, inputs: Iterable[_Path | None] = ()
    ) -> None:
        self.final = Path(path)
        self._committed = False
        self._inputs = identities(inputs)
        refuse_folder(path, force)
        self._exists = self.final.is_dir()
        self._lock = -1
        try:
            # Inside an existing folder, which may be a disk of its own: then the
            # moves of commit() stay renames.
            real = Path(os.path.realpath(self.final))
            parent = real if self._exists else real.parent
            parent.mkdir(parents=True, exist_ok=True)
            if self._exists:
                self._lock = _locked(real)
            self._kept = Temporary(parent, real.name, folder=True)
            self._temporary = self._kept.path
        except OSError as error:
            self._unlock()
            raise output_error(path, error) from error

    def path(self, name: str) -> Path:
        """Return where to write `name` ('report.json', 'reads/a.fq.gz') for now."""
        self.claim(name)
        path = self._temporary / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self.final / name, error) from error
        return path

    def claim(self, *names: str) -> None:
        """Refuse names under which something stands that is not to be replaced.

        Called with all names that are known before any work is done; `commit` looks at
        those of all files once more.

        Raises
        ------
        UsageError
            If one is an input.
        OutputError
            If a folder stands where a file is to go, or a file where a folder is.
        """
        refuse_names(self.final, names, self._inputs)

    def commit(self) -> Path:
        """Move everything under the final name, or nothing, and return it.

        Raises
        ------
        OutputError
            If something cannot be moved; what was there before then stands as it stood.
        """
        try:
            if not self._exists:
                with FINISHING:
                    os.rename(self._temporary, os.path.realpath(self.final))
                    self._committed = True
                    self._kept.forget()
            else:
                self._replace()
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                message = f"{self.final}: made by another run meanwhile; name another folder"
                raise OutputError(message) from error
            raise output_error(self.final, error) from error
        return self.final

    def _replace(self) -> None:
        """Move what is replaced aside and the new files in; on an error, all of it back."""
        found = (item for item in self._temporary.rglob("*") if not item.is_dir())
        names = sorted(str(item.relative_to(self._temporary)) for item in found)
        self.claim(*names)
        # The report goes first and comes last: killed in between, a folder has none.
        names.sort(key="report.json".__eq__)
        aside = self._temporary.with_name(f"{self._temporary.name}.old")
        final = Path(os.path.realpath(self.final))
        moves = [(final / n, aside / n) for n in reversed(names) if os.path.lexists(final / n)]
        moves += [(self._temporary / name, final / name) for name in names]
        done: list[tuple[Path, Path]] = []
        made: list[Path] = []
        with _signals_held(), FINISHING:
            try:
                for source, target in moves:
                    made += _make_folder(target.parent)
                    os.rename(source, target)
                    done.append((source, target))
            except BaseException:
                for source, target in reversed(done):
                    os.rename(target, source)
                for folder in reversed(made):
                    folder.rmdir()
                raise
            self._committed = True
            shutil.rmtree(aside, ignore_errors=True)
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._unlock()
        if self._committed:
            self._kept.forget()
            return
        temporary = self._temporary
        self._kept.remove()
        if isinstance(exc, OSError) and concerns(exc, temporary):
            named = Path(exc.filename) if isinstance(exc.filename, str) else temporary
            raise output_error(self.final / named.relative_to(temporary), exc) from exc
        if isinstance(exc, OutputError) and str(temporary) in str(exc):
            message = str(exc).replace(str(temporary), str(self.final))
            raise OutputError(message) from exc


def refuse_folder(
    path: _Path,
    force: bool,
    remedy: str = "use --force (from Python force=True) or name another output folder",
) -> None:
    """Refuse a file, and a folder that holds something unless `force` is given.

    Raises
    ------
    OutputError
        Saying which.
    """
    final = Path(path)
    if final.exists() and not final.is_dir():
        message = f"{path}: a file, not a folder; name another output folder"
        raise OutputError(message)
    try:
        full = not force and final.is_dir() and any(final.iterdir())
    except OSError as error:
        raise output_error(path, error) from error
    if full:
        message = f"{path}: the folder is not empty; {remedy}"
        raise OutputError(message)


def refuse_names(
    folder: Path, names: Iterable[str], inputs: Collection[tuple[object, ...]]
) -> None:
    """Refuse names of files under which something stands that is not to be replaced.

    Parameters
    ----------
    inputs
        See `dbgclean._files.identities`.

    Raises
    ------
    UsageError, OutputError
        As `OutputFolder.claim`.
    """
    for name in names:
        target = folder / name
        if identity(target, 1) in inputs:
            message = f"{target}: an input too; name another output folder"
            raise UsageError(message)
        is_folder = target.is_dir() and not target.is_symlink()
        above = [folder / part for part in Path(name).parents]
        files = [part for part in above if os.path.lexists(part) and not part.is_dir()]
        if is_folder or files:
            where, what = (target, "folder") if is_folder else (files[0], "file")
            message = f"{where}: a {what} that is in the way; move it or name another folder"
            raise OutputError(message)


def _locked(folder: Path) -> int:
    """Open a folder and lock it for this run: the lock ends with the process, however that ends."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        message = f"{folder}: another run writes into it; let it end or name another folder"
        raise OutputError(message) from error
    except OSError:
        pass  # a file system without locks
    return lock


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it that are missing; which were made, outermost first."""
    if folder.is_dir():
        return []
    made = _make_folder(folder.parent)
    folder.mkdir()
    return [*made, folder]


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait for the end of what must not stop half way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    older = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in older.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for one in came:
            signal.raise_signal(one)
