"""Other people's simulators in our form: ART's and dwgsim's reads with their truth.

Neither knows of alleles: several haplotypes are read one after another, each at its share of
the depth (`read_each`), and errors of one strand are put on top (`inject_systematic`).
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.harness.tools import call
from benchmarks.simulators import simulate
from benchmarks.simulators.simulate import INDEL, SimulatedReads, Systematic

__all__ = ["art", "art_files", "art_words", "dwgsim", "inject_systematic", "read_art", "read_each"]

_ARRAYS = ("codes", "quals", "truth", "position", "reverse", "kind")
# Qualities of the systematic errors that a sequencer flags, from and below.
_LOW = (5, 15)


def art_words(depth: float, seed: int, read_length: int = 150, system: str = "HS25") -> list[str]:
    """ART's command for pairs of 350 +- 50 bases, but for its files."""
    words = f"-ss {system} -l {read_length} -p -m 350 -s 50 -f {depth:g} -rs {seed} -q"
    return ["art_illumina", *words.split()]


def art_files(
    genome: np.ndarray,
    folder: Path,
    depth: float,
    seed: int,
    name: str = "genome",
    *,
    read_length: int = 150,
    system: str = "HS25",
) -> list[Path]:
    """ART's pairs alone, as two FASTQ files in ``folder``.

    The truth is not asked for: writing it is most of what ART does. Reads are called
    ``NAME-NUMBER/MATE``.
    """
    simulate.write_fasta(folder / f"{name}.fa", [(name, genome)])
    words = art_words(depth, seed, read_length, system)
    call([*words, "-na", "-i", f"{name}.fa", "-o", f"{name}_"], folder)
    return [folder / f"{name}_{mate}.fq" for mate in (1, 2)]


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
        command = [*art_words(depth, seed, read_length, system), "-i", "genome.fa", "-o", "art_"]
        call(command, folder)
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
        call(command, folder)
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


def read_each(
    draw: Callable[..., tuple[SimulatedReads, str]],
    parts: Iterable[tuple[np.ndarray, float, Systematic | None]],
    depth: float,
    seed: int,
) -> tuple[SimulatedReads, list[str]]:
    """Reads of several haplotypes by one simulator, and the commands that drew them.

    Parameters
    ----------
    parts
        Sequence, share of the depth, and sites that err besides. Haplotype i is drawn with
        seed ``seed + i``; one without a share is passed over.
    """
    drawn, commands, numbers = [], [], []
    for number, (sequence, share, systematic) in enumerate(parts):
        if share <= 0:
            continue
        reads, command = draw(sequence, depth=depth * share, seed=seed + number)
        if systematic is not None:
            reads = inject_systematic(reads, systematic, seed + number)
        numbers.append(np.full(len(reads), len(drawn), np.int16))
        drawn.append(reads)
        commands.append(command)
    joined = {name: np.concatenate([getattr(part, name) for part in drawn]) for name in _ARRAYS}
    return replace(drawn[0], **joined, haplotype=np.concatenate(numbers)), commands


def inject_systematic(reads: SimulatedReads, systematic: Systematic, seed: int) -> SimulatedReads:
    """Let reads of one strand err at the given sites, whoever drew them.

    ``low_share`` of these errors get a quality of 5 to 14, the others keep the quality
    that the simulator gave the base. Reads with indels are left as they are.
    """
    rng = np.random.default_rng([seed, 112])
    codes, quals = reads.codes.copy(), reads.quals.copy()
    length = codes.shape[1]
    usable = np.flatnonzero((reads.kind & INDEL) == 0)
    order = usable[np.argsort(reads.position[usable], kind="stable")]
    position = reads.position[order]
    low = np.searchsorted(position, systematic.position - length + 1)
    high = np.searchsorted(position, systematic.position, side="right")
    for site in range(len(systematic)):
        rows = order[low[site] : high[site]]
        rows = rows[reads.reverse[rows] == systematic.reverse[site]]
        rows = rows[rng.random(len(rows)) < systematic.rate[site]]
        offset = systematic.position[site] - reads.position[rows]
        turned = bool(systematic.reverse[site])
        column = length - 1 - offset if turned else offset
        codes[rows, column] = 3 - systematic.alt[site] if turned else systematic.alt[site]
        flagged = rng.random(len(rows)) < systematic.low_share
        drawn = rng.integers(*_LOW, len(rows))
        quals[rows[flagged], column[flagged]] = drawn[flagged]
    return replace(reads, codes=codes, quals=quals)
