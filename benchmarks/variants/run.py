"""A mixture through every corrector: ours in one run, other people's one by one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.ours import count_files, judged, rewritten
from benchmarks.harness.peers import PEERS, Facts
from benchmarks.simulators.truth import Truth
from benchmarks.variants.score import score
from benchmarks.variants.split import Places, recorded_places, split_false
from benchmarks.variants.sweep import sweep
from dbgclean.correct.verdicts import ERROR, REAL, UNDECIDED
from dbgclean.pipeline.passes import Column, Corrected
from dbgclean.spectrum.table import KmerTable

__all__ = ["correct_by_ours", "known_peers", "scores_of", "sweeps"]


def known_peers(names: Sequence[str]) -> None:
    """Say which peers there are, and why others are not there."""
    told = (f"{name} ({PEERS[name].missing() or PEERS[name].version()})" for name in names)
    print("peers:", ", ".join(told) or "none")


def correct_by_ours(
    paths: Sequence[str], correctors: Sequence[str], threads: int, model: str | None = None
) -> tuple[Corrected, Places]:
    """Thread once, judge by each corrector, count what each makes of the reads."""
    with recorded_places() as places:
        run = judged(paths, correctors, threads, model, graph=True)
    return rewritten(run), places


def scores_of(
    run: Corrected,
    places: Places,
    truth: Truth,
    peers: Sequence[str],
    paths: Sequence[str | Path],
    facts: Facts,
    threads: int,
) -> dict[str, Any]:
    """What the raw reads hold, and the scores of ours and of those peers that are there.

    A peer that fails is said under ``failed``; ``paths`` lie in a folder for peers to write to.
    """
    result: dict[str, Any] = {
        "raw_false": _raw_false(run.raw, truth),
        "reads": run.evidence.reads if run.evidence else {},
        "tools": _score_ours(run, places, truth),
    }
    for name in peers:
        if PEERS[name].missing():
            continue
        try:
            result["tools"][name] = score_peer(name, paths, facts, truth, run.raw, threads)
        except RuntimeError as error:
            result.setdefault("failed", {})[name] = str(error)
    return result


def _score_ours(run: Corrected, places: Places, truth: Truth) -> dict[str, dict]:
    """Scores of every column, with the verdicts on true and false alternatives."""
    splits = split_false(run, truth.kmers, places)
    scores = {}
    for name, column in run.columns.items():
        scores[name] = score(truth, run.raw, column.table, column.kmers)
        if name in splits:
            scores[name]["split"] = splits[name]
            scores[name]["alternatives"] = _alternatives(run, column, truth)
    return scores


def _alternatives(run: Corrected, column: Column, truth: Truth) -> dict[str, list[int]]:
    """Alternatives by verdict: [those that are true, those that are false]."""
    assert run.evidence is not None
    assert column.verdicts is not None
    rows = run.evidence.alternatives.substitutions
    true = np.isin(run.evidence.alternatives.key[rows], truth.kmers)
    verdict = column.verdicts.verdict[rows]
    return {
        word: [int(np.count_nonzero((verdict == code) & side)) for side in (true, ~true)]
        for word, code in (("real", REAL), ("undecided", UNDECIDED), ("error", ERROR))
    }


def sweeps(run: Corrected, truth: Truth, threads: int) -> dict[str, list[dict]]:
    """The curve of every judge in the run."""
    judges = [
        name
        for name, column in run.columns.items()
        if column.verdicts is not None and name != "nearest"
    ]
    return {name: sweep(run, name, truth, threads) for name in judges}


def score_peer(
    name: str,
    paths: Sequence[str | Path],
    facts: Facts,
    truth: Truth,
    raw: KmerTable,
    threads: int,
) -> dict[str, Any]:
    """Scores of another people's corrector."""
    files = [Path(path) for path in paths]
    work = files[0].parent / name
    done = PEERS[name].correct(files, work, facts, threads)
    scores = score(truth, raw, count_files(done.files, threads))
    shutil.rmtree(work)
    return scores | {"seconds": done.seconds, "peak_gb": done.peak_gb}


def _raw_false(raw: KmerTable, truth: Truth) -> list[int]:
    """False k-mers of the raw reads at abundance >= 1, 2, 3."""
    false = raw.counts[~np.isin(raw.keys, truth.kmers, assume_unique=True)]
    return [int(np.count_nonzero(false >= a)) for a in (1, 2, 3)]
