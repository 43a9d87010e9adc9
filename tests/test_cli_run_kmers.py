"""``dbgclean run --kmers``: dumps of any counter in, the same folder out, bad input in one line."""

import gzip
import json
import shutil
import subprocess

import numpy as np
import pytest
from small_samples import mixture, reverse_complement

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.evidence.edits import WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS, SCHEME
from dbgclean.graph.gfa import read_gfa
from dbgclean.model import Autoencoder, AutoencoderConfig, save_model
from dbgclean.spectrum.formats import read_kmer_fasta, write_kmer_fasta
from dbgclean.spectrum.kmers import kmers_to_strings
from dbgclean.spectrum.whole import count_kmers

FILES = {
    "clean.csv",
    "clean.gfa",
    "clean.graphml",
    "corrections.tsv.gz",
    "counts.dbgclean_mqc.json",
    "counts.dbgclean_spectrum_mqc.json",
    "kmers.fa.gz",
    "plots/abundance.svg",
    "plots/ambiguity.svg",
    "plots/cost.svg",
    "plots/graph_after.svg",
    "plots/graph_before.svg",
    "plots/spectrum.svg",
    "raw.csv",
    "raw.gfa",
    "report.html",
    "report.json",
    "unitigs.fa",
    "versions.yml",
}


def run(*argv):
    return main(["run", *map(str, argv)])


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def corrections_of(folder):
    lines = gzip.open(folder / "corrections.tsv.gz", "rt").read().splitlines()
    names = lines[0].split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:]]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Reads of a mixture in a FASTQ, their 21-mers in a FASTA, and the truth's."""
    folder = tmp_path_factory.mktemp("sample")
    reads, genome, sites = mixture(length=10000, depth=100, fractions=(0.5, 0.3, 0.1))
    simulate.write_fastq(reads, folder / "reads.fq")
    table = count_kmers(simulate.to_batches(reads), 21)
    write_kmer_fasta(folder / "counts.fa", table.keys, table.counts, 21)
    true = kmers_to_strings(simulate.true_kmers(genome, sites, 21), 21)
    (folder / "truth.fa").write_text("".join(f">{i}\n{t}\n" for i, t in enumerate(true)))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network that was never trained, for the windows of today."""
    folder = tmp_path_factory.mktemp("model") / "model"
    config = AutoencoderConfig(
        positions=WINDOW, channels=CHANNELS, globals_=len(GLOBALS), scheme=SCHEME
    )
    save_model(folder, Autoencoder(config), {"real_threshold": 0.3, "error_threshold": 0.2})
    return folder


@pytest.fixture(scope="module")
def cleaned(sample, tmp_path_factory):
    """The sample by the likelihood, with its truth."""
    folder = tmp_path_factory.mktemp("cleaned") / "out"
    truth = ["--truth", sample / "truth.fa"]
    assert not run(
        "--kmers", sample / "counts.fa", "-o", folder, *truth, "--corrector", "likelihood",
        "--no-controls", "-t", "2", "-q",
    )  # fmt: skip
    return folder


def test_everything_is_there_but_the_reads(cleaned):
    assert content(cleaned).keys() == FILES
    assert all(content(cleaned).values())


def test_graph_and_kmers_agree(cleaned):
    table = read_kmer_fasta(cleaned / "kmers.fa.gz")
    assert table.k == 21
    graph = read_gfa(cleaned / "clean.gfa")
    assert graph.kmers.sum() == len(table)
    assert graph.abundance.sum() == table.total


def test_abundances_moved_kept_and_dropped_are_those_there_were(sample, cleaned):
    before = read_kmer_fasta(sample / "counts.fa")
    after = read_kmer_fasta(cleaned / "kmers.fa.gz")
    told = report_of(cleaned)["corrections"]
    assert after.total + told["abundance_dropped"] == before.total
    assert told["abundance_moved"] > 0
    gone = len(before) - len(after)
    assert gone == told["kmers_moved"] + told["kmers_dropped"]


def test_the_report_says_what_went_and_what_it_cost(cleaned):
    report = report_of(cleaned)
    assert report["inputs"][0]["files"] == ["counts.fa"]
    assert report["config"]["k"] == 21
    raw, clean = report["ambiguity"]["raw"], report["ambiguity"]["likelihood"]
    assert clean["false_kmers_left"] < raw["false_kmers_left"] / 100
    assert clean["true_kmers_lost"] < 150
    assert clean["real_bubbles_closed"] == 0


def test_every_decision_is_told(cleaned):
    told = report_of(cleaned)["corrections"]
    rows = corrections_of(cleaned)
    alternatives = [row for row in rows if row["kind"] == "substitution"]
    assert len(alternatives) == told["alternatives"]
    assert sum(row["verdict"] == "real" for row in alternatives) == told["real"]
    assert all(row["kmer"][15] == row["from"] != row["to"] for row in alternatives)
    left = [row for row in rows if row["kind"] == "kmer"]
    assert len(left) == sum(told["refused"].values())
    assert sum("dropped" in row["reason"] for row in left) <= told["kmers_dropped"]


@pytest.mark.parametrize("corrector", ["none", "cutoff", "nearest"])
def test_correctors_that_judge_nothing(sample, tmp_path, corrector):
    argv = ["--kmers", sample / "counts.fa", "-o", tmp_path / "out", "--corrector", corrector]
    assert not run(*argv, "--no-controls", "-q")
    before, after = (
        read_kmer_fasta(path) for path in (sample / "counts.fa", tmp_path / "out/kmers.fa.gz")
    )
    if corrector == "none":
        np.testing.assert_array_equal(before.keys, after.keys)
        np.testing.assert_array_equal(before.counts, after.counts)
    else:
        assert len(after) < len(before) / 2
    assert bool(corrections_of(tmp_path / "out")) == (corrector == "nearest")


def test_the_network_judges_too_and_threads_change_nothing(sample, model, tmp_path):
    """All columns by name; the same bytes from one thread and from two."""
    argv = ["--kmers", sample / "counts.fa", "--model", model, "--truth", sample / "truth.fa"]
    for threads in (1, 2):
        assert not run(*argv, "-o", tmp_path / f"out{threads}", "-t", threads, "-q")
    assert content(tmp_path / "out1") == content(tmp_path / "out2")
    names = ["raw", "cutoff", "classical", "nearest", "likelihood", "autoencoder", "auto"]
    assert list(report_of(tmp_path / "out1")["ambiguity"]) == names


def same_result(cleaned, path, tmp_path):
    """The dump at ``path`` gives the k-mers, graphs and decisions of ours."""
    out = tmp_path / "again"
    assert not run(
        "--kmers", path, "-o", out, "--corrector", "likelihood", "--no-controls", "-q"
    )  # fmt: skip
    for name in ("kmers.fa.gz", "corrections.tsv.gz", "raw.gfa", "clean.gfa", "unitigs.fa"):
        assert (out / name).read_bytes() == (cleaned / name).read_bytes(), name


def command(*argv):
    subprocess.run([str(a) for a in argv], check=True, capture_output=True)


@pytest.mark.parametrize("columns", [False, True])
def test_a_dump_of_jellyfish_is_read(sample, cleaned, tmp_path, columns):
    if not shutil.which("jellyfish"):
        pytest.skip("jellyfish is not on the PATH")
    base = tmp_path / "mers.jf"
    command("jellyfish", "count", "-m", 21, "-s", "10M", "-C", "-o", base, sample / "reads.fq")
    dump = tmp_path / "dump.fa"
    command("jellyfish", "dump", *(["-c"] if columns else []), "-o", dump, base)
    same_result(cleaned, dump, tmp_path)


def test_a_dump_of_kmc_is_read(sample, cleaned, tmp_path):
    if not (shutil.which("kmc") and shutil.which("kmc_tools")):
        pytest.skip("kmc and kmc_tools are not on the PATH")
    command(
        "kmc", "-k21", "-ci1", "-cs1000000000", sample / "reads.fq", tmp_path / "db", tmp_path
    )  # fmt: skip
    dump = tmp_path / "dump.txt"
    command("kmc_tools", "transform", tmp_path / "db", "dump", dump)
    same_result(cleaned, dump, tmp_path)


def test_strand_order_case_and_compression_make_no_difference(sample, cleaned, tmp_path):
    lines = (sample / "counts.fa").read_text().splitlines()
    records = list(zip(lines[::2], lines[1::2], strict=True))
    half = len(records) // 2
    turned = [(count, reverse_complement(kmer).lower()) for count, kmer in records[:half]]
    with gzip.open(tmp_path / "mixed.fa.gz", "wt") as out:
        out.writelines(f"{count}\r\n{kmer}\r\n" for count, kmer in records[half:] + turned)
    same_result(cleaned, tmp_path / "mixed.fa.gz", tmp_path)


def test_our_own_count_is_read(sample, cleaned, tmp_path):
    assert not main(["count", str(sample / "reads.fq"), "-k", "21", "-o", str(tmp_path / "c.fa")])
    same_result(cleaned, tmp_path / "c.fa", tmp_path)


def test_counts_that_stop_at_255_are_warned_of(tmp_path, capfd):
    rng = np.random.default_rng(3)
    kmers = {"".join(rng.choice(list("ACGT"), 21)) for _ in range(40)}
    text = "".join(f"{kmer}\t{255 if i % 2 else 40}\n" for i, kmer in enumerate(sorted(kmers)))
    (tmp_path / "k.txt").write_text(text)
    argv = ["--kmers", tmp_path / "k.txt", "-o", tmp_path / "out", "--corrector", "nearest"]
    assert not run(*argv, "--no-controls")
    assert "255" in capfd.readouterr().err


KMER = "ACGTACGTTGCATTGACCATC"
BAD = {
    "empty": ("", "empty"),
    "even": (f">3\n{KMER[:20]}\n", "20 letters"),
    "long": (f">3\n{KMER * 2}\n", "42 letters"),
    "short": (">3\nACGTACG\n", "7 letters"),
    "mixed": (f">3\n{KMER}\n>2\n{KMER[:19]}\n", "line 4"),
    "names": (f">read1\n{KMER}\n", "'>read1'"),
    "no count": (f"{KMER}\n{KMER}\n", "line 2"),
    "letters": (f">3\n{KMER[:20]}N\n", "line 2"),
    "fraction": (f"{KMER}\t1.5\n", "'1.5'"),
    "negative": (f"{KMER}\t-2\n", "'-2'"),
    "cut off": (f">3\n{KMER}\n>4\n", "end of the file"),
    "nothing seen": (f">0\n{KMER}\n", "above 0"),
    "fastq": (f"@r1\n{KMER}\n+\n{'I' * 21}\n", "letters"),
    "binary": ("\x00\x01\x02KMCP" * 20, ""),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_are_refused_in_one_line(tmp_path, capfd, what):
    text, told = BAD[what]
    path = tmp_path / "bad.fa"
    path.write_text(text)
    assert run("--kmers", path, "-o", tmp_path / "out", "--corrector", "nearest", "-q") == 1
    error = capfd.readouterr().err.strip()
    assert "\n" not in error
    assert "bad.fa" in error
    assert told in error
    assert [p.name for p in tmp_path.iterdir()] == ["bad.fa"], "something was left behind"


def test_a_file_that_is_not_there(tmp_path, capfd):
    assert run("--kmers", tmp_path / "no.fa", "-o", tmp_path / "out", "--corrector", "none") == 1
    assert "no.fa" in capfd.readouterr().err


def test_another_k_than_the_file_has_is_refused(sample, tmp_path, capfd):
    argv = ["--kmers", sample / "counts.fa", "-o", tmp_path / "out", "--corrector", "none"]
    assert run(*argv, "-k", "31", "-q") == 1
    error = capfd.readouterr().err
    assert "21-mers" in error
    assert "-k 31" in error


@pytest.mark.parametrize(
    "more", [["reads.fq"], ["--example"], ["--single"], ["--correction-k", "21"]], ids=str
)
def test_what_is_for_reads_is_refused_beside_kmers(sample, tmp_path, capfd, more):
    assert run("--kmers", sample / "counts.fa", "-o", tmp_path / "out", *more) == 2
    assert "--kmers" in capfd.readouterr().err.splitlines()[-1]
