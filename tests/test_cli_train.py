"""``dbgclean train``: a model's folder from a sample's reads, the same however it came about."""

import json

import pytest
from small_samples import mixture

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.evidence.edits import WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS, SCHEME
from dbgclean.model import Autoencoder, AutoencoderConfig, load_model, read_card, save_model
from dbgclean.training.checkpoint import Checkpoint

FILES = {
    "MODEL_CARD.md",
    "config.toml",
    "hamming.svg",
    "history.json",
    "loss.svg",
    "weights.safetensors",
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Reads of a mixture, and a network that knows nothing yet."""
    folder = tmp_path_factory.mktemp("train")
    reads, _, _ = mixture(length=40_000, depth=30, spacing=1000, fractions=(0.5, 0.1), seed=41)
    simulate.write_fastq(reads, folder / "r1.fq", folder / "r2.fq")
    config = AutoencoderConfig(
        WINDOW, CHANNELS, len(GLOBALS), hidden=(16,), latent=8, scheme=SCHEME, bound=1.5
    )
    card = {"name": "blank", "real_threshold": 0.5, "error_threshold": 0.4}
    save_model(folder / "blank", Autoencoder(config), card)
    return folder


def train(sample, output, *more):
    reads = [str(sample / f"r{mate}.fq") for mate in (1, 2)]
    options = ["--model", str(sample / "blank"), "--steps", "60", "--rounds", "2", "-q"]
    return main(["train", *reads, "-o", str(output), *options, *more])


@pytest.fixture(scope="module")
def trained(sample):
    """A model made in one go, in one thread."""
    assert train(sample, sample / "model", "-t", "1") == 0
    return sample / "model"


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_folder_is_whole_and_says_what_it_is(sample, trained):
    assert set(content(trained)) == FILES
    assert not (sample / "model.checkpoint").exists()
    load_model(trained, positions=WINDOW, scheme=SCHEME)
    card = read_card(trained).card
    assert 0 < card["error_threshold"] <= card["real_threshold"] < 1
    assert card["sample"]["reads"] == 12_000
    assert card["fine_tuned"] == (card["name"] == "fine-tuned")
    history = json.loads((trained / "history.json").read_text())
    sizes = history["figures"]["rows"]
    assert all(sizes[part]["real"] > 0 and sizes[part]["error"] > 0 for part in sizes)
    assert history["history"]["steps"][0] == 3
    text = (trained / "MODEL_CARD.md").read_text()
    assert "{" not in text
    assert str(sample) not in text + (trained / "config.toml").read_text()


def test_what_is_worse_is_not_written(sample, trained):
    figures = json.loads((trained / "history.json").read_text())
    before, after = figures["figures"]["before"], figures["figures"]["after"]
    if figures["accepted"]:
        assert after["cost"] <= before["cost"]
        assert after["average_precision"] >= before["average_precision"]
    else:
        same = (trained / "weights.safetensors").read_bytes()
        assert same == (sample / "blank" / "weights.safetensors").read_bytes()


def test_threads_make_no_difference(sample, trained):
    assert train(sample, sample / "threads", "-t", "2") == 0
    assert content(sample / "threads") == content(trained)


@pytest.mark.parametrize("where", ["save_examples", "save_training"])
def test_a_killed_run_goes_on_to_the_same_bytes(sample, trained, monkeypatch, where):
    keep = getattr(Checkpoint, where)

    def killed(self, *state):
        keep(self, *state)
        raise KeyboardInterrupt

    output = sample / where
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, where, killed)
        assert train(sample, output, "-t", "1") == 130
    assert not output.exists()
    assert (sample / f"{where}.checkpoint").is_dir()
    assert train(sample, output, "-t", "1", "--resume") == 0
    assert content(output) == content(trained)
    assert not (sample / f"{where}.checkpoint").exists()


def test_an_unfinished_run_is_not_mistaken_for_another(sample, capfd):
    checkpoint = Checkpoint(sample / "other.checkpoint", {"seed": 7})
    checkpoint.begin()
    assert train(sample, sample / "other") == 2
    assert "--resume goes on with it" in capfd.readouterr().err
    assert train(sample, sample / "other", "--resume") == 1
    assert "differs in" in capfd.readouterr().err
    checkpoint.remove()


def test_the_model_is_used(sample, trained, tmp_path):
    reads = [str(sample / f"r{mate}.fq") for mate in (1, 2)]
    outputs = [str(tmp_path / f"c{mate}.fq") for mate in (1, 2)]
    model = ["--model", str(trained), "-q", "-t", "1"]
    assert main(["correct", *reads, "-o", *outputs, *model]) == 0
    for before, after in zip(reads, outputs, strict=True):
        assert _names(before) == _names(after)


def _names(path):
    with open(path) as lines:
        return [line for i, line in enumerate(lines) if i % 4 == 0]


def test_a_sample_with_too_few_places_is_told_so(sample, tmp_path, capfd):
    reads, _, _ = mixture(length=3000, depth=20, spacing=None, seed=42)
    simulate.write_fastq(reads, tmp_path / "few.fq")
    options = ["--model", str(sample / "blank"), "-q"]
    code = main(["train", str(tmp_path / "few.fq"), "-o", str(tmp_path / "m"), *options])
    assert code == 1
    assert "places where an allele could be injected" in capfd.readouterr().err
    assert not (tmp_path / "m").exists()
    assert not (tmp_path / "m.checkpoint").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--steps", "0"], "at least 1"),
        (["--min-quality", "99"], "not within"),
        (["--seed", "-1"], "below 0"),
    ],
)
def test_what_cannot_be_is_refused(sample, capfd, options, said):
    assert train(sample, sample / "never", *options) == 2
    assert said in capfd.readouterr().err


def test_a_folder_that_is_not_empty_is_left_alone(sample, trained, capfd):
    assert train(sample, trained) == 1
    assert "not empty" in capfd.readouterr().err


def test_a_gpu_that_is_not_there(sample, capfd):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert train(sample, sample / "gpu", "--device", "cuda") == 2
    assert "no GPU" in capfd.readouterr().err
