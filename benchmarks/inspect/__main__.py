"""`dbgclean inspect` against a truth, beside freebayes, bcftools and a quality-and-strand test.

    python -m benchmarks.inspect --set na12878
    python -m benchmarks.inspect --set lowfreq --seeds 1 2 3 --systematic
    python -m benchmarks.inspect --set somatic --seeds 1 2 3
    python -m benchmarks.inspect --set twist
    python -m benchmarks.inspect --set depth speed

Two windows of NA12878 with GIAB's alleles; ART's reads of a slice of E. coli K-12 with
alleles at 50 to 1 % of the molecules; tumours with their normals; mixtures of two synthetic
SARS-CoV-2 controls; 200 bases at 8,700x. Results go to ``--results`` as JSON, with the
commands in them, and as plots.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.inspect import deep as inspect_deep
from benchmarks.inspect import plots as inspect_plots
from benchmarks.inspect import real as inspect_real
from benchmarks.inspect import simulated as inspect_simulated
from benchmarks.inspect.callers import CALLERS
from benchmarks.inspect.lines import lines

SETS = ("na12878", "lowfreq", "somatic", "twist", "depth", "speed")
# What a set is run with where the command line does not say.
LENGTHS = {"lowfreq": (30_000, 150), "somatic": (50_000, 240)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inspect",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--set", dest="sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--callers", nargs="+", choices=list(CALLERS), default=list(CALLERS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--depths", type=float, nargs="+", default=[60.0, 100.0, 300.0, 1000.0])
    parser.add_argument("--fractions", type=float, nargs="+", help="default: the set's own")
    parser.add_argument("--length", type=int, help="bases of the simulated reference")
    parser.add_argument("--spacing", type=int, help="bases between simulated alleles")
    parser.add_argument(
        "--systematic", action="store_true", help="lowfreq also with systematic errors"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--options", nargs=argparse.REMAINDER, default=[], help="last: words for dbgclean inspect"
    )
    parser.add_argument("--work", type=Path, help="keep samples and calls here")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/0.4.0"))
    return parser


def run(args: argparse.Namespace, name: str, work: Path) -> dict[str, Any]:
    """One set; its figures, printed as well."""
    work.mkdir(parents=True, exist_ok=True)
    if name in LENGTHS:
        length, spacing = LENGTHS[name]
        args = argparse.Namespace(**vars(args))
        args.length, args.spacing = args.length or length, args.spacing or spacing
    if name == "lowfreq":
        samples = inspect_simulated.lowfreq(args, work)
        return {"table": inspect_simulated.lowfreq_table(samples), "samples": samples}
    runners = {
        "na12878": inspect_real.na12878,
        "twist": inspect_real.twist,
        "speed": inspect_real.speed,
        "somatic": inspect_simulated.somatic,
        "depth": inspect_deep.depth,
    }
    found = runners[name](args, work)
    return {"figures": found}


def _settings(args: argparse.Namespace, name: str, argv: Sequence[str]) -> dict[str, Any]:
    kept = ("seeds", "depths", "fractions", "length", "spacing", "systematic", "threads")
    return {
        "command": " ".join(["python -m benchmarks.inspect", *argv]),
        "set": name,
        **{key: getattr(args, key) for key in kept},
        "versions": {one: CALLERS[one].version() for one in args.callers},
    }


def _write(args: argparse.Namespace, name: str, document: dict[str, Any]) -> None:
    args.results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1)
    (args.results / f"inspect_{name}.json").write_text(text + "\n")
    if name == "lowfreq":
        inspect_plots.plot_recall(document["table"], args.results / "inspect_lowfreq.png")
        inspect_plots.plot_curves(document["samples"], args.results / "inspect_curves.png")
    if name == "somatic":
        inspect_plots.plot_somatic(document["figures"], args.results / "inspect_somatic.png")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    argv = list(sys.argv[1:] if argv is None else argv)
    args = _parser().parse_args(argv)
    args.options = tuple(args.options)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.sets:
            work = (args.work.resolve() if args.work else Path(folder)) / name
            document = {"settings": _settings(args, name, argv)} | run(args, name, work)
            _write(args, name, document)
            for line in lines(name, document):
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
