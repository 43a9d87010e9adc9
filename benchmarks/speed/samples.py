"""Reads for the speed benchmark, drawn once and kept.

*E. coli* K-12 (or a given genome) by ART's HiSeq 2500 profile, as `benchmarks.accuracy` draws
them: 50x of a seed is the same there and here, and in a folder that holds its sample it is taken
from there. Other depths are the first reads of 50x, or 50x of several seeds one after another, so
that a series over depths is one sample growing. Genomes of other sizes are random, and their
reads our own simulator's, which is much faster.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.peers import interleave as interleaved
from benchmarks.simulators import simulate
from benchmarks.simulators.instruments import art_files, art_words
from benchmarks.simulators.truth import K12, SLICE_START

__all__ = [
    "Reads",
    "Source",
    "differing",
    "haplotypes_of",
    "hiseq",
    "interleave",
    "patchwork",
    "patchwork_reads",
    "plain_reads",
    "random_reads",
]

BATCH_DEPTH = 50
READ_LENGTH = 150
BATCH_BASES = 150_000_000
"""Of our own simulator at once: it holds reads and their truth in memory."""

_OURS = "benchmarks.simulators.simulate, 2x150, 0.25 % by quality"
_COPIED = ("genomes/" + K12, "human/hg19_chr20_9995001-11095000.fa.gz")
_COPIES, _COPY_DIFFERS, _HETEROZYGOSITY = 3, 0.01, 0.001


@dataclass(frozen=True)
class Reads:
    """Pairs on disk.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
        R1 and R2, plain FASTQ.
    genome_size : int
    depth : float
        Asked for; ``bases`` has what it came to.
    bases : int
    genome, simulator : str
        Where they come from.
    """

    folder: Path
    files: tuple[Path, ...]
    genome_size: int
    depth: float
    bases: int
    genome: str
    simulator: str
    read_length: int = READ_LENGTH

    def to_dict(self) -> dict[str, Any]:
        """For the results: no folders."""
        facts = asdict(self)
        del facts["folder"], facts["files"]
        return facts


@dataclass(frozen=True)
class Source:
    """Where ART's reads are drawn from.

    Attributes
    ----------
    folder : Path
        Where samples are kept.
    data : Path
        Holds ``genomes/`` with K-12's.
    genome : Path or None
        Another genome, first record.
    length : int or None
        A slice of it; from its millionth base on of K-12, from its first of others.
    seed : int
    """

    folder: Path
    data: Path = Path("../shared/data")
    genome: Path | None = None
    length: int | None = None
    seed: int = 1

    @property
    def path(self) -> Path:
        """The genome's file."""
        return self.genome or self.data / "genomes" / K12

    @property
    def label(self) -> str:
        """Part of the names of folders; of K-12 as `benchmarks.accuracy` has it."""
        stem = "hiseq" if self.genome is None else f"hiseq_{self.genome.name.split('.')[0]}"
        return f"{stem}_{self.length or 'whole'}"

    def codes(self) -> np.ndarray:
        """2-bit bases, uint8 (length,)."""
        start = SLICE_START if self.length and self.genome is None else 0
        return simulate.load_genome(self.path, start, self.length)


def hiseq(source: Source, depth: float) -> Reads:
    """ART's pairs at a depth.

    Raises
    ------
    RuntimeError
        If they are not kept yet and ART is not installed, or fails.
    """
    genome_size = len(source.codes())
    if depth == BATCH_DEPTH:
        folder = _batch(source, source.seed)
        return _reads(folder, source.path.name, genome_size, depth, _command(depth, source.seed))
    folder = source.folder / f"speed_{source.label}_{depth:g}x_seed{source.seed}"
    batches = -(-depth // BATCH_DEPTH)
    seeds = f"seeds {source.seed} to {source.seed + batches - 1:g}"
    if batches == 1:
        seeds = f"the first of seed {source.seed}"
    if not folder.exists():
        wanted = round(depth * genome_size / (2 * READ_LENGTH))
        building = _fresh(folder)
        for number in range(int(batches)):
            # Whole batches but for the last: pairs are drawn in no order, so any are as good.
            folder_of = _batch(source, source.seed + number)
            wanted -= _append(folder_of, building, wanted, f"b{number}." if number else "")
        building.rename(folder)
    command = f"{_command(BATCH_DEPTH, source.seed)}: {seeds}"
    return _reads(folder, source.path.name, genome_size, depth, command)


def _command(depth: float, seed: int) -> str:
    return " ".join(art_words(depth, seed, READ_LENGTH))


def _batch(source: Source, seed: int) -> Path:
    """Folder of the 50x of a seed: the accuracy benchmark's where it is there, else ours."""
    name = f"{source.label}_{BATCH_DEPTH}x_seed{seed}"
    for folder in (source.folder / name / "sample", source.folder / f"speed_{name}"):
        if (folder / "R2.fastq").exists():
            return folder
    building = _fresh(folder)
    for mate, path in enumerate(art_files(source.codes(), building, BATCH_DEPTH, seed), 1):
        _rename(path, building / f"R{mate}.fastq", mate)
    building.rename(folder)
    return folder


def _fresh(folder: Path) -> Path:
    """An empty folder beside ``folder``; it gets that name only when all is in it."""
    building = folder.with_name(folder.name + ".part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    return building


def _rename(source: Path, target: Path, mate: int) -> None:
    """Give ART's reads our names, ``sim.NUMBER/MATE``, and drop the source."""
    with open(source, "rb") as reads, open(target, "wb") as out:
        for number, record in enumerate(_records(reads)):
            out.write(b"@sim.%d/%d\n" % (number, mate))
            out.writelines(record[1:])
    source.unlink()


def _records(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    while record := list(islice(lines, 4)):
        yield record


def _append(source: Path, target: Path, pairs: int, prefix: str) -> int:
    """Append the first ``pairs`` of a sample to another; how many there were."""
    done = 0
    for mate in (1, 2):
        with (
            open(source / f"R{mate}.fastq", "rb") as reads,
            open(target / f"R{mate}.fastq", "ab") as out,
        ):
            done = 0
            for record in islice(_records(reads), pairs):
                out.write(b"@" + prefix.encode() + record[0][1:])
                out.writelines(record[1:])
                done += 1
    return done


def _reads(folder: Path, genome: str, size: int, depth: float, simulator: str) -> Reads:
    files = tuple(folder / f"R{mate}.fastq" for mate in (1, 2))
    facts = folder / "speed.json"
    # Kept in our own folders only: the accuracy benchmark's are read, not written.
    if facts.exists():
        bases = json.loads(facts.read_text())["bases"]
    else:
        with open(files[0], "rb") as reads:
            bases = 2 * READ_LENGTH * (sum(1 for _ in reads) // 4)
        if folder.name.startswith("speed_"):
            facts.write_text(json.dumps({"bases": bases}) + "\n")
    return Reads(folder, files, size, depth, bases, genome, simulator)


def random_reads(folder: Path, length: int, depth: float, seed: int) -> Reads:
    """Pairs of a random genome by our own simulator, 0.25 % errors by quality."""
    target = folder / f"speed_random_{length}_{depth:g}x_seed{seed}"
    if not target.exists():
        _simulate(target, [(simulate.random_genome(length, seed), 1.0)], length, depth, seed)
    return _reads(target, f"random, seed {seed}", length, depth, _OURS)


def plain_reads(source: Source, depth: float) -> Reads:
    """The same of the source's genome."""
    genome = source.codes()
    target = source.folder / f"speed_plain_{source.label}_{depth:g}x_seed{source.seed}"
    if not target.exists():
        _simulate(target, [(genome, 1.0)], len(genome), depth, source.seed)
    return _reads(target, source.path.name, len(genome), depth, _OURS)


def patchwork_reads(source: Source, length: int, depth: float) -> Reads:
    """The same of both haplotypes of a `patchwork`, half the depth each."""
    target = source.folder / f"speed_patchwork_{length}_{depth:g}x_seed{source.seed}"
    if not target.exists():
        haplotypes = [(each, 0.5) for each in _haplotypes(source, length)]
        _simulate(target, haplotypes, length, depth, source.seed)
    return _reads(target, f"patchwork, seed {source.seed}", length, depth, _OURS)


def haplotypes_of(source: Source, reads: Reads) -> list[np.ndarray]:
    """What `plain_reads` or `patchwork_reads` are drawn from, uint8 each."""
    if reads.genome == source.path.name:
        return [source.codes()]
    return _haplotypes(source, reads.genome_size)


def _haplotypes(source: Source, length: int) -> list[np.ndarray]:
    genome = patchwork(source.data, length, source.seed)
    return [genome, differing(genome, _HETEROZYGOSITY, source.seed + 1)]


def patchwork(data: Path, length: int, seed: int) -> np.ndarray:
    """A genome with repeats, uint8 (length,): random, but for half of it at most that is copied.

    Three times K-12 and what there is of human chr20, as far as there is room: once as they are,
    and twice with one base in a hundred changed.
    """
    genome = simulate.random_genome(length, seed)
    pieces = [simulate.load_genome(data / name, 0, None) for name in _COPIED] * _COPIES
    slot = length // len(pieces)
    for number, piece in enumerate(pieces):
        own = differing(piece, _COPY_DIFFERS, seed + number) if number >= len(_COPIED) else piece
        own = own[: slot // 2]
        genome[number * slot : number * slot + len(own)] = own
    return genome


def differing(genome: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The same sequence with a share of its bases changed."""
    rng = np.random.default_rng([seed, 31])
    changed = genome.copy()
    at = np.flatnonzero(rng.random(len(genome)) < share)
    changed[at] = (changed[at] + rng.integers(1, 4, len(at))) % 4
    return changed


def _simulate(
    target: Path, haplotypes: list[tuple[np.ndarray, float]], length: int, depth: float, seed: int
) -> None:
    building = _fresh(target)
    batches = max(1, round(length * depth / BATCH_BASES))
    for number in range(batches):
        reads = simulate.simulate_reads(
            None,
            haplotypes=haplotypes,
            depth=depth / batches,
            read_length=READ_LENGTH,
            profile=simulate.QualityProfile(0.0025),
            seed=seed * 10_000 + number,
        )
        parts = [building / f"part{mate}.fastq" for mate in (1, 2)]
        simulate.write_fastq(reads, *parts, prefix=f"b{number}.")
        for mate, part in enumerate(parts, 1):
            with open(part, "rb") as more, open(building / f"R{mate}.fastq", "ab") as out:
                shutil.copyfileobj(more, out, 1 << 22)
            part.unlink()
    building.rename(target)


def interleave(reads: Reads) -> Path:
    """Both files as one, made once."""
    folder = reads.folder if reads.folder.name.startswith("speed_") else reads.folder.parent
    target = folder / "interleaved.fastq"
    if not target.exists():
        interleaved(reads.files, target.with_suffix(".part")).rename(target)
    return target
