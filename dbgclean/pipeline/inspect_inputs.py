"""What an inspection starts from: options, open files, and regions cut into windows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from dbgclean.correct.correctors import load_corrector
from dbgclean.errors import InputError, UsageError
from dbgclean.log import Progress
from dbgclean.variants.reference import Reference
from dbgclean.variants.region_reads import Alignments, open_alignments, survey_region
from dbgclean.variants.regions import Region, Window, cut_windows, parse_regions

__all__ = ["InspectInputs", "InspectOptions", "Survey", "check_corrector", "open_inputs"]

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
    seed, threads
        As on the command line; ``threads`` changes no result.
    """

    corrector: str = "likelihood"
    model: str | None = None
    ploidy: int = 2
    min_fraction: float = 0.0
    min_mapping_quality: int = 0
    seed: int = 1
    threads: int = 1

    def to_dict(self) -> dict[str, Any]:
        """The options that decide the result, for the report."""
        return {
            "corrector": self.corrector,
            "model": self.model or "pretrained",
            "ploidy": self.ploidy,
            "min_fraction": self.min_fraction,
            "min_mapping_quality": self.min_mapping_quality,
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
    """

    region: Region
    statistics: dict[str, int]
    weights: np.ndarray
    windows: list[Window]

    @property
    def reads(self) -> int:
        return self.statistics["kept"]

    @property
    def depth(self) -> float:
        """Reads over a base, the region's mean."""
        return float(self.weights.sum()) / len(self.region)

    def depth_ratio(self, positions: np.ndarray) -> np.ndarray:
        """Depth around places over the region's median, float64 (n,).

        Parameters
        ----------
        positions
            int64 (n,): on the contig; what lies outside counts as the nearest place inside.
        """
        edges = np.append(np.arange(0, len(self.region), _BIN), len(self.region))
        depth = self.weights / np.diff(edges)
        median = float(np.median(depth[depth > 0])) if depth.any() else 1.0
        inside = np.clip(positions - self.region.start, 0, len(self.region) - 1)
        return depth[inside // _BIN] / median


@dataclass
class InspectInputs:
    """Everything that is open while windows are looked at."""

    sample: Alignments
    normal: Alignments | None
    reference: Reference | None
    surveys: list[Survey]
    options: InspectOptions
    progress: Progress


def check_corrector(options: InspectOptions) -> None:
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
    """Open and check everything before any work is done."""
    sample = stack.enter_context(open_alignments(bam, reference, options.threads))
    wanted = parse_regions(regions, bed, sample.contigs)
    names = list(dict.fromkeys(region.contig for region in wanted))
    fasta = stack.enter_context(Reference(reference)) if reference else None
    if fasta is not None:
        fasta.check_against(sample.contigs, names)
    other = None
    if normal is not None:
        other = stack.enter_context(open_alignments(normal, reference, options.threads))
        _check_same_contigs(sample, other, names)
    surveys = []
    for region in wanted:
        progress.start(f"Looking at {region}")
        surveys.append(_survey(sample, region, options))
    if not any(survey.reads for survey in surveys):
        raise _no_reads(bam, surveys)
    for survey in surveys:
        if not survey.reads:
            logger.warning("%s: no reads in %s", bam, survey.region)
    return InspectInputs(sample, other, fasta, surveys, options, progress)


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
    statistics, weights = survey_region(
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
    return Survey(region, statistics, weights, windows)


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
