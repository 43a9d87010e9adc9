"""Examples to train the network on: many small simulated samples, judged by their truth.

Each *condition* is one sample: a genome, a depth, a sequencer, alleles, systematic errors
and artefacts, all drawn from the condition's own seed. It goes through the package's own
counting and gathering, so the network is trained on what it will be fed. Escherichia coli
K-12, phiX174 and M. tuberculosis are in no condition: they are what the result is tried on.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import simulate
from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK
from dbgclean.evidence.gather import Evidence, gather
from dbgclean.evidence.neighbours import neighbour_alternatives
from dbgclean.evidence.windows import build_windows
from dbgclean.reads import ReadBatch
from dbgclean.spectrum.counting import count_kmers
from dbgclean.spectrum.histogram import fit_spectrum

__all__ = ["Condition", "Examples", "draw_condition", "evidence_of", "examples", "gather_examples"]

CORRECTION_K = 25
_O157 = "ecoli_O157H7_2159_NZ_CP017438.fna.gz"
_HUMAN = "../human/hg19_chr20_9995001-11095000.fa.gz"
# Genomes by what they are for: a genome, or part of one, is never used for two things.
# "train" fits the weights, "stop" decides when to stop, "calibrate" sets the temperature
# and the thresholds.
_SOURCES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "train": ((_O157, 0, 4_000_000),),
    "stop": (("lambda_NC_001416.1.fa", 0, 48_502), (_HUMAN, 0, 500_000)),
    "calibrate": (
        ("mtdna_NC_012920_ref.fa", 0, 16_569),
        ("NC_045512.2.fasta", 0, 29_903),
        (_HUMAN, 500_000, 600_000),
    ),
}
_ROLES = tuple(_SOURCES)
# What looks real is kept: a ratio above, or as many fragments as, these. The rest, nearly
# all lone errors, is thinned to a share, and the rows left count for those left out.
_KEPT = ((4.0, 3, 1.0), (2.0, 2, 0.3))
_REST = 0.03
# Per base; amplicons of a reverse-transcribed virus show some 0.008 above the noise.
_MANY_COPYING_ERRORS = 0.005


@dataclass(frozen=True)
class Condition:
    """One simulated sample; everything in it follows from these values.

    Attributes
    ----------
    copying
        Errors of copying the molecules before they were read: both mates show them, at
        any quality, and they are not in the truth.
    insert
        Mean length of a fragment; mates overlap where it is below two reads.
    kmers_only
        k of a k-mer set without reads, 0 for reads.
    """

    genome: np.ndarray
    depth: float
    read_length: int
    paired: bool
    profile: simulate.QualityProfile | simulate.UniformProfile
    sites: simulate.Sites | None
    copying: simulate.Sites | None
    systematic: simulate.Systematic | None
    artefacts: simulate.Artefacts
    qualities: bool
    insert: float
    kmers_only: int
    seed: int


class Examples(NamedTuple):
    """Rows of many conditions.

    Attributes
    ----------
    windows, globals_, observed
        As `build_windows` gives them.
    target
        uint8 (n, 31): the clean k-mer.
    weight
        float32 (n,): alternatives that the row stands for.
    real
        bool (n,): whether error-free reads can show the k-mer.
    likelihood, fragments
        float32, int32 (n,).
    condition
        int32 (n,): number of the condition.
    """

    windows: np.ndarray
    globals_: np.ndarray
    observed: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    real: np.ndarray
    likelihood: np.ndarray
    fragments: np.ndarray
    condition: np.ndarray


def _draw_genome(rng: np.random.Generator, role: str, wanted: int, data: Path) -> np.ndarray:
    """A slice of one of the role's genomes, or a random genome with repeats."""
    if rng.random() < 0.6:
        name, start, length = _SOURCES[role][int(rng.integers(len(_SOURCES[role])))]
        take = min(wanted, length)
        start += int(rng.integers(length - take + 1))
        return simulate.load_genome(data / "genomes" / name, start, take)
    families = [
        (int(rng.integers(200, 1500)), int(rng.integers(1, 5)), float(rng.choice([0, 0.01, 0.05])))
        for _ in range(int(rng.integers(0, 4)))
    ]
    return simulate.random_genome(
        wanted, int(rng.integers(2**31)), gc=float(rng.uniform(0.3, 0.7)), repeats=families
    )


def _draw_sites(rng: np.random.Generator, genome: np.ndarray) -> simulate.Sites | None:
    """None, heterozygous sites, or alleles at many fractions."""
    kind = rng.random()
    if kind < 0.25:
        return None
    spacing = int(rng.choice([1000, 300, 150], p=[0.5, 0.3, 0.2]))
    if kind < 0.33:
        fractions = np.array([0.5])
    elif kind < 0.6:
        fractions = np.array([0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005])
    else:
        fractions = np.exp(rng.uniform(np.log(0.004), np.log(0.25), 40))
    sites = simulate.draw_sites(genome, spacing, list(fractions), int(rng.integers(2**31)))
    return sites if len(sites) else None


def _draw_copying(rng: np.random.Generator, genome: np.ndarray) -> simulate.Sites | None:
    """None, or many places where a share of the molecules was copied wrongly.

    Errors of later cycles are the more and the rarer: a share above f has a chance of
    1/f (Luria and Delbrueck 1943, doi:10.1093/genetics/28.6.491). Where they are few,
    nothing in the reads sets them apart from alleles: there are none, then.
    """
    if rng.random() < 0.75:
        return None
    density = np.exp(rng.uniform(np.log(0.0015), np.log(0.03)))
    number = int(len(genome) * density)
    places = np.sort(rng.choice(len(genome), min(number, len(genome)), replace=False))
    ref = genome[places]
    alt = ((ref + rng.integers(1, 4, len(places))) & 3).astype(np.uint8)
    least = np.exp(rng.uniform(np.log(2e-4), np.log(4e-3)))
    share = np.minimum(0.08, least / rng.uniform(0.001, 1, len(places)))
    many = density > _MANY_COPYING_ERRORS and len(places) > 0
    return simulate.Sites(places, ref, alt, share) if many else None


def _together(one: simulate.Sites | None, two: simulate.Sites | None) -> simulate.Sites | None:
    """Sites of both; where they meet, the first one's."""
    if one is None or two is None:
        return two if one is None else one
    new = ~np.isin(two.position, one.position)
    joined = [
        np.concatenate([getattr(one, name), getattr(two, name)[new]])
        for name in ("position", "ref", "alt", "fraction")
    ]
    order = np.argsort(joined[0], kind="stable")
    return simulate.Sites(*(column[order] for column in joined))


def _draw_systematic(rng: np.random.Generator, genome: np.ndarray) -> simulate.Systematic | None:
    if rng.random() < 0.5:
        return None
    rates = (float(rng.uniform(0.005, 0.02)), float(rng.uniform(0.05, 0.15)))
    # Motifs at random as well: which of them errs is a sample's own affair.
    drawn_motif = "".join("ACGT"[i] for i in rng.integers(4, size=3))
    motifs = (None, "GGC", "homopolymer", drawn_motif)
    motif = motifs[int(rng.choice(4, p=[0.4, 0.15, 0.15, 0.3]))]
    drawn = simulate.draw_systematic(
        genome, float(rng.uniform(0.5, 3)), rates, motif, int(rng.integers(2**31))
    )
    return replace(drawn, low_share=float(rng.uniform(0.2, 1.0))) if len(drawn) else None


def _draw_profile(
    rng: np.random.Generator,
) -> simulate.QualityProfile | simulate.UniformProfile:
    rate = float(np.exp(rng.uniform(np.log(0.001), np.log(0.01))))
    if rng.random() < 0.12:
        return simulate.UniformProfile(rate)
    return simulate.QualityProfile(
        rate=None if rng.random() < 0.2 else rate,
        binned=bool(rng.random() < 0.4),
        top=float(rng.uniform(35, 40)),
        end_drop=float(rng.uniform(2, 13)),
    )


def draw_condition(
    number: int, role: str, seed: int, bases: tuple[float, float], data: Path
) -> Condition:
    """Condition ``number`` of a role: the same arguments give the same condition.

    Parameters
    ----------
    role : {"train", "stop", "calibrate"}
    bases : (low, high)
        Bases read; the genome is as long as they cover at the depth drawn.
    data : path
        Folder with ``genomes/`` and ``human/``.
    """
    rng = np.random.default_rng([seed, _ROLES.index(role), number, 105])
    low, high = (8, 30) if rng.random() < 0.15 else (30, 400)
    if rng.random() < 0.1:
        low, high = 400, 1000
    depth = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    wanted = int(np.clip(np.exp(rng.uniform(*np.log(bases))) / depth, 8_000, 300_000))
    genome = _draw_genome(rng, role, wanted, data)
    strange = rng.random() < 0.3
    artefacts = simulate.Artefacts(
        duplicates=float(rng.uniform(0, 0.15)) * strange,
        chimeras=float(rng.uniform(0, 0.005)) * strange,
        indels=float(rng.uniform(0, 0.01)) * strange,
        adapters=bool(strange and rng.random() < 0.3),
    )
    read_length = int(rng.choice([75, 100, 125, 150, 250], p=[0.1, 0.2, 0.1, 0.45, 0.15]))
    overlapping = rng.random() < 0.35
    return Condition(
        genome=genome,
        depth=depth,
        read_length=read_length,
        paired=bool(rng.random() < 0.8),
        profile=_draw_profile(rng),
        sites=_draw_sites(rng, genome),
        copying=_draw_copying(rng, genome),
        systematic=_draw_systematic(rng, genome),
        artefacts=artefacts,
        qualities=bool(rng.random() > 0.04),
        insert=read_length * float(rng.uniform(1.15, 1.9) if overlapping else rng.uniform(2.1, 3)),
        kmers_only=int(rng.choice([21, 25, 31])) if rng.random() < 0.15 else 0,
        seed=int(rng.integers(2**31)),
    )


def evidence_of(batches: Sequence[ReadBatch], threads: int = 1, kmers_only: int = 0) -> Evidence:
    """Count, fit and gather, as a run of the package does before it judges.

    With ``kmers_only`` the k-mers of that length are all that is known.
    """
    if kmers_only:
        table = count_kmers(iter(batches), kmers_only, threads=threads)
        return neighbour_alternatives(table, fit_spectrum(table, kmers_only), threads)
    table = count_kmers(iter(batches), CORRECTION_K, threads=threads)
    return gather(iter(batches), table, fit_spectrum(table, CORRECTION_K), threads)


def is_real(alternatives: Alternatives, condition: Condition) -> np.ndarray:
    """Which alternatives error-free reads can show: bool (n,)."""
    truth = simulate.true_kmers(condition.genome, condition.sites, 2 * FLANK + 1)
    return np.isin(alternatives.key, truth)


def read_condition(condition: Condition) -> list[ReadBatch]:
    """Simulate the reads of a condition."""
    reads = simulate.simulate_reads(
        condition.genome,
        depth=condition.depth,
        read_length=condition.read_length,
        insert_mean=condition.insert,
        paired=condition.paired,
        sites=_together(condition.sites, condition.copying),
        profile=condition.profile,
        systematic=condition.systematic,
        artefacts=condition.artefacts,
        seed=condition.seed,
    )
    batches = list(simulate.to_batches(reads))
    return batches if condition.qualities else [replace(batch, quals=None) for batch in batches]


def _thin(alternatives: Alternatives, real: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Weight of each row, 0 where it is left out: all that is real or looks real is kept."""
    share = np.where(real, 1.0, _REST)
    for likelihood, fragments, part in _KEPT:
        looks = (alternatives.likelihood > likelihood) | (alternatives.fragments >= fragments)
        share = np.maximum(share, part * looks)
    return np.where(rng.random(len(real)) < share, 1 / share, 0)


def examples(number: int, role: str, seed: int, bases: tuple[float, float], data: Path) -> Examples:
    """Simulate one condition and take its examples."""
    condition = draw_condition(number, role, seed, bases, data)
    evidence = evidence_of(read_condition(condition), kmers_only=condition.kmers_only)
    alternatives = evidence.alternatives
    real = is_real(alternatives, condition)
    weight = _thin(alternatives, real, np.random.default_rng([condition.seed, 106]))
    windows = build_windows(alternatives, evidence.context)
    keep = np.flatnonzero(weight)
    target = windows.observed.copy()
    target[~real, FLANK] = alternatives.to[~real]
    return Examples(
        windows.windows[keep],
        windows.globals_[keep],
        windows.observed[keep],
        target[keep],
        weight[keep].astype(np.float32),
        real[keep],
        alternatives.likelihood[keep].astype(np.float32),
        alternatives.fragments[keep].astype(np.int32),
        np.full(len(keep), number, np.int32),
    )


def gather_examples(
    role: str, conditions: int, seed: int, bases: tuple[float, float], data: Path, jobs: int
) -> Examples:
    """Examples of conditions 0, 1, ... of a role, in that order at any number of jobs."""
    one = partial(examples, role=role, seed=seed, bases=bases, data=data)
    with ProcessPoolExecutor(jobs) as pool:
        parts = list(pool.map(one, range(conditions)))
    return Examples(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
