"""Training samples: the families of `simulators/family`, their constants drawn anew each time.

What a family fixes (how often a place errs, how many copies a molecule has, what qualities
promise) is drawn for every sample, or a network would learn the constants of a simulator
(domain randomisation, Tobin et al. 2017, arXiv:1703.06907). Genomes are other ones than
those that families are scored on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.simulators import simulate
from benchmarks.simulators.family import (
    FAMILIES,
    MODULES,
    FamilySample,
    amplicons,
    contamination,
    duplicates,
    ffpe,
    no_qualities,
    novaseq,
    oxidation,
    slippage,
    strand,
)
from benchmarks.simulators.family.core import Draft
from benchmarks.simulators.family.reading import Errors
from benchmarks.simulators.truth import LAMBDA, O157

__all__ = ["draw_sample", "single"]

_BINS = ((), (), (2, 12, 23, 37), (2, 11, 25, 37), (2, 6, 15, 22, 27, 33, 37, 40))
_FRACTIONS = 6
Draw = np.random.Generator


def _log_uniform(rng: Draw, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _shares(rng: Draw) -> tuple[tuple[float, float], ...]:
    """In what share of a molecule's copies an error of an early cycle is, and how often."""
    chance = rng.dirichlet([2, 2, 2])
    return tuple(zip((1.0, 0.5, 0.25), chance.tolist(), strict=True))


def _places(rng: Draw) -> dict[Any, dict[str, Any]]:
    """Constants of places that err on one strand."""
    rates = _log_uniform(rng, 0.004, 0.02), _log_uniform(rng, 0.05, 0.25)
    return {
        strand: {
            "RATES": rates,
            "LOW": int(rng.integers(6, 20)),
            "LOW_SHARE": float(rng.uniform(0, 1)),
            "PER_BASE": _log_uniform(rng, 3e-4, 5e-3),
        }
    }


def _oxidation(rng: Draw) -> dict[Any, dict[str, Any]]:
    rates = _log_uniform(rng, 0.003, 0.01), _log_uniform(rng, 0.02, 0.1)
    density = _log_uniform(rng, 5e-4, 1e-2)
    return {oxidation: {"RATE": _log_uniform(rng, 3e-5, 8e-4), "PER_BASE": density, "RATES": rates}}


def _jackpots(rng: Draw) -> tuple[tuple[float, float], ...]:
    shares = np.exp(rng.uniform(np.log(0.001), np.log(0.02), 4))
    return tuple((float(share), 0.25) for share in shares)


# What is drawn anew, by family: module, name and value. `motif` takes what `strand` has.
_CONSTANTS: dict[str, Callable[[Draw], dict[Any, dict[str, Any]]]] = {
    "strand": _places,
    "motif": _places,
    "ffpe": lambda rng: {
        ffpe: {
            "RATE": _log_uniform(rng, 1e-4, 2e-3),
            "CPG": float(rng.uniform(1, 6)),
            "SPREAD": float(rng.uniform(0, 0.6)),
        }
    },
    "oxidation": _oxidation,
    "duplicates": lambda rng: {
        duplicates: {
            "COPIES": float(rng.uniform(1.5, 7)),
            "RATE": _log_uniform(rng, 2e-5, 3e-4),
            "SHARES": _shares(rng),
        }
    },
    "contamination": lambda rng: {
        contamination: {
            "SHARE": _log_uniform(rng, 0.01, 0.12),
            "DIVERGENCE": _log_uniform(rng, 0.001, 0.012),
            "INDELS": _log_uniform(rng, 5e-5, 6e-4),
        }
    },
    "novaseq": lambda rng: {novaseq: {"TAILS": _log_uniform(rng, 0.003, 0.06)}},
    "slippage": lambda rng: {slippage: {"INSERTED": float(rng.uniform(0.2, 0.6))}},
    "amplicons": lambda rng: {
        amplicons: {
            "SPREAD": float(rng.uniform(0.5, 1.3)),
            "JACKPOTS": _jackpots(rng),
            "JACKPOT_RATE": _log_uniform(rng, 3e-4, 3e-3),
            "RATE": _log_uniform(rng, 2e-5, 3e-4),
        }
    },
}


def _errors(rng: Draw, plain: bool, bins: bool) -> Errors:
    """How the run reads bases; ``plain`` without bad stretches, ``bins`` always binned."""
    levels = _BINS[int(rng.integers(2 if bins else 0, len(_BINS)))]
    drawn = Errors(
        rate=_log_uniform(rng, 0.0008, 0.009),
        top=float(rng.uniform(35, 40)),
        drop=float(rng.uniform(2, 12)),
        miscalibrated=float(rng.uniform(0, 0.9)),
        bins=levels,
    )
    return replace(drawn, scatter=(0.3, 1.2), bursts=(0.0, 1.0)) if plain else drawn


@contextmanager
def _constants(name: str, rng: Draw) -> Iterator[None]:
    """Within the block the families' modules have other constants."""
    errors = _errors(rng, name == "no_qualities", name == "novaseq")
    changed = _CONSTANTS.get(name, lambda _: {})(rng)
    with ExitStack() as stack:
        for module, values in changed.items():
            for constant, value in values.items():
                stack.enter_context(patch.object(module, constant, value))
        for module in (module for module in MODULES if hasattr(module, "Errors")):
            stack.enter_context(patch.object(module, "Errors", lambda **_: errors))
        stack.enter_context(patch.object(no_qualities, "TRIMMED", errors))
        yield


def _genome(rng: Draw, size: int, data: Path) -> np.ndarray:
    """A slice of E. coli O157:H7 or phage lambda, or a random genome with repeats."""
    kind = rng.random()
    if kind < 0.25:
        repeats = [(int(rng.integers(200, 1500)), 3, float(rng.choice([0.0, 0.01, 0.05])))]
        gc = float(rng.uniform(0.3, 0.7))
        return simulate.random_genome(size, int(rng.integers(2**31)), gc=gc, repeats=repeats)
    if kind < 0.4:
        return simulate.load_genome(data / "genomes" / LAMBDA, 0, min(size, 48_000))
    start = int(rng.integers(0, 4_500_000))
    return simulate.load_genome(data / "genomes" / O157, start, size)


def draw_sample(name: str, seed: int, data: Path) -> FamilySample:
    """Draw a training sample of a family: the same arguments give the same bytes.

    Parameters
    ----------
    name
        Of `FAMILIES`.
    data
        The folder of shared data.
    """
    family = FAMILIES[name]
    rng = np.random.default_rng([seed, *name.encode(), 117])
    deep = name != "low_depth" and rng.random() < 0.75
    depth = _log_uniform(rng, 80, 400) if deep else _log_uniform(rng, 20, 80)
    size = int(rng.integers(30_000, 60_000))
    if depth > 200:
        size = int(rng.integers(25_000, 40_000))
    genome = _genome(rng, size, data)
    lowest = 0.004 if depth > 80 else 0.04
    fractions = [0.5, *(_log_uniform(rng, lowest, 0.3) for _ in range(_FRACTIONS))]
    spacing = int(rng.choice([400, 700, 1000, 1500]))
    sites = simulate.draw_sites(genome, spacing, fractions, int(rng.integers(2**31)))
    length = family.read_length
    if name != "amplicons":
        length = int(rng.choice([100, 125, 150, 150, 150, 200]))
    with _constants(name, rng):
        draft = Draft(genome, sites, depth, length, rng, seed)
        return replace(family.make(draft), family=name)


def single(sample: FamilySample) -> FamilySample:
    """The first reads alone."""
    first = slice(None, None, 2)
    columns = {n: getattr(sample, n)[first] for n in ("codes", "quals", "position", "reverse")}
    return replace(sample, paired=False, **columns)
