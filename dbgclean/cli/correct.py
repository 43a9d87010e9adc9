"""Correct reads: a drop-in step before an assembler.

Reads come out under their names, in their order, with their qualities. Low-confidence bases
are judged over the whole data set; what is judged real, or cannot be decided, is left as it is.
"""

import argparse
import logging
from typing import TYPE_CHECKING

from dbgclean.cli import add_kmer_size, add_memory, add_reads, add_seed, add_threads
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
from dbgclean.cli._options import add_figures, add_sample, multiqc_files, options_of

if TYPE_CHECKING:
    from dbgclean.pipeline.reads_out import ReadOutputs

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``correct``."""
    add_reads(parser)
    parser.add_argument(
        "-o",
        "--output",
        nargs="+",
        default=["-"],
        metavar="OUT",
        help="corrected reads: one file for each input file, or one for a pair (interleaved); "
        "'-' is stdout, a name in .gz, .bz2, .xz or .zst is compressed. Default: -",
    )
    parser.add_argument(
        "--corrections", metavar="TSV.GZ", help="write every change and every refusal here"
    )
    _add_read_outputs(parser)
    add_figures(parser, "what was done, and what was dropped,")
    add_sample(parser)
    add_dry_run(parser)
    add_kmer_size(parser)
    add_correction(parser)
    add_seed(parser)
    add_memory(parser)
    add_threads(parser)
    add_cluster(parser)


def _add_read_outputs(parser: argparse.ArgumentParser) -> None:
    """Add what may be written of the reads besides themselves."""
    parser.add_argument(
        "--changes",
        metavar="TSV[.GZ]",
        help="write which reads changed here: one row per changed base, insertion, deletion and "
        "masked stretch, in the order of the reads",
    )
    add_tag_reads(parser)
    parser.add_argument(
        "--unplaced",
        nargs="+",
        default=[],
        metavar="OUT",
        help="write reads that find no solid k-mer to start from here and not into -o; pairs only "
        "where neither mate does. One file, or two for a pair",
    )
    parser.add_argument(
        "--bam",
        action="store_true",
        help="write unaligned BAM, whatever OUT is called (a name in .bam asks for it, too): "
        "tags and read groups of BAM input stay, its alignments do not",
    )


def validate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what argparse cannot see."""
    if len(args.reads) > 2:
        parser.error(f"{len(args.reads)} files given; `correct` takes one file or one pair")
    if max(len(args.output), len(args.unplaced)) > max(len(args.reads), 2):
        parser.error("more outputs than inputs")
    validate_correction(args, parser)
    validate_cluster(args, parser)


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """All that is written, and all that is read."""
    written = [*args.output, *args.unplaced, args.changes, args.corrections, args.json]
    written += multiqc_files(args)
    return written, [*args.reads, *paths_read(args)]


def read_outputs(args: argparse.Namespace) -> "ReadOutputs":
    """What the options ask for of the reads."""
    from dbgclean.pipeline.reads_out import ReadOutputs

    return ReadOutputs(
        [args.output],
        [args.unplaced] if args.unplaced else (),
        args.changes,
        tag=args.tag_reads,
        bam=args.bam,
        threads=args.threads,
    )


def main(args: argparse.Namespace) -> None:
    """Correct and say what was done."""
    if args.dry_run:
        return dry_run(args, files(args)[0], read_outputs(args))
    from dbgclean.log import Progress

    with working(args), Progress(quiet=args.quiet) as progress:
        from dbgclean.pipeline.doubts import verdict
        from dbgclean.pipeline.passes import correct_reads
        from dbgclean.report.planted import expected_loss_sentence

        run, out = correct_reads(
            args.reads, read_outputs(args), options_of(args), progress, args.corrections,
            json=args.json, multiqc=args.multiqc,
        )  # fmt: skip
    found = verdict(run)
    say_doubt(found)
    done = run.chosen.rewriter.statistics
    logger.info(
        "%s: %s of %s reads touched: %s bases changed, %s deleted, %s inserted, %s masked",
        args.corrector,
        f"{done.reads_touched:,}",
        f"{run.reads:,}",
        f"{done.bases_changed:,}",
        f"{done.bases_deleted:,}",
        f"{done.bases_inserted:,}",
        f"{done.bases_masked:,}",
    )
    if tails := run.poly_g():
        logger.info(
            "%s reads end in G without a signal: %s bases of the masked ones are theirs",
            f"{tails['reads_masked']:,}",
            f"{tails['bases_masked']:,}",
        )
    for sentence in out.sentences(run.statistics[0]):
        logger.info("%s", sentence)
    if run.chosen.verdicts is not None:
        counts = run.chosen.verdicts.count()
        logger.info(
            "alternatives: %s errors, %s real, %s undecided",
            *(f"{counts[name]:,}" for name in ("error", "real", "undecided")),
        )
    if sentence := expected_loss_sentence(run.chosen.expected_loss):
        logger.info("%s", sentence)
    if run.chosen.took:
        logger.info("judge: %s", run.chosen.took)
    fail_on(args, found)
