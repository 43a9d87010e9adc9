"""Build the De Bruijn graph of reads or k-mers, or read one, and measure its ambiguity.

Input is told by content: reads (FASTA, FASTQ, BAM, CRAM) are counted; k-mers with their
abundances (as `dbgclean count` or jellyfish write them), unitig FASTA of BCALM 2 and GFA 1
are read as they are. Writes GFA 1.0 to standard output or to -o, the table of ambiguity to
standard error.
"""

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dbgclean import __version__
from dbgclean.cli import add_layout, add_memory, add_output, add_threads, kmer_size

if TYPE_CHECKING:
    from dbgclean.graph.ambiguity import AmbiguityReport
    from dbgclean.graph.unitigs import UnitigGraph
    from dbgclean.spectrum.table import KmerTable

logger = logging.getLogger(__name__)

DEFAULT_K = 31

Kind = Literal["gfa", "unitigs", "kmers", "reads"]

_CUT = 60_000
"""A head this long may end within a record."""

_GFA_LINE = re.compile(rb"(#|[A-Za-z]\t)")
_UNITIG_HEADER = re.compile(rb">\d+\s[^\r\n]*\bKC:i:\d")
_COUNT_LINE = re.compile(rb"[ACGTacgt]{3,31}[\t ]\d+\r?\n")
_COUNT_HEADER = re.compile(rb"\d+\r?\n([ACGTacgt]{3,31})\r?(?:\n|$)")


@dataclass(frozen=True)
class GraphOptions:
    """How a graph is made of its input.

    Attributes
    ----------
    k : int or None
        For reads 31 where None; k-mers and graphs have their own, which must agree.
    min_abundance : int, "auto" or None
        Leave out k-mers seen fewer times; ``"auto"``: the cutoff of the spectrum's fit.
    threads, memory, tmp
        As in `dbgclean count`.
    interleaved, single, paired : bool
    reference : str or None
        Of CRAM input.
    quiet : bool
        No progress.
    """

    k: int | None = None
    min_abundance: int | Literal["auto"] | None = None
    threads: int = 1
    memory: int | None = None
    tmp: str | None = None
    interleaved: bool = False
    single: bool = False
    paired: bool = False
    reference: str | None = None
    quiet: bool = True


def min_abundance(text: str) -> int | Literal["auto"]:
    """Value of ``--min-abundance``: a number from 1, or ``auto``."""
    if text == "auto":
        return "auto"
    if text.isdigit() and int(text) >= 1:
        return int(text)
    message = f"{text!r} is neither a number from 1 nor 'auto'"
    raise argparse.ArgumentTypeError(message)


def add_graph_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a graph is made; `options_of` reads them."""
    parser.add_argument(
        "-k",
        type=kmer_size,
        metavar="K",
        help=f"k-mer size, odd, 11 to 31. Default: {DEFAULT_K} for reads; that of the file for "
        "k-mers and graphs",
    )
    parser.add_argument(
        "--min-abundance",
        type=min_abundance,
        metavar="N|auto",
        help="leave k-mers out that were seen fewer times; auto: the cutoff that the spectrum "
        "suggests. Default: 1",
    )
    add_layout(parser)
    parser.add_argument("--reference", metavar="FASTA", help="reference of CRAM input")
    add_memory(parser)
    add_threads(parser)


def options_of(args: argparse.Namespace) -> GraphOptions:
    """What `add_graph_options` parsed."""
    return GraphOptions(
        k=args.k,
        min_abundance=args.min_abundance,
        threads=args.threads,
        memory=args.memory,
        tmp=args.tmp,
        interleaved=args.interleaved,
        single=args.single,
        paired=args.paired,
        reference=args.reference,
        quiet=args.quiet,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``graph``."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="one file of k-mers, unitigs or GFA, or one or more of reads; '-' is stdin",
    )
    add_output(parser, "GFA 1.0 (.gz: BGZF); '-' is stdout. Default: '-'", required=False)
    parser.add_argument(
        "--unitigs", metavar="FASTA", help="write unitigs with BCALM 2 headers here"
    )
    parser.add_argument("--bubbles", metavar="TSV", help="write all bubbles and chains here")
    parser.add_argument("--json", metavar="FILE", help="write the figures here")
    add_graph_options(parser)


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """All that is written, and all that is read."""
    return [args.output, args.unitigs, args.bubbles, args.json], [*args.inputs, args.reference]


def main(args: argparse.Namespace) -> None:
    """Build, measure, write, and show the table."""
    report = run_graph(
        args.inputs,
        options_of(args),
        output=args.output,
        unitigs=args.unitigs,
        bubbles=args.bubbles,
        json=args.json,
    )
    if not args.quiet:
        from dbgclean.report.terminal import ambiguity_table, print_table

        columns = {Path(args.inputs[0]).name: report.to_dict()}
        print_table(lambda short: ambiguity_table(columns, short=short), sys.stderr)


def run_graph(
    inputs: Sequence[str],
    options: GraphOptions,
    *,
    output: str | None = None,
    unitigs: str | None = None,
    bubbles: str | None = None,
    json: str | None = None,
) -> "AmbiguityReport":
    """Build or read a graph, measure it, and write what is asked for.

    Raises
    ------
    InputError, UsageError, OutputError
        If an input cannot be used, an option does not fit it, or an output cannot be
        written.
    """
    from dbgclean.graph.ambiguity import ambiguity
    from dbgclean.graph.bubble_table import write_bubbles
    from dbgclean.graph.gfa import write_gfa
    from dbgclean.graph.unitig_fasta import write_unitigs

    graph, about = load_graph(inputs, options)
    if unitigs:
        _refuse_foreign(graph, inputs)
    report = ambiguity(graph)
    if output:
        write_gfa(output, graph)
    if unitigs:
        write_unitigs(unitigs, graph)
    if bubbles:
        write_bubbles(bubbles, graph)
    if json:
        write_json(
            json,
            {
                "tag": "dbgclean graph",
                "schema_version": [0, 1],
                "version": __version__,
                **about,
                "ambiguity": report.to_dict(),
                "bubbles": _bubble_counts(graph),
            },
        )
    return report


def _refuse_foreign(graph: "UnitigGraph", inputs: Sequence[str]) -> None:
    if graph.foreign is not None:
        from dbgclean.errors import UsageError

        message = (
            f"{inputs[0]}: --unitigs needs a De Bruijn graph with depths, and this one lacks some, "
            "or has names or overlaps of its own; leave --unitigs out"
        )
        raise UsageError(message)


def _bubble_counts(graph: "UnitigGraph") -> dict[str, int]:
    from dbgclean.graph.topology import chains

    found = chains(graph)
    kinds = [bubble.kind for chain in found for bubble in chain.bubbles]
    counts: dict[str, int] = {kind: kinds.count(kind) for kind in ("simple", "insertion", "super")}
    return {**counts, "chains": len(found)}


def write_json(path: str, content: dict[str, Any]) -> None:
    """Write a JSON document, whole or not at all."""
    import json

    from dbgclean._files import open_text

    with open_text(path) as out:
        out.write(json.dumps(content, indent=2) + "\n")


def load_graph(
    inputs: Sequence[str], options: GraphOptions
) -> tuple["UnitigGraph", dict[str, Any]]:
    """The graph of one input, and what to say about it in JSON.

    Raises
    ------
    InputError, UsageError
        If the input cannot be used, or an option does not fit it.
    """
    from dbgclean.graph.compaction import compact
    from dbgclean.reads.spool import Spool

    # What they are must be seen before they are read: a pipe is copied.
    spool = Spool(options.tmp)
    paths = [spool.readable(path) for path in inputs]
    kind = sniff(paths[0])
    _check(inputs, kind, options)
    about: dict[str, Any] = {"files": [Path(path).name for path in inputs], "kind": kind}
    if kind in ("gfa", "unitigs"):
        graph = _read(paths[0], kind, options.k)
        return graph, {**about, "k": graph.k or None, "min_abundance": None}
    table = _kmers(paths, kind, options)
    least = _least(table, options)
    kept = table.counts >= least
    graph = compact(table.keys[kept], table.counts[kept], table.k, options.threads)
    return graph, {**about, "k": table.k, "min_abundance": least}


def sniff(path: str) -> Kind:
    """What a file holds, by its first bytes.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    from dbgclean.reads.compression import read_head

    head = read_head(path).lstrip()
    if _GFA_LINE.match(head):
        return "gfa"
    if _UNITIG_HEADER.match(head):
        return "unitigs"
    if _COUNT_LINE.match(head) or _is_kmer_fasta(head):
        return "kmers"
    return "reads"


def _is_kmer_fasta(head: bytes) -> bool:
    """True where all whole records have a number for a name and the same odd length."""
    if not head.startswith(b">"):
        return False
    records = head[1:].split(b"\n>")
    if len(head) >= _CUT and len(records) > 1:
        records.pop()
    matches = [_COUNT_HEADER.fullmatch(record.rstrip() + b"\n") for record in records]
    lengths = {len(match[1]) if match else 0 for match in matches}
    return len(lengths) == 1 and lengths.pop() % 2 == 1


def _check(inputs: Sequence[str], kind: Kind, options: GraphOptions) -> None:
    from dbgclean.errors import UsageError

    if kind != "reads" and len(inputs) > 1:
        message = f"{inputs[0]}: holds {_WORDS[kind]}, of which one file is taken; give it alone"
        raise UsageError(message)
    if kind in ("gfa", "unitigs") and options.min_abundance is not None:
        message = (
            f"{inputs[0]}: holds {_WORDS[kind]}, and --min-abundance applies to k-mers; leave it "
            "out, or give reads or k-mers"
        )
        raise UsageError(message)


_WORDS = {"gfa": "a GFA graph", "unitigs": "unitigs", "kmers": "k-mers", "reads": "reads"}


def _read(path: str, kind: Kind, k: int | None) -> "UnitigGraph":
    from dbgclean.graph.gfa import read_gfa
    from dbgclean.graph.unitig_fasta import read_unitigs

    return read_gfa(path, k) if kind == "gfa" else read_unitigs(path, k)


def _kmers(paths: Sequence[str], kind: Kind, options: GraphOptions) -> "KmerTable":
    if kind == "reads":
        return _count(paths, options)
    from dbgclean.errors import UsageError
    from dbgclean.spectrum.formats import read_kmer_fasta

    table = read_kmer_fasta(paths[0])
    if options.k not in (None, table.k):
        message = f"{paths[0]}: holds {table.k}-mers, not {options.k}-mers; leave -k out"
        raise UsageError(message)
    return table


def _count(paths: Sequence[str], options: GraphOptions) -> "KmerTable":
    from dbgclean.errors import InputError
    from dbgclean.log import Progress
    from dbgclean.reads import ReadStatistics, iter_batches, plan_inputs, tell_pairs
    from dbgclean.spectrum.counting import KmerCounter

    groups = plan_inputs(
        paths,
        interleaved=options.interleaved,
        single=options.single,
        paired=options.paired,
        spool_dir=options.tmp,
        reference=options.reference,
    )
    k = options.k or DEFAULT_K
    counter = KmerCounter(k, threads=options.threads, memory_bytes=options.memory)
    with Progress(quiet=options.quiet) as progress:
        for group in groups:
            progress.start(f"Counting {', '.join(Path(path).name for path in group.paths)}")
            tally = ReadStatistics()
            batches = iter_batches(
                group, reference=options.reference, threads=options.threads, statistics=tally
            )
            for batch in progress.iterate(batches):
                counter.add(batch)
            tell_pairs(group, tally)
    table = counter.finish()
    if not len(table):
        message = f"{', '.join(paths)}: no {k}-mer in any read; give longer reads or a smaller -k"
        raise InputError(message)
    return table


def _least(table: "KmerTable", options: GraphOptions) -> int:
    """Lowest abundance that stays."""
    if options.min_abundance != "auto":
        return options.min_abundance or 1
    from dbgclean.spectrum.histogram import fit_spectrum

    spectrum = fit_spectrum(table)
    if spectrum.fitted:
        logger.info("cutoff: abundance %d, the valley of the spectrum", spectrum.cutoff)
    else:
        logger.warning(
            "cutoff: abundance %d, as there is no fit: %s", spectrum.cutoff, spectrum.reason
        )
    return spectrum.cutoff
