"""The notebook's network on one-hot k-mers: as it was, at a sane rate, with a skip.

https://github.com/osperaja/bioseq-autoencoder (Aug 2025): every k-mer of E. coli K-12
and O157:H7, 10 % substitutions, one-hot, a funnel 124-108-93-77-62 and back. Here the
k-mers are drawn from the genomes in batches and dropped; the notebook held two arrays
of ten million by 124 floats. Nothing else is improved.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Curves", "NotebookNetwork", "corrected", "noisy_batches", "train_as_notebook"]

_BATCH = 128


@dataclass
class Curves:
    """One value per epoch: what the notebook plots."""

    epochs: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    hamming: list[float] = field(default_factory=list)
    held_out_loss: list[float] = field(default_factory=list)
    held_out_hamming: list[float] = field(default_factory=list)

    def to_dict(self) -> dict[str, list[float]]:
        """Plain lists for JSON."""
        return asdict(self)


class NotebookNetwork(nn.Module):
    """The notebook's funnel; 71,638 parameters at k = 31.

    Parameters
    ----------
    k : int
        Length of the k-mers.
    skip : bool
        Add the one-hot input, scaled, to the output: the network then starts as a copy.
    """

    def __init__(self, k: int, skip: bool = False) -> None:
        super().__init__()
        widths = [k * 4, 108, 93, 77, 62]
        layers: list[nn.Module] = []
        for before, after in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.Linear(before, after), nn.ReLU()]
        # The parameter count fixes the one BatchNorm's width at 77.
        layers.insert(-2, nn.BatchNorm1d(widths[-2]))
        back = widths[::-1]
        for before, after in zip(back[:-1], back[1:], strict=True):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        self.scale = nn.Parameter(torch.tensor(3.0)) if skip else None

    def forward(self, one_hot: Tensor) -> Tensor:
        """``(n, k, 4)`` one-hot float32 to ``(n, k, 4)`` logits."""
        logits = self.layers(one_hot.flatten(1)).view_as(one_hot)
        return logits if self.scale is None else logits + self.scale * one_hot

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.parameters())


def noisy_batches(
    genomes: list[np.ndarray], k: int, rate: float, n_kmers: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Noisy and clean k-mers, ``(128, k)`` uint8 each, drawn at random from the genomes.

    No k-mer crosses from one genome into another; windows with an N are left out.
    """
    chances = np.array([len(genome) - k + 1 for genome in genomes], dtype=float)
    chances /= chances.sum()
    within = np.arange(k)
    for _ in range(n_kmers // _BATCH):
        genome = genomes[rng.choice(len(genomes), p=chances)]
        starts = rng.integers(0, len(genome) - k + 1, _BATCH)
        clean = genome[starts[:, None] + within]
        clean = clean[(clean < 4).all(axis=1)]
        hit = rng.random(clean.shape, dtype=np.float32) < rate
        step = rng.integers(1, 4, clean.shape, dtype=np.uint8)
        yield (clean + hit * step) % 4, clean


def train_as_notebook(
    network: NotebookNetwork,
    genomes: list[np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray],
    *,
    rate: float,
    learning_rate: float,
    n_kmers: int,
    epochs: int,
    seed: int,
) -> Curves:
    """Adam, batch 128, cross-entropy, learning rate cut when the held-out loss stalls.

    Parameters
    ----------
    network : NotebookNetwork
        Trained in place.
    genomes : list of ndarray
        uint8 codes to draw k-mers from.
    held_out : tuple of ndarray
        Noisy and clean ``(n, k)`` uint8 k-mers never trained on.
    rate, learning_rate : float
        Noise rate; Adam's rate (the notebook's 0.01).
    n_kmers, epochs : int
        k-mers per epoch; epochs.
    seed : int
        Seed of the draws.

    Returns
    -------
    Curves
        The held-out loss is the notebook's own, computed on the wrong axis: the 31
        positions stand where the classes should, so that a network that knows nothing
        scores (31/4) ln 31 = 26.61. It steers the schedule, as it did there.
    """
    k = held_out[0].shape[1]
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser)
    curves = Curves()
    rng = np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        network.train()
        loss_sum, wrong, seen = 0.0, 0, 0
        for noisy, clean in noisy_batches(genomes, k, rate, n_kmers, rng):
            target = torch.from_numpy(clean).long()
            logits = network(_one_hot(noisy))
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            loss_sum += loss.item() * len(clean)
            wrong += int((logits.argmax(dim=2) != target).sum())
            seen += len(clean)
        held_out_loss, held_out_hamming = _evaluate(network, *held_out)
        schedule.step(held_out_loss)
        curves.epochs.append(float(epoch))
        curves.loss.append(loss_sum / max(seen, 1))
        curves.hamming.append(wrong / max(seen * k, 1))
        curves.held_out_loss.append(held_out_loss)
        curves.held_out_hamming.append(held_out_hamming)
    return curves


def corrected(network: NotebookNetwork, noisy: np.ndarray) -> np.ndarray:
    """The most probable bases, ``(n, k)`` uint8, of noisy ``(n, k)`` codes."""
    network.eval()
    with torch.inference_mode():
        return network(_one_hot(noisy)).argmax(dim=2).numpy().astype(np.uint8)


def _one_hot(codes: np.ndarray) -> Tensor:
    return nn.functional.one_hot(torch.from_numpy(codes).long(), 4).float()


def _evaluate(
    network: NotebookNetwork, noisy: np.ndarray, clean: np.ndarray
) -> tuple[float, float]:
    """The notebook's held-out loss and the Hamming distance."""
    network.eval()
    with torch.inference_mode():
        logits = network(_one_hot(noisy))
        loss = nn.functional.cross_entropy(logits, _one_hot(clean))
        wrong = logits.argmax(dim=2) != torch.from_numpy(clean)
        return float(loss), float(wrong.float().mean())
