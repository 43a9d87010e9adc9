"""Reads of an input group as a stream of batches, parsed ahead in the background."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from dbgclean.errors import InputError
from dbgclean.reads.batch import ReadBatch
from dbgclean.reads.fastx import fastx_batches
from dbgclean.reads.inputs import InputGroup
from dbgclean.reads.prefetch import prefetch
from dbgclean.reads.statistics import ReadStatistics

__all__ = ["BATCH_BASES", "iter_batches"]

BATCH_BASES = 4_000_000


def iter_batches(
    group: InputGroup,
    *,
    batch_bases: int = BATCH_BASES,
    reference: str | None = None,
    threads: int = 1,
    statistics: ReadStatistics | None = None,
    records: bool = False,
) -> Iterator[ReadBatch]:
    """Yield the reads of a group in file order.

    The next batches are parsed in a background thread meanwhile; errors found there
    are raised here. The batches are the same for any number of threads.

    Parameters
    ----------
    group : InputGroup
    batch_bases : int
        A batch is closed as soon as it holds this many bases; pairs stay whole.
    reference : str, optional
        FASTA that a CRAM file was written against.
    threads : int
        With 2 or more, decompression has threads of its own.
    statistics : ReadStatistics, optional
        Grows by every batch as it is handed out.
    records : bool
        Of BAM and CRAM, hand out `ReadBatch.records`.

    Raises
    ------
    InputError
        If a file is damaged or malformed, mates do not go together, or nothing
        usable is in the group.
    """
    total = ReadStatistics()
    ahead = prefetch(lambda: _counted(group, batch_bases, reference, threads, records))
    with closing(ahead) as batches:
        for batch, counts in batches:
            total += counts
            if statistics is not None:
                statistics += counts
            if len(batch):
                yield batch
    if total.reads == 0:
        left_out = f"; {total.skipped:,} records were left out" if total.skipped else ""
        message = f"{' and '.join(group.paths)}: no usable reads{left_out}; check the file"
        raise InputError(message)


def _counted(
    group: InputGroup, batch_bases: int, reference: str | None, threads: int, records: bool
) -> Iterator[tuple[ReadBatch, ReadStatistics]]:
    """Yield every batch with the counts it adds."""
    for batch, counts in _batches(group, batch_bases, reference, threads, records):
        counts.add_batch(batch)
        yield batch, counts


def _batches(
    group: InputGroup, batch_bases: int, reference: str | None, threads: int, records: bool
) -> Iterator[tuple[ReadBatch, ReadStatistics]]:
    interleaved = group.layout == "interleaved"
    if group.format in ("bam", "cram"):
        from dbgclean.reads.bam import alignment_batches

        yield from alignment_batches(
            group.paths[0],
            grouped=interleaved,
            batch_bases=batch_bases,
            reference=reference,
            records=records,
        )
        return
    for batch in fastx_batches(
        group.paths,
        group.format,
        interleaved=interleaved,
        batch_bases=batch_bases,
        named=group.named,
        threads=threads,
    ):
        yield batch, ReadStatistics()
