"""What an assembler makes of raw and of corrected reads.

Every sample is assembled by MEGAHIT and SPAdes from the raw reads and from what each
corrector makes of them; QUAST compares the contigs with the genomes. SPAdes never runs its
own corrector in the assembly: BayesHammer is a corrector among the others, and its row is what
`spades.py` does by default, in two steps that are measured apart.

    python -m benchmarks.assembly --samples haploid --seeds 1

- ``haploid``: E. coli K-12, ART's HiSeq 2500, 2x150, 50x.
- ``diploid``: the same stretch and depth by our simulator, a heterozygous SNV every kilobase.
- ``2x250``: ART's MiSeq v3, 50x.
- ``15x``: dwgsim.
- ``metagenome``: K-12 at 50x, M. xanthus at 20x and O157:H7 at 8x, each half as long; ART.

Rows that the ``-o`` file has already stay, and what is run again replaces its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.assembly import tools
from benchmarks.assembly.samples import DESIGNS, Sample, draw
from benchmarks.assembly.table import bars, markdown, summarise
from benchmarks.harness.command import Parser, need, record, samples_folder, save

__all__ = ["assemble", "main"]


def assemble(
    sample: Sample, reads: str, assemblers: Sequence[str], folder: Path, threads: int
) -> list[dict[str, Any]]:
    """Correct a sample, assemble and compare: a row for each assembler.

    A program that is not there, or fails, is a row that says so.
    """
    heads = [{**sample.facts, "reads": reads, "assembler": assembler} for assembler in assemblers]
    try:
        files, correction = tools.correct(sample, reads, folder, threads)
    except RuntimeError as error:
        return [{**head, "skipped": str(error)} for head in heads]
    rows, contigs = [], {}
    for head in heads:
        name = head["assembler"]
        assembler = tools.ASSEMBLERS[name]
        mixture = len(sample.design.members) > 1
        try:
            contigs[name], took = assembler.assemble(files, folder, mixture, threads)
        except RuntimeError as error:
            rows.append({**head, "skipped": str(error)})
            continue
        rows.append({**head, "correction": correction, "assembly": took})
    # QUAST leaves out what has no contig of 500 bases, and fails where nothing has one.
    none = {"skipped": "no contig of 500 bases"}
    try:
        figures = tools.quast(sample, contigs, folder / "quast", threads) if contigs else {}
    except RuntimeError as error:
        figures, none = {}, {"skipped": str(error)}
    return [row if "skipped" in row else row | figures.get(row["assembler"], none) for row in rows]


def _merged(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of both, in the order of `DESIGNS` and by seed; a new one stands for an old one."""

    def key(row: dict[str, Any]) -> tuple:
        place = list(DESIGNS).index(row["sample"]), row["length"], row["seed"]
        reads = list(tools.CORRECTORS).index(row["reads"])
        return (*place, row["assembler"], reads)

    rows = {key(row): row for row in [*old, *new]}
    return [rows[at] for at in sorted(rows)]


def _write(path: Path, told: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Put rows among those of the file; commands and versions of all its pieces are in it."""
    old = json.loads(path.read_text()) if path.exists() else {}
    rows = _merged(old.get("rows", []), rows)
    told = {
        "commands": list(dict.fromkeys([*old.get("commands", []), told["command"]])),
        "versions": old.get("versions", {}) | told["versions"],
        "machine": told["machine"],
    }
    save(path, {**told, "summary": summarise(rows), "bars": bars(rows), "rows": rows})


def show(row: dict[str, Any]) -> None:
    """One line for a row."""
    head = f"{row['sample']:10s} seed {row['seed']} {row['reads']:11s} {row['assembler']:7s}"
    if "skipped" in row:
        print(f"{head} skipped: {row['skipped']}", flush=True)
        return
    seconds = [(row[step] or {}).get("cpu_seconds", 0) for step in ("correction", "assembly")]
    print(
        f"{head} NGA50 {row['nga50']:,}  misassemblies {row['misassemblies']}  mismatches "
        f"{row['mismatches']}  indels {row['indels_per_100kb']}  "
        f"genome {row['genome_fraction']} %  CPU {seconds[0]} + {seconds[1]} s",
        flush=True,
    )


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = Parser(
        "assembly", __doc__, seeds=[1, 2], length=200_000, threads=2, output=None, plot=None,
        folder=samples_folder("assembly"),
    )  # fmt: skip
    parser.several("--samples", DESIGNS)
    parser.several("--reads", tools.CORRECTORS)
    parser.several("--assemblers", tools.ASSEMBLERS)
    parser.add_argument("--table", action="store_true", help="only show what the -o file holds")
    return parser.parse_args(argv)


def _run(args: argparse.Namespace) -> None:
    assemblers = [tools.ASSEMBLERS[name] for name in args.assemblers]
    peers = [peer for name in args.reads if (peer := tools.CORRECTORS[name])]
    told = record(args, [*assemblers, *peers, tools.QUAST])
    for seed in args.seeds:
        for name in args.samples:
            if missing := DESIGNS[name].missing():
                print(f"{name}: skipped, {missing}")
                continue
            folder = args.folder.resolve() / f"{name}_{args.length}_seed{seed}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            sample = draw(name, args.length, seed, args.data, folder)
            for reads in args.reads:
                rows = assemble(sample, reads, args.assemblers, folder / reads, args.threads)
                for row in rows:
                    show(row)
                # Written as it goes: a long series may be stopped at any time.
                if args.output:
                    _write(args.output, told, rows)


def main(argv: list[str] | None = None) -> int:
    """Run the pieces asked for, print a line for each, then the table and the bars."""
    args = parse(argv)
    if not args.table:
        if missing := tools.QUAST.missing():
            msg = f"{missing}: pip install quast"
            raise SystemExit(msg)
        for name in args.samples:
            for member in DESIGNS[name].members:
                need(args.data / member.file)
        _run(args)
    if args.output and args.output.exists():
        rows = json.loads(args.output.read_text())["rows"]
        print(markdown(rows), *(f"{key}: {value}" for key, value in bars(rows).items()), sep="\n")
        if args.plot:
            from benchmarks.assembly.plots import plot_assembly

            plot_assembly(summarise(rows), args.plot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
