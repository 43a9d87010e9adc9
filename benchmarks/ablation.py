"""What each part of the evidence, and the network itself, is worth.

    python -m benchmarks.ablation --data ../shared/data --cache examples

Judges from "all errors" to the autoencoder, with the same examples to learn from and the
same held-out genomes to be scored on (`train_data.py`), and then tried on K-12 mixtures
with and without systematic errors. Each is trained for few steps (``--steps``), so that
the figures compare the judges with each other and not with the shipped weights.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import torch

from benchmarks import simulate
from benchmarks.ablation_judges import (
    WITHOUT,
    Judge,
    autoencoder,
    baselines,
    check_features,
    gradient_boosting,
    head,
    notebook_network,
    subset,
)
from benchmarks.train_data import Examples, evidence_of, gather_examples
from dbgclean.correct.verdicts import LIKELIHOOD_ERROR
from dbgclean.evidence.edits import WINDOW
from dbgclean.evidence.windows import SCHEME, build_windows
from dbgclean.model.calibration import average_precision, scores, thresholds

logger = logging.getLogger("benchmarks.ablation")

K12 = "ecoli_K12_MG1655_NC_000913.3.fna.gz"
_START = 3_200_000
# A lost allele in errors kept, as the shipped thresholds are set.
_ALLELE_COST = 1.5
_CUTOFF = 3.0
_SMALL = (48, 24)
# Windows whose judging is timed.
_TIMED = 100_000


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, help="folder of train_model's --cache")
    parser.add_argument("--conditions", type=int, default=300, help="where nothing is cached")
    parser.add_argument("--held-out", type=int, default=50, help="where nothing is cached")
    parser.add_argument("--bases", type=float, nargs=2, default=(2e6, 14e6))
    parser.add_argument("--rows", type=int, default=500_000, help="most examples to learn from")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--ladder-seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--ladder-length", type=int, default=100_000)
    parser.add_argument("--ladder-depth", type=float, default=200)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/0.2.0"))
    return parser


def _examples(args: argparse.Namespace, role: str, conditions: int) -> Examples:
    path = args.cache / f"{role}.npz" if args.cache else None
    if path is not None and path.exists():
        with np.load(path) as stored:
            return Examples(**stored)
    return gather_examples(role, conditions, args.seed, tuple(args.bases), args.data, args.jobs)


def ladder(args: argparse.Namespace, systematic: bool, seed: int) -> Examples:
    """Every alternative of a K-12 mixture, unthinned."""
    start = _START + seed * 250_000
    genome = simulate.load_genome(args.data / "genomes" / K12, start, args.ladder_length)
    sites = simulate.draw_sites(genome, seed=seed)
    errors = simulate.draw_systematic(genome, seed=seed) if systematic else None
    reads = simulate.simulate_reads(
        genome, depth=args.ladder_depth, sites=sites, systematic=errors, seed=seed
    )
    evidence = evidence_of(list(simulate.to_batches(reads)))
    a = evidence.alternatives
    real = np.isin(a.key, simulate.true_kmers(genome, sites, WINDOW))
    begun = time.process_time()
    windows = build_windows(a, evidence.context)
    logger.info(
        "ladder %s seed %d: %d alternatives, %d real, %.0f windows/s built",
        *("systematic" if systematic else "independent", seed, len(a), real.sum()),
        len(a) / max(time.process_time() - begun, 1e-9),
    )
    return Examples(
        windows.windows,
        windows.globals_,
        windows.observed,
        windows.observed,
        np.ones(len(a), np.float32),
        real,
        a.likelihood.astype(np.float32),
        a.fragments.astype(np.int32),
        np.zeros(len(a), np.int32),
    )


def all_judges(train: Examples, stop: Examples, steps: int, seed: int) -> list[Judge]:
    """Train everything."""
    found: list[Judge] = baselines()

    def add(make: Callable[[], Judge | None]) -> Judge | None:
        begun = time.process_time()
        judge = make()
        if judge is not None:
            logger.info("%s: %.0f CPU s", judge.name, time.process_time() - begun)
            found.append(judge)
        return judge

    add(lambda: notebook_network(train, stop, steps, seed))
    add(lambda: head(train, stop, steps, seed, ()))
    add(lambda: gradient_boosting(train, stop, seed))
    for without in WITHOUT:
        add(lambda without=without: autoencoder(train, stop, steps, seed, without))
    full = add(lambda: autoencoder(train, stop, steps, seed))
    assert full is not None
    add(lambda: head(train, stop, steps, seed, _SMALL))
    add(lambda: head(train, stop, steps, seed, _SMALL, full.score(train)))
    return found


def threshold_of(judge: Judge, stop: Examples) -> float:
    """From which score the judge's alternatives are kept, all set alike."""
    fixed = {"none": 0.5, "nearest": 0.5, "cutoff": _CUTOFF, "likelihood ratio": LIKELIHOOD_ERROR}
    if judge.name in fixed:
        return fixed[judge.name]
    return thresholds(judge.score(stop), stop.real, stop.weight, _ALLELE_COST)[0]


def held_out_scores(judge: Judge, rows: Examples) -> dict[str, float]:
    """Average precision, log loss and calibration error on the held-out genomes."""
    score = judge.score(rows)
    if judge.chances:
        return scores(score, rows.real, rows.weight)
    return {"average_precision": round(average_precision(score, rows.real, rows.weight), 4)}


def kept_and_lost(score: np.ndarray, real: np.ndarray, at: float) -> dict[str, int]:
    """False alternatives kept and true ones lost from a score on."""
    kept = score >= at
    return {
        "false_kept": int((kept & ~real).sum()),
        "true_lost": int((~kept & real).sum()),
    }


def false_at_loss(score: np.ndarray, real: np.ndarray, lost: int) -> int:
    """False alternatives kept where the threshold is set to lose ``lost`` true ones."""
    true = np.sort(score[real])
    if lost >= len(true):
        return 0
    return int((score[~real] >= true[lost]).sum())


def windows_per_second(judge: Judge, rows: Examples) -> float:
    """Windows judged in a second of one core's time, best of three."""
    some = Examples(*(array[:_TIMED] for array in rows))
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        judge.score(some)
        seconds.append(time.process_time() - begun)
    return len(some.real) / max(min(seconds), 1e-9)


def try_ladders(
    judges: Sequence[Judge], cuts: dict[str, float], args: argparse.Namespace
) -> tuple[dict[str, dict], dict[str, float]]:
    """Sums over the seeds of what each judge keeps and loses, and windows per second."""
    found: dict[str, dict] = {judge.name: {} for judge in judges}
    speed: dict[str, float] = {}
    for systematic, seed in product((False, True), args.ladder_seeds):
        rows = ladder(args, systematic, seed)
        scored = {judge.name: judge.score(rows) for judge in judges}
        lost = kept_and_lost(scored["autoencoder"], rows.real, cuts["autoencoder"])["true_lost"]
        for judge in judges:
            score = scored[judge.name]
            row = kept_and_lost(score, rows.real, cuts[judge.name])
            row["true"] = int(rows.real.sum())
            row["false_at_the_autoencoders_loss"] = false_at_loss(score, rows.real, lost)
            precision = average_precision(score, rows.real, rows.weight)
            name = "systematic" if systematic else "independent"
            into = found[judge.name].setdefault(name, {"average_precision": []})
            into["average_precision"].append(round(precision, 4))
            for key, value in row.items():
                into[key] = into.get(key, 0) + value
        if not speed:
            speed = {judge.name: windows_per_second(judge, rows) for judge in judges}
    for row in found.values():
        for part in row.values():
            part["average_precision"] = round(float(np.mean(part["average_precision"])), 4)
    return found, speed


def as_markdown(rows: Sequence[dict]) -> list[str]:
    """One table."""
    kinds = [kind for kind in ("independent", "systematic") if kind in rows[0]]
    heads = ["judge", "parameters", "average precision", "log loss", "calibration error"]
    for kind in kinds:
        heads += [f"{kind}: false kept", "true lost", "false kept at equal loss"]
    heads.append("windows/s, one core")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        cells = [row["judge"], f"{row['parameters']:,}"]
        for key in ("average_precision", "log_loss", "calibration_error"):
            cells.append(f"{row['held_out'][key]:g}" if key in row["held_out"] else "")
        for kind in kinds:
            part = row[kind]
            cells.append(f"{part['false_kept']:,}")
            cells.append(f"{part['true_lost']}/{part['true']}")
            cells.append(f"{part['false_at_the_autoencoders_loss']:,}")
        cells.append(f"{row['windows_per_second']:,.0f}" if row["windows_per_second"] else "")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def run(args: argparse.Namespace) -> int:
    """Train, score, try, write."""
    check_features()
    begun = time.process_time()
    train = subset(_examples(args, "train", args.conditions), args.rows, args.seed)
    stop = subset(_examples(args, "stop", args.held_out), args.rows // 20, args.seed)
    held_out = _examples(args, "calibrate", args.held_out)
    logger.info("%d examples to learn from, %d real", len(train.real), train.real.sum())
    judges = all_judges(train, stop, args.steps, args.seed)
    cuts = {judge.name: threshold_of(judge, stop) for judge in judges}
    tried, speed = try_ladders(judges, cuts, args)
    rows = []
    for judge in judges:
        rows.append(
            {
                "judge": judge.name,
                "parameters": judge.parameters,
                "threshold": cuts[judge.name],
                "held_out": held_out_scores(judge, held_out),
                **tried[judge.name],
                "windows_per_second": round(speed.get(judge.name, 0)),
            }
        )
    settings = {
        key: getattr(args, key)
        for key in ("steps", "seed", "rows", "ladder_seeds", "ladder_length", "ladder_depth")
    }
    command = {"command": "python -m benchmarks.ablation", "scheme": SCHEME}
    sizes = {"examples": len(train.real), "held_out_examples": len(held_out.real)}
    seconds = {"cpu_seconds": round(time.process_time() - begun)}
    document = {"settings": {**command, **settings, **sizes}, "judges": rows, **seconds}
    table = as_markdown(rows)
    print("\n".join(table))
    args.results.mkdir(parents=True, exist_ok=True)
    (args.results / "ablation.json").write_text(json.dumps(document, indent=1) + "\n")
    (args.results / "ablation.md").write_text("\n".join(table) + "\n")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    torch.set_num_threads(1)
    if not (args.data / "genomes" / K12).exists():
        print(f"{args.data}: no genomes there; give --data", file=sys.stderr)
        return 1
    return run(args)


if __name__ == "__main__":
    sys.exit(main())
