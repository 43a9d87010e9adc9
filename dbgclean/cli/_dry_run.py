"""``--dry-run``: what would be read, done and written; all of it checked, nothing written."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dbgclean._files import identities, open_text, refuse_unwritable
from dbgclean._folder import refuse_names
from dbgclean._memory import size_in_words
from dbgclean._sample import sample_name
from dbgclean.cli._options import AUTO, options_of
from dbgclean.errors import InputError, OutputError, printable

if TYPE_CHECKING:
    from dbgclean.pipeline.options import Options
    from dbgclean.pipeline.reads_out import ReadOutputs
    from dbgclean.reads import InputGroup

__all__ = ["add_dry_run", "dry_run"]

_PACKED = (".gz", ".bgz", ".bgzf", ".bz2", ".xz", ".zst", ".bam", ".ubam")


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add ``--dry-run``."""
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check options, inputs and outputs, print what would be read, done and written, and "
        "write nothing",
    )


def dry_run(
    args: argparse.Namespace,
    outputs: Sequence[str | None],
    of_reads: ReadOutputs | None = None,
) -> None:
    """Check what can be checked without going over the reads, and print the plan.

    Parameters
    ----------
    outputs
        Files that the user named; none for ``run``, which has a folder.
    of_reads
        Those of ``correct`` that are for reads.

    Raises
    ------
    DbgcleanError
        For whatever a run would be refused for: options, inputs (their formats, their first
        records, which of them are pairs), outputs that cannot be written or have no room.
    """
    from dbgclean.pipeline.counting import groups_of
    from dbgclean.pipeline.passes import reads_out

    files = args.reads or [args.kmers]
    _refuse_pipes(files)
    options = options_of(args)
    groups = groups_of(args.reads, options) if args.reads else []
    _check(args, options)
    if of_reads is not None:
        reads_out(groups, of_reads, options)
    sample = options.sample or sample_name(files)
    paths = [path for path in outputs if path is not None]
    paths = paths or _of_folder(args, groups, sample)
    lines = [f"read: {line}" for line in _inputs(args, groups)]
    lines += [f"do: {line}" for line in _settings(args, options, sample)]
    lines += [f"room: {line}" for line in _rooms(args, paths, files)]
    lines += [f"write: {'standard output' if path == '-' else path}" for path in paths]
    with open_text("-") as out:
        out.write("".join(f"{printable(line)}\n" for line in lines))


def _refuse_pipes(paths: Iterable[str]) -> None:
    from dbgclean.reads.compression import refuse_database

    for path in paths:
        refuse_database(path)
        if path == "-" or not os.path.isfile(path):
            msg = f"{path}: --dry-run would use up what can be read only once; name a file"
            raise InputError(msg)


def _check(args: argparse.Namespace, options: Options) -> None:
    """Look at the corrector, its weights, the lists, and the first bytes of the rest."""
    from dbgclean.correct.correctors import load_corrector
    from dbgclean.pipeline.graphs import sniff
    from dbgclean.pipeline.options import policy_of
    from dbgclean.reads.compression import read_head, refuse_database
    from dbgclean.reads.reference import iter_sequences
    from dbgclean.spectrum.formats import length_of_first
    from dbgclean.spectrum.kmers import MAX_ONE_WORD

    given = vars(args)
    if given.get("corrector"):
        check = getattr(load_corrector(options.corrector), "check", None)
        if check is not None:
            check(options.model)
        policy_of(options)
    if given.get("truth"):
        next(iter_sequences(args.truth))
    if not given.get("kmers"):
        return
    head = read_head(args.kmers)
    refuse_database(args.kmers, head)
    if (kind := sniff(args.kmers)) != "kmers":
        msg = f"{args.kmers}: holds {kind}, not k-mers; give k-mers with their abundances"
        raise InputError(msg)
    length_of_first(args.kmers, head, MAX_ONE_WORD)


def _inputs(args: argparse.Namespace, groups: Sequence[InputGroup]) -> Iterator[str]:
    for group in groups:
        layout = {"paired": "a pair", "single": "single reads"}.get(group.layout, group.layout)
        size = sum(map(os.path.getsize, group.paths))
        told = "" if group.named else " by place"
        yield f"{' and '.join(group.paths)}: {group.format}, {layout}{told}, {size_in_words(size)}"
    for name in ("kmers", "truth", "reference", "protect", "model"):
        if path := vars(args).get(name):
            yield f"{path}: --{name}"


def _settings(args: argparse.Namespace, options: Options, sample: str) -> Iterator[str]:
    from dbgclean.evidence.cutoffs import CORRECTION_K, LONG_CORRECTION_K

    yield f"{args.verb} sample {sample}, seed {options.seed}, {options.threads} threads"
    if args.k == AUTO:
        yield "k from the depth and length of the reads"
    else:
        yield f"k = {options.k}" if args.reads or args.k else "k of the k-mer set"
    if "corrector" in args:
        yield f"corrector {options.corrector}"
        if args.reads:
            usual = f"{min(CORRECTION_K, options.k)}, or less where the sample is shallow"
            if options.k >= LONG_CORRECTION_K:
                usual += f", or {LONG_CORRECTION_K} of a genome that is large and deep"
            yield f"reads threaded at k = {options.correction_k or usual}"
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield f"{size_in_words(args.memory_bytes)} of memory; the machine has {size_in_words(machine)}"
    if "corrector" in args and args.reads:
        from dbgclean.pipeline.room import most_kmers

        room = most_kmers(args.memory_bytes)
        yield f"reads threaded where no more than {room:,} k-mers are seen twice or more"


def _of_folder(args: argparse.Namespace, groups: Sequence[InputGroup], sample: str) -> list[str]:
    """What `run` writes, as far as it is known beforehand."""
    from dbgclean.pipeline.full import CHANGES, OUTPUTS
    from dbgclean.reads import output_names
    from dbgclean.report.multiqc import multiqc_names

    reads = [f"reads/{name}" for names in output_names(groups) for name in names]
    names = [*OUTPUTS, *([CHANGES] if args.changes else []), *reads, *multiqc_names(sample)]
    read = (*args.reads, args.kmers, args.truth, args.reference, args.protect, args.model)
    refuse_names(Path(args.output), names, identities(read))
    return [os.path.join(args.output, name) for name in (*names, "plots/")]


def _rooms(args: argparse.Namespace, paths: Sequence[str], files: Sequence[str]) -> Iterator[str]:
    """Each folder that is written into, with what is free.

    Raises
    ------
    OutputError
        If one may not be written, or has less room than the reads take.
    """
    from dbgclean.spectrum.spill import check_folder

    homes = [os.path.dirname(path) or "." for path in paths if path != "-"]
    if "force" in args:
        homes = [args.output]
    tmp = args.tmp or tempfile.gettempdir()
    check_folder(tmp)
    needed = sum(map(os.path.getsize, _as_large(args, files)))
    for home in dict.fromkeys([*homes, tmp]):
        refuse_unwritable(home, folder=True)
        folder = home
        while not os.path.lexists(folder):  # it will be made
            folder = os.path.dirname(folder) or "."
        free = shutil.disk_usage(folder).free
        if home in homes and free < needed:
            msg = (
                f"{home}: {size_in_words(free)} free, and the reads alone take "
                f"{size_in_words(needed)}; free some space or write elsewhere"
            )
            raise OutputError(msg)
        yield f"{home}: {size_in_words(free)} free"


def _as_large(args: argparse.Namespace, files: Sequence[str]) -> Sequence[str]:
    """Inputs that what is written of the reads cannot be much smaller than."""
    from dbgclean.reads.compression import detect_compression

    if args.verb == "run":
        return files
    if args.verb == "count":
        return []
    if not args.bam and not all(name.lower().endswith(_PACKED) for name in args.output):
        return files
    return [path for path in files if detect_compression(path)]
