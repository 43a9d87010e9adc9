"""What fixes a network and what it may be fed: known without torch, which takes long to load."""

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

__all__ = ["AutoencoderConfig"]

# Bounds on what a config may ask for.
_WIDEST, _MOST_LAYERS = 1 << 16, 64


@dataclass(frozen=True)
class AutoencoderConfig:
    """Everything that fixes the architecture and what it may be fed.

    Parameters
    ----------
    positions : int
        Positions of the window, k for a k-mer.
    channels : int
        Evidence channels per position.
    globals_ : int
        Features of the window as a whole; may be 0.
    hidden : tuple of int
        Widths of the encoder between input and latent; the decoder mirrors the
        last of them.
    latent : int or None
        Width of the bottleneck; None stands for ``2 * positions``.
    scheme : str
        Name of the feature scheme. Weights trained on one scheme refuse another.
    seed : int
        Seed of the initial weights.
    uint8_scale : float
        What uint8 windows and globals are multiplied by; float arrays are taken
        as they are.
    temperature : float
        Divides the logits in :func:`~dbgclean.model.autoencoder.predict` (Guo et al. 2017,
        arXiv:1706.04599); 1 leaves them alone.
    bound : float
        Nats by which the funnel may move the log odds of the k-mer's own middle base
        from the anchor's, which is the last of the globals. 0: there is no anchor.
    """

    positions: int
    channels: int
    globals_: int = 0
    hidden: tuple[int, ...] = (96, 64)
    latent: int | None = None
    scheme: str = ""
    seed: int = 1
    uint8_scale: float = 1.0 / 255.0
    temperature: float = 1.0
    bound: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        sizes = (self.positions, self.channels, self.latent_size, *self.hidden)
        if not 1 <= len(self.hidden) <= _MOST_LAYERS or not all(
            type(size) is int and 1 <= size <= _WIDEST for size in (*sizes, self.globals_ + 1)
        ):
            msg = (
                f"sizes of an autoencoder go from 1 to {_WIDEST}, with at most {_MOST_LAYERS} "
                "hidden layers"
            )
            raise ValueError(msg)
        numbers = (self.temperature, self.bound, self.uint8_scale)
        if not all(math.isfinite(number) for number in numbers) or self.temperature <= 0:
            msg = f"temperature, bound and scale must be finite, and not below 0, found {numbers}"
            raise ValueError(msg)
        if self.bound < 0 or (self.bound and not self.globals_):
            msg = f"a bound is positive and needs a global to be the anchor, found {self}"
            raise ValueError(msg)
        if self.bound and self.temperature != 1:
            msg = f"an anchored network has no temperature but 1, found {self.temperature}"
            raise ValueError(msg)

    @property
    def free_globals(self) -> int:
        """Globals that the funnel sees: all but the anchor."""
        return self.globals_ - bool(self.bound)

    @property
    def latent_size(self) -> int:
        """Width of the bottleneck."""
        return 2 * self.positions if self.latent is None else self.latent

    def to_dict(self) -> dict[str, Any]:
        """Plain values, None left out; ``AutoencoderConfig(**d)`` takes them back."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def shapes(self) -> dict[str, list[int]]:
        """Names and shapes of the weights of an `Autoencoder` made from this."""
        inputs = self.positions * self.channels + self.free_globals
        last, funnel = self.hidden[-1], [inputs, *self.hidden, self.latent_size]
        layers = {f"encoder.{2 * i}": pair for i, pair in enumerate(pairwise(funnel))}
        layers["decoder.0"] = self.latent_size, last
        layers["head"] = last, 4 * self.positions
        layers["skip"] = self.channels, 4
        layers["gate"] = last, self.positions
        found = {"identity": [self.positions]}
        if self.bound:
            found["line"] = [2]
        for name, (before, after) in layers.items():
            found[f"{name}.weight"], found[f"{name}.bias"] = [after, before], [after]
        return found
