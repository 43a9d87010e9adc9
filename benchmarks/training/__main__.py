"""Train the network that ships in ``dbgclean/model/pretrained``, and say how good it is.

    python -m benchmarks.training --data ../shared/data --cache evidence

draws samples of all families with constants and genomes of their own (`training/families.py`).
Then, *leaving one family out*, it trains without each in turn, sets the thresholds by what
these networks make of the family they never saw, and scores them on that family as its
benchmark has it, on E. coli K-12. At last it trains on all and writes weights and model card.

    python -m benchmarks.training --leave-out ffpe --left-out models

trains without one family and says how it does there; ``--left-out`` keeps these weights, which
``benchmarks/families --model 'models/{family}'`` takes.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.simulators.family import FAMILIES
from benchmarks.training.card import card_values, plot_training, write_card
from benchmarks.training.data import Examples, gather_examples, test_cases, train_cases
from benchmarks.training.score import (
    chances_of_ratios,
    line,
    logistic,
    margins,
    score_family,
    table,
)
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.windows import CHANNELS, COMPLEMENT, GLOBALS, QUALITIES, SCHEME
from dbgclean.model.autoencoder import Autoencoder, AutoencoderConfig
from dbgclean.model.calibration import middle_posteriors, thresholds
from dbgclean.model.finetune import fold, moments, turned_batches
from dbgclean.model.training import Batch, TrainingSettings, shuffled_batches, train
from dbgclean.model.weights import save_model

logger = logging.getLogger("benchmarks.training")

# The middle base is what is judged; the others teach it to copy.
_CENTRE_WEIGHT, _OTHER_WEIGHT = 8.0, 0.02
# Bases the encoder is told: the middle and what a motif just before or after it takes.
_FAR = np.abs(np.arange(WINDOW) - FLANK) > 4
_BASE_CHANNELS = 8
# Anchors (nats) between which anything is to be decided: beyond, it is the anchor that does.
_CONTESTED = (3.0, 16.0)
# Share of the globals that are hidden (at their mean) from a training example.
_HIDDEN = 0.15
# Share of the examples that are shown as where reads have no qualities.
_UNKNOWN = 0.15
# One training seed in so many decides when to stop.
_STOP = 10
# Deviations beyond which a global of a training example is not told.
_MOST = 4.0


def fit(
    rows: Examples, args: argparse.Namespace, seed: int | None = None
) -> tuple[Autoencoder, dict[str, Any]]:
    """Train on the contested rows, all families alike."""
    seed = args.seed if seed is None else seed
    config = AutoencoderConfig(
        positions=WINDOW,
        channels=CHANNELS,
        globals_=len(GLOBALS),
        hidden=(32, 16),
        latent=12,
        scheme=SCHEME,
        seed=seed,
        bound=args.bound,
    )
    model = Autoencoder(config)
    low, high = _CONTESTED
    rows = rows.take(np.flatnonzero(rows.known & (rows.anchor > low) & (rows.anchor < high)))
    held = rows.sample % _STOP == _STOP - 1
    mean, scale = moments(model, rows.globals_)
    training = _as_batch(rows.take(np.flatnonzero(~held)), mean, scale)
    chosen = _as_batch(rows.take(np.flatnonzero(held)), mean, scale)
    looks = [chosen.take(slice(i, i + 8192)) for i in range(0, len(chosen.windows), 8192)]
    positions = np.full(WINDOW, _OTHER_WEIGHT, np.float32)
    positions[FLANK] = _CENTRE_WEIGHT
    batches = shuffled_batches(training, args.batch, seed)
    without = np.full(len(GLOBALS), np.nan)
    unknown = [GLOBALS.index(name) for name in (*QUALITIES, "known_qualities")]
    without[unknown] = np.clip(-mean / scale, -_MOST, _MOST)[unknown]
    history = train(
        model,
        partial(_hiding, partial(turned_batches, batches, COMPLEMENT, seed), without, seed),
        TrainingSettings(
            steps=args.steps,
            learning_rate=3e-3,
            weight_decay=0.1,
            evaluate_every=max(args.steps // 12, 1),
        ),
        looks,
        positions,
    )
    # Bases far from the middle only invite the encoder to learn genomes by heart.
    blind = np.zeros((WINDOW, CHANNELS), bool)
    blind[_FAR, :_BASE_CHANNELS] = True
    fold(model, mean, scale, blind)
    return model, history.to_dict()


def _as_batch(rows: Examples, mean: np.ndarray, scale: np.ndarray) -> Batch:
    sizes = np.bincount(rows.family)
    weight = (1 / np.maximum(sizes, 1))[rows.family]
    globals_ = (rows.globals_ - mean) / scale
    globals_[:, :-1] = np.clip(globals_[:, :-1], -_MOST, _MOST)
    windows = rows.windows.copy()
    windows[:, _FAR, :_BASE_CHANNELS] = 0
    return Batch(
        windows,
        globals_.astype(np.float32),
        rows.observed,
        rows.target,
        (weight / weight.mean()).astype(np.float32),
    )


def _hiding(
    batches: Callable[[int], Iterator[Batch]], without: np.ndarray, seed: int, epoch: int
) -> Iterator[Batch]:
    """Hide some globals from each example, so that none is leant on alone, and qualities.

    Parameters
    ----------
    without
        float (globals,): what reads without qualities have in their globals; NaN: as it is.
    """
    rng = np.random.default_rng([seed, epoch, 119])
    changed = np.isfinite(without)
    for batch in batches(epoch):
        told = rng.random(batch.globals_.shape) >= _HIDDEN
        told[:, -1] = True
        globals_, windows = batch.globals_ * told, batch.windows.copy()
        unknown = rng.random(len(globals_)) < _UNKNOWN
        globals_[np.ix_(unknown, changed)] = without[changed]
        windows[unknown, :, 8] = 0
        yield batch._replace(windows=windows, globals_=globals_.astype(np.float32))


def chance_real(model: Autoencoder, rows: Examples) -> np.ndarray:
    """P(real) of each row, float64 (n,)."""
    return middle_posteriors(model, rows.windows, rows.globals_, rows.observed)[:, 0]


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


def leave_out(
    rows: Examples, test: Examples, families: Sequence[str], args: argparse.Namespace
) -> LeftOut:
    """Fit judges without a family, and ask them about all of that family."""
    seen, tried, models = {}, {}, {}
    for family in families:
        number = list(FAMILIES).index(family)
        others = rows.take(np.flatnonzero(rows.family != number))
        mine = test.take(np.flatnonzero(test.family == number))
        begun = time.monotonic()
        model, _ = fit(others, args)
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


def left_out_thresholds(
    rows: Examples, seen: dict[str, np.ndarray], cost: float
) -> tuple[float, float]:
    """Where real begins and error ends, by what the networks make of what they never saw."""
    names = list(FAMILIES)
    chance, real, weight = [], [], []
    for family, found in seen.items():
        mine = np.flatnonzero(rows.family == names.index(family))
        use = rows.known[mine]
        chance.append(found[use])
        real.append(rows.real[mine][use])
        # All families alike, by their alleles.
        weight.append(np.full(int(use.sum()), 1 / max(1, int(real[-1].sum()))))
    return thresholds(*(np.concatenate(parts) for parts in (chance, real, weight)), cost)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", type=Path, default=Path("dbgclean/model/pretrained"))
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/0.4.0"))
    parser.add_argument("--samples", type=int, default=30, help="training samples a family")
    parser.add_argument("--test-seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--bound", type=float, default=1.5, help="nats the network may move odds")
    parser.add_argument(
        "--allele-cost", type=float, default=1.5, help="an allele lost, in errors kept"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="keep what samples show, and use it again")
    parser.add_argument(
        "--leave-out", default="each", choices=["each", *FAMILIES], metavar="FAMILY",
        help="train without this family, score it, and ship nothing; default: each, and ship",
    )  # fmt: skip
    parser.add_argument("--left-out", type=Path, help="keep weights of left-out families here")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Everything, in order; figures go to the card and to ``--results``."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.use_deterministic_algorithms(True)
    began = time.monotonic()
    families = list(FAMILIES) if args.leave_out == "each" else [args.leave_out]
    source = args.data, args.cache, args.jobs
    rows = gather_examples(train_cases(range(1, args.samples + 1)), *source)
    test = gather_examples(test_cases(args.test_seeds, families), *source)
    logger.info("%d examples, %d real, %.0f s", len(rows.real), rows.real.sum(), _since(began))
    without = leave_out(rows, test, families, args)
    real, error = left_out_thresholds(rows, without.seen, args.allele_cost)
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
    settings = {name: getattr(args, name) for name in ("samples", "test_seeds", "steps", "seed")}
    document: dict[str, Any] = {"settings": settings, "figures": figures}
    args.results.mkdir(parents=True, exist_ok=True)
    if args.leave_out == "each":
        model, document["history"] = fit(rows, args)
        figures["parameters"] = model.n_parameters
        save_model(args.model, model, card_values(figures, SCHEME, args.seed))
        write_card(args.model, figures, SCHEME, len(GLOBALS), vars(args))
        plot_training(document["history"], args.results)
    name = "train_model.json" if args.leave_out == "each" else f"left_out_{args.leave_out}.json"
    (args.results / name).write_text(json.dumps(document, indent=1) + "\n")
    logger.info("%.0f s in all", _since(began))
    return 0


def _since(began: float) -> float:
    return time.monotonic() - began


if __name__ == "__main__":
    raise SystemExit(main())
