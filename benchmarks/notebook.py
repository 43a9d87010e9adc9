"""The notebook's experiment, and why it failed.

Every 31-mer of a slice of E. coli K-12, each noised independently, nothing clean given
at test time. Compared: doing nothing; the notebook's network as it was, at a sane rate
and with an identity skip; the plain vote of the noisy k-mers themselves; and the
package's autoencoder reading those votes. The notebook's networks are trained on K-12
(without the slice) and O157:H7, which shares much of the slice, as it did; ours on
genomes that are not E. coli.

    python benchmarks/notebook.py                      the table, about 10 minutes
    python benchmarks/notebook.py --slice 0            both whole genomes, about an hour and 4 GB
    python benchmarks/notebook.py --quick --out DIR    a smoke test
"""

import argparse
import gzip
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from Bio import SeqIO

# Run as a script, Python's path holds this folder and not the one above it.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import dbgclean  # noqa: E402
from benchmarks.notebook_denoiser import (  # noqa: E402
    Corrector,
    NetworkCorrector,
    Task,
    VoteCorrector,
    correct,
    train_rounds,
)
from benchmarks.notebook_evidence import kmers_of, pack, unpack  # noqa: E402
from benchmarks.notebook_networks import (  # noqa: E402
    Curves,
    NotebookNetwork,
    corrected,
    train_as_notebook,
)
from benchmarks.notebook_plots import plot_curves  # noqa: E402

K = 31
ROUNDS = 2
# Hamming distance that ours must reach, by noise rate, on a slice of this many bases.
BAR_SLICE = 100_000
BARS = {0.10: 0.040, 0.05: 0.008, 0.01: 0.0005}
SLICE_START = 2_000_000

K12 = "genomes/ecoli_K12_MG1655_NC_000913.3.fna.gz"
O157 = "genomes/ecoli_O157H7_2159_NZ_CP017438.fna.gz"
SMALL = (
    "genomes/NC_045512.2.fasta",
    "genomes/tb10k_ref.fa",
    "genomes/phix174_sample_truth.fa",
)
HUMAN = "human/hg19_chr20_9995001-11095000.fa.gz"


@dataclass(frozen=True)
class Effort:
    """How much is trained: full for the table, small for a smoke test."""

    notebook_kmers: int = 250_000
    notebook_epochs: int = 6
    genome: int = 50_000
    held_out: int = 10_000
    epochs: int = 2


@dataclass(frozen=True)
class Genomes:
    """uint8 codes: what is tested on, what the two kinds of network are trained on."""

    test: list[np.ndarray]
    notebook: list[np.ndarray]
    ours: dict[str, list[np.ndarray]]
    held_out: list[np.ndarray]
    test_name: str


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    noise: float
    method: str
    parameters: int
    hamming: float
    perfect: float
    seconds: float


def load(path: Path) -> np.ndarray:
    """Codes of a FASTA file's sequences, an N between them."""
    table = np.full(256, 4, dtype=np.uint8)
    for code, letter in enumerate("ACGT"):
        table[ord(letter)] = table[ord(letter.lower())] = code
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as handle:
        text = "N".join(str(record.seq) for record in SeqIO.parse(handle, "fasta"))
    return table[np.frombuffer(text.encode(), dtype=np.uint8)]


def random_genome(n: int, rng: np.random.Generator) -> np.ndarray:
    """Random bases with repeats of 100 to 1,500, identical or up to 10 % diverged."""
    genome = rng.integers(0, 4, n, dtype=np.uint8)
    for _ in range(n // 2500):
        length = int(rng.integers(100, min(1500, n // 2)))
        source, target = rng.integers(0, n - length, 2)
        copy = genome[source : source + length].copy()
        hit = rng.random(length) < rng.choice([0.0, 0.01, 0.03, 0.10])
        copy = (copy + hit * rng.integers(1, 4, length, dtype=np.uint8)) % 4
        genome[target : target + length] = copy
    return genome


def gather_genomes(data: Path, slice_length: int, effort: Effort, seed: int) -> Genomes:
    """Genomes from the data folder; random ones where it has none."""
    rng = np.random.default_rng(seed)
    have = (data / K12).exists() and (data / O157).exists()
    k12, o157 = (
        (load(data / K12), load(data / O157))
        if have
        else (random_genome(max(4 * slice_length, 20_000), rng) for _ in range(2))
    )
    name = "E. coli K-12 MG1655" if have else "random genome"
    if slice_length == 0:
        test, notebook, name = [k12, o157], [k12, o157], f"{name} and O157:H7, whole"
    else:
        start = min(SLICE_START, (len(k12) - slice_length) // 2)
        end = start + slice_length
        test, notebook = [k12[start:end]], [k12[:start], k12[end:], o157]
        name = f"{name}, {start + 1}-{end}"
    ours = {"random with repeats": [random_genome(effort.genome, rng)]}
    held_out = [random_genome(effort.held_out, rng)]
    if all((data / name).exists() for name in SMALL):
        small = [load(data / name)[: effort.genome] for name in SMALL]
        ours["SARS-CoV-2, M. tuberculosis (10 kb), phiX174"] = small
    if (data / HUMAN).exists():
        human = load(data / HUMAN)
        ours["human chr20"] = [human[400_000 : 400_000 + effort.genome]]
        held_out.append(human[600_000 : 600_000 + effort.held_out])
    return Genomes(test, notebook, ours, held_out, name)


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

    def __init__(self, bars: dict[float, float]) -> None:
        self.bars = bars
        self.rows: list[Row] = []
        self.curves: dict[str, dict[str, Any]] = {}

    def add(self, noise: float, method: str, parameters: int, task: Task, found: np.ndarray,
            seconds: float) -> None:  # fmt: skip
        """Score, keep and print one row."""
        row = Row(noise, method, parameters, *score(task.clean, found), round(seconds, 1))
        self.rows.append(row)
        bar = self.bars.get(noise) if method == f"ours, round {ROUNDS}" else None
        words = "" if bar is None else f"  bar {bar} {'met' if row.hamming <= bar else 'MISSED'}"
        print(
            f"{noise:<6.2f}{method:<34}{parameters or '':>10}{row.hamming:>10.5f}"
            f"{row.perfect:>10.4f}{row.seconds:>9.1f}{words}",
            flush=True,
        )


def run_notebook(experiment: Experiment, genomes: Genomes, task: Task, noise: float,
                 effort: Effort, seed: int) -> None:  # fmt: skip
    """The notebook's network in three variants, with its curves."""
    sample = np.random.default_rng(seed).choice(len(task.clean), min(20_000, len(task.clean)))
    held_out = (unpack(task.noisy[sample], K), unpack(task.clean[sample], K))
    variants = (
        ("notebook as it is (rate 0.01)", False, 0.01),
        ("notebook, rate 0.001", False, 0.001),
        ("notebook, rate 0.001, skip", True, 0.001),
    )
    for method, skip, learning_rate in variants:
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
        found = np.empty_like(task.noisy)
        for part in task.index.batches():
            found[part] = pack(corrected(network, unpack(task.noisy[part], K)))
        seconds = time.perf_counter() - began
        experiment.add(noise, method, network.n_parameters, task, found, seconds)
        experiment.curves[f"{noise:g} {method}"] = curves.to_dict()


def run_ours(experiment: Experiment, genomes: Genomes, task: Task, noise: float, effort: Effort,
             seed: int) -> None:  # fmt: skip
    """The plain vote, then the autoencoder on the same votes, round by round."""
    votes: list[Corrector] = [VoteCorrector()] * ROUNDS
    began = time.perf_counter()
    for number, found in enumerate(correct(task, votes), start=1):
        seconds = time.perf_counter() - began
        experiment.add(noise, f"plain vote, round {number}", 0, task, found, seconds)
    began = time.perf_counter()
    trained = train_rounds(
        [joined_kmers(sequences) for sequences in genomes.ours.values()],
        joined_kmers(genomes.held_out),
        k=K,
        noise=noise,
        epochs=effort.epochs,
        n_rounds=ROUNDS,
        threads=task.threads,
        seed=seed,
        as_if=len(task.clean),
    )
    networks: list[Corrector] = [NetworkCorrector(model, task.threads) for model, _ in trained]
    for number, found in enumerate(correct(task, networks), start=1):
        model, history = trained[number - 1]
        method, seconds = f"ours, round {number}", time.perf_counter() - began
        experiment.add(noise, method, model.n_parameters, task, found, seconds)
        curves = Curves(
            [step * effort.epochs / history.steps[-1] for step in history.steps],
            *(history.loss, history.hamming),
            *(history.held_out_loss, history.held_out_hamming),
        )
        experiment.curves[f"{noise:g} {method}"] = curves.to_dict()


def run(args: argparse.Namespace, effort: Effort) -> dict[str, Any]:
    """The whole table as a dictionary for JSON."""
    began = time.perf_counter()
    torch.set_num_threads(1)
    genomes = gather_genomes(args.data, args.slice, effort, args.seed)
    clean = joined_kmers(genomes.test)
    print(
        f"{len(clean)} {K}-mers of {genomes.test_name}; ours trained on: {', '.join(genomes.ours)}"
    )
    print(
        f"{'noise':<6}{'method':<34}{'parameters':>10}{'Hamming':>10}{'perfect':>10}{'seconds':>9}"
    )
    experiment = Experiment(BARS if args.slice == BAR_SLICE else {})
    rates: dict[str, float] = {}
    for number, noise in enumerate(args.noise):
        rng = np.random.default_rng([args.seed, number])
        task = Task.draw(clean, K, noise, rng, args.threads)
        rates[f"{noise:g}"] = round(task.rate, 5)
        experiment.add(noise, "identity", 0, task, task.noisy, 0.0)
        if number == 0:
            run_notebook(experiment, genomes, task, noise, effort, args.seed)
        run_ours(experiment, genomes, task, noise, effort, args.seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.perf_counter() - began:.0f} s, peak memory {peak:.0f} MB, "
          f"noise rates estimated from the data: {rates}")  # fmt: skip
    return {
        "benchmark": "notebook",
        "config": {
            **{
                name: getattr(args, name) for name in ("slice", "noise", "seed", "threads", "quick")
            },
            **asdict(effort),
        },
        "test": {"name": genomes.test_name, "kmers": len(clean), "k": K},
        "ours_trained_on": list(genomes.ours),
        "versions": {
            "dbgclean": dbgclean.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "estimated_noise": rates,
        "rows": [asdict(row) for row in experiment.rows],
        "curves": experiment.curves,
        "seconds": round(time.perf_counter() - began),
        "peak_memory_mb": round(peak),
    }


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Command line; a quick run is small and writes only where told."""
    here = Path(__file__).resolve().parent
    data = os.environ.get("DBGCLEAN_DATA", here.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path(data), help="folder with genomes/")
    parser.add_argument("--slice", type=int, help="bases of K-12; 0: both genomes, whole")
    parser.add_argument("--noise", type=float, nargs="+", help="substitution rates")
    parser.add_argument("--out", type=Path, help="folder for notebook.json and the plots")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a smoke test, under 30 s")
    args = parser.parse_args(argv)
    if args.slice is None:
        args.slice = 3_000 if args.quick else BAR_SLICE
    if args.noise is None:
        args.noise = [0.10] if args.quick else [0.10, 0.05, 0.01]
    if args.out is None and not args.quick:
        args.out = here / "results" / dbgclean.__version__
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, write; 0 also where the genomes are absent, with a word."""
    args = parse(argv)
    effort = Effort()
    if args.quick:
        effort = replace(effort, notebook_kmers=5_000, notebook_epochs=2, genome=1_500,
                         held_out=1_000, epochs=1)  # fmt: skip
    elif not (args.data / K12).exists() or not (args.data / O157).exists():
        print(f"skipped: no {K12} and {O157} in {args.data}; give --data DIR, or --quick")
        return 0
    results = run(args, effort)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        path = args.out / "notebook.json"
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        for name, curves in results["curves"].items():
            plot_curves(args.out, name, Curves(**curves))
    return 0


if __name__ == "__main__":
    sys.exit(main())
