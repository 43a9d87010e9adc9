"""The main job without reads: k-mers with abundances in, corrected k-mers and graphs out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dbgclean._folder import OutputFolder
from dbgclean._sample import sample_name
from dbgclean.correct.correctors import load_corrector
from dbgclean.correct.kmer_corrections import write_kmer_corrections
from dbgclean.correct.kmer_moves import Moves, move_abundances
from dbgclean.correct.policy import Policy
from dbgclean.errors import InputError
from dbgclean.evidence.neighbours import KmerEvidence, neighbour_alternatives
from dbgclean.log import Progress
from dbgclean.pipeline.full import OUTPUTS, Truth, analyse, finish
from dbgclean.pipeline.options import Options, policy_of
from dbgclean.pipeline.passes import CONTROLS
from dbgclean.pipeline.runs import Cleaned, Corrected, Counted
from dbgclean.spectrum.formats import read_kmer_fasta, saturated
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import MAX_ONE_WORD
from dbgclean.spectrum.table import KmerTable

__all__ = ["KmerRun", "correct_kmers", "kmer_set_run"]

logger = logging.getLogger(__name__)

# Settings that only reads have.
_OF_READS = ("correction_k", "min_quality", "poly_g", "mask")


@dataclass(frozen=True, eq=False, kw_only=True)
class KmerRun(Corrected):
    """What came of a k-mer set.

    Attributes
    ----------
    moves
        By name of the column, of those that judge.
    """

    moves: dict[str, Moves]


def kmer_set_run(
    path: str,
    folder: str,
    options: Options,
    *,
    k: int | None = None,
    truth: str | None = None,
    controls: bool = True,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Correct a set of k-mers and write what `full_run` writes, but for the reads.

    Parameters
    ----------
    path
        k-mers with abundances: ``jellyfish dump`` (FASTA or columns), ``kmc_tools
        transform ... dump``, or our own, compressed or not.
    options
        What concerns reads is ignored; k is that of the file.
    k
        Refuse a file of another k.
    folder, truth, controls, force
        As of `full_run`.

    Returns
    -------
    dict
        The report, as in ``report.json``.

    Raises
    ------
    DbgcleanError
        For anything wrong with inputs, options or output; nothing is left behind.
    """
    with ExitStack() as stack:
        progress = progress or stack.enter_context(Progress(quiet=True))
        _check_corrector(options)
        policy = policy_of(options)
        out = stack.enter_context(OutputFolder(folder, force, [path, truth, *options.paths]))
        out.claim(*OUTPUTS)
        progress.start(f"Reading {Path(path).name}")
        table = _read(path, k)
        true = Truth(truth, table.k) if truth else None
        names = dict.fromkeys([*(CONTROLS if controls else ()), options.corrector])
        run = correct_kmers(table, options, list(names), policy, progress)
        report = analyse(run, out, true)
        report |= {
            "config": {name: v for name, v in report["config"].items() if name not in _OF_READS},
            "inputs": [_input(path, table)],
            "corrections": _corrections(run),
            "sample": options.sample or sample_name([path]),
        }
        _write_corrections(run, out)
        finish(out, report, progress)
    return report


def correct_kmers(
    table: KmerTable,
    options: Options,
    names: Sequence[str],
    policy: Policy | None = None,
    progress: Progress | None = None,
) -> KmerRun:
    """Judge the weak k-mers of a table: a column for each corrector, with its k-mers.

    Parameters
    ----------
    table
        Abundances at any k; strands and qualities are not looked at.
    options
        What concerns reads is ignored; k is that of the table.
    names
        Correctors, the columns in their order.
    policy
        The user's rules; by default none.
    """
    spectrum, evidence = fit_spectrum(table), None
    counted = Counted(
        options=replace(options, k=table.k, correction_k=table.k),
        groups=(),
        progress=progress or Progress(quiet=True),
        policy=policy or Policy(),
        graph=True,
        table=KmerTable.empty(table.k),
        raw=table,
        spectrum=spectrum,
        threading_spectrum=spectrum,
    )
    correctors = {name: load_corrector(name) for name in names}
    if any(corrector.edits_reads for corrector in correctors.values()):
        counted.progress.start("Looking for solid neighbours")
        evidence = neighbour_alternatives(table, spectrum, options.threads)
    counted.progress.start("Judging")
    sample, columns, moves = counted.sample(), dict[str, Cleaned](), dict[str, Moves]()
    for name, corrector in correctors.items():
        left, protected, verdicts = table, np.zeros(0, np.uint64), None
        if evidence is not None and corrector.edits_reads:
            verdicts = counted.policy.apply(evidence, corrector.judge(evidence, sample))
            moves[name] = move_abundances(table, evidence, verdicts.kept)
            left, protected = moves[name].table, moves[name].protected
        kept = corrector.keep(left, protected, sample) & (left.counts >= options.kept_from)
        columns[name] = Cleaned(name, corrector, verdicts, table=left, kept=kept)
    return KmerRun(**vars(counted), evidence=evidence, columns=columns, moves=moves)


def _check_corrector(options: Options) -> None:
    """Before any work: it is there, and so are its weights."""
    check = getattr(load_corrector(options.corrector), "check", None)
    if check is not None:
        check(options.model)


def _read(path: str, k: int | None) -> KmerTable:
    """The k-mers, those of abundance 0 left out; solid neighbours are sought up to k = 31."""
    table = read_kmer_fasta(path, MAX_ONE_WORD)
    if k is not None and table.k != k:
        msg = f"{path}: holds {table.k}-mers, and -k {k} was asked for; leave -k out"
        raise InputError(msg)
    table = table.select(table.counts > 0)
    if len(table) == 0:
        msg = f"{path}: no k-mer with an abundance above 0; give k-mers with their counts"
        raise InputError(msg)
    logger.info("%s %d-mers, %s distinct", f"{table.total:,}", table.k, f"{len(table):,}")
    return table


def _input(path: str, table: KmerTable) -> dict[str, Any]:
    return {
        "files": [Path(path).name],
        "layout": "kmers",
        "format": "kmers",
        "distinct_kmers": len(table),
        "total_abundance": table.total,
        "saturated_kmers": saturated(table.counts),
    }


def _corrections(run: KmerRun) -> dict[str, Any]:
    """As of a run over reads, with k-mers moved in place of bases changed."""
    chosen = run.chosen
    dropped = chosen.table.counts[~chosen.kept]
    result: dict[str, Any] = {"corrector": chosen.name}
    if chosen.verdicts is not None and run.evidence is not None:
        moves = run.moves[chosen.name]
        result |= {"alternatives": len(run.evidence.alternatives), **chosen.verdicts.count()}
        result |= moves.count()
        result["refused"] = moves.refused()
        result |= run.policy.report(chosen.verdicts)
    return result | {
        "kmers_dropped": len(dropped),
        "abundance_dropped": int(dropped.sum(dtype=np.uint64)),
    }


def _write_corrections(run: KmerRun, out: OutputFolder) -> None:
    assert run.evidence is None or isinstance(run.evidence, KmerEvidence)
    write_kmer_corrections(
        out.path("corrections.tsv.gz"),
        run.raw,
        run.evidence,
        run.chosen.verdicts,
        run.moves.get(run.chosen.name),
        run.chosen.kmers.keys,
    )
