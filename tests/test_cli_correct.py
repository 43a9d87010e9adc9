"""``dbgclean correct``: a drop-in step, whatever the layout and the format of the reads."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pysam
import pytest
from small_samples import mixture, random_sequence, reverse_complement

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.reads import iter_batches, plan_inputs
from dbgclean.spectrum.whole import count_kmers

K = 21


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A clone's reads in many forms, and its genome."""
    folder = tmp_path_factory.mktemp("correct")
    reads, genome, _ = mixture(length=3000, depth=30, spacing=None, seed=21)
    simulate.write_fastq(reads, folder / "r1.fq", folder / "r2.fq")
    simulate.write_fastq(reads, folder / "both.fq")
    simulate.write_fastq(reads, folder / "both.fq.gz")
    lines = (folder / "both.fq").read_text().splitlines()
    names, bases, quals = lines[::4], lines[1::4], lines[3::4]
    records = zip(names, bases, strict=True)
    (folder / "both.fa").write_text("".join(f">{n[1:]}\n{b}\n" for n, b in records))
    for name, sort in (("unaligned.bam", "unsorted"), ("aligned.bam", "coordinate")):
        header = {"HD": {"VN": "1.6", "SO": sort}, "SQ": [{"SN": "genome", "LN": len(genome)}]}
        with pysam.AlignmentFile(folder / name, "wb", header=header) as file:
            for i in alignment_order(reads, sort == "coordinate"):
                strand = bool(reads.reverse[i]) and sort == "coordinate"
                record = pysam.AlignedSegment(file.header)
                record.query_name = names[i][1:-2]
                record.flag = 1 | (64 if i % 2 == 0 else 128) | (16 if strand else 0)
                record.flag |= 4 | 8 if sort == "unsorted" else 0
                record.query_sequence = reverse_complement(bases[i]) if strand else bases[i]
                record.query_qualities_str = quals[i][::-1] if strand else quals[i]
                if sort == "coordinate":
                    record.reference_id, record.reference_start = 0, int(reads.position[i])
                    record.cigarstring = f"{len(bases[i])}M"
                file.write(record)
    return folder, genome


def alignment_order(reads, by_position):
    return np.argsort(reads.position, kind="stable") if by_position else np.arange(len(reads))


def correct(*argv):
    assert main(["correct", "--corrector", "likelihood", "-q", *map(str, argv)]) == 0


def records(path):
    """Name, bases and qualities of every read of a FASTQ file."""
    raw = path.read_bytes() if not isinstance(path, bytes) else path
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    lines = raw.decode().splitlines()
    assert lines[2::4] == ["+"] * (len(lines) // 4)
    return list(zip(lines[::4], lines[1::4], lines[3::4], strict=True))


def false_kmers(path, genome):
    """Distinct k-mers of a file of reads that the genome does not have."""
    (group,) = plan_inputs([path], single=True)
    table = count_kmers(iter_batches(group), K)
    return int((~np.isin(table.keys, simulate.true_kmers(genome, None, K))).sum())


@pytest.fixture(scope="module")
def expected(sample, tmp_path_factory):
    """Corrected mates, as text, by the plainest way in and out."""
    folder, genome = sample
    out = tmp_path_factory.mktemp("expected")
    correct(folder / "r1.fq", folder / "r2.fq", "-o", out / "1.fq", out / "2.fq")
    raw = false_kmers(str(folder / "r1.fq"), genome)
    assert raw > 1000
    assert false_kmers(str(out / "1.fq"), genome) <= raw // 100
    return (out / "1.fq").read_text(), (out / "2.fq").read_text()


def interleaved(pair):
    """Records of two files of mates in turn."""
    one, two = (records(text.encode()) for text in pair)
    return [record for both in zip(one, two, strict=True) for record in both]


def test_names_order_and_qualities_stay(sample, expected):
    folder, _ = sample
    for name, text in zip(("r1.fq", "r2.fq"), expected, strict=True):
        before, after = records(folder / name), records(text.encode())
        assert [(n, q) for n, _, q in after] == [(n, q) for n, _, q in before]
        assert [b for _, b, _ in after] != [b for _, b, _ in before]


def test_a_pair_goes_into_one_file(sample, expected, tmp_path):
    folder, _ = sample
    correct(folder / "r1.fq", folder / "r2.fq", "-o", tmp_path / "out.fq")
    assert records(tmp_path / "out.fq") == interleaved(expected)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_compressed_output_holds_the_same(sample, expected, tmp_path, threads):
    folder, _ = sample
    names = [tmp_path / "1.fq.gz", tmp_path / "2.fq.gz"]
    correct(folder / "r1.fq", folder / "r2.fq", "-o", *names, "-t", threads)
    for name, text in zip(names, expected, strict=True):
        assert gzip.decompress(name.read_bytes()).decode() == text
        assert name.read_bytes()[4:8] == bytes(4)


@pytest.mark.parametrize("name", ["both.fq", "both.fq.gz"])
def test_interleaved_mates(sample, expected, tmp_path, name):
    folder, _ = sample
    correct(folder / name, "--interleaved", "-o", tmp_path / "out.fq")
    assert records(tmp_path / "out.fq") == interleaved(expected)
    correct(folder / name, "--interleaved", "-o", tmp_path / "1.fq", tmp_path / "2.fq")
    assert ((tmp_path / "1.fq").read_text(), (tmp_path / "2.fq").read_text()) == expected


def test_unaligned_bam_becomes_fastq(sample, expected, tmp_path):
    folder, _ = sample
    correct(folder / "unaligned.bam", "-o", tmp_path / "out.fq.gz")
    assert records(tmp_path / "out.fq.gz") == interleaved(expected)
    correct(folder / "unaligned.bam", "-o", tmp_path / "1.fq", tmp_path / "2.fq")
    assert ((tmp_path / "1.fq").read_text(), (tmp_path / "2.fq").read_text()) == expected


def test_aligned_bam_without_an_index(sample, tmp_path):
    folder, genome = sample
    correct(folder / "aligned.bam", "-o", tmp_path / "out.fq")
    assert len(records(tmp_path / "out.fq")) == len(records(folder / "both.fq"))
    assert false_kmers(str(tmp_path / "out.fq"), genome) < 50


def test_single_reads(sample, tmp_path):
    folder, genome = sample
    correct(folder / "both.fq", "--single", "-o", tmp_path / "out.fq")
    before, after = records(folder / "both.fq"), records(tmp_path / "out.fq")
    assert [(n, q) for n, _, q in after] == [(n, q) for n, _, q in before]
    assert false_kmers(str(tmp_path / "out.fq"), genome) < 50


def test_fasta_stays_fasta(sample, tmp_path):
    folder, genome = sample
    correct(folder / "both.fa", "-o", tmp_path / "out.fa")
    before = (folder / "both.fa").read_text().splitlines()
    after = (tmp_path / "out.fa").read_text().splitlines()
    assert before[::2] == after[::2]
    assert list(map(len, before)) == list(map(len, after))
    raw = false_kmers(str(folder / "both.fa"), genome)
    assert false_kmers(str(tmp_path / "out.fa"), genome) < raw / 20


def test_stdin_to_stdout(sample, expected):
    folder, _ = sample
    with open(folder / "both.fq", "rb") as reads:
        done = subprocess.run(
            [sys.executable, "-m", "dbgclean", "correct", "-", "--interleaved"]
            + ["--corrector", "likelihood"],
            stdin=reads,
            capture_output=True,
            check=True,
        )
    assert records(done.stdout) == interleaved(expected)
    assert b"likelihood: " in done.stderr
    assert b"alternatives: " in done.stderr


def test_output_defaults_to_stdout(sample, expected, capfdbinary):
    folder, _ = sample
    correct(folder / "r1.fq", folder / "r2.fq")
    assert records(capfdbinary.readouterr().out) == interleaved(expected)


def test_mixed_lengths_lower_case_and_ns(sample, tmp_path):
    """Reads cut at every length, some shorter than k, some soft-masked, some with Ns."""
    folder, genome = sample
    mixed = []
    for i, (name, bases, quals) in enumerate(records(folder / "both.fq")):
        length = 100 - i % 97
        bases = bases[:length].lower() if i % 5 == 0 else bases[:length]
        bases = bases[:40] + "N" + bases[41:] if i % 7 == 0 and length > 60 else bases
        mixed.append((name, bases, quals[:length]))
    path, out = tmp_path / "mixed.fq", tmp_path / "out.fq"
    path.write_text("".join(f"{n} a comment\n{b}\n+\n{q}\n" for n, b, q in mixed))
    correct(path, "--single", "-o", out)
    after = records(out)
    assert [n for n, _, _ in after] == [f"{n} a comment" for n, _, _ in mixed]
    changed = 0
    for (_, before, quals), (_, now, quals_now) in zip(mixed, after, strict=True):
        assert quals == quals_now
        assert before.islower() == now.islower() or "N" in before
        assert before == now or len(before) >= 25
        changed += before != now
    assert changed > 100
    assert false_kmers(str(out), genome) < false_kmers(str(path), genome) / 10


BASES = random_sequence(300, seed=77)
ODD = {
    "one read": [BASES],
    "of length k": [BASES[i : i + K] for i in range(200)],
    "empty ones": ["", BASES[:100], "", BASES[50:150], ""],
    "one base": ["A" * 100] * 30,
    "two bases": ["AC" * 50] * 30 + ["AC" * 25 + "T" + "AC" * 24 + "A"],
    "hairpins": [BASES[:50] + reverse_complement(BASES[:50])] * 20,
    "circles": [BASES + BASES[:60]] * 10,
    "unknown ends": ["N" * 50 + BASES[:60] + "n" * 20] * 20 + [BASES[:100]] * 5,
    "every length": [BASES[:n] for n in range(1, 300)],
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("corrector", ["likelihood", "autoencoder"])
@pytest.mark.parametrize("k", ["31", "11"])
def test_odd_reads_pass(case, corrector, k, tmp_path):
    """Nothing is wrong with them, so next to nothing is done to them."""
    path, out = tmp_path / "odd.fa", tmp_path / "out.fa"
    path.write_text("".join(f">r{i}\n{read}\n" for i, read in enumerate(ODD[case])))
    if max(map(len, ODD[case])) < int(k):
        k = str(K)
    argv = ["correct", str(path), "-o", str(out), "-k", k, "--corrector", corrector, "-q"]
    assert main(argv) == 0
    before, after = path.read_text().splitlines(), out.read_text().splitlines()
    assert after[::2] == before[::2]
    # An N may be filled in from what follows in other reads.
    known = [b if a == b else "".join(x if x in "Nn" else y for x, y in zip(a, b, strict=False))
             for a, b in zip(before, after, strict=True)]  # fmt: skip
    assert sum(a != b for a, b in zip(before, known, strict=True)) <= 1


def test_corrections_tell_every_change(sample, tmp_path):
    folder, _ = sample
    table = tmp_path / "corrections.tsv.gz"
    correct(folder / "both.fq", "--single", "-o", tmp_path / "out.fq", "--corrections", table)
    header, *rows = [line.split("\t") for line in gzip.open(table, "rt").read().splitlines()]
    rows = [dict(zip(header, row, strict=True)) for row in rows]
    before, after = records(folder / "both.fq"), records(tmp_path / "out.fq")
    differing = sum(
        sum(x != y for x, y in zip(a[1], b[1], strict=True))
        for a, b in zip(before, after, strict=True)
    )
    changed = [row for row in rows if row["verdict"] == "error" and row["reason"] == "changed"]
    assert sum(int(row["raw_count"]) for row in changed) == differing
    assert {row["kind"] for row in changed} == {"substitution"}
    kmers = [row["kmer"] for row in rows if row["kind"] == "substitution"]
    assert kmers == sorted(set(kmers))
    assert all(row["kmer"][15] == row["from"] != row["to"] for row in changed)


def test_nothing_is_changed_by_none(sample, tmp_path):
    folder, _ = sample
    argv = ["correct", str(folder / "both.fq"), "--corrector", "none", "-q"]
    assert main([*argv, "-o", str(tmp_path / "out.fq")]) == 0
    assert (tmp_path / "out.fq").read_bytes() == (folder / "both.fq").read_bytes()


def test_quiet_and_not(sample, tmp_path, capfd):
    folder, _ = sample
    argv = ["correct", str(folder / "r1.fq"), "--corrector", "nearest", "-o"]
    assert main([*argv, str(tmp_path / "a.fq"), "-q"]) == 0
    assert capfd.readouterr() == ("", "")
    assert main([*argv, str(tmp_path / "b.fq")]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert "of 450 reads touched" in err
    assert (tmp_path / "a.fq").read_bytes() == (tmp_path / "b.fq").read_bytes()


def test_auto_is_the_default_and_says_what_it_took(sample, tmp_path, capfd):
    folder, _ = sample
    paths = {name: tmp_path / f"{name}.fq" for name in ("auto", "likelihood", "without")}
    reads = str(folder / "both.fq")
    assert main(["correct", reads, "-o", str(paths["auto"])]) == 0
    told = capfd.readouterr().err
    assert "judge: likelihood (" in told
    assert "Of alleles planted in copies of these reads" in told
    correct(reads, "-o", paths["likelihood"])
    assert main(["correct", reads, "-o", str(paths["without"]), "--no-spikes"]) == 0
    told = capfd.readouterr().err
    assert "judge: likelihood (no alleles were planted)" in told
    assert "planted in copies" not in told
    assert paths["auto"].read_bytes() == paths["likelihood"].read_bytes()
    assert paths["auto"].read_bytes() == paths["without"].read_bytes()


def test_judging_needs_no_torch(sample, tmp_path):
    folder, _ = sample
    argv = ["correct", str(folder / "both.fq"), "--corrector", "autoencoder", "-q", "-o"]
    assert main([*argv, str(tmp_path / "with.fq")]) == 0
    (tmp_path / "torch.py").write_text("raise SystemExit('torch is loaded')")
    words = [sys.executable, "-m", "dbgclean", *argv, str(tmp_path / "without.fq")]
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    subprocess.run(words, check=True, env={**os.environ, "PYTHONPATH": path})
    assert (tmp_path / "with.fq").read_bytes() == (tmp_path / "without.fq").read_bytes()
