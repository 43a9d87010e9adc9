"""``dbgclean compare``: two inputs of any kind, side by side."""

import json

import pytest
from graph_shapes import SHAPES, table_of

from dbgclean.__main__ import main
from dbgclean.graph.gfa import write_gfa
from dbgclean.spectrum.formats import write_kmer_fasta


@pytest.fixture
def files(tmp_path):
    """A bubble as k-mers, and a line as GFA."""
    bubble, line = SHAPES["snp_bubble"](), SHAPES["linear"]()
    write_kmer_fasta(tmp_path / "bubble.fa", *table_of(bubble.sequences, 11), 11)
    write_gfa(tmp_path / "line.gfa", line.graph())
    return str(tmp_path / "bubble.fa"), str(tmp_path / "line.gfa")


def test_table(files, capfd):
    assert main(["compare", *files]) == 0
    said = capfd.readouterr()
    assert said.err == ""
    lines = {line.strip().split("  ")[0]: line.split() for line in said.out.splitlines()}
    assert "bubble.fa" in said.out.splitlines()[0]
    assert lines["simple bubbles"][-2:] == ["1", "0"]
    assert lines["junctions"][-2:] == ["2", "0"]


def test_json(files, tmp_path, capfd):
    assert main(["compare", *files, "--json", "-"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["tag"] == "dbgclean compare"
    assert [graph["name"] for graph in found["graphs"]] == ["bubble.fa", "line.gfa"]
    assert [graph["kind"] for graph in found["graphs"]] == ["kmers", "gfa"]
    assert [graph["ambiguity"]["unitigs"] for graph in found["graphs"]] == [4, 1]


def test_min_abundance_is_for_kmers(files, capfd):
    assert main(["compare", *files, "--min-abundance", "2", "--json", "-"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [graph["min_abundance"] for graph in found["graphs"]] == [2, None]


def test_the_same_file_twice(files, capfd):
    assert main(["compare", files[0], files[0], "--json", "-"]) == 0
    names = [graph["name"] for graph in json.loads(capfd.readouterr().out)["graphs"]]
    assert len(set(names)) == 2


def test_standard_input_once(capfd):
    assert main(["compare", "-", "-"]) == 2
    assert "only one of A and B" in capfd.readouterr().err


def test_missing_file(files, capfd):
    assert main(["compare", files[0], files[0] + ".none"]) == 1
    assert "check the path" in capfd.readouterr().err
