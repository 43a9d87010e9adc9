"""Correct reads, build the graph before and after, and report what went and what it cost.

Writes into the output folder: kmers.fa.gz (corrected k-mers), reads/ (corrected reads, names
and order as they came), corrections.tsv.gz (every decision), raw.gfa, clean.gfa, clean.graphml
(where it is small), unitigs.fa, report.json, report.html, plots/ and files for MultiQC. With
--kmers a counter's dump takes the place of the reads: weak k-mers are corrected on their solid
neighbours.
"""

import argparse
from pathlib import Path
from typing import Any

from dbgclean.cli import (
    add_memory,
    add_output,
    add_reads,
    add_seed,
    add_threads,
)
from dbgclean.cli._cluster import add_cluster, validate_cluster, working
from dbgclean.cli._correction import (
    add_correction,
    add_tag_reads,
    fail_on,
    paths_read,
    say_doubt,
    validate_correction,
)
from dbgclean.cli._dry_run import add_dry_run, dry_run
from dbgclean.cli._options import (
    AUTO,
    add_graph_size,
    add_sample,
    options_of,
    positive,
    take_proposed,
)

DEFAULT_K = 31
_EXAMPLE = Path(__file__).parent.parent / "example"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``run``."""
    add_reads(parser, nargs="*")
    parser.add_argument(
        "--example", action="store_true", help="run on the example that comes with the package"
    )
    parser.add_argument(
        "--kmers",
        metavar="FILE",
        help="k-mers with abundances in place of READS: `jellyfish dump`, `kmc_tools transform "
        "DB dump` or `dbgclean count`, compressed or not; k is theirs",
    )
    add_output(parser, "output folder; appears only when everything in it is whole")
    parser.add_argument(
        "--truth",
        metavar="FASTA",
        help="the genome (FASTA or GenBank, all haplotypes): report what each column cost",
    )
    parser.add_argument(
        "--no-controls",
        action="store_true",
        help="leave the other correctors' columns out of the report; faster",
    )
    parser.add_argument(
        "--changes",
        action="store_true",
        help="write which reads changed into changes.tsv.gz: one row per changed base, insertion, "
        "deletion and masked stretch, in the order of the reads",
    )
    add_tag_reads(parser)
    parser.add_argument(
        "--force",
        action="store_true",
        help="write into a folder that is not empty: files of the same name are replaced, "
        "nothing else in it is touched",
    )
    # No default: a -k that was given has to be told from none.
    add_graph_size(parser, told=f"{DEFAULT_K}, or that of --kmers")
    parser.add_argument(
        "--min-abundance",
        dest="kept_from",
        type=positive,
        default=1,
        metavar="N",
        help="leave k-mers out of kmers.fa.gz, unitigs.fa and clean.gfa that the corrected reads "
        "hold fewer times, those of alleles judged real as well. Default: %(default)s",
    )
    add_correction(parser)
    add_sample(parser)
    add_dry_run(parser)
    add_seed(parser)
    add_memory(parser)
    add_threads(parser)
    add_cluster(parser)


def validate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what argparse cannot see."""
    if args.example and args.reads:
        parser.error("--example takes no READS; give one or the other")
    if args.kmers:
        _validate_kmers(args, parser)
    elif not args.example and not args.reads:
        parser.error("no READS given; name the read files, or try --example")
    k = args.k or DEFAULT_K
    if k != AUTO and args.correction_k and args.correction_k > k:
        parser.error(f"argument --correction-k: {args.correction_k} is above -k {k}")
    validate_correction(args, parser)
    validate_cluster(args, parser)


def _validate_kmers(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what a k-mer set cannot have beside it."""
    if args.reads or args.example:
        other = "--example" if args.example else "READS"
        parser.error(f"argument --kmers: not together with {other}; give one or the other")
    if args.k == AUTO:
        parser.error("argument --kmers: -k auto is for reads; leave it out")
    names = ("interleaved", "single", "paired", "correction_k", "changes", "tag_reads")
    given = {name: getattr(args, name) for name in names} | {"no_mask": not args.mask}
    for name, value in given.items():
        if value:
            option = "--" + name.replace("_", "-")
            parser.error(f"argument --kmers: {option} is for reads; leave it out")


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """The folder that is written, and all that is read."""
    return [args.output], [*args.reads, args.kmers, args.truth, *paths_read(args)]


def main(args: argparse.Namespace) -> None:
    """Run everything and print the summary."""
    if args.example:
        args.reads = [str(_EXAMPLE / f"example_R{mate}.fastq.gz") for mate in (1, 2)]
        args.truth = args.truth or str(_EXAMPLE / "example_truth.fa")
    if args.dry_run:
        return dry_run(args, [])
    from dbgclean.report import print_summary

    report = _run(args)
    if args.quiet:
        say_doubt(report["verdict"])
    else:
        print_summary(report)
    fail_on(args, report["verdict"])


def _run(args: argparse.Namespace) -> dict[str, Any]:
    from dbgclean.log import Progress

    wanted, args.k = args.k, args.k or DEFAULT_K
    with working(args), Progress(quiet=args.quiet) as progress:
        from dbgclean.pipeline.full import full_run
        from dbgclean.pipeline.kmer_set import kmer_set_run

        take_proposed(args, args.reads, progress)
        given: dict[str, Any] = {
            "truth": args.truth,
            "controls": not args.no_controls,
            "force": args.force,
            "progress": progress,
        }
        told = {"changes": args.changes, "tag_reads": args.tag_reads}
        if args.kmers:
            return kmer_set_run(args.kmers, args.output, options_of(args), k=wanted, **given)
        return full_run(args.reads, args.output, options_of(args), **told, **given)
