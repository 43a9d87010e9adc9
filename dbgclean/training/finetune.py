"""Fine-tuning of a trained network on one sample, without letting it forget.

Three things hold the network to what it knew. Its weights stay close to those it came
with (L2-SP, Li et al. 2018, arXiv:1802.01483). What the sample holds of its own, whose
truth nobody knows, is trained on as well, with the verdicts of the network as it came
for labels (learning without forgetting, Li and Hoiem 2017,
doi:10.1109/TPAMI.2017.2773081), so that the natural mix of alternatives stays in sight.
And the result has to be better on places that were not trained on, by more than chance,
or the network stays as it was.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from dbgclean.model.autoencoder import Autoencoder
from dbgclean.model.calibration import with_temperature
from dbgclean.training.checkpoint import Checkpoint
from dbgclean.training.comparison import (
    STOP,
    TRAIN,
    FineTuned,
    LabelledWindows,
    Pair,
    better_of,
    chance_real,
)
from dbgclean.training.optimising import Batch, History, TrainingSettings, shuffled_batches, train

__all__ = [
    "FineTuneSettings",
    "absorb_temperature",
    "deterministic",
    "fine_tune",
    "fold",
    "moments",
    "turned_batches",
    "unfold",
]

# The middle base is what is judged; the others teach the network to copy.
CENTRE_WEIGHT, OTHER_WEIGHT = 8.0, 0.05
_LOOK_ROWS = 8192


@dataclass(frozen=True)
class FineTuneSettings:
    """How to fine-tune.

    Parameters
    ----------
    steps, batch
        Optimiser steps, and rows in each.
    learning_rate
        Peak of the one-cycle schedule; a tenth of what the network was trained with.
    anchor
        Weight of the distance from the weights it came with.
    patience
        Looks (there are 20) without improvement after which training stops.
    seed
        Of the order of rows and of all that is drawn.
    """

    steps: int = 1000
    batch: int = 512
    learning_rate: float = 3e-4
    anchor: float = 0.01
    patience: int = 6
    seed: int = 1


def _first_layer(model: Autoencoder) -> nn.Linear:
    first = model.encoder[0]
    assert isinstance(first, nn.Linear)
    return first


def moments(model: Autoencoder, globals_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What training subtracts from each global and then divides by: float64 (globals,).

    The anchor is left as it is.
    """
    mean = globals_.mean(axis=0, dtype=np.float64)
    scale = np.maximum(globals_.std(axis=0, dtype=np.float64), 1e-3)
    mean[model.config.free_globals :] = 0
    scale[model.config.free_globals :] = 1
    return mean, scale


def unfold(model: Autoencoder, mean: np.ndarray, scale: np.ndarray) -> None:
    """Make the network take globals of mean 0 and deviation 1 instead of as they are.

    Training is much better conditioned on such. The inverse of `fold`.
    """
    first = _first_layer(model)
    size = model.config.free_globals
    with torch.no_grad():
        weights = first.weight[:, -size:]
        offset = torch.as_tensor(mean[:size], dtype=torch.float32, device=weights.device)
        first.bias.add_(weights @ offset)
        weights *= torch.as_tensor(scale[:size], dtype=torch.float32, device=weights.device)


def fold(
    model: Autoencoder, mean: np.ndarray, scale: np.ndarray, blind: np.ndarray | None = None
) -> None:
    """Put what was done to the input into the first layer, so that it takes it as it is.

    Parameters
    ----------
    mean, scale
        float64 (globals,): what was subtracted from the globals, and what they were
        then divided by.
    blind
        bool (positions, channels): what was set to zero for the encoder.
    """
    first = _first_layer(model)
    size = model.config.free_globals
    with torch.no_grad():
        if blind is not None:
            hidden = torch.as_tensor(blind.ravel(), device=first.weight.device)
            first.weight[:, :-size][:, hidden] = 0
        weights = first.weight[:, -size:]
        weights /= torch.as_tensor(scale[:size], dtype=torch.float32, device=weights.device)
        offset = torch.as_tensor(mean[:size], dtype=torch.float32, device=weights.device)
        first.bias.sub_(weights @ offset)


def turned_batches(
    batches: Callable[[int], Iterator[Batch]], complement: np.ndarray, seed: int, epoch: int
) -> Iterator[Batch]:
    """Half of the rows, drawn anew each epoch, as their reverse complement.

    The evidence is the same on either strand; canonical k-mers alone would let the
    network learn which one is the lesser by name.

    Parameters
    ----------
    complement
        int (channels,): where each channel of the other strand comes from.
    """
    rng = np.random.default_rng([seed, epoch, 107])
    for batch in batches(epoch):
        flip = rng.random(len(batch.observed)) < 0.5
        windows, observed, target = (array.copy() for array in (batch[0], batch[2], batch[3]))
        windows[flip] = windows[flip][:, ::-1, complement]
        observed[flip] = _other_strand(observed[flip])
        target[flip] = _other_strand(target[flip])
        yield batch._replace(windows=windows, observed=observed, target=target)


def _other_strand(codes: np.ndarray) -> np.ndarray:
    turned = codes[:, ::-1]
    return np.where(turned < 4, 3 - turned, turned).astype(codes.dtype)


def absorb_temperature(model: Autoencoder) -> None:
    """Divide the last layers by the temperature, so that it is 1 and the chances the same."""
    with torch.no_grad():
        layers = (model.head, model.skip, model.gate)
        parameters = [parameter for layer in layers for parameter in layer.parameters()]
        for parameter in (*parameters, model.identity):
            parameter.div_(model.config.temperature)
    with_temperature(model, 1.0)


class deterministic:  # noqa: N801  (a context manager in the manner of torch's own)
    """Within the block torch does nothing whose result may differ from run to run."""

    def __enter__(self) -> None:
        # cuBLAS adds in one order only with a workspace of its own (CUDA documentation).
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        self._before = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(True)

    def __exit__(self, *error: object) -> None:
        torch.use_deterministic_algorithms(self._before)


def fine_tune(
    model: Autoencoder,
    rows: LabelledWindows,
    complement: np.ndarray,
    card: tuple[float, float],
    settings: FineTuneSettings,
    threads: int = 1,
    checkpoint: Checkpoint | None = None,
    advance: Callable[[], None] | None = None,
) -> FineTuned:
    """Fine-tune, calibrate, and keep the better of the two networks.

    Parameters
    ----------
    model
        As it came; not changed. Runs on the device that holds it.
    rows
        Injected alternatives (labelled) and the sample's own.
    complement
        See `turned_batches`.
    card
        ``real_threshold`` and ``error_threshold`` of the network as it came.
    threads
        Of prediction; training takes one, so that its sums never run in another order.
    checkpoint, advance
        As for `train`.
    """
    with deterministic():
        before = chance_real(model, rows, threads)
        truth = np.where(rows.known, rows.real, before)
        tuned = copy.deepcopy(model)
        absorb_temperature(tuned)
        history = _train(tuned, rows, truth, complement, settings, checkpoint, advance)
        return better_of(Pair(model, tuned, rows, before, truth, threads), card, history)


def _train(
    tuned: Autoencoder,
    rows: LabelledWindows,
    truth: np.ndarray,
    complement: np.ndarray,
    settings: FineTuneSettings,
    checkpoint: Checkpoint | None,
    advance: Callable[[], None] | None,
) -> History:
    """Train in place on the rows that are there to train on."""
    training = np.flatnonzero(rows.part == TRAIN)
    mean, scale = moments(tuned, rows.globals_[training])
    unfold(tuned, mean, scale)
    keep_blind = _keep_blind(tuned)
    history = train(
        tuned,
        _epochs(rows.take(training), truth[training], mean, scale, complement, settings),
        TrainingSettings(
            steps=settings.steps,
            learning_rate=settings.learning_rate,
            weight_decay=0.0,
            evaluate_every=max(settings.steps // 20, 1),
            patience=settings.patience,
            anchor=settings.anchor,
        ),
        _looks(rows, truth, mean, scale, settings.seed),
        _position_weights(tuned),
        checkpoint,
        advance,
    )
    keep_blind.remove()
    fold(tuned, mean, scale)
    return history


def _position_weights(model: Autoencoder) -> np.ndarray:
    weights = np.full(model.config.positions, OTHER_WEIGHT, np.float32)
    weights[model.config.positions // 2] = CENTRE_WEIGHT
    return weights


def _keep_blind(model: Autoencoder) -> torch.utils.hooks.RemovableHandle:
    """What the encoder was made blind to, by weights of zero, it stays blind to."""
    weight = _first_layer(model).weight
    sighted = (weight.detach() != 0).float()
    return weight.register_hook(lambda gradient: gradient * sighted)


def _as_batch(
    rows: LabelledWindows, real: np.ndarray, mean: np.ndarray, scale: np.ndarray
) -> Batch:
    """Rows as training takes them; ``real`` says which k-mers are to be given back."""
    globals_ = ((rows.globals_ - mean) / scale).astype(np.float32)
    target = rows.observed.copy()
    middle = target.shape[1] // 2
    target[:, middle] = np.where(real, target[:, middle], rows.to)
    return Batch(rows.windows, globals_, rows.observed, target, rows.weight)


def _epochs(
    rows: LabelledWindows,
    truth: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    complement: np.ndarray,
    settings: FineTuneSettings,
) -> Callable[[int], Iterator[Batch]]:
    """Batches of an epoch: what is unknown gets a label drawn by its chance of being real."""

    def epoch_batches(epoch: int) -> Iterator[Batch]:
        drawn = np.random.default_rng([settings.seed, epoch, 109]).random(len(truth)) < truth
        shuffled = shuffled_batches(
            _as_batch(rows, drawn, mean, scale), settings.batch, settings.seed
        )
        yield from turned_batches(shuffled, complement, settings.seed, epoch)

    return epoch_batches


def _looks(
    rows: LabelledWindows, truth: np.ndarray, mean: np.ndarray, scale: np.ndarray, seed: int
) -> list[Batch]:
    """The rows that decide when to stop."""
    held = np.flatnonzero(rows.part == STOP)
    drawn = np.random.default_rng([seed, 111]).random(len(held)) < truth[held]
    batch = _as_batch(rows.take(held), drawn, mean, scale)
    return [batch.take(slice(i, i + _LOOK_ROWS)) for i in range(0, len(held), _LOOK_ROWS)]
