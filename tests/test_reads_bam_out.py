"""Corrected reads as unaligned BAM: what stays of a record, what goes, and how it ends."""

import array
import os
import random
import resource
import shutil
import subprocess
import sys
from functools import partial

import pysam
import pytest
from small_samples import mixture, reverse_complement
from test_reads_out import fastq, records, spoiled

from benchmarks.simulators import simulate
from dbgclean.__main__ import main

HEADER = (
    "@HD\tVN:1.5\tSO:{order}\tzz:own\n@SQ\tSN:g\tLN:5000\n@RG\tID:lane1\tSM:s\tPL:ILLUMINA\n"
    "@PG\tID:bcl\tPN:bcl2fastq\n@PG\tID:dbgclean\tPN:dbgclean\tPP:bcl\n@CO\tmine\n"
)
U1, U2 = 77, 141
ARRAY = array.array("H", range(3))


def correct(*argv, corrector="likelihood"):
    given = ["correct", "--corrector", corrector, "--poly-g", "on", "-q", *map(str, argv)]
    assert main(given) == 0


def read_bam(path):
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        # pysam ends it on an empty line.
        return str(file.header)[:-1], list(file.fetch(until_eof=True))


def tags_of(number, length):
    """Tags of a read: of itself, of its bases one by one, of an alignment."""
    return [
        ("RG", "lane1"),
        ("RX", "ACGT-TTAA"),
        ("BC", "ACGT"),
        ("cD", number % 7),
        ("ar", ARRAY),
        ("fl", 0.5),
        ("NM", 3),
        ("MD", "50"),
        ("OQ", "".join(chr(40 + i % 30) for i in range(length))),
        ("cd", array.array("H", range(length))),
        ("MM", "C+m,1;"),
        ("ML", array.array("B", [200])),
        ("XT", 20),
    ]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A mixture's reads as FASTQ, as unaligned BAM, and as aligned BAM, sorted."""
    folder = tmp_path_factory.mktemp("bam")
    reads, _, _ = mixture(length=3000, depth=40, seed=21)
    simulate.write_fastq(reads, folder / "plain.fq")
    made = [spoiled(i, *read) for i, read in enumerate(records(folder / "plain.fq"))]
    made = [(name, bases.upper(), quals) for name, bases, quals in made]
    (folder / "both.fq").write_text(fastq(made))
    write(folder / "u.bam", [unaligned(i, *read) for i, read in enumerate(made)])
    write(folder / "a.bam", aligned(made), "coordinate")
    return folder


def write(path, rows, order="unsorted"):
    header = pysam.AlignmentHeader.from_text(HEADER.format(order=order))
    with pysam.AlignmentFile(path, "wb", header=header) as file:
        for make in rows:
            file.write(make(header))


def unaligned(number, name, bases, quals):
    def make(header):
        record = pysam.AlignedSegment(header)
        record.query_name, record.flag = name[:-2], (U1, U2)[number % 2]
        record.query_sequence, record.query_qualities_str = bases, quals
        record.set_tags(tags_of(number, len(bases)))
        return record

    return make


def aligned(made):
    """Records in the order of made-up places, with some that are no reads of their own."""
    draw, rows = random.Random(2), []
    for number, (name, bases, quals) in enumerate(made):
        place, back = draw.randrange(4000), number % 3 == 0

        def make(header, number=number, name=name, bases=bases, quals=quals, more=0, **at):
            record = unaligned(number, name, bases, quals)(header)
            record.flag = record.flag & ~12 | 2 | 16 * at["back"] | more
            if at["back"]:
                record.query_sequence = reverse_complement(bases)
                record.query_qualities_str = quals[::-1]
                record.set_tag("OQ", record.get_tag("OQ")[::-1])
                record.set_tag("cd", record.get_tag("cd")[::-1])
            record.reference_id = record.next_reference_id = 0
            record.reference_start = record.next_reference_start = at["place"]
            record.template_length, record.mapping_quality = 300, 60
            record.cigarstring = f"{len(bases)}M"
            record.set_tags([*record.get_tags(), ("AS", 77), ("SA", "g,1,+,5M,0,0;")])
            return record

        rows.append((place, partial(make, place=place, back=back)))
        if number % 10 == 0:
            extra = (256, 2048, 512, 1024)[number // 10 % 4]
            rows.append((place, partial(make, place=place, back=back, more=extra)))
    return [make for _, make in sorted(rows, key=lambda row: row[0])]


def test_unaligned_bam_stays_what_it_is(sample, tmp_path):
    out, text = tmp_path / "out.bam", tmp_path / "out.fq"
    correct(sample / "u.bam", "-o", out)
    correct(sample / "u.bam", "-o", text)
    before, after = read_bam(sample / "u.bam")[1], read_bam(out)[1]
    changed = longer = 0
    for old, new, (name, bases, quals) in zip(before, after, records(text), strict=True):
        end = f"/{1 + new.is_read2}"
        assert (f"@{new.query_name}{end}", new.query_sequence) == (name, bases)
        assert new.query_qualities_str == quals
        if old.query_sequence == new.query_sequence:
            assert new.to_string() == old.to_string()
            continue
        changed += 1
        gone = {"NM", "MD", "MM", "ML"}
        if len(bases) != len(old.query_sequence):
            longer += 1
            gone |= {"OQ", "cd", "XT"}
        assert new.get_tags() == [tag for tag in old.get_tags() if tag[0] not in gone]
        assert new.flag == old.flag
    assert changed > 300
    assert longer > 50


def test_header_keeps_what_holds_and_chains_programs(sample, tmp_path):
    correct(sample / "u.bam", "-o", tmp_path / "out.bam")
    lines = read_bam(tmp_path / "out.bam")[0].splitlines()
    kept = HEADER.splitlines()[2:]
    assert lines[:-1] == ["@HD\tVN:1.5\tSO:unsorted\tGO:query", *kept]
    ours = dict(field.split(":", 1) for field in lines[-1].split("\t")[1:])
    assert (ours["ID"], ours["PN"], ours["PP"]) == ("dbgclean.1", "dbgclean", "dbgclean")
    assert "corrector=likelihood" in ours["DS"]
    if shutil.which("samtools"):
        subprocess.run(["samtools", "quickcheck", "-u", tmp_path / "out.bam"], check=True)


def test_alignments_go_and_are_counted(sample, tmp_path, capfd):
    out, text = tmp_path / "out.bam", tmp_path / "out.fq"
    correct(sample / "a.bam", "-o", text)
    argv = ["correct", str(sample / "a.bam"), "--corrector", "likelihood", "--poly-g", "on"]
    assert main([*argv, "-o", str(out)]) == 0
    said = capfd.readouterr().err
    header, after = read_bam(out)
    assert "@SQ" not in header
    assert "SO:unsorted\n" in header
    before = [r for r in read_bam(sample / "a.bam")[1] if not r.flag & 0xF00]
    turned = 0
    for old, new, (name, bases, quals) in zip(before, after, records(text), strict=True):
        assert f"@{new.query_name}/{1 + new.is_read2}" == name
        assert (new.query_sequence, new.query_qualities_str) == (bases, quals)
        assert new.flag == (U1, U2)[new.is_read2]
        assert new.to_string().split("\t")[2:9] == ["*", "0", "0", "*", "*", "0", "0"]
        tags = dict(new.get_tags())
        assert not {"NM", "MD", "AS", "SA"} & tags.keys()
        if "OQ" in tags:
            own = dict(tags_of(0, len(bases)))
            assert (tags["OQ"], tags["cd"]) == (own["OQ"], own["cd"])
            turned += old.is_reverse
    assert turned > 200
    assert f"out.bam: unaligned; the alignments of {len(after):,} reads are gone" in said
    assert f"AS ({len(after):,})" in said
    counts = [sum(bool(r.flag & bit) for r in read_bam(sample / "a.bam")[1]) for bit in (256, 2048)]
    words = "records that are no reads of their own, left out: {} secondary, {} supplementary"
    assert words.format(*counts) in said


@pytest.mark.parametrize("name", ["NA12878.chr22.tiny.bam", "NA12878_chr20_10.00-10.05Mb.bam"])
def test_real_alignments_become_what_samtools_reset_makes_of_them(shared_data, tmp_path, name):
    path = shared_data / "human" / name
    correct(path, "-o", tmp_path / "out.bam", corrector="none")
    pysam.reset("-o", str(tmp_path / "reset.bam"), str(path))
    ours, theirs = ([*read_bam(tmp_path / n)[1]] for n in ("out.bam", "reset.bam"))
    # It takes duplicates, and reads that failed in quality control, as they are.
    whole = [record for record in read_bam(path)[1] if not record.flag & 0x900]
    theirs = [r for r, old in zip(theirs, whole, strict=True) if not old.flag & 0x600]

    def shown(record):
        tags = {tag for tag, _ in record.get_tags()} - {"OQ", "BQ"}
        fields = record.query_name, record.flag, record.query_sequence
        return (*fields, record.query_qualities_str, *sorted(tags - {"NH", "UQ", "XA", "XS"}))

    assert len(ours) > 100
    assert [shown(record) for record in ours] == [shown(record) for record in theirs]


@pytest.mark.skipif(not shutil.which("samtools"), reason="needs samtools")
def test_fastq_becomes_what_samtools_imports(sample, tmp_path):
    lines = records(sample / "both.fq")
    tagged = [(f"{n[1:]}\tRX:Z:AC-GT\tzi:i:{i}\tzb:B:s,1,-2\tzf:f:0.25\tza:A:x", b, q)
              for i, (n, b, q) in enumerate(lines)]  # fmt: skip
    (tmp_path / "in.fq").write_text(fastq(tagged))
    out = tmp_path / "out.bam"
    correct(tmp_path / "in.fq", "--interleaved", "-o", out, corrector="none")
    command = ["samtools", "import", "-T", "*", "-r", "ID:in", "-r", "SM:in"]
    command += ["-s", tmp_path / "in.fq", "-o", tmp_path / "i.bam"]
    subprocess.run(command, check=True)
    ours, theirs = read_bam(out)[1], read_bam(tmp_path / "i.bam")[1]

    def fields(record):
        first, tags = record.to_string().split("\t")[:11], record.to_string().split("\t")[11:]
        return first, sorted(tags)

    assert [fields(record) for record in ours] == [fields(record) for record in theirs]
    subprocess.run(["samtools", "quickcheck", "-u", out], check=True)


@pytest.mark.parametrize(
    ("given", "name"),
    [([], "in"), (["--sample", "patient 7"], "patient 7"), (["--sample", "é"], "_")],
)
def test_reads_from_no_bam_have_the_sample_as_their_group(tmp_path, given, name):
    fasta = ">a\n" + "ACGTTGCA" * 10 + "\n>b\tRG:Z:own\n" + "ACGTTGCA" * 10 + "\n"
    (tmp_path / "in.fa").write_text(fasta)
    correct(tmp_path / "in.fa", "-o", tmp_path / "o.bam", *given, corrector="none")
    header, rows = read_bam(tmp_path / "o.bam")
    assert f"@RG\tID:{name}\tSM:{name}\n" in header
    assert [row.get_tag("RG") for row in rows] == [name, "own"]


@pytest.mark.parametrize("name", ["o.bam.gz", "o.SAM", "o.sam.gz", "o.cram"])
def test_other_files_of_htslib_are_refused_by_their_names(sample, tmp_path, name, capsys):
    assert main(["correct", str(sample / "u.bam"), "-o", str(tmp_path / name), "-q"]) == 2
    assert "written as FASTQ or FASTA" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        (("a/1", "a/2"), ["--interleaved"], "a a"),
        (("S.7.1 len", "S.7.2 len"), ["--interleaved"], "S.7 S.7"),
        (("x 1:N:0:A", "x 2:N:0:A"), ["--interleaved"], "x x"),
        (("a/1", "a/2"), ["--single"], "a/1 a/2"),
    ],
)
def test_mates_have_one_name(tmp_path, names, options, expected):
    bases = "ACGTTGCAACGGTTACGATCGATTACGGACTTACG"
    made = [(f"{i}{name}", bases, "I" * 35) for i in range(20) for name in names]
    (tmp_path / "in.fq").write_text(fastq(made))
    correct(tmp_path / "in.fq", *options, "-o", tmp_path / "o.bam", corrector="none")
    found = read_bam(tmp_path / "o.bam")[1]
    wanted = [f"{i}{name}" for i in range(20) for name in expected.split()]
    assert [record.query_name for record in found] == wanted
    assert {record.flag for record in found} == ({4} if options == ["--single"] else {U1, U2})
    comments = [name.partition(" ")[2] for _ in range(20) for name in names]
    assert [dict(record.get_tags()).get("CO", "") for record in found] == comments


def test_pairs_of_no_name_in_common_take_the_first(tmp_path):
    bases = "ACGTTGCAACGGTTACGATCGATTACGGACTTACG"
    for mate in "12":
        made = [(f"m{mate}_{i}", bases, "I" * 35) for i in range(5)]
        (tmp_path / f"{mate}.fq").write_text(fastq(made))
    argv = [tmp_path / "1.fq", tmp_path / "2.fq", "--paired", "-o", tmp_path / "o.bam"]
    correct(*argv, corrector="none")
    found = [record.query_name for record in read_bam(tmp_path / "o.bam")[1]]
    assert found == [f"m1_{i}" for i in range(5) for _ in "12"]


def test_fasta_reads_have_no_qualities(tmp_path):
    (tmp_path / "in.fa").write_text(">r1 x\nACGTTGCAACGGTTACGATCGATTACGGACTTACG\n>r2\n\n")
    correct(tmp_path / "in.fa", "-o", tmp_path / "o.ubam", corrector="none")
    one, two = read_bam(tmp_path / "o.ubam")[1]
    assert (one.query_length, one.query_qualities, one.get_tag("CO")) == (35, None, "x")
    assert (two.query_sequence, two.flag) == (None, 4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("n" * 255, "has 255 letters, and BAM takes 254; write FASTQ"),
        ("r\tNM:i:many", "'NM:i:many' of read 'r' is no SAM tag; repair it"),
        ("r\tNM:i:99999999999", "is no SAM tag"),
        ("r\tzb:B:q,1", "is no SAM tag"),
        ("r\tzb:B:C,300", "is no SAM tag"),
    ],
)
def test_names_and_tags_that_bam_cannot_hold(tmp_path, capfd, name, words):
    (tmp_path / "in.fq").write_text(fastq([(name, "ACGT" * 10, "I" * 40)]))
    argv = ["correct", "--corrector", "none", str(tmp_path / "in.fq"), "-q", "-o"]
    assert main([*argv, str(tmp_path / "o.bam")]) == 1
    said = capfd.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.fq"]


def test_names_are_bytes(tmp_path):
    (tmp_path / "in.fq").write_bytes(
        b"@\xff\xe9n\xc3\xa9 c\nACGTACGTACGTA\n+\n" + b"I" * 13 + b"\n"
    )
    correct(tmp_path / "in.fq", "-k", "11", "-o", tmp_path / "o.bam", corrector="none")
    with pysam.BGZFile(str(tmp_path / "o.bam")) as file:
        assert b"\xff\xe9n\xc3\xa9\0" in file.read()


def test_mates_lost_in_the_middle_keep_the_others_together(sample, tmp_path):
    """A read whose mate is not in the file: its batch is one of single reads."""
    header, rows = read_bam(sample / "u.bam")
    del rows[501], rows[300]
    with pysam.AlignmentFile(
        tmp_path / "in.bam", "wb", header=pysam.AlignmentHeader.from_text(header)
    ) as file:
        for row in rows:
            file.write(row)
    names = [tmp_path / name for name in ("o.bam", "u.bam")]
    correct(tmp_path / "in.bam", "-o", names[0], "--unplaced", names[1])
    rest, apart = (read_bam(name)[1] for name in names)
    assert len(rest) + len(apart) == len(rows)
    assert len(apart) > 10
    lost = {read_bam(sample / "u.bam")[1][i].query_name for i in (300, 501)}
    for found in (rest, apart):
        names = [record.query_name for record in found if record.query_name not in lost]
        assert names[::2] == names[1::2]


def test_reads_without_a_place_keep_their_tags(sample, tmp_path):
    """FASTQ beside BAM, and comments of a header that are no UTF-8."""
    source = tmp_path / "in.bam"
    with pysam.BGZFile(str(sample / "u.bam")) as file:
        raw = file.read().replace(b"@CO\tmine", b"@CO\tm\xe9n\xff")
    with pysam.BGZFile(str(source), "w") as file:
        file.write(raw)
    apart = tmp_path / "apart.bam"
    correct(source, "-o", tmp_path / "rest.fq", "--unplaced", apart)
    before = {record.to_string() for record in read_bam(source)[1]}
    found = [record.to_string() for record in read_bam(apart)[1]]
    assert len(found) > 10
    assert set(found) <= before
    with pysam.BGZFile(str(apart)) as file:
        assert b"@CO\tm\xe9n\xff\n" in file.read()


def test_cram_becomes_bam(sample, tmp_path):
    with pysam.AlignmentFile(sample / "u.bam", check_sq=False) as file:
        mode = {"mode": "wc", "header": file.header}
        with pysam.AlignmentFile(tmp_path / "in.cram", **mode) as out:
            for record in file.fetch(until_eof=True):
                out.write(record)
    for name in ("in.cram", "u.bam"):
        source = (tmp_path if name == "in.cram" else sample) / name
        correct(source, "-o", tmp_path / f"{name}.out.bam")
    one, two = (read_bam(tmp_path / f"{name}.out.bam")[1] for name in ("in.cram", "u.bam"))
    assert [(r.query_name, r.query_sequence) for r in one] == [
        (r.query_name, r.query_sequence) for r in two
    ]


COMMAND = [sys.executable, "-m", "dbgclean", "correct", "--corrector", "likelihood", "-q"]


def test_bam_through_pipes(sample, tmp_path):
    correct(sample / "u.bam", "-o", tmp_path / "out.bam")
    with open(sample / "u.bam", "rb") as reads:
        done = subprocess.run(
            [*COMMAND, "--poly-g", "on", "-", "-o", "-", "--bam"],
            stdin=reads,
            capture_output=True,
            check=True,
        )
    assert done.stdout == (tmp_path / "out.bam").read_bytes()
    assert done.stderr == b""


def test_a_pipe_that_closes_early_ends_quietly(sample):
    many = sample / "many.bam"
    pysam.cat("-o", str(many), *[str(sample / "u.bam")] * 3)
    command = " ".join([*COMMAND, str(many), "--bam"])
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 10 >/dev/null; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_full_disk_leaves_nothing(sample, tmp_path, threads):
    done = subprocess.run(
        [*COMMAND, str(sample / "u.bam"), "-o", str(tmp_path / "o.bam"), "-t", threads],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"{tmp_path / 'o.bam'}: cannot be written: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    if os.path.exists("/dev/full"):
        done = subprocess.run(
            [*COMMAND, str(sample / "u.bam"), "--bam", "-o", "/dev/full"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "/dev/full: cannot be written: No space left on device" in done.stderr


def test_a_truncated_input_leaves_nothing(sample, tmp_path, capfd):
    path = tmp_path / "in.bam"
    path.write_bytes((sample / "u.bam").read_bytes()[:-5000])
    assert main(["correct", str(path), "-o", str(tmp_path / "o.bam"), "-q"]) == 1
    assert "truncated" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.bam"]
