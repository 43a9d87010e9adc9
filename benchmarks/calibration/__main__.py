"""Is P(real) what it says, on simulators and a genome that the network was not trained on?

    python -m benchmarks.calibration --data ../shared/data --folder evidence

Slices of E. coli K-12 with alleles at 50 to 0.5 % are read by ART (HiSeq 2500, HiSeq X, MiSeq
v3) and dwgsim at 100x and 300x, as they are and with strand-specific systematic errors
put on top; none of them, nor K-12, is in a training condition. Every alternative is
labelled by whether any haplotype of the mixture has its 31-mer. Reliability of the
network and of the likelihood ratio, and average precision by allele fraction beside
what is commonly done: a quality-and-strand test and a plain binomial.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration.plots import plot_precision, plot_reliability
from benchmarks.calibration.samples import (
    SIMULATORS,
    Gathered,
    draw_mixture,
    gather_mixture,
    load_gathered,
    read_mixture,
    save_gathered,
)
from benchmarks.calibration.score import (
    binomial_score,
    bins_of,
    chance_scores,
    precision_by_fraction,
    quality_score,
    strand_bias,
    with_strand,
)
from benchmarks.harness.command import RESULTS, Parser, need, record, save
from benchmarks.simulators import simulate
from benchmarks.simulators.instruments import inject_systematic
from benchmarks.simulators.truth import K12
from dbgclean.correct.correctors import PRETRAINED
from dbgclean.correct.verdicts import likelihood_verdicts, network_verdicts
from dbgclean.evidence.edits import WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS, SCHEME
from dbgclean.model import load_model, read_card

logger = logging.getLogger("benchmarks.calibration")

# Each seed has a slice of its own; none is one that the training's trials were looked at on.
_SLICES = 2_000_000
CHANCES = ("network", "likelihood ratio")
TESTS = ("quality and strand filter", "quality less strand bias")
SCORES = (*CHANCES, *TESTS, "quality", "binomial")
BAR = 0.02
# Average precision over fewer alleles than this says little.
_FEWEST = 5
Sample = tuple[str, float, int, bool]


def _parser() -> Parser:
    parser = Parser(
        "calibration", __doc__, depths=[100.0, 300.0], seeds=[1, 2, 3], length=60_000,
        spacing=200, threads=1, model=PRETRAINED, folder=None, output=RESULTS,
    )  # fmt: skip
    parser.several("--simulators", SIMULATORS)
    parser.add_argument("--gather-only", action="store_true", help="stop once samples are kept")
    return parser


def _name(sample: Sample) -> str:
    simulator, depth, seed, systematic = sample
    return f"{simulator}_{depth:g}x_seed{seed}{'_systematic' if systematic else ''}"


def _paths(args: argparse.Namespace, simulator: str, depth: float, seed: int) -> list[Path]:
    where = f"{args.length}_{args.spacing}"
    names = [_name((simulator, depth, seed, systematic)) for systematic in (False, True)]
    return [args.folder / f"{name}_{where}.npz" for name in names]


def gather_missing(args: argparse.Namespace) -> None:
    """Read and gather every sample that is not kept yet."""
    for simulator, depth, seed in product(args.simulators, args.depths, args.seeds):
        paths = _paths(args, simulator, depth, seed)
        if all(path.exists() and load_gathered(path) is not None for path in paths):
            continue
        begun = time.perf_counter()
        start = _SLICES + seed * 300_000
        genome = simulate.k12(args.length, start, args.data)
        mixture = draw_mixture(genome, args.spacing, seed)
        reads, commands = read_mixture(mixture, simulator, depth, seed)
        for systematic, path in zip((False, True), paths, strict=True):
            facts = {
                "simulator": simulator,
                "depth": depth,
                "seed": seed,
                "systematic": systematic,
                "commands": commands,
            }
            if systematic:
                reads = inject_systematic(reads, simulate.draw_systematic(genome, seed=seed), seed)
            save_gathered(path, gather_mixture(reads, mixture, facts))
        logger.info("%s in %.0f s", paths[0].stem, time.perf_counter() - begun)


def kept_samples(args: argparse.Namespace) -> Iterator[Gathered]:
    """Samples one at a time."""
    for simulator, depth, seed in product(args.simulators, args.depths, args.seeds):
        for path in _paths(args, simulator, depth, seed):
            gathered = load_gathered(path)
            assert gathered is not None, path
            yield gathered


def judge(gathered: Gathered, model: Any, threads: int = 1) -> dict[str, np.ndarray]:
    """Score of every alternative by each of `SCORES`; those of `CHANCES` are P(real)."""
    a = gathered.alternatives
    quality, bias = quality_score(a, gathered.profile), strand_bias(a, gathered.profile)
    network = network_verdicts(gathered.evidence, model, 0.5, 0.5, threads, gathered.signs)
    ratio = likelihood_verdicts(a, gathered.context.prior)
    return {
        "network": network.posterior.astype(float),
        "likelihood ratio": ratio.posterior.astype(float),
        TESTS[0]: with_strand(quality, bias, filtered=True),
        TESTS[1]: with_strand(quality, bias, filtered=False),
        "quality": quality,
        "binomial": binomial_score(a, gathered.context.error_rate),
    }


def score_sample(gathered: Gathered, scores: dict[str, np.ndarray]) -> dict:
    """Everything of one sample."""
    facts = {key: value for key, value in gathered.facts.items() if key != "commands"}
    facts["command"] = gathered.facts["commands"][0]
    a, real, fraction = gathered.alternatives, gathered.real, gathered.fraction
    # The posterior saturates where the ratio does not: rank by the ratio itself.
    ranks = {**scores, "likelihood ratio": a.likelihood}
    return {
        **facts,
        "chances": {name: chance_scores(scores[name], real) for name in CHANCES},
        "fractions": {name: precision_by_fraction(ranks[name], real, fraction) for name in SCORES},
    }


def pool(chances: dict[Sample, dict[str, np.ndarray]]) -> dict[str, dict]:
    """Scores of all alternatives together: by depth, by kind of errors, by simulator.

    Parameters
    ----------
    chances
        By sample: the arrays of `CHANCES`, and ``real``.
    """
    groups: dict[str, list[Sample]] = {}
    for sample in chances:
        simulator, depth, _, systematic = sample
        kind = "systematic" if systematic else "independent"
        for key in (f"{depth:g}x", f"{depth:g}x {kind}", f"{depth:g}x {simulator}"):
            groups.setdefault(key, []).append(sample)
    found = {}
    for key, samples in groups.items():
        real = np.concatenate([chances[s]["real"] for s in samples])
        found[key] = {}
        for name in CHANCES:
            chance = np.concatenate([chances[s][name] for s in samples])
            found[key][name] = {**chance_scores(chance, real), "bins": bins_of(chance, real)}
    return found


def precision_table(samples: Sequence[dict]) -> list[dict]:
    """Average precision by depth, errors, fraction and judge: mean and spread over samples.

    ``network_above`` counts the samples in which the network is above the better of the
    two forms of the quality-and-strand test.
    """
    table = []
    kinds = sorted({(s["depth"], s["systematic"]) for s in samples})
    for depth, systematic in kinds:
        group = [s for s in samples if (s["depth"], s["systematic"]) == (depth, systematic)]
        present = {f for s in group for f in s["fractions"]["network"]}
        for fraction in sorted(present, key=float, reverse=True):
            rows = [
                {name: s["fractions"][name][fraction]["average_precision"] for name in SCORES}
                for s in group
                if s["fractions"]["network"].get(fraction, {"alleles": 0})["alleles"] >= _FEWEST
            ]
            if rows:
                table.append(_precision_row(depth, systematic, fraction, rows))
    return table


def _precision_row(depth: float, systematic: bool, fraction: str, rows: list[dict]) -> dict:
    best = [max(row[test] for test in TESTS) for row in rows]
    above = sum(row["network"] > test for row, test in zip(rows, best, strict=True))
    spread = {
        name: {
            "mean": round(float(np.mean([row[name] for row in rows])), 4),
            "lowest": min(row[name] for row in rows),
            "highest": max(row[name] for row in rows),
        }
        for name in SCORES
    }
    mean_best = max(spread[test]["mean"] for test in TESTS)
    return {
        "depth": depth,
        "systematic": systematic,
        "fraction": float(fraction),
        "samples": len(rows),
        "network_above": above,
        "met": spread["network"]["mean"] > mean_best,
        **spread,
    }


def show(document: dict) -> None:
    """The figures on the terminal."""
    for key, judges in document["pooled"].items():
        for name, row in judges.items():
            print(
                f"{key:22s} {name:17s} calibration error {row['calibration_error']:.4f} "
                f"(floor {row['floor']:.4f}, adaptive {row['adaptive']:.4f}) "
                f"n {row['above_0.02']} log loss {row['log_loss']:.5f}"
            )
    print("average precision: " + ", ".join(SCORES))
    for row in document["precision"]:
        cells = "  ".join(f"{row[name]['mean']:.3f}" for name in SCORES)
        kind = "systematic" if row["systematic"] else "independent"
        print(
            f"{row['depth']:g}x {kind:12s} {100 * row['fraction']:4g} %  {cells}  "
            f"above in {row['network_above']}/{row['samples']}"
        )


def run(args: argparse.Namespace) -> int:
    """Gather, judge, score, write."""
    gather_missing(args)
    if args.gather_only:
        return 0
    model = load_model(
        args.model, positions=WINDOW, channels=CHANNELS, globals_=len(GLOBALS), scheme=SCHEME
    )
    samples, chances = [], {}
    for gathered in kept_samples(args):
        scores = judge(gathered, model, args.threads)
        samples.append(score_sample(gathered, scores))
        facts = gathered.facts
        key = (facts["simulator"], facts["depth"], facts["seed"], facts["systematic"])
        chances[key] = {name: scores[name] for name in CHANCES} | {"real": gathered.real}
    pooled, precision = pool(chances), precision_table(samples)
    by_depth = {f"{depth:g}x": pooled[f"{depth:g}x"] for depth in args.depths}
    met = {
        f"calibration error <= {BAR}": {
            key: judges["network"]["calibration_error"] <= BAR for key, judges in by_depth.items()
        },
        "average precision above the quality-and-strand test": all(r["met"] for r in precision),
    }
    document = record(
        args,
        model_sha256=read_card(args.model).sha256,
        scheme=SCHEME,
        met=met,
        pooled=pooled,
        precision=precision,
        samples=samples,
    )
    show(document)
    save(args.output / "calibration.json", document)
    plot_reliability(by_depth, args.output / "calibration_reliability.png")
    plot_precision(precision, SCORES, args.output / "calibration_precision.png")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    need(args.data / "genomes" / K12)
    if args.folder:
        args.folder.mkdir(parents=True, exist_ok=True)
        return run(args)
    with tempfile.TemporaryDirectory() as folder:
        args.folder = Path(folder)
        return run(args)


if __name__ == "__main__":
    raise SystemExit(main())
