"""Expected loss, as planted alleles tell it without a truth, against the true loss.

Every family (`benchmarks/family`) with an allele every 250 bases at 10, 5 and 2 %: what
share of those that three reads show each judge loses, and what share of those planted in the
same reads (`dbgclean.evidence.spikes`). Alleles are counted by k-mers, as in
`variants_score.py`. The bar is a difference of at most five points.

    python benchmarks/expected_loss.py --json benchmarks/results/0.4.0/expected_loss.json
    python benchmarks/expected_loss.py --families duplicates --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.family import FAMILIES
from benchmarks.family.sample import k12
from benchmarks.variants_run import correct_by_ours
from benchmarks.variants_score import Truth, allele_rows
from dbgclean.pipeline.passes import Corrected

FRACTIONS = (0.1, 0.05, 0.02)
# The rarer, the fewer are shown.
_DRAWN = (0.1, 0.05, 0.02, 0.02)
_SPACING = 250
JUDGES = ("likelihood", "autoencoder", "auto")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES), metavar="NAME"
    )
    parser.add_argument("--length", type=int, default=200_000, help="bases of each genome")
    parser.add_argument("--depth", type=float, help="by default the family's own")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args(argv)


def one(name: str, depth: float, seed: int, args: argparse.Namespace) -> dict:
    """True and expected counts of one sample: ``[shown, kept]`` by judge and fraction."""
    family = replace(FAMILIES[name], fractions=_DRAWN, spacing=_SPACING)
    sample = family.draw(seed, depth=depth, genome=k12(args.length, data=args.data))
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(path) for path in family.write(sample, Path(folder))]
        run, _ = correct_by_ours(paths, JUDGES, args.threads)
    judges = {}
    for judge, column in run.columns.items():
        true = allele_rows(sample.truth, column.table.keys, run.raw)["by_kmers"]
        expected = column.expected_loss or {}
        judges[judge] = {
            f"{fraction:g}": {
                "true": [true[f"{fraction:g}"][2], true[f"{fraction:g}"][0]],
                "expected": [
                    expected.get(f"{fraction:g}", {}).get(k, 0) for k in ("shown", "kept")
                ],
            }
            for fraction in FRACTIONS
        }
    head = {"family": name, "depth": depth, "seed": seed, "took": run.columns["auto"].took}
    return head | {"false_kept": _false_kept(run, sample.truth), "judges": judges}


def _false_kept(run: Corrected, truth: Truth) -> dict[str, int]:
    """Alternatives that each judge keeps although they are not true."""
    assert run.evidence is not None
    false = ~np.isin(run.evidence.alternatives.key, truth.kmers)
    return {
        name: int(np.count_nonzero(column.verdicts.kept & false))
        for name, column in run.columns.items()
        if column.verdicts is not None
    }


def summary(runs: list[dict]) -> list[dict]:
    """Counts added up over the seeds, with both losses and their difference in points."""
    rows = []
    for name, depth in dict.fromkeys((run["family"], run["depth"]) for run in runs):
        own = [run for run in runs if (run["family"], run["depth"]) == (name, depth)]
        for judge in JUDGES:
            for fraction in own[0]["judges"][judge]:
                cells = [run["judges"][judge][fraction] for run in own]
                row = {"family": name, "depth": depth, "judge": judge, "fraction": fraction}
                for side in ("true", "expected"):
                    shown, kept = (sum(cell[side][i] for cell in cells) for i in range(2))
                    row |= {f"{side}_shown": shown, f"{side}_kept": kept}
                    loss = 100 * (1 - kept / shown) if shown else None
                    row[f"{side}_loss"] = loss if loss is None else round(loss, 1)
                both = None not in (row["true_loss"], row["expected_loss"])
                row["points"] = round(row["expected_loss"] - row["true_loss"], 1) if both else None
                rows.append(row)
    return rows


def show(rows: list[dict]) -> str:
    """A table in Markdown: expected loss / true loss (alleles truly shown), per cent."""
    lines = ["| family | judge | " + " | ".join(f"{100 * f:g} %" for f in FRACTIONS) + " |"]
    lines.append("|" + "---|" * (2 + len(FRACTIONS)))
    for first in range(0, len(rows), len(FRACTIONS)):
        part = rows[first : first + len(FRACTIONS)]
        cells = [f"{r['expected_loss']} / {r['true_loss']} ({r['true_shown']})" for r in part]
        head = f"{part[0]['family']} {part[0]['depth']:g}x"
        lines.append(f"| {head} | {part[0]['judge']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run all families; figures are written after each sample."""
    args = parse(argv)
    if not (args.data / "genomes").exists():
        print(f"{args.data}: no genomes there; give --data", file=sys.stderr)
        return 1
    runs: list[dict] = []
    for name in args.families:
        for depth in [args.depth] if args.depth else FAMILIES[name].depths:
            for seed in args.seeds:
                runs.append(one(name, depth, seed, args))
                print(name, f"{depth:g}x", "seed", seed, runs[-1]["took"], flush=True)
                print("false alternatives kept:", runs[-1]["false_kept"], flush=True)
            own = [r for r in summary(runs) if (r["family"], r["depth"]) == (name, depth)]
            print(show(own), flush=True)
        if args.json:
            settings = {"length": args.length, "seeds": args.seeds, "spacing": _SPACING}
            record = {"settings": settings, "summary": summary(runs), "runs": runs}
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(record, separators=(",", ":")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
