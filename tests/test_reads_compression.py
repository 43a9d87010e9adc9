"""Compressed inputs member by member, and inputs that can be read only once."""

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import threading
import zlib

import pytest

from dbgclean.errors import InputError
from dbgclean.reads import ReadStatistics, iter_batches, output_names, plan_inputs
from dbgclean.reads import compression as under_test
from dbgclean.reads.compression import open_bytes, zstd
from dbgclean.reads.reference import read_sequences

COMPRESS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
if zstd:
    COMPRESS["zst"] = zstd.compress


def records(first, count):
    return b"".join(b"@r%d\nACGTACGTACGT\n+\nIIIIIIIIIIII\n" % i for i in range(first, count))


ONE, TWO = records(0, 3000), records(3000, 5000)


@pytest.fixture(params=COMPRESS)
def compress(request):
    return COMPRESS[request.param]


@pytest.fixture
def put(tmp_path):
    def write(data, name="a.fq"):
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write


def read_all(path, threads=1):
    with open_bytes(path, threads=threads) as file:
        return file.read()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("padding", [0, 4, 512, 70_000])
def test_members_with_padding_between_them(put, compress, padding, threads, caplog):
    """What `xz -t` calls whole is read as a whole, and so for the others."""
    path = put(compress(ONE) + bytes(padding) + compress(TWO) + bytes(padding))
    assert read_all(path, threads) == ONE + TWO
    assert not caplog.messages


@pytest.mark.parametrize("behind", [b"x", b"trailing\n" * 20_000, b"\0\0\0\0junk", b"PK\x03\x04"])
def test_bytes_behind_the_data_are_told_of(put, compress, behind, caplog):
    path = put(compress(ONE) + behind)
    under_test.forget(path)
    statistics = ReadStatistics()
    (group,) = plan_inputs([path])
    for _ in range(2):
        list(iter_batches(group, statistics=statistics))
    assert statistics.reads == 2 * 3000
    told = f"{path}: {len(behind.lstrip(bytes(1))):,} bytes behind the compressed data"
    assert [line for line in caplog.messages if line.startswith(told)] == caplog.messages[:1]
    assert len(caplog.messages) == 1, "told once, however often it is read"


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_second_member_that_is_cut(put, compress, share, threads):
    second = compress(TWO)
    path = put(compress(ONE) + second[: int(share * len(second))])
    with pytest.raises(InputError, match=r"truncated.*; get a whole copy"):
        for _ in iter_batches(plan_inputs([path])[0], threads=threads):
            pass


def test_gzip_without_isal(put, monkeypatch):
    monkeypatch.setattr(under_test, "igzip_lib", None)
    assert read_all(put(gzip.compress(ONE) + gzip.compress(TWO) + bytes(9))) == ONE + TWO
    with pytest.raises((EOFError, zlib.error)):
        read_all(put(gzip.compress(ONE)[:-9]))


def test_bgzf_followed_by_gzip_lacks_no_end_marker(put, caplog, tmp_path):
    import pysam

    with pysam.BGZFile(str(tmp_path / "b.gz"), "w") as file:
        file.write(ONE)
    blocks = (tmp_path / "b.gz").read_bytes()
    path = put(blocks + gzip.compress(TWO), "c.fq.gz")
    plan_inputs([path])
    assert not caplog.messages
    assert read_all(path) == ONE + TWO
    plan_inputs([put(blocks[:-28], "d.fq.gz")])
    assert "no bgzip end marker" in caplog.text


def feed(paths_and_data):
    threads = [
        threading.Thread(target=path.write_bytes, args=(data,)) for path, data in paths_and_data
    ]
    for thread in threads:
        thread.start()
    return threads


def fifo(path):
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    return path


def test_pipes_of_one_name_stand_for_themselves(tmp_path):
    pipes = [fifo(tmp_path / folder / "r.fq") for folder in "ab"]
    feeders = feed(zip(pipes, (ONE, TWO), strict=True))
    groups = plan_inputs(pipes, single=True)
    for feeder in feeders:
        feeder.join()
    names = [[name for b in iter_batches(group) for name in b.names] for group in groups]
    assert names == [[f"r{i}" for i in range(3000)], [f"r{i}" for i in range(3000, 5000)]]
    assert output_names(groups) == [("r.fq.fastq",), ("r-2.fq.fastq",)]


def test_a_pipe_named_as_standard_input(tmp_path):
    pipe = fifo(tmp_path / "stdin")
    feeders = feed([(pipe, TWO)])
    argv = ["count", "--single", "-", str(pipe), "-o", str(tmp_path / "k.fa"), "-k", "11"]
    done = subprocess.run(
        [sys.executable, "-m", "dbgclean", *argv], input=ONE, capture_output=True, check=False
    )
    feeders[0].join()
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"5,000 reads" in done.stderr


def test_a_reference_whose_first_sequence_has_no_header(put):
    path = put(b"#c\nAC\n>g\nACGT\n", "g.fa")
    with pytest.raises(InputError, match="g.fa: line 2: not FASTA: expected '>', but found 'AC'"):
        read_sequences(path)


def test_a_reference_in_a_pipe(tmp_path):
    pipe = fifo(tmp_path / "g.fa")
    feeders = feed([(pipe, gzip.compress(b">g M\xc3\xbcller\nACGTU\n>\xff h\nAC GT\n"))])
    names, codes, offsets = read_sequences(pipe)
    feeders[0].join()
    assert names == ["g", "\udcff"]
    assert codes.tolist() == [0, 1, 2, 3, 3, 0, 1, 2, 3]
    assert offsets.tolist() == [0, 5, 9]
