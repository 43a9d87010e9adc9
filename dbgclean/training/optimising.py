"""Training of the autoencoder from streamed batches.

AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) under a one-cycle schedule
(Smith and Topin 2019, arXiv:1708.07120); cross-entropy over positions, weighted by
example and by position; stops early on held-out data and keeps the best weights.
Where the weights come from an earlier training they can be held close to it by a
quadratic penalty on the distance (L2-SP, Li et al. 2018, arXiv:1802.01483).
Batches are drawn one at a time and dropped, so memory does not grow with their
number. Batches follow from the epoch and its seed, so what a killed training needs in
order to go on is the optimiser's state and the number of the last step.
"""

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dbgclean.model.autoencoder import Autoencoder, torch_threads
from dbgclean.model.network import check_shapes
from dbgclean.training.checkpoint import Checkpoint

__all__ = ["Batch", "History", "TrainingSettings", "shuffled_batches", "train"]

logger = logging.getLogger(__name__)

_IGNORED = 4


class Batch(NamedTuple):
    """Examples with their clean bases.

    Attributes
    ----------
    windows : ndarray
        ``(n, positions, channels)``, uint8 or float32.
    globals_ : ndarray
        ``(n, globals_)``, uint8 or float32.
    observed : ndarray
        ``(n, positions)`` uint8, 0..4.
    target : ndarray
        ``(n, positions)`` uint8: the clean base, or 4 where it is unknown and the
        position is left out of the loss.
    weight : ndarray or None
        ``(n,)`` float32 weight of each example; None stands for 1.
    """

    windows: np.ndarray
    globals_: np.ndarray
    observed: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None = None

    def take(self, rows: np.ndarray | slice) -> "Batch":
        """The chosen rows of every array."""
        return Batch(*(None if array is None else array[rows] for array in self))  # type: ignore[arg-type]


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Parameters
    ----------
    steps : int
        Optimiser steps of the whole one-cycle schedule.
    learning_rate : float
        Peak of the schedule.
    weight_decay : float
        Of AdamW.
    evaluate_every : int
        Steps between looks at the held-out data.
    patience : int
        Looks without improvement of the held-out loss after which training stops;
        0 never stops early.
    clip : float
        Largest norm of the gradient.
    threads : int
        torch threads. Sums may run in another order with another number, so equal
        weights need equal ``threads``; the default is reproducible everywhere.
    anchor : float
        Weight of half the squared distance from the weights that training begins
        with; 0 lets them go anywhere.
    """

    steps: int = 2000
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    evaluate_every: int = 100
    patience: int = 0
    clip: float = 1.0
    threads: int = 1
    anchor: float = 0.0


@dataclass
class History:
    """What training saw, one entry per look at the held-out data.

    ``steps``: optimiser steps done; ``loss`` and ``hamming``: means over the training
    batches since the look before; ``held_out_loss`` and ``held_out_hamming``: on the
    held-out data. Hamming is the fraction of positions (those with a known target)
    whose most probable base is not the clean one.
    """

    steps: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    hamming: list[float] = field(default_factory=list)
    held_out_loss: list[float] = field(default_factory=list)
    held_out_hamming: list[float] = field(default_factory=list)
    best_step: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain lists for JSON."""
        return asdict(self)


def shuffled_batches(
    examples: Batch, batch_size: int, seed: int = 1
) -> Callable[[int], Iterator[Batch]]:
    """Batches from arrays in memory, in another order each epoch.

    Parameters
    ----------
    examples : Batch
        All examples; may be memory-mapped.
    batch_size : int
        Rows per batch; the rest of an epoch that does not fill one is left out,
        unless there are fewer rows than one batch.
    seed : int
        Seed of the order.

    Returns
    -------
    callable
        ``epoch -> iterator of Batch``, as :func:`train` takes it.
    """

    def epoch_batches(epoch: int) -> Iterator[Batch]:
        order = np.random.default_rng([seed, epoch]).permutation(len(examples.windows))
        last = max(len(order) - batch_size, 0)
        for start in range(0, last + 1, batch_size):
            # Sorted rows read a memory map front to back.
            yield examples.take(np.sort(order[start : start + batch_size]))

    return epoch_batches


def train(
    model: Autoencoder,
    batches: Callable[[int], Iterable[Batch]],
    settings: TrainingSettings,
    held_out: Sequence[Batch],
    position_weights: np.ndarray | None = None,
    checkpoint: Checkpoint | None = None,
    advance: Callable[[], None] | None = None,
) -> History:
    """Train in place, on the device that holds the model; end with the best weights.

    Parameters
    ----------
    model : Autoencoder
        Its parameters are changed.
    batches : callable
        ``epoch -> iterable of Batch``; called with 0, 1, ... until ``settings.steps``
        steps are done, one step per batch.
    settings : TrainingSettings
    held_out : sequence of Batch
        Never trained on; decides which weights are best.
    position_weights : ndarray, optional
        ``(positions,)`` in the loss; default 1 each.
    checkpoint : Checkpoint, optional
        Written at each look; where it holds a training already, that one goes on, and
        ends with the same bits as one that was never stopped. ``model`` must then come
        with the weights that training began with.
    advance : callable, optional
        Called after each step.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If an epoch gives no batch, nothing is held out, or shapes do not fit.
    """
    if not held_out:
        msg = "training needs held-out examples to stop on, found none"
        raise ValueError(msg)
    run = _Training(model, settings, held_out, position_weights)
    if checkpoint is not None and checkpoint.has_training():
        run.restore(*checkpoint.load_training())
    with torch_threads(settings.threads):
        for batch in _forever(batches, settings.steps, skip=run.step):
            if run.stalled():
                break
            run.learn(batch)
            if advance is not None:
                advance()
            if run.step % settings.evaluate_every and run.step != settings.steps:
                continue
            run.look()
            if checkpoint is not None:
                checkpoint.save_training(*run.state())
    model.load_state_dict(run.best)
    model.eval()
    return run.history


class _Training:
    """A training as far as it has come."""

    def __init__(
        self,
        model: Autoencoder,
        settings: TrainingSettings,
        held_out: Sequence[Batch],
        position_weights: np.ndarray | None,
    ) -> None:
        weights = np.ones(model.config.positions) if position_weights is None else position_weights
        self.model, self.settings, self.held_out = model, settings, held_out
        self.weights = torch.as_tensor(weights, dtype=torch.float32, device=model.identity.device)
        self.optimiser = torch.optim.AdamW(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            # One kernel for all parameters: the step's overhead is what small networks pay.
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=settings.learning_rate, total_steps=settings.steps
        )
        self.start = [parameter.detach().clone() for parameter in model.parameters()]
        self.step, self.history, self.since = 0, History(), _Means()
        self.best_loss, self.best = np.inf, copy.deepcopy(model.state_dict())

    def learn(self, batch: Batch) -> None:
        """One step of the optimiser."""
        self.model.train()
        sums = _sums(self.model, batch, self.weights)
        loss = sums.loss / sums.weight.clamp_min(1e-12)
        if self.settings.anchor:
            now = self.model.parameters()
            gone = sum(((p - p0) ** 2).sum() for p, p0 in zip(now, self.start, strict=True))
            loss = loss + 0.5 * self.settings.anchor * gone
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimiser.step()
        self.schedule.step()
        self.since.add(sums)
        self.step += 1

    def look(self) -> None:
        """Look at the held-out data; keep the weights if they are the best so far."""
        history, since, means = self.history, self.since, _Means()
        self.model.eval()
        with torch.inference_mode():
            for batch in self.held_out:
                means.add(_sums(self.model, batch, self.weights))
        history.steps.append(self.step)
        history.loss.append(since.loss)
        history.hamming.append(since.hamming)
        history.held_out_loss.append(means.loss)
        history.held_out_hamming.append(means.hamming)
        logger.info(
            "step %d: loss %.4f, held-out loss %.4f, held-out Hamming %.4f",
            *(self.step, since.loss, means.loss, means.hamming),
        )
        self.since = _Means()
        if self.history.held_out_loss[-1] < self.best_loss:
            self.best_loss, self.history.best_step = self.history.held_out_loss[-1], self.step
            self.best = copy.deepcopy(self.model.state_dict())

    def stalled(self) -> bool:
        """Whether ``patience`` looks have passed since the best."""
        looks = sum(step > self.history.best_step for step in self.history.steps)
        return bool(self.settings.patience) and looks >= self.settings.patience

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the steps to come depend on: tensors, and plain values."""
        optimiser, tensors = self.optimiser.state_dict(), {}
        for name, tensor in self.model.state_dict().items():
            tensors[f"model.{name}"] = tensor
        for name, tensor in self.best.items():
            tensors[f"best.{name}"] = tensor
        for number, moments in optimiser["state"].items():
            for name, tensor in moments.items():
                tensors[f"optimiser.{number}.{name}"] = tensor
        plain = {
            "step": self.step,
            "best_loss": float(self.best_loss),
            "history": self.history.to_dict(),
            "groups": optimiser["param_groups"],
            "schedule": {
                name: value
                for name, value in self.schedule.state_dict().items()
                if isinstance(value, int | float | str | list)
            },
        }
        return tensors, plain

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
        """Go back to what `state` said."""
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimiser": {}}
        for name, tensor in tensors.items():
            part, rest = name.split(".", 1)
            parts[part][rest] = tensor
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimiser"].items():
            number, moment = name.split(".", 1)
            moments.setdefault(int(number), {})[moment] = tensor
        self.model.load_state_dict(parts["model"])
        self.best = parts["best"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": plain["groups"]})
        self.schedule.load_state_dict(plain["schedule"])
        self.step, self.best_loss = plain["step"], plain["best_loss"]
        self.history = History(**plain["history"])


class _Sums(NamedTuple):
    """Sums over a batch: weighted loss and its weights, wrong and known positions."""

    loss: Tensor
    weight: Tensor
    wrong: Tensor
    known: Tensor


class _Means:
    """Running means of loss and Hamming over batches."""

    def __init__(self) -> None:
        self._totals = np.zeros(4)

    def add(self, sums: _Sums) -> None:
        self._totals += [float(value.detach()) for value in sums]

    @property
    def loss(self) -> float:
        return float(self._totals[0] / max(self._totals[1], 1e-12))

    @property
    def hamming(self) -> float:
        return float(self._totals[2] / max(self._totals[3], 1.0))


def _sums(model: Autoencoder, batch: Batch, position_weights: Tensor) -> _Sums:
    check_shapes(model.config, batch.windows, batch.globals_, batch.observed)
    device = position_weights.device
    windows, globals_, observed, target = (
        torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in batch[:4]
    )
    target = target.long()
    logits = model(windows, globals_, observed)
    known = target != _IGNORED
    losses = nn.functional.cross_entropy(
        logits.flatten(0, 1), target.flatten(), ignore_index=_IGNORED, reduction="none"
    ).view(target.shape)
    weight = known * position_weights
    if batch.weight is not None:
        rows = torch.as_tensor(batch.weight, dtype=torch.float32, device=device)
        weight = weight * rows[:, None]
    wrong = (logits.argmax(dim=2) != target) & known
    return _Sums((losses * weight).sum(), weight.sum(), wrong.sum(), known.sum())


def _forever(
    batches: Callable[[int], Iterable[Batch]], steps: int, skip: int = 0
) -> Iterator[Batch]:
    """Batches of epoch after epoch, ``steps`` in all, the first ``skip`` of them passed over."""
    done = epoch = 0
    while done < steps:
        before = done
        for batch in batches(epoch):
            if done >= skip:
                yield batch
            done += 1
            if done == steps:
                return
        if done == before:
            msg = f"epoch {epoch} of the training batches is empty"
            raise ValueError(msg)
        epoch += 1
