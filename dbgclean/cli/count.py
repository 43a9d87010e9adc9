"""Count canonical k-mers, and fit errors and depth to their spectrum.

Writes one FASTA record per k-mer, ">abundance" and the canonical k-mer, sorted, as jellyfish
dump does; where asked, the histogram of abundances with its fit, and the figures as JSON.
"""

import argparse
import logging
from contextlib import closing
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from dbgclean import __version__
from dbgclean.cli import add_kmer_size, add_memory, add_output, add_reads, add_threads

if TYPE_CHECKING:
    from dbgclean.reads import ReadStatistics
    from dbgclean.spectrum.counting import CountStatistics, KmerCounter, Tally
    from dbgclean.spectrum.histogram import Spectrum

logger = logging.getLogger(__name__)

_BESIDES = 400 << 20  # interpreter, libraries and the batches of reads under way


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``count``."""
    add_reads(parser)
    add_output(parser, "k-mer FASTA (.gz: BGZF); '-' is stdout. Default: '-'", required=False)
    parser.add_argument(
        "--histogram", metavar="TSV", help="write abundance and number of k-mers here"
    )
    parser.add_argument("--json", metavar="FILE", help="write counts and fit here")
    add_kmer_size(parser)
    parser.add_argument(
        "--min-abundance",
        type=int,
        default=1,
        metavar="N",
        help="leave k-mers out of the FASTA that were seen fewer times. Default: %(default)s",
    )
    parser.add_argument(
        "--min-quality",
        type=int,
        default=20,
        metavar="Q",
        help="a k-mer is of high quality if no base is below this. Default: %(default)s",
    )
    add_memory(parser)
    add_threads(parser)


def validate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what argparse cannot see."""
    if args.min_abundance < 1:
        parser.error(f"argument --min-abundance: {args.min_abundance} is below 1")
    if not 0 <= args.min_quality <= 93:
        parser.error(f"argument --min-quality: {args.min_quality} is not within 0 to 93")


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """All that is written, and all that is read."""
    return [args.output, args.histogram, args.json], [*args.reads, args.reference]


def main(args: argparse.Namespace) -> None:
    """Count, write, and say what was found."""
    from dbgclean.spectrum.formats import kmer_text, write_histogram, write_text
    from dbgclean.spectrum.histogram import fit_spectrum

    counter, reads = count_files(args)
    # Rendered by the workers and written here, part by part: never all of it in memory.
    with closing(counter.parts(lambda part: kmer_text(part.keys, part.counts, args.k))) as texts:
        write_text(args.output, texts)
    tally = counter.tally
    spectrum = fit_spectrum(tally.histogram, args.k, bases=reads.bases, total=tally.total)
    if args.histogram:
        write_histogram(args.histogram, spectrum)
    if args.json:
        _write_json(args, tally, spectrum, reads, counter.statistics)
    _tell(spectrum, reads, counter.statistics)


def count_files(args: argparse.Namespace) -> "tuple[KmerCounter, ReadStatistics]":
    """Count the k-mers of all input files, at least one.

    Raises
    ------
    InputError
        If a file cannot be read, or none of the reads holds a k-mer.
    """
    from dbgclean.errors import InputError
    from dbgclean.log import Progress
    from dbgclean.reads import ReadStatistics, iter_batches, plan_inputs, tell_pairs
    from dbgclean.spectrum.counting import KmerCounter
    from dbgclean.spectrum.spill import temporary_folder

    groups = plan_inputs(
        args.reads,
        interleaved=args.interleaved,
        single=args.single,
        paired=args.paired,
        spool_dir=args.tmp,
        reference=args.reference,
    )
    counter = KmerCounter(
        args.k,
        threads=args.threads,
        min_quality=args.min_quality,
        memory_bytes=max(args.memory - _BESIDES, args.memory // 4),
        tmp=temporary_folder(args.tmp),
        min_count=args.min_abundance,
    )
    statistics = ReadStatistics()
    # What only the fit needs is loaded while the workers count, once they have begun.
    fit = Thread(target=import_module, args=("scipy.optimize",))
    with Progress(quiet=args.quiet) as progress:
        for group in groups:
            progress.start(f"Counting {', '.join(Path(path).name for path in group.paths)}")
            tally = ReadStatistics()
            batches = iter_batches(
                group, reference=args.reference, threads=args.threads, statistics=tally
            )
            for batch in progress.iterate(batches):
                counter.add(batch)
                if fit.ident is None:
                    fit.start()
            tell_pairs(group, tally)
            statistics += tally
    if not counter.statistics.kmers:
        message = (
            f"{', '.join(args.reads)}: no {args.k}-mer in {statistics.reads:,} reads (longest "
            f"{statistics.longest} bases); give longer reads or a smaller -k"
        )
        raise InputError(message)
    return counter, statistics


def _write_json(
    args: argparse.Namespace,
    tally: "Tally",
    spectrum: "Spectrum",
    reads: "ReadStatistics",
    kmers: "CountStatistics",
) -> None:
    from dbgclean.cli.graph import write_json

    report: dict[str, Any] = {
        "tag": "dbgclean count",
        "schema_version": [0, 1],
        "version": __version__,
        "config": {
            "k": args.k,
            "min_abundance": args.min_abundance,
            "min_quality": args.min_quality,
        },
        "inputs": {"files": [Path(path).name for path in args.reads], **reads.to_dict()},
        "kmers": {
            **kmers.to_dict(),
            "distinct": tally.distinct,
            "reverse": tally.reverse,
            "high_quality": tally.high_quality,
        },
        "spectrum": spectrum.to_dict(),
    }
    write_json(args.json, report)


def _tell(spectrum: "Spectrum", reads: "ReadStatistics", kmers: "CountStatistics") -> None:
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
    if spectrum.half_peak is not None:
        logger.info("heterozygous peak at %.1f", spectrum.half_peak)
