"""Where numba keeps compiled kernels, if not beside the sources.

numba refuses to decorate a kernel whose cache it cannot write, and looks into no cache that
it cannot write. In a read-only installation (a container, another user's environment) kernels
therefore go to a folder of this user's, which begins with links to those that `dbgclean
warm-up` has compiled into the installation.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import tempfile
from pathlib import Path

__all__ = ["NO_CACHE", "is_for_all", "prepare_cache"]

NO_CACHE = (
    "no folder for compiled kernels can be written; set TMPDIR or NUMBA_CACHE_DIR to one that can"
)

_PACKAGE = Path(__file__).parent
_VARIABLE = "NUMBA_CACHE_DIR"


@functools.cache
def prepare_cache() -> str | None:
    """See to it that kernels can be kept, before numba is imported.

    Returns
    -------
    str or None
        The folder that was made for them now, for want of a better one: worth a word. None
        where NUMBA_CACHE_DIR is a folder that can be written, the package is, such a folder
        was there, or none can be made (numba will say so).
    """
    if (compiled := _read_only()) is None:
        return None
    try:
        folder = _folder_of_this_user()
    except OSError:
        return None
    known = any(folder.iterdir())
    for name, source in compiled.items():
        _link(source, folder / name)
    os.environ[_VARIABLE] = str(folder)
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    if not _writable(Path(settings, "matplotlib")):
        # It would say so in two lines, and look for fonts anew in every run.
        os.environ.setdefault("MPLCONFIGDIR", str(folder / "matplotlib"))
    return None if known else str(folder)


def is_for_all() -> bool:
    """Tell whether what is compiled now is found by whoever uses this installation."""
    return _read_only() is None


@functools.cache
def _read_only() -> dict[str, Path] | None:
    """Folders of compiled kernels by numba's names for them; None where they can be written."""
    if given := os.environ.get(_VARIABLE):
        folders = {path.name: path for path in _folders(Path(given))}
        return None if _writable(Path(given)) else folders
    rooms = [path / "__pycache__" for path in _folders(_PACKAGE) if any(path.glob("*.py"))]
    return None if all(map(_writable, rooms)) else {_numbas_name(p.parent): p for p in rooms}


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(item for item in path.iterdir() if item.is_dir())
    except OSError:
        return []


def _writable(folder: Path) -> bool:
    """Tell whether files can be made in a folder, which need not be there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _numbas_name(folder: Path) -> str:
    """What numba calls a source folder's part of NUMBA_CACHE_DIR."""
    digest = hashlib.sha1(str(folder).encode(), usedforsecurity=False).hexdigest()
    return f"{folder.name}_{digest}"


def _folder_of_this_user() -> Path:
    """In the user's cache, else among the temporary files; nobody else may write there."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    temporary = tempfile.gettempdir()
    for folder in (Path(cache, "dbgclean"), Path(temporary, f"dbgclean-kernels-{os.geteuid()}")):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
        except OSError:
            continue
        # Kernels are code: a folder that somebody else laid out here is not used.
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if ours and not found.st_mode & 0o022 and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="dbgclean-kernels-", dir=temporary))


def _link(source: Path, folder: Path) -> None:
    """Have compiled kernels appear in a folder; numba replaces a link, never what it leads to."""
    try:
        names = [item.name for item in source.iterdir() if item.suffix in (".nbi", ".nbc")]
        folder.mkdir(exist_ok=True)
        there = set(os.listdir(folder))
    except OSError:
        return
    # An index of this user's own names data of its own.
    own = {name.split(".py3")[0] for name in there if not (folder / name).is_symlink()}
    for name in names:
        if name not in there and name.split(".py3")[0] not in own:
            try:
                os.symlink(source / name, folder / name)
            except FileExistsError:
                pass  # by a run that began with this one
