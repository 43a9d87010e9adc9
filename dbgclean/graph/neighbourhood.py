"""What of two graphs a picture can show: some unitigs of the graph after, and what hung on them.

The graph after cleaning is the frame. Where it is small all of it is taken, else what lies
around its most tangled place. Of the graph before there are the unitigs that became part of
the frame, and those removed that hang on them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.kmers import canonical_kmers, kmers_at
from dbgclean.spectrum.ordering import order_of, search

__all__ = ["Before", "Frame", "Kmers", "before", "frame", "joints", "kmers_of"]

_WHOLE_UNITIGS, _WHOLE_KMERS = 150, 200_000
# Unitigs before that the part around one place may have, and unitigs after.
_MOST, _MOST_AFTER = 900, 60
_START, _GROWTH = 40.0, 1.35
# Removed unitigs hang on each other at most so deep.
_LEVELS = 4


@dataclass(frozen=True, eq=False)
class Kmers:
    """k-mers of some unitigs, one after the other.

    Attributes
    ----------
    of, at
        int64 (n,): row of the unitig that was asked for, and place in the unitig.
    key
        As of `dbgclean.spectrum.kmers.kmers_at`, (n,): canonical.
    turned
        bool (n,): the unitig spells its reverse complement.
    """

    of: np.ndarray
    at: np.ndarray
    key: np.ndarray
    turned: np.ndarray


@dataclass(frozen=True, eq=False)
class Frame:
    """Pieces of the graph after cleaning.

    Attributes
    ----------
    pieces
        int64 (n, 3): unitig, its first k-mer and the k-mer behind its last.
    joints
        int64 (n, 2): number of the point that each piece begins and ends at; pieces that
        are linked share it.
    whole
        The frame is the whole graph.
    """

    pieces: np.ndarray
    joints: np.ndarray
    whole: bool


@dataclass(frozen=True, eq=False)
class Before:
    """Unitigs of the graph before cleaning, those that stand first.

    Attributes
    ----------
    unitigs
        int64 (n,).
    standing
        How many of them stand: they are part of the frame.
    place
        float64 (standing, 3): piece of the frame, and where on it (in k-mers of the unitig)
        the unitig begins and ends, the former larger where it runs against the piece.
    joints
        int64 (n, 2): as in `Frame`.
    removed
        Removed unitigs that hang on the frame, those left out (``most``) among them.
    """

    unitigs: np.ndarray
    standing: int
    place: np.ndarray
    joints: np.ndarray
    removed: int


def kmers_of(graph: UnitigGraph, pieces: np.ndarray, k: int | None = None) -> Kmers:
    """The k-mers of pieces of unitigs: int64 (n, 3), as in `Frame.pieces`; k is the graph's."""
    k = k or graph.k
    sizes = pieces[:, 2] - pieces[:, 1]
    of = np.repeat(np.arange(len(pieces)), sizes)
    at = np.arange(len(of)) - np.repeat(np.cumsum(sizes) - sizes - pieces[:, 1], sizes)
    starts = graph.offsets[pieces[of, 0]] + at
    spelled = kmers_at(graph.codes, starts, k)
    key = canonical_kmers(spelled, k)
    return Kmers(of, at, key, key != spelled)


def whole_pieces(graph: UnitigGraph, unitigs: np.ndarray) -> np.ndarray:
    """Unitigs as pieces, from end to end."""
    return np.column_stack([unitigs, np.zeros_like(unitigs), graph.kmers[unitigs]])


def rows_of(keys: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Row of each query among sorted keys, or -1; queries in any order."""
    rows = search(keys, queries)
    rows[rows == len(keys)] = 0
    return np.where(keys[rows] == queries, rows, -1) if len(keys) else rows - 1


def linked(graph: UnitigGraph, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row among `nodes` (oriented unitigs), and target, of every link that leaves one."""
    first, sizes = graph.link_offsets[nodes], graph.out_degree[nodes]
    of = np.repeat(np.arange(len(nodes)), sizes)
    within = np.arange(len(of)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return of, graph.link_targets[first[of] + within].astype(np.int64)


def joints(graph: UnitigGraph, unitigs: np.ndarray) -> np.ndarray:
    """Number of the point at which each unitig begins and ends, int64 (n, 2).

    Unitigs that are linked share a point: the (k-1)-mer where they overlap. `unitigs` are
    sorted, each once; links to others do not count.
    """
    nodes = (2 * unitigs[:, None] + [0, 1]).ravel()
    of, targets = linked(graph, nodes)
    there = rows_of(unitigs, targets >> 1)
    # A link leaves the end of one and enters the start of the other: the end of its mirror.
    meets = 2 * there + ((targets & 1) ^ 1)
    of, meets = of[there >= 0], meets[there >= 0]
    n = len(nodes)
    links = coo_matrix((np.ones(len(of), np.int8), (of, meets)), shape=(n, n))
    label = connected_components(links, directed=False)[1].reshape(-1, 2)
    return label[:, ::-1].astype(np.int64)


def frame(clean: UnitigGraph, raw: UnitigGraph, keys: np.ndarray, unitig_of: np.ndarray) -> Frame:
    """Choose what of the cleaned graph to show.

    Parameters
    ----------
    clean, raw
        The graph after and before.
    keys, unitig_of
        k-mers of the graph before, sorted, and the unitig of each.
    """
    everything = np.arange(len(clean))
    if len(clean) <= _WHOLE_UNITIGS and clean.kmers.sum() <= _WHOLE_KMERS:
        return Frame(whole_pieces(clean, everything), joints(clean, everything), True)
    # From the mirror's end back to the start, as each piece is told.
    ends = joints(clean, everything)
    found, radius = _around(clean, ends, _START)[:_MOST_AFTER], _START
    while radius < clean.kmers.sum():
        radius *= _GROWTH
        wider = _around(clean, ends, radius)
        if len(wider) > _MOST_AFTER:
            break
        hit = rows_of(keys, kmers_of(clean, wider).key)
        unitigs = np.unique(unitig_of[hit[hit >= 0]]).astype(np.int64)
        if len(_neighbours(raw, unitigs)) > _MOST:
            break
        found = wider
    return Frame(*_connected(found, _piece_joints(clean, ends, found)), False)


def _around(clean: UnitigGraph, ends: np.ndarray, radius: float) -> np.ndarray:
    """Pieces within so many k-mers of the most tangled joint, the nearest first.

    Where there is no joint of three, around the middle of the longest unitig.
    """
    degree = np.bincount(ends.ravel())
    tangled = degree.astype(float)
    np.add.at(tangled, ends[:, 0], degree[ends[:, 1]])
    np.add.at(tangled, ends[:, 1], degree[ends[:, 0]])
    sizes = clean.kmers
    if degree.max() <= 2:
        longest = int(np.argmax(sizes))
        middle = int(sizes[longest]) // 2
        span = max(0, middle - int(radius)), min(int(sizes[longest]), middle + int(radius))
        return np.array([[longest, *span]], np.int64)
    order = np.lexsort([sizes, ends[:, 1], ends[:, 0]])
    low, high = np.sort(ends[order], axis=1).T
    pair, first = np.unique(low * len(degree) + high, return_index=True)
    n = len(degree)
    steps = coo_matrix((sizes[order][first], (pair // n, pair % n)), shape=(n, n)).tocsr()
    far = dijkstra(steps, directed=False, indices=int(np.argmax(tangled)), limit=radius)
    reach = np.maximum(0, np.where(np.isfinite(far), radius - far, 0)).astype(np.int64)[ends]
    near = np.flatnonzero(reach.any(axis=1))
    near = near[np.argsort(far[ends[near]].min(axis=1), kind="stable")]
    size, reach = sizes[near], reach[near]
    whole = reach.sum(axis=1) >= size
    zero = np.zeros_like(near)
    parts = [
        np.column_stack([near, zero, size])[whole],
        np.column_stack([near, zero, np.minimum(reach[:, 0], size)])[~whole & (reach[:, 0] > 0)],
        np.column_stack([near, size - reach[:, 1], size])[~whole & (reach[:, 1] > 0)],
    ]
    found = np.concatenate(parts)
    rank = np.empty(len(clean), np.int64)
    rank[near] = np.arange(len(near))
    return found[np.lexsort([found[:, 1], rank[found[:, 0]]])]


def _piece_joints(clean: UnitigGraph, ends: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Joints of pieces; a cut end has one of its own."""
    found = ends[pieces[:, 0]].copy()
    own = found.max(initial=0) + 1 + np.arange(2 * len(pieces)).reshape(-1, 2)
    cut = np.column_stack([pieces[:, 1] > 0, pieces[:, 2] < clean.kmers[pieces[:, 0]]])
    found[cut] = own[cut]
    return found


def _connected(pieces: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces that hang together with the first, and their joints."""
    n = int(ends.max()) + 1
    links = coo_matrix((np.ones(len(ends), np.int8), tuple(ends.T)), shape=(n, n))
    part = connected_components(links, directed=False)[1][ends[:, 0]]
    own = part == part[0]
    return pieces[own], np.unique(ends[own], return_inverse=True)[1].reshape(-1, 2)


def before(
    shown: Frame, clean: UnitigGraph, raw: UnitigGraph, kept: np.ndarray,
    index: tuple[np.ndarray, np.ndarray], most: int,
) -> Before:  # fmt: skip
    """What of the graph before cleaning belongs to a frame.

    Parameters
    ----------
    kept
        k-mers of the graph after, sorted.
    index
        k-mers of the graph before, sorted, and the unitig of each.
    most
        Removed unitigs, the deepest, that are taken.
    """
    keys, unitig_of = index
    after = kmers_of(clean, shown.pieces)
    rows = rows_of(keys, after.key)
    standing = np.unique(unitig_of[rows[rows >= 0]]).astype(np.int64)
    standing = standing[stands(raw, standing, kept)]
    removed = _hanging(raw, standing, kept)
    total = len(removed)
    if total > most:
        deepest = np.argsort(-raw.depth[removed], kind="stable")[:most]
        removed = _attached(raw, standing, np.sort(removed[deepest]))
    unitigs = np.concatenate([standing, removed])
    order = np.argsort(unitigs)
    ends = np.empty((len(unitigs), 2), np.int64)
    ends[order] = joints(raw, unitigs[order])
    place = _places(raw, standing, after)
    return Before(unitigs, len(standing), place, ends, total)


def stands(graph: UnitigGraph, unitigs: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """bool (n,): at least half of a unitig's k-mers are among the sorted `kept`."""
    found = kmers_of(graph, whole_pieces(graph, unitigs))
    there = rows_of(kept, found.key) >= 0
    return 2 * np.bincount(found.of[there], minlength=len(unitigs)) >= graph.kmers[unitigs]


def _neighbours(graph: UnitigGraph, unitigs: np.ndarray) -> np.ndarray:
    nodes = (2 * unitigs[:, None] + [0, 1]).ravel()
    return np.unique(linked(graph, nodes)[1] >> 1)


def _hanging(raw: UnitigGraph, standing: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Removed unitigs that hang on those that stand, directly or on each other; sorted."""
    found = np.empty(0, np.int64)
    seen = front = standing
    for _ in range(_LEVELS):
        near = np.setdiff1d(_neighbours(raw, front), seen, assume_unique=True)
        seen = np.union1d(seen, near)
        front = near[~stands(raw, near, kept)]
        found = np.union1d(found, front)
    return found


def _attached(raw: UnitigGraph, standing: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Those of some removed unitigs that hang on the rest by others of them."""
    front, found = standing, np.empty(0, np.int64)
    for _ in range(_LEVELS):
        near = np.intersect1d(_neighbours(raw, front), some)
        front = np.setdiff1d(near, found, assume_unique=True)
        found = np.union1d(found, front)
    return found


def _places(raw: UnitigGraph, standing: np.ndarray, after: Kmers) -> np.ndarray:
    """`Before.place` of unitigs that stand."""
    own = kmers_of(raw, whole_pieces(raw, standing))
    order = order_of(after.key, stable=True)
    rows = rows_of(after.key[order], own.key)
    there = rows >= 0
    unitig, hit = own.of[there], order[rows[there]]
    piece, at = after.of[hit], after.at[hit]
    against = own.turned[there] != after.turned[hit]
    place = np.zeros((len(standing), 3))
    # The first of a unitig's k-mers in the frame says which piece it is on.
    first = np.unique(unitig, return_index=True)[1]
    place[:, 0] = piece[first]
    same = piece == place[unitig, 0]
    low = np.full(len(standing), np.inf)
    high = np.full(len(standing), -np.inf)
    np.minimum.at(low, unitig[same], at[same])
    np.maximum.at(high, unitig[same], at[same] + 1)
    turned = against[first]
    place[:, 1], place[:, 2] = np.where(turned, high, low), np.where(turned, low, high)
    return place
