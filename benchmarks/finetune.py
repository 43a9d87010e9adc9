"""Does fine-tuning on a sample help it, and does it ever harm?

Slices of E. coli K-12 as mixtures, with and without systematic errors, as clones, and as a
library of another make (short reads, eight quality levels, more errors) than most of what
the shipped weights were trained on. Each is corrected with the shipped weights and with
those that `dbgclean train` makes of it: false 31-mers left in the corrected reads, true
ones lost, and alleles kept of those that the raw reads show three times or more.

    python -m benchmarks.finetune --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import simulate
from dbgclean.log import Progress
from dbgclean.model import read_card
from dbgclean.pipeline.passes import Options, correct, open_run
from dbgclean.pipeline.train import TrainOptions, train_on_reads
from dbgclean.report.cost import truth_cost

K12 = "ecoli_K12_MG1655_NC_000913.3.fna.gz"
# Of the alleles, what is told apart; fine-tuning must not make any of these worse.
FRACTIONS = (0.05, 0.02, 0.01)


class Scenario(NamedTuple):
    """One kind of sample."""

    depth: float
    alleles: bool
    systematic: bool
    read_length: int = 150
    profile: simulate.QualityProfile | simulate.UniformProfile | None = None


SCENARIOS = {
    "mixture, 100x": Scenario(100, True, False),
    "mixture, 200x": Scenario(200, True, False),
    "mixture with systematic errors, 100x": Scenario(100, True, True),
    "mixture with systematic errors, 200x": Scenario(200, True, True),
    "clone, 100x": Scenario(100, False, False),
    "clone with systematic errors, 100x": Scenario(100, False, True),
    "mixture, 100 bp, eight quality levels, 1.5 % error, 150x": Scenario(
        150, True, True, 100, simulate.QualityProfile(rate=0.015, binned=True, top=33)
    ),
}


def _simulate(args: argparse.Namespace, scenario: Scenario, seed: int, folder: Path) -> _Truth:
    start = args.start + (seed - 1) * args.length
    genome = simulate.load_genome(args.data / "genomes" / K12, start, args.length)
    sites = simulate.draw_sites(genome, seed=seed) if scenario.alleles else None
    errors = simulate.draw_systematic(genome, seed=seed) if scenario.systematic else None
    reads = simulate.simulate_reads(
        genome,
        depth=scenario.depth,
        read_length=scenario.read_length,
        sites=sites,
        systematic=errors,
        profile=scenario.profile,
        seed=seed,
    )
    paths = [str(folder / f"r{mate}.fastq") for mate in (1, 2)]
    simulate.write_fastq(reads, *paths)
    shown = np.zeros(0, bool)
    if sites is not None:
        shown = simulate.site_counts(reads, sites)[np.arange(len(sites)), sites.alt] >= 3
    return _Truth(paths, genome, sites, shown)


class _Truth(NamedTuple):
    paths: list[str]
    genome: np.ndarray
    sites: simulate.Sites | None
    shown: np.ndarray


def _correct(truth: _Truth, model: str | None, threads: int) -> dict[str, Any]:
    """Correct with some weights and score."""
    options = Options(corrector="autoencoder", model=model, threads=threads)
    inputs = open_run(truth.paths, options, Progress(quiet=True), graph=True)
    run = correct(inputs, lambda group, batch: None)
    column, raw = run.chosen, run.raw
    true = simulate.true_kmers(truth.genome, truth.sites, 31)
    cost = truth_cost(
        true, column.table.keys, column.table.counts, raw_keys=raw.keys, raw_counts=raw.counts
    )
    row: dict[str, Any] = {
        "false_left": cost.false_kmers_left,
        "false_left_3": cost.false_kmers_left_3,
        "true_lost": cost.true_kmers_lost,
        "undecided": column.verdicts.count()["undecided"] if column.verdicts else 0,
    }
    if truth.sites is not None:
        alleles = simulate.allele_kmers(truth.genome, truth.sites, 31)
        kept = simulate.kept_alleles(alleles, column.table.keys, raw.keys)
        for fraction in FRACTIONS:
            there = truth.shown & (truth.sites.fraction == fraction)
            row[f"kept_{fraction:g}"] = [int((kept & there).sum()), int(there.sum())]
    return row


def one(args: argparse.Namespace, name: str, seed: int) -> dict[str, Any]:
    """One sample: before and after."""
    with tempfile.TemporaryDirectory() as folder:
        truth = _simulate(args, SCENARIOS[name], seed, Path(folder))
        before = _correct(truth, args.model, args.threads)
        model = str(Path(folder) / "model")
        began = time.perf_counter()
        tuned = train_on_reads(
            truth.paths,
            model,
            Options(model=args.model, seed=seed, threads=args.threads),
            TrainOptions(),
            Progress(quiet=True),
        )
        seconds = time.perf_counter() - began
        after = _correct(truth, model, args.threads)
        threshold = read_card(model).card["real_threshold"]
    return {
        "scenario": name,
        "seed": seed,
        "accepted": tuned.accepted,
        "reason": tuned.reason,
        "train_seconds": round(seconds, 1),
        "real_threshold": threshold,
        "held_out": tuned.figures,
        "before": before,
        "after": after,
    }


def summary(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By scenario and figure: means before and after, spread between seeds, and the change."""
    rows = []
    for name in dict.fromkeys(result["scenario"] for result in results):
        mine = [result for result in results if result["scenario"] == name]
        for figure in mine[0]["before"]:
            values = {}
            for when in ("before", "after"):
                found = [result[when][figure] for result in mine]
                shares = [v[0] / max(v[1], 1) if isinstance(v, list) else v for v in found]
                values[when] = np.array(shares, float)
            spread = float(values["before"].std(ddof=1)) if len(mine) > 1 else 0.0
            change = float((values["after"] - values["before"]).mean())
            worse = -change if figure.startswith("kept") else change
            rows.append(
                {
                    "scenario": name,
                    "figure": figure,
                    "before": round(float(values["before"].mean()), 4),
                    "after": round(float(values["after"].mean()), 4),
                    "spread": round(spread, 4),
                    # What is undecided is no loss in itself: it stays in the reads.
                    "worse_than_spread": bool(worse > spread and figure != "undecided"),
                }
            )
    return rows


def show(result: dict[str, Any]) -> None:
    """Two lines per sample."""
    verdict = "fine-tuned" if result["accepted"] else f"kept ({result['reason']})"
    print(f"{result['scenario']}, seed {result['seed']}: {verdict}, {result['train_seconds']} s")
    for when in ("before", "after"):
        cells = (
            f"{name} {value[0]}/{value[1]}" if isinstance(value, list) else f"{name} {value}"
            for name, value in result[when].items()
        )
        print(f"  {when:6s} " + "  ".join(cells), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finetune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--start", type=int, default=1_000_000)
    parser.add_argument("--length", type=int, default=200_000)
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS), choices=list(SCENARIOS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", help="weights to begin with. Default: those that ship")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run all scenarios and seeds."""
    args = _parser().parse_args(argv)
    if not (args.data / "genomes" / K12).exists():
        print(f"{args.data}: no genomes there; give --data", file=sys.stderr)
        return 1
    results = []
    for name in args.scenarios:
        for seed in args.seeds:
            results.append(one(args, name, seed))
            show(results[-1])
    table = summary(results)
    for row in table:
        mark = "  WORSE" if row["worse_than_spread"] else ""
        print(
            f"{row['scenario']}: {row['figure']} {row['before']:g} -> {row['after']:g} "
            f"(spread {row['spread']:g}){mark}"
        )
    if args.json:
        settings = {"length": args.length, "start": args.start, "seeds": args.seeds}
        document = {"settings": settings, "summary": table, "runs": results}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
