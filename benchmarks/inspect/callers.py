"""Variant callers behind one call: `dbgclean inspect`, freebayes, bcftools, a simple test.

    from benchmarks.inspect.callers import CALLERS, Task
    caller = CALLERS["freebayes"]
    if caller.missing() is None:
        called = caller.call(Task(bam, reference, "chr20:10000001-10050000", folder))

Options are those of each tool's own manual. Nothing is installed or fetched: a tool that
is not on the PATH says so in `missing`. On Debian: ``apt-get install freebayes bcftools``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.inspect.baseline import quality_and_strand

__all__ = ["CALLERS", "Called", "Caller", "Task", "Used", "run_measured"]


@dataclass(frozen=True)
class Task:
    """What to call.

    Attributes
    ----------
    bam, reference
        Sorted and indexed; plain FASTA with its index.
    region
        As for samtools, 1-based and inclusive.
    folder
        Where everything is written.
    ploidy
        Copies of the genome.
    least_fraction
        Alleles are wanted down to this fraction of the molecules; None: germline alleles.
    normal
        BAM of the matched normal, for callers that know what to do with one.
    options
        More words for `dbgclean inspect`.
    """

    bam: Path
    reference: Path
    region: str
    folder: Path
    ploidy: int = 2
    least_fraction: float | None = None
    normal: Path | None = None
    options: tuple[str, ...] = ()
    threads: int = 2


@dataclass(frozen=True)
class Used:
    """Wall and processor seconds, and the largest resident set in GiB."""

    seconds: float
    cpu_seconds: float
    peak_gb: float


@dataclass(frozen=True)
class Called:
    """What a caller left behind.

    Attributes
    ----------
    vcf
        Its calls as it wrote them.
    commands
        Without the folders of this machine.
    used
    """

    vcf: Path
    commands: list[str]
    used: Used


Plan = Callable[[Task, Path], tuple[list[list[str]], Path]]


@dataclass(frozen=True)
class Caller:
    """One tool.

    Attributes
    ----------
    name, program
        As in tables, and as on the PATH; "" where nothing needs to be installed.
    plan
        (task, folder) -> (commands to run in turn, the VCF they leave).
    by_itself
        Called instead of ``plan`` where the caller is a function of this project's benchmarks.
    """

    name: str
    program: str
    plan: Plan | None = None
    by_itself: Callable[[Task, Path], Path] | None = None
    version_words: tuple[str, ...] = field(default=("--version",))

    def missing(self) -> str | None:
        """Why the tool cannot be run here; None where it can."""
        there = not self.program or shutil.which(self.program) or Path(self.program).exists()
        return None if there else f"{self.program} is not on the PATH"

    def version(self) -> str:
        """What the tool calls itself, or "unknown"."""
        if not self.program:
            return "of these benchmarks"
        if self.missing():
            return "not installed"
        words = ["-m", "dbgclean"] if self.program == sys.executable else []
        done = subprocess.run(
            [self.program, *words, *self.version_words],
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"v?(\d+(?:\.\d+)+[-\w]*)", done.stdout + done.stderr)
        return found.group(1) if found else "unknown"

    def call(self, task: Task) -> Called:
        """Call the region of one BAM.

        Raises
        ------
        RuntimeError
            If the tool is not installed, fails, or leaves no VCF.
        """
        if (why := self.missing()) is not None:
            raise RuntimeError(why)
        folder = task.folder / self.name.replace(" ", "_")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if self.by_itself is not None:
            begun = time.perf_counter(), time.process_time()
            vcf = self.by_itself(task, folder)
            wall, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
            return Called(vcf, [f"benchmarks.inspect.baseline, {task.region}"], _used(wall, cpu, 0))
        assert self.plan is not None
        commands, vcf = self.plan(task, folder)
        spent = [run_measured(command, folder) for command in commands]
        if not vcf.exists():
            msg = f"{self.name} ended well but left no {vcf.name}"
            raise RuntimeError(msg)
        used = _used(
            sum(one.seconds for one in spent),
            sum(one.cpu_seconds for one in spent),
            max(one.peak_gb for one in spent),
        )
        return Called(vcf, [_shown(command) for command in commands], used)


def run_measured(command: Sequence[str], folder: Path) -> Used:
    """Run one command in ``folder``, its words kept in two files there, and measure it.

    Raises
    ------
    RuntimeError
        If it ends with anything but 0; the last of its words are in the message.
    """
    begun = time.perf_counter()
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        process = subprocess.Popen(command, cwd=Path.cwd(), stdout=out, stderr=err)
        # The usage of this one child and what it waited for, not of all there ever were.
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = (folder / "stderr").read_text(errors="replace").strip()[-300:]
        msg = f"{_shown(command[:4])} ended with {process.returncode}: {tail}"
        raise RuntimeError(msg)
    cpu = usage.ru_utime + usage.ru_stime
    return _used(time.perf_counter() - begun, cpu, usage.ru_maxrss / 2**20)


def _used(seconds: float, cpu: float, peak: float) -> Used:
    return Used(round(seconds, 2), round(cpu, 2), round(peak, 3))


def _shown(command: Sequence[str]) -> str:
    """A command with the folders cut off its paths: what another machine would show."""
    words = [Path(word).name if word.startswith("/") else word for word in command]
    if words[:3] == [Path(sys.executable).name, "-m", "dbgclean"]:
        words = words[2:]
    return " ".join(words)


def _dbgclean(task: Task, folder: Path) -> tuple[list[list[str]], Path]:
    """The command of this project, with its defaults."""
    out = folder / "inspected"
    command = [sys.executable, "-m", "dbgclean", "inspect", str(task.bam), "-r", task.region]
    command += ["--reference", str(task.reference), "-o", str(out), "-t", str(task.threads)]
    if task.normal is not None:
        command += ["--normal", str(task.normal)]
    return [[*command, *task.options]], out / "variants.vcf.gz"


def _freebayes(task: Task, folder: Path) -> tuple[list[list[str]], Path]:
    """Garrison and Marth 2012 (arXiv:1207.3907).

    Low fractions as its manual has pooled samples: every allele that passes the input
    filters, -C 2, and -F at half of what is wanted, as the reads scatter about it.
    """
    out = folder / "calls.vcf"
    command = ["freebayes", "-f", str(task.reference), "-r", _zero_based(task.region)]
    if task.least_fraction is not None:
        command += ["--pooled-continuous", "-F", f"{task.least_fraction / 2:g}", "-C", "2"]
    elif task.ploidy != 2:
        command += ["-p", str(task.ploidy)]
    return [[*command, "-v", str(out), str(task.bam)]], out


def _zero_based(region: str) -> str:
    """Freebayes takes a start that counts from 0."""
    contig, _, span = region.rpartition(":")
    first, last = span.split("-")
    return f"{contig}:{int(first) - 1}-{last}"


def _bcftools(task: Task, folder: Path) -> tuple[list[list[str]], Path]:
    """Li 2011 (doi:10.1093/bioinformatics/btr509); the depth limit lifted off its 250."""
    raw, out = folder / "pileup.bcf", folder / "calls.vcf"
    pileup = ["bcftools", "mpileup", "-f", str(task.reference), "-r", task.region]
    pileup += ["-d", "20000", "-L", "20000", "-a", "AD,ADF,ADR,DP", "-Ou", "-o", str(raw)]
    call = ["bcftools", "call", "-mv", "--ploidy", str(task.ploidy), "-Ov", "-o", str(out)]
    return [[*pileup, str(task.bam)], [*call, str(raw)]], out


def _baseline(task: Task, folder: Path) -> Path:
    out = folder / "calls.vcf"
    quality_and_strand(task.bam, task.reference, task.region, out)
    return out


CALLERS: dict[str, Caller] = {
    "dbgclean": Caller("dbgclean", sys.executable, _dbgclean),
    "freebayes": Caller("freebayes", "freebayes", _freebayes),
    "bcftools": Caller("bcftools", "bcftools", _bcftools),
    "quality and strand": Caller("quality and strand", "", by_itself=_baseline),
}
