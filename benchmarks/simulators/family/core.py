"""What happens to a sample before it is a file: molecules, copies, reads, in this order.

Independent of the error models of `simulators/simulate.py`, whose genomes, sites and truth it
uses: a judge that was trained on one simulator is asked here by another. Every step is a
function; a family (`benchmarks.simulators.family`) is the list of steps that make it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.simulators.family import kernels
from benchmarks.simulators.truth import Sites

__all__ = ["Draft", "Molecules", "copied", "cut"]


@dataclass(frozen=True)
class Draft:
    """What every step of one draw is told.

    Attributes
    ----------
    genome
        uint8 (G,), 2-bit codes.
    sites
        Alleles of the genome.
    depth
        Bases read per base of the genome.
    read_length
        Bases of either mate.
    rng
        The one stream that all steps draw from, in their order.
    seed
    """

    genome: np.ndarray
    sites: Sites
    depth: float
    read_length: int
    rng: np.random.Generator
    seed: int

    @property
    def pairs(self) -> int:
        """Number of read pairs that make the depth."""
        return max(1, round(self.depth * len(self.genome) / (2 * self.read_length)))


@dataclass(frozen=True)
class Molecules:
    """Molecules, or copies of them, in the genome's orientation.

    Attributes
    ----------
    codes, offsets
        uint8 and int64 (m + 1,): ragged sequences.
    start
        int64 (m,), place of the first base.
    forward
        bool (m,), the first read is the forward one (F1R2).
    name
        int64 (m,), number of the molecule that a copy was made from.
    whole
        bool (m,), base i lies at ``start + i`` of the genome: no indel, no other strain.
    """

    codes: np.ndarray
    offsets: np.ndarray
    start: np.ndarray
    forward: np.ndarray
    name: np.ndarray
    whole: np.ndarray

    def __len__(self) -> int:
        return len(self.start)


def cut(
    draft: Draft,
    count: int,
    *,
    strain: np.ndarray | None = None,
    strain_share: float = 0.0,
    tiles: tuple[np.ndarray, int, int] | None = None,
    shortest: int | None = None,
) -> Molecules:
    """Draw ``count`` molecules of about 350 bases, either way round.

    Parameters
    ----------
    strain, strain_share
        uint8 sequence, without alleles, that this share of the molecules comes from.
    tiles
        (start of each molecule int64 (count,), size, primer): amplicons in place of
        random ends; the primer's bases are those of the genome.
    shortest
        Least size; by default the read's length.
    """
    rng, genome = draft.rng, draft.genome
    parts = [genome] if strain is None else [genome, strain]
    other = rng.random(count) < strain_share
    span = np.where(other, len(parts[-1]), len(genome))
    margin = 0
    if tiles is not None:
        start, size, margin = tiles[0], np.full(count, tiles[1]), tiles[2]
    else:
        size = np.rint(rng.normal(350, 50, count)).astype(np.int64)
        size = np.maximum(size, shortest or draft.read_length + 2)
        start = (rng.random(count) * (span - size + 1)).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    codes = np.empty(offsets[-1], np.uint8)
    sites = draft.sites
    table = (sites.position, sites.alt, sites.fraction)
    places = start + np.where(other, len(genome), 0)
    kernels.cut_molecules(np.concatenate(parts), table, margin, places, offsets, codes, rng)
    forward = rng.random(count) < 0.5
    return Molecules(codes, offsets, start, forward, np.arange(count), ~other)


def copied(
    draft: Draft,
    molecules: Molecules,
    source: np.ndarray,
    rate: float,
    *,
    shares: Sequence[tuple[float, float]] = ((1.0, 1.0),),
    margin: int = 0,
    group: np.ndarray | None = None,
) -> Molecules:
    """Copies of molecules with the errors of their copying.

    Parameters
    ----------
    source
        int64 (c,): the molecule of each copy, in the order of the reads.
    rate
        Errors per base of a molecule.
    shares
        (share of a molecule's copies that carry an error, probability), of early errors.
    margin
        Bases at the ends that have none.
    group
        int64 (c,): what the copies share their errors with; by default their molecule. All of
        a group have one size.
    """
    rng = draft.rng
    size = np.diff(molecules.offsets)
    group = source if group is None else group
    inner = np.zeros(int(group.max()) + 1, np.int64)
    inner[group] = size[source] - 2 * margin
    number = rng.poisson(rate * np.maximum(inner, 0))
    owner = np.repeat(np.arange(len(inner)), number)
    place = margin + (rng.random(len(owner)) * inner[owner]).astype(np.int64)
    which = rng.choice(len(shares), len(owner), p=[chance for _, chance in shares])
    share = np.array([share for share, _ in shares])[which]
    first = np.concatenate([[0], np.cumsum(number)])
    shift = rng.integers(1, 4, len(owner))
    offsets = np.concatenate([[0], np.cumsum(size[source])])
    events = (first, group, place, shift, share)
    codes = kernels.copy_molecules(molecules.codes, molecules.offsets, source, offsets, events, rng)
    columns = (molecules.start, molecules.forward, molecules.name, molecules.whole)
    return Molecules(codes, offsets, *(column[source] for column in columns))
