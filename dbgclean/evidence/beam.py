"""One direction of threading: the cheapest path from an anchor to a read's end.

A beam search over the solid graph (`dbgclean.evidence.solid`). A step along the
observed base costs nothing; any other solid successor costs the log odds of the
quality, ln((1 - e) / (e / 3)), and, where the graph forks, the log share of the
fork that it carries. Paths that meet at the same k-mer are merged; where they
met at nearly the same cost, a base that one edits and the other leaves as it was
read is *disputed*: what two reads show in this way alone is not edited. Once the
cheapest path is back on a read that goes on without a fault, nothing is left to search.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from dbgclean._kernels import helper
from dbgclean.evidence.lookup import (
    COUNT_SHIFT,
    NOWHERE,
    Nodes,
    follow,
    payload_at,
    successors,
    unowned_nodes,
)
from dbgclean.evidence.runs import SEEN_THRICE
from dbgclean.evidence.traces import NONE, TIE_MARGIN, trace_back, trusted_end
from dbgclean.evidence.unowned import unowned
from dbgclean.spectrum.kmers import pack, roll

__all__ = ["BEAM_WIDTH", "Beam", "Search", "extend", "new_beam", "unowned_search"]

BEAM_WIDTH = 24
_CANDIDATES = 4 * BEAM_WIDTH
# A path this much dearer than the best (nats) is not followed further.
_COST_SPREAD = 40.0
# What an arm of a fork that was not seen thrice costs, as much as an edit of a base of
# about Q31: two reads may share an error that both doubt.
_RARE_COST = 10.0
# What an observed N costs: any solid base explains it.
_UNKNOWN_COST = 0.01


class Beam(NamedTuple):
    """Scratch arrays of one worker, sized by its longest read.

    Back pointers have shape (longest, BEAM_WIDTH), uint8; the live states and the
    candidates of the next step hold the k-mer on both strands, the cost, and the
    row of a node that theirs is likely to stand beside.
    """

    parent: np.ndarray
    base: np.ndarray
    rival: np.ndarray
    forward: np.ndarray
    reverse: np.ndarray
    cost: np.ndarray
    row: np.ndarray
    depth: np.ndarray
    c_forward: np.ndarray
    c_reverse: np.ndarray
    c_cost: np.ndarray
    c_row: np.ndarray
    c_parent: np.ndarray
    c_base: np.ndarray
    c_rival: np.ndarray


def new_beam(longest: int) -> Beam:
    """Scratch for reads of at most ``longest`` bases."""
    steps = (max(1, longest), BEAM_WIDTH)
    return Beam(
        parent=np.zeros(steps, np.uint8),
        base=np.zeros(steps, np.uint8),
        rival=np.zeros(steps, np.uint8),
        forward=np.zeros(BEAM_WIDTH, np.uint64),
        reverse=np.zeros(BEAM_WIDTH, np.uint64),
        cost=np.zeros(BEAM_WIDTH, np.float64),
        row=np.zeros(BEAM_WIDTH, np.int64),
        depth=np.zeros(4, np.float64),
        c_forward=np.zeros(_CANDIDATES, np.uint64),
        c_reverse=np.zeros(_CANDIDATES, np.uint64),
        c_cost=np.zeros(_CANDIDATES, np.float64),
        c_row=np.zeros(_CANDIDATES, np.int64),
        c_parent=np.zeros(_CANDIDATES, np.uint8),
        c_base=np.zeros(_CANDIDATES, np.uint8),
        c_rival=np.zeros(_CANDIDATES, np.uint8),
    )


class Search(NamedTuple):
    """What all steps share: the graph's nodes, k and upper cutoff, scratch of one worker,
    and ``costs``, float64 (94,), nats per quality value."""

    nodes: Nodes
    k: np.int64
    upper: np.int64
    costs: np.ndarray
    beam: Beam


@helper
def unowned_search(search: Search) -> Search:
    """The same for the time of a kernel, see `dbgclean.evidence.unowned`."""
    b = search.beam
    beam = Beam(
        unowned(b.parent), unowned(b.base), unowned(b.rival), unowned(b.forward),
        unowned(b.reverse), unowned(b.cost), unowned(b.row), unowned(b.depth),
        unowned(b.c_forward), unowned(b.c_reverse), unowned(b.c_cost), unowned(b.c_row),
        unowned(b.c_parent), unowned(b.c_base), unowned(b.c_rival),
    )  # fmt: skip
    nodes = unowned_nodes(search.nodes)
    return Search(nodes, search.k, search.upper, unowned(search.costs), beam)


@numba.njit(cache=True, nogil=True, inline="always")
def _offer(
    beam: Beam,
    n: np.int64,
    forward: np.uint64,
    reverse: np.uint64,
    cost: np.float64,
    row: np.int64,
    parent: np.int64,
    base: np.int64,
) -> np.int64:
    """Add a candidate, or merge it into one that reached the same k-mer."""
    for j in range(n):
        if beam.c_forward[j] != forward:
            continue
        gap = cost - beam.c_cost[j]
        if gap >= 0:
            if gap < TIE_MARGIN:
                beam.c_rival[j] = parent
        else:
            beam.c_rival[j] = beam.c_parent[j] if -gap < TIE_MARGIN else NONE
            beam.c_cost[j] = cost
            beam.c_parent[j] = parent
        return n
    beam.c_forward[n] = forward
    beam.c_reverse[n] = reverse
    beam.c_cost[n] = cost
    beam.c_row[n] = row
    beam.c_parent[n] = parent
    beam.c_base[n] = base
    beam.c_rival[n] = NONE
    return n + 1


@numba.njit(cache=True, nogil=True, inline="always")
def _branch(
    beam: Beam,
    state: np.int64,
    n: np.int64,
    observed: np.int64,
    edit_cost: np.float64,
    row: np.int64,
    bits: np.uint64,
    nodes: Nodes,
    k: np.int64,
) -> np.int64:
    """Offer the successors of one state; a fork charges the log share of each arm."""
    forward, reverse = beam.forward[state], beam.reverse[state]
    forked = (bits & (bits - np.uint64(1))) != np.uint64(0)
    depth = beam.depth
    total = 0.0
    if forked:
        for b in range(4):
            if (bits >> np.uint64(b)) & np.uint64(1):
                f, r = roll(forward, reverse, b, k)
                there = follow(nodes, row, min(f, r))
                depth[b] = np.float64(payload_at(nodes, there, False) >> COUNT_SHIFT)
                total += depth[b]
    for b in range(4):
        if not (bits >> np.uint64(b)) & np.uint64(1):
            continue
        cost = beam.cost[state]
        if b != observed:
            cost += edit_cost
            if forked and depth[b] > 0:
                cost += np.log(total / depth[b])
        if forked and depth[b] < SEEN_THRICE:
            cost += _RARE_COST
        f, r = roll(forward, reverse, b, k)
        n = _offer(beam, n, f, r, cost, row, state, b)
    return n


@numba.njit(cache=True, nogil=True, inline="always")
def _only_way(
    beam: Beam,
    step: np.int64,
    observed: np.int64,
    edit_cost: np.float64,
    row: np.int64,
    bits: np.uint64,
    k: np.int64,
) -> np.int64:
    """Move the only live state along its only successor, if it has one.

    What `_branch` and `_survivors` would come to; most steps of most reads are of this
    kind. Returns 0 where there is no successor, else -1.
    """
    if bits == np.uint64(0):
        return np.int64(0)
    base = np.int64((bits >> np.uint64(1)) - (bits >> np.uint64(3)))
    beam.forward[0], beam.reverse[0] = roll(beam.forward[0], beam.reverse[0], base, k)
    if base != observed:
        beam.cost[0] += edit_cost
    beam.row[0] = row
    beam.parent[step, 0] = 0
    beam.base[step, 0] = base
    beam.rival[step, 0] = NONE
    return np.int64(-1)


@numba.njit(cache=True, nogil=True, inline="always")
def _one_step(
    beam: Beam,
    live: np.int64,
    step: np.int64,
    observed: np.int64,
    edit_cost: np.float64,
    level: np.int64,
    nodes: Nodes,
    k: np.int64,
) -> np.int64:
    """Offer the successors of all live states, or move the only one (-1); 0 where all end."""
    n = np.int64(0)
    for state in range(live):
        forward, reverse = beam.forward[state], beam.reverse[state]
        row = follow(nodes, beam.row[state], min(forward, reverse))
        bits = successors(payload_at(nodes, row, forward > reverse), level)
        if live == 1 and bits & (bits - np.uint64(1)) == np.uint64(0):
            n = _only_way(beam, step, observed, edit_cost, row, bits, k)
        else:
            n = _branch(beam, state, n, observed, edit_cost, row, bits, nodes, k)
    return n


@numba.njit(cache=True, nogil=True, inline="always")
def _survivors(beam: Beam, n: np.int64, step: np.int64) -> np.int64:
    """Move the cheapest candidates, in order of cost, into the live states."""
    best = beam.c_cost[0]
    for j in range(1, n):
        best = min(best, beam.c_cost[j])
    kept = 0
    while kept < BEAM_WIDTH:
        pick = -1
        for j in range(n):
            cost = beam.c_cost[j]
            if cost <= best + _COST_SPREAD and (pick < 0 or cost < beam.c_cost[pick]):
                pick = j
        if pick < 0:
            break
        beam.forward[kept] = beam.c_forward[pick]
        beam.reverse[kept] = beam.c_reverse[pick]
        beam.cost[kept] = beam.c_cost[pick]
        beam.row[kept] = beam.c_row[pick]
        beam.parent[step, kept] = beam.c_parent[pick]
        beam.base[step, kept] = beam.c_base[pick]
        beam.rival[step, kept] = beam.c_rival[pick]
        beam.c_cost[pick] = np.inf
        kept += 1
    return kept


@numba.njit(cache=True, nogil=True, inline="always")
def _is_decided(beam: Beam, live: np.int64, own: np.uint64) -> np.bool_:
    """Whether the cheapest path is at the read's ``own`` k-mer, where it costs nothing any more,
    so that no other one can win or tie."""
    beaten = live == 1 or beam.cost[1] - beam.cost[0] >= TIE_MARGIN
    return beaten and beam.forward[0] == own


@helper
def _as_read(beam: Beam, observed: np.ndarray, step: np.int64, end: np.int64) -> None:
    """Take the cheapest path along the read to its end."""
    for at in range(step, end):
        beam.parent[at, 0] = 0
        beam.base[at, 0] = observed[at]
        beam.rival[at, 0] = NONE


@helper
def extend(
    observed: np.ndarray,
    qualities: np.ndarray,
    start: np.int64,
    end: np.int64,
    forward: np.uint64,
    reverse: np.uint64,
    level: np.int64,
    free: np.int64,
    search: Search,
    path: np.ndarray,
    ambiguous: np.ndarray,
) -> tuple[np.int64, np.bool_]:
    """Thread ``observed[start:end]`` rightwards from the k-mer ``forward``.

    Parameters
    ----------
    observed, qualities
        uint8, the whole read in the direction of travel (codes 0..4, Phred).
    start, end
        First base to place and the bound not to pass.
    forward, reverse
        The anchor's last k-mer and its reverse complement.
    level
        0 for the upper cutoff, 1 for the lower.
    free
        From where on the read itself costs nothing up to ``end``
        (`dbgclean.evidence.runs.free_ends`).
    path, ambiguous
        uint8 outputs, as long as the read; written in ``[start, reached)``.

    Returns
    -------
    reached, foreign
        One past the last trusted base, and whether a cluster of high-quality
        edits ended the path.
    """
    beam, k = search.beam, search.k
    beam.forward[0], beam.reverse[0] = forward, reverse
    beam.cost[0], beam.row[0] = 0.0, NOWHERE
    live = np.int64(1)
    reached = start
    for step in range(start, end):
        if step >= free and _is_decided(beam, live, pack(observed, step - k, k)):
            _as_read(beam, observed, step, end)
            live, reached = np.int64(1), end
            break
        seen = np.int64(observed[step])
        edit_cost = search.costs[qualities[step]] if seen < 4 else _UNKNOWN_COST
        n = _one_step(beam, live, step, seen, edit_cost, level, search.nodes, k)
        if n == 0:
            break
        if n > 0:
            live = _survivors(beam, n, step)
        reached = step + 1
    if reached == start:
        return start, False
    ambiguous[start:reached] = 0
    trace_back(beam, live, start, reached, observed, path, ambiguous)
    return trusted_end(observed, qualities, path, start, reached, reached == end)
