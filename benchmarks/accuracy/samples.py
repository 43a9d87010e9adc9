"""Samples of the accuracy benchmark: reads with their truth, drawn once and kept in a folder.

Reads leave under our own names (``sim.NUMBER/MATE``), whoever drew them, so that corrected
reads are matched to their truth by name alone.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.ours import K, count_files
from benchmarks.simulators import simulate
from benchmarks.simulators.simulate import SimulatedReads, Sites

__all__ = ["Sample", "load_sample", "save_sample"]

_ARRAYS = ("codes", "truth", "position", "reverse", "kind")


@dataclass
class Sample:
    """Simulated reads on disk, and what is known of them.

    Attributes
    ----------
    folder : Path
        Where everything of the sample lies.
    codes, truth : uint8 (n, L)
        Observed and error-free 2-bit bases; the truth of a read with an indel means nothing.
    position : int64 (n,)
    reverse : bool (n,)
    kind : uint8 (n,)
        Bits of `benchmarks.simulators.simulate`.
    paired : bool
    genome : uint8 (G,)
    sites : Sites or None
    facts : dict
        Scenario, depth, seed, length and command of the simulator.
    """

    folder: Path
    codes: np.ndarray
    truth: np.ndarray
    position: np.ndarray
    reverse: np.ndarray
    kind: np.ndarray
    paired: bool
    genome: np.ndarray
    sites: Sites | None
    facts: dict[str, Any]

    @property
    def files(self) -> list[Path]:
        """FASTQ files: R1 and R2, or one of single reads."""
        names = ("R1.fastq", "R2.fastq") if self.paired else ("reads.fastq",)
        return [self.folder / name for name in names]

    @cached_property
    def true_kmers(self) -> np.ndarray:
        """Canonical 31-mers that error-free reads can show: uint64, sorted, unique."""
        return simulate.true_kmers(self.genome, self.sites, K)

    @cached_property
    def raw(self) -> tuple[np.ndarray, np.ndarray]:
        """Canonical 31-mers of the raw reads, uint64 sorted, and their counts."""
        kept = [self.folder / f"raw_{what}.npy" for what in ("keys", "counts")]
        if not kept[1].exists():
            table = count_files(self.files)
            np.save(kept[0], table.keys)
            np.save(kept[1], table.counts)
        return np.load(kept[0]), np.load(kept[1])

    @cached_property
    def repeated(self) -> np.ndarray:
        """Reads from a place where some 31-mer of the genome stands elsewhere too: bool (n,)."""
        width, length = self.codes.shape[1], len(self.genome)
        kmers = simulate.canonical_kmers(simulate.pack_kmers(self.genome, K), K)
        _, copy, copies = np.unique(kmers, return_inverse=True, return_counts=True)
        before = np.concatenate([[0], np.cumsum(copies[copy] > 1)])
        first = np.clip(self.position, 0, length - width)
        return before[first + width - K + 1] > before[first]

    @cached_property
    def other_allele(self) -> np.ndarray | None:
        """Which base the other allele would be, where a read base shows one: uint8 (n, L).

        4 is added where the read shows the alternative allele; 255 elsewhere.
        """
        if self.sites is None:
            return None
        other = np.full(self.codes.shape, 255, np.uint8)
        length = self.codes.shape[1]
        for position, ref, alt in zip(
            self.sites.position, self.sites.ref, self.sites.alt, strict=True
        ):
            rows = np.flatnonzero((self.position <= position) & (position < self.position + length))
            offset = position - self.position[rows]
            column = np.where(self.reverse[rows], length - 1 - offset, offset)
            shown = self.truth[rows, column]
            forward = np.where(self.reverse[rows], 3 - shown, shown)
            turned = np.where(forward == ref, alt, ref)
            known = (forward == ref) | (forward == alt)
            turned = np.where(self.reverse[rows], 3 - turned, turned) + 4 * (forward == alt)
            other[rows[known], column[known]] = turned[known]
        return other


def save_sample(
    folder: Path,
    reads: SimulatedReads,
    genome: np.ndarray,
    sites: Sites | None,
    facts: dict[str, Any],
) -> Sample:
    """Write reads and truth to ``folder`` and return them as a sample."""
    building = folder.with_name(folder.name + ".part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    for name in _ARRAYS:
        np.save(building / f"{name}.npy", getattr(reads, name))
    np.save(building / "genome.npy", genome)
    if sites is not None:
        np.savez(building / "sites.npz", **{n: getattr(sites, n) for n in Sites.__annotations__})
    simulate.write_fasta(building / "genome.fa", [("genome", genome)])
    names = ("R1.fastq", "R2.fastq") if reads.paired else ("reads.fastq",)
    simulate.write_fastq(reads, *[building / name for name in names])
    facts = {**facts, "paired": reads.paired}
    (building / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    building.rename(folder)
    return load_sample(folder)


def load_sample(folder: Path) -> Sample:
    """Read what `save_sample` wrote; the large arrays stay on disk until used."""
    facts = json.loads((folder / "facts.json").read_text())
    arrays = {name: np.load(folder / f"{name}.npy") for name in _ARRAYS}
    sites = None
    if (folder / "sites.npz").exists():
        with np.load(folder / "sites.npz") as file:
            sites = Sites(**{name: file[name] for name in Sites.__annotations__})
    genome = np.load(folder / "genome.npy")
    return Sample(
        folder=folder, paired=facts["paired"], genome=genome, sites=sites, facts=facts, **arrays
    )
