"""Train the network that ships in ``dbgclean/model/pretrained``, and say how good it is.

    python -m benchmarks.train_model --data ../shared/data

simulates the examples (`train_data.py`), trains, sets temperature and thresholds on
genomes that were not trained on, tries the result on an E. coli K-12 mixture and on real
phiX and M. tuberculosis reads, and writes weights, model card, figures and plots. The same
seed gives the same weights.
"""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import train_trials
from benchmarks.train_card import card_values, plot_training, write_card
from benchmarks.train_data import Examples, gather_examples
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.windows import CHANNELS, COMPLEMENT, GLOBALS, SCHEME
from dbgclean.model.autoencoder import Autoencoder, AutoencoderConfig
from dbgclean.model.calibration import (
    average_precision,
    best_temperature,
    middle_posteriors,
    scores,
    thresholds,
    with_temperature,
)
from dbgclean.model.finetune import fold, turned_batches
from dbgclean.model.training import Batch, TrainingSettings, shuffled_batches, train
from dbgclean.model.weights import save_model

logger = logging.getLogger("benchmarks.train_model")

# The middle base is what is judged; the others teach it to copy.
_CENTRE_WEIGHT, _OTHER_WEIGHT = 8.0, 0.05
# Bases the encoder is told: the middle and what a motif just before or after it takes.
_FAR = np.abs(np.arange(WINDOW) - FLANK) > 4
_BASE_CHANNELS = 8
# Weights far above the rest would make a few lone errors rule a batch.
_LARGEST_WEIGHT = 5.0


def _posteriors(model: Autoencoder, rows: Examples) -> np.ndarray:
    """Posteriors of the middle bases, float64 (n, 4), the k-mer's own, P(real), first."""
    return middle_posteriors(model, rows.windows, rows.globals_, rows.observed, threads=2)


def fit(
    rows: Examples, held_out: Examples, args: argparse.Namespace
) -> tuple[Autoencoder, dict[str, Any]]:
    """Train on ``rows``; ``held_out`` (other genomes) decides when to stop."""
    config = AutoencoderConfig(
        positions=WINDOW,
        channels=CHANNELS,
        globals_=len(GLOBALS),
        hidden=(128, 64),
        latent=48,
        scheme=SCHEME,
        seed=args.seed,
    )
    model = Autoencoder(config)
    settings = TrainingSettings(
        steps=args.steps,
        learning_rate=3e-3,
        weight_decay=0.002,
        evaluate_every=max(args.steps // 24, 1),
        patience=8,
    )
    positions = np.full(WINDOW, _OTHER_WEIGHT, np.float32)
    positions[FLANK] = _CENTRE_WEIGHT
    mean = rows.globals_.mean(axis=0, dtype=np.float64)
    scale = np.maximum(rows.globals_.std(axis=0, dtype=np.float64), 1e-3)
    chosen = _as_batch(held_out, mean, scale)
    looks = [chosen.take(slice(i, i + 8192)) for i in range(0, len(chosen.windows), 8192)]
    batches = shuffled_batches(_as_batch(rows, mean, scale), args.batch, args.seed)
    turned = partial(turned_batches, batches, COMPLEMENT, args.seed)
    history = train(model, turned, settings, looks, positions)
    # Bases far from the middle only invite the encoder to learn genomes by heart.
    blind = np.zeros((WINDOW, CHANNELS), bool)
    blind[_FAR, :_BASE_CHANNELS] = True
    fold(model, mean, scale, blind)
    return model, history.to_dict()


def _as_batch(rows: Examples, mean: np.ndarray, scale: np.ndarray) -> Batch:
    weight = np.minimum(rows.weight, _LARGEST_WEIGHT)
    globals_ = ((rows.globals_ - mean) / scale).astype(np.float32)
    windows = rows.windows.copy()
    windows[:, _FAR, :_BASE_CHANNELS] = 0
    return Batch(windows, globals_, rows.observed, rows.target, weight)


def calibrate(model: Autoencoder, rows: Examples) -> Autoencoder:
    """The same weights at the temperature of least loss on ``rows``."""
    posteriors = _posteriors(with_temperature(model, 1.0), rows)
    return with_temperature(model, best_temperature(posteriors, rows.real, rows.weight))


def compare_boosting(rows: Examples, test: Examples, seed: int) -> dict[str, float]:
    """Gradient boosting on the same globals; empty where scikit-learn is not installed."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError:
        return {}
    booster = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.1, random_state=seed, early_stopping=False
    )
    weight = np.minimum(rows.weight, _LARGEST_WEIGHT)
    booster.fit(rows.globals_, rows.real, sample_weight=weight)
    chance = booster.predict_proba(test.globals_)[:, 1]
    return scores(chance, test.real, test.weight)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_model",
        description="Train, calibrate, try and save the network that ships.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", type=Path, default=Path("dbgclean/model/pretrained"))
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/0.2.0"))
    parser.add_argument("--conditions", type=int, default=420, help="simulated training samples")
    parser.add_argument("--held-out", type=int, default=70, help="samples to stop on, and again")
    parser.add_argument("--bases", type=float, nargs=2, default=(2e6, 14e6), help="per sample")
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument(
        "--allele-cost", type=float, default=1.5, help="an allele lost, in errors kept"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="keep the examples here and use them again")
    parser.add_argument("--no-boosting", action="store_true")
    return parser


def _examples(args: argparse.Namespace, role: str, conditions: int) -> Examples:
    path = args.cache / f"{role}.npz" if args.cache else None
    if path is not None and path.exists():
        with np.load(path) as stored:
            return Examples(**stored)
    rows = gather_examples(role, conditions, args.seed, tuple(args.bases), args.data, args.jobs)
    if path is not None:
        np.savez(path, **rows._asdict())
    return rows


def _figures(
    model: Autoencoder, rows: Examples, held_out: Examples, args: argparse.Namespace
) -> dict[str, Any]:
    """Thresholds, sizes and the held-out scores."""
    chance = _posteriors(model, held_out)[:, 0]
    truth = held_out.real, held_out.weight
    real, error = thresholds(chance, *truth, args.allele_cost)
    ratio = round(average_precision(held_out.likelihood, *truth), 4)
    by_judge = {
        "network": scores(chance, *truth),
        "likelihood_ratio": {"average_precision": ratio},
    }
    if not args.no_boosting:
        boosting = compare_boosting(rows, held_out, args.seed)
        by_judge |= {"gradient_boosting": boosting} if boosting else {}
    return {
        "real_threshold": real,
        "error_threshold": error,
        "temperature": model.config.temperature,
        "parameters": model.n_parameters,
        "examples": len(rows.real),
        "real_examples": int(rows.real.sum()),
        "held_out": by_judge,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Everything, in order; figures go to the card and to ``--results``."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.use_deterministic_algorithms(True)
    began = time.monotonic()
    held_out = _examples(args, "calibrate", args.held_out)
    stop = _examples(args, "stop", args.held_out)
    rows = _examples(args, "train", args.conditions)
    simulated = time.monotonic() - began
    logger.info("%d examples in %.0f s, %d real", len(rows.real), simulated, rows.real.sum())
    model, history = fit(rows, stop, args)
    model = calibrate(model, held_out)
    seconds = {"simulate": round(simulated), "train": round(time.monotonic() - began - simulated)}
    figures = _figures(model, rows, held_out, args)
    save_model(args.model, model, card_values(figures, SCHEME, args.seed))
    logger.info(json.dumps(figures, indent=1))
    cut = (figures["real_threshold"], figures["error_threshold"])
    figures["trials"] = train_trials.all_trials(model, cut, args.data)
    for line in train_trials.as_table(figures["trials"]):
        logger.info(line)
    write_card(args.model, figures, SCHEME, len(GLOBALS), vars(args))
    args.results.mkdir(parents=True, exist_ok=True)
    plot_training(history, args.results)
    document = {"figures": figures, "history": history, "seconds": seconds}
    (args.results / "train_model.json").write_text(json.dumps(document, indent=1) + "\n")
    logger.info("%s: %.0f s in all", args.model, time.monotonic() - began)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
