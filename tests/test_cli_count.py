"""``dbgclean count`` from files to files, against a plain Counter."""

import errno
import gzip
import json
from collections import Counter

import pytest

from dbgclean.__main__ import main

K = 15
READS = [
    "ACGTTGCATGTCGCATGATGCATGAGAGCT",
    "TTACGTTGCATGTCGCATGNTGCATGAGAGCTAACC",
    "AGCTCTCATGCATCATGCGACATGCAACGT",
    "ACGTACGT",
]


def counted(reads, k=K):
    """Abundance of each canonical k-mer, by strings."""
    swap = str.maketrans("ACGT", "TGCA")
    counts = Counter()
    for read in reads:
        for start in range(len(read) - k + 1):
            word = read[start : start + k]
            if set(word) <= set("ACGT"):
                counts[min(word, word.translate(swap)[::-1])] += 1
    return counts


def records(text):
    """Abundances by k-mer, of a k-mer FASTA whose k-mers must be sorted."""
    lines = text.splitlines()
    kmers = lines[1::2]
    assert kmers == sorted(kmers)
    assert all(line.startswith(">") for line in lines[::2])
    return dict(zip(kmers, (int(line[1:]) for line in lines[::2]), strict=True))


@pytest.fixture
def fastq(tmp_path):
    path = tmp_path / "reads.fq"
    path.write_text(
        "".join(f"@r{i}\n{read}\n+\n{'I' * len(read)}\n" for i, read in enumerate(READS))
    )
    return path


def test_kmers_equal_a_counter(fastq, tmp_path):
    out = tmp_path / "kmers.fa"
    assert main(["count", str(fastq), "-o", str(out), "-k", str(K)]) == 0
    assert records(out.read_text()) == counted(READS)


def test_output_defaults_to_stdout_and_words_go_to_stderr(fastq, capfd):
    assert main(["count", str(fastq), "-k", str(K)]) == 0
    captured = capfd.readouterr()
    assert records(captured.out) == counted(READS)
    assert "4 reads, 104 bases" in captured.err


def test_quiet_says_nothing(fastq, tmp_path, capfd):
    assert main(["count", str(fastq), "-o", str(tmp_path / "k.fa"), "-k", str(K), "-q"]) == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("threads", ["1", "2"])
def test_same_bytes_at_any_number_of_threads(threads, fastq, tmp_path):
    outputs = []
    for name in ("a.fa.gz", "b.fa.gz"):
        out = tmp_path / name
        count = threads if name == "a.fa.gz" else "1"
        assert main(["count", str(fastq), "-o", str(out), "-k", str(K), "-t", count]) == 0
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1]
    assert records(gzip.decompress(outputs[0]).decode()) == counted(READS)


def test_min_abundance_leaves_out_rare_kmers(fastq, tmp_path):
    out = tmp_path / "kmers.fa"
    argv = ["count", str(fastq), "-o", str(out), "-k", str(K), "--min-abundance", "3"]
    assert main(argv) == 0
    expected = {kmer: count for kmer, count in counted(READS).items() if count >= 3}
    assert expected
    assert records(out.read_text()) == expected


def test_several_files_add_up(fastq, tmp_path):
    fasta = tmp_path / "more.fa"
    fasta.write_text(f">one\n{READS[0]}\n")
    out = tmp_path / "kmers.fa"
    assert main(["count", str(fastq), str(fasta), "-o", str(out), "-k", str(K)]) == 0
    assert records(out.read_text()) == counted([*READS, READS[0]])


def test_histogram_and_json(fastq, tmp_path):
    histogram, report = tmp_path / "h.tsv", tmp_path / "c.json"
    argv = ["count", str(fastq), "-o", str(tmp_path / "k.fa"), "-k", str(K)]
    assert main([*argv, "--histogram", str(histogram), "--json", str(report)]) == 0
    expected = Counter(counted(READS).values())
    rows = [line.split("\t") for line in histogram.read_text().splitlines() if line[:1].isdigit()]
    found = {int(row[0]): int(row[1]) for row in rows}
    assert {abundance: kmers for abundance, kmers in found.items() if kmers} == expected
    facts = json.loads(report.read_text())
    assert facts["tag"] == "dbgclean count"
    assert facts["inputs"][0]["files"] == ["reads.fq"]
    assert facts["inputs"][0]["reads"] == len(READS)
    assert facts["kmers"]["kmers"] == counted(READS).total()
    assert facts["kmers"]["distinct"] == len(counted(READS))
    assert facts["kmers"]["short_reads"] == 1
    assert facts["kmers"]["high_quality"] == facts["kmers"]["kmers"]
    assert facts["spectrum"]["histogram"] == [list(pair) for pair in sorted(expected.items())]
    assert not facts["spectrum"]["fit"]["fitted"]
    assert facts["spectrum"]["fit"]["reason"]


def test_histo_is_two_columns_for_genomescope(fastq, tmp_path):
    histo = tmp_path / "h.histo"
    argv = ["count", str(fastq), "-o", str(tmp_path / "k.fa"), "-k", str(K), "--min-abundance", "3"]
    assert main([*argv, "--histo", str(histo)]) == 0
    expected = sorted(Counter(counted(READS).values()).items())
    assert histo.read_text() == "".join(f"{abundance} {kmers}\n" for abundance, kmers in expected)


@pytest.mark.parametrize(
    ("reads", "words"),
    [
        (">a\nACGT\n>b\nTTT\n", "all 2 reads are shorter than k = 31"),
        (f">a\n{'N' * 40}\n", "give reads with bases called"),
        (f">a\nACGT\n>b\n{'N' * 40}\n", "no 31-mer without N in 2 reads"),
    ],
)
def test_reads_without_a_kmer_are_an_error(tmp_path, capfd, reads, words):
    path = tmp_path / "short.fa"
    path.write_text(reads)
    out = tmp_path / "kmers.fa"
    assert main(["count", str(path), "-o", str(out)]) == 1
    line = capfd.readouterr().err
    assert line.startswith("dbgclean: error: ")
    assert line.count("\n") == 1
    assert "short.fa" in line
    assert words in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--min-abundance", "0"), ("--min-quality", "94"), ("-k", "16")]
)
def test_impossible_options(option, value, fastq, tmp_path, capfd):
    out = tmp_path / "kmers.fa"
    assert main(["count", str(fastq), "-o", str(out), option, value]) == 2
    assert value in capfd.readouterr().err
    assert not out.exists()


def test_missing_file(tmp_path, capfd):
    assert main(["count", str(tmp_path / "none.fq"), "-o", str(tmp_path / "k.fa")]) == 1
    assert "none.fq" in capfd.readouterr().err


def test_unwritable_output(fastq, tmp_path, capfd):
    assert main(["count", str(fastq), "-k", str(K), "-o", str(tmp_path / "no" / "k.fa")]) == 1
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("dbgclean: error: ")


def test_little_memory_gives_the_same_bytes(fastq, tmp_path):
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    outputs = []
    for name, more in (("a", []), ("b", ["--memory", "1K", "--tmp", str(tmp), "-t", "2"])):
        out, report = tmp_path / f"{name}.fa", tmp_path / f"{name}.json"
        argv = ["count", str(fastq), "-o", str(out), "--json", str(report), "-k", str(K)]
        assert main([*argv, *more]) == 0
        outputs.append((out.read_bytes(), report.read_text()))
    assert outputs[0] == outputs[1]
    assert not list(tmp.iterdir())


def test_a_folder_for_temporary_files_that_is_none(fastq, tmp_path, capfd):
    argv = ["count", str(fastq), "-o", str(tmp_path / "k.fa"), "--tmp", str(tmp_path / "no")]
    assert main(argv) == 1
    line = capfd.readouterr().err
    assert line.startswith("dbgclean: error: ")
    assert "--tmp" in line
    assert line.count("\n") == 1
    assert not (tmp_path / "k.fa").exists()


def test_a_full_disk_leaves_no_output(fastq, tmp_path, capfd, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dbgclean.spectrum.spill.os.pwrite", full)
    argv = ["count", str(fastq), "-o", str(tmp_path / "k.fa"), "-k", str(K), "--memory", "1K"]
    assert main([*argv, "--tmp", str(tmp_path), "-q"]) == 1
    line = capfd.readouterr().err
    assert "No space left" in line
    assert line.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [fastq.name]
