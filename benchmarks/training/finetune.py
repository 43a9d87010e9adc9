"""Does fine-tuning on a sample help it, and does it ever harm?

Slices of E. coli K-12 as mixtures, with and without systematic errors, as clones, and as a
library of another make (short reads, eight quality levels, more errors) than most of what
the shipped weights were trained on. Each is corrected with the shipped weights and with
those that `dbgclean train` makes of it: false 31-mers left in the corrected reads, true
ones lost, and alleles kept of those that the raw reads show three times or more.

    python -m benchmarks.training.finetune --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness.command import Parser, need, record, save
from benchmarks.harness.ours import K, judged, rewritten
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12, SLICE_START, Truth
from benchmarks.variants.score import score
from dbgclean.log import Progress
from dbgclean.model import read_card
from dbgclean.pipeline.passes import Options
from dbgclean.training.train import TrainOptions, train_on_reads

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


def _simulate(
    args: argparse.Namespace, scenario: Scenario, seed: int, folder: Path
) -> tuple[list[Path], Truth]:
    start = args.start + (seed - 1) * args.length
    genome = simulate.k12(args.length, start, args.data)
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
    shown = simulate.site_counts(reads, sites) if sites is not None else None
    return simulate.write_pairs(reads, folder), Truth.of(genome, sites, K, shown)


def _correct(paths: list[Path], truth: Truth, model: str | None, threads: int) -> dict[str, Any]:
    """Correct with some weights and score."""
    run = rewritten(judged(paths, ["autoencoder"], threads, model, graph=True))
    column, raw = run.chosen, run.raw
    found = score(truth, raw, column.table)
    row: dict[str, Any] = {
        "false_left": found["false_left"][0],
        "false_left_3": found["false_left"][2],
        "true_lost": found["true_lost"][0],
        "undecided": column.verdicts.count()["undecided"] if column.verdicts else 0,
    }
    alleles = found["alleles"].get("by_reads", {})
    return row | {f"kept_{f:g}": alleles[f"{f:g}"][1:] for f in FRACTIONS if f"{f:g}" in alleles}


def one(args: argparse.Namespace, name: str, seed: int) -> dict[str, Any]:
    """One sample: before and after."""
    with tempfile.TemporaryDirectory() as folder:
        paths, truth = _simulate(args, SCENARIOS[name], seed, Path(folder))
        before = _correct(paths, truth, args.model, args.threads)
        model = str(Path(folder) / "model")
        began = time.perf_counter()
        tuned = train_on_reads(
            [str(path) for path in paths],
            model,
            Options(model=args.model, seed=seed, threads=args.threads),
            TrainOptions(),
            Progress(quiet=True),
        )
        seconds = time.perf_counter() - began
        after = _correct(paths, truth, model, args.threads)
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


def _parser() -> Parser:
    parser = Parser(
        "training.finetune", __doc__, length=200_000, seeds=[1, 2, 3], threads=2, model=None,
        output=None,
    )  # fmt: skip
    parser.several("--scenarios", SCENARIOS)
    parser.add_argument("--start", type=int, default=SLICE_START)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run all scenarios and seeds."""
    args = _parser().parse_args(argv)
    need(args.data / "genomes" / K12)
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
    save(args.output, record(args, summary=table, runs=results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
