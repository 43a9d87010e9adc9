"""Tumour against normal: germline never somatic, contamination never germline unsaid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from dbgclean.variants import somatic
from dbgclean.variants.somatic import ORIGINS, judge_origins


def origin(alt, depth, normal_alt, normal_depth):
    columns = (np.array([value]) for value in (alt, depth, normal_alt, normal_depth))
    return ORIGINS[judge_origins(*columns).origin[0]]


@pytest.mark.parametrize(
    ("alt", "depth", "normal_alt", "normal_depth", "expected"),
    [
        (6, 60, 0, 40, "somatic"),  # a tenth of the tumour's fragments
        (30, 60, 0, 40, "somatic"),
        (30, 60, 1, 40, "somatic"),  # one fragment by contamination
        (30, 60, 20, 40, "germline"),
        (60, 60, 19, 40, "germline"),  # the other copy was lost in the tumour
        (30, 60, 40, 40, "germline"),
        (5, 60, 4, 40, "error"),  # the same in both, and too rare for an allele
        (30, 60, 0, 5, "undecided"),  # a normal too shallow to say
        (30, 60, -1, -1, "undecided"),
    ],
)
def test_what_a_person_would_say(alt, depth, normal_alt, normal_depth, expected):
    assert origin(alt, depth, normal_alt, normal_depth) == expected


def test_a_hundred_germline_alleles_and_none_somatic():
    """At 40x, with shares that vary from place to place (reference bias, preparation)."""
    rng = np.random.default_rng(7)
    shares = np.clip(rng.normal(0.45, 0.08, 20_000), 0.2, 0.8)
    normal_depth = np.maximum(rng.poisson(40, len(shares)), 20)
    normal_alt = rng.binomial(normal_depth, shares)
    depth = rng.poisson(60, len(shares)) + 1
    alt = rng.binomial(depth, rng.uniform(0.1, 1.0, len(shares)))
    found = judge_origins(alt, depth, normal_alt, normal_depth)
    assert not (found.origin == ORIGINS.index("somatic")).any()
    assert (found.origin == ORIGINS.index("germline")).mean() > 0.97


def test_the_worst_sampled_of_a_hundred_germline_alleles_is_not_somatic():
    worst = int(stats.binom.ppf(1e-4, 40, 0.5))
    assert origin(30, 60, worst, 40) == "germline"
    assert origin(30, 60, worst // 2, 40) != "somatic"


@pytest.mark.parametrize("contamination", [0.0, 0.02, 0.05])
def test_somatic_alleles_survive_a_contaminated_normal(contamination):
    rng = np.random.default_rng(3)
    n = 5000
    fraction = rng.uniform(0.2, 0.5, n)
    depth, normal_depth = rng.poisson(60, n) + 1, np.maximum(rng.poisson(40, n), 25)
    alt = rng.binomial(depth, fraction)
    normal_alt = rng.binomial(normal_depth, contamination * fraction)
    found = judge_origins(alt, depth, normal_alt, normal_depth)
    assert (found.origin == ORIGINS.index("germline")).mean() < 1e-3
    assert (found.origin == ORIGINS.index("somatic")).mean() > 0.8
    shown = (found.origin == ORIGINS.index("somatic")) & (normal_alt > 0)
    assert np.array_equal(found.by_contamination & shown, shown)


def test_recall_at_a_tenth_of_the_fragments():
    rng = np.random.default_rng(11)
    alt = np.maximum(rng.binomial(60, 0.1, 5000), 3)
    normal_alt = rng.binomial(40, 5e-4, 5000)
    found = judge_origins(alt, np.full(5000, 60), normal_alt, np.full(5000, 40))
    assert (found.origin == ORIGINS.index("somatic")).mean() > 0.95


@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 60), st.integers(0, 60))
def test_probabilities_are_probabilities(alt, more, normal_alt, normal_more):
    columns = (np.array([v]) for v in (alt, alt + more, normal_alt, normal_alt + normal_more))
    found = judge_origins(*columns)
    assert found.probability.sum() == pytest.approx(1)
    assert (found.probability >= 0).all()


@given(st.integers(1, 60), st.integers(0, 60), st.integers(5, 60))
def test_the_more_the_normal_shows_the_less_it_is_somatic(alt, more, normal_depth):
    n = np.arange(normal_depth // 2 + 1)
    same = np.ones(len(n), np.int64)
    found = judge_origins(alt * same, (alt + more) * same, n, normal_depth * same)
    assert (np.diff(found.probability[:, 0]) <= 1e-9).all()


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_shared_rate_is_integrated_as_scipy_would(alt, more, n, normal_more):
    depth, of = alt + more, n + normal_more
    a, b = somatic._ARTEFACT
    rate = np.linspace(1e-6, 1 - 1e-6, 20_001)
    density = stats.beta.pdf(rate, a, b)
    both = stats.binom.pmf(alt, depth, rate) * stats.binom.pmf(n, of, rate) * density
    numeric = np.trapezoid(both, rate)
    exact = somatic._log_recurring(*(np.array([v], float) for v in (alt, depth, n, of)))[0]
    assert np.exp(exact) == pytest.approx(numeric, rel=1e-3, abs=1e-12)
    assert special.expit(exact) <= 0.5


def test_errors_that_the_tumour_lets_expect_are_allowed_in_the_normal():
    columns = (np.array([v]) for v in (20, 60, 2, 40))
    quiet = judge_origins(*columns).probability[0, 1]
    columns = (np.array([v]) for v in (20, 60, 2, 40))
    noisy = judge_origins(*columns, expected=np.array([3.0])).probability[0, 1]
    assert noisy < quiet
