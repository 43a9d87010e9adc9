"""One judge at many thresholds, from one run: the curve of what is kept against what is left.

The reads are judged once. Whatever the threshold, only reads that hold an alternative
above the lowest one, or one that the judge kept, can differ from the reads as the judge
left them, and those are few: they are set aside in one pass, rewritten at each threshold,
and their k-mers exchanged in the table. The k-mers at each threshold are exactly those
that a whole run with that threshold would leave. Insertions and deletions stay as judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.simulators.truth import Truth
from benchmarks.variants.score import score
from dbgclean.correct.rewrite import Rewriter
from dbgclean.evidence.gather import Evidence
from dbgclean.pipeline.passes import Corrected
from dbgclean.reads import ReadBatch
from dbgclean.spectrum.counting import count_codes
from dbgclean.spectrum.table import KmerTable

__all__ = ["POSTERIORS", "RATIOS", "scores_of", "sweep"]

RATIOS = (4, 5, 6, 7, 8, 9, 9.5, 10, 11, 12, 14, 16, 20, 25)
POSTERIORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True)
class _Few:
    """The reads that any threshold could change, numbered from 0, with their evidence."""

    reads: ReadBatch
    evidence: Evidence


def scores_of(run: Corrected, name: str) -> tuple[np.ndarray, Sequence[float]]:
    """What a judge ranks alternatives by, and the thresholds to try.

    The likelihood ratio itself for ``likelihood``, since its posterior rounds to 1; the
    posterior for every other judge.
    """
    assert run.evidence is not None
    if name == "likelihood":
        return run.evidence.alternatives.likelihood, RATIOS
    verdicts = run.columns[name].verdicts
    assert verdicts is not None
    return verdicts.posterior, POSTERIORS


def sweep(run: Corrected, name: str, truth: Truth, threads: int = 1) -> list[dict]:
    """Score one judge at each threshold; alternatives above it are kept, all others errors.

    Parameters
    ----------
    run
        Rewritten.
    name
        Column of the judge.

    Returns
    -------
    list of dict
        ``threshold``, ``kept_alternatives`` and what `score` gives, lowest first.
    """
    column = run.columns[name]
    assert column.verdicts is not None
    values, thresholds = scores_of(run, name)
    own = column.verdicts.kept
    few = _set_aside(run, (values > min(thresholds)) | own)

    def kmers(kept: np.ndarray) -> KmerTable:
        reads = Rewriter(few.evidence, kept).rewrite(few.reads, 0)
        return count_codes(reads.codes, reads.offsets, reads.quals, run.options.k, threads=threads)

    rest = column.table.combine(kmers(own), -1)
    points = []
    for threshold in sorted(thresholds):
        kept = values > threshold
        point = {"threshold": threshold, "kept_alternatives": int(np.count_nonzero(kept))}
        points.append(point | score(truth, run.raw, rest.combine(kmers(kept))))
    return points


def _set_aside(run: Corrected, candidates: np.ndarray) -> _Few:
    """Reads that hold a candidate, with their own edits and changes."""
    evidence = run.evidence
    assert evidence is not None
    edits, alternatives = evidence.edits, evidence.alternatives
    chosen = np.unique(edits.read[candidates[alternatives.of_edit]])
    codes, quals, lengths = [], [], []
    for _, first, batch in run.batches("Setting aside"):
        low, high = np.searchsorted(chosen, [first, first + len(batch)])
        mask = np.zeros(len(batch), bool)
        mask[chosen[low:high] - first] = True
        sizes = np.diff(batch.offsets)
        bases = np.repeat(mask, sizes)
        codes.append(batch.bases[bases])
        quals.append(np.zeros(0, np.uint8) if batch.quals is None else batch.quals[bases])
        lengths.append(sizes[mask])
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    bases = np.concatenate(codes)
    joined = np.concatenate(quals)
    reads = ReadBatch(
        bases=bases,
        codes=bases,
        quals=joined if len(joined) == len(bases) else None,
        offsets=offsets,
        names=[""] * len(chosen),
        first_read=0,
        paired=False,
    ).with_bases(bases)
    own = np.isin(edits.read, chosen)
    changed = np.isin(evidence.changes.read, chosen)
    changes = _rows(evidence.changes, changed, chosen)
    place = np.cumsum(own) - 1
    gap = np.where(changes.gap < 0, -1, place[changes.gap])
    renumbered = replace(
        evidence,
        edits=_rows(edits, own, chosen),
        changes=replace(changes, gap=gap),
        alternatives=replace(alternatives.select(slice(None)), of_edit=alternatives.of_edit[own]),
    )
    return _Few(reads, renumbered)


def _rows(table: Any, mask: np.ndarray, chosen: np.ndarray) -> Any:
    """The rows of an edit or change table in ``mask``, reads numbered as in ``chosen``."""
    fields = {
        name: column[mask] if len(column := getattr(table, name)) == len(mask) else column
        for name in table.__slots__
    }
    return replace(table, **fields | {"read": np.searchsorted(chosen, table.read[mask])})
