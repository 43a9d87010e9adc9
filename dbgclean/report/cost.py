"""What cleaning cost, counted against a truth: functions over plain arrays.

Every function takes canonical k-mers packed two bits a base (A=0 C=1 G=2 T=3, first
base highest; uint64, above k = 31 two or four of them), sorted and unique, as the k-mer
table holds them, and is a handful of sorts and binary searches: seconds for tens of
millions of k-mers.
"""

from dataclasses import asdict, dataclass

import numpy as np

from dbgclean.spectrum.kmers import prefixes, reverse_complements
from dbgclean.spectrum.membership import rows_among
from dbgclean.spectrum.ordering import search, sort_keys

__all__ = ["TruthCost", "junction_nodes", "new_junctions", "real_bubbles_closed", "truth_cost"]

LEVELS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class TruthCost:
    """K-mers lost and left, against a truth, at abundance >= 1, 2 and 3.

    ``true_kmers_lost_a`` counts k-mers of the truth that the raw table holds at
    abundance >= a and the table at hand does not; ``false_kmers_left_a`` counts k-mers
    of the table at abundance >= a that the truth does not hold. No suffix means a = 1.
    """

    true_kmers_lost: int
    true_kmers_lost_2: int
    true_kmers_lost_3: int
    false_kmers_left: int
    false_kmers_left_2: int
    false_kmers_left_3: int

    def to_dict(self) -> dict[str, int]:
        """The fields by name, for the report."""
        return asdict(self)


def truth_cost(
    truth_keys: np.ndarray,
    keys: np.ndarray,
    counts: np.ndarray,
    *,
    raw_keys: np.ndarray | None = None,
    raw_counts: np.ndarray | None = None,
) -> TruthCost:
    """Count true k-mers lost and false k-mers left.

    Parameters
    ----------
    truth_keys
        uint64 (t,), sorted unique canonical k-mers of the truth.
    keys, counts
        uint64 and integer (n,), the table at hand, sorted by key.
    raw_keys, raw_counts
        The table of the raw reads. What the sequencer never read cannot be lost: with
        these, only true k-mers that the raw reads held at that abundance count as lost.
        Without them every k-mer of the truth counts.

    Returns
    -------
    TruthCost

    Raises
    ------
    ValueError
        Where only one of ``raw_keys`` and ``raw_counts`` is given, or keys and counts
        differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([1, 5, 9], dtype=np.uint64)
    >>> cost = truth_cost(truth, np.array([1, 4, 5], dtype=np.uint64), np.array([7, 1, 3]))
    >>> cost.true_kmers_lost, cost.false_kmers_left, cost.false_kmers_left_2
    (1, 1, 0)
    """
    if (raw_keys is None) != (raw_counts is None):
        msg = "truth_cost: give both raw_keys and raw_counts, or neither"
        raise ValueError(msg)
    now = _abundance(truth_keys, keys, counts)
    if raw_keys is None or raw_counts is None:
        before = np.full(len(truth_keys), max(LEVELS), dtype=np.int64)
    else:
        before = _abundance(truth_keys, raw_keys, raw_counts)
    false_counts = counts[rows_among(keys, truth_keys) < 0]
    lost = {a: int(np.count_nonzero((before >= a) & (now < a))) for a in LEVELS}
    left = {a: int(np.count_nonzero(false_counts >= a)) for a in LEVELS}
    return TruthCost(lost[1], lost[2], lost[3], left[1], left[2], left[3])


def new_junctions(
    raw_keys: np.ndarray, keys: np.ndarray, k: int, raw_nodes: np.ndarray | None = None
) -> int:
    """Count the branches that the k-mers at hand have and the raw reads did not.

    A read corrected to something that its neighbours are not makes a k-mer that nobody
    read, and with it a branch. Branches are compared by their (k-1)-mer.

    Parameters
    ----------
    raw_keys, keys
        uint64, sorted unique canonical k-mers of the raw and of the cleaned table.
    k
        Length, odd.
    raw_nodes
        `junction_nodes` of ``raw_keys``, where they are at hand.
    """
    found = junction_nodes(keys, k)
    before = junction_nodes(raw_keys, k) if raw_nodes is None else raw_nodes
    return int(np.count_nonzero(rows_among(found, before) < 0))


def junction_nodes(keys: np.ndarray, k: int) -> np.ndarray:
    """The (k-1)-mers that a k-mer enters and two or more k-mers leave.

    Parameters
    ----------
    keys
        uint64 (n,), canonical k-mers.
    k
        Length.

    Returns
    -------
    numpy.ndarray
        uint64, sorted, unique. (k-1)-mers are read in the direction in which they
        branch, so each junction appears once, whatever its strand.
    """
    nodes = prefixes(np.concatenate([keys, reverse_complements(keys, k)]))
    sort_keys(nodes)
    first = np.ones(len(nodes), dtype=bool)
    first[1:] = nodes[1:] != nodes[:-1]
    starts = np.flatnonzero(first)
    ways_out = np.diff(np.append(starts, len(nodes)))
    unique = nodes[starts]
    branching = unique[ways_out > 1]
    # A k-mer enters a node exactly where one leaves the node's reverse complement.
    return branching[_member(reverse_complements(branching, k - 1), unique)]


def real_bubbles_closed(
    arm_keys: np.ndarray,
    arm_offsets: np.ndarray,
    arm_bubble: np.ndarray,
    keys: np.ndarray,
    raw_keys: np.ndarray,
) -> int:
    """Count bubbles of the truth that the raw reads showed and the result does not.

    A bubble is open where at least two of its arms are there whole.

    Parameters
    ----------
    arm_keys
        uint64 (m,), canonical k-mers of all arms of all bubbles of the truth's graph,
        arm after arm.
    arm_offsets
        int64 (arms + 1,), where each arm begins in ``arm_keys``.
    arm_bubble
        int64 (arms,), the number (from 0) of the bubble that an arm belongs to.
    keys, raw_keys
        uint64, sorted unique canonical k-mers of the result and of the raw reads.
    """
    if len(arm_bubble) == 0:
        return 0
    shown = _open_bubbles(arm_keys, arm_offsets, arm_bubble, raw_keys)
    left = _open_bubbles(arm_keys, arm_offsets, arm_bubble, keys)
    return int(np.count_nonzero(shown & ~left))


def _open_bubbles(
    arm_keys: np.ndarray, arm_offsets: np.ndarray, arm_bubble: np.ndarray, keys: np.ndarray
) -> np.ndarray:
    missing = np.concatenate([[0], np.cumsum(~_member(arm_keys, keys))])
    whole = missing[arm_offsets[1:]] == missing[arm_offsets[:-1]]
    return np.bincount(arm_bubble[whole], minlength=int(arm_bubble.max()) + 1) >= 2


def _member(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """True where a query, in any order, is in the sorted keys."""
    if len(keys) == 0:
        return np.zeros(len(queries), dtype=bool)
    at = np.minimum(search(keys, queries), len(keys) - 1)
    there: np.ndarray = keys[at] == queries
    return there


def _abundance(queries: np.ndarray, keys: np.ndarray, counts: np.ndarray) -> np.ndarray:
    if len(keys) != len(counts):
        msg = f"truth_cost: {len(keys)} k-mers but {len(counts)} counts"
        raise ValueError(msg)
    rows = rows_among(queries, keys)
    found = np.zeros(len(queries), dtype=np.int64)
    there = rows >= 0
    found[there] = counts[rows[there]]
    return found
