"""Damage by trinucleotide: tables for both strands of a molecule."""

from __future__ import annotations

import numpy as np

__all__ = ["PAIRS", "context_tables"]

# Middle base of a trinucleotide, the one before and the one behind, by its number.
_NUMBER = np.arange(64)
BEFORE, MIDDLE, BEHIND = _NUMBER >> 4, _NUMBER >> 2 & 3, _NUMBER & 3
PAIRS = {"A": 0, "C": 1, "G": 2, "T": 3}


def context_tables(
    change: str, weight: np.ndarray, rate: float, genome: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rates and new bases of a change and of the same on the other strand.

    Parameters
    ----------
    change
        Such as ``"CT"``: C becomes T.
    weight
        float64 (64,), by trinucleotide, of the rate in it relative to the others.
    rate
        Mean over the changeable bases of ``genome``.

    Returns
    -------
    float64 (2, 64), uint8 (2, 64)
        Row 0 the change as written, row 1 on the other strand (G to A).
    """
    old, new = (PAIRS[letter] for letter in change)
    weight = np.where(MIDDLE == old, weight, 0.0)
    number = 16 * genome[:-2].astype(int) + 4 * genome[1:-1] + genome[2:]
    seen = np.bincount(number, minlength=64)
    mean = float(seen @ weight) / max(1, int(seen[MIDDLE == old].sum()))
    rates = weight * (rate / max(mean, 1e-12))
    mirrored = 16 * (3 - BEHIND) + 4 * (3 - MIDDLE) + 3 - BEFORE
    bases = np.stack([np.full(64, new), np.full(64, 3 - new)])
    return np.stack([rates, rates[mirrored]]), bases.astype(np.uint8)
