"""Places behind GGC and behind homopolymers, misread by the strand that comes from there.

After Nakamura et al. 2011 (doi:10.1093/nar/gkr344) and Schirmer et al. 2016
(doi:10.1186/s12859-016-0976-y): the wrong base is mostly the motif's last.
"""

from __future__ import annotations

import numpy as np

from benchmarks.simulators.family.core import Draft, cut
from benchmarks.simulators.family.reading import Errors, WrongSites, sequence
from benchmarks.simulators.family.sample import Family, FamilySample, finish
from benchmarks.simulators.family.strand import draw_places, wrong_sites

__all__ = ["FAMILY", "behind_motif"]

RUN = 4
_GGC = np.array([2, 2, 1], np.uint8)


def behind_motif(sequence: np.ndarray) -> np.ndarray:
    """Places with GGC, or four or more equal bases, before them: int64, sorted."""
    windows = np.lib.stride_tricks.sliding_window_view(sequence, RUN)[:-1]
    run = (windows == windows[:, :1]).all(1)
    ggc = (windows[:, 1:] == _GGC).all(1)
    place = np.flatnonzero(run | ggc) + RUN
    # A place within the run itself is no error.
    return place[sequence[place] != sequence[place - 1]]


def _of_strand(draft: Draft, reverse: bool) -> tuple[np.ndarray, np.ndarray]:
    """Places and wrong bases of the reads of one strand, in the genome's orientation."""
    genome = draft.genome
    read = 3 - genome[::-1] if reverse else genome
    found = behind_motif(read)
    places = draw_places(draft, len(genome) - 1 - found if reverse else found, len(genome) // 2000)
    at = len(genome) - 1 - places if reverse else places
    last = draft.rng.random(len(at)) < 0.8
    base = np.where(last, read[at - 1], (read[at] + draft.rng.integers(1, 4, len(at))) & 3)
    return places, 3 - base if reverse else base


def _make(draft: Draft) -> FamilySample:
    sides = [_of_strand(draft, reverse) for reverse in (False, True)]
    strand = np.repeat([0, 1], [len(places) for places, _ in sides])
    position, base = (np.concatenate(column) for column in zip(*sides, strict=True))
    wrong: WrongSites = wrong_sites(draft, position, strand, base)
    molecules = cut(draft, draft.pairs)
    return finish(draft, molecules, *sequence(draft, molecules, Errors(), wrong))


FAMILY = Family("motif", "a place a kilobase behind GGC or a homopolymer, one strand", _make)
