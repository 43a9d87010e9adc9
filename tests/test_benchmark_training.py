"""The recipe of the shipped weights: samples that are drawn anew, scores, a small training."""

import numpy as np
import pytest

from benchmarks.simulators import simulate
from benchmarks.simulators.family import duplicates, independent, strand
from benchmarks.simulators.family.reading import Errors
from benchmarks.training import families as train_families
from benchmarks.training.evidence import Case, gather_cases, gather_examples
from benchmarks.training.score import line, logistic, score_family, table
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS
from dbgclean.training.recipe import Examples, Recipe, chance_real, fit, left_out_thresholds

_RARER = GLOBALS.index("rarer_strand")


@pytest.fixture(autouse=True)
def short_genomes(monkeypatch):
    """Random genomes, so that no shared data is needed; short ones."""

    def genome(rng, size, data):
        return simulate.random_genome(6_000, int(rng.integers(1 << 31)))

    monkeypatch.setattr(train_families, "_genome", genome)


@pytest.mark.parametrize("family", ["duplicates", "no_qualities", "low_depth"])
def test_samples_follow_from_their_seed(family, tmp_path):
    one, same, other = (train_families.draw_sample(family, seed, tmp_path) for seed in (1, 1, 2))
    assert one.family == family
    assert one.codes.tobytes() == same.codes.tobytes()
    assert one.quals.tobytes() == same.quals.tobytes()
    assert one.codes.shape != other.codes.shape or (one.codes != other.codes).any()


def test_constants_are_drawn_and_put_back():
    seen = []
    before = strand.RATES, strand.LOW, duplicates.COPIES, independent.Errors
    with train_families._constants("strand", np.random.default_rng(1)):
        seen.append((strand.RATES, strand.PER_BASE, strand.Errors().rate))
    with train_families._constants("strand", np.random.default_rng(2)):
        seen.append((strand.RATES, strand.PER_BASE, strand.Errors().rate))
    assert seen[0] != seen[1]
    assert (strand.RATES, strand.LOW, duplicates.COPIES, independent.Errors) == before
    assert independent.Errors is Errors


def test_evidence_is_kept_and_found_again(tmp_path):
    case = Case("independent", 7)
    first = gather_cases([case], tmp_path, tmp_path / "cache")[0]
    assert (tmp_path / "cache" / case.file_name).exists()
    rows, same = (gather_examples([case], tmp_path, tmp_path / "cache") for _ in range(2))
    for name in Examples._fields:
        np.testing.assert_array_equal(getattr(rows, name), getattr(same, name))
    assert rows.real.any()
    assert not rows.real.all()
    assert (rows.anchor >= first.alternatives.odds.astype(np.float32)).all()
    assert (rows.target[rows.real] == rows.observed[rows.real]).all()
    assert (rows.target[~rows.real, FLANK] != rows.observed[~rows.real, FLANK]).all()


def examples(n=4000, seed=1):
    """The anchor tells most of it; what is on both strands is real a little more often."""
    rng = np.random.default_rng(seed)
    both = rng.random(n) < 0.5
    anchor = rng.uniform(3, 16, n)
    real = rng.random(n) < logistic(anchor - 9 + np.where(both, 2, -2))
    observed = rng.integers(0, 4, (n, WINDOW)).astype(np.uint8)
    target = observed.copy()
    target[~real, FLANK] ^= 1
    globals_ = rng.random((n, len(GLOBALS))).astype(np.float32)
    globals_[:, _RARER], globals_[:, -1] = both, anchor
    windows = rng.integers(0, 256, (n, WINDOW, CHANNELS)).astype(np.uint8)
    group = np.where(real & (rng.random(n) < 0.5), "0.1", "")
    nothing = np.full(n, -9.0)
    family, sample = rng.integers(0, 2, n), rng.integers(0, 20, n)
    known = np.ones(n, bool)
    columns = (windows, globals_, observed, target, real, known, anchor, anchor, nothing, nothing)
    return Examples(*columns, group, family, sample)


def test_what_the_anchor_does_not_know_is_learned():
    rows, test = examples(), examples(seed=2)
    model, history = fit(rows, Recipe(steps=150, batch=256, bound=3.0))
    chance = chance_real(model, test)
    slope, offset = line(rows)
    assert 0.6 < slope < 1.1
    kept = {"ratio": test.ratio > 9, "likelihood": test.anchor > 9}
    chances = {"ratio": logistic(test.ratio - 9), "likelihood": logistic(test.anchor - 9)}
    chances |= {"line": logistic(slope * test.anchor + offset), "autoencoder": chance}
    kept |= {"line": chances["line"] > 0.5, "autoencoder": chance > 0.5}
    scores = score_family(test, chances, kept)
    network, anchor = scores["autoencoder"], scores["likelihood"]
    assert network["false_at_ratio"] < 0.8 * anchor["false_at_ratio"]
    assert (
        network["alleles"]["0.1"][1] == anchor["alleles"]["0.1"][1] == (test.fraction != "").sum()
    )
    assert len(table({"family": scores})) == 3
    assert history.steps[-1] == 150
    moved = np.log(chance / (1 - chance)) - (model.line[0].item() * (test.anchor - 9))
    assert (np.abs(moved - model.line[1].item()) < 3.01).all()


def test_thresholds_come_from_families_that_were_not_seen():
    rows = examples()
    perfect = logistic(rows.anchor - 9 + np.where(rows.globals_[:, _RARER] > 0.5, 2, -2))
    seen = {number: perfect[rows.family == number] for number in range(2)}
    real, error = left_out_thresholds(rows, seen, 1.0)
    assert 0.35 < real < 0.65
    assert 0 < error < real
    lower, _ = left_out_thresholds(rows, seen, 4.0)
    assert lower < real
