"""Are the chances what they say? Temperature, thresholds, and the scores beside them.

A network's confidence is adjusted after training by one number that divides its
logits (Guo et al. 2017, arXiv:1706.04599); the thresholds of the verdicts follow from
what a lost allele costs in errors kept. Rows that stand for many carry a weight, and
every score here counts them at it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.model.network import Network, predict

if TYPE_CHECKING:
    from dbgclean.model.autoencoder import Autoencoder

__all__ = [
    "average_precision",
    "best_temperature",
    "calibration_error",
    "log_loss",
    "log_losses",
    "middle_posteriors",
    "scores",
    "thresholds",
    "verdict_cost",
    "with_temperature",
]

_TEMPERATURES = np.exp(np.linspace(np.log(0.6), np.log(2.5), 39))
# Rows predicted at a time: the posteriors of whole windows are not worth keeping.
_CHUNK = 200_000
_BINS = 10
# Below this all judges agree, and there are so many rows that they would hide the rest.
_SURELY_ERROR = 0.02


def middle_posteriors(
    model: Network | Autoencoder,
    windows: np.ndarray,
    globals_: np.ndarray,
    observed: np.ndarray,
    threads: int = 1,
) -> np.ndarray:
    """Posteriors of the bases in the middle, the k-mer's own base first.

    Parameters
    ----------
    windows, globals_, observed
        As `predict` takes them.

    Returns
    -------
    ndarray
        float64 (n, 4): column ``i`` is the base ``(own + i) mod 4``; column 0 is P(real).
    """
    middle = model.config.positions // 2
    out = np.empty((len(windows), 4))
    for start in range(0, len(out), _CHUNK):
        part = slice(start, start + _CHUNK)
        own = observed[part]
        given = predict(model, windows[part], globals_[part], own, threads=threads)[:, middle]
        columns = (own[:, middle, None] + np.arange(4)) & 3
        out[part] = np.take_along_axis(given, columns, axis=1)
    return out


def log_losses(chance: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Cross-entropy of each row in nats, float64 (n,); ``real`` is bool, or a chance itself."""
    chance = np.clip(chance, 1e-7, 1 - 1e-7)
    share = np.asarray(real, float)
    return -share * np.log(chance) - (1 - share) * np.log(1 - chance)


def log_loss(chance: np.ndarray, real: np.ndarray, weight: np.ndarray) -> float:
    """Mean weighted cross-entropy in nats."""
    return float(np.average(log_losses(chance, real), weights=weight))


def with_temperature(model: Autoencoder, temperature: float) -> Autoencoder:
    """The same model, its logits divided by ``temperature`` from now on."""
    model.config = replace(model.config, temperature=temperature)
    return model


def best_temperature(
    posteriors: np.ndarray,
    real: np.ndarray,
    weight: np.ndarray,
    grid: np.ndarray = _TEMPERATURES,
) -> float:
    """The temperature of least loss.

    Parameters
    ----------
    posteriors
        float64 (n, 4): `middle_posteriors` of the model at temperature 1.
    grid
        Temperatures to choose from.
    """
    logits = np.log(np.maximum(posteriors, 1e-30))
    losses = []
    for temperature in grid:
        odds = np.exp(logits / temperature)
        losses.append(log_loss(odds[:, 0] / odds.sum(axis=1), real, weight))
    return round(float(grid[int(np.argmin(losses))]), 4)


def verdict_cost(
    chance: np.ndarray, real: np.ndarray, weight: np.ndarray, at: float, cost: float
) -> float:
    """Weight of the errors kept from ``at`` on, plus ``cost`` times that of the real lost."""
    return float(np.sum(weight * np.where(real, cost * (chance < at), chance >= at)))


def thresholds(
    chance: np.ndarray,
    real: np.ndarray,
    weight: np.ndarray,
    cost: float,
    span: tuple[float, float] = (0.1, 0.8),
) -> tuple[float, float]:
    """Where real begins and where error ends.

    Real begins where least is lost, an allele lost counting ``cost`` times an error kept
    (1 / (1 + cost), were the posteriors perfect); error ends a little below, because what
    is undecided stays in the reads just as what is real.

    Parameters
    ----------
    span
        Least and greatest value for where real begins.
    """
    grid = np.round(np.arange(span[0], span[1] + 0.005, 0.01), 2)
    weight = weight.astype(float)
    losses = np.array([verdict_cost(chance, real, weight, at, cost) for at in grid])
    # The curve is flat and jagged: the middle of all that is within 1 % of the least.
    real_from = float(np.round(np.median(grid[losses <= 1.01 * np.min(losses)]), 2))
    return real_from, round(0.85 * real_from, 3)


def average_precision(score: np.ndarray, real: np.ndarray, weight: np.ndarray) -> float:
    """Area under precision and recall, each row at its weight."""
    order = np.argsort(-score, kind="stable")
    weight, real = weight[order].astype(float), real[order]
    found = np.cumsum(weight * real)
    precision = found / np.cumsum(weight)
    return float(np.sum(precision * weight * real) / max(float(found[-1]), 1e-12))


def calibration_error(chance: np.ndarray, real: np.ndarray, weight: np.ndarray) -> float:
    """Mean absolute difference of chance and share over ten bins between 0.02 and 1."""
    bins = np.clip((chance * _BINS).astype(int), 0, _BINS - 1)
    use = chance > _SURELY_ERROR
    total, weight = 0.0, weight.astype(float)
    for one in range(_BINS):
        rows = use & (bins == one)
        if rows.any():
            gap = np.average(chance[rows] - real[rows], weights=weight[rows])
            total += weight[rows].sum() * abs(gap)
    return float(total / max(float(weight[use].sum()), 1e-12))


def scores(chance: np.ndarray, real: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Average precision, log loss (nats) and calibration error, rounded for a card."""
    return {
        "average_precision": round(average_precision(chance, real, weight), 4),
        "log_loss": round(log_loss(chance, real, weight), 6),
        "calibration_error": round(calibration_error(chance, real, weight), 4),
    }
