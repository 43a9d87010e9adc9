"""A mixture through every corrector: ours in one run, other people's one by one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers import PEERS, Facts
from benchmarks.variants_score import Truth, score
from benchmarks.variants_split import Places, recorded_places, split_false
from benchmarks.variants_sweep import sweep
from dbgclean.correct.verdicts import ERROR, REAL, UNDECIDED
from dbgclean.log import Progress
from dbgclean.pipeline.passes import Column, Corrected, Options, count, judge, open_run, rewrite
from dbgclean.reads import iter_batches, plan_inputs
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.table import KmerTable

__all__ = [
    "K",
    "correct_by_ours",
    "count_files",
    "known_peers",
    "raw_false",
    "score_ours",
    "score_peers",
    "sweeps",
    "timed",
]

K = 31


def known_peers(names: Sequence[str]) -> dict[str, str]:
    """Version of each peer by name, or why it is not there."""
    return {name: PEERS[name].missing() or PEERS[name].version() for name in names}


def correct_by_ours(
    paths: Sequence[str], correctors: Sequence[str], threads: int, model: str | None = None
) -> tuple[Corrected, Places]:
    """Thread once, judge by each corrector, count what each makes of the reads.

    The last corrector is the one a user would have asked for; that decides no figure.
    """
    options = Options(k=K, corrector=correctors[-1], threads=threads, model=model)
    counted = count(open_run(paths, options, Progress(quiet=True), graph=True))
    with recorded_places() as places:
        judged = judge(counted, correctors)
    return rewrite(judged, lambda group, batch: None), places


def score_ours(run: Corrected, places: Places, truth: Truth) -> dict[str, dict]:
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
    true = np.isin(run.evidence.alternatives.key, truth.kmers)
    verdict = column.verdicts.verdict
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


def score_peers(
    paths: Sequence[str],
    names: Sequence[str],
    folder: Path,
    facts: Facts,
    truth: Truth,
    raw: KmerTable,
    threads: int,
) -> dict[str, dict]:
    """Scores of other people's correctors, as far as they are installed."""
    scores: dict[str, dict] = {}
    for name in names:
        peer = PEERS[name]
        if peer.missing():
            continue
        work = folder / name
        done = peer.correct([Path(path) for path in paths], work, facts, threads)
        table = count_files([str(path) for path in done.files], threads)
        scores[name] = score(truth, raw, table)
        scores[name] |= {"seconds": done.seconds, "peak_gb": done.peak_gb}
        shutil.rmtree(work)
    return scores


def count_files(paths: Sequence[str], threads: int) -> KmerTable:
    """31-mers of reads in files."""
    counter = KmerCounter(K, threads=threads)
    for group in plan_inputs(list(paths), single=True):
        for batch in iter_batches(group, threads=threads):
            counter.add(batch)
    return counter.finish()


def raw_false(raw: KmerTable, truth: Truth) -> list[int]:
    """False k-mers of the raw reads at abundance >= 1, 2, 3."""
    false = raw.counts[~np.isin(raw.keys, truth.kmers, assume_unique=True)]
    return [int(np.count_nonzero(false >= a)) for a in (1, 2, 3)]


def timed(begun: tuple[float, float]) -> dict[str, float]:
    """Wall clock and processor seconds since ``(perf_counter(), process_time())``."""
    return {
        "seconds": round(time.perf_counter() - begun[0], 1),
        "cpu_seconds": round(time.process_time() - begun[1], 1),
    }
