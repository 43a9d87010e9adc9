"""What `correct` writes of the reads besides themselves: changes, tags, reads without a place."""

import csv
import gzip
import random
import shutil
import subprocess

import numpy as np
import pytest
from small_samples import batch_of, mixture, random_sequence, strings_of

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.correct.read_changes import COLUMNS
from dbgclean.reads.names import Names
from dbgclean.reads.tags import tag_names

DRAW = random.Random(11)


def fastq(records):
    return "".join(f"@{name}\n{bases}\n+\n{quals}\n" for name, bases, quals in records)


def records(path):
    """Header, bases and qualities of the reads of a FASTQ file."""
    raw = path.read_bytes()
    lines = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode().split("\n")
    return list(zip(lines[::4], lines[1::4], lines[3::4], strict=False))[: len(lines) // 4]


def spoiled(number, name, bases, quals):
    """Now and then a base too many, too few or unknown; an end without a signal; or noise."""
    kind, at = number % 40, 30 + number % 40
    name = name[1:]
    if kind == 3:
        bases = bases[:at] + "ACGT"[number % 4] + bases[at:-1]
    elif kind == 5:
        bases = bases[:at] + bases[at + 1 :] + "A"
    elif kind == 7:
        bases = bases[:at] + "n" + bases[at + 1 :].lower()
    elif kind == 9:
        bases = bases[:60] + "G" * 40
    elif number % 100 in (12, 13, 14, 31):
        bases = "".join(DRAW.choices("ACGT", k=100))
    elif number % 100 == 41:
        bases = bases[:15]
    return name, bases, quals[: len(bases)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A mixture's reads with gaps, Ns, tails of G, noise and short ones; both layouts."""
    folder = tmp_path_factory.mktemp("out")
    reads, _, _ = mixture(length=4000, depth=40, seed=21)
    simulate.write_fastq(reads, folder / "plain.fq")
    made = [spoiled(i, *read) for i, read in enumerate(records(folder / "plain.fq"))]
    (folder / "both.fq").write_text(fastq(made))
    (folder / "r1.fq").write_text(fastq(made[::2]))
    (folder / "r2.fq").write_text(fastq(made[1::2]))
    return folder


def correct(*argv):
    given = ["correct", "--corrector", "likelihood", "--poly-g", "on", "-q", *map(str, argv)]
    assert main(given) == 0


def table(path):
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def applied(bases, rows):
    """A read after its rows, letter by letter: an oracle."""
    out, done = [], 0
    for row in rows:
        at = int(row["position"]) - 1
        assert at >= done
        out.append(bases[done:at])
        taken = "" if row["from"] == "." else row["from"]
        assert bases[at : at + len(taken)].upper() == taken
        put = "" if row["to"] == "." else row["to"]
        if row["kind"] == "mask":
            assert put == f"N*{len(taken)}"
            put = "N" * len(taken)
        out.append(put)
        done = at + len(taken)
    return "".join([*out, bases[done:]])


def by_read(rows):
    found = {}
    for row in rows:
        found.setdefault(int(row["read"]), []).append(row)
    assert list(found) == sorted(found)
    return found


def size_of(row):
    return max(len(row[side]) for side in ("from", "to") if not row[side].startswith("N*"))


@pytest.mark.parametrize("layout", ["paired", "interleaved", "single"])
def test_changes_turn_the_reads_into_the_corrected_ones(sample, tmp_path, layout):
    out, found = tmp_path / "out.fq", tmp_path / "changes.tsv.gz"
    given = {
        "paired": [sample / "r1.fq", sample / "r2.fq"],
        "interleaved": [sample / "both.fq", "--interleaved"],
        "single": [sample / "both.fq"],
    }[layout]
    correct(*given, "-o", out, "--changes", found, "--corrections", tmp_path / "c.tsv.gz")
    rows = by_read(table(found))
    kinds = {row["kind"] for part in rows.values() for row in part}
    assert kinds == {"substitution", "deletion", "insertion", "mask", "fill"}
    changed = 0
    pairs = zip(records(sample / "both.fq"), records(out), strict=True)
    for number, ((name, before, _), (_, after, _)) in enumerate(pairs, 1):
        mine = rows.get(number, [])
        assert applied(before, mine).upper() == after.upper()
        assert bool(mine) == (before != after)
        changed += bool(mine)
        assert {row["name"] for row in mine} <= {name[1:]}
        mate = "." if layout == "single" else str(2 - number % 2)
        assert {row["mate"] for row in mine} <= {mate}
    assert changed > 300
    # Every alternative that was changed has its row in the table of corrections, and no other.
    called = {row["kmer"]: row for row in table(tmp_path / "c.tsv.gz")}
    substitutions = [row for part in rows.values() for row in part if row["kmer"] != "."]
    assert len(substitutions) > 100
    for row in substitutions:
        assert row["kind"] == "substitution"
        assert called[row["kmer"]]["verdict"] == "error"
        assert called[row["kmer"]]["reason"] == row["reason"] == "changed"
        assert row["from"] in ("ACGT"[i] for i in range(4))
    reasons = {row["reason"] for part in rows.values() for row in part if row["kind"] == "mask"}
    assert any("no signal" in reason for reason in reasons)


def test_the_table_is_there_where_nothing_changes(sample, tmp_path):
    found = tmp_path / "changes.tsv"
    argv = [str(sample / "both.fq"), "-o", str(tmp_path / "o.fq"), "--changes", str(found), "-q"]
    assert main(["correct", "--corrector", "none", *argv]) == 0
    assert found.read_text() == "\t".join(COLUMNS) + "\n"


def test_rules_of_the_user_are_the_reason(tmp_path):
    reads, _, _ = mixture(length=3000, depth=100, spacing=300, fractions=(0.08,), seed=3)
    simulate.write_fastq(reads, tmp_path / "in.fq")
    found = tmp_path / "changes.tsv"
    argv = [tmp_path / "in.fq", "-o", tmp_path / "o.fq", "--changes", found]
    correct(*argv, "--min-vaf", "0.4", "--corrections", tmp_path / "c.tsv.gz")
    ruled = [row for row in table(found) if row["reason"] == "min_vaf"]
    assert len(ruled) > 10
    called = {row["kmer"]: row["reason"] for row in table(tmp_path / "c.tsv.gz")}
    assert {called[row["kmer"]] for row in ruled} == {"min_vaf"}


def test_same_bytes_at_any_number_of_threads(sample, tmp_path):
    made = []
    for threads in ("1", "2"):
        folder = tmp_path / threads
        folder.mkdir()
        names = [folder / name for name in ("1.fq.gz", "2.fq.gz", "c.tsv.gz", "u1.fq", "u2.fq")]
        argv = [sample / "r1.fq", sample / "r2.fq", "-o", *names[:2], "--changes", names[2]]
        correct(*argv, "--unplaced", *names[3:], "--tag-reads", "-t", threads)
        argv = [sample / "both.fq", "--interleaved", "-o", folder / "o.bam", "-t", threads]
        correct(*argv, "--tag-reads", "--unplaced", folder / "u.bam")
        made.append([name.read_bytes() for name in [*names, folder / "o.bam", folder / "u.bam"]])
    assert made[0] == made[1]


def test_tags_count_what_changed(sample, tmp_path):
    out, found = tmp_path / "out.fq", tmp_path / "changes.tsv"
    plain = tmp_path / "plain.fq"
    correct(sample / "both.fq", "-o", plain)
    correct(sample / "both.fq", "-o", out, "--changes", found, "--tag-reads")
    rows = by_read(table(found))
    for number, (read, tagged) in enumerate(zip(records(plain), records(out), strict=True), 1):
        expected = sum(size_of(row) for row in rows.get(number, []))
        assert tagged == (f"{read[0]}\tnc:i:{expected}", *read[1:])
    assert rows


def test_tags_and_comments_in_headers():
    names = [
        b"a", b"a/1 1:N:0:ACG", b"b\tRX:Z:AC GT\tnc:i:7", b"c RX:Z:A\tfoo bar\tBC:Z:T\tzip",
        b"", b"d \t\t", b"e x", b"\xff nc:f:2\tZ9:B:c,1", b"f 1x:i:2\tXX:i", b"g XX:q:1",
    ]  # fmt: skip
    rest = [
        b"a", b"a/1\tCO:Z:1:N:0:ACG", b"b\tRX:Z:AC GT", b"c\tRX:Z:A\tBC:Z:T\tCO:Z:foo bar zip",
        b"", b"d", b"e\tCO:Z:x", b"\xff\tZ9:B:c,1", b"f\tCO:Z:1x:i:2 XX:i", b"g\tCO:Z:XX:q:1",
    ]  # fmt: skip
    counts = np.arange(len(names)) * 1001
    tagged = tag_names(Names.of(names), counts)
    expected = [b"%b\tnc:i:%d" % pair for pair in zip(rest, counts.tolist(), strict=True)]
    assert tagged == Names.of(expected)
    assert tag_names(tagged, counts) == tagged
    assert tag_names(tagged) == tagged
    assert tag_names(Names.of([]), counts[:0]) == []


def test_a_run_has_the_table_and_the_tags(sample, tmp_path):
    """Over several inputs: their reads are numbered on."""
    given = [str(sample / name) for name in ("both.fq", "plain.fq")]
    out = tmp_path / "out"
    argv = ["run", *given, "--single", "--no-controls", "--corrector", "likelihood", "-q"]
    assert main([*argv, "--no-spikes", "--changes", "--tag-reads", "-o", str(out)]) == 0
    rows = by_read(table(out / "changes.tsv.gz"))
    before = [read for name in given for read in records(sample / name)]
    after = [read for name in ("both.fq", "plain.fq") for read in records(out / "reads" / name)]
    assert max(rows) > len(before) // 2
    for number, (old, new) in enumerate(zip(before, after, strict=True), 1):
        mine = rows.get(number, [])
        assert applied(old[1], mine).upper() == new[1].upper()
        assert new[0] == f"{old[0]}\tnc:i:{sum(map(size_of, mine))}"
    assert "changes.tsv.gz" in (out / "report.html").read_text()


def test_a_kmer_set_has_no_reads_to_tell_of(tmp_path, capfd):
    for option in ("--changes", "--tag-reads"):
        assert main(["run", "--kmers", "k.fa", "-o", str(tmp_path / "o"), option]) == 2
        assert f"{option} is for reads; leave it out" in capfd.readouterr().err


@pytest.mark.skipif(not shutil.which("bwa"), reason="needs bwa")
def test_bwa_carries_the_tags_over(sample, tmp_path):
    """`bwa mem -C` copies comments as they are: every line of the SAM has to be valid."""
    lines = records(sample / "both.fq")[:400]
    (tmp_path / "in.fq").write_text(fastq((f"{n[1:]} 1:N:0:ACGT", b, q) for n, b, q in lines))
    out, genome = tmp_path / "out.fq", tmp_path / "g.fa"
    correct(tmp_path / "in.fq", "-o", out, "--tag-reads")
    genome.write_text(">g\n" + random_sequence(3000, seed=1) + "\n")
    run = {"check": True, "capture_output": True}
    subprocess.run(["bwa", "index", str(genome)], **run)
    sam = subprocess.run(["bwa", "mem", "-C", str(genome), str(out)], **run).stdout
    (tmp_path / "a.sam").write_bytes(sam)
    import pysam

    with pysam.AlignmentFile(tmp_path / "a.sam") as file:
        tags = [(r.get_tag("nc"), r.get_tag("CO")) for r in file]
    expected = [int(name.rpartition(":")[2]) for name, _, _ in records(out)]
    assert tags == [(n, "1:N:0:ACGT") for n in expected]


@pytest.mark.skipif(not shutil.which("samtools"), reason="needs samtools")
def test_samtools_imports_the_tags(sample, tmp_path):
    out = tmp_path / "out.fq"
    correct(sample / "both.fq", "--interleaved", "-o", out, "--tag-reads")
    done = subprocess.run(
        ["samtools", "import", "-T", "*", "-s", str(out), "-O", "SAM"],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("@")]
    tags = [line.rpartition("\t")[2] for line in lines]
    assert tags == [name.rpartition("\t")[2] for name, _, _ in records(out)]


def without_place(reads):
    """Of noise, and too short: numbers in `spoiled`."""
    return {i for i, _ in enumerate(reads) if i % 100 in (12, 13, 14, 31, 41)}


def expected_apart(reads, paired):
    alone = {
        i
        for i in without_place(reads)
        # The kinds by 40 come first.
        if i % 40 not in (3, 5, 7, 9)
    }
    return {i for i in alone if not paired or i ^ 1 in alone}


@pytest.mark.parametrize("layout", ["paired", "interleaved", "single"])
def test_reads_without_a_place_go_apart(sample, tmp_path, layout):
    everything = tmp_path / "all.fq"
    given = {
        "paired": [sample / "r1.fq", sample / "r2.fq"],
        "interleaved": [sample / "both.fq", "--interleaved"],
        "single": [sample / "both.fq"],
    }[layout]
    correct(*given, "-o", everything)
    whole = records(everything)
    expected = expected_apart(whole, layout != "single")
    assert len(expected) > 10
    rest, apart = tmp_path / "rest.fq", tmp_path / "apart.fq"
    correct(*given, "-o", rest, "--unplaced", apart)
    assert records(apart) == [read for i, read in enumerate(whole) if i in expected]
    assert records(rest) == [read for i, read in enumerate(whole) if i not in expected]
    if layout == "single":
        return
    names = [tmp_path / name for name in ("1.fq", "2.fq", "u1.fq", "u2.fq")]
    correct(*given, "-o", *names[:2], "--unplaced", *names[2:])
    for files, source in ((names[:2], rest), (names[2:], apart)):
        both = [records(file) for file in files]
        assert [read for pair in zip(*both, strict=True) for read in pair] == records(source)


def test_unplaced_reads_are_counted(sample, tmp_path, capfd):
    argv = ["correct", "--corrector", "likelihood", str(sample / "both.fq")]
    apart = tmp_path / "u.fq"
    assert main([*argv, "-o", str(tmp_path / "o.fq"), "--unplaced", str(apart)]) == 0
    n, every = len(records(apart)), len(records(sample / "both.fq"))
    said = capfd.readouterr().err
    assert f"{n:,} of {every:,} reads have no place in the graph and are in {apart}" in said


def test_no_place_is_looked_for_without_a_graph(sample, tmp_path, capfd):
    argv = ["correct", "--corrector", "cutoff", str(sample / "both.fq"), "-o"]
    assert main([*argv, str(tmp_path / "o.fq"), "--unplaced", str(tmp_path / "u.fq"), "-q"]) == 2
    assert "--unplaced: cutoff looks for no read's place" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_appears_unless_everything_can_be_written(sample, tmp_path, capfd):
    for option, place in (("--changes", "no/c.tsv"), ("--unplaced", "no/u.fq")):
        argv = ["correct", str(sample / "both.fq"), "-o", str(tmp_path / "o.fq"), "-q"]
        assert main([*argv, option, str(tmp_path / place)]) == 1
        assert "make that folder first" in capfd.readouterr().err
        assert list(tmp_path.iterdir()) == []
    argv = ["correct", str(sample / "both.fq"), "-o", str(tmp_path / "o.fq"), "-q"]
    assert main([*argv, "--changes", str(sample / "both.fq")]) == 2
    assert main([*argv, "--unplaced", str(tmp_path / "o.fq")]) == 2


def test_a_batch_is_taken_apart():
    reads, names = ["ACGT", "", "GGN", "TTTTT"], ["a x", "b", "\udcff", "d"]
    batch = batch_of(reads, 30, paired=True, names=names)
    for chosen in ([True, True, False, False], [False] * 4, [True] * 4):
        part = batch.take(np.array(chosen))
        assert strings_of(part) == [r for r, c in zip(reads, chosen, strict=True) if c]
        assert part.names == [n for n, c in zip(names, chosen, strict=True) if c]
        assert part.paired
        assert len(part.quals) == len(part.bases)
