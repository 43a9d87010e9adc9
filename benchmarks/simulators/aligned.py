"""Simulated reads with known alleles as BAM files: placed as an aligner would, by their truth."""

from array import array
from dataclasses import dataclass

import numpy as np
import pysam

CONTIG = "chr"


@dataclass(frozen=True)
class Allele:
    """ref and alt as in VCF; position is 0-based; fraction of the molecules."""

    position: int
    ref: str
    alt: str
    fraction: float


def random_sequence(length, seed=1):
    """Letters without low-complexity stretches worth speaking of."""
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def reference_sequence(length=3000, seed=11):
    """Letters without repeats."""
    return random_sequence(length, seed)


def write_fasta(path, bases, name=CONTIG):
    """A FASTA of one sequence."""
    path.write_text(f">{name}\n{bases}\n")
    return str(path)


def snv(reference, position, fraction):
    """A substitution at a place, by the next letter of ACGT."""
    base = reference[position]
    return Allele(position, base, "ACGT"[("ACGT".index(base) + 1) % 4], fraction)


def deletion(reference, position, size, fraction):
    """Bases after ``position`` gone, as far to the left as they may be."""
    while reference[position] == reference[position + size]:
        position -= 1
    gone = reference[position : position + 1 + size]
    return Allele(position, gone, gone[0], fraction)


def insertion(reference, position, bases, fraction):
    """Bases put in after ``position``, as far to the left as they may be."""
    while reference[position] == bases[-1]:
        position, bases = position - 1, bases[-1] + bases[:-1]
    return Allele(position, reference[position], reference[position] + bases, fraction)


def haplotype(reference, alleles):
    """A molecule's bases, and the place of each on the reference; -1 where it has none."""
    bases, places, at = [], [], 0
    for allele in sorted(alleles, key=lambda allele: allele.position):
        bases.append(reference[at : allele.position])
        places += range(at, allele.position)
        shared = min(len(allele.ref), len(allele.alt))
        bases.append(allele.alt)
        places += range(allele.position, allele.position + shared)
        places += [-1] * (len(allele.alt) - shared)
        at = allele.position + len(allele.ref)
    bases.append(reference[at:])
    places += range(at, len(reference))
    return "".join(bases), np.array(places)


def cigar_of(places):
    """(start, CIGAR) of bases that lie at these places of the reference."""
    if places[0] >= 0 and places[-1] - places[0] == len(places) - 1 and places.min() >= 0:
        return int(places[0]), [(0, len(places))]
    first, last = np.flatnonzero(places >= 0)[[0, -1]]
    words = [(4, int(first))] if first else []
    before = int(places[first]) - 1
    for place in places[first : last + 1].tolist():
        if place < 0:
            words.append((1, 1))
            continue
        if place > before + 1:
            words.append((2, place - before - 1))
        words.append((0, 1))
        before = place
    words += [(4, len(places) - 1 - int(last))] if last < len(places) - 1 else []
    merged = []
    for operation, size in words:
        if merged and merged[-1][0] == operation:
            merged[-1][1] += size
        else:
            merged.append([operation, size])
    return int(places[first]), [tuple(word) for word in merged]


def draw_molecules(alleles, number, rng):
    """Molecules by the alleles that they hold: (rows of alleles) -> numbers of molecules."""
    held = {}
    for molecule, value in enumerate(rng.random(number)):
        # Each allele's share of the molecules begins elsewhere: no two go always together.
        rows = (i for i, a in enumerate(alleles) if (value + 0.37 * i) % 1.0 < a.fraction)
        held.setdefault(tuple(rows), []).append(molecule)
    return held


def write_bam(
    path, reference, alleles, *, depth=60, length=100, insert=250, low=0.1, seed=1, sample="S1",
    span=None,
):  # fmt: skip
    """Read pairs at a depth over ``span``, erring by quality: Q37, and Q12 for a share ``low``."""
    rng = np.random.default_rng(seed)
    first, last = span or (0, len(reference))
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": CONTIG, "LN": len(reference)}],
            "RG": [{"ID": "1", "SM": sample}],
        }
    )
    records = []
    lowest, highest = max(0, first - insert), min(last, len(reference) - insert)
    number = int(depth * (highest - lowest) / (2 * length))
    for rows, members in draw_molecules(alleles, number, rng).items():
        bases, places = haplotype(reference, [alleles[i] for i in rows])
        for member in members:
            left = int(rng.integers(lowest, min(highest, len(bases) - insert)))
            right = left + insert - length
            for start, is_right in ((left, False), (right, True)):
                part = slice(start, start + length)
                record = pysam.AlignedSegment(header)
                record.query_name = f"m{member}"
                # Which end was read first is by chance; the right one runs backwards.
                is_first = is_right == bool(member % 2)
                record.flag = 3 | (64 if is_first else 128) | (16 if is_right else 32)
                _fill(record, bases[part], places[part], low, rng)
                records.append(record)
    return write_sorted(path, header, records)


def write_sorted(path, header, records):
    """An indexed BAM of records in any order."""
    records.sort(key=lambda record: record.reference_start)
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for record in records:
            file.write(record)
    pysam.index(str(path))
    return str(path)


def _fill(record, bases, places, low, rng):
    """Where a read lies, and what was read of it."""
    text = np.frombuffer(bases.encode(), np.uint8).copy()
    quals = np.where(rng.random(len(text)) < low, 12, 37)
    wrong = rng.random(len(text)) < 10.0 ** (-quals / 10)
    text[wrong] = rng.choice(np.frombuffer(b"ACGT", np.uint8), int(wrong.sum()))
    record.reference_id = 0
    record.reference_start, record.cigartuples = cigar_of(places)
    record.mapping_quality = 60
    record.query_sequence = text.tobytes().decode()
    record.query_qualities = array("B", quals.astype(np.uint8).tobytes())
    record.set_tag("RG", "1")
