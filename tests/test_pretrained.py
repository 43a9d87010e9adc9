"""The weights that ship: they load, their thresholds are there, and they judge sensibly."""

import numpy as np
import pytest

from benchmarks.simulators import simulate
from benchmarks.training.evidence import evidence_of
from dbgclean.correct.correctors import PRETRAINED
from dbgclean.correct.verdicts import ERROR, REAL, network_verdicts
from dbgclean.evidence.edits import WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS, SCHEME
from dbgclean.model import load_model, read_card

DEPTH = 24


@pytest.fixture(scope="module")
def model():
    return load_model(
        PRETRAINED, positions=WINDOW, channels=CHANNELS, globals_=len(GLOBALS), scheme=SCHEME
    )


@pytest.fixture(scope="module")
def card():
    return read_card(PRETRAINED).card


@pytest.fixture(scope="module")
def mixture():
    """Evidence of a shallow mixture, alleles at 10 %, and which alternatives are real."""
    genome = simulate.random_genome(60_000, seed=11)
    sites = simulate.draw_sites(genome, spacing=500, fractions=(0.1,), seed=3)
    reads = simulate.simulate_reads(genome, depth=DEPTH, sites=sites, seed=4)
    evidence = evidence_of(list(simulate.to_batches(reads)))
    true = simulate.true_kmers(genome, sites, WINDOW)
    return evidence, np.isin(evidence.alternatives.key, true)


@pytest.fixture(scope="module")
def verdicts(model, card, mixture):
    evidence, _ = mixture
    return network_verdicts(evidence, model, card["error_threshold"], card["real_threshold"])


def test_card_gives_the_thresholds(card):
    assert 0 < card["error_threshold"] <= card["real_threshold"] < 1
    assert card["scheme"] == SCHEME


def test_model_card_states_the_same_thresholds(card):
    text = (PRETRAINED / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"P(real) >= {card['real_threshold']}" in text
    assert f"P(real) <= {card['error_threshold']}" in text


def test_well_supported_alleles_are_real(mixture, verdicts):
    evidence, real = mixture
    alternatives = evidence.alternatives
    both = (alternatives.column("reverse") > 0) & (
        alternatives.column("reverse") < alternatives.fragments
    )
    good = real & both & (alternatives.column("high_quality") >= 3)
    assert good.sum() > 10
    assert (verdicts.verdict[good] == REAL).mean() > 0.9


def test_lone_bases_of_low_quality_are_errors(mixture, verdicts):
    evidence, _ = mixture
    alternatives = evidence.alternatives
    lone = (alternatives.fragments == 1) & (alternatives.column("best_quality") <= 10)
    assert lone.sum() > 500
    assert (verdicts.verdict[lone] == ERROR).all()


def test_few_errors_are_kept(mixture, verdicts):
    _, real = mixture
    assert (~real).sum() > 3000
    assert (verdicts.kept & ~real).sum() < 0.5 * (verdicts.kept & real).sum(), verdicts.count()


def test_posteriors_do_not_depend_on_threads(model, card, mixture, verdicts):
    evidence, _ = mixture
    cuts = card["error_threshold"], card["real_threshold"]
    again = network_verdicts(evidence, model, *cuts, threads=2)
    np.testing.assert_array_equal(again.posterior, verdicts.posterior)
