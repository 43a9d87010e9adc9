"""One pass over the reads: thread, collect what would change, pool it.

What the pass leaves behind is proportional to what would change, not to the reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dbgclean._memory import give_memory_back
from dbgclean.evidence.alternatives import LOW_QUALITY, Alternatives, pool_edits
from dbgclean.evidence.changes import OtherChanges, other_changes
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
from dbgclean.evidence.solid import SolidGraph
from dbgclean.evidence.spikes import Spikes
from dbgclean.evidence.threading import (
    CLEAN,
    FOREIGN,
    NO_ANCHOR,
    PARTIAL,
    THREADED,
    TOO_SHORT,
    thread_batch,
)
from dbgclean.reads.prefetch import map_in_order
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = [
    "Evidence",
    "build_graph",
    "gather",
    "gather_along",
    "second_look",
]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one pass over the reads found.

    Attributes
    ----------
    alternatives
        Pooled, of all kinds; ``alternatives.of_edit`` leads from each edit to its row.
    edits
        Proposed substitutions, then gaps (without the window qualities, which are pooled).
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
class _Part:
    """What one batch adds."""

    edits: Edits
    changes: OtherChanges
    gaps: GapEdits
    off_path: Stretches
    states: np.ndarray
    profile: np.ndarray
    n_reads: int
    n_bases: int
    has_qualities: bool
    paired: bool


def _look_at(
    batch: ReadBatch, graph: SolidGraph, first_read: int, poly_g: bool, seams: bool
) -> _Part:
    """Thread the reads of one batch, ``first_read`` being the number of its first."""
    threads = thread_batch(batch, graph)
    if not seams:
        threads.place[threads.place == MASKED] = OUTSIDE
    if poly_g:
        threads = leave_out_tails(batch, threads, graph)
    changes = other_changes(batch, threads, first_read)
    gaps, changes = collect_gaps(batch, threads, graph, first_read, changes)
    return _Part(
        collect_edits(batch, threads, graph, first_read),
        changes,
        gaps,
        off_path(batch, threads, first_read),
        np.bincount(threads.states, minlength=16),
        quality_profile(batch, threads),
        len(batch),
        len(batch.codes),
        batch.quals is not None,
        batch.paired,
    )


@dataclass
class _Gathered:
    edits: list[Edits] = field(default_factory=list)
    changes: list[OtherChanges] = field(default_factory=list)
    gaps: list[GapEdits] = field(default_factory=list)
    off_path: list[Stretches] = field(default_factory=list)
    states: np.ndarray = field(default_factory=lambda: np.zeros(16, np.int64))
    profile: np.ndarray = field(default_factory=lambda: np.zeros((4, N_QUALITIES), np.int64))
    n_reads: int = 0
    n_bases: int = 0
    n_gaps: int = 0
    has_qualities: bool = False
    paired: bool = False

    def add(self, part: _Part) -> None:
        self.edits.append(part.edits)
        self.changes.append(part.changes.with_gaps_from(self.n_gaps))
        self.gaps.append(part.gaps)
        self.n_gaps += len(part.gaps)
        self.off_path.append(part.off_path)
        self.states += part.states
        self.profile += part.profile
        self.n_reads += part.n_reads
        self.n_bases += part.n_bases
        self.has_qualities |= part.has_qualities
        self.paired |= part.paired

    def describe(self, substitutions: Alternatives, peak: float, size: float) -> SampleContext:
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

    def read_states(self) -> dict[str, int]:
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
    table: KmerTable,
    spectrum: Spectrum,
    threads: int = 1,
    cutoffs: tuple[int, int] | None = None,
) -> SolidGraph:
    """The graph that `gather` threads reads through; parameters as there."""
    upper, lower = cutoffs or choose_cutoffs(spectrum)
    return SolidGraph.build(table, upper, lower, threads=threads, enough=enough_depth(spectrum))


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
    """
    found = _Gathered()
    parts = map_in_order(
        lambda b: _look_at(b[1], graph, b[0], poly_g, mask_seams), numbered(batches), threads
    )
    for part in parts:
        found.add(part)
    found_gaps = GapEdits.concatenate(found.gaps)
    edits = Edits.concatenate([*found.edits, found_gaps.edits])
    found.edits.clear()
    give_memory_back()
    mean_length = found.n_bases / max(1, found.n_reads)
    depth = spectrum.peak if spectrum.fitted else median_depth(spectrum)
    scale = mean_length / max(1.0, mean_length - graph.k + 1)
    peak = depth * scale
    alternatives = pool_edits(
        edits.substitutions(), found.profile, graph, mean_length, graph.lower, peak,
        threads=threads,
    )  # fmt: skip
    size = float(spectrum.genome_size if spectrum.fitted else graph.solid_kmers)
    context = found.describe(alternatives, peak, size)
    pooled_gaps, gaps = pool(found_gaps, found.profile, scale, peak)
    alternatives = alternatives.with_gaps(pooled_gaps)
    explained = None
    planter: Planter | None = None
    if again is not None:
        if seed is not None:
            facts = Facts(found.profile, mean_length, peak, scale, size, found.paired)
            planter = Planter(graph, alternatives, facts, seed)
            planter = planter if len(planter) else None
        alternatives, explained = second_look(
            alternatives, edits, again(), context, mean_length, found.paired, threads, planter,
            gaps,
        )  # fmt: skip
    return Evidence(
        alternatives,
        edits.without_windows(),
        OtherChanges.concatenate(found.changes).with_gaps_from(len(edits) - len(found_gaps)),
        found.read_states(),
        context,
        explained=explained,
        off_path=Stretches.concatenate(found.off_path),
        spikes=None if planter is None else planter.spikes,
    )
