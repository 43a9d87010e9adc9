"""The last step: copies of molecules become reads, by quality and by place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.simulators.family import kernels
from benchmarks.simulators.family.core import Draft, Molecules

__all__ = ["Errors", "WrongSites", "sequence"]


@dataclass(frozen=True)
class Errors:
    """How a run reads bases.

    Attributes
    ----------
    rate
        Mean error probability that is aimed at.
    top, drop
        Mean quality of the first cycles, what the last ones lose (second reads 1.4 times).
    scatter
        Of reads and of bases, see `kernels.draw_qualities`.
    bursts
        Chances that a bad stretch begins at a base, and that it ends at one.
    miscalibrated
        Deviation of the log of the factor between true and stated error probability, drawn
        for each reported quality.
    bins
        Reported qualities, ascending; empty for all.
    """

    rate: float = 0.004
    top: float = 39.0
    drop: float = 8.0
    scatter: tuple[float, float] = (1.5, 1.6)
    bursts: tuple[float, float] = (0.0015, 0.2)
    miscalibrated: float = 0.4
    bins: tuple[int, ...] = ()

    def reported(self) -> np.ndarray:
        """Reported quality by drawn quality, uint8 (94,)."""
        table = np.arange(94, dtype=np.uint8)
        if self.bins:
            levels = np.array(self.bins)
            # A level stands for what lies from halfway below it to halfway above.
            table = levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, table, side="right")]
        return table.astype(np.uint8)

    def probabilities(self, quals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Error probability by reported quality, float64 (94,), of the mean rate."""
        factor = np.exp(rng.normal(0, self.miscalibrated, 94))
        stated = factor * 10.0 ** (-np.arange(94) / 10.0)
        share = np.bincount(quals.ravel(), minlength=94)[:94] / quals.size
        found = np.minimum(stated, 0.5)
        for _ in range(20):
            # What the ceiling cuts off is made up for by the others.
            found = np.minimum(found * (self.rate / float(share @ found)), 0.5)
        return found


@dataclass(frozen=True)
class WrongSites:
    """Places that reads of one strand misread again and again.

    Attributes
    ----------
    position, strand, base, rate
        int64, int64 (1: reverse reads), uint8 (genome's orientation), float64.
    quality
        uint8, of the misread bases; 0 where they keep their own.
    """

    position: np.ndarray
    strand: np.ndarray
    base: np.ndarray
    rate: np.ndarray
    quality: np.ndarray

    def tables(self, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Base, rate and quality, each (2, length), by strand and place."""
        tables = []
        for values, dtype in ((self.base, np.uint8), (self.rate, float), (self.quality, np.uint8)):
            table = np.zeros((2, length), dtype)
            table[self.strand, self.position] = values
            tables.append(table)
        return tables[0], tables[1], tables[2]


def sequence(
    draft: Draft, copies: Molecules, errors: Errors, wrong: WrongSites | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read both ends of every copy: bases and qualities, uint8 (2 c, L).

    A read that is longer than its copy goes on in G, as two-colour instruments do.
    """
    rng, length = draft.rng, draft.read_length
    quals = np.empty((2 * len(copies), length), np.uint8)
    codes = np.empty_like(quals)
    part = np.linspace(0, 1, length)
    warm = 4 * np.exp(-np.arange(length) / 3)
    mean = np.stack([errors.top - warm - errors.drop * f * part**2 for f in (1, 1.4)])
    kernels.draw_qualities(quals, mean, errors.scatter, errors.bursts, errors.reported(), rng)
    chances = errors.probabilities(quals, rng)
    weights = rng.dirichlet([3, 3, 3], 4)
    substitution = np.zeros((4, 4))
    substitution[~np.eye(4, dtype=bool)] = weights.ravel()
    nowhere = np.empty(0, np.int64)
    none = WrongSites(nowhere, nowhere, nowhere, nowhere, nowhere)
    tables = (wrong or none).tables(len(draft.genome) if wrong else 0)
    template = (copies.codes, copies.offsets)
    kernels.read_molecules(
        template,
        copies.start,
        copies.forward,
        tables,
        chances,
        np.cumsum(substitution, axis=1),
        codes,
        quals,
        rng,
    )
    return codes, quals
