"""k-mer sets corrected without their reads: what is left, what is lost, which alleles stay.

Slices of E. coli K-12 are sequenced by our own simulator (150 bases paired, 0.4 % errors by
quality), counted, and given to every corrector as a counter's dump would be: abundances
alone. Sets: mixtures with a site a kilobase at 50, 20, 10, 5, 2 and 1 %, at 200x and 100x; the
first of them with a strand-specific systematic error a kilobase besides; a haploid at 50x.
K-12 is in no sample that the network was trained on.

    python -m benchmarks.variants.kmer_set --length 150000 --seeds 1 2 3

Alleles are counted as `benchmarks.variants.score` does for k-mers: those whose middle k-mer
was seen three times or more, kept where it still stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.harness.command import RESULTS, Parser, need, record, save
from benchmarks.harness.ours import timed
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12, Truth
from benchmarks.variants.score import score, summarise
from dbgclean.errors import DbgcleanError
from dbgclean.pipeline.kmer_set import correct_kmers
from dbgclean.pipeline.options import Options
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.whole import count_kmers

__all__ = ["SETS", "main", "measure", "sample_of"]

CORRECTORS = ("cutoff", "nearest", "likelihood", "autoencoder")


@dataclass(frozen=True)
class Kind:
    """One kind of sample: depth, bases from site to site, systematic errors a kilobase."""

    depth: float
    spacing: int
    systematic: float = 0.0


SETS = {
    "mixture-200x": Kind(200, 1000),
    "mixture-100x": Kind(100, 1000),
    "mixture-200x-systematic": Kind(200, 1000, 1.0),
    "haploid-50x": Kind(50, 0),
}


def sample_of(kind: Kind, genome: np.ndarray, k: int, seed: int) -> tuple[KmerTable, Truth]:
    """Counted k-mers of a simulated sample, and its truth."""
    sites = simulate.draw_sites(genome, kind.spacing, seed=seed) if kind.spacing else None
    systematic = None
    if kind.systematic:
        systematic = simulate.draw_systematic(genome, kind.systematic, seed=seed)
    reads = simulate.simulate_reads(
        genome, depth=kind.depth, circular=True, sites=sites, systematic=systematic, seed=seed
    )
    table = count_kmers(simulate.to_batches(reads), k)
    # A dump has abundances alone.
    none = np.zeros_like(table.counts)
    table = replace(table, reverse=none, high_quality=table.counts)
    return table, Truth.of(genome, sites, k, circular=True)


def measure(table: KmerTable, truth: Truth, correctors: Sequence[str], threads: int) -> dict:
    """Figures of every corrector on one sample."""
    scores: dict[str, Any] = {"raw": score(truth, table, table)}
    for name in correctors:
        try:
            with timed() as clock:
                run = correct_kmers(table, Options(corrector=name, threads=threads), [name])
        except DbgcleanError as error:
            scores[name] = {"failed": str(error)}
            continue
        scores[name] = score(truth, table, run.chosen.kmers) | clock.took
        if run.chosen.verdicts is not None:
            scores[name]["verdicts"] = run.chosen.verdicts.count()
            scores[name]["refused"] = run.moves[name].refused()
    return scores


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table, write the JSON."""
    parser = Parser(
        "variants.kmer_set", __doc__, length=150_000, seeds=[1, 2, 3], threads=2,
        correctors=list(CORRECTORS), output=RESULTS / "kmer_set.json",
    )  # fmt: skip
    parser.add_argument("--start", type=int, help="of the slice, 0-based (default: 1,000,000)")
    parser.add_argument("-k", type=int, default=31)
    parser.several("--sets", SETS)
    args = parser.parse_args(argv)
    need(args.data / "genomes" / K12)
    genome = simulate.k12(args.length, args.start, args.data)
    samples: dict[str, list[dict]] = {}
    for name in args.sets:
        for seed in args.seeds:
            table, truth = sample_of(SETS[name], genome, args.k, seed)
            scores = measure(table, truth, args.correctors, args.threads)
            samples.setdefault(name, []).append({"seed": seed, "kmers": len(table), **scores})
    summary = {name: summarise(rows) for name, rows in samples.items()}
    save(args.output, record(args, summary=summary, samples=samples))
    _print(summary)
    return 0


def _print(summary: dict[str, Any]) -> None:
    for name, columns in summary.items():
        print(name)
        for corrector, row in columns.items():
            if corrector == "kmers":
                continue
            if "failed" in row:
                print(f"  {corrector:12} {row['failed']}")
                continue
            left, lost = (row[what][0]["mean"] for what in ("false_left", "true_lost"))
            rows = row["alleles"]["by_kmers"].items()
            alleles = " ".join(f"{f}: {a['mean']:g}/{b['mean']:g}" for f, (a, _, b) in rows)
            print(f"  {corrector:12} false left {left:12,.0f}  true lost {lost:8,.0f}  {alleles}")


if __name__ == "__main__":
    raise SystemExit(main())
