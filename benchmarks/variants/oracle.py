"""How well could alternatives be told apart at all? The ratio with the true error rates.

On a mixture ladder of independent errors nothing beats the likelihood ratio that knows
each base's true chance of being misread. This sets our ratio, whose rates are estimated
from the sample, and the network beside it: kept alleles of 2 and 1 % at the same number
of false alternatives kept. What the oracle cannot keep, nobody can.

    python -m benchmarks.variants.oracle --seeds 1 2 3 -o oracle.json
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.harness.command import Parser, need, record, save
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12, SHOWN
from benchmarks.training.evidence import evidence_of
from dbgclean.correct.correctors import PRETRAINED
from dbgclean.correct.verdicts import network_verdicts
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.rates import substitution_of
from dbgclean.evidence.windows import CHANNELS, GLOBALS, SCHEME
from dbgclean.model import load_model
from dbgclean.spectrum.whole import count_kmers

FALSE_KEPT = (5, 10, 15, 20, 30)
_GRID = np.exp(np.linspace(np.log(0.003), np.log(0.5), 40))


def true_ratio(
    evidence: Evidence, profile: simulate.QualityProfile, chance: np.ndarray
) -> np.ndarray:
    """Greatest log likelihood ratio over allele fractions, at the simulator's own rates.

    Parameters
    ----------
    chance
        float64 (94,): chance of an error by Phred value.
    """
    edits, alternatives = evidence.edits, evidence.alternatives
    share = np.diff(np.concatenate([np.zeros((4, 1)), profile.substitution()], axis=1), axis=1)
    read_as, molecule = substitution_of(edits)
    error = np.maximum(chance[edits.quality] * share[molecule, read_as], 1e-9)
    others = alternatives.depth.sum(1)
    best = np.full(len(alternatives), -np.inf)
    for fraction in _GRID:
        weight = np.log(fraction * (1 - 3 * error) / error + 1 - fraction)
        support = np.bincount(alternatives.of_edit, weight, len(alternatives))
        best = np.maximum(best, support + others * np.log(1 - fraction))
    return best


def kept_at(
    score: np.ndarray, real: np.ndarray, row_of: np.ndarray, groups: dict[str, np.ndarray]
) -> list[dict]:
    """Alleles kept where the threshold lets so many false alternatives through."""
    false = np.sort(score[~real])[::-1]
    rows = []
    for allowed in FALSE_KEPT:
        passes = score > false[allowed]
        kept = {
            # A k-mer that no read proposes as an alternative is solid: kept.
            name: [int((passes[row_of[at]] | (row_of[at] < 0)).sum()), len(at)]
            for name, at in groups.items()
        }
        rows.append({"false_kept": allowed, "threshold": float(false[allowed]), "kept": kept})
    return rows


def one(args: argparse.Namespace, seed: int) -> dict:
    """One ladder by three judges."""
    profile = simulate.QualityProfile(rate=args.error, end_drop=args.end_drop)
    genome = simulate.k12(args.length, data=args.data)
    sites = simulate.draw_sites(genome, seed=seed)
    reads = simulate.simulate_reads(
        genome, depth=args.depth, sites=sites, profile=profile, seed=seed
    )
    batches = list(simulate.to_batches(reads))
    evidence = evidence_of(batches, threads=2)
    keys = evidence.alternatives.key
    real = np.isin(keys, simulate.true_kmers(genome, sites, WINDOW))
    middle = simulate.allele_kmers(genome, sites, WINDOW)[:, FLANK]
    at = np.minimum(np.searchsorted(keys, middle), len(keys) - 1)
    row_of = np.where(keys[at] == middle, at, -1)
    shown = count_kmers(iter(batches), WINDOW, threads=2).abundance(middle) >= SHOWN
    groups = {
        f"{fraction:g}": np.flatnonzero(shown & (sites.fraction == fraction))
        for fraction in (0.05, 0.02, 0.01)
    }
    model = load_model(
        PRETRAINED, positions=WINDOW, channels=CHANNELS, globals_=len(GLOBALS), scheme=SCHEME
    )
    network = network_verdicts(evidence, model, 0.3, 0.5, 2)
    scores = {
        "true rates": true_ratio(evidence, profile, reads.error_probability),
        "likelihood": evidence.alternatives.likelihood,
        "autoencoder": network.posterior,
    }
    return {name: kept_at(score, real, row_of, groups) for name, score in scores.items()}


def main(argv: list[str] | None = None) -> int:
    """Run all seeds; sums over them are printed."""
    parser = Parser(
        "variants.oracle", __doc__, length=500_000, depth=200.0, error=0.004, end_drop=7.0,
        seeds=[1, 2, 3], output=None,
    )  # fmt: skip
    args = parser.parse_args(argv)
    need(args.data / "genomes" / K12)
    runs = {seed: one(args, seed) for seed in args.seeds}
    for judge in next(iter(runs.values())):
        for i, allowed in enumerate(FALSE_KEPT):
            kept = [run[judge][i]["kept"] for run in runs.values()]
            cells = [
                f"{100 * float(name):g} %: {sum(k[name][0] for k in kept)}"
                f"/{sum(k[name][1] for k in kept)}"
                for name in kept[0]
            ]
            print(f"{judge:12s} {allowed:3d} false kept per seed  {'  '.join(cells)}")
    save(args.output, record(args, runs=runs))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
