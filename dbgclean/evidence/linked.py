"""Alternatives that the same reads show side by side: one haplotype, and one question.

Judged apart, one of a pair may be kept and its neighbour corrected, and what is left in the
reads is a sequence that neither haplotype has.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK, Edits

__all__ = ["together"]

# Reads that show the one and the other, as a share of those that show either.
_SHARED = 0.7
_LEAST_READS = 2


def together(alternatives: Alternatives, edits: Edits) -> np.ndarray:
    """Number of each alternative's haplotype: int64 (n,), shared by those that are linked.

    Two are linked where at least two reads show both within 15 bases of each other, and
    70 % of the reads that show the more frequent one.
    """
    reads = alternatives.column("reads")
    rows = np.flatnonzero(reads[alternatives.of_edit] >= _LEAST_READS)
    # Edits are in the order of the reads, but for those of a batch's own order.
    order = rows[np.lexsort((edits.position[rows], edits.read[rows]))]
    read, place, of = edits.read[order], edits.position[order], alternatives.of_edit[order]
    beside = (read[1:] == read[:-1]) & (place[1:] - place[:-1] <= FLANK) & (of[1:] != of[:-1])
    pairs = np.sort(np.column_stack([of[:-1], of[1:]])[beside], axis=1)
    pairs, shared = np.unique(pairs, axis=0, return_counts=True)
    more = np.maximum(reads[pairs[:, 0]], reads[pairs[:, 1]])
    linked = pairs[(shared >= _LEAST_READS) & (shared >= _SHARED * more)]
    n = len(alternatives)
    ones = np.ones(len(linked), np.int8)
    graph = coo_array((ones, (linked[:, 0], linked[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)
