"""How many errors are corrected, how many are made: base by base and k-mer by k-mer.

Simulated reads are corrected by ours and by whichever peers are installed, and scored
against their truth. Scenarios:

``hiseq``    ART's HiSeq 2500 pairs, 2x150, from the whole of E. coli K-12
``mitchell`` 100 bp single reads with 0.5 % uniform errors, whole K-12 (the grid of
             Mitchell et al. 2020, doi:10.1186/s13059-020-01988-3)
``diploid``  2x150 with 0.24 % errors by quality, a heterozygous SNP every kilobase
``dwgsim``   dwgsim's pairs, 2x150, 0.2 to 1 % errors rising along the read

    python -m benchmarks.accuracy --scenario hiseq --depths 50 --seeds 1 2 3

Samples are kept in ``--folder`` and read from there the next time; results that are already in
the ``-o`` file stay, and what is run again replaces its row, so a long series can be run
piece by piece.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.samples import Sample, load_sample, save_sample
from benchmarks.accuracy.score import Both, score_files
from benchmarks.harness.command import Parser, need, record, samples_folder, save
from benchmarks.harness.ours import judged
from benchmarks.harness.peers import PEERS, Facts
from benchmarks.simulators import simulate
from benchmarks.simulators.instruments import art, dwgsim
from benchmarks.simulators.truth import K12, SLICE_START
from dbgclean.errors import DbgcleanError
from dbgclean.pipeline.passes import rewrite

__all__ = ["OURS", "SCENARIOS", "Scenario", "correct", "draw", "main", "summarise"]

OURS = ("nearest", "ratio", "likelihood", "autoencoder", "auto")

Drawn = tuple[simulate.SimulatedReads, simulate.Sites | None, str]


@dataclass(frozen=True)
class Scenario:
    """One kind of sample.

    Attributes
    ----------
    depths : tuple of float
    length : int or None
        Bases of K-12 from its millionth on; None: all of it.
    read_length : int
    draw : callable (genome, depth, seed) -> (reads, sites or None, command)
    """

    depths: tuple[float, ...]
    length: int | None
    read_length: int
    draw: Callable[[np.ndarray, float, int], Drawn]


def _draw_hiseq(genome: np.ndarray, depth: float, seed: int) -> Drawn:
    reads, command = art(genome, depth=depth, seed=seed)
    return reads, None, command


def _draw_dwgsim(genome: np.ndarray, depth: float, seed: int) -> Drawn:
    reads, command = dwgsim(genome, depth=depth, seed=seed)
    return reads, None, command


def _draw_mitchell(genome: np.ndarray, depth: float, seed: int) -> Drawn:
    reads = simulate.simulate_reads(
        genome,
        depth=depth,
        read_length=100,
        paired=False,
        profile=simulate.UniformProfile(0.005),
        seed=seed,
    )
    return reads, None, "benchmarks.simulators.simulate, 100 bp single, uniform 0.5 %"


def _draw_diploid(genome: np.ndarray, depth: float, seed: int) -> Drawn:
    sites = simulate.draw_sites(genome, 1000, (0.5,), seed)
    reads = simulate.simulate_reads(
        genome, depth=depth, sites=sites, profile=simulate.QualityProfile(0.0024), seed=seed
    )
    return reads, sites, "benchmarks.simulators.simulate, 2x150, 0.24 % by quality, SNP every 1 kb"


SCENARIOS = {
    "hiseq": Scenario((10, 30, 50), None, 150, _draw_hiseq),
    "mitchell": Scenario((4, 8, 16, 32), None, 100, _draw_mitchell),
    "diploid": Scenario((20,), 1_000_000, 150, _draw_diploid),
    "dwgsim": Scenario((30, 50), 1_000_000, 150, _draw_dwgsim),
}


def draw(name: str, depth: float, seed: int, length: int | None, data: Path, work: Path) -> Sample:
    """The sample of a scenario, from ``work`` where it was drawn before."""
    scenario = SCENARIOS[name]
    length = length or scenario.length
    folder = work / f"{name}_{length or 'whole'}_{depth:g}x_seed{seed}" / "sample"
    if folder.exists():
        return load_sample(folder)
    start = SLICE_START if length else 0
    genome = simulate.load_genome(data / "genomes" / K12, start, length)
    reads, sites, command = scenario.draw(genome, depth, seed)
    facts = {
        "scenario": name,
        "depth": depth,
        "seed": seed,
        "genome": {"file": K12, "start": start, "length": len(genome)},
        "simulator": command,
    }
    return save_sample(folder, reads, genome, sites, facts)


def correct(
    sample: Sample, tools: Sequence[str], threads: int, residue: Path | None = None
) -> Iterator[dict[str, Any]]:
    """Correct a sample by each tool and score it; a row of the results for each.

    A tool that is not there, or fails, is a row that says so. Ours are run together: reads
    are counted and threaded once, and the seconds of a row hold what they have in common
    and the scoring of its own.
    With ``residue`` the corrected reads that still differ from their truth are written there.
    """
    facts = {key: sample.facts[key] for key in ("scenario", "depth", "seed")}
    facts |= {"length": len(sample.genome)}
    for tool in [tool for tool in tools if tool not in OURS]:
        try:
            done, both = _correct_by_peer(sample, tool, threads)
        except RuntimeError as error:
            yield {**facts, "tool": tool, "skipped": str(error)}
            continue
        yield {**facts, "tool": tool, **done, **both.finish()}
    ours = [tool for tool in tools if tool in OURS]
    try:
        for tool, done, both in _correct_by_ours(sample, ours, threads) if ours else ():
            yield {**facts, "tool": tool, **done, **both.finish()}
            if residue:
                both.scorer.save_left(residue / f"{sample.folder.parent.name}_{tool}.npz")
    except DbgcleanError as error:
        for tool in ours:
            yield {**facts, "tool": tool, "skipped": str(error)}


def _correct_by_peer(sample: Sample, tool: str, threads: int) -> tuple[dict[str, Any], Both]:
    if tool == "raw":
        return {}, score_files(sample, sample.files, [0, 1], threads)
    folder = sample.folder.parent / tool
    shutil.rmtree(folder, ignore_errors=True)
    diploid = sample.facts["scenario"] == "diploid"
    told = Facts(len(sample.genome), sample.facts["depth"], sample.codes.shape[1], diploid)
    result = PEERS[tool].correct(sample.files, folder, told, threads)
    both = score_files(sample, result.files, result.mates, threads)
    shutil.rmtree(folder)
    done = {"command": result.command, "seconds": result.seconds}
    return {**done, "peak_gb": result.peak_gb}, both


def _correct_by_ours(
    sample: Sample, tools: list[str], threads: int
) -> Iterator[tuple[str, dict[str, Any], Both]]:
    """The passes of `dbgclean correct`, with reads handed to the scorer instead of a file."""
    begun = time.perf_counter()
    found = judged(sample.files, tools, threads)
    together = time.perf_counter() - begun
    for tool in tools:
        begun = time.perf_counter()
        both = Both.of(sample, threads)
        options = replace(found.options, corrector=tool)
        run = rewrite(replace(found, options=options), both.add_written)
        seconds = together + time.perf_counter() - begun
        verdicts = run.chosen.verdicts
        assert verdicts is not None
        done = {"command": f"dbgclean correct --corrector {tool}", "seconds": round(seconds, 1)}
        yield tool, {**done, "verdicts": verdicts.count()}, both


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and spread (smallest, largest) over seeds for each scenario, depth and tool."""
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        key = (row["scenario"], row["length"], row["depth"], row["tool"])
        groups.setdefault(key, []).append(row)
    result = []
    for (scenario, length, depth, tool), group in groups.items():
        head = {"scenario": scenario, "length": length, "depth": depth, "tool": tool}
        done = [row for row in group if "gain" in row]
        if not done:
            result.append({**head, "skipped": group[0]["skipped"]})
            continue
        for name in _SUMMARISED:
            values = [_value(row, name) for row in done]
            if values[0] is not None:
                head[name] = [float(np.mean(values)), min(values), max(values)]
        result.append({**head, "seeds": sorted(row["seed"] for row in done)})
    return result


_LISTS = {"false_left": "false_kmers_left", "true_lost": "true_kmers_lost"}
_SUMMARISED = (
    *("gain", "gain_masked", "sensitivity", "precision", "fp", "fn", "masked", "trimmed"),
    *("errors", "repeat_fp", "repeat_fn", *_LISTS),
    *("alt_destroyed_share", "destroyed_share", "seconds"),
)


def _value(row: dict[str, Any], name: str) -> Any:
    # k-mers are summed up at abundance 1, where the bars stand.
    return row[_LISTS[name]][0] if name in _LISTS else row.get(name)


def show(row: dict[str, Any]) -> None:
    """One line for a row."""
    head = f"{row['scenario']} {row['depth']:g}x seed {row['seed']} {row['tool']:12s}"
    if "gain" not in row:
        print(f"{head} skipped: {row['skipped']}", flush=True)
        return
    alleles = ""
    if "alt_destroyed_share" in row:
        alleles = f"  alternative bases destroyed {100 * row['alt_destroyed_share']:.3f} %"
    print(
        f"{head} gain {row['gain']:.5f}  FP {row['fp']:,}  FN {row['fn']:,} of {row['errors']:,}  "
        f"masked {row['masked']:,}+{row['masked_errors']:,}  trimmed {row['trimmed']:,}  "
        f"false left {row['false_kmers_left']}  true lost {row['true_kmers_lost']}"
        f"{alleles}  {row.get('seconds', 0)} s",
        flush=True,
    )


def _write(args: argparse.Namespace, told: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Put rows among those that the results file holds already."""
    old: dict[str, Any] = {"versions": {}, "rows": []}
    if args.output.exists():
        old = json.loads(args.output.read_text())

    def key(row: dict[str, Any]) -> tuple:
        return (row["scenario"], row["length"], row["depth"], row["tool"], row["seed"])

    merged = {key(row): row for row in old["rows"]} | {key(row): row for row in rows}
    rows = [merged[at] for at in sorted(merged)]
    versions = {"versions": old["versions"] | told["versions"]}
    save(args.output, {**told, **versions, "summary": summarise(rows), "rows": rows})


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = Parser(
        "accuracy", __doc__, depths=None, seeds=[1, 2, 3], length=None, threads=2, output=None,
        plots=None, folder=samples_folder("accuracy"),
    )  # fmt: skip
    parser.several("--scenario", SCENARIOS)
    parser.several("--tools", ["raw", *OURS, *PEERS])
    parser.add_argument(
        "--residue", type=Path, metavar="FOLDER", help="write what ours leaves wrong here"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the pieces asked for, print a line for each, write the figures."""
    args = parse(argv)
    need(args.data / "genomes" / K12)
    if args.residue:
        args.residue.mkdir(parents=True, exist_ok=True)
    told = record(args, [PEERS[tool] for tool in args.tools if tool in PEERS])
    rows: list[dict[str, Any]] = []
    for name in args.scenario:
        for depth in args.depths or SCENARIOS[name].depths:
            for seed in args.seeds:
                sample = draw(name, depth, seed, args.length, args.data, args.folder)
                for row in correct(sample, args.tools, args.threads, args.residue):
                    show(row)
                    rows.append(row)
                    # Written as it goes: a long series may be stopped at any time.
                    if args.output:
                        _write(args, told, rows)
    if args.plots:
        from benchmarks.accuracy.plots import plot_accuracy

        if args.output:
            rows = json.loads(args.output.read_text())["rows"]
        plot_accuracy(summarise(rows), args.plots)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
