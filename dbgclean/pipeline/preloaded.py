"""What the process loads that local workers are forked from: modules, and kernels of most steps.

It is imported by multiprocessing's fork server, once for all workers, and by nobody else.
"""

from contextlib import suppress

import distributed  # noqa: F401

from dbgclean.evidence.threading import kernels_are_cached
from dbgclean.pipeline.first_run import compile_counting, compile_threading

if kernels_are_cached():
    # What fails here fails in the step that needs it, too, and is told of there.
    with suppress(Exception):
        compile_counting()
        compile_threading()
