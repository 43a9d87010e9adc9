"""How many errors are corrected, how many are made: base by base and k-mer by k-mer.

Simulated reads are corrected by ours and by whichever peers are installed, and scored
against their truth. Scenarios:

``hiseq``    ART's HiSeq 2500 pairs, 2x150, from the whole of E. coli K-12
``mitchell`` 100 bp single reads with 0.5 % uniform errors, whole K-12 (the grid of
             Mitchell et al. 2020, doi:10.1186/s13059-020-01988-3)
``diploid``  2x150 with 0.24 % errors by quality, a heterozygous SNP every kilobase
``dwgsim``   dwgsim's pairs, 2x150, 0.2 to 1 % errors rising along the read

    python -m benchmarks.accuracy --scenario hiseq --depths 50 --seeds 1 2 3

Samples are kept in ``--work`` and read from there the next time; results that are already in
the ``--json`` file stay, and what is run again replaces its row, so a long series can be run
piece by piece.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import simulate
from benchmarks.accuracy_samples import Sample, art, dwgsim, load_sample, save_sample
from benchmarks.accuracy_score import Both, score_files
from benchmarks.peers import PEERS, Facts
from dbgclean._files import atomic_path
from dbgclean.errors import DbgcleanError
from dbgclean.log import Progress
from dbgclean.pipeline.passes import Options, count, judge, open_run, rewrite

__all__ = ["OURS", "SCENARIOS", "Scenario", "correct", "draw", "main", "summarise"]

K12 = "ecoli_K12_MG1655_NC_000913.3.fna.gz"
SLICE_START = 1_000_000
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
    return reads, None, "benchmarks.simulate, 100 bp single, uniform 0.5 %"


def _draw_diploid(genome: np.ndarray, depth: float, seed: int) -> Drawn:
    sites = simulate.draw_sites(genome, 1000, (0.5,), seed)
    reads = simulate.simulate_reads(
        genome, depth=depth, sites=sites, profile=simulate.QualityProfile(0.0024), seed=seed
    )
    return reads, sites, "benchmarks.simulate, 2x150, 0.24 % by quality, SNP every 1 kb"


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
    done = {"command": " ".join(result.command), "seconds": result.seconds}
    return {**done, "peak_gb": result.peak_gb}, both


def _correct_by_ours(
    sample: Sample, tools: list[str], threads: int
) -> Iterator[tuple[str, dict[str, Any], Both]]:
    """The passes of `dbgclean correct`, with reads handed to the scorer instead of a file."""
    begun = time.perf_counter()
    files = [str(path) for path in sample.files]
    options = Options(corrector=tools[0], threads=threads)
    judged = judge(count(open_run(files, options, Progress(quiet=True))), tools)
    together = time.perf_counter() - begun
    for tool in tools:
        begun = time.perf_counter()
        both = Both.of(sample, threads)
        run = rewrite(replace(judged, options=replace(options, corrector=tool)), both.add_group)
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


def _versions(tools: list[str]) -> dict[str, str]:
    from dbgclean import __version__

    found = {"dbgclean": __version__, "python": platform.python_version()}
    return found | {tool: PEERS[tool].version() for tool in tools if tool in PEERS}


def _write(args: argparse.Namespace, rows: list[dict[str, Any]], versions: dict[str, str]) -> None:
    """Put rows among those that the results file holds already."""
    old: dict[str, Any] = {"versions": {}, "rows": []}
    if args.json.exists():
        old = json.loads(args.json.read_text())

    def key(row: dict[str, Any]) -> tuple:
        return (row["scenario"], row["length"], row["depth"], row["tool"], row["seed"])

    merged = {key(row): row for row in old["rows"]} | {key(row): row for row in rows}
    rows = [merged[at] for at in sorted(merged)]
    written = {
        "command": f"python -m benchmarks.accuracy --json {args.json.name}",
        "versions": old["versions"] | versions,
        "threads": args.threads,
        "summary": summarise(rows),
        "rows": rows,
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(args.json) as building:
        building.write_text(json.dumps(written, indent=1) + "\n")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scenario", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--depths", type=float, nargs="+", help="default: the scenario's own")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--tools", nargs="+", default=["raw", *OURS, *PEERS], metavar="TOOL")
    parser.add_argument("--length", type=int, help="a slice of K-12; default: the scenario's own")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "dbgclean-accuracy",
        help="where samples are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--residue", type=Path, metavar="FOLDER", help="write what ours leaves wrong here"
    )
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw the JSON's figures")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    known = ["raw", *OURS, *PEERS]
    if strange := [tool for tool in args.tools if tool not in known]:
        parser.error(f"--tools: {', '.join(strange)} not among {', '.join(known)}")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the pieces asked for, print a line for each, write the figures."""
    args = parse(argv)
    if not (args.data / "genomes" / K12).exists():
        print(f"{args.data}: no genomes there; give --data", file=sys.stderr)
        return 1
    if args.residue:
        args.residue.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    versions = _versions(args.tools)
    for name in args.scenario:
        for depth in args.depths or SCENARIOS[name].depths:
            for seed in args.seeds:
                sample = draw(name, depth, seed, args.length, args.data, args.work)
                for row in correct(sample, args.tools, args.threads, args.residue):
                    show(row)
                    rows.append(row)
                    # Written as it goes: a long series may be stopped at any time.
                    if args.json:
                        _write(args, rows, versions)
    if args.plots:
        from benchmarks.accuracy_plots import plot_accuracy

        if args.json:
            rows = json.loads(args.json.read_text())["rows"]
        plot_accuracy(summarise(rows), args.plots)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
