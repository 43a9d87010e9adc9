"""`dbgclean inspect` on what looks like a repeat and is none, and on what is one.

    python -m benchmarks.inspect.repeats --seeds 1 2 3

*clusters*: a diploid genome with heterozygous haplotypes of 3 to 6 SNVs within 100 bases, 100
of them; all are variants. *repeats*: a genome that holds stretches of 2 kb twice, the second
copy with 2 to 5 % of its bases changed, mapped to a reference that has the first copy alone:
the differences are no variants of this place. ART draws the reads (Huang et al. 2012,
doi:10.1093/bioinformatics/btr708), bwa mem maps them. The genomes are slices of E. coli K-12
and of human chromosome 20, whose 1.1 Mb are mapped to as a whole. Results go to ``-o``
as JSON.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.command import RESULTS, Parser, record, save
from benchmarks.inspect.samples import CONTIG, Allele, draw_genome, haplotype, map_pairs
from benchmarks.simulators import simulate
from benchmarks.simulators.instruments import art

KINDS = ("clusters", "repeats")
HUMAN = "hg19_chr20_9995001-11095000.fa.gz"
_SPACING, _SPAN, _MARGIN = 500, 100, 500
_REPEAT, _REPEATS, _APART = 2000, 12, 5000
_SPACER = 600


def draw_clusters(
    genome: np.ndarray, number: int, rng: np.random.Generator, first: int = _MARGIN
) -> list[Allele]:
    """Heterozygous haplotypes of 3 to 6 SNVs within 100 bases, every 500 bases from ``first``."""
    alleles = []
    for start in range(first, first + number * _SPACING, _SPACING):
        places = rng.choice(_SPAN, int(rng.integers(3, 7)), replace=False) + start
        alleles += _changed(genome, np.sort(places), rng)
    return alleles


def draw_copy(
    genome: np.ndarray, start: int, size: int, share: float, rng: np.random.Generator
) -> list[Allele]:
    """Substitutions in ``share`` of the bases of a stretch: what its other copy differs in."""
    changed = np.flatnonzero(rng.random(size) < share) + start
    return _changed(genome, changed, rng)


def _changed(genome: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> list[Allele]:
    alts = (genome[places] + rng.integers(1, 4, len(places))) % 4
    letters = zip(simulate.decode(genome[places]), simulate.decode(alts), strict=True)
    return [
        Allele(place, ref, alt, 0.5)
        for place, (ref, alt) in zip(places.tolist(), letters, strict=True)
    ]


def second_copies(
    genome: np.ndarray, copies: Sequence[tuple[int, int, list[Allele]]], rng: np.random.Generator
) -> np.ndarray:
    """The other copies of some stretches, each between bases that stand nowhere else.

    ``copies``: start, size, and what the other copy differs in.
    """
    parts = []
    for start, size, alleles in copies:
        parts.append(rng.integers(0, 4, _SPACER).astype(np.uint8))
        whole, _ = haplotype(genome[: start + size], alleles)
        parts.append(whole[start:])
    return np.concatenate([*parts, rng.integers(0, 4, _SPACER).astype(np.uint8)])


def molecules(
    kind: str, genome: np.ndarray, seed: int, number: int
) -> tuple[list[tuple[np.ndarray, float]], list[Allele]]:
    """Sequences with their share of the depth, and the alleles that reads will show."""
    rng = np.random.default_rng([seed, 731, KINDS.index(kind)])
    if kind == "clusters":
        alleles = draw_clusters(genome, number, rng)
        return [(haplotype(genome, alleles)[0], 0.5), (genome, 0.5)], alleles
    copies = []
    for i in range(_REPEATS):
        start = _MARGIN + i * _APART
        share = (0.02, 0.03, 0.04, 0.05)[i % 4]
        copies.append((start, _REPEAT, draw_copy(genome, start, _REPEAT, share, rng)))
    other = second_copies(genome, copies, rng)
    return [(genome, 1.0), (other, 1.0)], [allele for copy in copies for allele in copy[2]]


def load_slice(args: argparse.Namespace, name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bases that alleles are put in, and the reference as a whole; the first begin the second."""
    if name == "human":
        whole = simulate.load_genome(args.data / "human" / HUMAN, 0, None)
        start = 100_000 + 70_000 * seed
        # The slice stands first, so that places are the same in both.
        return whole[start : start + args.length], np.concatenate(
            [whole[start:], whole[:start]]
        ).astype(np.uint8)
    genome, _ = draw_genome(args.data, args.length, seed)
    return genome, genome


def run(args: argparse.Namespace, kind: str, name: str, seed: int, work: Path) -> dict[str, Any]:
    """One sample: what `dbgclean inspect` takes its alleles for."""
    genome, reference = load_slice(args, name, seed)
    parts, alleles = molecules(kind, genome, seed, args.clusters)
    folder = work / f"{kind}-{name}-{seed}"
    if not (folder / "sample.bam.bai").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        simulate.write_fasta(folder / "genome.fa", [(CONTIG, reference)])
        files = [folder / f"R{mate}.fastq" for mate in (1, 2)]
        for i, (bases, share) in enumerate(parts):
            reads, _ = art(
                bases, depth=args.depth * share, seed=1000 * seed + i,
                read_length=args.read_length, system="HS25" if args.read_length > 100 else "HS20",
            )  # fmt: skip
            own = [folder / f"part{i}_{mate}.fastq" for mate in (1, 2)]
            simulate.write_fastq(reads, *own)
            for source, target in zip(own, files, strict=True):
                with open(target, "a") as out:
                    # Molecules of two parts must not share a name.
                    for row, line in enumerate(source.read_text().splitlines()):
                        out.write(f"@p{i}{line[1:]}\n" if row % 4 == 0 else line + "\n")
                source.unlink()
        map_pairs(folder / "genome.fa", files, folder / "sample.bam", args.threads)
        for path in files:
            path.unlink()
    out = folder / "inspected"
    command = [
        sys.executable, "-m", "dbgclean", "inspect", folder / "sample.bam",
        "-r", f"{CONTIG}:1-{len(genome)}", "--reference", folder / "genome.fa", "-o", out,
        "--force", "-q", "-t", args.threads, *args.options,
    ]  # fmt: skip
    subprocess.run([str(word) for word in command], check=True)
    return count_classes(out / "alleles.tsv.gz", alleles) | {
        "kind": kind, "genome": name, "seed": seed,
    }  # fmt: skip


def count_classes(table: Path, alleles: Sequence[Allele]) -> dict[str, Any]:
    """Of the alleles by class, and of other SNVs the variants; the first that went wrong."""
    wanted = {(one.position + 1, one.ref, one.alt) for one in alleles}
    found: dict[tuple[int, str, str], dict[str, str]] = {}
    outside = 0
    with gzip.open(table, "rt") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            key = (int(row["position"]), row["ref"], row["alt"])
            if key in wanted:
                found[key] = row
            elif row["class"] == "variant":
                outside += 1
    classes = Counter(row["class"] for row in found.values())
    classes["missing"] = len(wanted) - len(found)
    share = {name: round(n / len(wanted), 4) for name, n in sorted(classes.items())}
    return {"alleles": len(wanted), "classes": dict(classes), "share": share, "outside": outside}


def _parser() -> Parser:
    parser = Parser(
        "inspect.repeats", __doc__, seeds=[1], depth=45.0, length=60_000, threads=2, folder=None,
        output=RESULTS / "inspect_repeats.json", options=[],
    )  # fmt: skip
    parser.several("--kinds", KINDS)
    parser.several("--genomes", ("human", "k12"))
    parser.add_argument("--clusters", type=int, default=100, help="haplotypes")
    parser.add_argument("--read-length", type=int, choices=(100, 150), default=100)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    args = _parser().parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        work = (args.folder or Path(folder)).resolve()
        for kind in args.kinds:
            for name in args.genomes:
                for seed in args.seeds:
                    rows.append(run(args, kind, name, seed, work))
                    print(json.dumps(rows[-1]), flush=True)
    save(args.output, record(args, rows=rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
