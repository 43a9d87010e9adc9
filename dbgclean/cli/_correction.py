"""Options of the verbs that correct: which corrector, at which k."""

import argparse
from typing import TYPE_CHECKING

from dbgclean.cli import kmer_size

if TYPE_CHECKING:
    from dbgclean.pipeline.passes import Options


def add_correction(parser: argparse.ArgumentParser) -> None:
    """Add ``--corrector``, ``--correction-k``, ``--model`` and ``--min-quality``."""
    parser.add_argument(
        "--corrector",
        default="autoencoder",
        metavar="NAME",
        help="none, cutoff, nearest, likelihood, autoencoder, or one that another package "
        "registers (see `dbgclean info`). Default: %(default)s",
    )
    parser.add_argument(
        "--correction-k",
        type=kmer_size,
        metavar="K",
        help="k-mer size that reads are threaded at. Default: 25, or -k where that is smaller",
    )
    parser.add_argument(
        "--model", metavar="DIR", help="weights for the autoencoder. Default: those that ship"
    )
    parser.add_argument(
        "--min-quality",
        type=int,
        default=20,
        metavar="Q",
        help="a k-mer is of high quality if no base is below this. Default: %(default)s",
    )


def validate_correction(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse values that no run can use."""
    if not 0 <= args.min_quality <= 93:
        parser.error(f"argument --min-quality: {args.min_quality} is not within 0 to 93")


def options_of(args: argparse.Namespace) -> "Options":
    """The parsed options as one object."""
    from dbgclean.pipeline.passes import Options

    return Options(
        k=args.k,
        correction_k=args.correction_k,
        corrector=args.corrector,
        model=args.model,
        min_quality=args.min_quality,
        seed=args.seed,
        threads=args.threads,
        memory_bytes=args.memory,
        tmp=args.tmp,
        interleaved=args.interleaved,
        single=args.single,
        reference=args.reference,
    )
