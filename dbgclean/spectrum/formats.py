"""k-mers as files.

k-mers are written as `jellyfish dump` does, ``>abundance`` and the k-mer on the next
line, sorted, so that two files can be compared line by line and assemblers read them
as FASTA. Read back are such files and two-column text, ``kmer abundance`` with a blank
or a tab (``jellyfish dump -c``, ``kmc_tools transform ... dump``), compressed or not.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dbgclean._files import open_output
from dbgclean._kernels import helper, kernel
from dbgclean.errors import InputError, UsageError
from dbgclean.reads.compression import READ_ERRORS, open_bytes, refuse_database
from dbgclean.spectrum.kmers import BASE_CODES, MAX_K, MIN_K, canonical_kmers, check_k, revcomp
from dbgclean.spectrum.ordering import is_rising, order_of
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.words import key_dtype, load, store, zero

__all__ = [
    "HIGHEST_COUNT",
    "kmer_text",
    "length_of_first",
    "read_kmer_fasta",
    "saturated",
    "write_kmer_fasta",
    "write_text",
]

logger = logging.getLogger(__name__)

HIGHEST_COUNT = 2**32 - 1
"""Abundances stop here."""
# Where counters stop that give one, two or three bytes to a count (KMC -cs, jellyfish
# --out-counter-len).
_CEILINGS = (2**8 - 1, 2**16 - 1, 2**24 - 1)

_ROWS = 1 << 18
_BLOCK = 1 << 24
_DIGITS = 10  # of the highest abundance
_EACH_BYTE = np.uint64(0x0101010101010101)


@intrinsic
def _store_word(context: Any, out: Any, place: Any, word: Any) -> Any:
    """Store eight bytes (uint64, lowest first) at any place of a uint8 array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        where = builder.gep(array.data, [arguments[1]])
        where = builder.bitcast(where, ir.IntType(64).as_pointer())
        builder.store(arguments[2], where, align=1)
        return context.get_dummy_value()

    return types.void(out, types.intp, types.uint64), generate


@helper
def _eight_letters(codes: np.uint64) -> np.uint64:
    """Letters, one to a byte, of eight complemented codes, both with the first one lowest.

    The codes are spread over the bytes; T, G, C, A are then 84 less 13 for the lower bit
    and 17 for the higher one, and 11 more where both are set.
    """
    x = codes & np.uint64(0xFFFF)
    x = (x | (x << np.uint64(24))) & np.uint64(0x000000FF000000FF)
    x = (x | (x << np.uint64(12))) & np.uint64(0x000F000F000F000F)
    x = (x | (x << np.uint64(6))) & np.uint64(0x0303030303030303)
    low = x & _EACH_BYTE
    high = (x >> np.uint64(1)) & _EACH_BYTE
    lowered = np.uint64(13) * low + np.uint64(17) * high - np.uint64(11) * (low & high)
    return np.uint64(84) * _EACH_BYTE - lowered


@kernel
def _render(keys: np.ndarray, counts: np.ndarray, k: int) -> np.ndarray:
    """Text of FASTA records, uint8."""
    # Letters are stored by eights: a few beyond the k-mer's end, which the next overwrites.
    out = np.empty(keys.size * (k + _DIGITS + 3) + 8, dtype=np.uint8)
    n = 0
    for row in range(keys.size):
        out[n] = 62  # >
        n += 1
        count = np.uint64(counts[row])
        length = 1
        while count >= np.uint64(10):
            count //= np.uint64(10)
            length += 1
        count = np.uint64(counts[row])
        for i in range(n + length - 1, n - 1, -1):
            out[i] = np.uint64(48) + count % np.uint64(10)
            count //= np.uint64(10)
        n += length
        out[n] = 10
        n += 1
        codes = revcomp(load(keys, row), k)
        for i in range(0, k, 8):
            _store_word(out, n + i, _eight_letters(np.uint64(codes)))
            codes = codes >> np.uint64(16)
        n += k + 1
        out[n - 1] = 10
    return out[:n]


def write_kmer_fasta(
    path: str | os.PathLike[str], keys: np.ndarray, counts: np.ndarray, k: int, threads: int = 1
) -> None:
    """Write k-mers as FASTA records ``>abundance`` in the order given.

    Parameters
    ----------
    path : path
        '-' for standard output; a name in .gz is compressed (BGZF, no time stamp).
    keys : ndarray of uint64, or wider (`dbgclean.spectrum.words`), (n,)
        Packed k-mers; those of a `KmerTable` are sorted.
    counts : ndarray of uint32, (n,)
        Their abundances.
    k : int
        Length of the k-mers.
    threads : int
        Threads that pack; the bytes do not depend on them.

    Raises
    ------
    OutputError
        If the file cannot be written; then nothing is there under its name.
    """
    parts = [slice(row, row + _ROWS) for row in range(0, keys.size, _ROWS)]
    write_text(path, (kmer_text(keys[part], counts[part], k) for part in parts), threads)


def kmer_text(keys: np.ndarray, counts: np.ndarray, k: int) -> np.ndarray:
    """FASTA records of some k-mers, parameters as above: ASCII, uint8 (n,).

    Holds no lock while it works, so that threads can render what one of them writes.
    """
    return _render(keys, counts, k)


def write_text(path: str | os.PathLike[str], parts: Iterable[np.ndarray], threads: int = 1) -> None:
    """Write parts of a text (uint8) one after the other; all else as above."""
    with open_output(path, threads=threads) as out:
        for part in parts:
            out.write(part.data)


@helper
def _parse_count(text: np.ndarray, first: int, end: int) -> int:
    """Decimal number, at most 2**32 - 1; -1 where there is none."""
    count = -1 if first == end else 0
    for i in range(first, end):
        if text[i] < 48 or text[i] > 57:
            return -1
        count = 10 * count + int(np.int64(text[i])) - 48
        count = count if count < HIGHEST_COUNT else HIGHEST_COUNT
    return count


@helper
def _parse_kmer(
    text: np.ndarray, first: int, end: int, base_codes: np.ndarray, keys: np.ndarray, row: int
) -> int:
    """Pack a k-mer into ``keys[row]``; 0, or -1 where there is another letter."""
    key = zero(keys)
    for i in range(first, end):
        code = base_codes[text[i]]
        if code > 3:
            return -1
        key = (key << np.uint64(2)) | np.uint64(code)
    store(keys, row, key)
    return 0


@kernel
def _parse(
    text: np.ndarray,
    is_fasta: bool,
    k: int,
    base_codes: np.ndarray,
    keys: np.ndarray,
    counts: np.ndarray,
) -> tuple[int, int]:
    """Records of whole lines into k-mers and abundances: how many, and where a bad word begins.

    That is -1 where there is none.
    """
    words = 0
    end = 0
    while True:
        first = end
        while first < text.size and text[first] <= 32:
            first += 1
        if first == text.size:
            break
        end = first
        while end < text.size and text[end] > 32:
            end += 1
        row = words // 2
        value = np.int64(-1)
        # Abundances and k-mers take turns; in FASTA the abundance, marked '>', comes first.
        if (words % 2 == 0) == is_fasta:
            if text[first] == 62 or not is_fasta:
                value = _parse_count(text, first + is_fasta, end)
                counts[row] = value
        elif end - first == k:
            value = _parse_kmer(text, first, end, base_codes, keys, row)
        if value < 0:
            return 0, first
        words += 1
    return words // 2, text.size if words % 2 else -1


def _blocks(source: BinaryIO, is_fasta: bool, head: bytes) -> Iterator[bytes]:
    """Whole records at a time, about 16 MB."""
    boundary = b"\n>" if is_fasta else b"\n"
    rest = head
    while block := source.read(_BLOCK):
        block = rest + block
        end = block.rfind(boundary) + 1
        yield block[:end]
        rest = block[end:]
    yield rest


def length_of_first(path: str | os.PathLike[str], head: bytes, most: int = MAX_K) -> int:
    """Length of the first k-mer in a file that begins so.

    Raises
    ------
    InputError
        If there is none, or it is even or longer than `most`.
    """
    words = head.split(None, 2)
    if not words:
        msg = f"{path}: the file is empty; give k-mers with their abundances"
        raise InputError(msg)
    word = words[0]
    if head.lstrip().startswith(b">"):
        word = words[1] if len(words) > 1 else b""
    try:
        return check_k(len(word), most)
    except UsageError as error:
        msg = (
            f"{path}: the first k-mer has {len(word)} letters; "
            f"k-mers of one odd length from {MIN_K} to {most} are needed"
        )
        raise InputError(msg) from error


def read_kmer_fasta(path: str | os.PathLike[str], most: int = MAX_K) -> KmerTable:
    """Read k-mers with their abundances, our own or another counter's; up to `most` long.

    k-mers are made canonical and sorted; what then coincides is added up. Such files
    do not tell strand and quality: `reverse` is 0 and `high_quality` the abundance.

    Raises
    ------
    InputError
        If the file is missing, damaged, empty, or holds a line that is no k-mer or
        abundance.
    """
    parts = []
    lines = 1
    try:
        with open_bytes(os.fspath(path)) as source:
            head = source.read(4096)
            refuse_database(path, head)
            k = length_of_first(path, head, most)
            is_fasta = head.lstrip().startswith(b">")
            for block in _blocks(source, is_fasta, head):
                text = np.frombuffer(block, dtype=np.uint8).copy()
                keys = np.empty(text.size // (k + 2) + 1, dtype=key_dtype(k))
                counts = np.empty(keys.size, dtype=np.uint32)
                n, bad = _parse(text, is_fasta, k, BASE_CODES, keys, counts)
                if bad >= 0:
                    raise InputError(_complaint(path, block, bad, lines, k))
                parts.append((keys[:n].copy(), counts[:n].copy()))
                lines += block.count(b"\n")
    except READ_ERRORS as error:
        refuse_database(path)
        msg = f"{path}: cannot be read: {error}; check the file"
        raise InputError(msg) from error
    keys = np.concatenate([part[0] for part in parts])
    counts = np.concatenate([part[1] for part in parts])
    table = _table(keys, counts, k)
    if found := saturated(table.counts):
        logger.warning(
            "%s: %s k-mers have abundance %s and none has more: counting stopped there, and they "
            "count as that; count again with a higher ceiling (kmc -cs, jellyfish "
            "--out-counter-len 4)",
            path, f"{found:,}", f"{table.counts.max():,}",
        )  # fmt: skip
    return table


def saturated(counts: np.ndarray) -> int:
    """How many abundances stand where a counter stopped; 0 where none did."""
    highest = counts.max(initial=0)
    found = int(np.count_nonzero(counts == highest))
    stopped = highest == HIGHEST_COUNT or (found > 1 and highest in _CEILINGS)
    return found if stopped else 0


def _complaint(path: str | os.PathLike[str], block: bytes, bad: int, lines: int, k: int) -> str:
    line = lines + block.count(b"\n", 0, bad)
    word = block[bad : bad + 40].split(None, 1)
    found = repr(word[0].decode("ascii", "replace")) if word else "the end of the file"
    return (
        f"{path}, line {line}: found {found}; needed are abundances and {k}-mers over ACGT, "
        "as of `jellyfish dump` or `kmc_tools transform DB dump`"
    )


def _table(keys: np.ndarray, counts: np.ndarray, k: int) -> KmerTable:
    keys = canonical_kmers(keys, k)
    if keys.size and not is_rising(keys):
        order = order_of(keys)
        keys, counts = keys[order], counts[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        sums = np.add.reduceat(counts, starts, dtype=np.uint64)
        keys, counts = keys[starts], np.minimum(sums, HIGHEST_COUNT).astype(np.uint32)
    return KmerTable(k, keys, counts, np.zeros_like(counts), counts.copy())
