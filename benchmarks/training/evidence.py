"""What the package finds in simulated samples, with their truth, kept on disk.

A sample goes through the passes of a run, so that a network is trained on what it will be
fed. What is kept of it are the alternatives that may be real (`in_question`): the rest are
errors, whoever judges.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.harness.ours import K
from benchmarks.harness.ours import judged as run_judged
from benchmarks.simulators import simulate
from benchmarks.simulators.family import FAMILIES, FamilySample
from benchmarks.simulators.truth import k12
from benchmarks.training.families import draw_sample, single
from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.cutoffs import CORRECTION_K
from dbgclean.evidence.edits import Edits
from dbgclean.evidence.explanations import Explained
from dbgclean.evidence.gather import Evidence, OtherChanges, gather
from dbgclean.evidence.neighbours import neighbour_alternatives
from dbgclean.evidence.sample import SampleContext
from dbgclean.evidence.signs import in_question
from dbgclean.reads import ReadBatch
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.whole import count_kmers
from dbgclean.training.recipe import Examples, examples_of

__all__ = [
    "Case",
    "Judged",
    "bare_evidence",
    "evidence_of",
    "gather_cases",
    "gather_examples",
    "judged",
    "test_cases",
    "train_cases",
]

# One training sample in so many is read from one end only, one is a k-mer set without reads,
# and one is shown as where its reads cannot be looked at again.
_SINGLE, _KMERS_ONLY, _UNSEEN = 8, 9, 6


@dataclass(frozen=True)
class Case:
    """One sample: of the family with constants drawn anew, or (``test``) of the benchmark's.

    A test sample lies elsewhere in K-12 than the slice that the benchmark takes.
    """

    family: str
    seed: int
    test: bool = False
    depth: float | None = None

    @property
    def file_name(self) -> str:
        """Unlike that of any other case."""
        depth = f"_{self.depth:g}" if self.depth else ""
        return f"{'test' if self.test else 'train'}_{self.family}_{self.seed}{depth}.pickle"


@dataclass(frozen=True)
class Judged:
    """The alternatives of a sample that may be real, and what is known of them.

    Attributes
    ----------
    alternatives
        Those of `in_question`, in their order; ``of_edit`` holds the edits of these alone.
    explained
        As the package has it, its rows those of ``alternatives``; None without reads.
    context
    fragment
        int64 (n_edits,): the fragment of each edit in ``alternatives.of_edit``.
    real
        bool (n,): whether error-free reads can show it.
    group
        str (n,): fraction of the allele that has it in its middle, or empty.
    rest
        True and false alternatives below `in_question`: errors, whoever judges.
    """

    case: Case
    alternatives: Alternatives
    explained: Explained | None
    context: SampleContext
    fragment: np.ndarray
    real: np.ndarray
    group: np.ndarray
    rest: tuple[int, int]

    def evidence(self) -> Evidence:
        """What is shown of it; some training samples are as where reads are not looked at again."""
        a, explained = self.alternatives, self.explained
        if not self.case.test and self.case.seed % _UNSEEN == 0:
            a, explained = replace(a, odds=a.likelihood), None
        edits = replace(Edits.empty(len(self.fragment)), fragment=self.fragment)
        return replace(bare_evidence(a, self.context), edits=edits, explained=explained)


def bare_evidence(alternatives: Alternatives, context: SampleContext) -> Evidence:
    """Evidence of which nothing else is kept."""
    return Evidence(alternatives, Edits.empty(), OtherChanges.concatenate([]), {}, context)


def evidence_of(batches: Sequence[ReadBatch], threads: int = 1) -> Evidence:
    """Count, fit and gather batches at hand, as a run does before it judges."""
    table = count_kmers(iter(batches), CORRECTION_K, threads=threads)
    spectrum = fit_spectrum(table, CORRECTION_K)
    return gather(iter(batches), table, spectrum, threads, again=lambda: iter(batches))


def _of_kmers(sample: FamilySample, k: int) -> Evidence:
    table = count_kmers(simulate.to_batches(sample), k)  # type: ignore[arg-type]
    return neighbour_alternatives(table, fit_spectrum(table, k), 1)


def draw(case: Case, data: Path) -> FamilySample:
    """The reads of a case, with their truth."""
    if not case.test:
        return draw_sample(case.family, case.seed, data)
    family = FAMILIES[case.family]
    length = min(family.length, 200_000)
    genome = k12(length, 2_000_000 + 300_000 * (case.seed % 5), data)
    return family.draw(case.seed, depth=case.depth, genome=genome)


def judged(case: Case, data: Path) -> Judged:
    """Draw a case and look at its alternatives."""
    sample = draw(case, data)
    rng = np.random.default_rng([case.seed, *case.family.encode(), 118])
    kind = rng.random()
    if not case.test and kind < 1 / _KMERS_ONLY:
        evidence = _of_kmers(sample, int(rng.choice([21, 25, 31])))
    else:
        if not case.test and kind > 1 - 1 / _SINGLE and case.family != "oxidation":
            sample = single(sample)
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            paths = [str(path) for path in FAMILIES[case.family].write(sample, Path(folder))]
            run = run_judged(paths if sample.paired else paths[:1], ["nearest"], threads=1)
            assert run.evidence is not None
            evidence = run.evidence
    return _of(case, evidence, sample)


def _of(case: Case, evidence: Evidence, sample: FamilySample) -> Judged:
    a = evidence.alternatives
    rows = in_question(a)
    real = np.isin(a.key, sample.truth.kmers)
    place = np.full(len(a), -1, np.int64)
    place[rows] = np.arange(len(rows))
    mine = place[a.of_edit] if len(a.of_edit) else np.zeros(0, np.int64)
    chosen = np.flatnonzero(mine >= 0)
    part = replace(a.select(rows), of_edit=mine[chosen])
    explained = evidence.explained
    if explained is not None:
        where = place[explained.rows]
        explained = replace(explained, rows=where)
    fragment = evidence.edits.fragment[chosen] if len(chosen) else np.zeros(0, np.int64)
    middle = sample.truth.alleles[:, K // 2]
    order = np.argsort(middle)
    at = np.minimum(np.searchsorted(middle[order], part.key), len(middle) - 1)
    found = middle[order][at] == part.key
    group = np.where(found, sample.truth.group[order][at], "").astype("U8")
    rest = np.ones(len(a), bool)
    rest[rows] = rest[a.gaps] = False
    sizes = int((real & rest).sum()), int((~real & rest).sum())
    return Judged(case, part, explained, evidence.context, fragment, real[rows], group, sizes)


def _kept(case: Case, data: Path, cache: Path | None) -> Judged:
    path = cache / case.file_name if cache else None
    if path is not None and path.exists():
        with path.open("rb") as stored:
            return pickle.load(stored)
    found = judged(case, data)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_file = path.with_suffix(".part")
        partial_file.write_bytes(pickle.dumps(found))
        partial_file.rename(path)
    return found


def gather_cases(
    cases: Sequence[Case], data: Path, cache: Path | None = None, jobs: int = 1
) -> list[Judged]:
    """Every case, in their order at any number of jobs; ``cache`` keeps them."""
    one = partial(_kept, data=data, cache=cache)
    if jobs == 1:
        return [one(case) for case in cases]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(one, cases))


def train_cases(seeds: Sequence[int]) -> list[Case]:
    """Training samples: each family with each seed."""
    return [Case(family, seed) for seed in seeds for family in FAMILIES]


def test_cases(seeds: Sequence[int], families: Sequence[str]) -> list[Case]:
    """Test samples: each family as its benchmark has it, at each of its depths."""
    return [
        Case(family, seed, test=True, depth=depth)
        for seed in seeds
        for family in families
        for depth in FAMILIES[family].depths
    ]


def gather_examples(
    cases: Sequence[Case], data: Path, cache: Path | None = None, jobs: int = 1
) -> Examples:
    """Examples of all cases, in their order at any number of jobs."""
    judged = gather_cases(cases, data, cache, jobs)
    parts = [
        examples_of(one.evidence(), one.real, one.group, list(FAMILIES).index(one.case.family), i)
        for i, one in enumerate(judged)
    ]
    return Examples(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
