"""Arrays that a kernel may pass on without counting references.

Compiled functions count a reference to every array that is handed to them or taken out
of a tuple, by an atomic increment and decrement. In a search that calls small functions
for every base these were a third of the time of one thread, and more with two, which
count in the same place.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["unowned"]


@intrinsic
def unowned(typing_context: Any, array: types.Array) -> Any:
    """The same array without an owner: nothing is counted for it and for its views.

    For use within a kernel, on its own arguments, which the caller holds as long as the
    kernel runs: an array made in the kernel would be freed after its last use by name.
    Nothing unowned may be returned.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, value=arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), generate
