"""Variant or error: the regions of a BAM, window by window, from reads to judged alleles."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from dbgclean.errors import InputError
from dbgclean.pipeline.inspect_inputs import InspectInputs, InspectOptions, Survey
from dbgclean.pipeline.inspect_report import Inspected, KmerVerdicts
from dbgclean.reads.prefetch import map_in_order
from dbgclean.spectrum.membership import rows_among
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.whole import count_codes
from dbgclean.variants.allele_table import AlleleTable
from dbgclean.variants.classify import Rules, classify
from dbgclean.variants.clipping import leave_out_clips
from dbgclean.variants.consensus import consensus, nearest_contig
from dbgclean.variants.evidence import KMER_K, WindowEvidence, count_alleles, gather_window
from dbgclean.variants.reference import Reference
from dbgclean.variants.region_reads import RegionReads, fetch_reads
from dbgclean.variants.regions import Region, Window
from dbgclean.variants.support import count_crowd

__all__ = ["inspect_regions"]

logger = logging.getLogger(__name__)

# Reads reach over a window's ends; the reference follows them this far at most (a spliced
# alignment may lead anywhere).
_REACH = 400
_CONTIG = "bubble-contig"


@dataclass
class _Found:
    """Evidence of the windows so far; ``homes`` and ``consensus`` are the regions and the
    bases of the contigs that stand in for the reference."""

    tables: list[AlleleTable] = field(default_factory=list)
    offsets: list[np.ndarray] = field(default_factory=list)
    molecules: list[np.ndarray] = field(default_factory=list)
    shows_alt: list[np.ndarray] = field(default_factory=list)
    counts: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    kept: list[np.ndarray] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    homes: dict[str, Region] = field(default_factory=dict)
    consensus: dict[str, str] = field(default_factory=dict)
    without_reference: int = 0
    letters: Counter[str] = field(default_factory=Counter)
    clips: Counter[str] = field(default_factory=Counter)

    def add(self, window: _Seen) -> None:
        """Take a window in."""
        self.counts.append((window.kmers.keys, window.kmers.counts))
        for i, evidence in enumerate(window.evidence):
            offsets, fragment, shows_alt = evidence.reads_of
            table = evidence.alleles
            if window.contigs:
                # Numbered through all windows.
                name = f"{_CONTIG}-{len(self.homes) + 1}"
                table = replace(table, contigs=[name])
                self.homes[name], self.consensus[name] = window.region, window.contigs[i]
            self.tables.append(table)
            self.offsets.append(np.diff(offsets))
            self.molecules.append(window.reads.fragment_keys[fragment])
            self.shows_alt.append(shows_alt)
            keys, _, kept = evidence.kmers
            self.kept.append(keys[kept])
            for name, number in evidence.reads.items():
                self.states[name] = self.states.get(name, 0) + number

    def count_letters(self, reference: Reference, core: Region) -> None:
        """Count what the reference does not name; windows' cores tile the regions."""
        several, any_base = reference.count_unnamed(core.contig, core.start, core.end)
        self.letters += Counter(ambiguous=several, unknown=any_base)

    def reads_of(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fragments over each allele, numbered alike in all windows."""
        counts = np.concatenate([np.zeros(1, np.int64), *self.offsets])
        keys = np.concatenate([np.zeros(0, np.uint64), *self.molecules])
        _, number = np.unique(keys, return_inverse=True)
        shows = np.concatenate([np.zeros(0, bool), *self.shows_alt])
        return np.cumsum(counts), number.reshape(-1).astype(np.int64), shows

    def kmer_verdicts(self) -> KmerVerdicts:
        """k-mers of the regions' reads; one that any window keeps is kept."""
        keys = np.concatenate([part for part, _ in self.counts])
        unique, row = np.unique(keys, return_inverse=True)
        each = np.concatenate([part for _, part in self.counts])
        total = np.bincount(row.reshape(-1), weights=each, minlength=len(unique))
        kept = np.unique(np.concatenate(self.kept))
        stands = rows_among(unique, kept) >= 0
        return KmerVerdicts(KMER_K, unique, total.astype(np.uint32), stands)


def inspect_regions(inputs: InspectInputs) -> Inspected:
    """Look at all windows of what was opened, and judge what is in them; nothing is written."""
    found = _look(inputs)
    return Inspected(
        _judge(inputs, found),
        found.kmer_verdicts(),
        found.states,
        found.homes,
        found.consensus,
        found.letters,
        found.clips,
    )


@dataclass(frozen=True, eq=False)
class _Job:
    """A window with everything that is needed to look at it; read beforehand.

    ``bases`` begin at ``origin``; both are None where the reads' consensus is to be used.
    """

    survey: Survey
    window: Window
    reads: RegionReads
    normal: RegionReads | None
    bases: str | None
    origin: Region | None


@dataclass(frozen=True, eq=False)
class _Seen:
    """What came of a window: evidence by sequence looked along, and its own reads' k-mers.

    ``contigs`` are these sequences, where they are the reads' consensus.
    """

    region: Region
    reads: RegionReads
    evidence: list[WindowEvidence]
    kmers: KmerTable
    contigs: tuple[str, ...] = ()


def _look(inputs: InspectInputs) -> _Found:
    """Gather the evidence of all windows, some at a time."""
    found = _Found()
    threads = inputs.options.threads
    total = sum(len(survey.windows) for survey in inputs.surveys)
    inputs.progress.start("Inspecting windows", total=total)
    seen = map_in_order(lambda job: _look_at(job, inputs.options), _jobs(inputs, found), threads)
    for window in inputs.progress.iterate(seen):
        found.add(window)
    if not found.tables:
        msg = _nothing_seen(inputs, found)
        raise InputError(msg)
    if inputs.reference is not None and found.letters:
        words = (
            ("ambiguous", "letters stand for several bases, and are taken as the first (VCF 4.3)"),
            ("unknown", "letters name no base, and no allele is called there"),
        )
        said = (f"{found.letters[name]:,} {text}" for name, text in words if found.letters[name])
        logger.warning("%s: %s", inputs.reference.path, "; ".join(said))
    return found


def _jobs(inputs: InspectInputs, found: _Found) -> Iterator[_Job]:
    """Read the windows, one after the other: the files are open but once."""
    least = inputs.options.min_mapping_quality
    for survey in inputs.surveys:
        for window in survey.windows:
            reads = fetch_reads(inputs.sample, window.padded, min_mapping_quality=least)
            if not len(reads):
                continue
            bases = origin = normal = None
            if inputs.reference is not None:
                origin = _origin(window, reads, inputs.sample.contigs[window.core.contig])
                bases = inputs.reference.fetch(origin.contig, origin.start, origin.end)
                found.count_letters(inputs.reference, window.core)
                if not set(bases) & set("ACGT"):
                    found.without_reference += 1
                    continue
            if inputs.normal is not None:
                normal = fetch_reads(inputs.normal, window.padded, min_mapping_quality=least)
                normal, _ = _without_clips(normal, bases, origin, inputs.options)
            reads, clips = _without_clips(reads, bases, origin, inputs.options)
            found.clips += clips
            yield _Job(survey, window, reads, normal, bases, origin)


def _without_clips(
    reads: RegionReads, bases: str | None, origin: Region | None, options: InspectOptions
) -> tuple[RegionReads, Counter[str]]:
    start = origin.start if origin is not None else 0
    return leave_out_clips(reads, bases, start, take=options.soft_clips)


def _origin(window: Window, reads: RegionReads, length: int) -> Region:
    """Where the window's reference lies: the window, and on to its reads' ends."""
    widest = window.padded.widened(_REACH, length)
    start = min(window.padded.start, int((reads.start - reads.clip_left).min()))
    end = max(window.padded.end, int((reads.end + reads.clip_right).max()))
    return Region(window.core.contig, max(widest.start, start), min(widest.end, end))


def _nothing_seen(inputs: InspectInputs, found: _Found) -> str:
    shown = ", ".join(str(survey.region) for survey in inputs.surveys[:3])
    if inputs.reference is not None and found.without_reference:
        return (
            f"{inputs.reference.path}: holds no ACGT in {shown}; give the reference that the "
            "reads were aligned to, or a region that it covers"
        )
    return f"{inputs.sample.path}: the reads in {shown} have no consensus; give --reference"


def _look_at(job: _Job, options: InspectOptions) -> _Seen:
    """One window along its own reference, or along what its reads agree on."""
    batch = _at_home(job).batch
    kmers = count_codes(batch.codes, batch.offsets, batch.quals, KMER_K)
    if job.bases is None or job.origin is None:
        return _along_consensus(job, kmers, options)
    one = _gather(job, job.bases, job.origin, job.window.core, options)
    ratio = job.survey.depth_ratio(one.alleles.position)
    tells = np.full(len(ratio), job.survey.depth_tells)
    table = replace(one.alleles, depth_ratio=ratio, depth_tells=tells)
    return _Seen(job.survey.region, job.reads, [replace(one, alleles=table)], kmers)


def _along_consensus(job: _Job, kmers: KmerTable, options: InspectOptions) -> _Seen:
    """A window's contigs one by one, each with the reads that fit it best."""
    evidence = []
    contigs = consensus(job.reads)
    nearest = nearest_contig(job.reads, contigs) if contigs else np.zeros(0, np.int64)
    for i, (name, bases) in enumerate(contigs):
        whole = Region(name, 0, len(bases))
        own = replace(job, reads=job.reads.select(nearest == i))
        one = _gather(own, bases, whole, whole, options)
        tells = np.full(len(one.alleles), job.survey.depth_tells)
        evidence.append(replace(one, alleles=replace(one.alleles, depth_tells=tells)))
    return _Seen(job.survey.region, job.reads, evidence, kmers, tuple(b for _, b in contigs))


def _at_home(job: _Job) -> RegionReads:
    """Reads of the region that no window before has: each is one window's."""
    reads, core = job.reads, job.window.core
    start = np.maximum(reads.start, job.survey.region.start)
    return reads.select((core.start <= start) & (start < np.minimum(core.end, reads.end)))


def _gather(
    job: _Job, bases: str, origin: Region, core: Region, options: InspectOptions
) -> WindowEvidence:
    """Evidence of a window along ``bases``; the normal's counts of its alleles."""
    evidence = gather_window(
        job.reads,
        bases,
        origin,
        core,
        corrector=options.corrector,
        model=options.model,
        seed=options.seed,
        min_fraction=options.min_fraction,
    )
    if job.normal is None:
        return evidence
    alt, depth = count_alleles(job.normal, bases, origin, evidence.alleles)
    table = replace(evidence.alleles, normal_alt=alt, normal_depth=depth)
    return replace(evidence, alleles=table)


def _judge(inputs: InspectInputs, found: _Found) -> AlleleTable:
    """All alleles as one table, classified."""
    names = list(dict.fromkeys(name for table in found.tables for name in table.contigs))
    table = AlleleTable.concatenate([_renamed(table, names) for table in found.tables])
    reads_of = found.reads_of()
    if inputs.reference is None:
        table, reads_of = _once(table, reads_of)
    count_crowd(table)
    rules = Rules(
        ploidy=inputs.options.ploidy,
        min_fraction=inputs.options.min_fraction,
        own_consensus=inputs.reference is None,
    )
    return classify(table, reads_of, rules, somatic=inputs.normal is not None)


def _once(
    table: AlleleTable, reads_of: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[AlleleTable, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Alleles that the contigs of two windows hold, told by their sequence, where it is deepest.

    Either arm may be the consensus of a window.
    """
    deepest: dict[frozenset[str], int] = {}
    for row, arms in enumerate(map(frozenset, table.arms)):
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
