"""Mixtures of known alleles: which survive correction, and how many false k-mers are left.

The picture of the whole project. A slice of E. coli K-12 carries an allele every
kilobase, at 50, 20, 10, 5, 2 and 1 % of the fragments; reads err by quality. The sets:

- ``ladder``: nothing else;
- ``A``: besides one strand-specific error site a kilobase, 1 to 10 % of the reads,
  of low quality six times in ten;
- ``B``: two a kilobase, half behind GGC and half behind a homopolymer;
- ``hard``: duplicates, chimeras, reads with an indel, short inserts that run into the
  adapter.

Ours and other people's correctors get the same reads; so do our judges at every
threshold. What the figures mean: `variants_score.py`.

    python benchmarks/variants.py --set ladder --seeds 1 2 3 --json ladder.json --plot ladder.png
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
from benchmarks.peers import PEERS, Facts
from benchmarks.variants_plots import plot_mixtures
from benchmarks.variants_run import (
    K,
    correct_by_ours,
    known_peers,
    raw_false,
    score_ours,
    score_peers,
    sweeps,
    timed,
)
from benchmarks.variants_score import SHOWN, Truth, summarise
from dbgclean.pipeline.passes import CONTROLS

K12 = "ecoli_K12_MG1655_NC_000913.3.fna.gz"
SLICE_START = 1_000_000
SETS = ("ladder", "A", "B", "hard")
DEFAULT_PEERS = tuple(name for name in PEERS if name != "bayeshammer")
HARD = simulate.Artefacts(duplicates=0.1, chimeras=0.01, indels=0.01, adapters=True)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--set", choices=SETS, default="ladder")
    parser.add_argument("--length", type=int, default=500_000)
    parser.add_argument("--depth", type=float, default=200)
    parser.add_argument("--error", type=float, default=0.004)
    parser.add_argument(
        "--end-drop",
        type=float,
        default=7.0,
        help="Phred that the last cycle loses: 7 makes errors 3 times what qualities say, 9.4 2",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--correctors", nargs="+", default=list(CONTROLS))
    parser.add_argument("--model", help="folder of the network's weights")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=DEFAULT_PEERS)
    parser.add_argument("--no-sweep", action="store_true", help="leave out the curves")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plot", type=Path, help="draw them here (PNG)")
    return parser.parse_args(argv)


def systematic_sites(genome: np.ndarray, which: str, seed: int) -> simulate.Systematic | None:
    """Systematic error sites of a set."""
    if which == "A":
        return simulate.draw_systematic(genome, per_kb=1, seed=seed)
    if which != "B":
        return None
    halves = [
        simulate.draw_systematic(genome, per_kb=1, motif=motif, seed=seed)
        for motif in ("GGC", "homopolymer")
    ]
    position, reverse, alt, rate = (
        np.concatenate([getattr(half, name) for half in halves])
        for name in ("position", "reverse", "alt", "rate")
    )
    # A base may follow both motifs: it errs by the first.
    _, first = np.unique(2 * position + reverse, return_index=True)
    return simulate.Systematic(position[first], reverse[first], alt[first], rate[first])


def draw(args: argparse.Namespace, seed: int) -> tuple[simulate.SimulatedReads, Truth]:
    """Reads of one mixture, and its truth."""
    hard = args.set == "hard"
    genome = simulate.load_genome(args.data / "genomes" / K12, SLICE_START, args.length)
    sites = simulate.draw_sites(genome, seed=seed)
    reads = simulate.simulate_reads(
        genome,
        depth=args.depth,
        sites=sites,
        systematic=systematic_sites(genome, args.set, seed),
        profile=simulate.QualityProfile(rate=args.error, end_drop=args.end_drop),
        artefacts=HARD if hard else None,
        insert_mean=250 if hard else 350,
        insert_sd=70 if hard else 50,
        seed=seed,
    )
    bases = simulate.site_counts(reads, sites)
    kmers = simulate.true_kmers(genome, sites, K)
    truth = Truth(
        kmers=kmers,
        alleles=simulate.allele_kmers(genome, sites, K),
        group=np.array([f"{fraction:g}" for fraction in sites.fraction]),
        by_reads=bases[np.arange(len(bases)), sites.alt] >= SHOWN,
        artefacts=_artefacts(reads, kmers) if hard else None,
    )
    return reads, truth


def _artefacts(reads: simulate.SimulatedReads, kmers: np.ndarray) -> np.ndarray:
    """False k-mers of whole molecules: over seams of chimeras and in adapters."""
    odd = (reads.kind & (simulate.CHIMERA | simulate.ADAPTER)) != 0
    windows = [simulate.canonical_kmers(simulate.pack_kmers(row, K), K) for row in reads.truth[odd]]
    found = np.unique(np.concatenate(windows))
    return found[~np.isin(found, kmers, assume_unique=True)]


def one(args: argparse.Namespace, seed: int) -> dict:
    """Simulate one mixture, correct it by everything, score."""
    reads, truth = draw(args, seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"r{mate}.fastq") for mate in (1, 2)]
        simulate.write_fastq(reads, *paths)
        del reads
        begun = time.perf_counter(), time.process_time()
        run, places = correct_by_ours(paths, args.correctors, args.threads, args.model)
        result: dict = {"seed": seed} | timed(begun)
        result["raw_false"] = raw_false(run.raw, truth)
        result["reads"] = run.evidence.reads if run.evidence else {}
        result["tools"] = score_ours(run, places, truth)
        if not args.no_sweep:
            result["sweep"] = sweeps(run, truth, args.threads)
        raw = run.raw
        del run, places
        facts = Facts(genome_size=args.length, depth=args.depth, diploid=True)
        result["tools"] |= score_peers(
            paths, args.peers, Path(folder), facts, truth, raw, args.threads
        )
    return result


def show(result: dict) -> None:
    """Two lines per corrector."""
    seconds = f"ours {result['seconds']} s, {result['cpu_seconds']} s of processor"
    print(f"seed {result['seed']}: raw false {result['raw_false']}, {seconds}")
    for name, row in result["tools"].items():
        print(f"  {name:12s} false left {row['false_left']}  lost {row['true_lost'][0]}", end="")
        if "kmer_set" in row:
            kmers = row["kmer_set"]
            print(f"  k-mer set: {kmers['false_left']}, lost {kmers['true_lost']}", end="")
        if "artefacts_left" in row:
            print(f"  artefacts among them {row['artefacts_left']}", end="")
        print()
        for sense, groups in row["alleles"].items():
            kept = "  ".join(f"{group}: {a}/{n}" for group, (a, _, n) in groups.items())
            print(f"    shown {sense}: {kept}")
        if "split" in row:
            blame = ", ".join(f"{word} {n[0]}" for word, n in row["split"].items() if n[0])
            print(f"    left by: {blame or 'nothing'}; [true, false] {row['alternatives']}")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Run all seeds."""
    args = parse(argv)
    versions = known_peers(args.peers)
    print("peers:", ", ".join(f"{name} ({word})" for name, word in versions.items()) or "none")
    if not (args.data / "genomes" / K12).exists():
        print(f"{args.data}: no genomes there; give --data", file=sys.stderr)
        return 1
    results = []
    for seed in args.seeds:
        results.append(one(args, seed))
        show(results[-1])
    settings = {
        name: value
        for name, value in vars(args).items()
        if name not in ("data", "json", "plot", "no_sweep")
    }
    record = {
        "settings": settings | {"versions": versions},
        "summary": summarise(results),
        "runs": results,
    }
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(record, separators=(",", ":")) + "\n")
    if args.plot:
        plot_mixtures(args.plot, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
