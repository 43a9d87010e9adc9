"""The alleles of one window with all that is known of each, judged as the corrector judges.

Reads are laid along the reference (`dbgclean.variants.aligned_window`); from there on
the evidence is gathered, pooled and judged by the corrector's own code. What it says of
an alternative is carried over to the allele, whose support is counted by fragment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.correct.verdicts import ERROR
from dbgclean.spectrum.kmers import decode, encode
from dbgclean.variants.aligned_window import AlignedWindow, align_window
from dbgclean.variants.allele_table import KINDS, AlleleTable
from dbgclean.variants.gap_observations import observe_gaps
from dbgclean.variants.haplotypes import Allele, rightmost
from dbgclean.variants.judgement import judge_window
from dbgclean.variants.observations import (
    ALT,
    Observations,
    observe_substitutions,
    substitutions,
)
from dbgclean.variants.support import (
    count_others,
    count_support,
    fragment_depth,
    kind_of,
    repeat_runs,
    showing,
)

if TYPE_CHECKING:
    from dbgclean.variants.region_reads import RegionReads
    from dbgclean.variants.regions import Region

__all__ = ["KMER_K", "WindowEvidence", "count_alleles", "gather_window"]

KMER_K = 25
"""Length of the k-mers in `WindowEvidence.kmers`, whatever the path's."""

# Abundance of a tip's rarest k-mer: two reads may share an error or a chimera's seam.
_FEWEST = 3
# Rows of observations at a time.
_ROWS = 1 << 20
# Bases on either side of an allele in ``arms``.
_FLANK = 30
# Errors below this fraction are surely none of the genome's copies.
_RARE = 0.1
_TIP = KINDS.index("tip")


@dataclass(frozen=True, slots=True, eq=False)
class WindowEvidence:
    """What one window has to say.

    Attributes
    ----------
    alleles
        Support, likelihood, posterior and verdict are filled; the rest is for
        `dbgclean.variants.classify`.
    reads_of
        ``offsets`` int64 (n + 1,), ``fragment`` int64, ``shows_alt`` bool: per allele the
        fragments (as in `RegionReads.fragment`) that show it, or the reference there;
        none of rare errors.
    kmers
        k-mers of the reads of length ``KMER_K``: keys uint64, counts uint32, and whether
        one is left when the reads are corrected by the verdicts, bool.
    reads
        Reads by state, as in `dbgclean.evidence.gather.Evidence`.
    """

    alleles: AlleleTable
    reads_of: tuple[np.ndarray, np.ndarray, np.ndarray]
    kmers: tuple[np.ndarray, np.ndarray, np.ndarray]
    reads: dict[str, int]


def gather_window(
    reads: RegionReads,
    reference: str,
    origin: Region,
    core: Region,
    *,
    corrector: str = "likelihood",
    model: str | None = None,
    seed: int = 1,
    min_fraction: float = 0.0,
) -> WindowEvidence:
    """Find, count and judge the alleles that begin in ``core``.

    Parameters
    ----------
    reads
        Of the window; those that reach over its ends too.
    reference, origin
        Bases around the core, and where they lie on the contig.
    corrector, model, seed
        As for `dbgclean.correct.load_corrector`: who judges, with which weights.
    min_fraction
        Of the depth: errors below it are left out of the table. What is real or undecided
        stays, however rare: see `dbgclean.variants.classify.Rules`.
    """
    window = align_window(reads, reference, origin)
    alleles = _alleles(window, core.start - origin.start, core.end - origin.start)
    table = _count(window, alleles, origin)
    keep = table.alt_fragments > 0
    table, alleles = table.select(keep), [alleles[i] for i in np.flatnonzero(keep)]
    _describe(window, table, alleles, origin)
    kmers, states = judge_window(
        window, table, alleles, corrector=corrector, model=model, seed=seed, kmer_k=KMER_K
    )
    keep = (table.verdict != ERROR) | (table.fraction >= min_fraction)
    table, alleles = table.select(keep), [alleles[i] for i in np.flatnonzero(keep)]
    # Of errors nobody asks which reads they are in; in deep windows there are many.
    wanted = (table.verdict != ERROR) | (table.fraction >= _RARE)
    found = _observe(window, alleles, np.flatnonzero(wanted))
    reads_of = showing(found, reads.fragment, wanted)
    return WindowEvidence(table, reads_of, kmers, states)


def count_alleles(
    reads: RegionReads, reference: str, origin: Region, table: AlleleTable
) -> tuple[np.ndarray, np.ndarray]:
    """Support of given alleles in other reads, as in a matched normal.

    Parameters
    ----------
    table
        Alleles on ``origin``; tips are not looked for and have a depth of -1.

    Returns
    -------
    alt, depth
        int64 (n,): fragments that show the allele, and fragments over its place.
    """
    alleles = [_allele_of(table, row, origin.start) for row in range(len(table))]
    known = [allele for allele in alleles if allele is not None]
    window = align_window(reads, reference, origin, alleles=tuple(known))
    unique = sorted(set(known))
    found = _count(window, unique, origin)
    row = {allele: i for i, allele in enumerate(unique)}
    # The last entry is that of alleles that are not looked for.
    rows = np.array([-1 if a is None else row[a] for a in alleles], np.int64)
    return np.append(found.alt_fragments, -1)[rows], np.append(found.depth, -1)[rows]


def _alleles(window: AlignedWindow, start: int, end: int) -> list[Allele]:
    """All alleles that VCF would place in ``[start, end)``, in its order."""
    places, bases = substitutions(window.placement, window.reference, start, end)
    alleles = [
        Allele(place, place + 1, bytes([base]))
        for place, base in zip(places.tolist(), bases.tolist(), strict=True)
    ]
    tried = {a for haplotype in window.clusters.alleles for a in haplotype}
    gaps = {a for a in tried if not a.alt or a.start == a.end} | set(window.gaps)
    alleles += [a for a in gaps if start <= _vcf_place(a) < end and a.start > 0]
    # Where the reference names no base there is nothing to differ from, for a gap nowhere
    # that it may be moved to.
    unknown = np.flatnonzero(window.unknown)
    if len(unknown):
        alleles = [a for a in alleles if not _touches(window.reference, a, unknown)]
    return sorted(
        alleles + _tips(window, start, end, set(alleles)), key=lambda a: _spelled(window.named, a)
    )


def _tips(window: AlignedWindow, start: int, end: int, known: set[Allele]) -> list[Allele]:
    """Branches of the reads' graph that leave the reference in ``[start, end)`` for good.

    A breakpoint of something larger than reads can span, an insertion longer than the
    search, a chimera: there is no telling what the allele is, so it is never called.
    """
    found = {
        Allele(tip.start, tip.start + 1, tip.bases.tobytes())
        for tip in window.dead_ends
        if start <= tip.start < end and tip.abundance >= _FEWEST
    }
    return [replace(tip, is_tip=True) for tip in sorted(found - known)]


def _touches(reference: np.ndarray, allele: Allele, places: np.ndarray) -> bool:
    """Whether an allele lies on one of the sorted places, or a gap could be moved there."""
    end = allele.end if allele.is_substitution else max(allele.end, rightmost(reference, allele))
    first, last = np.searchsorted(places, [allele.start, end])
    return bool(last > first)


def _vcf_place(allele: Allele) -> int:
    """Offset of the first base that VCF writes down."""
    return allele.start - (allele.start == allele.end or not allele.alt)


def _spelled(reference: np.ndarray, allele: Allele) -> tuple[int, str, str]:
    """Offset, REF and ALT as in VCF."""
    place = _vcf_place(allele)
    before = decode(reference[place : allele.start])
    ref = before + decode(reference[allele.start : allele.end])
    return place, ref, before + decode(np.frombuffer(allele.alt, np.uint8))


def _allele_of(table: AlleleTable, row: int, first: int) -> Allele | None:
    """A row of a table as an allele of a window that begins at ``first``."""
    if table.kind[row] == _TIP:
        return None
    place = int(table.position[row]) - first
    ref, alt = table.ref[row], table.alt[row]
    shared = len(ref) != len(alt) and ref[:1] == alt[:1]
    return Allele(place + shared, place + len(ref), encode(alt[shared:]).tobytes())


def _observe(window: AlignedWindow, alleles: list[Allele], rows: np.ndarray) -> Observations:
    """What fragments show at the places of some of the alleles."""
    is_base = np.array([alleles[i].is_substitution for i in rows], bool)
    parts = [
        observe(window, [alleles[i] for i in some], some)
        for observe, some in (
            (observe_substitutions, rows[is_base]),
            (observe_gaps, rows[~is_base]),
        )
        if len(some)
    ]
    found = Observations.concatenate(parts)
    return found.select(np.argsort(found.allele, kind="stable"))


def _count(window: AlignedWindow, alleles: list[Allele], origin: Region) -> AlleleTable:
    """Support of the alleles, some at a time: where it is deep, all would be many rows."""
    table = AlleleTable.empty(len(alleles), [origin.contig])
    deepest = max(1, int(window.coverage.sum((1, 2)).max(initial=1)))
    step = max(16, _ROWS // deepest)
    parts = []
    for first in range(0, len(alleles), step):
        found = _observe(window, alleles, np.arange(first, min(first + step, len(alleles))))
        count_support(table, found, window.placement, window.reads)
        parts.append(found.select(found.shows == ALT))
    shows = Observations.concatenate(parts)
    count_others(table, shows.allele, shows.read, len(window.reads))
    return table


def _describe(
    window: AlignedWindow, table: AlleleTable, alleles: list[Allele], origin: Region
) -> None:
    """Fill what an allele is and what the reference is like around it."""
    reference = window.named
    runs = repeat_runs(reference)
    depth = fragment_depth(window.spans, window.reads.pairs, len(reference))
    median = float(np.median(depth[depth > 0])) if (depth > 0).any() else 1.0
    copies = _copies(window)
    # What the depth of a region tells, a window by itself does not know.
    table.depth_tells[:] = False
    for row, allele in enumerate(alleles):
        place, table.ref[row], table.alt[row] = _spelled(reference, allele)
        table.position[row] = origin.start + place
        table.kind[row] = kind_of(allele)
        low, high = max(0, allele.start - 1), min(len(reference), allele.end + 1)
        table.run[row] = runs[low:high].max()
        table.copies[row] = copies[allele.start]
        table.depth_ratio[row] = depth[min(allele.start, len(depth) - 1)] / median
        left = decode(reference[max(0, allele.start - _FLANK) : allele.start])
        right = decode(reference[allele.end : allele.end + _FLANK])
        own = decode(reference[allele.start : allele.end])
        alt = decode(np.frombuffer(allele.alt, np.uint8))
        table.arms[row] = (left + own + right, left + alt + right)


def _copies(window: AlignedWindow) -> np.ndarray:
    """How often the least repeated k-mer over each base stands in the window, int64 (n + 1,)."""
    size, k = len(window.reference), window.path.k
    copies = np.ones(size + 1, np.int64)
    if len(window.path.copies):
        centre = np.clip(np.arange(size + 1) - k // 2, 0, len(window.path.copies) - 1)
        copies = np.maximum(window.path.copies[centre], 1)
    return copies
