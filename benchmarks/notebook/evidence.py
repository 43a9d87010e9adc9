"""Seed and verify: evidence for a noisy k-mer from the other noisy k-mers.

The task: all k-mers of a genome, each noised independently, nothing clean given. A
genome position lies in k of them, so the k-mers that overlap a query, each with its
own noise, vote on its bases. They are found by spaced seeds (Ma et al. 2002,
PatternHunter, doi:10.1093/bioinformatics/18.3.440) in a CSR index, aligned without
gaps, scored in log odds of common origin against chance, and vote at each position
with the logistic of their score *without that position*, so that a base never helps
to recruit its own support. The order of the k-mers carries no information: votes
are integer sums, the same in any order and for any number of threads.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from benchmarks.notebook.kernels import MOST_KMERS, fill_buckets, mismatch_histogram, vote

__all__ = ["Evidence", "SeedIndex", "add_noise", "kmers_of", "pack", "unpack"]

# Integer votes: 1 << 12 is one whole vote, the weight of the k-mer's own base.
ONE_VOTE = 1 << 12
# Recruits whose logistic is below 1/64 are not worth the time.
_LOWEST_WEIGHT = 1.0 / 64.0


class Evidence(NamedTuple):
    """Votes for a batch of queries.

    Attributes
    ----------
    votes : ndarray
        ``(n, k, 4)`` int32, in units of 1 / ``ONE_VOTE``, the own observed base not
        included.
    recruits : ndarray
        ``(n,)`` int32, distinct k-mers (at distinct shifts) that voted.
    """

    votes: np.ndarray
    recruits: np.ndarray


def kmers_of(codes: np.ndarray, k: int) -> np.ndarray:
    """All k-mers of a sequence, forward strand, as packed uint64.

    Windows with a code above 3 (N) are left out.
    """
    n = len(codes) - k + 1
    kmers = np.zeros(max(n, 0), dtype=np.uint64)
    clean = np.ones(max(n, 0), dtype=bool)
    for i in range(k if n > 0 else 0):
        column = codes[i : i + n]
        kmers = (kmers << np.uint64(2)) | (column & np.uint8(3)).astype(np.uint64)
        clean &= column < 4
    return kmers[clean]


def unpack(kmers: np.ndarray, k: int) -> np.ndarray:
    """``(n, k)`` uint8 codes of packed k-mers."""
    codes = np.empty((len(kmers), k), dtype=np.uint8)
    for i in range(k):
        codes[:, i] = (kmers >> np.uint64(2 * (k - 1 - i))) & np.uint64(3)
    return codes


def pack(codes: np.ndarray) -> np.ndarray:
    """Packed uint64 k-mers of ``(n, k)`` codes 0..3."""
    kmers = np.zeros(len(codes), dtype=np.uint64)
    for i in range(codes.shape[1]):
        kmers = (kmers << np.uint64(2)) | codes[:, i].astype(np.uint64)
    return kmers


def add_noise(kmers: np.ndarray, k: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Each base of each k-mer replaced, with chance ``rate``, by one of the other three.

    Works position by position: the random numbers of one position are all that is held.
    """
    noisy = np.zeros_like(kmers)
    for i in range(k):
        shift = np.uint64(2 * (k - 1 - i))
        base = (kmers >> shift) & np.uint64(3)
        hit = rng.random(len(kmers), dtype=np.float32) < rate
        step = rng.integers(1, 4, len(kmers), dtype=np.uint8)
        noisy |= ((base + hit * step) & np.uint64(3)).astype(np.uint64) << shift
    return noisy


@dataclass(frozen=True)
class Scoring:
    """Log odds of a match and a mismatch, and the prior log odds of common origin.

    ``match = ln((1 - u) / (1/4))`` and ``mismatch = ln(u / (3/4))``, where ``u`` is the
    chance that two bases of common origin differ: both noised in the first round, only
    the recruit later, when the query has been corrected. The prior is one true origin
    among four times the indexed k-mers; the four stands for repeats and strand.
    """

    match: float
    mismatch: float
    prior: float

    @classmethod
    def derive(cls, rate: float, n_kmers: int, corrected: bool) -> "Scoring":
        """Constants for a noise rate, an index size, and a query noisy or corrected."""
        differ = rate if corrected else 2 * rate - 4 * rate * rate / 3
        differ = min(max(differ, 1e-4), 0.7)
        return cls(
            math.log((1 - differ) * 4), math.log(differ * 4 / 3), -math.log(4 * max(n_kmers, 1))
        )

    def weights(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Integer votes by overlap and mismatches, at a matched and a mismatched position.

        Returns
        -------
        tuple of ndarray
            Two ``(k + 1, k + 1)`` int32 tables ``[overlap, mismatches]``; 0 where the
            recruit is too unlikely to vote.
        """
        overlap, differing = np.mgrid[0 : k + 1, 0 : k + 1]
        score = self.prior + (overlap - differing) * self.match + differing * self.mismatch
        tables = []
        for own in (self.match, self.mismatch):
            weight = 1.0 / (1.0 + np.exp(-(score - own)))
            weight[(differing > overlap) | (weight < _LOWEST_WEIGHT)] = 0
            tables.append(np.rint(weight * ONE_VOTE).astype(np.int32))
        return tables[0], tables[1]


class SeedIndex:
    """Noisy k-mers under several spaced seeds: for each pattern, buckets in CSR form.

    Parameters
    ----------
    kmers : ndarray
        uint64 packed noisy k-mers; the row is the k-mer's id.
    k : int
        Their length, 21 to 31.
    threads : int
        Threads of every method; results do not depend on it.
    as_if : int, optional
        Number of k-mers for which seeds and prior are chosen, by default those given. A
        network is trained on small genomes with the seeds and prior of the large one.
    """

    def __init__(
        self, kmers: np.ndarray, k: int, threads: int = 1, as_if: int | None = None
    ) -> None:
        if len(kmers) >= MOST_KMERS:
            msg = f"the index holds fewer than {MOST_KMERS} k-mers, found {len(kmers)}"
            raise ValueError(msg)
        self.kmers = np.ascontiguousarray(kmers, dtype=np.uint64)
        self.k = k
        self.threads = threads
        self.as_if = max(as_if or len(kmers), 1)
        # Above a million k-mers memory counts, about 50 bytes per k-mer and pattern, and the
        # weight falls short of what sets chance apart: few patterns, but seeds one
        # substitution off are looked up as well, which costs time and no memory.
        large = self.as_if > 1_000_000
        n_patterns, self.substitutions = (2, 1) if large else (8, 0)
        # A bucket should hold few chance entries: the weight grows with the index.
        most = 13 if large else 12
        self.weight = min(max(round(math.log(self.as_if * k / 8, 4)), 7), most)
        self.patterns = spaced_seeds(self.weight, n_patterns)
        self.n_offsets = k - int(self.patterns.max())
        shape = (n_patterns, 4**self.weight + 1)
        self.starts = np.zeros(shape, dtype=np.uint32)
        self.entries = np.empty((n_patterns, len(kmers) * self.n_offsets), dtype=np.uint32)

        def fill(p: int) -> None:
            fill_buckets(self.kmers, k, self.patterns[p], self.starts[p], self.entries[p])

        self._each(fill, range(n_patterns))

    def __len__(self) -> int:
        return len(self.kmers)

    def _each(self, call: Callable[[int], None], items: range) -> None:
        """Call for every item, in the index's threads; results are written in place."""
        if self.threads == 1:
            for item in items:
                call(item)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(call, items))

    def evidence(
        self, queries: np.ndarray, ids: np.ndarray, rate: float, corrected: bool
    ) -> Evidence:
        """Votes for some of the indexed k-mers.

        Parameters
        ----------
        queries : ndarray
            uint64, the k-mers as they stand now: observed, or corrected by a round.
        ids : ndarray
            int64, their rows in the index; a k-mer's own entry is left out of its recruits.
        rate : float
            Noise rate of the indexed k-mers.
        corrected : bool
            Whether the queries have been through a round.
        """
        n = len(queries)
        tables = Scoring.derive(rate, self.as_if, corrected).weights(self.k)
        votes = np.zeros((n, self.k, 4), dtype=np.int32)
        recruits = np.zeros(n, dtype=np.int32)
        step, sub = 2048, np.int64(self.substitutions)

        def run(start: int) -> None:
            part = slice(start, min(start + step, n))
            vote(
                *(queries[part], ids[part], self.kmers, self.k, self.patterns, sub),
                *(self.starts, self.entries, *tables, votes[part], recruits[part]),
            )

        self._each(run, range(0, n, step))
        return Evidence(votes, recruits)

    def noise_rate(self, sample: int = 4000, iterations: int = 20) -> float:
        """Noise rate estimated from the noisy k-mers alone.

        Expectation maximisation over seed hits of a sample of k-mers: a hit is of common
        origin or chance; outside the seed (which matches by construction) the bases of
        the former differ with chance ``2r - 4r²/3``, those of the latter with 3/4. Diverged
        repeats pass for noise: 0.014 was found for 0.010 on human sequence full of Alus.
        """
        rows = np.linspace(0, len(self) - 1, min(sample, len(self))).astype(np.int64)
        histogram = np.zeros((self.k + 1, self.k + 1), dtype=np.int64)
        mismatch_histogram(
            *(rows, self.kmers, self.k, self.patterns[0], self.starts[0], self.entries[0]),
            histogram,
        )
        length, differing = np.mgrid[0 : self.k + 1, 0 : self.k + 1]
        differ, share = 0.1, 0.5
        for _ in range(iterations):
            odds = (length - differing) * math.log((1 - differ) * 4)
            odds = odds + differing * math.log(differ * 4 / 3) + math.log(share / (1 - share))
            weight = histogram / (1.0 + np.exp(-odds))
            differ = float((weight * differing).sum() / max((weight * length).sum(), 1e-9))
            differ = min(max(differ, 1e-4), 0.7)
            share = min(max(float(weight.sum() / max(histogram.sum(), 1)), 1e-6), 1 - 1e-6)
        return 0.75 * (1 - math.sqrt(1 - 4 * differ / 3))


@cache
def spaced_seeds(weight: int, n_patterns: int) -> np.ndarray:
    """``(n_patterns, weight)`` int64 sorted positions, first 0 and last ``1.5 weight - 1``.

    Drawn at random with a fixed seed, each as unlike those before it as a few hundred
    tries allow: patterns that share few pairs of positions fail independently.
    """
    span = round(1.5 * weight)
    rng = np.random.default_rng(12)
    chosen: list[np.ndarray] = []
    pairs: set[tuple[int, int]] = set()
    for _ in range(n_patterns):
        best, best_shared = np.arange(weight), math.inf
        for _ in range(300):
            inner = np.sort(rng.choice(np.arange(1, span - 1), weight - 2, replace=False))
            pattern = np.concatenate([[0], inner, [span - 1]])
            shared = len(_pairs(pattern) & pairs) + 2 * _self_overlap(pattern)
            if shared < best_shared:
                best, best_shared = pattern, shared
        chosen.append(best)
        pairs |= _pairs(best)
    return np.array(chosen, dtype=np.int64)


def _pairs(pattern: np.ndarray) -> set[tuple[int, int]]:
    return {(int(a), int(b)) for a in pattern for b in pattern if a < b}


def _self_overlap(pattern: np.ndarray) -> int:
    """Most positions that a pattern shares with itself shifted."""
    return max(len(np.intersect1d(pattern, pattern + s)) for s in range(1, int(pattern[-1]) + 1))
