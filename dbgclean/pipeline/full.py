"""The main job, end to end: reads in, corrected k-mers and reads, graphs and report out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dbgclean._folder import OutputFolder
from dbgclean._versions import VERSIONS, versions_yml
from dbgclean.correct.corrections import write_corrections
from dbgclean.errors import InputError
from dbgclean.graph.ambiguity import AmbiguityReport, ambiguity
from dbgclean.graph.cleaning import classical_clean
from dbgclean.graph.compaction import compact, compact_rows, outline
from dbgclean.graph.gfa import write_gfa
from dbgclean.graph.topology import bubble_arms, first_arms
from dbgclean.graph.unitig_fasta import write_unitigs
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.log import Progress
from dbgclean.pipeline.aside import Aside
from dbgclean.pipeline.figures import figures_of
from dbgclean.pipeline.passes import CONTROLS, Corrected, Options, correct, open_run
from dbgclean.pipeline.picture import Graphs, picture, write_bandage
from dbgclean.pipeline.reads_out import ReadOutputs, ReadsOut
from dbgclean.pipeline.runs import Cleaned
from dbgclean.reads import InputGroup, output_names
from dbgclean.reads.reference import read_sequences
from dbgclean.report import (
    build_report,
    histogram_pairs,
    new_junctions,
    real_bubbles_closed,
    truth_cost,
    write_outputs,
)
from dbgclean.report.cost import junction_nodes
from dbgclean.spectrum.formats import write_kmer_fasta
from dbgclean.spectrum.kmers import canonical_kmers, kmers_at
from dbgclean.spectrum.membership import rows_among
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.whole import count_codes

__all__ = ["OUTPUTS", "Truth", "analyse", "finish", "full_run"]

OUTPUTS = (
    "kmers.fa.gz",
    "corrections.tsv.gz",
    "raw.gfa",
    "clean.gfa",
    "clean.graphml",
    "raw.csv",
    "clean.csv",
    "unitigs.fa",
    "report.html",
    "report.json",
    VERSIONS,
)
"""Names of the files of every run; `report.write_outputs` has more."""
CHANGES = "changes.tsv.gz"
GRAPHML_UNITIGS = 5000
"""Most unitigs of a graph that is written as ``clean.graphml``: some megabytes, a second."""


def full_run(
    reads: Sequence[str],
    folder: str,
    options: Options,
    *,
    truth: str | None = None,
    controls: bool = True,
    force: bool = False,
    changes: bool = False,
    tag_reads: bool = False,
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
    changes, tag_reads
        See `dbgclean.pipeline.reads_out.ReadOutputs`; the table is ``changes.tsv.gz``.

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
        inputs = open_run(reads, options, progress, graph=True)
        true = Truth(truth, options.k) if truth else None
        out = stack.enter_context(OutputFolder(folder, force, [*reads, truth, *options.paths]))
        outputs = _claimed(out, inputs.groups, changes, tag_reads, options.threads)
        with ReadsOut(inputs.groups, outputs) as sink:
            run = correct(inputs, sink, CONTROLS if controls else ())
        _check_left(run)
        if run.compiling is not None:
            run.compiling.finish()
        with Aside(options.threads) as aside:
            chosen = run.chosen
            corrections = out.path("corrections.tsv.gz")
            aside.do(write_corrections, corrections, run.evidence, chosen.verdicts)
            report = analyse(run, out, true)
        finish(out, report, progress)
    return report


def _claimed(
    out: OutputFolder, groups: Sequence[InputGroup], changes: bool, tag: bool, threads: int
) -> ReadOutputs:
    """Names taken for all files; those of the reads are the input files'."""
    names = [[f"reads/{name}" for name in group] for group in output_names(groups)]
    out.claim(*OUTPUTS, *([CHANGES] if changes else []), *chain(*names))
    files = [[str(out.path(name)) for name in group] for group in names]
    table = str(out.path(CHANGES)) if changes else None
    return ReadOutputs(files, changes=table, tag=tag, threads=threads)


def finish(out: OutputFolder, report: dict[str, Any], progress: Progress) -> None:
    """Write the report, which links all else that is there, and let the folder appear."""
    progress.start("Writing the report")
    folder = out.path("report.json").parent
    out.path(VERSIONS).write_text(versions_yml(), encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    linked = [path.relative_to(folder).as_posix() for path in files]
    write_outputs(report, folder, linked=linked)
    out.commit()


def _check_left(run: Corrected) -> None:
    """An empty set of k-mers is no result."""
    if not run.chosen.kept.any():
        least = run.options.kept_from
        who = run.chosen.name if least == 1 else f"--min-abundance {least}"
        other = "another --corrector" if least == 1 else "a lower one"
        msg = (
            f"{run.files}: {who} leaves none of {len(run.raw):,} k-mers, so there is "
            f"no result; give more reads, or {other}"
        )
        raise InputError(msg)


class Truth:
    """k-mers of the truth and the bubbles of its graph."""

    def __init__(self, path: str, k: int) -> None:
        self.name = Path(path).name
        _, codes, offsets = read_sequences(path)
        table = count_codes(codes, offsets, None, k)
        self.keys = table.keys
        graph = compact(table.keys, table.counts, k)
        self._arms = _arm_kmers(graph)
        self._raw_nodes: np.ndarray | None = None

    def cost(self, raw: KmerTable, kmers: Kmers | KmerTable) -> dict[str, int]:
        """What a column's k-mer set cost, all of one run."""
        if self._raw_nodes is None:
            self._raw_nodes = junction_nodes(raw.keys, raw.k)
        counted = truth_cost(
            self.keys, kmers.keys, kmers.counts, raw_keys=raw.keys, raw_counts=raw.counts
        )
        return {
            "true_kmers_lost": counted.true_kmers_lost,
            "false_kmers_left": counted.false_kmers_left,
            "real_bubbles_closed": real_bubbles_closed(*self._arms, kmers.keys, raw.keys),
            "new_junctions": new_junctions(raw.keys, kmers.keys, raw.k, self._raw_nodes),
        }

    def reads(self, raw: KmerTable, table: KmerTable) -> dict[str, int]:
        """The same of the corrected reads, at abundance 1, 2 and 3."""
        return truth_cost(
            self.keys, table.keys, table.counts, raw_keys=raw.keys, raw_counts=raw.counts
        ).to_dict()


def _arm_kmers(graph: UnitigGraph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Canonical k-mers of all bubble arms, where each arm begins, and its bubble."""
    ends, arms = bubble_arms(graph)
    unitigs = arms >> 1
    sizes = graph.kmers[unitigs]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
    starts = np.repeat(graph.offsets[unitigs], sizes) + within
    keys = kmers_at(graph.codes, starts, graph.k)
    bubble = np.zeros(len(arms), np.int64)
    bubble[first_arms(ends)[1:]] = 1
    return canonical_kmers(keys, graph.k), offsets, np.cumsum(bubble)


class Kmers(NamedTuple):
    """Keys (sorted) and abundances (uint32) of a column's k-mers."""

    keys: np.ndarray
    counts: np.ndarray

    @classmethod
    def where(cls, table: KmerTable, kept: np.ndarray) -> Kmers:
        """Those of a table that are kept."""
        if kept.all():
            return cls(table.keys, table.counts)
        return cls(table.keys[kept], table.counts[kept])


def analyse(run: Corrected, out: OutputFolder, truth: Truth | None) -> dict[str, Any]:
    """Graphs of all columns, the chosen one written; the report."""
    raw = run.raw
    with Aside(run.options.threads) as aside:
        graphs = _Graphs(run, out, truth, aside)
        classical = graphs.raw()
        sets = {"cutoff": raw.counts >= run.spectrum.cutoff, "classical": classical}
        order = [*sets, *(name for name in run.columns if name not in sets)]
        # The chosen one first: there is most to write of it, beside the others.
        for name in sorted(order, key=lambda name: name != run.options.corrector):
            run.progress.start(f"Graph of {name}")
            if name in sets:
                graphs.column(name, Kmers.where(raw, sets.pop(name)))
            else:
                column = run.columns[name]
                if not graphs.measured_as(name, column):
                    graphs.column(name, Kmers.where(column.table, column.kept))
        stands = _stands(run)
    return build_report(
        picture=graphs.picture.result(),
        **figures_of(run),
        ambiguity={name: graphs.figures(name) for name in ("raw", *order)},
        abundance=_abundance(raw, stands),
        truth=_truth(run, truth),
        sample=run.options.sample,
        command=run.options.command,
    )


class _Graphs:
    """The graphs of a run, measured and written as they come."""

    def __init__(
        self, run: Corrected, out: OutputFolder, truth: Truth | None, aside: Aside
    ) -> None:
        self._run = run
        self._out = out
        self._truth = truth
        self._aside = aside
        self._measured: dict[str, Future[AmbiguityReport]] = {}
        self._costs: dict[str, dict[str, int]] = {}
        self._compacted: tuple[UnitigGraph, np.ndarray] | None = None
        self._seen: dict[str, Cleaned] = {}
        self.picture: Future[dict[str, Any] | None]

    def raw(self) -> np.ndarray:
        """The raw graph; which of its k-mers the classical cleaner keeps."""
        run, out = self._run, self._out
        raw, threads = run.raw, run.options.threads
        run.progress.start("Graph of raw")
        self._compacted = compacted = compact_rows(raw.keys, raw.counts, raw.k, threads)
        self._measured["raw"] = self._aside.do(ambiguity, compacted[0])
        self._aside.do(write_gfa, out.path("raw.gfa"), compacted[0])
        if self._truth:
            self._costs["raw"] = self._truth.cost(raw, raw)
        run.progress.start("Classical cleaning")
        return classical_clean(raw.keys, raw.counts, raw.k, threads, compacted=compacted)

    def measured_as(self, name: str, column: Cleaned) -> bool:
        """Whether a column has the very k-mers of one before, and then its figures."""
        for other, seen in self._seen.items():
            if seen.table is column.table and np.array_equal(seen.kept, column.kept):
                self._measured[name] = self._measured[other]
                if other in self._costs:
                    self._costs[name] = self._costs[other]
                return True
        self._seen[name] = column
        return False

    def column(self, name: str, kmers: Kmers) -> None:
        """Graph of a column, written where it is the one that was asked for."""
        run, out, aside = self._run, self._out, self._aside
        k, threads = run.raw.k, run.options.threads
        chosen = name == run.options.corrector
        graph = (compact if chosen else outline)(kmers.keys, kmers.counts, k, threads)
        self._measured[name] = aside.do(ambiguity, graph)
        if chosen:
            aside.do(write_gfa, out.path("clean.gfa"), graph)
            if len(graph) <= GRAPHML_UNITIGS:
                from dbgclean.graph.nx import write_networkx

                aside.do(write_networkx, out.path("clean.graphml"), graph)
            aside.do(write_unitigs, out.path("unitigs.fa"), graph)
            aside.do(write_kmer_fasta, out.path("kmers.fa.gz"), kmers.keys, kmers.counts, k)
            self._draw(graph, kmers)
        if self._truth:
            self._costs[name] = self._truth.cost(run.raw, kmers)

    def _draw(self, graph: UnitigGraph, kmers: Kmers) -> None:
        """The picture of both graphs, and their classes for Bandage."""
        assert self._compacted is not None, "the raw graph goes first"
        run = self._run
        raw, unitig_of = self._compacted
        both = Graphs(
            raw, graph, run.raw.keys, unitig_of, kmers.keys, run.evidence, run.chosen.verdicts
        )
        self.picture = self._aside.do(picture, both)
        self._aside.do(write_bandage, both, self._out.path("raw.csv"), self._out.path("clean.csv"))
        self._compacted = None

    def figures(self, name: str) -> dict[str, Any]:
        """What the report says of a column."""
        return {
            **self._measured[name].result().to_dict(),
            **self._costs.get(name, {}),
            **(_verdicts(self._run, name) if name in self._run.columns else {}),
        }


def _stands(run: Corrected) -> np.ndarray:
    """Which of the raw k-mers the chosen column kept."""
    chosen = run.chosen
    rows = rows_among(run.raw.keys, chosen.table.keys)
    stands: np.ndarray = rows >= 0
    stands[stands] = chosen.kept[rows[stands]]
    return stands


def _abundance(raw: KmerTable, stands: np.ndarray) -> dict[str, Any]:
    """Raw abundance of the raw k-mers that the chosen column kept and removed."""
    return {
        name: histogram_pairs(np.bincount(np.minimum(raw.counts[mask], 100_000)))
        for name, mask in (("kept", stands), ("removed", ~stands))
    }


def _verdicts(run: Corrected, name: str) -> dict[str, int]:
    """Alternatives that a column judged real, or left undecided."""
    verdicts = run.columns[name].verdicts
    if verdicts is None:
        return {}
    counts = verdicts.count()
    return {"alleles_kept": counts["real"], "undecided": counts["undecided"]}


def _truth(run: Corrected, truth: Truth | None) -> dict[str, Any] | None:
    if truth is None:
        return None
    return {
        "file": truth.name,
        "kmers": len(truth.keys),
        "reads": truth.reads(run.raw, run.chosen.table),
    }
