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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import train_trials
from benchmarks.train_card import card_values, plot_training, write_card
from benchmarks.train_data import Examples, gather_examples
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS, SCHEME
from dbgclean.model.autoencoder import Autoencoder, AutoencoderConfig, predict
from dbgclean.model.training import Batch, TrainingSettings, shuffled_batches, train
from dbgclean.model.weights import save_model

logger = logging.getLogger("benchmarks.train_model")

_TEMPERATURES = np.exp(np.linspace(np.log(0.6), np.log(2.5), 39))
# The middle base is what is judged; the others teach it to copy.
_CENTRE_WEIGHT, _OTHER_WEIGHT = 8.0, 0.05
# Bases the encoder is told: the middle and what a motif just before or after it takes.
_FAR = np.abs(np.arange(WINDOW) - FLANK) > 4
_BASE_CHANNELS = 8
# Channels of the reverse complement: two one-hot bases, then what has no strand.
_COMPLEMENT = np.array([3, 2, 1, 0, 7, 6, 5, 4, 8, 9])
# Weights far above the rest would make a few lone errors rule a batch.
_LARGEST_WEIGHT = 5.0


def middle_posteriors(model: Autoencoder, rows: Examples, threads: int = 2) -> np.ndarray:
    """Posteriors of the four bases in the middle, float64 (n, 4), with the k-mer's own first."""
    out = np.empty((len(rows.real), 4))
    turns = np.arange(4)
    for start in range(0, len(out), 200_000):
        part = slice(start, start + 200_000)
        observed = rows.observed[part]
        posteriors = predict(
            model, rows.windows[part], rows.globals_[part], observed, threads=threads
        )[:, FLANK]
        columns = (observed[:, FLANK, None] + turns) & 3
        out[part] = np.take_along_axis(posteriors, columns, axis=1)
    return out


def probability_real(model: Autoencoder, rows: Examples) -> np.ndarray:
    """Posterior of each k-mer's own middle base, float64 (n,): P(real)."""
    return middle_posteriors(model, rows)[:, 0]


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
    turned = partial(_turned, batches, args.seed)
    history = train(model, turned, settings, looks, positions)
    _fold(model, mean, scale)
    return model, history.to_dict()


def _as_batch(rows: Examples, mean: np.ndarray, scale: np.ndarray) -> Batch:
    weight = np.minimum(rows.weight, _LARGEST_WEIGHT)
    globals_ = ((rows.globals_ - mean) / scale).astype(np.float32)
    windows = rows.windows.copy()
    windows[:, _FAR, :_BASE_CHANNELS] = 0
    return Batch(windows, globals_, rows.observed, rows.target, weight)


def _turned(batches: Callable[[int], Iterator[Batch]], seed: int, epoch: int) -> Iterator[Batch]:
    """Half of the rows, drawn anew each epoch, as their reverse complement.

    The evidence is the same on either strand; canonical k-mers alone would let the
    network learn which one is the lesser by name.
    """
    rng = np.random.default_rng([seed, epoch, 107])
    for batch in batches(epoch):
        flip = rng.random(len(batch.observed)) < 0.5
        windows, observed, target = (array.copy() for array in (batch[0], batch[2], batch[3]))
        windows[flip] = windows[flip][:, ::-1, _COMPLEMENT]
        observed[flip] = 3 - observed[flip][:, ::-1]
        target[flip] = 3 - target[flip][:, ::-1]
        yield batch._replace(windows=windows, observed=observed, target=target)


def _fold(model: Autoencoder, mean: np.ndarray, scale: np.ndarray) -> None:
    """Put what was done to the input into the first layer, so that it takes it as it is.

    Training on globals of mean 0 and deviation 1 is much better conditioned, and bases far
    from the middle only invite the encoder to learn genomes by heart.
    """
    first = model.encoder[0]
    size = len(mean)
    blind = np.zeros((WINDOW, CHANNELS), bool)
    blind[_FAR, :_BASE_CHANNELS] = True
    with torch.no_grad():
        first.weight[:, :-size][:, torch.as_tensor(blind.ravel())] = 0
        first.weight[:, -size:] /= torch.as_tensor(scale, dtype=torch.float32)
        first.bias -= first.weight[:, -size:] @ torch.as_tensor(mean, dtype=torch.float32)


def log_loss(chance: np.ndarray, rows: Examples) -> float:
    """Mean weighted cross-entropy, nats."""
    chance = np.clip(chance, 1e-7, 1 - 1e-7)
    loss = np.where(rows.real, -np.log(chance), -np.log(1 - chance))
    return float(np.average(loss, weights=rows.weight))


def calibrate(model: Autoencoder, rows: Examples) -> Autoencoder:
    """The same weights at the temperature of least loss on ``rows``."""
    model.config = replace(model.config, temperature=1.0)
    logits = np.log(np.maximum(middle_posteriors(model, rows), 1e-30))
    losses = []
    for temperature in _TEMPERATURES:
        odds = np.exp(logits / temperature)
        losses.append(log_loss(odds[:, 0] / odds.sum(axis=1), rows))
    best = float(_TEMPERATURES[int(np.argmin(losses))])
    model.config = replace(model.config, temperature=round(best, 4))
    return model


def thresholds(chance: np.ndarray, rows: Examples, cost: float) -> tuple[float, float]:
    """Where real begins and error ends.

    Real begins where the held-out samples lose least, an allele lost counting ``cost`` times
    an error kept (1 / (1 + cost), were the posteriors perfect); error ends a little below,
    because what is undecided stays in the reads just as what is real.
    """
    grid = np.round(np.arange(0.1, 0.81, 0.01), 2)
    weight = rows.weight.astype(float)
    losses = [
        np.sum(weight * np.where(rows.real, cost * (chance < at), chance >= at)) for at in grid
    ]
    # The curve is flat and jagged: the middle of all that is within 1 % of the least.
    real = float(np.round(np.median(grid[losses <= 1.01 * np.min(losses)]), 2))
    return real, round(0.85 * real, 3)


def average_precision(score: np.ndarray, rows: Examples) -> float:
    """Area under precision and recall, each row at its weight."""
    order = np.argsort(-score, kind="stable")
    weight = rows.weight[order].astype(float)
    found = np.cumsum(weight * rows.real[order])
    precision = found / np.cumsum(weight)
    return float(np.sum(precision * weight * rows.real[order]) / max(found[-1], 1e-12))


def calibration_error(chance: np.ndarray, rows: Examples) -> float:
    """Mean absolute difference of chance and share over ten bins between 0.02 and 1."""
    bins = np.clip((chance * 10).astype(int), 0, 9)
    use = chance > 0.02
    total, weight = 0.0, rows.weight.astype(float)
    for one in range(10):
        rows_in = use & (bins == one)
        if rows_in.any():
            mass = weight[rows_in].sum()
            gap = np.average(chance[rows_in] - rows.real[rows_in], weights=weight[rows_in])
            total += mass * abs(gap)
    return float(total / max(weight[use].sum(), 1e-12))


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
    return _scores(chance, test)


def _scores(chance: np.ndarray, rows: Examples) -> dict[str, float]:
    return {
        "average_precision": round(average_precision(chance, rows), 4),
        "log_loss": round(log_loss(chance, rows), 6),
        "calibration_error": round(calibration_error(chance, rows), 4),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_model",
        description="Train, calibrate, try and save the network that ships.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", type=Path, default=Path("dbgclean/model/pretrained"))
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/0.1.0"))
    parser.add_argument("--conditions", type=int, default=300, help="simulated training samples")
    parser.add_argument("--held-out", type=int, default=50, help="samples to stop on, and again")
    parser.add_argument("--bases", type=float, nargs=2, default=(2e6, 14e6), help="per sample")
    parser.add_argument("--steps", type=int, default=6000)
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
    chance = probability_real(model, held_out)
    real, error = thresholds(chance, held_out, args.allele_cost)
    ratio = round(average_precision(held_out.likelihood, held_out), 4)
    scores = {
        "network": _scores(chance, held_out),
        "likelihood_ratio": {"average_precision": ratio},
    }
    if not args.no_boosting:
        boosting = compare_boosting(rows, held_out, args.seed)
        scores |= {"gradient_boosting": boosting} if boosting else {}
    return {
        "real_threshold": real,
        "error_threshold": error,
        "temperature": model.config.temperature,
        "parameters": model.n_parameters,
        "examples": len(rows.real),
        "real_examples": int(rows.real.sum()),
        "held_out": scores,
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
