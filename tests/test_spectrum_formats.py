"""k-mer files and histograms: round trips, other programs' files, and bad ones."""

import gzip
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from Bio import SeqIO
from hypothesis import given
from hypothesis import strategies as st

import dbgclean.spectrum.formats as formats
from dbgclean.__main__ import main
from dbgclean.errors import InputError, OutputError
from dbgclean.spectrum.formats import (
    read_kmer_fasta,
    saturated,
    write_kmer_fasta,
)
from dbgclean.spectrum.histogram import abundance_histogram, fit_spectrum
from dbgclean.spectrum.histogram_files import read_histogram, write_histo, write_histogram
from dbgclean.spectrum.kmers import canonical_kmers, decode, kmers_to_strings, strings_to_kmers
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.whole import count_codes

TOP = 2**32 - 1


def table_of(seed: int, n: int, k: int) -> KmerTable:
    rng = np.random.default_rng(seed)
    keys = np.unique(canonical_kmers(rng.integers(0, 4**k, n, dtype=np.uint64), k))
    counts = rng.choice([1, 9, 10, 99, 12345, TOP], keys.size).astype(np.uint32)
    return KmerTable(k, keys, counts, np.zeros_like(counts), counts)


@pytest.mark.parametrize("name", ["kmers.fa", "kmers.fa.gz"])
@pytest.mark.parametrize("k", [11, 31])
def test_fasta_round_trip_and_biopython(tmp_path: Path, name: str, k: int, monkeypatch) -> None:
    monkeypatch.setattr(formats, "_ROWS", 300)
    monkeypatch.setattr(formats, "_BLOCK", 5000)
    table, path = table_of(1, 1000, k), tmp_path / name
    write_kmer_fasta(path, table.keys, table.counts, k)
    again = read_kmer_fasta(path)
    assert again.k == k
    assert (again.keys == table.keys).all()
    assert (again.counts == table.counts).all()
    assert not again.reverse.any()
    assert (again.high_quality == again.counts).all()
    opened = gzip.open(path, "rt") if name.endswith("gz") else path.open()
    with opened as file:
        records = list(SeqIO.parse(file, "fasta"))
    assert [str(record.seq) for record in records] == kmers_to_strings(table.keys, k)
    assert [int(record.id) for record in records] == table.counts.tolist()


def test_text_is_as_jellyfish_dumps_it_and_gz_has_no_time_stamp(tmp_path: Path) -> None:
    keys = strings_to_kmers(["AAACCCCGGGG", "ACACACACACA"])
    plain, packed = tmp_path / "k.fa", tmp_path / "k.fa.gz"
    for path in (plain, packed):
        write_kmer_fasta(path, keys, np.array([1, 203], dtype=np.uint32), 11)
    assert plain.read_text() == ">1\nAAACCCCGGGG\n>203\nACACACACACA\n"
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert packed.read_bytes()[4:8] == bytes(4)


def test_no_kmers_make_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "none.fa"
    write_kmer_fasta(path, np.empty(0, np.uint64), np.empty(0, np.uint32), 31)
    assert path.read_bytes() == b""


def test_dash_is_standard_output(capfd) -> None:
    write_kmer_fasta("-", strings_to_kmers(["A" * 11]), np.array([7], dtype=np.uint32), 11)
    assert capfd.readouterr().out == ">7\nAAAAAAAAAAA\n"


def test_unwritable_output_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="missing"):
        write_kmer_fasta(tmp_path / "missing" / "k.fa", np.empty(0, np.uint64), np.empty(0), 31)


@given(
    st.dictionaries(st.text("ACGT", min_size=11, max_size=11), st.integers(1, 1000), min_size=1),
    st.sampled_from(["{1} {0}\n", "{1}\t{0}\n", "{1} {0}\r\n", ">{0}\n{1}\n", ">{0}\r\n{1}\r\n"]),
)
def test_other_counters_files_are_made_canonical(
    tmp_path_factory: pytest.TempPathFactory, kmers: dict[str, int], line: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "other.txt"
    path.write_text("".join(line.format(n, kmer) for kmer, n in kmers.items()), newline="")
    expected: dict[int, int] = {}
    for kmer, n in kmers.items():
        key = int(canonical_kmers(strings_to_kmers([kmer]), 11)[0])
        expected[key] = expected.get(key, 0) + n
    table = read_kmer_fasta(path)
    assert dict(zip(table.keys.tolist(), table.counts.tolist(), strict=True)) == expected
    assert table.keys.tolist() == sorted(expected)


def test_abundances_beyond_the_highest_stay_there(tmp_path: Path) -> None:
    path = tmp_path / "k.txt"
    path.write_text(f"{'A' * 11} 99999999999999999999\n{'T' * 11} 5\naaaaaaaaaac 4294967294\n")
    assert read_kmer_fasta(path).counts.tolist() == [TOP, TOP - 1]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b">5\nACGT\n", "4 letters"),
        (b">5\n" + b"ACGT" * 3 + b"\n", "12 letters"),
        (b">read1\nACGTACGTACG\n", "line 1: found '>read1'"),
        (b">5\nACGTACGTACG\n>7\nACGTACGTACN\n", "line 4: found 'ACGTACGTACN'"),
        (b">5\nACGTACGTACG\n>7\nACGTACGTACGTT\n", "line 4: found 'ACGTACGTACGTT'"),
        (b">5\nACGTACGTACG\n>7\n", "line 4: found the end of the file"),
        (b"ACGTACGTACG 5\nACGTACGTACG\n", "line 3: found the end of the file"),
        (b"ACGTACGTACG 5x\n", "line 1: found '5x'"),
        (b"ACGTACGTACG >5\n", "line 1: found '>5'"),
        (b">5\nACGTACGTACG\n7\nACGTACGTACG\n", "line 3: found '7'"),
        (b"\x1f\x8b not gzip", "cannot be read|damaged"),
        (
            gzip.compress(b">5\nACGTACGTACG\n" * 50, mtime=0)[:30],
            "cannot be read|truncated|damaged",
        ),
    ],
)
def test_bad_files_are_named_with_line_and_remedy(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "bad.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=complaint) as caught:
        read_kmer_fasta(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_input_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="check"):
            read_kmer_fasta(path)
        with pytest.raises(InputError, match="check"):
            read_histogram(path)


def test_histogram_round_trip_with_and_without_a_fit(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    abundances = np.concatenate((np.ones(3000, dtype=int), rng.poisson(40, 5000)))
    fitted = fit_spectrum(np.bincount(abundances), 31)
    shallow = fit_spectrum(np.array([0, 1000, 100, 10, 0, 1]), 31)
    assert fitted.fitted
    assert not shallow.fitted
    for spectrum in (fitted, shallow):
        path = tmp_path / "histogram.tsv"
        write_histogram(path, spectrum)
        assert (read_histogram(path) == spectrum.histogram).all()
        text = path.read_text()
        assert f"#fitted\t{str(spectrum.fitted).lower()}\n" in text
        assert "abundance\tkmers\terror_model\tgenome_model\n" in text
    assert f"#reason\t{shallow.reason}\n" in text


def test_histograms_of_other_counters_are_read(tmp_path: Path) -> None:
    path = tmp_path / "histo"
    path.write_text("1 500\n2 30\n10 4\n")
    assert read_histogram(path).tolist() == [0, 500, 30, 0, 0, 0, 0, 0, 0, 0, 4]
    path.write_text("1 500\ntwo 30\n")
    with pytest.raises(InputError, match="line 2: found 'two 30'"):
        read_histogram(path)


def run(folder: Path, *command: str) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def reads_with_repeats(folder: Path) -> KmerTable:
    """Write reads.fa with repeats, N and both strands; return our count of it."""
    rng = np.random.default_rng(9)
    codes = np.tile(rng.choice(5, 3000, p=[0.3, 0.2, 0.2, 0.295, 0.005]).astype(np.uint8), 3)
    codes = np.concatenate((codes, np.where(codes < 4, 3 - codes, 4)[::-1].astype(np.uint8)))
    offsets = np.arange(0, codes.size + 1, 100, dtype=np.int64)
    text = decode(codes)
    records = (f">r{i}\n{text[i : i + 100]}\n" for i in range(0, len(text), 100))
    (folder / "reads.fa").write_text("".join(records))
    return count_codes(codes, offsets, None, 21)


def assert_same(table: KmerTable, other: KmerTable) -> None:
    assert (table.keys == other.keys).all()
    assert (table.counts == other.counts).all()


def test_jellyfish_counts_the_same(tmp_path: Path) -> None:
    table = reads_with_repeats(tmp_path)
    run(tmp_path, *"jellyfish count -C -m 21 -s 1M -o out.jf reads.fa".split())
    run(tmp_path, *"jellyfish dump -o dump.fa out.jf".split())
    run(tmp_path, *"jellyfish dump -c -o dump.txt out.jf".split())
    run(tmp_path, *"jellyfish histo -h 10000 -o histo out.jf".split())
    assert_same(read_kmer_fasta(tmp_path / "dump.fa"), table)
    assert_same(read_kmer_fasta(tmp_path / "dump.txt"), table)
    assert (read_histogram(tmp_path / "histo") == np.bincount(table.counts)).all()
    write_histo(tmp_path / "ours", abundance_histogram(table))
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "histo").read_bytes()
    (tmp_path / "lower.txt").write_text((tmp_path / "dump.txt").read_text().lower())
    assert_same(read_kmer_fasta(tmp_path / "lower.txt"), table)
    refused(tmp_path, "out.jf", "jellyfish dump -c -o out.txt out.jf")


def test_kmc_counts_the_same(tmp_path: Path) -> None:
    table = reads_with_repeats(tmp_path)
    run(tmp_path, *"kmc -k21 -ci1 -m2 -t1 -fa reads.fa out .".split())
    run(tmp_path, *"kmc_tools transform out dump dump.txt".split())
    assert_same(read_kmer_fasta(tmp_path / "dump.txt"), table)
    run(tmp_path, *"kmc_tools transform out histogram histo -cx10000".split())
    write_histo(tmp_path / "ours", abundance_histogram(table))
    ours = read_histogram(tmp_path / "ours")
    assert (read_histogram(tmp_path / "histo")[: ours.size] == ours).all()
    for name in ("out", "out.kmc_pre", "out.kmc_suf"):
        refused(tmp_path, name, "kmc_tools transform out dump out.txt")


def refused(folder: Path, name: str, command: str) -> None:
    """A database is refused with the command that dumps it; what that writes is read."""
    with pytest.raises(InputError, match="a database of") as caught:
        read_kmer_fasta(folder / name)
    told = str(caught.value).split("`")[1]
    assert told == command.replace(" out", f" {folder}/out")
    run(folder, *told.split())
    assert_same(read_kmer_fasta(folder / "out.txt"), read_kmer_fasta(folder / "dump.txt"))


@pytest.mark.parametrize("verb", ["count", "correct", "graph", "run --kmers"])
@pytest.mark.parametrize(
    ("name", "head", "command"),
    [
        ("my db.kmc_pre", b"KMCP\0\0", "kmc_tools transform 'my db' dump 'my db.txt'"),
        ("db.kmc_suf", b"KMCS\0\0", "kmc_tools transform db dump db.txt"),
        ("mer.jf", b'000001383{"alignment":8', "jellyfish dump -c -o mer.txt mer.jf"),
        ("counts", b'000001383{"alignment":8', "jellyfish dump -c -o counts.txt counts"),
    ],
)
def test_a_database_is_refused_with_the_command_that_dumps_it(
    tmp_path: Path, capfd, monkeypatch, verb: str, name: str, head: bytes, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(head + bytes(5000))
    assert main([*verb.split(), name, "-o", "out"]) == 1
    assert f"(`{command}`)" in capfd.readouterr().err
    if name.startswith("db"):
        (tmp_path / "db.kmc_pre").touch()
        assert main([*verb.split(), "db", "-o", "out"]) == 1
        assert f"(`{command}`)" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_rows_of_histo_beyond_10000_are_one(tmp_path: Path) -> None:
    histogram = np.zeros(100_001, np.int64)
    histogram[[1, 7, 10_000, 10_001, 100_000]] = [500, 30, 4, 2, 1]
    write_histo(tmp_path / "histo", histogram)
    assert (tmp_path / "histo").read_text() == "1 500\n7 30\n10000 4\n10001 3\n"
    write_histo(tmp_path / "histo", histogram[:8])
    assert (tmp_path / "histo").read_text() == "1 500\n7 30\n"


@pytest.mark.parametrize(
    ("counts", "number"),
    [
        ([3, 255, 255], 2), ([3, 255], 0), ([255, 255, 256], 0), ([9, 65_535, 65_535], 2),
        ([16_777_215] * 3, 3), ([5, TOP], 1), ([254, 254], 0), ([], 0),
    ],
)  # fmt: skip
def test_abundances_where_counting_stopped(counts: list[int], number: int) -> None:
    assert saturated(np.array(counts, np.uint32)) == number
