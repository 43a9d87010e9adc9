"""What the beam search of `dbgclean.evidence.beam` has found, read from its back pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean._kernels import helper

if TYPE_CHECKING:
    from dbgclean.evidence.beam import Beam

__all__ = ["NONE", "TIE_MARGIN", "trace_back", "trusted_end"]

# Where no path was merged into one.
NONE = 255
# Two paths closer than this are a tie: e**2.3 is odds of 10 to 1.
TIE_MARGIN = 2.3
# A path that dies must end on this many observed bases; what stands after them
# is a guess made to get one base further.
_CLEAN_END = 8
# More than _MAX_CLUSTER edits of quality >= 20 within 25 bases: not errors but
# another sequence, or an indel (BFC uses a like guard).
_CLUSTER_SPAN = 25
_MAX_CLUSTER = 4
_CLUSTER_QUALITY = 20


@helper
def _mark_difference(
    beam: Beam,
    a: np.int64,
    b: np.int64,
    step: np.int64,
    start: np.int64,
    observed: np.ndarray,
    ambiguous: np.ndarray,
) -> None:
    """Mark the bases that path ``a`` would edit and its rival ``b`` leaves as they were read.

    Where both would edit, differently, the read's own base is wrong either way.
    """
    while step >= start and a != b:
        theirs = beam.base[step, b]
        if beam.base[step, a] != theirs and theirs == observed[step]:
            ambiguous[step] = 1
        a = np.int64(beam.parent[step, a])
        b = np.int64(beam.parent[step, b])
        step -= 1


@helper
def trace_back(
    beam: Beam,
    live: np.int64,
    start: np.int64,
    reached: np.int64,
    observed: np.ndarray,
    path: np.ndarray,
    ambiguous: np.ndarray,
) -> None:
    """Write the cheapest path (state 0) and the bases that a rival disputes."""
    first = np.int64(0)
    for other in range(1, live):
        if beam.cost[other] - beam.cost[0] < TIE_MARGIN:
            _mark_difference(beam, first, other, reached - 1, start, observed, ambiguous)
    state = 0
    for step in range(reached - 1, start - 1, -1):
        path[step] = beam.base[step, state]
        parent = np.int64(beam.parent[step, state])
        rival = beam.rival[step, state]
        if rival != NONE:
            _mark_difference(beam, parent, np.int64(rival), step - 1, start, observed, ambiguous)
        state = parent


@helper
def trusted_end(
    observed: np.ndarray,
    qualities: np.ndarray,
    path: np.ndarray,
    start: np.int64,
    reached: np.int64,
    whole: np.bool_,
) -> tuple[np.int64, np.bool_]:
    """Where the path stops being believable, and whether a cluster of edits said so."""
    foreign = False
    recent = np.zeros(_MAX_CLUSTER + 1, np.int64)
    seen = 0
    for i in range(start, reached):
        if path[i] == observed[i] or observed[i] > 3 or qualities[i] < _CLUSTER_QUALITY:
            continue
        recent[seen % (_MAX_CLUSTER + 1)] = i
        seen += 1
        if seen > _MAX_CLUSTER:
            first = recent[seen % (_MAX_CLUSTER + 1)]
            if i - first < _CLUSTER_SPAN:
                foreign = True
                reached = first
                break
    if whole and not foreign:
        return reached, foreign
    run = 0
    i = reached - 1
    while i >= start:
        run = run + 1 if path[i] == observed[i] else 0
        if run == _CLEAN_END:
            return i + _CLEAN_END, foreign
        i -= 1
    return start + run, foreign
