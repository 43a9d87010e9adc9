"""How fast and how lean: ours and other people's tools in turn on the same reads.

    python -m benchmarks.speed --part count correct graph run --folder CACHE -o speed.json

``count``      against KMC (with and without singletons) and Jellyfish
``correct``    against Lighter, Tadpole and BFC
``graph``      against BCALM 2, of all k-mers and of those seen three times or more
``run``        against Lighter and BCALM 2 twice
``threads``    every stage of ours with one thread and with two
``memory``     peaks under a small --memory at a large depth
``growth``     time and memory over depths, and over genomes
``large``      peaks at larger genomes with repeats, two haplotypes, within --large-memory
``first-run``  before and after the kernels are compiled; --help
``profile``    `correct` and `run` stage by stage
``floor``      our CPU seconds beside those of one reading and one look-up of each k-mer

Each comparison is pairs of runs, ours first, then the peer; what counts is the median of the
ratios within pairs, of wall clock, CPU seconds (user and system) and peak memory. Files are in
the page cache, and kernels were compiled by a run that is not counted. Reads are kept in
``--folder``. Rows go to ``-o`` as they come, and replace those of an earlier run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.command import Parser, need, record, samples_folder, save
from benchmarks.harness.peers import PEERS
from benchmarks.speed.parts import PARTS, STAGES, Settings
from benchmarks.speed.samples import Source
from benchmarks.speed.table import fit_growth, markdown
from benchmarks.speed.tools import OTHERS

__all__ = ["main", "merge", "parse", "show"]

_KEY = ("part", "name", "against", "axis", "value", "memory", "threads", "depth", "genome_size")


def merge(rows: list[dict[str, Any]], more: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with ``more`` among them; of two of the same thing the later one stays.

    A row that only says why there is none does not replace a measured one.
    """

    def key(row: dict[str, Any]) -> tuple:
        return tuple(row.get(name) for name in _KEY)

    merged = {key(row): row for row in rows}
    for row in more:
        if "skipped" not in row or "skipped" in merged.get(key(row), row):
            merged[key(row)] = row
    order = list(PARTS)
    return sorted(merged.values(), key=lambda row: order.index(row["part"]))


def _write(path: Path, rows: list[dict[str, Any]], told: dict[str, Any]) -> dict[str, Any]:
    """Put rows among those that the file holds already; the whole of it."""
    old: dict[str, Any] = {"rows": []}
    if path.exists():
        old = json.loads(path.read_text())
    merged = merge(old["rows"], rows)
    results = {**told, "fits": fit_growth(merged), "rows": merged}
    save(path, results)
    return results


def show(row: dict[str, Any]) -> None:
    """One line for a row."""
    head = " ".join(str(row[name]) for name in ("part", "name") if name in row)
    if "against" in row:
        head += f" against {row['against']}"
    for name, unit in (("depth", "x"), ("genome_size", " bases"), ("memory", " memory")):
        head += f", {row[name]:,}{unit}" if isinstance(row.get(name), int | float) else ""
    if "skipped" in row:
        print(f"{head}: skipped: {row['skipped']}", flush=True)
    elif "ratio" in row:
        figures = ", ".join(
            f"{name} {row['ours'][name]:.2f} / {row['peer'][name]:.2f} = {row['ratio'][name]:.2f}"
            for name in ("wall", "cpu", "peak_gb")
        )
        print(f"{head}: {figures}", flush=True)
    elif "cost" in row:
        cost = row["cost"]
        told = f"{cost['wall']:.1f} s, {cost['cpu']:.1f} s CPU, {cost['peak_gb']:.2f} GB"
        limit = f" --memory {row['memory']}" if "memory" in row else ""
        print(f"{head}{limit}: {told}", flush=True)
    elif "reading" in row:
        told = f"{row['reading']:.2f} s reading, {row['look_ups']:.2f} s of look-ups"
        print(f"{head}: {told}, of {row['bases']:,} bases", flush=True)
    elif "stages" in row:
        print(f"{head}: {row['wall']:.1f} s, {row['cpu']:.1f} s CPU", flush=True)
        for stage in sorted(row["stages"], key=lambda stage: -stage["wall"]):
            print(
                f"  {stage['wall']:8.2f} s {stage['cpu']:8.2f} s CPU {100 * stage['share']:5.1f} % "
                f"to {stage['peak_gb']:.2f} GB  {stage['stage']} ({stage['calls']:,})",
                flush=True,
            )
    elif "first" in row:
        first, second = row["first"]["wall"], row["second"]["wall"]
        print(f"{head}: first {first:.1f} s, second {second:.1f} s", flush=True)
    else:
        print(f"{head}: {row['wall']:.2f} s", flush=True)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    folder = samples_folder("speed")
    parser = Parser(
        "speed", __doc__, threads=2, depth=50.0, depths=[12, 25, 50, 100, 200], length=None,
        seed=1, folder=folder, output=None, plots=None,
    )  # fmt: skip
    parser.several("--part", PARTS)
    parser.several("--stages", STAGES, help="for threads, memory and growth")
    parser.set_defaults(stages=None)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument(
        "--genomes", type=float, nargs="*", default=[1e6, 5e6, 50e6], help="sizes, in bases"
    )
    parser.add_argument("--genome-depth", type=float, default=50.0)
    parser.add_argument("--memory", default="1G")
    parser.add_argument("--memory-depth", type=float, default=200.0)
    parser.add_argument(
        "--large", type=float, nargs="*", default=[30e6, 100e6], help="sizes, in bases"
    )
    parser.add_argument("--large-depth", type=float, default=30.0)
    parser.add_argument("--large-memory", default="8G")
    parser.add_argument("--peers", nargs="+", help="only these (parts of names)")
    parser.add_argument("--genome", type=Path, help="FASTA in place of K-12, first record")
    parser.add_argument(
        "--draw", action="store_true", help="draw the samples of these parts, and stop"
    )
    parser.add_argument("--table", action="store_true", help="print the JSON's table; no runs")
    args = parser.parse_args(argv)
    if (args.table or args.plots) and not args.output:
        parser.error("--table and --plots need the figures of -o")
    return args


def settings_of(args: argparse.Namespace) -> Settings:
    """What the parts are told."""
    return Settings(
        source=Source(args.folder, args.data, args.genome, args.length, args.seed),
        depth=args.depth,
        pairs=args.pairs,
        threads=args.threads,
        depths=tuple(args.depths),
        genomes=tuple(int(size) for size in args.genomes),
        genome_depth=args.genome_depth,
        stages=tuple(args.stages) if args.stages else None,
        memory_depth=args.memory_depth,
        memory=args.memory,
        peers=tuple(args.peers) if args.peers else None,
        large=tuple(int(size) for size in args.large),
        large_depth=args.large_depth,
        large_memory=args.large_memory,
    )


def _measure(args: argparse.Namespace, settings: Settings, told: dict[str, Any]) -> dict[str, Any]:
    """Run the parts; the results, with those of earlier runs."""
    results: dict[str, Any] = {**told, "rows": []}
    for part in args.part:
        for row in PARTS[part](settings):
            show(row)
            # Written as it goes: a long series may be stopped at any time.
            if args.output:
                results = _write(args.output, [row], told)
            else:
                rows = merge(results["rows"], [row])
                results = {**told, "fits": fit_growth(rows), "rows": rows}
    shutil.rmtree(settings.work, ignore_errors=True)
    return results


def main(argv: list[str] | None = None) -> int:
    """Run the parts asked for, print a line for each row, then the table."""
    args = parse(argv)
    results: dict[str, Any] = {"rows": []}
    if args.output and args.output.exists():
        results = json.loads(args.output.read_text())
    if not args.table:
        settings = settings_of(args)
        need(settings.source.path, "--data or --genome")
        if args.draw:
            for reads in settings.draw(args.part):
                print(f"{reads.folder}: {reads.bases:,} bases", flush=True)
            return 0
        told = record(args, (*OTHERS, *PEERS.values()))
        if results.get("machine", told["machine"]) != told["machine"]:
            print(f"{args.output}: figures of another machine; give another file", file=sys.stderr)
            return 1
        results = _measure(args, settings, told)
    if args.plots:
        from benchmarks.speed.plots import plot_growth, plot_pairs

        for path in (*plot_growth(results, args.plots), *plot_pairs(results, args.plots)):
            print(path)
    print(markdown(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
