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
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PEERS", "Corrected", "Facts", "Peer"]


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
    command : list of str
    seconds : float
        Wall clock.
    peak_gb : float
        Largest resident set of its processes, in GiB.
    """

    files: list[Path]
    mates: list[int]
    command: list[str]
    seconds: float
    peak_gb: float


@dataclass(frozen=True)
class Peer:
    """One tool.

    Attributes
    ----------
    name, program
        As in tables, and as on the PATH.
    plan : callable (files, folder, facts, threads) -> (command, outputs with their mates)
    version_words : tuple of str
        Arguments that make it tell its version.
    interleaved : bool
        It takes one file only: pairs are interleaved for it first.
    tidy : bool
        Its FASTQ has other words behind a '+' than behind the '@': they are taken off.
    """

    name: str
    program: str
    plan: Callable[[Sequence[Path], Path, Facts, int], tuple[list[str], list[tuple[Path, int]]]]
    version_words: tuple[str, ...] = ()
    interleaved: bool = False
    tidy: bool = False

    def missing(self) -> str | None:
        """Why the tool cannot be run here; None where it can."""
        return None if _find(self.program) else f"{self.program} is not on the PATH"

    def version(self) -> str:
        """What the tool calls itself, or "unknown"."""
        program = _find(self.program)
        if program is None:
            return "not installed"
        done = subprocess.run(
            [program, *self.version_words], capture_output=True, text=True, check=False
        )
        found = re.search(r"v?(\d+(?:\.\d+)+[-\w]*)", done.stdout + done.stderr)
        return found.group(1) if found else "unknown"

    def correct(
        self, files: Sequence[Path], folder: Path, facts: Facts, threads: int = 2
    ) -> Corrected:
        """Correct FASTQ files (one of single reads, or R1 and R2) into ``folder``.

        Raises
        ------
        RuntimeError
            If the tool is not installed, fails, or leaves no corrected reads.
        """
        program = _find(self.program)
        if program is None:
            raise RuntimeError(self.missing())
        folder.mkdir(parents=True, exist_ok=True)
        if self.interleaved and len(files) == 2:
            files = [_interleave(files, folder / "interleaved.fastq")]
        command, outputs = self.plan([path.resolve() for path in files], folder, facts, threads)
        command = [program, *command]
        begun = time.perf_counter()
        with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
            process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)
            # The usage of this one child and what it waited for, not of all there ever were.
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begun
        there = [(path, mate) for path, mate in outputs if path.exists() and path.stat().st_size]
        if process.returncode or not there:
            tail = (folder / "stderr").read_text(errors="replace").strip()[-300:]
            msg = f"{self.name} ended with {process.returncode}: {tail}"
            raise RuntimeError(msg)
        if self.tidy:
            for path, _ in there:
                _tidy(path)
        return Corrected(
            files=[path for path, _ in there],
            mates=[mate for _, mate in there],
            command=[self.program, *(_without_folders(word) for word in command[1:])],
            seconds=round(seconds, 2),
            peak_gb=round(usage.ru_maxrss / 2**20, 3),
        )


def _find(program: str) -> str | None:
    # Debian keeps the scripts of BBTools beside its data, off the PATH.
    return shutil.which(program) or shutil.which(program, path="/usr/share/bbmap")


def _without_folders(word: str) -> str:
    """A word of a command with the folders cut off its path: what another machine would give."""
    option, equals, value = word.rpartition("=")
    return option + equals + (Path(value).name if "/" in value else value)


def _interleave(files: Sequence[Path], target: Path) -> Path:
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
    "lighter": Peer("lighter", "lighter", _lighter, ("-v",)),
    "bayeshammer": Peer("bayeshammer", "spades.py", _bayeshammer, ("--version",), tidy=True),
    "tadpole": Peer("tadpole", "tadpole.sh", _tadpole, ("--version",)),
    "bfc": Peer("bfc", "bfc", _bfc, ("-v",), interleaved=True),
    "karect": Peer("karect", "karect", _karect, ("-version",)),
}
