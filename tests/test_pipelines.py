"""What a workflow asks of each step: a name, figures with one head, versions, completion."""

import gzip
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from stderr_lines import said

import dbgclean
from dbgclean import __version__
from dbgclean.__main__ import main
from dbgclean.cli import find_verbs
from dbgclean.report.multiqc import spectrum_points

EXAMPLE = Path(dbgclean.__file__).parent / "example"
R1, R2, BAM, FASTA = (
    str(EXAMPLE / name)
    for name in ("example_R1.fastq.gz", "example_R2.fastq.gz", "region.bam", "region.fa")
)
HEAD = ["tag", "schema_version", "version", "command", "sample"]
DROPPED = ["records", "short_reads", "kmers_with_n", "kmers"]
QUICK = "--corrector nearest --no-spikes"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line):
    assert main([*line.split(), "-q"]) == 0


def figures(path):
    return json.loads(Path(path).read_text())


CALLS = [
    # (command line, JSON, tag, command, default name)
    (
        f"run {R1} {R2} -o out --no-controls {QUICK} --memory 1G",
        "out/report.json",
        "report",
        f"dbgclean run example_R1.fastq.gz example_R2.fastq.gz --no-controls {QUICK}",
        "example",
    ),
    (
        f"correct {R1} -o 1.fq -t 2 --corrections c.tsv.gz {QUICK} --json f.json",
        "f.json",
        "correct",
        f"dbgclean correct example_R1.fastq.gz {QUICK}",
        "example",
    ),
    (
        f"count {R1} {R2} --single -k 21 --min-abundance 2 -o k.fa --json f.json",
        "f.json",
        "count",
        "dbgclean count example_R1.fastq.gz example_R2.fastq.gz --single -k 21 --min-abundance 2",
        "example",
    ),
    (
        f"inspect {BAM} -r chr --reference {FASTA} -o out",
        "out/report.json",
        "inspect",
        None,
        None,
    ),
    (
        f"graph {R1} -k 21 --min-abundance 3 -o g.gfa --json f.json",
        "f.json",
        "graph",
        "dbgclean graph example_R1.fastq.gz -k 21 --min-abundance 3",
        "example",
    ),
    (
        f"compare {FASTA} {R1} --min-abundance 2 --json f.json",
        "f.json",
        "compare",
        "dbgclean compare region.fa example_R1.fastq.gz --min-abundance 2",
        "region",
    ),
]


@pytest.mark.parametrize(("line", "path", "tag", "command", "name"), CALLS)
def test_every_verb_writes_the_same_head(line, path, tag, command, name, home):
    run(line)
    found = figures(path)
    assert list(found)[:5] == HEAD
    assert found["tag"] == f"dbgclean {tag}"
    assert found["version"] == __version__
    assert found["command"] == command or (command is None and "inspect" in found["command"])
    assert found["sample"] == name or name is None
    assert all(Path(one).name == one for group in found["inputs"] for one in group["files"])
    parts = found["graphs"] if tag == "compare" else [found]
    assert all(list(part["dropped"]) == DROPPED for part in parts)
    assert str(home) not in Path(path).read_text()


def test_what_is_dropped_is_counted(home):
    """A read shorter than k, windows with an N, k-mers seen once: in each verb alike."""
    bases = "ACGTTGCAACGTAACCGTTGACATGCATCAGGATCCATTA"
    Path("a.fa").write_text(f">a\n{bases}\n>b\n{bases}\n>c\nACGT\n>d\n{bases[:20]}N{bases[21:]}\n")
    run("count a.fa -k 11 -o k.fa --min-abundance 3 --json count.json")
    run("graph a.fa -k 11 -o g.gfa --min-abundance 3 --json graph.json")
    run("correct a.fa -k 11 -o o.fa --corrector none --json correct.json")
    rare = figures("count.json")["kmers"]["distinct"] - Path("k.fa").read_text().count(">")
    expected = {"records": 0, "short_reads": 1, "kmers_with_n": 11, "kmers": rare}
    assert rare == 11
    assert figures("count.json")["dropped"] == expected
    assert figures("graph.json")["dropped"] == expected
    assert figures("correct.json")["dropped"] == expected | {"kmers": None}


def test_records_of_a_bam_that_are_no_reads_are_counted(home):
    run(f"count {BAM} -o k.fa --json f.json")
    found = figures("f.json")
    (group,) = found["inputs"]
    left_out = sum(group[key] for key in ("secondary", "supplementary", "qc_fail", "duplicate"))
    assert found["dropped"]["records"] == left_out


def test_a_name_goes_everywhere(home):
    run(f"run {R1} -o out --no-controls {QUICK} --sample lane:1")
    assert figures("out/report.json")["sample"] == "lane:1"
    statistics = figures("out/lane_1.dbgclean_mqc.json")
    assert list(statistics["data"]) == ["lane:1"]
    assert list(figures("out/lane_1.dbgclean_spectrum_mqc.json")["data"]) == ["lane:1"]
    assert "<h1>lane:1</h1>" in Path("out/report.html").read_text()
    run(f"inspect {BAM} -r chr --reference {FASTA} -o seen --sample lane:1")
    assert figures("seen/report.json")["sample"] == "lane:1"
    assert "<h1>lane:1</h1>" in Path("seen/report.html").read_text()
    vcf = gzip.decompress(Path("seen/variants.vcf.gz").read_bytes()).decode()
    (columns,) = [line for line in vcf.splitlines() if line.startswith("#CHROM")]
    assert columns.split("\t")[9:] == ["lane:1"]


def test_a_name_changes_nothing_else(home):
    """k-mers, reads and decisions are the same bytes."""
    for name in ("a", "b"):
        run(f"correct {R1} -o {name}.fq --corrections {name}.gz {QUICK} --sample {name}")
    assert Path("a.fq").read_bytes() == Path("b.fq").read_bytes()
    assert Path("a.gz").read_bytes() == Path("b.gz").read_bytes()


@pytest.mark.parametrize("verb", ["correct", "count"])
def test_multiqc_of_verbs_without_a_report(verb, home):
    more = QUICK if verb == "correct" else ""
    run(f"{verb} {R1} -o out.fa --multiqc . --sample S --json f.json {more}")
    found = figures("f.json")
    values = figures("S.dbgclean_mqc.json")["data"]["S"]
    assert values["depth"] == found["spectrum"]["fit"]["depth"] > 20
    assert ("bases_changed" in values) == (verb == "correct")
    points = figures("S.dbgclean_spectrum_mqc.json")["data"]["S"]
    assert points == spectrum_points(found)


def test_figures_that_cannot_be_written_leave_no_reads(home, capfd):
    assert main(f"correct {R1} -o 1.fq --multiqc no {QUICK}".split()) == 1
    (line,) = said(capfd.readouterr().err)
    assert "make that folder first" in line
    assert list(home.iterdir()) == []
    # The files of --multiqc are outputs as all others.
    assert main(f"count {R1} -o S.dbgclean_mqc.json --multiqc . --sample S".split()) == 2
    assert "named for two outputs" in capfd.readouterr().err


def test_versions_stand_beside_the_report(home):
    run(f"inspect {BAM} -r chr --reference {FASTA} -o out")
    lines = Path("out/versions.yml").read_text().splitlines()
    assert lines[0] == '"dbgclean":'
    assert f'    dbgclean: "{__version__}"' in lines
    assert f'    numba: "{version("numba")}"' in lines


def test_what_was_written_is_said_last(home, capfd):
    assert main(f"count {R1} -o k.fa --json f.json".split()) == 0
    assert said(capfd.readouterr().err)[-1] == "written: k.fa, f.json"
    assert main(f"count {R1}".split()) == 0
    assert "written" not in capfd.readouterr().err
    assert main(f"inspect {BAM} -r chr --reference {FASTA} -o out".split()) == 0
    assert said(capfd.readouterr().err)[-1] == "written: out; open out/report.html"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_verbs_and_options(shell, capfd):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capfd.readouterr().out
    for word in (*find_verbs(), "--sample", "--min-vaf", "--dry-run"):
        assert word.removeprefix("--") in script


def test_bash_completes(tmp_path, capfd):
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capfd.readouterr().out)
    asked = (
        "source ./script; COMP_WORDS=(dbgclean correct --corr); COMP_CWORD=2; _shtab_dbgclean; "
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.split()) == ["--correction-k", "--corrections", "--corrector"]


def test_completion_without_shtab_says_what_to_install(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 1
    assert said(capfd.readouterr().err) == [
        "dbgclean: error: completion: shtab is not installed; pip install shtab"
    ]


def test_the_manual_page_is_made_of_the_parser(tmp_path):
    """The command of docs/pipelines.md."""
    pytest.importorskip("argparse_manpage")
    page = tmp_path / "dbgclean.1"
    command = (
        "argparse-manpage --module dbgclean.cli._parser --function whole_parser "
        "--project-name dbgclean --output"
    )
    assert command in (EXAMPLE.parents[1] / "docs" / "pipelines.md").read_text()
    program = "from argparse_manpage.cli import main; main()"
    argv = [sys.executable, "-c", program, *command.split()[1:], str(page)]
    subprocess.run(argv, check=True, capture_output=True)
    text = page.read_text().replace("\\-", "-")
    for verb in find_verbs():
        assert f"dbgclean {verb}" in text
    assert "--sample" in text


def test_a_pipe_through_is_in_the_command(tmp_path):
    out = tmp_path / "j.json"
    argv = [sys.executable, "-m", "dbgclean", "correct", "-", "-o", "-", "--corrector", "none"]
    reads = (EXAMPLE / "example_R1.fastq.gz").read_bytes()
    subprocess.run([*argv, "--json", out], input=reads, stdout=subprocess.DEVNULL, check=True)
    assert figures(out)["command"] == "dbgclean correct - --corrector none"
