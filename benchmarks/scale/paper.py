"""The sample on paper: how many k-mers it has, and what each step takes of it.

Everything is in proportion to what was measured on K-12 (`benchmarks.scale.costs`): to bases for
what goes over reads, to k-mers for what goes over tables, to edits for what goes over edits.
What is assumed besides has a name here, and where it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.scale.units import OF, Units
from dbgclean.evidence.cutoffs import CORRECTION_K
from dbgclean.evidence.solid import _MOST_NODES

__all__ = [
    "HUMAN",
    "Genome",
    "Need",
    "Population",
    "checked",
    "needs",
    "population",
    "too_many_nodes",
]

ROW_BYTES, WORD_BYTES = 20, 8
"""Of a k-mer seen twice or more, and of one seen once (`dbgclean.spectrum.partition`)."""
NODE_BYTES = 16 + 4
"""Of a k-mer in the solid graph, beside its places in the hash (`dbgclean.evidence.solid`)."""
MERGING = 2.0
"""Times a partition's input that merging it holds: the pieces, and what becomes of them."""


@dataclass(frozen=True)
class Genome:
    """A genome and how it is sequenced.

    Attributes
    ----------
    length
        Bases.
    distinct
        Share of its k-mers, counted by position, that are different.
    depth, read_length
    error_rate
        Substitutions per base.
    """

    length: float
    distinct: float
    depth: float
    read_length: float
    error_rate: float

    @property
    def bases(self) -> float:
        """Of its reads."""
        return self.length * self.depth


HUMAN = Genome(
    # T2T-CHM13v2.0: 3,117,292,070 (deepTools, "Effective genome size").
    length=3.1e9,
    # Assumed for 25-mers. Of 50-mers that table has 2,725,240,337 different ones, .87.
    distinct=0.80,
    depth=30,
    read_length=150,
    # Of ordinary Illumina reads .1 to .5 %; ART's HiSeq 2500 as measured here makes .2 %.
    error_rate=0.003,
)


@dataclass(frozen=True)
class Population:
    """k-mers of a set of reads.

    Attributes
    ----------
    seen
        With repeats.
    distinct, twice
        Different ones, and of these those seen twice or more.
    """

    seen: float
    distinct: float
    twice: float

    @property
    def stored(self) -> float:
        """Bytes on disk: those seen once as words, the others as rows."""
        return WORD_BYTES * (self.distinct - self.twice) + ROW_BYTES * self.twice


def population(genome: Genome, k: int = CORRECTION_K, share: float = 1.0) -> Population:
    """k-mers of a share of the reads.

    Reads begin anywhere (Lander and Waterman 1988, doi:10.1016/0888-7543(88)90007-9), so a
    k-mer of the genome is seen a Poisson number of times. So is each of the 3k that differ from
    it in one base; errors of which two lie within k bases are never made twice.
    """
    seen = share * genome.bases * (1 - (k - 1) / genome.read_length)
    clean = (1 - genome.error_rate) ** k
    single = k * genome.error_rate * (1 - genome.error_rate) ** (k - 1)
    places, neighbours = genome.distinct * genome.length, 3 * k
    depth = seen / places
    true = depth * clean, places
    wrong = depth * single / neighbours, places * neighbours
    several = seen * (1 - clean - single)
    distinct = several + sum(n * -np.expm1(-mean) for mean, n in (true, wrong))
    once = several + sum(n * mean * np.exp(-mean) for mean, n in (true, wrong))
    return Population(float(seen), float(distinct), float(distinct - once))


@dataclass(frozen=True)
class Need:
    """What one step takes, in all its parts.

    Attributes
    ----------
    step, parts
    core_seconds
    read, written
        Bytes.
    memory
        Bytes that the largest part holds, beside interpreter and libraries.
    per_node
        Bytes that every node reads once, and holds for all its parts.
    shares
        Of each part; all the same where there is none.
    by_spans
        Share of the work that several cores of a node can do.
    """

    step: str
    parts: int
    core_seconds: float
    read: float
    written: float
    memory: float
    per_node: float = 0.0
    shares: tuple[float, ...] = ()
    by_spans: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """For the results, without the shares."""
        row = {name: value for name, value in vars(self).items() if name != "shares"}
        return {name: float(f"{v:.4g}") if isinstance(v, float) else v for name, v in row.items()}


def graph_bytes(nodes: float) -> float:
    """Of the solid graph's arrays: a hash of a power of two, a third to two thirds full."""
    return WORD_BYTES * 2.0 ** int(3 * nodes / 2).bit_length() + NODE_BYTES * nodes


def too_many_nodes(genome: Genome) -> float:
    """Times over that the k-mers seen twice exceed what the graph's 32-bit numbers can name."""
    return population(genome).twice / _MOST_NODES


def needs(genome: Genome, units: Units, blocks: int, partitions: Sequence[float]) -> list[Need]:
    """What every step takes of a genome, in the order in which they run.

    Parameters
    ----------
    genome
    units
    blocks
        Of reads.
    partitions
        Share of the k-mers that each partition has.
    """
    whole, one = population(genome), population(genome, share=1 / blocks)
    bases, edits = genome.bases, genome.bases * genome.error_rate
    amounts = {"bases": bases, "edits": edits, "k-mers seen twice": whole.twice}
    amounts["k-mers in"] = blocks * one.distinct
    written = {step: each * amounts[OF[step]] for step, each in units.written.items()}
    amounts["bytes"] = written["write"]
    reads, found, seen = written["plan"], written["thread"], written["compare"]
    written["count"], written["merge"] = blocks * one.stored, ROW_BYTES * whole.twice
    written["solid"], written["join"] = graph_bytes(whole.twice), written["write"]
    shares = tuple(float(share) for share in np.asarray(partitions) / np.sum(partitions))
    read = {
        "plan": reads,
        "count": reads,
        "merge": written["count"],
        "solid": written["merge"],
        "thread": reads,
        "pool": found,
        "compare": reads,
        "judge": found + seen,
        "write": reads + found,
        "join": written["write"],
    }
    memory = {
        "count": units.memory["count"] * one.seen,
        "merge": MERGING * max(shares) * written["count"],
        "solid": units.memory["solid"] * whole.twice,
        "pool": found + units.memory["pool"] * edits,
        "judge": found + seen + units.memory["judge"] * edits,
    }
    parts = dict.fromkeys(("count", "thread", "compare", "write"), blocks)
    parts["merge"] = len(shares)
    per_node = {"thread": written["solid"], "write": written["judge"]}
    return [
        Need(
            step,
            parts.get(step, 1),
            units.seconds[step] * amounts[OF[step]],
            read[step],
            written.get(step, 0.0),
            memory.get(step, 0.0),
            per_node.get(step, 0.0),
            shares if step == "merge" else (),
            units.by_spans if step == "solid" else 0.0,
        )
        for step in OF
    ]


def checked(kmers: float, runs: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The model of k-mers against what was counted: predicted over counted.

    ``kmers`` is how many different ones the genome of the runs has.
    """
    rows = []
    for run in runs:
        sizes, length = run["sizes"], run["sample"]["genome_size"]
        depth, rate = sizes["bases"] / length, sizes["edits"] / sizes["bases"]
        read = Genome(length, kmers / length, depth, sizes["bases"] / sizes["reads"], rate)
        whole, one = population(read), population(read, share=1 / run["blocks"])
        in_blocks = sizes["block_words"] + sizes["block_rows"]
        predicted = {
            "distinct": whole.distinct / sizes["distinct"],
            "twice": whole.twice / sizes["twice"],
            "distinct in blocks": run["blocks"] * one.distinct / in_blocks,
        }
        rows.append({"depth": depth, **predicted})
    return [{name: round(value, 3) for name, value in row.items()} for row in rows]
