"""Families of error processes and real sets, by every corrector: what no judge was made for.

Each family (`simulators/family`) is one process that makes errors, drawn from molecules by a
simulator that shares no error model with the one that trains our network. Alleles stand
every kilobase; what counts is how many are kept with how many false 31-mers left, family by
family. Scores are those of `variants/score.py` and `families/score.py`.

    python -m benchmarks.families --json families.json --plot families.png
    python -m benchmarks.families --families ffpe oxidation --correctors likelihood --peers
    python -m benchmarks.families --model 'left_out/{family}'

The last takes for each family the weights that were trained without it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.families.plots import plot_families
from benchmarks.families.real import REAL, real_case
from benchmarks.families.score import Tools, score_sample
from benchmarks.families.table import show, table
from benchmarks.harness.peers import PEERS, Facts
from benchmarks.simulators.family import FAMILIES
from benchmarks.simulators.family.sample import k12
from benchmarks.simulators.files import write_fastq
from benchmarks.variants.run import known_peers
from benchmarks.variants.score import summarise
from dbgclean.pipeline.passes import CONTROLS

DEFAULT_PEERS = tuple(name for name in PEERS if name != "bayeshammer")


@dataclass(frozen=True)
class Case:
    """One sample: a family or a real set, its size and its seed."""

    name: str
    seed: int
    tools: Tools
    data: Path
    length: int = 0
    depth: float = 0.0

    @property
    def label(self) -> str:
        """Name in tables: depths are told apart where a family has several."""
        family = FAMILIES.get(self.name)
        if family is None or len(family.depths) == 1:
            return self.name
        return f"{self.name} {self.depth:g}x"


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--families", nargs="*", choices=list(FAMILIES), default=list(FAMILIES), metavar="NAME"
    )
    parser.add_argument(
        "--real", nargs="*", choices=REAL, default=list(REAL), metavar="NAME",
        help=f"of {', '.join(REAL)}".replace("%", "%%"),
    )  # fmt: skip
    parser.add_argument("--length", type=int, help="bases, by default the family's own")
    parser.add_argument("--depth", type=float, help="by default the family's own")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--correctors", nargs="+", default=list(CONTROLS))
    parser.add_argument("--model", help="folder of the network's weights; may hold {family}")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(DEFAULT_PEERS))
    parser.add_argument("--jobs", type=int, default=1, help="samples at the same time")
    parser.add_argument("--threads", type=int, default=1, help="of each sample")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plot", type=Path, help="draw them here (PNG)")
    return parser.parse_args(argv)


def cases(args: argparse.Namespace) -> list[Case]:
    """Every sample that was asked for."""
    found = []
    for name in (*args.families, *args.real):
        # A brace in a folder's name is its own affair where no family is asked for.
        model = args.model and args.model.replace("{family}", name.split()[0])
        tools = Tools(tuple(args.correctors), tuple(args.peers), args.threads, model)
        for seed in args.seeds if name != "zika" else args.seeds[:1]:
            case = Case(name, seed, tools, args.data)
            if name in FAMILIES:
                length = args.length or FAMILIES[name].length
                depths = [args.depth] if args.depth else FAMILIES[name].depths
                found += [replace(case, length=length, depth=depth) for depth in depths]
            else:
                found.append(case)
    return found


def one(case: Case) -> dict:
    """Draw one sample, correct it by everything, score."""
    head = {"family": case.label, "seed": case.seed}
    if case.name not in FAMILIES:
        return head | real_case(case.name, case.seed, case.data, case.tools)
    family = FAMILIES[case.name]
    genome = k12(case.length, data=case.data)
    sample = family.draw(case.seed, depth=case.depth, genome=genome)
    facts = Facts(genome_size=case.length, depth=case.depth, read_length=family.read_length)
    with tempfile.TemporaryDirectory() as folder:
        paths = for_peers = family.write(sample, Path(folder))
        if family.fasta:
            # Not every tool reads FASTA: equal qualities say as little.
            for_peers = [Path(folder) / f"r{mate}.fastq" for mate in (1, 2)]
            write_fastq(sample, *for_peers)  # type: ignore[arg-type]
        truth = sample.truth
        del sample
        scores = score_sample(paths, truth, facts, case.tools, for_peers)
    return head | {"length": case.length, "depth": case.depth} | scores


def results(todo: list[Case], jobs: int) -> Iterator[dict]:
    """Scores of the cases in their order, ``jobs`` of them at a time."""
    if jobs == 1:
        yield from map(one, todo)
        return
    # Forked threads of numba and torch would hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        yield from pool.map(one, todo)


def summary(runs: list[dict]) -> dict:
    """By family, mean, lowest and highest over its seeds."""
    names = dict.fromkeys(run["family"] for run in runs)
    return {
        name: summarise([{"tools": run["tools"]} for run in runs if run["family"] == name])
        for name in names
    }


def main(argv: list[str] | None = None) -> int:
    """Run all cases; figures are written after each."""
    args = parse(argv)
    if not (args.data / "genomes").exists():
        print(f"{args.data}: no genomes there; give --data", file=sys.stderr)
        return 1
    todo = cases(args)
    if not todo:
        print("neither a family nor a real set was asked for", file=sys.stderr)
        return 2
    absent = todo[0].tools.absent()
    for name, reason in absent.items():
        print(f"{name}: absent ({reason})")
    settings = {n: v for n, v in vars(args).items() if n not in ("data", "json", "plot", "jobs")}
    record: dict = {"settings": settings | {"versions": known_peers(args.peers)}, "runs": []}
    for result in results(todo, args.jobs):
        record["runs"].append(result)
        print(show(result, absent), flush=True)
        record["summary"] = summary(record["runs"])
        if args.json:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(record, separators=(",", ":")) + "\n")
    print(table(record["runs"], absent))
    if args.plot:
        plot_families(args.plot, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
