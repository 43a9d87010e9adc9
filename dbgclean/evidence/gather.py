"""One pass over the reads: thread, collect what would change, pool it.

What the pass leaves behind is proportional to what would change, not to the reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dbgclean._memory import give_memory_back
from dbgclean.evidence.alternatives import LOW_QUALITY, Alternatives, Depths, pool_edits
from dbgclean.evidence.changes import OtherChanges, other_changes
from dbgclean.evidence.compact import pool_compactly
from dbgclean.evidence.comparing import numbered, second_look
from dbgclean.evidence.cutoffs import choose_cutoffs, enough_depth, median_depth
from dbgclean.evidence.edits import N_QUALITIES, Edits, collect_edits, quality_profile
from dbgclean.evidence.explanations import Explained
from dbgclean.evidence.gap_alternatives import GapEdits, collect_gaps, pool
from dbgclean.evidence.gaps import MASKED, OUTSIDE
from dbgclean.evidence.off_path import Stretches, off_path
from dbgclean.evidence.planting import Facts, Planter
from dbgclean.evidence.poly_g import leave_out_tails
from dbgclean.evidence.sample import SampleContext, describe_sample
from dbgclean.evidence.solid import SeenKmers, SolidGraph
from dbgclean.evidence.spikes import Spikes
from dbgclean.evidence.threading import (
    CLEAN,
    FOREIGN,
    NO_ANCHOR,
    PARTIAL,
    THREADED,
    TOO_SHORT,
    Threads,
    thread_batch,
)
from dbgclean.reads.prefetch import map_in_order
from dbgclean.reads.rows import Growing
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = [
    "Evidence",
    "Gathered",
    "Part",
    "build_graph",
    "gather",
    "gather_along",
    "look_at",
]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one pass over the reads found.

    Attributes
    ----------
    alternatives
        Pooled, of all kinds; ``alternatives.of_edit`` leads from each edit to its row.
    edits
        Proposed substitutions, then gaps (without the window qualities, which are pooled; of
        compact evidence without all that `Edits.for_rewriting` leaves out).
    changes
        Deletions, insertions, masks and filled Ns; ``changes.gap`` leads to their edits.
    reads
        Reads by state, and reads in which a cluster of edits stopped a path.
    context
        What the network is told of the sample.
    explained
        What was found beside the alternatives that may be real; None where the reads
        could not be looked at again.
    off_path
        What of the reads lies on no path; None where there are no reads.
    unplaced
        int64, numbers of the reads that have no place in the graph: no anchor, or too short.
    spikes
        Alleles planted in these reads; None where none were.
    """

    alternatives: Alternatives
    edits: Edits
    changes: OtherChanges
    reads: dict[str, int]
    context: SampleContext
    explained: Explained | None = field(default=None, kw_only=True)
    off_path: Stretches | None = field(default=None, kw_only=True)
    unplaced: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64), kw_only=True)
    spikes: Spikes | None = field(default=None, kw_only=True)

    def planted(self) -> Evidence:
        """What the same reads say of the planted alleles alone, for a judge to judge."""
        assert self.spikes is not None
        found = self.spikes
        return Evidence(
            found.alternatives, found.edits, OtherChanges.concatenate([]), {}, self.context,
            explained=found.explained,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """What one batch adds; see `look_at`."""

    edits: Edits
    changes: OtherChanges
    gaps: GapEdits
    off_path: Stretches
    unplaced: np.ndarray
    states: np.ndarray
    profile: np.ndarray
    n_reads: int
    n_bases: int
    has_qualities: bool
    paired: bool


def look_at(batch: ReadBatch, threads: Threads, graph: SolidGraph, first_read: int) -> Part:
    """What the paths of one batch propose, ``first_read`` being the number of its first read."""
    changes = other_changes(batch, threads, first_read)
    gaps, changes = collect_gaps(batch, threads, graph, first_read, changes)
    return Part(
        collect_edits(batch, threads, graph, first_read),
        changes,
        gaps,
        off_path(batch, threads, first_read),
        np.flatnonzero(np.isin(threads.states, (NO_ANCHOR, TOO_SHORT))) + first_read,
        np.bincount(threads.states, minlength=16),
        quality_profile(batch, threads),
        len(batch),
        len(batch.codes),
        batch.quals is not None,
        batch.paired,
    )


def _thread(
    batch: ReadBatch, graph: SolidGraph, first_read: int, poly_g: bool, seams: bool
) -> Part:
    threads = thread_batch(batch, graph)
    if not seams:
        threads.place[threads.place == MASKED] = OUTSIDE
    if poly_g:
        threads = leave_out_tails(batch, threads, graph)
    return look_at(batch, threads, graph, first_read)


@dataclass
class Gathered:
    """What the batches so far have added, to be pooled when all are there."""

    edits: Growing[Edits] = field(default_factory=lambda: Growing(Edits))
    changes: list[OtherChanges] = field(default_factory=list)
    gaps: list[GapEdits] = field(default_factory=list)
    off_path: list[Stretches] = field(default_factory=list)
    unplaced: list[np.ndarray] = field(default_factory=list)
    states: np.ndarray = field(default_factory=lambda: np.zeros(16, np.int64))
    profile: np.ndarray = field(default_factory=lambda: np.zeros((4, N_QUALITIES), np.int64))
    n_reads: int = 0
    n_bases: int = 0
    n_gaps: int = 0
    has_qualities: bool = False
    paired: bool = False

    def add(self, part: Part) -> None:
        """Take in what the next batch adds."""
        self.edits.add(part.edits)
        self.changes.append(part.changes.with_gaps_from(self.n_gaps))
        self.gaps.append(part.gaps)
        self.n_gaps += len(part.gaps)
        self.off_path.append(part.off_path)
        self.unplaced.append(part.unplaced)
        self.states += part.states
        self.profile += part.profile
        self.n_reads += part.n_reads
        self.n_bases += part.n_bases
        self.has_qualities |= part.has_qualities
        self.paired |= part.paired

    @property
    def mean_length(self) -> float:
        """Bases of a read."""
        return self.n_bases / max(1, self.n_reads)

    def scale(self, k: int) -> float:
        """Reads over a base to each that a k-mer over it sees."""
        return self.mean_length / max(1.0, self.mean_length - k + 1)

    def pool(
        self,
        graph: SolidGraph,
        *,
        peak: float,
        genome_size: float,
        threads: int = 1,
        again: Callable[[], Iterable[ReadBatch]] | None = None,
        seed: int | None = None,
        depths: Depths | None = None,
        common_gap: float = 1.0,
        compact: bool = False,
    ) -> Evidence:
        """Pool what was gathered, once.

        Parameters
        ----------
        graph
            That the reads were threaded through.
        peak, genome_size
            Reads over a base of the sample, and its bases.
        again, seed, threads
            See `gather_along`.
        depths
            See `dbgclean.evidence.alternatives.pool_edits`.
        common_gap
            See `dbgclean.evidence.gap_alternatives.pool`.
        compact
            Keep little of what no judge believes (`dbgclean.evidence.compact`).
        """
        found_gaps, edits = self._all_edits()
        length, scale = self.mean_length, self.scale(graph.k)
        pool_all = pool_compactly if compact else pool_edits
        alternatives = pool_all(
            edits.substitutions(), self.profile, graph, length, graph.lower, peak, depths, threads
        )
        context = self._describe(alternatives, peak, genome_size)
        pooled_gaps, gaps = pool(found_gaps, self.profile, scale, peak, common_gap)
        alternatives = alternatives.with_gaps(pooled_gaps)
        give_memory_back()
        explained, planter = None, None
        if again is not None:
            if seed is not None:
                facts = Facts(self.profile, length, peak, scale, genome_size, self.paired)
                planter = Planter.of(graph, alternatives, edits, facts, seed)
            edits = edits.without_windows()
            alternatives, explained = second_look(
                alternatives, edits, again(), context, length, self.paired, threads, planter, gaps
            )
        return Evidence(
            alternatives,
            edits.for_rewriting() if compact else edits.without_windows(),
            OtherChanges.concatenate(self.changes).with_gaps_from(len(edits) - len(found_gaps)),
            self._read_states(),
            context,
            explained=explained,
            off_path=Stretches.concatenate(self.off_path),
            unplaced=np.concatenate([*self.unplaced, np.zeros(0, np.int64)]),
            spikes=None if planter is None else planter.spikes,
        )

    def _all_edits(self) -> tuple[GapEdits, Edits]:
        """The gaps, and all edits with those of the gaps behind them; no batch holds any more."""
        gaps = GapEdits.concatenate(self.gaps)
        self.edits.add(gaps.edits)
        edits, self.edits = self.edits.rows, Growing(Edits)
        give_memory_back()
        return gaps, edits

    def _describe(self, substitutions: Alternatives, peak: float, size: float) -> SampleContext:
        """The sample, of this depth and genome size, as its alternatives have it."""
        on_path = max(1, int(self.profile.sum()))
        return describe_sample(
            substitutions,
            peak=peak,
            error_rate=np.count_nonzero(substitutions.column("reads") < 3) / on_path,
            genome_size=size,
            low_share=self.profile[:, :LOW_QUALITY].sum() / on_path,
            has_qualities=self.has_qualities,
        )

    def _read_states(self) -> dict[str, int]:
        plain = self.states[:FOREIGN] + self.states[FOREIGN:]
        return {
            "clean": int(plain[CLEAN]),
            "threaded": int(plain[THREADED]),
            "partly_threaded": int(plain[PARTIAL]),
            "no_anchor": int(plain[NO_ANCHOR]),
            "too_short": int(plain[TOO_SHORT]),
            "foreign_part": int(self.states[FOREIGN:].sum()),
        }


def gather(
    batches: Iterable[ReadBatch],
    table: KmerTable,
    spectrum: Spectrum,
    threads: int = 1,
    cutoffs: tuple[int, int] | None = None,
    again: Callable[[], Iterable[ReadBatch]] | None = None,
) -> Evidence:
    """Thread all reads and pool what they propose.

    Parameters
    ----------
    batches
        The reads, in order; batch boundaries make no difference.
    table, spectrum
        Raw k-mers of the same reads at the correction k, and their fit. Of k-mers seen
        once nothing but their part in the fit is needed.
    threads
        Worker threads; the result does not depend on them.
    cutoffs
        Upper and lower; by default `choose_cutoffs`.
    again
        Gives the same batches once more, for a second look at the sites that matter.
    """
    graph = build_graph(table, spectrum, threads, cutoffs)
    return gather_along(batches, graph, spectrum, threads, again=again)


def build_graph(
    table: KmerTable | SeenKmers,
    spectrum: Spectrum,
    threads: int = 1,
    cutoffs: tuple[int, int] | None = None,
) -> SolidGraph:
    """The graph that `gather` threads reads through; parameters as there.

    Who cannot hold the table meanwhile gives what is taken of it at the lower cutoff.
    """
    upper, lower = cutoffs or choose_cutoffs(spectrum)
    seen = SeenKmers.of(table, lower) if isinstance(table, KmerTable) else table
    return SolidGraph.of_seen(seen, upper, lower, threads=threads, enough=enough_depth(spectrum))


def gather_along(
    batches: Iterable[ReadBatch],
    graph: SolidGraph,
    spectrum: Spectrum,
    threads: int = 1,
    *,
    poly_g: bool = False,
    mask_seams: bool = True,
    again: Callable[[], Iterable[ReadBatch]] | None = None,
    seed: int | None = None,
    compact: bool = False,
) -> Evidence:
    """As `gather`, where the graph is there and its table may be gone.

    Parameters
    ----------
    poly_g
        Mask tails of G that the graph does not hold; it has to be built without their
        k-mers (`dbgclean.evidence.poly_g.TailCounter`).
    mask_seams
        Mask what follows a seam that no other fragment has. Not where a rare member of a
        mix shares stretches with a deep one: its reads leave the deep path alone.
    seed
        Plant alleles in the reads when they are looked at ``again``.
    compact
        See `Gathered.pool`.
    """
    found = Gathered()
    parts = map_in_order(
        lambda b: _thread(b[1], graph, b[0], poly_g, mask_seams), numbered(batches), threads
    )
    for part in parts:
        found.add(part)
    depth = spectrum.peak if spectrum.fitted else median_depth(spectrum)
    return found.pool(
        graph,
        peak=depth * found.scale(graph.k),
        genome_size=float(spectrum.genome_size if spectrum.fitted else graph.solid_kmers),
        threads=threads,
        again=again,
        seed=seed,
        compact=compact,
    )
