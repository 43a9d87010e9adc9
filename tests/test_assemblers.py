"""Outputs of a run go into assemblers unaltered, and come out as the genome.

Each test is skipped, saying so, where the program is not installed.
"""

import gzip
import shutil
import subprocess

import numpy as np
import pytest
from small_samples import mixture, reverse_complement

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.graph.unitig_fasta import read_unitigs
from dbgclean.spectrum.formats import read_kmer_fasta

LENGTH = 4000


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on pairs of a circular clone: the output folder and the genome."""
    folder = tmp_path_factory.mktemp("assemble")
    reads, genome, _ = mixture(
        length=LENGTH, depth=60, spacing=None, read_length=150, insert=400, seed=61, circular=True
    )
    simulate.write_fastq(reads, folder / "a_1.fq.gz", folder / "a_2.fq.gz")
    inputs = [str(folder / "a_1.fq.gz"), str(folder / "a_2.fq.gz")]
    argv = ["--corrector", "likelihood", "--no-controls", "-q", "-o", str(folder / "out")]
    assert main(["run", *inputs, *argv]) == 0
    return folder / "out", simulate.decode(genome)


def assemble(program, arguments, folder):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    command = [program, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-800:]}{done.stderr[-800:]}"


def contigs(path):
    """Sequences of a FASTA file."""
    records = path.read_text().split(">")[1:]
    return ["".join(record.splitlines()[1:]) for record in records]


def is_from(contig, genome):
    around = genome + genome
    return contig in around or reverse_complement(contig) in around


def test_corrected_reads_go_into_spades(finished, tmp_path):
    folder, genome = finished
    one, two = (folder / "reads" / f"a_{mate}.fq.gz" for mate in (1, 2))
    arguments = ["--only-assembler", "-1", one, "-2", two, "-t", "1", "-k", "31", "-o", "out"]
    assemble("spades.py", arguments, tmp_path)
    found = contigs(tmp_path / "out" / "contigs.fasta")
    longest = max(found, key=len)
    assert len(longest) > 0.9 * LENGTH
    # A circle is cut open with its ends overlapping.
    assert is_from(longest[:LENGTH], genome)


@pytest.mark.parametrize("program", ["bcalm", "minia", "megahit"])
@pytest.mark.parametrize("given", ["kmers.fa.gz", "unitigs.fa"])
def test_corrected_kmers_go_into_assemblers(finished, tmp_path, program, given):
    """Errors are gone: each makes the circle in one piece, without knowing the abundances."""
    folder, genome = finished
    kmers = folder / given
    if program == "megahit":
        arguments = ["-r", kmers, "--min-count", "1", "-t", "1", "-o", "out"]
        result = tmp_path / "out" / "final.contigs.fa"
    else:
        arguments = ["-in", kmers, "-kmer-size", "31", "-abundance-min", "1", "-nb-cores", "1"]
        arguments += ["-out", "out"]
        result = tmp_path / ("out.unitigs.fa" if program == "bcalm" else "out.contigs.fa")
    assemble(program, arguments, tmp_path)
    found = contigs(result)
    assert len(found) == 1
    # A circle is cut somewhere; MEGAHIT leaves out the k-mers over the cut.
    assert len(found[0]) >= LENGTH - (31 if program == "megahit" else 0)
    assert is_from(found[0][:LENGTH], genome)


def test_unitigs_equal_bcalms(finished, tmp_path):
    """BCALM 2's unitigs of our k-mers are unitigs.fa."""
    folder, _ = finished
    arguments = ["-in", folder / "kmers.fa.gz", "-kmer-size", "31", "-abundance-min", "1"]
    assemble("bcalm", [*arguments, "-nb-cores", "1", "-out", "out"], tmp_path)
    ours, theirs = (
        read_unitigs(path, k=31) for path in (folder / "unitigs.fa", tmp_path / "out.unitigs.fa")
    )
    assert len(ours) == len(theirs) == 1
    assert ours.link_offsets[-1] == theirs.link_offsets[-1]
    table = read_kmer_fasta(folder / "kmers.fa.gz")
    assert ours.abundance.sum() == table.total
    assert np.diff(ours.offsets).sum() == len(table) + 30


def test_the_same_kmers_as_the_genome(finished):
    folder, genome = finished
    around = genome + genome[:30]
    expected = {
        min(kmer, reverse_complement(kmer)) for kmer in (around[i : i + 31] for i in range(LENGTH))
    }
    lines = gzip.open(folder / "kmers.fa.gz", "rt").read().splitlines()
    assert set(lines[1::2]) == expected
