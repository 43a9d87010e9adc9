"""What the user gives as reads: found out, paired, named; and what is wrong with it."""

import gzip
import io
import logging
import os
import random
import sys
import threading

import pytest

from dbgclean._files import optional
from dbgclean.errors import InputError, OutputError, UsageError
from dbgclean.reads import (
    InputGroup,
    ReadStatistics,
    iter_batches,
    open_writer,
    output_names,
    plan_inputs,
)
from dbgclean.reads.names import names_are_mates


def record(name, bases="ACGTACGTACGT", quals=None):
    return f"@{name}\n{bases}\n+\n{quals or 'I' * len(bases)}\n".encode()


def records(count, end="", without=()):
    return b"".join(record(f"r{i}{end}") for i in range(count) if i not in without)


@pytest.fixture
def put(tmp_path):
    def write(name, data):
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write


def read_all(paths, **options):
    """Return the number of reads; small batches, so that errors come after the first."""
    statistics = ReadStatistics()
    for group in plan_inputs(paths, **options):
        for _ in iter_batches(group, batch_bases=500, statistics=statistics):
            pass
    return statistics.reads


def refused(paths, *words, **options):
    """Check that reading fails with one line of three parts that holds `words`."""
    with pytest.raises(InputError) as caught:
        read_all(paths, **options)
    message = str(caught.value)
    assert "\n" not in message
    where, _, rest = message.partition(": ")
    assert os.path.basename(str(paths[0])) in where or os.path.basename(str(paths[-1])) in where
    assert "; " in rest, "says what to do"
    for word in words:
        assert word in message
    return message


GZ = gzip.compress(records(20_000), mtime=0)


def test_missing_file(tmp_path):
    refused([tmp_path / "no.fq"], "no such file; check the path")


def test_folder(tmp_path):
    refused([tmp_path], "a folder, not a file")


@pytest.mark.parametrize("data", [b"", b"\n\n", gzip.compress(b"", mtime=0)])
def test_empty_file(put, data):
    refused([put("a.fq", data)], "empty, holds no reads")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable_file(put, tmp_path):
    path = put("a.fq", records(1))
    (tmp_path / "a.fq").chmod(0)
    refused([path], "Permission denied")


@pytest.mark.parametrize("size", [5, 30, len(GZ) // 2, len(GZ) - 4])
@pytest.mark.parametrize("threads", [1, 2])
def test_truncated_gzip(put, size, threads):
    path = put("a.fq.gz", GZ[:size])
    with pytest.raises(InputError, match="the compressed file is truncated.*; get a whole copy"):
        list(iter_batches(plan_inputs([path])[0], threads=threads))


def test_gzip_damaged_in_the_middle(put):
    data = bytearray(GZ)
    data[len(GZ) // 2 : len(GZ) // 2 + 200] = random.Random(2).randbytes(200)
    refused([put("a.fq.gz", bytes(data))], "get a whole copy")


def test_gzip_with_a_wrong_checksum(put):
    data = bytearray(GZ)
    data[-6] ^= 255
    refused([put("a.fq.gz", bytes(data))], "the compressed data are damaged")


def test_gz_that_is_not_gzip_is_read_as_what_it_is(put, caplog):
    assert read_all([put("a.fq.gz", records(7))]) == 7
    assert "a.fq.gz: not gzip, whatever its name says" in caplog.text


def test_gz_that_is_nothing_known(put):
    refused([put("a.fq.gz", b"some text\n" * 9)], "starts with b'some text", "FASTQ ('@')")


def test_bgzip_cut_between_blocks_is_warned_of(put, caplog, tmp_path):
    (group,) = plan_inputs([put("plain.fq", records(20_000))])
    with open_writer(group, [tmp_path / "a.fq.gz"]) as writer:
        for batch in iter_batches(group):
            writer.write(batch)
    with caplog.at_level(logging.WARNING):
        plan_inputs([tmp_path / "a.fq.gz"])
        assert not caplog.text
        plan_inputs([put("b.fq.gz", (tmp_path / "a.fq.gz").read_bytes()[:-28])])
    assert "b.fq.gz: no bgzip end marker" in caplog.text


def test_zstd_without_a_library(put, monkeypatch):
    monkeypatch.setattr("dbgclean.reads.compression.zstd", None)
    refused([put("a.fq.zst", b"\x28\xb5\x2f\xfd" + bytes(20))], "pip install backports.zstd")


def test_optional_libraries_are_looked_for():
    assert optional("no.such.module", "zlib").crc32
    assert optional("no.such.module") is None


@pytest.mark.parametrize("before", [0, 1, 2000])
def test_short_quality_line(put, before):
    data = records(before) + b"@x\nACGT\n+\nIII\n" + records(3)
    line = f"line {4 * before + 4:,}"
    refused([put("a.fq", data)], line, "3 qualities for 4 bases")


def test_truncated_fastq(put):
    refused([put("a.fq", records(500)[:-20])], "line 1,998", "the file ends within a record")


@pytest.mark.parametrize("data", [bytes(range(256)) * 9, b"\x7fELF\x02\x01", b"PK\x03\x04aaaa"])
def test_binary_file(put, data):
    refused([put("a.fq", data)], "which is no format read here; give FASTA")


@pytest.mark.parametrize("start", [b"@", b">"])
def test_binary_file_with_a_lucky_start(put, start):
    refused([put("a.fq", start + random.Random(1).randbytes(5000))])


def test_fasta_given_as_fastq_is_fasta(put):
    (group,) = plan_inputs([put("a.fastq", b">a\nACGT\n>b\nAC\n")])
    (batch,) = iter_batches(group)
    assert (group.format, batch.quals, batch.names) == ("fasta", None, ["a", "b"])


def test_fasta_record_within_fastq(put):
    data = records(500) + b">a\nACGT\n>b\nACGT\n"
    refused([put("a.fq", data)], "line 2,001", "expected '@', but found '>a'")


def test_fastq_record_within_fasta(put):
    data = b">a\nACGT\n>b\nAC\n" + record("x")
    refused([put("a.fa", data)], "record 2 (b)", "'@' in the sequence is no nucleotide")


def test_fastq_folded_over_lines(put):
    data = b"@a\nACGT\nACGT\n+\nIIII\nIIII\n"
    refused([put("a.fq", data)], "line 3", "expected '+', but found 'ACGT'")


def test_protein_is_no_reads(put):
    refused([put("a.fa", b">p\nMKVLAAGE\n")], "record 1 (p)", "is no nucleotide")


def test_wrong_base_is_found_in_its_file_and_record(put):
    one = put("a_1.fq", records(300, "/1"))
    two = put("a_2.fq", records(299, "/2") + record("r299/2", "ACGJ"))
    message = refused([one, two], "record 300 (r299/2)", "'J' in the sequence")
    assert message.startswith(two)


def test_quality_out_of_range(put):
    data = records(9) + record("x", "ACGT", "II\x1fI")
    refused([put("a.fq", data)], "record 10 (x)", r"'\x1f' is no Phred+33 quality")


@pytest.mark.parametrize(
    "data",
    [
        b"@a\n\xe9\n+\nI\n",
        b">a\nA\xe9\n",
    ],
)
def test_sequence_that_is_not_ascii(put, data):
    refused([put("a.fq", data)], "record 1 (a)", "'é' in the sequence is no nucleotide")


def test_sam_text(put):
    refused([put("a.sam", b"@HD\tVN:1.6\n")], "samtools view -b")


def test_mates_out_of_step(put):
    one, two = put("a_1.fq", records(900, "/1")), put("a_2.fq", records(900, "/2", {500}))
    refused([one, two], "record 501", "'r500/1' and 'r501/2' are not mates")


@pytest.mark.parametrize("short", [0, 1])
def test_unequal_mate_counts(put, short):
    counts = [900, 900]
    counts[short] = 600
    paths = [put(f"a_{i + 1}.fq", records(counts[i], f"/{i + 1}")) for i in (0, 1)]
    message = refused(paths, "ends after 600 reads", "--single")
    assert message.startswith(paths[short])
    assert read_all(paths, single=True) == 1500


def test_interleaved_with_an_odd_read(put):
    data = b"".join(record(f"r{i}/{j}") for i in range(400) for j in (1, 2))
    assert read_all([put("a.fq", data)], interleaved=True) == 800
    refused([put("a.fq", data + record("x/1"))], "801 reads", "(x/1) has no mate", interleaved=True)


def test_interleaved_out_of_step(put):
    data = record("x") + b"".join(record(f"r{i}/{j}") for i in range(400) for j in (1, 2))
    refused([put("a.fq", data)], "pair 1", "'x' and 'r0/1' are not mates", interleaved=True)


def test_file_given_twice(put, tmp_path):
    path = put("a.fq", records(2))
    (tmp_path / "link.fq").symlink_to(path)
    refused([path, path], "given twice")
    refused([path, tmp_path / "link.fq"], "given twice")


def test_nothing_given():
    with pytest.raises(UsageError, match="no reads were given"):
        plan_inputs([])


def test_interleaved_and_single(put):
    with pytest.raises(UsageError, match="both interleaved and single"):
        plan_inputs([put("a.fq", records(2))], interleaved=True, single=True)


@pytest.mark.parametrize(
    ("first", "second", "mates"),
    [
        ("a/1", "a/2", True),
        ("a 1:N:0:AC", "a 2:N:0:AC", True),
        ("a", "a", True),
        ("SRR1.1.1", "SRR1.1.2", True),
        ("a/1", "a/1", False),
        ("a 1:N:0:AC", "a 1:N:0:AC", False),
        ("a/2", "b/2", False),
        ("a", "b", False),
    ],
)
def test_first_names_tell_pairs(put, first, second, mates):
    assert names_are_mates(first.encode(), second.encode()) is mates
    paths = [put("x.fq", record(first)), put("y.fq", record(second))]
    layouts = [group.layout for group in plan_inputs(paths)]
    assert layouts == (["paired"] if mates else ["single", "single"])


def test_files_group_in_the_order_given(put):
    paths = [
        put("lone.fq", record("z")),
        put("a_1.fq", record("a/1")),
        put("a_2.fq", record("a/2")),
        put("b.fa", b">a/1\nACGT\n>a/2\nACGTA\n"),
    ]
    groups = plan_inputs(paths)
    assert groups == [
        InputGroup((paths[0],), "single", "fastq"),
        InputGroup((paths[1], paths[2]), "paired", "fastq"),
        InputGroup((paths[3],), "single", "fasta"),
    ]
    assert [group.longest for group in groups] == [12, 12, 5]
    assert len(plan_inputs(paths, single=True)) == 4


@pytest.mark.parametrize("data", [records(40), gzip.compress(records(40), mtime=0)])
def test_standard_input_can_be_read_more_than_once(monkeypatch, tmp_path, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    (group,) = plan_inputs(["-"], spool_dir=tmp_path)
    suffix = ".gz" if data.startswith(b"\x1f\x8b") else ""
    assert output_names([group]) == [(f"stdin.fastq{suffix}",)]
    for _ in range(2):
        assert sum(len(batch) for batch in iter_batches(group)) == 40


def test_pipe_can_be_read_more_than_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_bytes, args=(records(40),))
    feeder.start()
    (group,) = plan_inputs([pipe], spool_dir=tmp_path)
    feeder.join()
    for _ in range(2):
        assert sum(len(batch) for batch in iter_batches(group)) == 40


def test_empty_standard_input(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(InputError, match="stdin.*: empty, holds no reads"):
        plan_inputs(["-"], spool_dir=tmp_path)


def test_standard_input_with_nowhere_to_copy_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(records(1))))
    with pytest.raises(InputError, match="stdin: cannot be copied to .*; give a temporary folder"):
        plan_inputs(["-"], spool_dir=tmp_path / "no")


def test_output_names_are_unique_and_tell_the_format():
    groups = [
        InputGroup(("x/a.fq.gz", "y/a.fq.gz"), "paired", "fastq"),
        InputGroup(("z/a.fq.gz",), "single", "fastq"),
        InputGroup(("b.bam",), "single", "bam"),
        InputGroup(("b.cram",), "single", "cram"),
        InputGroup(("c.fa.bz2",), "single", "fasta"),
    ]
    assert output_names(groups) == [
        ("a.fq.gz", "a-2.fq.gz"),
        ("a-3.fq.gz",),
        ("b.fastq.gz",),
        ("b-2.fastq.gz",),
        ("c.fa.gz",),
    ]


PAIRED = InputGroup(("a_1.fq", "a_2.fq"), "paired", "fastq")
SINGLE = InputGroup(("a.fq",), "single", "fastq")


@pytest.mark.parametrize(
    ("group", "outputs", "words"),
    [
        (SINGLE, ["x.fq", "y.fq"], "cannot be written to 2 files; name one"),
        (PAIRED, ["x.fq", "y.fq", "z.fq"], "cannot be written to 3 files; name one or two"),
        (PAIRED, [], "cannot be written to 0 files"),
        (PAIRED, ["x.fq", "x.fq"], "named for two outputs"),
        (SINGLE, ["a.fq"], "an input too"),
        (SINGLE, ["x.cram"], "name the output .fastq.gz"),
        (PAIRED, ["x.bam", "y.bam"], "BAM holds both mates; name one"),
        (SINGLE, ["x.sam"], "name the output .fastq.gz"),
    ],
)
def test_outputs_that_do_not_fit(group, outputs, words):
    with pytest.raises(UsageError, match=words):
        open_writer(group, outputs)


def test_pairs_join_and_part_on_writing(put, tmp_path):
    contents = [records(300, "/1"), records(300, "/2")]
    (group,) = plan_inputs([put("a_1.fq", contents[0]), put("a_2.fq", contents[1])])
    joined, parts = tmp_path / "joined.fq", [tmp_path / "p1.fq", tmp_path / "p2.fq"]
    with open_writer(group, [joined]) as writer:
        for batch in iter_batches(group):
            writer.write(batch)
    (group,) = plan_inputs([joined], interleaved=True)
    with open_writer(group, parts) as writer:
        for batch in iter_batches(group, batch_bases=500):
            writer.write(batch)
    assert [part.read_bytes() for part in parts] == contents


def test_failed_writing_leaves_nothing(put, tmp_path):
    (group,) = plan_inputs([put("a.fq", records(300) + b"@x\nA\n")])
    out = tmp_path / "out"
    out.mkdir()

    def copy(target):
        with open_writer(group, [target]) as writer:
            for batch in iter_batches(group, batch_bases=500):
                writer.write(batch)

    with pytest.raises(InputError):
        copy(out / "a.fq.gz")
    assert not list(out.iterdir())
    with pytest.raises(OutputError, match="no/a.fq: cannot be written: No such file or directory"):
        copy(out / "no" / "a.fq")


def test_full_disk_while_writing_reads(put, tmp_path):
    (group,) = plan_inputs([put("a.fq", records(300))])
    (tmp_path / "full.fq.gz").symlink_to("/dev/full")

    def copy(target):
        with open_writer(group, [target]) as writer:
            for batch in iter_batches(group):
                writer.write(batch)

    for target in ("/dev/full", tmp_path / "full.fq.gz"):
        with pytest.raises(OutputError, match="No space left on device; free some space"):
            copy(target)


def test_standard_output(put, capfdbinary):
    (group,) = plan_inputs([put("a.fq", records(300))])
    with open_writer(group, ["-"]) as writer:
        for batch in iter_batches(group):
            writer.write(batch)
    assert capfdbinary.readouterr().out == records(300)
