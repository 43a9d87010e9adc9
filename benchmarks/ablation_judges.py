"""The judges of the ablation: each is trained, adjusted and asked in the same way.

A judge gets the examples to learn from, others to stop and to set its temperature on, and
gives P(real) for any examples, or a score where it knows no chances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from benchmarks import train_model
from benchmarks.notebook_networks import NotebookNetwork
from benchmarks.train_data import Examples
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS
from dbgclean.model.autoencoder import Autoencoder, AutoencoderConfig
from dbgclean.model.calibration import best_temperature, middle_posteriors, with_temperature

__all__ = [
    "WITHOUT",
    "Judge",
    "autoencoder",
    "baselines",
    "blank",
    "check_features",
    "gradient_boosting",
    "head",
    "notebook_network",
    "subset",
]

# Globals, and channels of the window, that each ablation takes away in training and trial.
WITHOUT: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "qualities": (
        (
            "likelihood", "likelihood_per_fragment", "likelihood_fine", "odds", "quality",
            "best_quality", "high_quality", "high_quality_both_strands", "log_error",
            "flank_quality", "quality_drop", "surprise", "low_quality", "quality_rank",
            "rank_drop", "sample_low_quality", "known_qualities",
        ),
        (8,),
    ),
    "strand": (
        (
            "rarer_strand", "rarer_strand_depth", "strand_bias", "high_quality_both_strands",
            "sample_one_stranded",
        ),
        (),
    ),
    "sample": (
        (
            "peak", "multiplicity", "error_rate", "odds", "strong_density", "recurring_density",
            "prior", "sample_one_stranded", "sample_low_quality", "motif", "motif_other",
        ),
        (),
    ),
    "motif": (("motif", "motif_other", "homopolymer"), (0, 1, 2, 3, 4, 5, 6, 7)),
    # No feature: the network as it was before its own base had a logit to itself.
    "gate": ((), ()),
}  # fmt: skip
_LARGEST_WEIGHT = 5.0
_BATCH = 1024
# Rows of a forward pass of the plain networks.
_CHUNK = 65_536


@dataclass(frozen=True)
class Judge:
    """A judge that has learned what it can.

    Attributes
    ----------
    score
        Examples to float64 (n,): P(real), or where ``chances`` is False any number that
        is greater for what looks more real.
    parameters
        Trained numbers; 0 where nothing is trained.
    """

    name: str
    score: Callable[[Examples], np.ndarray]
    parameters: int = 0
    chances: bool = True


class _Ungated(Autoencoder):
    """The autoencoder whose copy of a base does not depend on the evidence.

    What is left to the four logits of the head is a product (which base it is, and how
    real it looks), and that saturates.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        # It starts at zero, and so it stays there.
        self.gate.requires_grad_(False)


def blank(rows: Examples, names: Sequence[str], channels: Sequence[int]) -> Examples:
    """The same examples with some globals and channels at zero."""
    globals_ = rows.globals_.copy()
    globals_[:, [GLOBALS.index(name) for name in names]] = 0
    windows = rows.windows
    if channels:
        windows = windows.copy()
        windows[:, :, list(channels)] = 0
    return rows._replace(globals_=globals_, windows=windows)


def baselines() -> list[Judge]:
    """What needs no training; nothing here but the likelihood ratio weighs evidence."""
    return [
        Judge("none", lambda rows: np.ones(len(rows.real)), chances=False),
        Judge("cutoff", lambda rows: rows.fragments.astype(float), chances=False),
        Judge("nearest", lambda rows: np.zeros(len(rows.real)), chances=False),
        Judge("likelihood ratio", lambda rows: rows.likelihood.astype(float), chances=False),
    ]


def autoencoder(
    train: Examples, stop: Examples, steps: int, seed: int, without: str | None = None
) -> Judge:
    """The shipped architecture and recipe in fewer steps, all features or without some."""
    names, channels = WITHOUT[without] if without else ((), ())
    settings = SimpleNamespace(seed=seed, steps=steps, batch=_BATCH)
    network = _Ungated if without == "gate" else Autoencoder
    with patch.object(train_model, "Autoencoder", network):
        model, _ = train_model.fit(
            blank(train, names, channels), blank(stop, names, channels), settings
        )

    def posteriors(rows: Examples) -> np.ndarray:
        seen = blank(rows, names, channels)
        return middle_posteriors(model, seen.windows, seen.globals_, seen.observed)

    with_temperature(model, best_temperature(posteriors(stop), stop.real, stop.weight))
    name = f"autoencoder without {without}" if without else "autoencoder"
    # A channel at zero teaches nothing, so its weights are dead weight but still there.
    return Judge(name, lambda rows: posteriors(rows)[:, 0], model.n_parameters)


def gradient_boosting(train: Examples, stop: Examples, seed: int) -> Judge | None:
    """Boosted trees on the globals; None where scikit-learn is not installed."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits
    except ImportError:
        return None
    booster = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.1, random_state=seed, early_stopping=False
    )
    weight = np.minimum(train.weight, _LARGEST_WEIGHT)
    # One thread: its own would wait for each other by spinning on a busy machine.
    with threadpool_limits(1):
        booster.fit(train.globals_, train.real, sample_weight=weight)

    def posteriors(rows: Examples) -> np.ndarray:
        with threadpool_limits(1):
            return booster.predict_proba(rows.globals_)[:, ::-1].astype(float)

    scale = best_temperature(posteriors(stop), stop.real, stop.weight)
    nodes = sum(len(tree.nodes) for trees in booster._predictors for tree in trees)
    return Judge("gradient boosting", lambda rows: _softened(posteriors(rows), scale), nodes)


def _softened(posteriors: np.ndarray, temperature: float) -> np.ndarray:
    """First column of posteriors whose logits are divided by ``temperature``."""
    odds = np.exp(np.log(np.maximum(posteriors, 1e-30)) / temperature)
    return odds[:, 0] / odds.sum(axis=1)


def _optimise(
    network: nn.Module, loss_of: Callable[[np.ndarray], torch.Tensor], n: int, steps: int, seed: int
) -> None:
    """AdamW under a one-cycle schedule on batches drawn at random."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=steps)
    rng = np.random.default_rng([seed, 114])
    network.train()
    for _ in range(steps):
        loss = loss_of(rng.integers(0, n, _BATCH))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    network.eval()


def head(
    train: Examples,
    stop: Examples,
    steps: int,
    seed: int,
    hidden: tuple[int, ...],
    teacher: np.ndarray | None = None,
) -> Judge:
    """A network on the globals alone; without hidden layers it is logistic regression.

    Parameters
    ----------
    teacher
        float64 (n,): P(real) of the training rows by a larger network, to learn from
        instead of the labels (Hinton et al. 2015, arXiv:1503.02531).
    """
    torch.manual_seed(seed)
    mean = train.globals_.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.maximum(train.globals_.std(axis=0, dtype=np.float64), 1e-3).astype(np.float32)
    sizes = [len(GLOBALS), *hidden]
    layers: list[nn.Module] = []
    for before, after in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(before, after), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))
    target = (train.real if teacher is None else teacher).astype(np.float32)
    weight = np.minimum(train.weight, _LARGEST_WEIGHT)

    def logits(globals_: np.ndarray) -> torch.Tensor:
        return network(torch.from_numpy((globals_ - mean) / scale))[:, 0]

    def loss(rows: np.ndarray) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(
            logits(train.globals_[rows]),
            torch.from_numpy(target[rows]),
            torch.from_numpy(weight[rows]),
        )

    _optimise(network, loss, len(target), steps, seed)

    def posteriors(rows: Examples) -> np.ndarray:
        out = np.empty(len(rows.globals_))
        with torch.inference_mode():
            for i in range(0, len(out), _CHUNK):
                out[i : i + _CHUNK] = torch.sigmoid(logits(rows.globals_[i : i + _CHUNK])).numpy()
        return np.stack([out, 1 - out], axis=1)

    soft = best_temperature(posteriors(stop), stop.real, stop.weight)
    taught = "distilled" if teacher is not None else "on labels"
    name = f"small head, {taught}" if hidden else "logistic regression"
    size = sum(parameter.numel() for parameter in network.parameters())
    return Judge(name, lambda rows: _softened(posteriors(rows), soft), size)


def notebook_network(train: Examples, stop: Examples, steps: int, seed: int) -> Judge:
    """The notebook's funnel on the one-hot k-mer alone, asked whether it gives the base back."""
    torch.manual_seed(seed)
    network = NotebookNetwork(WINDOW)
    weight = np.minimum(train.weight, _LARGEST_WEIGHT)

    def logits(observed: np.ndarray) -> torch.Tensor:
        codes = torch.from_numpy(observed.astype(np.int64))
        return network(nn.functional.one_hot(codes, 4).float())[:, FLANK]

    def loss(rows: np.ndarray) -> torch.Tensor:
        target = torch.from_numpy(train.target[rows, FLANK].astype(np.int64))
        losses = nn.functional.cross_entropy(logits(train.observed[rows]), target, reduction="none")
        return (losses * torch.from_numpy(weight[rows])).mean()

    _optimise(network, loss, len(weight), steps, seed)

    def posteriors(rows: Examples) -> np.ndarray:
        out = np.empty((len(rows.observed), 4))
        with torch.inference_mode():
            for i in range(0, len(out), _CHUNK):
                part = slice(i, i + _CHUNK)
                given = torch.softmax(logits(rows.observed[part]), dim=1).numpy()
                columns = (rows.observed[part, FLANK, None] + np.arange(4)) & 3
                out[part] = np.take_along_axis(given, columns, axis=1)
        return out

    soft = best_temperature(posteriors(stop), stop.real, stop.weight)
    return Judge(
        "notebook's network on the k-mer alone",
        lambda rows: _softened(posteriors(rows), soft),
        network.n_parameters,
    )


def subset(rows: Examples, most: int, seed: int) -> Examples:
    """At most so many of the rows, drawn at random, in their order."""
    if len(rows.real) <= most:
        return rows
    chosen = np.random.default_rng([seed, 115]).permutation(len(rows.real))[:most]
    chosen.sort()
    return Examples(*(array[chosen] for array in rows))


def check_features() -> None:
    """Raise if the feature scheme no longer has what `WITHOUT` names."""
    unknown = {name for names, _ in WITHOUT.values() for name in names} - set(GLOBALS)
    highest = max((max(channels, default=0) for _, channels in WITHOUT.values()), default=0)
    if unknown or highest >= CHANNELS:
        msg = f"ablation names features that the scheme does not have: {sorted(unknown)}"
        raise ValueError(msg)
