"""Other people's read correctors, each behind the same call.

    from benchmarks.harness.peers import PEERS, Facts
    peer = PEERS["lighter"]
    if peer.missing() is None:
        result = peer.correct([r1, r2], folder, Facts(genome_size=500_000, depth=200))

Options are those that each tool's own manual recommends for a genome of that size and depth.
Nothing is installed or fetched: a tool that is not on the PATH says so in `missing`. On
Debian: ``apt-get install lighter spades bbmap``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.tools import Tool, measured, shown

__all__ = ["DEFAULT_PEERS", "PEERS", "Corrected", "Facts", "Peer", "interleave"]


@dataclass(frozen=True)
class Facts:
    """What tools ask to be told of a sample.

    Attributes
    ----------
    genome_size : int
        Bases.
    depth : float
        Mean depth of the reads.
    read_length : int
    diploid : bool
    """

    genome_size: int
    depth: float
    read_length: int = 150
    diploid: bool = False


@dataclass(frozen=True)
class Corrected:
    """What a tool left behind.

    Attributes
    ----------
    files : list of Path
        Corrected reads as FASTQ.
    mates : list of int
        For each file the mate, 0 or 1, of reads whose names do not tell.
    command : str
        Without the folders of this machine.
    seconds : float
        Wall clock.
    cpu_seconds : float
        Of all its processes, user and system.
    peak_gb : float
        Largest resident set of its processes, in GiB.
    """

    files: list[Path]
    mates: list[int]
    command: str
    seconds: float
    cpu_seconds: float
    peak_gb: float


@dataclass(frozen=True)
class Peer(Tool):
    """One tool.

    Attributes
    ----------
    plan : callable (files, folder, facts, threads) -> (command, outputs with their mates)
    interleaved : bool
        It takes one file only: pairs are interleaved for it first.
    tidy : bool
        Its FASTQ has other words behind a '+' than behind the '@': they are taken off.
    """

    plan: Callable[[Sequence[Path], Path, Facts, int], tuple[list[str], list[tuple[Path, int]]]]
    interleaved: bool = False
    tidy: bool = False

    def correct(
        self, files: Sequence[Path], folder: Path, facts: Facts, threads: int = 2
    ) -> Corrected:
        """Correct FASTQ files (one of single reads, or R1 and R2) into ``folder``.

        Raises
        ------
        RuntimeError
            If the tool is not installed, fails, or leaves no corrected reads.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if self.interleaved and len(files) == 2:
            files = [interleave(files, folder / "interleaved.fastq")]
        words, outputs = self.plan([path.resolve() for path in files], folder, facts, threads)
        cost = measured([self.program, *words], folder, self.name)
        there = [(path, mate) for path, mate in outputs if path.exists() and path.stat().st_size]
        if not there:
            msg = f"{self.name} left no corrected reads"
            raise RuntimeError(msg)
        if self.tidy:
            for path, _ in there:
                _tidy(path)
        return Corrected(
            files=[path for path, _ in there],
            mates=[mate for _, mate in there],
            command=shown([self.program, *words]),
            seconds=cost.wall,
            cpu_seconds=cost.cpu,
            peak_gb=cost.peak_gb,
        )


def interleave(files: Sequence[Path], target: Path) -> Path:
    """Two FASTQ files of pairs as one; its path."""
    with open(files[0], "rb") as first, open(files[1], "rb") as second, open(target, "wb") as out:
        while record := [first.readline() for _ in range(4)]:
            if not record[0]:
                break
            out.writelines(record + [second.readline() for _ in range(4)])
    return target


def _tidy(path: Path) -> None:
    tidied = path.with_suffix(".tidy")
    with open(path, "rb") as source, open(tidied, "wb") as out:
        for number, line in enumerate(source):
            out.write(b"+\n" if number % 4 == 2 else line)
    tidied.replace(path)


def _lighter(
    files: Sequence[Path], folder: Path, facts: Facts, threads: int
) -> tuple[list[str], list[tuple[Path, int]]]:
    """Song et al. 2014 (doi:10.1186/s13059-014-0509-9), k as for E. coli, alpha = 7 / depth.

    At depths below 7 that is above 1, as its own ``-K`` has it; cut off at 1 it corrects nothing.
    """
    alpha = 7 / facts.depth
    k = 17 if facts.genome_size < 50_000_000 else 23
    command = [word for path in files for word in ("-r", str(path))]
    command += ["-k", str(k), str(facts.genome_size), f"{alpha:.4g}", "-t", str(threads)]
    outputs = [(folder / f"{path.stem}.cor.fq", mate) for mate, path in enumerate(files)]
    return [*command, "-od", str(folder)], outputs


def _bayeshammer(
    files: Sequence[Path], folder: Path, facts: Facts, threads: int
) -> tuple[list[str], list[tuple[Path, int]]]:
    """Nikolenko et al. 2013 (doi:10.1186/1471-2164-14-S1-S7), as SPAdes runs it."""
    words = ["-s", str(files[0])]
    if len(files) == 2:
        words = ["-1", str(files[0]), "-2", str(files[1])]
    corrected = folder / "spades" / "corrected"
    names = [(f"{path.stem}.00.0_0.cor.fastq", mate) for mate, path in enumerate(files)]
    if len(files) == 2:
        common = os.path.commonprefix([path.stem for path in files])
        names.append((f"{common}_unpaired.00.0_0.cor.fastq", 0))
    command = ["--only-error-correction", "--disable-gzip-output", *words, "-t", str(threads)]
    outputs = [(corrected / name, mate) for name, mate in names]
    return [*command, "-m", "12", "-o", str(folder / "spades")], outputs


def _tadpole(
    files: Sequence[Path], folder: Path, facts: Facts, threads: int
) -> tuple[list[str], list[tuple[Path, int]]]:
    """BBTools (Bushnell); k a third of the read length, as its guide says."""
    k = facts.read_length // 3
    if k > 31:
        k -= k % 2
    names = [folder / f"{path.stem}.tadpole.fastq" for path in files]
    words = [f"in={files[0]}", f"out={names[0]}"]
    if len(files) == 2:
        words += [f"in2={files[1]}", f"out2={names[1]}"]
    words += ["mode=correct", f"k={k}", f"t={threads}", "-Xmx6g", "overwrite=t"]
    return words, [(path, mate) for mate, path in enumerate(names)]


def _bfc(
    files: Sequence[Path], folder: Path, facts: Facts, threads: int
) -> tuple[list[str], list[tuple[Path, int]]]:
    """Li 2015 (doi:10.1093/bioinformatics/btv290); corrected reads come on stdout."""
    command = ["-s", str(facts.genome_size), "-t", str(threads), str(files[0])]
    return command, [(folder / "stdout", 0)]


def _karect(
    files: Sequence[Path], folder: Path, facts: Facts, threads: int
) -> tuple[list[str], list[tuple[Path, int]]]:
    """Allam et al. 2015 (doi:10.1093/bioinformatics/btv415); Hamming for substitutions."""
    ploidy = "diploid" if facts.diploid else "haploid"
    command = ["-correct", f"-threads={threads}", "-matchtype=hamming", f"-celltype={ploidy}"]
    command += [f"-inputfile={path}" for path in files]
    command += [f"-resultdir={folder}", f"-tempdir={folder}"]
    return command, [(folder / f"karect_{path.name}", mate) for mate, path in enumerate(files)]


PEERS: dict[str, Peer] = {
    "lighter": Peer("lighter", "lighter", _lighter, version_words=("-v",)),
    "bayeshammer": Peer("bayeshammer", "spades.py", _bayeshammer, tidy=True),
    "tadpole": Peer("tadpole", "tadpole.sh", _tadpole),
    "bfc": Peer("bfc", "bfc", _bfc, interleaved=True, version_words=("-v",)),
    "karect": Peer("karect", "karect", _karect, version_words=("-version",)),
}

DEFAULT_PEERS = tuple(name for name in PEERS if name != "bayeshammer")
"""All but the slowest by far."""
