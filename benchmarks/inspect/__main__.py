"""`dbgclean inspect` against a truth, beside freebayes, bcftools and a quality-and-strand test.

    python -m benchmarks.inspect --set na12878
    python -m benchmarks.inspect --set lowfreq --seeds 1 2 3 --systematic
    python -m benchmarks.inspect --set somatic --seeds 1 2 3
    python -m benchmarks.inspect --set twist
    python -m benchmarks.inspect --set depth speed

Two windows of NA12878 with GIAB's alleles; ART's reads of a slice of E. coli K-12 with
alleles at 50 to 1 % of the molecules; tumours with their normals; mixtures of two synthetic
SARS-CoV-2 controls; 200 bases at 8,700x. Results go to ``-o`` as JSON, with the
commands in them, and as plots.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.command import RESULTS, Parser, record, save
from benchmarks.inspect import deep, plots, real, simulated
from benchmarks.inspect.callers import CALLERS
from benchmarks.inspect.lines import lines

SETS = ("na12878", "lowfreq", "somatic", "twist", "depth", "speed")
# What a set is run with where the command line does not say.
LENGTHS = {"lowfreq": (30_000, 150), "somatic": (50_000, 240)}


def _parser() -> Parser:
    parser = Parser(
        "inspect", __doc__, seeds=[1], depths=[60.0, 100.0, 300.0, 1000.0], fractions=None,
        length=None, spacing=None, threads=2, folder=None, output=RESULTS, options=[],
    )  # fmt: skip
    parser.several("--set", SETS, dest="sets")
    parser.several("--callers", CALLERS)
    parser.add_argument(
        "--systematic", action="store_true", help="lowfreq also with systematic errors"
    )
    return parser


def run(args: argparse.Namespace, name: str, work: Path) -> dict[str, Any]:
    """One set; its figures, printed as well."""
    work.mkdir(parents=True, exist_ok=True)
    if name in LENGTHS:
        length, spacing = LENGTHS[name]
        args = argparse.Namespace(**vars(args))
        args.length, args.spacing = args.length or length, args.spacing or spacing
    if name == "lowfreq":
        samples = simulated.lowfreq(args, work)
        return {"table": simulated.lowfreq_table(samples), "samples": samples}
    runners = {
        "na12878": real.na12878,
        "twist": real.twist,
        "speed": real.speed,
        "somatic": simulated.somatic,
        "depth": deep.depth,
    }
    found = runners[name](args, work)
    return {"figures": found}


def _write(args: argparse.Namespace, name: str, document: dict[str, Any]) -> None:
    save(args.output / f"inspect_{name}.json", document)
    if name == "lowfreq":
        plots.plot_recall(document["table"], args.output / "inspect_lowfreq.png")
        plots.plot_curves(document["samples"], args.output / "inspect_curves.png")
    if name == "somatic":
        plots.plot_somatic(document["figures"], args.output / "inspect_somatic.png")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    args = _parser().parse_args(argv)
    args.options = tuple(args.options)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.sets:
            work = (args.folder.resolve() if args.folder else Path(folder)) / name
            callers = [CALLERS[caller] for caller in args.callers]
            document = record(args, callers, set=name, **run(args, name, work))
            _write(args, name, document)
            for line in lines(name, document):
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
