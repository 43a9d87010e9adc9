"""Counting all of what is at hand in one call."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads.batch import ReadBatch

__all__ = ["count_codes", "count_kmers"]


def count_kmers(
    batches: "Iterable[ReadBatch]",
    k: int,
    *,
    threads: int = 1,
    min_quality: int = 20,
    memory_bytes: int | None = None,
) -> KmerTable:
    """Count the k-mers of all batches; parameters and errors as for `KmerCounter`."""
    counter = KmerCounter(k, threads=threads, min_quality=min_quality, memory_bytes=memory_bytes)
    for batch in batches:
        counter.add(batch)
    return counter.finish()


def count_codes(
    codes: np.ndarray,
    offsets: np.ndarray,
    quals: np.ndarray | None,
    k: int,
    *,
    threads: int = 1,
    min_quality: int = 20,
) -> KmerTable:
    """Count sequences that are in memory as codes (truth genomes, tests).

    Parameters
    ----------
    codes : ndarray of uint8, (n_bases,)
        0 to 4, where 4 breaks the k-mer.
    offsets : ndarray of int64, (n_sequences + 1,)
        Where each sequence begins, and the end of the last.
    quals : ndarray of uint8, (n_bases,), or None
        Phred scores; without them every k-mer is of high quality.
    k : int
        Odd, 11 to 127.
    """
    counter = KmerCounter(k, threads=threads, min_quality=min_quality)
    counter.add_codes(codes, offsets, quals)
    return counter.finish()
