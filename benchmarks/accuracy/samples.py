"""Simulated reads for the accuracy benchmark: our simulator's, ART's and dwgsim's, in one form.

Whatever drew them, reads become a `SimulatedReads` and leave under our own names
(``sim.NUMBER/MATE``), so that corrected reads are matched to their truth by name alone.
A sample that was drawn once is kept in a folder and read from there the next time.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators import simulate
from benchmarks.simulators.simulate import INDEL, SimulatedReads, Sites
from dbgclean.reads import ReadBatch, iter_batches, plan_inputs
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.table import KmerTable

__all__ = [
    "K",
    "Sample",
    "art",
    "batches_of",
    "count_files",
    "dwgsim",
    "load_sample",
    "read_art",
    "save_sample",
]

K = 31
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


def count_files(files: list[Path], threads: int = 2) -> KmerTable:
    """31-mers of FASTQ files."""
    counter = KmerCounter(K, threads=threads)
    for _, batch in batches_of(files, threads):
        counter.add(batch)
    return counter.finish()


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


def art(
    genome: np.ndarray, *, depth: float, seed: int, read_length: int = 150, system: str = "HS25"
) -> tuple[SimulatedReads, str]:
    """ART's HiSeq 2500 pairs (Huang et al. 2012, doi:10.1093/bioinformatics/btr708).

    Indels are left on at ART's own rates; reads that hold one are flagged.

    Returns
    -------
    SimulatedReads, str
        The reads, and the command that drew them.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate.write_fasta(folder / "genome.fa", [("genome", genome)])
        words = f"-ss {system} -l {read_length} -p -m 350 -s 50 -f {depth:g} -rs {seed} -q"
        command = ["art_illumina", *words.split(), "-i", "genome.fa", "-o", "art_"]
        _run(command, folder)
        mates = [read_art(folder / f"art_{mate}.aln", folder / f"art_{mate}.fq") for mate in (1, 2)]
    return _interleave(mates, len(genome)), " ".join(command)


def read_art(aln: Path, fastq: Path) -> tuple[np.ndarray, ...]:
    """Codes, qualities, truth, position, reverse and kind of one file of ART's reads.

    ART's ALN holds for each read a header (reference, read, start on its strand, strand),
    the reference's stretch and the read, both in sequencing orientation, '-' where one of
    them has a gap.
    """
    codes, quals, starts, reverse = [], [], [], []
    truth, kind, length = [], [], 0
    with open(aln, "rb") as pairs, open(fastq, "rb") as reads:
        for line in pairs:
            if line.startswith(b"@SQ"):
                length = int(line.split()[2])
            if line.startswith(b"##Header End"):
                break
        while entry := list(islice(pairs, 3)):
            header, reference, read = entry
            _, name, start, strand = header.split()
            record = list(islice(reads, 4))
            if record[0][1:].rstrip() != name.removesuffix(b"-1"):
                msg = f"{aln}: {name.decode()} does not stand in line with {fastq}"
                raise ValueError(msg)
            bases = record[1].rstrip()
            gapped = b"-" in reference or b"-" in read
            codes.append(bases)
            quals.append(record[3].rstrip())
            truth.append(bases if gapped else reference.rstrip())
            kind.append(INDEL if gapped else 0)
            starts.append(int(start))
            reverse.append(strand == b"-")
    n = len(codes)
    table = {key: _matrix(rows) for key, rows in (("codes", codes), ("truth", truth))}
    quality = np.frombuffer(b"".join(quals), np.uint8).reshape(n, -1) - 33
    strand_of = np.array(reverse, bool)
    width = table["codes"].shape[1]
    begin = np.array(starts, np.int64)
    position = np.where(strand_of, length - width - begin, begin)
    return (
        *(table["codes"], quality.astype(np.uint8), table["truth"]),
        *(position, strand_of, np.array(kind, np.uint8)),
    )


def _matrix(rows: list[bytes]) -> np.ndarray:
    codes = simulate.encode(b"".join(rows))
    return np.ascontiguousarray(codes.reshape(len(rows), -1))


def dwgsim(
    genome: np.ndarray, *, depth: float, seed: int, read_length: int = 150
) -> tuple[SimulatedReads, str]:
    """Reads of dwgsim (Homer): substitutions only, 0.2 to 1 % rising along the read.

    No mutations and no random reads are asked for, so the truth is the genome at the
    place that a read's name gives.
    """
    rates = "-e 0.002-0.010 -E 0.002-0.010"
    words = f"-1 {read_length} -2 {read_length} -C {depth:g} -d 350 -s 50 {rates}"
    words += f" -r 0 -R 0 -X 0 -y 0 -S 0 -o 1 -z {seed}"
    command = ["dwgsim", *words.split(), "genome.fa", "dwgsim"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate.write_fasta(folder / "genome.fa", [("genome", genome)])
        _run(command, folder)
        mates = [
            _read_dwgsim(folder / f"dwgsim.bwa.read{mate}.fastq.gz", mate, genome, read_length)
            for mate in (1, 2)
        ]
    return _interleave(mates, len(genome)), " ".join(command)


def _read_dwgsim(path: Path, mate: int, genome: np.ndarray, width: int) -> tuple[np.ndarray, ...]:
    bases, quals, starts, reverse, errors = [], [], [], [], []
    with gzip.open(path, "rb") as reads:
        while record := list(islice(reads, 4)):
            # genome_START1_START2_STRAND1_STRAND2_RANDOM1_RANDOM2_ERRORS1_ERRORS2_ID/MATE
            fields = record[0].split(b"_")
            starts.append(int(fields[mate]) - 1)
            reverse.append(fields[2 + mate] == b"1")
            errors.append(int(fields[6 + mate].split(b":")[0]))
            bases.append(record[1].rstrip())
            quals.append(record[3].rstrip())
    codes = _matrix(bases)
    position, strand = np.array(starts, np.int64), np.array(reverse, bool)
    columns = np.arange(width)
    forward = genome[position[:, None] + columns]
    truth = np.where(strand[:, None], 3 - forward[:, ::-1], forward)
    if not np.array_equal((codes != truth).sum(axis=1), errors):
        msg = f"{path}: reads differ from the genome at other places than dwgsim's names say"
        raise ValueError(msg)
    quality = np.frombuffer(b"".join(quals), np.uint8).reshape(len(codes), -1) - 33
    kind = np.zeros(len(codes), np.uint8)
    return codes, quality.astype(np.uint8), truth, position, strand, kind


def _interleave(mates: list[tuple[np.ndarray, ...]], genome_length: int) -> SimulatedReads:
    columns = [
        np.stack(pair, axis=1).reshape(2 * len(pair[0]), *pair[0].shape[1:])
        for pair in zip(*mates, strict=True)
    ]
    codes, quals, truth, position, reverse, kind = columns
    return SimulatedReads(
        codes=codes,
        quals=quals,
        truth=truth,
        position=position,
        reverse=reverse,
        haplotype=np.zeros(len(codes), np.int16),
        kind=kind,
        paired=True,
        genome_length=genome_length,
        error_probability=np.zeros(94),
    )


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-300:]}"
        raise RuntimeError(msg)


def batches_of(files: list[Path], threads: int = 2) -> Iterator[tuple[int, ReadBatch]]:
    """Yield (number of the file, batch) over FASTQ files, each read by itself."""
    for number, path in enumerate(files):
        for group in plan_inputs([str(path)], single=True):
            for batch in iter_batches(group, threads=threads):
                yield number, batch
