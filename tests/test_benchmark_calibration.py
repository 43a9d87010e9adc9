"""Calibration benchmark: scores by hand, tests against scipy, mixtures end to end."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.calibration import __main__ as calibration
from benchmarks.calibration import samples as mixtures
from benchmarks.calibration import score as scoring
from benchmarks.simulators import instruments, simulate
from benchmarks.simulators.truth import K12
from dbgclean.evidence.alternatives import COLUMNS, Alternatives
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS, SCHEME
from dbgclean.model import Autoencoder, AutoencoderConfig, save_model

GENOME = simulate.random_genome(12_000, seed=5)


def alternatives(high, high_reverse, along, against, rate=1e-3, fragments=None):
    """Rows with good support by strand and other reads by strand."""
    n = len(high)
    support = np.zeros((n, len(COLUMNS)))
    support[:, COLUMNS.index("fragments")] = high if fragments is None else fragments
    support[:, COLUMNS.index("high_quality")] = high
    support[:, COLUMNS.index("high_quality_reverse")] = high_reverse
    key = np.arange(n, dtype=np.uint64) << np.uint64(2 * FLANK)
    zeros = np.zeros(n)
    return Alternatives(
        key=key,
        to=((key >> np.uint64(2 * FLANK)) + 1 & np.uint64(3)).astype(np.uint8),
        support=support,
        depth=np.stack([along, against], axis=1).astype(float),
        to_depth=zeros,
        siblings=zeros.astype(np.int64),
        likelihood=zeros,
        odds=zeros,
        fraction=zeros,
        expected=zeros,
        mean_quality=np.zeros((n, WINDOW), np.uint8),
        co_edited=np.zeros((n, WINDOW), np.uint8),
        of_edit=np.zeros(0, np.int64),
        rates=np.full((4, 4, 94), rate),
    )


def all_at(quality):
    profile = np.zeros((4, 94), np.int64)
    profile[:, quality] = 1000
    return profile


def test_calibration_error_by_hand():
    # Bin .3-.4: mean .35, one in two real. Bin .9-1: mean .95, one in two real.
    chance = np.array([0.31, 0.39, 0.95, 0.95, 0.01])
    real = np.array([True, False, True, False, False])
    expected = (2 * abs(0.35 - 0.5) + 2 * abs(0.95 - 0.5)) / 4
    assert scoring.equal_width_error(chance, real) == pytest.approx(expected)
    everything = (4 * expected + 0.01) / 5
    assert scoring.equal_width_error(chance, real, above=-1) == pytest.approx(everything)


def test_bins_say_what_lies_in_them():
    chance = np.array([0.05, 0.05, 1.0, 0.95])
    rows = scoring.bins_of(chance, np.array([False, True, True, True]))
    assert [row["count"] for row in rows] == [2, 2]
    assert [row["share"] for row in rows] == [0.5, 1.0]
    assert rows[0]["low"] == pytest.approx(0.0945, abs=1e-4), "Wilson's interval for 1 of 2"
    assert rows[0]["high"] == pytest.approx(0.9055, abs=1e-4)


def test_adaptive_bins_hold_equal_numbers():
    chance = np.linspace(0.03, 1, 40)
    real = np.zeros(40, bool)
    assert scoring.adaptive_error(chance, real) == pytest.approx(chance.mean())
    assert scoring.adaptive_error(np.zeros(5), np.zeros(5, bool)) == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_perfect_chances_stay_near_the_floor(seed):
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.5, 0.5, 4000)
    real = rng.random(4000) < chance
    mean, high = scoring.calibration_floor(chance)
    assert 0 < mean < high < 0.05
    assert scoring.equal_width_error(chance, real) < 2 * high
    assert scoring.equal_width_error(np.minimum(1, chance + 0.15), real) > high


def test_chance_scores_of_certainty():
    found = scoring.chance_scores(np.array([1.0, 0.0, 1.0]), np.array([True, False, True]))
    assert (found["calibration_error"], found["brier"], found["above_0.02"]) == (0, 0, 2)
    assert found["log_loss"] == pytest.approx(0, abs=1e-6)


def test_precision_leaves_other_fractions_out():
    score = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    real = np.array([True, True, False, True, False])
    fraction = np.array([0.05, 0.01, np.nan, 0.01, np.nan])
    found = scoring.precision_by_fraction(score, real, fraction)
    assert found["0.05"] == {"average_precision": 1.0, "alleles": 1}
    # Ranks of the two: first of one, and third behind an error.
    assert found["0.01"]["average_precision"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)


def test_binomial_is_scipys():
    a = alternatives([3, 1], [1, 0], [50, 0], [47, 99])
    found = scoring.binomial_score(a, 0.003)
    expected = [-np.log10(stats.binom.sf(n - 1, 100, 0.001)) for n in (3, 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_quality_counts_good_bases_only():
    a = alternatives([4, 0, 300], [2, 0, 150], [48, 50, 0], [48, 50, 0], fragments=[4, 9, 300])
    found = scoring.quality_score(a, all_at(35))
    assert found[0] == pytest.approx(-np.log10(stats.poisson.sf(3, 100 * 1e-3)), rel=1e-6)
    assert found[1] == 0, "nine bad bases say nothing"
    assert np.isfinite(found[2]), "beyond what a float can tell from zero"
    assert found[2] > 280
    assert (scoring.quality_score(a, all_at(10))[0]) > found[0], "no good bases but these"


def test_strand_bias_is_fishers():
    a = alternatives([6, 6, 1], [6, 3, 1], [50, 50, 50], [50, 50, 50])
    found = scoring.strand_bias(a, all_at(35))
    smaller = stats.fisher_exact([[6, 0], [50, 50]], alternative="greater").pvalue
    assert found[0] == pytest.approx(-np.log10(2 * smaller), rel=1e-6)
    assert found[1] == 0
    assert found[2] == 0, "one read has one strand"
    quality = np.array([9.0, 5.0, 1.0])
    ranks = scoring.with_strand(quality, np.array([4.0, 0.5, 0.0]), filtered=True)
    assert list(np.argsort(-ranks)) == [1, 2, 0], "what fails comes last"
    assert list(scoring.with_strand(quality, found, filtered=False)[1:]) == [5, 1]


def test_each_haplotype_carries_its_own_alleles_only():
    mixture = mixtures.draw_mixture(GENOME, 300, seed=2)
    assert sum(share for _, share in mixture.haplotypes) == pytest.approx(1)
    assert np.array_equal(mixture.haplotypes[0][0], GENOME)
    for (sequence, share), fraction in zip(mixture.haplotypes[1:], mixtures.FRACTIONS, strict=True):
        assert share == fraction
        own = mixture.sites.position[mixture.sites.fraction == fraction]
        assert np.array_equal(np.flatnonzero(sequence != GENOME), own)


def test_systematic_errors_strike_their_strand_at_their_rate():
    reads = simulate.simulate_reads(GENOME, depth=60, profile=simulate.UniformProfile(1e-9), seed=3)
    places = np.array([3000, 6000])
    systematic = simulate.Systematic(
        position=places,
        reverse=np.array([False, True]),
        alt=(GENOME[places] + 1) & 3,
        rate=np.array([1.0, 0.5]),
        low_share=1.0,
    )
    struck = instruments.inject_systematic(reads, systematic, seed=1)
    again = instruments.inject_systematic(reads, systematic, seed=1)
    assert np.array_equal(struck.codes, again.codes)
    wrong = struck.codes != reads.codes
    assert (struck.quals[wrong] < 15).all()
    assert (struck.quals == reads.quals)[~wrong].all()
    row, column = np.nonzero(wrong)
    offset = np.where(reads.reverse[row], reads.codes.shape[1] - 1 - column, column)
    place = reads.position[row] + offset
    assert set(place.tolist()) == {3000, 6000}
    assert np.array_equal(reads.reverse[row], place == 6000)
    over = (reads.position <= 3000) & (reads.position + reads.codes.shape[1] > 3000)
    assert (place == 3000).sum() == (over & ~reads.reverse).sum()
    forward = np.where(reads.reverse[row], 3 - struck.codes[row, column], struck.codes[row, column])
    assert np.array_equal(forward, (GENOME[place] + 1) & 3)


def small_model(folder):
    config = AutoencoderConfig(
        positions=WINDOW, channels=CHANNELS, globals_=len(GLOBALS), hidden=(8,), scheme=SCHEME
    )
    save_model(folder, Autoencoder(config), {"real_threshold": 0.3, "error_threshold": 0.2})


def own_reads(sequence, *, depth, seed):
    """Stands in for a simulator of somebody else."""
    return simulate.simulate_reads(sequence, depth=depth, seed=seed), f"own -f {depth:g} -rs {seed}"


@pytest.fixture
def gathered():
    mixture = mixtures.draw_mixture(GENOME, 300, seed=2)
    parts = [
        own_reads(sequence, depth=80 * share, seed=number)[0]
        for number, (sequence, share) in enumerate(mixture.haplotypes)
    ]
    names = ("codes", "quals", "truth", "position", "reverse", "kind")
    joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
    facts = {"simulator": "own", "depth": 80.0, "seed": 1, "systematic": False, "commands": ["x"]}
    return mixtures.gather_mixture(replace(parts[0], **joined), mixture, facts)


def test_evidence_is_kept_whole(gathered, tmp_path):
    path = tmp_path / "one.npz"
    mixtures.save_gathered(path, gathered)
    back = mixtures.load_gathered(path)
    for name in Alternatives.__slots__:
        np.testing.assert_array_equal(
            getattr(back.alternatives, name), getattr(gathered.alternatives, name)
        )
    assert back.context.prior == gathered.context.prior
    assert back.facts == gathered.facts
    assert not np.isnan(back.fraction[back.real]).all(), "some alleles were proposed"
    assert np.isnan(back.fraction[~back.real]).all()


def test_end_to_end(tmp_path, monkeypatch):
    data = tmp_path / "data" / "genomes"
    data.mkdir(parents=True)
    simulate.write_fasta(data / K12, [("g", GENOME)])
    monkeypatch.setattr(calibration, "_SLICES", -300_000)
    monkeypatch.setitem(mixtures.SIMULATORS, "dwgsim", own_reads)
    small_model(tmp_path / "model")
    words = f"--data {data.parent} --model {tmp_path / 'model'} -o {tmp_path / 'results'}"
    sizes = "--simulators dwgsim --depths 60 --seeds 1 --length 12000 --spacing 100"
    assert calibration.main([*words.split(), *sizes.split()]) == 0
    made = {path.name for path in (tmp_path / "results").iterdir()}
    assert made == {
        "calibration.json",
        "calibration_precision.png",
        "calibration_reliability.png",
    }


@pytest.mark.skipif(not shutil.which("art_illumina"), reason="art_illumina is not installed")
def test_art_reads_a_mixture():
    mixture = mixtures.draw_mixture(GENOME, 300, seed=2)
    reads, commands = mixtures.read_mixture(mixture, "art-HSXt", 30, seed=1)
    assert reads.codes.size == pytest.approx(30 * len(GENOME), rel=0.05)
    assert len(commands) == len(mixture.haplotypes)
    shares = np.bincount(reads.haplotype) / len(reads)
    assert shares[1] == pytest.approx(0.5, abs=0.03)
