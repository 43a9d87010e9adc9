"""How deep a site is, by the abundances of the k-mers through it."""

from __future__ import annotations

import numpy as np

from dbgclean._kernels import kernel
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.lookup import COUNT_SHIFT, Nodes, find_node, unowned_nodes
from dbgclean.evidence.solid import SolidGraph
from dbgclean.reads.prefetch import in_spans
from dbgclean.spectrum.kmers import revcomp
from dbgclean.spectrum.table import KmerTable

__all__ = ["site_depths"]


def site_depths(
    keys: np.ndarray,
    to: np.ndarray,
    counted: KmerTable | SolidGraph,
    min_depth: int = 1,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Deepest k-mer through each site for every base but the alternative's own.

    Parameters
    ----------
    keys, to
        uint64 (n,), uint8 (n,): as in `dbgclean.evidence.alternatives.Alternatives`.
    counted
        Raw k-mers, as a table or as the graph that was made of them.
    min_depth
        k-mers rarer than this say nothing; from 2 on table and graph say the same.
    threads
        Workers; the result does not depend on them.

    Returns
    -------
    depth, to_depth
        float64 (n, 2), by strand along ``keys`` and against them; float64 (n,), of those
        that show ``to``. In k-mers.
    """
    depth = np.zeros((len(keys), 2))
    to_depth = np.zeros(len(keys))
    graph = counted if isinstance(counted, SolidGraph) else SolidGraph.of_table(counted)

    def work(start: np.int64, stop: np.int64) -> None:
        _fill_depths(
            keys[start:stop], to[start:stop], np.int64(graph.k), graph.nodes, graph.reverse,
            np.int64(min_depth), depth[start:stop], to_depth[start:stop],
        )  # fmt: skip

    in_spans(work, len(keys), threads)
    return depth, to_depth


@kernel
def _fill_depths(
    keys: np.ndarray,
    to: np.ndarray,
    k: np.int64,
    nodes: Nodes,
    reverse: np.ndarray,
    min_depth: np.int64,
    depth: np.ndarray,
    to_depth: np.ndarray,
) -> None:
    graph = unowned_nodes(nodes)
    keep = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    low = max(0, FLANK - k + 1)
    high = min(FLANK, WINDOW - k)
    middle = np.uint64(2 * FLANK)
    for i in range(len(keys)):
        own = (keys[i] >> middle) & np.uint64(3)
        for b in range(4):
            if np.uint64(b) == own:
                continue
            window = (keys[i] & ~(np.uint64(3) << middle)) | (np.uint64(b) << middle)
            along, against = np.int64(0), np.int64(0)
            for s in range(low, high + 1):
                kmer = (window >> np.uint64(2 * (WINDOW - k - s))) & keep
                other = revcomp(kmer, k)
                row = find_node(graph, min(kmer, other))
                if row < 0:
                    continue
                count = np.int64(graph.rows[row, 1] >> COUNT_SHIFT)
                if count >= min_depth and count > along + against:
                    turned = np.int64(reverse[row])
                    along, against = count - turned, turned
                    if kmer > other:
                        along, against = against, along
            depth[i, 0] += along
            depth[i, 1] += against
            if b == to[i]:
                to_depth[i] = along + against
