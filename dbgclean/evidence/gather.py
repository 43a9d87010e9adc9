"""One pass over the reads: thread, collect what would change, pool it.

What the pass leaves behind is proportional to what would change, not to the reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numba
import numpy as np

from dbgclean._memory import give_memory_back
from dbgclean.evidence.alternatives import LOW_QUALITY, Alternatives, pool_edits
from dbgclean.evidence.cutoffs import choose_cutoffs, enough_depth, median_depth
from dbgclean.evidence.edits import N_QUALITIES, Edits, collect_edits, quality_profile
from dbgclean.evidence.explanations import Explained
from dbgclean.evidence.gap_alternatives import (
    GapAlternatives,
    GapCollector,
    GapPart,
    describe_batch,
)
from dbgclean.evidence.gaps import GAP, MASKED, ON_PATH
from dbgclean.evidence.planting import Facts, Planter
from dbgclean.evidence.poly_g import leave_out_tails
from dbgclean.evidence.sample import SampleContext, describe_sample
from dbgclean.evidence.second_look import numbered, second_look
from dbgclean.evidence.solid import SolidGraph
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
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = [
    "DELETE",
    "FILL",
    "INSERT",
    "MASK",
    "NO_SIGNAL",
    "Evidence",
    "OtherChanges",
    "build_graph",
    "gather",
    "gather_along",
    "other_changes",
    "second_look",
]

# Changes that are no substitutions: drop a base the path does not have, put missing
# ones in before a base, mask what nothing supports, fill in an N.
DELETE, INSERT, MASK, FILL = 1, 2, 3, 4
# Value of a MASK: the read ends without a signal. Else it follows a seam.
NO_SIGNAL = 1


@dataclass(frozen=True, slots=True)
class OtherChanges:
    """Changes that are not judged by alternative, sorted by read and position.

    Attributes
    ----------
    read
        int64, number of the read in the run.
    position
        int32, 0-based in the read as it came.
    kind
        uint8, DELETE, INSERT (before ``position``), MASK or FILL.
    value
        int64, FILL: the base; INSERT: the bases, 2 bits each, first in the highest;
        MASK: NO_SIGNAL, or 0.
    size
        int64, INSERT: how many bases; else 1.
    """

    read: np.ndarray
    position: np.ndarray
    kind: np.ndarray
    value: np.ndarray
    size: np.ndarray

    def __len__(self) -> int:
        return len(self.read)

    def without_signal(self) -> tuple[int, int]:
        """Reads with an end that is masked because it holds no signal, and its bases in all."""
        found = self.read[(self.kind == MASK) & (self.value == NO_SIGNAL)]
        return len(np.unique(found)), len(found)

    def select(self, mask: np.ndarray) -> OtherChanges:
        """The chosen rows."""
        return OtherChanges(*(getattr(self, f)[mask] for f in self.__slots__))

    @classmethod
    def concatenate(cls, parts: list[OtherChanges]) -> OtherChanges:
        """Changes of successive batches as one."""
        kinds = (np.int64, np.int32, np.uint8, np.int64, np.int64)
        if not parts:
            return cls(*(np.zeros(0, kind) for kind in kinds))
        return cls(*(np.concatenate([getattr(p, f) for p in parts]) for f in cls.__slots__))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one pass over the reads found.

    Attributes
    ----------
    alternatives
        Pooled; ``alternatives.of_edit`` leads from each edit to its row.
    edits
        Proposed substitutions (without the window qualities, which are pooled).
    changes
        Deletions, insertions, masks and filled Ns.
    reads
        Reads by state, and reads in which a cluster of edits stopped a path.
    context
        What the network is told of the sample.
    gaps
        The deletions and insertions among ``changes``, pooled; None where there are
        no reads.
    explained
        What was found beside the alternatives that may be real; None where the reads
        could not be looked at again.
    spikes
        Alleles planted in these reads; None where none were.
    """

    alternatives: Alternatives
    edits: Edits
    changes: OtherChanges
    reads: dict[str, int]
    context: SampleContext
    gaps: GapAlternatives | None = field(default=None, kw_only=True)
    explained: Explained | None = field(default=None, kw_only=True)
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
    gaps: GapPart
    states: np.ndarray
    profile: np.ndarray
    n_reads: int
    n_bases: int
    has_qualities: bool
    paired: bool


def _look_at(batch: ReadBatch, graph: SolidGraph, first_read: int, poly_g: bool) -> _Part:
    """Thread the reads of one batch, ``first_read`` being the number of its first."""
    threads = thread_batch(batch, graph)
    if poly_g:
        threads = leave_out_tails(batch, threads, graph)
    changes = other_changes(batch, threads, first_read)
    longer = np.where(changes.kind == INSERT, -changes.size, changes.kind == DELETE)
    return _Part(
        collect_edits(batch, threads, graph, first_read),
        changes,
        describe_batch(batch, threads, graph, first_read, changes, longer),
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
    gaps: GapCollector = field(default_factory=GapCollector)
    states: np.ndarray = field(default_factory=lambda: np.zeros(16, np.int64))
    profile: np.ndarray = field(default_factory=lambda: np.zeros((4, N_QUALITIES), np.int64))
    n_reads: int = 0
    n_bases: int = 0
    has_qualities: bool = False
    paired: bool = False

    def add(self, part: _Part) -> None:
        self.edits.append(part.edits)
        self.changes.append(part.changes)
        self.gaps.add(part.gaps)
        self.states += part.states
        self.profile += part.profile
        self.n_reads += part.n_reads
        self.n_bases += part.n_bases
        self.has_qualities |= part.has_qualities
        self.paired |= part.paired

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
    again: Callable[[], Iterable[ReadBatch]] | None = None,
    seed: int | None = None,
) -> Evidence:
    """As `gather`, where the graph is there and its table may be gone.

    With ``poly_g`` tails of G that the graph does not hold are masked; it has to be built
    without their k-mers (`dbgclean.evidence.poly_g.TailCounter`). With a ``seed`` alleles
    are planted in the reads when they are looked at ``again``.
    """
    found = _Gathered()
    parts = map_in_order(lambda b: _look_at(b[1], graph, b[0], poly_g), numbered(batches), threads)
    for part in parts:
        found.add(part)
    edits = Edits.concatenate(found.edits)
    found.edits.clear()
    give_memory_back()
    mean_length = found.n_bases / max(1, found.n_reads)
    depth = spectrum.peak if spectrum.fitted else median_depth(spectrum)
    scale = mean_length / max(1.0, mean_length - graph.k + 1)
    peak = depth * scale
    alternatives = pool_edits(
        edits, found.profile, graph, mean_length, graph.lower, peak, threads=threads
    )
    on_path = max(1, int(found.profile.sum()))
    lone = np.count_nonzero(alternatives.column("reads") < 3)
    size = spectrum.genome_size if spectrum.fitted else graph.solid_kmers
    context = describe_sample(
        alternatives,
        peak=peak,
        error_rate=lone / on_path,
        genome_size=float(size),
        low_share=found.profile[:, :LOW_QUALITY].sum() / on_path,
        has_qualities=found.has_qualities,
    )
    explained = None
    planter: Planter | None = None
    if again is not None:
        if seed is not None:
            facts = Facts(found.profile, mean_length, peak, scale, float(size), found.paired)
            planter = Planter(graph, alternatives, facts, seed)
            planter = planter if len(planter) else None
        alternatives, explained = second_look(
            alternatives, edits, again(), context, mean_length, found.paired, threads, planter
        )
    return Evidence(
        alternatives,
        edits.without_windows(),
        OtherChanges.concatenate(found.changes),
        found.read_states(),
        context,
        gaps=found.gaps.pool(scale, peak),
        explained=explained,
        spikes=None if planter is None else planter.spikes,
    )


def other_changes(batch: ReadBatch, threads: Threads, first_read: int) -> OtherChanges:
    """Deletions, masks, filled Ns and insertions of one batch in reading order."""
    arrays = batch.codes, batch.offsets, threads.states, threads.path, threads.place
    n = _changed(*arrays, np.zeros(0, np.int64), np.zeros(0, np.uint8))
    where, kind = np.zeros(n, np.int64), np.zeros(n, np.uint8)
    _changed(*arrays, where, kind)
    missing = threads.missing[np.argsort(threads.missing[:, 0], kind="stable")]
    at = np.concatenate([missing[:, 0], where])
    kinds = np.concatenate([np.full(len(missing), INSERT, np.uint8), kind])
    value = np.where(kind == FILL, threads.path[where], 0).astype(np.int64)
    if threads.tails is not None:
        tail = threads.tails[np.searchsorted(batch.offsets, where, side="right") - 1]
        value[(kind == MASK) & (where >= tail)] = NO_SIGNAL
    values = np.concatenate([missing[:, 2], value])
    sizes = np.concatenate([missing[:, 1], np.ones(len(where), np.int64)])
    order = np.argsort(at, kind="stable")
    at = at[order]
    reads = np.searchsorted(batch.offsets, at, side="right") - 1
    # Bases missing after the last one of a batch's last read stay with that read.
    reads = np.minimum(reads, len(batch) - 1)
    return OtherChanges(
        (reads + first_read).astype(np.int64),
        (at - batch.offsets[reads]).astype(np.int32),
        kinds[order],
        values[order],
        sizes[order],
    )


@numba.njit(cache=True, nogil=True)
def _changed(
    codes: np.ndarray,
    offsets: np.ndarray,
    states: np.ndarray,
    path: np.ndarray,
    place: np.ndarray,
    where: np.ndarray,
    kind: np.ndarray,
) -> int:
    """Count the bases to drop, mask or fill in; list as many as ``where`` has room for."""
    n = 0
    for read in range(len(states)):
        if states[read] == CLEAN:
            continue
        for i in range(offsets[read], offsets[read + 1]):
            if path[i] == codes[i] and place[i] != MASKED:
                continue
            change = 0
            if codes[i] > 3 and path[i] < 4 and place[i] == ON_PATH:
                change = FILL
            elif codes[i] < 4 and place[i] == MASKED:
                change = MASK
            elif path[i] == GAP:
                change = DELETE
            if change:
                if n < len(where):
                    where[n], kind[n] = i, change
                n += 1
    return n
