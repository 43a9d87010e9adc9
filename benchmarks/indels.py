"""Low-frequency insertions and deletions: how many are kept, with how many false k-mers.

A second haplotype of a slice of E. coli K-12 carries an insertion or deletion of 1 to 3
bases every 800 bases; one read in a thousand has an indel error. For each fraction:
indels of which the raw reads show the median k-mer twice or more; of those, indels kept
(nine tenths of the k-mers that the raw reads have) where gaps are pooled and judged, and
where each read's are closed and opened as its path has it; false 31-mers left.

    python benchmarks/indels.py --length 40000 --depth 200 --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import simulate
from dbgclean.correct.rewrite import Rewriter
from dbgclean.log import Progress
from dbgclean.pipeline.passes import Column, Options, count, judge, open_run, rewrite
from dbgclean.spectrum.table import KmerTable

K12 = "ecoli_K12_MG1655_NC_000913.3.fna.gz"
K = 31
SPACING, LONGEST = 800, 3


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--length", type=int, default=40_000)
    parser.add_argument("--depth", type=float, default=200)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.1, 0.05, 0.02, 0.01])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--corrector", default="likelihood")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args(argv)


def second_haplotype(genome: np.ndarray, seed: int) -> np.ndarray:
    """The genome with an insertion or a deletion about every 800 bases."""
    rng = np.random.default_rng([seed, 105])
    pieces, last = [], 0
    for place in range(SPACING, len(genome) - SPACING, SPACING):
        at, size = place + int(rng.integers(-100, 100)), int(rng.integers(1, LONGEST + 1))
        pieces.append(genome[last:at])
        last = at
        if rng.random() < 0.5:
            last += size
        else:
            pieces.append(rng.integers(0, 4, size).astype(np.uint8))
    return np.concatenate([*pieces, genome[last:]])


def own_kmers(other: np.ndarray, genome: np.ndarray) -> list[np.ndarray]:
    """Canonical k-mers over each indel that the genome does not have."""
    kmers = simulate.canonical_kmers(simulate.pack_kmers(other, K), K)
    own = np.flatnonzero(~np.isin(kmers, simulate.true_kmers(genome, None, K)))
    return [kmers[run] for run in np.split(own, np.flatnonzero(np.diff(own) > 1) + 1)]


def kept(indels: list[np.ndarray], raw: KmerTable, table: KmerTable) -> int:
    """Indels shown by the raw reads of which the corrected reads hold nine tenths."""
    total = 0
    for kmers in indels:
        before = raw.abundance(kmers)
        shown = before > 0
        if np.median(before) >= 2:
            total += (table.abundance(kmers[shown]) > 0).mean() >= 0.9
    return int(total)


def one(args: argparse.Namespace, fraction: float, seed: int) -> dict:
    """Simulate, correct with and without judging gaps, score."""
    genome = simulate.load_genome(args.data / "genomes" / K12, 1_000_000, args.length)
    other = second_haplotype(genome, seed)
    reads = simulate.simulate_reads(
        None,
        haplotypes=[(genome, 1 - fraction), (other, fraction)],
        depth=args.depth,
        artefacts=simulate.Artefacts(indels=0.001),
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"r{mate}.fastq") for mate in (1, 2)]
        simulate.write_fastq(reads, *paths)
        options = Options(corrector=args.corrector)
        inputs = open_run(paths, options, Progress(quiet=True), graph=True)
        judged = judge(count(inputs), [args.corrector])
        pooled = judged.chosen
        assert pooled.verdicts is not None
        assert judged.evidence is not None
        only = pooled.verdicts.kept.copy()
        only[judged.evidence.alternatives.gaps] = False
        rewriter = Rewriter(judged.evidence, only)
        by_path = Column("by_path", pooled.corrector, rewriter=rewriter)
        columns = {args.corrector: pooled, "by_path": by_path}
        run = rewrite(replace(judged, columns=columns), lambda group, batch: None)
    indels = own_kmers(other, genome)
    true = simulate.true_kmers([genome, other], None, K)
    result = {
        "fraction": fraction,
        "seed": seed,
        "shown": sum(int(np.median(run.raw.abundance(kmers)) >= 2) for kmers in indels),
    }
    for name, column in (("judged", run.chosen), ("by_path", run.columns["by_path"])):
        result[name] = {
            "kept": kept(indels, run.raw, column.table),
            "false_kmers_left": int((~np.isin(column.table.keys, true)).sum()),
        }
    return result


def main(argv: list[str] | None = None) -> None:
    """Run and print a line per sample."""
    args = parse(argv)
    results = []
    for fraction in args.fractions:
        for seed in args.seeds:
            results.append(one(args, fraction, seed))
            print(json.dumps(results[-1]), flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
