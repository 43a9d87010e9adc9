"""The notebook's experiment, and why it failed.

Every 31-mer of a slice of E. coli K-12, or of K-12 and O157:H7 whole, each noised
independently, nothing clean given at test time. Compared: doing nothing; the notebook's
network as it was, at a sane rate and with an identity skip; the plain vote of the noisy
k-mers themselves; and the package's autoencoder reading those votes. The notebook's
networks are trained on K-12 (without the slice) and O157:H7, which shares much of the
slice, as it did; ours on genomes that are not E. coli.

    python -m benchmarks.notebook                      the table of a slice
    python -m benchmarks.notebook --slice 0            both whole genomes, 100,000 test k-mers
    python -m benchmarks.notebook --quick -o DIR    a smoke test
"""

import argparse
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmarks.harness.command import RESULTS, Parser, record, save
from benchmarks.notebook.denoiser import (
    PASSES,
    Corrector,
    NetworkCorrector,
    Task,
    VoteCorrector,
    correct,
    train_rounds,
)
from benchmarks.notebook.evidence import kmers_of, pack, unpack
from benchmarks.notebook.genomes import K12, O157, Genomes, gather_genomes
from benchmarks.notebook.networks import (
    Curves,
    NotebookNetwork,
    corrected,
    train_as_notebook,
)
from benchmarks.notebook.plots import plot_curves
from dbgclean.model import Autoencoder
from dbgclean.training.optimising import History

K = 31
ROUNDS = 2
# What ours must reach on a slice of this many bases, or (0) on both genomes, by noise rate:
# largest Hamming distance, smallest fraction of k-mers without an error.
BAR_SLICE = 100_000
BARS = {
    BAR_SLICE: {0.10: (0.040, 0.0), 0.05: (0.008, 0.0), 0.01: (0.0005, 0.0)},
    0: {0.10: (0.015, 0.93)},
}
TEST_KMERS = 100_000


@dataclass(frozen=True)
class Effort:
    """How much is trained: full for the table, less on whole genomes and in a smoke test."""

    notebook_variants: int = 3
    notebook_kmers: int = 250_000
    notebook_epochs: int = 6
    examples: int = 200_000


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    noise: float
    method: str
    parameters: int
    hamming: float
    perfect: float
    seconds: float


def joined_kmers(genomes: list[np.ndarray]) -> np.ndarray:
    """Packed k-mers of several sequences, none across a border."""
    return np.concatenate([kmers_of(genome, K) for genome in genomes])


def score(clean: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Hamming distance per base and fraction of k-mers without an error."""
    apart = clean ^ found
    apart = (apart | (apart >> np.uint64(1))) & np.uint64(0x5555555555555555)
    return float(np.bitwise_count(apart).sum() / (K * len(clean))), float((apart == 0).mean())


class Experiment:
    """Rows and curves as they come in, printed at once, ours against its bars."""

    def __init__(self, bars: dict[float, tuple[float, float]]) -> None:
        self.bars = bars
        self.rows: list[Row] = []
        self.curves: dict[str, dict[str, Any]] = {}

    def add(self, noise: float, method: str, parameters: int, clean: np.ndarray,
            found: np.ndarray, seconds: float) -> None:  # fmt: skip
        """Score, keep and print one row."""
        row = Row(noise, method, parameters, *score(clean, found), round(seconds, 1))
        self.rows.append(row)
        words = ""
        if method == f"ours, round {ROUNDS}" and noise in self.bars:
            hamming, perfect = self.bars[noise]
            met = row.hamming <= hamming and row.perfect >= perfect
            words = f"  bar {hamming}, {perfect} {'met' if met else 'MISSED'}"
        print(
            f"{noise:<6.2f}{method:<34}{parameters or '':>10}{row.hamming:>10.5f}"
            f"{row.perfect:>10.4f}{row.seconds:>9.1f}{words}",
            flush=True,
        )


def run_notebook(experiment: Experiment, genomes: Genomes, noise: float, noisy: np.ndarray,
                 clean: np.ndarray, effort: Effort, seed: int) -> None:  # fmt: skip
    """The notebook's network in its variants, with its curves."""
    sample = np.random.default_rng(seed).choice(len(clean), min(20_000, len(clean)))
    held_out = (unpack(noisy[sample], K), unpack(clean[sample], K))
    variants = (
        ("notebook as it is (rate 0.01)", False, 0.01),
        ("notebook, rate 0.001", False, 0.001),
        ("notebook, rate 0.001, skip", True, 0.001),
    )
    for method, skip, learning_rate in variants[: effort.notebook_variants]:
        began = time.perf_counter()
        torch.manual_seed(seed)
        network = NotebookNetwork(K, skip)
        curves = train_as_notebook(
            *(network, genomes.notebook, held_out),
            rate=noise,
            learning_rate=learning_rate,
            n_kmers=effort.notebook_kmers,
            epochs=effort.notebook_epochs,
            seed=seed,
        )
        found = pack(corrected(network, unpack(noisy, K)))
        seconds = time.perf_counter() - began
        experiment.add(noise, method, network.n_parameters, clean, found, seconds)
        experiment.curves[f"{noise:g} {method}"] = curves.to_dict()


def train_ours(genomes: Genomes, n_kmers: int, noise: float, effort: Effort, threads: int,
               seed: int) -> tuple[list[tuple[Autoencoder, History]], float]:  # fmt: skip
    """The networks of the rounds, with their curves, and the seconds they took."""
    began = time.perf_counter()
    trained = train_rounds(
        joined_kmers([genome for genomes_ in genomes.ours.values() for genome in genomes_]),
        joined_kmers(genomes.held_out),
        k=K,
        noise=noise,
        n_examples=effort.examples,
        n_rounds=ROUNDS,
        threads=threads,
        seed=seed,
        as_if=n_kmers,
    )
    return trained, time.perf_counter() - began


def run_ours(experiment: Experiment, task: Task, ids: np.ndarray, noise: float,
             trained: list[tuple[Autoencoder, History]], seconds: float) -> None:  # fmt: skip
    """The plain vote, then the autoencoder on the same votes, round by round.

    ``seconds`` that training took are counted in with the rounds of the autoencoder.
    """
    clean = task.clean[ids]
    votes: list[Corrector] = [VoteCorrector()] * ROUNDS
    began = time.perf_counter()
    for number, found in enumerate(correct(task, votes, ids), start=1):
        spent = time.perf_counter() - began
        experiment.add(noise, f"plain vote, round {number}", 0, clean, found, spent)
    began = time.perf_counter() - seconds
    networks: list[Corrector] = [NetworkCorrector(model, task.threads) for model, _ in trained]
    for number, found in enumerate(correct(task, networks, ids), start=1):
        model, history = trained[number - 1]
        method, spent = f"ours, round {number}", time.perf_counter() - began
        experiment.add(noise, method, model.n_parameters, clean, found, spent)
        curves = Curves(
            [step * PASSES / history.steps[-1] for step in history.steps],
            *(history.loss, history.hamming),
            *(history.held_out_loss, history.held_out_hamming),
        )
        experiment.curves[f"{noise:g} {method}"] = curves.to_dict()


def run_noise(experiment: Experiment, genomes: Genomes, args: argparse.Namespace, effort: Effort,
              number: int) -> dict[str, Any]:  # fmt: skip
    """All methods at one noise rate; what was tested, for JSON."""
    noise, clean = args.noise[number], joined_kmers(genomes.test)
    n_kmers = len(clean)
    # The index of the training genomes is as large as that of the test: one at a time.
    trained, seconds = train_ours(genomes, n_kmers, noise, effort, args.threads, args.seed)
    rng = np.random.default_rng([args.seed, number])
    task = Task.draw(clean, K, noise, rng, args.threads)
    n_test = min(args.test_kmers or n_kmers, n_kmers)
    ids = np.sort(rng.choice(n_kmers, n_test, replace=False))
    borders = np.cumsum([0] + [len(kmers_of(genome, K)) for genome in genomes.test])
    experiment.add(noise, "identity", 0, clean[ids], task.noisy[ids], 0.0)
    run_ours(experiment, task, ids, noise, trained, seconds)
    if number == 0:
        run_notebook(experiment, genomes, noise, task.noisy[ids], clean[ids], effort, args.seed)
    return {
        "noise": noise,
        "estimated_noise": round(task.rate, 5),
        "indexed_kmers": n_kmers,
        "test_kmers_of_each_genome": np.histogram(ids, borders)[0].tolist(),
        "seed_patterns": len(task.index.patterns),
        "seed_weight": task.index.weight,
    }


def run(args: argparse.Namespace, effort: Effort) -> dict[str, Any]:
    """The whole table as a dictionary for JSON."""
    began = time.perf_counter()
    torch.set_num_threads(1)
    genomes = gather_genomes(args.data, args.slice, args.seed)
    print(f"{K}-mers of {genomes.test_name}; ours trained on: {', '.join(genomes.ours)}")
    print(
        f"{'noise':<6}{'method':<34}{'parameters':>10}{'Hamming':>10}{'perfect':>10}{'seconds':>9}"
    )
    experiment = Experiment(BARS.get(args.slice, {}))
    tests = [run_noise(experiment, genomes, args, effort, i) for i in range(len(args.noise))]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds, peak = time.perf_counter() - began, usage.ru_maxrss / 1024
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{seconds:.0f} s, {cpu:.0f} s of CPU, peak memory {peak:.0f} MiB")
    for test in tests:
        print(test)
    test = {
        "name": genomes.test_name,
        "k": K,
        "drawn": "seeded, without replacement, from the windows of all test genomes; "
        "every indexed k-mer noised independently",
        "rates": tests,
    }
    return record(
        args,
        effort=asdict(effort),
        test=test,
        ours_trained_on=list(genomes.ours),
        rows=[asdict(row) for row in experiment.rows],
        curves=experiment.curves,
        seconds=round(seconds),
        cpu_seconds=round(cpu),
        peak_memory_mib=round(peak),
    )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Command line; a quick run is small and writes only where told."""
    threads = len(os.sched_getaffinity(0))
    parser = Parser("notebook", __doc__, threads=threads, seed=1, output=None)
    parser.add_argument("--slice", type=int, help="bases of K-12; 0: both genomes, whole")
    parser.add_argument(
        "--test-kmers", type=int, help="k-mers corrected and scored; 0: all; all are indexed"
    )
    parser.add_argument("--noise", type=float, nargs="+", help="substitution rates")
    parser.add_argument("--quick", action="store_true", help="a smoke test, under 30 s")
    args = parser.parse_args(argv)
    if args.slice is None:
        args.slice = 3_000 if args.quick else BAR_SLICE
    if args.noise is None:
        args.noise = [0.10] if args.quick or args.slice == 0 else [0.10, 0.05, 0.01]
    if args.test_kmers is None:
        args.test_kmers = TEST_KMERS if args.slice == 0 else 0
    if args.output is None and not args.quick:
        args.output = RESULTS
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, write; 0 also where the genomes are absent, with a word."""
    args = parse(argv)
    effort = Effort()
    if args.quick:
        effort = replace(effort, notebook_kmers=5_000, notebook_epochs=2, examples=3_000)
    elif not (args.data / K12).exists() or not (args.data / O157).exists():
        print(f"skipped: no {K12} and {O157} in {args.data}; give --data DIR, or --quick")
        return 0
    elif args.slice == 0:
        # An example's votes cost four times as much; the notebook's variants are in the table.
        effort = replace(effort, notebook_variants=1, examples=100_000)
    results = run(args, effort)
    if args.output is not None:
        stem = "notebook-whole" if args.slice == 0 else "notebook"
        save(args.output / f"{stem}.json", results)
        for name, curves in results["curves"].items():
            plot_curves(args.output, stem, name, Curves(**curves))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
