"""What stages take of memory: told before they begin, and refused where ``--memory`` is less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbgclean._memory import BESIDES, share_of, size_in_words
from dbgclean.errors import InputError
from dbgclean.evidence.solid import slots_for

if TYPE_CHECKING:
    from dbgclean.pipeline.runs import Counted

__all__ = ["most_kmers", "refuse_too_large", "threading_bytes"]

# Bytes for each k-mer while the solid graph is built (rows, rows in their order, where each goes,
# what lies beside it, strands) and when it stands; of a slot of its hash; of a table's row.
_BUILT, _HELD, _SLOT, _ROW = 48, 20, 8, 20
# Bytes for each edit while all are pooled: its columns, its alternative, their order.
_EDIT = 170


def threading_bytes(kmers: int, edits: int) -> int:
    """Bytes that grow with the reads, while these are threaded along so many k-mers."""
    return _SLOT * slots_for(kmers) + max(kmers * _BUILT, kmers * _HELD + edits * _EDIT)


def most_kmers(memory: int) -> int:
    """k-mers of the largest solid graph that is built within ``--memory``."""
    low, high = 0, memory // _BUILT
    while low < high:
        middle = (low + high + 1) // 2
        fits = threading_bytes(middle, 0) <= share_of(memory)
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def refuse_too_large(counted: Counted) -> None:
    """See, when k-mers are counted, whether reads can be threaded within ``--memory``.

    Raises
    ------
    InputError
        If not: with what was found, what that takes, and what helps.
    """
    memory, spectrum = counted.options.memory_bytes, counted.threading_spectrum
    kmers = len(counted.table)
    # An error in a read is up to k k-mers that are seen once.
    edits = int(spectrum.histogram[1:2].sum()) // spectrum.k
    needed = threading_bytes(kmers, edits) + _ROW * len(counted.raw)
    if memory is None or needed <= share_of(memory):
        return
    give = -(-(needed + BESIDES) // (1 << 30))
    msg = (
        f"{counted.files}: threading reads along {kmers:,} {spectrum.k}-mers, with about {edits:,} "
        f"errors, takes {size_in_words(needed + BESIDES)} of memory, and --memory is "
        f"{size_in_words(memory)}; give --memory {give}G, or fewer reads"
    )
    raise InputError(msg)
