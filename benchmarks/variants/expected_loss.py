"""Expected loss, as planted alleles tell it without a truth, against the true loss.

Every family (`benchmarks/simulators/family`) with an allele every 250 bases at 10, 5 and 2 %: what
share of those that three reads show each judge loses, and what share of those planted in the
same reads (`dbgclean.evidence.spikes`). Alleles are counted by k-mers, as in
`variants/score.py`. The bar is a difference of at most five points.

    python -m benchmarks.variants.expected_loss -o expected_loss.json
    python -m benchmarks.variants.expected_loss --families duplicates --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness.command import Parser, need, record, save
from benchmarks.harness.ours import judged, rewritten
from benchmarks.simulators.family import FAMILIES
from benchmarks.simulators.truth import K12, Truth, k12
from benchmarks.variants.score import allele_rows
from dbgclean.pipeline.passes import Corrected

FRACTIONS = (0.1, 0.05, 0.02)
# The rarer, the fewer are shown.
_DRAWN = (0.1, 0.05, 0.02, 0.02)
_SPACING = 250
JUDGES = ("likelihood", "autoencoder", "auto")


def one(name: str, depth: float, seed: int, args: argparse.Namespace) -> dict:
    """True and expected counts of one sample: ``[shown, kept]`` by judge and fraction."""
    family = replace(FAMILIES[name], fractions=_DRAWN, spacing=_SPACING)
    sample = family.draw(seed, depth=depth, genome=k12(args.length, data=args.data))
    with tempfile.TemporaryDirectory() as folder:
        paths = family.write(sample, Path(folder))
        run = rewritten(judged(paths, JUDGES, args.threads, graph=True))
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
    rows = run.evidence.alternatives.substitutions
    false = ~np.isin(run.evidence.alternatives.key[rows], truth.kmers)
    return {
        name: int(np.count_nonzero(column.verdicts.kept[rows] & false))
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
    parser = Parser(
        "variants.expected_loss", __doc__, length=200_000, depth=None, seeds=[1], threads=1,
        output=None,
    )  # fmt: skip
    parser.several("--families", FAMILIES)
    args = parser.parse_args(argv)
    need(args.data / "genomes" / K12)
    runs: list[dict] = []
    for name in args.families:
        for depth in [args.depth] if args.depth else FAMILIES[name].depths:
            for seed in args.seeds:
                runs.append(one(name, depth, seed, args))
                print(name, f"{depth:g}x", "seed", seed, runs[-1]["took"], flush=True)
                print("false alternatives kept:", runs[-1]["false_kept"], flush=True)
            own = [r for r in summary(runs) if (r["family"], r["depth"]) == (name, depth)]
            print(show(own), flush=True)
        document = record(args, spacing=_SPACING, summary=summary(runs), runs=runs)
        save(args.output, document, indent=None)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
