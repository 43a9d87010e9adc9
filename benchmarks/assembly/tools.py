"""Correctors, assemblers and QUAST: what is run, and what is read from what they leave."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.assembly.samples import Sample
from benchmarks.harness.peers import PEERS, Corrected, Facts, Peer
from benchmarks.harness.tools import Tool, call, measured, shown

__all__ = ["ASSEMBLERS", "CORRECTORS", "QUAST", "Assembler", "correct", "quast", "read_report"]


def _ours(
    files: Sequence[Path], folder: Path, facts: Facts, threads: int
) -> tuple[list[str], list[tuple[Path, int]]]:
    """As a user types it: nothing told of the sample, every option at its default."""
    outputs = [folder / path.name for path in files]
    words = ["-m", "dbgclean", "correct", *map(str, files), "-o", *map(str, outputs)]
    return [*words, "-t", str(threads), "-q"], [(path, mate) for mate, path in enumerate(outputs)]


OURS = Peer("dbgclean", sys.executable, _ours, version_words=("-m", "dbgclean", "--version"))

CORRECTORS: dict[str, Peer | None] = {
    "raw": None,
    "dbgclean": OURS,
    **{name: PEERS[name] for name in ("lighter", "bfc", "tadpole", "bayeshammer")},
}


@dataclass(frozen=True)
class Assembler(Tool):
    """One assembler.

    Attributes
    ----------
    words : callable (pairs, single reads, mixture of genomes) -> options
        Pairs are two files, or one of both interleaved.
    contigs
        Name of what it writes.
    """

    words: Callable[[Sequence[Path], Sequence[Path], bool], list[str]]
    contigs: str

    def assemble(
        self, reads: Sequence[Path], folder: Path, mixture: bool, threads: int
    ) -> tuple[Path, dict[str, Any]]:
        """Contigs, and command and cost.

        Parameters
        ----------
        reads
            One file of interleaved pairs, or R1 and R2 and files of single reads.
        folder
            Made here; the assembler's own folder is in it.
        mixture
            Of several genomes at depths of their own.
        threads

        Raises
        ------
        RuntimeError
            If the assembler is not there, fails, or leaves no contigs.
        """
        folder.mkdir(parents=True, exist_ok=True)
        # BayesHammer's folder beside it is called spades already.
        target = folder / f"{self.name}_contigs"
        words = self.words(reads[:2], reads[2:], mixture)
        words = [self.program, *words, "-t", str(threads), "-o", str(target)]
        cost = measured(words, folder, self.name)
        contigs = target / self.contigs
        if not contigs.exists() or not contigs.stat().st_size:
            msg = f"{self.name} left no contigs"
            raise RuntimeError(msg)
        done = {"command": shown(words), "seconds": cost.wall, "cpu_seconds": cost.cpu}
        return contigs, {**done, "peak_gb": cost.peak_gb}


def _paired(pairs: Sequence[Path], single: Sequence[Path], flag: str) -> list[str]:
    words = ["--12", str(pairs[0])]
    if len(pairs) == 2:
        words = ["-1", str(pairs[0]), "-2", str(pairs[1])]
    return words + [word for path in single for word in (flag, str(path))]


def _megahit(pairs: Sequence[Path], single: Sequence[Path], mixture: bool) -> list[str]:
    """Li et al. 2015 (doi:10.1093/bioinformatics/btv033)."""
    return _paired(pairs, single, "-r")


def _spades(pairs: Sequence[Path], single: Sequence[Path], mixture: bool) -> list[str]:
    """Prjibelski et al. 2020 (doi:10.1002/cpbi.102), without the corrector that it begins with."""
    words = ["--meta"] if mixture else []
    return [*words, "--only-assembler", *_paired(pairs, single, "-s"), "-m", "12"]


ASSEMBLERS = {
    "megahit": Assembler("megahit", "megahit", words=_megahit, contigs="final.contigs.fa"),
    "spades": Assembler("spades", "spades.py", words=_spades, contigs="contigs.fasta"),
}

QUAST = Tool("quast", "quast.py")


def correct(sample: Sample, name: str, folder: Path, threads: int) -> tuple[list[Path], Any]:
    """Reads as a corrector leaves them, and command and cost (None for the raw reads).

    Raises
    ------
    RuntimeError
        If the corrector is not there or fails.
    """
    peer = CORRECTORS[name]
    if peer is None:
        return sample.files, None
    size = sum(member.share for member in sample.design.members) * sample.facts["length"]
    facts = Facts(
        genome_size=round(size),
        depth=sample.bases / size,
        read_length=sample.design.read_length,
        diploid=bool(sample.design.spacing),
    )
    done: Corrected = peer.correct(sample.files, folder, facts, threads)
    cost = {"command": done.command, "seconds": done.seconds, "cpu_seconds": done.cpu_seconds}
    return done.files, {**cost, "peak_gb": done.peak_gb}


# What is kept of QUAST's report, and the names it has in ours.
_COLUMNS = {
    "# contigs": "contigs",
    "Total length": "total_length",
    "NGA50": "nga50",
    "NG50": "ng50",
    "# misassemblies": "misassemblies",
    "# local misassemblies": "local_misassemblies",
    "Genome fraction (%)": "genome_fraction",
    "Duplication ratio": "duplication",
    "# mismatches per 100 kbp": "mismatches_per_100kb",
    "# indels per 100 kbp": "indels_per_100kb",
}


def quast(
    sample: Sample, contigs: dict[str, Path], folder: Path, threads: int
) -> dict[str, dict[str, Any]]:
    """Mikheenko et al. 2018 (doi:10.1093/bioinformatics/bty266): figures of assemblies by name.

    Names are letters, digits and ``_``. ``mismatches`` counts substitutions where the
    haplotypes of the sample do not differ, which QUAST does not know of.
    """
    words = ["-r", str(sample.reference), "-o", str(folder), "-t", str(threads), "--no-html"]
    words += ["--no-icarus", "--no-plots", "--labels", ",".join(contigs)]
    call([QUAST.program, *words, *map(str, contigs.values())])
    found = read_report((folder / "report.tsv").read_text())
    for name in contigs.keys() & found.keys():
        used = folder / "contigs_reports" / "minimap_output" / f"{name}.used_snps"
        lines = used.read_text().splitlines() if used.exists() else ()
        found[name]["mismatches"] = substitutions(lines, sample.alleles)
    return found


def read_report(text: str) -> dict[str, dict[str, Any]]:
    """QUAST's ``report.tsv``: for each assembly what we keep; what it could not say is 0 or None.

    An assembly that aligns to less than half of its reference has no NGA50: 0 here.
    """
    rows = [line.split("\t") for line in text.splitlines() if line]
    names = rows[0][1:]
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    for title, *values in rows[1:]:
        if (key := _COLUMNS.get(title)) is None:
            continue
        for name, value in zip(names, values, strict=True):
            found[name][key] = _number(value)
    for figures in found.values():
        for key in _COLUMNS.values():
            figures.setdefault(key, None)
        for key in ("nga50", "ng50"):
            figures[key] = figures[key] or 0
    return found


def _number(value: str) -> float | int | None:
    if value == "-":
        return None
    return float(value) if "." in value else int(value)


def substitutions(lines: Iterable[str], alleles: Collection[tuple[str, int]]) -> int:
    """Substitutions of QUAST's ``used_snps`` (reference, contig, place, base, base, place)."""
    count = 0
    for line in lines:
        name, _, place, old, new, _ = line.split("\t")
        count += (
            len(old) == len(new) == 1
            and "." not in (old, new)
            and ((name, int(place)) not in alleles)
        )
    return count
