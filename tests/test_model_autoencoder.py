"""The network copies before training, learns from evidence, and predicts reproducibly."""

import numpy as np
import pytest
import torch

from dbgclean.model import Autoencoder, AutoencoderConfig, predict
from dbgclean.model.network import check_shapes
from dbgclean.training.optimising import Batch, TrainingSettings, shuffled_batches, train

CONFIG = AutoencoderConfig(positions=7, channels=6, globals_=3, hidden=(24, 16), scheme="test")


def examples(n: int, seed: int, config: AutoencoderConfig = CONFIG) -> Batch:
    """Windows whose first four channels point at the clean base; 20 % of bases wrong."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 4, (n, config.positions), dtype=np.uint8)
    noise = rng.random(target.shape) < 0.2
    observed = np.where(noise, (target + 1) % 4, target).astype(np.uint8)
    windows = rng.integers(0, 60, (n, config.positions, config.channels), dtype=np.uint8)
    windows[..., :4] += 150 * np.eye(4, dtype=np.uint8)[target]
    globals_ = rng.integers(0, 255, (n, config.globals_), dtype=np.uint8)
    return Batch(windows, globals_, observed, target)


def disturbed_model(config: AutoencoderConfig = CONFIG) -> Autoencoder:
    """A model whose every weight is drawn at random, as after training."""
    model = Autoencoder(config)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model


def test_untrained_network_copies():
    batch = examples(50, 1)
    posteriors = predict(Autoencoder(CONFIG), *batch[:3])
    assert posteriors.shape == (50, 7, 4)
    assert posteriors.dtype == np.float32
    assert (posteriors.argmax(axis=2) == batch.observed).all()


def test_untrained_network_is_indifferent_where_no_base_was_observed():
    batch = examples(5, 1)
    batch.observed[:, 2] = 4
    posteriors = predict(Autoencoder(CONFIG), *batch[:3])
    assert (posteriors[:, 2] == 0.25).all()


def test_funnel_sizes():
    model = Autoencoder(AutoencoderConfig(positions=31, channels=45, globals_=32))
    linear = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in linear] == [96, 64, 62, 64, 124, 4, 31]
    assert 150_000 < model.n_parameters < 170_000


def test_one_train_step_changes_every_layer():
    batch = examples(64, 2)
    model = disturbed_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    history = train(model, lambda epoch: [batch], TrainingSettings(steps=1), [batch])
    assert history.steps == [1]
    assert all(not torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_training_learns_to_follow_the_evidence():
    training, held_out = examples(4000, 3), examples(500, 4)
    model = Autoencoder(CONFIG)
    settings = TrainingSettings(steps=400, learning_rate=3e-2, evaluate_every=100)
    history = train(model, shuffled_batches(training, 256), settings, [held_out])
    assert history.held_out_hamming[-1] < 0.01
    assert history.held_out_loss == sorted(history.held_out_loss, reverse=True)
    posteriors = predict(model, *held_out[:3])
    assert (posteriors.argmax(axis=2) != held_out.target).mean() == pytest.approx(
        history.held_out_hamming[-1], abs=1e-3
    )


def test_training_is_reproducible_and_ends_with_the_best_weights():
    training, held_out = examples(600, 3), examples(100, 4)
    models, histories = [], []
    for _ in range(2):
        model = Autoencoder(CONFIG)
        settings = TrainingSettings(steps=30, learning_rate=0.3, evaluate_every=3)
        histories.append(train(model, shuffled_batches(training, 64), settings, [held_out]))
        models.append(model)
    assert histories[0].to_dict() == histories[1].to_dict()
    assert np.array_equal(*(predict(model, *held_out[:3]) for model in models))
    best = histories[0].steps.index(histories[0].best_step)
    assert histories[0].held_out_loss[best] == min(histories[0].held_out_loss)


def test_early_stopping():
    training, held_out = examples(64, 3), examples(64, 4)
    # Held-out targets that contradict the training ones: every step makes it worse.
    held_out = held_out._replace(target=((held_out.target + 2) % 4).astype(np.uint8))
    settings = TrainingSettings(steps=500, learning_rate=1e-2, evaluate_every=5, patience=3)
    history = train(Autoencoder(CONFIG), lambda epoch: [training], settings, [held_out])
    assert history.steps[-1] == history.best_step + 15 < 500


def test_weights_of_examples_and_positions_steer_the_loss():
    batch = examples(64, 2)
    wrong = batch._replace(target=((batch.target + 2) % 4).astype(np.uint8))
    both = Batch(
        *(np.concatenate(pair) for pair in zip(batch[:4], wrong[:4], strict=True)),
        np.repeat(np.float32([1, 0]), 64),
    )
    positions = np.array([1, 1, 1, 0, 0, 0, 0])
    settings = TrainingSettings(steps=200, learning_rate=2e-2)
    model = Autoencoder(CONFIG)
    train(model, lambda epoch: [both], settings, [batch], positions)
    correct = predict(model, *batch[:3]).argmax(axis=2) == batch.target
    assert correct[:, :3].mean() > 0.99


def test_unknown_targets_are_left_out():
    batch = examples(64, 2)
    unknown = batch._replace(target=np.full_like(batch.target, 4))
    history = train(
        Autoencoder(CONFIG), lambda epoch: [unknown], TrainingSettings(steps=2), [batch]
    )
    assert history.loss == [0.0]
    assert history.hamming == [0.0]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 1500, 100_000])
def test_prediction_has_the_same_bits_at_any_batch_size_and_threads(threads, batch_size):
    config = AutoencoderConfig(positions=31, channels=9, globals_=2)
    model, batch = disturbed_model(config), examples(3333, 6, config)
    expected = predict(model, *batch[:3])
    found = predict(model, *batch[:3], batch_size=batch_size, threads=threads)
    assert np.array_equal(expected, found)
    part = predict(model, *(array[1000:1500] for array in batch[:3]), threads=threads)
    assert np.array_equal(expected[1000:1500], part)


def test_prediction_of_nothing_and_of_read_only_arrays():
    batch = examples(3, 1)
    assert predict(Autoencoder(CONFIG), *(a[:0] for a in batch[:3])).shape == (0, 7, 4)
    config = AutoencoderConfig(positions=7, channels=6)
    big = examples(1024, 1, config)
    big.windows.flags.writeable = False
    assert len(predict(Autoencoder(config), *big[:3])) == 1024


@pytest.mark.parametrize(("bound", "temperature"), [(0.0, 1.3), (1.5, 1.0)])
def test_what_is_trained_is_what_judges(bound, temperature):
    found = {**CONFIG.to_dict(), "bound": bound, "temperature": temperature}
    config = AutoencoderConfig(**found)
    model, batch = disturbed_model(config), examples(40, 3, config)
    batch.observed[:9, 3] = 4
    with torch.inference_mode():
        logits = model(*(torch.from_numpy(array) for array in batch[:3]))
        expected = torch.softmax(logits / temperature, dim=2).numpy()
    np.testing.assert_allclose(predict(model, *batch[:3]), expected, atol=1e-6)
    again = Autoencoder.of(model.network())
    assert np.array_equal(predict(again, *batch[:3]), predict(model, *batch[:3]))


def test_uint8_is_scaled_and_float_is_not():
    batch = examples(20, 1)
    model = disturbed_model()
    scaled = [(array / np.float32(255)).astype(np.float32) for array in batch[:2]]
    expected = predict(model, *batch[:3])
    assert np.allclose(predict(model, *scaled, batch.observed), expected, atol=1e-5)


def test_temperature_softens_the_posterior():
    batch = examples(20, 1)
    hot = Autoencoder(AutoencoderConfig(**{**CONFIG.to_dict(), "temperature": 4.0}))
    cold = Autoencoder(CONFIG)
    assert predict(hot, *batch[:3]).max() < predict(cold, *batch[:3]).max()


def test_the_callers_random_state_and_threads_are_left_alone():
    torch.manual_seed(9)
    expected = torch.rand(1)
    threads = torch.get_num_threads()
    torch.manual_seed(9)
    model = Autoencoder(CONFIG)
    predict(model, *examples(3000, 1)[:3], batch_size=1024, threads=2)
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads


def test_refusals():
    batch = examples(4, 1)
    with pytest.raises(ValueError, match=r"windows has shape \(4, 7, 5\)"):
        check_shapes(CONFIG, batch.windows[..., :5], *batch[1:3])
    with pytest.raises(ValueError, match="observed has shape"):
        predict(Autoencoder(CONFIG), batch.windows, batch.globals_, batch.observed[:, :3])
    with pytest.raises(ValueError, match="dtype float64"):
        predict(Autoencoder(CONFIG), batch.windows / 255, batch.globals_, batch.observed)
    with pytest.raises(ValueError, match="go from 1 to"):
        AutoencoderConfig(positions=0, channels=1)
    with pytest.raises(ValueError, match="held-out"):
        train(Autoencoder(CONFIG), lambda epoch: [batch], TrainingSettings(), [])
    with pytest.raises(ValueError, match="epoch 0 of the training batches is empty"):
        train(Autoencoder(CONFIG), lambda epoch: [], TrainingSettings(), [batch])
