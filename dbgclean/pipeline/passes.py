"""Three passes over the reads: count, thread and judge, rewrite.

Reads go by in batches; nothing is kept of them but k-mers and what would change.
Every result comes in columns: the corrector that was asked for, and beside it the
controls.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import iadd
from typing import Any

from dbgclean._memory import give_memory_back
from dbgclean._sample import sample_name
from dbgclean.correct.corrections import write_corrections
from dbgclean.correct.correctors import Corrector, Sample, load_corrector
from dbgclean.correct.linkage import leave_linked
from dbgclean.correct.policy import Policy
from dbgclean.correct.rewrite import Rewriter
from dbgclean.errors import InputError, UsageError
from dbgclean.evidence.cutoffs import choose_correction_k, choose_cutoffs, first_correction_k
from dbgclean.evidence.gather import Evidence, build_graph, gather_along
from dbgclean.evidence.solid import SeenKmers, SolidGraph
from dbgclean.log import Progress
from dbgclean.pipeline.counting import check_kmers, fit_of
from dbgclean.pipeline.counts import Counting, Counts
from dbgclean.pipeline.figures import figures_of, write_figures
from dbgclean.pipeline.options import Options
from dbgclean.pipeline.reads_out import ReadOutputs, ReadsOut
from dbgclean.pipeline.rewriting import Sink, rewrite
from dbgclean.pipeline.room import refuse_too_large
from dbgclean.pipeline.runs import Column, Corrected, Counted, Inputs, Judged, open_run
from dbgclean.reads import InputGroup, ReadStatistics
from dbgclean.reads.inputs import likely_bases
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.read_depths import depth_modes, read_depths
from dbgclean.spectrum.table import KmerTable

__all__ = [
    "CONTROLS",
    "Column",
    "Corrected",
    "Counted",
    "Inputs",
    "Judged",
    "Options",
    "ReadOutputs",
    "ReadsOut",
    "correct",
    "correct_reads",
    "count",
    "judge",
    "open_run",
    "rewrite",
    "reads_out",
]

logger = logging.getLogger(__name__)

CONTROLS = ("nearest", "likelihood", "autoencoder")


def count(inputs: Inputs, *, singles: bool = False) -> Counted:
    """First pass: k-mers at the correction k and, for a graph, at its own.

    Where no correction k was asked for and the sample turns out to need another one than
    its size let expect, the reads are counted once more.

    Parameters
    ----------
    singles
        k-mers seen once in ``table``, too: threading needs no more than their
        number. The table is then that of the reads as they are; else, where they end in G
        without a signal, what touches such ends is left out of it.

    Raises
    ------
    InputError
        If no read holds a k-mer.
    """
    facts = inputs.engine.kept("counted", lambda: _count(inputs, singles))
    return Counted(**vars(inputs), **facts)


def _count(inputs: Inputs, singles: bool) -> dict[str, Any]:
    """What `Counted` has beyond the inputs."""
    options, statistics = inputs.options, list[ReadStatistics]()
    bases = likely_bases(path for group in inputs.groups for path in group.paths)
    longest = max(group.longest for group in inputs.groups)
    k = options.correction_k or first_correction_k(bases, longest, options.k)
    sizes = sorted({k, options.k} if inputs.graph else {k})
    whole = {options.k} if inputs.graph else set()
    counts = _count_at(inputs, "count", k, sizes, whole | {k} if singles else whole, statistics)
    counters, tails = counts.counters, counts.tails
    inputs.refuse(wait=True)
    tables = {k: inputs.engine.table(inputs, "count", each) for k, each in counters.items()}
    give_memory_back()
    read = check_kmers(inputs.files, counters[sizes[-1]], statistics)
    windows = counters[sizes[-1]].statistics
    raw = tables[options.k] if inputs.graph else KmerTable.empty(options.k)
    table = tables.pop(k)
    threading = fit_of(counters[k], read.bases)
    spectrum = fit_spectrum(raw, bases=read.bases) if inputs.graph else threading
    if options.correction_k is None:
        chosen = choose_correction_k(threading, read.bases / max(1, read.reads), options.k)
        logger.debug("reads are threaded at k = %d", chosen)
        if chosen != k:
            del table, tables, counters
            again = _count_at(inputs, "recount", chosen, [chosen], {chosen} if singles else set())
            counter, tails = again.counters[chosen], again.tails
            table = inputs.engine.table(inputs, "recount", counter)
            threading = fit_of(counter, read.bases)
            if not inputs.graph:
                spectrum, windows = threading, counter.statistics
    if tails is not None and options.poly_g != "on" and not tails.runs.artefact:
        tails = None
    if tails is not None and not singles:
        table = tails.left_out(table)
    return {
        "table": table,
        "raw": raw,
        "spectrum": spectrum,
        "threading_spectrum": threading,
        "statistics": statistics,
        "windows": windows,
        "tails": tails,
        "sampled": counts.sampled,
        "modes": depth_modes(read_depths(counts.sampled, table)),
    }


def _count_at(
    inputs: Inputs,
    name: str,
    tails_k: int,
    sizes: list[int],
    whole: set[int],
    statistics: list[ReadStatistics] | None = None,
) -> Counts:
    """Go over the reads and count at every k of ``sizes``, and the runs of G they end in.

    k-mers seen once are handed out where k is among ``whole``.
    """
    options = inputs.options
    masked = options.mask and options.poly_g != "off"
    task = Counting(
        options, {k: 1 if k in whole else 2 for k in sizes}, tails_k if masked else None
    )
    return reduce(iadd, inputs.over(name, task, statistics))


def judge(counted: Counted, names: Sequence[str]) -> Judged:
    """Second pass: evidence, then a column of verdicts for each name.

    Parameters
    ----------
    counted
        From `count`. Its table weighs most of a run: who does not hold it has it back once
        the graph to thread along stands.
    names
        Correctors, the columns in their order.
    """
    correctors = {name: load_corrector(name) for name in names}
    options, spectrum = counted.options, counted.threading_spectrum
    graph: SolidGraph | None = None
    evidence: Evidence | None = None
    if any(corrector.edits_reads for corrector in correctors.values()):
        if counted.compiling is not None:
            counted.compiling.finish_threading()
        refuse_too_large(counted)
        cutoffs = choose_cutoffs(spectrum, counted.rarest)

        def build() -> SolidGraph:
            nonlocal counted
            seen = SeenKmers.of(counted.table, cutoffs[1])
            counted = _without_table(counted)
            return build_graph(seen, spectrum, options.threads, cutoffs)

        graph = counted.engine.kept("solid", build)
        give_memory_back()
    counted = _without_table(counted)
    if graph is not None:
        evidence = gather_along(
            counted.over,
            graph,
            spectrum,
            options.threads,
            poly_g=counted.tails is not None,
            mask_seams=options.mask and counted.rarest is None,
            seed=options.seed if options.spikes else None,
            compact=True,
        )
        del graph
        give_memory_back()
    counted.progress.start("Judging")
    sample, columns = counted.sample(), dict[str, Column]()
    for name, corrector in correctors.items():
        if evidence is None or not corrector.edits_reads:
            columns[name] = Column(name, corrector)
        else:
            columns[name] = _judge(counted, evidence, sample, name, corrector)
    give_memory_back()
    return Judged(**vars(counted), evidence=evidence, columns=columns)


def _without_table(counted: Counted) -> Counted:
    return replace(counted, table=KmerTable.empty(counted.table.k))


def _judge(
    counted: Counted, evidence: Evidence, sample: Sample, name: str, corrector: Corrector
) -> Column:
    """One corrector's column."""
    policy, judged, doubted = counted.policy, corrector.judge(evidence, sample), None
    if counted.rarest is not None and corrector.judges:
        judged, doubted = leave_linked(evidence, judged)
    sample.judged[name] = judged
    verdicts = policy.apply(evidence, judged)
    loss = _expected_loss(policy, evidence, corrector, sample)
    rewriter = Rewriter(evidence, verdicts.kept, doubted)
    return Column(name, corrector, verdicts, rewriter, loss)


def _expected_loss(
    policy: Policy, evidence: Evidence, corrector: Corrector, sample: Sample
) -> dict[str, dict[str, int]] | None:
    """What the corrector, and the user's rules, make of the planted alleles."""
    if evidence.spikes is None:
        return None
    planted = evidence.planted()
    judged = corrector.judge(planted, replace(sample, judged={}))
    return evidence.spikes.by_fraction(policy.apply(planted, judged).kept)


def correct(
    inputs: Inputs, sink: Sink, names: Sequence[str] = (), *, records: bool = False
) -> Corrected:
    """All three passes: the column that the options ask for, behind those of ``names``.

    Parameters
    ----------
    sink
        Takes the batches of corrected reads in their order.
    records
        Of BAM and CRAM, have them bring their records (`dbgclean.reads.ReadBatch.records`).
    """
    # No stage holds what the one before it had beyond what it returns.
    columns = dict.fromkeys([*names, inputs.options.corrector])
    return rewrite(judge(count(inputs), list(columns)), sink, records=records)


def reads_out(groups: Sequence[InputGroup], outputs: ReadOutputs, options: Options) -> ReadsOut:
    """What `correct_reads` writes the reads with; opens nothing before it is entered.

    Raises
    ------
    InputError
        If there is more than one file or pair.
    UsageError
        If the outputs do not fit.
    """
    if len(groups) != 1:
        msg = (
            f"{', '.join(path for group in groups for path in group.paths)}: {len(groups)} sets "
            "of reads, for the names of their first reads are not those of mates; `correct` takes "
            "one file or one pair (--paired if they are mates)"
        )
        raise InputError(msg)
    if outputs.unplaced and not load_corrector(options.corrector).edits_reads:
        msg = (
            f"--unplaced: {options.corrector} looks for no read's place in the graph; leave it "
            "out, or choose another --corrector"
        )
        raise UsageError(msg)
    sample = options.sample or sample_name(groups[0].paths)
    return ReadsOut(groups, outputs, _in_words(options), sample)


def correct_reads(
    reads: Sequence[str],
    outputs: ReadOutputs,
    options: Options,
    progress: Progress,
    corrections: str | None = None,
    *,
    json: str | None = None,
    multiqc: str | None = None,
) -> tuple[Corrected, ReadsOut]:
    """Corrected reads only: no graph, no controls.

    Parameters
    ----------
    corrections
        Where to write the table of corrections. Nothing appears unless everything
        can be written.
    json, multiqc
        See `dbgclean.pipeline.figures.write_figures`.

    Returns
    -------
    Corrected, ReadsOut
        What was found, and what was written.
    """
    inputs = open_run(reads, options, progress)
    # Opened first: an output that cannot be written is told of before the work.
    with reads_out(inputs.groups, outputs, options) as out:
        done = correct(inputs, out, records=out.records)
        if corrections:
            write_corrections(corrections, done.evidence, done.chosen.verdicts)
        if json or multiqc:
            write_figures("correct", options, figures_of(done), json, multiqc)
    return done, out


def _in_words(options: Options) -> str:
    """What decides the result, in one line; no file names but a list's, and no threads."""
    given = options.to_dict().items()
    return " ".join(f"{name}={value}" for name, value in given if value is not None)
