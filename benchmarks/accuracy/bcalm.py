"""Compare our unitigs of simulated reads with those of BCALM 2, K-12 whole.

    python -m benchmarks.accuracy.bcalm --depth 20 --abundance 1 2 3

Simulates seeded reads (uniform substitutions, both strands), counts and compacts them
with dbgclean and with ``bcalm`` at each minimal abundance, and asks that sequences, summed
abundances and links be equal up to reverse complement. Prints a table of sizes and
seconds and exits with 1 if anything differs.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness.command import Parser, need
from benchmarks.harness.tools import call
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12
from dbgclean.graph.canonical import canonical
from dbgclean.graph.compaction import compact
from dbgclean.graph.unitig_fasta import read_unitigs
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.whole import count_kmers

ARRAYS = ("codes", "offsets", "abundance", "link_offsets", "link_targets")


def run_bcalm(reads: Path, k: int, abundance: int, threads: int) -> tuple[UnitigGraph, float]:
    """BCALM 2's graph and its seconds."""
    command = ["bcalm", "-in", reads.name, "-kmer-size", str(k), "-abundance-min", str(abundance)]
    command += ["-nb-cores", str(threads), "-out", "bcalm", "-verbose", "0"]
    start = time.perf_counter()
    call(command, reads.parent)
    seconds = time.perf_counter() - start
    return read_unitigs(reads.parent / "bcalm.unitigs.fa", k=k), seconds


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; 0 if all is equal."""
    parser = Parser("accuracy.bcalm", __doc__, depth=20.0, error=0.005, threads=2, seed=1)
    parser.add_argument("--abundance", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("-k", type=int, default=31)
    args = parser.parse_args(argv)
    genome = args.data / "genomes" / K12
    need(genome)
    reads = simulate.simulate_reads(
        simulate.load_genome(genome),
        depth=args.depth,
        paired=False,
        profile=simulate.UniformProfile(args.error),
        seed=args.seed,
    )
    start = time.perf_counter()
    table = count_kmers(simulate.to_batches(reads), args.k, threads=args.threads)
    counting = time.perf_counter() - start
    warm = table.select(np.arange(len(table)) < 1000)
    compact(warm.keys, warm.counts, args.k, threads=args.threads)
    different = 0
    print("abundance\tkmers\tunitigs\tlinks\tcount_s\tcompact_s\tbcalm_s\tequal")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reads.fastq"
        simulate.write_fastq(reads, path)
        del reads
        for abundance in args.abundance:
            kept = table.select(table.counts >= abundance)
            start = time.perf_counter()
            ours = compact(kept.keys, kept.counts, args.k, threads=args.threads)
            seconds = time.perf_counter() - start
            theirs, bcalm_seconds = run_bcalm(path, args.k, abundance, args.threads)
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
    raise SystemExit(main())
