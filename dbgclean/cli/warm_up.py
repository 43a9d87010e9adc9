"""Compile every kernel now, so that a read-only installation never has to.

For a container image or a shared installation, whose users cannot write into it: run it once
as whoever installs. Kernels are kept beside the sources, or in NUMBA_CACHE_DIR where that is
set, and are found there by every later run of the same version. They are made for this
machine's processor: where others will run them, set NUMBA_CPU_NAME=generic (or the oldest of
them, say x86-64-v3) and NUMBA_CPU_FEATURES= both here and there, or theirs are compiled anew.
Takes some minutes. packaging/ holds recipes for Docker and Apptainer.
"""

import argparse
import logging
import os
import subprocess
import sys
from pathlib import Path

from dbgclean.cli import add_threads

logger = logging.getLogger(__name__)

_EXAMPLE = Path(__file__).parent.parent / "example"
# Together they call the kernels with the types that they are called with; two of `train` are left.
_JOBS = (
    "run --example -o run",
    "run --kmers run/kmers.fa.gz -o kmers",
    "correct R1 R2 -o 1.fq 2.fq --corrections c.tsv.gz --poly-g on --ploidy 2 --protect p.bed "
    "--reference region.fa",
    "correct region.fa -o c.fa --corrector likelihood",
    "correct R1 -o c.bam --corrector likelihood --changes changes.tsv --unplaced u.bam --tag-reads",
    "count R1 -o k.fa --histogram h.tsv --memory 20M",
    "graph R1 R2 -k 21 --min-abundance auto -o g.gfa --unitigs u.fa --bubbles b.tsv",
    "compare g.gfa u.fa",
    "graph k.fa",
    "run --example -k 55 -o wide --no-controls --corrector likelihood",
    "graph R1 R2 -k 99 --min-abundance 2 -o w.gfa",
    "count R1 -k 99 -o k99.fa --memory 20M",
    "graph k99.fa",
    "inspect region.bam -r chr --reference region.fa -o inspect",
    "inspect region.bam -r chr -o free --normal region.bam --reference region.fa",
    "inspect region.bam -r chr -o consensus",
)
_FILES = {
    "R1": "example_R1.fastq.gz",
    "R2": "example_R2.fastq.gz",
    "region.fa": "region.fa",
    "region.bam": "region.bam",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``warm-up``."""
    add_threads(parser)


def main(args: argparse.Namespace) -> None:
    """Run every verb on the example, and throw away what it gives.

    Raises
    ------
    DbgcleanError
        If one of them does not end well.
    """
    from dbgclean._cache import is_for_all
    from dbgclean._temporary import temporary_folder
    from dbgclean.errors import DbgcleanError, OutputError

    if not is_for_all():
        message = (
            "the package cannot be written: kernels would be kept for this user alone; "
            "run it as whoever installed dbgclean, or set NUMBA_CACHE_DIR for all"
        )
        raise OutputError(message)
    with temporary_folder() as folder:
        Path(folder, "p.bed").write_text("chr\t100\t200\n", encoding="ascii")
        for number, job in enumerate(_JOBS, 1):
            logger.info("%d of %d: dbgclean %s", number, len(_JOBS), job)
            words = [str(_EXAMPLE / _FILES[w]) if w in _FILES else w for w in job.split()]
            done = subprocess.run(
                [sys.executable, "-m", "dbgclean", *words, "-t", str(args.threads), "-q"],
                cwd=folder, capture_output=True, text=True, check=False,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )  # fmt: skip
            if done.returncode:
                last = done.stderr.strip().splitlines()[-1:] or ["no word"]
                message = f"dbgclean {job}: ended with {done.returncode}: {last[0]}"
                raise DbgcleanError(message)
