"""The main job, end to end: reads in, corrected k-mers and reads, graphs and report out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from dbgclean._files import OutputFolder
from dbgclean.correct.corrections import refusals, write_corrections
from dbgclean.graph.ambiguity import ambiguity
from dbgclean.graph.cleaning import classical_clean
from dbgclean.graph.compaction import compact
from dbgclean.graph.gfa import write_gfa
from dbgclean.graph.topology import bubble_arms, first_arms
from dbgclean.graph.unitig_fasta import write_unitigs
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.log import Progress
from dbgclean.pipeline.passes import CONTROLS, Options, Run, count, judge, open_run, rewrite
from dbgclean.reads import open_writer, output_names
from dbgclean.reads.reference import read_sequences
from dbgclean.report import (
    build_report,
    histogram_pairs,
    new_junctions,
    real_bubbles_closed,
    truth_cost,
    write_outputs,
)
from dbgclean.spectrum.counting import count_codes
from dbgclean.spectrum.formats import write_kmer_fasta
from dbgclean.spectrum.kmers import canonical_kmers
from dbgclean.spectrum.table import KmerTable

__all__ = ["EXAMPLE", "Truth", "analyse", "full_run"]

EXAMPLE = Path(__file__).parent.parent / "example"


def full_run(
    reads: Sequence[str],
    folder: str,
    options: Options,
    *,
    truth: str | None = None,
    controls: bool = True,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run everything and write it into ``folder``.

    Parameters
    ----------
    reads
        Input files; '-' is stdin.
    folder
        Appears under its name only when everything in it is whole.
    truth
        FASTA or GenBank of the genome, all haplotypes: the report then says what
        each column cost.
    controls
        Judge by the other correctors too, for the report's columns.
    force
        Write into a folder that holds something.

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
        run = open_run(reads, options, progress)
        true = Truth(truth, options.k) if truth else None
        out = stack.enter_context(OutputFolder(folder, force))
        table = count(run, graph=True)
        names = [*CONTROLS] if controls else []
        if options.corrector not in names:
            names.append(options.corrector)
        judge(run, table, names)
        del table
        _write_reads(run, out)
        report = analyse(run, out, true)
        chosen = run.chosen
        write_corrections(
            out.path("corrections.tsv.gz"), run.evidence, chosen.verdicts, chosen.gaps
        )
        progress.start("Writing the report")
        write_outputs(report, out.path("report.json").parent)
        out.commit()
    return report


def _write_reads(run: Run, out: OutputFolder) -> None:
    """Third pass: reads/NAME for every input file."""
    names = output_names(run.groups)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(open_writer(group, [str(out.path(f"reads/{n}")) for n in files]))
            for group, files in zip(run.groups, names, strict=True)
        ]
        rewrite(run, lambda group, batch: writers[group].write(batch), graph=True)


class Truth:
    """k-mers of the truth and the bubbles of its graph."""

    def __init__(self, path: str, k: int) -> None:
        self.name = Path(path).name
        _, codes, offsets = read_sequences(path)
        table = count_codes(codes, offsets, None, k)
        self.keys = table.keys
        graph = compact(table.keys, table.counts, k)
        self._arms = _arm_kmers(graph)

    def cost(self, raw: KmerTable, kmers: KmerTable) -> dict[str, int]:
        """What a column's k-mer set cost."""
        counted = truth_cost(
            self.keys, kmers.keys, kmers.counts, raw_keys=raw.keys, raw_counts=raw.counts
        )
        return {
            "true_kmers_lost": counted.true_kmers_lost,
            "false_kmers_left": counted.false_kmers_left,
            "real_bubbles_closed": real_bubbles_closed(*self._arms, kmers.keys, raw.keys),
            "new_junctions": new_junctions(raw.keys, kmers.keys, raw.k),
        }

    def reads(self, raw: KmerTable, table: KmerTable) -> dict[str, int]:
        """The same of the corrected reads, at abundance 1, 2 and 3."""
        return truth_cost(
            self.keys, table.keys, table.counts, raw_keys=raw.keys, raw_counts=raw.counts
        ).to_dict()


def _arm_kmers(graph: UnitigGraph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Canonical k-mers of all bubble arms, where each arm begins, and its bubble."""
    ends, arms = bubble_arms(graph)
    k = graph.k
    unitigs = arms >> 1
    sizes = graph.kmers[unitigs]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
    starts = np.repeat(graph.offsets[unitigs], sizes) + within
    keys = np.zeros(len(starts), np.uint64)
    for i in range(k):
        keys = (keys << np.uint64(2)) | graph.codes[starts + i].astype(np.uint64)
    bubble = np.zeros(len(arms), np.int64)
    bubble[first_arms(ends)[1:]] = 1
    return canonical_kmers(keys, k), offsets, np.cumsum(bubble)


def analyse(run: Run, out: OutputFolder, truth: Truth | None) -> dict[str, Any]:
    """Graphs of all columns, the chosen one written; the report."""
    assert run.raw is not None
    assert run.spectrum is not None
    raw, threads = run.raw, run.options.threads
    sets: dict[str, KmerTable] = {
        "raw": raw,
        "cutoff": raw.select(raw.counts >= run.spectrum.cutoff),
        "classical": raw.select(classical_clean(raw.keys, raw.counts, raw.k, threads)),
    }
    columns: dict[str, dict[str, Any]] = {}
    order = [*sets, *(name for name in run.columns if name not in sets)]
    for name in order:
        run.progress.start(f"Graph of {name}")
        kmers = sets.pop(name) if name in sets else run.columns[name].kmers
        graph = compact(kmers.keys, kmers.counts, kmers.k, threads)
        columns[name] = ambiguity(graph).to_dict()
        if truth:
            columns[name].update(truth.cost(raw, kmers))
        if name in run.columns:
            columns[name].update(_verdicts(run, name))
        if name == "raw":
            write_gfa(out.path("raw.gfa"), graph)
        if name == run.options.corrector:
            write_gfa(out.path("clean.gfa"), graph)
            write_unitigs(out.path("unitigs.fa"), graph)
            write_kmer_fasta(out.path("kmers.fa.gz"), kmers.keys, kmers.counts, kmers.k)
    return build_report(
        config=run.config(),
        inputs=_inputs(run),
        spectrum=_spectrum(run),
        corrections=_corrections(run),
        ambiguity=columns,
        abundance=_abundance(run),
        alleles=_alleles(run),
        truth=_truth(run, truth),
    )


def _inputs(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "files": [Path(path).name for path in group.paths],
            "layout": group.layout,
            "format": group.format,
            **tally.to_dict(),
        }
        for group, tally in zip(run.groups, run.statistics, strict=True)
    ]


def _spectrum(run: Run) -> dict[str, Any]:
    assert run.spectrum is not None
    return {**run.spectrum.to_dict(), "skipped_kmers": run.skipped_kmers}


def _corrections(run: Run) -> dict[str, Any]:
    chosen = run.chosen
    assert chosen.table is not None
    assert chosen.kept is not None
    dropped = len(chosen.table) - int(np.count_nonzero(chosen.kept))
    result: dict[str, Any] = {"corrector": chosen.name}
    if chosen.verdicts is not None and run.evidence is not None:
        result |= {"alternatives": len(run.evidence.alternatives), **chosen.verdicts.count()}
        result |= chosen.rewriter.statistics.to_dict()
        result |= {
            "refused": refusals(run.evidence, chosen.verdicts),
            "reads": run.evidence.reads,
        }
        if chosen.gaps is not None:
            result["gaps"] = {"alternatives": len(chosen.gaps.verdict), **chosen.gaps.count()}
        result |= run.policy.report(chosen.verdicts, chosen.gaps)
    return result | {"kmers_dropped": dropped}


def _abundance(run: Run) -> dict[str, Any]:
    """Raw abundance of the raw k-mers that the chosen column kept and removed."""
    assert run.raw is not None
    stands = np.isin(run.raw.keys, run.chosen.kmers.keys, assume_unique=True)
    return {
        name: histogram_pairs(np.bincount(np.minimum(run.raw.counts[mask], 100_000)))
        for name, mask in (("kept", stands), ("removed", ~stands))
    }


def _verdicts(run: Run, name: str) -> dict[str, int]:
    """Alternatives that a column judged real, or left undecided."""
    verdicts = run.columns[name].verdicts
    if verdicts is None:
        return {}
    counts = verdicts.count()
    return {"alleles_kept": counts["real"], "undecided": counts["undecided"]}


def _alleles(run: Run) -> dict[str, Any] | None:
    if run.chosen.verdicts is None:
        return None
    counts = run.chosen.verdicts.count()
    return {"kept": counts["real"], "undecided": counts["undecided"]}


def _truth(run: Run, truth: Truth | None) -> dict[str, Any] | None:
    if truth is None:
        return None
    assert run.raw is not None
    assert run.chosen.table is not None
    return {
        "file": truth.name,
        "kmers": len(truth.keys),
        "reads": truth.reads(run.raw, run.chosen.table),
    }
