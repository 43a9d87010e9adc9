"""Ours on the notebook's task: the package's autoencoder over seed-and-verify votes.

Each round gathers votes for the k-mers as they stand, and one network per round turns
votes, observed base and current base into posteriors; the plain vote is the same
without the network. Networks are trained on genomes that share nothing with the test
genome: they learn how to weigh votes, not sequence.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.notebook.evidence import (
    ONE_VOTE,
    Evidence,
    SeedIndex,
    add_noise,
    pack,
    unpack,
)
from dbgclean.model import Autoencoder, AutoencoderConfig, predict
from dbgclean.training.optimising import Batch, History, TrainingSettings, shuffled_batches, train

__all__ = [
    "PASSES",
    "Corrector",
    "NetworkCorrector",
    "Queries",
    "Task",
    "VoteCorrector",
    "correct",
    "train_rounds",
]

# Votes enter the network three ways: in eighths up to 31.9; in steps of 1/32 up to 4, where
# one vote more or less decides; and as a logarithm, for repeats with hundreds. On the
# first alone the network of round 1 was no better than the vote.
_STEPS = 8
_CHANNELS = 20
_OBSERVED, _CURRENT = 12, 16
_BATCH = 256
_LEARNING_RATE = 4e-3
# Gathering votes costs more than a step on them: each example is gone through twice.
PASSES = 2
_HELD_OUT = 20_000
# Rows whose votes are held at a time.
_GATHERED = 1 << 15

Corrector = Callable[[Evidence, np.ndarray, np.ndarray], np.ndarray]


@dataclass
class Task:
    """Noisy k-mers of genomes, all of them indexed, with the noise rate that they show.

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
        """Noise added to clean packed k-mers, to each base of each independently."""
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


@dataclass
class Queries:
    """Some of a task's k-mers, as the rounds so far have left them.

    Parameters
    ----------
    task : Task
        All of its k-mers vote.
    ids : ndarray
        int64 rows of the task that are corrected.
    """

    task: Task
    ids: np.ndarray
    current: np.ndarray = field(init=False)
    rounds: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.current = self.task.noisy[self.ids]

    def _parts(self) -> Iterator[tuple[slice, Evidence, np.ndarray, np.ndarray]]:
        """Part after part: slice, votes, observed codes, current codes."""
        task = self.task
        for start in range(0, len(self.ids), _GATHERED):
            part = slice(start, min(start + _GATHERED, len(self.ids)))
            ids, current = self.ids[part], self.current[part]
            evidence = task.index.evidence(current, ids, task.rate, self.rounds > 0)
            yield part, evidence, unpack(task.noisy[ids], task.k), unpack(current, task.k)

    def advance(self, corrector: Corrector) -> None:
        """Take the k-mers through one more round; votes are held for one part at a time."""
        after = np.empty_like(self.current)
        for part, evidence, observed, codes in self._parts():
            after[part] = pack(corrector(evidence, observed, codes))
        self.current, self.rounds = after, self.rounds + 1

    def examples(self) -> Batch:
        """Features and clean bases of all rows."""
        n, k = len(self.ids), self.task.k
        windows = np.empty((n, k, _CHANNELS), dtype=np.uint8)
        globals_ = np.empty((n, 1), dtype=np.uint8)
        for part, evidence, seen, codes in self._parts():
            windows[part], globals_[part], _ = features(evidence, seen, codes)
        observed, target = self.task.noisy[self.ids], self.task.clean[self.ids]
        return Batch(windows, globals_, unpack(observed, k), unpack(target, k))


def correct(task: Task, rounds: list[Corrector], ids: np.ndarray) -> Iterator[np.ndarray]:
    """Packed k-mers of some of the task's rows after each round."""
    queries = Queries(task, ids)
    for corrector in rounds:
        queries.advance(corrector)
        yield queries.current


def train_rounds(
    genomes: np.ndarray,
    held_out: np.ndarray,
    *,
    k: int,
    noise: float,
    n_examples: int,
    n_rounds: int,
    threads: int,
    seed: int,
    as_if: int,
) -> list[tuple[Autoencoder, History]]:
    """One network per round, each trained behind those before it on other k-mers.

    Parameters
    ----------
    genomes : ndarray
        Packed clean k-mers of the training genomes. All are indexed together, and noised
        as often as the examples need, so that no noisy k-mer is used in two rounds.
    held_out : ndarray
        The same of sequences that only stop the training; indexed with the others.
    k, noise, threads, seed
        What they say.
    n_examples : int
        k-mers that each network is trained on.
    n_rounds : int
        Number of networks.
    as_if : int
        Number of k-mers of the data to be corrected; see :class:`SeedIndex`.

    Returns
    -------
    list of (Autoencoder, History)
        In the order of the rounds.
    """
    rng = np.random.default_rng([seed, 1])
    clean = np.concatenate([genomes, held_out])
    n_noisings = math.ceil(n_rounds * n_examples / len(genomes))
    per_noising = min(n_examples // n_noisings, len(genomes) // n_rounds)
    rounds: list[list[Queries]] = [[] for _ in range(n_rounds)]
    for _ in range(n_noisings):
        task = Task.draw(clean, k, noise, rng, threads, as_if)
        ids = rng.choice(len(genomes), n_rounds * per_noising, replace=False)
        for queries, some in zip(rounds, np.split(ids, n_rounds), strict=True):
            queries.append(Queries(task, some))
    n_held_out = min(_HELD_OUT, len(held_out))
    judged = Queries(task, len(genomes) + rng.choice(len(held_out), n_held_out, replace=False))
    trained: list[tuple[Autoencoder, History]] = []
    for number, queries in enumerate(rounds):
        model, history = _train_one(queries, judged, k, seed, number)
        trained.append((model, history))
        for later in (judged, *(query for group in rounds[number + 1 :] for query in group)):
            later.advance(NetworkCorrector(model, threads))
    return trained


def _train_one(
    queries: list[Queries], judged: Queries, k: int, seed: int, number: int
) -> tuple[Autoencoder, History]:
    """The network of one round."""
    parts = [query.examples() for query in queries]
    examples = parts[0]
    if len(parts) > 1:
        examples = Batch(*(np.concatenate(a) for a in list(zip(*parts, strict=True))[:4]))
    steps = max(PASSES * (len(examples.windows) // _BATCH), 1)
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
    batches = shuffled_batches(examples, _BATCH, seed + number)
    return model, train(model, batches, settings, [judged.examples()])
