"""``dbgclean run`` from end to end: the example, what is in DIR, the same bytes every time."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pysam
import pytest
from small_samples import mixture, random_sequence, reverse_complement

import dbgclean
from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.graph.compaction import compact
from dbgclean.graph.gfa import read_gfa
from dbgclean.graph.unitig_fasta import read_unitigs
from dbgclean.spectrum.formats import read_kmer_fasta
from dbgclean.spectrum.kmers import encode
from dbgclean.spectrum.whole import count_codes

GOLDEN = Path(__file__).parent / "golden" / "run_example_report.json"
EXAMPLE = Path(dbgclean.__file__).parent / "example"
FILES = {
    "clean.csv",
    "clean.gfa",
    "clean.graphml",
    "corrections.tsv.gz",
    "example.dbgclean_mqc.json",
    "example.dbgclean_spectrum_mqc.json",
    "kmers.fa.gz",
    "plots/abundance.svg",
    "plots/ambiguity.svg",
    "plots/cost.svg",
    "plots/graph_after.svg",
    "plots/graph_before.svg",
    "plots/spectrum.svg",
    "raw.csv",
    "raw.gfa",
    "reads/example_R1.fastq.gz",
    "reads/example_R2.fastq.gz",
    "report.html",
    "report.json",
    "unitigs.fa",
    "versions.yml",
}
SETS = ["raw", "cutoff", "classical"]
COLUMNS = [*SETS, "nearest", "likelihood", "autoencoder", "auto"]


def run(*argv):
    assert main(["run", *map(str, argv)]) == 0


def content(folder):
    """Bytes of every file in a folder by its name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def kmers_of(sequences, k=31):
    """Distinct canonical k-mers of sequences of letters."""
    codes = [encode(sequence) for sequence in sequences]
    offsets = np.cumsum([0, *map(len, codes)]).astype(np.int64)
    return count_codes(np.concatenate(codes), offsets, None, k).keys


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example by the corrector that is the default."""
    folder = tmp_path_factory.mktemp("example") / "out"
    run("--example", "-o", folder, "-t", "1", "-q")
    return folder


@pytest.fixture(scope="module")
def likelihood(tmp_path_factory):
    """The example by the likelihood alone."""
    folder = tmp_path_factory.mktemp("likelihood") / "out"
    run("--example", "-o", folder, "--corrector", "likelihood", "--no-controls", "-t", "2", "-q")
    return folder


@pytest.mark.parametrize("which", ["example", "likelihood"])
def test_every_file_is_there(which, request):
    folder = request.getfixturevalue(which)
    assert content(folder).keys() == FILES
    assert all(content(folder).values())
    assert [p.name for p in folder.parent.iterdir()] == ["out"], "a temporary folder was left"


@pytest.mark.parametrize("which", ["example", "likelihood"])
def test_kmers_unitigs_and_graph_hold_the_same(which, request):
    """kmers.fa.gz is sorted, and its k-mers are those of clean.gfa and of unitigs.fa."""
    folder = request.getfixturevalue(which)
    lines = gzip.open(folder / "kmers.fa.gz", "rt").read().splitlines()
    assert all(line[0] == ">" and int(line[1:]) > 0 for line in lines[::2])
    assert lines[1::2] == sorted(set(lines[1::2]))
    assert all(kmer <= reverse_complement(kmer) for kmer in lines[1::2])
    table = read_kmer_fasta(folder / "kmers.fa.gz")
    assert len(table) == len(lines) // 2
    graphs = [read_gfa(folder / "clean.gfa"), read_unitigs(folder / "unitigs.fa", k=31)]
    for graph in graphs:
        sequences = [graph.sequence(u) for u in range(len(graph))]
        np.testing.assert_array_equal(kmers_of(sequences), table.keys)
        assert graph.abundance.sum() == table.total
    built = compact(table.keys, table.counts, 31)
    for name in ("codes", "offsets", "abundance", "link_offsets", "link_targets"):
        np.testing.assert_array_equal(getattr(graphs[0], name), getattr(built, name))
    assert report_of(folder)["ambiguity"][which.replace("example", "auto")]["kmers"] == len(table)


def test_raw_graph_holds_the_reads(likelihood):
    graph = read_gfa(likelihood / "raw.gfa")
    texts = [
        gzip.open(EXAMPLE / f"example_R{mate}.fastq.gz", "rt").read().splitlines()[1::4]
        for mate in (1, 2)
    ]
    raw = kmers_of([*texts[0], *texts[1]])
    found = kmers_of([graph.sequence(u) for u in range(len(graph))])
    np.testing.assert_array_equal(found, raw)


@pytest.mark.parametrize("which", ["example", "likelihood"])
def test_the_example_costs_next_to_nothing(which, request):
    report = report_of(request.getfixturevalue(which))
    truth, chosen = report["truth"], report["ambiguity"][report["config"]["corrector"]]
    assert truth["file"] == "example_truth.fa"
    assert truth["reads"]["true_kmers_lost"] <= 5
    assert truth["reads"]["false_kmers_left"] <= 40
    assert chosen["true_kmers_lost"] <= 60
    assert chosen["false_kmers_left"] <= 20
    assert chosen["real_bubbles_closed"] <= 1
    assert chosen["junctions"] < report["ambiguity"]["raw"]["junctions"] / 50
    assert report["ambiguity"]["cutoff"]["true_kmers_lost"] > 100


def test_columns_of_the_report(example, likelihood):
    report = report_of(example)
    assert list(report["ambiguity"]) == COLUMNS
    assert report["config"]["corrector"] == report["corrections"]["corrector"] == "auto"
    alone = report_of(likelihood)
    assert list(alone["ambiguity"]) == [*SETS, "likelihood"]
    assert alone["ambiguity"]["likelihood"] == report["ambiguity"]["likelihood"]


def test_the_report_says_what_the_files_show(example):
    report = report_of(example)
    rows = gzip.open(example / "corrections.tsv.gz", "rt").read().splitlines()[1:]
    kinds = [row.split("\t") for row in rows]
    substitutions = [row for row in kinds if row[0] == "substitution"]
    assert report["corrections"]["alternatives"] == len(substitutions)
    for verdict in ("error", "real", "undecided"):
        found = sum(row[7] == verdict for row in substitutions)
        assert report["corrections"][verdict] == found
    changed = 0
    for mate in (1, 2):
        before, after = (
            gzip.open(folder / f"example_R{mate}.fastq.gz", "rt").read().splitlines()
            for folder in (EXAMPLE, example / "reads")
        )
        assert before[::4] == after[::4]
        assert list(map(len, after[1::4])) == list(map(len, after[3::4]))
        changed += sum(a != b for a, b in zip(before[1::4], after[1::4], strict=True))
    assert report["corrections"]["reads_touched"] == changed
    kept, removed = (sum(n for _, n in report["abundance"][part]) for part in ("kept", "removed"))
    assert kept + removed == report["ambiguity"]["raw"]["kmers"]


def golden_part(report):
    """What does not hang on the last digits of a fit."""
    part = {name: report[name] for name in ("tag", "config", "inputs", "corrections", "truth")}
    columns = {name: report["ambiguity"][name] for name in ("raw", "likelihood")}
    return part | {"ambiguity": columns, "alleles": report["alleles"]}


def test_golden_report(likelihood, tmp_path):
    found = json.dumps(golden_part(report_of(likelihood)), indent=1, sort_keys=True) + "\n"
    (tmp_path / GOLDEN.name).write_text(found)
    assert found == GOLDEN.read_text(), (
        f"the result of `run --example --corrector likelihood` changed; if that is meant, copy "
        f"{tmp_path / GOLDEN.name} to {GOLDEN}"
    )


def test_report_makes_the_same_page_of_the_json_alone(example, tmp_path):
    page = (example / "report.html").read_bytes()
    shutil.copy(example / "report.json", tmp_path)
    assert main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").read_bytes() == page
    assert main(["report", str(example), "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_bytes() == page


def test_report_refuses_what_is_no_report_and_writes_over_nothing(example, tmp_path, capsys):
    source = tmp_path / "report.json"
    shutil.copy(example / "report.json", source)
    assert main(["report", str(source), "-o", str(source)]) == 2
    assert source.read_bytes() == (example / "report.json").read_bytes()
    assert main(["report", str(tmp_path / "none")]) == 1
    source.write_text("{}")
    assert main(["report", str(tmp_path)]) == 1
    assert "no dbgclean report" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_the_page_of_the_example_shows_its_graphs(example):
    report = report_of(example)
    kinds = {row[3] for row in report["picture"]["before"]}
    assert {"plain", "removed", "kept"} <= kinds
    assert len(json.dumps(report["picture"])) < 200_000
    assert len((example / "report.html").read_bytes()) < 600_000
    written = {str(p.relative_to(example)) for p in example.rglob("*") if p.is_file()}
    assert set(report["outputs"]) == written - {"report.html"}
    assert (example / "raw.csv").read_text().count("removed") > 1000


def test_two_threads_give_the_same_bytes(example, tmp_path):
    run("--example", "-o", tmp_path / "two", "-t", "2", "-q")
    assert content(tmp_path / "two") == content(example)


def test_another_process_gives_the_same_bytes(example, tmp_path):
    """Another hash seed, another home, another time zone and locale."""
    elsewhere = {"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    elsewhere |= {"MPLCONFIGDIR": str(tmp_path / "matplotlib")}
    done = subprocess.run(
        [sys.executable, "-m", "dbgclean", "run", "--example", "-o", str(tmp_path / "again")],
        env=os.environ | elsewhere,
        capture_output=True,
        text=True,
        check=True,
    )
    assert content(tmp_path / "again") == content(example)
    assert "true k-mers lost" in done.stderr
    assert done.stdout == ""


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A small clone: a pair, and the same as BAM without an index, sorted by position."""
    folder = tmp_path_factory.mktemp("run")
    reads, genome, _ = mixture(length=2500, depth=30, spacing=None, seed=51)
    simulate.write_fastq(reads, folder / "r1.fq", folder / "r2.fq.gz")
    simulate.write_fasta(folder / "truth.fa", [("genome", genome)])
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "g", "LN": 2500}]}
    with pysam.AlignmentFile(folder / "reads.bam", "wb", header=header) as file:
        for i in np.argsort(reads.position, kind="stable"):
            turned = bool(reads.reverse[i])
            bases, quals = simulate.decode(reads.codes[i]), reads.quals[i]
            record = pysam.AlignedSegment(file.header)
            record.query_name = f"sim.{i // 2}"
            record.flag = 1 | (128 if i % 2 else 64) | (16 if turned else 0)
            record.reference_id, record.reference_start = 0, int(reads.position[i])
            record.query_sequence = reverse_complement(bases) if turned else bases
            record.query_qualities = (quals[::-1] if turned else quals).tolist()
            record.cigarstring = "100M"
            file.write(record)
    return folder


FAST = ("--corrector", "likelihood", "--no-controls", "-q")


def test_a_whole_bam_needs_no_index(sample, tmp_path):
    run(sample / "reads.bam", "-o", tmp_path / "out", "--truth", sample / "truth.fa", *FAST)
    assert (tmp_path / "out" / "reads" / "reads.fastq.gz").exists()
    report = report_of(tmp_path / "out")
    assert report["inputs"][0]["format"] == "bam"
    assert report["ambiguity"]["likelihood"]["false_kmers_left"] <= 5
    run(sample / "r1.fq", sample / "r2.fq.gz", "-o", tmp_path / "pair", *FAST)
    pair = gzip.decompress((tmp_path / "pair" / "kmers.fa.gz").read_bytes())
    assert gzip.decompress((tmp_path / "out" / "kmers.fa.gz").read_bytes()) == pair


def test_several_inputs_keep_their_names(sample, tmp_path):
    inputs = [sample / "r1.fq", sample / "reads.bam", sample / "truth.fa"]
    run(*inputs, "-o", tmp_path / "out", *FAST)
    names = sorted(p.name for p in (tmp_path / "out" / "reads").iterdir())
    assert names == ["r1.fq", "reads.fastq.gz", "truth.fa"]
    assert [i["files"] for i in report_of(tmp_path / "out")["inputs"]] == [
        ["r1.fq"], ["reads.bam"], ["truth.fa"]
    ]  # fmt: skip


def test_a_cutoff_on_what_is_written(sample, tmp_path, capsys):
    """k-mers below it are in neither file; reads stay as they were."""
    inputs = [sample / "r1.fq", sample / "r2.fq.gz"]
    run(*inputs, "-o", tmp_path / "all", *FAST)
    run(*inputs, "-o", tmp_path / "some", "--min-abundance", "12", *FAST)
    argv = ["run", *map(str, inputs), "-o", str(tmp_path / "none"), "--min-abundance", "9999"]
    assert main([*argv, *FAST, "-q"]) == 1
    assert "--min-abundance 9999 leaves none of" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()

    def table(name):
        return read_kmer_fasta(tmp_path / name / "kmers.fa.gz")

    common = table("all").select(table("all").counts >= 12)
    assert 0 < len(common) < len(table("all"))
    assert table("some").keys.tolist() == common.keys.tolist()
    assert table("some").counts.tolist() == common.counts.tolist()
    unitigs = read_unitigs(tmp_path / "some" / "unitigs.fa", k=31)
    assert int(unitigs.abundance.sum()) == common.total
    for name in ("r1.fq", "r2.fq.gz"):
        one, two = (tmp_path / folder / "reads" / name for folder in ("all", "some"))
        assert one.read_bytes() == two.read_bytes()
    report = report_of(tmp_path / "some")
    assert report["config"]["min_abundance"] == 12
    assert "min_abundance" not in report_of(tmp_path / "all")["config"]
    more = report["corrections"]["kmers_dropped"]
    assert more - report_of(tmp_path / "all")["corrections"]["kmers_dropped"] == len(
        table("all")
    ) - len(common)


def test_no_mask_leaves_every_base(tmp_path):
    """What only one read has behind a seam is masked by default, and left by --no-mask."""
    genome = random_sequence(3000, 6)
    reads = [genome[i : i + 100] for i in range(0, 2900, 4)]
    chimera = genome[200:260] + random_sequence(40, 99)
    records = [f"@r{i}\n{read}\n+\n{'I' * 100}\n" for i, read in enumerate([*reads, chimera])]
    (tmp_path / "r.fq").write_text("".join(records))
    for name, words in (("masked", []), ("left", ["--no-mask"])):
        run(tmp_path / "r.fq", "-o", tmp_path / name, *words, *FAST)
    bases = {
        name: (tmp_path / name / "reads" / "r.fq").read_text().splitlines()[1::4]
        for name in ("masked", "left")
    }
    assert bases["left"] == [*reads, chimera]
    assert bases["masked"][:-1] == reads
    assert bases["masked"][-1].rstrip("N") == chimera[:60]
    assert report_of(tmp_path / "left")["config"]["mask"] is False
    assert report_of(tmp_path / "left")["corrections"]["bases_masked"] == 0


def test_no_mask_and_poly_g_on_are_refused(tmp_path, capfd):
    argv = ["run", "--example", "-o", str(tmp_path / "out"), "--no-mask", "--poly-g", "on"]
    assert main(argv) == 2
    assert "leave one of the two out" in capfd.readouterr().err


def test_stdin(sample, tmp_path):
    with open(sample / "r1.fq", "rb") as reads:
        argv = [sys.executable, "-m", "dbgclean", "run", "-", "-o", str(tmp_path / "out"), *FAST]
        subprocess.run(argv, stdin=reads, check=True)
    run(sample / "r1.fq", "-o", tmp_path / "file", *FAST)
    for name in ("kmers.fa.gz", "clean.gfa", "corrections.tsv.gz"):
        found = (tmp_path / "out" / name).read_bytes()
        assert found == (tmp_path / "file" / name).read_bytes()
    (written,) = (tmp_path / "out" / "reads").iterdir()
    assert written.read_bytes() == (tmp_path / "file" / "reads" / "r1.fq").read_bytes()


@pytest.mark.parametrize("corrector", ["none", "cutoff"])
def test_correctors_that_leave_reads_alone(sample, tmp_path, corrector):
    argv = ["--corrector", corrector, "--no-controls", "-q", "-k", "21"]
    run(sample / "r1.fq", sample / "r2.fq.gz", "-o", tmp_path / "out", *argv)
    for name in ("r1.fq", "r2.fq.gz"):
        before, after = sample / name, tmp_path / "out" / "reads" / name
        unpack = gzip.decompress if name.endswith("gz") else bytes
        assert unpack(after.read_bytes()) == unpack(before.read_bytes())
    report = report_of(tmp_path / "out")
    same = "raw" if corrector == "none" else "cutoff"
    assert report["ambiguity"][corrector] == report["ambiguity"][same]
    table = gzip.open(tmp_path / "out" / "corrections.tsv.gz", "rt").read()
    assert table.count("\n") == 1
    if corrector == "none":
        graphs = [(tmp_path / "out" / name).read_bytes() for name in ("raw.gfa", "clean.gfa")]
        assert graphs[0] == graphs[1]


def test_without_truth_there_is_no_cost(sample, tmp_path):
    run(sample / "r1.fq", "-o", tmp_path / "out", *FAST)
    report = report_of(tmp_path / "out")
    assert report["truth"] is None
    assert not any("lost" in key for column in report["ambiguity"].values() for key in column)
    assert not (tmp_path / "out" / "plots" / "cost.svg").exists()


def test_force_replaces_and_leaves_the_rest(sample, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "report.json").write_text("old")
    run(sample / "r1.fq", "-o", out, *FAST, "--force")
    assert (out / "notes.txt").read_text() == "mine"
    assert report_of(out)["tag"] == "dbgclean report"
    assert not list(out.glob(".*"))


def test_summary_on_stderr_and_silence(sample, tmp_path, capfd):
    run(sample / "r1.fq", "-o", tmp_path / "quiet", *FAST)
    assert capfd.readouterr() == ("", "")
    run(sample / "r1.fq", "-o", tmp_path / "loud", *FAST[:-1])
    out, err = capfd.readouterr()
    assert out == ""
    assert "what changed" in err
    assert "likelihood" in err
