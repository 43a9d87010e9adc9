"""The k-mers of one read in the solid graph, and the runs of them that follow its edges."""

from __future__ import annotations

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.evidence.lookup import (
    COUNT_SHIFT,
    NOWHERE,
    Nodes,
    follow,
    home_of,
    payload_at,
    successors,
    turned_payload,
)
from dbgclean.spectrum.fetching import fetch
from dbgclean.spectrum.kmers import roll

__all__ = ["SEEN_THRICE", "free_ends", "is_clean", "longest_run", "look_up", "turn_payloads"]

# Where the graph forks, an arm seen less often costs a path, even if it is as read.
SEEN_THRICE = 3


@helper
def _ask_ahead(
    observed: np.ndarray,
    first: np.int64,
    last: np.int64,
    forward: np.uint64,
    reverse: np.uint64,
    nodes: Nodes,
    k: np.int64,
) -> None:
    """Have the slots of the k-mers that end on bases [first, last) on their way."""
    for i in range(first, last):
        c = observed[i]
        if c > 3:
            break
        forward, reverse = roll(forward, reverse, c, k)
        fetch(nodes.hashed, np.int64(home_of(nodes, min(forward, reverse))))


@kernel
def look_up(
    observed: np.ndarray, length: np.int64, nodes: Nodes, k: np.int64, payloads: np.ndarray
) -> None:
    """Payload of the k-mer starting at each base; 0 where weak or holding an N."""
    forward = np.uint64(0)
    reverse = np.uint64(0)
    filled = 0
    row = NOWHERE
    asked = 0
    for i in range(length):
        c = observed[i]
        if c > 3:
            filled = 0
        else:
            forward, reverse = roll(forward, reverse, c, k)
            filled += 1
        if i >= k - 1:
            row = follow(nodes, row, min(forward, reverse)) if filled >= k else NOWHERE
            if row < 0 and filled >= k and i >= asked:
                # An error is in k of them: none of these stands beside the last one.
                asked = min(i + 1 + k, length)
                _ask_ahead(observed, i + 1, asked, forward, reverse, nodes, k)
            payloads[i - k + 1] = payload_at(nodes, row, forward > reverse)


@helper
def is_clean(
    observed: np.ndarray, payloads: np.ndarray, length: np.int64, k: np.int64, upper: np.int64
) -> np.bool_:
    """Whether a whole read is one solid run at the upper cutoff, on either strand."""
    for i in range(length - k + 1):
        if np.int64(payloads[i] >> COUNT_SHIFT) < upper:
            return False
    for i in range(length - k):
        step = np.uint64(observed[i + k])
        if not (payloads[i] >> step) & np.uint64(1):
            return False
    return True


@helper
def turn_payloads(payloads: np.ndarray, n: np.int64) -> None:
    """Payloads of a read's ``n`` k-mers as those of its reverse complement."""
    for i in range((n + 1) // 2):
        j = n - 1 - i
        here, there = turned_payload(payloads[i]), turned_payload(payloads[j])
        payloads[i], payloads[j] = there, here


@helper
def free_ends(
    observed: np.ndarray,
    payloads: np.ndarray,
    low: np.int64,
    high: np.int64,
    side: np.int64,
    end: np.int64,
    k: np.int64,
    free: np.ndarray,
) -> None:
    """How far back from the end of bases [low, high) the read follows edges of the graph.

    Fills ``free`` (int64 (2,)), one per level, with a base in the direction of travel whose
    end is ``end``: whoever stands on the read's own k-mer before it pays nothing any more,
    for no fork on the way leads to an arm so rare that it would cost.
    """
    free[:] = end
    going = np.uint64(3)
    for t in range(high - low - k):
        to, left = (high - k - t, high - k - t - 1) if side == 0 else (low + t, low + t)
        if payloads[to] >> COUNT_SHIFT < np.uint64(SEEN_THRICE):
            break
        step = np.uint64(observed[left + k])
        for level in range(2):
            linked = (successors(payloads[left], np.int64(level)) >> step) & np.uint64(1)
            going &= ~((np.uint64(1) - linked) << np.uint64(level))
            if (going >> np.uint64(level)) & np.uint64(1):
                free[level] = end - t - 1
        if going == 0:
            break


@helper
def longest_run(
    observed: np.ndarray,
    payloads: np.ndarray,
    low: np.int64,
    high: np.int64,
    k: np.int64,
    cutoff: np.int64,
    level: np.int64,
) -> tuple[np.int64, np.int64]:
    """First and last k-mer start of the longest solid run within bases [low, high)."""
    best_first, best_last = np.int64(-1), np.int64(-2)
    first = np.int64(-1)
    for i in range(low, high - k + 1):
        solid = np.int64(payloads[i] >> COUNT_SHIFT) >= cutoff
        if solid and first >= 0:
            step = np.uint64(observed[i + k - 1])
            linked = (successors(payloads[i - 1], level) >> step) & np.uint64(1)
            if not linked:
                first = i
        elif solid:
            first = i
        else:
            first = np.int64(-1)
        if first >= 0 and i - first > best_last - best_first:
            best_first, best_last = first, i
    return best_first, best_last
