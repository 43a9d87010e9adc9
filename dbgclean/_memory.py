"""Memory that is no longer used, back to the system."""

import ctypes
import sys

__all__ = ["give_memory_back"]


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
