"""The reads of a region of a BAM or CRAM file, as arrays, with what their alignments say.

A read stands here as the sequencer gave it, soft-clipped ends included: where it lies on
the reference is a hint, not a verdict. Nothing is dropped silently: records that are left
out are counted, each under the first reason that applies. There is no downsampling.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from operator import attrgetter

import numpy as np
import pysam

from dbgclean.reads.bam import RecordGatherer
from dbgclean.reads.batch import ReadBatch
from dbgclean.reads.names import as_bytes
from dbgclean.variants.alignments import Alignments, open_alignments
from dbgclean.variants.regions import Region

__all__ = ["Alignments", "RegionReads", "fetch_reads", "open_alignments", "survey_region"]

_CHUNK = 512
_ENDS = pysam.FREAD1 | pysam.FREAD2
_SKIPPED = ("secondary", "supplementary", "qc_fail", "duplicate")
_REASONS = (*_SKIPPED, "unmapped", "without_sequence", "low_mapping_quality")


@dataclass(frozen=True, slots=True, eq=False)
class RegionReads:
    """Reads that overlap a region.

    The first ``2 * pairs`` reads are whole pairs, READ1 before READ2, next to each
    other; then come the reads whose mate is not here, in the order of the file.

    Attributes
    ----------
    batch
        The reads in sequencing orientation; names are not kept (empty texts).
        ``batch.paired`` only where every read has its mate beside it.
    fragment
        int64 (n,): number of the molecule that a read comes from; mates share it.
    fragment_keys
        uint64 (fragments,): hash of the molecule's name by its number, the same in
        every window.
    mapping_quality
        uint8 (n,): 255 is "not known".
    reverse
        bool (n,): aligned to the reverse strand.
    start, end
        int64 (n,): 0-based, half-open span of the alignment on the contig, without
        clipped ends.
    clip_left, clip_right
        int32 (n,): soft-clipped bases at the left and right end, as the reference runs.
    cut_left, cut_right
        int32 (n,): clipped bases that were taken off (`dbgclean.variants.clipping`), which
        ``clip_left`` and ``clip_right`` no longer count.
    pairs
        Whole pairs at the front.
    statistics
        Records seen, left out (by reason) and kept; pairs; reads without qualities.
    """

    batch: ReadBatch
    fragment: np.ndarray
    fragment_keys: np.ndarray
    mapping_quality: np.ndarray
    reverse: np.ndarray
    start: np.ndarray
    end: np.ndarray
    clip_left: np.ndarray
    clip_right: np.ndarray
    cut_left: np.ndarray
    cut_right: np.ndarray
    pairs: int
    statistics: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.fragment)

    def along_reference(self) -> np.ndarray:
        """Codes of the reads as the reference runs, uint8 (n_bases,)."""
        offsets, codes = self.batch.offsets, self.batch.codes
        lengths = np.diff(offsets)
        ends = np.repeat(offsets[:-1] + offsets[1:], lengths)
        turned = np.repeat(self.reverse, lengths)
        at = np.arange(len(codes))
        back = codes[np.where(turned, ends - 1 - at, at)]
        return np.where(turned & (back < 4), 3 - back, back).astype(np.uint8)

    def select(self, mask: np.ndarray) -> RegionReads:
        """The reads of a bool mask (n,); mates that lose their mate move to the back.

        Numbers of fragments and the statistics stay as they are.
        """
        mask = np.asarray(mask, bool)
        whole = np.zeros(len(mask), bool)
        whole[: 2 * self.pairs] = np.repeat(mask[: 2 * self.pairs].reshape(-1, 2).all(axis=1), 2)
        order = np.concatenate([np.flatnonzero(whole), np.flatnonzero(mask & ~whole)])
        return _reordered(self, order, int(whole.sum()) // 2)


_PER_READ = (
    "fragment", "mapping_quality", "reverse", "start", "end", "clip_left", "clip_right",
    "cut_left", "cut_right",
)  # fmt: skip


def _reordered(reads: RegionReads, order: np.ndarray, pairs: int) -> RegionReads:
    columns = {name: getattr(reads, name)[order] for name in _PER_READ}
    first, size = reads.batch.offsets[order], np.diff(reads.batch.offsets)[order]
    batch = reads.batch.parts(first, size, paired=bool(len(order)) and 2 * pairs == len(order))
    return replace(reads, batch=batch, pairs=pairs, **columns)


class _Sieve:
    """Lets the records through that count, and counts the others."""

    def __init__(self, alignments: Alignments, min_mapping_quality: int) -> None:
        self.reads = RecordGatherer(alignments.path, alignments.reference)
        self._least = min_mapping_quality
        self.seen = 0
        self._counts = dict.fromkeys(_REASONS[len(_SKIPPED) :], 0)

    def kept(self, records: Iterator[pysam.AlignedSegment]) -> Iterator[pysam.AlignedSegment]:
        """Yield primary, aligned, usable records."""
        for record in self.reads.usable(self._counted(records)):
            # A record may be called mapped and yet say nothing of where its bases lie.
            if record.is_unmapped or record.reference_end is None:
                self._counts["unmapped"] += 1
            elif not record.query_length:
                self._counts["without_sequence"] += 1
            elif record.mapping_quality < self._least:
                self._counts["low_mapping_quality"] += 1
            else:
                yield record

    def _counted(self, records: Iterator[pysam.AlignedSegment]) -> Iterator[pysam.AlignedSegment]:
        for record in records:
            self.seen += 1
            yield record

    def statistics(self, kept: int) -> dict[str, int]:
        """Records seen, left out by reason, and kept."""
        skipped = {name: getattr(self.reads.statistics, name) for name in _SKIPPED}
        return {"records": self.seen, **skipped, **self._counts, "kept": kept}


def survey_region(
    alignments: Alignments, region: Region, *, min_mapping_quality: int = 0, bin_size: int = 100
) -> tuple[dict[str, int], np.ndarray, float]:
    """Count the records of a region, and where its bases lie, without keeping any.

    Parameters
    ----------
    min_mapping_quality
        Reads below it are counted as left out.
    bin_size
        Bases of the reference per bin.

    Returns
    -------
    statistics
        As in `RegionReads`, each record once however the region is cut into windows.
    weights
        int64 (bins,): bases of the region under alignments of the kept reads, by bin;
        the last bin may be a short one.
    spread
        Distinct 5' ends of reads over those that as many reads at random would have: about
        1 of sheared molecules, far below of amplicons, which begin at their primers.
    """
    sieve = _Sieve(alignments, min_mapping_quality)
    bins = -(-len(region) // bin_size)
    # Whole bins under an alignment as steps up and down, less what its ends leave open.
    steps, open_ends = np.zeros(bins + 1, np.int64), np.zeros(bins, np.int64)
    begun = np.zeros((2, len(region)), np.int32)
    kept = 0
    records = sieve.kept(alignments.records(region))
    while chunk := list(islice(records, _CHUNK)):
        starts = np.array([record.reference_start for record in chunk], np.int64)
        ends = np.array([record.reference_end for record in chunk], np.int64)
        turned = np.array([record.is_reverse for record in chunk], np.int64)
        first_read = np.where(turned == 1, ends - 1, starts) - region.start
        inside = (first_read >= 0) & (first_read < len(region))
        np.add.at(begun, (turned[inside], first_read[inside]), 1)
        starts = np.maximum(starts - region.start, 0)
        ends = np.minimum(ends - region.start, len(region))
        first, last = starts // bin_size, (ends - 1) // bin_size
        np.add.at(steps, first, bin_size)
        np.add.at(steps, last + 1, -bin_size)
        np.add.at(open_ends, first, starts - first * bin_size)
        np.add.at(open_ends, last, (last + 1) * bin_size - ends)
        kept += len(chunk)
    weights = np.cumsum(steps)[:-1] - open_ends
    places = 2 * bin_size * max(1, int(np.count_nonzero(weights)))
    expected = places * (1 - np.exp(-begun.sum() / places))
    spread = float(np.count_nonzero(begun) / expected) if begun.any() else 1.0
    return sieve.statistics(kept), weights, spread


def fetch_reads(
    alignments: Alignments, region: Region, *, min_mapping_quality: int = 0
) -> RegionReads:
    """Read everything that overlaps a region.

    Parameters
    ----------
    region
        A read belongs to it if its aligned part overlaps it; all of the read is taken.
    min_mapping_quality
        Reads below it are left out and counted. 0 keeps all: what maps to two places
        is what tells a repeat.

    Raises
    ------
    InputError
        If the file is truncated or damaged there, or a CRAM's reference is missing.
    """
    sieve = _Sieve(alignments, min_mapping_quality)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in (*_COLUMNS, "key")}
    records = sieve.kept(alignments.records(region))
    while chunk := list(islice(records, _CHUNK)):
        for name, (get, dtype) in _COLUMNS.items():
            columns[name].append(np.fromiter(map(get, chunk), dtype, len(chunk)))
        columns["key"].append(_keys(chunk))
        sieve.reads.add(chunk)
    # Before the batch is built: the gatherer counts anew with each one.
    statistics = sieve.statistics(len(sieve.reads))
    statistics["without_quality"] = sieve.reads.statistics.without_quality
    batch, _ = sieve.reads.build(grouped=False)
    found = {
        name: np.concatenate(parts) if parts else np.zeros(0, _DTYPES[name])
        for name, parts in columns.items()
    }
    fragment, keys = _number_fragments(found["key"])
    order, pairs = _pairs_first(fragment, found["flag"])
    reads = RegionReads(
        batch=batch,
        fragment=fragment,
        fragment_keys=keys,
        mapping_quality=found["mapping_quality"],
        reverse=(found["flag"] & pysam.FREVERSE) > 0,
        start=found["start"],
        end=found["end"],
        clip_left=found["clip_left"],
        clip_right=(np.diff(batch.offsets) - found["clip_end"]).astype(np.int32),
        cut_left=np.zeros(len(fragment), np.int32),
        cut_right=np.zeros(len(fragment), np.int32),
        pairs=0,
        statistics={**statistics, "pairs": pairs},
    )
    return _reordered(reads, order, pairs)


_COLUMNS: dict[str, tuple[Callable[[pysam.AlignedSegment], int], type]] = {
    "flag": (attrgetter("flag"), np.int64),
    "mapping_quality": (attrgetter("mapping_quality"), np.uint8),
    "start": (attrgetter("reference_start"), np.int64),
    "end": (attrgetter("reference_end"), np.int64),
    # Both count from the first base that is in the file: hard-clipped ones are not.
    "clip_left": (attrgetter("query_alignment_start"), np.int32),
    "clip_end": (attrgetter("query_alignment_end"), np.int32),
}
_DTYPES = {**{name: dtype for name, (_, dtype) in _COLUMNS.items()}, "key": np.uint64}


def _keys(records: list[pysam.AlignedSegment]) -> np.ndarray:
    """Hash of the molecule that each record is of, uint64.

    Of the name, which mates share. Reads that are no mates of anything have only
    themselves, whatever their names: those of merged runs may be alike.
    """
    hashes = bytearray()
    for record in records:
        name = record.query_name or "*"
        if not record.flag & pysam.FPAIRED:
            name = f"{name}\t{record.reference_start}\t{record.flag}"
        hashes += hashlib.blake2b(as_bytes(name), digest_size=8).digest()
    return np.frombuffer(bytes(hashes), "<u8").astype(np.uint64)


def _number_fragments(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number molecules as they come: int64 per read, and the key of each molecule."""
    unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    number = np.empty(len(unique), np.int64)
    number[order] = np.arange(len(unique))
    return number[inverse.reshape(-1)], unique[order]


def _pairs_first(fragment: np.ndarray, flags: np.ndarray) -> tuple[np.ndarray, int]:
    """Order of the rows with READ1 and READ2 of a molecule side by side in front."""
    paired = (flags & pysam.FPAIRED) > 0
    ends = np.where(paired, flags & _ENDS, 0)
    one, two = (np.flatnonzero(ends == end) for end in (pysam.FREAD1, pysam.FREAD2))
    of_one, first_one = np.unique(fragment[one], return_index=True)
    of_two, first_two = np.unique(fragment[two], return_index=True)
    _, at_one, at_two = np.intersect1d(of_one, of_two, assume_unique=True, return_indices=True)
    mates = np.stack([one[first_one[at_one]], two[first_two[at_two]]], axis=1).reshape(-1)
    alone = np.ones(len(fragment), bool)
    alone[mates] = False
    return np.concatenate([mates, np.flatnonzero(alone)]), len(mates) // 2
