"""Compare the ambiguity of two graphs, k-mer sets or files of reads, side by side.

A and B may be of different kinds: GFA 1, unitig FASTA of BCALM 2, k-mers with their
abundances, or reads, told by content. Options apply to what is built here. The table goes to
standard output.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dbgclean import __version__
from dbgclean.cli.graph import (
    GraphOptions,
    add_graph_options,
    load_graph,
    options_of,
    sniff,
    write_json,
)


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


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """All that is written, and all that is read."""
    return [args.json], [args.a, args.b, args.reference]


def main(args: argparse.Namespace) -> None:
    """Measure both, and show them."""
    columns = run_compare(args.a, args.b, options_of(args), json=args.json)
    if args.json != "-":
        from dbgclean._files import open_text
        from dbgclean.report.terminal import ambiguity_table, print_table

        with open_text("-") as out:
            print_table(lambda short: ambiguity_table(columns, short=short), out)


def run_compare(
    a: str, b: str, options: GraphOptions, *, json: str | None = None
) -> dict[str, dict[str, int | None]]:
    """Ambiguity of two inputs by a name that tells them apart.

    Raises
    ------
    InputError, UsageError, OutputError
        As `dbgclean.cli.graph.run_graph`.
    """
    from dbgclean.graph.ambiguity import ambiguity

    columns = {}
    graphs: list[dict[str, Any]] = []
    for name, path in zip(_names([a, b]), [a, b], strict=True):
        graph, about = load_graph([path], _fitting(path, options))
        columns[name] = ambiguity(graph).to_dict()
        graphs.append({"name": name, **about, "ambiguity": columns[name]})
    if json:
        write_json(
            json,
            {
                "tag": "dbgclean compare",
                "schema_version": [0, 1],
                "version": __version__,
                "graphs": graphs,
            },
        )
    return columns


def _fitting(path: str, options: GraphOptions) -> GraphOptions:
    """The options without the abundance that does not apply to a finished graph."""
    if path != "-" and options.min_abundance is not None and sniff(path) in ("gfa", "unitigs"):
        return dataclasses.replace(options, min_abundance=None)
    return options


def _names(paths: Sequence[str]) -> list[str]:
    """File names, or paths where these are the same, or numbered paths."""
    for names in ([Path(path).name for path in paths], list(paths)):
        if len(set(names)) == len(names):
            return names
    return [f"{path} ({number})" for number, path in enumerate(paths, 1)]
