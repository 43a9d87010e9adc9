"""Weights survive a round trip; every folder that does not fit is refused in one line."""

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_model_autoencoder import CONFIG, disturbed_model, examples

from dbgclean.errors import ModelError, OutputError
from dbgclean.model import AutoencoderConfig, load_model, predict, read_card, save_model
from dbgclean.model.weights import _toml_table

CARD = {
    "trained_on": ["lambda", "phiX"],
    "command": 'python train.py --note "a b"',
    "scores": {"hamming": 0.0125, "windows": 12, "held out": True},
}


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "model", disturbed_model(), CARD)
    return tmp_path / "model"


def test_round_trip(folder):
    batch = examples(30, 1)
    model = load_model(folder, positions=7, channels=6, globals_=3, scheme="test")
    assert model.config == CONFIG
    assert np.array_equal(predict(model, *batch[:3]), predict(disturbed_model(), *batch[:3]))
    assert read_card(folder).card == CARD
    assert sorted(path.name for path in folder.iterdir()) == ["config.toml", "weights.safetensors"]


def test_saving_twice_gives_the_same_bytes(folder, tmp_path):
    save_model(tmp_path / "again", load_model(folder), CARD)
    for name in ("config.toml", "weights.safetensors"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_an_explicit_latent_size_is_kept(tmp_path):
    config = AutoencoderConfig(positions=3, channels=1, latent=5, scheme="small")
    save_model(tmp_path, disturbed_model(config), {})
    assert load_model(tmp_path).config == config


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"positions": 31}, "made for positions 7, the evidence has positions 31"),
        ({"channels": 5}, "channels 6, the evidence has channels 5"),
        ({"globals_": 0}, "globals 3, the evidence has globals 0"),
        ({"scheme": "other"}, "scheme test, the evidence has scheme other"),
    ],
)
def test_other_evidence_is_refused(folder, wanted, message):
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder, **wanted)
    assert "\n" not in str(caught.value)


def _replace(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.toml").unlink(), "config.toml: cannot read"),
        (lambda f: (f / "weights.safetensors").unlink(), "cannot read the weights"),
        (lambda f: (f / "config.toml").write_bytes(b"\xff\xfe"), "config is damaged"),
        (lambda f: (f / "config.toml").write_text("format = "), "config is damaged"),
        (lambda f: (f / "config.toml").write_text("format = 1\n"), "config is damaged"),
        (lambda f: _replace(f / "config.toml", b"format = 1", b"format = 9"), "model format 9"),
        (lambda f: _replace(f / "config.toml", b"hidden", b"hadden"), "config is damaged"),
        (lambda f: _replace(f / "config.toml", b"[24, 16]", b"[24, 17]"), "weights are damaged"),
        (lambda f: _replace(f / "config.toml", b"positions = 7", b"positions = 0"), "is damaged"),
        (lambda f: (f / "weights.safetensors").write_bytes(b""), "weights are damaged"),
        (lambda f: _replace(f / "config.toml", b"temperature = 1.0", b"temperature = nan"), "nan"),
        (lambda f: _replace(f / "config.toml", b"temperature = 1.0", b"temperature = inf"), "inf"),
        (lambda f: _replace(f / "config.toml", b"bound = 0.0", b"bound = nan"), "nan"),
        (lambda f: _replace(f / "config.toml", b"[24, 16]", b"[2000000000, 2]"), "from 1 to"),
        (lambda f: _replace(f / "config.toml", b"[24, 16]", b"[65536, 65536]"), "damaged or not"),
        (lambda f: _replace(f / "config.toml", b"[24, 16]", b"[24.5, 16]"), "from 1 to"),
        (
            lambda f: _replace(f / "config.toml", b"[24, 16]", b"[" + b"2," * 200_000 + b"]"),
            "at most",
        ),
        (lambda f: _replace(f / "config.toml", b"[24, 16]", b"[" * 50_000), "config is damaged"),
        (
            lambda f: _replace(f / "config.toml", b"[24, 16]", b"[24, 16]\nlatent = " + b"9" * 23),
            "from 1 to",
        ),
    ],
)
def test_missing_and_damaged_files_are_refused(folder, damage, message):
    damage(folder)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_one_flipped_bit_in_the_weights_is_refused(folder):
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="weights are damaged"):
        load_model(folder)


def test_a_card_with_a_strange_value_is_refused(tmp_path):
    with pytest.raises(TypeError, match="cannot hold a object"):
        save_model(tmp_path, disturbed_model(), {"x": object()})


def test_an_unwritable_folder_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make the model's folder"):
        save_model(tmp_path / "file" / "model", disturbed_model(), {})


_SCALARS = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | st.booleans()
)


@given(
    st.recursive(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"])), _SCALARS | st.lists(_SCALARS)
        ),
        lambda inner: st.dictionaries(st.text(min_size=1, max_size=5), inner),
        max_leaves=8,
    )
)
def test_any_card_survives_toml(card):
    text = _toml_table("card", card)
    assert tomllib.loads(text)["card"] == card
