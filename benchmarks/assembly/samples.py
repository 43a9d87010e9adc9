"""Samples of the assembly benchmark: reads, the genomes they are of, and where alleles differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.tools import find
from benchmarks.notebook.genomes import load
from benchmarks.simulators import simulate
from benchmarks.simulators.instruments import art_files, dwgsim
from benchmarks.simulators.truth import K12, O157

__all__ = ["DESIGNS", "Design", "Member", "Sample", "draw"]

XANTHUS = "graphs/minigraph_m_xanthus_10_assemblies_pangenome.gfa.gz"
K12_FILE, O157_FILE = f"genomes/{K12}", f"genomes/{O157}"
DIPLOID_SPACING = 1000
# Between here and 700,000 K-12 has most of its insertion sequences, an rRNA operon, an Rhs element
# and two prophages: what an assembly breaks at.
START = 200_000


@dataclass(frozen=True)
class Member:
    """A stretch of a genome: its part of the sample's length, and how deep it is sequenced."""

    name: str
    file: str
    start: int
    share: float
    depth: float


@dataclass(frozen=True)
class Design:
    """One kind of sample.

    Attributes
    ----------
    members
        Genomes that are in it.
    simulator
        Program that draws it; "" for our own simulator.
    pairs : callable (genome, folder, depth, seed, name) -> two FASTQ files
    read_length
    spacing
        Bases from one heterozygous SNV to the next; 0 for none.
    """

    members: tuple[Member, ...]
    simulator: str
    pairs: Callable[[np.ndarray, Path, float, int, str], list[Path]]
    read_length: int = 150
    spacing: int = 0

    def missing(self) -> str | None:
        """Why it cannot be drawn here; None where it can."""
        there = not self.simulator or find(self.simulator)
        return None if there else f"{self.simulator} is not on the PATH"


@dataclass(frozen=True)
class Sample:
    """Reads on disk, and what is known of them.

    Attributes
    ----------
    design
    files
        FASTQ of first and second reads.
    reference
        FASTA of all members; of a diploid the first haplotype.
    facts
        Sample, length and seed: the head of every row.
    alleles
        (name in the reference, 1-based position) where the other haplotype differs.
    """

    design: Design
    files: list[Path]
    reference: Path
    facts: dict[str, Any]
    alleles: frozenset[tuple[str, int]] = field(default=frozenset())

    @property
    def bases(self) -> int:
        """Of its reads, about."""
        return round(sum(m.share * m.depth for m in self.design.members) * self.facts["length"])


def _dwgsim_files(
    genome: np.ndarray, folder: Path, depth: float, seed: int, name: str
) -> list[Path]:
    reads, _ = dwgsim(genome, depth=depth, seed=seed)
    return simulate.write_pairs(reads, folder)


def _diploid_files(
    genome: np.ndarray, folder: Path, depth: float, seed: int, name: str
) -> list[Path]:
    sites = simulate.draw_sites(genome, DIPLOID_SPACING, (0.5,), seed)
    profile = simulate.QualityProfile(0.0024)
    reads = simulate.simulate_reads(genome, depth=depth, sites=sites, profile=profile, seed=seed)
    return simulate.write_pairs(reads, folder)


def _k12(depth: float) -> tuple[Member, ...]:
    return (Member("k12", K12_FILE, START, 1, depth),)


DESIGNS = {
    "haploid": Design(_k12(50), "art_illumina", art_files),
    "diploid": Design(_k12(50), "", _diploid_files, spacing=DIPLOID_SPACING),
    "2x250": Design(
        _k12(50),
        "art_illumina",
        partial(art_files, read_length=250, system="MSv3"),
        read_length=250,
    ),
    "15x": Design(_k12(15), "dwgsim", _dwgsim_files),
    "metagenome": Design(
        (
            Member("k12", K12_FILE, START, 0.5, 50),
            Member("xanthus", XANTHUS, 0, 0.5, 20),
            Member("o157", O157_FILE, 4_800_000, 0.5, 8),
        ),
        "art_illumina",
        art_files,
    ),
}


def draw(name: str, length: int, seed: int, data: Path, folder: Path) -> Sample:
    """Draw a sample into a folder that is there: reads, and the genomes as ``reference.fa``."""
    design = DESIGNS[name]
    genomes, drawn = [], []
    for number, member in enumerate(design.members):
        genome = _genome(data / member.file, member.start, round(length * member.share))
        genomes.append((member.name, genome))
        drawn.append(design.pairs(genome, folder, member.depth, seed + 100 * number, member.name))
    mates = enumerate(zip(*drawn, strict=True), 1)
    files = [_joined(parts, folder / f"R{mate}.fastq") for mate, parts in mates]
    reference = folder / "reference.fa"
    simulate.write_fasta(reference, genomes)
    alleles: frozenset[tuple[str, int]] = frozenset()
    if design.spacing:
        (first, genome), *_ = genomes
        sites = simulate.draw_sites(genome, design.spacing, (0.5,), seed)
        alleles = frozenset((first, int(position) + 1) for position in sites.position)
    facts = {"sample": name, "length": length, "seed": seed}
    return Sample(design, files, reference, facts, alleles)


def _genome(path: Path, start: int, length: int) -> np.ndarray:
    """Codes of a stretch of a FASTA file's first record, or of a GFA's longest segment."""
    if ".gfa" not in path.name:
        return simulate.load_genome(path, start, length)
    codes = load(path)
    segments = np.split(codes, np.flatnonzero(codes > 3))
    longest = max(segments, key=len)[1:]
    return np.ascontiguousarray(longest[start : start + length])


def _joined(parts: Sequence[Path], target: Path) -> Path:
    if list(parts) != [target]:
        target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target
