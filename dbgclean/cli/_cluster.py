"""``--cluster``: the passes over the reads done in steps, by other processes or machines."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dbgclean._folder import refuse_folder
from dbgclean.cli._options import positive

__all__ = ["add_blocks", "add_cluster", "validate_cluster", "working"]


def add_blocks(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--blocks``."""
    parser.add_argument(
        "--blocks",
        type=positive,
        metavar="N",
        help="blocks that the reads are cut into, each one step of a pass. The output does not "
        "depend on it. Default: one for 32 million bases (more, where workers of this machine have "
        "the memory), to 64, and four for each worker",
    )


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Add ``--cluster`` and how it works."""
    group = parser.add_argument_group("steps on other processes and machines")
    group.add_argument(
        "--cluster",
        metavar="WHERE",
        help="have dask's workers go over the reads: local (processes of this machine), slurm "
        "(jobs, by your configuration of dask-jobqueue) or a scheduler's address. The output is "
        "the same. Needs pip install 'dbgclean[cluster]'",
    )
    group.add_argument(
        "--workers", type=positive, metavar="N", help="workers to start. Default: those of -t"
    )
    add_blocks(group)
    group.add_argument(
        "--steps",
        metavar="DIR",
        help="folder of the steps' files, which stays; all workers have to see it. Default with "
        "--cluster local: one in --tmp, which goes",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on in --steps DIR, where an earlier run of the same command ended: what is done "
        "there is not done again",
    )


def validate_cluster(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what argparse cannot see."""
    if args.cluster is None:
        for name in ("workers", "blocks", "steps", "resume"):
            if getattr(args, name):
                parser.error(f"argument --{name}: only with --cluster")
        return
    if args.resume and not args.steps:
        parser.error("argument --resume: needs --steps DIR, the folder to go on in")
    if args.cluster != "local" and not args.steps:
        parser.error(f"argument --cluster: {args.cluster} needs --steps DIR, which all workers see")


@contextmanager
def working(args: argparse.Namespace) -> Iterator[None]:
    """Runs within have their passes done as ``--cluster`` says.

    Raises
    ------
    OutputError
        If the folder of the steps holds something that is not gone on with.
    """
    if args.cluster is None:
        yield
        return
    from dbgclean._temporary import temporary_folder
    from dbgclean.pipeline.cluster import LOCAL, workers_at
    from dbgclean.pipeline.engines import Engine, engine_now, using

    if type(engine_now()) is not Engine:
        yield  # `dbgclean step` goes on with what `--cluster` has begun
        return
    with ExitStack() as stack:
        if args.steps:
            folder = Path(os.path.abspath(args.steps))
            refuse_folder(folder, args.resume, "give --resume, or --steps an empty folder")
        else:
            folder = stack.enter_context(temporary_folder(args.tmp))
        workers = args.workers or args.threads
        doer = stack.enter_context(workers_at(args.cluster, workers, args.memory_bytes))
        # What takes long to load is loaded here while workers begin, too.
        from dbgclean.pipeline.steps import Steps

        # Workers of this machine have its memory together; of others nothing is known.
        share = (args.memory_bytes or 0) // workers if args.cluster == LOCAL else 0
        engine = Steps(folder, args.argv, doer, args.blocks, workers, share)
        stack.enter_context(using(engine))
        yield
