"""Scores of a corrected mixture: false k-mers left, true ones lost, alleles kept.

Everything is counted in k-mers of the corrected reads, so that it is the same for our
correctors and for other people's, whatever they did to get there.

An allele is *shown* by the raw reads in one of two senses, and every table has both:

- ``by_kmers``: the k-mer with the site in its middle has an abundance of 3 or more.
  That is what a corrector that works on k-mers can see, and the definition that fits
  the published counts for such mixtures (some 50 of 83 alleles at 2 %, 19 of 83 at 1 %,
  at 200x with reads of 150 bp and an error rate of 0.4 %).
- ``by_reads``: three reads or more show its base at the site, whatever errors they
  hold beside it. There are more of these, and they are harder: three reads with an
  error near the site may hold no clean k-mer of the allele at all.

An allele is *kept* where the k-mer with the site in its middle still stands, and kept
*whole* where all of its k-mers stand that the raw reads showed.
"""

from __future__ import annotations

import numpy as np

from benchmarks.simulators.truth import SHOWN, Truth
from dbgclean.report.cost import truth_cost
from dbgclean.spectrum.table import KmerTable

__all__ = ["allele_rows", "score", "shown_by_kmers", "summarise"]


def shown_by_kmers(alleles: np.ndarray, raw: KmerTable) -> np.ndarray:
    """Alleles whose middle k-mer the raw reads hold three times or more: bool (S,)."""
    middle = np.ascontiguousarray(alleles[:, alleles.shape[1] // 2])
    return raw.abundance(middle) >= SHOWN


def allele_rows(truth: Truth, keys: np.ndarray, raw: KmerTable) -> dict[str, dict]:
    """Alleles kept of those shown, by the sense of shown and by group.

    Parameters
    ----------
    keys
        uint64, sorted canonical k-mers of the corrected reads.

    Returns
    -------
    dict
        ``{"by_kmers": {group: [kept, kept whole, shown]}, "by_reads": {...}}``.
    """
    present = _among(truth.alleles, keys)
    held = raw.find(truth.alleles.ravel()).reshape(present.shape) >= 0
    kept = present[:, truth.alleles.shape[1] // 2]
    whole = held.any(axis=1) & (present | ~held).all(axis=1)
    senses = {"by_kmers": shown_by_kmers(truth.alleles, raw)}
    if truth.by_reads is not None:
        senses["by_reads"] = truth.by_reads
    return {
        sense: {
            group: [
                int(np.count_nonzero(column & shown & (truth.group == group)))
                for column in (kept, whole, shown)
            ]
            for group in truth.groups()
        }
        for sense, shown in senses.items()
    }


def _among(kmers: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Which k-mers stand among sorted keys: bool, of the k-mers' shape."""
    if len(keys) == 0:
        return np.zeros(kmers.shape, bool)
    return keys[np.minimum(np.searchsorted(keys, kmers), len(keys) - 1)] == kmers


def score(truth: Truth, raw: KmerTable, table: KmerTable, kmers: KmerTable | None = None) -> dict:
    """Score one corrector.

    Parameters
    ----------
    raw, table
        k-mers of the raw and of the corrected reads.
    kmers
        The k-mer set, where the corrector gives one.

    Returns
    -------
    dict
        ``false_left`` at abundance >= 1, 2, 3; of these (>= 1) ``artefacts_left``;
        ``true_lost`` of the k-mers that the raw reads held; ``false_new``, k-mers that
        are false and that no raw read held; the same for the k-mer set; ``alleles``.
    """
    cost = truth_cost(
        truth.kmers, table.keys, table.counts, raw_keys=raw.keys, raw_counts=raw.counts
    )
    result: dict = {
        "false_left": [cost.false_kmers_left, cost.false_kmers_left_2, cost.false_kmers_left_3],
        "false_new": _new(truth, raw, table),
        "true_lost": [cost.true_kmers_lost, cost.true_kmers_lost_2, cost.true_kmers_lost_3],
        "alleles": allele_rows(truth, table.keys, raw),
    }
    if truth.artefacts is not None:
        left = _among(table.keys, truth.artefacts)
        result["artefacts_left"] = int(np.count_nonzero(left))
    if kmers is not None:
        cost = truth_cost(
            truth.kmers, kmers.keys, kmers.counts, raw_keys=raw.keys, raw_counts=raw.counts
        )
        result["kmer_set"] = {
            "false_left": cost.false_kmers_left,
            "true_lost": cost.true_kmers_lost,
            "alleles": allele_rows(truth, kmers.keys, raw),
        }
    return result


def _new(truth: Truth, raw: KmerTable, table: KmerTable) -> int:
    """False k-mers that no raw read held."""
    false = table.keys[~_among(table.keys, truth.kmers)]
    return int(np.count_nonzero(raw.find(false) < 0))


def summarise(runs: list[dict]) -> dict:
    """Mean, lowest and highest of every number over the runs of several seeds.

    Dictionaries and lists are gone through; only what all runs have is summarised.
    """
    first = runs[0]
    shared = [key for key in first if all(key in run for run in runs)]
    return {key: _spread([run[key] for run in runs]) for key in shared if key != "seed"}


def _spread(values: list) -> object:
    first = values[0]
    if isinstance(first, dict):
        return summarise(values)
    if isinstance(first, list):
        return [_spread(list(column)) for column in zip(*values, strict=True)]
    if isinstance(first, bool | str) or first is None:
        return first
    return {
        "mean": round(float(np.mean(values)), 4),
        "lowest": min(values),
        "highest": max(values),
    }
