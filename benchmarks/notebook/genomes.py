"""Genomes of the notebook benchmark: what is tested on, what either kind of network learns.

The notebook's networks learn the genomes they are tested on; ours learn to weigh votes, on
genomes that share nothing with the test: human, two viruses, *M. tuberculosis*, *Myxococcus
xanthus* (the assemblies of a pangenome graph), random sequence with repeats, and relatives
of these made by mutation, since K-12 and O157:H7 are each other's diverged copies.
"""

import gzip
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from Bio import SeqIO

__all__ = ["K12", "O157", "Genomes", "gather_genomes", "load", "random_genome", "relative"]

K12 = "genomes/ecoli_K12_MG1655_NC_000913.3.fna.gz"
O157 = "genomes/ecoli_O157H7_2159_NZ_CP017438.fna.gz"
_SMALL = (
    "genomes/NC_045512.2.fasta",
    "genomes/tb10k_ref.fa",
    "genomes/phix174_sample_truth.fa",
)
_HUMAN = "human/hg19_chr20_9995001-11095000.fa.gz"
_XANTHUS = "graphs/minigraph_m_xanthus_10_assemblies_pangenome.gfa.gz"

_SLICE_START = 2_000_000
# Nothing of one sequence is within this of another, so that no k-mer crosses a border.
_HELD_OUT_SHARE = 0.05
# Of K-12's genes O157:H7 has about three in four, a few substitutions in a hundred apart.
_SHARED, _MOST_DIVERGED, _BLOCK = 0.75, 0.04, 10_000


@dataclass(frozen=True)
class Genomes:
    """uint8 codes: what is tested on, what the two kinds of network are trained on.

    ``ours`` holds sequences by name; ``held_out`` only stops the training of ours.
    """

    test: list[np.ndarray]
    notebook: list[np.ndarray]
    test_name: str
    ours: dict[str, list[np.ndarray]] = field(default_factory=dict)
    held_out: list[np.ndarray] = field(default_factory=list)


def load(path: Path) -> np.ndarray:
    """Codes of a FASTA file's sequences, or a GFA's segments, an N between them."""
    table = np.full(256, 4, dtype=np.uint8)
    for code, letter in enumerate("ACGT"):
        table[ord(letter)] = table[ord(letter.lower())] = code
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as handle:
        if ".gfa" in path.name:
            text = "N".join(line.rstrip("\n").split("\t")[2] for line in handle if line[0] == "S")
        else:
            text = "N".join(str(record.seq) for record in SeqIO.parse(handle, "fasta"))
    return table[np.frombuffer(text.encode(), dtype=np.uint8)]


def random_genome(n: int, rng: np.random.Generator) -> np.ndarray:
    """Random bases with repeats of 100 to 1,500, identical or up to 10 % diverged."""
    genome = rng.integers(0, 4, n, dtype=np.uint8)
    for _ in range(n // 2500):
        length = int(rng.integers(100, min(1500, n // 2)))
        source, target = rng.integers(0, n - length, 2)
        copy = genome[source : source + length].copy()
        hit = rng.random(length) < rng.choice([0.0, 0.01, 0.03, 0.10])
        copy = (copy + hit * rng.integers(1, 4, length, dtype=np.uint8)) % 4
        genome[target : target + length] = copy
    return genome


def relative(genome: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Three in four blocks of a genome, each with up to 4 % of its bases substituted."""
    blocks = [genome[start : start + _BLOCK] for start in range(0, len(genome), _BLOCK)]
    kept = [np.empty(0, dtype=np.uint8)]
    for block in blocks:
        hit = rng.random(len(block)) < rng.uniform(0, _MOST_DIVERGED)
        hit &= block < 4
        step = rng.integers(1, 4, len(block), dtype=np.uint8)
        if rng.random() < _SHARED:
            kept.append(np.where(hit, (block + step) % 4, block))
    return np.concatenate(kept)


def gather_genomes(data: Path, slice_length: int, seed: int) -> Genomes:
    """Genomes from the data folder; random ones where it has none.

    Ours train on about as many k-mers as there are in the test, so that as many of their
    votes are chance.
    """
    rng = np.random.default_rng(seed)
    have = (data / K12).exists() and (data / O157).exists()
    k12, o157 = (
        (load(data / K12), load(data / O157))
        if have
        else (random_genome(max(4 * slice_length, 20_000), rng) for _ in range(2))
    )
    name = "E. coli K-12 MG1655" if have else "random genome"
    if slice_length == 0:
        genomes = Genomes([k12, o157], [k12, o157], f"{name} and O157:H7, whole")
    else:
        start = min(_SLICE_START, (len(k12) - slice_length) // 2)
        end = start + slice_length
        others = [k12[:start], k12[end:], o157]
        genomes = Genomes([k12[start:end]], others, f"{name}, {start + 1}-{end}")
    sources = _training_sources(data, sum(map(len, genomes.test)), rng)
    for source, sequences in sources.items():
        for sequence in sequences:
            cut = int(len(sequence) * _HELD_OUT_SHARE)
            genomes.held_out.append(sequence[:cut])
            genomes.ours.setdefault(source, []).append(sequence[cut:])
    return genomes


def _training_sources(
    data: Path, total: int, rng: np.random.Generator
) -> dict[str, list[np.ndarray]]:
    """About ``total`` bases by name: a tenth or less human, the small genomes, the rest two."""
    sources: dict[str, list[np.ndarray]] = {}
    if all((data / name).exists() for name in _SMALL):
        small = [load(data / name)[: total // 9] for name in _SMALL]
        sources["SARS-CoV-2, M. tuberculosis (10 kb), phiX174"] = small
    if (data / _HUMAN).exists():
        sources["human chr20"] = [load(data / _HUMAN)[: total // 3]]
    rest = total - sum(len(s) for sequences in sources.values() for s in sequences)
    # A genome and its relative share what is left as 1 to 0.75.
    parent = int(rest / (1 + _SHARED))
    if total >= 1_000_000 and (data / _XANTHUS).exists():
        genome, word = load(data / _XANTHUS)[:parent], "M. xanthus"
    else:
        genome, word = random_genome(parent, rng), "random with repeats"
    sources[f"{word} and a mutated relative"] = [genome, relative(genome, rng)]
    return sources
