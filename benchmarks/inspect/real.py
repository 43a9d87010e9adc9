"""The sets of real reads: NA12878 against GIAB, Twist mixtures, and what time they take."""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pysam

from benchmarks.inspect.callers import CALLERS, Called, Task
from benchmarks.inspect.samples import map_pairs
from benchmarks.inspect.score import Call, isec, load_calls, normalise, score, write_truth

__all__ = ["na12878", "shown_by", "speed", "twist"]

TWIST = "NC_045512.2"
# Freebayes' own manual and tutorials cut at this QUAL; the calls below it are counted as well.
_FREEBAYES_QUALITY = 20.0


@dataclass(frozen=True)
class Window:
    """One BAM with its truth.

    Attributes
    ----------
    region
        Samtools syntax; None: the span of the reads.
    confident
        BED of the regions that the truth speaks for; None: the whole.
    """

    name: str
    bam: str
    reference: str
    truth: str
    region: tuple[str, int, int]
    confident: str | None = None


WINDOWS = (
    Window(
        "chr20",
        "NA12878_chr20_10.00-10.05Mb.bam",
        "ucsc.hg19.chr20.unittest.fasta.gz",
        "NA12878_chr20_10.00-10.05Mb.truth.vcf.gz",
        ("chr20", 10_000_001, 10_050_000),
        "test_nist.b37_chr20_100kbp_at_10mb.bed",
    ),
    Window(
        "chr22",
        "NA12878.chr22.tiny.bam",
        "NA12878.chr22.tiny.ref.fa",
        "NA12878.chr22.tiny.giab.vcf",
        ("q", 1, 12_356),
    ),
)


def plain_reference(source: Path, folder: Path) -> Path:
    """The FASTA unpacked and indexed: freebayes takes nothing else."""
    out = folder / source.name.removesuffix(".gz")
    if not out.exists():
        raw = source.read_bytes()
        out.write_bytes(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
        pysam.faidx(str(out))
    return out


def read_span(bam: Path, region: tuple[str, int, int]) -> tuple[int, int]:
    """First and last base of a region that a read covers, 1-based."""
    contig, first, last = region
    with pysam.AlignmentFile(str(bam)) as reads:
        spans = [
            (read.reference_start + 1, read.reference_end)
            for read in reads.fetch(contig, first - 1, last)
            if not read.is_unmapped and read.reference_end is not None
        ]
    if not spans:
        msg = f"{bam}: no reads in {contig}:{first}-{last}"
        raise RuntimeError(msg)
    return max(first, min(s[0] for s in spans)), min(last, max(s[1] for s in spans))


def read_truth(vcf: Path) -> list[tuple]:
    """Rows for `write_truth` of a VCF, the multiallelic as they are."""
    raw = vcf.read_bytes()
    text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    rows = []
    for line in text.decode().splitlines():
        if not line.startswith("#"):
            fields = line.split("\t")
            genotype = fields[9].split(":")[0] if len(fields) > 9 else "1/1"
            rows.append((int(fields[1]), fields[3], fields[4], genotype, 1.0))
    return rows


def call_all(args: argparse.Namespace, task: Task, names: Sequence[str]) -> dict[str, Called | str]:
    """What each caller left, or why it left nothing."""
    found: dict[str, Called | str] = {}
    for name in names:
        if (why := CALLERS[name].missing()) is not None:
            found[name] = why
            continue
        try:
            found[name] = CALLERS[name].call(task)
        except RuntimeError as error:
            found[name] = str(error)
    return found


def called(call: Call, name: str) -> bool:
    """Whether a caller's row counts as called: it passes its filters, or its usual QUAL."""
    return call.passing and (name != "freebayes" or call.quality >= _FREEBAYES_QUALITY)


def na12878(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Both windows by every caller: SNVs and indels apart, exactly and by haplotype."""
    found = {}
    for window in WINDOWS:
        folder = work / window.name
        folder.mkdir(parents=True, exist_ok=True)
        human = args.data / "human"
        bam = human / window.bam
        reference = plain_reference(human / window.reference, folder)
        contig, first, last = window.region
        span = read_span(bam, window.region)
        with pysam.FastaFile(str(reference)) as fasta:
            length = fasta.get_reference_length(contig)
        truth = folder / "truth.vcf"
        write_truth(truth, contig, length, read_truth(human / window.truth))
        truth = normalise(truth, reference, folder / "truth.norm.vcf.gz")
        task = Task(bam, reference, f"{contig}:{first}-{last}", folder, options=args.options)
        confident = _bed(human / window.confident) if window.confident else None
        rows = {}
        for name, done in call_all(args, task, args.callers).items():
            rows[name] = _row(done, name, truth, reference, contig, span, confident)
        found[window.name] = {"region": task.region, "span_of_reads": list(span), "callers": rows}
    return found


def _bed(path: Path) -> list[tuple[int, int]]:
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    return [(int(words[1]), int(words[2])) for words in lines]


def _row(
    done: Called | str,
    name: str,
    truth: Path,
    reference: Path,
    contig: str,
    span: tuple[int, int],
    confident: list[tuple[int, int]] | None,
) -> dict[str, Any]:
    """Scores of one caller on one window."""
    if isinstance(done, str):
        return {"missing": done}
    folder = done.vcf.parent
    normed = normalise(done.vcf, reference, folder / "calls.norm.vcf.gz")
    wanted, calls = (load_calls(one, contig, *span, genotyped=True) for one in (truth, normed))
    kept = [one for one in calls if called(one, name)]
    with pysam.FastaFile(str(reference)) as fasta:

        def fetch(start: int, end: int) -> str:
            return fasta.fetch(contig, start, end).upper()

        row: dict[str, Any] = {"commands": done.commands, **asdict(done.used)}
        row["score"] = score(wanted, kept, fetch)
        passing = [one for one in calls if one.passing]
        if len(passing) != len(kept):
            row["score_any_quality"] = score(wanted, passing, fetch)
        if confident is not None:
            inside = [[one for one in rows if _inside(one, confident)] for rows in (wanted, kept)]
            row["score_confident"] = score(*inside, fetch)
    row["isec"] = _isec_agrees(truth, normed, contig, span)
    return row


def _inside(call: Call, regions: list[tuple[int, int]]) -> bool:
    return any(start < call.key[0] <= end for start, end in regions)


def _isec_agrees(truth: Path, calls: Path, contig: str, span: tuple[int, int]) -> dict[str, Any]:
    """The counts of ``bcftools isec`` over all rows, and whether ours are the same."""
    theirs = isec(truth, calls, *span, calls.parent / "isec")
    keys = [{one.key for one in load_calls(vcf, contig, *span)} for vcf in (truth, calls)]
    return {**theirs, "agrees": theirs["both"] == len(keys[0] & keys[1])}


def twist(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Mixtures of the two Twist controls, mapped by bwa mem: the minor one's alleles."""
    genomes = args.data / "genomes"
    differences = (genomes / "twist_MT007544_vs_MN908947.vcf").read_text().splitlines()
    rows = [line.split("\t")[:5] for line in differences if not line.startswith("#")]
    found: dict[str, Any] = {}
    for fraction in args.fractions or (0.5, 0.2, 0.1, 0.05):
        for seed in args.seeds:
            folder = work / f"twist_{fraction:g}_{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            row = _twist_mixture(args, folder, rows, fraction, seed)
            found.setdefault(f"{fraction:g}", []).append({"seed": seed} | row)
    return found


def _twist_mixture(
    args: argparse.Namespace, folder: Path, rows: list[list[str]], fraction: float, seed: int
) -> dict[str, Any]:
    """One mixture by every caller, and how many of its fragments show each allele."""
    from benchmarks.variants.twist import mix

    reference = plain_reference(args.data / "genomes" / f"{TWIST}.fasta", folder)
    with pysam.FastaFile(str(reference)) as fasta:
        contig, length = fasta.references[0], fasta.lengths[0]
    bam = folder / "mix.bam"
    if not bam.exists():
        pairs = [Path(one) for one in mix(args.data / "reads", fraction, seed, folder)]
        map_pairs(reference, pairs, bam, args.threads)
    alleles = [(int(row[1]), row[3], row[4], "0/1", fraction) for row in rows]
    truth = write_truth(folder / "truth.vcf", contig, length, alleles)
    truth = normalise(truth, reference, folder / "truth.norm.vcf.gz")
    task = Task(
        *(bam, reference, f"{contig}:1-{length}", folder),
        least_fraction=0.02,
        options=args.options,
        threads=args.threads,
    )
    called = call_all(args, task, args.callers)
    return {
        "fragments": {f"{row[1]}{row[3]}>{row[4]}": shown_by(bam, row) for row in rows},
        "callers": {
            name: _twist_row(done, truth, reference, contig, length)
            for name, done in called.items()
        },
    }


def shown_by(bam: Path, row: Sequence[str]) -> list[int]:
    """Fragments whose alignment shows an allele of a VCF row, and fragments over its place."""
    contig, place, ref, alt = row[0], int(row[1]), row[3], row[4]
    showing, over = set(), set()
    with pysam.AlignmentFile(str(bam)) as reads:
        columns = reads.pileup(
            contig, place - 1, place, truncate=True, max_depth=1_000_000, min_base_quality=0,
            ignore_orphans=False, ignore_overlaps=False,
        )  # fmt: skip
        for read in (one for column in columns for one in column.pileups):
            name, at = read.alignment.query_name, read.query_position
            over.add(name)
            same = at is not None and read.alignment.query_sequence[at] == alt[0]
            if same and read.indel == len(alt) - len(ref):
                showing.add(name)
    return [len(showing), len(over)]


def _twist_row(
    done: Called | str, truth: Path, reference: Path, contig: str, length: int
) -> dict[str, Any]:
    if isinstance(done, str):
        return {"missing": done}
    normed = normalise(done.vcf, reference, done.vcf.parent / "calls.norm.vcf.gz")
    wanted = load_calls(truth, contig, 1, length)
    calls = [one for one in load_calls(normed, contig, 1, length) if one.passing]
    keys = {one.key: one for one in calls}
    here = {f"{w.key[0]}{w.key[1]}>{w.key[2]}": keys.get(w.key) for w in wanted}
    outside = [one for one in calls if one.key not in {w.key for w in wanted}]
    return {
        "commands": done.commands,
        **asdict(done.used),
        "snvs_found": sum(w.kind == "snv" and w.key in keys for w in wanted),
        "deletion_found": any(w.kind == "indel" and w.key in keys for w in wanted),
        "alleles": {
            word: None
            if one is None
            else {"fraction": round(one.fraction, 4), "quality": one.quality}
            for word, one in here.items()
        },
        "outside": {
            kind: {
                "all": sum(one.kind == kind for one in outside),
                "at_5_percent": sum(one.kind == kind and one.fraction >= 0.05 for one in outside),
            }
            for kind in ("snv", "indel")
        },
    }


def speed(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Seconds and memory on 50 kb at 52x: the second run, when everything is compiled."""
    window = WINDOWS[0]
    folder = work / "speed"
    folder.mkdir(parents=True, exist_ok=True)
    reference = plain_reference(args.data / "human" / window.reference, folder)
    contig, first, last = window.region
    bam = args.data / "human" / window.bam
    rows: dict[str, Any] = {}
    for _ in range(2):
        task = Task(
            *(bam, reference, f"{contig}:{first}-{last}", folder),
            options=args.options,
            threads=args.threads,
        )
        for name, done in call_all(args, task, args.callers).items():
            rows[name] = {"missing": done} if isinstance(done, str) else asdict(done.used)
    return {"region": f"{contig}:{first}-{last}", "threads": args.threads, "callers": rows}
