"""Two real controls mixed: three known SNVs kept, true k-mers lost, false ones left.

Reads of the Twist synthetic SARS-CoV-2 controls MN908947 and MT007544 (MiSeq, amplicons,
330x each, uneven) are drawn pair by pair with a seed, so that MT007544 makes up 50, 20,
10 or 5 % and the number of pairs stays that of the smaller set. The two differ by three
SNVs and a deletion of ten bases, known from their sequences and confirmed in the reads.
The truth is both genomes.

    python -m benchmarks.variants.twist --seeds 1 2 3 -o twist.json
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness.command import Parser, need, record, save
from benchmarks.harness.ours import K, timed
from benchmarks.harness.peers import PEERS, Facts
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import Truth
from benchmarks.variants.run import correct_by_ours, known_peers, scores_of, sweeps
from benchmarks.variants.score import summarise
from dbgclean.pipeline.passes import CONTROLS

MAJOR, MINOR = "MN908947", "MT007544"
GENOMES = ("NC_045512.2.fasta", "twist_MT007544_truth.fa")
FRACTIONS = (0.5, 0.2, 0.1, 0.05)
# What peers are told: one genome at the depth of the mixture.
GENOME_SIZE, DEPTH, READ_LENGTH = 29_903, 330.0, 249


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = Parser(
        "variants.twist", __doc__, fractions=list(FRACTIONS), seeds=[1, 2, 3], threads=2,
        correctors=list(CONTROLS), model=None, output=None,
    )  # fmt: skip
    parser.several("--peers", PEERS, nargs="*")
    parser.add_argument("--sweep", action="store_true", help="our judges at every threshold")
    return parser.parse_args(argv)


def load_truth(genomes: Path) -> Truth:
    """Both genomes, and the alleles of the minor one by their position."""
    major, minor = (simulate.load_genome(genomes / name) for name in GENOMES)
    rows = [
        line.split("\t")[:5]
        for line in (genomes / "twist_MT007544_vs_MN908947.vcf").read_text().splitlines()
        if not line.startswith("#")
    ]
    rows = [row for row in rows if len(row[3]) == len(row[4]) == 1]
    position = np.array([int(row[1]) - 1 for row in rows], np.int64)
    snvs = [(row[3], row[4]) for row in rows]
    ref, alt = (simulate.encode("".join(letters)) for letters in zip(*snvs, strict=True))
    if not np.array_equal(major[position], ref):
        message = f"{genomes}: the VCF's reference bases are not those of {GENOMES[0]}"
        raise ValueError(message)
    sites = simulate.Sites(position, ref, alt, np.ones(len(position)))
    return Truth(
        kmers=simulate.true_kmers([major, minor], None, K),
        alleles=simulate.allele_kmers(major, sites, K),
        group=np.array([f"{row[1]}{row[3]}>{row[4]}" for row in rows]),
    )


def read_pairs(path: Path) -> list[bytes]:
    """Records of one FASTQ.gz file, four lines each."""
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    return [b"".join(lines[row : row + 4]) for row in range(0, len(lines), 4)]


def mix(reads: Path, fraction: float, seed: int, out: Path) -> list[str]:
    """Draw a mixture and write it as two FASTQ files; their paths."""
    rng = np.random.default_rng([seed, round(fraction * 1000)])
    sets = [
        [read_pairs(reads / f"twist_{name}_R{mate}.fastq.gz") for mate in (1, 2)]
        for name in (MAJOR, MINOR)
    ]
    total = min(len(pair[0]) for pair in sets)
    n_minor = round(fraction * total)
    drawn = [
        np.sort(rng.choice(len(pair[0]), n, replace=False))
        for pair, n in zip(sets, (total - n_minor, n_minor), strict=True)
    ]
    which = np.repeat([0, 1], [len(rows) for rows in drawn])
    rows = np.concatenate(drawn)
    order = rng.permutation(total)
    paths = []
    for mate in (0, 1):
        paths.append(str(out / f"mix_R{mate + 1}.fastq"))
        records = [sets[which[i]][mate][rows[i]] for i in order.tolist()]
        Path(paths[-1]).write_bytes(b"".join(records))
    return paths


def one(args: argparse.Namespace, truth: Truth, fraction: float, seed: int) -> dict:
    """One mixture by every corrector."""
    with tempfile.TemporaryDirectory() as folder:
        paths = mix(args.data / "reads", fraction, seed, Path(folder))
        with timed() as clock:
            run, places = correct_by_ours(paths, args.correctors, args.threads, args.model)
        facts = Facts(genome_size=GENOME_SIZE, depth=DEPTH, read_length=READ_LENGTH)
        result = {"seed": seed} | clock.took
        if args.sweep:
            result["sweep"] = sweeps(run, truth, args.threads)
        result |= scores_of(run, places, truth, args.peers, paths, facts, args.threads)
    return result


def show(fraction: float, result: dict) -> None:
    """One line per corrector."""
    print(f"{100 * fraction:g} %, seed {result['seed']}: raw false {result['raw_false']}")
    for name, row in result["tools"].items():
        alleles = row["alleles"]["by_kmers"].values()
        kept = "/".join(str(sum(column)) for column in zip(*alleles, strict=True))
        print(f"  {name:12s} false left {row['false_left']}  lost {row['true_lost']}", end="")
        print(f"  SNVs kept, kept whole, shown {kept}", end="")
        if "split" in row:
            blame = ", ".join(f"{word} {n[0]}" for word, n in row["split"].items() if n[0])
            print(f"  k-mer set {row['kmer_set']['false_left']}", end="")
            print(f", lost {row['kmer_set']['true_lost']}; left by {blame}", end="")
        print()
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Run all fractions and seeds."""
    args = parse(argv)
    known_peers(args.peers)
    need(args.data / "reads" / f"twist_{MAJOR}_R1.fastq.gz")
    truth = load_truth(args.data / "genomes")
    fractions = {}
    for fraction in args.fractions:
        results = []
        for seed in args.seeds:
            results.append(one(args, truth, fraction, seed))
            show(fraction, results[-1])
        fractions[f"{fraction:g}"] = {"summary": summarise(results), "runs": results}
    peers = [PEERS[name] for name in args.peers]
    save(args.output, record(args, peers, fractions=fractions), indent=None)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
