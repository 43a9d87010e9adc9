"""Examples for fine-tuning: alleles and errors put into the sample's own reads.

The reads go by twice to be counted and looked at, then twice for each round of
injection (k-mers of the reads that change, then threading). Nothing of them is kept
but alternatives, and of those no more than a set number per round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from dbgclean.errors import InputError
from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.gather import Evidence, gather
from dbgclean.evidence.places import Places
from dbgclean.evidence.windows import build_windows
from dbgclean.pipeline.figures import dropped, inputs_of
from dbgclean.pipeline.passes import Inputs, count
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.hashing import hashes
from dbgclean.spectrum.histogram import Spectrum, fit_spectrum
from dbgclean.spectrum.kmers import canonical_kmers
from dbgclean.spectrum.table import KmerTable
from dbgclean.training.injection import Injection, Injector, PlaceFinder

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch
    from dbgclean.training.comparison import LabelledWindows

__all__ = ["gather_examples", "part_of", "recurring_errors"]

# Bases between places that may be used, and alleles wanted over all rounds.
_SPACING, _ALLELES = 120, 5000
_MOST_ROUNDS = 6
_FEWEST_PLACES = 200
# Alleles per megabase, round by round: networks are told how many there seem to be.
_DENSITIES = (1000.0, 300.0, 2000.0)
_FRACTIONS = (0.004, 0.4)
# Recurring errors: their rate on the reads they strike, and per megabase at least.
_RATES = (0.005, 0.15)
_FEWEST_ERRORS = 40.0
_ONE_STRANDED, _MOST_BLIND = 0.8, 0.6
# Own alternatives with a ratio, or with fragments, above these are taken at this share,
# and the rest at the last one; rows per round at most.
_TAKEN = ((3.0, 3, 1.0), (1.0, 2, 0.3))
_REST, _MOST_ROWS = 0.05, 60_000
# A base seen in one fragment only, at this quality or less, is an error.
_LONE_QUALITY = 15
# Tenths of the places to train on and to stop by; the rest judges.
_TRAIN_TENTHS, _STOP_TENTHS = 6, 8
_DELTA_MEMORY = 1 << 27


@dataclass(eq=False)
class _Sample:
    """What the first two passes found."""

    run: Inputs
    table: KmerTable
    spectrum: Spectrum
    own: Alternatives
    places: Places
    qualities: np.ndarray
    genome_size: float
    rows: LabelledWindows
    facts: dict[str, Any] = field(default_factory=dict)


def gather_examples(run: Inputs, rounds: int | None) -> tuple[LabelledWindows, dict[str, Any]]:
    """Labelled windows of all rounds of injection, and figures of the sample.

    Parameters
    ----------
    run
        As opened; its reads are gone through 2 + 2 * ``rounds`` times.
    rounds
        None takes as many as the genome's size asks for.

    Raises
    ------
    InputError
        If there are too few places to inject anything.
    """
    from dbgclean.training.comparison import LabelledWindows

    sample = _look_at(run)
    rounds = rounds or _rounds(sample.genome_size)
    parts = [sample.rows]
    parts += [_round(sample, one, f"round {one + 1} of {rounds}") for one in range(rounds)]
    return LabelledWindows.concatenate(parts), sample.facts | {"rounds": rounds}


def _look_at(run: Inputs) -> _Sample:
    """Count, thread and pool the reads as they came; find places on the way."""
    counted = count(run, singles=True)
    table, statistics, bases = counted.table, counted.statistics, counted.bases
    if run.compiling is not None:
        run.compiling.finish_threading()
    spectrum = fit_spectrum(table, bases=bases)
    finder = PlaceFinder(table, _SPACING)

    def looked_at() -> Iterator[ReadBatch]:
        for _, _, batch in run.batches("Threading"):
            finder.add(batch)
            yield batch

    evidence = gather(
        looked_at(),
        table,
        spectrum,
        run.options.threads,
        again=lambda: (batch for _, _, batch in run.batches("Comparing")),
    )
    own = evidence.alternatives.select(evidence.alternatives.substitutions)
    places = finder.finish(own)
    if len(places) < _FEWEST_PLACES:
        msg = (
            f"{run.files}: {len(places)} places where an allele could be injected, "
            f"{_FEWEST_PLACES} are needed; give a deeper sample, of reads of at least "
            f"{2 * finder.reach + 1} bases"
        )
        raise InputError(msg)
    facts = {
        "reads": sum(one.reads for one in statistics),
        "bases": bases,
        "correction_k": table.k,
        "depth": round(evidence.context.peak, 1),
        "own_alternatives": len(own),
        "places": len(places),
        "inputs": inputs_of(run.groups, statistics),
        "dropped": dropped(statistics, counted.windows, None),
    }
    size = max(evidence.context.genome_size, 1.0)
    nothing = np.zeros(0, np.uint64)
    rng = np.random.default_rng([run.options.seed, 112])
    rows = _labelled(evidence, nothing, nothing, None, run.options.seed, rng)
    return _Sample(run, table, spectrum, own, places, finder.qualities, size, rows, facts)


def _rounds(genome_size: float) -> int:
    per_round = genome_size / 1e6 * float(np.mean(_DENSITIES))
    return int(np.clip(np.ceil(_ALLELES / per_round), 1, _MOST_ROUNDS))


def recurring_errors(own: Alternatives, genome_size: float) -> float:
    """Alternatives per megabase that recur on one strand more than chance explains.

    What real alleles would give by chance is taken off, as told by how many lie in the
    unsuspicious half.
    """
    n = own.column("fragments")
    looks = (n >= 4) & (own.likelihood > 3)
    n, reverse, depth = n[looks], own.column("reverse")[looks], own.depth[looks]
    share = (depth[:, 1] + 1) / (depth.sum(axis=1) + 2)
    lower = special.bdtr(reverse, n.astype(np.int64), share)
    upper = np.where(reverse == 0, 1.0, special.bdtrc(reverse - 1, n.astype(np.int64), share))
    p = np.minimum(1, 2 * np.minimum(lower, upper))
    excess = np.count_nonzero(p < 0.1) - 0.1 * 2 * np.count_nonzero(p >= 0.5)
    return max(0.0, float(excess)) / genome_size * 1e6


def _round(sample: _Sample, number: int, label: str) -> LabelledWindows:
    """Inject, count what changed, gather again, label."""
    options = sample.run.options
    rng = np.random.default_rng([options.seed, number, 110])
    injection = _draw(sample, number, rng)
    seed = int(rng.integers(2**63))
    injector = Injector(injection, sample.own.rates, sample.qualities, seed)
    before, after = (
        KmerCounter(
            sample.table.k,
            threads=options.threads,
            min_quality=options.min_quality,
            memory_bytes=_DELTA_MEMORY,
        )
        for _ in range(2)
    )
    for _, first, batch in sample.run.batches(f"Injecting, {label},"):
        with_them, changed = injector.inject(batch, first, options.threads)
        before.add(batch, changed)
        after.add(with_them, changed)
    tally = injector.tally.copy()
    table = sample.table.combine(before.finish(), -1).combine(after.finish())

    def injected(what: str) -> Iterator[ReadBatch]:
        for _, first, batch in sample.run.batches(f"{what}, {label},"):
            yield injector.inject(batch, first, options.threads)[0]

    evidence = gather(
        injected("Threading"),
        table,
        sample.spectrum,
        options.threads,
        again=lambda: injected("Comparing"),
    )
    shown, alleles, places = tally > 0, injection.is_allele, injection.places
    # Where the place's own base is judged, against an allele that became solid, it is real.
    real = np.concatenate([injection.key[alleles & shown], places.alternatives(places.base)])
    errors = injection.key[~alleles & shown]
    return _labelled(evidence, real, errors, sample.own.key, options.seed, rng)


def _draw(sample: _Sample, number: int, rng: np.random.Generator) -> Injection:
    """Which places get what in this round."""
    per_megabase = _DENSITIES[number % len(_DENSITIES)]
    errors = max(_FEWEST_ERRORS, recurring_errors(sample.own, sample.genome_size))
    wanted = np.array([per_megabase, min(errors, per_megabase)]) * sample.genome_size / 1e6
    wanted *= min(1.0, len(sample.places) / wanted.sum())
    n_alleles, n_errors = np.maximum(wanted.astype(int), 1)
    chosen = np.sort(rng.permutation(len(sample.places))[: n_alleles + n_errors])
    places = sample.places.take(chosen)
    n = len(places)
    is_allele = np.zeros(n, bool)
    is_allele[rng.permutation(n)[:n_alleles]] = True
    spans = np.where(is_allele[:, None], _FRACTIONS, _RATES)
    rate = np.exp(rng.uniform(np.log(spans[:, 0]), np.log(spans[:, 1])))
    one_stranded = rng.random(n) < _ONE_STRANDED
    return Injection(
        places=places,
        to=((places.base + rng.integers(1, 4, n)) & 3).astype(np.uint8),
        rate=rate,
        is_allele=is_allele,
        strand=np.where(one_stranded, rng.integers(0, 2, n), 2).astype(np.int8),
        blind=np.where(one_stranded, rng.uniform(0, _MOST_BLIND, n), 0.0),
    )


def _labelled(
    evidence: Evidence,
    real: np.ndarray,
    errors: np.ndarray,
    own: np.ndarray | None,
    seed: int,
    rng: np.random.Generator,
) -> LabelledWindows:
    """What is known of the alternatives of a round; what cannot be known is left out.

    Parameters
    ----------
    real, errors
        uint64: keys of what was injected and is shown by some read.
    own
        uint64: keys of the sample as it came; None where this is it. What is neither of
        these nor injected is left out: the surroundings of an allele that became solid.
    """
    from dbgclean.training.comparison import ERROR, REAL, UNKNOWN, LabelledWindows

    # Gaps are no k-mers with another base: the network is never asked about them.
    a = evidence.alternatives.select(evidence.alternatives.substitutions)
    label = np.full(len(a), UNKNOWN, np.uint8)
    lone = (a.fragments == 1) & (a.column("best_quality") <= _LONE_QUALITY)
    lone &= a.likelihood < 0
    label[lone] = ERROR
    label[np.isin(a.key, errors)] = ERROR
    label[np.isin(a.key, real)] = REAL
    put_in = np.isin(a.key, np.concatenate([real, errors]))
    usable = np.ones(len(a), bool) if own is None else lone | np.isin(a.key, own)
    weight = _thinned(a, put_in, usable, rng)
    rows = np.flatnonzero(weight)
    built = build_windows(evidence, rows)
    return LabelledWindows(
        built.windows,
        built.globals_,
        built.observed,
        a.to[rows],
        label[rows],
        weight[rows].astype(np.float32),
        part_of(a.key[rows], seed),
        np.full(len(rows), own is None),
    )


def _thinned(
    a: Alternatives, put_in: np.ndarray, usable: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Weight of each row, 0 where it is left out; what was put in is all kept."""
    share = np.full(len(a), _REST)
    for likelihood, fragments, part in _TAKEN:
        looks = (a.likelihood > likelihood) | (a.fragments >= fragments)
        share = np.maximum(share, part * looks)
    share *= usable
    share *= min(1.0, _MOST_ROWS / max(share.sum(), 1.0))
    share[put_in] = 1.0
    taken = rng.random(len(a)) < share
    return np.where(taken, 1 / np.maximum(share, 1e-12), 0.0)


def part_of(keys: np.ndarray, seed: int) -> np.ndarray:
    """TRAIN, STOP or JUDGE of alternatives, uint8 (n,), by a hash of the place.

    All alternatives of a place, in all rounds, are in the same part.
    """
    from dbgclean.training.comparison import JUDGE, STOP, TRAIN

    middle = np.uint64(3 << 2 * FLANK)
    lowest = np.full(len(keys), np.uint64(2**64 - 1))
    for base in range(4):
        turned = canonical_kmers((keys & ~middle) | np.uint64(base << 2 * FLANK), WINDOW)
        lowest = np.minimum(lowest, turned)
    tenth = hashes(lowest ^ np.uint64(seed)) % np.uint64(10)
    part = np.full(len(keys), JUDGE, np.uint8)
    part[tenth < _STOP_TENTHS] = STOP
    part[tenth < _TRAIN_TENTHS] = TRAIN
    return part
