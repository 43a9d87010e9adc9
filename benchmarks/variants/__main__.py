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
threshold. What the figures mean: `variants/score.py`.

    python -m benchmarks.variants --set ladder --seeds 1 2 3 -o ladder.json --plot ladder.png
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness.command import Parser, need, record, save
from benchmarks.harness.ours import K, timed
from benchmarks.harness.peers import DEFAULT_PEERS, PEERS, Facts
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12, Truth
from benchmarks.variants.plots import plot_mixtures
from benchmarks.variants.run import (
    correct_by_ours,
    known_peers,
    scores_of,
    sweeps,
)
from benchmarks.variants.score import summarise
from dbgclean.pipeline.passes import CONTROLS

SETS = ("ladder", "A", "B", "hard")
HARD = simulate.Artefacts(duplicates=0.1, chimeras=0.01, indels=0.01, adapters=True)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = Parser(
        "variants", __doc__, length=500_000, depth=200.0, error=0.004, end_drop=7.0,
        seeds=[1, 2, 3], threads=2, correctors=list(CONTROLS), model=None, output=None, plot=None,
    )  # fmt: skip
    parser.several("--peers", PEERS, DEFAULT_PEERS, nargs="*")
    parser.add_argument("--set", choices=SETS, default="ladder")
    parser.add_argument("--no-sweep", action="store_true", help="leave out the curves")
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
    genome = simulate.k12(args.length, data=args.data)
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
    truth = Truth.of(genome, sites, K, simulate.site_counts(reads, sites))
    if hard:
        truth = replace(truth, artefacts=_artefacts(reads, truth.kmers))
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
        paths = simulate.write_pairs(reads, Path(folder))
        del reads
        with timed() as clock:
            run, places = correct_by_ours(paths, args.correctors, args.threads, args.model)
        facts = Facts(genome_size=args.length, depth=args.depth, diploid=True)
        result = {"seed": seed} | clock.took
        if not args.no_sweep:
            result["sweep"] = sweeps(run, truth, args.threads)
        result |= scores_of(run, places, truth, args.peers, paths, facts, args.threads)
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
    known_peers(args.peers)
    need(args.data / "genomes" / K12)
    results = []
    for seed in args.seeds:
        results.append(one(args, seed))
        show(results[-1])
    peers = [PEERS[name] for name in args.peers]
    document = record(args, peers, summary=summarise(results), runs=results)
    save(args.output, document, indent=None)
    if args.plot:
        plot_mixtures(args.plot, document)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
