"""Heterozygosity and genome size from the spectrum alone, against simulated diploids.

Two haplotypes of a slice of E. coli K-12, which differ in bases drawn evenly, each at half of the
depth (2x150, 0.4 % errors by quality); 31-mers are counted and fitted. Besides, what is no
diploid: two strains 60:40 and 70:30, three haplotypes and four alike, a genome of which a fifth
stands twice. Whether the fit says *not determined* there is what counts.

    python -m benchmarks.accuracy.heterozygosity --length 300000 --depths 10 20 40 80

GenomeScope 2.0 was not run: it is neither in Debian nor in PyPI. The truth is the simulator's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.harness.command import RESULTS, Parser, need, record, save
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12
from dbgclean.spectrum.histogram import Spectrum, fit_spectrum
from dbgclean.spectrum.whole import count_kmers

__all__ = ["OTHERS", "differing", "fit_of", "main"]

K = 31
RATES = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)

Haplotypes = list[tuple[np.ndarray, float]]


def differing(genome: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """A copy of which a share of the bases, drawn evenly, is another one."""
    rng = np.random.default_rng([seed, 3])
    places = rng.choice(len(genome), round(rate * len(genome)), replace=False)
    other = genome.copy()
    other[places] = (other[places] + rng.integers(1, 4, len(places))) % 4
    return other


def _strains(share: float) -> Callable[[np.ndarray], Haplotypes]:
    return lambda genome: [(genome, 1 - share), (differing(genome, 0.01, 1), share)]


def _alike(number: int) -> Callable[[np.ndarray], Haplotypes]:
    def made(genome: np.ndarray) -> Haplotypes:
        return [(differing(genome, 0.005, seed), 1 / number) for seed in range(number)]

    return made


OTHERS: dict[str, Callable[[np.ndarray], Haplotypes]] = {
    "strains 60:40": _strains(0.4),
    "strains 70:30": _strains(0.3),
    "three haplotypes": _alike(3),
    "four haplotypes": _alike(4),
    "a fifth twice": lambda g: [(np.concatenate([g, g[: len(g) // 5]]), 1.0)],
}


def fit_of(haplotypes: Haplotypes, depth: float, seed: int) -> Spectrum:
    """Fit of reads of these haplotypes, each at its share of the depth."""
    reads = simulate.simulate_reads(None, haplotypes=haplotypes, depth=depth, seed=seed)
    return fit_spectrum(count_kmers(simulate.to_batches(reads), K), bases=reads.codes.size)


def _row(haplotypes: Haplotypes, depth: float, seed: int) -> dict[str, Any]:
    fit = fit_of(haplotypes, depth, seed)
    return {
        "depth": depth,
        "seed": seed,
        "fitted": fit.fitted,
        "half_peak": fit.half_peak is not None,
        "heterozygosity": fit.heterozygosity,
        "genome_size": fit.genome_size / len(haplotypes[0][0]),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Fit every sample of the grid, print the tables, write the JSON."""
    parser = Parser(
        "accuracy.heterozygosity", __doc__, length=300_000, depths=[10, 20, 40, 80], seeds=[1],
        output=RESULTS / "heterozygosity.json",
    )  # fmt: skip
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES))
    parser.several("--others", OTHERS)
    args = parser.parse_args(argv)
    need(args.data / "genomes" / K12)
    genome = simulate.k12(args.length, data=args.data)
    rows = [
        {"truth": rate} | _row([(genome, 0.5), (differing(genome, rate, seed), 0.5)], depth, seed)
        for rate in args.rates
        for depth in args.depths
        for seed in args.seeds
    ]
    others = [
        {"sample": name} | _row(OTHERS[name](genome), depth, seed)
        for name in args.others
        for depth in args.depths
        for seed in args.seeds
    ]
    for row in [*rows, *others]:
        found = row["heterozygosity"]
        told = "not determined" if found is None else f"{100 * found:.3f} %"
        if not row["half_peak"]:
            told = "one peak" if row["fitted"] else "no fit"
        head = row["sample"] if "sample" in row else f"{100 * row['truth']:.2f} %"
        print(f"{head:18}{row['depth']:5.0f}x  {told:16} genome {row['genome_size']:.3f}")
    save(args.output, record(args, diploids=rows, others=others))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
