"""The example that ships with the package is what its script makes, and holds what it says."""

import gzip
from importlib.resources import files

import numpy as np
import pytest

from benchmarks.simulators import simulate
from data import make_example

SHIPPED = files("dbgclean") / "example"
NAMES = ("example_R1.fastq.gz", "example_R2.fastq.gz", "example_truth.fa")


def content(path):
    """Bytes of a file, inflated: other versions of zlib pack the same bytes differently."""
    raw = path.read_bytes()
    return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    assert make_example.main(["-o", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("name", [*NAMES, "region.fa", "region.bam"])
def test_the_script_makes_the_shipped_files(name, made):
    assert content(made / name) == content(SHIPPED / name)


def test_it_is_small():
    assert sum(len((SHIPPED / name).read_bytes()) for name in NAMES) <= 1_500_000


def test_gzip_headers_hold_no_time_and_no_name(made):
    for name in NAMES[:2]:
        head = (SHIPPED / name).read_bytes()[:8]
        assert head[3] == 0
        assert head[4:8] == bytes(4)


def test_mates_go_together():
    first, second = (content(SHIPPED / name).splitlines() for name in NAMES[:2])
    assert len(first) == len(second)
    assert len(first) % 4 == 0
    for one, other in zip(first[::4], second[::4], strict=True):
        assert one[:-2] == other[:-2]
        assert (one[-2:], other[-2:]) == (b"/1", b"/2")


def test_truth_holds_what_the_readme_says():
    records = content(SHIPPED / NAMES[2]).decode().split(">")[1:]
    codes = {
        record.split()[0]: simulate.encode(record.split("\n", 1)[1].replace("\n", ""))
        for record in records
    }
    assert list(codes) == ["A", "B", "C"]
    assert {name: len(sequence) for name, sequence in codes.items()} == {
        "A": 20_000,
        "B": 19_997,
        "C": 20_000,
    }
    assert np.flatnonzero(codes["A"] != codes["C"]).tolist() == make_example.MINORITY
    kept = np.delete(codes["A"], make_example.DELETION)
    assert int((kept != codes["B"]).sum()) == len(set(make_example.HETEROZYGOUS)) == 16


def test_reads_show_every_allele():
    sequences = dict(make_example.haplotypes())
    lines = [line for name in NAMES[:2] for line in content(SHIPPED / name).splitlines()[1::4]]
    kmers = np.concatenate(
        [simulate.pack_kmers(simulate.encode(line), 31) for line in lines], dtype=np.uint64
    )
    seen = np.unique(simulate.canonical_kmers(kmers, 31))
    for codes in sequences.values():
        missing = np.setdiff1d(simulate.true_kmers(codes, None, 31), seen)
        # The ends of a linear molecule are rarely read in full.
        assert len(missing) <= 60
