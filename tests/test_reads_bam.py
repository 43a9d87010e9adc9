"""Reads of BAM and CRAM files are those the sequencer gave."""

import random
import shutil

import pysam
import pytest

from dbgclean.errors import InputError, UsageError
from dbgclean.reads import ReadStatistics, iter_batches, open_writer, output_names, plan_inputs

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED, REVERSE = 1, 2, 4, 8, 16
READ1, READ2, SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 64, 128, 256, 512, 1024, 2048
U1, U2 = (PAIRED | UNMAPPED | MATE_UNMAPPED | end for end in (READ1, READ2))

GENOME = "".join(random.Random(5).choices("ACGT", k=2000))
COMPLEMENT = str.maketrans("ACGTNR", "TGCANY")


def write_bam(path, rows, order="unsorted", reference=None):
    """Write (name, flag, bases, quals, position, cigar) rows; the format by the suffix."""
    header = {
        "HD": {"VN": "1.6", "SO": order},
        "SQ": [{"SN": "chr", "LN": len(GENOME)}],
    }
    mode = "wc" if path.suffix == ".cram" else "wb"
    with pysam.AlignmentFile(
        str(path), mode, header=header, reference_filename=reference and str(reference)
    ) as file:
        for name, flag, bases, quals, position, cigar in rows:
            record = pysam.AlignedSegment(file.header)
            record.query_name, record.flag, record.query_sequence = name, flag, bases
            if quals is not None:
                record.query_qualities = pysam.qualitystring_to_array(quals)
            if position is not None:
                record.reference_id, record.reference_start = 0, position
                record.cigarstring, record.mapping_quality = cigar, 60
            file.write(record)
    return path


def unaligned(name, flag=UNMAPPED, bases="ACGTN", quals="ABCDE"):
    return (name, flag, bases, quals, None, None)


def pairs(count):
    return [
        row
        for i in range(count)
        for row in (
            unaligned(f"p{i}", U1, "ACGT" * 5, "I" * 20),
            unaligned(f"p{i}", U2, "GGGTT" * 4, "F" * 20),
        )
    ]


def as_fastq(path, target, statistics=None, reference=None, batch_bases=500):
    (group,) = plan_inputs([path], reference=reference)
    with open_writer(group, [target]) as writer:
        for batch in iter_batches(
            group, statistics=statistics, reference=reference, batch_bases=batch_bases
        ):
            writer.write(batch)
    return target.read_text()


def samtools_fastq(path, folder):
    """What samtools makes of a file, with our filter; through a file, not standard output."""
    out = str(folder / "samtools.fq")
    pysam.fastq("-N", "-F", "0xF00", "-o", out, "-0", out, str(path))
    with open(out) as file:
        return file.read()


def records_of(fastq):
    lines = fastq.split("\n")
    return set(zip(*(lines[i::4] for i in range(4)), strict=False))


def test_reads_come_in_sequencing_orientation(tmp_path):
    forward, quals = "ACGTNRAC", "ABCDEFGH"
    rows = [
        unaligned("u", UNMAPPED, forward, quals),
        ("f", 0, forward, quals, 10, "2S6M"),
        ("r", REVERSE, forward.translate(COMPLEMENT)[::-1], quals[::-1], 20, "3M2I2M1S"),
        ("h", REVERSE, forward.translate(COMPLEMENT)[::-1], quals[::-1], 30, "5H8M"),
    ]
    fastq = as_fastq(write_bam(tmp_path / "a.bam", rows), tmp_path / "a.fq")
    assert fastq == "".join(f"@{name}\n{forward}\n+\n{quals}\n" for name in "ufrh")


def test_only_primary_records_are_reads(tmp_path):
    rows = [
        ("a", 0, "ACGTACGT", "I" * 8, 10, "8M"),
        ("a", SECONDARY, "ACGTACGT", "I" * 8, 50, "8M"),
        ("a", SUPPLEMENTARY, "ACGT", "IIII", 90, "4M4H"),
        ("a", SUPPLEMENTARY | DUPLICATE, "ACGT", "IIII", 90, "4M4H"),
        ("b", DUPLICATE, "ACGTACGT", "I" * 8, 10, "8M"),
        ("c", QC_FAIL | DUPLICATE, "ACGTACGT", "I" * 8, 10, "8M"),
        ("d", REVERSE, "AACC", "ABCD", 99, "4M"),
    ]
    statistics = ReadStatistics()
    fastq = as_fastq(write_bam(tmp_path / "a.bam", rows), tmp_path / "a.fq", statistics)
    assert fastq == "@a\nACGTACGT\n+\nIIIIIIII\n@d\nGGTT\n+\nDCBA\n"
    assert statistics == ReadStatistics(
        reads=2,
        bases=12,
        acgt_bases=12,
        longest=8,
        shortest=4,
        secondary=1,
        supplementary=2,
        qc_fail=1,
        duplicate=1,
    )
    assert statistics.skipped == 5


def test_reads_without_qualities_get_the_one_samtools_gives(tmp_path):
    path = write_bam(tmp_path / "a.bam", [unaligned("a", UNMAPPED, "ACGT", None), unaligned("b")])
    statistics = ReadStatistics()
    fastq = as_fastq(path, tmp_path / "a.fq", statistics)
    assert fastq == samtools_fastq(path, tmp_path)
    assert statistics.without_quality == 1


def test_reads_without_bases_stay_in_their_place(tmp_path):
    rows = [unaligned("a"), unaligned("e", UNMAPPED, None, None), unaligned("b")]
    statistics = ReadStatistics()
    fastq = as_fastq(write_bam(tmp_path / "a.bam", rows), tmp_path / "a.fq", statistics)
    assert fastq.split("\n")[4:8] == ["@e", "", "+", ""]
    assert (statistics.empty, statistics.without_quality) == (1, 0)


def test_name_grouped_mates_are_pairs(tmp_path):
    path = write_bam(tmp_path / "a.bam", pairs(300))
    statistics = ReadStatistics()
    assert as_fastq(path, tmp_path / "a.fq", statistics) == samtools_fastq(path, tmp_path)
    (group,) = plan_inputs([path])
    assert group.layout == "interleaved"
    assert output_names([group]) == [("a.fastq.gz",)]
    batches = list(iter_batches(group, batch_bases=500))
    assert len(batches) > 5
    assert all(batch.paired and len(batch) % 2 == 0 for batch in batches)
    assert (statistics.pairs, statistics.orphans) == (300, 0)
    assert plan_inputs([path], single=True)[0].layout == "single"


def test_pairs_of_a_bam_part_into_two_files(tmp_path):
    (group,) = plan_inputs([write_bam(tmp_path / "a.bam", pairs(100))])
    targets = [tmp_path / "1.fq", tmp_path / "2.fq"]
    with open_writer(group, targets) as writer:
        for batch in iter_batches(group, batch_bases=500):
            writer.write(batch)
    assert plan_inputs(targets)[0].layout == "paired"
    assert [t.read_text().count("/1\n") for t in targets] == [100, 0]


def test_read_two_may_stand_first(tmp_path):
    rows = [row for i in range(0, 200, 2) for row in reversed(pairs(100)[i : i + 2])]
    path = write_bam(tmp_path / "a.bam", rows)
    ordered = write_bam(tmp_path / "b.bam", pairs(100))
    assert plan_inputs([path])[0].layout == "interleaved"
    assert as_fastq(path, tmp_path / "a.fq") == as_fastq(ordered, tmp_path / "b.fq")


@pytest.mark.parametrize("lost", [0, 1, 30, 31, 199])
def test_orphans_are_kept_and_their_batch_is_not_called_paired(tmp_path, lost):
    rows = pairs(10) + [unaligned("x", U1)] + pairs(100)
    del rows[lost]
    path = write_bam(tmp_path / "a.bam", rows)
    if lost < 2:
        assert plan_inputs([path])[0].layout == "single"
        return
    statistics = ReadStatistics()
    (group,) = plan_inputs([path])
    names = []
    for batch in iter_batches(group, batch_bases=500, statistics=statistics):
        names += batch.names
        if batch.paired:
            stems = [name[:-2] for name in batch.names]
            assert stems[0::2] == stems[1::2]
    expected = [f"{name}/{1 if flag & READ1 else 2}" for name, flag, *_ in rows]
    assert names == expected
    assert statistics.orphans > 0
    assert statistics.reads == len(rows)


def test_all_mates_filtered_out_keeps_batches_small(tmp_path):
    rows = pairs(1) + [unaligned(f"s{i}", U1, "ACGT" * 10, "I" * 40) for i in range(2000)]
    (group,) = plan_inputs([write_bam(tmp_path / "a.bam", rows)])
    sizes = [len(batch.bases) for batch in iter_batches(group, batch_bases=1000)]
    assert max(sizes) < 2000


def test_orphans_cannot_go_to_two_files(tmp_path):
    (group,) = plan_inputs([write_bam(tmp_path / "a.bam", [*pairs(3), unaligned("x", U1)])])

    def part():
        with open_writer(group, [tmp_path / "1.fq", tmp_path / "2.fq"]) as writer:
            for batch in iter_batches(group):
                writer.write(batch)

    with pytest.raises(UsageError, match="reads without mates cannot be written to two files"):
        part()
    assert not list(tmp_path.glob("*.fq"))


def test_sorted_by_coordinate_are_single_reads(tmp_path):
    rows = [
        ("p", PAIRED | PROPER | READ1, "ACGT", "IIII", 10, "4M"),
        ("p", PAIRED | PROPER | READ2 | REVERSE, "ACGT", "IIII", 10, "4M"),
    ]
    (group,) = plan_inputs([write_bam(tmp_path / "a.bam", rows, order="coordinate")])
    assert group.layout == "single"
    (batch,) = iter_batches(group)
    assert (batch.paired, batch.names) == (False, ["p/1", "p/2"])


@pytest.mark.parametrize("name", ["NA12878.chr22.tiny.bam", "NA12878_chr20_10.00-10.05Mb.bam"])
def test_real_bam_equals_samtools_fastq(shared_data, tmp_path, name):
    path = shared_data / "human" / name
    statistics = ReadStatistics()
    fastq = as_fastq(path, tmp_path / "a.fq", statistics, batch_bases=100_000)
    # A set: samtools puts read 1 before read 2 where they are neighbours, and keeps one of a
    # record that stands in the file twice, as some of a file cut out of another do.
    assert records_of(fastq) == records_of(samtools_fastq(path, tmp_path))
    assert statistics.skipped > 0


def cram(tmp_path):
    reference = tmp_path / "ref.fa"
    reference.write_text(f">chr\n{GENOME}\n")
    pysam.faidx(str(reference))
    rows = [
        (f"r{i}", REVERSE * (i % 2), GENOME[i : i + 100], "I" * 100, i, "100M")
        for i in range(0, 1900, 5)
    ]
    path = write_bam(tmp_path / "a.cram", rows, reference=reference)
    return path, reference, write_bam(tmp_path / "same.bam", rows)


def test_cram_with_its_reference(tmp_path):
    path, reference, same = cram(tmp_path)
    moved = shutil.move(reference, tmp_path / "elsewhere.fa")
    statistics = ReadStatistics()
    fastq = as_fastq(path, tmp_path / "a.fq", statistics, reference=str(moved))
    assert fastq == as_fastq(same, tmp_path / "b.fq")
    assert statistics.reads == 380


def test_cram_without_its_reference(tmp_path):
    path, reference, _ = cram(tmp_path)
    reference.unlink()
    with pytest.raises(InputError, match=r"a.cram: .* without its reference; give the FASTA"):
        plan_inputs([path])
    wrong = tmp_path / "wrong.fa"
    wrong.write_text(f">chr\n{GENOME[::-1]}\n")
    with pytest.raises(InputError, match=r"cannot be decoded .* with .*wrong.fa; check"):
        plan_inputs([path], reference=str(wrong))
    with pytest.raises(InputError, match=r"no.fa: no such reference; give"):
        plan_inputs([path], reference=str(tmp_path / "no.fa"))


def noise(count):
    draw = random.Random(3)
    return [
        unaligned(f"n{i}", UNMAPPED, "".join(draw.choices("ACGT", k=100)), "I" * 100)
        for i in range(count)
    ]


@pytest.mark.parametrize("cut", [-28, -100, 40_000])
def test_truncated_bam(tmp_path, cut, capfd):
    path = write_bam(tmp_path / "a.bam", noise(3000))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="the BAM file is truncated; get a whole copy of it"):
        plan_inputs([path])
    assert capfd.readouterr().err == "", "htslib keeps silent"


@pytest.mark.parametrize("threads", [1, 2])
def test_bam_damaged_in_the_middle(tmp_path, capfd, threads):
    path = write_bam(tmp_path / "a.bam", noise(30_000))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 500] = random.Random(1).randbytes(500)
    path.write_bytes(bytes(data))
    (group,) = plan_inputs([path])
    with pytest.raises(InputError, match=r"the BAM file is damaged after record .*; get a whole"):
        list(iter_batches(group, threads=threads))
    assert capfd.readouterr().err == ""


def test_bam_without_reads(tmp_path):
    with pytest.raises(InputError, match=r"a.bam: holds no reads; give"):
        plan_inputs([write_bam(tmp_path / "a.bam", [])])
    rows = [unaligned("a", UNMAPPED | DUPLICATE)] * 3
    with pytest.raises(InputError, match="holds only 3 secondary, QC-failed or duplicate records"):
        plan_inputs([write_bam(tmp_path / "b.bam", rows)])


def test_suffix_may_lie(tmp_path):
    path = write_bam(tmp_path / "a.bam", noise(5)).rename(tmp_path / "reads.fq")
    (group,) = plan_inputs([path])
    assert (group.format, output_names([group])) == ("bam", [("reads.fq.fastq.gz",)])


def patched(path, old, new):
    """The BAM with some bytes replaced behind its compression."""
    with pysam.BGZFile(str(path)) as file:
        raw = file.read()
    assert old in raw
    with pysam.BGZFile(str(path), "w") as file:
        file.write(raw.replace(old, new))
    return path


def test_names_are_bytes(tmp_path):
    rows = [unaligned(f"nam{i:02}", bases="ACGT", quals="IIII") for i in range(20)]
    path = patched(write_bam(tmp_path / "a.bam", rows), b"nam", b"\xffa\xe9")
    (group,) = plan_inputs([path])
    with open_writer(group, [tmp_path / "a.fq"]) as writer:
        for batch in iter_batches(group):
            writer.write(batch)
    lines = (tmp_path / "a.fq").read_bytes().split(b"\n")
    assert lines[::4][:-1] == [b"@\xffa\xe9%02d" % i for i in range(20)]


def test_equal_signs_are_bases_of_the_reference(tmp_path):
    """As `samtools calmd -e` writes them; on both strands, beside clips and gaps."""
    (tmp_path / "g.fa").write_text(f">chr\n{GENOME}\n")
    stretch = GENOME[100:120]
    rows = [
        ("f", 0, "TT" + stretch + "G", "I" * 23, 100, "2S20M1S"),
        ("r", REVERSE, stretch[:8] + "A" + stretch[10:], "I" * 19, 100, "8M1I2D10M"),
        unaligned("u", UNMAPPED, "ACGT", "IIII"),
    ]
    whole = as_fastq(write_bam(tmp_path / "a.bam", rows), tmp_path / "a.fq")
    rows[0] = (*rows[0][:2], "TT" + "=" * 20 + "G", *rows[0][3:])
    rows[1] = (*rows[1][:2], "=" * 8 + "A" + "=" * 10, *rows[1][3:])
    path = write_bam(tmp_path / "e.bam", rows)
    assert as_fastq(path, tmp_path / "e.fq", reference=str(tmp_path / "g.fa")) == whole
    with pytest.raises(InputError, match=r"'=' for bases like .*; give the reference"):
        as_fastq(path, tmp_path / "e.fq")


@pytest.mark.timeout(120)
def test_damaged_files_are_read_to_an_end(tmp_path):
    """Each is read or refused: with more threads than one, htslib hung on such files."""
    whole = write_bam(tmp_path / "a.bam", pairs(3000)).read_bytes()
    draw = random.Random(15)
    for number in range(60):
        raw = bytearray(whole)
        for _ in range(draw.choice([1, 1, 5])):
            raw[draw.randrange(len(raw))] = draw.randrange(256)
        path = tmp_path / f"{number}.bam"
        path.write_bytes(raw[: draw.choice([len(raw), draw.randrange(len(raw))])])
        try:
            (group,) = plan_inputs([path])
            reads = sum(len(batch) for batch in iter_batches(group, threads=4))
        except InputError:
            continue
        assert reads > 0
