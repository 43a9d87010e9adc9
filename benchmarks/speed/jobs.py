"""The command lines that are compared: ours, and for each the peers' closest.

Peers get the options that their manuals recommend for the sample, and as many threads as ours.
Where a comparison is not quite like with like, the difference is said at the job.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.harness.peers import PEERS, Facts
from benchmarks.speed.samples import Reads, interleave
from benchmarks.speed.tools import ROOT, Job

__all__ = ["bcalm", "chain", "corrector", "jellyfish", "kmc", "ours"]

K = 31
ERROR_RATE = 0.0025
"""Substitutions per base that ART's HiSeq 2500 profile makes, about."""


def ours(verb: str, reads: Reads, threads: int, name: str = "", extra: tuple[str, ...] = ()) -> Job:
    """One of our verbs on a sample, both files in.

    ``count`` writes a FASTA of all k-mers, where KMC and Jellyfish write a binary file;
    ``correct`` two FASTQ files; ``graph`` a GFA of the unitigs and their links, beside the
    measures of ambiguity that it takes; ``run`` its folder with everything in it.
    """
    files = [str(path.resolve()) for path in reads.files]

    def plan(folder: Path) -> list[list[str]]:
        outputs = {
            "count": [folder / "kmers.fa"],
            "correct": [folder / path.name for path in reads.files],
            "graph": [folder / "graph.gfa"],
            "run": [folder / "run"],
        }[verb]
        words = [sys.executable, "-m", "dbgclean", verb, *files, "-k", str(K), *extra]
        words += ["-t", str(threads), "-q", "-o", *map(str, outputs)]
        return [words]

    # As an installer leaves it: the modules are compiled, whatever this shell asks for.
    compiled = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    return Job(name or verb, plan, environment=compiled)


def kmc(reads: Reads, threads: int, least: int, write: bool = True) -> Job:
    """KMC 3 (Kokot et al. 2017, doi:10.1093/bioinformatics/btx304), 12 GB allowed.

    Parameters
    ----------
    reads, threads
        The sample, and how many threads.
    least
        Lowest abundance that is kept.
    write
        False: it counts and writes nothing (its ``-w``).
    """

    def plan(folder: Path) -> list[list[str]]:
        listed = _listed(reads, folder / "reads.list")
        words = ["kmc", f"-k{K}", f"-ci{least}", f"-t{threads}", "-fq", "-hp"]
        words += [] if write else ["-w"]
        return [[*words, f"@{listed}", str(folder / "kmers"), str(folder)]]

    return Job(f"kmc -ci{least}" + ("" if write else " -w"), plan, ("kmc",))


def jellyfish(reads: Reads, threads: int) -> Job:
    """Jellyfish 2 (Marçais and Kingsford 2011, doi:10.1093/bioinformatics/btr011).

    The size of its hash as its manual has it: (G + k * errors) / 0.8.
    """
    size = round((reads.genome_size + K * ERROR_RATE * reads.bases) / 0.8)

    def plan(folder: Path) -> list[list[str]]:
        words = ["jellyfish", "count", "-C", "-m", str(K), "-s", str(size), "-t", str(threads)]
        files = [str(path.resolve()) for path in reads.files]
        return [[*words, "-o", str(folder / "kmers.jf"), *files]]

    return Job("jellyfish", plan, ("jellyfish",))


def bcalm(reads: Reads, threads: int, least: int, files: tuple[str, ...] = ()) -> Job:
    """BCALM 2 (Chikhi et al. 2016, doi:10.1093/bioinformatics/btw279).

    Parameters
    ----------
    reads, threads
        The sample, and how many threads.
    least
        Lowest abundance that is kept.
    files
        Names of other reads in the job's folder, in place of the sample's.
    """

    def plan(folder: Path) -> list[list[str]]:
        paths = [folder / name for name in files] or list(reads.files)
        listed = _listed(reads, folder / f"bcalm-{least}.list", paths)
        words = ["bcalm", "-in", str(listed), "-kmer-size", str(K), "-abundance-min", str(least)]
        words += ["-nb-cores", str(threads), "-verbose", "0", "-out-tmp", str(folder)]
        return [[*words, "-out", str(folder / f"bcalm-{least}")]]

    return Job(f"bcalm {least}", plan, ("bcalm",))


def corrector(name: str, reads: Reads, threads: int) -> Job:
    """A read corrector, with the options that `benchmarks.harness.peers` gives it.

    BFC takes one file only; the pairs are interleaved for it beforehand, and that is not timed.
    """
    peer = PEERS[name]

    def plan(folder: Path) -> list[list[str]]:
        files = [path.resolve() for path in reads.files]
        if peer.interleaved:
            files = [interleave(reads)]
        facts = Facts(reads.genome_size, reads.depth, reads.read_length)
        words, _ = peer.plan(files, folder, facts, threads)
        return [[peer.program, *words]]

    return Job(name, plan, (peer.program,))


def chain(reads: Reads, threads: int) -> Job:
    """What `run` replaces: Lighter, the raw graph, and the graph of the corrected reads.

    BCALM 2 builds the first of all k-mers of the raw reads and the second of those that stand
    three times or more in Lighter's. No controls, no measures of the graphs, no report.
    """
    first = corrector("lighter", reads, threads)
    corrected = tuple(f"{path.stem}.cor.fq" for path in reads.files)
    jobs = [first, bcalm(reads, threads, 1), bcalm(reads, threads, 3, corrected)]

    def plan(folder: Path) -> list[list[str]]:
        return [words for job in jobs for words in job.plan(folder)]

    return Job("lighter + bcalm 1 + bcalm 3", plan, ("lighter", "bcalm"))


def _listed(reads: Reads, target: Path, paths: list[Path] | None = None) -> Path:
    """A file of file names, which is how KMC and BCALM take several."""
    # A job that is only shown has no folder to write into.
    if target.parent.is_absolute():
        names = [str(path.resolve()) for path in paths or reads.files]
        target.write_text("\n".join(names) + "\n")
    return target
