"""The accuracy benchmark: scores of hand-made reads, parsers, peers, a tiny run."""

import json
import shutil

import numpy as np
import pytest

from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy.plots import plot_accuracy
from benchmarks.accuracy.samples import load_sample, save_sample
from benchmarks.accuracy.score import Scorer, rows_of
from benchmarks.harness import peers, tools
from benchmarks.simulators import simulate
from benchmarks.simulators.instruments import read_art

TRUTH = "ACGTTGCAACGGATCCATTGCAGTACCGATTTAGC"
PLACES = (3, 9, 20)  # of TRUTH, read wrongly in every hand-made read


def _with(sequence, changes):
    letters = list(sequence)
    for place, base in changes.items():
        letters[place] = base
    return "".join(letters)


RAW = _with(TRUTH, {3: "A", 9: "T", 20: "G"})


def _sample(folder, truths, raws, kinds=None, sites=None, genome=None):
    truth = np.stack([simulate.encode(read) for read in truths])
    codes = np.stack([simulate.encode(read) for read in raws])
    n = len(codes)
    reads = simulate.SimulatedReads(
        codes=codes,
        quals=np.full(codes.shape, 30, np.uint8),
        truth=truth,
        position=np.zeros(n, np.int64),
        reverse=np.zeros(n, bool),
        haplotype=np.zeros(n, np.int16),
        kind=np.array(kinds or [0] * n, np.uint8),
        paired=False,
        genome_length=truth.shape[1],
        error_probability=np.zeros(94),
    )
    genome = simulate.encode(genome or truths[0])
    return save_sample(folder / "sample", reads, genome, sites, {"scenario": "hand-made"})


def _score(sample, corrected):
    scorer = Scorer(sample)
    codes = simulate.encode("".join(corrected.values()))
    offsets = np.cumsum([0, *(len(read) for read in corrected.values())])
    scorer.add(codes, offsets, np.array(list(corrected), np.int64))
    return scorer.finish(), scorer


@pytest.mark.parametrize(
    ("corrected", "expected"),
    [
        (RAW, {"fn": 3}),
        (TRUTH, {"tp": 3}),
        (_with(TRUTH, {9: "T"}), {"tp": 2, "fn": 1}),
        # Another wrong base is no correction, and no new error either.
        (_with(TRUTH, {9: "A"}), {"tp": 2, "fn": 1}),
        (_with(TRUTH, {0: "C"}), {"tp": 3, "fp": 1}),
        (_with(TRUTH, {9: "N", 12: "N"}), {"tp": 2, "fn": 1, "masked": 1, "masked_errors": 1}),
        # Cut off at both ends, an error with the one of them.
        (TRUTH[5:-2], {"tp": 2, "fn": 1, "trimmed": 6, "reads_aligned": 1}),
        (TRUTH[:15] + TRUTH[16:], {"tp": 3, "fp": 1, "reads_aligned": 1}),
        (TRUTH[:15] + "A" + TRUTH[15:], {"tp": 3, "fp": 1, "reads_aligned": 1}),
        # Of the raw length, but a base inserted in front and the last one lost for it.
        (
            TRUTH[:5] + "A" + TRUTH[5:-1],
            {"tp": 3, "fp": 1, "trimmed": 1, "reads_aligned": 1},
        ),
    ],
)
def test_hand_made_reads_score_as_counted_by_hand(tmp_path, corrected, expected):
    sample = _sample(tmp_path, [TRUTH], [RAW])
    score, _ = _score(sample, {0: corrected})
    names = ("tp", "fp", "fn", "masked", "masked_errors", "trimmed", "reads_aligned")
    assert {name: getattr(score, name) for name in names} == {
        **dict.fromkeys(names, 0),
        **expected,
    }
    assert score.errors == 3
    assert score.tp + score.fn == 3


def test_gain_with_and_without_masked_bases(tmp_path):
    sample = _sample(tmp_path, [TRUTH], [RAW])
    score, scorer = _score(sample, {0: _with(TRUTH, {9: "T", 12: "N", 0: "C"})})
    row = score.to_dict()
    assert row["gain"] == pytest.approx((2 - 1) / 3)
    assert row["gain_masked"] == pytest.approx((2 - 1 - 1) / 3)
    assert row["sensitivity"] == pytest.approx(2 / 3)
    assert row["precision"] == pytest.approx(2 / 3)
    assert [read for read, _ in scorer.left] == [0]


def test_dropped_reads_are_missed_errors_and_reads_with_indels_stand_apart(tmp_path):
    sample = _sample(tmp_path, [TRUTH] * 3, [RAW] * 3, [0, 0, simulate.INDEL])
    score, _ = _score(sample, {0: TRUTH, 2: TRUTH[4:]})
    assert (score.tp, score.fn, score.errors) == (3, 3, 6)
    assert (score.reads_dropped, score.reads_with_indels) == (1, 1)


def test_alleles_turned_into_the_other_one_are_counted(tmp_path):
    sites = simulate.Sites(
        np.array([12]), simulate.encode("A"), simulate.encode("C"), np.array([0.5])
    )
    assert TRUTH[12] == "A"
    alternative = _with(TRUTH, {12: "C"})
    truths = [TRUTH, TRUTH, alternative, alternative, alternative]
    sample = _sample(tmp_path, truths, truths, sites=sites)
    corrected = [TRUTH, alternative, alternative, TRUTH, _with(TRUTH, {12: "G"})]
    score, _ = _score(sample, dict(enumerate(corrected)))
    assert (score.alleles, score.alt_alleles) == (5, 3)
    assert (score.destroyed, score.alt_destroyed, score.fp) == (2, 1, 3)


def test_reads_are_found_by_name_whatever_a_tool_put_behind_it():
    names = ["sim.3/1", "sim.3/2 BH:ok", "sim.4\tec:Z:0", "else/1"]
    assert rows_of(names, 1, paired=True).tolist() == [6, 7, 9, -1]
    assert rows_of(["sim.3 cor", "sim.12"], 0, paired=False).tolist() == [3, 12]


def test_samples_come_back_from_disk_as_they_were_drawn(tmp_path):
    genome = simulate.random_genome(3000, 1)
    sites = simulate.draw_sites(genome, 500, (0.5,), 1)
    reads = simulate.simulate_reads(genome, depth=5, sites=sites, seed=1)
    facts = {"scenario": "diploid", "depth": 5, "seed": 1}
    written = save_sample(tmp_path / "sample", reads, genome, sites, facts)
    read = load_sample(tmp_path / "sample")
    for sample in (written, read):
        assert np.array_equal(sample.codes, reads.codes)
        assert np.array_equal(sample.truth, reads.truth)
        assert np.array_equal(sample.sites.position, sites.position)
    other = read.other_allele
    forward = np.where(read.reverse[:, None], 3 - read.truth, read.truth)
    shows_alt = (other != 255) & (other > 3)
    assert shows_alt.any()
    for row, column in np.argwhere(shows_alt):
        place = np.where(read.reverse[row], 149 - column, column) + read.position[row]
        site = np.searchsorted(sites.position, place)
        assert sites.position[site] == place
        assert forward[row, column] == sites.alt[site]


def test_repeats_are_told_from_the_rest(tmp_path):
    genome = simulate.random_genome(3000, 2)
    genome[2000:2060] = genome[500:560]
    genome[[1999, 2060]] = (genome[[499, 560]] + 1) & 3  # no base longer by chance
    reads = simulate.simulate_reads(genome, depth=5, seed=1, insert_mean=200, insert_sd=1)
    sample = save_sample(tmp_path / "sample", reads, genome, None, {})
    start = sample.position
    holds = [(start + 150 >= place + 31) & (start <= place + 29) for place in (500, 2000)]
    assert np.array_equal(sample.repeated, holds[0] | holds[1])


ALN = """##ART_Illumina\tread_length\t8
@CM\tart_illumina -i genome.fa
@SQ\tgenome\t100
##Header End
>genome\tgenome-2/1-1\t10\t+
ACGTACGT
ACGAACGT
>genome\tgenome-1/1-1\t20\t-
ACGTAC-GT
ACG-ACTGT
"""


def _fastq(reads):
    return "".join(f"@{name}\n{bases}\n+\n{'I' * len(bases)}\n" for name, bases in reads)


def test_art_alignments_are_read_with_their_gaps(tmp_path):
    (tmp_path / "art.aln").write_text(ALN)
    (tmp_path / "art.fq").write_text(
        _fastq([("genome-2/1", "ACGAACGT"), ("genome-1/1", "ACGACTGT")])
    )
    codes, quals, truth, position, reverse, kind = read_art(
        tmp_path / "art.aln", tmp_path / "art.fq"
    )
    assert simulate.decode(codes[0]) == "ACGAACGT"
    assert simulate.decode(truth[0]) == "ACGTACGT"
    assert (quals == 40).all()
    assert position.tolist() == [10, 100 - 8 - 20]
    assert reverse.tolist() == [False, True]
    assert kind.tolist() == [0, simulate.INDEL]


def test_art_files_that_do_not_belong_together_are_refused(tmp_path):
    (tmp_path / "art.aln").write_text(ALN)
    (tmp_path / "art.fq").write_text(_fastq([("genome-7/1", "ACGAACGT")]))
    with pytest.raises(ValueError, match="genome-2"):
        read_art(tmp_path / "art.aln", tmp_path / "art.fq")


@pytest.mark.parametrize("simulator", ["hiseq", "dwgsim"])
def test_unseen_simulators_agree_with_the_genome(simulator):
    program = {"hiseq": "art_illumina", "dwgsim": "dwgsim"}[simulator]
    if tools.find(program) is None:
        pytest.skip(f"{program} is not on the PATH")
    genome = simulate.random_genome(20_000, 3)
    reads, _, command = accuracy.SCENARIOS[simulator].draw(genome, 10, 1)
    assert program in command
    plain = reads.kind == 0
    forward = genome[reads.position[:, None] + np.arange(150)]
    truth = np.where(reads.reverse[:, None], 3 - forward[:, ::-1], forward)
    assert np.array_equal(truth[plain], reads.truth[plain])
    assert 0.001 < (reads.codes != reads.truth)[plain].mean() < 0.01
    again, _, _ = accuracy.SCENARIOS[simulator].draw(genome, 10, 1)
    assert np.array_equal(again.codes, reads.codes)


@pytest.mark.parametrize("name", peers.PEERS)
def test_peers_correct_or_say_why_not(tmp_path, monkeypatch, name):
    genome = simulate.random_genome(20_000, 4)
    reads = simulate.simulate_reads(genome, depth=30, seed=1)
    facts = {"scenario": "hiseq", "depth": 30, "seed": 1}
    sample = save_sample(tmp_path / "one" / "sample", reads, genome, None, facts)
    if peers.PEERS[name].missing() is None:
        (row,) = accuracy.correct(sample, [name], 2)
        assert row["gain"] > 0.5
        assert row["reads_dropped"] < len(reads) / 20
        assert row["unknown_names"] == 0
        assert str(tmp_path) not in row["command"]
        assert peers.PEERS[name].version()[0].isdigit()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "find", shutil.which)
    (row,) = accuracy.correct(sample, [name], 2)
    assert row["skipped"] == f"{peers.PEERS[name].program} is not on the PATH"
    assert peers.PEERS[name].version() == "not installed"


def test_a_failing_peer_is_a_row_that_says_so(tmp_path, monkeypatch):
    reads = simulate.simulate_reads(simulate.random_genome(5000, 4), depth=2, seed=1)
    facts = {"scenario": "hiseq", "depth": 2, "seed": 1}
    genome = simulate.random_genome(5000, 4)
    sample = save_sample(tmp_path / "one" / "sample", reads, genome, None, facts)
    broken = peers.Peer("broken", "false", lambda *_: ([], []))
    monkeypatch.setitem(peers.PEERS, "broken", broken)
    (row,) = accuracy.correct(sample, ["broken"], 1)
    assert row["skipped"].startswith("broken ended with 1")


def test_a_tiny_run_from_end_to_end(tmp_path, monkeypatch):
    (tmp_path / "data" / "genomes").mkdir(parents=True)
    genome = simulate.random_genome(40_000, 5)
    simulate.write_fasta(tmp_path / "data" / "genomes" / "g.fa", [("g", genome)])
    monkeypatch.setattr(accuracy, "K12", "g.fa")
    monkeypatch.setattr(accuracy, "SLICE_START", 1000)
    common = ["--data", str(tmp_path / "data"), "--folder", str(tmp_path / "work")]
    common += ["--scenario", "mitchell", "--depths", "30", "--length", "20000"]
    results = tmp_path / "out" / "accuracy.json"
    common += ["-o", str(results), "--tools"]
    assert accuracy.main([*common, "raw", "nearest", "--seeds", "1", "2"]) == 0
    assert accuracy.main([*common, "likelihood", "--seeds", "1", "--plots", str(tmp_path)]) == 0
    written = json.loads(results.read_text())
    found = {(row["tool"], row["seed"]): row for row in written["rows"]}
    assert set(found) == {("raw", 1), ("raw", 2), ("nearest", 1), ("nearest", 2), ("likelihood", 1)}
    assert found["raw", 1]["gain"] == 0
    assert found["raw", 1]["false_kmers_left"][0] > 10_000
    assert found["nearest", 2]["gain"] > 0.99
    assert found["nearest", 2]["true_kmers_lost"][0] == 0
    summary = {row["tool"]: row for row in written["summary"]}
    assert summary["nearest"]["seeds"] == [1, 2]
    mean, least, most = summary["nearest"]["gain"]
    assert least <= mean <= most
    assert (tmp_path / "accuracy-mitchell.png").stat().st_size > 10_000


def test_plots_leave_out_tools_that_were_skipped(tmp_path):
    values = {"gain": [0.99, 0.98, 1.0], "false_left": [10.0, 5, 20]}
    row = {"scenario": "hiseq", "length": 10, "depth": 30}
    summary = [
        {**row, "tool": "nearest", **values},
        {**row, "tool": "bfc", "skipped": "bfc is not on the PATH"},
    ]
    assert [path.name for path in plot_accuracy(summary, tmp_path)] == ["accuracy-hiseq.png"]


def test_unknown_tools_are_refused(capsys):
    with pytest.raises(SystemExit):
        accuracy.parse(["--tools", "nearest", "quake"])
    assert "quake" in capsys.readouterr().err
