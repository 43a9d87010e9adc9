"""A family, what a draw of it gives, and its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.simulators.family.core import Draft, Molecules
from benchmarks.simulators.files import write_fastq
from benchmarks.simulators.kernels import pile_up
from benchmarks.simulators.truth import (
    SHOWN,
    SLICE_START,
    Sites,
    Truth,
    allele_kmers,
    draw_sites,
    k12,
    true_kmers,
)

__all__ = ["FRACTIONS", "Family", "FamilySample", "finish", "write_fasta_reads"]

K = 31
FRACTIONS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)


@dataclass(frozen=True)
class FamilySample:
    """Reads of one family with their truth; rows 2i and 2i + 1 are mates.

    Attributes
    ----------
    family
        Name.
    codes, quals
        uint8 (n, L): 2-bit bases and Phred qualities.
    position, reverse
        int64 and bool (n,): leftmost place of a read and its strand; ``position`` means
        little where ``whole`` is False.
    molecule, whole
        int64 and bool (n / 2,): the molecule of a pair, and `Molecules.whole`.
    genome, sites
        What was drawn from.
    truth
        True k-mers (31), k-mers of the alleles by group, alleles that three reads show.
    """

    family: str
    codes: np.ndarray
    quals: np.ndarray
    position: np.ndarray
    reverse: np.ndarray
    molecule: np.ndarray
    whole: np.ndarray
    genome: np.ndarray = field(repr=False)
    sites: Sites = field(repr=False)
    truth: Truth = field(repr=False)
    paired: bool = True

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True)
class Family:
    """One process that makes errors.

    Attributes
    ----------
    name, mark
        As in tables, and what it is known by.
    make
        The steps.
    length, depths
        Bases of the genome and depths that a benchmark takes by default.
    fractions, read_length
        Of the alleles; of either mate.
    fasta
        Files of it hold no qualities.
    spacing
        Bases from one allele to the next.
    """

    name: str
    mark: str
    make: Callable[[Draft], FamilySample]
    length: int = 200_000
    depths: tuple[float, ...] = (200.0,)
    fractions: tuple[float, ...] = FRACTIONS
    read_length: int = 150
    fasta: bool = False
    spacing: int = 1000

    def draw(
        self,
        seed: int,
        *,
        length: int | None = None,
        depth: float | None = None,
        genome: np.ndarray | None = None,
        start: int = SLICE_START,
    ) -> FamilySample:
        """Draw a sample; the same arguments give the same bytes.

        Parameters
        ----------
        seed
        length
            Bases of K-12 from ``start``, or of ``genome``.
        depth
            Bases read per base of the genome.
        genome
            uint8 (G,), to draw from in place of K-12.

        Raises
        ------
        ValueError
            If the genome is shorter than 2,000 bases.
        """
        length = length or (self.length if genome is None else len(genome))
        genome = k12(length, start) if genome is None else genome[:length]
        if len(genome) < 2_000:
            message = f"a genome of {len(genome)} bases: a family needs 2,000"
            raise ValueError(message)
        rng = np.random.default_rng([seed, *self.name.encode()])
        sites = draw_sites(genome, self.spacing, self.fractions, seed=int(rng.integers(1 << 31)))
        draft = Draft(genome, sites, depth or self.depths[0], self.read_length, rng, seed)
        return replace(self.make(draft), family=self.name)

    def write(self, sample: FamilySample, folder: Path) -> list[Path]:
        """Write the reads as two files, FASTQ or (``fasta``) FASTA; their paths."""
        if self.fasta:
            return write_fasta_reads(sample, folder)
        paths = [folder / f"r{mate}.fastq" for mate in (1, 2)]
        write_fastq(sample, *paths)  # type: ignore[arg-type]
        return paths


def finish(
    draft: Draft,
    copies: Molecules,
    codes: np.ndarray,
    quals: np.ndarray,
    *,
    countable: np.ndarray | None = None,
    strain: tuple[np.ndarray, np.ndarray] | None = None,
) -> FamilySample:
    """Put reads and truth together.

    Parameters
    ----------
    countable
        bool (2 c,): reads that may show an allele; by default those of whole copies.
    strain
        Sequence and SNV positions in it of a second strain: all true, its SNVs a group.
    """
    genome, sites, length = draft.genome, draft.sites, draft.read_length
    size = np.repeat(np.diff(copies.offsets), 2)
    reverse = np.stack([~copies.forward, copies.forward], axis=1).ravel()
    position = np.repeat(copies.start, 2) + np.where(reverse, size - length, 0)
    whole = np.repeat(copies.whole, 2)

    def shown(reads: np.ndarray, at: np.ndarray, base: np.ndarray) -> np.ndarray:
        # No lap beyond the end: the genome is a slice.
        bases = pile_up(codes, position, reverse, reads, at, 1 << 40)
        return bases[np.arange(len(at)), base] >= SHOWN

    kmers = true_kmers(genome, sites, K)
    alleles = [allele_kmers(genome, sites, K)]
    group = [f"{fraction:g}" for fraction in sites.fraction]
    use = whole if countable is None else whole & countable
    by_reads = [shown(use, sites.position, sites.alt)]
    if strain is not None:
        other, at = strain
        kmers = np.union1d(kmers, true_kmers(other, None, K))
        same = Sites(at, other[at], other[at], np.ones(len(at)))
        alleles.append(allele_kmers(other, same, K))
        group += ["strain"] * len(at)
        by_reads.append(shown(~whole, at, other[at]))
    truth = Truth(kmers, np.concatenate(alleles), np.array(group), np.concatenate(by_reads))
    return FamilySample(
        "", codes, quals, position, reverse, copies.name, copies.whole, genome, sites, truth
    )


def write_fasta_reads(sample: FamilySample, folder: Path) -> list[Path]:
    """Write the reads without qualities, as r1.fasta and r2.fasta; their paths."""
    letters = np.frombuffer(b"ACGT", np.uint8)
    paths = [folder / f"r{mate}.fasta" for mate in (1, 2)]
    for mate, path in enumerate(paths):
        codes = sample.codes[mate::2]
        width = len(str(len(codes)))
        names = "".join(f">sim.{i:0{width}d}/{mate + 1}\n" for i in range(len(codes))).encode()
        head = np.frombuffer(names, np.uint8).reshape(len(codes), -1)
        end = np.full((len(codes), 1), ord("\n"), np.uint8)
        path.write_bytes(np.hstack([head, letters[codes], end]).tobytes())
    return paths
