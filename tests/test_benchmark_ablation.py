"""Ablation benchmark: what is blanked, how verdicts are counted, a tiny run from end to end."""

import json

import numpy as np
import pytest

from benchmarks import ablation, simulate
from benchmarks import ablation_judges as judging
from benchmarks.train_data import Examples
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS
from dbgclean.model.autoencoder import torch_threads

_LIKELIHOOD = GLOBALS.index("likelihood")


def examples(n=600, seed=1):
    """Real ones are told by one global; k-mers are random."""
    rng = np.random.default_rng(seed)
    real = rng.random(n) < 0.3
    observed = rng.integers(0, 4, (n, WINDOW)).astype(np.uint8)
    globals_ = rng.random((n, len(GLOBALS))).astype(np.float32)
    globals_[:, _LIKELIHOOD] = real + rng.normal(0, 0.2, n)
    target = observed.copy()
    target[~real, FLANK] ^= 1
    return Examples(
        rng.integers(0, 256, (n, WINDOW, CHANNELS)).astype(np.uint8),
        globals_,
        observed,
        target,
        np.ones(n, np.float32),
        real,
        globals_[:, _LIKELIHOOD].copy(),
        rng.integers(1, 6, n).astype(np.int32),
        np.zeros(n, np.int32),
    )


ROWS, STOP = examples(), examples(seed=2)


@pytest.fixture(autouse=True)
def one_thread():
    """As the benchmark itself runs: threads of tiny networks only wait for each other."""
    with torch_threads(1):
        yield


def test_blank_takes_away_what_is_named_and_no_more():
    names, channels = judging.WITHOUT["qualities"]
    seen = judging.blank(ROWS, names, channels)
    assert not seen.windows[:, :, 8].any()
    assert not seen.globals_[:, _LIKELIHOOD].any()
    rest = [i for i, name in enumerate(GLOBALS) if name not in names]
    assert np.array_equal(seen.globals_[:, rest], ROWS.globals_[:, rest])
    assert ROWS.windows[:, :, 8].any(), "the examples themselves are as they were"


def test_the_scheme_has_all_that_is_taken_away():
    judging.check_features()


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_heads_learn_from_globals(hidden):
    judge = judging.head(ROWS, STOP, 500, 1, hidden)
    chance = judge.score(STOP)
    assert ((chance > 0.5) == STOP.real).mean() > 0.85
    sizes = [len(GLOBALS), *hidden, 1]
    pairs = zip(sizes[:-1], sizes[1:], strict=True)
    assert judge.parameters == sum((before + 1) * after for before, after in pairs)


def test_a_distilled_head_gives_back_its_teacher():
    teacher = np.where(ROWS.real, 0.8, 0.1)
    judge = judging.head(ROWS, STOP, 300, 1, (8,), teacher)
    assert judge.name == "small head, distilled"
    assert judge.score(ROWS)[ROWS.real].mean() > judge.score(ROWS)[~ROWS.real].mean() + 0.5


def test_the_kmer_alone_tells_nothing():
    judge = judging.notebook_network(ROWS, STOP, 60, 1)
    score = judge.score(STOP)
    assert abs(score[STOP.real].mean() - score[~STOP.real].mean()) < 0.1
    assert judge.parameters == 71_638


def test_boosting_learns():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    judge = judging.gradient_boosting(ROWS, STOP, 1)
    assert ((judge.score(STOP) > 0.5) == STOP.real).mean() > 0.9


def test_verdicts_are_counted():
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    real = np.array([True, False, True, False, True])
    assert ablation.kept_and_lost(score, real, 0.65) == {"false_kept": 1, "true_lost": 1}
    assert [ablation.false_at_loss(score, real, lost) for lost in (0, 1, 2, 3)] == [2, 1, 0, 0]


def test_subset_is_seeded_and_in_order():
    few = judging.subset(ROWS, 100, 1)
    assert len(few.real) == 100
    assert np.array_equal(few.globals_, judging.subset(ROWS, 100, 1).globals_)
    assert judging.subset(ROWS, 10_000, 1) is ROWS


def test_end_to_end(tmp_path, monkeypatch):
    data = tmp_path / "data" / "genomes"
    data.mkdir(parents=True)
    simulate.write_fasta(data / "k12.fa", [("g", simulate.random_genome(12_000, 1))])
    monkeypatch.setattr(ablation, "K12", "k12.fa")
    monkeypatch.setattr(ablation, "_START", -250_000)
    cache = tmp_path / "cache"
    cache.mkdir()
    for role, seed in (("train", 1), ("stop", 2), ("calibrate", 3)):
        np.savez(cache / f"{role}.npz", **examples(seed=seed)._asdict())
    words = f"--data {data.parent} --cache {cache} --results {tmp_path / 'results'} --steps 24"
    sizes = "--ladder-seeds 1 --ladder-length 12000 --ladder-depth 60"
    assert ablation.main([*words.split(), *sizes.split()]) == 0
    document = json.loads((tmp_path / "results" / "ablation.json").read_text())
    found = {row["judge"]: row for row in document["judges"]}
    assert {"none", "nearest", "autoencoder", "small head, distilled"} <= set(found)
    assert found["nearest"]["independent"]["false_kept"] == 0
    assert found["none"]["systematic"]["true_lost"] == 0
    table = (tmp_path / "results" / "ablation.md").read_text().splitlines()
    assert len(table) == len(found) + 2
