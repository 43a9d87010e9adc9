"""Examples to train the network on and to score it by, from the evidence of many samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.simulators.family import FAMILIES
from benchmarks.training.evidence import Case, Judged, gather_cases
from dbgclean.correct.correctors import _CAUTION as CAUTION
from dbgclean.evidence.edits import FLANK
from dbgclean.evidence.windows import GLOBALS, build_windows

__all__ = ["Examples", "examples_of", "gather_examples", "test_cases", "train_cases"]

# One training sample in so many is judged as where reads cannot be looked at again.
_UNSEEN = 6
# An alternative whose reads mostly have another difference within the window may be part of
# a haplotype that no k-mer with this difference alone shows: neither real nor an error.
_ENTANGLED = 0.5


class Examples(NamedTuple):
    """Alternatives of many samples, one row each.

    Attributes
    ----------
    windows, globals_, observed
        As `build_windows` gives them.
    target
        uint8 (n, 31): the clean k-mer.
    real
        bool (n,): whether error-free reads can show the k-mer.
    known
        bool (n,): False where that is not to be told.
    ratio, odds
        float64 (n,): the plain likelihood ratio, and `Alternatives.odds`, nats.
    prior, told_prior
        float64 (n,): the sample's prior for the plain ratio, and for the likelihood judge.
    fraction
        str (n,): group of the allele that it is, or empty.
    family, sample
        int64 (n,): number of its family in `FAMILIES`, and of its sample.
    """

    windows: np.ndarray
    globals_: np.ndarray
    observed: np.ndarray
    target: np.ndarray
    real: np.ndarray
    known: np.ndarray
    ratio: np.ndarray
    odds: np.ndarray
    prior: np.ndarray
    told_prior: np.ndarray
    fraction: np.ndarray
    family: np.ndarray
    sample: np.ndarray

    def take(self, rows: np.ndarray) -> Examples:
        """The chosen rows of every array."""
        return Examples(*(array[rows] for array in self))

    @property
    def anchor(self) -> np.ndarray:
        """What the network corrects, of each row, in nats: float32 (n,)."""
        return self.globals_[:, GLOBALS.index("anchor")]


def train_cases(seeds: Sequence[int]) -> list[Case]:
    """Training samples: each family with each seed."""
    return [Case(family, seed) for seed in seeds for family in FAMILIES]


def test_cases(seeds: Sequence[int], families: Sequence[str]) -> list[Case]:
    """Test samples: each family as its benchmark has it, at each of its depths."""
    return [
        Case(family, seed, test=True, depth=depth)
        for seed in seeds
        for family in families
        for depth in FAMILIES[family].depths
    ]


def examples_of(judged: Judged, number: int) -> Examples:
    """Every alternative of one sample that may be real."""
    evidence = judged.evidence()
    case = judged.case
    if not case.test and case.seed % _UNSEEN == 0:
        a = replace(evidence.alternatives, odds=evidence.alternatives.likelihood)
        evidence = replace(evidence, alternatives=a, explained=None)
    a, explained, prior = evidence.alternatives, evidence.explained, judged.context.prior
    rows = np.arange(len(a))
    windows = build_windows(evidence, rows)
    target = windows.observed.copy()
    target[~judged.real, FLANK] = a.to[~judged.real]
    entangled = np.nan_to_num(a.column("co_edits")) >= _ENTANGLED
    return Examples(
        windows.windows,
        windows.globals_,
        windows.observed,
        target,
        judged.real,
        judged.real | ~entangled,
        a.likelihood,
        a.odds,
        np.full(len(a), prior),
        np.full(len(a), prior if explained is None else max(prior, explained.prior - CAUTION)),
        judged.group,
        np.full(len(a), list(FAMILIES).index(case.family)),
        np.full(len(a), number),
    )


def gather_examples(
    cases: Sequence[Case], data: Path, cache: Path | None = None, jobs: int = 1
) -> Examples:
    """Examples of all cases, in their order at any number of jobs."""
    judged = gather_cases(cases, data, cache, jobs)
    parts = [examples_of(one, number) for number, one in enumerate(judged)]
    return Examples(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
