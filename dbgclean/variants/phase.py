"""Phase: which alleles of a region stand on the same copy of the genome.

A fragment over two heterozygous places says whether the two alleles stand together
(*cis*) or not (*trans*). Pairs that fragments agree on are links; links are taken from
the strongest on, as in a maximum spanning forest, and every tree is a phased block. With
reads free of errors that is the optimum of minimum error correction (Patterson 2015,
doi:10.1089/cmb.2014.0157).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbgclean.reads.batch import stretches

__all__ = ["WRONG", "Links", "Phase", "copies_shown", "link_alleles", "phase_alleles"]

# Fragments that say the wrong thing of a pair (a base read wrongly, a chimera).
WRONG = 0.02
# Odds, in nats, from which a link is believed: a thousand to one, two fragments.
_BELIEVED = np.log(1000)
# Where more than this share contradicts, there are more than two haplotypes: no link.
_MOST_CONTRADICTION = 0.2
# Pairs further apart than this in a fragment's own list of alleles are not compared: the
# alleles between them link them.
_MOST_BETWEEN = 16


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Pairs of alleles that fragments saw together.

    Attributes
    ----------
    first, second
        int64 (m,): alleles, first < second; pairs sorted.
    cis, trans
        int64 (m,): fragments that show both alleles or neither; one of the two.
    """

    first: np.ndarray
    second: np.ndarray
    cis: np.ndarray
    trans: np.ndarray

    @property
    def log_odds(self) -> np.ndarray:
        """Of *cis* against *trans*, nats, float64 (m,)."""
        return (self.cis - self.trans) * np.log((1 - WRONG) / WRONG)


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """Alleles by copy.

    Attributes
    ----------
    phase_set
        int64 (n,): 1-based position of the block's first allele; 0: unphased.
    block
        int64 (n,): number of the block's first allele, of itself where unphased; -1 where
        the allele was not to be phased.
    copy
        int8 (n,): 1 or 0 for the copy that holds the allele ("0|1" or "1|0"); -1 unphased.
        The first allele of a block is on copy 1.
    """

    phase_set: np.ndarray
    block: np.ndarray
    copy: np.ndarray


def link_alleles(reads_of: tuple[np.ndarray, np.ndarray, np.ndarray], chosen: np.ndarray) -> Links:
    """Count the fragments that saw both of a pair.

    Parameters
    ----------
    reads_of
        ``offsets`` int64 (n + 1,), ``fragment`` int64, ``shows_alt`` bool: per allele the
        fragments over its place that show it, or the reference.
    chosen
        bool (n,): alleles to pair.
    """
    offsets, fragment, shows_alt = reads_of
    allele = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    take = np.asarray(chosen, bool)[allele]
    allele, fragment, shows_alt = allele[take], fragment[take], shows_alt[take]
    order = np.lexsort((allele, fragment))
    allele, fragment, shows_alt = allele[order], fragment[order], shows_alt[order]
    parts = []
    for apart in range(1, _MOST_BETWEEN + 1):
        same = np.flatnonzero(fragment[apart:] == fragment[:-apart])
        parts.append(
            np.stack(
                [allele[same], allele[same + apart], shows_alt[same] == shows_alt[same + apart]]
            )
        )
    pairs = np.concatenate(parts, axis=1).astype(np.int64)
    pairs = pairs[:, pairs[0] != pairs[1]]
    key = pairs[0] * len(offsets) + pairs[1]
    unique, inverse = np.unique(key, return_inverse=True)
    cis = np.bincount(inverse, weights=pairs[2], minlength=len(unique)).astype(np.int64)
    seen = np.bincount(inverse, minlength=len(unique))
    return Links(unique // len(offsets), unique % len(offsets), cis, seen - cis)


class _Forest:
    """Disjoint sets that also know, for two members, whether they are on the same copy."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))
        self.turned = [0] * n

    def find(self, i: int) -> tuple[int, int]:
        """Root of ``i``, and whether ``i`` is on the other copy than the root."""
        path, turned = [], 0
        while self.parent[i] != i:
            path.append(i)
            i = self.parent[i]
        for node in reversed(path):
            turned ^= self.turned[node]
            self.parent[node], self.turned[node] = i, turned
        return i, turned

    def join(self, i: int, j: int, turned: int) -> None:
        """Say that two are on the same copy (0) or not (1); no news to those of one set."""
        (root_i, side_i), (root_j, side_j) = self.find(i), self.find(j)
        if root_i == root_j:
            return
        first, last = min(root_i, root_j), max(root_i, root_j)
        self.parent[last], self.turned[last] = first, side_i ^ side_j ^ turned


def phase_alleles(
    contig: np.ndarray,
    position: np.ndarray,
    reads_of: tuple[np.ndarray, np.ndarray, np.ndarray],
    chosen: np.ndarray,
    exclusive: np.ndarray | None = None,
) -> Phase:
    """Phase heterozygous alleles.

    Parameters
    ----------
    contig, position
        int (n,), sorted: places of the alleles, 0-based.
    reads_of
        See `link_alleles`. Numbers of fragments hold for all alleles.
    chosen
        bool (n,): the heterozygous ones.
    exclusive
        int64 (m, 2): pairs of them that cannot stand on one copy, as two alleles of one
        base.

    Notes
    -----
    Two links that contradict each other over a third are settled for the stronger; ties
    for the earlier pair.
    """
    n = len(position)
    links = link_alleles(reads_of, chosen)
    odds = links.log_odds
    seen = np.maximum(links.cis + links.trans, 1)
    good = np.abs(odds) >= _BELIEVED
    good &= np.minimum(links.cis, links.trans) / seen <= _MOST_CONTRADICTION
    good &= contig[links.first] == contig[links.second]
    forest = _Forest(n)
    for first, second in np.zeros((0, 2), np.int64) if exclusive is None else exclusive:
        forest.join(int(first), int(second), 1)
    rows = np.flatnonzero(good)
    for row in rows[np.argsort(-np.abs(odds[rows]), kind="stable")].tolist():
        forest.join(int(links.first[row]), int(links.second[row]), int(odds[row] < 0))
    return _blocks(forest, np.asarray(position), np.asarray(chosen, bool))


def _blocks(forest: _Forest, position: np.ndarray, chosen: np.ndarray) -> Phase:
    """Sets of two alleles or more as phased blocks."""
    phase_set = np.zeros(len(position), np.int64)
    copy = np.full(len(position), -1, np.int8)
    number = np.full(len(position), -1, np.int64)
    members: dict[int, list[tuple[int, int]]] = {}
    for i in np.flatnonzero(chosen).tolist():
        root, turned = forest.find(i)
        members.setdefault(root, []).append((i, turned))
    for block in members.values():
        first, first_turned = block[0]
        for i, turned in block:
            number[i] = first
            if len(block) > 1:
                phase_set[i] = position[first] + 1
                copy[i] = 1 ^ turned ^ first_turned
    return Phase(phase_set, number, copy)


def copies_shown(
    reads_of: tuple[np.ndarray, np.ndarray, np.ndarray], chosen: np.ndarray, phase: Phase
) -> np.ndarray:
    """Fragments over every allele by the copy that they come from, int64 (n, 2, 2).

    A fragment over heterozygous places tells its copy. An allele of the sample stands on
    one copy, however rare it is among the cells, or on both; an error falls on either now
    and then, and so does what reads of elsewhere show. Of several phased blocks the one
    that says most counts; an allele says nothing of itself.

    Parameters
    ----------
    reads_of
        See `link_alleles`.
    chosen, phase
        The heterozygous alleles, and what `phase_alleles` made of them.

    Returns
    -------
    int64 (n, 2, 2)
        By allele, copy, and whether the fragments show the allele (1) or the reference (0).
    """
    offsets, fragment, shows_alt = reads_of
    n = len(offsets) - 1
    allele = np.repeat(np.arange(n), np.diff(offsets))
    # What every fragment says of its copy, by block.
    tells = np.flatnonzero(np.asarray(chosen, bool)[allele])
    tells = tells[np.argsort(fragment[tells], kind="stable")]
    copy = np.where(phase.copy < 0, 1, phase.copy)[allele[tells]]
    votes = np.where(shows_alt[tells] == (copy == 1), 1, -1)
    # Each fragment of each allele with all that the fragment says.
    low = np.searchsorted(fragment[tells], fragment, side="left")
    high = np.searchsorted(fragment[tells], fragment, side="right")
    entry = np.repeat(np.arange(len(fragment)), high - low)
    said, _ = stretches(low, high - low)
    others = allele[tells][said] != allele[entry]
    entry, said = entry[others], said[others]
    of_entry, which = np.unique(
        np.stack([entry, phase.block[allele[tells]][said]]), axis=1, return_inverse=True
    )
    votes = np.bincount(which.reshape(-1), weights=votes[said], minlength=of_entry.shape[1])
    entry, block = of_entry[:, votes != 0]
    cell = 2 * (votes[votes != 0] > 0) + shows_alt[entry]
    return _most_telling(allele[entry], block, cell, n)


def _most_telling(row: np.ndarray, block: np.ndarray, cell: np.ndarray, n: int) -> np.ndarray:
    """Of every row the counts by cell in the block that has most of them."""
    pairs, which = np.unique(np.stack([row, block]), axis=1, return_inverse=True)
    m = pairs.shape[1]
    counts = np.bincount(which.reshape(-1) * 4 + cell, minlength=4 * m).reshape(m, 4)
    result = np.zeros((n, 4), np.int64)
    order = np.lexsort((-pairs[1], counts.sum(1)))  # the last one stays: most, then first
    result[pairs[0][order]] = counts[order]
    return result.reshape(n, 2, 2)
