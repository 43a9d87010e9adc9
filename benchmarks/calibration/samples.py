"""Mixtures of haplotypes read by other people's simulators, and what they leave as evidence.

ART and dwgsim know nothing of alleles, so each fraction gets a haplotype of its own: the
genome with that fraction's alleles and no others. Every haplotype is read by the
simulator at its share of the depth, and what is left of it goes to the genome as it is.
Gathered evidence is kept in a folder: another network is judged without reading again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.simulators import simulate
from benchmarks.simulators.instruments import art, dwgsim, read_each
from benchmarks.simulators.simulate import SimulatedReads, Sites
from benchmarks.training.evidence import bare_evidence, evidence_of
from dbgclean.evidence.alternatives import COLUMNS, Alternatives
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.sample import SampleContext
from dbgclean.evidence.signs import SIGNS, signs_of

__all__ = [
    "FRACTIONS",
    "SIMULATORS",
    "Gathered",
    "Mixture",
    "draw_mixture",
    "gather_mixture",
    "label",
    "load_gathered",
    "read_mixture",
    "save_gathered",
]

FRACTIONS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
SIMULATORS: dict[str, Callable[..., tuple[SimulatedReads, str]]] = {
    "art-HS25": partial(art, system="HS25", read_length=150),
    "art-HSXt": partial(art, system="HSXt", read_length=150),
    "art-MSv3": partial(art, system="MSv3", read_length=200),
    "dwgsim": partial(dwgsim, read_length=150),
}


@dataclass(frozen=True, eq=False)
class Mixture:
    """Haplotypes and what is true of them.

    Attributes
    ----------
    genome
        uint8 (G,): the reference.
    sites
        Alleles of all fractions.
    haplotypes
        Sequences, uint8 (G,), with their shares of the depth, the reference first.
    """

    genome: np.ndarray
    sites: Sites
    haplotypes: list[tuple[np.ndarray, float]]

    @property
    def true_kmers(self) -> np.ndarray:
        """Canonical 31-mers of all haplotypes: uint64, sorted, unique."""
        return simulate.true_kmers([sequence for sequence, _ in self.haplotypes], None, WINDOW)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Pooled evidence of one sample and its labels.

    Attributes
    ----------
    alternatives, context
        As `dbgclean.evidence.gather.gather` leaves them (without ``of_edit``).
    signs
        `dbgclean.evidence.signs.signs_of` of them.
    profile
        int64 (4, 94): bases read by base and quality.
    real
        bool (n,): whether any haplotype has the 31-mer.
    fraction
        float64 (n,): fraction of the allele in the middle; NaN for all that is none, as
        for the genome's own base at an allele of one half.
    facts
        Simulator, depth, seed, the commands that drew the reads.
    """

    alternatives: Alternatives
    context: SampleContext
    signs: np.ndarray
    profile: np.ndarray
    real: np.ndarray
    fraction: np.ndarray
    facts: dict

    @property
    def evidence(self) -> Evidence:
        """As judges take it; what came of a second look is in ``signs`` alone."""
        return bare_evidence(self.alternatives, self.context)


def draw_mixture(
    genome: np.ndarray, spacing: int, seed: int, fractions: tuple[float, ...] = FRACTIONS
) -> Mixture:
    """Sites about every ``spacing`` bases, one haplotype per fraction."""
    sites = simulate.draw_sites(genome, spacing, fractions, seed)
    haplotypes = [(genome, 1 - sum(fractions))]
    for fraction in fractions:
        own = sites.fraction == fraction
        sequence = genome.copy()
        sequence[sites.position[own]] = sites.alt[own]
        haplotypes.append((sequence, fraction))
    return Mixture(genome, sites, haplotypes)


def read_mixture(
    mixture: Mixture, simulator: str, depth: float, seed: int
) -> tuple[SimulatedReads, list[str]]:
    """Reads of all haplotypes by one of `SIMULATORS`, and the commands that drew them."""
    parts = [(sequence, share, None) for sequence, share in mixture.haplotypes]
    return read_each(SIMULATORS[simulator], parts, depth, 100 * seed)


def label(
    alternatives: Alternatives, truth: np.ndarray, genome: np.ndarray, sites: Sites
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each alternative is real, bool (n,), and its allele's fraction, float64 (n,)."""
    key = alternatives.key
    real = np.isin(key, truth)
    middle = simulate.allele_kmers(genome, sites, WINDOW)[:, FLANK]
    order = np.argsort(middle)
    at = np.minimum(np.searchsorted(middle, key, sorter=order), len(order) - 1)
    site = order[at]
    ours = (middle[site] == key) & real
    return real, np.where(ours, sites.fraction[site], np.nan)


def gather_mixture(reads: SimulatedReads, mixture: Mixture, facts: dict) -> Gathered:
    """Count, thread and pool the reads, as a run does, and label what comes of it."""
    evidence = evidence_of(list(simulate.to_batches(reads)))
    cell = reads.codes.astype(np.int64) * 94 + reads.quals
    profile = np.bincount(cell[reads.codes < 4].ravel(), minlength=4 * 94).reshape(4, 94)
    alternatives = replace(evidence.alternatives, of_edit=np.zeros(0, np.int64))
    real, fraction = label(alternatives, mixture.true_kmers, mixture.genome, mixture.sites)
    signs = signs_of(evidence)
    return Gathered(alternatives, evidence.context, signs, profile, real, fraction, facts)


def save_gathered(path: Path, gathered: Gathered) -> None:
    """Keep everything in one file; a file half written never has the name."""
    arrays = {f"a.{f}": getattr(gathered.alternatives, f) for f in Alternatives.__slots__}
    context = asdict(gathered.context)
    arrays["motifs"] = context.pop("motifs")
    head = {"facts": gathered.facts, "context": context, "columns": (*COLUMNS, *SIGNS)}
    partial_path = path.with_name(path.name + ".part.npz")
    np.savez(
        partial_path,
        **arrays,
        signs=gathered.signs,
        profile=gathered.profile,
        real=gathered.real,
        fraction=gathered.fraction,
        head=np.array(json.dumps(head)),
    )
    partial_path.rename(path)


def load_gathered(path: Path) -> Gathered | None:
    """What `save_gathered` wrote; None where the package gathers other columns by now."""
    with np.load(path) as stored:
        head = json.loads(str(stored["head"]))
        names = {f"a.{f}" for f in Alternatives.__slots__}
        known = {field.name for field in fields(SampleContext)} - {"motifs"}
        same = tuple(head["columns"]) == (*COLUMNS, *SIGNS) and set(head["context"]) == known
        if not same or not names <= set(stored.files):
            return None
        alternatives = Alternatives(*(stored[f"a.{f}"] for f in Alternatives.__slots__))
        context = SampleContext(**head["context"], motifs=stored["motifs"])
        return Gathered(
            alternatives,
            context,
            stored["signs"],
            stored["profile"],
            stored["real"],
            stored["fraction"],
            head["facts"],
        )
