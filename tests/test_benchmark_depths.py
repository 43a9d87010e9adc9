"""The benchmark of depths: its sets are what they say, and its figures are counted right."""

import json

import pytest

from benchmarks.accuracy import depths
from benchmarks.accuracy.depths import Member
from benchmarks.simulators import simulate


def test_a_genome_as_reads(tmp_path, monkeypatch, capsys):
    (tmp_path / "genomes").mkdir()
    genome = simulate.random_genome(6000, seed=2)
    simulate.write_fasta(tmp_path / "genomes" / "g.fa", [("g", genome)])
    members = [Member("first", "g.fa", 1000, 3000, 0)]
    monkeypatch.setitem(depths.SETS, "genome", members)
    argv = ["--data", str(tmp_path), "--sets", "genome", "-o", str(tmp_path / "out.json")]
    assert depths.main([*argv, "--corrector", "nearest", "--threads", "1"]) == 0
    scores = json.loads((tmp_path / "out.json").read_text())["sets"]["genome"]
    assert scores["true"] == scores["shown"] == 2970
    assert scores["kmers"] == scores["reads"]
    assert scores["kmers"]["members"] == {"first": 1.0}
    assert scores["verdict"]["doubtful"]
    assert capsys.readouterr().out.startswith("genome {")


@pytest.mark.parametrize("name", ["strands", "k12_15x"])
def test_a_word_where_the_simulator_is_absent(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setattr(depths, "find", lambda _: None)
    assert depths.main(["--sets", name, "-o", str(tmp_path / "out.json")]) == 0
    assert capsys.readouterr().out == f"{name}: skipped, art_illumina is not on the PATH\n"
    assert not (tmp_path / "out.json").exists()
