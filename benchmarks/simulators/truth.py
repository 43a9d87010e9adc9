"""Genomes, allele sites, and the k-mers that are true: what simulated reads are scored against.

The k-mer code here is written apart from `dbgclean.spectrum` on purpose: a truth that shared
its code with what it judges would share its mistakes.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import DATA
from benchmarks.simulators.kernels import allele_variants, canonical_kmers, pack_kmers

__all__ = [
    "K12",
    "LAMBDA",
    "O157",
    "SHOWN",
    "SLICE_START",
    "Sites",
    "Truth",
    "allele_kmers",
    "decode",
    "draw_sites",
    "encode",
    "k12",
    "kept_alleles",
    "load_genome",
    "random_genome",
    "true_kmers",
]

# Names of files in genomes/ of the shared data.
K12 = "ecoli_K12_MG1655_NC_000913.3.fna.gz"
O157 = "ecoli_O157H7_2159_NZ_CP017438.fna.gz"
LAMBDA = "lambda_NC_001416.1.fa"
SLICE_START = 1_000_000
"""Where the slices of K-12 begin that benchmarks take."""

_CODES = np.full(256, 4, np.uint8)
for _code, _letters in enumerate((b"Aa", b"Cc", b"Gg", b"TtUu")):
    _CODES[list(_letters)] = _code

# 2^10 combinations for one window is far beyond any sensible density of sites.
MAX_SITES_PER_WINDOW = 10
# Reads that show an allele, from which on a corrector might be expected to keep it.
SHOWN = 3


@dataclass(frozen=True)
class Sites:
    """Places where some fragments carry another base.

    Attributes
    ----------
    position : int64 (S,)
        Sorted, unique, 0-based.
    ref, alt : uint8 (S,)
        2-bit codes; ``ref`` is the genome's base.
    fraction : float64 (S,)
        Probability that a fragment over the site carries ``alt``.
    """

    position: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    fraction: np.ndarray

    def __len__(self) -> int:
        return len(self.position)


@dataclass(frozen=True)
class Truth:
    """What a mixture really holds.

    Attributes
    ----------
    kmers
        uint64 (t,), sorted canonical k-mers of genome and alleles.
    alleles
        uint64 (S, k), canonical k-mers over each site with its alternative base, the
        one with the site in its middle at column k // 2.
    group
        str (S,), what an allele is reported under: its fraction, or its name.
    by_reads
        bool (S,), three raw reads or more show the base; None where that is not known.
    artefacts
        uint64, sorted canonical k-mers that are false but whole molecules held: seams
        of chimeras and adapters. No sequencing error, so counted apart.
    """

    kmers: np.ndarray
    alleles: np.ndarray
    group: np.ndarray
    by_reads: np.ndarray | None = None
    artefacts: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        genome: np.ndarray,
        sites: Sites | None,
        k: int = 31,
        by_reads: np.ndarray | None = None,
        circular: bool = False,
    ) -> Truth:
        """Of a genome and its sites, each reported under its fraction.

        ``by_reads``: int64 (S, 4), bases that reads show at the sites (`site_counts`).
        """
        kmers = true_kmers(genome, sites, k, circular)
        if sites is None:
            return cls(kmers, np.zeros((0, k), np.uint64), np.zeros(0, str))
        shown = None
        if by_reads is not None:
            shown = by_reads[np.arange(len(sites)), sites.alt] >= SHOWN
        group = np.array([f"{fraction:g}" for fraction in sites.fraction])
        return cls(kmers, allele_kmers(genome, sites, k), group, shown)

    def groups(self) -> list[str]:
        """Names of the groups, in the order of the sites."""
        return list(dict.fromkeys(self.group.tolist()))


def encode(sequence: bytes | str) -> np.ndarray:
    """2-bit codes of ``sequence``, uint8 (n,); 4 for anything but ACGTU."""
    raw = sequence.encode("ascii") if isinstance(sequence, str) else sequence
    return _CODES[np.frombuffer(raw, np.uint8)]


def decode(codes: np.ndarray) -> str:
    """Letters of 2-bit ``codes``."""
    return np.frombuffer(b"ACGTN", np.uint8)[codes].tobytes().decode("ascii")


def load_genome(
    path: str | Path, start: int = 0, length: int | None = None, record: int = 0
) -> np.ndarray:
    """Read one FASTA record (plain or gz) as 2-bit codes, uint8 (length,).

    Bases other than ACGT become a base that depends on their position only, so that the
    simulated genome is fully known.

    Raises
    ------
    ValueError
        If the file has no such record, or the slice is empty.
    """
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    records = raw.split(b">")[1:]
    if record >= len(records):
        message = f"{path}: record {record} asked for, {len(records)} found"
        raise ValueError(message)
    sequence = records[record].split(b"\n", 1)[1].translate(None, b"\r\n \t")
    codes = encode(sequence)[start : None if length is None else start + length]
    if not len(codes):
        message = f"{path}: nothing in [{start}, {start} + {length})"
        raise ValueError(message)
    unknown = np.flatnonzero(codes > 3)
    codes[unknown] = (unknown * 2654435761 >> 7) & 3
    return codes


def k12(length: int | None = None, start: int | None = None, data: Path = DATA) -> np.ndarray:
    """E. coli K-12 MG1655, whole or ``length`` bases from ``start`` (`SLICE_START`) on.

    Returns
    -------
    uint8 (length,)

    Raises
    ------
    FileNotFoundError
        If the folder of shared data does not have it.
    """
    if start is None:
        start = SLICE_START if length else 0
    return load_genome(data / "genomes" / K12, start, length)


def random_genome(
    length: int,
    seed: int,
    gc: float = 0.5,
    repeats: Sequence[tuple[int, int, float]] = (),
) -> np.ndarray:
    """Draw a random genome, uint8 (length,).

    Parameters
    ----------
    length : int
    seed : int
    gc : float
        Share of G and C.
    repeats : sequence of (length, copies, divergence)
        Each family is one stretch of the genome copied to ``copies`` other places, every
        second copy as its reverse complement, each base substituted with probability
        ``divergence``.
        A later copy may overwrite part of an earlier one.
    """
    rng = np.random.default_rng([seed, 101])
    at = (1 - gc) / 2
    letters = np.cumsum([at, gc / 2, gc / 2])
    genome = np.searchsorted(letters, rng.random(length), side="right").astype(np.uint8)
    for size, copies, divergence in repeats:
        unit = genome[(start := int(rng.integers(0, length - size + 1))) : start + size].copy()
        for copy in range(copies):
            piece = unit.copy()
            changed = np.flatnonzero(rng.random(size) < divergence)
            piece[changed] = (piece[changed] + rng.integers(1, 4, len(changed))) & 3
            if copy % 2:
                piece = 3 - piece[::-1]
            place = int(rng.integers(0, length - size + 1))
            genome[place : place + size] = piece
    return genome


def draw_sites(
    genome: np.ndarray,
    spacing: int = 1000,
    fractions: Sequence[float] = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01),
    seed: int = 1,
    margin: int = 200,
) -> Sites:
    """Put a biallelic site about every ``spacing`` bases, the fractions taken in turn.

    Positions are jittered by up to an eighth of the spacing, so two sites are never closer
    than three quarters of it; nothing lies within ``margin`` of an end.
    """
    rng = np.random.default_rng([seed, 102])
    places = np.arange(spacing // 2, len(genome), spacing, dtype=np.int64)
    places += rng.integers(-(spacing // 8), spacing // 8 + 1, len(places))
    places = places[(places >= margin) & (places < len(genome) - margin)]
    ref = genome[places]
    alt = ((ref + rng.integers(1, 4, len(places))) & 3).astype(np.uint8)
    fraction = np.resize(np.asarray(fractions, np.float64), len(places))
    return Sites(places, ref, alt, fraction)


def _forward_kmers(genome: np.ndarray, k: int, circular: bool) -> np.ndarray:
    wrapped = np.concatenate([genome, genome[: k - 1]]) if circular else genome
    return pack_kmers(np.ascontiguousarray(wrapped), k)


def true_kmers(
    genome: np.ndarray | Sequence[np.ndarray],
    sites: Sites | None,
    k: int,
    circular: bool = False,
) -> np.ndarray:
    """Canonical k-mers that error-free reads can show: uint64, sorted, unique.

    All k-mers of the genome (or of each of several haplotypes) and, at every window with
    allele sites in it, those of every combination of alleles.

    Raises
    ------
    ValueError
        If sites are given for more than one sequence, or one window holds more than
        ``MAX_SITES_PER_WINDOW`` of them.
    """
    genomes = [genome] if isinstance(genome, np.ndarray) else list(genome)
    found = [_forward_kmers(one, k, circular) for one in genomes]
    if sites is not None and len(sites):
        if len(genomes) != 1:
            message = "sites need a single genome"
            raise ValueError(message)
        found.append(_allele_windows(found[0], sites, k, len(genomes[0]), circular))
    return np.unique(canonical_kmers(np.concatenate(found), k))


def _allele_windows(
    kmers: np.ndarray, sites: Sites, k: int, length: int, circular: bool
) -> np.ndarray:
    position, change = sites.position, (sites.ref ^ sites.alt).astype(np.uint64)
    if circular:
        near = position < k - 1
        position = np.concatenate([position, position[near] + length])
        change = np.concatenate([change, change[near]])
    starts = np.arange(len(kmers), dtype=np.int64)
    low = np.searchsorted(position, starts)
    high = np.searchsorted(position, starts + k)
    if (high - low).max() > MAX_SITES_PER_WINDOW:
        message = f"more than {MAX_SITES_PER_WINDOW} sites within {k} bases"
        raise ValueError(message)
    nothing = np.empty(0, np.uint64)
    total = allele_variants(kmers, k, position, change, low, high, nothing)
    out = np.empty(total, np.uint64)
    if total:
        allele_variants(kmers, k, position, change, low, high, out)
    return out


def allele_kmers(genome: np.ndarray, sites: Sites, k: int) -> np.ndarray:
    """The k canonical k-mers over each site with its alternative base: uint64 (S, k).

    Other sites keep the genome's base. Windows that would run past an end of the genome
    are shifted inwards, so near an end a row holds the same k-mer more than once.
    """
    kmers = _forward_kmers(genome, k, circular=False)
    starts = sites.position[:, None] - np.arange(k - 1, -1, -1, dtype=np.int64)
    starts = np.clip(starts, 0, len(kmers) - 1)
    shift = (2 * (k - 1 - (sites.position[:, None] - starts))).astype(np.uint64)
    change = (sites.ref ^ sites.alt).astype(np.uint64)[:, None] << shift
    return canonical_kmers((kmers[starts] ^ change).ravel(), k).reshape(len(sites), k)


def kept_alleles(
    alleles: np.ndarray,
    keys: np.ndarray,
    raw_keys: np.ndarray | None = None,
    share: float = 1.0,
) -> np.ndarray:
    """Which alleles are kept in a corrected table: bool (S,).

    Parameters
    ----------
    alleles : uint64 (S, k)
        From `allele_kmers`.
    keys : uint64
        Canonical k-mers of the corrected table.
    raw_keys : uint64, optional
        Canonical k-mers of the raw table. Where given, only the allele's k-mers that the
        raw reads show count: no corrector can keep what was never read.
    share : float
        Share of those k-mers that must still be there (and at least one).
    """
    kept = np.isin(alleles, keys)
    shown = np.isin(alleles, raw_keys) if raw_keys is not None else np.ones_like(kept)
    n_shown = shown.sum(axis=1)
    return (n_shown > 0) & ((kept & shown).sum(axis=1) >= np.maximum(share * n_shown, 1))
