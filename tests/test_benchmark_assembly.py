"""The assembly benchmark: its samples, what it reads of QUAST, its bars; programs may be absent."""

import json
import stat
import sys

import numpy as np
import pytest

from benchmarks.assembly import __main__ as command
from benchmarks.assembly import samples, table, tools
from benchmarks.assembly.plots import plot_assembly
from benchmarks.assembly.samples import DESIGNS, Design, Member
from benchmarks.harness.tools import find
from benchmarks.simulators import simulate
from dbgclean.reads.reference import read_sequences

REPORT = """Assembly\tmegahit\tspades
# contigs (>= 0 bp)\t11\t7
# contigs\t8\t7
Total length\t498519\t498492
NG50\t268669\t-
# misassemblies\t0\t2
# local misassemblies\t1\t0
Genome fraction (%)\t99.773\t12.5
Duplication ratio\t0.999\t1.000
# mismatches per 100 kbp\t0.00\t0.60
# indels per 100 kbp\t0.60\t0.00
NGA50\t268669\t-
"""
SNPS = [
    "k12\tNODE_5\t269726\tC\tT\t17237",
    "k12\tNODE_1\t269324\tT\t.\t171999",
    "k12\tNODE_1\t269330\t.\tT\t172004",
    "k12\tNODE_1\t269400\tGAT\t.\t172004",
    "k12\tNODE_1\t269362\tG\tT\t172037",
    "o157\tNODE_1\t269362\tG\tT\t172037",
]


def row(reads, assembler="spades", seed=1, cpu=100.0, corrected=0.0, **figures):
    head = {"sample": "haploid", "length": 1000, "seed": seed}
    cost = {"cpu_seconds": corrected, "peak_gb": 0.1} if reads != "raw" else None
    found = {
        **{"nga50": 1000, "misassemblies": 0, "mismatches": 2, "mismatches_per_100kb": 0.2},
        **{"indels_per_100kb": 0.0, "genome_fraction": 99.0, "duplication": 1.0, "contigs": 3},
    }
    took = {"cpu_seconds": cpu, "peak_gb": 0.2}
    return {
        **head,
        **{"reads": reads, "assembler": assembler, "correction": cost, "assembly": took},
        **(found | figures),
    }


def test_report_of_quast():
    found = tools.read_report(REPORT)
    assert found["megahit"]["nga50"] == 268669
    assert found["megahit"]["contigs"] == 8
    assert found["megahit"]["indels_per_100kb"] == 0.6
    assert found["spades"]["nga50"] == found["spades"]["ng50"] == 0
    assert found["spades"]["misassemblies"] == 2
    without = tools.read_report("Assembly\ta\n# contigs\t0\n")["a"]
    assert without["misassemblies"] is None
    assert without["nga50"] == 0


def test_substitutions_at_alleles_are_no_mismatches():
    assert tools.substitutions(SNPS, ()) == 3
    assert tools.substitutions(SNPS, {("k12", 269362)}) == 2


def test_bars_name_the_cases_that_break_them():
    rows = [
        row("raw", nga50=1000),
        row("dbgclean", nga50=989, cpu=61, mismatches=3),
        row("lighter", mismatches=5),
        row("bayeshammer", mismatches=2, misassemblies=1, corrected=50.0, cpu=80.0),
        row("raw", seed=2),
        row("dbgclean", seed=2, cpu=60, nga50=990),
        {**row("tadpole", seed=2), "skipped": "tadpole.sh is not on the PATH"},
    ]
    found = table.bars(rows)
    case = {"sample": "haploid", "length": 1000, "seed": 1, "assembler": "spades"}
    nga50 = found["NGA50 at least .99 of raw"]
    assert nga50 == {"held": 1, "of": 2, "broken": [{**case, "ours": 989, "limit": 990.0}]}
    mismatches = found["mismatches at most the best peer's"]
    assert mismatches == {"held": 0, "of": 1, "broken": [{**case, "ours": 3, "limit": 2}]}
    assert found["misassemblies at most the best peer's"]["held"] == 1
    alone = found["SPAdes CPU at most .6 of raw, assembly alone"]
    assert (alone["held"], alone["of"]) == (1, 2)
    assert found["SPAdes CPU at most .6 of raw, with BayesHammer"]["held"] == 1
    assert table.bars(rows[:1]) == {}


def test_table_and_picture(tmp_path):
    rows = [row("raw"), row("raw", seed=2, nga50=3000), row("dbgclean", corrected=7.0, cpu=50.0)]
    summary = table.summarise(rows)
    assert [(entry["reads"], entry["seeds"]) for entry in summary] == [
        ("raw", [1, 2]),
        ("dbgclean", [1]),
    ]
    assert summary[0]["nga50"] == 2000
    lines = table.markdown(rows).splitlines()
    assert lines[2].startswith("| haploid, 1 kb | spades | raw | 2,000 | 0 | 2 |")
    assert "| 7.0 + 50.0 | 0.10, 0.20 |" in lines[3]
    assert plot_assembly(summary, tmp_path / "a.png").stat().st_size > 1000


def test_rows_run_again_replace_their_own(tmp_path):
    told = {"command": "one", "versions": {"a": "1"}, "machine": {}}
    path = tmp_path / "out.json"
    command._write(path, told, [row("dbgclean"), row("raw")])
    told |= {"command": "two", "versions": {"b": "2"}}
    command._write(path, told, [row("raw", nga50=7)])
    written = json.loads(path.read_text())
    assert written["commands"] == ["one", "two"]
    assert written["versions"] == {"a": "1", "b": "2"}
    assert [(r["reads"], r["nga50"]) for r in written["rows"]] == [("raw", 7), ("dbgclean", 1000)]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Small genomes, and a design of two that our own simulator draws, one a diploid."""
    folder = tmp_path / "data"
    folder.mkdir()
    genomes = {"a.fa": simulate.random_genome(6000, 1), "b.fa": simulate.random_genome(6000, 2)}
    for name, genome in genomes.items():
        simulate.write_fasta(folder / name, [(name, genome)])
    (folder / "g.gfa").write_text(
        "H\tVN:Z:1.0\nS\ts1\tACGT\nS\ts2\tAACCGGTT\nL\ts1\t+\ts2\t+\t0M\n"
    )

    def pairs(genome, folder, depth, seed, name):
        reads = simulate.simulate_reads(genome, depth=depth, seed=seed)
        files = [folder / f"{name}_{mate}.fq" for mate in (1, 2)]
        simulate.write_fastq(reads, *files)
        return files

    two = (Member("a", "a.fa", 100, 1, 10), Member("b", "b.fa", 0, 0.5, 4))
    monkeypatch.setitem(DESIGNS, "metagenome", Design(two, "", pairs))
    alone = (Member("k12", "a.fa", 0, 1, 60),)
    monkeypatch.setitem(DESIGNS, "diploid", Design(alone, "", samples._diploid_files, spacing=1000))
    return folder


def test_samples_are_what_they_say(data, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    sample = samples.draw("metagenome", 5000, 1, data, mixed)
    names, _, offsets = read_sequences(str(sample.reference))
    assert list(names) == ["a", "b"]
    assert np.diff(offsets).tolist() == [5000, 2500]
    reads = sum(path.read_bytes().count(b"\n") // 4 for path in sample.files)
    assert abs(150 * reads - sample.bases) < 600
    assert sample.bases == 60_000
    assert not sample.alleles
    whole = tmp_path / "whole"
    whole.mkdir()
    diploid = samples.draw("diploid", 5000, 1, data, whole)
    assert diploid.files == [whole / "R1.fastq", whole / "R2.fastq"]
    assert len(diploid.alleles) == 5
    assert samples._genome(data / "g.gfa", 1, 5).tolist() == [0, 1, 1, 2, 2]


def fake(folder, name, text):
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


QUAST = f"""import os, sys
if "--version" in sys.argv: print("QUAST v5.2.0"); sys.exit()
folder = sys.argv[sys.argv.index("-o") + 1]
os.makedirs(folder + "/contigs_reports/minimap_output")
open(folder + "/report.tsv", "w").write({REPORT!r})
open(folder + "/contigs_reports/minimap_output/megahit.used_snps", "w").write({SNPS[0]!r} + "\\n")
"""
MEGAHIT = """import os, sys
if "--version" in sys.argv: print("MEGAHIT v1.2.9"); sys.exit()
assert open(sys.argv[sys.argv.index("-1") + 1]).read(1) == "@"
folder = sys.argv[sys.argv.index("-o") + 1]
os.makedirs(folder)
open(folder + "/final.contigs.fa", "w").write(">1\\nACGT\\n")
"""


def test_end_to_end_and_a_word_for_what_is_absent(data, tmp_path, monkeypatch, capsys):
    programs = tmp_path / "bin"
    programs.mkdir()
    fake(programs, "quast.py", QUAST)
    fake(programs, "megahit", MEGAHIT)
    monkeypatch.setenv("PATH", str(programs))
    output, picture = tmp_path / "out.json", tmp_path / "out.png"
    words = ["--data", str(data), "--folder", str(tmp_path / "s"), "-o", str(output)]
    words += ["--length", "5000", "--threads", "1", "--seeds", "1", "--plot", str(picture)]
    words += ["--samples", "haploid", "diploid", "--reads", "raw", "bfc"]
    (data / "genomes").mkdir()
    (data / samples.K12_FILE).touch()
    assert command.main(words) == 0
    told = capsys.readouterr().out
    assert "haploid: skipped, art_illumina is not on the PATH" in told
    rows = {(r["reads"], r["assembler"]): r for r in json.loads(output.read_text())["rows"]}
    assert rows["raw", "megahit"]["nga50"] == 268669
    assert rows["raw", "megahit"]["mismatches"] == 1
    assert rows["raw", "megahit"]["assembly"]["cpu_seconds"] > 0
    assert "/" not in rows["raw", "megahit"]["assembly"]["command"]
    assert rows["raw", "spades"]["skipped"] == "spades.py is not on the PATH"
    assert rows["bfc", "megahit"]["skipped"] == "bfc is not on the PATH"
    assert picture.exists()
    assert command.main([*words, "--table"]) == 0
    (programs / "quast.py").unlink()
    with pytest.raises(SystemExit, match=r"^quast.py is not on the PATH: pip install quast$"):
        command.main(words)


def test_ours_is_run_as_a_user_runs_it(data, tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    sample = samples.draw("diploid", 5000, 1, data, folder)
    files, cost = tools.correct(sample, "dbgclean", folder / "ours", 1)
    assert [path.name for path in files] == ["R1.fastq", "R2.fastq"]
    assert cost["command"].startswith("dbgclean correct R1.fastq R2.fastq -o R1.fastq R2.fastq")
    assert cost["cpu_seconds"] > 0
    assert cost["peak_gb"] > 0


@pytest.mark.skipif(not (find("megahit") and find("quast.py")), reason="needs MEGAHIT and QUAST")
def test_contigs_of_megahit_lie_on_the_genome(data, tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    sample = samples.draw("diploid", 5000, 1, data, folder)
    (found,) = command.assemble(sample, "raw", ["megahit"], folder / "raw", 1)
    assert found["genome_fraction"] > 95
    assert found["misassemblies"] == 0
    # The other haplotype's bases are no mismatches; at the very ends an error may stand alone.
    assert found["mismatches"] <= 1
    assert found["mismatches_per_100kb"] > 40
