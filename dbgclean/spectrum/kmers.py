"""k-mers as integers: 2-bit codes, packing, reverse complement, canonical form.

Bases are coded A=0, C=1, G=2, T=3, so the complement of a code is ``3 - code``;
code 4 stands for anything else (N, IUPAC). A k-mer is packed into one, two or four
``uint64`` (`dbgclean.spectrum.words`) with its first base in the highest of the 2k bits
used, so that integer order is lexicographic order. The canonical form is the smaller of
a k-mer and its reverse complement; k is odd, so the two always differ.

The scalar functions are numba kernels meant to be called from other kernels.
"""

from collections.abc import Iterable

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.errors import UsageError
from dbgclean.reads.batch import encode_bases
from dbgclean.spectrum.words import as_keys, key_dtype, load, store, turned, whole, zero

__all__ = [
    "BASE_CODES",
    "LETTERS",
    "MAX_K",
    "MAX_ONE_WORD",
    "MIN_K",
    "canonical",
    "canonical_kmers",
    "check_k",
    "decode",
    "encode",
    "kmer_matrix",
    "kmers_at",
    "kmers_to_strings",
    "pack",
    "prefixes",
    "revcomp",
    "reverse_complements",
    "roll",
    "strings_to_kmers",
    "substitutions",
]

MIN_K = 11
MAX_ONE_WORD = 31
"""Longest k-mers that reads are threaded at."""
MAX_K = 127

LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8).copy()
"""ASCII letter of each code, uint8 (5,)."""

BASE_CODES = encode_bases(np.arange(256, dtype=np.uint8))
"""Code of each byte of a sequence, uint8 (256,)."""

_U2 = np.uint64(2)
_U3 = np.uint64(3)


def check_k(k: int, most: int = MAX_K) -> int:
    """Return `k` if it can be counted, that is, odd and from 11 to 127 (or to `most`).

    Raises
    ------
    UsageError
        If `k` is even (a k-mer could be its own reverse complement) or does not
        fit the packed form.
    """
    if not MIN_K <= k <= most:
        msg = f"k: found {k}; choose an odd k from {MIN_K} to {most}"
        raise UsageError(msg)
    if k % 2 == 0:
        msg = (
            f"k: found {k}, which is even, so that a k-mer may be its own reverse "
            f"complement; choose {k - 1 if k > MIN_K else k + 1} or {min(k + 1, most)}"
        )
        raise UsageError(msg)
    return int(k)


@helper
def roll(
    forward: np.uint64, reverse: np.uint64, base: np.int64, k: np.int64
) -> tuple[np.uint64, np.uint64]:
    """The next k-mer of a sequence and its reverse complement, ``base`` coming in."""
    one = zero(forward) | np.uint64(1)
    keep = (one << np.uint64(2 * k)) - one
    back = (zero(forward) | (np.uint64(3) - np.uint64(base))) << np.uint64(2 * (k - 1))
    return ((forward << _U2) | np.uint64(base)) & keep, (reverse >> _U2) | back


@kernel
def revcomp(kmer: np.uint64, k: int) -> np.uint64:
    """Reverse complement of a packed k-mer (uint64 in, uint64 out)."""
    return turned(kmer, k)


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
    """The smaller of a packed k-mer and its reverse complement."""
    return min(whole(kmer), revcomp(kmer, k))


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
        store(out, i, canonical(load(kmers, i), k))


@kernel
def _map_revcomp(kmers: np.ndarray, k: int, out: np.ndarray) -> None:
    for i in range(kmers.size):
        store(out, i, revcomp(load(kmers, i), k))


def canonical_kmers(kmers: np.ndarray, k: int) -> np.ndarray:
    """Canonical form of each packed k-mer (array of any orientation)."""
    kmers = as_keys(kmers)
    out = np.empty_like(kmers)
    _map_canonical(kmers, k, out)
    return out


def reverse_complements(kmers: np.ndarray, k: int) -> np.ndarray:
    """Reverse complement of each packed k-mer (array)."""
    kmers = as_keys(kmers)
    out = np.empty_like(kmers)
    _map_revcomp(kmers, k, out)
    return out


@kernel
def _drop_last(kmers: np.ndarray, out: np.ndarray) -> None:
    for i in range(kmers.size):
        store(out, i, load(kmers, i) >> _U2)


def prefixes(kmers: np.ndarray) -> np.ndarray:
    """The (k-1)-mers that packed k-mers begin with, as wide as these."""
    kmers = as_keys(kmers)
    out = np.empty_like(kmers)
    _drop_last(kmers, out)
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
        key = load(keys, row)
        for i in range(k - 1, -1, -1):
            out[row, i] = letters[np.int64(key & _U3)]
            key = key >> _U2


def kmer_matrix(keys: np.ndarray, k: int) -> np.ndarray:
    """ASCII letters of packed k-mers, uint8 of shape (n, k)."""
    keys = as_keys(keys)
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


@kernel
def _pack_at(codes: np.ndarray, starts: np.ndarray, k: int, out: np.ndarray) -> None:
    for row in range(starts.size):
        kmer = zero(out)
        for i in range(starts[row], starts[row] + k):
            kmer = (kmer << _U2) | np.uint64(codes[i] & np.uint8(3))
        store(out, row, kmer)


def kmers_at(codes: np.ndarray, starts: np.ndarray, k: int) -> np.ndarray:
    """The packed k-mers that begin at places of a sequence, as spelled there.

    Parameters
    ----------
    codes : ndarray of uint8, (n_bases,)
        Of a code of 4 the lowest two bits count.
    starts : ndarray of int64, (n,)

    Returns
    -------
    ndarray of `key_dtype`, (n,)
    """
    out = np.empty(len(starts), dtype=key_dtype(k))
    _pack_at(np.ascontiguousarray(codes), np.ascontiguousarray(starts, np.int64), k, out)
    return out


def strings_to_kmers(strings: Iterable[str | bytes]) -> np.ndarray:
    """Pack equally long strings over ACGT (either case), as spelled: `key_dtype` (n,).

    Raises
    ------
    ValueError
        If lengths differ, exceed 127, or a letter is not one of ACGT.
    """
    words = [word.encode("ascii") if isinstance(word, str) else bytes(word) for word in strings]
    if not words:
        return np.empty(0, dtype=np.uint64)
    k = len(words[0])
    if not 0 < k <= MAX_K or any(len(word) != k for word in words):
        msg = f"k-mers of one length from 1 to {MAX_K} are needed"
        raise ValueError(msg)
    codes = encode(b"".join(words))
    if codes.max() > 3:
        msg = "a k-mer holds a letter other than A, C, G and T"
        raise ValueError(msg)
    return kmers_at(codes, np.arange(0, codes.size, k), k)
