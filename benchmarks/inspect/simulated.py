"""The simulated sets: alleles at low fractions, tumour and normal."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from benchmarks.inspect.callers import Called, Task
from benchmarks.inspect.real import call_all
from benchmarks.inspect.samples import (
    CONTIG,
    Allele,
    MappedSample,
    draw_alleles,
    draw_genome,
    mixture_haplotypes,
    simulate_mapped,
    tumour_haplotypes,
)
from benchmarks.inspect.score import (
    KINDS,
    Call,
    at_precision,
    curve,
    load_calls,
    normalise,
    write_truth,
)
from benchmarks.simulators import simulate

__all__ = [
    "PRECISION",
    "lowfreq",
    "lowfreq_table",
    "mark_origins",
    "somatic",
    "truth_of",
    "words_of",
]

FRACTIONS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
PRECISION = 0.95
GERMLINE = 100
_DEPTHS = {"tumour": 60.0, "normal": 40.0}
# Points of a curve that are kept.
_POINTS = 60


def truth_of(sample: MappedSample, alleles: Iterable[Allele], name: str) -> Path:
    """The normalised VCF of some alleles of a sample."""
    rows = [(a.position + 1, a.ref, a.alt, "1/1" if a.fraction == 1 else "0/1", a.fraction)
            for a in alleles]  # fmt: skip
    path = write_truth(sample.folder / f"{name}.vcf", CONTIG, sample.length, rows)
    return normalise(path, sample.reference, sample.folder / f"{name}.norm.vcf.gz")


def _named(args: argparse.Namespace, fractions: Sequence[float]) -> str:
    """What tells the folder of one kind of sample from another's."""
    words = [str(args.length), str(args.spacing), *(f"{fraction:g}" for fraction in fractions)]
    return "_".join(words)


def lowfreq(args: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Alleles at 50 to 1 % at several depths, with and without systematic errors."""
    samples = []
    fractions = tuple(args.fractions or FRACTIONS)
    name = _named(args, fractions)
    for seed in args.seeds:
        genome, source = draw_genome(args.data, args.length, seed)
        alleles = draw_alleles(genome, args.spacing, fractions, seed)
        for systematic in (False, True)[: 1 + args.systematic]:
            for depth in args.depths:
                sites = simulate.draw_systematic(genome, seed=seed) if systematic else None
                kind = "systematic" if systematic else "independent"
                sample = simulate_mapped(
                    work / f"mix_{depth:g}x_{kind}_{name}_{seed}",
                    genome,
                    alleles,
                    mixture_haplotypes(alleles),
                    depth=depth,
                    seed=seed,
                    systematic=sites,
                    threads=args.threads,
                )
                facts = {"depth": depth, "errors": kind, "seed": seed, "genome": source}
                samples.append(facts | _lowfreq_sample(args, sample, min(fractions)))
                _say(f"{depth:g}x {kind} seed {seed}", samples[-1]["callers"])
    return samples


def _lowfreq_sample(args: argparse.Namespace, sample: MappedSample, least: float) -> dict:
    truth = load_calls(truth_of(sample, sample.alleles, "truth"), CONTIG, 1, sample.length)
    task = Task(
        *(sample.bam, sample.reference, f"{CONTIG}:1-{sample.length}", sample.folder),
        least_fraction=least,
        options=args.options,
        threads=args.threads,
    )
    shown = shown_alleles(sample)
    callers: dict[str, Any] = {}
    for name, done in call_all(args, task, args.callers).items():
        if isinstance(done, str):
            callers[name] = {"missing": done}
            continue
        normed = normalise(done.vcf, sample.reference, done.vcf.parent / "calls.norm.vcf.gz")
        calls = load_calls(normed, CONTIG, 1, sample.length)
        callers[name] = _ranked(truth, calls, shown, done, "quality")
        if name == "freebayes":
            # Its QUAL is of a genotype model; the summed base qualities rank better here.
            callers["freebayes by QA"] = _ranked(truth, calls, shown, done, "weight")
    return {"commands": sample.commands, "callers": callers}


def shown_alleles(sample: MappedSample, least: int = 2) -> set[tuple[int, str, str]]:
    """Substitutions that at least so many mapped fragments show: what can be found at all."""
    found = set()
    with pysam.AlignmentFile(str(sample.bam)) as reads:
        for one in sample.alleles:
            if len(one.ref) == len(one.alt) == 1:
                columns = reads.pileup(
                    CONTIG, one.position, one.position + 1, truncate=True, max_depth=1_000_000,
                    min_base_quality=0, ignore_orphans=False,
                )  # fmt: skip
                for column in columns:
                    letters = [base.upper() for base in column.get_query_sequences()]
                    if letters.count(one.alt) >= least:
                        found.add((one.position + 1, one.ref, one.alt))
    return found


def _ranked(
    truth: Sequence[Call], calls: Sequence[Call], shown: set, done: Called, by: str
) -> dict[str, Any]:
    """By kind: recall by fraction as called and at a precision of .95, and the curve."""
    row: dict[str, Any] = {"commands": done.commands, **asdict(done.used)}
    for kind in KINDS:
        wanted = [one for one in truth if one.kind == kind]
        ours = [one for one in calls if one.kind == kind]
        keys = {one.key for one in wanted}
        passing = {one.key for one in ours if one.passing}
        points = curve(wanted, ours, by)
        best = at_precision(points, PRECISION)
        outside = [one for one in ours if one.passing and one.key not in keys]
        fractions = sorted({one.fraction for one in wanted}, reverse=True)
        row[kind] = {
            "precision": round(len(passing & keys) / len(passing), 4) if passing else None,
            "outside": len(outside),
            "calls_outside": [words_of(one) for one in outside[:40]],
            "missed": [words_of(one) for one in wanted if one.key not in passing][:80],
            "curve": _thinned([(round(p, 4), round(r, 4), round(q, 2)) for p, r, q, _ in points]),
            "fractions": {
                f"{fraction:.4g}": _by_fraction(wanted, ours, fraction, passing, best, shown, by)
                for fraction in fractions
            },
        }
    return row


def _by_fraction(
    wanted: list[Call],
    calls: list[Call],
    fraction: float,
    passing: set,
    best: set,
    shown: set,
    by: str,
) -> dict[str, int]:
    """Alleles of one fraction: drawn, shown, and found in three senses.

    ``called`` as the caller filters; ``at_precision`` at its threshold of .95 over the whole
    sample; ``alone`` at .95 among this fraction's alleles and all false calls.
    """
    own = {one.key for one in wanted if one.fraction == fraction}
    others = {one.key for one in wanted} - own
    apart = curve(
        [one for one in wanted if one.key in own],
        [one for one in calls if one.key not in others],
        by,
    )
    return {
        "alleles": len(own),
        "shown": len(own & shown),
        "called": len(own & passing),
        "at_precision": len(own & best),
        "alone": len(at_precision(apart, PRECISION)),
    }


def _thinned(points: list) -> list:
    if len(points) <= _POINTS:
        return points
    rows = np.unique(np.linspace(0, len(points) - 1, _POINTS).round().astype(int))
    return [points[row] for row in rows]


def words_of(call: Call) -> str:
    """A call on one line, for lists of what was missed or is false."""
    place, ref, alt = call.key
    known = "" if call.fraction != call.fraction else f" AF {call.fraction:.4g}"
    return f"{place}{ref}>{alt}{known}" + (f" QUAL {call.quality:.1f}" if call.quality else "")


def _say(title: str, callers: dict[str, Any]) -> None:
    print(title)
    for name, row in callers.items():
        if "missing" in row:
            print(f"  {name:20s} {row['missing']}")
            continue
        snv = row["snv"]
        cells = "  ".join(
            f"{100 * float(f):g}%: {one['called']},{one['at_precision']}/{one['alleles']}"
            for f, one in snv["fractions"].items()
        )
        print(
            f"  {name:20s} precision {snv['precision']} outside {snv['outside']}  {cells}", end=""
        )
        print(f"  {row['cpu']} CPU s", flush=True)


def lowfreq_table(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Counts summed over the seeds, and recall: by depth, errors, kind, caller, fraction."""
    sums: dict[tuple, dict[str, int]] = {}
    for sample in samples:
        for name, row in sample["callers"].items():
            for kind in KINDS if "missing" not in row else ():
                for fraction, counts in row[kind]["fractions"].items():
                    key = (sample["depth"], sample["errors"], kind, name, float(fraction))
                    total = sums.setdefault(key, dict.fromkeys(counts, 0))
                    for word, n in counts.items():
                        total[word] += n
    names = ("depth", "errors", "kind", "caller", "fraction")
    return [
        dict(zip(names, key, strict=True))
        | total
        | {
            f"recall_{word}": round(total[word] / total["alleles"], 4)
            for word in ("called", "at_precision", "alone")
        }
        for key, total in sums.items()
    ]


def somatic(args: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Tumours at 60x with normals at 40x, a hundred germline alleles among the somatic ones."""
    found = []
    fractions = tuple(args.fractions or FRACTIONS)
    for seed in args.seeds:
        pair, source = _pair(args, work, fractions, seed)
        result = {name: _somatic_row(args, pair, name, min(fractions)) for name in args.callers}
        found.append({"seed": seed, "genome": source, "callers": result})
        for name, row in result.items():
            print(f"somatic seed {seed} {name}: {row.get('missing') or row['words']}", flush=True)
    return found


def _pair(
    args: argparse.Namespace, work: Path, fractions: Sequence[float], seed: int
) -> tuple[list[MappedSample], str]:
    """A tumour and its normal, and where their genome is from."""
    genome, source = draw_genome(args.data, args.length, seed)
    alleles = mark_origins(draw_alleles(genome, args.spacing, fractions, seed), fractions)
    germline = [one for one in alleles if one.origin == "germline"]
    known = {"tumour": alleles, "normal": germline}
    pair = [
        simulate_mapped(
            *(work / f"{name}_{_named(args, fractions)}_{seed}", genome, known[name], parts),
            depth=_DEPTHS[name],
            seed=seed + (50 if name == "normal" else 0),
            threads=args.threads,
        )
        for name, parts in zip(known, tumour_haplotypes(alleles), strict=True)
    ]
    return pair, source


def mark_origins(alleles: Sequence[Allele], fractions: Sequence[float]) -> list[Allele]:
    """Every other allele is germline until there are a hundred, half of them homozygous."""
    marked, germline, somatic = [], 0, 0
    for number, one in enumerate(alleles):
        if number % 2 == 0 and germline < GERMLINE:
            marked.append(replace(one, origin="germline", fraction=0.5 if germline % 2 else 1.0))
            germline += 1
        else:
            fraction = fractions[somatic % len(fractions)]
            marked.append(replace(one, origin="somatic", fraction=fraction))
            somatic += 1
    return marked


def _somatic_row(
    args: argparse.Namespace, pair: list[MappedSample], name: str, least: float
) -> dict[str, Any]:
    """One caller on the pair; callers without a normal's option: the normal's calls taken off."""
    tumour, normal = pair
    region = f"{CONTIG}:1-{tumour.length}"
    own = name == "dbgclean"
    task = Task(
        *(tumour.bam, tumour.reference, region, tumour.folder),
        least_fraction=least,
        normal=normal.bam if own else None,
        options=args.options,
        threads=args.threads,
    )
    done = call_all(args, task, [name])[name]
    if isinstance(done, str):
        return {"missing": done}
    vcf = normalise(done.vcf, tumour.reference, done.vcf.parent / "calls.norm.vcf.gz")
    calls = [one for one in load_calls(vcf, CONTIG, 1, tumour.length) if one.passing]
    if own:
        said = {one.key for one in calls if one.origin == "somatic"}
    else:
        beside = replace(task, bam=normal.bam, folder=normal.folder)
        other = call_all(args, beside, [name])[name]
        if isinstance(other, str):
            return {"missing": other}
        theirs = normalise(other.vcf, tumour.reference, other.vcf.parent / "calls.norm.vcf.gz")
        said = {one.key for one in calls}
        said -= {one.key for one in load_calls(theirs, CONTIG, 1, tumour.length) if one.passing}
    return {"commands": done.commands, **asdict(done.used)} | _origins(tumour, said)


def _origins(tumour: MappedSample, said: set) -> dict[str, Any]:
    """Somatic alleles found by fraction, germline ones called somatic, and what is neither."""
    keys = {}
    for origin in ("somatic", "germline"):
        chosen = [one for one in tumour.alleles if one.origin == origin]
        keys[origin] = load_calls(truth_of(tumour, chosen, origin), CONTIG, 1, tumour.length)
    counts: dict[str, list[int]] = {}
    for one in keys["somatic"]:
        row = counts.setdefault(f"{one.fraction:.4g}", [0, 0])
        row[0] += one.key in said
        row[1] += 1
    germline = {one.key for one in keys["germline"]}
    true = {one.key for one in keys["somatic"]}
    row = {
        "somatic_found": dict(sorted(counts.items(), key=lambda item: -float(item[0]))),
        "germline_called_somatic": len(said & germline),
        "germline": len(germline),
        "outside": len(said - germline - true),
        "missed": [words_of(one) for one in keys["somatic"] if one.key not in said][:60],
        "calls_outside": [f"{p}{r}>{a}" for p, r, a in sorted(said - germline - true)][:40],
        "germline_wrong": [f"{p}{r}>{a}" for p, r, a in sorted(said & germline)],
    }
    cells = ", ".join(f"{100 * float(f):g}% {a}/{n}" for f, (a, n) in row["somatic_found"].items())
    row["words"] = (
        f"{cells}; germline called somatic {row['germline_called_somatic']}/{len(germline)}, "
        f"outside {row['outside']}"
    )
    return row
