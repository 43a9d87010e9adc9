"""Three passes over the reads: count, thread and judge, rewrite.

Reads go by in batches; nothing is kept of them but k-mers and what would change.
Every result comes in columns: the corrector that was asked for, and beside it the
controls.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dbgclean.correct.corrections import write_corrections
from dbgclean.correct.correctors import Corrector, Sample, load_corrector
from dbgclean.correct.gap_verdicts import judge_gaps
from dbgclean.correct.policy import Policy
from dbgclean.correct.rewrite import Bases, Rewriter, bases_of
from dbgclean.correct.verdicts import Verdicts
from dbgclean.errors import InputError
from dbgclean.evidence.cutoffs import (
    CORRECTION_K,
    choose_correction_k,
    depth_cutoffs,
    median_depth,
)
from dbgclean.evidence.gather import Evidence, gather
from dbgclean.log import Progress
from dbgclean.pipeline.options import Options, policy_of
from dbgclean.reads import InputGroup, ReadStatistics, iter_batches, open_writer, plan_inputs
from dbgclean.reads.prefetch import map_in_order
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.histogram import Spectrum, fit_spectrum
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

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
]

logger = logging.getLogger(__name__)

CONTROLS = ("nearest", "likelihood", "autoencoder")
_DELTA_MEMORY = 1 << 27


@dataclass
class Column:
    """One corrector's result.

    Attributes
    ----------
    name, corrector
        Which, and the object.
    verdicts
        None for correctors that leave the reads alone.
    gaps
        Verdicts on the pooled insertions and deletions; None without reads.
    rewriter
        Applies the verdicts; holds the counts of what was changed.
    table
        k-mers of the corrected reads, at the graph's k.
    kept
        bool, one per row of ``table``: stands in the k-mer set.
    """

    name: str
    corrector: Corrector
    verdicts: Verdicts | None = None
    gaps: Verdicts | None = None
    rewriter: Rewriter = field(default_factory=lambda: Rewriter(None, None))
    table: KmerTable | None = None
    kept: np.ndarray | None = None

    @property
    def kmers(self) -> KmerTable:
        """The k-mer set."""
        assert self.table is not None
        assert self.kept is not None
        return self.table.select(self.kept)


@dataclass
class Run:
    """A run as far as it has come.

    Attributes
    ----------
    groups, statistics
        The inputs, and what was read of each.
    policy
        The user's rules, applied to what every corrector judges.
    correction_k
        Of the threading; chosen in the first pass where the options leave it open.
    raw, spectrum
        k-mers of the raw reads at the graph's k, and their fit.
    threading_spectrum
        Fit at ``correction_k``.
    evidence
        None where no column edits reads.
    columns
        By name, in the order of the report.
    """

    options: Options
    groups: list[InputGroup]
    progress: Progress
    policy: Policy = field(default_factory=Policy)
    statistics: list[ReadStatistics] = field(default_factory=list)
    skipped_kmers: int = 0
    correction_k: int = 0
    raw: KmerTable | None = None
    spectrum: Spectrum | None = None
    threading_spectrum: Spectrum | None = None
    evidence: Evidence | None = None
    columns: dict[str, Column] = field(default_factory=dict)

    def batches(self, what: str, statistics: bool = False) -> Iterator[tuple[int, int, ReadBatch]]:
        """Yield (group, number of the first read in the run, batch) over all inputs."""
        first = 0
        for number, group in enumerate(self.groups):
            names = ", ".join(Path(path).name for path in group.paths)
            self.progress.start(f"{what} {names}")
            tally = ReadStatistics()
            for batch in iter_batches(
                group,
                reference=self.options.reference,
                threads=self.options.threads,
                statistics=tally,
            ):
                yield number, first, batch
                first += len(batch)
                self.progress.advance()
            if statistics:
                self.statistics.append(tally)

    @property
    def bases(self) -> int:
        """Bases read."""
        return sum(tally.bases for tally in self.statistics)

    def config(self) -> dict[str, Any]:
        """What decided the result, for the report."""
        used = self.correction_k or self.options.correction_k
        return {**self.options.to_dict(), "correction_k": used}

    @property
    def chosen(self) -> Column:
        """The column of the corrector that was asked for."""
        return self.columns[self.options.corrector]


def open_run(reads: Sequence[str], options: Options, progress: Progress) -> Run:
    """Look at the inputs and for the corrector before any work is done."""
    corrector = load_corrector(options.corrector)
    check = getattr(corrector, "check", None)
    if check is not None:
        check(options.model)
    groups = plan_inputs(
        reads,
        interleaved=options.interleaved,
        single=options.single,
        spool_dir=options.tmp,
        reference=options.reference,
    )
    return Run(options, groups, progress, policy_of(options))


def count(run: Run, *, graph: bool) -> KmerTable:
    """First pass: k-mers at the correction k (returned) and, for a graph, at its own.

    Where no correction k was asked for and the sample turns out too shallow for the
    usual one, the reads are counted once more at a shorter one.

    Raises
    ------
    InputError
        If no read holds a k-mer.
    """
    options = run.options
    run.correction_k = options.correction_k or min(options.k, CORRECTION_K)
    sizes = sorted({run.correction_k} | ({options.k} if graph else set()))
    counters = _count_at(run, sizes, whole=options.k if graph else None, statistics=True)
    tables = {k: counter.finish() for k, counter in counters.items()}
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
            counter = _count_at(run, [chosen])[chosen]
            table = counter.finish()
            run.correction_k = chosen
            run.threading_spectrum = _spectrum_of(run, counter)
    return table


def _spectrum_of(run: Run, counter: KmerCounter) -> Spectrum:
    """Fit of everything that was counted, k-mers seen once included."""
    tally = counter.tally
    return fit_spectrum(tally.histogram, counter.k, bases=run.bases, total=tally.total)


def _count_at(
    run: Run, sizes: list[int], *, whole: int | None = None, statistics: bool = False
) -> dict[int, KmerCounter]:
    """Go over the reads and count at every k of ``sizes``.

    k-mers seen once are handed out at ``whole`` only, which is the graph's: threading
    needs no more than their number.
    """
    options = run.options
    counters = {
        k: KmerCounter(
            k,
            threads=options.threads,
            min_quality=options.min_quality,
            memory_bytes=options.memory_bytes // len(sizes) if options.memory_bytes else None,
            tmp=options.tmp or tempfile.gettempdir(),
            min_count=1 if k == whole else 2,
        )
        for k in sizes
    }
    for _, _, batch in run.batches("Counting", statistics=statistics):
        for counter in counters.values():
            counter.add(batch)
    return counters


def _shorter_k(run: Run, spectrum: Spectrum) -> int:
    """The k to thread at, as the counted k-mers have it; says so where it is another one."""
    reads = sum(s.reads for s in run.statistics)
    chosen = choose_correction_k(spectrum, run.bases / max(1, reads), run.options.k)
    if chosen == spectrum.k:
        logger.debug("reads are threaded at k = %d", chosen)
    else:
        depth = spectrum.peak if spectrum.fitted else median_depth(spectrum)
        logger.info(
            "reads are threaded at k = %d: %d-mers are only %.1f deep (--correction-k overrides)",
            chosen, spectrum.k, depth,
        )  # fmt: skip
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
        reads = (batch for _, _, batch in run.batches("Threading"))
        run.evidence = gather(reads, table, spectrum, options.threads)
    sample = sample_of(run, spectrum)
    run.progress.start("Judging")
    for column in columns.values():
        if column.corrector.edits_reads:
            assert run.evidence is not None
            judged = column.corrector.judge(run.evidence, sample)
            column.verdicts = run.policy.apply(run.evidence, judged)
            gaps = judge_gaps(column.corrector, run.evidence)
            column.gaps = gaps and run.policy.apply_to_gaps(run.evidence, gaps)
            kept_gaps = None if column.gaps is None else column.gaps.kept
            column.rewriter = Rewriter(run.evidence, column.verdicts.kept, kept_gaps)
    run.columns = columns


def sample_of(run: Run, spectrum: Spectrum) -> Sample:
    """What correctors are told of the run.

    k-mers of corrected reads stand by themselves from one below the upper cutoff by depth
    (longer k-mers are seen less often than those that reads are threaded at); from the
    lower one where the sample is shallow, or its depth so uneven that no spectrum fits.
    """
    spectrum = run.spectrum or spectrum
    upper, lower = depth_cutoffs(spectrum)
    even = spectrum.fitted and upper > lower + 1
    options = run.options
    return Sample(
        spectrum, upper - 1 if even else lower, options.threads, options.seed, options.model
    )


Sink = Callable[[int, "ReadBatch"], None]


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """One batch after the verdicts: of the chosen column, and for counting.

    ``before`` are the reads that change as they came; ``columns`` has for each column
    the same as they are now, and what its k-mer set is to keep.
    """

    group: int
    chosen: ReadBatch
    before: Bases | None = None
    columns: dict[str, tuple[Bases, Bases]] = field(default_factory=dict)


def rewrite(run: Run, sink: Sink, *, graph: bool) -> None:
    """Third pass: corrected reads of the chosen column to ``sink``, k-mers of all columns.

    Only reads that some verdict could touch are counted again: the table of a column
    is the raw one, less those reads as they were, plus those reads as they are now.
    """
    edited = [c for c in run.columns.values() if c.corrector.edits_reads] if graph else []
    before = _Delta(run)
    after = {column.name: _Delta(run) for column in edited}
    protected = {column.name: _Delta(run) for column in edited}

    def rewritten(item: tuple[int, int, ReadBatch]) -> _Rewritten:
        group, first, batch = item
        chosen = run.chosen.rewriter.rewrite(batch, first)
        if not edited:
            return _Rewritten(group, chosen)
        touched = edited[0].rewriter.touched(first, len(batch))
        parts = {}
        for column in edited:
            result = chosen if column is run.chosen else column.rewriter.rewrite(batch, first)
            stretches = column.rewriter.kept_stretches(batch, first, run.options.k)
            parts[column.name] = bases_of(result).take(touched), stretches
        return _Rewritten(group, chosen, bases_of(batch).take(touched), parts)

    batches = run.batches("Writing")
    for done in map_in_order(rewritten, batches, run.options.threads):
        sink(done.group, done.chosen)
        if done.before is None:
            continue
        before.add(done.before)
        for name, (result, stretches) in done.columns.items():
            after[name].add(result)
            protected[name].add(stretches)
    if not graph:
        return
    assert run.raw is not None
    assert run.spectrum is not None
    untouched = run.raw.combine(before.finish(), -1) if edited else run.raw
    sample = sample_of(run, run.spectrum)
    for column in run.columns.values():
        names = protected.get(column.name)
        keys = names.finish().keys if names else np.zeros(0, np.uint64)
        column.table = (
            untouched.combine(after[column.name].finish()) if column.name in after else run.raw
        )
        column.kept = column.corrector.keep(column.table, keys, sample)


class _Delta:
    """A counter at the graph's k for the few reads that change."""

    def __init__(self, run: Run) -> None:
        options = run.options
        # A run with all controls has seven of these: their buffers have to be small.
        self._counter = KmerCounter(
            options.k,
            threads=options.threads,
            min_quality=options.min_quality,
            memory_bytes=_DELTA_MEMORY,
        )

    def add(self, bases: Bases) -> None:
        self._counter.add_codes(bases.codes, bases.offsets, bases.quals)

    def finish(self) -> KmerTable:
        return self._counter.finish()


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
        msg = f"{files}: {len(run.groups)} sets of reads; `correct` takes one file or one pair"
        raise InputError(msg)
    with ExitStack() as stack:
        # Opened first: an output that cannot be written is told of before the work.
        writer = stack.enter_context(open_writer(run.groups[0], outputs))
        table = count(run, graph=False)
        judge(run, table, [options.corrector])
        del table
        rewrite(run, lambda _, batch: writer.write(batch), graph=False)
        if corrections:
            chosen = run.chosen
            write_corrections(corrections, run.evidence, chosen.verdicts, chosen.gaps)
    return run
