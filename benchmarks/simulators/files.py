"""Simulated reads leave: as FASTQ files, as the package's batches, with their genome and sites."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.simulators.kernels import format_fastq
from benchmarks.simulators.truth import Sites, decode

if TYPE_CHECKING:
    from benchmarks.simulators.simulate import SimulatedReads
    from dbgclean.reads import ReadBatch

__all__ = ["to_batches", "write_fasta", "write_fastq", "write_pairs", "write_sites"]


def to_batches(reads: "SimulatedReads", batch_reads: int = 50_000) -> Iterator["ReadBatch"]:
    """Hand the reads over as the package's own batches, without writing a file."""
    from dbgclean.reads import ReadBatch

    letters = np.frombuffer(b"ACGTN", np.uint8)
    length = reads.codes.shape[1]
    batch_reads += batch_reads % 2
    mates = 2 if reads.paired else 1
    for first in range(0, len(reads), batch_reads):
        codes = reads.codes[first : first + batch_reads]
        names = [f"sim.{first + row >> (mates - 1)}" for row in range(len(codes))]
        if reads.paired:
            names = [f"{name}/{1 + row % 2}" for row, name in enumerate(names)]
        yield ReadBatch(
            bases=letters[codes].ravel(),
            codes=codes.ravel(),
            quals=reads.quals[first : first + batch_reads].ravel(),
            offsets=np.arange(len(codes) + 1, dtype=np.int64) * length,
            names=names,
            first_read=first,
            paired=reads.paired,
        )


def write_fastq(
    reads: "SimulatedReads",
    path: str | Path,
    path2: str | Path | None = None,
    *,
    prefix: str = "sim.",
    level: int = 1,
) -> None:
    """Write the reads as FASTQ; gzip (without a time stamp) where a name ends in ``.gz``.

    Paired reads go to two files, or interleaved to one where ``path2`` is None. Names are
    ``sim.NUMBER/1`` and ``/2`` (``sim.NUMBER`` for single reads), numbered from 0.
    """
    if not reads.paired:
        jobs = [(path, 0, 1, "")]
    elif path2 is None:
        jobs = [(path, -1, 2, "")]
    else:
        jobs = [(path, 0, 2, "/1"), (path2, 1, 2, "/2")]
    for target, mate, step, suffix in jobs:
        with open(target, "wb") as raw:
            # No name and no time in the header: the same reads give the same bytes.
            zipped = gzip.GzipFile("", "wb", level, raw, mtime=0) if _is_gz(target) else None
            out = zipped or raw
            for first in range(0, len(reads), 100_000):
                _write_rows(reads, first, mate, step, prefix, suffix, out.write)
            if zipped:
                zipped.close()


def write_pairs(reads: "SimulatedReads", folder: Path) -> list[Path]:
    """Write paired reads as ``R1.fastq`` and ``R2.fastq`` in a folder; their paths."""
    paths = [folder / f"R{mate}.fastq" for mate in (1, 2)]
    write_fastq(reads, *paths)
    return paths


def _is_gz(path: str | Path) -> bool:
    return str(path).endswith(".gz")


def _write_rows(
    reads: "SimulatedReads",
    first: int,
    mate: int,
    step: int,
    prefix: str,
    suffix: str,
    write: Callable[[bytes], object],
) -> None:
    rows = slice(first, first + 100_000)
    codes, quals = reads.codes[rows], reads.quals[rows]
    room = codes.size * 2 + len(codes) * (len(prefix) + 30)
    out = np.empty(room, np.uint8)
    suffixes = [suffix, suffix] if mate >= 0 else ["/1", "/2"]
    tails = np.frombuffer("".join(suffixes).encode().ljust(4), np.uint8).reshape(2, 2)
    width = 2 if suffixes[0] else 0
    head = np.frombuffer(prefix.encode(), np.uint8)
    end = format_fastq(codes, quals, (first, mate, step), head, tails, width, out)
    write(out[:end].tobytes())


def write_fasta(path: str | Path, records: Sequence[tuple[str, np.ndarray]]) -> None:
    """Write named 2-bit sequences as FASTA, 80 bases a line."""
    with open(path, "w", encoding="ascii", newline="\n") as out:
        for name, codes in records:
            letters = decode(codes)
            out.write(f">{name}\n")
            for start in range(0, len(letters), 80):
                out.write(letters[start : start + 80] + "\n")


def write_sites(path: str | Path, sites: Sites) -> None:
    """Write sites as a table: 1-based position, reference base, alternative base, fraction."""
    columns = zip(
        (sites.position + 1).tolist(),
        decode(sites.ref),
        decode(sites.alt),
        sites.fraction.tolist(),
        strict=True,
    )
    lines = ["position\tref\talt\tfraction"]
    lines += ["\t".join(str(value) for value in row) for row in columns]
    Path(path).write_text("\n".join(lines) + "\n", encoding="ascii")
