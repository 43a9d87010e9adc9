"""The recipe of the weights that ship: a network that corrects the likelihood judge.

Examples are the alternatives of samples of many *families* of errors whose truth is known, as
the package gathers them. A network is fitted to the contested ones, all families alike, bounded
in what it may move; thresholds come from families that a network never saw. Who draws the samples
is no matter: `benchmarks.training` has the simulators, leaves one family out at a time, and
writes weights and model card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from dbgclean.correct.verdicts import explained_prior
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.windows import (
    CHANNELS,
    COMPLEMENT,
    GLOBALS,
    QUALITIES,
    SCHEME,
    build_windows,
)
from dbgclean.model.autoencoder import Autoencoder, AutoencoderConfig
from dbgclean.model.calibration import middle_posteriors, thresholds
from dbgclean.training.finetune import fold, moments, turned_batches
from dbgclean.training.optimising import (
    Batch,
    History,
    TrainingSettings,
    shuffled_batches,
    train,
)

__all__ = ["Examples", "Recipe", "chance_real", "examples_of", "fit", "left_out_thresholds"]

# An alternative whose reads mostly have another difference within the window may be part of
# a haplotype that no k-mer with this difference alone shows: neither real nor an error.
_ENTANGLED = 0.5
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


@dataclass(frozen=True)
class Recipe:
    """What may be varied; the defaults made the weights that ship.

    Attributes
    ----------
    steps, batch
        Optimiser steps, and rows in each.
    bound
        Nats that the network may move odds.
    seed
        Of the first weights, the order of rows, and what is hidden.
    """

    steps: int = 400
    batch: int = 1024
    bound: float = 1.5
    seed: int = 1


class Examples(NamedTuple):
    """Alternatives of many samples, one row each.

    Attributes
    ----------
    windows, globals_, observed
        As `build_windows` gives them.
    target
        uint8 (n, 31): the clean k-mer.
    real
        bool (n,): whether error-free reads can show the k-mer.
    known
        bool (n,): False where that is not to be told.
    ratio, odds
        float64 (n,): the plain likelihood ratio, and `Alternatives.odds`, nats.
    prior, told_prior
        float64 (n,): the sample's prior for the plain ratio, and for the likelihood judge.
    fraction
        str (n,): group of the allele that it is, or empty.
    family, sample
        int64 (n,): number of its family of errors, and of its sample.
    """

    windows: np.ndarray
    globals_: np.ndarray
    observed: np.ndarray
    target: np.ndarray
    real: np.ndarray
    known: np.ndarray
    ratio: np.ndarray
    odds: np.ndarray
    prior: np.ndarray
    told_prior: np.ndarray
    fraction: np.ndarray
    family: np.ndarray
    sample: np.ndarray

    def take(self, rows: np.ndarray) -> Examples:
        """The chosen rows of every array."""
        return Examples(*(array[rows] for array in self))

    @property
    def anchor(self) -> np.ndarray:
        """What the network corrects, of each row, in nats: float32 (n,)."""
        return self.globals_[:, GLOBALS.index("anchor")]


def examples_of(
    evidence: Evidence, real: np.ndarray, group: np.ndarray, family: int, number: int
) -> Examples:
    """Alternatives of one sample, with their truth.

    Parameters
    ----------
    evidence
        Of a sample whose truth is known; ``explained`` None: as where its reads cannot be
        looked at again, and the plain ratio is all there is.
    real
        bool (n,): whether error-free reads can show each alternative.
    group
        str (n,): fraction of the allele that it is, or empty.
    family, number
        Of the kind of errors, and of the sample.
    """
    a = evidence.alternatives
    rows = np.arange(len(a))
    windows = build_windows(evidence, rows)
    target = windows.observed.copy()
    target[~real, FLANK] = a.to[~real]
    entangled = np.nan_to_num(a.column("co_edits")) >= _ENTANGLED
    return Examples(
        windows.windows,
        windows.globals_,
        windows.observed,
        target,
        real,
        real | ~entangled,
        a.likelihood,
        a.odds,
        np.full(len(a), evidence.context.prior),
        np.full(len(a), explained_prior(evidence)),
        group,
        np.full(len(a), family),
        np.full(len(a), number),
    )


def fit(rows: Examples, recipe: Recipe) -> tuple[Autoencoder, History]:
    """Train a network on the contested rows, all families alike."""
    seed = recipe.seed
    config = AutoencoderConfig(
        positions=WINDOW,
        channels=CHANNELS,
        globals_=len(GLOBALS),
        hidden=(32, 16),
        latent=12,
        scheme=SCHEME,
        seed=seed,
        bound=recipe.bound,
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
    batches = shuffled_batches(training, recipe.batch, seed)
    without = np.full(len(GLOBALS), np.nan)
    unknown = [GLOBALS.index(name) for name in (*QUALITIES, "known_qualities")]
    without[unknown] = np.clip(-mean / scale, -_MOST, _MOST)[unknown]
    history = train(
        model,
        partial(_hiding, partial(turned_batches, batches, COMPLEMENT, seed), without, seed),
        TrainingSettings(
            steps=recipe.steps,
            learning_rate=3e-3,
            weight_decay=0.1,
            evaluate_every=max(recipe.steps // 12, 1),
        ),
        looks,
        positions,
    )
    # Bases far from the middle only invite the encoder to learn genomes by heart.
    blind = np.zeros((WINDOW, CHANNELS), bool)
    blind[_FAR, :_BASE_CHANNELS] = True
    fold(model, mean, scale, blind)
    return model, history


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


def left_out_thresholds(
    rows: Examples, seen: Mapping[int, np.ndarray], cost: float
) -> tuple[float, float]:
    """Where real begins and error ends, by what networks make of families they never saw.

    Parameters
    ----------
    seen
        By number of a family, P(real) of its rows by the network that was trained without it.
    cost
        An allele lost, in errors kept.
    """
    chance, real, weight = [], [], []
    for family, found in seen.items():
        mine = np.flatnonzero(rows.family == family)
        use = rows.known[mine]
        chance.append(found[use])
        real.append(rows.real[mine][use])
        # All families alike, by their alleles.
        weight.append(np.full(int(use.sum()), 1 / max(1, int(real[-1].sum()))))
    return thresholds(np.concatenate(chance), np.concatenate(real), np.concatenate(weight), cost)
