"""``--dry-run``: the plan, whatever would be refused, and nothing written."""

from pathlib import Path

import pytest
from stderr_lines import said

import dbgclean
from dbgclean.__main__ import main
from dbgclean.cli import _dry_run

EXAMPLE = Path(dbgclean.__file__).parent / "example"
R1, R2, TRUTH = (
    str(EXAMPLE / name)
    for name in ("example_R1.fastq.gz", "example_R2.fastq.gz", "example_truth.fa")
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tmp").mkdir()
    return tmp_path


def plan(argv, capfd, code=0):
    """Lines of the plan, by their first word; nothing is written."""
    before = sorted(Path().rglob("*"))
    assert main([*argv.split(), "--dry-run", "--tmp", "tmp"]) == code
    assert sorted(Path().rglob("*")) == before
    out, err = capfd.readouterr()
    if code:
        assert out == ""
        (line,) = said(err)
        return line
    assert said(err) == []
    found = {}
    for line in out.splitlines():
        word, _, rest = line.partition(": ")
        found.setdefault(word, []).append(rest)
    return found


def test_a_pair_and_its_outputs(home, capfd):
    found = plan(f"correct {R1} {R2} -o 1.fq 2.fq.gz --json - --multiqc . --sample s", capfd)
    assert found["read"] == [f"{R1} and {R2}: fastq, a pair, 704KB"]
    assert found["write"] == [
        "1.fq", "2.fq.gz", "standard output", "s.dbgclean_mqc.json", "s.dbgclean_spectrum_mqc.json",
    ]  # fmt: skip
    assert "corrector auto" in found["do"]
    assert "k = 31" in found["do"]


def test_single_reads_are_counted(home, capfd):
    found = plan(f"count {R1} {R2} --single -k 21 --memory 1G", capfd)
    assert [line.split(": ")[0] for line in found["read"]] == [R1, R2]
    assert all("fastq, single reads, " in line for line in found["read"])
    assert found["write"] == ["standard output"]
    assert "k = 21" in found["do"]
    assert any(line.startswith("1GB of memory; ") for line in found["do"])
    assert not any("corrector" in line for line in found["do"])


def test_a_run_writes_what_it_said(home, capfd):
    """All but optional files: a small sample without graphs to draw has them all."""
    argv = f"run {R1} {R2} -o out --truth {TRUTH} --no-controls --corrector nearest"
    found = plan(argv, capfd)
    assert main([*argv.split(), "-q"]) == 0
    written = {str(path) for path in Path("out").rglob("*") if path.is_file()}
    assert {path for path in written if "/plots/" not in path} == set(found["write"]) - {
        "out/plots/"
    }


def test_a_kmer_set(home, capfd):
    Path("k.fa").write_text(">3\n" + "ACGTTGCAACGTAACCGTTGA" + "\n")
    found = plan("run --kmers k.fa -o out", capfd)
    assert found["read"] == ["k.fa: --kmers"]
    assert "k of the k-mer set" in found["do"]
    assert not any("/reads/" in path for path in found["write"])


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (f"correct {R1} {R2} -o 1.fq --model nowhere", 1, "nowhere: no such file"),
        (f"correct {R1} {TRUTH} -o 1.fq 2.fq", 1, "2 sets of reads"),
        (f"correct {R1} -o 1.fq 2.fq", 2, "single reads cannot be written to 2 files"),
        (f"correct {R1} -o 1.cram", 2, "1.cram: "),
        (f"correct {R1} -o no/1.fq", 1, "make that folder first"),
        (f"count {R1} -o tmp", 1, "a folder; name a file"),
        (f"count {R1} {TRUTH} --paired", 2, "--paired takes"),
        (f"run {R1} -o out --truth {R2}", 1, "not with '>'"),
        (f"run --kmers {TRUTH} -o out", 1, "not k-mers"),
        (f"run {R1} -o out --protect {TRUTH} --reference {TRUTH}", 1, TRUTH),
        ("count -", 1, "can be read only once"),
    ],
)
def test_what_a_run_would_refuse(argv, code, words, home, capfd):
    assert words in plan(argv, capfd, code)


def test_no_room(home, capfd, monkeypatch):
    monkeypatch.setattr(
        _dry_run.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 5000})
    )
    assert "4.88KB free, and the reads alone take" in plan(f"run {R1} -o out", capfd, 1)
    Path("plain.fa").write_text((">a\n" + "ACGTTGCA" * 20 + "\n") * 50)
    assert "4.88KB free" in plan("correct plain.fa -o 1.fa", capfd, 1)
    # Packed, they may well fit.
    assert plan("correct plain.fa -o 1.fa.zst", capfd)["write"] == ["1.fa.zst"]
    assert plan("correct plain.fa -o 1 --bam", capfd)["write"] == ["1"]


@pytest.mark.parametrize("name", ["db", "db.kmc_pre", "db.kmc_suf", "j.jf"])
@pytest.mark.parametrize("argv", ["run --kmers", "run", "correct"])
def test_databases_of_counters_have_the_words_of_a_run(argv, name, home, capfd):
    Path("db.kmc_pre").write_bytes(b"KMCP" + bytes(100))
    Path("db.kmc_suf").write_bytes(b"KMCS" + bytes(100))
    Path("j.jf").write_bytes(b'000000040{"canonical":true,"format":"binary/sorted"}' + bytes(100))
    planned = plan(f"{argv} {name} -o out", capfd, 1)
    assert main([*argv.split(), name, "-o", "out", "-q"]) == 1
    assert said(capfd.readouterr().err) == [planned]
    assert "a database of" in planned
