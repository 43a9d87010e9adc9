"""One sample of known truth through every corrector: what families and real mixtures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.calibration.score import SURELY_ERROR, calibration_floor, equal_width_error
from benchmarks.harness.ours import timed
from benchmarks.harness.peers import PEERS, Facts
from benchmarks.simulators.truth import Truth
from benchmarks.variants.run import correct_by_ours, scores_of
from dbgclean.correct.verdicts import ERROR, Verdicts
from dbgclean.evidence.alternatives import Alternatives

__all__ = ["Tools", "judged", "overruled", "score_sample"]

# An alternative that so many fragments show, in this share or more, is no error to a reader.
CLEAR_SHARE, CLEAR_FRAGMENTS = 0.2, 20


@dataclass(frozen=True)
class Tools:
    """Who corrects: our correctors and other people's by name, our network's weights."""

    correctors: tuple[str, ...]
    peers: tuple[str, ...]
    threads: int = 1
    model: str | None = None

    def absent(self) -> dict[str, str]:
        """Peers that cannot be run here, and why."""
        reasons = {name: PEERS[name].missing() for name in self.peers}
        return {name: reason for name, reason in reasons.items() if reason}


def overruled(alternatives: Alternatives, verdicts: Verdicts) -> np.ndarray:
    """Alternatives called errors though a fifth of twenty fragments and more show them.

    Returns
    -------
    float64 (n,)
        Their share of the fragments at the site; 0 for all other alternatives.
    """
    shows = alternatives.column("fragments")
    total = shows + alternatives.depth.sum(1)
    share = shows / np.maximum(total, 1)
    clear = (share >= CLEAR_SHARE) & (total >= CLEAR_FRAGMENTS)
    return np.where(clear & (verdicts.verdict == ERROR), share, 0.0)


def judged(alternatives: Alternatives, verdicts: Verdicts, kmers: np.ndarray) -> dict:
    """Calibration of a judge and what it called errors against arithmetic, of substitutions.

    What a gap's key stands for is no k-mer, of which the truth could be asked.

    Parameters
    ----------
    kmers
        uint64, sorted true 31-mers: an alternative is real where its key is among them.

    Returns
    -------
    dict
        ``calibration``: error, what a perfect judge would show (`floor`) and number of
        alternatives above P = 0.02; ``max_share_error``: alternatives as `overruled` has
        them, true and false, and the highest share of a true one.
    """
    here = alternatives.substitutions
    true = np.isin(alternatives.key[here], kmers)
    chance = verdicts.posterior[here].astype(float)
    share = overruled(alternatives, verdicts)[here]
    return {
        "calibration": {
            "error": round(equal_width_error(chance, true), 4),
            "floor": round(calibration_floor(chance)[0], 4),
            "above": int(np.count_nonzero(chance > SURELY_ERROR)),
        },
        "max_share_error": {
            "true": int(np.count_nonzero((share > 0) & true)),
            "false": int(np.count_nonzero((share > 0) & ~true)),
            "highest": round(float(share[true].max(initial=0.0)), 3),
        },
    }


def score_sample(
    paths: Sequence[Path], truth: Truth, facts: Facts, tools: Tools, for_peers: Sequence[Path]
) -> dict:
    """Correct a sample by everything and score it.

    Parameters
    ----------
    paths
        Reads, as our correctors get them.
    for_peers
        The same as FASTQ, in a folder that may be written to.
    """
    with timed() as clock:
        run, places = correct_by_ours(paths, tools.correctors, tools.threads, tools.model)
    peers, threads = tools.peers, tools.threads
    result = clock.took | scores_of(run, places, truth, peers, for_peers, facts, threads)
    for name, column in run.columns.items():
        # The nearest solid k-mer has no chances to be calibrated.
        if run.evidence is not None and column.verdicts is not None and name != "nearest":
            found = judged(run.evidence.alternatives, column.verdicts, truth.kmers)
            result["tools"][name] |= found
    return result
