"""The deep set: 200 bases at 8,700x with alleles at 1 % of the molecules."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.inspect.callers import Called, Task
from benchmarks.inspect.real import call_all
from benchmarks.inspect.samples import CONTIG, Allele, MappedSample, draw_genome, simulate_mapped
from benchmarks.inspect.score import load_calls, normalise
from benchmarks.inspect.simulated import truth_of, words_of
from benchmarks.simulators import simulate

__all__ = ["depth"]

DEPTH = 8700.0
FRACTION = 0.01
# The reference, and the bases of it that are called, 0-based.
_LENGTH, _REGION = 3000, (1400, 1600)
_ALLELES = 6
_INSERT = 350


def depth(args: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Which of six alleles at 1 % every caller finds, and what else it calls."""
    found = []
    for seed in args.seeds:
        sample, source = _sample(args, work, seed)
        task = Task(
            *(sample.bam, sample.reference, f"{CONTIG}:{_REGION[0] + 1}-{_REGION[1]}"),
            sample.folder,
            least_fraction=FRACTION,
            options=args.options,
            threads=args.threads,
        )
        called = call_all(args, task, args.callers)
        rows = {name: _row(done, sample) for name, done in called.items()}
        found.append({"seed": seed, "genome": source, "depth": DEPTH, "callers": rows})
    return found


def _sample(args: argparse.Namespace, work: Path, seed: int) -> tuple[MappedSample, str]:
    genome, source = draw_genome(args.data, _LENGTH, seed)
    rng = np.random.default_rng([seed, 122])
    places = np.linspace(_REGION[0] + 10, _REGION[1] - 10, _ALLELES).astype(int)
    alleles = []
    for place in places.tolist():
        ref = int(genome[place])
        letters = simulate.decode(np.array([ref, (ref + rng.integers(1, 4)) & 3], np.uint8))
        alleles.append(Allele(place, letters[0], letters[1], FRACTION))
    # Each on molecules of its own: no allele gives another one away.
    parts = [([one], FRACTION) for one in alleles] + [([], 1 - FRACTION * len(alleles))]
    sample = simulate_mapped(
        *(work / f"deep_{seed}", genome, alleles, parts),
        # Fewer fragments than that reach the ends: the middle has the depth asked for.
        depth=DEPTH * (_LENGTH - _INSERT) / _LENGTH,
        seed=seed,
        threads=args.threads,
    )
    return sample, source


def _row(done: Called | str, sample: MappedSample) -> dict[str, Any]:
    if isinstance(done, str):
        return {"missing": done}
    span = (_REGION[0] + 1, _REGION[1])
    truth = load_calls(truth_of(sample, sample.alleles, "truth"), CONTIG, *span)
    vcf = normalise(done.vcf, sample.reference, done.vcf.parent / "calls.norm.vcf.gz")
    calls = [one for one in load_calls(vcf, CONTIG, *span) if one.passing]
    keys, true = {one.key for one in calls}, {one.key for one in truth}
    return {
        "commands": done.commands,
        **asdict(done.used),
        "found": len(keys & true),
        "alleles": len(true),
        "outside": len(keys - true),
        "missed": [words_of(one) for one in truth if one.key not in keys],
        "calls_outside": [words_of(one) for one in calls if one.key not in true][:40],
    }
