"""The anchored network: bounded by the anchor, rising with it, and blind to it otherwise."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_training_finetune import COMPLEMENT, draw_rows

from dbgclean.model import Autoencoder, AutoencoderConfig, load_model, predict, save_model
from dbgclean.model.calibration import middle_posteriors
from dbgclean.training.finetune import FineTuneSettings, fine_tune, fold, moments, unfold

POSITIONS, CHANNELS, GLOBALS, BOUND = 7, 10, 4, 2.0
CONFIG = AutoencoderConfig(POSITIONS, CHANNELS, GLOBALS, hidden=(12,), latent=6, bound=BOUND)


def network(size=1.0, seed=3):
    """Weights drawn at random, ``size`` times as large as training would make them."""
    model = Autoencoder(CONFIG)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "line":
                parameter += size * torch.randn(parameter.shape, generator=generator)
    return model.eval()


def inputs(n, seed=1):
    rng = np.random.default_rng(seed)
    rows = draw_rows(n, seed)
    globals_ = rng.normal(0, 2, (n, GLOBALS)).astype(np.float32)
    globals_[:, -1] = rng.uniform(-20, 60, n)
    return rows.windows, globals_, rows.observed


def log_odds(model, windows, globals_, observed):
    """Of the own base in the middle, in double precision."""
    with torch.inference_mode():
        arrays = (torch.from_numpy(a) for a in (windows, globals_, observed))
        middle = model.double()(*arrays)[:, POSITIONS // 2].numpy()
    rows, own = np.arange(len(observed)), observed[:, POSITIONS // 2]
    rest = middle.copy()
    rest[rows, own] = -np.inf
    return middle[rows, own] - np.logaddexp.reduce(rest, axis=1)


class Double(Autoencoder):
    """The same network in double precision."""

    def _as_float(self, values):
        return super()._as_float(values).double()


def doubled(model):
    double = Double(model.config)
    double.load_state_dict(model.state_dict())
    return double.double().eval()


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 20), st.integers(0, 1000))
def test_no_weights_move_the_odds_further_than_the_bound(size, seed):
    model = doubled(network(size, seed))
    arrays = inputs(60, seed)
    moved = log_odds(model, *arrays) - (arrays[1][:, -1].astype(float) - 9)
    assert (np.abs(moved) <= BOUND + 1e-4).all()


def test_what_the_anchor_holds_certain_stays_so():
    windows, globals_, observed = inputs(200)
    for seed in range(5):
        chance = middle_posteriors(network(5.0, seed), windows, globals_, observed)[:, 0]
        assert (chance[globals_[:, -1] > 9 + BOUND] > 0.5).all()
        assert (chance[globals_[:, -1] < 9 - BOUND] < 0.5).all()


@settings(max_examples=25, deadline=None)
@given(st.floats(0.001, 30), st.integers(0, 1000))
def test_odds_rise_with_the_anchor_and_by_nothing_else_that_it_touches(step, seed):
    model = doubled(network(3.0, seed))
    windows, globals_, observed = inputs(60, seed)
    more = globals_.copy()
    more[:, -1] += np.float32(step)
    before = log_odds(model, windows, globals_, observed)
    after = log_odds(model, windows, more, observed)
    risen = more[:, -1].astype(float) - globals_[:, -1]
    np.testing.assert_allclose(after - before, risen, atol=1e-5)


def test_a_slope_never_falls():
    model = network()
    with torch.no_grad():
        model.line[0] = -3.0
    windows, globals_, observed = inputs(50)
    more = globals_ + np.float32([0, 0, 0, 5])
    before = middle_posteriors(model, windows, globals_, observed)[:, 0]
    assert (middle_posteriors(model, windows, more, observed)[:, 0] >= before).all()


def test_the_other_bases_share_what_is_left():
    posteriors = predict(network(), *inputs(50))
    np.testing.assert_allclose(posteriors.sum(axis=2), 1, atol=1e-5)


def test_the_anchor_is_not_folded():
    model, (windows, globals_, observed) = network(0.2), inputs(80)
    before = predict(model, windows, globals_, observed)
    mean, scale = moments(model, globals_)
    assert (mean[-1], scale[-1]) == (0, 1)
    unfold(model, mean, scale)
    standard = ((globals_ - mean) / scale).astype(np.float32)
    np.testing.assert_allclose(predict(model, windows, standard, observed), before, atol=2e-4)
    fold(model, mean, scale)
    np.testing.assert_allclose(predict(model, windows, globals_, observed), before, atol=2e-4)


def test_weights_with_a_bound_survive_the_disk(tmp_path):
    model, arrays = network(), inputs(40)
    save_model(tmp_path / "m", model, {})
    again = load_model(tmp_path / "m", scheme="")
    assert again.config == CONFIG
    assert np.array_equal(predict(again, *arrays), predict(model, *arrays))


def test_fine_tuning_keeps_within_the_bound():
    rows = draw_rows(2000)
    rng = np.random.default_rng(4)
    anchor = np.where(rows.globals_[:, 0] > 6, 10, 8) + rng.normal(0, 2, 2000)
    globals_ = np.column_stack([rows.globals_, anchor]).astype(np.float32)
    rows = rows._replace(globals_=globals_)
    model = network(0.05)
    settings_ = FineTuneSettings(steps=150, batch=128, learning_rate=3e-3, anchor=0.0)
    tuned = fine_tune(copy.deepcopy(model), rows, COMPLEMENT, (0.5, 0.4), settings_)
    assert tuned.accepted, tuned.reason
    slope, offset = tuned.model.line.detach().numpy()
    odds = log_odds(doubled(tuned.model), rows.windows, globals_, rows.observed)
    moved = odds - (slope * (globals_[:, -1].astype(float) - 9) + offset)
    assert (np.abs(moved) <= BOUND + 1e-3).all()


@pytest.mark.parametrize(
    "changes", [{"bound": -1.0}, {"globals_": 0}, {"temperature": 1.2}], ids=lambda c: next(iter(c))
)
def test_a_bound_that_makes_no_sense_is_refused(changes):
    with pytest.raises(ValueError, match="bound|temperature"):
        replace(CONFIG, **changes)
