"""The samples of the families benchmark, each drawn, corrected by everything, and scored."""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.families.real import real_case
from benchmarks.families.score import Tools, score_sample
from benchmarks.harness.peers import Facts
from benchmarks.simulators.family import FAMILIES
from benchmarks.simulators.files import write_pairs
from benchmarks.simulators.truth import k12
from benchmarks.variants.score import summarise

__all__ = ["Case", "cases", "one", "results", "summary"]


@dataclass(frozen=True)
class Case:
    """One sample: a family or a real set, its size and its seed."""

    name: str
    seed: int
    tools: Tools
    data: Path
    length: int = 0
    depth: float = 0.0

    @property
    def label(self) -> str:
        """Name in tables: depths are told apart where a family has several."""
        family = FAMILIES.get(self.name)
        if family is None or len(family.depths) == 1:
            return self.name
        return f"{self.name} {self.depth:g}x"


def cases(args: argparse.Namespace) -> list[Case]:
    """Every sample that was asked for."""
    found = []
    for name in (*args.families, *args.real):
        # A brace in a folder's name is its own affair where no family is asked for.
        model = args.model and args.model.replace("{family}", name.split()[0])
        tools = Tools(tuple(args.correctors), tuple(args.peers), args.threads, model)
        for seed in args.seeds if name != "zika" else args.seeds[:1]:
            case = Case(name, seed, tools, args.data)
            if name in FAMILIES:
                length = args.length or FAMILIES[name].length
                depths = [args.depth] if args.depth else FAMILIES[name].depths
                found += [replace(case, length=length, depth=depth) for depth in depths]
            else:
                found.append(case)
    return found


def one(case: Case) -> dict:
    """Draw one sample, correct it by everything, score."""
    head = {"family": case.label, "seed": case.seed}
    if case.name not in FAMILIES:
        return head | real_case(case.name, case.seed, case.data, case.tools)
    family = FAMILIES[case.name]
    genome = k12(case.length, data=case.data)
    sample = family.draw(case.seed, depth=case.depth, genome=genome)
    facts = Facts(genome_size=case.length, depth=case.depth, read_length=family.read_length)
    with tempfile.TemporaryDirectory() as folder:
        paths = for_peers = family.write(sample, Path(folder))
        if family.fasta:
            # Not every tool reads FASTA: equal qualities say as little.
            for_peers = write_pairs(sample, Path(folder))  # type: ignore[arg-type]
        truth = sample.truth
        del sample
        scores = score_sample(paths, truth, facts, case.tools, for_peers)
    return head | {"length": case.length, "depth": case.depth} | scores


def results(todo: list[Case], jobs: int) -> Iterator[dict]:
    """Scores of the cases in their order, ``jobs`` of them at a time."""
    if jobs == 1:
        yield from map(one, todo)
        return
    # Forked threads of numba and torch would hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        yield from pool.map(one, todo)


def summary(runs: list[dict]) -> dict:
    """By family, mean, lowest and highest over its seeds."""
    names = dict.fromkeys(run["family"] for run in runs)
    return {
        name: summarise([{"tools": run["tools"]} for run in runs if run["family"] == name])
        for name in names
    }
