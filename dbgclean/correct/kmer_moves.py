"""A k-mer table as verdicts have it: abundances moved from errors to what they were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbgclean.evidence.neighbours import KmerEvidence
from dbgclean.spectrum.kmers import canonical_kmers
from dbgclean.spectrum.table import KmerTable

__all__ = ["LEFT", "MOVED", "Moves", "move_abundances"]

# What became of a weak k-mer, by its number.
MOVED, KEPT, TIED, ALONE, MIXED = 0, 1, 2, 3, 4
LEFT = {TIED: "tie", ALONE: "no_neighbour", MIXED: "beside_kept"}
_SATURATED = np.uint64(2**32 - 1)


@dataclass(frozen=True, slots=True)
class Moves:
    """What verdicts did to a k-mer table.

    Attributes
    ----------
    table
        Every k-mer that did not move, with the abundances moved to it.
    protected
        uint64, sorted: weak k-mers that are real or undecided in every base.
    fate
        uint8, one per weak k-mer: MOVED, KEPT (protected), TIED (an error of one of
        several k-mers), ALONE (no solid k-mer near) or MIXED (an error beside a kept
        alternative that no k-mer shows without the error).
    abundance
        Abundance that moved.
    """

    table: KmerTable
    protected: np.ndarray
    fate: np.ndarray
    abundance: int

    def count(self) -> dict[str, int]:
        """Weak k-mers by fate, and what moved, for the report."""
        sizes = np.bincount(self.fate, minlength=5)
        return {
            "kmers_moved": int(sizes[MOVED]),
            "abundance_moved": self.abundance,
            "kmers_kept": int(sizes[KEPT]),
        }

    def refused(self) -> dict[str, int]:
        """Weak k-mers that were neither moved nor kept as real or undecided, by reason."""
        sizes = np.bincount(self.fate, minlength=5)
        return {f"kmer_{name}": int(sizes[code]) for code, name in LEFT.items()}


def move_abundances(table: KmerTable, evidence: KmerEvidence, kept: np.ndarray) -> Moves:
    """Move the abundance of every erroneous k-mer to the k-mer that it was.

    Parameters
    ----------
    table
        That the evidence is of.
    kept
        bool, one per alternative: real or undecided.

    Notes
    -----
    A k-mer goes where its erroneous bases alone are corrected: past an alternative that
    is kept, to the k-mer that shows it without the error, if there is one. What that
    k-mer itself was corrected to, it follows. The sum of the abundances stays.
    """
    shows = evidence.of_alternative >= 0
    stands = shows & kept[np.where(shows, evidence.of_alternative, 0)] if len(kept) else shows
    wrong = shows & ~stands
    fate = np.full(len(evidence.row), MOVED, np.uint8)
    fate[~wrong.any(1)] = KEPT
    fate[wrong.any(1) & evidence.tied] = TIED
    fate[~shows.any(1)] = ALONE
    target = evidence.target.copy()
    mixed = np.flatnonzero((fate == MOVED) & stands.any(1))
    protected = np.zeros(len(table), bool)
    protected[evidence.row[fate == KEPT]] = True
    clean = table.find(_corrected(table, evidence, mixed, wrong[mixed]))
    there = clean >= 0
    there[there] = protected[clean[there]]
    target[mixed] = clean
    fate[mixed[~there]] = MIXED
    moved = fate == MOVED
    return _moved(table, evidence.row[moved], target[moved], protected, fate)


def _corrected(
    table: KmerTable, evidence: KmerEvidence, which: np.ndarray, wrong: np.ndarray
) -> np.ndarray:
    """Canonical k-mers with only those bases changed that are wrong, by rank (m, 3)."""
    key, goal = table.keys[evidence.row[which]], evidence.goal[which]
    shifts = np.arange(2 * (table.k - 1), -1, -2, dtype=np.uint64)
    differs = ((key ^ goal)[:, None] >> shifts) & np.uint64(3)
    rank = np.cumsum(differs != 0, axis=1) - 1
    change = (differs != 0) & np.take_along_axis(wrong, np.clip(rank, 0, wrong.shape[1] - 1), 1)
    turned = np.where(change, differs << shifts, np.uint64(0))
    flips: np.ndarray = np.bitwise_or.reduce(turned, axis=1, initial=np.uint64(0))
    return canonical_kmers(key ^ flips, table.k)


def _moved(
    table: KmerTable, row: np.ndarray, target: np.ndarray, protected: np.ndarray, fate: np.ndarray
) -> Moves:
    onward = np.arange(len(table))
    onward[row] = target
    # A target is always more abundant or stands, so that following ends.
    while True:
        further = onward[onward]
        if np.array_equal(further, onward):
            break
        onward = further
    gained = np.bincount(
        onward[row], weights=table.counts[row].astype(np.float64), minlength=len(table)
    )
    counts = table.counts.astype(np.uint64) + gained.astype(np.uint64)
    counts = np.minimum(counts, _SATURATED).astype(np.uint32)
    stays = np.ones(len(table), bool)
    stays[row] = False
    moved = KmerTable(
        table.k, table.keys[stays], counts[stays], np.zeros_like(counts[stays]), counts[stays]
    )
    abundance = int(table.counts[row].sum(dtype=np.uint64))
    return Moves(moved, table.keys[protected], fate, abundance)
