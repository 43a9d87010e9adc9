"""Reads in, counted k-mers out: what every verb that takes reads begins with."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from dbgclean._memory import share_of
from dbgclean.errors import InputError
from dbgclean.evidence.cutoffs import choose_graph_k
from dbgclean.log import Progress
from dbgclean.pipeline.options import Options
from dbgclean.reads import InputGroup, ReadStatistics, iter_batches, plan_inputs, tell_pairs
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.histogram import Spectrum, fit_spectrum
from dbgclean.spectrum.kmers import MAX_ONE_WORD
from dbgclean.spectrum.spill import temporary_folder

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = [
    "CountedReads",
    "batches_of",
    "check_kmers",
    "count_reads",
    "counter_of",
    "fit_of",
    "groups_of",
    "propose_k",
]

logger = logging.getLogger(__name__)

_SEEN_ONCE = 512 << 20


def groups_of(reads: Sequence[str], options: Options) -> list[InputGroup]:
    """Look at the input files: which there are, laid out as the options say."""
    return plan_inputs(
        reads,
        interleaved=options.interleaved,
        single=options.single,
        paired=options.paired,
        spool_dir=options.tmp,
        reference=options.reference,
    )


def batches_of(
    groups: Sequence[InputGroup],
    options: Options,
    progress: Progress,
    what: str,
    statistics: list[ReadStatistics] | None = None,
    records: bool = False,
) -> Iterator[tuple[int, int, ReadBatch]]:
    """Yield (group, number of the first read in the run, batch) over all inputs.

    ``what`` is said to be done with them; ``statistics`` gets what was read of each;
    ``records`` as of `dbgclean.reads.iter_batches`.
    """
    first = 0
    for number, group in enumerate(groups):
        progress.start(f"{what} {', '.join(Path(path).name for path in group.paths)}")
        tally = ReadStatistics()
        batches = iter_batches(
            group, reference=options.reference, threads=options.threads, statistics=tally,
            records=records,
        )  # fmt: skip
        for batch in progress.iterate(batches):
            yield number, first, batch
            first += len(batch)
        if statistics is not None:
            statistics.append(tally)
            tell_pairs(group, tally)


def counter_of(options: Options, k: int, min_count: int = 1, *, sharing: int = 1) -> KmerCounter:
    """A counter at k within the memory that is aimed at, which ``sharing`` counters share.

    Where k-mers seen once are not handed out, what is counted waits on disk once it takes a
    small part of that: of a deep sample it is mostly errors, and nothing later takes as much.
    """
    memory = options.memory_bytes
    if memory:
        memory = share_of(memory) // sharing
        if min_count > 1:
            memory = max(min(memory, _SEEN_ONCE), memory // 4)
    return KmerCounter(
        k,
        threads=options.threads,
        min_quality=options.min_quality,
        memory_bytes=memory or None,
        tmp=temporary_folder(options.tmp),
        min_count=min_count,
    )


@dataclass(frozen=True, eq=False)
class CountedReads:
    """What `count_reads` counted.

    Attributes
    ----------
    counter
        The k-mers.
    read
        Reads of all inputs.
    groups, statistics
        The inputs, and what was read of each.
    """

    counter: KmerCounter
    read: ReadStatistics
    groups: Sequence[InputGroup]
    statistics: Sequence[ReadStatistics]


def count_reads(
    reads: Sequence[str], options: Options, progress: Progress | None = None, min_count: int = 1
) -> CountedReads:
    """Count the k-mers of all input files, at least one.

    Parameters
    ----------
    options
        Of these, how the files are laid out, ``k``, ``min_quality``, threads and memory.
    min_count
        k-mers seen fewer times are tallied, and not handed out.

    Raises
    ------
    InputError
        If a file cannot be read, or none of the reads holds a k-mer.
    """
    groups = groups_of(reads, options)
    counter, statistics = counter_of(options, options.k, min_count), list[ReadStatistics]()
    # What only the fit needs is loaded while the workers count, once they have begun.
    fit = Thread(target=import_module, args=("scipy.optimize",))
    progress = progress or Progress(quiet=True)
    for _, _, batch in batches_of(groups, options, progress, "Counting", statistics):
        counter.add(batch)
        if fit.ident is None:
            fit.start()
    read = check_kmers(", ".join(reads), counter, statistics)
    return CountedReads(counter, read, groups, statistics)


def check_kmers(
    files: str, counter: KmerCounter, statistics: Sequence[ReadStatistics]
) -> ReadStatistics:
    """What was read of all files, where there is a k-mer in it.

    Raises
    ------
    InputError
        If there is none, saying why.
    """
    read = ReadStatistics()
    for tally in statistics:
        read += tally
    if counter.statistics.kmers:
        return read
    k, n, longest = counter.k, f"{read.reads:,}", f"(longest {read.longest} bases)"
    remedy = "give longer reads or a smaller -k"
    if read.reads and read.longest < k:
        what = f"all {n} reads are shorter than k = {k} {longest}"
    elif read.reads and not read.acgt_bases:
        what, remedy = f"all {n} reads hold nothing but N", "give reads with bases called"
    else:
        what = f"no {k}-mer without N in {n} reads {longest}"
    msg = f"{files}: {what}; {remedy}"
    raise InputError(msg)


def fit_of(counter: KmerCounter, bases: int) -> Spectrum:
    """Fit of all that was counted, once it has been handed out; the depth is that in reads."""
    tally = counter.tally
    return fit_spectrum(tally.histogram, counter.k, bases=bases, total=tally.total)


def propose_k(reads: Sequence[str], options: Options, progress: Progress | None = None) -> int:
    """The k that the depth and length of reads suggest for a graph; counts them at 31 for that.

    Raises
    ------
    InputError
        If they can be read only once, or cannot be counted.
    """
    for path in reads:
        if path == "-" or (os.path.exists(path) and not os.path.isfile(path)):
            msg = f"{path}: -k auto reads it twice, and this can be read once; name a file, or a k"
            raise InputError(msg)
    counted = count_reads(reads, replace(options, k=MAX_ONE_WORD), progress, min_count=2)
    with closing(counted.counter.parts(lambda part: None)) as parts:
        for _ in parts:
            pass
    read = counted.read
    spectrum, length = fit_of(counted.counter, read.bases), read.bases / max(1, read.reads)
    k = choose_graph_k(spectrum, length)
    found = f"{spectrum.k}-mers are {spectrum.peak:.1f} deep" if spectrum.fitted else "no fit"
    logger.info("k = %d: %s, reads have %.0f bases", k, found, length)
    return k
