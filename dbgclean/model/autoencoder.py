"""The evidence-conditioned denoising autoencoder and its forward pass over batches.

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

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from dbgclean.model.config import AutoencoderConfig

__all__ = ["Autoencoder", "AutoencoderConfig", "best_device", "predict"]

# Rows of one forward pass. Matrix products may sum in another order when their shape
# changes, so every pass has exactly this many rows (the last is padded): a window's
# posterior then depends neither on how many windows came with it nor on the threads.
_ROWS = {"cpu": 1024, "cuda": 16384}

# Logit of the observed base in an untrained network: a copy with posterior 0.87.
_COPY_LOGIT = 3.0
# Nats that an anchor has to outweigh before anything is learned: the odds of an allele, one in
# some thousands of the other bases.
_ALLELE_ODDS = 9.0
# The line in the anchor rises at least this much per nat.
_LEAST_SLOPE = 0.25


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
        windows = self._as_float(windows)
        flat = windows.flatten(1)
        if self.config.free_globals:
            free = self._as_float(globals_)[:, : self.config.free_globals]
            flat = torch.cat([flat, free], dim=1)
        hidden = self.decoder(self.encoder(flat))
        logits = self.head(hidden).view(-1, self.config.positions, 4) + self.skip(windows)
        # Five columns so that code 4 has one, which is then dropped: no base, no bonus.
        copy = nn.functional.one_hot(observed.long(), 5)[..., :4]
        gate = self.gate(hidden)
        logits = logits + copy * (self.identity + gate)[:, :, None]
        if not self.config.bound:
            return logits
        middle = self.config.positions // 2
        moved = self.config.bound * torch.tanh(gate[:, middle])
        slope, offset = self.line[0].clamp_min(_LEAST_SLOPE), self.line[1]
        odds = slope * (globals_[:, -1].float() - _ALLELE_ODDS) + offset + moved
        own = copy[:, middle].bool()
        others = logits[:, middle].masked_fill(own, -torch.inf).logsumexp(dim=1)
        bases = torch.where(own, (odds + others)[:, None], logits[:, middle])
        return torch.cat([logits[:, :middle], bases[:, None], logits[:, middle + 1 :]], dim=1)

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
    model: Autoencoder,
    windows: np.ndarray,
    globals_: np.ndarray,
    observed: np.ndarray,
    batch_size: int = 16384,
    threads: int = 1,
) -> np.ndarray:
    """Posterior of each base at each position.

    The same windows give the same bits at any ``batch_size`` and ``threads``: every
    forward pass has a fixed number of rows and runs in one thread, and threads take
    whole passes. The model is put into evaluation mode. Runs on the device that
    holds the model.

    Parameters
    ----------
    model : Autoencoder
        Trained model, on the CPU or a GPU.
    windows, globals_, observed : ndarray
        As the model's ``forward`` takes them: ``(n, positions, channels)`` and
        ``(n, globals_)``, uint8 or float32; ``(n, positions)`` uint8, 4 for no base.
    batch_size : int
        Windows handed to a thread at a time; a matter of memory and load balance only.
    threads : int
        Threads to run on a CPU; a GPU takes one.

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
    model.eval()
    n, on_gpu = len(windows), model.identity.device.type == "cuda"
    rows = _ROWS["cuda" if on_gpu else "cpu"]
    posteriors = np.empty((n, model.config.positions, 4), dtype=np.float32)
    span = max(1, -(-batch_size // rows)) * rows

    def run(start: int) -> None:
        # OpenMP keeps its number of threads per calling thread, so each worker sets it.
        torch.set_num_threads(1)
        for begin in range(start, min(start + span, n), rows):
            part = slice(begin, min(begin + rows, n))
            inputs = [_padded(array[part], rows) for array in (windows, globals_, observed)]
            posteriors[part] = _pass(model, inputs)[: part.stop - part.start]

    starts = range(0, n, span)
    with torch_threads(1), ThreadPoolExecutor(1 if on_gpu else max(1, threads)) as pool:
        list(pool.map(run, starts))
    return posteriors


def _pass(model: Autoencoder, inputs: list[Tensor]) -> np.ndarray:
    """Posteriors of one forward pass."""
    device = model.identity.device
    with torch.inference_mode():
        logits = model(*(tensor.to(device) for tensor in inputs))
        return torch.softmax(logits / model.config.temperature, dim=2).cpu().numpy()


def _padded(array: np.ndarray, rows: int) -> Tensor:
    """A tensor of exactly ``rows`` rows; those past the array's end are zero."""
    if len(array) < rows:
        whole = np.zeros((rows, *array.shape[1:]), dtype=array.dtype)
        whole[: len(array)] = array
        array = whole
    elif not array.flags.writeable:
        array = array.copy()
    return torch.from_numpy(np.ascontiguousarray(array))
