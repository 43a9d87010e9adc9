"""Heterozygous haplotypes of several SNVs are variants, other copies of a repeat are none.

Reads are mapped by bwa, whose mapping qualities fall with the differences of a read.
"""

import csv
import gzip
import shutil

import numpy as np
import pytest
from small_samples import random_sequence

from benchmarks.inspect.repeats import count_classes, draw_clusters, draw_copy, second_copies
from benchmarks.inspect.samples import haplotype, map_pairs
from benchmarks.simulators.simulate import decode, encode
from dbgclean.__main__ import main

pytestmark = pytest.mark.skipif(
    not (shutil.which("bwa") and shutil.which("samtools")), reason="bwa and samtools map the reads"
)

LENGTH, INSERT = 100, 250


def write_pairs(path, sequences, depth, rng):
    """Pairs of all sequences at Q37, with an error every 5,000 bases."""
    with open(path[0], "w") as one, open(path[1], "w") as two:
        for number, (bases, share) in enumerate(sequences):
            pairs = int(depth * share * len(bases) / (2 * LENGTH))
            for i, start in enumerate(rng.integers(0, len(bases) - INSERT, pairs).tolist()):
                piece = bases[start : start + INSERT].copy()
                wrong = rng.random(INSERT) < 2e-4
                piece[wrong] = rng.integers(0, 4, int(wrong.sum()))
                left, right = piece[:LENGTH], 3 - piece[::-1][:LENGTH]
                mates = (left, right) if i % 2 else (right, left)
                for file, codes in zip((one, two), mates, strict=True):
                    file.write(f"@s{number}_{i}\n{decode(codes)}\n+\n{'F' * LENGTH}\n")


def inspected(folder, reference, sequences, alleles, rng):
    """What `inspect` takes the alleles for."""
    fasta = folder / "ref.fa"
    fasta.write_text(f">chr\n{decode(reference)}\n")
    pairs = [folder / f"R{mate}.fq" for mate in (1, 2)]
    write_pairs(pairs, sequences, 45, rng)
    map_pairs(fasta, pairs, folder / "a.bam", 1)
    out = folder / "out"
    arguments = [folder / "a.bam", "-r", "chr", "--reference", fasta, "-o", out, "-q"]
    assert main(["inspect", *map(str, arguments)]) == 0
    return count_classes(out / "alleles.tsv.gz", alleles)


def test_heterozygous_clusters_are_variants(tmp_path):
    rng = np.random.default_rng(3)
    reference = encode(random_sequence(16_000, 5))
    alleles = draw_clusters(reference, 30, rng)
    sequences = [(haplotype(reference, alleles)[0], 0.5), (reference, 0.5)]
    found = inspected(tmp_path, reference, sequences, alleles, rng)
    assert found["classes"]["variant"] >= 0.98 * found["alleles"] > 100
    # Two errors of one place now and then: of reads without qualities that differ.
    assert found["outside"] <= 2


def test_a_second_copy_that_the_reference_lacks_is_a_repeat(tmp_path):
    rng = np.random.default_rng(4)
    reference = encode(random_sequence(16_000, 6))
    copies = [
        (start, 2000, draw_copy(reference, start, 2000, share, rng))
        for start, share in ((2000, 0.03), (9000, 0.05))
    ]
    sequences = [(reference, 1.0), (second_copies(reference, copies, rng), 1.0)]
    alleles = [allele for copy in copies for allele in copy[2]]
    found = inspected(tmp_path, reference, sequences, alleles, rng)
    assert found["classes"]["repeat"] >= 0.9 * found["alleles"] > 100
    assert found["outside"] == 0
    with gzip.open(tmp_path / "out" / "alleles.tsv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["class"] == "repeat"]
    assert any("other alleles within 250 bases" in row["reasons"] for row in rows)
