"""Ends called G without a signal: found, no evidence, masked; the genome's own G stays."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_samples import (
    batch_of,
    clean_reads,
    mixture,
    random_sequence,
    reverse_complement,
    strings_of,
    table_of,
)

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.evidence.gaps import MASKED, ON_PATH
from dbgclean.evidence.poly_g import EndRuns, TailCounter, find_tails, leave_out_tails
from dbgclean.evidence.solid import SolidGraph
from dbgclean.evidence.threading import CLEAN, NO_ANCHOR, thread_batch

K = 21
BARE = random_sequence(2000, seed=7)
# With a G run of its own, which reads end in, too.
GENOME = BARE[:1000] + "G" * 14 + BARE[1014:]
READS = clean_reads(GENOME)


def tails_of(*reads):
    """Length of each read's tail."""
    batch = batch_of(reads)
    return (batch.offsets[1:] - find_tails(batch)[0]).tolist()


def oracle(read):
    """The rule in the module's docstring, by prefix sums."""
    steps = np.array([1 if base == "G" else -3 for base in read[::-1]])
    scores = np.concatenate([[0], np.cumsum(steps)])
    highest = np.maximum.accumulate(scores)
    over = np.flatnonzero(scores < highest - 9)
    scores = scores[: over[0]] if len(over) else scores
    length = int(np.argmax(scores))
    wrong = length - read[len(read) - length :].count("G")
    return length if length >= 10 and 8 * wrong <= length else 0


@pytest.mark.parametrize(
    ("end", "length"),
    [
        ("G" * 10, 10),
        ("G" * 9, 0),
        ("GGGGGTGGGGGG", 12),
        ("GGGGGTGGTGGG", 0),
        ("GGGGGGGGGNGGGGGG", 16),
        # What lies before the mismatch is no tail of its own: the mismatch costs more.
        ("GTGGGGGGGGGG", 10),
        # The last base may be wrong.
        ("GGGGGGGGGGGGA", 13),
        ("G" * 30 + "ACT", 33),
        ("G" * 300, 300),
        ("C" * 20, 0),
        ("", 0),
    ],
)
def test_a_tail_is_ten_bases_of_g_with_one_other_in_eight(end, length):
    assert tails_of("ACTACATCTA" + end) == [length]


@given(st.lists(st.text(alphabet="GGGGGGACTN", max_size=60), min_size=1, max_size=5))
def test_tails_are_those_of_the_rule(reads):
    assert tails_of(*reads) == [oracle(read) for read in reads]


def test_only_more_ends_in_g_than_a_genome_explains_are_an_artefact():
    """A genome is read on both strands: it has as many of each of the four runs."""
    rng = np.random.default_rng(3)
    genome = "".join(rng.choice(list("ACGT"), 3000)) + "G" * 15
    reads = clean_reads(genome * 2, depth=400)
    runs = find_tails(batch_of(reads))[1]
    assert min(vars(runs).values()) > 5
    assert not runs.artefact
    # One-sided, as of an amplicon that ends in a run: its other strand begins with C.
    assert not EndRuns(ends_g=500, begins_c=480).artefact
    assert not EndRuns(ends_g=9).artefact
    assert EndRuns(ends_g=12, begins_g=1).artefact
    assert find_tails(batch_of([*reads, *["ACT" + "G" * 20] * 300]))[1].artefact


def test_a_read_that_is_dark_from_the_first_cycle_on_is_no_run_of_the_genome():
    assert find_tails(batch_of(["G" * 50] * 3))[1] == EndRuns(ends_g=3)


@given(
    st.lists(st.integers(0, len(GENOME) - 100), min_size=1, max_size=4),
    st.integers(0, 90),
)
def test_what_touches_tails_is_not_counted(starts, tail):
    dark = [GENOME[at : at + 100 - tail] + "G" * tail for at in starts]
    batch = batch_of([*READS, *dark])
    counter = TailCounter(K)
    counter.add(batch)
    left = counter.left_out(table_of(batch))
    ends = batch.offsets[1:] - find_tails(batch)[0]
    cut = [r[: len(r) - int(n)] for r, n in zip(strings_of(batch), ends, strict=True)]
    expected = table_of(batch_of(cut))
    for column in ("keys", "counts", "reverse", "high_quality"):
        assert np.array_equal(getattr(left, column), getattr(expected, column))


def masked(*reads):
    """Reads of a sample that also holds READS: their threads, with tails left out."""
    batch = batch_of(reads)
    counter = TailCounter(K)
    tables = [batch_of(READS), batch]
    for one in tables:
        counter.add(one)
    graph = SolidGraph.build(counter.left_out(table_of(*tables)), 5, 3)
    return batch, graph, leave_out_tails(batch, thread_batch(batch, graph), graph)


def test_tails_are_masked_and_heads_threaded_as_if_the_read_ended_there():
    wrong = GENOME[300:330] + "ACGT"[("ACGT".index(GENOME[330]) + 1) % 4] + GENOME[331:360]
    gap = GENOME[500:540] + GENOME[541:580]
    heads = [GENOME[100:160], wrong, gap, "", GENOME[700:712]]
    batch, graph, threads = masked(*(head + "G" * (100 - len(head)) for head in heads))
    lone = batch_of([head for head, n in zip(heads, tails_of(*strings_of(batch)), strict=True)])
    alone = thread_batch(lone, graph)
    for read, head in enumerate(heads):
        start, end = batch.offsets[read], batch.offsets[read + 1]
        # A G before the tail is part of it.
        tail = threads.tails[read]
        assert start + len(head.rstrip("G")) - 2 <= tail <= start + len(head)
        assert (threads.place[tail:end] == MASKED).all()
        assert np.array_equal(threads.path[tail:end], batch.codes[tail:end])
        n, first = tail - start, lone.offsets[read]
        assert np.array_equal(threads.path[start:tail], alone.path[first : first + n])
    assert (threads.place[batch.offsets[0] : threads.tails[0]] == ON_PATH).all()
    assert CLEAN not in threads.states
    assert threads.states[3] == threads.states[4] == NO_ANCHOR
    moved = threads.missing.copy()
    moved[:, 0] -= batch.offsets[2]
    expected = alone.missing.copy()
    expected[:, 0] -= lone.offsets[2]
    assert len(moved) == 1
    assert np.array_equal(moved, expected)


@pytest.mark.parametrize("end", [1010, 1012, 1014, 1017])
def test_the_genomes_own_run_of_g_stays(end):
    reads = [GENOME[end - 100 : end]] * 3
    batch, graph, threads = masked(*reads, GENOME[1400:1460] + "G" * 40)
    plain = thread_batch(batch, graph)
    assert np.array_equal(threads.path[:300], plain.path[:300])
    assert np.array_equal(threads.path[:300], batch.codes[:300])
    assert (threads.place[:300] == plain.place[:300]).all()
    assert not (threads.place[:300] == MASKED).any()
    assert (threads.place[360:] == MASKED).all()


@pytest.fixture(scope="module")
def dark_sample(tmp_path_factory):
    """A mixture, one read in 25 dark from some cycle on, and a genome with a G run."""
    folder = tmp_path_factory.mktemp("dark")
    reads, genome, _ = mixture(length=4000, depth=60, spacing=None, seed=31)
    genome = genome.copy()
    genome[2000:2014] = 2
    reads = simulate.simulate_reads(
        genome, depth=60, read_length=100, insert_mean=240, insert_sd=10, seed=31
    )
    simulate.write_fastq(reads, folder / "bright1.fq", folder / "bright2.fq")
    rng = np.random.default_rng(5)
    codes, quals = reads.codes.copy(), reads.quals.copy()
    dark = np.flatnonzero(rng.random(len(codes)) < 0.04)
    for read, start in zip(dark, rng.integers(0, 85, len(dark)), strict=True):
        codes[read, start:], quals[read, start:] = 2, 37
    simulate.write_fastq(replace(reads, codes=codes, quals=quals), folder / "1.fq", folder / "2.fq")
    return folder, genome


def corrected(folder, out, *more, names=("1.fq", "2.fq")):
    """Lines of both corrected files, and rows of the table."""
    files = [out / name for name in names]
    argv = [*(folder / name for name in names), "-o", *files, "--corrections", out / "t.tsv.gz"]
    argv += ["--corrector", "likelihood", *more]
    assert main(["correct", *map(str, argv)]) == 0
    lines = [line for path in files for line in path.read_text().splitlines()]
    rows = gzip.decompress((out / "t.tsv.gz").read_bytes()).decode().splitlines()
    return lines, [row.split("\t") for row in rows[1:]]


def false_kmers(lines, genome):
    table = table_of(batch_of(lines[1::4]), k=31)
    true = simulate.true_kmers(genome, None, 31)
    return int((~np.isin(table.keys, true)).sum()), int(np.isin(true, table.keys).sum())


def test_dark_ends_are_masked_counted_and_told(dark_sample, tmp_path, capsys):
    folder, genome = dark_sample
    lines, rows = corrected(folder, tmp_path)
    raw = [line for name in ("1.fq", "2.fq") for line in (folder / name).read_text().splitlines()]
    assert [line for i, line in enumerate(lines) if i % 4 != 1] == [
        line for i, line in enumerate(raw) if i % 4 != 1
    ]
    assert list(map(len, lines)) == list(map(len, raw))
    assert not any(line.endswith("G" * 12) for line in lines[1::4] if line.count("G") > 60)
    found = [row for row in rows if row[0] == "mask" and "no signal" in row[8]]
    bases = sum(int(row[5][2:]) for row in found)
    assert (
        f"{len(found)} reads end in G without a signal: {bases:,} bases" in capsys.readouterr().err
    )
    left, true = false_kmers(lines, genome)
    (tmp_path / "off").mkdir()
    other, _ = corrected(folder, tmp_path / "off", "--poly-g", "off")
    assert left <= 20 < false_kmers(other, genome)[0]
    assert true == false_kmers(raw, genome)[1]


def test_without_dark_ends_nothing_changes(dark_sample, tmp_path):
    folder, _ = dark_sample
    results = []
    for mode in ("auto", "off"):
        out = tmp_path / mode
        out.mkdir()
        names = ("bright1.fq", "bright2.fq")
        results.append(corrected(folder, out, "--poly-g", mode, names=names))
    assert results[0] == results[1]


def test_the_report_says_what_was_masked(dark_sample, tmp_path, capsys):
    folder, _ = dark_sample
    argv = ["run", folder / "1.fq", folder / "2.fq", "-o", tmp_path / "out", "--no-controls"]
    assert main([*map(str, argv), "--corrector", "likelihood", "-k", "21"]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    found = report["corrections"]["poly_g"]
    assert 0 < found["reads_masked"] <= found["ends_g"]
    assert 0 < found["bases_masked"] <= report["corrections"]["bases_masked"]
    words = " ".join(capsys.readouterr().err.split())
    assert f"{found['reads_masked']} reads end in G without a signal" in words
    assert "without a signal" in (tmp_path / "out" / "report.html").read_text()
    # Raw stays raw; nothing of a tail's own is left.
    raw, clean = ((tmp_path / "out" / f"{name}.gfa").read_text() for name in ("raw", "clean"))
    assert "C" * 21 in raw
    assert "C" * 15 not in clean


def test_reverse_strands_of_tails_are_no_tails():
    assert tails_of(reverse_complement("ACT" + "G" * 30)) == [0]
