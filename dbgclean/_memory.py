"""What a process may take of the machine: CPUs, and memory that it gives back."""

import ctypes
import os
import sys
from typing import Any

__all__ = [
    "BESIDES", "allowed_cpus", "give_memory_back", "keep_heap_small", "share_of", "size_in_words",
]  # fmt: skip

BESIDES = 400 << 20
"""Interpreter, libraries, kernels, batches under way."""

# Of glibc's mallopt(3): what is larger is mapped by itself, and gone when it is freed; what is
# free at the end of a heap goes back from so much on; and how many heaps there may be.
_MMAP, _TRIM, _ARENAS = (-3, 4 << 20), (-1, 32 << 20), (-8, 2)


def allowed_cpus() -> int:
    """CPUs this process may use: a scheduler's share, not the whole machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_heap_small() -> None:
    """Have the C library map tables by themselves, before there are other threads.

    Else it learns from the first large one that is freed to carve others out of its heaps, of
    which every thread has one, and they are full of holes that nobody can use. Does nothing
    where the C library is not glibc, or where the user chose otherwise (``MALLOC_...``).
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = _of_glibc("mallopt")
    for option, value in (_MMAP, _TRIM, _ARENAS) if mallopt is not None else ():
        mallopt(option, value)


def give_memory_back() -> None:
    """Let go of freed memory that the C library keeps for later.

    Between two stages that is as much as the larger of them needed. Does nothing where
    the C library is not glibc.
    """
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Any:
    """A function of the C library, where that is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    # Others have some of its functions, but not this one.
    return getattr(library, name, None) if hasattr(library, "gnu_get_libc_version") else None


def share_of(memory: int) -> int:
    """What is left of ``--memory`` for what grows with the reads."""
    return max(memory - BESIDES, memory // 4)


def size_in_words(number: int) -> str:
    """A size as ``--memory`` takes it: 1536 is 1.5KB."""
    power = min(4, max(0, number.bit_length() - 1) // 10)
    return f"{number / (1 << 10 * power):.3g}{('', 'K', 'M', 'G', 'T')[power]}B"
