"""How judges do on a family: false alternatives kept, alleles kept, chances that hold.

Beside the network stand the plain ratio of 0.3.0, the anchor that the network corrects, and
that anchor with a line fitted to it (Platt 1999), which is all that calibration alone can do.
Alternatives of which it is not to be told whether they are real (`Examples.known`) are
left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import optimize

from benchmarks.calibration.score import SURELY_ERROR, calibration_floor, equal_width_error
from dbgclean.correct.verdicts import _STEEPNESS, LIKELIHOOD_ERROR, LIKELIHOOD_REAL
from dbgclean.training.recipe import Examples

__all__ = ["JUDGES", "chances_of_ratios", "line", "logistic", "margins", "score_family", "table"]

JUDGES = ("ratio", "likelihood", "line", "autoencoder")
_LARGEST = 40.0


def margins(rows: Examples) -> dict[str, np.ndarray]:
    """Nats by which the two ratios exceed the threshold of `likelihood_verdicts`."""
    return {
        "ratio": rows.ratio - np.maximum(LIKELIHOOD_ERROR, -rows.prior),
        "likelihood": rows.odds - np.maximum(LIKELIHOOD_ERROR, -rows.told_prior),
    }


def logistic(odds: np.ndarray) -> np.ndarray:
    """P of log odds."""
    return 1 / (1 + np.exp(-np.clip(odds, -60, 60)))


def chances_of_ratios(rows: Examples) -> dict[str, np.ndarray]:
    """P(real) of the two, as `likelihood_verdicts` has it."""
    over, middle = margins(rows), (LIKELIHOOD_REAL - LIKELIHOOD_ERROR) / 2
    return {
        "ratio": logistic(over["ratio"] - middle),
        "likelihood": logistic(_STEEPNESS * over["likelihood"]),
    }


def line(rows: Examples) -> tuple[float, float]:
    """Slope and offset of the log odds on `Alternatives.odds` that fit best, families alike."""
    use = rows.known & (rows.odds < _LARGEST)
    odds, real = rows.odds[use].astype(float), rows.real[use].astype(float)
    sizes = np.bincount(rows.family[use])
    weight = 1 / np.maximum(sizes, 1)[rows.family[use]]

    def loss(values: np.ndarray) -> float:
        z = values[0] * odds + values[1]
        return float(np.sum(weight * (np.logaddexp(0, z) - real * z)))

    found = optimize.minimize(loss, np.array([1.0, -9.0]), method="Nelder-Mead").x
    return float(found[0]), float(found[1])


def score_family(
    rows: Examples, chances: dict[str, np.ndarray], kept: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Figures of every judge on one family.

    Parameters
    ----------
    chances
        P(real) by judge, float (n,); `JUDGES`.
    kept
        bool (n,), by judge.
    """
    real, known = rows.real, rows.known
    wanted = int((kept["ratio"] & real).sum())
    found: dict[str, Any] = {}
    for name, chance in chances.items():
        order = np.argsort(-chance[known], kind="stable")
        true = np.cumsum(real[known][order])
        at = int(np.searchsorted(true, wanted))
        groups = sorted(set(rows.fraction.tolist()) - {""}, reverse=True)
        found[name] = {
            "kept_true": int((kept[name] & real).sum()),
            "kept_false": int((kept[name] & ~real & known).sum()),
            "false_at_ratio": at + 1 - wanted if wanted and at < len(true) else None,
            "calibration_error": round(equal_width_error(chance[known], real[known]), 4),
            "floor": round(calibration_floor(chance[known])[0], 4),
            "above": int((chance[known] > SURELY_ERROR).sum()),
            "alleles": {
                group: [
                    int((kept[name] & (rows.fraction == group)).sum()),
                    int((rows.fraction == group).sum()),
                ]
                for group in groups
            },
        }
    return found


def table(scores: dict[str, dict[str, Any]], judges: Sequence[str] = JUDGES) -> list[str]:
    """Markdown: a row per family, true + false kept, false at the ratio's true, calibration."""
    head = ["family"]
    for judge in judges:
        head += [f"{judge}: kept true + false", "false at the ratio's true", "calibration"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for family, found in scores.items():
        cells = [family]
        for judge in judges:
            one = found[judge]
            at = one["false_at_ratio"]
            cells += [f"{one['kept_true']} + {one['kept_false']}", "-" if at is None else str(at)]
            cells.append(f"{one['calibration_error']:.3f} ({one['above']})")
        lines.append("| " + " | ".join(cells) + " |")
    return lines
