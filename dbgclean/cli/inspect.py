"""Tell variants from errors in a region of a BAM, allele by allele, and say why.

Takes aligned reads (BAM or CRAM, sorted, with an index: `samtools index BAM`) and regions.
Primary alignments alone are read; duplicates, records that failed quality control, secondary
and supplementary ones are left out and counted; of soft-clipped ends those are read that differ
as a haplotype would, and no clipped primers; mates that overlap count as one fragment. Nothing is
downsampled.

Writes into the output folder: alleles.tsv.gz (every allele looked at, the rejected too, with
evidence and reasons), report.html (with a picture of each), report.json, kmers.kept.fa.gz,
kmers.removed.fa.gz, variants.vcf.gz and its index. Without --reference the reads' own consensus
takes the reference's place, and is written as consensus.fa.gz. With --normal each allele of the
sample is called somatic, germline or an error.
"""

import argparse
import logging
from typing import Any

from dbgclean.cli import add_output, add_seed, add_threads
from dbgclean.cli._options import add_sample, allele_fraction

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``inspect``."""
    parser.add_argument("bam", metavar="BAM", help="aligned reads, BAM or CRAM, sorted and indexed")
    parser.add_argument(
        "-r",
        "--region",
        dest="regions",
        action="append",
        default=[],
        metavar="REGION",
        help="CONTIG, CONTIG:FROM (to its end) or CONTIG:FROM-TO, counted from 1, both ends "
        "included; may be given many times",
    )
    parser.add_argument("--bed", metavar="FILE", help="regions as BED, plain or compressed")
    parser.add_argument(
        "--reference",
        metavar="FASTA",
        help="what the reads were aligned to, plain or bgzip; needed for CRAM",
    )
    parser.add_argument(
        "--normal",
        metavar="BAM",
        help="reads of the same person's normal tissue, aligned to the same reference: tells "
        "somatic from germline",
    )
    add_output(parser, "output folder; appears only when everything in it is whole")
    parser.add_argument(
        "--force",
        action="store_true",
        help="write into a folder that is not empty: files of the same name are replaced, "
        "nothing else in it is touched",
    )
    _add_judging(parser)
    add_sample(parser)
    add_seed(parser)
    add_threads(parser)


def _add_judging(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corrector",
        metavar="NAME",
        help="who judges: likelihood, autoencoder, or one that another package registers (see "
        "`dbgclean info`). Default: likelihood, or autoencoder where --model is given",
    )
    parser.add_argument(
        "--model", metavar="DIR", help="weights for the autoencoder. Default: those that ship"
    )
    parser.add_argument(
        "--ploidy",
        type=int,
        choices=(1, 2),
        default=2,
        metavar="N",
        help="copies of each contig, for genotypes: 1 or 2. Default: %(default)s",
    )
    parser.add_argument(
        "--min-vaf",
        type=allele_fraction,
        default=0.0,
        metavar="F",
        help="call no allele below this fraction a variant, 0 to 0.5. Default: %(default)s",
    )
    parser.add_argument(
        "--min-mapping-quality",
        type=int,
        default=0,
        metavar="Q",
        help="leave out reads below this. Default: 0, as reads that map to two places tell "
        "repeats from variants",
    )
    parser.add_argument(
        "--no-soft-clips",
        dest="soft_clips",
        action="store_false",
        help="take no soft-clipped bases at all. Default: those that differ from the reference "
        "as another haplotype would; clipped primers are never taken",
    )


def validate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what argparse cannot see."""
    if not args.regions and not args.bed:
        parser.error("no region given; name one with -r CONTIG:FROM-TO, or a file with --bed")
    if not 0 <= args.min_mapping_quality <= 255:
        parser.error(
            f"argument --min-mapping-quality: {args.min_mapping_quality} is not within 0 to 255"
        )


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """The folder that is written, and all that is read."""
    return [args.output], [args.bam, args.bed, args.reference, args.normal, args.model]


def main(args: argparse.Namespace) -> None:
    """Inspect, and say what was found."""
    from dbgclean.log import Progress
    from dbgclean.pipeline.inspect_run import InspectOptions, inspect

    options = InspectOptions(
        corrector=args.corrector or ("autoencoder" if args.model else "likelihood"),
        model=args.model,
        ploidy=args.ploidy,
        min_fraction=args.min_vaf,
        min_mapping_quality=args.min_mapping_quality,
        soft_clips=args.soft_clips,
        seed=args.seed,
        threads=args.threads,
        sample=args.sample,
    )
    with Progress(quiet=args.quiet) as progress:
        report = inspect(
            args.bam,
            args.regions,
            args.bed,
            args.output,
            reference=args.reference,
            normal=args.normal,
            options=options,
            force=args.force,
            progress=progress,
        )
    _tell(report)


def _tell(report: dict[str, Any]) -> None:
    """One line per region."""
    for region in report["regions"]:
        logger.info(
            "%s:%d-%d: %s reads; %s variants, %s errors, %s repeats, %s undecided",
            region["contig"],
            region["start"] + 1,
            region["end"],
            *(f"{region[name]:,}" for name in ("reads", *_CLASSES)),
        )


_CLASSES = ("variant", "error", "repeat", "undecided")
