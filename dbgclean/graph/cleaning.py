"""The classical cleaner: tips clipped, bubbles popped, by depth and shape alone.

The control that reports call *classical*: what an assembler does to its graph, with
thresholds taken from SPAdes, MEGAHIT and Minia. Works on unitigs, contracted anew
after each step; the k-mers are compacted once.
"""

from dataclasses import dataclass

import numpy as np

from dbgclean.graph.cleaning_kernels import (
    clip,
    contract,
    deepest_first,
    only_kept,
    pop,
    walk_paths,
)
from dbgclean.graph.compaction import compact_rows
from dbgclean.graph.unitigs import UnitigGraph

__all__ = ["ClassicalSettings", "classical_clean"]


@dataclass(frozen=True)
class ClassicalSettings:
    """Thresholds of `classical_clean`.

    Attributes
    ----------
    tip_length : float
        A tip is shorter than this many k, in bases (2: Velvet, MEGAHIT).
    tip_ratio : float
        It goes where its depth is below this many times that of another branch of its
        junction (2.0: SPAdes).
    bubble_length : float
        An arm that is popped has at most the larger of this many k and k + 100
        bases (3: SPAdes, Minia).
    bubble_difference : float
        The path that stays differs in length by at most this share, or 3 bases (0.1:
        SPAdes, Minia).
    bubble_ratio : float
        The arm has at most this many times the depth of that path (1.1: SPAdes,
        Minia).
    isolated_depth : float
        A unitig open at both ends and shorter than a tip goes up to this depth (2:
        SPAdes).
    rounds : int
        Tips, then bubbles, at most so often (10: SPAdes); ends when nothing changes.
    """

    tip_length: float = 2.0
    tip_ratio: float = 2.0
    bubble_length: float = 3.0
    bubble_difference: float = 0.1
    bubble_ratio: float = 1.1
    isolated_depth: float = 2.0
    rounds: int = 10


@dataclass
class _Contracted:
    """A graph of contracted paths: links, k-mers and abundances, and who is in which."""

    link_offsets: np.ndarray
    link_targets: np.ndarray
    sizes: np.ndarray
    totals: np.ndarray
    unitig_of: np.ndarray

    def drop(self, dropped: np.ndarray) -> None:
        """Remove unitigs and join what then continues without a branch."""
        only = np.empty(2 * dropped.size, dtype=np.int32)
        only_kept(self.link_offsets, self.link_targets, dropped, only)
        heads, tails, lengths = (np.empty(dropped.size, dtype=np.int32) for _ in range(3))
        n = walk_paths(only, heads, tails, lengths)
        path_of = np.full(dropped.size, -1, dtype=np.int32)
        offsets = np.empty(2 * n + 1, dtype=np.int64)
        targets = np.empty(self.link_targets.size, dtype=np.int32)
        sizes, totals = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        links = contract(
            self.link_offsets,
            self.link_targets,
            only,
            heads[:n].copy(),
            tails[:n].copy(),
            self.sizes,
            self.totals,
            path_of,
            offsets,
            targets,
            sizes,
            totals,
        )
        self.link_offsets, self.link_targets = offsets, targets[:links].copy()
        self.sizes, self.totals = sizes, totals
        gone = self.unitig_of < 0
        self.unitig_of = np.where(gone, np.int32(-1), path_of[self.unitig_of])


def _clip_tips(graph: _Contracted, k: int, settings: ClassicalSettings) -> int:
    dropped = np.zeros(graph.sizes.size, dtype=np.uint8)
    # Shorter than tip_length * k bases is at most this many k-mers.
    max_kmers = int(np.ceil(settings.tip_length * k)) - 1 - (k - 1)
    n = clip(
        graph.link_offsets,
        graph.link_targets,
        graph.sizes,
        graph.totals,
        max_kmers,
        settings.tip_ratio,
        settings.isolated_depth,
        dropped,
    )
    if n:
        graph.drop(dropped)
    return int(n)


def _pop_bubbles(graph: _Contracted, k: int, settings: ClassicalSettings) -> int:
    dropped = np.zeros(graph.sizes.size, dtype=np.uint8)
    deepest_first(graph.link_offsets, graph.link_targets, graph.sizes, graph.totals)
    # The weakest arms first: what stays of a tangle is what is deepest.
    order = np.argsort(graph.totals / graph.sizes, kind="stable")
    n = pop(
        graph.link_offsets,
        graph.link_targets,
        graph.sizes,
        graph.totals,
        order,
        int(max(settings.bubble_length * k, k + 100)) - (k - 1),
        k,
        settings.bubble_difference,
        settings.bubble_ratio,
        dropped,
    )
    if n:
        graph.drop(dropped)
    return int(n)


def classical_clean(
    keys: np.ndarray,
    counts: np.ndarray,
    k: int,
    threads: int = 1,
    settings: ClassicalSettings | None = None,
    compacted: tuple[UnitigGraph, np.ndarray] | None = None,
) -> np.ndarray:
    """Clip tips and pop bubbles as assemblers do, without asking what is real.

    Per round: (1) every tip shorter than 2k goes where another branch of its
    junction has more than half its depth, and every isolated unitig shorter than 2k of
    depth 2 or less; (2) every arm of at most max(3k, k + 100) bases goes, the weakest
    first, whose ends are joined by another path of a length within max(3, 10 %) of
    its own and at least 1/1.1 of its depth. Up to ten rounds, until nothing changes.
    Erroneous connections, which join distant parts of the genome, stay.

    Parameters
    ----------
    keys : ndarray of uint64, (n,)
        Canonical k-mers, sorted.
    counts : ndarray of uint32, (n,)
        Their abundances.
    k : int
        Odd, 3 to 31.
    threads : int
        For the compaction; the result does not depend on it.
    settings : ClassicalSettings, optional
        Other thresholds.
    compacted : UnitigGraph and ndarray of int32, (n,), optional
        What `compact_rows` makes of these k-mers, where that is at hand; stays as it is.

    Returns
    -------
    ndarray of bool, (n,)
        True for k-mers that stay.

    References
    ----------
    Thresholds: SPAdes (Bankevich et al. 2012, doi:10.1089/cmb.2012.0021), its
    ``simplification.info``; MEGAHIT (Li et al. 2015, doi:10.1093/bioinformatics/btv033);
    Minia 3, ``Simplifications.cpp``; Velvet, doi:10.1101/gr.074492.107.
    """
    settings = settings or ClassicalSettings()
    graph, unitig_of_kmer = compacted or compact_rows(keys, counts, k, threads)
    now = _Contracted(
        graph.link_offsets,
        graph.link_targets.copy(),
        graph.kmers,
        graph.abundance,
        np.arange(len(graph), dtype=np.int32),
    )
    for _ in range(settings.rounds):
        if _clip_tips(now, k, settings) + _pop_bubbles(now, k, settings) == 0:
            break
    kept: np.ndarray = now.unitig_of[unitig_of_kmer] >= 0
    return kept
