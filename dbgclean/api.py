"""The verbs for Python: arrays inside, networkx at the door, nothing written unless asked for.

Each is a thin layer over what the command line calls too; what it takes as keywords are the
options of the same name, and what it raises for anything wrong with the input is a
`DbgcleanError` that says in one line what was found and what to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from dbgclean._memory import allowed_cpus
from dbgclean.errors import DbgcleanError
from dbgclean.graph.ambiguity import AmbiguityReport
from dbgclean.graph.topology import Bubble, Tip, find_bubbles, find_tips
from dbgclean.log import Progress
from dbgclean.pipeline.counting import batches_of, count_reads, fit_of, groups_of
from dbgclean.pipeline.graphs import GraphOptions, compare_graphs, graph_of
from dbgclean.pipeline.options import Options
from dbgclean.pipeline.results import Comparison, Correction, Counts, HeldReads, Picture, Spectrum
from dbgclean.reads import ReadBatch
from dbgclean.spectrum.table import KmerTable
from dbgclean.variants.allele_table import AlleleTable

if TYPE_CHECKING:
    import networkx as nx

    from dbgclean.graph.unitigs import UnitigGraph

__all__ = [
    "AlleleTable",
    "AmbiguityReport",
    "Bubble",
    "Comparison",
    "Correction",
    "Counts",
    "DbgcleanError",
    "KmerTable",
    "Picture",
    "ReadBatch",
    "Spectrum",
    "Tip",
    "ambiguity",
    "bubbles",
    "build_graph",
    "compare",
    "correct",
    "count",
    "inspect",
    "read_reads",
    "tips",
]

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Graph: TypeAlias = "nx.DiGraph | UnitigGraph | KmerTable"


def read_reads(
    reads: Paths,
    *,
    interleaved: bool = False,
    single: bool = False,
    paired: bool = False,
    reference: str | None = None,
    threads: int = 0,
) -> Iterator[ReadBatch]:
    """Yield reads of FASTA, FASTQ (plain or compressed), BAM or CRAM files, in batches.

    Parameters
    ----------
    reads
        One path or several; two in a row whose read names are mates are a pair.
    """
    options = Options(
        threads=threads or allowed_cpus(),
        interleaved=interleaved,
        single=single,
        paired=paired,
        reference=reference,
    )
    groups = groups_of(_paths(reads), options)
    for _, _, batch in batches_of(groups, options, Progress(quiet=True), "Reading"):
        yield batch


def count(
    reads: Paths,
    k: int = 31,
    *,
    min_abundance: int = 1,
    min_quality: int = 20,
    interleaved: bool = False,
    single: bool = False,
    paired: bool = False,
    reference: str | None = None,
    threads: int = 0,
    memory: int | None = None,
    tmp: str | None = None,
) -> Counts:
    """Count canonical k-mers, and fit errors and depth to their spectrum.

    Parameters
    ----------
    min_abundance
        Leave k-mers out of the table that were seen fewer times.
    threads
        0 for all CPUs that this process may use; the result is the same.
    memory
        Bytes to aim at while counting.
    """
    options = Options(
        k=k,
        min_quality=min_quality,
        threads=threads or allowed_cpus(),
        memory_bytes=memory,
        tmp=tmp,
        interleaved=interleaved,
        single=single,
        paired=paired,
        reference=reference,
    )
    counted = count_reads(_paths(reads), options, min_count=min_abundance)
    table = counted.counter.finish()
    spectrum = Spectrum(**vars(fit_of(counted.counter, counted.read.bases)))
    return Counts(**vars(table), reads=counted.read, spectrum=spectrum)


def correct(
    reads: Paths,
    k: int = 31,
    *,
    corrector: str = "auto",
    correction_k: int | None = None,
    model: str | None = None,
    min_quality: int = 20,
    min_vaf: float = 0.0,
    ploidy: int | None = None,
    protect: str | None = None,
    poly_g: Literal["auto", "on", "off"] = "auto",
    mask: bool = True,
    min_abundance: int = 1,
    spikes: bool = True,
    seed: int = 1,
    interleaved: bool = False,
    single: bool = False,
    paired: bool = False,
    reference: str | None = None,
    threads: int = 0,
    memory: int | None = None,
    tmp: str | None = None,
) -> Correction:
    """Correct reads, and the k-mers of their graph; judge every alternative once.

    The keywords are the options of ``dbgclean run``.
    """
    from dbgclean.pipeline.passes import correct as all_passes
    from dbgclean.pipeline.passes import open_run

    options = Options(
        k=k,
        correction_k=correction_k,
        corrector=corrector,
        model=model,
        min_quality=min_quality,
        seed=seed,
        threads=threads or allowed_cpus(),
        memory_bytes=memory,
        tmp=tmp,
        interleaved=interleaved,
        single=single,
        paired=paired,
        reference=reference,
        min_vaf=min_vaf,
        ploidy=ploidy,
        protect=protect,
        poly_g=poly_g,
        mask=mask,
        kept_from=min_abundance,
        spikes=spikes,
    )
    held = HeldReads()
    inputs = open_run(_paths(reads), options, Progress(quiet=True), graph=True)
    run = all_passes(inputs, lambda done: held.take(done.group, done.after))
    return Correction(run, held.batches)


def build_graph(
    source: Paths | KmerTable | UnitigGraph,
    k: int | Literal["auto"] | None = None,
    *,
    min_abundance: int | Literal["auto"] | None = None,
    limit: int = 200_000,
    threads: int = 0,
) -> nx.DiGraph:
    """The compacted De Bruijn graph over oriented unitigs.

    Parameters
    ----------
    source
        k-mers as `count` and `correct` give them; or files of reads, of k-mers, GFA, or
        unitigs of BCALM 2, told by content.
    k
        To 127; for reads 31 where None, and from 31 what their depth and length suggest
        where ``"auto"``. What has a k of its own must agree.
    min_abundance
        Leave k-mers out that were seen fewer times; ``"auto"``: the spectrum's cutoff.
    limit
        Most unitigs: networkx takes about 1.3 GB and a minute a million.

    Returns
    -------
    networkx.DiGraph
        See `dbgclean.graph.nx.to_networkx`.
    """
    from dbgclean.graph.nx import to_networkx

    options = GraphOptions(k, min_abundance, Options(threads=threads or allowed_cpus()))
    return to_networkx(graph_of(source, options)[0], limit)


def bubbles(graph: Graph) -> list[Bubble[Any]]:
    """Simple bubbles: two or more unitigs, the arms, that join the same two ends.

    Parameters
    ----------
    graph
        Of `build_graph`, as it is or as you have changed it (`dbgclean.graph.nx.view`);
        or the arrays. Each bubble is told once, on one of its two strands: on one that is
        in the graph, where it holds but one.
    """
    arrays, nodes, there = _view(graph)
    found = []
    for bubble in find_bubbles(arrays):
        source, sink, arms = bubble.source, bubble.sink, bubble.arms
        if not there[[source, sink, *arms]].all():
            source, sink, arms = sink ^ 1, source ^ 1, tuple(arm ^ 1 for arm in arms)
            if not there[[source, sink, *arms]].all():
                source, sink, arms = bubble.source, bubble.sink, bubble.arms
        found.append(Bubble(nodes[source], nodes[sink], tuple(nodes[arm] for arm in arms)))
    return found


def tips(graph: Graph, max_length: int | None = None) -> list[Tip[Any]]:
    """Dead ends shorter than 2k, or of ``max_length`` bases at most; ``graph`` as in `bubbles`.

    A tip's node points to its open end, also where only its mirror is in the graph.
    """
    arrays, nodes, _ = _view(graph)
    return [Tip(nodes[tip.node], tip.length, tip.depth) for tip in find_tips(arrays, max_length)]


def ambiguity(graph: Graph) -> AmbiguityReport:
    """What keeps a graph from being read off as one sequence; ``graph`` as in `bubbles`.

    The difference of two has the differences of all numbers.
    """
    from dbgclean.graph.ambiguity import ambiguity as measure

    return measure(_view(graph)[0])


def compare(
    a: Paths | Graph,
    b: Paths | Graph,
    *,
    k: int | None = None,
    min_abundance: int | Literal["auto"] | None = None,
    threads: int = 0,
) -> Comparison:
    """Ambiguity of two graphs, k-mer sets or files, side by side; as `build_graph` takes them."""
    options = GraphOptions(k, min_abundance, Options(threads=threads or allowed_cpus()))
    return Comparison(compare_graphs([_as_given(a), _as_given(b)], options))


def inspect(
    bam: str | os.PathLike[str],
    regions: str | Sequence[str] = (),
    *,
    bed: str | None = None,
    reference: str | None = None,
    normal: str | None = None,
    corrector: str | None = None,
    model: str | None = None,
    ploidy: Literal[1, 2] = 2,
    min_vaf: float = 0.0,
    min_mapping_quality: int = 0,
    soft_clips: bool = True,
    seed: int = 1,
    threads: int = 0,
) -> AlleleTable:
    """Tell variants from errors in regions of a BAM or CRAM file, and say why.

    The keywords are the options of ``dbgclean inspect``, whose table this is; the columns
    are told in `docs/inspect.md`. Nothing is written.

    Parameters
    ----------
    regions
        ``CONTIG``, ``CONTIG:FROM`` or ``CONTIG:FROM-TO``, counted from 1, or several.
    """
    from dbgclean.pipeline.inspect import inspect_regions
    from dbgclean.pipeline.inspect_inputs import InspectOptions, open_inputs

    options = InspectOptions(
        corrector=corrector or ("autoencoder" if model else "likelihood"),
        model=model,
        ploidy=ploidy,
        min_fraction=min_vaf,
        min_mapping_quality=min_mapping_quality,
        soft_clips=soft_clips,
        seed=seed,
        threads=threads or allowed_cpus(),
    )
    wanted = [regions] if isinstance(regions, str) else list(regions)
    with ExitStack() as stack:
        quiet = Progress(quiet=True)
        opened = open_inputs(stack, os.fspath(bam), wanted, bed, reference, normal, options, quiet)
        return inspect_regions(opened).alleles


def _paths(paths: Paths) -> list[str]:
    """One path or several, as a list."""
    if isinstance(paths, str | os.PathLike):
        return [os.fspath(paths)]
    return [os.fspath(path) for path in paths]


def _as_given(graph: Any) -> Any:
    return os.fspath(graph) if isinstance(graph, os.PathLike) else graph


def _view(graph: Any) -> tuple[UnitigGraph, Sequence[Any], np.ndarray]:
    """The arrays of a graph, what its nodes are called, and which of them are there."""
    import networkx as nx

    from dbgclean.graph.nx import view
    from dbgclean.graph.unitigs import node_name

    if isinstance(graph, nx.DiGraph):
        found = view(graph)
        return found.graph, found.nodes, found.there
    arrays, _ = graph_of(graph, GraphOptions(counting=Options(threads=allowed_cpus())))
    nodes = [node_name(node) for node in range(2 * len(arrays))]
    return arrays, nodes, np.ones(len(nodes), bool)
