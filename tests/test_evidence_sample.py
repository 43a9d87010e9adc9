"""What a sample tells of itself: odds, recurring errors, motifs."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from small_samples import mixture, table_of, turned

from benchmarks.simulators import simulate
from dbgclean.evidence.gather import gather
from dbgclean.evidence.mates import AGREES, APART, DENIES
from dbgclean.evidence.rates import evidence_weights, mean_rates, quality_ranks, recurring
from dbgclean.evidence.sample import describe_sample, log_prior, motif_classes, recurrence
from dbgclean.evidence.windows import GLOBALS, build_windows
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import kmers_to_strings

K = 25


def gathered(systematic=None, spacing=None, seed=7, reverse=False):
    genome = simulate.random_genome(30_000, seed=seed)
    sites = simulate.draw_sites(genome, spacing, (0.1, 0.05), seed) if spacing else None
    errors = None
    if systematic:
        errors = simulate.draw_systematic(genome, 4.0, (0.04, 0.1), systematic, seed)
    reads = simulate.simulate_reads(
        genome, depth=120, read_length=100, sites=sites, systematic=errors, seed=seed
    )
    batches = list(simulate.to_batches(reads))
    if reverse:
        batches = [turned(batch) for batch in batches]
    table = table_of(batches[0], k=K)
    return gather(batches, table, fit_spectrum(table))


@pytest.fixture(scope="module")
def plain():
    return gathered(spacing=1000)


@pytest.fixture(scope="module")
def systematic():
    return gathered(systematic="GGC")


def test_systematic_errors_are_told_by_the_sample(plain, systematic):
    """One-stranded, of low quality, behind one motif: all three show, and only there."""
    one, two = plain.context, systematic.context
    assert two.one_stranded > 0.4 > 0.2 > one.one_stranded
    assert two.low_quality > one.low_quality
    assert two.recurring_density > one.recurring_density
    loudest = int(np.argmax(two.motifs))
    # G, G, C before the site, as the highest six bits of the class.
    assert loudest >> 4 == (2 << 4) | (2 << 2) | 1
    assert two.motifs.max() > 2 > one.motifs.max()


def test_reads_and_their_other_strands_say_the_same(systematic):
    other = gathered(systematic="GGC", reverse=True)
    one, two = (
        build_windows(evidence, np.arange(len(evidence.alternatives)))
        for evidence in (systematic, other)
    )
    np.testing.assert_array_equal(one.observed, two.observed)
    np.testing.assert_allclose(one.globals_, two.globals_, atol=1e-6)


def test_motif_classes_by_letters(systematic):
    alternatives = systematic.alternatives
    classes = motif_classes(alternatives)
    against = alternatives.column("reverse") * 2 > alternatives.column("fragments")
    strings = kmers_to_strings(alternatives.key, 31)
    for row in range(0, len(alternatives), 97):
        window, to = strings[row], "ACGT"[alternatives.to[row]]
        forward = window[12:15] + to + window[15]
        swap = str.maketrans("ACGT", "TGCA")
        backward = window[18:15:-1].translate(swap) + (to + window[15]).translate(swap)
        expected = [backward, forward] if against[row] else [forward, backward]
        for side in range(2):
            number = int("".join(str("ACGT".index(b)) for b in expected[side]), 4)
            assert classes[side, row] == number


def test_the_odds_follow_what_is_beyond_doubt():
    assert log_prior(0, 1e6) == pytest.approx(np.log(0.5 / 3e6))
    assert log_prior(300, 500_000) == pytest.approx(np.log(300.5 / 1.5e6))
    assert np.isfinite(log_prior(0, 0))


def test_recurrence_is_a_poisson_tail():
    n, expected = np.array([1.0, 3, 9]), np.array([0.5, 0.5, 2.0])
    assert recurrence(n, expected) == pytest.approx(-np.log10(stats.poisson.sf(n - 1, expected)))
    assert recurrence(np.array([500.0]), np.array([0.1]))[0] == 20


def test_what_is_not_known_is_zero_and_said_to_be(plain):
    """k-mers without reads: NaN in, zeros and two flags out."""
    alternatives = plain.alternatives
    support = alternatives.support.copy()
    support[:, 2:] = np.nan
    bare = replace(alternatives, support=support)
    context = describe_sample(bare, peak=90, error_rate=0.004, genome_size=3e4)
    every = np.arange(len(bare))
    windows = build_windows(replace(plain, alternatives=bare, context=context), every)
    assert np.isfinite(windows.globals_).all()
    named = dict(zip(GLOBALS, windows.globals_.T, strict=True))
    assert not named["known_reads"].any()
    assert not named["known_qualities"].any()
    assert not named["high_quality"].any()
    assert not named["rarer_strand"].any()
    assert (named["anchor"] >= bare.odds.astype(np.float32)).all()
    whole = build_windows(plain, every)
    assert (whole.globals_[:, GLOBALS.index("known_reads")] == 1).all()


def test_mates_turn_the_weight():
    error, quality = np.full(3, 0.001), np.array([0, 30, 30], np.uint8)
    apart, agrees, denies = evidence_weights(error, np.array([APART, AGREES, DENIES]), quality)
    assert agrees == 2e4
    assert apart == pytest.approx(0.997 / 0.001)
    # The mate may show another copy of a repeat: it takes off a factor of fifty at most.
    assert denies == pytest.approx(apart * 0.02)


def test_ranks_and_mean_rates():
    profile = np.zeros((4, 94), np.int64)
    profile[:, 10], profile[:, 30] = 25, 75
    ranks = quality_ranks(profile)
    assert (ranks[10], ranks[30], ranks[40]) == pytest.approx((0.125, 0.625, 1.0))
    rates = np.zeros((4, 4, 94))
    rates[0, 1, 10], rates[3, 2, 30] = 0.04, 0.01
    # A read as C on one strand is T read as G on the other.
    expected = (0.25 * 0.04 + 0.75 * 0.01) / 2
    assert mean_rates(rates, profile)[0, 1] == pytest.approx(expected)
    assert mean_rates(rates, profile)[3, 2] == pytest.approx(expected)


def test_deep_samples_let_more_errors_meet():
    assert recurring(4, 1000, 10) == 3
    assert recurring(4, 1000, 100) == 4
    assert recurring(4, 1000, 5000) > 20


def test_a_mixture_has_better_odds_than_a_clone(plain):
    reads, _, _ = mixture(length=3000, depth=40, seed=2)
    batch = next(simulate.to_batches(reads))
    table = table_of(batch, k=K)
    clone = gather([batch], table, fit_spectrum(table)).context
    assert clone.prior <= plain.context.prior
