"""Count canonical k-mers, and fit errors and depth to their spectrum.

Writes one FASTA record per k-mer, ">abundance" and the canonical k-mer, sorted, as jellyfish
dump does; where asked, the histogram of abundances with its fit, and the figures as JSON.
"""

import argparse
import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any

from dbgclean.cli import add_memory, add_output, add_reads, add_threads
from dbgclean.cli._dry_run import add_dry_run, dry_run
from dbgclean.cli._options import (
    add_figures,
    add_graph_size,
    add_min_quality,
    add_sample,
    multiqc_files,
    options_of,
    positive,
    take_proposed,
)

if TYPE_CHECKING:
    from dbgclean.pipeline.counting import CountedReads
    from dbgclean.reads import ReadStatistics
    from dbgclean.spectrum.counting import CountStatistics
    from dbgclean.spectrum.histogram import Spectrum

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``count``."""
    add_reads(parser)
    add_output(
        parser,
        "k-mer FASTA, compressed as its name ends (.gz: BGZF); '-' is stdout. Default: '-'",
        required=False,
    )
    parser.add_argument(
        "--histogram", metavar="TSV", help="write abundance and number of k-mers here"
    )
    parser.add_argument(
        "--histo",
        metavar="FILE",
        help="write the histogram here as `jellyfish histo -h 10000` does, for GenomeScope",
    )
    add_figures(parser, "counts and fit")
    add_sample(parser)
    add_dry_run(parser)
    add_graph_size(parser, 31)
    parser.add_argument(
        "--min-abundance",
        type=positive,
        default=1,
        metavar="N",
        help="leave k-mers out of the FASTA that were seen fewer times. Default: %(default)s",
    )
    add_min_quality(parser)
    add_memory(parser)
    add_threads(parser)


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """All that is written, and all that is read."""
    written = [args.output, args.histogram, args.histo, args.json, *multiqc_files(args)]
    return written, [*args.reads, args.reference]


def main(args: argparse.Namespace) -> None:
    """Count, write, and say what was found."""
    if args.dry_run:
        return dry_run(args, files(args)[0])
    from dbgclean.log import Progress
    from dbgclean.pipeline.counting import count_reads, fit_of
    from dbgclean.pipeline.figures import write_figures
    from dbgclean.spectrum.formats import kmer_text, write_text
    from dbgclean.spectrum.histogram_files import write_histo, write_histogram

    with Progress(quiet=args.quiet) as progress:
        take_proposed(args, args.reads, progress)
        options = options_of(args)
        counted = count_reads(args.reads, options, progress, args.min_abundance)
    counter = counted.counter
    # Rendered by the workers and written here, part by part: never all of it in memory.
    with closing(counter.parts(lambda part: kmer_text(part.keys, part.counts, args.k))) as texts:
        write_text(args.output, texts, args.threads)
    spectrum = fit_of(counter, counted.read.bases)
    if args.histogram:
        write_histogram(args.histogram, spectrum)
    if args.histo:
        write_histo(args.histo, spectrum.histogram)
    if args.json or args.multiqc:
        found = _figures(args, counted, spectrum)
        write_figures("count", options, found, args.json, args.multiqc)
    _tell(spectrum, counted.read, counter.statistics)


def _figures(
    args: argparse.Namespace, counted: "CountedReads", spectrum: "Spectrum"
) -> dict[str, Any]:
    from dbgclean.pipeline.figures import dropped, inputs_of

    windows, tally = counted.counter.statistics, counted.counter.tally
    rare = int(tally.histogram[: args.min_abundance].sum())
    return {
        "config": {
            "k": args.k,
            "min_abundance": args.min_abundance,
            "min_quality": args.min_quality,
        },
        "inputs": inputs_of(counted.groups, counted.statistics),
        "dropped": dropped(counted.statistics, windows, rare),
        "kmers": {
            **windows.to_dict(),
            "distinct": tally.distinct,
            "reverse": tally.reverse,
            "high_quality": tally.high_quality,
        },
        "spectrum": spectrum.to_dict(),
    }


def _tell(spectrum: "Spectrum", reads: "ReadStatistics", kmers: "CountStatistics") -> None:
    from dbgclean.report import ploidy_sentence

    logger.info("%s reads, %s bases", f"{reads.reads:,}", f"{reads.bases:,}")
    logger.info(
        "%s %d-mers counted, %s distinct; %s windows skipped for N, %s reads shorter than k",
        f"{kmers.kmers:,}",
        spectrum.k,
        f"{spectrum.distinct:,}",
        f"{kmers.skipped_kmers:,}",
        f"{kmers.short_reads:,}",
    )
    if not spectrum.fitted:
        logger.info("no fit: %s", spectrum.reason)
        return
    logger.info(
        "peak %.1f, valley %d, error rate %.4f %%, genome size about %s",
        spectrum.peak,
        spectrum.valley,
        100 * spectrum.error_rate,
        f"{spectrum.genome_size:,}",
    )
    if sentence := ploidy_sentence(spectrum.to_dict()["fit"]):
        logger.info("%s", sentence)
