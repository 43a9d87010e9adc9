"""Real sets beside the families: Zika amplicons and mixtures of the Twist controls."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

from benchmarks import twist
from benchmarks.families_score import Tools, overruled, score_sample
from benchmarks.peers import PEERS, Facts
from dbgclean.log import Progress
from dbgclean.pipeline.passes import Options, count, judge, open_run
from dbgclean.reads import ReadBatch, iter_batches, plan_inputs

__all__ = ["REAL", "Shown", "kept_reads", "real_case", "zika"]

REAL = ("zika", *(f"twist {100 * fraction:g} %" for fraction in twist.FRACTIONS))
KEPT = 0.9
# iVar, whose list of sites it is, counts bases from Phred 20.
GOOD = 20
# Where a read's length changed, its allele may lie so many bases off.
DRIFT, FLANK = 10, 7
ZIKA_SIZE, ZIKA_DEPTH, ZIKA_READ = 10_800, 700.0, 251
_SKIPPED = pysam.FSECONDARY | pysam.FSUPPLEMENTARY | pysam.FQCFAIL | pysam.FDUP | pysam.FUNMAP


@dataclass(frozen=True)
class Shown:
    """A raw read that shows an allele: which, where in the read as it was sequenced, and how."""

    site: str
    at: int
    length: int
    window: bytes

    def still(self, bases: bytes) -> bool:
        """Whether the read, corrected to ``bases``, shows it still."""
        if len(bases) == self.length:
            centre = min(FLANK, self.at)
            return bases[self.at : self.at + 1] == self.window[centre : centre + 1]
        low = max(0, self.at - FLANK - DRIFT)
        return self.window in bases[low : self.at + FLANK + 1 + DRIFT]


def shown_alleles(bam: Path, sites: Path) -> tuple[list[str], dict[str, list[Shown]]]:
    """Names of the alleles, and of each read the alleles that it shows, by its name."""
    rows = [line.split("\t")[:4] for line in sites.read_text().splitlines()[1:]]
    found: dict[str, list[Shown]] = {}
    names = []
    with pysam.AlignmentFile(str(bam)) as file:
        for contig, position, ref, alt in rows:
            names.append(f"{ref}{position}{alt}")
            place = int(position) - 1
            for record in file.fetch(contig, place, place + 1):
                if record.flag & _SKIPPED or not record.query_sequence:
                    continue
                one = _shown(record, place, alt, names[-1])
                if one:
                    mate = 2 if record.is_read2 else 1
                    found.setdefault(f"{record.query_name}/{mate}", []).append(one)
    return names, found


def _shown(record: pysam.AlignedSegment, place: int, alt: str, name: str) -> Shown | None:
    positions = record.get_reference_positions(full_length=True)
    if place not in positions:
        return None
    at, length = positions.index(place), len(positions)
    bases, quals = record.query_sequence, record.query_qualities
    if bases is None or bases[at] != alt or (quals is not None and quals[at] < GOOD):
        return None
    sequenced = record.get_forward_sequence()
    assert sequenced is not None
    at = length - 1 - at if record.is_reverse else at
    window = sequenced[max(0, at - FLANK) : at + FLANK + 1].encode()
    return Shown(name, at, length, window)


def kept_reads(
    names: Sequence[str], shown: dict[str, list[Shown]], reads: Iterator[tuple[str, bytes]]
) -> dict:
    """Of the reads that showed each allele, how many show it still.

    Parameters
    ----------
    reads
        Corrected reads, (name ending in /1 or /2, bases).

    Returns
    -------
    dict
        ``alleles``: by name [reads that show it still, that showed it]; ``kept``: alleles
        that nine in ten of their reads show still.
    """
    rows = {name: [0, 0] for name in names}
    for found in shown.values():
        for one in found:
            rows[one.site][1] += 1
    for name, bases in reads:
        for one in shown.get(name, ()):
            rows[one.site][0] += one.still(bases)
    kept = [still >= KEPT * before for still, before in rows.values() if before]
    return {"alleles": rows, "kept": sum(kept), "of": len(rows)}


def _reads_of(batch: ReadBatch) -> Iterator[tuple[str, bytes]]:
    bases = batch.bases.tobytes()
    ends = batch.offsets.tolist()
    for row, name in enumerate(batch.names):
        yield name.split()[0], bases[ends[row] : ends[row + 1]]


def _reads_in(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for group in plan_inputs([str(path) for path in paths], single=True):
        for batch in iter_batches(group):
            yield from _reads_of(batch)


def zika(data: Path, tools: Tools) -> dict:
    """The eight alleles of both replicates through every corrector."""
    bam = data / "reads" / "zika_Z52_a.bam"
    names, shown = shown_alleles(bam, data / "reads" / "zika_Z52_sites.tsv")
    options = Options(
        k=31, corrector=tools.correctors[-1], threads=tools.threads, model=tools.model
    )
    run = judge(count(open_run([str(bam)], options, Progress(quiet=True))), tools.correctors)
    scores: dict[str, dict] = {}
    for name, column in run.columns.items():
        if not column.corrector.edits_reads:
            continue
        assert run.evidence is not None
        assert column.verdicts is not None
        rewriter = column.rewriter
        corrected = (
            one
            for _, first, batch in run.batches("Writing")
            for one in _reads_of(rewriter.rewrite(batch, first))
        )
        scores[name] = kept_reads(names, shown, corrected)
        share = overruled(run.evidence.alternatives, column.verdicts)
        scores[name]["overruled"] = int(np.count_nonzero(share))
    result: dict = {"tools": scores}
    facts = Facts(genome_size=ZIKA_SIZE, depth=ZIKA_DEPTH, read_length=ZIKA_READ)
    for name in tools.peers:
        if PEERS[name].missing():
            continue
        with tempfile.TemporaryDirectory() as folder:
            reads = _as_fastq(bam, Path(folder) / "zika.fastq")
            try:
                done = PEERS[name].correct([reads], Path(folder) / name, facts, tools.threads)
            except RuntimeError as error:
                result.setdefault("failed", {})[name] = str(error)
                continue
            scores[name] = kept_reads(names, shown, _reads_in(done.files))
    return result


def _as_fastq(bam: Path, path: Path) -> Path:
    with open(path, "wb") as out:
        for group in plan_inputs([str(bam)]):
            for batch in iter_batches(group):
                quals = (batch.quals + 33).astype(np.uint8).tobytes()
                ends = batch.offsets.tolist()
                for row, (name, bases) in enumerate(_reads_of(batch)):
                    out.write(b"@%s\n%s\n+\n" % (name.encode(), bases))
                    out.write(quals[ends[row] : ends[row + 1]] + b"\n")
    return path


def real_case(name: str, seed: int, data: Path, tools: Tools) -> dict:
    """One real set by its name in ``REAL``; the seed draws the reads of a mixture."""
    if name == "zika":
        return zika(data, tools)
    fraction = float(name.split()[1]) / 100
    facts = Facts(genome_size=twist.GENOME_SIZE, depth=twist.DEPTH, read_length=twist.READ_LENGTH)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(p) for p in twist.mix(data / "reads", fraction, seed, Path(folder))]
        return score_sample(paths, twist.load_truth(data / "genomes"), facts, tools, paths)
