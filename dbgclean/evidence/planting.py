"""Alleles are planted in reads that go by, threaded, pooled and looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from dbgclean.evidence.alternatives import Alternatives, pool_edits, sibling_fragments
from dbgclean.evidence.depths import site_depths
from dbgclean.evidence.edits import FLANK, WINDOW, Edits, collect_edits
from dbgclean.evidence.explanations import (
    Explained,
    candidates,
    explain,
    places_of_starts,
)
from dbgclean.evidence.gaps import MASKED
from dbgclean.evidence.lookup import COUNT_SHIFT
from dbgclean.evidence.molecule_kernels import tell_molecules
from dbgclean.evidence.places import Places, index_places
from dbgclean.evidence.sites import SiteReads, Sites, site_keys
from dbgclean.evidence.solid import SolidGraph
from dbgclean.evidence.spike_kernels import (
    BY_ENDS,
    BY_FRAGMENT,
    COLUMNS,
    Ground,
    choose_places,
    draw,
)
from dbgclean.evidence.spikes import FRACTIONS, Spikes
from dbgclean.evidence.threading import qualities_of, thread_batch
from dbgclean.reads.batch import ReadBatch, stretches
from dbgclean.spectrum.hashing import hashes
from dbgclean.spectrum.kmers import LETTERS, reverse_complements

__all__ = ["Drawn", "Facts", "Planter"]

# Fragments that are changed at each fraction, at most: a deep sample gets fewer alleles.
_MOST_CHANGED = 8000
# Abundance from which a k-mer is a place's, and ratio from which another alternative there
# spoils it.
_LEAST, _SPOILS = 4, 2.0
# Nodes that are gone over at a time, and those looked at per place that is wanted.
_BLOCK, _TRIES = 1 << 20, 12
# Rows of `draw` for which there is room at first: a batch with more of them is looked at twice.
_BASES_A_ROW = 1024
# Other bases that a place can have, each an allele of its own.
_ROUNDS = 3


class Facts(NamedTuple):
    """What is known of the sample: see `pool_edits` and `explain` for each."""

    profile: np.ndarray
    mean_length: float
    peak: float
    scale: float
    genome_size: float
    paired: bool


class Drawn(NamedTuple):
    """What one batch adds: rows of `draw`, and their reads with the alleles in them.

    ``table`` int64 (m, len(COLUMNS)), its reads numbered in the run; ``codes``, ``quals``
    uint8, and ``lengths`` int64 (2 * m,), of the two reads of each row (no bases where there
    is one); ``cover`` as in `draw`.
    """

    table: np.ndarray
    codes: np.ndarray
    quals: np.ndarray
    lengths: np.ndarray
    cover: np.ndarray


class Planter:
    """Chooses places and alleles, plants them in reads that go by, and pools the outcome.

    Parameters
    ----------
    graph, alternatives, errors
        Of the sample: places are even stretches of the first, away from the second; and the
        edits of these.
    facts
        See `Facts`.
    seed
        Of the choice of places, and of the molecules drawn.

    Attributes
    ----------
    keys, depth
        uint64, float64 (n,): key of each planted allele, and reads over it, roughly.
    spikes
        What became of them, once it is known.
    """

    def __init__(
        self, graph: SolidGraph, alternatives: Alternatives, errors: Edits, facts: Facts, seed: int
    ) -> None:
        self._graph, self._facts = graph, facts
        salt = hashes(np.array([seed], np.uint64))[0]
        places, depth = _places(graph, alternatives, _numbers(facts.peak), salt)
        fraction = _fractions(facts.peak, _ROUNDS * len(places))
        n, p = len(fraction), max(1, len(places))
        place, turn = np.arange(n) % p, np.arange(n) // p
        mixed = hashes(places.key ^ salt)[place]
        # The three other bases of a place in turn, from one of them on.
        step = 1 + (mixed % np.uint64(3) + turn.astype(np.uint64)) % np.uint64(3)
        self._to = ((places.base[place] + step) % 4).astype(np.uint8)
        many = places.take(place)
        self.keys = many.alternatives(self._to)
        self.depth = depth[place] * facts.scale
        self._by_key = np.argsort(self.keys, kind="stable")
        # Some reads of the other molecules show an allele's base by error, as of any other.
        self._wrong = errors.select(np.isin(alternatives.key, self.keys)[alternatives.of_edit])
        self._fraction, self._place = fraction, place
        self.spikes: Spikes | None = None
        self._ground = self._make_ground(places, mixed ^ turn.astype(np.uint64))

    @classmethod
    def of(cls, *given: Any) -> Planter | None:
        """One that has found places to plant in, or none."""
        planter = cls(*given)
        return planter if len(planter) else None

    def _make_ground(self, places: Places, salt: np.ndarray) -> Ground:
        window = places.windows(places.base)
        self._flipped = (reverse_complements(window, WINDOW) < window).astype(np.uint8)
        return Ground(index_places(places), places.context, self._flipped, self._fraction, salt)

    def __len__(self) -> int:
        return len(self.keys)

    def look(self, batch: ReadBatch, first_read: int) -> Drawn:
        """The reads of one batch that an allele is put in, with it."""
        cover = np.zeros((len(self._ground.context), 2), np.int64)
        arguments = batch.codes, batch.offsets, batch.paired, np.int64(first_read)
        room = 1024 + len(batch.codes) // _BASES_A_ROW
        while True:
            table = np.zeros((room, len(COLUMNS)), np.int64)
            n = draw(*arguments, self._ground, cover, table)
            if n <= room:
                break
            room = n
            cover[:] = 0
        table, ends = table[:n].copy(), batch.offsets
        first = table[:, 1]
        second = np.minimum(first + batch.paired, len(batch) - 1)
        starts = np.stack([ends[first], ends[second]], axis=1)
        lengths = np.stack([ends[first + 1], ends[second + 1]], axis=1) - starts
        lengths[first == second, 1] = 0
        at, begins = stretches(starts.ravel(), lengths.ravel())
        codes, quals = batch.codes[at], qualities_of(batch)[at]
        begins = begins[:-1].reshape(-1, 2)
        for mate in range(2):
            here = np.flatnonzero(table[:, 2 + mate] >= 0)
            table[here, 2 + mate] -= starts[here, mate]
            to, allele = self._to[table[here, 0]], table[here, 0]
            turned = table[here, 4 + mate] != self._flipped[self._place[allele]]
            codes[begins[here, mate] + table[here, 2 + mate]] = np.where(turned, 3 - to, to)
        table[:, 1] += first_read
        return Drawn(table, codes, quals, lengths.ravel(), cover)

    def finish(
        self,
        parts: Sequence[Drawn],
        sites: Sites,
        reads: SiteReads,
        alternatives: Alternatives,
        explained: Explained,
        threads: int = 1,
    ) -> None:
        """Set ``spikes``: thread what was changed, pool it, and look at it again.

        Parameters
        ----------
        parts
            From `look`, in the order of the reads.
        sites, reads
            Of ``keys``, and what the reads over them show as they came.
        alternatives, explained
            Of the sample: its alternatives, and what explains them.
        """
        facts = self._facts
        told = tell_molecules(reads, places_of_starts(facts.mean_length, facts.paired))
        by_ends = told[sites.of_key] & explained.by_ends
        drawn = _chosen(parts, np.where(by_ends, BY_ENDS, BY_FRAGMENT))
        planted = _Planted(drawn)
        batch = planted.batch
        threaded = thread_batch(batch, self._graph, threads)
        edits = collect_edits(batch, threaded, self._graph)
        at = edits.position == planted.at[edits.read]
        masked = np.zeros(len(planted.at), bool)
        here = planted.at >= 0
        masked[here] = threaded.place[(batch.offsets[:-1] + planted.at)[here]] == MASKED
        proposed = np.zeros(len(planted.at), bool)
        proposed[edits.read[at]] = True
        own = np.flatnonzero(at & (edits.key == self.keys[planted.allele[edits.read]]))
        edits = edits.select(own)
        edits.fragment[:] = planted.fragment[edits.read]
        edits.read[:] = planted.number[edits.read]
        wrong = self._wrong
        edits = Edits.concatenate([edits, wrong])
        edits = edits.select(np.argsort(edits.read, kind="stable"))
        allele = self._by_key[np.searchsorted(self.keys, edits.key, sorter=self._by_key)]
        pooled = self._pool(edits, allele, self._shares(drawn), alternatives, threads)
        row = np.full(len(self), -1, np.int64)
        row[allele] = pooled.of_edit
        pooled, found = self._explain(pooled, edits, row, drawn, sites, reads, explained)
        counts = np.bincount(planted.allele[planted.whole], minlength=len(self))
        of_wrong = self._by_key[np.searchsorted(self.keys, wrong.key, sorter=self._by_key)]
        whole = (wrong.end_distance >= FLANK) & (wrong.co_edits == 0)
        counts += np.bincount(of_wrong[whole], minlength=len(self))
        free = planted.whole & ~proposed & ~masked
        untouched = np.bincount(planted.allele[free], minlength=len(self)) > 0
        self.spikes = Spikes(
            self._fraction, counts, untouched, row, pooled, edits.without_windows(), found
        )

    def _shares(self, drawn: Drawn) -> np.ndarray:
        """Share of the reads over each allele's place that show it now, by strand: (n, 2)."""
        shown = np.zeros((len(self), 2))
        for mate in range(2):
            here = drawn.table[drawn.table[:, 2 + mate] >= 0]
            np.add.at(shown, (here[:, 0], here[:, 4 + mate]), 1)
        shares: np.ndarray = shown / np.maximum(drawn.cover[self._place], 1)
        return shares

    def _pool(
        self, edits: Edits, allele: np.ndarray, share: np.ndarray, sample: Alternatives,
        threads: int,
    ) -> Alternatives:  # fmt: skip
        """The alleles as alternatives, against the depth that is left beside them."""
        facts, graph = self._facts, self._graph

        def depths(edits: Edits, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            depth, to_depth = site_depths(
                edits.key[rows], edits.to[rows], graph, graph.lower, threads
            )
            left = 1 - share[allele[rows]]
            other = depth * left * facts.scale
            part = to_depth / np.maximum(depth.sum(1), 1)
            return other, part * other.sum(1)

        pooled = pool_edits(
            edits, facts.profile, graph, facts.mean_length, graph.lower, facts.peak, depths,
            threads, rates=sample.rates,
        )  # fmt: skip
        others = np.flatnonzero(~np.isin(sample.key, pooled.key))
        beside = np.append(pooled.key, sample.key[others])
        fragments = np.append(np.zeros(len(pooled)), sample.column("fragments")[others])
        return replace(pooled, siblings=sibling_fragments(beside, fragments)[: len(pooled)])

    def _explain(
        self, pooled: Alternatives, edits: Edits, row: np.ndarray, drawn: Drawn, sites: Sites,
        reads: SiteReads, sample: Explained,
    ) -> tuple[Alternatives, Explained]:  # fmt: skip
        """The second look, at the reads over each site as they are with its allele."""
        rows = candidates(pooled)
        allele = np.full(len(pooled), -1, np.int64)
        allele[row[row >= 0]] = np.flatnonzero(row >= 0)
        allele = allele[rows]
        site = sites.of_key[allele]
        first = reads.bounds[site]
        lengths = reads.bounds[site + 1] - first
        of = np.repeat(np.arange(len(rows)), lengths)
        at, bounds = stretches(first, lengths)
        parts = {name: getattr(reads, name)[at] for name in SiteReads._fields if name != "bounds"}
        most = np.int64(1) << np.int64(40)
        changed = np.unique(drawn.table[:, 0] * most + drawn.table[:, 1])
        base = parts["base"]
        turns = np.isin(allele[of] * most + parts["fragment"], changed)
        turns &= base == pooled.to[rows][of]
        parts["base"] = np.where(turns, pooled.base[rows][of], base).astype(np.uint8)
        facts = self._facts
        return explain(
            pooled, edits, rows, sites.of(np.arange(len(rows))), SiteReads(bounds, **parts),
            genome_size=facts.genome_size, read_length=facts.mean_length, paired=facts.paired,
            sample=sample,
        )  # fmt: skip


def _numbers(peak: float) -> dict[float, int]:
    """Alleles wanted at each fraction in a sample of this depth."""
    return {
        fraction: max(1, min(n, int(_MOST_CHANGED / (fraction * max(peak, 1.0)))))
        for fraction, n in FRACTIONS.items()
    }


def _fractions(peak: float, most: int) -> np.ndarray:
    """Fraction of each allele, evenly mixed, so that any first part has of all: float64."""
    numbers = _numbers(peak)
    share = np.concatenate([(np.arange(n) + 0.5) / n for n in numbers.values()])
    values = np.repeat(np.array(list(numbers)), list(numbers.values()))
    mixed: np.ndarray = values[np.argsort(share, kind="stable")]
    return mixed[:most]


def _places(
    graph: SolidGraph, alternatives: Alternatives, numbers: dict[float, int], salt: np.uint64
) -> tuple[Places, np.ndarray]:
    """Places by the hash of their k-mers, and the abundance of these."""
    want = sum(numbers.values())
    nodes, k = graph.nodes, graph.k
    least = np.uint64(max(graph.upper, _LEAST)) << COUNT_SHIFT
    blocks = [slice(i, i + _BLOCK) for i in range(0, len(nodes.rows), _BLOCK)]
    n = sum(int(np.count_nonzero(nodes.rows[part, 1] >= least)) for part in blocks)
    limit = np.uint64(min(1.0, _TRIES * want / max(1, n)) * float(2**63)) << np.uint64(1)
    found, order = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for part in blocks:
        strong = np.flatnonzero(nodes.rows[part, 1] >= least) + part.start
        mixed = hashes(nodes.rows[strong, 0] ^ salt)
        some = mixed < limit if _TRIES * want < n else slice(None)
        found.append(strong[some])
        order.append(mixed[some])
    tried = np.concatenate(found)[np.argsort(np.concatenate(order), kind="stable")]
    spoilt = np.unique(site_keys(alternatives.key[alternatives.likelihood > _SPOILS]))
    reach = max(k - 1, FLANK)
    contexts, chosen = np.zeros((want, 2 * reach + 1), np.uint8), np.zeros(want, np.int64)
    n = choose_places(tried, nodes, np.int64(k), spoilt, contexts, chosen)
    chosen = chosen[:n]
    depth = (nodes.rows[chosen, 1] >> COUNT_SHIFT).astype(float)
    return Places(k, nodes.rows[chosen, 0], contexts[:n]), depth


def _chosen(parts: Sequence[Drawn], wanted: np.ndarray) -> Drawn:
    """Rows of all batches in the draw that holds for their allele (``wanted``)."""
    chosen = []
    for part in parts:
        keep = (part.table[:, 8] & wanted[part.table[:, 0]]) > 0
        reads = np.repeat(keep, 2)
        bases = np.repeat(reads, part.lengths)
        chosen.append((part.table[keep], part.codes[bases], part.quals[bases], part.lengths[reads]))
    table, codes, quals, lengths = (np.concatenate(column) for column in zip(*chosen, strict=True))
    cover = np.sum([part.cover for part in parts], axis=0)
    return Drawn(table, codes, quals, lengths, cover)


class _Planted:
    """The chosen reads as one batch of pairs, and what was done to each.

    Attributes
    ----------
    batch
        Mates side by side, a copy for each allele.
    allele, at
        int64 (n_reads,): which is in the fragment, and where it stands in the read, or -1.
    whole
        bool (n_reads,): the read shows its window without an error.
    number, fragment
        int64 (n_reads,): of the read and its fragment, in the run.
    """

    def __init__(self, drawn: Drawn) -> None:
        table = drawn.table
        offsets = np.concatenate([[0], np.cumsum(drawn.lengths)]).astype(np.int64)
        self.batch = ReadBatch(
            LETTERS[drawn.codes], drawn.codes, drawn.quals, offsets,
            [""] * len(drawn.lengths), 0, True,
        )  # fmt: skip
        self.allele = np.repeat(table[:, 0], 2)
        self.at = table[:, 2:4].ravel()
        self.whole = table[:, 6:8].ravel() == 1
        self.fragment = np.repeat(table[:, 1], 2)
        self.number = self.fragment + np.tile([0, 1], len(table))
