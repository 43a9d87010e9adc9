"""Variant callers behind one call: `dbgclean inspect`, freebayes, bcftools, a simple test.

    from benchmarks.inspect.callers import CALLERS, Task
    caller = CALLERS["freebayes"]
    if caller.missing() is None:
        called = caller.call(Task(bam, reference, "chr20:10000001-10050000", folder))

Options are those of each tool's own manual. Nothing is installed or fetched: a tool that
is not on the PATH says so in `missing`. On Debian: ``apt-get install freebayes bcftools``.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.tools import Cost, Tool, measured, shown
from benchmarks.inspect.baseline import quality_and_strand

__all__ = ["CALLERS", "Called", "Caller", "Task"]


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
    used: Cost


Plan = Callable[[Task, Path], tuple[list[list[str]], Path]]


@dataclass(frozen=True)
class Caller(Tool):
    """One tool.

    Attributes
    ----------
    plan
        (task, folder) -> (commands to run in turn, the VCF they leave).
    by_itself
        Called instead of ``plan`` where the caller is a function of this project's benchmarks.
    """

    plan: Plan | None = None
    by_itself: Callable[[Task, Path], Path] | None = None

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
            begun, cpu = time.perf_counter(), time.process_time()
            vcf = self.by_itself(task, folder)
            used = Cost(time.perf_counter() - begun, time.process_time() - cpu, 0)
            return Called(vcf, [f"benchmarks.inspect.baseline, {task.region}"], used)
        assert self.plan is not None
        commands, vcf = self.plan(task, folder)
        spent = [measured(command, folder, cwd=Path.cwd()) for command in commands]
        if not vcf.exists():
            msg = f"{self.name} ended well but left no {vcf.name}"
            raise RuntimeError(msg)
        used = Cost(
            round(sum(one.wall for one in spent), 3),
            round(sum(one.cpu for one in spent), 3),
            max(one.peak_gb for one in spent),
        )
        return Called(vcf, [shown(command) for command in commands], used)


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
    "dbgclean": Caller(
        "dbgclean", sys.executable, _dbgclean, version_words=("-m", "dbgclean", "--version")
    ),
    "freebayes": Caller("freebayes", "freebayes", _freebayes),
    "bcftools": Caller("bcftools", "bcftools", _bcftools),
    "quality and strand": Caller("quality and strand", "", by_itself=_baseline),
}
