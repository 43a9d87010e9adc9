"""What this process is given, made sound before anything else: streams and memory."""

import contextlib
import gc
import io
import os
import resource
import signal
import sys
import time
from threading import Thread
from typing import NoReturn

from dbgclean._memory import keep_heap_small
from dbgclean._temporary import FINISHING, remove_all
from dbgclean.errors import DbgcleanError

__all__ = [
    "NO_MEMORY",
    "end",
    "is_memory_error",
    "open_closed_streams",
    "prepare_libraries",
    "watch_signals",
]

# Address space that a small sample takes with two threads where nothing is compiled yet:
# below it LLVM aborts and shared objects are not mapped (670 MB for `count`, less than 1,000 for
# `run`); torch, which trains, takes more.
_LEAST = 1024 << 20
_LEAST_TO_TRAIN = 1792 << 20

_GRACE = 2.0  # seconds

NO_MEMORY = "not enough memory; give a smaller --memory, fewer threads, or a larger machine"


def open_closed_streams() -> None:
    """Give every standard stream that is closed the null device.

    Otherwise the first output file may become descriptor 2, and words end up in it. Input
    and output get it the wrong way round, so that using them fails as on a closed one.
    """
    for number, (name, way) in enumerate(
        (("stdin", os.O_WRONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))
    ):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, way)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
            buffer = io.BufferedReader(raw) if number == 0 else io.BufferedWriter(raw)
            setattr(sys, name, io.TextIOWrapper(buffer, errors="backslashreplace"))


def watch_signals() -> None:
    """See to it that SIGINT and SIGTERM end the process soon, whatever its threads are doing.

    Python itself handles a signal when the main thread comes back from a kernel or from
    compiling one, and waits for the other threads then. A thread that is told at once by
    the C handler gives them `_GRACE` seconds; then it removes what is temporary and ends
    the process, but not while outputs get their names.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    Thread(target=_end_soon, args=(told,), name="dbgclean-signals", daemon=True).start()


def _end_soon(told: int) -> None:
    number = 0
    while number not in (signal.SIGINT, signal.SIGTERM):
        number = os.read(told, 1)[0]
    time.sleep(_GRACE)
    with FINISHING:
        if number == signal.SIGINT:
            with contextlib.suppress(OSError):
                os.write(2, b"dbgclean: error: interrupted\n")
        end(128 + number)


def end(code: int) -> NoReturn:
    """Remove what is temporary and end the process, without what the interpreter does at its end.

    That takes a fifth of a second, and seconds where much is loaded and the cores are busy;
    `_end_soon` can do nothing meanwhile: Python no longer lets other threads run then.
    """
    with FINISHING:
        remove_all()
        os._exit(code)


def prepare_libraries(verb: str) -> None:
    """Before numpy and numba are loaded: no threads that nobody uses, and room for what is loaded.

    OpenBLAS starts a thread for every core, each with buffers; where these cannot be mapped it
    tries for ever, with the interpreter's lock. Nothing here needs more than one of them.

    Raises
    ------
    DbgcleanError
        Where the limit on memory (`ulimit -v`) is below what they take.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    keep_heap_small()
    # Classes and functions by the ten thousand, none of them garbage: looking for some among
    # them every 700 took nearly a tenth of the start.
    gc.set_threshold(20_000, *gc.get_threshold()[1:])
    least = _LEAST_TO_TRAIN if verb == "train" else _LEAST
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < least:
        message = (
            f"not enough memory: the limit on address space (ulimit -v) is {limit >> 20:,} MB, and "
            f"{verb} needs at least {least >> 20:,} MB; raise it"
        )
        raise DbgcleanError(message)


def is_memory_error(error: BaseException) -> bool:
    """Tell whether memory was short, whatever a library calls that."""
    words = str(error)
    return isinstance(error, MemoryError) or any(
        sign in words
        for sign in (
            "failed to map segment", "cannot allocate memory", "Cannot allocate memory",
            "can't start new thread", "not enough memory", "out of memory",
        )
    )  # fmt: skip
