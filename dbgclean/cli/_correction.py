"""Options of the verbs that correct: which corrector, at which k, and what must stay."""

import argparse
import logging
from typing import Any

from dbgclean.cli import kmer_size
from dbgclean.cli._options import add_min_quality, allele_fraction, copy_number
from dbgclean.errors import DoubtfulError

logger = logging.getLogger(__name__)


def add_correction(parser: argparse.ArgumentParser) -> None:
    """Add ``--corrector`` and how it works, then the user's rules (`add_policy`)."""
    parser.add_argument(
        "--corrector",
        default="auto",
        metavar="NAME",
        help="auto (likelihood or autoencoder, whichever loses fewer of the alleles planted in "
        "these reads), none, cutoff, nearest, likelihood, autoencoder, or one that another package "
        "registers (see `dbgclean info`). Default: %(default)s",
    )
    parser.add_argument(
        "--correction-k",
        type=kmer_size,
        metavar="K",
        help="k-mer size that reads are threaded at. Default: 25, or -k where that is smaller; "
        "less, down to 15, where the sample is shallow and its genome small; 31 of a genome of "
        "2 Mb or more whose 31-mers are 20 deep on each haplotype, in reads of 124 bases or more",
    )
    parser.add_argument(
        "--model", metavar="DIR", help="weights for the autoencoder. Default: those that ship"
    )
    add_min_quality(parser)
    parser.add_argument(
        "--poly-g",
        choices=("auto", "on", "off"),
        default="auto",
        help="mask ends called G without a signal (NextSeq, NovaSeq): tails of ten G or more "
        "that the other reads do not hold. auto: where more reads end in G than any genome "
        "explains. Default: %(default)s",
    )
    parser.add_argument(
        "--no-mask",
        dest="mask",
        action="store_false",
        help="mask no base with N: neither what only one fragment has behind a seam (a chimera, "
        "an adapter), nor ends in G. Such bases stay as they were read",
    )
    parser.add_argument(
        "--fail-on",
        choices=["doubtful"],
        help="exit with 1, after everything is written, where the result is doubtful: no depth "
        "could be fitted, a shallow sample, a mix of depths, many reads without an anchor",
    )
    parser.add_argument(
        "--no-spikes",
        dest="spikes",
        action="store_false",
        help="plant no alleles in copies of the reads: what share of real ones is lost is then "
        "not reported, and auto is likelihood",
    )
    add_policy(parser)


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Add ``--min-vaf``, ``--ploidy`` and ``--protect``."""
    parser.add_argument(
        "--min-vaf",
        type=allele_fraction,
        default=0.0,
        metavar="F",
        help="alleles below this fraction need not be kept: correct what is credibly rarer "
        "(upper end of a 95%% interval), 0 to 0.5. Default: 0, keep whatever is real",
    )
    parser.add_argument(
        "--ploidy",
        type=copy_number,
        metavar="N",
        help="the sample is a clone with this many copies of its genome: correct what no "
        "fraction i/N can explain, low-frequency alleles included. Default: a mixture is allowed",
    )
    parser.add_argument(
        "--protect",
        metavar="VCF|BED",
        help="alleles (VCF) or regions (BED) that are never corrected away; "
        "needs --reference, the sequence that their positions are on",
    )


def add_tag_reads(parser: argparse.ArgumentParser) -> None:
    """Add ``--tag-reads``."""
    parser.add_argument(
        "--tag-reads",
        action="store_true",
        help="say in each header line how many bases changed (SAM tag nc:i:N, for bwa mem -C, "
        "samtools import -T); a comment that is no tag becomes CO:Z:",
    )


def validate_correction(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse values that no run can use."""
    if args.protect and not args.reference:
        parser.error("argument --protect: its positions need --reference FASTA")


def paths_read(args: argparse.Namespace) -> list[str | None]:
    """What is read besides the reads."""
    return [args.reference, args.protect, args.model]


def say_doubt(verdict: dict[str, Any]) -> None:
    """One line of why a result is doubtful; nothing where it is not."""
    from dbgclean.report import doubt_line

    if line := doubt_line({"verdict": verdict}):
        logger.warning("%s", line[0].lower() + line[1:])


def fail_on(args: argparse.Namespace, verdict: dict[str, Any]) -> None:
    """End with 1 where the result, which is written by now, is one that the user refused.

    Raises
    ------
    DoubtfulError
        With ``--fail-on doubtful``.
    """
    if args.fail_on and verdict["doubtful"]:
        msg = (
            f"--fail-on {args.fail_on}: the result is written, but {'; '.join(verdict['reasons'])}"
        )
        raise DoubtfulError(msg)
