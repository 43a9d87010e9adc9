"""A window of reference and reads with known alleles, as an aligner would hand it over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbgclean.reads import ReadBatch
from dbgclean.reads.batch import encode_bases
from dbgclean.variants.region_reads import RegionReads
from dbgclean.variants.regions import Region

CONTIG = "contig"


@dataclass(frozen=True)
class Truth:
    """An allele: ``alt`` in place of ``reference[start:end]``, on which haplotypes."""

    start: int
    end: int
    alt: str
    haplotypes: tuple[int, ...]


def random_reference(size: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    return "".join("ACGT"[i] for i in rng.integers(0, 4, size))


def other_base(base: str) -> str:
    return "ACGT"[("ACGT".index(base) + 1) % 4]


def spell(reference: str, alleles: list[Truth], haplotype: int) -> tuple[str, np.ndarray]:
    """A haplotype, and the place on the reference of each of its bases."""
    text, where, at = [], [], 0
    for allele in sorted(alleles, key=lambda a: a.start):
        if haplotype not in allele.haplotypes:
            continue
        text.append(reference[at : allele.start] + allele.alt)
        where += [*range(at, allele.start), *[allele.start] * len(allele.alt)]
        at = allele.end
    text.append(reference[at:])
    where += range(at, len(reference))
    return "".join(text), np.array(where, np.int64)


def simulate(
    reference: str,
    alleles: list[Truth],
    fractions: tuple[float, ...],
    *,
    depth: float = 40,
    length: int = 100,
    insert: int = 260,
    error: float = 0.001,
    seed: int = 1,
) -> tuple[RegionReads, np.ndarray, np.ndarray]:
    """Pairs from haplotypes in the given fractions.

    Returns
    -------
    reads
        As `dbgclean.variants.region_reads.fetch_reads` gives them; all whole pairs.
    haplotype
        int64, by fragment.
    spans
        int64 (reads, 2): first and one past the last place on the reference.
    """
    rng = np.random.default_rng(seed)
    spelled = [spell(reference, alleles, h) for h in range(len(fractions))]
    n = int(depth * len(reference) / (2 * length))
    haplotype = rng.choice(len(fractions), n, p=fractions)
    rows = []
    for fragment in range(n):
        text, where = spelled[haplotype[fragment]]
        size = int(np.clip(rng.normal(insert, 30), length, len(text)))
        first = int(rng.integers(0, len(text) - size + 1))
        ends = [(first, False), (first + size - length, True)]
        for begin, reverse in ends if rng.random() < 0.5 else ends[::-1]:
            codes = encode_bases(np.frombuffer(text[begin : begin + length].encode(), np.uint8))
            quals = np.clip(rng.normal(34, 4, length), 2, 40).astype(np.uint8)
            wrong = rng.random(length) < error
            quals[wrong] = rng.integers(2, 25, int(wrong.sum()))
            codes[wrong] = (codes[wrong] + rng.integers(1, 4, int(wrong.sum()))) % 4
            if reverse:
                codes, quals = 3 - codes[::-1], quals[::-1]
            rows.append((codes, quals, reverse, where[begin], where[begin + length - 1] + 1))
    codes = np.concatenate([row[0] for row in rows]).astype(np.uint8)
    bases = np.frombuffer(b"ACGT", np.uint8)[codes]
    batch = ReadBatch(
        bases=bases,
        codes=codes,
        quals=np.concatenate([row[1] for row in rows]),
        offsets=np.arange(0, length * len(rows) + 1, length, dtype=np.int64),
        names=[""] * len(rows),
        first_read=0,
        paired=True,
    )
    spans = np.array([(row[3], row[4]) for row in rows], np.int64)
    reads = RegionReads(
        batch=batch,
        fragment=np.repeat(np.arange(n), 2),
        fragment_keys=np.arange(n).astype(np.uint64),
        mapping_quality=np.full(len(rows), 60, np.uint8),
        reverse=np.array([row[2] for row in rows], bool),
        start=spans[:, 0],
        end=spans[:, 1],
        clip_left=np.zeros(len(rows), np.int32),
        clip_right=np.zeros(len(rows), np.int32),
        cut_left=np.zeros(len(rows), np.int32),
        cut_right=np.zeros(len(rows), np.int32),
        pairs=n,
    )
    return reads, haplotype, spans


def whole(reference: str) -> Region:
    return Region(CONTIG, 0, len(reference))


def fragments_over(
    spans: np.ndarray, haplotype: np.ndarray, start: int, end: int, carriers: tuple[int, ...]
) -> tuple[int, int]:
    """Fragments of which a read covers ``[start, end)``: with the allele, and all."""
    covers = ((spans[:, 0] <= start) & (spans[:, 1] >= end)).reshape(-1, 2).any(axis=1)
    carries = np.isin(haplotype, carriers)
    return int((covers & carries).sum()), int(covers.sum())
