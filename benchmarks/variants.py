"""A mixture ladder: which alleles survive, and how many false k-mers are left.

The picture of the whole project. A slice of E. coli K-12 carries an allele every
kilobase, at 50, 20, 10, 5, 2 and 1 % of the fragments; reads err by quality, and with
``--systematic`` at one strand-specific site a kilobase too. For each corrector:
false 31-mers left in the corrected reads at abundance 1, 2 and 3, the same in the
k-mer set, true 31-mers lost, and alleles kept of those that the raw reads show in
three reads or more.

    python benchmarks/variants.py --length 500000 --depth 200 --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import simulate
from dbgclean.log import Progress
from dbgclean.pipeline.passes import CONTROLS, Options, count, judge, open_run, rewrite
from dbgclean.report.cost import truth_cost

K12 = "ecoli_K12_MG1655_NC_000913.3.fna.gz"
SLICE_START = 1_000_000


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--length", type=int, default=500_000)
    parser.add_argument("--depth", type=float, default=200)
    parser.add_argument("--error", type=float, default=0.004)
    parser.add_argument("--systematic", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--correctors", nargs="+", default=list(CONTROLS))
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args(argv)


def one(args: argparse.Namespace, seed: int) -> dict:
    """Simulate one mixture, correct it by every corrector, score."""
    start = SLICE_START
    genome = simulate.load_genome(args.data / "genomes" / K12, start, args.length)
    sites = simulate.draw_sites(genome, seed=seed)
    systematic = simulate.draw_systematic(genome, seed=seed) if args.systematic else None
    reads = simulate.simulate_reads(
        genome,
        depth=args.depth,
        sites=sites,
        systematic=systematic,
        profile=simulate.QualityProfile(rate=args.error),
        seed=seed,
    )
    bases = simulate.site_counts(reads, sites)
    shown = bases[np.arange(len(bases)), sites.alt] >= 3
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"r{mate}.fastq") for mate in (1, 2)]
        simulate.write_fastq(reads, *paths)
        del reads
        begun = time.perf_counter()
        run = open_run(
            paths,
            Options(corrector=args.correctors[-1], threads=args.threads),
            Progress(quiet=True),
        )
        table = count(run, graph=True)
        judge(run, table, args.correctors)
        rewrite(run, lambda group, batch: None, graph=True)
        seconds = time.perf_counter() - begun
    truth = simulate.true_kmers(genome, sites, 31)
    alleles = simulate.allele_kmers(genome, sites, 31)
    raw = run.raw
    false_raw = ~np.isin(raw.keys, truth, assume_unique=True)
    result = {"seed": seed, "seconds": round(seconds, 1), "raw_false": int(false_raw.sum())}
    for name, column in run.columns.items():
        cost = truth_cost(
            truth, column.table.keys, column.table.counts, raw_keys=raw.keys, raw_counts=raw.counts
        )
        kmers = truth_cost(
            truth, column.kmers.keys, column.kmers.counts, raw_keys=raw.keys, raw_counts=raw.counts
        )
        kept = simulate.kept_alleles(alleles, column.table.keys, raw.keys)
        result[name] = {
            "false_left": [cost.false_kmers_left, cost.false_kmers_left_2, cost.false_kmers_left_3],
            "true_lost": cost.true_kmers_lost,
            "kmer_set_false": kmers.false_kmers_left,
            "kmer_set_lost": kmers.true_kmers_lost,
            "verdicts": column.verdicts.count() if column.verdicts else None,
            "kept": {
                f"{fraction:g}": [
                    int((kept & shown & (sites.fraction == fraction)).sum()),
                    int((shown & (sites.fraction == fraction)).sum()),
                ]
                for fraction in simulate.FRACTIONS
            },
        }
    return result


def show(result: dict) -> None:
    """One line per corrector."""
    print(f"seed {result['seed']}: raw false {result['raw_false']:,}, {result['seconds']} s")
    for name, row in result.items():
        if not isinstance(row, dict):
            continue
        kept = "  ".join(f"{f}: {a}/{b}" for f, (a, b) in row["kept"].items())
        print(
            f"  {name:12s} false left {row['false_left']}  lost {row['true_lost']}  "
            f"k-mer set: false {row['kmer_set_false']} lost {row['kmer_set_lost']}  {kept}"
        )


def main(argv: list[str] | None = None) -> int:
    """Run all seeds."""
    args = parse(argv)
    if not (args.data / "genomes" / K12).exists():
        print(f"{args.data}: no genomes there; give --data", file=sys.stderr)
        return 1
    results = []
    for seed in args.seeds:
        results.append(one(args, seed))
        show(results[-1])
    if args.json:
        settings = {key: value for key, value in vars(args).items() if key not in ("data", "json")}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"settings": settings, "runs": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
