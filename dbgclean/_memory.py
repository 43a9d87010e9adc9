"""What a process may take of the machine: CPUs, and memory that it gives back."""

import ctypes
import os
import sys

__all__ = ["allowed_cpus", "give_memory_back"]


def allowed_cpus() -> int:
    """CPUs this process may use: a scheduler's share, not the whole machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def give_memory_back() -> None:
    """Let go of freed memory that the C library keeps for later.

    Between two stages that is as much as the larger of them needed. Does nothing where
    the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
