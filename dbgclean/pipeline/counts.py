"""Reads counted before they are corrected: k-mers, ends in G, and a sample of the reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dbgclean.evidence.poly_g import TailCounter
from dbgclean.pipeline.counting import counter_of
from dbgclean.pipeline.options import Options
from dbgclean.reads.tasks import Numbered
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.read_depths import ReadSample

__all__ = ["Counting", "Counts"]


@dataclass(eq=False)
class Counts:
    """What was counted of reads that follow each other; ``+=`` adds those that come next.

    Attributes
    ----------
    counters
        By k.
    tails
        Runs of G that the reads end in, where they were asked for.
    sampled
        Some of the reads.
    """

    counters: dict[int, KmerCounter]
    tails: TailCounter | None
    sampled: ReadSample

    def __iadd__(self, later: Counts) -> Counts:
        for k, counter in self.counters.items():
            counter += later.counters[k]
        if self.tails is not None and later.tails is not None:
            self.tails += later.tails
        self.sampled += later.sampled
        return self


@dataclass(frozen=True, eq=False)
class Counting:
    """Counts reads: one `Counts` of all batches.

    Attributes
    ----------
    least
        For each k, the abundance from which k-mers are handed out.
    tails_k
        k at which runs of G at the ends are counted; None where they are not.
    """

    options: Options
    least: dict[int, int]
    tails_k: int | None = None

    def over(self, batches: Numbered, threads: int) -> Iterator[Counts]:
        """See `dbgclean.reads.tasks.Task`."""
        options = replace(self.options, threads=threads)
        counters = {
            k: counter_of(options, k, least, sharing=len(self.least))
            for k, least in self.least.items()
        }
        if isinstance(batches, list):  # all that there are, as a step has them
            for counter in counters.values():
                counter.expect(sum(len(batch.codes) for _, batch in batches))
        tails = None
        if self.tails_k is not None:
            tails = TailCounter(self.tails_k, options.min_quality, threads)
        sampled: ReadSample | None = None
        for first, batch in batches:
            sampled = sampled or ReadSample(options.k, first)
            sampled.add(batch)
            for counter in counters.values():
                counter.add(batch)
            if tails is not None:
                tails.add(batch)
        yield Counts(counters, tails, sampled or ReadSample(options.k))
