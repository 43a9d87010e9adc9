"""Fine-tuning: what is folded stays the same, what is killed goes on, what is no better goes."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dbgclean.errors import ModelError
from dbgclean.model import Autoencoder, AutoencoderConfig, predict
from dbgclean.model.calibration import (
    average_precision,
    best_temperature,
    calibration_error,
    log_loss,
    middle_posteriors,
    thresholds,
)
from dbgclean.training.checkpoint import Checkpoint
from dbgclean.training.comparison import (
    ERROR,
    JUDGE,
    REAL,
    STOP,
    TRAIN,
    UNKNOWN,
    LabelledWindows,
    _shift,
)
from dbgclean.training.finetune import (
    FineTuneSettings,
    absorb_temperature,
    fine_tune,
    fold,
    turned_batches,
    unfold,
)
from dbgclean.training.optimising import Batch, TrainingSettings, shuffled_batches, train

POSITIONS, CHANNELS, GLOBALS = 7, 10, 3
COMPLEMENT = np.array([3, 2, 1, 0, 7, 6, 5, 4, 8, 9])


@pytest.fixture
def model():
    """A small network that does not merely copy."""
    config = AutoencoderConfig(
        POSITIONS, CHANNELS, GLOBALS, hidden=(12,), latent=6, temperature=1.3
    )
    network = Autoencoder(config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return network.eval()


def draw_rows(n, seed=1, informative=True):
    """Rows whose first global tells what is real, or nothing does."""
    rng = np.random.default_rng(seed)
    observed = rng.integers(0, 4, (n, POSITIONS)).astype(np.uint8)
    to = ((observed[:, POSITIONS // 2] + rng.integers(1, 4, n)) & 3).astype(np.uint8)
    windows = np.zeros((n, POSITIONS, CHANNELS), np.uint8)
    for base in range(4):
        windows[:, :, base] = 255 * (observed == base)
    globals_ = rng.normal(5, 2, (n, GLOBALS)).astype(np.float32)
    real = globals_[:, 0] > 6 if informative else rng.random(n) < 0.3
    label = np.where(rng.random(n) < 0.5, np.where(real, REAL, ERROR), UNKNOWN)
    part = rng.choice([TRAIN, STOP, JUDGE], n, p=[0.6, 0.2, 0.2])
    return LabelledWindows(
        windows,
        globals_,
        observed,
        to,
        label.astype(np.uint8),
        np.ones(n, np.float32),
        part.astype(np.uint8),
        (label == UNKNOWN) & (rng.random(n) < 0.5),
    )


def test_what_is_unfolded_and_folded_again_predicts_the_same(model):
    rows = draw_rows(50)
    before = predict(model, rows.windows, rows.globals_, rows.observed)
    mean, scale = np.array([5.0, 4, 3]), np.array([2.0, 0.5, 1e-3])
    unfold(model, mean, scale)
    standard = ((rows.globals_ - mean) / scale).astype(np.float32)
    between = predict(model, rows.windows, standard, rows.observed)
    fold(model, mean, scale)
    after = predict(model, rows.windows, rows.globals_, rows.observed)
    np.testing.assert_allclose(before, between, atol=2e-3)
    np.testing.assert_allclose(before, after, atol=2e-3)


def test_folding_blinds_the_encoder_where_it_is_told(model):
    blind = np.zeros((POSITIONS, CHANNELS), bool)
    blind[0, :8] = True
    fold(model, np.zeros(GLOBALS), np.ones(GLOBALS), blind)
    weight = model.encoder[0].weight.detach().numpy()
    assert not weight[:, :8].any()
    assert weight[:, 8:10].all()


def test_a_temperature_absorbed_leaves_the_chances(model):
    rows = draw_rows(50)
    before = predict(model, rows.windows, rows.globals_, rows.observed)
    absorb_temperature(model)
    assert model.config.temperature == 1
    after = predict(model, rows.windows, rows.globals_, rows.observed)
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_turned_rows_are_reverse_complements():
    rows = draw_rows(200)
    batch = Batch(rows.windows, rows.globals_, rows.observed, rows.observed)
    (turned,) = turned_batches(lambda epoch: iter([batch]), COMPLEMENT, 1, 0)
    same = (turned.observed == batch.observed).all(axis=1)
    other = (turned.observed == 3 - batch.observed[:, ::-1]).all(axis=1)
    assert (same | other).all()
    assert 50 < same.sum() < 150
    assert (turned.windows[:, :, :4].argmax(axis=2) == turned.observed).all()
    again = next(turned_batches(lambda epoch: iter([batch]), COMPLEMENT, 1, 0))
    assert (again.observed == turned.observed).all()


def training_of(model, rows, folder=None, stop_after=None):
    """Train on rows; stop like a killed process after so many looks."""

    class Killed(Exception):
        pass

    class Stopping(Checkpoint):
        looks = 0

        def save_training(self, tensors, plain):
            super().save_training(tensors, plain)
            self.looks += 1
            if self.looks == stop_after:
                raise Killed

    batch = Batch(rows.windows, rows.globals_, rows.observed, rows.observed)
    checkpoint = None
    if folder is not None:
        checkpoint = Stopping(folder, {"seed": 1})
        if not checkpoint.exists():
            checkpoint.begin()
    tuned = copy.deepcopy(model)
    settings_ = TrainingSettings(steps=40, evaluate_every=5, anchor=0.1)
    try:
        history = train(
            tuned, shuffled_batches(batch, 32), settings_, [batch], checkpoint=checkpoint
        )
    except Killed:
        return None
    return history.to_dict(), {name: t.numpy() for name, t in tuned.state_dict().items()}


@pytest.mark.parametrize("looks", [1, 3, 8])
def test_a_killed_training_goes_on_to_the_same_bits(model, tmp_path, looks):
    rows = draw_rows(150)
    whole = training_of(model, rows)
    assert training_of(model, rows, tmp_path / "c", looks) is None
    history, state = training_of(model, rows, tmp_path / "c")
    assert history == whole[0]
    for name, array in state.items():
        assert array.tobytes() == whole[1][name].tobytes(), name


def test_an_anchor_holds_the_weights(model):
    rows = draw_rows(300)
    target = rows.observed.copy()
    target[:, POSITIONS // 2] = rows.to
    batch = Batch(rows.windows, rows.globals_, rows.observed, target)
    gone = []
    for anchor in (0.0, 10.0):
        tuned = copy.deepcopy(model)
        train(
            tuned,
            shuffled_batches(batch, 64),
            TrainingSettings(steps=60, evaluate_every=60, weight_decay=0, anchor=anchor),
            [batch],
        )
        now, then = tuned.state_dict(), model.state_dict()
        gone.append(sum(float(((now[name] - then[name]) ** 2).sum()) for name in then))
    assert gone[1] < 0.1 * gone[0]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    Checkpoint(tmp_path / "c", {"seed": 1, "k": [25, None]}).begin()
    Checkpoint(tmp_path / "c", {"seed": 1, "k": (25, None)}).check()
    with pytest.raises(ModelError, match="differs in seed"):
        Checkpoint(tmp_path / "c", {"seed": 2, "k": (25, None)}).check()


def test_a_damaged_checkpoint_is_told_of(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c", {})
    checkpoint.begin()
    checkpoint.save_examples({"a": np.arange(3)}, {"reads": 1})
    arrays, facts = checkpoint.load_examples()
    assert arrays["a"].tolist() == [0, 1, 2]
    assert facts == {"reads": 1}
    path = tmp_path / "c" / "examples.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged"):
        checkpoint.load_examples()
    checkpoint.remove()
    assert not (tmp_path / "c").exists()


def tune(model, rows, **more):
    return fine_tune(
        model, rows, COMPLEMENT, (0.5, 0.4), FineTuneSettings(steps=200, batch=128, **more)
    )


def test_what_helps_is_kept(model):
    rows = draw_rows(3000)
    tuned = tune(model, rows, learning_rate=3e-3, anchor=0.0)
    assert tuned.accepted
    before, after = tuned.figures["before"], tuned.figures["after"]
    assert after["cost"] < before["cost"]
    assert after["average_precision"] > before["average_precision"]
    own = rows.take(np.flatnonzero(rows.as_it_came))
    stay = [
        int((middle_posteriors(m, own.windows, own.globals_, own.observed)[:, 0] > 0.4).sum())
        for m in (model, tuned.model)
    ]
    assert stay[1] <= stay[0]


def test_what_does_not_help_leaves_the_weights(model):
    """The labels are as the network says already: nothing is to be learned."""
    rows = draw_rows(1500, informative=False)
    chance = middle_posteriors(model, rows.windows, rows.globals_, rows.observed)[:, 0]
    real = np.random.default_rng(2).random(1500) < chance
    label = np.where(rows.known, np.where(real, REAL, ERROR), UNKNOWN).astype(np.uint8)
    tuned = tune(model, rows._replace(label=label))
    assert not tuned.accepted
    assert tuned.model is model
    assert (tuned.real_threshold, tuned.error_threshold) == (0.5, 0.4)


def test_blind_weights_stay_zero(model):
    with torch.no_grad():
        model.encoder[0].weight[:, :8] = 0
    tuned = tune(model, draw_rows(3000), learning_rate=3e-3, anchor=0.0)
    assert tuned.accepted
    assert not tuned.model.encoder[0].weight[:, :8].any()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.001, 0.999), max_size=30), st.floats(0, 30), st.floats(0.05, 0.9))
def test_no_more_stays_after_the_shift(chances, stayed, threshold):
    chance = np.array(chances)
    shift = _shift(chance, np.ones(len(chance)), stayed, threshold)
    odds = np.log(chance / (1 - chance)) + shift
    now = (1 / (1 + np.exp(-odds)) > threshold).sum()
    if abs(shift) < 3:
        assert now <= stayed


def test_calibration_finds_the_temperature_and_the_threshold():
    rng = np.random.default_rng(1)
    logit = rng.normal(-1, 2, 20_000)
    real = rng.random(20_000) < 1 / (1 + np.exp(-logit))
    weight = np.ones(20_000)
    sharp = 1 / (1 + np.exp(-1.5 * logit))
    rest = (1 - sharp) * 1e-9
    posteriors = np.stack([sharp, (1 - sharp), rest, rest], axis=1)
    assert 1.3 < best_temperature(posteriors, real, weight) < 1.7
    chance = 1 / (1 + np.exp(-logit))
    start, end = thresholds(chance, real, weight, 1.0)
    assert 0.4 < start < 0.6
    assert end < start
    assert calibration_error(chance, real, weight) < 0.02 < calibration_error(sharp, real, weight)
    assert log_loss(chance, real, weight) < log_loss(sharp, real, weight)
    assert average_precision(real.astype(float), real, weight) == 1


def test_settings_change_nothing_but_what_they_say(model):
    rows = draw_rows(600)
    first, second = tune(model, rows), tune(model, rows)
    assert first.history.to_dict() == second.history.to_dict()
    assert first.figures == second.figures
    other = tune(model, rows, seed=2)
    assert other.history.to_dict() != first.history.to_dict()
