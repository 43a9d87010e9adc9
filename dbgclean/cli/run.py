"""Correct reads, build the graph before and after, and report what went and what it cost.

Writes into the output folder: kmers.fa.gz (corrected k-mers), reads/ (corrected reads, names
and order as they came), corrections.tsv.gz (every decision), raw.gfa, clean.gfa, unitigs.fa,
report.json, report.html, plots/ and files for MultiQC.
"""

import argparse

from dbgclean.cli import (
    add_kmer_size,
    add_memory,
    add_output,
    add_reads,
    add_seed,
    add_threads,
)
from dbgclean.cli._correction import add_correction, options_of, validate_correction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``run``."""
    add_reads(parser, nargs="*")
    parser.add_argument(
        "--example", action="store_true", help="run on the example that comes with the package"
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
        "--force", action="store_true", help="write into a folder that is not empty"
    )
    add_kmer_size(parser)
    add_correction(parser)
    add_seed(parser)
    add_memory(parser)
    add_threads(parser)


def validate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what argparse cannot see."""
    if args.example and args.reads:
        parser.error("--example takes no READS; give one or the other")
    if not args.example and not args.reads:
        parser.error("no READS given; name the read files, or try --example")
    if args.correction_k and args.correction_k > args.k:
        parser.error(f"argument --correction-k: {args.correction_k} is above -k {args.k}")
    validate_correction(args, parser)


def main(args: argparse.Namespace) -> None:
    """Run everything and print the summary."""
    from dbgclean.log import Progress
    from dbgclean.pipeline.full import EXAMPLE, full_run
    from dbgclean.report import print_summary

    reads, truth = args.reads, args.truth
    if args.example:
        reads = [str(EXAMPLE / f"example_R{mate}.fastq.gz") for mate in (1, 2)]
        truth = truth or str(EXAMPLE / "example_truth.fa")
    with Progress(quiet=args.quiet) as progress:
        report = full_run(
            reads,
            args.output,
            options_of(args),
            truth=truth,
            controls=not args.no_controls,
            force=args.force,
            progress=progress,
        )
    if not args.quiet:
        print_summary(report)
