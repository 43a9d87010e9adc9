"""Variant or error: the regions of a BAM, window by window, from reads to report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dbgclean._files import OutputFolder
from dbgclean.errors import InputError
from dbgclean.log import Progress
from dbgclean.pipeline.inspect_inputs import (
    InspectInputs,
    InspectOptions,
    Survey,
    check_corrector,
    open_inputs,
)
from dbgclean.pipeline.inspect_report import KmerVerdicts, build_report, write_files
from dbgclean.spectrum.counting import count_codes
from dbgclean.variants.allele_table import AlleleTable, concatenate_alleles
from dbgclean.variants.classify import Rules, classify
from dbgclean.variants.evidence import (
    KMER_K,
    WindowEvidence,
    consensus,
    count_alleles,
    gather_window,
)
from dbgclean.variants.region_reads import Alignments, RegionReads, fetch_reads
from dbgclean.variants.regions import Region, Window

__all__ = ["InspectOptions", "inspect"]

# Reads reach over a window's ends; the reference follows them this far at most (a spliced
# alignment may lead anywhere).
_REACH = 400
_CONSENSUS = "bubble-contig"


@dataclass
class _Found:
    """Evidence of the windows so far."""

    tables: list[AlleleTable] = field(default_factory=list)
    offsets: list[np.ndarray] = field(default_factory=list)
    molecules: list[np.ndarray] = field(default_factory=list)
    shows_alt: list[np.ndarray] = field(default_factory=list)
    counts: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    kept: list[np.ndarray] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    contigs: dict[str, int] = field(default_factory=dict)
    without_reference: int = 0

    def add(self, evidence: WindowEvidence, reads: RegionReads, table: AlleleTable) -> None:
        """Take a window in; ``table`` is its alleles, with the normal's counts if there is one."""
        offsets, fragment, shows_alt = evidence.reads_of
        self.tables.append(table)
        self.offsets.append(np.diff(offsets))
        self.molecules.append(reads.fragment_keys[fragment])
        self.shows_alt.append(shows_alt)
        keys, _, kept = evidence.kmers
        self.kept.append(keys[kept])
        for name, number in evidence.reads.items():
            self.states[name] = self.states.get(name, 0) + number

    def reads_of(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fragments over each allele, numbered alike in all windows."""
        counts = np.concatenate([np.zeros(1, np.int64), *self.offsets])
        keys = np.concatenate([np.zeros(0, np.uint64), *self.molecules])
        _, number = np.unique(keys, return_inverse=True)
        shows = np.concatenate([np.zeros(0, bool), *self.shows_alt])
        return np.cumsum(counts), number.reshape(-1).astype(np.int64), shows

    def count(self, reads: RegionReads) -> None:
        """Count the k-mers of reads, each of which comes once."""
        batch = reads.batch
        table = count_codes(batch.codes, batch.offsets, batch.quals, KMER_K)
        self.counts.append((table.keys, table.counts))

    def kmer_verdicts(self) -> KmerVerdicts:
        """k-mers of the regions' reads; one that any window keeps is kept."""
        keys = np.concatenate([part for part, _ in self.counts])
        unique, row = np.unique(keys, return_inverse=True)
        each = np.concatenate([part for _, part in self.counts])
        total = np.bincount(row.reshape(-1), weights=each, minlength=len(unique))
        kept = np.unique(np.concatenate(self.kept))
        stands = np.isin(unique, kept, assume_unique=True)
        return KmerVerdicts(KMER_K, unique, total.astype(np.uint32), stands)


def inspect(
    bam: str,
    regions: Sequence[str],
    bed: str | None,
    output: str,
    *,
    reference: str | None = None,
    normal: str | None = None,
    options: InspectOptions | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge the alleles in regions of a BAM or CRAM file and write it all into a folder.

    Parameters
    ----------
    bam
        Sorted and indexed.
    regions, bed
        See `dbgclean.variants.regions.parse_regions`.
    output
        Folder; appears under its name only when everything in it is whole.
    reference
        FASTA; without it the consensus of the reads takes its place, and no VCF is written.
    normal
        BAM or CRAM of the matched normal.
    force
        Write into a folder that holds something.

    Returns
    -------
    dict
        The report, as in ``report.json``.

    Raises
    ------
    DbgcleanError
        For anything wrong with inputs, options or output; nothing is left behind.
    """
    options = options or InspectOptions()
    with ExitStack() as stack:
        progress = progress or stack.enter_context(Progress(quiet=True))
        check_corrector(options)
        inputs = open_inputs(stack, bam, regions, bed, reference, normal, options, progress)
        out = stack.enter_context(OutputFolder(output, force))
        found = _look(inputs)
        table = _judge(inputs, found)
        progress.start("Writing the report")
        report = build_report(inputs, table, found.states)
        write_files(out, inputs, table, found.kmer_verdicts(), report)
        out.commit()
    return report


def _look(inputs: InspectInputs) -> _Found:
    """Gather the evidence of every window."""
    found = _Found()
    for survey in inputs.surveys:
        inputs.progress.start(f"Inspecting {survey.region}", total=len(survey.windows))
        for window in inputs.progress.iterate(survey.windows):
            reads = _fetch(inputs.sample, window, inputs)
            if len(reads):
                found.count(_at_home(reads, survey, window))
                _look_at(inputs, survey, window, reads, found)
    if not found.tables:
        msg = _nothing_seen(inputs, found)
        raise InputError(msg)
    return found


def _nothing_seen(inputs: InspectInputs, found: _Found) -> str:
    shown = ", ".join(str(survey.region) for survey in inputs.surveys[:3])
    if inputs.reference is not None and found.without_reference:
        return (
            f"{inputs.reference.path}: holds no ACGT in {shown}; give the reference that the "
            "reads were aligned to, or a region that it covers"
        )
    return f"{inputs.sample.path}: the reads in {shown} have no consensus; give --reference"


def _fetch(alignments: Alignments, window: Window, inputs: InspectInputs) -> RegionReads:
    return fetch_reads(
        alignments, window.padded, min_mapping_quality=inputs.options.min_mapping_quality
    )


def _at_home(reads: RegionReads, survey: Survey, window: Window) -> RegionReads:
    """Reads of the region that no window before has: each is one window's."""
    start = np.maximum(reads.start, survey.region.start)
    return reads.select(
        (window.core.start <= start) & (start < np.minimum(window.core.end, reads.end))
    )


def _look_at(
    inputs: InspectInputs, survey: Survey, window: Window, reads: RegionReads, found: _Found
) -> None:
    """One window: its own reference, or what its reads agree on."""
    if inputs.reference is not None:
        origin = _origin(window, reads, inputs.sample.contigs[window.core.contig])
        bases = inputs.reference.fetch(origin.contig, origin.start, origin.end)
        if not set(bases) & set("ACGT"):
            found.without_reference += 1
            return
        evidence = _gather(inputs, window, reads, bases, origin, window.core)
        ratio = survey.depth_ratio(evidence.alleles.position)
        found.add(evidence, reads, replace(evidence.alleles, depth_ratio=ratio))
        return
    for _, bases in consensus(reads):
        name = f"{_CONSENSUS}-{len(found.contigs) + 1}"
        found.contigs[name] = len(bases)
        whole = Region(name, 0, len(bases))
        evidence = _gather(inputs, window, reads, bases, whole, whole)
        found.add(evidence, reads, evidence.alleles)


def _origin(window: Window, reads: RegionReads, length: int) -> Region:
    """Where the window's reference lies: the window, and on to its reads' ends."""
    widest = window.padded.widened(_REACH, length)
    start = min(window.padded.start, int((reads.start - reads.clip_left).min()))
    end = max(window.padded.end, int((reads.end + reads.clip_right).max()))
    return Region(window.core.contig, max(widest.start, start), min(widest.end, end))


def _gather(
    inputs: InspectInputs,
    window: Window,
    reads: RegionReads,
    bases: str,
    origin: Region,
    core: Region,
) -> WindowEvidence:
    """Evidence of a window against ``bases``; the normal's counts of its alleles."""
    options = inputs.options
    evidence = gather_window(
        reads,
        bases,
        origin,
        core,
        corrector=options.corrector,
        model=options.model,
        threads=options.threads,
        seed=options.seed,
        min_fraction=options.min_fraction,
    )
    if inputs.normal is None:
        return evidence
    others = _fetch(inputs.normal, window, inputs)
    alt, depth = count_alleles(others, bases, origin, evidence.alleles)
    table = replace(evidence.alleles, normal_alt=alt, normal_depth=depth)
    return replace(evidence, alleles=table)


def _judge(inputs: InspectInputs, found: _Found) -> AlleleTable:
    """All alleles as one table, classified."""
    names = list(dict.fromkeys(name for table in found.tables for name in table.contigs))
    table = concatenate_alleles([_renamed(table, names) for table in found.tables])
    reads_of = found.reads_of()
    if inputs.reference is None:
        table, reads_of = _once(table, reads_of)
    rules = Rules(ploidy=inputs.options.ploidy, min_fraction=inputs.options.min_fraction)
    return classify(table, reads_of, rules, somatic=inputs.normal is not None)


def _once(
    table: AlleleTable, reads_of: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[AlleleTable, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Alleles that the contigs of two windows hold, told by their sequence, where it is deepest."""
    deepest: dict[tuple[str, str], int] = {}
    for row, arms in enumerate(table.arms):
        if arms not in deepest or table.depth[row] > table.depth[deepest[arms]]:
            deepest[arms] = row
    keep = np.zeros(len(table), bool)
    keep[list(deepest.values())] = True
    offsets, fragment, shows_alt = reads_of
    sizes = np.diff(offsets)
    entries = np.repeat(keep, sizes)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes[keep])])
    return table.select(keep), (starts, fragment[entries], shows_alt[entries])


def _renamed(table: AlleleTable, names: list[str]) -> AlleleTable:
    """The table over the contigs ``names``."""
    rows = np.array([names.index(name) for name in table.contigs], np.int32)
    return replace(table, contig=rows[table.contig].astype(np.int32), contigs=names)
