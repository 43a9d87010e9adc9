"""How kernels are compiled: once, kept beside the sources, and without the interpreter's lock.

What compiles takes most of the first run after an install. numba makes two more functions of each
kernel, by which Python and C call it: nothing here is called from C, and helpers of other
kernels are not called from Python either.
"""

import numba

__all__ = ["helper", "kernel"]

kernel = numba.njit(cache=True, nogil=True, no_cfunc_wrapper=True)
"""Decorator of functions that Python calls."""

helper = numba.njit(cache=True, nogil=True, no_cfunc_wrapper=True, no_cpython_wrapper=True)
"""Decorator of functions that kernels alone call: the process dies where Python does, and
``tests/test_house.py`` sees to it that none does."""
