"""k-mers as integers: 2-bit codes, packing, reverse complement, canonical form.

Bases are coded A=0, C=1, G=2, T=3, so the complement of a code is ``3 - code``;
code 4 stands for anything else (N, IUPAC). A k-mer is packed into a ``uint64``
with its first base in the highest of the 2k bits used, so that integer order is
lexicographic order. The canonical form is the smaller of a k-mer and its reverse
complement; k is odd, so the two always differ.

The scalar functions are numba kernels meant to be called from other kernels.
"""

from collections.abc import Iterable

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.errors import UsageError
from dbgclean.reads.batch import encode_bases

__all__ = [
    "BASE_CODES",
    "LETTERS",
    "MAX_K",
    "MIN_K",
    "canonical",
    "canonical_kmers",
    "check_k",
    "decode",
    "encode",
    "kmer_matrix",
    "kmers_to_strings",
    "pack",
    "revcomp",
    "reverse_complements",
    "roll",
    "strings_to_kmers",
    "substitutions",
]

MIN_K = 11
MAX_K = 31

LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8).copy()
"""ASCII letter of each code, uint8 (5,)."""

BASE_CODES = encode_bases(np.arange(256, dtype=np.uint8))
"""Code of each byte of a sequence, uint8 (256,)."""

_PAIRS = np.uint64(0x3333333333333333)
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTES = np.uint64(0x00FF00FF00FF00FF)
_SHORTS = np.uint64(0x0000FFFF0000FFFF)
_U2 = np.uint64(2)
_U3 = np.uint64(3)
_U4 = np.uint64(4)
_U8 = np.uint64(8)
_U16 = np.uint64(16)
_U32 = np.uint64(32)


def check_k(k: int) -> int:
    """Return `k` if it can be counted, that is, odd and from 11 to 31.

    Raises
    ------
    UsageError
        If `k` is even (a k-mer could be its own reverse complement) or does not
        fit the packed form.
    """
    if not MIN_K <= k <= MAX_K:
        msg = f"k: found {k}; choose an odd k from {MIN_K} to {MAX_K}"
        raise UsageError(msg)
    if k % 2 == 0:
        msg = (
            f"k: found {k}, which is even, so that a k-mer may be its own reverse "
            f"complement; choose {k - 1 if k > MIN_K else k + 1} or {min(k + 1, MAX_K)}"
        )
        raise UsageError(msg)
    return int(k)


@helper
def roll(
    forward: np.uint64, reverse: np.uint64, base: np.int64, k: np.int64
) -> tuple[np.uint64, np.uint64]:
    """The next k-mer of a sequence and its reverse complement, ``base`` coming in."""
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    back = (np.uint64(3) - np.uint64(base)) << np.uint64(2 * (k - 1))
    return ((forward << _U2) | np.uint64(base)) & keep, (reverse >> _U2) | back


@kernel
def revcomp(kmer: np.uint64, k: int) -> np.uint64:
    """Reverse complement of a packed k-mer (uint64 in, uint64 out)."""
    x = ~np.uint64(kmer)
    x = ((x >> _U2) & _PAIRS) | ((x & _PAIRS) << _U2)
    x = ((x >> _U4) & _NIBBLES) | ((x & _NIBBLES) << _U4)
    x = ((x >> _U8) & _BYTES) | ((x & _BYTES) << _U8)
    x = ((x >> _U16) & _SHORTS) | ((x & _SHORTS) << _U16)
    x = (x >> _U32) | (x << _U32)
    return x >> np.uint64(64 - 2 * k)


@helper
def substitutions(a: np.uint64, b: np.uint64) -> np.int64:
    """In how many bases two packed k-mers differ."""
    x = a ^ b
    x = (x | (x >> np.uint64(1))) & np.uint64(0x5555555555555555)
    n = np.int64(0)
    while x:
        x &= x - np.uint64(1)
        n += 1
    return n


@kernel
def canonical(kmer: np.uint64, k: int) -> np.uint64:
    """The smaller of a packed k-mer and its reverse complement (uint64)."""
    forward = np.uint64(kmer)
    backward = revcomp(forward, k)
    return forward if forward < backward else backward


@kernel
def pack(codes: np.ndarray, start: int, k: int) -> np.uint64:
    """Pack ``codes[start:start + k]`` (uint8, all below 4) into a uint64.

    The caller vouches for the codes: a code of 4 would spill into its neighbour.
    """
    kmer = np.uint64(0)
    for i in range(start, start + k):
        kmer = (kmer << _U2) | np.uint64(codes[i])
    return kmer


@kernel
def _map_canonical(kmers: np.ndarray, k: int, out: np.ndarray) -> None:
    for i in range(kmers.size):
        out[i] = canonical(kmers[i], k)


@kernel
def _map_revcomp(kmers: np.ndarray, k: int, out: np.ndarray) -> None:
    for i in range(kmers.size):
        out[i] = revcomp(kmers[i], k)


def canonical_kmers(kmers: np.ndarray, k: int) -> np.ndarray:
    """Canonical form of each packed k-mer (uint64 array of any orientation)."""
    kmers = np.ascontiguousarray(kmers, dtype=np.uint64)
    out = np.empty_like(kmers)
    _map_canonical(kmers, k, out)
    return out


def reverse_complements(kmers: np.ndarray, k: int) -> np.ndarray:
    """Reverse complement of each packed k-mer (uint64 array)."""
    kmers = np.ascontiguousarray(kmers, dtype=np.uint64)
    out = np.empty_like(kmers)
    _map_revcomp(kmers, k, out)
    return out


def encode(sequence: str | bytes | bytearray | memoryview | np.ndarray) -> np.ndarray:
    """2-bit codes (uint8, 0..4) of a sequence; either case, anything else is 4.

    Examples
    --------
    >>> encode("ACGTn").tolist()
    [0, 1, 2, 3, 4]
    """
    if isinstance(sequence, str):
        # errors="replace" gives one '?' per foreign character, so positions stay.
        sequence = sequence.encode("ascii", "replace")
    return BASE_CODES[np.frombuffer(sequence, dtype=np.uint8)]


def decode(codes: np.ndarray) -> str:
    """Letters of 2-bit codes; code 4 becomes N.

    Examples
    --------
    >>> decode(encode("ACGTR"))
    'ACGTN'
    """
    return LETTERS[codes].tobytes().decode("ascii")


@kernel
def _spell(keys: np.ndarray, k: int, letters: np.ndarray, out: np.ndarray) -> None:
    for row in range(keys.size):
        key = keys[row]
        for i in range(k - 1, -1, -1):
            out[row, i] = letters[np.int64(key & _U3)]
            key >>= _U2


def kmer_matrix(keys: np.ndarray, k: int) -> np.ndarray:
    """ASCII letters of packed k-mers, uint8 of shape (n, k)."""
    keys = np.ascontiguousarray(keys, dtype=np.uint64)
    out = np.empty((keys.size, k), dtype=np.uint8)
    _spell(keys, k, LETTERS, out)
    return out


def kmers_to_strings(keys: np.ndarray, k: int) -> list[str]:
    """Spell packed k-mers, one string each (for reports and tests, not hot paths).

    Examples
    --------
    >>> kmers_to_strings(strings_to_kmers(["ACG", "TTT"]), 3)
    ['ACG', 'TTT']
    """
    text = kmer_matrix(keys, k).tobytes().decode("ascii")
    return [text[i : i + k] for i in range(0, len(text), k)]


def strings_to_kmers(strings: Iterable[str | bytes]) -> np.ndarray:
    """Pack equally long strings over ACGT (either case) into uint64, as spelled.

    Raises
    ------
    ValueError
        If lengths differ, exceed 31, or a letter is not one of ACGT.
    """
    words = [word.encode("ascii") if isinstance(word, str) else bytes(word) for word in strings]
    if not words:
        return np.empty(0, dtype=np.uint64)
    k = len(words[0])
    if not 0 < k <= MAX_K or any(len(word) != k for word in words):
        msg = f"k-mers of one length from 1 to {MAX_K} are needed"
        raise ValueError(msg)
    codes = encode(b"".join(words)).reshape(-1, k)
    if codes.max() > 3:
        msg = "a k-mer holds a letter other than A, C, G and T"
        raise ValueError(msg)
    shifts = np.arange(2 * (k - 1), -2, -2, dtype=np.uint64)
    packed: np.ndarray = (codes.astype(np.uint64) << shifts).sum(axis=1, dtype=np.uint64)
    return packed
