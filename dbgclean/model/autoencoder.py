"""The evidence-conditioned denoising autoencoder, to be trained.

A denoising autoencoder (Vincent et al. 2008, doi:10.1145/1390156.1390294) sees a
corrupted input and is trained to give back the clean one. A k-mer alone cannot be
cleaned: to overrule a base at 10 % noise the odds must be 27:1, and nothing inside
one k-mer carries such odds. So each position also carries evidence from the other
k-mers of the same data set, and the network weighs evidence instead of
remembering sequence.

Where a likelihood ratio is at hand, the network corrects it and no more: the log odds of the
k-mer's own middle base are a rising line in that ratio (the *anchor*; Platt 1999) plus what the
funnel adds, which is bounded. So what the ratio holds certain stays certain, whatever the
network has learned, and P(real) never falls where the ratio rises and all else is equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dbgclean.model.config import AutoencoderConfig
from dbgclean.model.network import Network, outputs

__all__ = ["Autoencoder", "AutoencoderConfig", "best_device"]

# Logit of the observed base in an untrained network: a copy with posterior 0.87.
_COPY_LOGIT = 3.0


class Autoencoder(nn.Module):
    """Funnel autoencoder over a window of evidence, with two skips.

    ``positions * channels + globals -> hidden ... -> latent -> ... -> positions x 4``
    by ReLU layers, plus a linear map from each position's channels to its own four
    logits (one set of weights for all positions), plus a logit for the observed
    base, of which the funnel says how large it is. The last layers and the linear skip
    start at zero, so that the untrained network copies its input and training only ever
    has to learn when not to. With a ``bound`` the middle position's own base has the log
    odds ``slope * (anchor - 9) + offset + bound * tanh(r)`` against the other three together, ``r``
    being the funnel's.

    Parameters
    ----------
    config : AutoencoderConfig
        Sizes, scheme and seed. The same config gives the same initial weights.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        inputs = config.positions * config.channels + config.free_globals
        outputs = config.positions * 4
        # The caller's random state is none of our business: seed a fork of it.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.encoder = _funnel([inputs, *config.hidden, config.latent_size])
            self.decoder = _funnel([config.latent_size, config.hidden[-1]])
            self.head = nn.Linear(config.hidden[-1], outputs)
            self.skip = nn.Linear(config.channels, 4)
            # How far the k-mer's own base is to be believed is one number, whichever base
            # it is: left to the head it would be a product of the two, and saturate.
            self.gate = nn.Linear(config.hidden[-1], config.positions)
        for layer in (self.head, self.skip, self.gate):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.identity = nn.Parameter(torch.full((config.positions,), _COPY_LOGIT))
        if config.bound:
            # Slope and offset.
            self.line = nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(self, windows: Tensor, globals_: Tensor, observed: Tensor) -> Tensor:
        """Logits of the four bases at each position.

        Parameters
        ----------
        windows : Tensor
            ``(n, positions, channels)``, uint8 (scaled here) or float32.
        globals_ : Tensor
            ``(n, globals_)``, uint8 (scaled here) or float32.
        observed : Tensor
            ``(n, positions)``, any integer type; 0..3, or 4 for no base.

        Returns
        -------
        Tensor
            ``(n, positions, 4)`` float32.
        """
        free = self._as_float(globals_)[:, : self.config.free_globals]
        anchor = globals_[:, -1].float() if self.config.bound else None
        # Five columns so that code 4 has one, which is then dropped: no base, no bonus.
        own = nn.functional.one_hot(observed.long(), 5)[..., :4].float()
        found: Tensor = outputs(
            torch, self.config, dict(self.named_parameters()), self._as_float(windows), free,
            anchor, own,
        )  # fmt: skip
        return found

    @classmethod
    def of(cls, network: Network) -> Autoencoder:
        """One that goes on from trained weights."""
        model = cls(network.config)
        model.load_state_dict({name: torch.from_numpy(w) for name, w in network.weights.items()})
        return model.eval()

    def network(self) -> Network:
        """The weights as they are now, without torch."""
        weights = {name: w.detach().cpu().numpy().copy() for name, w in self.state_dict().items()}
        return Network(self.config, weights)

    def move_own(self, nats: float) -> None:
        """Raise the log odds of the k-mer's own middle base, in every window alike."""
        with torch.no_grad():
            if self.config.bound:
                self.line[1] += nats
            else:
                self.identity[self.config.positions // 2] += nats * self.config.temperature

    def _as_float(self, values: Tensor) -> Tensor:
        if values.dtype == torch.uint8:
            return values.float() * self.config.uint8_scale
        return values.float()

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.parameters())


def _funnel(sizes: list[int]) -> nn.Sequential:
    """Linear layers of the given sizes, each followed by a ReLU."""
    layers: list[nn.Module] = []
    for before, after in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers)


def best_device() -> torch.device:
    """The GPU where there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Set torch's threads within a block and put back what was there."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)
