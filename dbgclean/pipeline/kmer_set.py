"""The main job without reads: k-mers with abundances in, corrected k-mers and graphs out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dbgclean._folder import OutputFolder
from dbgclean.correct.correctors import Sample, load_corrector
from dbgclean.correct.kmer_corrections import write_kmer_corrections
from dbgclean.correct.kmer_moves import Moves, move_abundances
from dbgclean.correct.policy import Policy
from dbgclean.errors import InputError
from dbgclean.evidence.neighbours import KmerEvidence, neighbour_alternatives
from dbgclean.log import Progress
from dbgclean.pipeline.full import OUTPUTS, Truth, analyse
from dbgclean.pipeline.options import Options, policy_of
from dbgclean.pipeline.passes import CONTROLS, Column, Run, sample_of
from dbgclean.report import write_outputs
from dbgclean.spectrum.formats import HIGHEST_COUNT, read_kmer_fasta
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.table import KmerTable

__all__ = ["KmerRun", "correct_kmers", "kmer_set_run"]

logger = logging.getLogger(__name__)

# Where KMC stops counting unless told otherwise (-cs).
_KMC_CEILING = 255
# Settings that only reads have.
_OF_READS = ("correction_k", "min_quality", "poly_g")


@dataclass
class KmerRun(Run):
    """A run over a k-mer set.

    Attributes
    ----------
    moves
        By name of the column, of those that judge.
    """

    moves: dict[str, Moves] = field(default_factory=dict)


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
        names = [*CONTROLS] if controls else []
        if options.corrector not in names:
            names.append(options.corrector)
        run = correct_kmers(table, options, names, policy, progress)
        report = analyse(run, out, true)
        report |= {
            "config": {name: v for name, v in report["config"].items() if name not in _OF_READS},
            "inputs": [_input(path, table)],
            "corrections": _corrections(run),
        }
        _write_corrections(run, out)
        progress.start("Writing the report")
        write_outputs(report, out.path("report.json").parent)
        out.commit()
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
    options = replace(options, k=table.k, correction_k=table.k)
    run = KmerRun(options, [], progress or Progress(quiet=True), policy or Policy())
    run.raw, run.spectrum = table, fit_spectrum(table)
    run.columns = {name: Column(name, load_corrector(name)) for name in names}
    if any(column.corrector.edits_reads for column in run.columns.values()):
        run.progress.start("Looking for solid neighbours")
        run.evidence = neighbour_alternatives(table, run.spectrum, options.threads)
    sample = sample_of(run, run.spectrum)
    run.progress.start("Judging")
    for column in run.columns.values():
        _judge(run, column, sample)
    return run


def _check_corrector(options: Options) -> None:
    """Before any work: it is there, and so are its weights."""
    check = getattr(load_corrector(options.corrector), "check", None)
    if check is not None:
        check(options.model)


def _read(path: str, k: int | None) -> KmerTable:
    """The file's k-mers, those of abundance 0 left out."""
    table = read_kmer_fasta(path)
    if k is not None and table.k != k:
        msg = f"{path}: holds {table.k}-mers, and -k {k} was asked for; leave -k out"
        raise InputError(msg)
    table = table.select(table.counts > 0)
    if len(table) == 0:
        msg = f"{path}: no k-mer with an abundance above 0; give k-mers with their counts"
        raise InputError(msg)
    logger.info("%s %d-mers, %s distinct", f"{table.total:,}", table.k, f"{len(table):,}")
    at_ceiling = np.count_nonzero(table.counts == _KMC_CEILING)
    if table.counts.max() == _KMC_CEILING and at_ceiling > 1:
        logger.warning(
            "%s: %s k-mers have abundance 255 and none has more, as if counting had stopped "
            "there; count again with a higher ceiling (kmc -cs)",
            path,
            f"{at_ceiling:,}",
        )
    return table


def _judge(run: KmerRun, column: Column, sample: Sample) -> None:
    """Verdicts of one corrector, and the table after them."""
    assert run.raw is not None
    column.table, protected = run.raw, np.zeros(0, np.uint64)
    if column.corrector.edits_reads:
        assert isinstance(run.evidence, KmerEvidence)
        judged = column.corrector.judge(run.evidence, sample)
        column.verdicts = run.policy.apply(run.evidence, judged)
        moves = move_abundances(run.raw, run.evidence, column.verdicts.kept)
        column.table, protected = moves.table, moves.protected
        run.moves[column.name] = moves
    column.kept = column.corrector.keep(column.table, protected, sample)


def _input(path: str, table: KmerTable) -> dict[str, Any]:
    return {
        "files": [Path(path).name],
        "layout": "kmers",
        "format": "kmers",
        "distinct_kmers": len(table),
        "total_abundance": table.total,
        "saturated_kmers": int(np.count_nonzero(table.counts == HIGHEST_COUNT)),
    }


def _corrections(run: KmerRun) -> dict[str, Any]:
    """As of a run over reads, with k-mers moved in place of bases changed."""
    chosen = run.chosen
    assert chosen.table is not None
    assert chosen.kept is not None
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
    assert run.raw is not None
    assert run.evidence is None or isinstance(run.evidence, KmerEvidence)
    write_kmer_corrections(
        out.path("corrections.tsv.gz"),
        run.raw,
        run.evidence,
        run.chosen.verdicts,
        run.moves.get(run.chosen.name),
        run.chosen.kmers.keys,
    )
