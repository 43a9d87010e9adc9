"""Seeded short-read simulator with known truth.

Fragments are drawn from a genome (with allele sites that each fragment carries independently)
or from several whole haplotypes; reads get qualities, errors drawn by those qualities, and
where asked systematic errors, indels, chimeras, duplicates and adapters. The same arguments
give the same bytes, always.

    python -m benchmarks.simulators.simulate genome.fa.gz -o out --depth 50 --sites 1000 --seed 1
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.simulators.errors import (
    QualityProfile,
    Systematic,
    UniformProfile,
    draw_systematic,
)
from benchmarks.simulators.files import (
    to_batches,
    write_fasta,
    write_fastq,
    write_pairs,
    write_sites,
)
from benchmarks.simulators.kernels import (
    canonical_kmers,
    fill_reads,
    pack_kmers,
    pile_up,
)
from benchmarks.simulators.truth import (
    Sites,
    allele_kmers,
    decode,
    draw_sites,
    encode,
    k12,
    kept_alleles,
    load_genome,
    random_genome,
    true_kmers,
)

__all__ = [
    "CHIMERA",
    "DUPLICATE",
    "INDEL",
    "ADAPTER",
    "Artefacts",
    "QualityProfile",
    "SimulatedReads",
    "Sites",
    "Systematic",
    "UniformProfile",
    "allele_kmers",
    "canonical_kmers",
    "decode",
    "draw_sites",
    "draw_systematic",
    "encode",
    "k12",
    "kept_alleles",
    "load_genome",
    "pack_kmers",
    "random_genome",
    "simulate_reads",
    "site_counts",
    "to_batches",
    "true_kmers",
    "write_fasta",
    "write_fastq",
    "write_pairs",
    "write_sites",
]

FRACTIONS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)

# Bits of SimulatedReads.kind.
DUPLICATE, CHIMERA, INDEL, ADAPTER = 1, 2, 4, 8

# TruSeq adapter starts as seen in read-through, first and second read.
_ADAPTERS = ("AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")
_LONGEST_INDEL = 3


@dataclass(frozen=True)
class Artefacts:
    """Rates of what makes real libraries hard; all off by default.

    ``duplicates``: share of fragments that copy an earlier one; ``chimeras``: share of
    fragments joined from two places; ``indels``: share of reads with one insertion or
    deletion of 1 to 3 bases; ``adapters``: let inserts be shorter than the read and run
    into the adapter instead of cutting the insert sizes off at the read length.
    """

    duplicates: float = 0.0
    chimeras: float = 0.0
    indels: float = 0.0
    adapters: bool = False


@dataclass(frozen=True)
class SimulatedReads:
    """Reads and what they should have been; rows 2i and 2i+1 are mates where ``paired``.

    Attributes
    ----------
    codes, quals, truth : uint8 (n, L)
        Observed 2-bit bases, Phred qualities, error-free bases.
    position : int64 (n,)
        Leftmost genome position, 0-based (of the haplotype, where there are several).
    reverse : bool (n,)
    haplotype : int16 (n,)
    kind : uint8 (n,)
        Bits DUPLICATE, CHIMERA, INDEL, ADAPTER; base-level scores should leave out the
        reads with an INDEL or ADAPTER bit, ``position`` means little for CHIMERA.
    genome_length : int
    error_probability : float64 (94,)
        True error probability by quality.
    """

    codes: np.ndarray
    quals: np.ndarray
    truth: np.ndarray
    position: np.ndarray
    reverse: np.ndarray
    haplotype: np.ndarray
    kind: np.ndarray
    paired: bool
    genome_length: int
    error_probability: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.codes)


def simulate_reads(
    genome: np.ndarray | None,
    *,
    depth: float,
    read_length: int = 150,
    insert_mean: float = 350,
    insert_sd: float = 50,
    paired: bool = True,
    circular: bool = False,
    sites: Sites | None = None,
    haplotypes: Sequence[tuple[np.ndarray, float]] | None = None,
    profile: QualityProfile | UniformProfile | None = None,
    systematic: Systematic | None = None,
    artefacts: Artefacts | None = None,
    seed: int = 1,
) -> SimulatedReads:
    """Draw reads to ``depth`` (bases read per genome base).

    Parameters
    ----------
    genome : uint8 (G,), or None with ``haplotypes``
    haplotypes : sequence of (uint8 sequence, fraction)
        Whole sequences instead of ``genome``; fractions are shares of the depth.
    sites : Sites
        Each fragment carries the alternative base with the site's fraction, independently.
    profile : QualityProfile (default, 0.4 %) or UniformProfile

    Raises
    ------
    ValueError
        If a sequence is shorter than a fragment, or sites come with haplotypes.
    """
    profile = profile or QualityProfile()
    artefacts = artefacts or Artefacts()
    if haplotypes is None:
        assert genome is not None, "a genome or haplotypes"
        haplotypes = [(genome, 1.0)]
    elif sites is not None or systematic is not None:
        message = "sites and systematic errors need a single genome, not haplotypes"
        raise ValueError(message)
    rng = np.random.default_rng([seed, 104])
    plan = _Plan(rng, haplotypes, circular, read_length, artefacts)
    mates = 2 if paired else 1
    n_fragments = max(round(depth * plan.mean_length / (read_length * mates)), 1)
    sizes = (insert_mean, insert_sd) if paired else (float(read_length), 0.0)
    fragments, haplotype, kind = plan.fragments(n_fragments, sizes)

    n_reads = n_fragments * mates
    flip = rng.random(n_fragments) < 0.5
    reverse = np.stack([flip, ~flip], axis=1).ravel() if paired else flip
    indels, has_indel = _draw_indels(rng, n_reads, read_length, artefacts.indels)
    streams = rng.integers(0, 2**63, 2)
    quals = profile.draw(n_reads, read_length, int(streams[0]))
    probabilities = profile.probabilities(quals)
    codes = np.empty((n_reads, read_length), np.uint8)
    truth = np.empty_like(codes)
    fill_reads(
        plan.sequence,
        _site_arrays(sites, len(plan.sequence)),
        _systematic_arrays(systematic, len(plan.sequence)),
        fragments,
        reverse,
        indels,
        np.stack([encode(adapter) for adapter in _ADAPTERS]),
        codes,
        quals,
        truth,
        probabilities,
        profile.substitution(),
        (systematic.low_share if systematic else 0.0, 9 if profile.bins()[14] == 15 else 14),
        profile.bins(),
        np.uint64(streams[1]),
    )
    kind = np.repeat(kind, mates)
    kind[has_indel] |= INDEL
    start, size, begin, span = (np.repeat(fragments[:, column], mates) for column in range(4))
    position = np.where(reverse, start + np.maximum(size - read_length, 0), start) - begin
    return SimulatedReads(
        codes=codes,
        quals=quals,
        truth=truth,
        position=position % span,
        reverse=reverse,
        haplotype=np.repeat(haplotype, mates).astype(np.int16),
        kind=kind,
        paired=paired,
        genome_length=int(plan.lengths.max()),
        error_probability=probabilities,
    )


class _Plan:
    """Where fragments come from: drawn once, before any base is copied."""

    def __init__(
        self,
        rng: np.random.Generator,
        haplotypes: Sequence[tuple[np.ndarray, float]],
        circular: bool,
        read_length: int,
        artefacts: Artefacts,
    ) -> None:
        self.rng, self.circular, self.artefacts = rng, circular, artefacts
        self.read_length = read_length
        self.sequence = np.concatenate([sequence for sequence, _ in haplotypes]).astype(np.uint8)
        self.lengths = np.array([len(sequence) for sequence, _ in haplotypes], np.int64)
        self.begins = np.cumsum(self.lengths) - self.lengths
        share = np.array([fraction for _, fraction in haplotypes]) * self.lengths
        self.mean_length = float(share.sum()) / sum(fraction for _, fraction in haplotypes)
        self.share = share / share.sum()

    def fragments(
        self, count: int, sizes: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Plan of each fragment as `fill_reads` takes it, its haplotype, and its kind."""
        rng = self.rng
        haplotype = np.searchsorted(np.cumsum(self.share)[:-1], rng.random(count), side="right")
        size = np.rint(rng.normal(sizes[0], sizes[1], count)).astype(np.int64)
        # A deletion makes a read reach further into its fragment.
        spare = _LONGEST_INDEL if self.artefacts.indels else 0
        size = np.maximum(size, 20 if self.artefacts.adapters else self.read_length + spare)
        span = self.lengths[haplotype]
        if self.lengths.min() < size.max():
            message = (
                f"a fragment of {size.max()} does not fit a sequence of {self.lengths.min()} "
                "bases: use a smaller insert size"
            )
            raise ValueError(message)
        room = span if self.circular else span - size + 1
        begin = self.begins[haplotype]
        plan = np.full((count, 7), -1, np.int64)
        plan[:, 0] = begin + (rng.random(count) * room).astype(np.int64)
        plan[:, 1], plan[:, 2], plan[:, 3] = size, begin, span
        plan[:, 4] = np.arange(count)
        kind = np.zeros(count, np.uint8)
        kind[size < self.read_length] |= ADAPTER
        joined = np.flatnonzero(rng.random(count) < self.artefacts.chimeras)
        plan[joined, 5] = (rng.random(len(joined)) * size[joined]).astype(np.int64)
        plan[joined, 6] = begin[joined] + (rng.random(len(joined)) * room[joined]).astype(np.int64)
        kind[joined] |= CHIMERA
        copies = np.flatnonzero(rng.random(count) < self.artefacts.duplicates)
        copies = copies[copies > 0]
        originals = (rng.random(len(copies)) * copies).astype(np.int64)
        for copy, original in zip(copies.tolist(), originals.tolist(), strict=True):
            plan[copy], haplotype[copy] = plan[original], haplotype[original]
            kind[copy] = kind[original] | DUPLICATE
        return plan, haplotype, kind


def _draw_indels(
    rng: np.random.Generator, n_reads: int, length: int, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    indels = np.full((n_reads, 2), -1, np.int64)
    chosen = np.flatnonzero(rng.random(n_reads) < rate) if rate else np.empty(0, np.int64)
    if len(chosen):
        size = rng.choice(np.arange(1, _LONGEST_INDEL + 1), len(chosen), p=[0.8, 0.15, 0.05])
        indels[chosen, 0] = rng.integers(1, length, len(chosen))
        indels[chosen, 1] = np.where(rng.random(len(chosen)) < 0.5, size, -size)
    return indels, chosen


def _site_arrays(sites: Sites | None, length: int) -> tuple[np.ndarray, np.ndarray]:
    alt, fraction = np.full(length, 255, np.uint8), np.zeros(length, np.float32)
    if sites is not None:
        alt[sites.position] = sites.alt
        fraction[sites.position] = sites.fraction
    return alt, fraction


def _systematic_arrays(systematic: Systematic | None, length: int) -> tuple[np.ndarray, np.ndarray]:
    alt, rate = np.full((2, length), 255, np.uint8), np.zeros((2, length), np.float32)
    if systematic is not None:
        strand = systematic.reverse.astype(np.int64)
        alt[strand, systematic.position] = systematic.alt
        rate[strand, systematic.position] = systematic.rate
    return alt, rate


def site_counts(reads: SimulatedReads, sites: Sites, truth: bool = False) -> np.ndarray:
    """How often each base was read at each site, forward orientation: int64 (S, 4).

    With ``truth`` the error-free bases are counted. Reads with an indel, an adapter or a
    chimeric join are left out.
    """
    usable = (reads.kind & (INDEL | ADAPTER | CHIMERA)) == 0
    bases = reads.truth if truth else reads.codes
    return pile_up(
        bases, reads.position, reads.reverse, usable, sites.position, reads.genome_length
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulators.simulate",
        description="Simulate reads with known truth.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("genome", help="FASTA (plain or gz), first record")
    parser.add_argument("-o", "--output", required=True, help="prefix of the files written")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--length", type=int, help="default: to the end")
    parser.add_argument("--circular", action="store_true")
    parser.add_argument("--depth", type=float, default=50.0)
    parser.add_argument("--read-length", type=int, default=150)
    parser.add_argument("--insert-mean", type=float, default=350.0)
    parser.add_argument("--insert-sd", type=float, default=50.0)
    parser.add_argument("--single", action="store_true", help="single reads, not pairs")
    parser.add_argument("--profile", choices=("quality", "uniform"), default="quality")
    parser.add_argument("--rate", type=float, default=0.004, help="substitutions per base")
    parser.add_argument("--binned", action="store_true", help="eight quality levels")
    parser.add_argument("--sites", type=int, metavar="SPACING", help="allele site spacing")
    parser.add_argument("--fractions", type=float, nargs="+", default=FRACTIONS)
    parser.add_argument("--systematic", type=float, default=0.0, metavar="PER_KB")
    parser.add_argument("--motif", help='e.g. GGC, or "homopolymer"')
    parser.add_argument("--duplicates", type=float, default=0.0)
    parser.add_argument("--chimeras", type=float, default=0.0)
    parser.add_argument("--indels", type=float, default=0.0)
    parser.add_argument("--adapters", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write PREFIX_R1.fastq.gz and _R2 (or PREFIX.fastq.gz), PREFIX_genome.fa, PREFIX_sites.tsv."""
    args = _parser().parse_args(argv)
    genome = load_genome(args.genome, args.start, args.length)
    sites = draw_sites(genome, args.sites, args.fractions, args.seed) if args.sites else None
    systematic = None
    if args.systematic:
        systematic = draw_systematic(genome, args.systematic, motif=args.motif, seed=args.seed)
    uniform = args.profile == "uniform"
    reads = simulate_reads(
        genome,
        depth=args.depth,
        read_length=args.read_length,
        insert_mean=args.insert_mean,
        insert_sd=args.insert_sd,
        paired=not args.single,
        circular=args.circular,
        sites=sites,
        profile=UniformProfile(args.rate) if uniform else QualityProfile(args.rate, args.binned),
        systematic=systematic,
        artefacts=Artefacts(args.duplicates, args.chimeras, args.indels, args.adapters),
        seed=args.seed,
    )
    if args.single:
        write_fastq(reads, f"{args.output}.fastq.gz")
    else:
        write_fastq(reads, f"{args.output}_R1.fastq.gz", f"{args.output}_R2.fastq.gz")
    write_fasta(f"{args.output}_genome.fa", [("genome", genome)])
    if sites is not None:
        write_sites(f"{args.output}_sites.tsv", sites)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
