"""Ours on the notebook's task: the package's autoencoder over seed-and-verify votes.

Each round gathers votes for the k-mers as they stand, and one network per round turns
votes, observed base and current base into posteriors; the plain vote is the same
without the network. Networks are trained on genomes that share nothing with the test
genome: they learn how to weigh votes, not sequence.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.notebook_evidence import (
    ONE_VOTE,
    Evidence,
    SeedIndex,
    add_noise,
    pack,
    unpack,
)
from dbgclean.model import (
    Autoencoder,
    AutoencoderConfig,
    Batch,
    History,
    TrainingSettings,
    predict,
    train,
)

__all__ = ["Corrector", "NetworkCorrector", "Task", "VoteCorrector", "correct", "train_rounds"]

# Votes enter the network three ways: in eighths up to 31.9; in steps of 1/32 up to 4, where
# one vote more or less decides; and as a logarithm, for repeats with hundreds. On the
# first alone the network of round 1 was no better than the vote.
_STEPS = 8
_CHANNELS = 20
_OBSERVED, _CURRENT = 12, 16
_BATCH = 256
_LEARNING_RATE = 4e-3
# Gathering votes costs more than a step on them: each noising is gone through twice.
_PASSES = 2

Corrector = Callable[[Evidence, np.ndarray, np.ndarray], np.ndarray]


@dataclass
class Task:
    """Noisy k-mers of one genome, indexed, with the noise rate that they show.

    ``clean`` is for scoring and, on training genomes, for the targets.
    """

    clean: np.ndarray
    noisy: np.ndarray
    k: int
    threads: int
    as_if: int | None = None
    index: SeedIndex = field(init=False)
    rate: float = field(init=False)

    def __post_init__(self) -> None:
        self.index = SeedIndex(self.noisy, self.k, self.threads, self.as_if)
        self.rate = self.index.noise_rate()

    @classmethod
    def draw(
        cls,
        clean: np.ndarray,
        k: int,
        noise: float,
        rng: np.random.Generator,
        threads: int,
        as_if: int | None = None,
    ) -> "Task":
        """Noise added to clean packed k-mers."""
        return cls(clean, add_noise(clean, k, noise, rng), k, threads, as_if)


class VoteCorrector:
    """The base with the most votes; the k-mer's own base has one, and wins a tie."""

    def __call__(self, evidence: Evidence, observed: np.ndarray, current: np.ndarray) -> np.ndarray:
        """Corrected ``(n, k)`` uint8 codes."""
        votes = evidence.votes.copy()
        own = observed[..., None].astype(np.int64)
        np.put_along_axis(votes, own, np.take_along_axis(votes, own, 2) + ONE_VOTE + 1, 2)
        return votes.argmax(axis=2).astype(np.uint8)


class NetworkCorrector:
    """The most probable base of a trained network."""

    def __init__(self, model: Autoencoder, threads: int) -> None:
        self.model = model
        self.threads = threads

    def __call__(self, evidence: Evidence, observed: np.ndarray, current: np.ndarray) -> np.ndarray:
        """Corrected ``(n, k)`` uint8 codes."""
        inputs = features(evidence, observed, current)
        posteriors = predict(self.model, *inputs, batch_size=2048, threads=self.threads)
        return posteriors.argmax(axis=2).astype(np.uint8)


def features(
    evidence: Evidence, observed: np.ndarray, current: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows ``(n, k, 20)``, globals ``(n, 1)``, observed ``(n, k)``, all uint8.

    Channels: votes of the four bases three times (linear, fine, logarithmic), one-hot
    observed, one-hot current (the same in the first round). Global: number of recruits.
    """
    votes = evidence.votes
    windows = np.zeros((*observed.shape, _CHANNELS), dtype=np.uint8)
    windows[..., :4] = np.minimum(votes * _STEPS // ONE_VOTE, 255)
    windows[..., 4:8] = np.minimum(votes * 4 * _STEPS // ONE_VOTE, 16 * _STEPS)
    windows[..., 8:12] = np.minimum(np.log2(1 + votes * (_STEPS / ONE_VOTE)) * 2 * _STEPS, 255)
    for first, codes in ((_OBSERVED, observed), (_CURRENT, current)):
        np.put_along_axis(windows, codes[..., None].astype(np.int64) + first, _STEPS, axis=2)
    recruits = np.minimum(evidence.recruits, 255).astype(np.uint8)[:, None]
    return windows, recruits, observed


def correct(task: Task, rounds: list[Corrector]) -> Iterator[np.ndarray]:
    """Packed k-mers after each round; votes are held for one batch at a time."""
    current = task.noisy
    for number, corrector in enumerate(rounds):
        after = np.empty_like(current)
        for part, evidence, observed, codes in _evidence(task, current, number):
            after[part] = pack(corrector(evidence, observed, codes))
        current = after
        yield current


def _evidence(
    task: Task, current: np.ndarray, number: int
) -> Iterator[tuple[slice, Evidence, np.ndarray, np.ndarray]]:
    """Batch after batch: slice, votes, observed codes, current codes."""
    for part in task.index.batches():
        evidence = task.index.evidence(current[part], part.start, task.rate, number > 0)
        yield part, evidence, unpack(task.noisy[part], task.k), unpack(current[part], task.k)


def _examples(task: Task, rounds: list[Corrector]) -> Iterator[Batch]:
    """Examples for the network of the round that follows ``rounds``."""
    current = task.noisy
    for after in correct(task, rounds):
        current = after
    for part, evidence, observed, codes in _evidence(task, current, len(rounds)):
        yield Batch(*features(evidence, observed, codes), unpack(task.clean[part], task.k))


def train_rounds(
    genomes: list[np.ndarray],
    held_out: np.ndarray,
    *,
    k: int,
    noise: float,
    epochs: int,
    n_rounds: int,
    threads: int,
    seed: int,
    as_if: int,
) -> list[tuple[Autoencoder, History]]:
    """One network per round, each trained behind those before it.

    Parameters
    ----------
    genomes : list of ndarray
        Packed clean k-mers of each training genome; noised afresh in every epoch.
    held_out : ndarray
        The same of a genome that only stops the training.
    k, noise, epochs, n_rounds, threads, seed
        What they say.
    as_if : int
        Number of k-mers of the data to be corrected; see :class:`SeedIndex`.

    Returns
    -------
    list of (Autoencoder, History)
        In the order of the rounds.
    """
    trained: list[tuple[Autoencoder, History]] = []
    rounds: list[Corrector] = []
    steps = max(epochs * _PASSES * (sum(map(len, genomes)) // _BATCH), 1)
    for number in range(n_rounds):
        stream = _stream(genomes, list(rounds), k, noise, threads, as_if, [seed, number])
        rng = np.random.default_rng([seed, number, 1 << 30])
        task = Task.draw(held_out, k, noise, rng, threads, as_if)
        settings = TrainingSettings(
            steps=steps, learning_rate=_LEARNING_RATE, evaluate_every=max(steps // 20, 1)
        )
        config = AutoencoderConfig(
            positions=k,
            channels=_CHANNELS,
            globals_=1,
            scheme="notebook-votes",
            seed=seed,
            uint8_scale=1 / _STEPS,
        )
        model = Autoencoder(config)
        history = train(model, stream, settings, list(_examples(task, rounds)))
        trained.append((model, history))
        rounds.append(NetworkCorrector(model, threads))
    return trained


def _stream(
    genomes: list[np.ndarray],
    before: list[Corrector],
    k: int,
    noise: float,
    threads: int,
    as_if: int,
    seed: list[int],
) -> Callable[[int], Iterator[Batch]]:
    """Batches of an epoch: genomes noised afresh, examples shuffled over all of them."""

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng([*seed, epoch])
        parts: list[Batch] = []
        for genome in genomes:
            parts += _examples(Task.draw(genome, k, noise, rng, threads, as_if), before)
        examples = Batch(*(np.concatenate(a) for a in list(zip(*parts, strict=True))[:4]))
        for _ in range(_PASSES):
            order = rng.permutation(len(examples.windows))
            for start in range(0, max(len(order) - _BATCH, 0) + 1, _BATCH):
                yield examples.take(order[start : start + _BATCH])

    return batches
