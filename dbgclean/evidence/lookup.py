"""Looking k-mers up in the solid graph, the next one beside the last.

Successive k-mers of a read mostly follow an edge of the graph. Its nodes are laid out
in that order, so the node of the next k-mer stands beside that of the last one, and a
hash over all nodes is asked only where a read enters the graph, leaves it or takes
another branch. (Keeping k-mers in the order of their unitigs: Pibiri 2022,
doi:10.1093/bioinformatics/btac245.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.unowned import unowned
from dbgclean.spectrum.hashing import GOLDEN
from dbgclean.spectrum.kmers import roll

__all__ = [
    "COUNT_SHIFT",
    "EMPTY",
    "NOWHERE",
    "Nodes",
    "abundance_of",
    "find_node",
    "follow",
    "hash_of",
    "home_of",
    "likely_row",
    "next_slot",
    "no_nodes",
    "payload_at",
    "payload_of",
    "reversed_nibble",
    "slot_of",
    "successors",
    "turned_payload",
    "unowned_nodes",
    "walk_deepest",
]

EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
NOWHERE = np.int64(-1)
# Payload layout, low to high: successors and predecessors at the upper cutoff,
# the same at the lower one (four bits each), then the abundance.
COUNT_SHIFT = np.uint64(16)
_LOW_HALF = np.uint64(0xFFFFFFFF)


def _edges_of_both_strands() -> np.ndarray:
    """uint8 (2, 256): successors and predecessors as they are, and from the other strand."""
    bits = np.arange(256)
    turned = sum(((bits >> b) & 1) << (7 - b) for b in range(8))
    return np.stack([bits, turned]).astype(np.uint8)


_EDGES = _edges_of_both_strands()


class Nodes(NamedTuple):
    """What kernels look k-mers up in.

    Attributes
    ----------
    hashed
        uint64 (n_slots,): the upper half of a k-mer's hash and the row of its node, or
        ``EMPTY``.
    rows
        uint64 (n_nodes, 2): canonical k-mer and payload.
    """

    hashed: np.ndarray
    rows: np.ndarray


def no_nodes() -> Nodes:
    """A graph without k-mers."""
    return Nodes(np.full(16, EMPTY, np.uint64), np.zeros((0, 2), np.uint64))


@kernel
def unowned_nodes(nodes: Nodes) -> Nodes:
    """The same nodes for the time of a kernel, see `dbgclean.evidence.unowned`."""
    return Nodes(unowned(nodes.hashed), unowned(nodes.rows))


@helper
def hash_of(key: np.uint64) -> np.uint64:
    """Neighbouring k-mers and those a substitution apart end far from each other."""
    h = key * GOLDEN
    return h ^ (h >> np.uint64(32))


@helper
def home_of(nodes: Nodes, key: np.uint64) -> np.uint64:
    """Slot at which the search for a k-mer begins."""
    return slot_of(hash_of(key), nodes.hashed)


@helper
def slot_of(h: np.uint64, hashed: np.ndarray) -> np.uint64:
    """The slot that a hash's lower half falls on, of any number of them.

    (Lemire 2019, doi:10.1145/3230636)
    """
    return ((h & _LOW_HALF) * np.uint64(len(hashed))) >> np.uint64(32)


@helper
def next_slot(at: np.uint64, hashed: np.ndarray) -> np.uint64:
    """The slot behind another, the first behind the last."""
    at += np.uint64(1)
    return at if at < np.uint64(len(hashed)) else np.uint64(0)


@helper
def find_node(nodes: Nodes, key: np.uint64) -> np.int64:
    """Row of a canonical k-mer, or ``NOWHERE``."""
    h = hash_of(key)
    at = slot_of(h, nodes.hashed)
    while True:
        entry = nodes.hashed[at]
        if entry == EMPTY:
            return NOWHERE
        if (entry ^ h) <= _LOW_HALF:
            row = np.int64(entry & _LOW_HALF)
            if nodes.rows[row, 0] == key:
                return row
        at = next_slot(at, nodes.hashed)


@helper
def likely_row(nodes: Nodes, key: np.uint64) -> np.int64:
    """Where `find_node` looks first: to ask for it before it does, and of no other use."""
    entry = nodes.hashed[home_of(nodes, key)]
    return np.int64(entry & _LOW_HALF) if entry != EMPTY else np.int64(0)


@helper
def follow(nodes: Nodes, row: np.int64, key: np.uint64) -> np.int64:
    """Row of a canonical k-mer, looked for on either side of ``row`` first."""
    if row >= 0:
        if row + 1 < nodes.rows.shape[0] and nodes.rows[row + 1, 0] == key:
            return row + 1
        if row > 0 and nodes.rows[row - 1, 0] == key:
            return row - 1
    return find_node(nodes, key)


@helper
def reversed_nibble(bits: np.uint64) -> np.uint64:
    """Bit b to bit 3 - b: the same bases read on the other strand."""
    return (
        ((bits & np.uint64(1)) << np.uint64(3))
        | ((bits & np.uint64(2)) << np.uint64(1))
        | ((bits & np.uint64(4)) >> np.uint64(1))
        | ((bits & np.uint64(8)) >> np.uint64(3))
    )


@helper
def payload_at(nodes: Nodes, row: np.int64, turned: np.bool_) -> np.uint64:
    """Payload of a node; 0 for ``NOWHERE``.

    Its edge bits speak of the canonical k-mer, or, where ``turned``, of its reverse
    complement: bits 0 to 3 are the successors at the upper cutoff, 4 to 7 the
    predecessors, 8 to 15 the same at the lower one.
    """
    if row < 0:
        return np.uint64(0)
    # Which of two strands is canonical is a coin toss to the branch predictor: no branch.
    return _seen_from(nodes.rows[row, 1], np.int64(turned))


@helper
def _seen_from(payload: np.uint64, side: np.int64) -> np.uint64:
    edges = np.uint64(_EDGES[side, payload & np.uint64(255)])
    edges |= np.uint64(_EDGES[side, (payload >> np.uint64(8)) & np.uint64(255)]) << np.uint64(8)
    return (payload & ~np.uint64(0xFFFF)) | edges


@helper
def turned_payload(payload: np.uint64) -> np.uint64:
    """The payload of a k-mer as that of its reverse complement."""
    return _seen_from(payload, np.int64(1))


@kernel
def payload_of(nodes: Nodes, forward: np.uint64, reverse: np.uint64) -> np.uint64:
    """Payload of a k-mer given with its reverse complement; 0 where it is not solid."""
    return payload_at(nodes, find_node(nodes, min(forward, reverse)), forward > reverse)


@helper
def abundance_of(nodes: Nodes, key: np.uint64) -> np.int64:
    """Abundance of a canonical k-mer; 0 where it has no node."""
    row = find_node(nodes, key)
    return np.int64(0) if row < 0 else np.int64(nodes.rows[row, 1] >> COUNT_SHIFT)


@kernel
def successors(payload: np.uint64, level: np.int64) -> np.uint64:
    """Four bits, base b in bit b; ``level`` 0 is the upper cutoff, 1 the lower."""
    return (payload >> np.uint64(8 * level)) & np.uint64(15)


@helper
def walk_deepest(
    forward: np.uint64,
    reverse: np.uint64,
    level: np.int64,
    nodes: Nodes,
    k: np.int64,
    walked: np.ndarray,
) -> np.int64:
    """Continue from a k-mer by the deepest successor (the first of equals).

    Fills ``walked`` (uint8) with bases and returns how many the graph had.
    """
    row = find_node(nodes, min(forward, reverse))
    for step in range(len(walked)):
        bits = successors(payload_at(nodes, row, forward > reverse), level)
        best, deepest, there = -1, np.uint64(0), NOWHERE
        for b in range(4):
            if (bits >> np.uint64(b)) & np.uint64(1):
                f, r = roll(forward, reverse, b, k)
                beside = follow(nodes, row, min(f, r))
                depth = payload_at(nodes, beside, False) >> COUNT_SHIFT
                if best < 0 or depth > deepest:
                    best, deepest, there = b, depth, beside
        if best < 0:
            return np.int64(step)
        walked[step] = best
        forward, reverse = roll(forward, reverse, best, k)
        row = there
    return np.int64(len(walked))
