"""Numba kernels of the classical cleaner: weak tips, weak arms, contraction of what is left.

`sizes` and `totals` (int64) are k-mers and summed abundances of unitigs, `dropped` (uint8)
marks those that go; links are those of `dbgclean.graph.unitigs.UnitigGraph`.
"""

import numpy as np

from dbgclean._kernels import helper, kernel

__all__ = ["clip", "contract", "deepest_first", "only_kept", "pop", "walk_paths"]

_MAX_STEPS = 1000
"""Links looked at for one arm's alternative (Minia has a like bound)."""


@helper
def _beats(
    link_offsets: np.ndarray,
    sizes: np.ndarray,
    totals: np.ndarray,
    max_kmers: int,
    ratio: float,
    node: int,
    other: int,
) -> bool:
    """True where tip `node` gives way to `other`, another branch of its junction."""
    if (other >> 1) == (node >> 1):
        return False
    own = totals[node >> 1] / sizes[node >> 1]
    its = totals[other >> 1] / sizes[other >> 1]
    if own >= ratio * its:
        return False
    if link_offsets[other] < link_offsets[other + 1] or sizes[other >> 1] > max_kmers:
        return True
    # Of two tips at one junction the better stays, else a path would lose its end.
    if own != its:
        return its > own
    if sizes[other >> 1] != sizes[node >> 1]:
        return sizes[other >> 1] > sizes[node >> 1]
    return other < node


@kernel
def clip(
    link_offsets: np.ndarray,
    link_targets: np.ndarray,
    sizes: np.ndarray,
    totals: np.ndarray,
    max_kmers: int,
    ratio: float,
    isolated_depth: float,
    dropped: np.ndarray,
) -> int:
    """Mark tips and isolated unitigs in `dropped` (uint8); return how many."""
    n = 0
    for node in range(link_offsets.size - 1):
        unitig = node >> 1
        if link_offsets[node] < link_offsets[node + 1] or sizes[unitig] > max_kmers:
            continue
        back = node ^ 1
        if link_offsets[back] == link_offsets[back + 1]:
            if totals[unitig] <= isolated_depth * sizes[unitig] and not dropped[unitig]:
                dropped[unitig] = 1
                n += 1
            continue
        before = np.int64(link_targets[link_offsets[back]]) ^ 1
        for i in range(link_offsets[before], link_offsets[before + 1]):
            other = np.int64(link_targets[i])
            if _beats(link_offsets, sizes, totals, max_kmers, ratio, node, other):
                dropped[unitig] = 1
                n += 1
                break
    return n


@kernel
def deepest_first(
    link_offsets: np.ndarray, link_targets: np.ndarray, sizes: np.ndarray, totals: np.ndarray
) -> None:
    """Sort the successors of every node by falling depth (stable)."""
    for node in range(link_offsets.size - 1):
        for i in range(link_offsets[node] + 1, link_offsets[node + 1]):
            target = link_targets[i]
            depth = totals[target >> 1] / sizes[target >> 1]
            j = i
            while j > link_offsets[node]:
                other = link_targets[j - 1] >> 1
                if totals[other] / sizes[other] >= depth:
                    break
                link_targets[j] = link_targets[j - 1]
                j -= 1
            link_targets[j] = target


@helper
def _has_alternative(
    link_offsets: np.ndarray,
    link_targets: np.ndarray,
    sizes: np.ndarray,
    totals: np.ndarray,
    dropped: np.ndarray,
    arm: int,
    slack: int,
    ratio: float,
    path: np.ndarray,
    cursor: np.ndarray,
) -> bool:
    """True where a path beside node `arm` joins its ends, about as long and as deep.

    `slack`: by how many k-mers the lengths may differ. Depth first, deepest branch
    first, over at most `_MAX_STEPS` links.
    """
    unitig = arm >> 1
    start = np.int64(link_targets[link_offsets[arm ^ 1]]) ^ 1
    end = np.int64(link_targets[link_offsets[arm]])
    path[0] = start
    cursor[0] = link_offsets[start]
    top = 0
    length = 0
    total = np.int64(0)
    for _ in range(_MAX_STEPS):
        if cursor[top] == link_offsets[path[top] + 1]:
            if top == 0:
                return False
            length -= sizes[path[top] >> 1]
            total -= totals[path[top] >> 1]
            top -= 1
            continue
        node = np.int64(link_targets[cursor[top]])
        cursor[top] += 1
        if node == end and length and abs(length - sizes[unitig]) <= slack:
            if totals[unitig] * length <= ratio * total * sizes[unitig]:
                return True
        longer = length + sizes[node >> 1]
        if (node >> 1) == unitig or dropped[node >> 1] or longer > sizes[unitig] + slack:
            continue
        length = longer
        total += totals[node >> 1]
        top += 1
        path[top] = node
        cursor[top] = link_offsets[node]
    return False


@kernel
def pop(
    link_offsets: np.ndarray,
    link_targets: np.ndarray,
    sizes: np.ndarray,
    totals: np.ndarray,
    order: np.ndarray,
    max_kmers: int,
    k: int,
    difference: float,
    ratio: float,
    dropped: np.ndarray,
) -> int:
    """Mark arms of bubbles that have an alternative, in this order; return how many."""
    n = 0
    path = np.empty(_MAX_STEPS + 1, dtype=np.int64)
    cursor = np.empty(_MAX_STEPS + 1, dtype=np.int64)
    for unitig in order:
        arm = 2 * np.int64(unitig)
        if sizes[unitig] > max_kmers or link_offsets[arm] == link_offsets[arm + 1]:
            continue
        if link_offsets[arm + 1] == link_offsets[arm + 2]:
            continue
        slack = max(3, np.int64(difference * (sizes[unitig] + k - 1)))
        if _has_alternative(
            link_offsets, link_targets, sizes, totals, dropped, arm, slack, ratio, path, cursor
        ):
            dropped[unitig] = 1
            n += 1
    return n


@kernel
def only_kept(
    link_offsets: np.ndarray, link_targets: np.ndarray, dropped: np.ndarray, only: np.ndarray
) -> None:
    """Successors as `walk_paths` wants them, without dropped unitigs."""
    for node in range(only.size):
        only[node] = -2 if dropped[node >> 1] else -1
        if dropped[node >> 1]:
            continue
        n = 0
        for i in range(link_offsets[node], link_offsets[node + 1]):
            if not dropped[link_targets[i] >> 1]:
                only[node] = link_targets[i]
                n += 1
        if n > 1:
            only[node] = -1


@helper
def next_on_path(only: np.ndarray, node: int) -> np.int64:
    """The node that continues a non-branching path after `node`, or -1.

    `only` (int32) holds the one successor of each oriented node, or -1. The path
    goes on where the successor has no other predecessor, and is neither `node`
    itself (a circle of one) nor its mirror (a hairpin).
    """
    target = np.int64(only[node])
    if target < 0 or only[target ^ 1] != (node ^ 1) or (target >> 1) == (node >> 1):
        return np.int64(-1)
    return target


@kernel
def walk_paths(only: np.ndarray, heads: np.ndarray, tails: np.ndarray, sizes: np.ndarray) -> int:
    """Find all maximal non-branching paths; return how many.

    Parameters
    ----------
    only : ndarray of int32, (2 n,)
        The one successor of each oriented node, -1 where none or several, -2
        where the node is not there at all.
    heads, tails, sizes : ndarray of int32, (n,)
        Filled with first and last oriented node and the number of nodes of each
        path. A circle begins with its smallest node, on that node's "+" strand.
    """
    seen = np.zeros(only.size // 2, dtype=np.uint8)
    n = 0
    for row in range(seen.size):
        if seen[row] or only[2 * row] == -2:
            continue
        head = 2 * row
        before = next_on_path(only, head ^ 1)
        while before >= 0 and before != (2 * row) ^ 1:
            head = before ^ 1
            before = next_on_path(only, before)
        if before >= 0:
            head = 2 * row
        tail = head
        size = 1
        seen[head >> 1] = 1
        after = next_on_path(only, tail)
        while after >= 0 and after != head:
            tail = after
            seen[tail >> 1] = 1
            size += 1
            after = next_on_path(only, tail)
        heads[n] = head
        tails[n] = tail
        sizes[n] = size
        n += 1
    return n


@kernel
def contract(
    link_offsets: np.ndarray,
    link_targets: np.ndarray,
    only: np.ndarray,
    heads: np.ndarray,
    tails: np.ndarray,
    sizes: np.ndarray,
    totals: np.ndarray,
    path_of: np.ndarray,
    out_offsets: np.ndarray,
    out_targets: np.ndarray,
    out_sizes: np.ndarray,
    out_totals: np.ndarray,
) -> np.int64:
    """Make one unitig of each path; `path_of` tells unitigs theirs. Returns the links."""
    begins = np.empty(only.size, dtype=np.int32)
    for path in range(heads.size):
        begins[heads[path]] = 2 * path
        begins[tails[path] ^ 1] = 2 * path + 1
        out_sizes[path] = 0
        out_totals[path] = 0
        node = np.int64(heads[path])
        while True:
            path_of[node >> 1] = path
            out_sizes[path] += sizes[node >> 1]
            out_totals[path] += totals[node >> 1]
            if node == tails[path]:
                break
            node = next_on_path(only, node)
    n = np.int64(0)
    out_offsets[0] = 0
    for side in range(2 * heads.size):
        end = heads[side >> 1] ^ 1 if side & 1 else tails[side >> 1]
        for i in range(link_offsets[end], link_offsets[end + 1]):
            if only[link_targets[i]] != -2:
                out_targets[n] = begins[link_targets[i]]
                n += 1
        out_offsets[side + 1] = n
    return n
