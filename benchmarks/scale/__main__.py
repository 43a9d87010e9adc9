"""A human genome at 30x on a cluster: on paper, then in simulation. Nothing of it was run.

    python -m benchmarks.scale -o scale.json --plot scale.png
    python -m benchmarks.scale --part skew paper -o scale.json --plot scale.png

``costs``  what each step takes of one core on whole K-12 at 20x and 50x, measured here
``skew``   how unevenly the highest ten bits of the key part k-mers, of K-12 and of chr20
``paper``  from these, what a human genome at 30x takes, and the steps in simulation

Parts that are not asked for stay as the ``-o`` file has them. Costs are CPU seconds (user and
system) of one process on one core; kernels are compiled beforehand.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.command import Parser, need, record, samples_folder, save
from benchmarks.scale.costs import measured
from benchmarks.scale.paper import HUMAN, checked, needs, population, too_many_nodes
from benchmarks.scale.scenarios import CORES, SCENARIOS, changed, outcomes
from benchmarks.scale.units import units_of
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12
from benchmarks.speed.samples import Source, hiseq
from dbgclean.evidence.cutoffs import CORRECTION_K
from dbgclean.spectrum.whole import count_codes

__all__ = ["costs", "main", "paper", "skew"]

CHR20 = "human/hg19_chr20_9995001-11095000.fa.gz"
KEY_BITS = 10
BLOCKS = (16, 64, 256, 1024, 4096)


def costs(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure the steps at every depth."""
    source = Source(args.folder, args.data, None, args.length, args.seed)
    rows = []
    for depth in args.depths:
        reads = hiseq(source, depth)
        with (
            tempfile.TemporaryDirectory(dir=args.folder) as folder,
            ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
        ):
            done = pool.submit(measured, list(reads.files), Path(folder), args.blocks)
            rows.append({"sample": reads.to_dict(), **done.result()})
        for step, took in rows[-1]["steps"].items():
            print(f"{depth:g}x {step:15s} {took['cpu']:8.2f} s CPU", flush=True)
    return rows


def skew(args: argparse.Namespace) -> dict[str, Any]:
    """Shares of the k-mers by their highest bits, of a bacterium and of human sequence."""
    found = {}
    for name, file in (("k12", f"genomes/{K12}"), ("chr20", CHR20)):
        codes = simulate.load_genome(args.data / file, 0, None)
        table = count_codes(codes, np.array([0, len(codes)]), None, CORRECTION_K)
        bins = table.keys >> np.uint64(2 * CORRECTION_K - KEY_BITS)
        sizes = np.bincount(bins.astype(np.int64), minlength=1 << KEY_BITS)
        found[name] = {
            "kmers": len(table),
            "largest_over_mean": round(float(sizes.max() / sizes.mean()), 2),
            "empty": int((sizes == 0).sum()),
            "sizes": sizes.tolist(),
        }
    return found


def paper(results: dict[str, Any], blocks: int) -> dict[str, Any]:
    """The table and the simulation, from the costs and the skew."""
    units, shares = units_of(results["costs"], HUMAN.depth), results["skew"]["chr20"]["sizes"]
    table = needs(HUMAN, units, blocks, shares)
    kmers = population(HUMAN)
    return {
        "units": units.to_dict(),
        "genome": vars(HUMAN) | {"blocks": blocks},
        "kmers": {name: float(f"{value:.4g}") for name, value in vars(kmers).items()},
        "kmers_over_those_of_the_graph": round(too_many_nodes(HUMAN), 3),
        "counted_gigabytes_by_blocks": {
            n: round(n * population(HUMAN, share=1 / n).stored / 1e9) for n in BLOCKS
        },
        "model_over_counted": checked(results["skew"]["k12"]["kmers"], results["costs"]),
        "paper": [row.to_dict() for row in table],
        "core_hours": round(sum(row.core_seconds for row in table) / 3600, 1),
        "scenarios": SCENARIOS,
        "simulation": outcomes(table),
        "changed": changed(table),
    }


def show(results: dict[str, Any]) -> None:
    """Both tables, as Markdown."""
    print("| step | parts | core-hours | read, GB | written, GB | memory of a part, GB |")
    print("|---|--:|--:|--:|--:|--:|")
    for row in results["paper"]:
        memory = f"{row['memory'] / 1e9:.2f}"
        if row["per_node"]:
            memory += f" + {row['per_node'] / 1e9:.1f} a node"
        print(
            f"| {row['step']} | {row['parts']:,} | {row['core_seconds'] / 3600:.1f} "
            f"| {row['read'] / 1e9:,.0f} | {row['written'] / 1e9:,.0f} | {memory} |"
        )
    for title, rows in (("scenario", results["simulation"]), ("change", results["changed"])):
        print(f"\n| {title} |" + "".join(f" {n}: hours | efficiency | single |" for n in CORES))
        print("|---|" + "--:|" * 3 * len(CORES))
        for name in dict.fromkeys(row[title] for row in rows):
            print(f"| {name} |" + "".join(_cells(row) for row in rows if row[title] == name))


def _cells(row: dict[str, Any]) -> str:
    low, high = row["hours_from_to"]
    hours = f"{row['hours']:.2f}" + (f" ({low:.2f} to {high:.2f})" if low < high else "")
    return f" {hours} | {row['efficiency']:.3f} | {row['share_of_steps_that_are_one']:.2f} |"


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = Parser(
        "scale", __doc__, depths=[20.0, 50.0], length=None, seed=1, output=None, plot=None,
        folder=samples_folder("accuracy"),
    )  # fmt: skip
    parser.several("--part", ("costs", "skew", "paper"))
    parser.add_argument("--blocks", type=int, default=4, help="of K-12's reads")
    parser.add_argument("--human-blocks", type=int, default=1024)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the parts asked for, print the tables."""
    args = parse(argv)
    for file in (f"genomes/{K12}", CHR20):
        need(args.data / file)
    there = args.output is not None and args.output.exists()
    results: dict[str, Any] = json.loads(args.output.read_text()) if there else {}
    told = record(args)
    if "costs" in args.part:
        args.folder.mkdir(parents=True, exist_ok=True)
        # Of what machine the seconds are is said with them.
        results |= told | {"costs": costs(args)}
    if "skew" in args.part:
        results["skew"] = skew(args)
    if "paper" in args.part:
        results |= paper(results, args.human_blocks)
        show(results)
    save(args.output, results)
    if args.plot:
        from benchmarks.scale.plots import plot_scale

        plot_scale(results, args.plot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
