"""What an inspection starts from: options, open files, and regions cut into windows."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from dbgclean.correct.registry import find_corrector
from dbgclean.errors import InputError, UsageError
from dbgclean.log import Progress
from dbgclean.variants.reference import Reference
from dbgclean.variants.region_reads import Alignments, open_alignments, survey_region
from dbgclean.variants.regions import Region, Window, cut_windows, parse_regions

__all__ = ["InspectInputs", "InspectOptions", "Survey", "open_inputs"]

logger = logging.getLogger(__name__)

# Cores of windows: short, so that k-mers of the reference seldom repeat within one, and
# long enough that a window's own errors tell how often it errs.
_CORE = 4000
_PAD, _WIDEST_PAD = 100, 1000
# Bases read that a window should have, its surroundings included, to know how reads err here.
_ENOUGH = 200_000
# Most bases read in one core: what bounds memory where the depth is great.
_HEAVIEST = 1_000_000
_BIN = 50
# Depth is taken over so many bins on one side of a place, and over so many around it: one
# base's is noisy. Near the end of a copy its other side has the depth; what lies just outside
# has not, and may be deeper than its own surroundings by this factor at most.
_SIDE, _AROUND, _DEEPER = 8, 3, 1.25
# Bins whose depths differ by no more than this factor have the same number of copies.
_SAME_COPIES = 1.5
# Where less of the region is of one depth, or reads begin at fewer places than these shares,
# as in amplicons and captured exons, depth does not count copies.
_LEAST_EVEN, _LEAST_SPREAD = 0.3, 0.4


@dataclass(frozen=True)
class InspectOptions:
    """What decides the result of an inspection, and how it is to be computed.

    Attributes
    ----------
    corrector
        Name of a registered corrector that edits reads.
    model
        Folder of the network's weights; None for those that ship.
    ploidy
        Copies of each contig.
    min_fraction
        No allele below it is called a variant.
    min_mapping_quality
        Reads below it are left out.
    soft_clips
        Take soft-clipped ends that differ from the reference as a haplotype would.
    seed, threads
        As on the command line; ``threads`` changes no result.
    sample
        Name in what is written; None for that of the read groups, or of the file.
    """

    corrector: str = "likelihood"
    model: str | None = None
    ploidy: int = 2
    min_fraction: float = 0.0
    min_mapping_quality: int = 0
    soft_clips: bool = True
    seed: int = 1
    threads: int = 1
    sample: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The options that decide the result, for the report."""
        return {
            "corrector": self.corrector,
            "model": self.model or "pretrained",
            "ploidy": self.ploidy,
            "min_fraction": self.min_fraction,
            "min_mapping_quality": self.min_mapping_quality,
            "soft_clips": self.soft_clips,
            "seed": self.seed,
        }


@dataclass
class Survey:
    """What a region holds, counted before anything is judged.

    Attributes
    ----------
    statistics
        Records seen, left out by reason, and kept.
    weights
        int64 (bins,): bases of the region under reads, by bin.
    windows
        What it is cut into.
    spread
        Of the places where reads begin: see `survey_region`.
    """

    region: Region
    statistics: dict[str, int]
    weights: np.ndarray
    windows: list[Window]
    spread: float = 1.0

    @property
    def reads(self) -> int:
        return self.statistics["kept"]

    @property
    def depth(self) -> float:
        """Reads over a base, the region's mean."""
        return float(self.weights.sum()) / len(self.region)

    def depth_ratio(self, positions: np.ndarray) -> np.ndarray:
        """Depth on the deeper side of places over what most of the region has, float64 (n,).

        Parameters
        ----------
        positions
            int64 (n,): on the contig; what lies outside counts as the nearest place inside.
        """
        depth, usual, _ = self._levels
        inside = np.clip(positions - self.region.start, 0, len(self.region) - 1)
        return depth[inside // _BIN] / usual

    @property
    def depth_tells(self) -> bool:
        """Whether depth counts copies here: sheared molecules, most of one depth."""
        return self._levels[2] >= _LEAST_EVEN and self.spread >= _LEAST_SPREAD

    @cached_property
    def _levels(self) -> tuple[np.ndarray, float, float]:
        """Depth on the deeper side by bin; the usual depth; and the share of bins that have it.

        The usual depth is that of the most bins within a factor of each other: the median
        would be neither where half of a region is a repeat.
        """
        left, right = self._smoothed(_SIDE, 0), self._smoothed(0, _SIDE)
        around = self._smoothed(_AROUND // 2, _AROUND // 2)
        depth = np.minimum(np.maximum(left, right), _DEEPER * around)
        whole = self._smoothed(_SIDE // 2, _SIDE // 2)
        ranked = np.sort(whole[whole > 0])
        if not len(ranked):
            return depth, 1.0, 0.0
        alike = np.searchsorted(ranked, ranked * _SAME_COPIES, "right") - np.arange(len(ranked))
        first = int(np.argmax(alike))
        usual = float(np.median(ranked[first : first + alike[first]]))
        like = (around * _SAME_COPIES >= usual) & (around <= usual * _SAME_COPIES)
        return depth, usual, float(like.mean())

    def _smoothed(self, before: int, behind: int) -> np.ndarray:
        """Mean depth of each bin and some before and behind it, float64 (bins,)."""
        n = len(self.weights)
        edges = np.append(np.arange(0, len(self.region), _BIN), len(self.region))
        bases = np.concatenate([[0], np.cumsum(self.weights)])
        low = np.maximum(np.arange(n) - before, 0)
        high = np.minimum(np.arange(n) + behind + 1, n)
        return (bases[high] - bases[low]) / (edges[high] - edges[low])


@dataclass
class InspectInputs:
    """Everything that is open while windows are looked at.

    ``odd_regions``: how many were clipped or skipped, by reason.
    """

    sample: Alignments
    normal: Alignments | None
    reference: Reference | None
    surveys: list[Survey]
    options: InspectOptions
    progress: Progress
    odd_regions: dict[str, int] = field(default_factory=dict)


def _check_corrector(options: InspectOptions) -> None:
    """Refuse who judges nothing, and weights that cannot be used.

    Raises
    ------
    UsageError, ModelError
    """
    from dbgclean.correct.correctors import load_corrector

    corrector = load_corrector(options.corrector)
    if not corrector.edits_reads:
        msg = f"--corrector {options.corrector}: judges no alleles; take autoencoder or likelihood"
        raise UsageError(msg)
    check = getattr(corrector, "check", None)
    if check is not None:
        check(options.model)


def open_inputs(
    stack: ExitStack,
    bam: str,
    regions: Sequence[str],
    bed: str | None,
    reference: str | None,
    normal: str | None,
    options: InspectOptions,
    progress: Progress,
) -> InspectInputs:
    """Open and check everything before any work is done: first what takes no heavy library."""
    find_corrector(options.corrector)
    sample = stack.enter_context(open_alignments(bam, reference))
    sample.sample = options.sample or sample.sample
    odd: Counter[str] = Counter()
    wanted = parse_regions(regions, bed, sample.contigs, odd)
    names = list(dict.fromkeys(region.contig for region in wanted))
    fasta = stack.enter_context(Reference(reference)) if reference else None
    if fasta is not None:
        fasta.check_against(sample.contigs, names)
    other = None
    if normal is not None:
        other = stack.enter_context(open_alignments(normal, reference))
        _check_same_contigs(sample, other, names)
    _check_corrector(options)
    surveys = []
    for region in wanted:
        progress.start(f"Looking at {region}")
        surveys.append(_survey(sample, region, options))
    if not any(survey.reads for survey in surveys):
        raise _no_reads(bam, surveys)
    for survey in surveys:
        if not survey.reads:
            logger.warning("%s: no reads in %s", bam, survey.region)
    return InspectInputs(
        sample, other, fasta, surveys, options, progress, dict(sorted(odd.items()))
    )


def _check_same_contigs(sample: Alignments, normal: Alignments, names: list[str]) -> None:
    for name in names:
        here, there = sample.contigs[name], normal.contigs.get(name)
        if here != there:
            found = "is not there" if there is None else f"has {there:,} bases there"
            msg = (
                f"{normal.path}: {name} has {here:,} bases in {sample.path} and {found}; give "
                "a normal that is aligned to the same reference"
            )
            raise InputError(msg)


def _survey(sample: Alignments, region: Region, options: InspectOptions) -> Survey:
    statistics, weights, spread = survey_region(
        sample, region, min_mapping_quality=options.min_mapping_quality, bin_size=_BIN
    )
    longest = min(_CORE, len(region))
    depth = max(1.0, float(weights.sum()) / len(region))
    windows = cut_windows(
        region,
        _CORE,
        int(np.clip((_ENOUGH / depth - longest) / 2, _PAD, _WIDEST_PAD)),
        length=sample.contigs[region.contig],
        weights=weights,
        bin_size=_BIN,
        heaviest=_HEAVIEST,
    )
    return Survey(region, statistics, weights, windows, spread)


def _no_reads(path: str, surveys: list[Survey]) -> InputError:
    """Why there is nothing to look at."""
    shown = ", ".join(str(survey.region) for survey in surveys[:3])
    shown += ", ..." if len(surveys) > 3 else ""
    left_out = sum(survey.statistics["records"] for survey in surveys)
    if left_out:
        counts = {
            name: sum(survey.statistics[name] for survey in surveys)
            for name in surveys[0].statistics
            if name not in ("records", "kept")
        }
        why = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items() if n)
        return InputError(f"{path}: no usable reads in {shown} ({why}); check the alignments")
    return InputError(f"{path}: no reads in {shown}; check the region")
