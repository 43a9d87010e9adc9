"""Build the De Bruijn graph of reads or k-mers, or read one, and measure its ambiguity.

Input is told by content: reads (FASTA, FASTQ, BAM, CRAM) are counted; k-mers with their
abundances (as `dbgclean count` or jellyfish write them), unitig FASTA of BCALM 2 and GFA 1
are read as they are. Writes GFA 1.0 to standard output or to -o, the table of ambiguity to
standard error.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dbgclean.cli import add_layout, add_memory, add_output, add_threads
from dbgclean.cli._options import add_graph_size, options_of

if TYPE_CHECKING:
    from dbgclean.pipeline.graphs import GraphOptions


def min_abundance(text: str) -> int | Literal["auto"]:
    """Value of ``--min-abundance``: a number from 1, or ``auto``."""
    if text == "auto":
        return "auto"
    if text.isdigit() and int(text) >= 1:
        return int(text)
    message = f"{text!r} is neither a number from 1 nor 'auto'"
    raise argparse.ArgumentTypeError(message)


def networkx_file(text: str) -> str:
    """Value of ``--networkx``: a name that tells the format."""
    if not text.lower().endswith((".graphml", ".gexf", ".json")):
        message = f"{text!r} does not end in .graphml, .gexf or .json, which names the format"
        raise argparse.ArgumentTypeError(message)
    return text


def add_graph_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a graph is made; `graph_options` reads them."""
    add_graph_size(parser, told="31 for reads; that of the file for k-mers and graphs")
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


def graph_options(args: argparse.Namespace) -> "GraphOptions":
    """What `add_graph_options` parsed."""
    from dbgclean.pipeline.graphs import GraphOptions

    return GraphOptions(args.k, args.min_abundance, options_of(args))


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
    parser.add_argument(
        "--networkx",
        type=networkx_file,
        metavar="FILE",
        help="write the graph over oriented unitigs here, as networkx reads it: .graphml, .gexf or "
        ".json (node-link); up to 200,000 unitigs",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures here")
    add_graph_options(parser)


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """All that is written, and all that is read."""
    written = [args.output, args.unitigs, args.bubbles, args.networkx, args.json]
    return written, [*args.inputs, args.reference]


def main(args: argparse.Namespace) -> None:
    """Build, measure, write, and show the table."""
    from dbgclean.log import Progress
    from dbgclean.pipeline.graphs import write_graph

    with Progress(quiet=args.quiet) as progress:
        report = write_graph(
            args.inputs,
            graph_options(args),
            progress,
            output=args.output,
            unitigs=args.unitigs,
            bubbles=args.bubbles,
            networkx=args.networkx,
            json=args.json,
        )
    if not args.quiet:
        from dbgclean.report.terminal import ambiguity_table, print_table

        columns = {Path(args.inputs[0]).name: report.to_dict()}
        print_table(lambda short: ambiguity_table(columns, short=short), sys.stderr)
