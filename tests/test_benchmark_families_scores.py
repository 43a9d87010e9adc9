"""Scores of families by hand, their tables, and a tiny family from end to end."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.families import __main__ as families
from benchmarks.families import cases
from benchmarks.families.real import Shown, kept_reads
from benchmarks.families.score import Tools, judged, overruled
from benchmarks.families.table import allele_words, pooled, show, table
from benchmarks.simulators.family import FAMILIES
from benchmarks.simulators.simulate import random_genome
from dbgclean.correct.verdicts import ERROR, REAL, Verdicts


def alternatives(fragments, others, gaps=0):
    """Alternatives by their supporting and other fragments; the keys are their numbers."""
    columns = {"fragments": np.array(fragments, float)}
    return SimpleNamespace(
        key=np.arange(len(fragments), dtype=np.uint64),
        depth=np.stack([np.array(others, float), np.zeros(len(others))], 1),
        substitutions=slice(0, len(fragments) - gaps),
        column=columns.__getitem__,
    )


def test_overruled_are_clear_alternatives_called_errors():
    # A fifth of 20; a fifth of 19; less than a fifth; a clear one called real.
    rows = alternatives([4, 4, 19, 50], [16, 15, 81, 50])
    verdicts = Verdicts(np.array([ERROR, ERROR, ERROR, REAL], np.uint8), np.zeros(4, np.float32))
    assert overruled(rows, verdicts).tolist() == [0.2, 0, 0, 0]


def test_a_judge_is_held_to_its_chances():
    rows = alternatives([10, 10, 10, 10], [10, 10, 10, 10])
    chance = np.array([0.95, 0.95, 0.01, 0.01], np.float32)
    verdicts = Verdicts(np.array([REAL, REAL, ERROR, ERROR], np.uint8), chance)
    found = judged(rows, verdicts, np.array([0, 2], np.uint64))
    assert found["calibration"]["above"] == 2
    assert found["calibration"]["error"] == pytest.approx(0.45, abs=1e-4)
    assert found["max_share_error"] == {"true": 1, "false": 1, "highest": 0.5}


def test_no_truth_is_asked_of_gaps():
    rows = alternatives([10, 10, 10], [10, 10, 10], gaps=1)
    verdicts = Verdicts(np.array([REAL, REAL, ERROR], np.uint8), np.full(3, 0.95, np.float32))
    found = judged(rows, verdicts, np.array([0, 1], np.uint64))
    assert found["calibration"]["above"] == 2
    assert found["max_share_error"] == {"true": 0, "false": 0, "highest": 0.0}


def test_a_read_shows_its_allele_still():
    one = Shown("A5C", 10, 30, b"AAAAAAACTTTTTTT")
    read = b"GGGAAAAAAACTTTTTTTGGGGGGGGGGGG"
    assert one.still(read)
    assert not one.still(read[:10] + b"A" + read[11:])
    # A base less before it: the window stands elsewhere.
    assert one.still(read[1:])
    assert not one.still(read[1:10] + b"A" + read[11:])
    # A correction beside it does not count while the length stays.
    assert one.still(read[:11] + b"G" + read[12:])


def test_reads_kept_by_allele():
    first, second = Shown("a", 0, 3, b"CAA"), Shown("b", 2, 3, b"AAT")
    shown = {"x/1": [first], "y/1": [first, second], "z/2": [second]}
    reads = [("x/1", b"CAA"), ("y/1", b"CAG"), ("z/2", b"AAA"), ("w/1", b"CAT")]
    found = kept_reads(["a", "b"], shown, iter(reads))
    assert found == {"alleles": {"a": [2, 2], "b": [0, 2]}, "kept": 1, "of": 2}


def run_of(name, left, kept):
    """A sample with one tool."""
    counts = {"0.5": [4, 4, 4], "0.2": [4, 4, 4], "0.1": [kept, 1, 5], "0.05": [0, 0, 2]}
    row = {"false_left": [left, 0, 0], "true_lost": [7, 0, 0], "alleles": {"by_kmers": counts}}
    return {"family": name, "seed": 1, "raw_false": [9, 9, 9], "seconds": 1, "tools": {"ours": row}}


def test_tables_pool_seeds_and_name_who_is_absent():
    runs = [run_of("ffpe", 10, 3), run_of("ffpe", 30, 5)]
    assert pooled(runs, "ours")["0.1"] == [8, 10]
    assert allele_words({"0.01": [1, 2], "strain": [3, 4]}) == "1% 1/2  strain 3/4"
    lines = table(runs, {"bfc": "not there"}).splitlines()
    assert lines[0] == "| family | ours | bfc |"
    assert lines[2] == "| ffpe | 20 (8/10, 0/4) | absent |"
    assert "absent" in show(runs[0], {"bfc": "not there"})
    zika = {"alleles": {"C1T": [9, 10]}, "kept": 1, "of": 1}
    runs = [{"family": "zika", "seed": 1, "tools": {"ours": zika}}]
    assert "1 of 1 sites" in table(runs, {})
    assert "C1T 9/10" in show(runs[0], {})


def test_cases_have_the_size_of_their_family():
    args = families.parse(["--seeds", "1", "2", "--model", "w/{family}", "--real", "zika"])
    found = cases.cases(args)
    assert len(found) == 2 * (len(FAMILIES) + 1) + 1
    by_label = {case.label: case for case in found}
    assert by_label["strand"].length == 500_000
    assert by_label["low_depth 60x"].depth == 60
    assert by_label["ffpe"].tools.model == "w/ffpe"
    args = families.parse(["--families", "low_depth", "--depth", "20", "--real"])
    assert [case.label for case in cases.cases(args)] == ["low_depth 20x"]


def test_absent_peers_say_why():
    absent = Tools(("nearest",), ("lighter",)).absent()
    assert absent in ({}, {"lighter": "lighter is not on the PATH"})


def test_a_tiny_series_from_end_to_end(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cases, "k12", lambda length, data: random_genome(length, seed=2))
    (tmp_path / "genomes").mkdir()
    out, plot = tmp_path / "out" / "families.json", tmp_path / "families.png"
    words = ["--data", str(tmp_path), "--families", "duplicates", "no_qualities", "--real"]
    words += ["--length", "4000", "--depth", "40", "--correctors", "nearest", "likelihood"]
    words += ["--peers", "-o", str(out), "--plot", str(plot), "--seeds", "1", "2"]
    assert families.main(words) == 0
    record = json.loads(out.read_text())
    assert len(record["runs"]) == 4
    row = record["runs"][0]["tools"]["likelihood"]
    assert set(row["max_share_error"]) == {"true", "false", "highest"}
    assert row["false_left"][0] < record["runs"][0]["raw_false"][0]
    assert set(record["summary"]) == {"duplicates", "no_qualities"}
    assert plot.stat().st_size > 5000
    assert "| duplicates |" in capsys.readouterr().out


def test_data_that_are_not_there(tmp_path):
    with pytest.raises(SystemExit, match="not there; give --data"):
        families.main(["--data", str(tmp_path)])


def test_real_sets_are_scored(shared_data):
    found = cases.one(cases.Case("zika", 1, Tools(("nearest",), ()), shared_data))
    row = found["tools"]["nearest"]
    assert row["of"] == 8
    assert row["alleles"]["C7916T"][1] > 50
    assert all(still <= before for still, before in row["alleles"].values())
