"""Options that several verbs share, and the types of their values."""

import argparse
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from dbgclean._memory import allowed_cpus
from dbgclean._sample import check_sample, sample_name
from dbgclean.errors import UsageError

if TYPE_CHECKING:
    from dbgclean.log import Progress
    from dbgclean.pipeline.options import Options

__all__ = [
    "AUTO",
    "add_figures",
    "add_graph_size",
    "add_kmer_size",
    "add_layout",
    "add_memory",
    "add_min_quality",
    "add_output",
    "add_reads",
    "add_sample",
    "add_seed",
    "add_threads",
    "allele_fraction",
    "allowed_cpus",
    "command_of",
    "copy_number",
    "graph_size",
    "kmer_size",
    "memory_size",
    "multiqc_files",
    "options_of",
    "positive",
    "take_proposed",
    "thread_count",
]

AUTO = "auto"
"""As a value: chosen by what is found in the input."""

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def kmer_size(text: str, most: int = 31, why: str = "reads are threaded at") -> int:
    """Value of ``-k`` or ``--correction-k`` where reads are threaded: odd, 11 to 31.

    Raises
    ------
    argparse.ArgumentTypeError
        Saying why another value cannot work.
    """
    try:
        k = int(text)
    except ValueError:
        message = f"{text!r} is not a whole number; give an odd k from 11 to {most}"
        raise argparse.ArgumentTypeError(message) from None
    if not 11 <= k <= most:
        message = f"{k} is out of range: k-mers that {why} have 11 to {most} bases"
        raise argparse.ArgumentTypeError(message)
    if k % 2 == 0:
        message = (
            f"{k} is even, and an even k-mer can be its own reverse complement; "
            f"give {k - 1} or {k + 1}"
        )
        raise argparse.ArgumentTypeError(message)
    return k


def graph_size(text: str) -> int | str:
    """Value of ``-k`` where k-mers are counted, and a graph made of them: 11 to 127, or auto.

    Raises
    ------
    argparse.ArgumentTypeError
        Saying why another value cannot work.
    """
    return text if text == AUTO else kmer_size(text, 127, "are counted")


def take_proposed(args: argparse.Namespace, reads: Sequence[str], progress: "Progress") -> None:
    """Put a number in the place of ``-k auto``: once for all steps of a run."""
    if args.k != AUTO:
        return
    from dbgclean.pipeline.counting import propose_k
    from dbgclean.pipeline.engines import engine_now
    from dbgclean.pipeline.plan import fingerprint

    files = [fingerprint(path) for path in reads]
    counted, args.k = engine_now().kept(
        "k", lambda: (files, propose_k(reads, options_of(args), progress))
    )
    if counted != files:  # left there by a run of other reads, which ended before its plan stood
        args.k = propose_k(reads, options_of(args), progress)


def thread_count(text: str) -> int:
    """Value of ``-t``: 0 means all CPUs that this process is allowed."""
    try:
        threads = int(text)
    except ValueError:
        threads = -1
    if threads < 0:
        message = f"{text!r} is not a number of threads; give 0 (all allowed CPUs) or more"
        raise argparse.ArgumentTypeError(message)
    return threads or allowed_cpus()


def memory_size(text: str) -> int:
    """Bytes meant by a size such as ``8G``, ``500M`` or ``1.5G``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None or not float(match[1]):
        message = f"{text!r} is not a size; write for example 8G or 500M"
        raise argparse.ArgumentTypeError(message)
    return int(float(match[1]) * _UNITS[match[2].upper()])


def allele_fraction(text: str) -> float:
    """Value of ``--min-vaf``: 0 to 0.5.

    Raises
    ------
    argparse.ArgumentTypeError
        Saying why another value cannot work.
    """
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction <= 0.5:
        message = f"{text!r} is not a fraction from 0 to 0.5 (5 % is 0.05)"
        raise argparse.ArgumentTypeError(message)
    return fraction


def copy_number(text: str) -> int:
    """Value of ``--ploidy``: 1 or more."""
    try:
        copies = int(text)
    except ValueError:
        copies = 0
    if not 1 <= copies <= 64:
        message = f"{text!r} is not a ploidy; give a whole number from 1 to 64"
        raise argparse.ArgumentTypeError(message)
    return copies


def positive(text: str) -> int:
    """Value of an option that counts: of blocks, workers, times that a k-mer was seen."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        message = f"found {text!r}; give a whole number from 1"
        raise argparse.ArgumentTypeError(message)
    return number


def add_reads(parser: argparse.ArgumentParser, nargs: str = "+") -> None:
    """Add the positional READS and how they are laid out."""
    parser.add_argument(
        "reads",
        nargs=nargs,
        metavar="READS",
        help="FASTA, FASTQ (plain or compressed), BAM or CRAM; '-' is stdin. Two files in a row "
        "whose read names are mates are taken as a pair",
    )
    add_layout(parser)
    parser.add_argument(
        "--reference",
        metavar="FASTA",
        help="reference of CRAM input, and of --protect where there is one",
    )


def add_layout(parser: argparse.ArgumentParser) -> None:
    """Add ``--interleaved``, ``--single`` and ``--paired``, of which one may be given."""
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument(
        "--interleaved", action="store_true", help="mates follow one another in each file"
    )
    layout.add_argument("--single", action="store_true", help="take no two files as a pair")
    layout.add_argument(
        "--paired",
        action="store_true",
        help="take every two files in a row as a pair, whatever the reads' names",
    )


def add_kmer_size(parser: argparse.ArgumentParser, default: int = 31) -> None:
    """Add ``-k`` of the verbs that thread reads."""
    parser.add_argument(
        "-k",
        type=kmer_size,
        default=default,
        metavar="K",
        help="k-mer size, odd, 11 to 31. Default: %(default)s",
    )


def add_graph_size(
    parser: argparse.ArgumentParser, default: int | None = None, told: str = "%(default)s"
) -> None:
    """Add ``-k`` of the verbs that count k-mers or make a graph."""
    parser.add_argument(
        "-k",
        type=graph_size,
        default=default,
        metavar="K|auto",
        help="k-mer size, odd, 11 to 127; auto: of reads the largest, from 31, that leaves the "
        f"k-mers 20 deep (they are counted once more for that). Default: {told}",
    )


def add_min_quality(parser: argparse.ArgumentParser) -> None:
    """Add ``--min-quality``."""
    parser.add_argument(
        "--min-quality",
        type=int,
        default=20,
        metavar="Q",
        help="a k-mer is of high quality if no base is below this. Default: %(default)s",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``-t/--threads``; ``args.threads`` is then at least 1."""
    parser.add_argument(
        "-t",
        "--threads",
        type=thread_count,
        default="0",
        metavar="N",
        help="threads; 0 is all CPUs that this process may use. The output does not "
        "depend on it. Default: %(default)s",
    )


def add_memory(parser: argparse.ArgumentParser, default: str = "8G") -> None:
    """Add ``--memory`` (bytes in ``args.memory_bytes``) and ``--tmp``."""
    parser.add_argument(
        "--memory",
        dest="memory_bytes",
        type=memory_size,
        default=default,
        metavar="SIZE",
        help="memory to aim at; counted k-mers that exceed it wait in a file in --tmp, and what "
        "cannot be done within it is refused before it is begun. Default: %(default)s",
    )
    parser.add_argument(
        "--tmp", metavar="DIR", help="folder for temporary files. Default: the system's"
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add ``--seed``."""
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="N",
        help="seed of everything that is drawn. Default: %(default)s",
    )


def options_of(args: argparse.Namespace) -> "Options":
    """What was given of the options of a run, as one object; its defaults for the rest."""
    from dbgclean.pipeline.options import Options

    names = (field.name for field in fields(Options))
    given = {name: getattr(args, name, None) for name in names}
    if given["k"] == AUTO:
        given["k"] = None
    return Options(**{name: value for name, value in given.items() if value is not None})


# What says how a result is computed, and not which one it is.
_HOW = {
    "help", "threads", "memory_bytes", "tmp", "quiet", "debug", "log", "force", "resume",
    "fail_on", "dry_run", "multiqc", "sample", "cluster", "workers", "blocks", "steps",
}  # fmt: skip


def command_of(
    args: argparse.Namespace, written: Sequence[str | None], read: Sequence[str | None]
) -> str:
    """The command line as far as it decides the result: no folders, outputs, threads.

    Parameters
    ----------
    written, read
        Files that the user named.
    """
    words = ["dbgclean", args.verb]
    for action in args.parser._actions:
        given = getattr(args, action.dest, None)
        if action.dest in _HOW or given in (None, [], action.default):
            continue
        values = given if isinstance(given, list) else [given]
        # Of "-" for both, one is what is read.
        if action.option_strings and any(value in written for value in values):
            continue
        shown = [os.path.basename(v) if v in read else str(v) for v in values]
        for each in [[one] for one in shown] if action.nargs is None else [shown]:
            words += action.option_strings[-1:] + (each if action.nargs != 0 else [])
    return shlex.join(words)


def add_figures(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--json`` and ``--multiqc``."""
    parser.add_argument("--json", metavar="FILE", help=f"write {what} here")
    parser.add_argument(
        "--multiqc",
        metavar="DIR",
        help="write SAMPLE.dbgclean_mqc.json and SAMPLE.dbgclean_spectrum_mqc.json, which MultiQC "
        "finds, into this folder",
    )


def multiqc_files(args: argparse.Namespace) -> list[str | None]:
    """What ``--multiqc`` writes."""
    if args.multiqc is None:
        return []
    from dbgclean.report.multiqc import multiqc_names

    sample = args.sample or sample_name(args.reads)
    return [os.path.normpath(os.path.join(args.multiqc, name)) for name in multiqc_names(sample)]


def add_sample(parser: argparse.ArgumentParser) -> None:
    """Add ``--sample``."""
    parser.add_argument(
        "--sample",
        type=sample,
        metavar="NAME",
        help="the sample's name in reports, MultiQC and VCF. Default: that of the first file, or "
        "of the BAM's read groups",
    )


def sample(text: str) -> str:
    """Value of ``--sample``.

    Raises
    ------
    argparse.ArgumentTypeError
        Saying why a name cannot be used.
    """
    try:
        return check_sample(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("--sample ")) from None


def add_output(parser: argparse.ArgumentParser, help: str, *, required: bool = True) -> None:
    """Add ``-o/--output``; absent, where not required, it is '-' for stdout."""
    default = None if required else "-"
    parser.add_argument(
        "-o", "--output", metavar="PATH", required=required, default=default, help=help
    )
