"""Protected alleles and regions as k-mers, so that alternatives match without alignment.

An alternative is filed under its canonical 31-mer: the path's bases with the reads'
own base in the middle. The same 31-mer is made from the reference with the protected
base put in, and with every combination of its protected neighbours, since the path
may hold any of them. Of a region every window is taken, its middle base left open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.gap_places import FLANK as GAP_FLANK
from dbgclean.evidence.gap_places import (
    REACH,
    Described,
    Threaded,
    Where,
    describe_gaps,
    flanks_of,
)
from dbgclean.evidence.gaps import GAP, ON_PATH
from dbgclean.evidence.lookup import no_nodes
from dbgclean.reads.protected import ProtectedContig, ProtectedList
from dbgclean.spectrum.kmers import canonical_kmers, reverse_complements

__all__ = ["Protection", "protect"]

# Combinations of neighbouring alleles in one window; nearest neighbours come first.
MAX_COMBINATIONS = 256
_MIDDLE = np.uint64(3 << (2 * FLANK))
_SHIFTS = np.arange(2 * (WINDOW - 1), -1, -2, dtype=np.uint64)
_CHUNK = 1 << 18
# Bases between the flanks of a gap in a region: a repeat in which it has many places.
_LONGEST_PLACE = 32


@dataclass(frozen=True, eq=False)
class Protection:
    """What of a sample must stay.

    Attributes
    ----------
    source
        The list that this was made from, without its sequences.
    keys
        uint64 (n,): sorted; as `dbgclean.evidence.alternatives.Alternatives.key`, or, of
        regions, with the middle base left open (`open_middle`).
    owner
        int64 (n,): the allele or region that each belongs to.
    stretches
        Of every region its number, its start and end in the stretch, and the stretch
        (uint8): the region with enough around it for the flanks of a gap in it.
    """

    source: ProtectedList
    keys: np.ndarray
    owner: np.ndarray
    stretches: list[tuple[int, int, int, np.ndarray]]

    def match(self, alternatives: Alternatives) -> tuple[np.ndarray, np.ndarray]:
        """Which alternatives are protected, bool (n,), and the numbers of their alleles."""
        key = alternatives.key
        if self.source.kind != "regions":
            found = np.isin(key, self.keys)
            return found, np.unique(self.owner[np.isin(self.keys, key[found])])
        rows, gaps = alternatives.substitutions, alternatives.gaps
        middle_open = open_middle(key[rows])
        inside = np.isin(middle_open, self.keys)
        owner = self.owner[np.isin(self.keys, middle_open[inside])]
        gaps_inside, gap_owner = self._gaps_in_regions(flanks_of(key[gaps]))
        return np.append(inside, gaps_inside), np.unique(np.append(owner, gap_owner))

    def _gaps_in_regions(self, flanks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """By their flanks: some place of the gap is in a region or at its edge."""
        turned = reverse_complements(flanks, 2 * GAP_FLANK)
        either = np.unique(np.concatenate([flanks, turned]))
        begins = np.zeros(1 << (2 * GAP_FLANK), bool)
        begins[either >> np.uint64(2 * GAP_FLANK)] = True
        hits, owners = [np.zeros(0, np.uint64)], []
        for number, start, stop, codes in self.stretches:
            if len(codes) < GAP_FLANK:
                continue
            words, whole = _words(codes)
            first = np.flatnonzero(begins[words] & whole)
            for size in range(_LONGEST_PLACE + 1):
                place = first + GAP_FLANK
                second = place + size
                fits = (place <= stop) & (second >= start) & (second < len(words))
                a, b = first[fits], second[fits]
                keys = (words[a[whole[b]]] << np.uint64(2 * GAP_FLANK)) | words[b[whole[b]]]
                found = keys[np.isin(keys, either)]
                hits.append(found)
                owners += [number] * bool(len(found))
        seen = np.concatenate(hits)
        seen = np.concatenate([seen, reverse_complements(seen, 2 * GAP_FLANK)])
        return np.isin(flanks, seen), np.array(owners, np.int64)

    def to_dict(self, matched: int, restored: int) -> dict[str, Any]:
        """For the report."""
        listed = self.source.listed
        return {
            "file": self.source.path.replace("\\", "/").rsplit("/", 1)[-1],
            "kind": self.source.kind,
            "listed": listed,
            "matched": matched,
            "unmatched": listed - matched,
            "restored": restored,
            **{f"unusable_{reason}": n for reason, n in self.source.unusable.items()},
        }


def _words(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Packed words of a gap's flank at every base (uint64), and which hold only ACGT."""
    windows = np.lib.stride_tricks.sliding_window_view(codes, GAP_FLANK)
    shifts = np.arange(2 * (GAP_FLANK - 1), -1, -2, dtype=np.uint64)
    words = ((windows & 3).astype(np.uint64) << shifts).sum(axis=1, dtype=np.uint64)
    return words, np.all(windows < 4, axis=1)


def open_middle(kmers: np.ndarray) -> np.ndarray:
    """Windows without their middle base, the smaller of the two strands (uint64 (n,))."""
    turned = reverse_complements(kmers, WINDOW)
    return np.minimum(kmers & ~_MIDDLE, turned & ~_MIDDLE)


def protect(source: ProtectedList) -> Protection:
    """Make the k-mers of a list; its sequences are not needed afterwards."""
    keys, owner = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    first = 0
    for contig in source.contigs:
        for padded in _both_ends(contig.codes):
            parts = _region_keys(padded, contig.regions, first)
            for part_keys, part_owner in (_allele_keys(padded, contig), *parts):
                keys.append(part_keys)
                owner.append(part_owner)
        first += len(contig.regions)
    gaps, gap_owner = _gap_keys(source.contigs)
    keys.append(gaps)
    owner.append(gap_owner)
    all_keys, all_owners = np.concatenate(keys), np.concatenate(owner)
    order = np.lexsort((all_owners, all_keys))
    all_keys, all_owners = all_keys[order], all_owners[order]
    new = np.ones(len(order), bool)
    new[1:] = (all_keys[1:] != all_keys[:-1]) | (all_owners[1:] != all_owners[:-1])
    light = ProtectedList(source.path, source.kind, source.listed, source.unusable, [])
    return Protection(light, all_keys[new], all_owners[new], _stretches(source.contigs))


def _stretches(contigs: list[ProtectedContig]) -> list[tuple[int, int, int, np.ndarray]]:
    """See `Protection.stretches`."""
    result: list[tuple[int, int, int, np.ndarray]] = []
    around = GAP_FLANK + _LONGEST_PLACE
    for contig in contigs:
        for start, stop in contig.regions.tolist():
            low = max(0, start - around)
            codes = contig.codes[low : stop + around]
            result.append((len(result), start - low, stop - low, codes))
    return result


def _gap_keys(contigs: list[ProtectedContig]) -> tuple[np.ndarray, np.ndarray]:
    """Names of the insertions and deletions, as a read that holds them would file them."""
    pieces, path, at, size, value, owner = [], [], [], [], [], []
    total = 0
    offsets = [0]
    for contig in contigs:
        for gap in contig.gaps:
            left = contig.codes[max(0, gap.position - REACH) : gap.position]
            right = contig.codes[gap.position + gap.deleted :][:REACH]
            n = len(gap.inserted)
            gone = contig.codes[gap.position : gap.position + gap.deleted]
            pieces.append(np.concatenate([left, gap.inserted, right]))
            path.append(np.concatenate([left, np.full(n, GAP, np.uint8), right]))
            at.append(total + len(left))
            size.append(n - gap.deleted)
            value.append(int("".join(str(c) for c in gone % 4) or "0", 4))
            owner.append(gap.allele)
            total += len(pieces[-1])
            offsets.append(total)
    codes = np.concatenate([np.zeros(0, np.uint8), *pieces])
    found = Described.empty(len(at))
    where = Where(
        np.array(at, np.int64), np.arange(len(at)), np.array(size, np.int64),
        np.array(value, np.int64),
    )  # fmt: skip
    threaded = Threaded(
        codes, np.zeros(total, np.uint8), np.array(offsets, np.int64),
        np.concatenate([np.zeros(0, np.uint8), *path]), np.full(total, ON_PATH, np.uint8),
        np.zeros(total + 1, np.uint8),
    )  # fmt: skip
    describe_gaps(where, threaded, no_nodes(), np.int64(WINDOW), found)
    filed = found.key != 0
    return found.key[filed], np.array(owner, np.int64)[filed]


def _both_ends(codes: np.ndarray) -> Iterator[np.ndarray]:
    """A contig with room for whole windows at its ends: linear, and closed to a circle.

    Past a dead end a window holds A before and T after, as alternatives do.
    """
    before, after = np.zeros(FLANK, np.uint8), np.full(FLANK, 3, np.uint8)
    yield np.concatenate([before, codes, after])
    if len(codes) >= WINDOW:
        yield np.concatenate([codes[-FLANK:], codes, codes[:FLANK]])


def _windows(padded: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Codes around each place of the contig, uint8 (n, 31)."""
    return padded[position[:, None] + np.arange(WINDOW)]


def _packed(windows: np.ndarray) -> np.ndarray:
    """31-mers as they stand, uint64 (n,); all codes below 4."""
    return (windows.astype(np.uint64) << _SHIFTS).sum(axis=1, dtype=np.uint64)


def _region_keys(
    padded: np.ndarray, regions: np.ndarray, first: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Open windows of every base of the regions, and which region each is of."""
    for number, (start, stop) in enumerate(regions, first):
        for low in range(start, stop, _CHUNK):
            windows = _windows(padded, np.arange(low, min(stop, low + _CHUNK)))
            windows[:, FLANK] = 0
            keys = open_middle(_packed(windows[(windows < 4).all(axis=1)]))
            yield keys, np.full(len(keys), number, np.int64)


def _allele_keys(padded: np.ndarray, contig: ProtectedContig) -> tuple[np.ndarray, np.ndarray]:
    """Canonical 31-mers of every protected base, and which allele each is of."""
    position = contig.position
    windows = _windows(padded, position)
    windows[:, FLANK] = contig.to
    rows, owner = [windows], [contig.allele]
    low = np.searchsorted(position, position - FLANK)
    high = np.searchsorted(position, position + FLANK, side="right")
    same_low = np.searchsorted(position, position)
    same_high = np.searchsorted(position, position, side="right")
    for i in np.flatnonzero(high - low > same_high - same_low):
        near = slice(low[i], high[i])
        extra = _combinations(windows[i], position[near] - position[i] + FLANK, contig.to[near])
        rows.append(extra)
        owner.append(np.full(len(extra), contig.allele[i]))
    every, of = np.concatenate(rows), np.concatenate(owner)
    usable = (every < 4).all(axis=1)
    return canonical_kmers(_packed(every[usable]), WINDOW), of[usable]


def _combinations(window: np.ndarray, place: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The window with its neighbours' bases put in, every way that there is room for."""
    choices: dict[int, list[int]] = {}
    total = 1
    for i in np.argsort(np.abs(place - FLANK), kind="stable"):
        at = int(place[i])
        if at == FLANK:
            continue
        options = choices.setdefault(at, [int(window[at])])
        if int(to[i]) in options:
            continue
        if total // len(options) * (len(options) + 1) > MAX_COMBINATIONS:
            break
        total = total // len(options) * (len(options) + 1)
        options.append(int(to[i]))
    combined = np.repeat(window[None], total, axis=0)
    combined[:, list(choices)] = list(product(*choices.values()))
    return combined
