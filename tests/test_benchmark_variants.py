"""Scores of mixtures on k-mers counted by hand, and a tiny mixture from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.simulators import simulate
from benchmarks.simulators.truth import Truth
from benchmarks.variants import split as variants_split
from benchmarks.variants.score import allele_rows, score, shown_by_kmers, summarise
from dbgclean.spectrum.table import KmerTable

K = 3


def table(rows):
    """A table of k-mers and abundances."""
    keys = np.array(sorted(rows), np.uint64)
    counts = np.array([rows[key] for key in sorted(rows)], np.uint32)
    return KmerTable(K, keys, counts, np.zeros_like(counts), counts)


# Canonical 3-mers in packed form: AAA 0, AAC 1, AAG 2, AAT 3, ACA 4, ACC 5, ACG 6, ACT 7.
# Two alleles of three k-mers each; the second column is the middle one.
TRUTH = Truth(
    kmers=np.array([0, 1, 2, 3, 4, 5], np.uint64),
    alleles=np.array([[1, 2, 3], [3, 4, 5]], np.uint64),
    group=np.array(["0.5", "0.01"]),
    by_reads=np.array([True, True]),
)
RAW = table({0: 9, 1: 4, 2: 5, 3: 1, 4: 2, 5: 6, 6: 1, 7: 3})


def test_shown_means_a_middle_kmer_seen_three_times():
    assert shown_by_kmers(TRUTH.alleles, RAW).tolist() == [True, False]


def test_kept_and_kept_whole():
    rows = allele_rows(TRUTH, np.array([0, 1, 2, 4], np.uint64), RAW)
    assert rows["by_kmers"] == {"0.5": [1, 0, 1], "0.01": [0, 0, 0]}
    assert rows["by_reads"] == {"0.5": [1, 0, 1], "0.01": [1, 0, 1]}
    whole = allele_rows(TRUTH, RAW.keys, RAW)
    assert whole["by_reads"] == {"0.5": [1, 1, 1], "0.01": [1, 1, 1]}


def test_scores_by_hand():
    # Lost: 3. Left: 7 at 2; 8 is new, nobody read it.
    corrected = table({0: 9, 1: 4, 2: 5, 4: 2, 5: 6, 7: 2, 8: 1})
    kmer_set = table({0: 9, 1: 4})
    found = score(TRUTH, RAW, corrected, kmer_set)
    assert found["false_left"] == [2, 1, 0]
    assert found["false_new"] == 1
    assert found["true_lost"][0] == 1
    assert found["kmer_set"]["false_left"] == 0
    assert found["kmer_set"]["true_lost"] == 4
    assert found["kmer_set"]["alleles"]["by_kmers"]["0.5"] == [0, 0, 1]
    assert "artefacts_left" not in found


def test_artefacts_are_counted_apart():
    truth = Truth(TRUTH.kmers, TRUTH.alleles, TRUTH.group, artefacts=np.array([7], np.uint64))
    found = score(truth, RAW, RAW)
    assert found["false_left"][0] == 2
    assert found["artefacts_left"] == 1
    assert "by_reads" not in found["alleles"]


def test_summary_spreads_every_number():
    runs = [
        {"seed": 1, "left": [1, 2], "tools": {"a": {"x": 1.0}, "b": {"x": 0}}},
        {"seed": 2, "left": [3, 2], "tools": {"a": {"x": 2.0}}},
    ]
    found = summarise(runs)
    assert found["left"][0] == {"mean": 2.0, "lowest": 1, "highest": 3}
    assert found["tools"] == {"a": {"x": {"mean": 1.5, "lowest": 1.0, "highest": 2.0}}}
    assert "seed" not in found


def test_share_is_pooled_over_seeds_and_unknown_where_nothing_is_shown():
    from benchmarks.variants.plots import kept_share

    rows = [
        {"alleles": {"by_kmers": {"0.1": [1, 1, 2], "0.01": [0, 0, 0]}}},
        {"alleles": {"by_kmers": {"0.1": [4, 2, 4], "0.01": [0, 0, 0]}}},
    ]
    assert kept_share(rows, "0.1") == pytest.approx([5 / 6, 0.5, 1.0])
    assert np.isnan(kept_share(rows, "0.01")).all()


@given(st.data())
def test_blame_goes_to_the_worst_label_of_each_occurrence(data):
    lengths = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=5))
    n = sum(lengths)
    codes = np.array(data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)), np.uint8)
    labels = np.array(data.draw(st.lists(st.integers(0, 7), min_size=n, max_size=n)), np.uint8)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    false = table({0: 1, 4: 1, 6: 2})
    tally = np.zeros((3, len(variants_split.LABELS)), np.int64)
    variants_split.blame(codes, offsets, labels, false, tally)
    expected = np.zeros_like(tally)
    for start, stop in zip(offsets[:-1], offsets[1:], strict=True):
        for i in range(start, stop - K + 1):
            word = codes[i : i + K].astype(int)
            if word.max() > 3:
                continue
            straight = int(word @ [16, 4, 1])
            key = min(straight, int((3 - word[::-1]) @ [16, 4, 1]))
            row = np.flatnonzero(false.keys == key)
            expected[row, labels[i : i + K].max()] += 1
    assert np.array_equal(tally, expected)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A random genome with alleles, corrected without the network, scored; its settings."""
    from benchmarks.variants import run as variants_run
    from dbgclean.pipeline.passes import Corrected

    genome = simulate.random_genome(6_000, seed=5)
    sites = simulate.draw_sites(genome, spacing=500, fractions=(0.5, 0.1), seed=5)
    reads = simulate.simulate_reads(genome, depth=80, sites=sites, insert_mean=300, seed=5)
    truth = Truth.of(genome, sites, 31, simulate.site_counts(reads, sites))
    paths = simulate.write_pairs(reads, tmp_path_factory.mktemp("mixture"))
    run, places = variants_run.correct_by_ours(paths, ["nearest", "likelihood"], threads=1)
    assert isinstance(run, Corrected)
    return run, places, truth, paths


def test_every_false_kmer_is_blamed_on_something(small):
    from benchmarks.variants.run import _score_ours

    run, places, truth, _ = small
    scores = _score_ours(run, places, truth)
    for name in ("nearest", "likelihood"):
        row = scores[name]
        by_level = [sum(column) for column in zip(*row["split"].values(), strict=True)]
        assert by_level == row["false_left"]
        assert sum(map(sum, row["alternatives"].values())) == len(run.evidence.alternatives)
    assert scores["nearest"]["split"]["real"] == [0, 0, 0]
    kept, _, shown = scores["likelihood"]["alleles"]["by_kmers"]["0.5"]
    assert kept == shown > 0


def test_sweep_gives_what_a_whole_run_at_that_threshold_leaves(small, monkeypatch):
    from benchmarks.variants import sweep as variants_sweep
    from dbgclean.correct.verdicts import ERROR

    run, _, truth, _ = small
    column = run.columns["likelihood"]
    ratios = run.evidence.alternatives.likelihood
    kept = column.verdicts.verdict != ERROR
    assert kept.any()
    assert not kept.all()
    own = (ratios[kept].min() + ratios[~kept].max()) / 2
    monkeypatch.setattr(variants_sweep, "RATIOS", (own, 0.0, 1e9))
    points = variants_sweep.sweep(run, "likelihood", truth)
    assert [point["threshold"] for point in points] == sorted([own, 0.0, 1e9])
    at = {point["threshold"]: point for point in points}
    whole = score(truth, run.raw, column.table)
    assert {word: at[own][word] for word in whole} == whole
    nothing = score(truth, run.raw, run.columns["nearest"].table)
    assert {word: at[1e9][word] for word in nothing} == nothing
    assert at[0.0]["false_left"][0] >= at[own]["false_left"][0]


def test_files_count_like_the_run(small):
    from benchmarks.harness.ours import count_files

    run, _, _, paths = small
    counted = count_files(paths, threads=1)
    assert np.array_equal(counted.keys, run.raw.keys)
    assert np.array_equal(counted.counts, run.raw.counts)


@pytest.mark.parametrize("which", ["A", "B"])
def test_systematic_sets(which):
    from benchmarks.variants.__main__ import systematic_sites

    genome = simulate.random_genome(100_000, seed=2)
    sites = systematic_sites(genome, which, seed=1)
    strands = 2 * sites.position + sites.reverse
    assert len(np.unique(strands)) == len(sites)
    expected = 100 if which == "A" else 200
    assert 0.9 * expected <= len(sites) <= expected
    assert np.all(sites.alt != genome[sites.position])


def test_command_line_from_simulation_to_plot(shared_data, tmp_path):
    from benchmarks.variants import __main__ as variants

    words = ["--data", str(shared_data), "--length", "12000", "--depth", "60", "--set", "hard"]
    words += ["--seeds", "1", "--threads", "1", "--peers", "--correctors", "nearest", "likelihood"]
    out, plot = tmp_path / "v.json", tmp_path / "v.png"
    assert variants.main([*words, "-o", str(out), "--plot", str(plot)]) == 0
    record = json.loads(out.read_text())
    tools = record["runs"][0]["tools"]
    assert set(tools) == {"nearest", "likelihood"}
    assert tools["likelihood"]["artefacts_left"] <= tools["likelihood"]["false_left"][0]
    assert set(tools["likelihood"]["alleles"]) == {"by_kmers", "by_reads"}
    assert len(record["runs"][0]["sweep"]["likelihood"]) > 5
    assert record["summary"]["tools"]["nearest"]["false_left"][0]["mean"] >= 0
    assert plot.read_bytes()[:4] == b"\x89PNG"


def test_no_data_is_said_in_one_line(tmp_path):
    from benchmarks.variants import __main__ as variants
    from benchmarks.variants import twist

    for module in (variants, twist):
        with pytest.raises(SystemExit, match="^[^\n]+: not there; give --data$"):
            module.main(["--data", str(tmp_path), "--peers"])


def test_twist_mixture_holds_its_share_and_its_alleles(shared_data, tmp_path):
    from benchmarks.variants import twist

    truth = twist.load_truth(shared_data / "genomes")
    assert truth.group.tolist() == ["19065T>C", "22303T>G", "26144G>T"]
    assert np.isin(truth.alleles, truth.kmers).all()
    paths = twist.mix(shared_data / "reads", 0.05, 1, tmp_path)
    names = [
        {line.split("/")[0] for line in Path(path).read_text().splitlines()[::4]} for path in paths
    ]
    assert names[0] == names[1]
    minor = twist.read_pairs(shared_data / "reads" / "twist_MT007544_R1.fastq.gz")
    of_minor = {record.decode().split("/")[0] for record in minor}
    # Names of the two sets could repeat, so this is a bound from above by a few.
    assert len(names[0] & of_minor) == pytest.approx(0.05 * len(names[0]), rel=0.01)
