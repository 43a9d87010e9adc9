"""A graph of whatever is given: reads, k-mers, or a graph; measured and written.

What a file holds is told by its first bytes.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from dbgclean.errors import UsageError
from dbgclean.graph.ambiguity import AmbiguityReport, ambiguity
from dbgclean.graph.bubble_table import write_bubbles
from dbgclean.graph.compaction import compact
from dbgclean.graph.gfa import read_gfa, write_gfa
from dbgclean.graph.topology import chains
from dbgclean.graph.unitig_fasta import read_unitigs, write_unitigs
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.log import Progress
from dbgclean.pipeline.counting import count_reads, propose_k
from dbgclean.pipeline.figures import dropped, inputs_of, write_figures
from dbgclean.pipeline.options import Options
from dbgclean.reads.compression import read_head
from dbgclean.reads.spool import Spool
from dbgclean.spectrum.formats import read_kmer_fasta
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.table import KmerTable

__all__ = [
    "GraphOptions",
    "compare_graphs",
    "graph_of",
    "load_graph",
    "sniff",
    "write_graph",
]

logger = logging.getLogger(__name__)

Kind = Literal["gfa", "unitigs", "kmers", "reads"]

_WORDS = {"gfa": "a GFA graph", "unitigs": "unitigs", "kmers": "k-mers", "reads": "reads"}
_CUT = 60_000
"""A head this long may end within a record."""

_GFA_LINE = re.compile(rb"(#|[A-Za-z]\t)")
_UNITIG_HEADER = re.compile(rb">\d+\s[^\r\n]*\bKC:i:\d")
_COUNT_LINE = re.compile(rb"[ACGTacgt]{3,127}[\t ]\d+\r?\n")
_COUNT_HEADER = re.compile(rb"(\d+)\r?\n([ACGTacgt]{3,127})\r?(?:\n|$)")
_SHORTEST_READ = 32


@dataclass(frozen=True)
class GraphOptions:
    """How a graph is made of its input.

    Attributes
    ----------
    k : int, "auto" or None
        For reads that of `counting` where None, and the one they suggest where "auto"
        (`dbgclean.pipeline.counting.propose_k`); k-mers and graphs have their own, with
        which a number must agree.
    min_abundance : int, "auto" or None
        Leave out k-mers seen fewer times; ``"auto"``: the cutoff of the spectrum's fit.
    counting : Options
        How reads are counted, and on how many threads all is done.
    """

    k: int | Literal["auto"] | None = None
    min_abundance: int | Literal["auto"] | None = None
    counting: Options = Options()


def write_graph(
    inputs: Sequence[str],
    options: GraphOptions,
    progress: Progress | None = None,
    *,
    output: str | None = None,
    unitigs: str | None = None,
    bubbles: str | None = None,
    networkx: str | None = None,
    json: str | None = None,
) -> AmbiguityReport:
    """Build or read a graph, measure it, and write what is asked for.

    Raises
    ------
    InputError, UsageError, OutputError
        If an input cannot be used, an option does not fit it, or an output cannot be
        written.
    """
    graph, about = load_graph(inputs, options, progress)
    if unitigs and graph.foreign is not None:
        message = (
            f"{inputs[0]}: --unitigs needs a De Bruijn graph with depths, and this one lacks some, "
            "or has names or overlaps of its own; leave --unitigs out"
        )
        raise UsageError(message)
    report = ambiguity(graph)
    if networkx:
        from dbgclean.graph.nx import write_networkx

        write_networkx(networkx, graph)
    if output:
        write_gfa(output, graph)
    if unitigs:
        write_unitigs(unitigs, graph)
    if bubbles:
        write_bubbles(bubbles, graph)
    if json:
        facts = {**about, "ambiguity": report.to_dict(), "bubbles": _bubble_counts(graph)}
        write_figures("graph", options.counting, facts, json)
    return report


def compare_graphs(
    graphs: Sequence[Any],
    options: GraphOptions,
    progress: Progress | None = None,
    *,
    json: str | None = None,
) -> dict[str, AmbiguityReport]:
    """Ambiguity of files, k-mer tables and graphs, each by a name that tells it apart.

    Raises
    ------
    InputError, UsageError, OutputError
        As `write_graph`.
    """
    columns, facts, inputs = {}, list[dict[str, Any]](), list[dict[str, Any]]()
    for name, given in zip(_names(graphs), graphs, strict=True):
        graph, about = graph_of(given, _fitting(given, options), progress)
        columns[name] = ambiguity(graph)
        inputs += about.pop("inputs", [])
        facts.append({"name": name, **about, "ambiguity": columns[name].to_dict()})
    if json:
        write_figures("compare", options.counting, {"inputs": inputs, "graphs": facts}, json)
    return columns


def _fitting(given: Any, options: GraphOptions) -> GraphOptions:
    """The options without the abundance that does not apply to a finished graph."""
    file = isinstance(given, str) and given != "-"
    if file and options.min_abundance is not None and sniff(given) in ("gfa", "unitigs"):
        return dataclasses.replace(options, min_abundance=None)
    return options


def _names(graphs: Sequence[Any]) -> list[str]:
    """File names, or paths where these are the same, or numbered; others by their letter."""
    paths = [
        given if isinstance(given, str) else chr(ord("A") + number)
        for number, given in enumerate(graphs)
    ]
    for names in ([Path(path).name for path in paths], paths):
        if len(set(names)) == len(names):
            return names
    return [f"{path} ({number})" for number, path in enumerate(paths, 1)]


def _bubble_counts(graph: UnitigGraph) -> dict[str, int]:
    found = chains(graph)
    kinds = [bubble.kind for chain in found for bubble in chain.bubbles]
    counts: dict[str, int] = {kind: kinds.count(kind) for kind in ("simple", "insertion", "super")}
    return {**counts, "chains": len(found)}


def graph_of(
    given: Any, options: GraphOptions, progress: Progress | None = None
) -> tuple[UnitigGraph, dict[str, Any]]:
    """The arrays of a graph, a k-mer table, a networkx graph, or files; and what they are.

    Raises
    ------
    InputError, UsageError
        If it cannot be used, or an option does not fit it.
    """
    if isinstance(given, UnitigGraph):
        return given, {"kind": "graph"}
    if isinstance(given, KmerTable):
        least = _least(given, options)
        table = given if least == 1 else given.select(given.counts >= least)
        graph = compact(table.keys, table.counts, given.k, options.counting.threads)
        rare = dropped((), None, len(given) - len(table))
        return graph, {"kind": "kmers", "k": given.k, "min_abundance": least, "dropped": rare}
    if isinstance(given, str | Path | list | tuple):
        paths = given if isinstance(given, list | tuple) else [given]
        return load_graph([str(path) for path in paths], options, progress)
    from dbgclean.graph.nx import from_networkx

    return from_networkx(given), {"kind": "networkx"}


def load_graph(
    inputs: Sequence[str], options: GraphOptions, progress: Progress | None = None
) -> tuple[UnitigGraph, dict[str, Any]]:
    """The graph of one input, and what to say about it in JSON.

    Raises
    ------
    InputError, UsageError
        If the input cannot be used, or an option does not fit it.
    """
    # What they are must be seen before they are read: a pipe is copied.
    spool = Spool(options.counting.tmp)
    paths = [spool.readable(path) for path in inputs]
    kind = sniff(paths[0])
    _check(inputs, kind, options)
    about: dict[str, Any] = {
        "inputs": [{"files": [Path(path).name for path in inputs]}],
        "kind": kind,
    }
    if kind in ("gfa", "unitigs"):
        read = read_gfa if kind == "gfa" else read_unitigs
        graph = read(paths[0], None if options.k == "auto" else options.k)
        none = dropped((), None, None)
        return graph, {**about, "k": graph.k or None, "min_abundance": None, "dropped": none}
    if kind == "kmers":
        graph, more = graph_of(_kmers(paths[0], options), options)
        return graph, {**about, **more}
    counting = options.counting
    k = propose_k(paths, counting, progress) if options.k == "auto" else options.k
    counting = dataclasses.replace(counting, k=k or counting.k)
    counted = count_reads(paths, counting, progress)
    graph, more = graph_of(counted.counter.finish(), options)
    rare, windows = more["dropped"]["kmers"], counted.counter.statistics
    about["inputs"] = inputs_of(counted.groups, counted.statistics)
    return graph, {**about, **more, "kind": kind,
                   "dropped": dropped(counted.statistics, windows, rare)}  # fmt: skip


def sniff(path: str) -> Kind:
    """What a file holds, by its first bytes.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    head = read_head(path).lstrip()
    if _GFA_LINE.match(head):
        return "gfa"
    if _UNITIG_HEADER.match(head):
        return "unitigs"
    if _COUNT_LINE.match(head) or _is_kmer_fasta(head):
        return "kmers"
    return "reads"


def _is_kmer_fasta(head: bytes) -> bool:
    """True where all whole records have a number for a name and the same odd length.

    So may reads that are numbered one by one: from 32 bases on, such are reads.
    """
    if not head.startswith(b">"):
        return False
    records = head[1:].split(b"\n>")
    if len(head) >= _CUT and len(records) > 1:
        records.pop()
    matches = [_COUNT_HEADER.fullmatch(record.rstrip() + b"\n") for record in records]
    lengths = {len(match[2]) if match else 0 for match in matches}
    if len(lengths) > 1 or (k := lengths.pop()) % 2 == 0:
        return False
    numbers = [int(match[1]) for match in matches if match]
    return k < _SHORTEST_READ or any(b - a != 1 for a, b in pairwise([numbers[0] - 1, *numbers]))


def _check(inputs: Sequence[str], kind: Kind, options: GraphOptions) -> None:
    if kind != "reads" and len(inputs) > 1:
        message = f"{inputs[0]}: holds {_WORDS[kind]}, of which one file is taken; give it alone"
        raise UsageError(message)
    if kind in ("gfa", "unitigs") and options.min_abundance is not None:
        message = (
            f"{inputs[0]}: holds {_WORDS[kind]}, and --min-abundance applies to k-mers; leave it "
            "out, or give reads or k-mers"
        )
        raise UsageError(message)


def _kmers(path: str, options: GraphOptions) -> KmerTable:
    table = read_kmer_fasta(path)
    if options.k not in (None, "auto", table.k):
        message = f"{path}: holds {table.k}-mers, not {options.k}-mers; leave -k out"
        raise UsageError(message)
    return table


def _least(table: KmerTable, options: GraphOptions) -> int:
    """Lowest abundance that stays."""
    if options.min_abundance != "auto":
        return options.min_abundance or 1
    spectrum = fit_spectrum(table)
    if spectrum.fitted:
        logger.info("cutoff: abundance %d, the valley of the spectrum", spectrum.cutoff)
    else:
        logger.warning(
            "cutoff: abundance %d, as there is no fit: %s", spectrum.cutoff, spectrum.reason
        )
    return spectrum.cutoff
