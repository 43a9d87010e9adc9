"""What trained weights do on samples they have nothing in common with.

A 500 kb E. coli K-12 mixture at 200x (alleles at 50 to 1 %), with and without systematic
errors, and real phiX and M. tuberculosis reads in which every alternative is an error.
The likelihood ratio at three thresholds stands beside the network.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import simulate
from benchmarks.train_data import evidence_of
from dbgclean.correct.verdicts import network_verdicts
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.gather import Evidence
from dbgclean.model.autoencoder import Autoencoder
from dbgclean.reads import iter_batches, plan_inputs

__all__ = ["all_trials", "as_table", "mixture_trial", "real_trial"]

_K12 = "ecoli_K12_MG1655_NC_000913.3.fna.gz"
_RATIOS = (8.0, 9.0, 10.0)
_POSTERIORS = (0.1, 0.3, 0.5, 0.7, 0.9)
_SHOWN = 3
_REAL_SETS = {
    "phiX, real, 736x": ("phix", "phix174_sample_truth.fa", True),
    "M. tuberculosis 10 kb, real, 117x": ("tb10k", "tb10k_sample_truth.fa", False),
}
Row = dict[str, Any]


def _rows(
    evidence: Evidence,
    model: Autoencoder,
    thresholds: tuple[float, float],
    score: Callable[[np.ndarray], Row],
) -> list[Row]:
    """One row per judge; ``score`` takes which alternatives stay in the reads."""
    real, error = thresholds
    chance = network_verdicts(evidence.alternatives, evidence.context, model, error, real, 2)
    ratio = evidence.alternatives.likelihood
    found = [{"judge": f"likelihood ratio > {at:g}", **score(ratio > at)} for at in _RATIOS]
    found += [{"judge": f"network > {at:g}", **score(chance.posterior > at)} for at in _POSTERIORS]
    row = {"judge": "network as shipped", **score(chance.kept)}
    row["undecided"] = chance.count()["undecided"]
    return [*found, row]


def mixture_trial(
    model: Autoencoder,
    thresholds: tuple[float, float],
    data: Path,
    *,
    systematic: bool,
    seed: int = 1,
    depth: float = 200,
    length: int = 500_000,
) -> list[Row]:
    """The K-12 mixture: false alternatives kept and true alleles kept by fraction.

    Alleles that the reads show fewer than three times are not asked for. One is lost where
    its alternative is judged an error and holds half of the reads that show it or more; those
    that are solid, and so (but for a few reads) never judged, are kept.
    """
    genome = simulate.load_genome(data / "genomes" / _K12, 1_000_000, length)
    sites = simulate.draw_sites(genome, seed=seed)
    errors = simulate.draw_systematic(genome, seed=seed) if systematic else None
    reads = simulate.simulate_reads(genome, depth=depth, sites=sites, systematic=errors, seed=seed)
    evidence = evidence_of(list(simulate.to_batches(reads)), threads=2)
    key = evidence.alternatives.key
    real = np.isin(key, simulate.true_kmers(genome, sites, WINDOW))
    counts = simulate.site_counts(reads, sites, truth=True)
    shows = counts[np.arange(len(sites)), sites.alt]
    shown = shows >= _SHOWN
    # The k-mer with the site in its middle is the alternative's own.
    middle = simulate.allele_kmers(genome, sites, WINDOW)[:, FLANK]
    row_of = np.minimum(np.searchsorted(key, middle), len(key) - 1)
    judged = key[row_of] == middle
    held = evidence.alternatives.column("reads")[row_of]

    def score(kept: np.ndarray) -> Row:
        lost = judged & ~kept[row_of] & (2 * held >= shows)
        row: Row = {"false_kept": int((kept & ~real).sum()), "true_kept": int((kept & real).sum())}
        for fraction in sorted(set(sites.fraction.tolist()), reverse=True):
            there = shown & (sites.fraction == fraction)
            row[f"{fraction:g}"] = [int((there & ~lost).sum()), int(there.sum())]
        return row

    return _rows(evidence, model, thresholds, score)


def real_trial(
    model: Autoencoder, thresholds: tuple[float, float], data: Path, name: str
) -> list[Row]:
    """Real reads of a clone: alternatives kept that its genome does not have."""
    stem, truth, circular = _REAL_SETS[name]
    groups = plan_inputs([str(data / "reads" / f"{stem}_R{mate}.fastq.gz") for mate in (1, 2)])
    batches = [batch for group in groups for batch in iter_batches(group)]
    evidence = evidence_of(batches, threads=2)
    # Some of these headers list substitutions as A>G, so records cannot be split at ">".
    lines = (data / "genomes" / truth).read_text(encoding="ascii").split("\n")
    genome = simulate.encode("".join(line for line in lines if not line.startswith(">")))
    true = simulate.true_kmers(genome, None, WINDOW, circular=circular)
    real = np.isin(evidence.alternatives.key, true)

    def score(kept: np.ndarray) -> Row:
        return {"false_kept": int((kept & ~real).sum()), "true_kept": int((kept & real).sum())}

    return _rows(evidence, model, thresholds, score)


def all_trials(
    model: Autoencoder, thresholds: tuple[float, float], data: Path
) -> dict[str, list[Row]]:
    """Every trial by its name."""
    found = {
        "K-12 500 kb mixture, 200x": mixture_trial(model, thresholds, data, systematic=False),
        "the same with systematic errors": mixture_trial(model, thresholds, data, systematic=True),
        "K-12 200 kb mixture, 100x, another seed": mixture_trial(
            model, thresholds, data, systematic=False, seed=7, depth=100, length=200_000
        ),
    }
    for name in _REAL_SETS:
        found[name] = real_trial(model, thresholds, data, name)
    return found


def as_table(trials: dict[str, Sequence[Row]]) -> list[str]:
    """Markdown tables, one per trial."""
    lines: list[str] = []
    for name, rows in trials.items():
        fractions = [key for key in rows[0] if isinstance(rows[0][key], list)]
        heads = [f"{100 * float(fraction):g} %" for fraction in fractions]
        lines += ["", f"**{name}**", ""]
        lines.append("| " + " | ".join(["judge", "false kept", "true kept", *heads]) + " |")
        lines.append("|" + "---|" * (3 + len(heads)))
        for row in rows:
            cells = [row["judge"], str(row["false_kept"]), str(row["true_kept"])]
            cells += ["{}/{}".format(*row[fraction]) for fraction in fractions]
            lines.append("| " + " | ".join(cells) + " |")
    return lines
