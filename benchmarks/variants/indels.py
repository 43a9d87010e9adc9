"""Low-frequency insertions and deletions: how many are kept, with how many false k-mers.

A second haplotype of a slice of E. coli K-12 carries an insertion or deletion of 1 to 3
bases every 800 bases; one read in a thousand has an indel error. For each fraction:
indels of which the raw reads show the median k-mer twice or more; of those, indels kept
(nine tenths of the k-mers that the raw reads have) where gaps are pooled and judged, and
where each read's are closed and opened as its path has it; false 31-mers left.

    python -m benchmarks.variants.indels --length 40000 --depth 200 --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness.command import Parser, need, record, save
from benchmarks.harness.ours import K, judged, rewritten
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12
from dbgclean.correct.rewrite import Rewriter
from dbgclean.pipeline.passes import Column
from dbgclean.spectrum.table import KmerTable

SPACING, LONGEST = 800, 3


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
    genome = simulate.k12(args.length, data=args.data)
    other = second_haplotype(genome, seed)
    reads = simulate.simulate_reads(
        None,
        haplotypes=[(genome, 1 - fraction), (other, fraction)],
        depth=args.depth,
        artefacts=simulate.Artefacts(indels=0.001),
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        found = judged(simulate.write_pairs(reads, Path(folder)), [args.corrector], graph=True)
        pooled = found.chosen
        assert pooled.verdicts is not None
        assert found.evidence is not None
        only = pooled.verdicts.kept.copy()
        only[found.evidence.alternatives.gaps] = False
        rewriter = Rewriter(found.evidence, only)
        by_path = Column("by_path", pooled.corrector, rewriter=rewriter)
        columns = {args.corrector: pooled, "by_path": by_path}
        run = rewritten(replace(found, columns=columns))
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


def main(argv: list[str] | None = None) -> int:
    """Run and print a line per sample."""
    parser = Parser(
        "variants.indels", __doc__, length=40_000, depth=200.0, fractions=[0.1, 0.05, 0.02, 0.01],
        seeds=[1], corrector="likelihood", output=None,
    )  # fmt: skip
    args = parser.parse_args(argv)
    need(args.data / "genomes" / K12)
    results = []
    for fraction in args.fractions:
        for seed in args.seeds:
            results.append(one(args, fraction, seed))
            print(json.dumps(results[-1]), flush=True)
    save(args.output, record(args, runs=results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
