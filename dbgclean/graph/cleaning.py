"""The classical cleaner: tips clipped, bubbles popped, by depth and shape alone.

The control that reports call *classical*: what an assembler does to its graph, with
thresholds taken from SPAdes, MEGAHIT and Minia. Works on unitigs, contracted anew
after each step; the k-mers are compacted once.
"""

from dataclasses import dataclass

import numba
import numpy as np

from dbgclean.graph.compaction import compact_rows, next_on_path, walk_paths

__all__ = ["ClassicalSettings", "classical_clean"]

_MAX_STEPS = 1000
"""Links looked at for one arm's alternative (Minia has a like bound)."""


@dataclass(frozen=True)
class ClassicalSettings:
    """Thresholds of `classical_clean`.

    Attributes
    ----------
    tip_length : float
        A tip is shorter than this many k, in bases (2: Velvet, MEGAHIT).
    tip_ratio : float
        It goes where another branch of its junction has more than this share of its
        depth inverted: ``depth < tip_ratio * depth of the branch`` (2.0: SPAdes).
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


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
def _clip(
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


@numba.njit(cache=True, nogil=True)
def _deepest_first(
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


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
def _pop(
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


@numba.njit(cache=True, nogil=True)
def _only_kept(
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


@numba.njit(cache=True, nogil=True)
def _contract(
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
        _only_kept(self.link_offsets, self.link_targets, dropped, only)
        heads, tails, lengths = (np.empty(dropped.size, dtype=np.int32) for _ in range(3))
        n = walk_paths(only, heads, tails, lengths)
        path_of = np.full(dropped.size, -1, dtype=np.int32)
        offsets = np.empty(2 * n + 1, dtype=np.int64)
        targets = np.empty(self.link_targets.size, dtype=np.int32)
        sizes, totals = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        links = _contract(
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
    n = _clip(
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
    _deepest_first(graph.link_offsets, graph.link_targets, graph.sizes, graph.totals)
    # The weakest arms first: what stays of a tangle is what is deepest.
    order = np.argsort(graph.totals / graph.sizes, kind="stable")
    n = _pop(
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
    graph, unitig_of_kmer = compact_rows(keys, counts, k, threads)
    now = _Contracted(
        graph.link_offsets,
        graph.link_targets,
        graph.kmers,
        graph.abundance,
        np.arange(len(graph), dtype=np.int32),
    )
    for _ in range(settings.rounds):
        if _clip_tips(now, k, settings) + _pop_bubbles(now, k, settings) == 0:
            break
    kept: np.ndarray = now.unitig_of[unitig_of_kmer] >= 0
    return kept
