"""Fine-tune the network on a sample's own reads.

Alleles and errors are injected into the reads, at places where all reads agree, and the
network that ships (or --model) learns to tell them apart in this very sample. The folder
written is what `run` and `correct` take as --model. Where the result is not better on places
held out, by more than chance, the folder holds the weights it began with and says so.
"""

import argparse
import logging

from dbgclean.cli import (
    add_kmer_size,
    add_memory,
    add_output,
    add_reads,
    add_seed,
    add_threads,
    kmer_size,
)
from dbgclean.cli._options import add_min_quality, add_sample, options_of

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``train``."""
    add_reads(parser)
    add_output(parser, "folder of the model; appears only when everything in it is whole")
    parser.add_argument(
        "--model", metavar="DIR", help="weights to begin with. Default: those that ship"
    )
    parser.add_argument(
        "--steps",
        type=_count,
        default=1000,
        metavar="N",
        help="steps of the optimiser, at most: training stops early. Default: %(default)s",
    )
    parser.add_argument(
        "--rounds",
        type=_count,
        metavar="N",
        help="injections, each with places, fractions and rates of its own. Default: from the "
        "genome's size, 1 to 6",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where to train. Weights trained on a GPU differ in their last digits. "
        "Default: a GPU where there is one",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where a killed run stopped (OUTPUT.checkpoint), to the same result; from "
        "the start where there is nothing to go on from",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="write into a folder that is not empty, replacing files of the same name alone; "
        "drop an unfinished run",
    )
    add_kmer_size(parser)
    parser.add_argument(
        "--correction-k",
        type=kmer_size,
        metavar="K",
        help="k-mer size that reads are threaded at, as for `correct`",
    )
    add_min_quality(parser)
    add_sample(parser)
    add_seed(parser)
    add_memory(parser)
    add_threads(parser)


def _count(text: str) -> int:
    """Value of an option that counts: 1 or more."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        message = f"{text!r} is not a whole number of at least 1"
        raise argparse.ArgumentTypeError(message)
    return number


def validate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what argparse cannot see."""
    if args.output == "-":
        parser.error("argument -o/--output: a model is a folder; give its name")
    if args.seed < 0:
        parser.error(f"argument --seed: {args.seed} is below 0")


def files(args: argparse.Namespace) -> tuple[list[str | None], list[str | None]]:
    """The folder that is written, and all that is read."""
    return [args.output], [*args.reads, args.reference, args.model]


def main(args: argparse.Namespace) -> None:
    """Fine-tune and say what came of it."""
    from dbgclean.log import Progress
    from dbgclean.training.train import TrainOptions, train_on_reads

    options = options_of(args)
    training = TrainOptions(args.steps, args.rounds, args.device, args.force, args.resume)
    with Progress(quiet=args.quiet) as progress:
        tuned = train_on_reads(args.reads, args.output, options, training, progress)
    before, after = tuned.figures["before"], tuned.figures["after"]
    logger.info(
        "held-out places: log loss %g before, %g after; alleles kept %d and %d; errors kept %g "
        "and %g",
        *(row[name] for name in ("log_loss", "alleles_kept", "errors_kept")
          for row in (before, after)),
    )  # fmt: skip
    if tuned.accepted:
        logger.info("%s: fine-tuned, %s", args.output, tuned.reason)
    else:
        logger.info("%s: the weights it began with, %s", args.output, tuned.reason)
