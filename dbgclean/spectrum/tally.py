"""Sums that counting keeps: of the reads it took, and of the k-mers it found."""

from dataclasses import asdict, dataclass, field

import numpy as np

from dbgclean.spectrum.mixture import MAX_ABUNDANCE
from dbgclean.spectrum.partition import Settled
from dbgclean.spectrum.words import low_word

__all__ = ["CountStatistics", "Tally"]


@dataclass
class CountStatistics:
    """What was counted and what was passed over; ``+=`` adds.

    Attributes
    ----------
    reads : int
        Reads looked at.
    short_reads : int
        Of these, shorter than k.
    kmers : int
        k-mers counted.
    skipped_kmers : int
        Windows of k bases that hold an N or another ambiguous letter.
    """

    reads: int = 0
    short_reads: int = 0
    kmers: int = 0
    skipped_kmers: int = 0

    def __iadd__(self, other: "CountStatistics") -> "CountStatistics":
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    def to_dict(self) -> dict[str, int]:
        """The four numbers by name."""
        return asdict(self)


@dataclass
class Tally:
    """Sums over all k-mers counted, those not handed out included; ``+=`` adds.

    Attributes
    ----------
    histogram : ndarray of int64
        ``histogram[a]`` distinct k-mers have abundance a; the entry of
        `MAX_ABUNDANCE` stands for that and everything above.
    total, reverse, high_quality : int
        Sums of the abundances, and of what the columns of a `KmerTable` say.
    """

    histogram: np.ndarray = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    total: int = 0
    reverse: int = 0
    high_quality: int = 0

    @classmethod
    def of(cls, settled: Settled) -> "Tally":
        """The sums over a partition."""
        counts = np.minimum(settled.values[0], MAX_ABUNDANCE)
        histogram = np.bincount(counts, minlength=2).astype(np.int64)
        histogram[1] += settled.singles.size
        sums = [int(column.sum(dtype=np.uint64)) for column in settled.values]
        tags = low_word(settled.singles) & np.uint64(3)
        return cls(
            histogram,
            sums[0] + tags.size,
            sums[1] + int(np.count_nonzero(tags >> np.uint64(1))),
            sums[2] + int(np.count_nonzero(tags & np.uint64(1))),
        )

    @property
    def distinct(self) -> int:
        """Distinct k-mers."""
        return int(self.histogram.sum())

    def __iadd__(self, other: "Tally") -> "Tally":
        one, two = sorted((self.histogram, other.histogram), key=len)
        self.histogram = two.copy()
        self.histogram[: one.size] += one
        self.total += other.total
        self.reverse += other.reverse
        self.high_quality += other.high_quality
        return self
