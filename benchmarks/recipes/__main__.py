"""What a run hands to an assembler, and with which options.

`dbgclean run` writes three things that an assembler can start from: ``kmers.fa.gz``,
``unitigs.fa`` and ``reads/``. Each goes into BCALM 2, Minia, MEGAHIT and SPAdes, as a user types
it, in the folder of the run: by the recipe, and for k-mers and unitigs with the assembler's
own defaults as well (``plain``), which are made for reads. Raw reads stand beside them.

    python -m benchmarks.recipes --samples phix tb10k k12 --threads 2

Samples: the whole of two real ones (phiX174 and a slice of *M. tuberculosis*, for `--data`), and
a slice of E. coli K-12 from our simulator (2x150, 0.4 % errors by quality). A row says what came
out: contigs, their bases, N50, and how many of their 31-mers the genome does not have, and how
many of the genome's they have. Misassemblies are not looked for. A program that is not
there, or fails, is a row that says so.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.command import RESULTS, Parser, need, record, save
from benchmarks.harness.tools import Tool, call, measured, shown
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12
from dbgclean.reads.reference import read_sequences
from dbgclean.spectrum.whole import count_codes

__all__ = ["RECIPES", "SAMPLES", "Recipe", "contigs_of", "main", "measure", "n50"]

K = 31
_GENOMES = {"phix": "phix174_sample_truth.fa", "tb10k": "tb10k_sample_truth.fa"}
SAMPLES = (*_GENOMES, "k12")


@dataclass(frozen=True)
class Recipe:
    """One command, in the folder of a run.

    Attributes
    ----------
    tool, source
        The assembler, and what it is given: kmers, unitigs, reads, or raw (reads).
    words
        Of the command; ``{1}`` and ``{2}`` are the files of reads, ``{list}`` one that lists both.
    contigs
        Where its contigs are.
    plain
        Whether it leaves the assembler's defaults as they are.
    """

    tool: Tool
    source: str
    words: str
    contigs: str
    plain: bool = False


_BCALM = Tool("BCALM 2", "bcalm", version_words=("-version",))
_MINIA = Tool("Minia", "minia", version_words=("-version",))
_MEGAHIT = Tool("MEGAHIT", "megahit")
_SPADES = Tool("SPAdes", "spades.py")


def _recipes() -> list[Recipe]:
    found = []
    for tool, result in ((_BCALM, "out.unitigs.fa"), (_MINIA, "out.contigs.fa")):
        for source, file in (("kmers", "kmers.fa.gz"), ("unitigs", "unitigs.fa")):
            for least in (" -abundance-min 1", ""):
                words = f"-in {file} -kmer-size 31{least} -out out"
                found.append(Recipe(tool, source, words, result, plain=not least))
        found += [
            Recipe(tool, source, "-in {list} -kmer-size 31 -out out", result)
            for source in ("reads", "raw")
        ]
    for source, file in (("kmers", "kmers.fa.gz"), ("unitigs", "unitigs.fa")):
        result = "out/final.contigs.fa"
        found += [
            Recipe(_MEGAHIT, source, f"-r {file} --min-count 1 -o out", result),
            Recipe(_MEGAHIT, source, f"-r {file} -o out", result, plain=True),
            Recipe(
                _SPADES, source, f"--only-assembler -s {file} -k 21 -o out", "out/contigs.fasta"
            ),
        ]
    for source in ("reads", "raw"):
        words, alone = "-1 {1} -2 {2} -o out", "--only-assembler " if source == "reads" else ""
        found += [
            Recipe(_MEGAHIT, source, words, "out/final.contigs.fa"),
            Recipe(_SPADES, source, alone + words, "out/contigs.fasta"),
        ]
    return found


RECIPES = _recipes()
_THREADS = {"bcalm": "-nb-cores", "minia": "-nb-cores", "megahit": "-t", "spades.py": "-t"}


@dataclass(frozen=True)
class Sample:
    """A run's folder, the raw reads, and the genome's sorted 31-mers."""

    folder: Path
    raw: list[Path]
    truth: np.ndarray


def prepare(name: str, args: Any, folder: Path) -> Sample:
    """Reads, their truth, and a run of them."""
    if name == "k12":
        need(args.data / "genomes" / K12)
        genome = simulate.k12(args.length, data=args.data)
        raw = [folder / f"k12_R{mate}.fastq.gz" for mate in (1, 2)]
        reads = simulate.simulate_reads(genome, depth=args.depth, seed=args.seed)
        simulate.write_fastq(reads, *raw)
        truth = simulate.true_kmers(genome, None, K)
    else:
        raw = [args.data / "reads" / f"{name}_R{mate}.fastq.gz" for mate in (1, 2)]
        path = args.data / "genomes" / _GENOMES[name]
        need(path)
        _, codes, offsets = read_sequences(path)
        if name == "phix":
            # A circle: 30 k-mers span the origin.
            codes = np.concatenate([codes, codes[: K - 1]])
            offsets = np.array([0, len(codes)])
        truth = count_codes(codes, offsets, None, K).keys
    run = folder / name
    words = ["run", *map(str, raw), "-o", str(run), "--no-controls", "-q"]
    call([sys.executable, "-m", "dbgclean", *words, "-t", str(args.threads)])
    return Sample(run, raw, truth)


def n50(lengths: Sequence[int]) -> int:
    """Contigs of this length and longer hold half of all bases; 0 of none."""
    falling = np.sort(np.asarray(lengths, np.int64))[::-1]
    if not falling.size:
        return 0
    return int(falling[np.searchsorted(falling.cumsum(), falling.sum() / 2)])


def contigs_of(path: Path, truth: np.ndarray) -> dict[str, int]:
    """What came out, by length and by 31-mers."""
    if not path.exists() or not path.stat().st_size:
        return {"contigs": 0, "bases": 0, "n50": 0, "false_kmers": 0, "true_kmers": 0}
    _, codes, offsets = read_sequences(path)
    lengths = np.diff(offsets)
    kmers = count_codes(codes, offsets, None, K).keys
    true = int(np.isin(kmers, truth, assume_unique=True).sum())
    return {
        "contigs": len(lengths),
        "bases": int(lengths.sum()),
        "n50": n50(lengths.tolist()),
        "false_kmers": len(kmers) - true,
        "true_kmers": true,
    }


def measure(sample: Sample, recipe: Recipe, threads: int) -> dict[str, Any]:
    """One row: the command, what it took, what came out or what went wrong."""
    reads = sample.raw
    if recipe.source == "reads":
        reads = [sample.folder / "reads" / path.name for path in sample.raw]
    row: dict[str, Any] = {"tool": recipe.tool.name, "source": recipe.source, "plain": recipe.plain}
    with tempfile.TemporaryDirectory() as own:
        place = Path(own)
        for name in ("kmers.fa.gz", "unitigs.fa"):
            (place / name).symlink_to((sample.folder / name).resolve())
        (place / "list").write_text("".join(f"{path.resolve()}\n" for path in reads))
        given = {"1": str(reads[0].resolve()), "2": str(reads[1].resolve())}
        filled = recipe.words.replace("{1}", given["1"]).replace("{2}", given["2"])
        words = [recipe.tool.program, *filled.replace("{list}", "list").split()]
        row["command"] = shown(words)
        words += [_THREADS[recipe.tool.program], str(threads)]
        if missing := recipe.tool.missing():
            return row | {"failed": missing}
        try:
            cost = measured(words, place, recipe.tool.name)
        except RuntimeError as error:
            return row | {"failed": str(error)}
        row |= {"wall": cost.wall, "peak_gb": cost.peak_gb}
        return row | contigs_of(place / recipe.contigs, sample.truth)


def main(argv: Sequence[str] | None = None) -> int:
    """Run every recipe on every sample, print a table, write the JSON."""
    parser = Parser(
        "recipes", __doc__, length=1_000_000, depth=50.0, seed=1, threads=2,
        output=RESULTS / "recipes.json",
    )  # fmt: skip
    parser.several("--samples", SAMPLES)
    parser.several("--sources", ("kmers", "unitigs", "reads", "raw"))
    args = parser.parse_args(argv)
    rows: dict[str, Any] = {}
    for name in args.samples:
        with tempfile.TemporaryDirectory() as own:
            sample = prepare(name, args, Path(own))
            sizes = {
                file: (sample.folder / file).stat().st_size
                for file in ("kmers.fa.gz", "unitigs.fa")
            }
            found = [
                measure(sample, recipe, args.threads)
                for recipe in RECIPES
                if recipe.source in args.sources
            ]
            rows[name] = {"true_kmers": len(sample.truth), "sizes": sizes, "rows": found}
            _print(name, rows[name])
    save(args.output, record(args, [_BCALM, _MINIA, _MEGAHIT, _SPADES], samples=rows))
    return 0


def _print(name: str, sample: dict[str, Any]) -> None:
    print(f"{name}: {sample['true_kmers']:,} true 31-mers, {sample['sizes']}")
    for row in sample["rows"]:
        head = f"  {row['tool']:8} {row['source']:8}{'plain' if row['plain'] else '':6}"
        if "failed" in row:
            print(f"{head}{row['failed'][:90]}")
            continue
        lost = sample["true_kmers"] - row["true_kmers"]
        print(
            f"{head}{row['contigs']:7,} {row['bases']:11,} N50 {row['n50']:9,} "
            f"false {row['false_kmers']:7,} lost {lost:9,} {row['wall']:6.1f} s"
        )


if __name__ == "__main__":
    raise SystemExit(main())
