"""Calls against a truth: the same normalisation for everybody, exact alleles, then haplotypes.

Every VCF, the truth's too, goes through ``bcftools norm -f ref -m- -a`` (one allele a line,
multi-base substitutions taken apart) and again through ``norm -f ref`` (left-aligned). An
allele is found where position, reference and alternative are the same. Where a caller wrote
the same pair of haplotypes in other words, as in tandem repeats, `reconcile` takes both lists
for equal (the idea of Cleary et al. 2015, doi:10.1101/023754, in small): that is counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.harness.tools import call

__all__ = [
    "Call",
    "at_precision",
    "curve",
    "isec",
    "load_calls",
    "normalise",
    "rank_of",
    "reconcile",
    "score",
    "write_truth",
]

KINDS = ("snv", "indel")
# Alleles no further apart than this are judged as one haplotype, and no more of them at once.
_NEAR = 30
_MOST = 12
Key = tuple[int, str, str]


@dataclass(frozen=True)
class Call:
    """One allele of a VCF.

    Attributes
    ----------
    key
        1-based position, reference, alternative.
    dosage
        Copies in the genotype; None where the genotype is not known.
    quality
        QUAL; 0 where there is none.
    passing
        FILTER is PASS or ".".
    fraction
        Of the reads, by AF, or AO and DP; NaN where the VCF has neither.
    weight
        Sum of the qualities of the alternative bases where the VCF has it (QA), else QUAL.
    origin
        What the caller says of a matched normal, "" where it says nothing.
    """

    key: Key
    dosage: int | None = None
    quality: float = 0.0
    passing: bool = True
    fraction: float = float("nan")
    weight: float = 0.0
    origin: str = ""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return "snv" if len(self.key[1]) == len(self.key[2]) == 1 else "indel"


def _bcftools(*words: str | Path) -> str:
    return call(["bcftools", *words])


def normalise(vcf: Path, reference: Path, out: Path) -> Path:
    """One allele a line, taken apart, left-aligned, sorted, bgzipped and indexed.

    Raises
    ------
    RuntimeError
        If bcftools does not like the VCF: what it says.
    """
    apart, left = out.with_suffix(".apart.bcf"), out.with_suffix(".left.bcf")
    _bcftools("norm", "-f", reference, "-m-", "-a", vcf, "-Ob", "-o", apart)
    _bcftools("norm", "-f", reference, "-d", "exact", apart, "-Ob", "-o", left)
    _bcftools("sort", left, "-Oz", "-o", out)
    _bcftools("index", "-f", "-t", out)
    apart.unlink()
    left.unlink()
    return out


def load_calls(
    vcf: Path, contig: str, first: int, last: int, genotyped: bool = False
) -> list[Call]:
    """Alleles of one sample in a span of one contig.

    With ``genotyped``, alleles that the genotype does not carry are left out: a caller of
    germline alleles says 0/0 where there is nothing. Of pooled samples it says nothing.
    """
    calls = []
    for line in _bcftools("view", "-H", vcf).splitlines():
        fields = line.split("\t")
        place, ref, alt = int(fields[1]), fields[3].upper(), fields[4].upper()
        if fields[0] != contig or not first <= place <= last or not set(alt) <= set("ACGTN"):
            continue
        info = dict(word.partition("=")[::2] for word in fields[7].split(";"))
        sample: dict[str, str] = {}
        if len(fields) > 9:
            sample = dict(zip(fields[8].split(":"), fields[9].split(":"), strict=False))
        genotype = sample.get("GT", "./.").replace("|", "/").split("/")
        dosage = None if "." in genotype else genotype.count("1")
        if genotyped and dosage == 0:
            continue
        quality = 0.0 if fields[5] == "." else float(fields[5])
        calls.append(
            Call(
                (place, ref, alt),
                dosage,
                quality,
                fields[6] in ("PASS", "."),
                _fraction(info, sample),
                _number(info.get("QA"), quality),
                info.get("DBG_ORIGIN", ""),
            )
        )
    return calls


def _number(text: str | None, otherwise: float) -> float:
    try:
        return float(text or "")
    except ValueError:
        return otherwise


def _fraction(info: dict[str, str], sample: dict[str, str]) -> float:
    unknown = float("nan")
    if "AF" in sample:
        return _number(sample["AF"], unknown)
    if "AO" in info:
        return _number(info["AO"], unknown) / max(_number(info.get("DP"), 1), 1)
    counts = [_number(word, unknown) for word in sample.get("AD", "").split(",")]
    if len(counts) == 2 and sum(counts) > 0:
        return counts[1] / sum(counts)
    return _number(info.get("AF"), unknown)


def write_truth(path: Path, contig: str, length: int, alleles: Iterable[tuple]) -> Path:
    """A VCF of (1-based position, ref, alt, genotype, fraction) rows.

    Truths come with headers that bcftools does not take; their alleles are all that counts.
    """
    with open(path, "w", encoding="ascii") as file:
        file.write(f"##fileformat=VCFv4.2\n##contig=<ID={contig},length={length}>\n")
        file.write('##INFO=<ID=AF,Number=1,Type=Float,Description="Fraction of the molecules">\n')
        file.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ttruth\n")
        for place, ref, alt, genotype, fraction in alleles:
            row = (contig, place, ".", ref, alt, ".", "PASS", f"AF={fraction:g}", "GT", genotype)
            file.write("\t".join(map(str, row)) + "\n")
    return path


def score(truth: Sequence[Call], calls: Sequence[Call], fetch: Callable[[int, int], str]) -> dict:
    """Found, missed and outside by kind, exactly and by haplotype; genotypes of those found.

    Parameters
    ----------
    calls
        Already cut down to what counts as called.
    fetch
        (0-based start, end) -> the reference's bases.
    """
    wanted = {one.key: one for one in truth}
    called = {one.key: one for one in calls}
    same = reconcile(list(wanted.values()), list(called.values()), fetch)
    found: dict[str, dict] = {}
    for kind in KINDS:
        true = {key for key, one in wanted.items() if one.kind == kind}
        ours = {key for key, one in called.items() if one.kind == kind}
        hit, missed, outside = true & ours, sorted(true - ours), sorted(ours - true)
        agree = sum(wanted[key].dosage == called[key].dosage for key in hit)
        found[kind] = {
            "truth": len(true),
            "found": len(hit),
            "outside": len(outside),
            "recall": _share(len(hit), len(true)),
            "precision": _share(len(hit), len(ours)),
            "genotypes_agree": agree,
            "genotype_concordance": _share(agree, len(hit)),
            "by_haplotype": {
                "found": len(hit) + sum(key in same for key in missed),
                "outside": sum(key not in same for key in outside),
            },
            "missed": [_words(wanted[key]) for key in missed if key not in same],
            "calls_outside": [_words(called[key]) for key in outside if key not in same],
        }
    return found


def _words(call: Call) -> str:
    place, ref, alt = call.key
    genotype = {None: "./.", 1: "0/1", 2: "1/1"}.get(call.dosage, str(call.dosage))
    extra = "" if call.fraction != call.fraction else f" AF {call.fraction:.3f}"
    return f"{place}{ref}>{alt} {genotype} QUAL {call.quality:.1f}{extra}"


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def reconcile(
    truth: Sequence[Call], calls: Sequence[Call], fetch: Callable[[int, int], str]
) -> set[Key]:
    """Alleles that differ in words but give the same pair of haplotypes: their keys, of both.

    Alleles of truth and calls within 30 bases of each other form a cluster. Where some
    phasing of the true genotypes and some phasing of the called ones spell the same two
    sequences, everything in the cluster is taken for found.
    """
    wanted, called = {one.key for one in truth}, {one.key for one in calls}
    tagged = [(one, True) for one in truth] + [(one, False) for one in calls]
    tagged.sort(key=lambda pair: (pair[0].key, pair[1]))
    clusters: list[list[tuple[Call, bool]]] = []
    end = -(10**9)
    for pair in tagged:
        place, ref, _ = pair[0].key
        if place - end > _NEAR:
            clusters.append([])
        clusters[-1].append(pair)
        end = max(end, place + len(ref))
    same: set[Key] = set()
    for cluster in clusters:
        sides = [[one for one, true in cluster if true is side] for side in (True, False)]
        differ = {one.key for one, _ in cluster if (one.key in wanted) != (one.key in called)}
        if not differ or not all(sides):
            continue
        start = min(one.key[0] for one, _ in cluster) - 1
        stop = max(one.key[0] - 1 + len(one.key[1]) for one, _ in cluster)
        bases = fetch(start, stop)
        true, ours = (_diplotypes(side, bases, start) for side in sides)
        if true & ours:
            same |= differ
    return same


def _diplotypes(alleles: list[Call], bases: str, start: int) -> set[tuple[str, str]]:
    """Pairs of sequences that the genotypes can stand for, over all phasings."""
    single = [one for one in alleles if one.dosage != 2]
    if len(single) > _MOST:
        return set()
    both = [one for one in alleles if one.dosage == 2]
    pairs = set()
    for phase in product((0, 1), repeat=len(single)):
        copies = [
            _spell(
                both + [one for one, at in zip(single, phase, strict=True) if at == copy],
                bases,
                start,
            )
            for copy in (0, 1)
        ]
        if copies[0] is not None and copies[1] is not None:
            first, second = sorted(copies)  # type: ignore[type-var]
            pairs.add((str(first), str(second)))
    return pairs


def _spell(alleles: list[Call], bases: str, start: int) -> str | None:
    """The sequence with these alleles in it; None where two of them claim the same base."""
    pieces, at = [], 0
    for one in sorted(alleles, key=lambda one: one.key):
        place, ref, alt = one.key
        # The base before an indel stays as it is: another allele may change it.
        shared = 1 if len(ref) != len(alt) and ref[0] == alt[0] else 0
        begin = place - 1 - start + shared
        if begin < at:
            return None
        pieces += [bases[at:begin], alt[shared:]]
        at = place - 1 - start + len(ref)
    return "".join([*pieces, bases[at:]])


def rank_of(call: Call, by: str = "quality") -> tuple[bool, float]:
    """What calls are sorted by: those that pass before those that do not, then QUAL."""
    return call.passing, call.weight if by == "weight" else call.quality


def curve(
    truth: Sequence[Call], calls: Sequence[Call], by: str = "quality"
) -> list[tuple[float, float, float, set[Key]]]:
    """Precision-recall curve: (precision, recall, quality, keys found) at every threshold.

    Calls of equal rank come together, so a caller that gives the same QUAL to everything has
    a curve of one point.
    """
    wanted = {one.key for one in truth}
    ranked = sorted(calls, key=lambda one: rank_of(one, by), reverse=True)
    points, found, n = [], set(), 0
    for number, one in enumerate(ranked):
        n += 1
        if one.key in wanted:
            found.add(one.key)
        if number + 1 == len(ranked) or rank_of(ranked[number + 1], by) != rank_of(one, by):
            recall = len(found) / len(wanted) if wanted else 0.0
            points.append((len(found) / n, recall, rank_of(one, by)[1], set(found)))
    return points


def at_precision(points: list[tuple[float, float, float, set[Key]]], least: float) -> set[Key]:
    """What is found at the threshold of the highest recall whose precision is not below."""
    good = [point for point in points if point[0] >= least]
    return max(good, key=lambda point: point[1])[3] if good else set()


def isec(truth: Path, calls: Path, first: int, last: int, folder: Path) -> dict[str, Any]:
    """How many alleles ``bcftools isec`` finds in both VCFs, and in either alone, in a span."""
    _bcftools("isec", truth, calls, "-p", folder)

    def count(number: int) -> int:
        lines = _bcftools("view", "-H", folder / f"000{number}.vcf").splitlines()
        return sum(first <= int(line.split("\t")[1]) <= last for line in lines)

    return {"only_truth": count(0), "only_calls": count(1), "both": count(2)}
