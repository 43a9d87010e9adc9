"""Compare our unitigs of simulated reads with those of BCALM 2, whole genome.

    python -m benchmarks.accuracy.bcalm GENOME.fa[.gz] [--depth 20] [--abundance 1 2 3]

Simulates seeded reads (uniform substitutions, both strands), counts and compacts them
with dbgclean and with ``bcalm`` at each minimal abundance, and asks that sequences, summed
abundances and links be equal up to reverse complement. Prints a table of sizes and
seconds and exits with 1 if anything differs.
"""

import argparse
import gzip
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from dbgclean.graph.canonical import canonical
from dbgclean.graph.compaction import compact
from dbgclean.graph.unitig_fasta import read_unitigs
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.counting import count_codes
from dbgclean.spectrum.kmers import encode

READ_LENGTH = 150
ARRAYS = ("codes", "offsets", "abundance", "link_offsets", "link_targets")


def read_genome(path: Path) -> np.ndarray:
    """2-bit codes of all sequences of a FASTA file, other letters as A."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as lines:
        codes = encode("".join(line.strip() for line in lines if not line.startswith(">")))
    return np.where(codes < 4, codes, 0).astype(np.uint8)


def simulate(genome: np.ndarray, depth: float, error: float, seed: int) -> np.ndarray:
    """Codes of reads, uint8 (reads, READ_LENGTH)."""
    rng = np.random.default_rng(seed)
    reads = int(genome.size * depth / READ_LENGTH)
    starts = rng.integers(0, genome.size - READ_LENGTH + 1, reads)
    codes = genome[starts[:, None] + np.arange(READ_LENGTH)]
    turned = rng.random(reads) < 0.5
    codes[turned] = 3 - codes[turned][:, ::-1]
    wrong = rng.random(codes.shape, dtype=np.float32) < error
    codes[wrong] = (codes[wrong] + rng.integers(1, 4, wrong.sum())) % 4
    return codes


def write_fasta(path: Path, codes: np.ndarray) -> None:
    """One read a line under numbered headers."""
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[codes]
    with path.open("wb") as out:
        out.writelines(b">%d\n%s\n" % (i, row.tobytes()) for i, row in enumerate(letters))


def run_bcalm(reads: Path, k: int, abundance: int, threads: int) -> tuple[UnitigGraph, float]:
    """BCALM 2's graph and its seconds."""
    command = ["bcalm", "-in", reads.name, "-kmer-size", str(k), "-abundance-min", str(abundance)]
    command += ["-nb-cores", str(threads), "-out", "bcalm", "-verbose", "0"]
    start = time.perf_counter()
    subprocess.run(command, cwd=reads.parent, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    return read_unitigs(reads.parent / "bcalm.unitigs.fa", k=k), seconds


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; 0 if all is equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("genome", type=Path)
    parser.add_argument("--depth", type=float, default=20)
    parser.add_argument("--error", type=float, default=0.005)
    parser.add_argument("--abundance", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("-k", type=int, default=31)
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    codes = simulate(read_genome(args.genome), args.depth, args.error, args.seed)
    ends = np.arange(0, codes.size + 1, READ_LENGTH, dtype=np.int64)
    start = time.perf_counter()
    table = count_codes(codes.reshape(-1), ends, None, args.k, threads=args.threads)
    counting = time.perf_counter() - start
    warm = table.select(np.arange(len(table)) < 1000)
    compact(warm.keys, warm.counts, args.k, threads=args.threads)
    different = 0
    print("abundance\tkmers\tunitigs\tlinks\tcount_s\tcompact_s\tbcalm_s\tequal")
    with tempfile.TemporaryDirectory() as folder:
        reads = Path(folder) / "reads.fa"
        write_fasta(reads, codes)
        del codes
        for abundance in args.abundance:
            kept = table.select(table.counts >= abundance)
            start = time.perf_counter()
            ours = compact(kept.keys, kept.counts, args.k, threads=args.threads)
            seconds = time.perf_counter() - start
            theirs, bcalm_seconds = run_bcalm(reads, args.k, abundance, args.threads)
            theirs = canonical(theirs)
            equal = all(np.array_equal(getattr(ours, a), getattr(theirs, a)) for a in ARRAYS)
            different += not equal
            print(
                f"{abundance}\t{len(kept)}\t{len(ours)}\t{len(ours.links())}\t{counting:.1f}\t"
                f"{seconds:.1f}\t{bcalm_seconds:.1f}\t{'yes' if equal else 'NO'}",
                flush=True,
            )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
