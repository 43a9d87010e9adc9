"""The network before and after fine-tuning, compared on places that neither has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dbgclean.model.autoencoder import Autoencoder
from dbgclean.model.calibration import (
    average_precision,
    best_temperature,
    log_loss,
    log_losses,
    middle_posteriors,
    with_temperature,
)
from dbgclean.training.optimising import History

__all__ = [
    "ERROR",
    "JUDGE",
    "REAL",
    "STOP",
    "TRAIN",
    "UNKNOWN",
    "FineTuned",
    "LabelledWindows",
    "Pair",
    "better_of",
    "chance_real",
]

# Labels, and what a row is for: to train on, to stop and to calibrate on, to judge by.
ERROR, REAL, UNKNOWN = 0, 1, 2
TRAIN, STOP, JUDGE = 0, 1, 2
# How far from what it came with the temperature, and the log odds of all, may go.
_TEMPERATURE_SPAN, _LARGEST_SHIFT = 1.25, 3.0
# Log odds by which an alternative has to clear a threshold to be surely beyond it.
_HAIR = 1e-3
# A lost allele in errors kept, as the thresholds of the weights that ship were set.
_ALLELE_COST = 1.5
# The gain has to be this many standard errors, over at least so many alleles.
_SURE, _FEWEST_ALLELES = 3.0, 10


class LabelledWindows(NamedTuple):
    """Alternatives with what is known of them, one row each.

    Attributes
    ----------
    windows, globals_, observed
        As `dbgclean.evidence.windows.build_windows` gives them.
    to
        uint8 (n,): the path's base in the middle.
    label
        uint8 (n,): ERROR, REAL or UNKNOWN.
    weight
        float32 (n,): alternatives that the row stands for.
    part
        uint8 (n,): TRAIN, STOP or JUDGE; the same for all rows of a place.
    as_it_came
        bool (n,): from the sample before anything was injected.
    """

    windows: np.ndarray
    globals_: np.ndarray
    observed: np.ndarray
    to: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    part: np.ndarray
    as_it_came: np.ndarray

    def take(self, rows: np.ndarray) -> LabelledWindows:
        """The chosen rows of every array."""
        return LabelledWindows(*(array[rows] for array in self))

    @classmethod
    def concatenate(cls, parts: list[LabelledWindows]) -> LabelledWindows:
        """Rows of several rounds as one."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    @property
    def known(self) -> np.ndarray:
        """bool (n,): rows with a label."""
        return self.label != UNKNOWN

    @property
    def real(self) -> np.ndarray:
        """bool (n,): rows labelled real."""
        return self.label == REAL


@dataclass
class FineTuned:
    """What came of it.

    Attributes
    ----------
    model
        The network to use: fine-tuned where it is better, else as it came.
    accepted
        Whether it is the fine-tuned one.
    reason
        Why, in a few words.
    real_threshold, error_threshold
        Of the network to use.
    history
        Loss and Hamming over the steps.
    figures
        Sizes, and scores on the places judged by, before and after.
    """

    model: Autoencoder
    accepted: bool
    reason: str
    real_threshold: float
    error_threshold: float
    history: History
    figures: dict[str, Any]


def chance_real(model: Autoencoder, rows: LabelledWindows, threads: int) -> np.ndarray:
    """P(real) of each row, float64 (n,)."""
    return middle_posteriors(model, rows.windows, rows.globals_, rows.observed, threads)[:, 0]


@dataclass
class Pair:
    """The network before and after, and what they are compared on.

    Attributes
    ----------
    before, after
        As it came, and fine-tuned at temperature 1; `better_of` calibrates the latter.
    rows
        All rows.
    chance_before
        float64 (n,): P(real) by the network as it came.
    truth
        float64 (n,): 0 or 1 where the label is known, else ``chance_before``.
    threads
        Of prediction.
    """

    before: Autoencoder
    after: Autoencoder
    rows: LabelledWindows
    chance_before: np.ndarray
    truth: np.ndarray
    threads: int

    def part(self, part: int) -> np.ndarray:
        """Numbers of the rows of a part."""
        return np.flatnonzero(self.rows.part == part)

    def chance_after(self, numbers: np.ndarray) -> np.ndarray:
        """P(real) of some rows by the fine-tuned network."""
        return chance_real(self.after, self.rows.take(numbers), self.threads)


def _calibrate(pair: Pair, stays_from: float) -> None:
    """Set the temperature (an anchored network has none), then how much the k-mer's own
    base is worth.

    How many alleles were injected says nothing of how many the sample has, and a network
    that has seen more of them calls more real. So the logit of the own base is moved until
    as much of the sample as it came stays in the reads as did before: what fine-tuning may
    change is which alternatives stay, not how many. Thresholds then remain what they were.
    """
    if not pair.after.config.bound:
        _set_temperature(pair)
    own = np.flatnonzero(pair.rows.as_it_came)
    now, weight = pair.chance_after(own), pair.rows.weight[own].astype(float)
    stayed = float(weight[pair.chance_before[own] > stays_from].sum())
    pair.after.move_own(_shift(now, weight, stayed, stays_from))


def _set_temperature(pair: Pair) -> None:
    held = pair.part(STOP)
    rows = pair.rows.take(held)
    # The temperature it came with is in the weights by now.
    grid = np.exp(np.linspace(-np.log(_TEMPERATURE_SPAN), np.log(_TEMPERATURE_SPAN), 21))
    posteriors = middle_posteriors(
        pair.after, rows.windows, rows.globals_, rows.observed, pair.threads
    )
    with_temperature(pair.after, best_temperature(posteriors, pair.truth[held], rows.weight, grid))


def _shift(chance: np.ndarray, weight: np.ndarray, stayed: float, stays_from: float) -> float:
    """The smallest change of all log odds by which no more than ``stayed`` exceeds the threshold,
    and as much of it as can."""
    odds = _logit(np.sort(chance)[::-1])
    total = np.cumsum(weight[np.argsort(-chance, kind="stable")])
    n = int(np.searchsorted(total, stayed, side="right"))
    at = float(_logit(np.array([stays_from]))[0])
    # Any shift between these two leaves the first n above the threshold and the rest below.
    least = at - odds[n - 1] + _HAIR if n else -_LARGEST_SHIFT
    most = at - odds[n] - _HAIR if n < len(odds) else _LARGEST_SHIFT
    shift = min(max(0.0, least), most)
    return float(np.clip(shift, -_LARGEST_SHIFT, _LARGEST_SHIFT))


def _logit(chance: np.ndarray) -> np.ndarray:
    chance = np.clip(chance, 1e-9, 1 - 1e-9)
    return np.log(chance) - np.log1p(-chance)


def better_of(pair: Pair, card: tuple[float, float], history: History) -> FineTuned:
    """Compare the two on the places that neither training nor stopping saw."""
    real, error = card
    _calibrate(pair, error)
    judged = pair.part(JUDGE)
    rows, truth = pair.rows.take(judged), pair.truth[judged]
    chances = {"before": pair.chance_before[judged], "after": pair.chance_after(judged)}
    figures: dict[str, Any] = {"rows": _sizes(pair.rows)}
    for name, chance in chances.items():
        figures[name] = _figures(rows, truth, chance, error)
    losses = {name: log_losses(chance, truth) for name, chance in chances.items()}
    gains = rows.weight * (losses["before"] - losses["after"])
    deviation = float(np.sqrt(np.sum((gains - gains.mean()) ** 2)))
    gain = round(float(gains.sum()) / max(deviation, 1e-12), 2)
    figures["gain_in_standard_errors"] = gain
    accepted, reason = _verdict(figures, gain)
    model = pair.after if accepted else pair.before
    return FineTuned(model, accepted, reason, real, error, history, figures)


def _figures(
    rows: LabelledWindows, truth: np.ndarray, chance: np.ndarray, stays_from: float
) -> dict[str, float]:
    """What a network makes of the rows that are judged by."""
    stays, known = chance > stays_from, rows.known
    precision = average_precision(chance[known], rows.real[known], rows.weight[known])
    errors = float(rows.weight[(rows.label == ERROR) & stays].sum())
    lost = int(np.count_nonzero(rows.real & ~stays))
    return {
        "average_precision": round(precision, 4),
        "log_loss": round(log_loss(chance, truth, rows.weight), 6),
        "alleles_kept": int(np.count_nonzero(rows.real & stays)),
        "errors_kept": round(errors, 1),
        "own_kept": round(float(rows.weight[~known & stays].sum()), 1),
        "cost": round(errors + _ALLELE_COST * lost, 1),
    }


def _verdict(figures: dict[str, Any], gain: float) -> tuple[bool, str]:
    """Is the fine-tuned network better, by more than chance, and nowhere worse?"""
    before, after = figures["before"], figures["after"]
    if figures["rows"]["judge"]["real"] < _FEWEST_ALLELES:
        return False, "tried on too few held-out alleles to tell"
    if gain < _SURE:
        return False, "not better on held-out places by more than chance"
    if after["cost"] > before["cost"] or after["average_precision"] < before["average_precision"]:
        return False, "better on held-out places by its chances, but not by its verdicts"
    return True, "better on held-out places by more than chance"


def _sizes(rows: LabelledWindows) -> dict[str, dict[str, int]]:
    """Rows by what they are for and by label."""
    names = ("error", "real", "unknown")
    return {
        part: {
            name: int(np.count_nonzero((rows.part == p) & (rows.label == code)))
            for code, name in enumerate(names)
        }
        for p, part in enumerate(("train", "stop", "judge"))
    }
