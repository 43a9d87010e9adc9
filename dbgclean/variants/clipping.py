"""Soft-clipped ends: what an aligner could not place is evidence, a clipped primer is none.

Aligners clip where the read differs: an insertion, a breakpoint, another haplotype. Trimmers
clip primers, whose bases are the oligonucleotide's and not the sample's. An aligner never
clips what fits: it would have gone on, for every base that matches is a gain. So clipped bases
that match the reference from the aligned part on were clipped by somebody else. Primers that
differ from the reference are told by where their reads begin: at one place, not anywhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from dbgclean._kernels import kernel
from dbgclean.spectrum.kmers import encode
from dbgclean.variants.region_reads import RegionReads
from dbgclean.variants.unknown_bases import pile_of_bases

__all__ = ["leave_out_clips"]

# What a mismatch takes from the score to which a match adds one: bwa's; others take less,
# and clip less.
_MISMATCH = 4
# Score that no aligner leaves behind, beyond what chance gives to inserted bases.
_FITS = 3
# Reads clipped at one place of which this share begins at one place: a primer's.
_PILE, _SAME_START = 10, 0.5


def leave_out_clips(
    reads: RegionReads, reference: str | None, start: int, *, take: bool = True
) -> tuple[RegionReads, Counter[str]]:
    """Cut the clipped ends that say nothing of the sample.

    Parameters
    ----------
    reference
        Bases from ``start`` on; None: what most aligned reads have takes its place.
    take
        Whether any clipped end is taken; without it all are cut.

    Returns
    -------
    RegionReads
        The reads without these ends; ``cut_left`` and ``cut_right`` say how much of each is gone.
    Counter
        Clipped ends ``taken`` and ``left_out``.
    """
    clips = np.stack([reads.clip_left, reads.clip_right], 1).astype(np.int64)
    if not clips.any():
        return reads, Counter()
    cut = clips > 0
    if take:
        if reference is not None:
            expected = encode(reference)
        else:
            start = int((reads.start - reads.clip_left).min())
            size = int((reads.end + reads.clip_right).max()) - start
            pile = pile_of_bases(reads, start, size, clipped=False)
            expected = np.where(pile.any(1), pile.argmax(1), 4).astype(np.uint8)
        score = np.zeros(clips.shape, np.int64)
        first, stop = reads.start - start, reads.end - start
        codes = reads.along_reference()
        _score(codes, reads.batch.offsets, clips, first, stop, expected, score)
        cut &= (score >= np.minimum(_FITS, clips)) | _piled(reads, clips)
    gone = np.where(cut, clips, 0)
    counts = Counter(taken=int(((clips > 0) & ~cut).sum()), left_out=int(cut.sum()))
    return (_without(reads, gone) if cut.any() else reads), counts


@kernel
def _score(
    codes: np.ndarray, offsets: np.ndarray, clips: np.ndarray, first: np.ndarray,
    stop: np.ndarray, expected: np.ndarray, score: np.ndarray,
) -> None:  # fmt: skip
    """Best score of going on from the aligned part, without a gap, by read and side."""
    for r in range(len(offsets) - 1):
        begin, end = offsets[r], offsets[r + 1]
        for side in range(2):
            total = 0
            for i in range(clips[r, side]):
                j = begin + clips[r, 0] - 1 - i if side == 0 else end - clips[r, 1] + i
                place = first[r] - 1 - i if side == 0 else stop[r] + i
                c = codes[j]
                if place < 0 or place >= len(expected) or c > 3 or expected[place] > 3:
                    continue
                total += 1 if c == expected[place] else -_MISMATCH
                score[r, side] = max(score[r, side], total)


def _piled(reads: RegionReads, clips: np.ndarray) -> np.ndarray:
    """Clips of reads that nearly all begin at one place, bool (n, 2).

    At their beginning, that is a primer; at their end, if more is clipped than aligned,
    what follows on a primer that found another place.
    """
    side = reads.reverse.astype(np.int64)
    aligned = (reads.end - reads.start).astype(np.int64)
    begin = np.where(reads.reverse, reads.end, reads.start).astype(np.int64)
    stop = np.where(reads.reverse, reads.start, reads.end).astype(np.int64)
    row = np.arange(len(reads))
    result = np.zeros(clips.shape, bool)
    first, last = clips[row, side], clips[row, 1 - side]
    result[row, side] = _same_start(2 * begin + side, first, first > 0)
    result[row, 1 - side] = _same_start(2 * stop + side, aligned, last > aligned)
    return result


def _same_start(boundary: np.ndarray, length: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Of the chosen reads those clipped at a boundary to which most run from one place."""
    own = np.flatnonzero(chosen)
    _, group, size = np.unique(boundary[own], return_inverse=True, return_counts=True)
    pairs = np.stack([group.reshape(-1), length[own]])
    _, start_of, same = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    most = np.zeros(len(size), np.int64)
    np.maximum.at(most, group.reshape(-1), same[start_of.reshape(-1)])
    piled = (size >= _PILE) & (most >= _SAME_START * size)
    result = np.zeros(len(chosen), bool)
    result[own] = piled[group.reshape(-1)]
    return result


def _without(reads: RegionReads, gone: np.ndarray) -> RegionReads:
    """The reads without some bases at their ends, int64 (n, 2), as the reference runs."""
    batch = reads.batch
    lead = np.where(reads.reverse, gone[:, 1], gone[:, 0])
    lengths = np.diff(batch.offsets) - gone.sum(1)
    shorter = batch.parts(batch.offsets[:-1] + lead, lengths, paired=batch.paired)
    return replace(
        reads,
        batch=shorter,
        clip_left=(reads.clip_left - gone[:, 0]).astype(np.int32),
        clip_right=(reads.clip_right - gone[:, 1]).astype(np.int32),
        cut_left=gone[:, 0].astype(np.int32),
        cut_right=gone[:, 1].astype(np.int32),
    )
