"""Compare the ambiguity of two graphs, k-mer sets or files of reads, side by side.

A and B may be of different kinds: GFA 1, unitig FASTA of BCALM 2, k-mers with their
abundances, or reads, told by content. Options apply to what is built here. The table goes to
standard output.
"""

import argparse

from dbgclean.cli._options import AUTO
from dbgclean.cli.graph import add_graph_options, graph_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``compare``."""
    parser.add_argument("a", metavar="A", help="graph, k-mers or reads")
    parser.add_argument("b", metavar="B", help="another")
    parser.add_argument(
        "--json", metavar="FILE", help="write the figures here; '-' is stdout, without the table"
    )
    add_graph_options(parser)


def validate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Standard input can be read once."""
    if args.a == args.b == "-":
        parser.error("only one of A and B can be '-' (standard input)")
    if args.k == AUTO:
        parser.error("argument -k: auto may differ between A and B; give a number")


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """All that is written, and all that is read."""
    return [args.json], [args.a, args.b, args.reference]


def main(args: argparse.Namespace) -> None:
    """Measure both, and show them."""
    from dbgclean.log import Progress
    from dbgclean.pipeline.graphs import compare_graphs

    with Progress(quiet=args.quiet) as progress:
        found = compare_graphs([args.a, args.b], graph_options(args), progress, json=args.json)
    if args.json != "-":
        from dbgclean._files import open_text
        from dbgclean.report.terminal import ambiguity_table, print_table

        columns = {name: report.to_dict() for name, report in found.items()}
        with open_text("-") as out:
            print_table(lambda short: ambiguity_table(columns, short=short), out)
