"""Train the network that ships in ``dbgclean/model/pretrained``, and say how good it is.

    python -m benchmarks.training --data ../shared/data --folder evidence

draws samples of all families with constants and genomes of their own (`training/families.py`).
Then, *leaving one family out*, it trains without each in turn, sets the thresholds by what
these networks make of the family they never saw, and scores them on that family as its
benchmark has it, on E. coli K-12. At last it trains on all and writes weights and model card.

    python -m benchmarks.training --leave-out ffpe --left-out models

trains without one family and says how it does there; ``--left-out`` keeps these weights, which
``benchmarks.families --model 'models/{family}'`` takes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.harness.command import RESULTS, Parser, need, record, save
from benchmarks.simulators.family import FAMILIES
from benchmarks.simulators.truth import K12
from benchmarks.training.card import card_values, write_card
from benchmarks.training.evidence import gather_examples, test_cases, train_cases
from benchmarks.training.score import (
    chances_of_ratios,
    line,
    logistic,
    margins,
    score_family,
    table,
)
from dbgclean.correct.correctors import PRETRAINED
from dbgclean.evidence.windows import GLOBALS, SCHEME
from dbgclean.model.autoencoder import Autoencoder
from dbgclean.model.weights import save_model
from dbgclean.training.plots import write_training_plots
from dbgclean.training.recipe import Examples, Recipe, chance_real, fit, left_out_thresholds

logger = logging.getLogger("benchmarks.training")


class LeftOut(NamedTuple):
    """What came of leaving out each of some families.

    Attributes
    ----------
    models
        The networks that were trained without.
    seen
        P(real) by the network of the family's training rows.
    tried
        By judge, P(real) of the family's test rows.
    """

    models: dict[str, Autoencoder]
    seen: dict[str, np.ndarray]
    tried: dict[str, dict[str, np.ndarray]]


def leave_out(rows: Examples, test: Examples, families: Sequence[str], recipe: Recipe) -> LeftOut:
    """Fit judges without a family, and ask them about all of that family."""
    seen, tried, models = {}, {}, {}
    for family in families:
        number = list(FAMILIES).index(family)
        others = rows.take(np.flatnonzero(rows.family != number))
        mine = test.take(np.flatnonzero(test.family == number))
        begun = time.monotonic()
        model, _ = fit(others, recipe)
        slope, offset = line(others)
        seen[family] = chance_real(model, rows.take(np.flatnonzero(rows.family == number)))
        tried[family] = {
            **chances_of_ratios(mine),
            "line": logistic(slope * mine.odds + offset),
            "autoencoder": chance_real(model, mine),
        }
        models[family] = model
        logger.info("without %s: %.0f s", family, time.monotonic() - begun)
    return LeftOut(models, seen, tried)


def scores_of(
    test: Examples, tried: dict[str, dict[str, np.ndarray]], error: float
) -> dict[str, dict[str, Any]]:
    """Figures of every judge on every family left out."""
    found = {}
    for family, chances in tried.items():
        mine = test.take(np.flatnonzero(test.family == list(FAMILIES).index(family)))
        kept = {name: over > 0 for name, over in margins(mine).items()}
        kept |= {"line": chances["line"] > 0.5, "autoencoder": chances["autoencoder"] > error}
        found[family] = score_family(mine, chances, kept)
    return found


def _parser() -> Parser:
    usual = Recipe()
    parser = Parser(
        "training", __doc__, seed=usual.seed, jobs=2, model=PRETRAINED, folder=None,
        output=RESULTS,
    )  # fmt: skip
    parser.add_argument("--samples", type=int, default=30, help="training samples a family")
    parser.add_argument("--test-seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--batch", type=int, default=usual.batch)
    parser.add_argument("--bound", type=float, default=usual.bound, help="nats that odds may move")
    parser.add_argument(
        "--allele-cost", type=float, default=1.5, help="an allele lost, in errors kept"
    )
    parser.add_argument(
        "--leave-out", default="each", choices=["each", *FAMILIES], metavar="FAMILY",
        help="train without this family, score it, and ship nothing; default: each, and ship",
    )  # fmt: skip
    parser.add_argument("--left-out", type=Path, help="keep weights of left-out families here")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Everything, in order; figures go to the card and to ``-o``."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.use_deterministic_algorithms(True)
    need(args.data / "genomes" / K12)
    recipe = Recipe(args.steps, args.batch, args.bound, args.seed)
    began = time.monotonic()
    families = list(FAMILIES) if args.leave_out == "each" else [args.leave_out]
    source = args.data, args.folder, args.jobs
    rows = gather_examples(train_cases(range(1, args.samples + 1)), *source)
    test = gather_examples(test_cases(args.test_seeds, families), *source)
    logger.info("%d examples, %d real, %.0f s", len(rows.real), rows.real.sum(), _since(began))
    without = leave_out(rows, test, families, recipe)
    seen = {list(FAMILIES).index(family): chance for family, chance in without.seen.items()}
    real, error = left_out_thresholds(rows, seen, args.allele_cost)
    if args.left_out:
        for family, model in without.models.items():
            card = {"real_threshold": real, "error_threshold": error, "left_out": family}
            save_model(args.left_out / family, model, card)
    figures: dict[str, Any] = {
        "real_threshold": real,
        "error_threshold": error,
        "examples": len(rows.real),
        "real_examples": int(rows.real.sum()),
        "bound": args.bound,
        "left_out": scores_of(test, without.tried, error),
    }
    for text in table(figures["left_out"]):
        logger.info(text)
    document, name = record(args, figures=figures), f"left_out_{args.leave_out}"
    if args.leave_out == "each":
        model, history = fit(rows, recipe)
        document["history"], name = history.to_dict(), "train_model"
        figures["parameters"] = model.n_parameters
        save_model(args.model, model, card_values(figures, SCHEME, args.seed))
        write_card(args.model, figures, SCHEME, len(GLOBALS), vars(args))
        args.output.mkdir(parents=True, exist_ok=True)
        write_training_plots(document["history"], args.output, "train_model_")
    save(args.output / f"{name}.json", document)
    logger.info("%.0f s in all", _since(began))
    return 0


def _since(began: float) -> float:
    return time.monotonic() - began


if __name__ == "__main__":
    raise SystemExit(main())
