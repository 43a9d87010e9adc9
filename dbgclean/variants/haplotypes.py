"""Candidate alleles, and the sequences a sample may have where they lie close together.

An allele with a gap, or a cluster of differences, is not counted base by base: reads
are laid along the reference and along every sequence that candidates make there, and
the one that fits says what a read shows. Candidates whose places run into one another,
as in a tandem repeat, are one cluster and are compared with each other as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dbgclean.variants.placement import INSERTED

__all__ = [
    "Allele",
    "Candidate",
    "Clusters",
    "Texts",
    "build_clusters",
    "candidate_of",
    "normalise",
    "primitive_alleles",
]

# Candidates whose places have fewer bases than this between them are told apart together.
_APART = 12
# Sequences of one cluster, and alleles of one combination of them.
_MOST_HAPLOTYPES, _MOST_COMBINED = 20, 6
# Longer stretches are not aligned base by base: they are one complex allele.
_LONGEST_ALIGNED = 300
# Of an alignment: two gaps of a base or two are likelier than a gap and two mismatches,
# but not likelier than three mismatches.
_MISMATCH, _OPEN, _EXTEND = 9, 12, 2


@dataclass(frozen=True, slots=True, order=True)
class Allele:
    """Difference from the reference: ``alt`` in place of ``reference[start:end]``.

    Parsimonious: no base in common at either end, and as far to the left as it goes. Of a
    tip ``alt`` is what follows on the last base before ``start``, and no read comes back.
    """

    start: int
    end: int
    alt: bytes
    is_tip: bool = False

    @property
    def is_substitution(self) -> bool:
        """One base in place of another."""
        return self.end - self.start == 1 and len(self.alt) == 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """Alleles that reads show together.

    Attributes
    ----------
    alleles
        In their order on the reference, not overlapping.
    start, end
        Stretch of the reference within which any of them may be placed.
    support
        Reads, or abundance of a k-mer: which candidates come first where there are many.
    """

    alleles: tuple[Allele, ...]
    start: int
    end: int
    support: int


def normalise(reference: np.ndarray, start: int, end: int, alt: np.ndarray) -> Allele | None:
    """Trim what both have in common and move a gap to the left; None if nothing differs."""
    codes = alt.astype(np.uint8)
    while end > start and len(codes) and reference[end - 1] == codes[-1]:
        end, codes = end - 1, codes[:-1]
    while end > start and len(codes) and reference[start] == codes[0]:
        start, codes = start + 1, codes[1:]
    if end == start and not len(codes):
        return None
    if end > start and not len(codes):
        while start > 0 and reference[start - 1] == reference[end - 1]:
            start, end = start - 1, end - 1
    elif end == start:
        while start > 0 and reference[start - 1] == codes[-1]:
            start, end = start - 1, end - 1
            codes = np.concatenate([codes[-1:], codes[:-1]])
    return Allele(int(start), int(end), codes.tobytes())


def rightmost(reference: np.ndarray, allele: Allele) -> int:
    """One past the last base that the allele's place may reach to the right."""
    end, n = allele.end, len(reference)
    gone = allele.end - allele.start
    if gone and not allele.alt:
        while end < n and reference[end] == reference[end - gone]:
            end += 1
    elif not gone:
        i = 0
        while end < n and reference[end] == allele.alt[i % len(allele.alt)]:
            end, i = end + 1, i + 1
    return end


def primitive_alleles(
    reference: np.ndarray, start: int, end: int, alt: np.ndarray
) -> tuple[Allele, ...]:
    """Substitutions and gaps of the best alignment of ``alt`` to ``reference[start:end]``.

    Global alignment with affine gaps (Gotoh 1982, doi:10.1016/0022-2836(82)90398-9);
    each gap is then moved to the left. Substitutions stay single bases.
    """
    whole = normalise(reference, start, end, alt)
    if whole is None:
        return ()
    start, end, codes = whole.start, whole.end, np.frombuffer(whole.alt, np.uint8)
    n, m = end - start, len(codes)
    if not n or not m or max(n, m) > _LONGEST_ALIGNED:
        return (whole,)
    if n == m and int((reference[start:end] != codes).sum()) <= max(3, n // 4):
        pairs = [(i, i) for i in range(n)]
    else:
        pairs = _aligned(reference[start:end], codes)
    found = []
    i = j = 0
    for a, b in [*pairs, (n, m)]:
        if a > i or b > j:
            found.append(normalise(reference, start + i, start + a, codes[j:b]))
        if a < n and b < m and reference[start + a] != codes[b]:
            found.append(Allele(start + a, start + a + 1, bytes(codes[b : b + 1])))
        i, j = a + 1, b + 1
    kept = sorted(allele for allele in found if allele is not None)
    apart = all(a.end <= b.start for a, b in zip(kept, kept[1:], strict=False))
    return tuple(kept) if apart else (whole,)


def _aligned(ref: np.ndarray, alt: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of bases (matched or not) in the cheapest alignment, gaps to the left."""
    n, m = len(ref), len(alt)
    big = 1 << 30
    match = np.full((n + 1, m + 1), big)
    gone = np.full((n + 1, m + 1), big)
    more = np.full((n + 1, m + 1), big)
    match[0, 0] = 0
    for i in range(n + 1):
        for j in range(m + 1):
            if i and j:
                best = min(match[i - 1, j - 1], gone[i - 1, j - 1], more[i - 1, j - 1])
                match[i, j] = best + (_MISMATCH if ref[i - 1] != alt[j - 1] else 0)
            if i:
                least = min(match[i - 1, j], more[i - 1, j]) + _OPEN
                gone[i, j] = min(least, gone[i - 1, j]) + _EXTEND
            if j:
                least = min(match[i, j - 1], gone[i, j - 1]) + _OPEN
                more[i, j] = min(least, more[i, j - 1]) + _EXTEND
    tables = (match, gone, more)
    i, j, pairs = n, m, []
    state = int(np.argmin([t[n, m] for t in tables]))
    while i or j:
        before = [t[i, j] for t in tables]
        if state == 0:
            pairs.append((i - 1, j - 1))
            i, j = i - 1, j - 1
            state = int(np.argmin([t[i, j] for t in tables]))
            continue
        i, j = (i - 1, j) if state == 1 else (i, j - 1)
        stay = tables[state][i, j] + _EXTEND
        if before[state] != stay:
            others = [t[i, j] for t in tables]
            others[state] = big
            state = int(np.argmin(others))
    return pairs[::-1]


def candidate_of(
    reference: np.ndarray, alleles: tuple[Allele, ...], support: int
) -> Candidate | None:
    """A candidate with the stretch that its alleles may move in; None without alleles."""
    if not alleles:
        return None
    end = max(rightmost(reference, allele) for allele in alleles)
    return Candidate(alleles, alleles[0].start, max(end, alleles[-1].end), support)


class Texts(NamedTuple):
    """The sequences of clusters, for kernels.

    Attributes
    ----------
    start, end
        int64 (n,): the stretch that a cluster's sequences stand for; clusters do not touch.
    first
        int64 (n + 1,): rows of the cluster's sequences; the first is the reference's.
    text_first
        int64 (n_sequences + 1,): where each begins in ``text``.
    text
        uint8: the sequences, codes.
    where
        int32: offset on the reference of each of their bases; INSERTED for others.
    """

    start: np.ndarray
    end: np.ndarray
    first: np.ndarray
    text_first: np.ndarray
    text: np.ndarray
    where: np.ndarray


@dataclass(frozen=True, eq=False)
class Clusters:
    """Places where reads are laid along several sequences, in the order of the reference.

    ``alleles`` is per sequence what it differs in.
    """

    texts: Texts
    alleles: list[tuple[Allele, ...]]

    def __len__(self) -> int:
        return len(self.texts.start)

    def rows(self, c: int) -> range:
        """The sequences of a cluster."""
        return range(self.texts.first[c], self.texts.first[c + 1])


def build_clusters(reference: np.ndarray, candidates: list[Candidate]) -> Clusters:
    """Join candidates that are not apart, and spell the sequences of each cluster.

    The most supported candidates alone, then combinations of two that do not overlap.
    """
    groups: list[list[Candidate]] = []
    reach = -1
    for candidate in sorted(candidates, key=lambda c: (c.start, c.end, c.alleles)):
        if not groups or candidate.start > reach + _APART:
            groups.append([])
            reach = -1
        groups[-1].append(candidate)
        reach = max(reach, candidate.end)
    starts, ends, first, text_first = [], [], [0], [0]
    texts: list[np.ndarray] = []
    wheres: list[np.ndarray] = []
    alleles: list[tuple[Allele, ...]] = []
    for group in groups:
        start = max(0, min(c.start for c in group) - 1)
        end = min(len(reference), max(c.end for c in group) + 1)
        starts.append(start)
        ends.append(end)
        for haplotype in _haplotypes(group):
            text, where = _spell(reference, start, end, haplotype)
            texts.append(text)
            wheres.append(where)
            text_first.append(text_first[-1] + len(text))
            alleles.append(haplotype)
        first.append(len(texts))
    found = Texts(
        np.array(starts, np.int64),
        np.array(ends, np.int64),
        np.array(first, np.int64),
        np.array(text_first, np.int64),
        np.concatenate([np.zeros(0, np.uint8), *texts]),
        np.concatenate([np.zeros(0, np.int32), *wheres]),
    )
    return Clusters(found, alleles)


def _haplotypes(group: list[Candidate]) -> list[tuple[Allele, ...]]:
    """Sets of alleles of a cluster's sequences, the reference's first."""
    best = sorted(group, key=lambda c: (-c.support, c.start, c.alleles))[: _MOST_HAPLOTYPES - 1]
    found: dict[tuple[Allele, ...], None] = {(): None}
    for candidate in best:
        found[candidate.alleles] = None
    for i, one in enumerate(best[:_MOST_COMBINED]):
        for other in best[i + 1 : _MOST_COMBINED]:
            both = tuple(sorted({*one.alleles, *other.alleles}))
            apart = all(a.end < b.start for a, b in zip(both, both[1:], strict=False))
            if apart:
                found[both] = None
    return list(found)[:_MOST_HAPLOTYPES]


def _spell(
    reference: np.ndarray, start: int, end: int, alleles: tuple[Allele, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Bases of a stretch with some alleles in it, and where each lies."""
    text, where = [], []
    at = start
    for allele in alleles:
        text.append(reference[at : allele.start])
        where.append(np.arange(at, allele.start))
        text.append(np.frombuffer(allele.alt, np.uint8))
        kept = min(len(allele.alt), allele.end - allele.start)
        place = np.full(len(allele.alt), INSERTED)
        place[:kept] = np.arange(allele.start, allele.start + kept)
        where.append(place)
        at = allele.end
    text.append(reference[at:end])
    where.append(np.arange(at, end))
    return np.concatenate(text).astype(np.uint8), np.concatenate(where).astype(np.int32)
