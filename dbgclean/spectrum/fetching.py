"""Asking for memory before it is needed, for kernels.

A look-up in a hash that is larger than the cache waits for memory most of its time. Where
the next keys are known, their slots are on their way while the first one is looked at.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["fetch"]


@intrinsic
def fetch(typingctx: Any, array: Any, at: Any) -> Any:
    """Ask for ``array[at]``, of one dimension; nothing waits for it, and nothing is returned."""
    del typingctx

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(data, [args[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        asked = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        # To be read, soon and more than once, of data.
        builder.call(asked, [place, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
