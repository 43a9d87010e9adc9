"""The benchmark of k-mer sets: its figures are what was simulated, and it writes them."""

import json

import numpy as np

from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12
from benchmarks.variants import kmer_set


def test_figures_of_a_small_genome(tmp_path, capsys):
    genome = simulate.random_genome(12_000, seed=4)
    (tmp_path / "genomes").mkdir()
    simulate.write_fasta(tmp_path / "genomes" / K12, [("genome", genome)])
    out = tmp_path / "out.json"
    kmer_set.main(
        [
            "--data", str(tmp_path), "--start", "0", "--length", "12000",
            "--sets", "mixture-100x", "haploid-50x", "--seeds", "1", "2",
            "--correctors", "cutoff", "nearest", "missing", "-o", str(out),
        ]
    )  # fmt: skip
    result = json.loads(out.read_text())
    mixture = result["summary"]["mixture-100x"]
    assert mixture["raw"]["true_lost"][0]["highest"] == 0
    assert mixture["raw"]["false_left"][0]["lowest"] > 50_000
    assert mixture["nearest"]["false_left"][0]["highest"] < 300
    kept, _, shown = mixture["raw"]["alleles"]["by_kmers"]["0.5"]
    assert kept["mean"] == shown["mean"] > 0
    assert "missing" in mixture["missing"]["failed"]
    assert result["summary"]["haploid-50x"]["nearest"]["true_lost"][0]["highest"] < 40
    assert "haploid-50x" in capsys.readouterr().out


def test_a_dump_has_abundances_alone():
    genome = simulate.random_genome(3_000, seed=4)
    table, truth = kmer_set.sample_of(kmer_set.SETS["haploid-50x"], genome, 21, 1)
    assert not table.reverse.any()
    np.testing.assert_array_equal(table.high_quality, table.counts)
    assert len(truth.kmers) == 3_000
