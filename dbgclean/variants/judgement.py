"""The corrector's verdicts on the alleles of a window: its evidence code, its judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dbgclean.correct.correctors import Sample, load_corrector
from dbgclean.correct.rewrite import Rewriter
from dbgclean.correct.verdicts import LIKELIHOOD_ERROR, LIKELIHOOD_REAL, Verdicts
from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import Edits
from dbgclean.evidence.gather import Evidence, Gathered, look_at
from dbgclean.evidence.threading import Threads
from dbgclean.reads import ReadBatch
from dbgclean.reads.tasks import numbered, over_batches
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.histogram import Spectrum, abundance_histogram
from dbgclean.variants.aligned_window import AlignedWindow
from dbgclean.variants.allele_table import AlleleTable
from dbgclean.variants.haplotypes import Allele
from dbgclean.variants.path_graph import evidence_graph
from dbgclean.variants.placement import Placement
from dbgclean.variants.projection import project, slice_reads

__all__ = ["judge_window"]

# Rate of a gap that is too long for the corrector's own classes, or that reads show only
# at their ends.
_RATE, _RATE_IN_RUN, _LONG_RUN = 1e-6, 1e-3, 6
_LEAST_FRAGMENTS, _LEAST_QUALITY = 3, 20
# A ratio between the judges' thresholds, and the key of a gap that was not filed.
_OPEN, _COUNTED = (LIKELIHOOD_ERROR + LIKELIHOOD_REAL) / 2, np.uint64(2**64 - 1)
# Gaps in a larger share of the fragments are the sample's own: they teach no error rate.
_COMMON = 0.25


_Kmers = tuple[np.ndarray, np.ndarray, np.ndarray]
_Parts = list[tuple[ReadBatch, Threads]]


def judge_window(
    window: AlignedWindow,
    table: AlleleTable,
    alleles: list[Allele],
    *,
    corrector: str,
    model: str | None,
    seed: int,
    kmer_k: int,
) -> tuple[_Kmers, dict[str, int]]:
    """Fill ``likelihood``, ``posterior``, ``verdict`` and ``expected`` of the table.

    Returns ``kmers`` and ``reads`` of `dbgclean.variants.evidence.WindowEvidence`.
    """
    parts = _parts(window)
    evidence = _gather(window, parts)
    pooled, alternative_of = _alternatives_of(window, evidence, table, alleles)
    evidence = replace(evidence, alternatives=pooled)
    judge = load_corrector(corrector)
    spectrum = Spectrum(
        window.path.k,
        abundance_histogram(window.table),
        len(window.table),
        window.table.total,
        reason="a window of a region is no genome",
    )
    sample = Sample(spectrum, cutoff=2, seed=seed, model=model)
    verdicts = judge.judge(evidence, sample)
    known = np.flatnonzero(alternative_of >= 0)
    rows = alternative_of[known]
    table.likelihood[known] = pooled.odds[rows]
    table.expected[known] = pooled.expected[rows]
    table.posterior[known] = verdicts.posterior[rows]
    table.verdict[known] = verdicts.verdict[rows]
    return _kmers(parts, evidence, verdicts, kmer_k), evidence.reads


def _parts(window: AlignedWindow) -> _Parts:
    """Batches of whole pairs and of lone reads, with their threads."""
    batch, n = window.reads.batch, len(window.reads)
    whole = project(batch, window.placement, window.reference, window.states)
    bounds = [(0, 2 * window.reads.pairs, True), (2 * window.reads.pairs, n, False)]
    return [slice_reads(batch, whole, a, b, paired=two) for a, b, two in bounds if b > a]


def _gather(window: AlignedWindow, parts: _Parts) -> Evidence:
    """As `dbgclean.evidence.gather.gather` does, of reads that are placed already."""
    graph = evidence_graph(window.path, window.table)
    found = Gathered()
    for batch, threads in parts:
        found.add(look_at(batch, threads, graph, found.n_reads))
    covered = window.coverage.sum((1, 2))
    covered = covered[covered > 0]
    return found.pool(
        graph,
        peak=float(np.median(covered)) if len(covered) else 1.0,
        genome_size=float(max(1, len(covered))),
        again=over_batches(lambda: [batch for batch, _ in parts]),
        depths=lambda edits, rows: _depths(window, edits, rows),
        common_gap=_COMMON,
    )


def _index_of(placement: Placement, read: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Index in the placement of a base, by its place in the read as it was sequenced."""
    start, stop = placement.offsets[read], placement.offsets[read + 1]
    return np.where(placement.turned[read], stop - 1 - position, start + position)


def _depths(window: AlignedWindow, edits: Edits, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reads over the sites of edits that do not show them, along the key and against it,
    and those that show the path's base."""
    placement = window.placement
    read = edits.read[rows]
    at = _index_of(placement, read, edits.position[rows].astype(np.int64))
    place, base = placement.where[at], placement.codes[at]
    over = window.coverage[place]
    own = over[np.arange(len(rows)), :, base]
    others = (over.sum(2) - own).astype(float)
    against = placement.turned[read] != (edits.strand[rows] == 1)
    others[against] = others[against][:, ::-1]
    reference = window.reference[place]
    return others, over.sum(1)[np.arange(len(rows)), reference].astype(float)


def _alternatives_of(
    window: AlignedWindow, evidence: Evidence, table: AlleleTable, alleles: list[Allele]
) -> tuple[Alternatives, np.ndarray]:
    """The alternative of each allele: the one that most of its edits, or reads, are filed under.

    int64 (n,), -1 for a substitution without any. To a gap without any, as long ones are, one
    is added from the counts of the table.
    """
    pooled = evidence.alternatives
    gaps = np.array([r for r, a in enumerate(alleles) if not a.is_substitution], np.int64)
    alternative_of = np.full(len(alleles), -1, np.int64)
    shown, filed = (
        _edits(window.placement, evidence, alleles),
        _gaps(window, evidence, alleles, gaps),
    )
    for allele, alternative in (shown, filed):
        rows, found = _by_most(allele, alternative)
        alternative_of[rows] = found
    lacking = gaps[alternative_of[gaps] < 0]
    alternative_of[lacking] = len(pooled) + np.arange(len(lacking))
    return _with_counts(pooled, table, lacking), alternative_of


def _edits(
    placement: Placement, evidence: Evidence, alleles: list[Allele]
) -> tuple[np.ndarray, np.ndarray]:
    """Row of the allele and of the alternative, of every edit that shows a substitution."""
    edits = evidence.edits.substitutions()
    at = _index_of(placement, edits.read, edits.position.astype(np.int64))
    key = 4 * placement.where[at].astype(np.int64) + placement.codes[at]
    wanted = {4 * a.start + a.alt[0]: row for row, a in enumerate(alleles) if a.is_substitution}
    names = np.array(sorted(wanted), np.int64)
    row_of = np.array([wanted[name] for name in names.tolist()], np.int64)
    mine = np.isin(key, names)
    allele = row_of[np.searchsorted(names, key[mine])]
    return allele, evidence.alternatives.of_edit[: len(edits)][mine]


def _gaps(
    window: AlignedWindow, evidence: Evidence, alleles: list[Allele], rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same of every read with one of the gaps, ``rows`` of the alleles."""
    placement, changes = window.placement, evidence.changes
    filed = np.flatnonzero(changes.gap >= 0)
    place = changes.read[filed] << 32 | changes.position[filed].astype(np.int64)
    order = np.argsort(place, kind="stable")
    place, filed = place[order], filed[order]
    own = [window.own(alleles[row]) for row in rows]
    inserted = np.array([len(alleles[row].alt) for row in rows], np.int64)
    sizes = np.array([len(reads) for reads in own], np.int64)
    allele, more = np.repeat(rows, sizes), np.repeat(inserted, sizes)
    read, behind = np.concatenate([np.zeros((0, 2), np.int64), *own]).T
    # Where the corrector has the gap: before its first base, in the read as it was sequenced.
    start, stop = placement.offsets[read], placement.offsets[read + 1]
    turn = stop - (behind - more) - (more > 0)
    at = read << 32 | np.where(placement.turned[read], turn, behind - more - start)
    known = np.isin(at, place)
    change = filed[np.searchsorted(place, at[known])]
    return allele[known], evidence.alternatives.of_edit[changes.gap[change]]


def _by_most(allele: np.ndarray, alternative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of pairs, each allele once with the alternative that it has most often (the first of
    equals): int64, int64."""
    pairs, sizes = np.unique(np.stack([allele, alternative], 1), axis=0, return_counts=True)
    order = np.lexsort((pairs[:, 1], -sizes, pairs[:, 0]))
    first = np.unique(pairs[order, 0], return_index=True)[1]
    return pairs[order[first], 0], pairs[order[first], 1]


def _with_counts(pooled: Alternatives, table: AlleleTable, rows: np.ndarray) -> Alternatives:
    """Alternatives with some rows of the table, which are gaps, behind them."""
    n, reverse = table.alt_fragments[rows], table.alt_reverse[rows]
    depth = (table.depth[rows] - n).astype(float)
    rate = np.where(table.run[rows] >= _LONG_RUN, _RATE_IN_RUN, _RATE)
    f = np.minimum(n / np.maximum(n + depth, 1), 0.99)
    ratio = n * np.log((f + (1 - f) * rate) / rate) + depth * np.log((1 - f) / (1 - rate))
    told = (f > rate) & (n >= _LEAST_FRAGMENTS) & (table.quality[rows] >= _LEAST_QUALITY)
    ratio = np.where(told, ratio, 0.0)
    # Nothing is known of the strands of the other reads: one alone leaves it open.
    one_strand = (reverse == 0) | (reverse == n)
    odds = np.where(one_strand, np.minimum(ratio, _OPEN), ratio)
    added = Alternatives.empty(len(rows), np.zeros(0, np.int64), pooled.rates)
    added.key[:], added.odds[:] = _COUNTED, odds
    columns = {"fragments": n, "reads": table.alt_reads[rows], "reverse": reverse}
    for name, column in columns.items():
        added.column(name)[:] = column
    added.depth[:], added.to_depth[:] = depth[:, None] / 2, depth
    added.likelihood[:], added.fraction[:], added.expected[:] = ratio, f, rate * (depth + n)
    return pooled.with_gaps(added)


def _kmers(parts: _Parts, evidence: Evidence, verdicts: Verdicts, k: int) -> _Kmers:
    """k-mers of the reads, and which are left in the reads as the verdicts have them."""
    rewriter = Rewriter(evidence, verdicts.kept)
    raw, left = (KmerCounter(k, memory_bytes=1 << 27) for _ in range(2))
    for first, batch in numbered(batch for batch, _ in parts):
        raw.add(batch)
        left.add(rewriter.rewrite(batch, first))
    table = raw.finish()
    kept = np.isin(table.keys, left.finish().keys, assume_unique=True)
    return table.keys, table.counts, kept
