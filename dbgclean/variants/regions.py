"""What to inspect: regions as the user writes them, and the windows they are cut into.

Regions are 0-based and half open inside, and 1-based with both ends included wherever a
person reads or writes them, as in samtools.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dbgclean.errors import InputError, UsageError
from dbgclean.reads.bed import bed_regions

__all__ = ["Region", "Window", "cut_windows", "parse_regions"]

logger = logging.getLogger(__name__)

_SPAN = re.compile(r"(?P<first>[\d,]+)(?:(?P<dash>-)(?P<last>[\d,]+)?)?")
_SHOWN = 3


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A stretch of a contig.

    Attributes
    ----------
    contig
        Name as in the header of the alignments.
    start, end
        0-based, half open.
    """

    contig: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.contig}:{self.start + 1}-{self.end}"

    def __len__(self) -> int:
        return self.end - self.start

    def widened(self, bases: int, length: int) -> Region:
        """The region with ``bases`` more on either side, within a contig of ``length``."""
        return Region(self.contig, max(0, self.start - bases), min(length, self.end + bases))


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a region that is looked at by itself.

    Attributes
    ----------
    core
        Alleles that begin here are this window's; the cores of a region's windows tile it.
    padded
        The core and what reads over its ends are taken from.
    """

    core: Region
    padded: Region


def parse_regions(
    texts: Sequence[str],
    bed: str | None,
    contigs: Mapping[str, int],
    counts: Counter[str] | None = None,
) -> list[Region]:
    """Regions from the command line and a BED file, in the order of the header.

    Parameters
    ----------
    texts
        As samtools takes them: ``chr20``, ``chr20:100`` (from there to the end of the
        contig) or ``chr20:100-200``; 1-based, both ends included, commas allowed.
    bed
        BED file, plain or compressed: contig, start and end, 0-based and half open.
    contigs
        Lengths by name, of the alignments' header.
    counts
        Filled with how many regions were ``clipped``, lay ``beyond_the_contig`` or were
        ``of_no_length``.

    Returns
    -------
    list of Region
        Sorted; what overlaps or touches is one region. What reaches past the end of its
        contig is clipped, as samtools and bedtools do, what lies beyond it and lines of a
        BED that hold no base are skipped; either is said.

    Raises
    ------
    UsageError
        If a text is no region.
    InputError
        If a contig is unknown, no region is left, or the BED file is missing, damaged,
        empty or no BED.
    """
    asked = [_parse(text, contigs) for text in texts]
    if bed is not None:
        asked += _read_bed(bed, contigs)
    regions = _on_contigs(asked, contigs, Counter() if counts is None else counts)
    rank = {name: place for place, name in enumerate(contigs)}
    regions.sort(key=lambda region: (rank[region.contig], region.start, region.end))
    merged: list[Region] = []
    for region in regions:
        last = merged[-1] if merged else None
        if last is not None and last.contig == region.contig and region.start <= last.end:
            merged[-1] = Region(last.contig, last.start, max(last.end, region.end))
        else:
            merged.append(region)
    return merged


def _parse(text: str, contigs: Mapping[str, int]) -> Region:
    """A region of the command line."""
    text = text.strip()
    where = f"region {text}"
    # Names of contigs may hold colons (HLA-A*01:01:01:01): the whole text comes first.
    if text in contigs:
        return Region(text, 0, contigs[text])
    name, colon, span = text.rpartition(":")
    if not colon:
        raise _unknown(where, text, contigs)
    match = _SPAN.fullmatch(span)
    if match is None or not name:
        msg = f"region {text!r}: not understood; write CONTIG, CONTIG:FROM or CONTIG:FROM-TO"
        raise UsageError(msg)
    if name not in contigs:
        raise _unknown(where, name, contigs)
    first = _number(match["first"])
    last = _number(match["last"]) if match["last"] else contigs[name]
    if first < 1 or (match["last"] and last < first):
        msg = f"region {text!r}: positions count from 1, and FROM may not be above TO"
        raise UsageError(msg)
    # From a place beyond the end to the end there is nothing: what was asked for is named.
    return Region(name, first - 1, max(last, first))


def _number(digits: str) -> int:
    return int(digits.replace(",", "") or "0")


def _unknown(where: str, name: str, contigs: Mapping[str, int]) -> InputError:
    names = list(contigs)
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return InputError(
        f"{where}: no contig {name!r} in the header of the alignments ({shown or 'none'}); "
        "write the name as it stands there"
    )


def _on_contigs(
    asked: list[Region], contigs: Mapping[str, int], counts: Counter[str]
) -> list[Region]:
    """What of the regions lies on their contigs and holds a base; the rest is counted and said."""
    known = {"of_no_length": "hold no base: skipped",
             "beyond_the_contig": "lie beyond the end of their contig: skipped",
             "clipped": "reach past the end of their contig: clipped"}  # fmt: skip
    first: dict[str, Region] = {}
    regions = []
    for region in asked:
        length = contigs[region.contig]
        why = ""
        if not len(region):
            why = "of_no_length"
        elif region.start >= length:
            why = "beyond_the_contig"
        elif region.end > length:
            why = "clipped"
        if why:
            first.setdefault(why, region)
            counts[why] += 1
        if why in ("", "clipped"):
            regions.append(Region(region.contig, region.start, min(region.end, length)))
    if not regions and (lost := first.get("beyond_the_contig")) is not None:
        msg = (
            f"region {lost}: beyond the end of {lost.contig}, which has "
            f"{contigs[lost.contig]:,} bases; give a region on it"
        )
        raise InputError(msg)
    for why, region in first.items():
        logger.warning(
            "%s of the regions %s (%s%s)", f"{counts[why]:,}", known[why], region,
            f", of {contigs[region.contig]:,} bases" if why != "of_no_length" else "",
        )  # fmt: skip
    return regions


def _read_bed(path: str, contigs: Mapping[str, int]) -> list[Region]:
    regions = []
    for number, name, start, end in bed_regions(path):
        if name not in contigs:
            where = f"{path}: line {number:,}"
            raise _unknown(where, name, contigs)
        regions.append(Region(name, start, end))
    if not any(map(len, regions)):
        msg = f"{path}: holds no region; give a BED with contig, start and end on each line"
        raise InputError(msg)
    return regions


def cut_windows(
    region: Region,
    size: int,
    overlap: int,
    *,
    length: int | None = None,
    weights: np.ndarray | None = None,
    bin_size: int = 1,
    heaviest: float = np.inf,
) -> list[Window]:
    """Cut a region into windows whose cores tile it.

    Parameters
    ----------
    size
        Most bases of a core; the cores of a region are about equally long.
    overlap
        Bases that a window takes in on either side of its core.
    length
        Of the contig; by default windows may reach over the region's ends but not
        below 0.
    weights
        float or int (bins,): bases read per bin of ``bin_size``, from the region's
        start on. Where a window would hold more than ``heaviest`` of them it is cut
        into shorter ones, down to one bin: deep places stay within memory.
    bin_size
        Bases per bin of ``weights``.
    heaviest
        Most bases read in one core.

    Raises
    ------
    ValueError
        If ``size`` is below 1 or ``overlap`` below 0.
    """
    if size < 1 or overlap < 0:
        msg = f"windows of {size} bases with {overlap} on either side cannot be cut"
        raise ValueError(msg)
    pieces = max(1, -(-len(region) // size))
    edges = [region.start + len(region) * i // pieces for i in range(pieces + 1)]
    if weights is not None and len(weights):
        edges = _cut_heavy(region, edges, np.asarray(weights, float), bin_size, heaviest)
    end = np.iinfo(np.int64).max if length is None else length
    cores = (Region(region.contig, a, b) for a, b in zip(edges, edges[1:], strict=False))
    return [Window(core, core.widened(overlap, end)) for core in cores]


def _cut_heavy(
    region: Region, edges: list[int], weights: np.ndarray, bin_size: int, heaviest: float
) -> list[int]:
    """Edges with more of them, at the bins' ends, where too much was read in between."""
    ends = np.minimum(region.start + bin_size * np.arange(1, len(weights) + 1), region.end)
    places = np.concatenate([[region.start], ends]).astype(float)
    read = np.concatenate([[0.0], np.cumsum(weights)])
    result = edges[:1]
    for stop in edges[1:]:
        upto = np.interp(stop, places, read)
        while upto - (base := np.interp(result[-1], places, read)) > heaviest:
            fits = np.searchsorted(read, base + heaviest, "right") - 1
            # A single bin that is too heavy stands by itself.
            least = np.searchsorted(places, result[-1], "right")
            place = int(places[max(fits, least)])
            if place >= stop:
                break
            result.append(place)
        result.append(stop)
    return result
