"""Regions as people write them, the windows they are cut into, and the reference by place."""

import gzip
import shutil
from collections import Counter

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbgclean.errors import InputError, UsageError
from dbgclean.variants.reference import Reference
from dbgclean.variants.regions import Region, cut_windows, parse_regions

CONTIGS = {"chr2": 5000, "chr10": 300, "HLA-A*01:01:02": 900, "HLA-A*01:01": 100}


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("chr2", ("chr2", 0, 5000)),
        ("chr2:1", ("chr2", 0, 5000)),
        ("chr2:4,001", ("chr2", 4000, 5000)),
        ("chr2:101-", ("chr2", 100, 5000)),
        ("chr2:101-200", ("chr2", 100, 200)),
        (" chr2:1,001-2,000 ", ("chr2", 1000, 2000)),
        ("chr2:5000-5000", ("chr2", 4999, 5000)),
        # What may be a contig by itself is one.
        ("HLA-A*01:01", ("HLA-A*01:01", 0, 100)),
        ("HLA-A*01:01:02", ("HLA-A*01:01:02", 0, 900)),
        ("HLA-A*01:01:02:5-10", ("HLA-A*01:01:02", 4, 10)),
    ],
)
def test_regions_are_read_as_samtools_does(text, region):
    assert parse_regions([text], None, CONTIGS) == [Region(*region)]


@pytest.mark.parametrize(
    "text", ["chr2:0-10", "chr2:20-10", "chr2:a-b", "chr2:", ":1-2", "chr2:-9"]
)
def test_what_is_no_region_is_a_usage_error(text):
    with pytest.raises(UsageError, match="region") as raised:
        parse_regions([text], None, CONTIGS)
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chr3:1-10", r"no contig 'chr3' .*\(chr2, chr10, HLA-A\*01:01:02, \.\.\.\)"),
        ("3", "no contig '3'"),
        ("chr10:301-400", "beyond the end of chr10, which has 300 bases"),
        ("chr10:301", "beyond the end"),
    ],
)
def test_regions_off_the_contigs(text, words):
    with pytest.raises(InputError, match=words):
        parse_regions([text], None, CONTIGS)


def test_regions_come_in_the_header_s_order_and_merged(tmp_path):
    bed = tmp_path / "a.bed"
    bed.write_text("# made by hand\ntrack name=x\nchr10\t10\t20\tname\t0\t+\nchr2 40 50\r\n\n")
    found = parse_regions(["chr2:91-100", "chr2:51-90", "chr10:1-5"], str(bed), CONTIGS)
    assert [str(region) for region in found] == ["chr2:41-100", "chr10:1-5", "chr10:11-20"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["chr2", "chr10"]), st.integers(0, 250), st.integers(1, 40)),
        min_size=1,
        max_size=12,
    )
)
def test_merged_regions_cover_what_was_asked_once(spans):
    texts = [f"{name}:{start + 1}-{start + size}" for name, start, size in spans]
    wanted = {(name, at) for name, start, size in spans for at in range(start, start + size)}
    found = parse_regions(texts, None, CONTIGS)
    covered = [(region.contig, at) for region in found for at in range(region.start, region.end)]
    assert len(covered) == len(set(covered))
    assert set(covered) == wanted
    assert parse_regions(texts[::-1], None, CONTIGS) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chr2\t10\n", "line 1 is 'chr2"),
        ("chr2\tten\ttwenty\n", "no BED region"),
        ("chr2\t1\t2\nchr2\t20\t10\n", "line 2 goes from 20 to 10"),
        ("chr2\t-5\t10\n", "goes from -5"),
        ("chr7\t1\t2\n", "line 1: no contig 'chr7'"),
        ("chr10\t300\t301\n", "beyond the end of chr10"),
        ("chr10\t9\t9\n", "holds no region"),
        ("# nothing\n", "holds no region"),
        ("", "holds no region"),
    ],
)
def test_bad_bed_says_where(text, words, tmp_path):
    bed = tmp_path / "bad.bed"
    bed.write_text(text)
    with pytest.raises(InputError, match=words) as raised:
        parse_regions([], str(bed), CONTIGS)
    assert "beyond" in words or str(raised.value).startswith(str(bed))


def test_what_is_off_the_contig_or_of_no_length_is_clipped_or_skipped_and_said(tmp_path, caplog):
    bed = tmp_path / "a.bed"
    bed.write_text("chr2\t10\t10\nchr2\t40\t50\nchr2\t60\t60\nchr10\t300\t310\n")
    counts = Counter()
    found = parse_regions(["chr10:290-400", "chr2:4,999"], str(bed), CONTIGS, counts)
    assert [str(region) for region in found] == ["chr2:41-50", "chr2:4999-5000", "chr10:290-300"]
    assert counts == {"of_no_length": 2, "beyond_the_contig": 1, "clipped": 1}
    said = caplog.text
    assert "1 of the regions reach past the end of their contig: clipped (chr10:290-400" in said
    assert "2 of the regions hold no base: skipped (chr2:11-10)" in said
    assert "1 of the regions lie beyond the end of their contig: skipped (chr10:301-310" in said


def test_bed_may_be_compressed_but_not_damaged(tmp_path):
    bed = tmp_path / "a.bed.gz"
    packed = gzip.compress(b"chr2\t0\t10\n" * 1000)
    bed.write_bytes(packed)
    assert parse_regions([], str(bed), CONTIGS) == [Region("chr2", 0, 10)]
    bed.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match="damaged after line"):
        parse_regions([], str(bed), CONTIGS)
    with pytest.raises(InputError, match="No such file"):
        parse_regions([], str(tmp_path / "none.bed"), CONTIGS)


@given(
    start=st.integers(0, 3000),
    size=st.integers(1, 2000),
    core=st.integers(1, 700),
    overlap=st.integers(0, 100),
    seed=st.integers(0, 99),
    heaviest=st.sampled_from([1.0, 50.0, 1000.0, np.inf]),
)
def test_cores_tile_the_region_within_their_limits(start, size, core, overlap, seed, heaviest):
    region = Region("chr2", start, start + size)
    bin_size = 10
    weights = np.random.default_rng(seed).integers(0, 60, -(-size // bin_size))
    windows = cut_windows(
        region,
        core,
        overlap,
        length=5000,
        weights=weights,
        bin_size=bin_size,
        heaviest=heaviest,
    )
    edges = [windows[0].core.start, *(window.core.end for window in windows)]
    assert [window.core.start for window in windows] == edges[:-1]
    assert (edges[0], edges[-1]) == (region.start, region.end)
    per_base = np.repeat(weights / bin_size, bin_size)[:size]
    for window in windows:
        assert 1 <= len(window.core) <= core
        assert window.padded == window.core.widened(overlap, 5000)
        inside = per_base[window.core.start - start : window.core.end - start].sum()
        assert inside <= heaviest + 1e-6 or len(window.core) <= 2 * bin_size


def test_windows_of_nothing_are_refused():
    with pytest.raises(ValueError, match="cannot be cut"):
        cut_windows(Region("chr2", 0, 10), 0, 5)


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "ref.fa"
    path.write_text(">one with words\nACGTacgtNN\nRYACGT\n>two\nTTTT\n")
    return path


def test_reference_is_read_by_place(fasta, tmp_path):
    packed = tmp_path / "packed.fa.gz"
    pysam.tabix_compress(str(fasta), str(packed))
    for path in (fasta, packed):
        before = set(tmp_path.iterdir())
        with Reference(path) as reference:
            assert reference.lengths == {"one": 16, "two": 4}
            assert reference.fetch("one", 3, 12) == "TACGTNNAC"
            assert reference.fetch("two", -5, 99) == "TTTT"
            assert reference.fetch("two", 4, 9) == ""
        # No index was there, and none is left behind.
        assert set(tmp_path.iterdir()) == before


def test_reference_uses_the_index_that_is_there(fasta):
    pysam.faidx(str(fasta))
    with Reference(fasta) as reference:
        assert reference.fetch("one", 0, 4) == "ACGT"


def test_reference_of_other_alignments(fasta):
    with Reference(fasta) as reference:
        reference.check_against({"one": 16, "three": 5}, ["one"])
        with pytest.raises(InputError, match="one has 16 bases, but 17 in the header"):
            reference.check_against({"one": 17, "two": 4})
        with pytest.raises(InputError, match="no contig 'chr1'.*here: one, two"):
            reference.check_against({"chr1": 16})
        with pytest.raises(InputError, match="no contig 'three'"):
            reference.fetch("three", 0, 1)


def test_what_is_no_reference(fasta, tmp_path):
    packed = tmp_path / "plain.fa.gz"
    packed.write_bytes(gzip.compress(fasta.read_bytes()))
    reads = tmp_path / "reads.fq"
    reads.write_text("@r\nACGT\n+\nIIII\n")
    ragged = tmp_path / "ragged.fa"
    ragged.write_text(">a\nACGT\nAC\nACGTACGT\n")
    for path, words in [
        (tmp_path / "none.fa", "no such file"),
        (packed, "not with bgzip"),
        (reads, "not with '>'"),
        (ragged, "samtools faidx"),
    ]:
        with pytest.raises(InputError, match=words) as raised:
            Reference(path)
        assert "\n" not in str(raised.value)


def test_an_index_of_another_file_is_noticed(fasta, tmp_path):
    other = tmp_path / "other.fa"
    other.write_text(">one\n" + "ACGT" * 100 + "\n>two\nTTTT\n")
    pysam.faidx(str(other))
    shutil.copy(f"{other}.fai", f"{fasta}.fai")
    with Reference(fasta) as reference, pytest.raises(InputError, match="index"):
        reference.fetch("one", 100, 300)
