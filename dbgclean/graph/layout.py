"""Positions for a picture of two graphs, the same in both where the same sequence stands.

First the graph after cleaning: points along its unitigs, whose distances on paper shall be
their distances in the graph (stress, Gansner, Koren and North 2005,
doi:10.1007/978-3-540-31843-9_25), begun from distances to four far points (as pivot MDS,
Brandes and Pich 2007, doi:10.1007/978-3-540-70904-6_6). Rings become circles, chains lines.
Then what was removed, as hair on what stands: springs, and room for each.

Nothing is drawn by chance, and nothing depends on the number of threads.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

__all__ = ["WIDTH", "hair", "polylines"]

WIDTH = 480.0
"""Width of the picture; its height follows from what is in it."""

# Lengths on paper grow more slowly than sequences do, or bubbles could not be seen.
_POWER, _LEAST = 0.65, 0.02
# Points along all unitigs, about, and along one at most; edges for a loop at least.
_POINTS, _MOST_POINTS, _LOOP = 160, 60, 4
_ROUNDS, _STEP = 200, 0.6
# Hair: shortest and longest on paper, how far apart, how often it is moved, and looked at.
_SHORT, _LONG, _APART, _COMBED, _LOOKED = 7.0, 26.0, 7.0, 50, 5
_GOLDEN = 2.399963229728653


@dataclass(frozen=True, eq=False)
class _Chain:
    """Unitigs as chains of points: each one's points in order, and the edges between them."""

    points: list[np.ndarray]
    edges: np.ndarray
    length: np.ndarray


def polylines(sizes: np.ndarray, joints: np.ndarray) -> list[np.ndarray]:
    """Smooth lines for unitigs, float64 (n, 2) each, `WIDTH` wide together.

    Parameters
    ----------
    sizes
        k-mers of each.
    joints
        int64 (n, 2): points at which they begin and end (`neighbourhood.joints`).
    """
    lengths = sizes.astype(float) ** _POWER
    chain = _chain(np.maximum(lengths, _LEAST * lengths.sum()), joints)
    n = int(chain.edges.max()) + 1
    both = coo_matrix((chain.length, tuple(chain.edges.T)), shape=(n, n)).tocsr()
    parts, part = connected_components(both, directed=False)
    at = np.zeros((n, 2))
    boxes = []
    for number in range(parts):
        rows = np.flatnonzero(part == number)
        at[rows] = _level(_spread(both[rows][:, rows]))
        boxes.append((rows, at[rows].max(axis=0)))
    _pack(at, boxes, chain.length.mean())
    at *= WIDTH / max(at[:, 0].max(), 1e-9)
    return [_smooth(at[points]) for points in chain.points]


def _chain(lengths: np.ndarray, joints: np.ndarray) -> _Chain:
    unit = lengths.sum() / _POINTS
    loops = joints[:, 0] == joints[:, 1]
    cuts = np.clip(np.rint(lengths / unit), np.where(loops, _LOOP, 2), _MOST_POINTS).astype(int)
    last = int(joints.max()) + 1
    points, edges, length = [], [], []
    for (start, end), n, total in zip(joints.tolist(), cuts.tolist(), lengths, strict=True):
        row = np.array([start, *range(last, last + n - 1), end])
        last += n - 1
        points.append(row)
        edges.append(np.column_stack([row[:-1], row[1:]]))
        length.append(np.full(n, total / n))
    return _Chain(points, np.concatenate(edges), np.concatenate(length))


def _spread(graph: csr_matrix) -> np.ndarray:
    """Positions of a connected graph's points by stress."""
    n = graph.shape[0]
    far = dijkstra(graph, directed=False)
    # Coordinates are differences of the distances to points far apart.
    a = int(np.argmax(far[0]))
    b = int(np.argmax(far[a]))
    c = int(np.argmax(np.minimum(far[a], far[b])))
    d = int(np.argmax(far[c] + np.minimum(far[a], far[b])))
    at = np.column_stack([far[a] - far[b], far[c] - far[d]]) / 2
    # Parallel arms are as far from everything: they have to be told apart.
    angle = _GOLDEN * np.arange(n)
    step = graph.data.mean()
    at += 0.3 * step * np.column_stack([np.cos(angle), np.sin(angle)])
    wanted = np.where(far > 0, far, 1.0)
    weight = np.where(far > 0, 1 / wanted**2, 0.0)
    total = np.maximum(weight.sum(axis=1), 1e-12)
    x, y = at.T.copy()
    for _ in range(_ROUNDS):
        dx, dy = x[:, None] - x, y[:, None] - y
        pull = weight * (wanted / np.maximum(np.sqrt(dx * dx + dy * dy), 1e-9) - 1)
        x += _STEP * (pull * dx).sum(axis=1) / total
        y += _STEP * (pull * dy).sum(axis=1) / total
    return np.column_stack([x, y])


def _level(at: np.ndarray) -> np.ndarray:
    """Turned so that it is longest from left to right, and moved to begin at (0, 0)."""
    at = at - at.mean(axis=0)
    xx, yy, xy = (at[:, 0] ** 2).sum(), (at[:, 1] ** 2).sum(), at.prod(axis=1).sum()
    turn = -0.5 * np.arctan2(2 * xy, xx - yy)
    cos, sin = np.cos(turn), np.sin(turn)
    at = np.column_stack([cos * at[:, 0] - sin * at[:, 1], sin * at[:, 0] + cos * at[:, 1]])
    return at - at.min(axis=0)


def _pack(at: np.ndarray, boxes: list[tuple[np.ndarray, np.ndarray]], step: float) -> None:
    """Parts of the graph side by side in rows, the largest first, about as wide as high."""
    boxes.sort(key=lambda box: (-box[1][1], -box[1][0], box[0][0]))
    gap = 3 * step
    area = sum((w + gap) * (h + gap) for _, (w, h) in boxes)
    width = max(1.1 * np.sqrt(area), max(w for _, (w, _) in boxes))
    x = y = high = 0.0
    for rows, (w, h) in boxes:
        if x and x + w > width:
            x, y, high = 0.0, y + high + gap, 0.0
        at[rows] += [x, y]
        x, high = x + w + gap, max(high, h)


def _smooth(line: np.ndarray) -> np.ndarray:
    """Corners cut twice (Chaikin); the ends stay."""
    for _ in range(2):
        if len(line) > 2:
            cut = np.stack([0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]])
            line = np.concatenate([line[:1], cut.swapaxes(0, 1).reshape(-1, 2)[1:-1], line[-1:]])
    return line


def along(line: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Points at shares (0 to 1) of a line's length, float64 (n, 2)."""
    steps = np.sqrt((np.diff(line, axis=0) ** 2).sum(axis=1))
    walked = np.concatenate([[0.0], np.cumsum(steps)])
    at = share * walked[-1]
    return np.column_stack([np.interp(at, walked, line[:, i]) for i in (0, 1)])


def between(line: np.ndarray, first: float, last: float) -> np.ndarray:
    """The part of a line between two shares of its length."""
    steps = np.sqrt((np.diff(line, axis=0) ** 2).sum(axis=1))
    walked = np.concatenate([[0.0], np.cumsum(steps)]) / max(steps.sum(), 1e-12)
    inside = line[(walked > min(first, last)) & (walked < max(first, last))]
    ends = along(line, np.array([min(first, last), max(first, last)]))
    return np.concatenate([ends[:1], inside, ends[1:]])


def hair(sizes: np.ndarray, joints: np.ndarray, fixed: np.ndarray, still: np.ndarray) -> np.ndarray:
    """Begin, middle and end of removed unitigs, float64 (n, 3, 2).

    Parameters
    ----------
    sizes, joints
        As in `polylines`.
    fixed
        float64 (j, 2): positions of the joints on what stands, by number; NaN for all others.
    still
        float64 (m, 2): other points to keep off.
    """
    names, rows = np.unique(joints, return_inverse=True)
    rows = rows.reshape(-1, 2)
    n = len(names)
    half = np.clip(sizes.astype(float) ** _POWER, _SHORT, _LONG) / 2
    at = np.full((n + len(sizes), 2), np.nan)
    at[:n] = fixed[names]
    moves = np.isnan(at[:, 0])
    _begin(at, rows, half, still.mean(axis=0) if len(still) else np.zeros(2))
    springs = np.concatenate(
        [np.column_stack([rows[:, side], n + np.arange(len(sizes))]) for side in (0, 1)]
    )
    _comb(at, moves, springs, np.concatenate([half, half]), still)
    return np.stack([at[rows[:, 0]], at[n:], at[rows[:, 1]]], axis=1)


def _begin(at: np.ndarray, rows: np.ndarray, half: np.ndarray, centre: np.ndarray) -> None:
    """First positions: beside what is known of a unitig's ends, each in another direction."""
    n = len(at) - len(rows)
    for _ in range(len(rows)):
        known = ~np.isnan(at[rows, 0])
        todo = np.flatnonzero(known.any(axis=1) & np.isnan(at[n:, 0]))
        if not len(todo):
            break
        for i in todo.tolist():
            ends = at[rows[i][known[i]]]
            angle = _GOLDEN * i
            step = half[i] * np.array([np.cos(angle), np.sin(angle)])
            at[n + i] = ends.mean(axis=0) + step
            for row in rows[i][~known[i]]:
                if np.isnan(at[row, 0]):
                    at[row] = ends.mean(axis=0) + 2 * step
    at[np.isnan(at[:, 0])] = centre


def _comb(
    at: np.ndarray, moves: np.ndarray, springs: np.ndarray, length: np.ndarray, still: np.ndarray
) -> None:
    """Move points until springs have their lengths and no two points are on top of each other."""
    free = np.concatenate([moves, np.zeros(len(still), bool)])
    pairs, wanted = springs, length
    for turn in range(_COMBED):
        points = np.concatenate([at, still])
        if turn % _LOOKED == 0:
            near = cKDTree(points).query_pairs(_APART, output_type="ndarray")
            near = near[free[near].any(axis=1)]
            pairs = np.concatenate([springs, near])
            wanted = np.concatenate([length, np.full(len(near), _APART)])
            number = np.maximum(np.bincount(pairs.ravel(), minlength=len(points)), 1)
        apart = points[pairs[:, 0]] - points[pairs[:, 1]]
        push = (wanted / np.maximum(np.sqrt((apart**2).sum(axis=1)), 0.1) - 1)[:, None] * apart
        push = np.clip(push, -_APART, _APART)
        for i in (0, 1):
            step = np.bincount(pairs[:, 0], push[:, i], len(points))
            step -= np.bincount(pairs[:, 1], push[:, i], len(points))
            at[moves, i] += _STEP * (step / number)[: len(at)][moves]
