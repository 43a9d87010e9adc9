"""Genotype likelihoods against a product over single fragments, and against scipy's binomials."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dbgclean.correct.policy import at_most
from dbgclean.variants.genotype import (
    HETEROZYGOUS,
    HOMOZYGOUS,
    REFERENCE,
    best_genotype,
    effective,
    fits_one_copy,
    fragment_error,
    genotype_likelihoods,
    genotype_posteriors,
    genotype_quality,
    one_copy_by_phase,
)


def likelihoods(alt, other, quality=35.0, mapping=60.0, ploidy=2):
    error = fragment_error(np.array([quality]), np.array([mapping]))
    return genotype_likelihoods(np.array([alt]), np.array([other]), error, error, ploidy)


def one_by_one(alt, other, error):
    """Log10 likelihoods as a sum over fragments, without the discount for correlation."""
    result = []
    for share in (0.0, 0.5, 1.0):
        shows = share * (1 - error) + (1 - share) * error / 3
        hides = (1 - share) * (1 - error) + share * error / 3
        result.append(alt * np.log10(shows) + other * np.log10(hides))
    return np.array(result) - max(result)


@given(st.integers(0, 200), st.integers(0, 200), st.floats(5, 40))
def test_likelihoods_are_a_product_over_fragments(alt, other, quality):
    error = fragment_error(np.array([quality]), np.array([60.0]))[0]
    discount = effective(np.array([1.0]), np.array([alt + other]))[0]
    expected = one_by_one(alt, other, error) * discount
    np.testing.assert_allclose(likelihoods(alt, other, quality)[0], expected, atol=1e-9)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_best_likelihood_is_zero_and_probabilities_sum_to_one(alt, other):
    three = likelihoods(alt, other)
    assert three.max() == 0
    assert (10 ** genotype_posteriors(three)).sum() == pytest.approx(1)
    assert 0 <= genotype_quality(three)[0] <= 99


@pytest.mark.parametrize(
    ("alt", "other", "genotype"),
    [
        (0, 50, REFERENCE), (1, 50, REFERENCE), (2, 50, REFERENCE), (13, 37, HETEROZYGOUS),
        (25, 25, HETEROZYGOUS), (37, 13, HETEROZYGOUS), (49, 1, HOMOZYGOUS), (50, 0, HOMOZYGOUS),
        (3, 3, HETEROZYGOUS), (8, 0, HOMOZYGOUS), (150, 150, HETEROZYGOUS), (290, 10, HOMOZYGOUS),
    ],
)  # fmt: skip
def test_genotypes_a_person_would_call(alt, other, genotype):
    assert best_genotype(likelihoods(alt, other))[0] == genotype


@given(st.integers(0, 300), st.integers(0, 300))
def test_one_copy_is_never_heterozygous(alt, other):
    three = likelihoods(alt, other, ploidy=1)
    assert three[0, HETEROZYGOUS] == -np.inf
    assert best_genotype(three)[0] != HETEROZYGOUS
    assert np.isfinite(genotype_quality(three)[0])


def test_more_copies_are_refused():
    with pytest.raises(ValueError, match="one or two copies"):
        likelihoods(5, 5, ploidy=4)


def test_poor_bases_and_poor_mapping_weaken_an_allele():
    strong, poor, misplaced = (
        likelihoods(12, 30, quality=q, mapping=m)[0, REFERENCE]
        for q, m in ((35, 60), (8, 60), (35, 8))
    )
    assert strong < poor < 0
    assert strong < misplaced < 0


def test_what_is_not_known_of_quality_is_no_doubt():
    known = fragment_error(np.array([60.0, np.nan]), np.array([np.nan, np.nan]))
    assert known[0] == known[1]


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.01, 0.99))
def test_tail_is_the_binomials(n, of, fraction):
    tail = at_most(np.array([n]), np.array([of]), fraction)[0]
    assert tail == pytest.approx(stats.binom.cdf(n, of, fraction), abs=1e-9)


@given(st.integers(2, 300))
def test_correlated_fragments_make_few_from_one_copy_likelier(depth):
    n = np.array([depth // 5])
    independent = stats.binom.cdf(n, depth, 0.5)
    assert fits_one_copy(n, np.array([depth]), 0.5)[0] >= independent[0] * 0.999


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_fragment_more_for_the_allele_makes_the_reference_less_likely(alt, other):
    before, after = (
        genotype_posteriors(likelihoods(a, o))[0, REFERENCE]
        for a, o in ((alt, other), (alt + 1, other - 1))
    )
    assert after <= before + 1e-12


@given(st.lists(st.integers(0, 20), min_size=4, max_size=4))
def test_fragments_that_tell_their_copy_are_weighed_one_by_one(counts):
    (a_ref, a_alt), (b_ref, b_alt) = cells = np.array(counts).reshape(2, 2)
    right, wrong = np.log10(0.98 / 0.5), np.log10(0.02 / 0.5)
    on_first = (a_alt + b_ref) * right + (a_ref + b_alt) * wrong
    on_second = (a_alt + b_ref) * wrong + (a_ref + b_alt) * right
    discount = effective(np.array([1.0]), np.array([cells.sum()]))[0]
    found = one_copy_by_phase(cells[None])[0]
    assert found == pytest.approx(max(on_first, on_second) * discount)


def test_a_gap_on_both_copies_is_homozygous():
    """Reads that end within a gap show the reference; those of both copies that do not, it."""
    shown = np.array([[[1, 5], [2, 6]]])
    error = np.array([0.1])
    columns = (np.array([31]), np.array([13]), error, error)
    assert best_genotype(genotype_likelihoods(*columns))[0] == HETEROZYGOUS
    assert best_genotype(genotype_likelihoods(*columns, 2, shown))[0] == HOMOZYGOUS
