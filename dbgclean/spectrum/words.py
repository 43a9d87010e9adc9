"""k-mers of more than one word: how they lie in arrays, and how kernels compute with them.

Two bits a base, and two to spare: k to 31 takes one word of 64 bits, k to 63 two, k to 127
four. An array of k-mers has one dimension at any k. Its dtype is uint64, or 16 or 32 bytes,
the highest first, which numpy compares as it does strings: by value. (A structure of words
would be plainer, but numba knows a structure by the address of its dtype, which may be
another's by then.)

In a kernel `load` takes a k-mer out of an array and `store` puts it back; between the two it
is one integer of 64, 128 or 256 bits, with the operators of uint64. So a kernel is written
once, numba compiles it for the widths that are asked for, and what it compiles for one word
is what it would without this file.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.imputils import lower_builtin, lower_cast
from numba.core.typeconv import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic

__all__ = [
    "as_keys", "folded", "full", "full_keys", "is_wide", "key_dtype", "load", "low_word", "store",
    "turned", "whole", "zero",
]  # fmt: skip

_BITS = 64

_WIDE = {words: np.dtype(f"S{8 * words}") for words in (2, 4)}

_FOLD = 0xD6E8FEB86659FD93  # odd: no bit of a word is lost in the product


def key_dtype(k: int) -> np.dtype:
    """dtype of packed k-mers: uint64, or two or four of them as bytes."""
    words = next(words for words in (1, 2, 4) if 2 * k + 2 <= words * _BITS)
    return np.dtype(np.uint64) if words == 1 else _WIDE[words]


def is_wide(keys: np.ndarray) -> bool:
    """Whether k-mers of an array have several words."""
    return bool(keys.dtype.kind == "S")


def as_keys(keys: np.ndarray) -> np.ndarray:
    """Packed k-mers of any width as a kernel takes them: contiguous."""
    return np.ascontiguousarray(keys, dtype=keys.dtype if is_wide(keys) else np.uint64)


def full_keys(n: int, dtype: np.dtype) -> np.ndarray:
    """Entries with all bits set, which is no k-mer of the width."""
    words: np.ndarray = np.full(n * dtype.itemsize // 8, 2**64 - 1, dtype=np.uint64)
    return words.view(dtype)


def low_word(keys: np.ndarray) -> np.ndarray:
    """The lowest 64 bits of each k-mer of a contiguous array, unsigned (n,): a view."""
    if not is_wide(keys):
        return keys
    words = keys.dtype.itemsize // 8
    lowest: np.ndarray = keys.view(">u8")[words - 1 :: words]
    return lowest


class Wide(types.Number):
    """An integer without sign of several words, in a kernel."""

    def __init__(self, words: int) -> None:
        self.words = words
        super().__init__(name=f"kmer{words * _BITS}")

    def unify(self, typingctx: Any, other: Any) -> Any:
        """With what has fewer bits: this."""
        return self if isinstance(other, types.Integer) else None

    def can_convert_from(self, typingctx: Any, other: Any) -> Any:
        """From what has fewer bits."""
        return Conversion.promote if isinstance(other, types.Integer) else None


@register_default(Wide)
class _Model(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Wide) -> None:
        super().__init__(dmm, fe_type, ir.IntType(fe_type.words * _BITS))


@lower_cast(types.Integer, Wide)
def _widen(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    extend = builder.sext if given.signed else builder.zext
    return extend(value, context.get_value_type(wanted))


@lower_cast(Wide, types.Integer)
def _narrow(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    return builder.trunc(value, context.get_value_type(wanted))


def _register(operation: Any, build: Callable[..., Any], kind: str) -> None:
    """Teach numba an operator: ``kind`` is of "bits", "shift" and "compare"."""

    @infer_global(operation)
    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            wide = [kind for kind in args if isinstance(kind, Wide)]
            if not wide or not all(isinstance(kind, (Wide, types.Integer)) for kind in args):
                return None
            if kind == "shift":
                return signature(args[0], args[0], types.uint64) if args[0] in wide else None
            result = types.boolean if kind == "compare" else wide[0]
            return signature(result, *[wide[0]] * len(args))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if kind == "shift":
            args = (args[0], builder.zext(args[1], args[0].type))
        return build(builder, *args)

    sides = {"bits": (Wide, Wide), "compare": (Wide, Wide), "shift": (Wide, types.Integer)}[kind]
    lower_builtin(operation, *sides)(lower)


for _operation, _name in {
    operator.and_: "and_", operator.or_: "or_", operator.xor: "xor", operator.add: "add",
    operator.sub: "sub",
}.items():  # fmt: skip
    _register(_operation, getattr(ir.IRBuilder, _name), "bits")
for _operation, _name in {operator.lshift: "shl", operator.rshift: "lshr"}.items():
    _register(_operation, getattr(ir.IRBuilder, _name), "shift")
for _operation, _sign in {
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==",
    operator.ne: "!=",
}.items():  # fmt: skip
    _register(
        _operation,
        lambda builder, a, b, sign=_sign: builder.icmp_unsigned(sign, a, b),
        "compare",
    )


def _value_of(keys: Any) -> Any:
    """What a kernel calculates with, of an array or a k-mer."""
    if isinstance(keys, types.Array):
        keys = keys.dtype
    if isinstance(keys, types.CharSeq):
        return Wide(keys.count * 8 // _BITS)
    return keys


def _words(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> list[Any]:
    """Addresses of the words of an entry of an array, the highest first."""
    made = context.make_array(kind)(context, builder, array)
    place = cgutils.get_item_pointer(context, builder, kind, made, [at], wraparound=False)
    if not isinstance(kind.dtype, types.CharSeq):
        return [place]
    first = builder.bitcast(place, ir.IntType(_BITS).as_pointer())
    return [builder.gep(first, [ir.IntType(32)(i)]) for i in range(kind.dtype.count // 8)]


@intrinsic
def load(typingctx: Any, keys: Any, at: Any) -> Any:
    """``keys[at]`` of an array of k-mers; ``at`` is not negative."""
    del typingctx

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = context.get_value_type(sig.return_type)
        words = _words(context, builder, sig.args[0], *args)
        if len(words) == 1:
            return builder.load(words[0])
        kmer = kind(0)
        for place in words:
            word = builder.zext(builder.bswap(builder.load(place, align=1)), kind)
            kmer = builder.or_(builder.shl(kmer, kind(_BITS)), word)
        return kmer

    return _value_of(keys)(keys, types.intp), generate


@intrinsic
def store(typingctx: Any, keys: Any, at: Any, kmer: Any) -> Any:
    """``keys[at] = kmer`` in an array of k-mers; ``at`` is not negative."""
    del typingctx, kmer

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kmer, words = args[2], _words(context, builder, sig.args[0], *args[:2])
        if len(words) == 1:
            builder.store(kmer, words[0])
            return context.get_dummy_value()
        for place in reversed(words):
            word = builder.bswap(builder.trunc(kmer, ir.IntType(_BITS)))
            builder.store(word, place, align=1)
            kmer = builder.lshr(kmer, kmer.type(_BITS))
        return context.get_dummy_value()

    return types.void(keys, types.intp, _value_of(keys)), generate


def _constant(like: Any, value: int) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del builder, args
        return ir.Constant(context.get_value_type(sig.return_type), value)

    return _value_of(like)(like), generate


@intrinsic
def zero(typingctx: Any, like: Any) -> Any:
    """0, as wide as the k-mers of an array, or as a k-mer."""
    del typingctx
    return _constant(like, 0)


@intrinsic
def full(typingctx: Any, like: Any) -> Any:
    """All bits set, as wide as `zero`: no k-mer, and above them all."""
    del typingctx
    return _constant(like, -1)


@intrinsic
def folded(typingctx: Any, kmer: Any) -> Any:
    """uint64 that depends on every word of a k-mer, and is the k-mer itself where it has one."""
    del typingctx

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        (kmer,), word = args, ir.IntType(_BITS)
        found = None
        for up in range(kmer.type.width - _BITS, -1, -_BITS):
            part = builder.lshr(kmer, kmer.type(up)) if up else kmer
            part = builder.trunc(part, word) if part.type != word else part
            found = part if found is None else builder.xor(builder.mul(found, word(_FOLD)), part)
        return found

    return types.uint64(kmer if isinstance(kmer, Wide) else types.uint64), generate


@intrinsic
def whole(typingctx: Any, kmer: Any) -> Any:
    """A k-mer as it is; of one word, which Python has as a number with a sign, without it."""
    del typingctx

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, builder, sig
        return args[0]

    kind = kmer if isinstance(kmer, Wide) else types.uint64
    return kind(kind), generate


@intrinsic
def turned(typingctx: Any, kmer: Any, k: Any) -> Any:
    """Reverse complement of a packed k-mer."""
    del typingctx

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        x, k = args
        kind = x.type
        x = builder.bswap(builder.not_(x))
        # Within the bytes, which now run the other way: halves of four bits, then bases.
        for bits in (4, 2):
            part = (1 << bits) - 1
            mask = kind(sum(part << place for place in range(0, kind.width, 2 * bits)))
            low = builder.shl(builder.and_(x, mask), kind(bits))
            x = builder.or_(builder.and_(builder.lshr(x, kind(bits)), mask), low)
        spare = builder.sub(k.type(kind.width), builder.shl(k, k.type(1)))
        return builder.lshr(x, builder.zext(spare, kind) if kind.width > _BITS else spare)

    kind = kmer if isinstance(kmer, Wide) else types.uint64
    return kind(kind, types.int64), generate
