"""Shallow, uneven and mixed samples: what the reads and the k-mer set keep, member by member.

Every set runs through `dbgclean run -k 31`; counted are, for the corrected reads and for
``kmers.fa.gz``, the true 31-mers of the raw reads that are gone (in all and for each member
of a mix) and the false ones that are left. Reads are ART's HiSeq 2500 pairs of 150 bases,
unless a set is real or the genome itself.

    python -m benchmarks.accuracy.depths [--sets strands three ...] [--seed 1]

- ``k12_15x``: E. coli K-12 whole at 15x.
- ``three``: 500 kb each of three genomes, at 50x, 10x and 3x.
- ``strands``: homologous 500 kb of K-12 and of O157:H7, at 50x and 3x.
- ``tb_150``: the first 150 real pairs of a 10 kb slice of M. tuberculosis, about 2x.
- ``tb_tenth``: every tenth pair of it, about 12x.
- ``genome``: 100 kb of K-12 as one read of FASTA.
- ``k12_slice_15x``: 500 kb of K-12 at 15x, for a quick look.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.command import RESULTS, Parser, record, save
from benchmarks.harness.ours import K, count_files
from benchmarks.harness.tools import find
from benchmarks.simulators import simulate
from benchmarks.simulators.instruments import art_files
from benchmarks.simulators.truth import K12, O157
from dbgclean.pipeline.full import full_run
from dbgclean.pipeline.options import Options
from dbgclean.reads.reference import read_sequences
from dbgclean.report import truth_cost
from dbgclean.spectrum.formats import read_kmer_fasta
from dbgclean.spectrum.membership import rows_among
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.whole import count_codes

__all__ = ["SETS", "main", "measure"]


@dataclass(frozen=True)
class Member:
    """A stretch of a genome and how deep it is sequenced (0: given as a read itself)."""

    name: str
    file: str
    start: int
    length: int | None
    depth: float


@dataclass(frozen=True)
class Real:
    """Real pairs: every ``step``-th of the first ``pairs``."""

    stem: str
    truth: str
    pairs: int
    step: int = 1


SETS: dict[str, list[Member] | Real] = {
    "k12_15x": [Member("k12", K12, 0, None, 15)],
    "k12_slice_15x": [Member("k12", K12, 1_000_000, 500_000, 15)],
    "three": [
        Member("deep", K12, 1_000_000, 500_000, 50),
        Member("middle", O157, 4_800_000, 500_000, 10),
        Member("shallow", K12, 3_000_000, 500_000, 3),
    ],
    "strands": [
        Member("deep", K12, 2_500_000, 500_000, 50),
        Member("shallow", O157, 992_000, 500_000, 3),
    ],
    "tb_150": Real("tb10k", "tb10k_sample_truth.fa", 150),
    "tb_tenth": Real("tb10k", "tb10k_sample_truth.fa", 10_000_000, 10),
    "genome": [Member("k12", K12, 1_000_000, 100_000, 0)],
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sets and print a line for each."""
    parser = Parser(
        "accuracy.depths", __doc__, corrector="auto", seed=1, threads=2,
        output=RESULTS / "depths.json",
    )  # fmt: skip
    parser.several("--sets", SETS)
    args = parser.parse_args(argv)
    sets: dict[str, Any] = {}
    for name in args.sets:
        kind = SETS[name]
        simulated = isinstance(kind, list) and any(member.depth for member in kind)
        if simulated and not find("art_illumina"):
            print(f"{name}: skipped, art_illumina is not on the PATH")
            continue
        with tempfile.TemporaryDirectory() as folder:
            reads, truths = draw(kind, args.data, Path(folder), args.seed)
            sets[name] = measure(reads, truths, Path(folder), args.corrector, args.threads)
        print(name, json.dumps(sets[name]), flush=True)
        save(args.output, record(args, sets=sets))
    return 0


def draw(
    kind: list[Member] | Real, data: Path, folder: Path, seed: int
) -> tuple[list[Path], dict[str, Path]]:
    """Read files of a set, and the FASTA of each member's truth."""
    if isinstance(kind, Real):
        reads = [folder / f"R{mate}.fastq" for mate in (1, 2)]
        for mate, path in enumerate(reads, 1):
            with gzip.open(data / "reads" / f"{kind.stem}_R{mate}.fastq.gz", "rt") as lines:
                records = [list(islice(lines, 4)) for _ in range(kind.pairs)]
            path.write_text("".join(line for record in records[:: kind.step] for line in record))
        return reads, {kind.stem: data / "genomes" / kind.truth}
    truths, drawn = {}, []
    for number, member in enumerate(kind):
        genome = simulate.load_genome(data / "genomes" / member.file, member.start, member.length)
        truths[member.name] = folder / f"{member.name}.fa"
        simulate.write_fasta(truths[member.name], [(member.name, genome)])
        if member.depth:
            drawn.append(art_files(genome, folder, member.depth, seed + number, member.name))
    if len(drawn) < len(kind):
        return list(truths.values()), truths
    reads = [folder / f"R{mate}.fastq" for mate in (1, 2)]
    for path, parts in zip(reads, zip(*drawn, strict=True), strict=True):
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return reads, truths


def measure(
    reads: list[Path], truths: dict[str, Path], folder: Path, corrector: str, threads: int
) -> dict[str, Any]:
    """Run, and score what came out against the members' genomes."""
    begun = time.perf_counter()
    options = Options(corrector=corrector, threads=threads)
    report = full_run([str(path) for path in reads], str(folder / "out"), options, controls=False)
    seconds = time.perf_counter() - begun
    raw = count_files(reads, threads)
    tables = {
        "reads": count_files([folder / "out" / "reads" / path.name for path in reads], threads),
        "kmers": read_kmer_fasta(folder / "out" / "kmers.fa.gz"),
    }
    members = {name: _kmers_of(path) for name, path in truths.items()}
    true = np.unique(np.concatenate(list(members.values())))
    scores: dict[str, Any] = {
        "true": len(true),
        "shown": _count(raw, true),
        "fitted": report["spectrum"]["fit"]["fitted"],
        "bases_masked": report["corrections"]["bases_masked"],
        "bases_changed": report["corrections"]["bases_changed"],
        "verdict": report.get("verdict"),
        "seconds": round(seconds, 1),
    }
    for what, table in tables.items():
        cost = truth_cost(
            true, table.keys, table.counts, raw_keys=raw.keys, raw_counts=raw.counts
        ).to_dict()
        scores[what] = {
            **{key: cost[key] for key in ("true_kmers_lost", "false_kmers_left")},
            "members": {
                name: round(_count(table, keys) / len(keys), 4) for name, keys in members.items()
            },
        }
    return scores


def _kmers_of(path: Path) -> np.ndarray:
    """Canonical 31-mers of a FASTA, uint64, sorted."""
    _, codes, offsets = read_sequences(str(path))
    return count_codes(codes, offsets, None, K).keys


def _count(table: KmerTable, keys: np.ndarray) -> int:
    """How many of ``keys`` a table holds."""
    return int(np.count_nonzero(rows_among(keys, table.keys) >= 0))


if __name__ == "__main__":
    raise SystemExit(main())
