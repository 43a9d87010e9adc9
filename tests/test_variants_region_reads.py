"""Reads of a region: which count, how they stand, and what cannot be read."""

import os
import random

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbgclean.errors import InputError
from dbgclean.variants.region_reads import fetch_reads, open_alignments, survey_region
from dbgclean.variants.regions import Region

PAIRED, UNMAPPED, REVERSE, READ1, READ2 = 1, 4, 16, 64, 128
SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 256, 512, 1024, 2048
GENOME = "".join(random.Random(8).choices("ACGT", k=3000))
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
ALL = Region("chr", 0, len(GENOME))


def flipped(bases):
    return bases.translate(COMPLEMENT)[::-1]


def write_alignments(path, rows, *, index=True, reference=None, groups=(), order="coordinate"):
    """Write (name, flag, start, cigar[, mapping quality[, bases[, quals]]]) rows, sorted."""
    header = {
        "HD": {"VN": "1.6", "SO": order},
        "SQ": [{"SN": "chr", "LN": len(GENOME)}, {"SN": "other", "LN": 50}],
        "RG": [{"ID": str(i), "SM": name} for i, name in enumerate(groups)],
    }
    mode = "wc" if path.suffix == ".cram" else "wb"
    rows = sorted(rows, key=lambda row: row[2]) if order == "coordinate" else rows
    with pysam.AlignmentFile(
        str(path), mode, header=header, reference_filename=reference and str(reference)
    ) as file:
        for row in rows:
            file.write(record(file.header, *row))
    if index:
        pysam.index(str(path))
    return str(path)


def record(header, name, flag, start, cigar, mapping_quality=60, bases=None, quals=None):
    made = pysam.AlignedSegment(header)
    made.query_name, made.flag, made.reference_id, made.reference_start = name, flag, 0, start
    made.mapping_quality = mapping_quality
    made.cigarstring = cigar
    size = made.infer_query_length() or 50
    made.query_sequence = GENOME[start : start + size] if bases is None else bases
    if bases != "":
        given = quals or "".join(chr(40 + (start + i) % 30) for i in range(size))
        made.query_qualities = pysam.qualitystring_to_array(given)
    return made


def read(path, region=ALL, **options):
    with open_alignments(path) as alignments:
        return fetch_reads(alignments, region, **options)


def sequences(reads):
    text = reads.batch.bases.tobytes().decode()
    offsets = reads.batch.offsets
    return [text[a:b] for a, b in zip(offsets, offsets[1:], strict=False)]


def test_reads_stand_as_the_sequencer_gave_them(tmp_path):
    quals = "".join(map(chr, range(40, 68)))
    path = write_alignments(
        tmp_path / "a.bam",
        [
            ("lone", 0, 5, "10M"),
            ("p", PAIRED | READ2 | REVERSE, 40, "5S20M3S", 37, None, quals),
            ("p", PAIRED | READ1, 30, "4H2S20M", 11),
            ("far", PAIRED | READ1 | REVERSE, 100, "10M5D10M"),
        ],
    )
    reads = read(path)
    assert (reads.pairs, len(reads), reads.batch.paired) == (1, 4, False)
    assert sequences(reads) == [
        GENOME[30:52],
        flipped(GENOME[40:68]),
        GENOME[5:15],
        flipped(GENOME[100:120]),
    ]
    offsets = reads.batch.offsets
    assert reads.batch.quals[offsets[1] : offsets[2]].tolist() == list(range(34, 6, -1))
    assert reads.batch.codes.tolist() == ["ACGT".index(base) for base in "".join(sequences(reads))]
    assert reads.fragment.tolist() == [1, 1, 0, 2]
    assert len(reads.fragment_keys) == 3
    assert reads.mapping_quality.tolist() == [11, 37, 60, 60]
    assert reads.reverse.tolist() == [False, True, False, True]
    assert reads.start.tolist() == [30, 40, 5, 100]
    assert reads.end.tolist() == [50, 60, 15, 125]
    assert reads.clip_left.tolist() == [2, 5, 0, 0]
    assert reads.clip_right.tolist() == [0, 3, 0, 0]


def test_what_is_left_out_is_counted(tmp_path):
    path = write_alignments(
        tmp_path / "a.bam",
        [
            ("a", 0, 10, "20M"),
            ("b", SECONDARY, 10, "20M"),
            ("c", SUPPLEMENTARY, 10, "20M"),
            ("d", QC_FAIL, 10, "20M"),
            ("e", DUPLICATE, 10, "20M"),
            ("e", DUPLICATE | SECONDARY, 10, "20M"),
            ("f", UNMAPPED, 10, None),
            ("g", 0, 10, "20M", 60, ""),
            ("h", 0, 10, "20M", 5),
        ],
    )
    expected = {
        "records": 9,
        "secondary": 2,
        "supplementary": 1,
        "qc_fail": 1,
        "duplicate": 1,
        "unmapped": 1,
        "without_sequence": 1,
        "low_mapping_quality": 1,
        "kept": 1,
    }
    reads = read(path, min_mapping_quality=6)
    assert reads.statistics == {**expected, "without_quality": 0, "pairs": 0}
    assert len(reads) == 1
    with open_alignments(path) as alignments:
        counts, weights, spread = survey_region(alignments, ALL, min_mapping_quality=6, bin_size=8)
    assert counts == expected
    assert weights.tolist()[:5] == [0, 6, 8, 6, 0]
    assert weights.sum() == 20
    assert 0.9 < spread <= 1.1
    assert read(path).statistics["kept"] == 2


def test_only_what_overlaps_the_region(tmp_path):
    rows = [("a", 0, 10, "20M"), ("b", 0, 29, "20M"), ("c", 0, 30, "20M"), ("d", 0, 5, "5M30D5M")]
    path = write_alignments(tmp_path / "a.bam", rows)
    assert read(path, Region("chr", 29, 30)).start.tolist() == [5, 10, 29]
    assert read(path, Region("chr", 30, 31)).start.tolist() == [5, 29, 30]
    nothing = read(path, Region("chr", 2000, 2100))
    assert len(nothing) == len(nothing.batch) == nothing.pairs == 0
    assert nothing.batch.offsets.tolist() == [0]
    with open_alignments(path) as alignments:
        # a, b, c and d lie on 1, 20, 19 and 16 bases of it.
        _, weights, _ = survey_region(alignments, Region("chr", 29, 50), bin_size=7)
    assert weights.tolist() == [1 + 7 + 6 + 7, 7 + 7 + 7, 6 + 7 + 2]


def test_amplicons_begin_at_few_places(tmp_path):
    def spread(starts):
        rows = [(f"r{i}", 16 * (i % 2), int(start), "20M") for i, start in enumerate(starts)]
        path = write_alignments(tmp_path / "a.bam", rows)
        with open_alignments(path) as alignments:
            return survey_region(alignments, Region("chr", 0, 400), bin_size=20)[2]

    rng = np.random.default_rng(1)
    sheared = np.sort(rng.integers(0, 380, 300))
    assert 0.8 < spread(sheared) < 1.2
    assert spread(sheared // 100 * 100) < 0.1


def test_names_that_more_than_two_reads_share(tmp_path):
    path = write_alignments(
        tmp_path / "a.bam",
        [
            # Runs of single reads that were merged: alike in name only.
            ("1", 0, 10, "20M"),
            ("1", 0, 15, "20M"),
            # A pair, and READ1 once more: one molecule still.
            ("2", PAIRED | READ1, 20, "20M"),
            ("2", PAIRED | READ1, 25, "20M"),
            ("2", PAIRED | READ2, 30, "20M"),
        ],
    )
    reads = read(path)
    assert reads.pairs == 1
    assert reads.start.tolist() == [20, 30, 10, 15, 25]
    assert reads.fragment.tolist() == [2, 2, 0, 1, 2]


def test_fragments_keep_their_keys_from_window_to_window(tmp_path):
    rows = [(f"r{i}", PAIRED | (READ2 if i % 2 else READ1), 10 * i, "50M") for i in range(40)]
    path = write_alignments(tmp_path / "a.bam", rows)
    keys = {}
    for window in (Region("chr", 0, 200), Region("chr", 100, 400)):
        reads = read(path, window)
        for start, fragment in zip(reads.start, reads.fragment, strict=True):
            keys.setdefault(int(start), set()).add(int(reads.fragment_keys[fragment]))
    assert all(len(found) == 1 for found in keys.values())
    assert len({key for found in keys.values() for key in found}) == 40


@given(
    shape=st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from([0, READ1, READ2]), st.booleans()),
        min_size=1,
        max_size=30,
    ),
    seed=st.integers(0, 99),
)
def test_pairs_stand_in_front_and_nothing_is_lost(shape, seed, tmp_path_factory):
    rng = np.random.default_rng(seed)
    rows, seen = [], set()
    for name, end, reverse in shape:
        if end and (name, end) in seen:
            continue
        seen.add((name, end))
        flag = (PAIRED | end if end else 0) | (REVERSE if reverse else 0)
        size = int(rng.integers(1, 60))
        rows.append(
            (f"m{name}" if end else f"s{len(rows)}", flag, int(rng.integers(2900)), f"{size}M")
        )
    reads = read(write_alignments(tmp_path_factory.mktemp("bam") / "a.bam", rows))
    both = {name for name, end in seen if end == READ1} & {n for n, end in seen if end == READ2}
    assert reads.pairs == len(both)
    front = reads.fragment[: 2 * reads.pairs].reshape(-1, 2)
    assert (front[:, 0] == front[:, 1]).all()
    assert len(reads) == len(rows)
    expected = sorted(
        (start, flipped(bases) if flag & REVERSE else bases)
        for _, flag, start, cigar in rows
        for bases in [GENOME[start : start + int(cigar[:-1])]]
    )
    assert sorted(zip(reads.start.tolist(), sequences(reads), strict=True)) == expected
    assert reads.batch.paired == (2 * len(both) == len(rows))

    mask = rng.random(len(reads)) < 0.6
    some = reads.select(mask)
    front = some.fragment[: 2 * some.pairs].reshape(-1, 2)
    assert (front[:, 0] == front[:, 1]).all()
    assert some.pairs == int(mask[: 2 * reads.pairs].reshape(-1, 2).all(axis=1).sum())
    chosen = [text for text, stays in zip(sequences(reads), mask, strict=True) if stays]
    assert sorted(sequences(some)) == sorted(chosen)
    assert sorted(some.start.tolist()) == sorted(reads.start[mask].tolist())


def test_thousands_of_reads_over_one_place(tmp_path):
    rows = [
        (f"r{i}", PAIRED | (READ2 | REVERSE if i % 2 else READ1), 1000 + i % 50, "100M")
        for i in range(3000)
    ]
    path = write_alignments(tmp_path / "deep.bam", rows)
    reads = read(path, Region("chr", 1060, 1061))
    assert len(reads) == 3000
    assert len(reads.fragment_keys) == 3000
    assert len(set(reads.batch.names)) == 1


def test_sample_names(tmp_path, caplog):
    rows = [("a", 0, 10, "20M")]
    for groups, name in [((), "none"), (("NA1", "NA1"), "NA1"), (("NA1", "NA2"), "two")]:
        path = write_alignments(tmp_path / f"{name}.bam", rows, groups=groups)
        with open_alignments(path) as alignments:
            assert alignments.sample == name
            assert alignments.contigs == {"chr": 3000, "other": 50}
    assert "2 samples" in caplog.text


def test_reads_without_qualities_count_as_good(tmp_path):
    path = tmp_path / "a.bam"
    with pysam.AlignmentFile(str(path), "wb", header={"SQ": [{"SN": "chr", "LN": 3000}]}) as file:
        made = record(file.header, "a", 0, 10, "20M")
        made.query_qualities = None
        file.write(made)
    pysam.index(str(path))
    reads = read(str(path))
    assert reads.statistics["without_quality"] == 1
    assert set(reads.batch.quals.tolist()) == {33}


@pytest.fixture
def cram(tmp_path):
    fasta = tmp_path / "ref.fa"
    fasta.write_text(f">chr\n{GENOME}\n>other\n{'A' * 50}\n")
    rows = [(f"r{i}", REVERSE * (i % 2), 20 * i, "50M") for i in range(100)]
    bam = write_alignments(tmp_path / "a.bam", rows)
    return write_alignments(tmp_path / "a.cram", rows, reference=fasta), bam, str(fasta)


def test_cram_reads_as_bam_does(cram):
    path, bam, fasta = cram
    region = Region("chr", 500, 700)
    with open_alignments(path, fasta) as alignments:
        reads = fetch_reads(alignments, region)
    expected = read(bam, region)
    assert sequences(reads) == sequences(expected)
    assert (reads.batch.quals == expected.batch.quals).all()
    assert reads.statistics == expected.statistics


def test_cram_without_its_reference(cram, monkeypatch, tmp_path):
    path, _, fasta = cram
    monkeypatch.setenv("REF_PATH", str(tmp_path / "nowhere"))
    monkeypatch.setenv("REF_CACHE", str(tmp_path / "nowhere"))
    (tmp_path / "ref.fa").rename(tmp_path / "moved.fa")
    with pytest.raises(InputError, match="without its reference"):
        read(path, Region("chr", 0, 100))
    with pytest.raises(InputError, match=r"ref\.fa"), open_alignments(path, fasta) as alignments:
        fetch_reads(alignments, Region("chr", 0, 100))


def test_without_an_index_the_command_is_given(tmp_path):
    path = write_alignments(tmp_path / "a.bam", [("a", 0, 10, "20M")], index=False)
    with pytest.raises(InputError) as raised:
        read(path)
    assert str(raised.value) == f"{path}: has no index; make one with: samtools index {path}"
    path = write_alignments(tmp_path / "b.bam", [("a", 0, 9, "20M")], index=False, order="unsorted")
    with pytest.raises(InputError, match="samtools sort --write-index"):
        read(path)
    (tmp_path / "a.bam.bai").write_bytes(b"no index at all")
    with pytest.raises(InputError, match=r"a\.bam\.bai is damaged; make it again"):
        read(str(tmp_path / "a.bam"))


def test_csi_is_an_index_too(tmp_path):
    path = write_alignments(tmp_path / "a.bam", [("a", 0, 10, "20M")], index=False)
    pysam.index("-c", path)
    assert len(read(path)) == 1


def test_an_index_older_than_its_file_is_told(tmp_path, caplog):
    path = write_alignments(tmp_path / "a.bam", [("a", 0, 10, "20M")])
    os.utime(f"{path}.bai", (1e9, 1e9))
    assert len(read(path)) == 1
    assert "index it again" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.bam", b"", "empty, no BAM"),
        ("a.bam", b"@r\nACGT\n+\nIIII\n", "no BAM or CRAM"),
        ("a.sam", b"@HD\tVN:1.6\n", "SAM text"),
        ("a.bam", b"\x1f\x8b\x08\x04 and no more", "at its start"),
    ],
)
def test_what_is_no_bam(name, content, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as raised:
        read(str(path))
    assert "\n" not in str(raised.value)


def test_paths_that_hold_no_file(tmp_path):
    for path, words in [
        (tmp_path / "none.bam", "no such file"),
        (tmp_path, "a folder"),
        ("-", "standard input"),
    ]:
        with pytest.raises(InputError, match=words):
            read(str(path))


def test_unaligned_bam(tmp_path):
    path = tmp_path / "u.bam"
    with pysam.AlignmentFile(str(path), "wb", header={"HD": {"VN": "1.6"}}):
        pass
    with pytest.raises(InputError, match="align them first"):
        read(str(path))


def test_a_truncated_file_is_not_taken_for_a_shallow_one(tmp_path):
    rng = random.Random(3)
    rows = [
        (f"r{i}", 0, i % 2900, "100M", 60, "".join(rng.choices("ACGT", k=100))) for i in range(4000)
    ]
    path = write_alignments(tmp_path / "a.bam", rows)
    whole = (tmp_path / "a.bam").read_bytes()
    (tmp_path / "a.bam").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="truncated"):
        read(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2 : len(whole) // 2 + 2000] = bytes(2000)
    (tmp_path / "a.bam").write_bytes(damaged)
    with pytest.raises(InputError, match="truncated|damaged"):
        read(path)


def test_real_reads(shared_data):
    path = str(shared_data / "human" / "NA12878_chr20_10.00-10.05Mb.bam")
    reads = read(path, Region("chr20", 10_000_000, 10_004_000))
    assert reads.statistics["records"] == sum(
        reads.statistics[name]
        for name in reads.statistics
        if name not in ("records", "pairs", "without_quality")
    )
    assert reads.pairs > 0.8 * len(reads) / 2
    lengths = np.diff(reads.batch.offsets)
    aligned = lengths - reads.clip_left - reads.clip_right
    assert (aligned > 0).all()
    assert np.mean(aligned == reads.end - reads.start) > 0.9


def test_names_that_are_no_text(tmp_path):
    """Reads and samples are taken all the same; a contig's name has to be written as it is."""
    rows = [("nam", PAIRED | READ1, 30, "20M"), ("nam", PAIRED | READ2, 60, "20M")]
    path = write_alignments(tmp_path / "a.bam", rows, groups=["SAMP"])

    def patch(old, new):
        with pysam.BGZFile(path) as file:
            raw = file.read()
        with pysam.BGZFile(path, "w") as file:
            file.write(raw.replace(old, new))
        pysam.index(path)

    patch(b"SAMP", b"S\xffMP")
    patch(b"nam", b"n\xe9m")
    with open_alignments(path) as alignments:
        assert alignments.sample == "S\ufffdMP"
        assert fetch_reads(alignments, ALL).pairs == 1
    patch(b"other", b"oth\xffr")
    with pytest.raises(InputError, match="is not UTF-8; rename it"), open_alignments(path):
        pass
