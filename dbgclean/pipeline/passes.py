"""Three passes over the reads: count, thread and judge, rewrite.

Reads go by in batches; nothing is kept of them but k-mers and what would change.
Every result comes in columns: the corrector that was asked for, and beside it the
controls.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from dbgclean._memory import give_memory_back
from dbgclean.correct.corrections import write_corrections
from dbgclean.correct.correctors import Sample, judges, load_corrector
from dbgclean.correct.linkage import leave_linked
from dbgclean.correct.rewrite import Rewriter
from dbgclean.errors import InputError
from dbgclean.evidence.cutoffs import CORRECTION_K, choose_correction_k, choose_cutoffs
from dbgclean.evidence.gather import build_graph, gather_along
from dbgclean.evidence.poly_g import TailCounter
from dbgclean.log import Progress
from dbgclean.pipeline.options import Options
from dbgclean.pipeline.rewriting import rewrite
from dbgclean.pipeline.runs import Column, Run, open_run, sample_of
from dbgclean.reads import open_writer
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.histogram import Spectrum, fit_spectrum
from dbgclean.spectrum.read_depths import depth_modes, read_depths
from dbgclean.spectrum.spill import temporary_folder
from dbgclean.spectrum.table import KmerTable

__all__ = [
    "CONTROLS",
    "Column",
    "Options",
    "Run",
    "correct_reads",
    "count",
    "judge",
    "open_run",
    "rewrite",
    "sample_of",
]

logger = logging.getLogger(__name__)

# Interpreter, libraries (the network's are the largest) and batches under way.
_BESIDES = 600 << 20

CONTROLS = ("nearest", "likelihood", "autoencoder")


def count(run: Run, *, graph: bool, singles: bool = False) -> KmerTable:
    """First pass: k-mers at the correction k (returned) and, for a graph, at its own.

    Where no correction k was asked for and the sample turns out too shallow for the
    usual one, the reads are counted once more at a shorter one.

    Parameters
    ----------
    graph
        Count at the graph's k as well, for ``run.raw``.
    singles
        k-mers seen once in what is returned, too: threading needs no more than their
        number. The table is then that of the reads as they are; else, where they end in G
        without a signal, what touches such ends is left out of it.

    Raises
    ------
    InputError
        If no read holds a k-mer.
    """
    options = run.options
    run.correction_k = options.correction_k or min(options.k, CORRECTION_K)
    sizes = sorted({run.correction_k} | ({options.k} if graph else set()))
    whole = {options.k} if graph else set()
    if singles:
        whole.add(run.correction_k)
    counters = _count_at(run, sizes, whole, statistics=True)
    run.refuse(wait=True)
    tables = {k: counter.finish() for k, counter in counters.items()}
    give_memory_back()
    _check_kmers(run, counters[sizes[-1]])
    if graph:
        run.skipped_kmers = counters[options.k].statistics.skipped_kmers
        run.raw = tables[options.k]
        run.spectrum = fit_spectrum(run.raw, bases=run.bases)
    table = tables.pop(run.correction_k)
    run.threading_spectrum = _spectrum_of(run, counters[run.correction_k])
    if options.correction_k is None:
        chosen = _shorter_k(run, run.threading_spectrum)
        if chosen != table.k:
            del table, tables, counters
            run.correction_k = chosen
            counter = _count_at(run, [chosen], {chosen} if singles else set())[chosen]
            table = counter.finish()
            run.threading_spectrum = _spectrum_of(run, counter)
    if run.masks_poly_g and not singles:
        assert run.tails is not None
        table = run.tails.left_out(table)
    run.modes = depth_modes(read_depths(run.sampled, table))
    return table


def _spectrum_of(run: Run, counter: KmerCounter) -> Spectrum:
    """Fit of everything that was counted, k-mers seen once included."""
    tally = counter.tally
    return fit_spectrum(tally.histogram, counter.k, bases=run.bases, total=tally.total)


def _count_at(
    run: Run, sizes: list[int], whole: set[int], *, statistics: bool = False
) -> dict[int, KmerCounter]:
    """Go over the reads and count at every k of ``sizes``.

    k-mers seen once are handed out where k is among ``whole``.
    """
    options = run.options
    memory = options.memory_bytes
    if memory:
        memory = max(memory - _BESIDES, memory // 4)
    counters = {
        k: KmerCounter(
            k,
            threads=options.threads,
            min_quality=options.min_quality,
            memory_bytes=memory // len(sizes) if memory else None,
            tmp=temporary_folder(options.tmp),
            min_count=1 if k in whole else 2,
        )
        for k in sizes
    }
    run.tails = None
    if options.poly_g != "off":
        run.tails = TailCounter(run.correction_k, options.min_quality)
    for _, _, batch in run.batches("Counting", statistics=statistics):
        run.refuse()
        if statistics:
            run.sampled.add(batch)
        for counter in counters.values():
            counter.add(batch)
        if run.tails is not None:
            run.tails.add(batch)
    return counters


def _shorter_k(run: Run, spectrum: Spectrum) -> int:
    """The k to thread at, as the counted k-mers have it."""
    reads = sum(s.reads for s in run.statistics)
    chosen = choose_correction_k(spectrum, run.bases / max(1, reads), run.options.k)
    logger.debug("reads are threaded at k = %d", chosen)
    return chosen


def _check_kmers(run: Run, counter: KmerCounter) -> None:
    if counter.tally.distinct:
        return
    k = counter.k
    files = ", ".join(path for group in run.groups for path in group.paths)
    reads = sum(s.reads for s in run.statistics)
    longest = max((s.longest for s in run.statistics), default=0)
    if reads and longest < k:
        what = f"all {reads:,} reads are shorter than k = {k} (longest {longest} bases)"
        remedy = "give longer reads or a smaller -k"
    elif reads and not sum(s.acgt_bases for s in run.statistics):
        what, remedy = f"all {reads:,} reads hold nothing but N", "give reads with bases called"
    else:
        what = f"no {k}-mer without N in {reads:,} reads (longest {longest} bases)"
        remedy = "give longer reads or a smaller -k"
    msg = f"{files}: {what}; {remedy}"
    raise InputError(msg)


def judge(run: Run, table: KmerTable, names: Sequence[str]) -> None:
    """Second pass: evidence, then a column of verdicts for each name.

    Parameters
    ----------
    table
        From `count`; not needed afterwards.
    names
        Correctors, the columns in their order.
    """
    options = run.options
    columns = {name: Column(name, load_corrector(name)) for name in names}
    spectrum = run.threading_spectrum or fit_spectrum(table, bases=run.bases)
    if any(column.corrector.edits_reads for column in columns.values()):
        if run.compiling is not None:
            run.compiling.finish_threading()
        cutoffs = choose_cutoffs(spectrum, run.rarest)
        graph = build_graph(table, spectrum, options.threads, cutoffs)
        del table
        reads = (batch for _, _, batch in run.batches("Threading"))
        run.evidence = gather_along(
            reads,
            graph,
            spectrum,
            options.threads,
            poly_g=run.masks_poly_g,
            mask_seams=run.rarest is None,
            again=lambda: (batch for _, _, batch in run.batches("Comparing")),
            seed=options.seed if options.spikes else None,
        )
        del graph
    sample = sample_of(run, spectrum)
    run.progress.start("Judging")
    for column in columns.values():
        if column.corrector.edits_reads:
            assert run.evidence is not None
            judged = column.corrector.judge(run.evidence, sample)
            doubted = None
            if run.rarest is not None and judges(column.corrector):
                judged, doubted = leave_linked(run.evidence, judged)
            sample.judged[column.name] = judged
            column.verdicts = run.policy.apply(run.evidence, judged)
            column.expected_loss = _expected_loss(run, column, sample)
            column.rewriter = Rewriter(run.evidence, column.verdicts.kept, doubted)
    run.columns = columns


def _expected_loss(run: Run, column: Column, sample: Sample) -> dict[str, dict[str, int]] | None:
    """What the corrector, and the user's rules, make of the planted alleles."""
    assert run.evidence is not None
    if run.evidence.spikes is None:
        return None
    planted = run.evidence.planted()
    sample = replace(sample, judged={})
    verdicts = run.policy.apply(planted, column.corrector.judge(planted, sample))
    return run.evidence.spikes.by_fraction(verdicts.kept)


def correct_reads(
    reads: Sequence[str],
    outputs: Sequence[str],
    options: Options,
    progress: Progress,
    corrections: str | None = None,
) -> Run:
    """Corrected reads only: no graph, no controls.

    Parameters
    ----------
    outputs
        One for each input file, or one for a pair (interleaved).
    corrections
        Where to write the table of corrections. Neither it nor the reads appear
        unless both can be written.
    """
    run = open_run(reads, options, progress)
    if len(run.groups) != 1:
        files = ", ".join(path for group in run.groups for path in group.paths)
        msg = (
            f"{files}: {len(run.groups)} sets of reads, for the names of their first reads are not "
            "those of mates; `correct` takes one file or one pair (--paired if they are mates)"
        )
        raise InputError(msg)
    with ExitStack() as stack:
        # Opened first: an output that cannot be written is told of before the work.
        writer = stack.enter_context(open_writer(run.groups[0], outputs))
        # The table is not held here: threading has no use for it once its graph stands.
        judge(run, count(run, graph=False), [options.corrector])
        rewrite(run, lambda _, batch: writer.write(batch), graph=False)
        if corrections:
            chosen = run.chosen
            write_corrections(corrections, run.evidence, chosen.verdicts)
    return run
