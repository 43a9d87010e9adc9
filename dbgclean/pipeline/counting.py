"""Reads in, counted k-mers out: what `count`, and graphs of reads, begin with; and figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from dbgclean import __version__
from dbgclean._files import open_text
from dbgclean.errors import InputError
from dbgclean.log import Progress
from dbgclean.pipeline.options import Options
from dbgclean.reads import ReadStatistics, iter_batches, plan_inputs, tell_pairs
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.histogram import Spectrum, fit_spectrum
from dbgclean.spectrum.spill import temporary_folder

__all__ = ["count_reads", "fit_of", "write_json"]

_BESIDES = 400 << 20  # interpreter, libraries and the batches of reads under way


def count_reads(
    reads: Sequence[str], options: Options, progress: Progress | None = None, min_count: int = 1
) -> tuple[KmerCounter, ReadStatistics]:
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
    progress = progress or Progress(quiet=True)
    groups = plan_inputs(
        reads,
        interleaved=options.interleaved,
        single=options.single,
        paired=options.paired,
        spool_dir=options.tmp,
        reference=options.reference,
    )
    memory = options.memory_bytes
    counter = KmerCounter(
        options.k,
        threads=options.threads,
        min_quality=options.min_quality,
        memory_bytes=max(memory - _BESIDES, memory // 4) if memory else None,
        tmp=temporary_folder(options.tmp),
        min_count=min_count,
    )
    statistics = ReadStatistics()
    # What only the fit needs is loaded while the workers count, once they have begun.
    fit = Thread(target=import_module, args=("scipy.optimize",))
    for group in groups:
        progress.start(f"Counting {', '.join(Path(path).name for path in group.paths)}")
        tally = ReadStatistics()
        batches = iter_batches(
            group, reference=options.reference, threads=options.threads, statistics=tally
        )
        for batch in progress.iterate(batches):
            counter.add(batch)
            if fit.ident is None:
                fit.start()
        tell_pairs(group, tally)
        statistics += tally
    if not counter.statistics.kmers:
        message = (
            f"{', '.join(reads)}: no {options.k}-mer in {statistics.reads:,} reads (longest "
            f"{statistics.longest} bases); give longer reads or a smaller -k"
        )
        raise InputError(message)
    return counter, statistics


def fit_of(counter: KmerCounter, reads: ReadStatistics) -> Spectrum:
    """Fit of all that was counted, once it has been handed out; the depth is that in reads."""
    tally = counter.tally
    return fit_spectrum(tally.histogram, counter.k, bases=reads.bases, total=tally.total)


def write_json(path: str, verb: str, content: dict[str, Any]) -> None:
    """Write the figures of a verb as JSON, whole or not at all."""
    head = {"tag": f"dbgclean {verb}", "schema_version": [0, 1], "version": __version__}
    with open_text(path) as out:
        out.write(json.dumps(head | content, indent=2) + "\n")
