"""Objects full of arrays in one file each: written whole, and mapped into memory when read.

What a step of a plan leaves for another process (`dbgclean.pipeline.plan`). The arrays lie in the
file as they lie in memory; the rest is pickled, and nothing is unpickled but classes of this
package and of numpy. Pages are read when they are looked at, and shared by all processes of
a machine; who writes on an array has a copy of his own.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import deflate

from dbgclean._files import open_plain, output_error
from dbgclean._temporary import Temporary
from dbgclean.errors import InputError

__all__ = ["load", "save", "written"]

_MAGIC = b"dbgclean store 1\n"
_ALIGNED = 64
# At the end: where the pickle lies, its length, those of all buffers as one checksum.
_TAIL = 32


def save(path: Path, content: Any, stored: Mapping[str, Any] | None = None) -> None:
    """Write an object; the file appears when it is whole.

    Parameters
    ----------
    stored
        Objects within it that have files of their own, by name, in the folder above: these are
        named in place of being written again.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    buffers: list[pickle.PickleBuffer] = []
    text = io.BytesIO()
    _Pickler(text, buffers, stored or {}).dump(content)
    with written(path) as file:
        _write_all(file, buffers, text.getvalue())


class _Pickler(pickle.Pickler):
    def __init__(
        self, file: BinaryIO, buffers: list[pickle.PickleBuffer], stored: Mapping[str, Any]
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffers.append)
        self._names = {id(content): name for name, content in stored.items()}

    def persistent_id(self, obj: Any) -> str | None:
        return self._names.get(id(obj))


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file, in a folder that is made, that appears when it is whole and stays if the run fails.

    Unlike those of `dbgclean._files.open_output`, which wait for the other outputs.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Temporary(path.parent, path.name)
        with open_plain(temporary.path) as file:
            yield file
        os.replace(temporary.path, path)
        temporary.forget()
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.remove()


def _write_all(file: BinaryIO, buffers: list[pickle.PickleBuffer], text: bytes) -> None:
    """The buffers, then the pickle, then where all of it lies."""
    check = _write(file, _MAGIC, 0)
    places = []
    for buffer in buffers:
        raw = buffer.raw()
        check = _write(file, bytes(-file.tell() % _ALIGNED), check)
        places.append((file.tell(), raw.nbytes))
        check = _write(file, raw, check)
    where = file.tell()
    index = pickle.dumps((places, text), protocol=5)
    check = _write(file, index, check)
    for number in (where, len(index), check):
        file.write(number.to_bytes(8, "little"))
    file.write(_MAGIC[:8])


def _write(file: BinaryIO, data: Any, check: int) -> int:
    file.write(data)
    return deflate.crc32(data, check)


def load(path: Path, *, check: bool = False) -> Any:
    """Read what `save` wrote; its arrays can be written to, which the file does not see.

    Parameters
    ----------
    check
        Read all of it first, and compare its checksum.

    Raises
    ------
    InputError
        If the file is missing, cut short, changed, or none of these.
    """
    try:
        with path.open("rb") as file:
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        msg = (
            f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is empty'}; {_AGAIN}"
        )
        raise InputError(msg) from error
    view = memoryview(whole)
    tail = len(view) - _TAIL
    if tail < len(_MAGIC) or view[: len(_MAGIC)] != _MAGIC or view[-8:] != _MAGIC[:8]:
        msg = f"{path}: cut short, or not written by a step; {_AGAIN}"
        raise InputError(msg)
    where, size, total = (
        int.from_bytes(view[at : at + 8], "little") for at in range(tail, tail + 24, 8)
    )
    try:
        if where + size != tail or (check and deflate.crc32(view[:tail]) != total):
            raise pickle.UnpicklingError
        places, text = _Classes(path, view[where:tail]).load()
        return _Classes(path, text, [view[at : at + n] for at, n in places]).load()
    except (pickle.UnpicklingError, AttributeError, ImportError, EOFError) as error:
        msg = f"{path}: not what a step of this version writes {error}".rstrip() + f"; {_AGAIN}"
        raise InputError(msg) from error


_AGAIN = "remove it and do its step again"


class _Classes(pickle.Unpickler):
    """Makes nothing but this package's objects and arrays: a file runs no code."""

    def __init__(
        self, path: Path, text: bytes | memoryview, buffers: list[memoryview] | None = None
    ) -> None:
        super().__init__(io.BytesIO(text), buffers=buffers)
        self._folder = path.parent.parent

    def persistent_load(self, pid: str) -> Any:
        return load(self._folder / Path(pid).name)

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if _allowed(module) else None
        if not isinstance(found, type) and name not in _MAKERS:
            msg = f"a {module}.{name} in it"
            raise pickle.UnpicklingError(msg)
        return found


# How numpy has its arrays, numbers and types made.
_MAKERS = ("_frombuffer", "_reconstruct", "scalar")


def _allowed(module: str) -> bool:
    return module.split(".")[0] in ("dbgclean", "numpy")
