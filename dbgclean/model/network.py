"""What a trained network gives back, computed with numpy: judging needs nothing else.

The network is small, a few matrix products for a thousand windows; torch, which trains it, takes
seconds and hundreds of megabytes to load. What the layers compute is said once, in `outputs`, and
`dbgclean.model.autoencoder.Autoencoder` computes it with torch's functions of the same names.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from dbgclean.model.config import AutoencoderConfig

if TYPE_CHECKING:
    from dbgclean.model.autoencoder import Autoencoder

__all__ = ["Network", "check_shapes", "outputs", "predict"]

# Rows of one forward pass. Matrix products may sum in another order when their shape
# changes, so every pass has exactly this many rows (the last is padded): a window's
# posterior then depends neither on how many windows came with it nor on the threads.
_ROWS = 1024

# Nats that an anchor has to outweigh before anything is learned: the odds of an allele, one in
# some thousands of the other bases.
_ALLELE_ODDS = 9.0
# The line in the anchor rises at least this much per nat.
_LEAST_SLOPE = 0.25


@dataclass(eq=False)
class Network:
    """Weights of an `Autoencoder`, and what they were made for.

    Attributes
    ----------
    config
        Sizes and scheme.
    weights
        float32, with the names and shapes of `AutoencoderConfig.shapes`.
    """

    config: AutoencoderConfig
    weights: dict[str, np.ndarray]

    def network(self) -> Network:
        """Itself, as `Autoencoder.network` is its own."""
        return self


def outputs(
    xp: Any,
    config: AutoencoderConfig,
    weights: Mapping[str, Any],
    windows: Any,
    free: Any,
    anchor: Any,
    own: Any,
) -> Any:
    """Logits of the four bases at each position, as `Autoencoder` says.

    Parameters
    ----------
    xp
        numpy, or torch where the weights are to be trained: arrays are that one's.
    weights
        By the names of `AutoencoderConfig.shapes`.
    windows, free
        float32 (n, positions, channels), and (n, free_globals) of the globals.
    anchor
        float32 (n,): the last of the globals as it is; of no use without a bound.
    own
        float32 (n, positions, 4): 1 for the observed base.

    Returns
    -------
    array or Tensor
        float32 (n, positions, 4).
    """

    def linear(name: str, values: Any) -> Any:
        return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    hidden = xp.concatenate([windows.reshape(len(windows), -1), free], axis=1)
    encoders = [f"encoder.{2 * layer}" for layer in range(len(config.hidden) + 1)]
    for name in (*encoders, "decoder.0"):
        hidden = xp.clip(linear(name, hidden), 0, None)
    gate = linear("gate", hidden)
    logits = linear("head", hidden).reshape(-1, config.positions, 4) + linear("skip", windows)
    logits = logits + own * (weights["identity"] + gate)[:, :, None]
    if not config.bound:
        return logits
    middle = config.positions // 2
    slope, offset = xp.clip(weights["line"][0], _LEAST_SLOPE, None), weights["line"][1]
    odds = slope * (anchor - _ALLELE_ODDS) + offset + config.bound * xp.tanh(gate[:, middle])
    read, given = own[:, middle] > 0, logits[:, middle]
    others = xp.where(read, -xp.inf, given)
    most = xp.amax(others, axis=1)
    others = most + xp.log(xp.sum(xp.exp(others - most[:, None]), axis=1))
    bases = xp.where(read, (odds + others)[:, None], given)
    return xp.concatenate([logits[:, :middle], bases[:, None], logits[:, middle + 1 :]], axis=1)


def check_shapes(
    config: AutoencoderConfig, windows: np.ndarray, globals_: np.ndarray, observed: np.ndarray
) -> None:
    """Raise ValueError unless the arrays are what the config was made for."""
    n = len(windows)
    expected = {
        "windows": (windows, (n, config.positions, config.channels)),
        "globals_": (globals_, (n, config.globals_)),
        "observed": (observed, (n, config.positions)),
    }
    for name, (array, shape) in expected.items():
        if array.shape != shape:
            msg = f"{name} has shape {array.shape}, the model takes {shape}"
            raise ValueError(msg)
    for name, array in (("windows", windows), ("globals_", globals_)):
        if array.dtype not in (np.uint8, np.float32):
            msg = f"{name} has dtype {array.dtype}, the model takes uint8 or float32"
            raise ValueError(msg)


def predict(
    model: Network | Autoencoder,
    windows: np.ndarray,
    globals_: np.ndarray,
    observed: np.ndarray,
    batch_size: int = 16384,
    threads: int = 1,
) -> np.ndarray:
    """Posterior of each base at each position.

    The same windows give the same bits at any ``batch_size`` and ``threads``: every
    forward pass has a fixed number of rows, and threads take whole passes.

    Parameters
    ----------
    model : Network or Autoencoder
        Trained.
    windows, globals_, observed : ndarray
        As the `Autoencoder`'s ``forward`` takes them: ``(n, positions, channels)`` and
        ``(n, globals_)``, uint8 or float32; ``(n, positions)`` uint8, 4 for no base.
    batch_size : int
        Windows handed to a thread at a time; a matter of load balance only.
    threads : int
        Threads to run.

    Returns
    -------
    ndarray
        ``(n, positions, 4)`` float32, each position summing to 1.

    Raises
    ------
    ValueError
        If an array does not have the shape or dtype that the model takes.
    """
    check_shapes(model.config, windows, globals_, observed)
    network = model.network()
    n = len(windows)
    posteriors = np.empty((n, network.config.positions, 4), dtype=np.float32)
    span = max(1, -(-batch_size // _ROWS)) * _ROWS

    def run(start: int) -> None:
        for begin in range(start, min(start + span, n), _ROWS):
            part = slice(begin, min(begin + _ROWS, n))
            inputs = [_padded(array[part]) for array in (windows, globals_, observed)]
            posteriors[part] = _pass(network, *inputs)[: part.stop - part.start]

    with ThreadPoolExecutor(max(1, threads)) as pool:
        list(pool.map(run, range(0, n, span)))
    return posteriors


def _pass(
    network: Network, windows: np.ndarray, globals_: np.ndarray, observed: np.ndarray
) -> np.ndarray:
    """Posteriors of one forward pass."""
    config = network.config
    scaled, free = (
        values.astype(np.float32) * np.float32(config.uint8_scale if values.itemsize == 1 else 1)
        for values in (windows, globals_[:, : config.free_globals])
    )
    anchor = globals_[:, -1].astype(np.float32) if config.bound else None
    own = (observed[:, :, None] == np.arange(4)).astype(np.float32)
    logits: np.ndarray = outputs(np, config, network.weights, scaled, free, anchor, own)
    posteriors: np.ndarray = special.softmax(logits / np.float32(config.temperature), axis=2)
    return posteriors


def _padded(array: np.ndarray) -> np.ndarray:
    """An array of exactly as many rows as a pass has; those past its end are zero."""
    if len(array) == _ROWS:
        return array
    whole = np.zeros((_ROWS, *array.shape[1:]), dtype=array.dtype)
    whole[: len(array)] = array
    return whole
