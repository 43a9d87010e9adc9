"""What is read and written again is the same, and other people's parsers agree on it."""

import bz2
import gzip
import lzma
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
import pytest
from Bio.SeqIO.FastaIO import SimpleFastaParser
from Bio.SeqIO.QualityIO import FastqGeneralIterator
from hypothesis import example, given
from hypothesis import strategies as st

from dbgclean.reads import iter_batches, open_writer, output_names, plan_inputs
from dbgclean.reads.compression import detect_compression, open_bytes

PRINTABLE = [chr(c) for c in range(33, 127)]
BASES = "ACGTNacgtnRYKMSWBDHVUrykmx.-"
QUALITIES = PRINTABLE

names = st.text([*PRINTABLE, "é", "中"], min_size=1, max_size=12).filter(
    lambda name: name[0] not in ">@#"
)
comments = st.text([*PRINTABLE, " ", "\t", "ü"], max_size=12).map(str.rstrip)


@dataclass(frozen=True)
class Read:
    name: str
    bases: str
    quals: str


@st.composite
def reads(draw, min_length=0):
    comment = draw(comments)
    name = draw(names) + (f" {comment}" if comment else "")
    bases = draw(st.text(BASES, min_size=min_length, max_size=60))
    quals = draw(st.text(QUALITIES, min_size=len(bases), max_size=len(bases)))
    return Read(name, bases, quals)


@st.composite
def pairs(draw):
    one, two = draw(reads()), draw(reads())
    stem = draw(names)
    ends = draw(st.sampled_from([("/1", "/2"), ("", ""), (" 1:N:0:A", " 2:N:0:A"), (".1", ".2")]))
    return tuple(
        Read(stem + end, read.bases, read.quals) for read, end in zip((one, two), ends, strict=True)
    )


def fastq(records, end="\n", two_headers=False):
    return "".join(
        f"@{r.name}{end}{r.bases}{end}+{r.name if two_headers else ''}{end}{r.quals}{end}"
        for r in records
    ).encode()


def fasta(records, end="\n", width=None):
    lines = []
    for r in records:
        step = width or max(1, len(r.bases))
        lines += [f">{r.name}", *(r.bases[i : i + step] for i in range(0, len(r.bases), step))]
    return "".join(line + end for line in lines).encode()


def decompressed(path):
    data = Path(path).read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def written_again(folder, contents, *, batch_bases=100, threads=1, **layout):
    """Write `contents` {name: bytes}, read them, write them under the same names elsewhere."""
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "out").mkdir(exist_ok=True)
    groups = plan_inputs([folder / name for name in contents], **layout)
    for group, outputs in zip(groups, output_names(groups), strict=True):
        with open_writer(group, [folder / "out" / name for name in outputs]) as writer:
            for batch in iter_batches(group, batch_bases=batch_bases, threads=threads):
                writer.write(batch)
    return groups, {p.name: decompressed(p) for p in sorted((folder / "out").iterdir())}


def columns(group, **options):
    """All reads of a group as (name, bases, quality string)."""
    rows = []
    for batch in iter_batches(group, **options):
        for i in range(len(batch)):
            part = slice(batch.offsets[i], batch.offsets[i + 1])
            quals = None if batch.quals is None else (batch.quals[part] + 33).tobytes().decode()
            rows.append((batch.names[i], batch.bases[part].tobytes().decode(), quals))
    return rows


@given(
    st.lists(reads(), min_size=1, max_size=20),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from(["a.fastq", "a.fastq.gz"]),
    st.integers(1, 300),
)
@example([Read("r", "", ""), Read("s", "A", "!")], "\n", False, "a.fastq", 1)
@example([Read("@r >x", "acgtN", "@+@+~")], "\r\n", True, "a.fastq", 1)
def test_fastq_comes_back_byte_for_byte(records, end, two_headers, name, batch_bases):
    content = fastq(records, end, two_headers)
    data = gzip.compress(content) if name.endswith(".gz") else content
    with tempfile.TemporaryDirectory() as folder:
        _, out = written_again(Path(folder), {name: data}, batch_bases=batch_bases)
    assert out == {name: content}


@given(st.lists(pairs(), min_size=1, max_size=10), st.booleans(), st.integers(1, 300))
def test_pairs_come_back_byte_for_byte(mates, compress, batch_bases):
    contents = {f"a_R{i + 1}.fq": fastq([pair[i] for pair in mates]) for i in (0, 1)}
    packed = {n: gzip.compress(c) for n, c in contents.items()} if compress else contents
    with tempfile.TemporaryDirectory() as folder:
        groups, out = written_again(Path(folder), packed, batch_bases=batch_bases)
        assert [group.layout for group in groups] == ["paired"]
        assert out == contents
        for batch in iter_batches(groups[0], batch_bases=batch_bases):
            assert batch.paired
            assert len(batch) % 2 == 0


@given(st.lists(pairs(), min_size=1, max_size=10), st.integers(1, 300))
def test_interleaved_pairs_come_back_byte_for_byte(mates, batch_bases):
    content = fastq([read for pair in mates for read in pair])
    with tempfile.TemporaryDirectory() as folder:
        groups, out = written_again(
            Path(folder), {"a.fq": content}, batch_bases=batch_bases, interleaved=True
        )
    assert [group.layout for group in groups] == ["interleaved"]
    assert out == {"a.fq": content}


@given(
    st.lists(reads(min_length=1), min_size=1, max_size=10),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([None, 7, 60]),
)
def test_fasta_comes_back_with_its_line_ends_and_width(records, end, width):
    # The width is read off the first record that is folded: put one in front.
    records = [Read("first", "ACGT" * 20, ""), *records]
    content = fasta(records, end, width)
    with tempfile.TemporaryDirectory() as folder:
        _, out = written_again(Path(folder), {"a.fa": content})
    assert out == {"a.fa": content}


@given(st.lists(reads(min_length=1), min_size=1, max_size=20))
def test_other_parsers_read_the_same(records):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.fq")
        path.write_bytes(fastq(records))
        rows = columns(plan_inputs([path])[0])
        with path.open() as file:
            assert rows == list(FastqGeneralIterator(file))
        with pysam.FastxFile(str(path)) as file:
            theirs = [(r.name, r.comment or "", r.sequence, r.quality) for r in file]
        split = [(*row[0].partition(" ")[::2], *row[1:]) for row in rows]
        assert [(n.split()[0], b, q) for n, _, b, q in split] == [
            (n, b, q) for n, _, b, q in theirs
        ]
        path = Path(folder, "a.fa")
        path.write_bytes(fasta(records, width=10))
        with path.open() as file:
            expected = [(name, bases, None) for name, bases in SimpleFastaParser(file)]
        assert columns(plan_inputs([path])[0]) == expected


@given(st.lists(reads(), min_size=1, max_size=20))
def test_codes_and_qualities_follow_the_text(records):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.fq")
        path.write_bytes(fastq(records))
        (batch,) = iter_batches(plan_inputs([path])[0])
    text = "".join(r.bases for r in records)
    code_of = dict(zip("ACGTU", (0, 1, 2, 3, 3), strict=True))
    assert batch.codes.tolist() == [code_of.get(b, 4) for b in text.upper()]
    assert batch.quals.tolist() == [ord(q) - 33 for r in records for q in r.quals]
    assert batch.offsets.tolist() == np.cumsum([0, *(len(r.bases) for r in records)]).tolist()
    assert (batch.offsets.dtype, batch.codes.dtype) == (np.int64, np.uint8)
    for array in (batch.bases, batch.codes, batch.quals, batch.offsets):
        assert array.flags.c_contiguous
        assert array.flags.writeable  # numba compiles kernels twice otherwise


MANY = [Read(f"r{i} comment {i}", "ACGTN"[i % 5] * (i % 97), "F" * (i % 97)) for i in range(3000)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_compressions_by_content(tmp_path, suffix, compress, threads):
    content = fastq(MANY)
    _, out = written_again(tmp_path, {f"a.fq{suffix}": compress(content)}, threads=threads)
    assert list(out) == ["a.fq.gz" if suffix else "a.fq"]
    assert list(out.values()) == [content]


def test_zstd_where_the_library_is_there(tmp_path):
    zstd = pytest.importorskip("backports.zstd", reason="no zstd library here")
    content = fastq(MANY)
    _, out = written_again(tmp_path, {"a.fq.zst": zstd.compress(content)})
    assert out == {"a.fq.gz": content}


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_reads_are_written_as_the_name_ends(tmp_path, suffix):
    (tmp_path / "a.fq").write_bytes(fastq(MANY))
    (group,) = plan_inputs([tmp_path / "a.fq"])
    with open_writer(group, [tmp_path / f"o.fq{suffix}"]) as writer:
        for batch in iter_batches(group):
            writer.write(batch)
    assert detect_compression(str(tmp_path / f"o.fq{suffix}")) == suffix[1:]
    with open_bytes(str(tmp_path / f"o.fq{suffix}")) as file:
        assert file.read() == fastq(MANY)


def test_bgzip_and_several_gzip_members_are_read_whole(tmp_path):
    content = fastq(MANY)
    (tmp_path / "plain").write_bytes(content)
    pysam.tabix_compress(str(tmp_path / "plain"), str(tmp_path / "a.fq.bgz"))
    (tmp_path / "b.fq.gz").write_bytes(gzip.compress(content[:999]) + gzip.compress(content[999:]))
    for name in ("a.fq.bgz", "b.fq.gz"):
        _, out = written_again(tmp_path, {name: (tmp_path / name).read_bytes()})
        assert out[name] == content


def test_same_reads_same_bytes(tmp_path):
    (tmp_path / "a.fq").write_bytes(fastq(MANY))
    (group,) = plan_inputs([tmp_path / "a.fq"])
    written = set()
    for batch_bases, threads in ((50, 1), (5_000, 2), (10**9, 1)):
        with open_writer(group, [tmp_path / "o.fq.gz"]) as writer:
            for batch in iter_batches(group, batch_bases=batch_bases, threads=threads):
                writer.write(batch)
        written.add((tmp_path / "o.fq.gz").read_bytes())
    assert len(written) == 1


def test_real_reads_come_back_byte_for_byte(shared_data, tmp_path):
    for first in sorted((shared_data / "reads").glob("*1.f*q.gz")):
        pair = [first, first.with_name(first.name.replace("1.f", "2.f"))]
        groups = plan_inputs(pair)
        assert [group.layout for group in groups] == ["paired"]
        outputs = [tmp_path / name for name in output_names(groups)[0]]
        with open_writer(groups[0], outputs) as writer:
            for batch in iter_batches(groups[0]):
                writer.write(batch)
        for given_path, path in zip(pair, outputs, strict=True):
            assert decompressed(given_path) == decompressed(path)
