"""The benchmark of recipes: it runs what it prints, and counts what came out."""

import json
import re
import shutil
from pathlib import Path

from benchmarks.recipes.__main__ import RECIPES, contigs_of, main, n50
from benchmarks.simulators import simulate
from benchmarks.simulators.truth import K12


def test_n50():
    assert n50([]) == 0
    assert n50([5]) == 5
    assert n50([2, 3, 4, 5, 6]) == 5
    assert n50([1] * 10) == 1


def test_contigs_are_counted_by_their_kmers(tmp_path):
    genome = simulate.random_genome(500, seed=2)
    truth = simulate.true_kmers(genome, None, 31)
    wrong = genome.copy()
    wrong[450] = (wrong[450] + 1) % 4
    simulate.write_fasta(tmp_path / "c.fa", [("a", wrong[300:]), ("b", 3 - genome[:100][::-1])])
    found = contigs_of(tmp_path / "c.fa", truth)
    assert found == {
        "contigs": 2, "bases": 300, "n50": 200, "false_kmers": 31, "true_kmers": 170 - 31 + 70
    }  # fmt: skip
    assert contigs_of(tmp_path / "none.fa", truth)["contigs"] == 0


def test_every_recipe_on_a_small_genome(tmp_path, monkeypatch):
    genome = simulate.random_genome(12_000, seed=4)
    (tmp_path / "genomes").mkdir()
    simulate.write_fasta(tmp_path / "genomes" / K12, [("genome", genome)])
    monkeypatch.setattr(simulate, "k12", lambda *_, **__: genome)
    out = tmp_path / "out.json"
    argv = ["--data", str(tmp_path), "--samples", "k12", "--depth", "30", "-o", str(out)]
    assert main([*argv, "--sources", "kmers", "unitigs"]) == 0
    result = json.loads(out.read_text())["samples"]["k12"]
    assert result["sizes"]["unitigs.fa"] < result["sizes"]["kmers.fa.gz"]
    assert len(result["rows"]) == sum(r.source in ("kmers", "unitigs") for r in RECIPES)
    for row in result["rows"]:
        if shutil.which(row["command"].split()[0]) is None:
            assert "not on the PATH" in row["failed"]
        elif not row["plain"] and row["tool"] != "SPAdes":
            assert row["n50"] > 5_000
            assert row["true_kmers"] > 0.95 * result["true_kmers"]
            assert row["false_kmers"] == 0
        elif row["tool"] in ("BCALM 2", "Minia"):
            assert "failed" in row


def test_every_command_of_the_page_is_one_that_is_run():
    """By the names that reads have there."""
    names = {"{1}": "reads/s_R1.fastq.gz", "{2}": "reads/s_R2.fastq.gz", "{list}": "list"}
    run = set()
    for recipe in RECIPES:
        words = [names.get(word, word) for word in recipe.words.split()]
        run.add(" ".join([recipe.tool.program, *words]))
    page = (Path(__file__).parents[1] / "docs" / "assemblers.md").read_text()
    told = re.findall(r"`(?:[^`]*&& )?((?:bcalm|minia|megahit|spades\.py) -[^`]*)`", page)
    assert len(told) == 6
    assert set(told) <= run
