"""Families of error processes and real sets, by every corrector: what no judge was made for.

Each family (`simulators/family`) is one process that makes errors, drawn from molecules by a
simulator that shares no error model with the one that trains our network. Alleles stand
every kilobase; what counts is how many are kept with how many false 31-mers left, family by
family. Scores are those of `variants/score.py` and `families/score.py`.

    python -m benchmarks.families -o families.json --plot families.png
    python -m benchmarks.families --families ffpe oxidation --correctors likelihood --peers
    python -m benchmarks.families --model 'left_out/{family}'

The last takes for each family the weights that were trained without it.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.families.cases import cases, results, summary
from benchmarks.families.plots import plot_families
from benchmarks.families.real import REAL
from benchmarks.families.table import show, table
from benchmarks.harness.command import Parser, need, record, save
from benchmarks.harness.peers import DEFAULT_PEERS, PEERS
from benchmarks.simulators.family import FAMILIES
from dbgclean.pipeline.passes import CONTROLS


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = Parser(
        "families", __doc__, length=None, depth=None, seeds=[1], correctors=list(CONTROLS),
        jobs=1, threads=1, output=None, plot=None,
    )  # fmt: skip
    parser.several("--families", FAMILIES, nargs="*")
    parser.several("--real", REAL, nargs="*")
    parser.several("--peers", PEERS, DEFAULT_PEERS, nargs="*")
    parser.add_argument("--model", help="folder of the network's weights; may hold {family}")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run all cases; figures are written after each."""
    args = parse(argv)
    need(args.data / "genomes")
    todo = cases(args)
    if not todo:
        print("neither a family nor a real set was asked for", file=sys.stderr)
        return 2
    absent = todo[0].tools.absent()
    for name, reason in absent.items():
        print(f"{name}: absent ({reason})")
    told = record(args, [PEERS[name] for name in args.peers])
    runs: list[dict] = []
    for result in results(todo, args.jobs):
        runs.append(result)
        print(show(result, absent), flush=True)
        save(args.output, {**told, "runs": runs, "summary": summary(runs)}, indent=None)
    print(table(runs, absent))
    if args.plot:
        plot_families(args.plot, runs)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
