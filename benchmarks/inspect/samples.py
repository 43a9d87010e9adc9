"""Mapped samples with known alleles for the inspect benchmark: mixtures, tumours, normals.

Each fraction of the molecules is a haplotype of its own (ART knows nothing of alleles), read
by ART (Huang et al. 2012, doi:10.1093/bioinformatics/btr708) at its share of the depth, with
strand-specific systematic errors put on top where asked, and mapped by bwa mem to the
reference without alleles. A sample that was drawn once is kept in its folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.harness.tools import call
from benchmarks.simulators import simulate
from benchmarks.simulators.instruments import art, read_each
from benchmarks.simulators.simulate import SimulatedReads, Systematic
from benchmarks.simulators.truth import K12

__all__ = [
    "CONTIG",
    "Allele",
    "MappedSample",
    "draw_alleles",
    "draw_genome",
    "haplotype",
    "map_pairs",
    "mixture_haplotypes",
    "read_haplotypes",
    "simulate_mapped",
    "tumour_haplotypes",
]

CONTIG = "genome"
# Where no slice of the network's trials lies, nor of the other benchmarks.
_SLICES = 3_200_000
_MARGIN = 400
_LONGEST_INDEL = 10


@dataclass(frozen=True)
class Allele:
    """A difference from the reference.

    Attributes
    ----------
    position
        0-based, of ``ref``'s first base.
    ref, alt
        As in VCF, with the base before where it is an insertion or a deletion.
    fraction
        Of the molecules; for germline alleles .5 or 1.
    origin
        "" in a mixture, else "germline" or "somatic".
    """

    position: int
    ref: str
    alt: str
    fraction: float
    origin: str = ""


@dataclass(frozen=True)
class MappedSample:
    """A sample on disk.

    Attributes
    ----------
    folder
        Holds ``genome.fa`` and its index.
    bam
        Sorted and indexed.
    length
        Of the reference, bases.
    alleles
        Everything that is true.
    commands
        What drew and mapped the reads.
    """

    folder: Path
    bam: Path
    length: int
    alleles: list[Allele]
    commands: list[str]

    @property
    def reference(self) -> Path:
        """FASTA."""
        return self.folder / "genome.fa"


def draw_genome(data: Path, length: int, seed: int) -> tuple[np.ndarray, str]:
    """A slice of E. coli K-12, or a random genome where that is absent, and which it is."""
    if (data / "genomes" / K12).exists():
        start = _SLICES + seed * 100_000
        return simulate.k12(length, start, data), f"E. coli K-12 from {start}"
    return simulate.random_genome(length, seed), "random"


def draw_alleles(
    genome: np.ndarray, spacing: int, fractions: Sequence[float], seed: int, indel_every: int = 5
) -> list[Allele]:
    """Alleles about every ``spacing`` bases, fractions in turn, every fifth an indel.

    Insertions and deletions have 1 to 10 bases, short ones more often.
    """
    rng = np.random.default_rng([seed, 121])
    sites = simulate.draw_sites(genome, spacing, fractions, seed, margin=_MARGIN)
    alleles = []
    for number, place in enumerate(sites.position.tolist()):
        ref = simulate.decode(genome[place : place + 1])
        alt = simulate.decode(sites.alt[number : number + 1])
        if indel_every and number % indel_every == indel_every - 1:
            size = min(int(rng.geometric(0.4)), _LONGEST_INDEL)
            if rng.random() < 0.5:
                alt = ref + simulate.decode(rng.integers(0, 4, size).astype(np.uint8))
            else:
                ref = simulate.decode(genome[place : place + 1 + size])
                alt = ref[0]
        alleles.append(Allele(place, ref, alt, float(sites.fraction[number])))
    return alleles


def haplotype(genome: np.ndarray, alleles: Sequence[Allele]) -> tuple[np.ndarray, np.ndarray]:
    """The genome with these alleles in it, and where each of its bases went.

    Returns
    -------
    uint8 (H,), int64 (G,)
        -1 for a base that an allele replaces or deletes.
    """
    pieces, lift = [], np.full(len(genome), -1, np.int64)
    at, length = 0, 0
    for one in sorted(alleles, key=lambda one: one.position):
        pieces.append(genome[at : one.position])
        lift[at : one.position] = length + np.arange(one.position - at)
        length += one.position - at
        pieces.append(simulate.encode(one.alt))
        length += len(one.alt)
        at = one.position + len(one.ref)
    pieces.append(genome[at:])
    lift[at:] = length + np.arange(len(genome) - at)
    return np.concatenate(pieces).astype(np.uint8), lift


def mixture_haplotypes(alleles: Sequence[Allele]) -> list[tuple[list[Allele], float]]:
    """One haplotype for each fraction, with its share; what is left has no alleles."""
    fractions = sorted({one.fraction for one in alleles}, reverse=True)
    rest = 1 - sum(fractions)
    if rest < -1e-9:
        msg = f"fractions of {fractions} come to more than all molecules"
        raise ValueError(msg)
    parts = [([a for a in alleles if a.fraction == one], one) for one in fractions]
    return [*parts, ([], rest)] if rest > 1e-9 else parts


def tumour_haplotypes(
    alleles: Sequence[Allele],
) -> tuple[list[tuple[list[Allele], float]], list[tuple[list[Allele], float]]]:
    """Haplotypes of a tumour and of its normal, each with its share of the molecules.

    Two germline copies: homozygous alleles on both, every second heterozygous one on the
    first. Somatic alleles of one half stand on all of the first copy, those of every lower
    fraction on a part of the second, so the fractions below one half may come to one half.
    """
    germline = [one for one in alleles if one.origin == "germline"]
    single = [one for one in germline if one.fraction < 1]
    both = [one for one in germline if one.fraction == 1]
    copies = [both + single[0::2], both + single[1::2]]
    somatic = [one for one in alleles if one.origin == "somatic"]
    first = [one for one in somatic if one.fraction == 0.5]
    parts = [(copies[0] + first, 0.5)]
    lower = sorted({one.fraction for one in somatic if one.fraction < 0.5}, reverse=True)
    parts += [(copies[1] + [a for a in somatic if a.fraction == one], one) for one in lower]
    rest = 0.5 - sum(lower)
    if rest < -1e-9:
        msg = f"somatic fractions of {lower} come to more than one half"
        raise ValueError(msg)
    parts.append((copies[1], rest))
    return parts, [(copies[0], 0.5), (copies[1], 0.5)]


def read_haplotypes(
    genome: np.ndarray,
    parts: Sequence[tuple[list[Allele], float]],
    depth: float,
    seed: int,
    systematic: Systematic | None = None,
) -> tuple[SimulatedReads, list[str]]:
    """ART's reads of all haplotypes, and its commands."""
    drawn = []
    for alleles, share in parts:
        sequence, lift = haplotype(genome, alleles)
        drawn.append((sequence, share, systematic and _lifted(systematic, lift)))
    return read_each(art, drawn, depth, 1000 * seed)


def _lifted(systematic: Systematic, lift: np.ndarray) -> Systematic:
    """The sites where they are in a haplotype, without those that its alleles replace."""
    place = lift[systematic.position]
    there = place >= 0
    return replace(
        systematic,
        position=place[there],
        reverse=systematic.reverse[there],
        alt=systematic.alt[there],
        rate=systematic.rate[there],
    )


def simulate_mapped(
    folder: Path,
    genome: np.ndarray,
    alleles: list[Allele],
    parts: Sequence[tuple[list[Allele], float]],
    *,
    depth: float,
    seed: int,
    systematic: Systematic | None = None,
    threads: int = 2,
) -> MappedSample:
    """Draw and map one sample, or take it from ``folder`` where it was drawn before."""
    facts = folder / "facts.json"
    if not facts.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        simulate.write_fasta(folder / "genome.fa", [(CONTIG, genome)])
        reads, commands = read_haplotypes(genome, parts, depth, seed, systematic)
        pairs = simulate.write_pairs(reads, folder)
        commands += map_pairs(folder / "genome.fa", pairs, folder / "sample.bam", threads)
        for path in pairs:
            path.unlink()
        rows = [asdict(one) for one in alleles]
        facts.write_text(json.dumps({"alleles": rows, "commands": commands}) + "\n")
    known = json.loads(facts.read_text())
    return MappedSample(
        folder=folder,
        bam=folder / "sample.bam",
        length=len(genome),
        alleles=[Allele(**row) for row in known["alleles"]],
        commands=known["commands"],
    )


def map_pairs(reference: Path, pairs: Sequence[Path], bam: Path, threads: int = 2) -> list[str]:
    """Map with bwa mem, sort and index; the commands, without folders.

    Raises
    ------
    RuntimeError
        If one of the tools is not there or fails.
    """
    sam = bam.with_suffix(".sam")
    group = r"@RG\tID:sample\tSM:sample\tPL:ILLUMINA"
    steps = [
        ["samtools", "faidx", reference],
        ["bwa", "index", reference],
        ["bwa", "mem", "-v", "1", "-t", str(threads), "-R", group, "-o", sam, reference, *pairs],
        ["samtools", "sort", "-o", bam, sam],
        ["samtools", "index", bam],
    ]
    for step in steps:
        call(step)
    sam.unlink()
    return [" ".join(getattr(word, "name", word) for word in step) for step in steps]
