"""Blocks of FASTQ text against dnaio's own parser, and names that are text only when asked."""

import io

import dnaio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbgclean.errors import InputError
from dbgclean.reads import InputGroup, iter_batches, open_writer
from dbgclean.reads import fastq_blocks as blocks
from dbgclean.reads.fastx import fastx_batches
from dbgclean.reads.names import Names, as_names

NAMES = st.text("abz019:/ \té中", max_size=12).map(str.strip)
RECORDS = st.lists(
    st.tuples(NAMES, st.text("ACGTNacgtR", max_size=30), st.integers(0, 2**31)), max_size=30
)


def text_of(records, newline="\n", two_headers=False, last_newline=True):
    lines = []
    for name, bases, seed in records:
        quals = "".join(map(chr, np.random.default_rng(seed).integers(33, 127, len(bases))))
        lines += ["@" + name, bases, "+" + (name if two_headers else ""), quals]
    text = newline.join([*lines, ""]) if lines else ""
    if lines and lines[-1] and not last_newline:
        text = text[: -len(newline)]
    return text.encode()


def rows_of(batches):
    rows = []
    for batch in batches:
        for i, name in enumerate(batch.names):
            part = slice(batch.offsets[i], batch.offsets[i + 1])
            rows.append((name, batch.bases[part].tobytes(), (batch.quals[part] + 33).tobytes()))
    return rows


def oracle(text):
    """Of dnaio, which takes ASCII only: letters beyond it stand in as others meanwhile."""
    text = text.decode().replace("é", "E").replace("中", "M").encode()
    with dnaio.FastqReader(io.BytesIO(text)) as reader:
        return [(r.name, r.sequence.encode(), r.qualities.encode()) for r in reader]


def plain(rows):
    return [(name.replace("é", "E").replace("中", "M"), *rest) for name, *rest in rows]


def batches_of(*paths, batch_bases=50, interleaved=False):
    paths = tuple(str(path) for path in paths)
    return list(fastx_batches(paths, "fastq", interleaved=interleaved, batch_bases=batch_bases))


@pytest.fixture(params=[8, 64, 1 << 20])
def block(request, monkeypatch):
    """Blocks shorter than a record, than the file, and longer."""
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", request.param)


@given(
    RECORDS,
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([8, 64, 1 << 20]),
)
def test_what_dnaio_reads(tmp_path_factory, records, newline, two_headers, last, size):
    text = text_of(records, newline, two_headers, last)
    path = tmp_path_factory.mktemp("reads") / "a.fq"
    path.write_bytes(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_BLOCK_BYTES", size)
        batches = batches_of(path)
    assert plain(rows_of(batches)) == oracle(text)
    starts = [batch.first_read for batch in batches]
    assert starts == np.cumsum([0, *map(len, batches)])[:-1].tolist()
    if last and not two_headers:  # else a record may be laid out as none before it
        assert all(len(batch.bases) >= 50 for batch in batches[:-1])


@given(RECORDS.filter(bool), st.integers(0, 5), st.sampled_from([8, 64, 1 << 20]), st.data())
def test_another_layout_half_way(tmp_path_factory, records, at, size, data):
    """A repeated name or a carriage return from some record on: read on all the same."""
    at = min(at, len(records))
    changed = data.draw(st.sampled_from([{"two_headers": True}, {"newline": "\r\n"}]))
    text = text_of(records[:at]) + text_of(records[at:], **changed)
    path = tmp_path_factory.mktemp("reads") / "a.fq"
    path.write_bytes(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_BLOCK_BYTES", size)
        batches = batches_of(path)
    assert plain(rows_of(batches)) == oracle(text)


@pytest.mark.usefixtures("block")
def test_mates_side_by_side(tmp_path):
    records = [(f"r{i}/1 x", "ACGT" * (i % 5), i) for i in range(40)]
    others = [(f"r{i}/2 y", "GG" * (i % 3), i) for i in range(40)]
    (tmp_path / "1.fq").write_bytes(text_of(records))
    (tmp_path / "2.fq").write_bytes(text_of(others, two_headers=True))
    batches = batches_of(tmp_path / "1.fq", tmp_path / "2.fq")
    wanted = [None] * 80
    wanted[0::2], wanted[1::2] = oracle(text_of(records)), oracle(text_of(others))
    assert rows_of(batches) == wanted
    assert all(batch.paired and len(batch) % 2 == 0 for batch in batches)
    assert len(batches) > 1


@pytest.mark.usefixtures("block")
def test_interleaved_pairs_stay_whole(tmp_path):
    records = [(f"r{i // 2}/{i % 2 + 1}", "ACGTA" * (1 + i % 2), i) for i in range(60)]
    (tmp_path / "a.fq").write_bytes(text_of(records))
    batches = batches_of(tmp_path / "a.fq", interleaved=True, batch_bases=31)
    assert rows_of(batches) == oracle(text_of(records))
    assert all(len(batch) % 2 == 0 for batch in batches)


@pytest.mark.usefixtures("block")
def test_where_mates_part(tmp_path):
    one = [(f"r{i}/1", "ACGT", i) for i in range(30)]
    two = [(f"r{i if i < 20 else i + 1}/2", "ACGT", i) for i in range(30)]
    (tmp_path / "1.fq").write_bytes(text_of(one))
    (tmp_path / "2.fq").write_bytes(text_of(two))
    with pytest.raises(InputError, match="record 21: 'r20/1' and 'r21/2' are not mates"):
        batches_of(tmp_path / "1.fq", tmp_path / "2.fq")


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (b"@b\nACGT\n-\nIIII\n", "line 123"),
        (b"b\nACGT\n+\nIIII\n", "line 121"),
        (b"@b\nACGT\n+\nIII\n", "line 12[1-4]"),
        (b"@b\nAC", "line 12[1-3]"),
        (b"@b\nAC\xc3\xa9\n+\nIIII\n", "record 31"),
        (b"@b\nAC!T\n+\nIIII\n", "record 31 .b.: '!'"),
        (b"@b\nACGT\n+\nII\x1fI\n", "record 31"),
    ],
)
def test_what_is_wrong_is_said_as_before(tmp_path, broken, words):
    """Line and record count from the beginning of the file, not of a block."""
    records = [(f"r{i}", "ACGT", i) for i in range(30)]
    (tmp_path / "a.fq").write_bytes(text_of(records) + broken)
    with pytest.raises(InputError, match=words):
        batches_of(tmp_path / "a.fq", batch_bases=1 << 20)


@given(st.lists(NAMES, max_size=8), st.data())
def test_names_are_a_list_of_texts(texts, data):
    names = as_names(texts)
    assert isinstance(names, Names)
    assert names == texts
    assert names != [*texts, "more"]
    assert list(names) == texts
    low = data.draw(st.integers(-9, 9))
    step = data.draw(st.sampled_from([-2, -1, 1, 3]))
    assert names[low::step] == texts[low::step]
    for i in range(-len(texts), len(texts)):
        assert names[i] == texts[i]
    with pytest.raises(IndexError):
        names[len(texts)]
    assert as_names(names) is names
    assert (names == 3) is False


@pytest.mark.parametrize("two_headers", [False, True])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_written_as_it_came(tmp_path, newline, two_headers):
    one = text_of([(f"r{i} c", "ACGTn" * i, i) for i in range(20)], newline, two_headers)
    two = text_of([(f"r{i} d", "TT" * i, i) for i in range(20)], newline, two_headers)
    paths = [str(tmp_path / name) for name in ("1.fq", "2.fq", "o1.fq", "o2.fq")]
    for path, text in zip(paths, (one, two), strict=False):
        with open(path, "wb") as file:
            file.write(text)
    group = InputGroup(tuple(paths[:2]), "paired", "fastq")
    with open_writer(group, paths[2:]) as writer:
        for batch in iter_batches(group, batch_bases=100):
            writer.write(batch)
    for path, text in zip(paths[2:], (one, two), strict=True):
        with open(path, "rb") as file:
            assert file.read() == text
