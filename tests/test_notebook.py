"""The notebook benchmark: its evidence against a plain oracle, and a quick run end to end."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.notebook import __main__ as notebook
from benchmarks.notebook.denoiser import Task, VoteCorrector, correct, train_rounds
from benchmarks.notebook.evidence import (
    ONE_VOTE,
    Scoring,
    SeedIndex,
    add_noise,
    kmers_of,
    pack,
    spaced_seeds,
    unpack,
)
from benchmarks.notebook.genomes import load, random_genome, relative
from benchmarks.notebook.networks import NotebookNetwork, noisy_batches

ROOT = Path(__file__).resolve().parents[1]
K = 31


def noisy_genome(n, rate, seed):
    """Clean and noisy packed k-mers of a random genome of n bases."""
    rng = np.random.default_rng(seed)
    clean = kmers_of(rng.integers(0, 4, n, dtype=np.uint8), K)
    return clean, add_noise(clean, K, rate, rng)


def votes_by_hand(index, query, own, rate, corrected):
    """Votes for one query by the definition: every k-mer at every shift, no tables."""
    scoring = Scoring.derive(rate, index.as_if, corrected)
    bases, others = unpack(query[None], K)[0], unpack(index.kmers, K)
    votes, recruits = np.zeros((K, 4)), 0
    offsets = range(index.n_offsets)
    for other, entry in enumerate(others):
        for shift in range(1 - K, K):
            apart = [
                sum(bases[i + p] != entry[i - shift + p] for p in pattern)
                for i in offsets
                if i - shift in offsets
                for pattern in index.patterns
            ]
            if other == own or min(apart, default=K) > index.substitutions:
                continue
            at = range(max(shift, 0), min(K, K + shift))
            steps = [
                scoring.match if bases[i] == entry[i - shift] else scoring.mismatch for i in at
            ]
            score = scoring.prior + sum(steps)
            weights = [1 / (1 + math.exp(step - score)) for step in steps]
            if max(1 / (1 + math.exp(scoring.mismatch - score)), 0) < 1 / 64:
                continue
            recruits += 1
            for i, weight in zip(at, weights, strict=True):
                votes[i, entry[i - shift]] += weight if weight >= 1 / 64 else 0
    return votes, recruits


@given(
    st.integers(0, 1000),
    st.sampled_from([0.1, 0.02]),
    st.booleans(),
    st.sampled_from([None, 1_500_000]),
)
@settings(max_examples=15, deadline=None)
def test_votes_equal_the_definition(seed, rate, corrected, as_if):
    _, noisy = noisy_genome(70, rate, seed)
    index = SeedIndex(noisy, K, as_if=as_if)
    row = seed % len(noisy)
    found = index.evidence(noisy[row : row + 1], np.array([row]), rate, corrected)
    votes, recruits = votes_by_hand(index, noisy[row], row, rate, corrected)
    assert found.recruits[0] == recruits
    assert np.allclose(found.votes[0] / ONE_VOTE, votes, atol=recruits / ONE_VOTE)


def test_order_of_the_kmers_carries_no_information():
    _, noisy = noisy_genome(500, 0.1, 1)
    order = np.random.default_rng(2).permutation(len(noisy))
    straight = SeedIndex(noisy, K).evidence(noisy, np.arange(len(noisy)), 0.1, False)
    shuffled = SeedIndex(noisy[order], K).evidence(noisy[order], np.arange(len(noisy)), 0.1, False)
    assert np.array_equal(straight.votes[order], shuffled.votes)
    assert np.array_equal(straight.recruits[order], shuffled.recruits)


def test_any_number_of_threads_gives_the_same_votes():
    _, noisy = noisy_genome(5000, 0.1, 1)
    ids = np.arange(len(noisy))
    one, two = (
        SeedIndex(noisy, K, threads=threads).evidence(noisy, ids, 0.1, False) for threads in (1, 2)
    )
    assert np.array_equal(one.votes, two.votes)


@pytest.mark.parametrize("rate", [0.1, 0.05, 0.01])
def test_noise_rate_is_estimated_and_the_vote_removes_it(rate):
    clean, noisy = noisy_genome(20_000, rate, 3)
    task = Task(clean, noisy, K, threads=1)
    assert task.rate == pytest.approx(rate, rel=0.1)
    *_, found = correct(task, [VoteCorrector(), VoteCorrector()], np.arange(len(clean)))
    assert notebook.score(clean, found)[0] < rate / 50


def test_seeds_one_substitution_off_are_found_in_large_indexes():
    _, noisy = noisy_genome(2_000, 0.1, 3)
    index = SeedIndex(noisy, K, as_if=1_500_000)
    ids = np.arange(len(noisy))
    found = index.evidence(noisy, ids, 0.1, False).recruits.mean()
    index.substitutions = 0
    assert found > 1.2 * index.evidence(noisy, ids, 0.1, False).recruits.mean()


def test_queries_are_a_part_of_the_index_and_all_of_it_votes():
    clean, noisy = noisy_genome(5_000, 0.1, 3)
    task, votes = Task(clean, noisy, K, threads=1), [VoteCorrector()] * 2
    ids = np.array([17, 4, 2_000])
    *_, everything = correct(task, votes, np.arange(len(clean)))
    *_, some = correct(task, votes, ids)
    assert np.array_equal(some, everything[ids])


def test_networks_are_trained_on_as_many_examples_as_asked():
    clean, _ = noisy_genome(2_000, 0.1, 3)
    trained = train_rounds(
        *(clean, clean[:300]),
        **{"k": K, "noise": 0.1, "n_examples": 2_560, "n_rounds": 2, "threads": 1},
        **{"seed": 1, "as_if": len(clean)},
    )
    # Two passes over batches of 256 in each round.
    assert [history.steps[-1] for _, history in trained] == [18, 18]


def test_a_relative_is_shorter_and_close(tmp_path):
    rng = np.random.default_rng(1)
    genome = random_genome(200_000, rng)
    found = relative(genome, rng)
    assert 0.5 < len(found) / len(genome) < 1
    shared = np.isin(kmers_of(found, K), kmers_of(genome, K)).mean()
    assert 0.4 < shared < 0.9
    path = tmp_path / "two.gfa"
    path.write_text("S\ts1\tACGT\nL\ts1\t+\ts2\t+\t0M\nS\ts2\tnTT\n")
    assert load(path).tolist() == [0, 1, 2, 3, 4, 4, 3, 3]


def test_score_counts_bases_and_whole_kmers():
    clean, _ = noisy_genome(40, 0.1, 3)
    codes = unpack(clean, K)
    codes[0, :3] = (codes[0, :3] + 1) % 4
    hamming, perfect = notebook.score(clean, pack(codes))
    assert hamming == pytest.approx(3 / codes.size)
    assert perfect == pytest.approx(1 - 1 / len(clean))


@given(st.lists(st.integers(0, 4), max_size=80))
def test_kmers_skip_windows_with_n(codes):
    codes = np.array(codes, dtype=np.uint8)
    windows = [codes[i : i + 11] for i in range(len(codes) - 10)]
    expected = [window.tolist() for window in windows if (window < 4).all()]
    assert unpack(kmers_of(codes, 11), 11).tolist() == expected


def test_noise_hits_each_base_at_its_rate_and_never_keeps_it():
    clean, _ = noisy_genome(20_000, 0.1, 3)
    noisy = add_noise(clean, K, 0.1, np.random.default_rng(1))
    assert (unpack(clean, K) != unpack(noisy, K)).mean() == pytest.approx(0.1, rel=0.05)
    always = add_noise(clean, K, 1.0, np.random.default_rng(1))
    assert (unpack(clean, K) != unpack(always, K)).all()


@pytest.mark.parametrize("weight", [7, 9, 12])
def test_seed_patterns_are_distinct_and_keep_their_span(weight):
    patterns = spaced_seeds(weight, 8)
    assert len(np.unique(patterns, axis=0)) == 8
    assert (np.diff(patterns, axis=1) > 0).all()
    assert (patterns[:, [0, -1]] == [0, round(1.5 * weight) - 1]).all()


def test_the_notebooks_network_has_its_number_of_parameters():
    assert NotebookNetwork(K).n_parameters == 71_638


def test_batches_are_drawn_within_genomes():
    genome = np.repeat(np.uint8([0, 4, 1]), 60)
    batches = noisy_batches([genome, genome[:60]], K, 0.1, 1280, np.random.default_rng(1))
    for noisy, clean in batches:
        assert noisy.shape == clean.shape
        assert (clean < 2).all()
        assert (clean == clean[:, :1]).all()


def test_absent_genomes_are_said_in_one_line(tmp_path, capsys):
    assert notebook.main(["--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("skipped: no genomes/ecoli_K12")


def test_quick_run(tmp_path):
    command = [sys.executable, "-m", "benchmarks.notebook", "--quick"]
    command += ["-o", str(tmp_path / "out")]
    command += ["--data", str(tmp_path), "--threads", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    results = json.loads((tmp_path / "out" / "notebook.json").read_text())
    hamming = {row["method"]: row["hamming"] for row in results["rows"]}
    assert hamming["identity"] == pytest.approx(0.1, rel=0.05)
    assert hamming["notebook as it is (rate 0.01)"] > 0.4
    assert hamming["plain vote, round 2"] < 0.01
    assert set(hamming) >= {"ours, round 1", "ours, round 2"}
    assert "random genome" in done.stdout
    assert len(list((tmp_path / "out").glob("notebook-*.png"))) == 5
    as_logged = results["curves"]["0.1 notebook as it is (rate 0.01)"]["held_out_loss"]
    assert as_logged[0] == pytest.approx(31 / 4 * math.log(31), rel=0.05)
