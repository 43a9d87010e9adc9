"""What a second look tells: shares and means that do not grow with the molecules."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulators import simulate
from benchmarks.training.evidence import evidence_of
from dbgclean.evidence.alternatives import COLUMNS
from dbgclean.evidence.explanations import candidates
from dbgclean.evidence.signs import SIGNS, allele_odds, anchor, signs_of
from dbgclean.evidence.weigh_kernels import OUT
from dbgclean.evidence.windows import GLOBALS, QUALITIES, build_windows

COUNTS = (
    "fragments", "reads", "reverse", "disputed", "high_quality", "high_quality_reverse",
    "log_error", "placements", "near_end", "low_quality", "agreed", "denied",
)  # fmt: skip
# Of the figures of a second look, what adds up over molecules.
SUMS = ("real", "averaging", "along", "against", "forward", "backward", "molecules", "denied")


@pytest.fixture(scope="module")
def evidence():
    genome = simulate.random_genome(30_000, seed=21)
    sites = simulate.draw_sites(genome, spacing=60, fractions=(0.1, 0.05), seed=3)
    systematic = simulate.draw_systematic(genome, seed=5)
    reads = simulate.simulate_reads(
        genome, depth=60, sites=sites, systematic=systematic, seed=4, read_length=100
    )
    return evidence_of(list(simulate.to_batches(reads)))


def with_molecules(evidence, times):
    """The same evidence, every alternative shown by so many times as many molecules."""
    a = evidence.alternatives
    support = a.support.copy()
    support[:, [COLUMNS.index(name) for name in COUNTS]] *= times
    figures = evidence.explained.figures.copy()
    figures[:, [OUT.index(name) for name in SUMS]] *= times
    more = replace(a, support=support, likelihood=a.likelihood * times, odds=a.odds * times)
    explained = replace(evidence.explained, figures=figures)
    return replace(evidence, alternatives=more, explained=explained)


@pytest.mark.parametrize("times", [2, 5])
def test_nothing_but_the_anchor_grows_with_the_molecules(evidence, times):
    rows = candidates(evidence.alternatives)
    assert len(rows) > 100
    one, many = (
        build_windows(e, rows, signs_of(e)[rows]).globals_
        for e in (evidence, with_molecules(evidence, times))
    )
    # A substitution's share is the sample's: more alternatives of it may be candidates now.
    rest = [i for i, name in enumerate(GLOBALS[:-1]) if name != "substitution_excess"]
    np.testing.assert_allclose(one[:, rest], many[:, rest], atol=1e-6)
    assert GLOBALS[-1] == "anchor"
    grows = evidence.alternatives.odds[rows] > 0
    assert (many[grows, -1] > one[grows, -1]).all()


def test_what_was_not_looked_at_again_is_neutral(evidence):
    bare = signs_of(replace(evidence, explained=None))
    for name, column in zip(SIGNS, bare.T, strict=True):
        assert name == "substitution_excess" or not column.any(), name
    whole = signs_of(evidence)
    looked_at = whole[:, SIGNS.index("looked_at")]
    assert np.array_equal(np.flatnonzero(looked_at), evidence.explained.rows)


def test_the_odds_of_an_allele_are_those_of_the_sample(evidence):
    a = evidence.alternatives
    certain = replace(a, odds=np.where(np.arange(len(a)) % 50 == 0, 60.0, -60.0), likelihood=a.odds)
    certain = replace(certain, likelihood=np.full(len(a), 5.0))
    n = len(range(0, len(a), 50))
    assert allele_odds(certain, 1e5) == pytest.approx(np.log((n + 0.5) / 3e5), abs=0.01)
    mixed = anchor(certain, n / 3 / np.exp(-7))
    np.testing.assert_allclose(mixed, certain.odds + 0.5, atol=0.02)
    np.testing.assert_allclose(anchor(certain, 3e8), certain.odds)


def test_reads_without_qualities_have_none_in_their_windows(evidence):
    context = replace(evidence.context, has_qualities=False)
    rows = candidates(evidence.alternatives)
    windows = build_windows(replace(evidence, context=context), rows)
    named = dict(zip(GLOBALS, windows.globals_.T, strict=True))
    assert not windows.windows[:, :, 8].any()
    assert not any(named[name].any() for name in (*QUALITIES, "known_qualities"))
    assert named["rarer_strand"].any()
