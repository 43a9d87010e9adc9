"""Shallow, uneven and mixed samples: depths of reads, what lies off path, what is doubtful."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_samples import batch_of, mixture, random_sequence, reverse_complement
from stderr_lines import said

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.correct.linkage import leave_linked
from dbgclean.correct.off_path import off_path_pieces
from dbgclean.correct.verdicts import ERROR, REAL, UNDECIDED, Verdicts
from dbgclean.evidence.changes import DELETE, INSERT, OtherChanges
from dbgclean.evidence.edits import Edits
from dbgclean.evidence.gaps import DISPUTED, OUTSIDE
from dbgclean.evidence.gather import build_graph
from dbgclean.evidence.off_path import Stretches, off_path
from dbgclean.evidence.threading import CLEAN, thread_batch
from dbgclean.spectrum.formats import read_kmer_fasta
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import kmers_to_strings, strings_to_kmers
from dbgclean.spectrum.membership import deepest_sibling
from dbgclean.spectrum.read_depths import ReadSample, depth_modes, read_depths
from dbgclean.spectrum.whole import count_kmers


def canonical(kmer):
    return min(kmer, reverse_complement(kmer))


# Depths of reads ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("means", "reads", "modes"),
    [
        ([40], [9000], 1),
        ([12], [9000], 1),
        ([6], [9000], 1),
        ([40, 80], [9000, 900], 1),  # two copies are no mix
        ([40, 3], [9000, 30], 1),  # too few
        ([40, 3], [9000, 300], 2),
        ([40, 9, 3], [9000, 1500, 500], 2),  # 3 and 9 run into each other
        ([1000, 60, 3], [9000, 500, 500], 3),
        ([40], [3], 1),
        ([60, 190], [9000, 800], 1),  # three copies
        ([40, 4000], [9000, 800], 1),  # an organelle
    ],
)
def test_modes_of_peaks(means, reads, modes):
    rng = np.random.default_rng(1)
    # A read's own k-mer is among those counted.
    parts = [1 + rng.poisson(m, n) for m, n in zip(means, reads, strict=True)]
    found = depth_modes(np.concatenate(parts))
    assert len(found) == modes
    assert abs(found[-1] - means[0]) < 0.2 * means[0] + 2
    assert found == sorted(found)


def test_no_modes_of_nothing():
    assert depth_modes(np.zeros(0, np.int64)) == []
    assert depth_modes(np.ones(50, np.int64)) == [], "what nobody shares tells no depth"


def test_reads_lie_as_deep_as_their_kmers():
    deep, rare, alone = (random_sequence(100, seed) for seed in (1, 2, 3))
    batch = batch_of([deep] * 20 + [rare] * 3 + [alone, alone[:20], "N" * 100])
    sample = ReadSample()
    sample.add(batch)
    found = read_depths(sample, count_kmers([batch], 25))
    assert found.tolist() == [20] * 20 + [3] * 3 + [1] + [1]


def test_the_sample_does_not_hang_on_batches(monkeypatch):
    monkeypatch.setattr("dbgclean.spectrum.read_depths._MOST_READS", 16)
    reads = [random_sequence(31 + i % 7, i) for i in range(101)]
    reads[5] = "ACGT"
    whole, parts = ReadSample(), ReadSample()
    whole.add(batch_of(reads))
    for cut in (slice(0, 1), slice(1, 40), slice(40, 40), slice(40, 101)):
        parts.add(batch_of(reads[cut]))
    np.testing.assert_array_equal(whole.kmers(21), parts.kmers(21))
    assert 8 < len(whole.kmers(21)) <= 16


def test_sampled_kmers_are_the_reads_own():
    reads = [random_sequence(90, 4), random_sequence(31, 5)]
    sample = ReadSample()
    sample.add(batch_of(reads))
    for keys, read in zip(sample.kmers(21), reads, strict=True):
        own = {canonical(read[i : i + 21]) for i in range(len(read) - 20)}
        assert set(kmers_to_strings(keys, 21)) <= own


# Off path -----------------------------------------------------------------------------


def test_stretches_are_what_lies_on_no_path():
    reads, _, _ = mixture(length=4000, depth=12, spacing=300, seed=3)
    batch = next(iter(simulate.to_batches(reads)))
    table = count_kmers([batch], 21)
    threads = thread_batch(batch, build_graph(table, fit_spectrum(table), 1, (4, 2)))
    found = off_path(batch, threads, 100)
    mask = np.zeros(len(batch.codes), bool)
    for read, start, stop in zip(found.read, found.start, found.stop, strict=True):
        mask[batch.offsets[read - 100] + start : batch.offsets[read - 100] + stop] = True
        assert start < stop
    off = (threads.place == OUTSIDE) | ((threads.place == DISPUTED) & (threads.path != batch.codes))
    off &= np.repeat(threads.states != CLEAN, np.diff(batch.offsets))
    np.testing.assert_array_equal(mask, off)
    assert mask.any()
    assert not mask.all()


@given(data=st.data())
def test_each_kmer_off_path_stands_in_one_piece(data):
    """Against every k-mer of every read, looked at one by one."""
    k = 11
    lengths = data.draw(st.lists(st.integers(0, 40), min_size=2, max_size=8))
    lengths = lengths[: 2 * (len(lengths) // 2)]
    reads = [random_sequence(n, i) for i, n in enumerate(lengths)]
    for i in range(1, len(reads), 2):
        if data.draw(st.booleans()):
            reads[i] = reverse_complement(reads[i - 1])
    batch = batch_of(reads, paired=True)
    rows, marks = [], []
    for i, read in enumerate(reads):
        flags = data.draw(st.lists(st.booleans(), min_size=len(read), max_size=len(read)))
        marks.append(np.array(flags, bool))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], flags, [0]]).astype(int)))
        rows += [(i + 7, a, b) for a, b in edges.reshape(-1, 2)]
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    kinds = (np.int64, np.int32, np.int32)
    stretches = Stretches(*(np.array(c, t) for c, t in zip(columns, kinds, strict=True)))
    none = OtherChanges.concatenate([])
    pieces, twins = off_path_pieces(stretches, none, batch, batch.offsets, batch.codes, 7, k)
    text = "".join(reads)

    def kmers(parts):
        return sorted(
            canonical(text[i : i + k]) for a, b in parts.tolist() for i in range(a, b - k + 1)
        )

    off = [
        [canonical(r[i : i + k]) for i in range(len(r) - k + 1) if m[i : i + k].any()]
        for r, m in zip(reads, marks, strict=True)
    ]
    assert kmers(pieces) == sorted(kmer for one in off for kmer in one)
    again = [kmer for a, b in zip(off[::2], off[1::2], strict=True) for kmer in b if kmer in a]
    assert kmers(twins) == sorted(again)


def test_pieces_move_with_insertions_and_deletions():
    read = random_sequence(60, 9)
    stretches = Stretches(np.array([3]), np.array([40], np.int32), np.array([60], np.int32))
    changes = OtherChanges(
        np.array([3, 3]), np.array([5, 20], np.int32), np.array([INSERT, DELETE], np.uint8),
        np.array([0, 0]), np.array([4, 1]), np.array([-1, -1]),
    )  # fmt: skip
    after = batch_of([read[:5] + "AAAA" + read[5:20] + read[21:]])
    pieces, _ = off_path_pieces(
        stretches, changes, batch_of([read]), after.offsets, after.codes, 3, 11
    )
    assert pieces.tolist() == [[43 - 10, 63]]


def test_deepest_sibling_against_every_other_kmer():
    rng = np.random.default_rng(2)
    center = random_sequence(15, 3)
    letters = {canonical(center)}
    while len(letters) < 60:
        one = list(center)
        for place in rng.integers(0, 15, rng.integers(1, 4)):
            one[place] = "ACGT"[rng.integers(4)]
        letters.add(canonical("".join(one)))
    reads = [kmer for i, kmer in enumerate(sorted(letters)) for _ in range(1 + i % 5)]
    table = count_kmers([batch_of(reads)], 15)
    found = deepest_sibling(table.keys, table)

    def apart(a, b):
        return min(
            sum(x != y for x, y in zip(a, c, strict=True)) for c in (b, reverse_complement(b))
        )

    strings = kmers_to_strings(table.keys, 15)
    for kmer, deepest in zip(strings, found, strict=True):
        counts = [
            n for other, n in zip(strings, table.counts, strict=True) if apart(kmer, other) == 1
        ]
        assert deepest == max(counts, default=0)
    assert deepest_sibling(strings_to_kmers(["A" * 15]), table).tolist() == [0]


# Linked alternatives --------------------------------------------------------------------


def evidence(rows, apart=40):
    """Evidence of edits (fragment, quality, disputed, alternative), so many bases apart."""
    from types import SimpleNamespace

    fragment, quality, disputed, of = (np.array(c) for c in zip(*rows, strict=True))
    edits = Edits.empty(len(of))
    edits.fragment[:], edits.quality[:], edits.disputed[:] = fragment, quality, disputed
    edits.read[:], edits.position[:] = fragment, apart * np.arange(len(of))
    return SimpleNamespace(edits=edits, alternatives=SimpleNamespace(of_edit=of))


# A member of a mix, of which the judge believes two differences by itself.
MEMBER = [(99, 38, 0, 20), (99, 38, 0, 21), (99, 38, 0, 22)]


def judged():
    verdicts = Verdicts(np.full(23, ERROR, np.uint8), np.zeros(23, np.float32))
    verdicts.verdict[20:22] = REAL
    return verdicts


def test_errors_that_stand_together_are_left():
    rows = [
        (5, 38, 0, 0),
        (5, 30, 0, 1),
        (5, 25, 0, 2),
        (5, 10, 0, 3),
        (9, 38, 0, 4),
        (9, 38, 0, 5),
    ]
    before = judged()
    after, left = leave_linked(evidence(rows + MEMBER), before)
    assert after.verdict[:6].tolist() == [UNDECIDED] * 3 + [ERROR] * 3
    assert left[:6].tolist() == [True] * 3 + [False] * 3
    before.verdict[0] = REAL
    after, left = leave_linked(evidence(rows + MEMBER), before)
    assert after.verdict[:6].tolist() == [REAL, UNDECIDED, UNDECIDED] + [ERROR] * 3
    assert not left[0]


def test_two_sure_bases_close_by_are_enough():
    rows = [
        (5, 38, 0, 0),
        (5, 35, 0, 1),
        (6, 38, 0, 2),
        (6, 34, 0, 3),
        (7, 38, 0, 4),
        (8, 38, 0, 5),
    ]
    for apart, expected in ((31, [UNDECIDED] * 2 + [ERROR] * 4), (32, [ERROR] * 6)):
        after, _ = leave_linked(evidence(rows + MEMBER, apart), judged())
        assert after.verdict[:6].tolist() == expected


def test_where_the_judge_believes_none_it_is_damage_and_no_member_of_a_mix():
    rows = [(5, 38, 0, 0), (5, 38, 0, 1), (5, 38, 0, 2)]
    before = Verdicts(np.full(3, ERROR, np.uint8), np.zeros(3, np.float32))
    _, left = leave_linked(evidence(rows), before)
    assert not left.any()


def test_most_reads_have_to_show_the_others():
    rows = [
        (1, 38, 0, 0),
        (1, 38, 0, 1),
        (1, 38, 0, 2),
        (2, 38, 0, 0),
        (3, 38, 0, 0),
        (3, 38, 1, 1),
    ]
    after, _ = leave_linked(evidence(rows + MEMBER), judged())
    assert after.verdict[:3].tolist() == [ERROR, UNDECIDED, UNDECIDED]


# From end to end ------------------------------------------------------------------------


def write_fasta(path, reads):
    path.write_text("".join(f">r{i}\n{read}\n" for i, read in enumerate(reads)))
    return str(path)


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def kmers_in(text, k=31):
    return {canonical(text[i : i + k]) for i in range(len(text) - k + 1)}


def in_set(folder):
    table = read_kmer_fasta(folder / "kmers.fa.gz")
    return set(kmers_to_strings(table.keys, table.k))


def test_a_genome_given_as_a_read_comes_out_whole(tmp_path, capsys):
    genome = random_sequence(5000, 11)
    genome += genome[700:900] + random_sequence(3000, 12)
    path = write_fasta(tmp_path / "g.fa", [genome])
    out = tmp_path / "out"
    assert main(["run", path, "-o", str(out), "-t", "1"]) == 0
    assert in_set(out) == kmers_in(genome)
    assert genome in (out / "reads" / "g.fa").read_text()
    first, second = said(capsys.readouterr().err)[:2]
    assert first == "Use kmers.fa.gz with care."
    assert second.startswith("- No depth could be fitted")
    found = report_of(out)["verdict"]
    assert found["doubtful"]
    assert found["grade"] == "with care"
    assert found["causes"][0] == "no fit"
    assert len(found["causes"]) == len(found["reasons"])
    page = (out / "report.html").read_text()
    assert page.index("<h1>") < page.index("with care.</h2>") < page.index("No depth could be fit")


def test_an_empty_set_is_an_error(tmp_path, capsys):
    path = write_fasta(tmp_path / "g.fa", [random_sequence(3000, 11)])
    out = tmp_path / "out"
    assert main(["run", path, "-o", str(out), "-t", "1", "--corrector", "cutoff"]) == 1
    assert capsys.readouterr().err.count("leaves none of 2,970 k-mers") == 1
    assert not out.exists()


@pytest.fixture(scope="module")
def mix(tmp_path_factory):
    """Two genomes, one at 40x and one at 3x, and an even sample of the first alone."""
    folder = tmp_path_factory.mktemp("mix")
    genomes = [simulate.random_genome(n, seed=s) for n, s in ((12_000, 1), (30_000, 2))]
    texts = []
    for genome, depth, seed in zip(genomes, (40, 3), (3, 4), strict=True):
        reads = simulate.simulate_reads(genome, depth=depth, paired=False, seed=seed)
        name = folder / f"{depth}.fq"
        simulate.write_fastq(reads, name)
        texts.append(name.read_text())
    (folder / "mix.fq").write_text(texts[0] + texts[1].replace("@sim", "@other"))
    letters = ["".join("ACGT"[c] for c in genome) for genome in genomes]
    return folder, letters


def test_a_mix_of_depths_is_said_and_its_rare_member_kept(mix, tmp_path):
    folder, (deep, rare) = mix
    out = tmp_path / "out"
    argv = ["run", str(folder / "mix.fq"), "-o", str(out), "-t", "1", "-q", "--no-controls"]
    assert main([*argv, "--corrector", "likelihood"]) == 0
    found = report_of(out)["verdict"]
    assert any("mix of depths" in reason for reason in found["reasons"])
    low, high = found["read_depths"]
    assert 2 <= low <= 6
    assert 25 <= high <= 40
    classes = found["depth_classes"]
    assert [one["from"] for one in classes] == [0, 5, 15, 50]
    shown = [one for one in classes if one["kmers_seen_twice"] > 100]
    assert len(shown) >= 2
    assert all(one["kmers_kept"] > 0.95 * one["kmers_seen_twice"] for one in shown)
    kept = in_set(out)
    assert len(kept & kmers_in(deep)) > 0.995 * len(kmers_in(deep))
    assert len(kept & kmers_in(rare)) > 0.6 * len(kmers_in(rare))
    assert len(kept - kmers_in(deep) - kmers_in(rare)) < 200
    assert report_of(out)["corrections"]["bases_masked"] == 0


@pytest.mark.parametrize("verb", ["run", "correct"])
def test_pipelines_can_be_stopped_by_doubt(mix, tmp_path, verb, capsys):
    folder, _ = mix
    outputs = {}
    for name, code in (("40.fq", 0), ("3.fq", 1)):
        out = tmp_path / name
        argv = [verb, str(folder / name), "-o", str(out), "-t", "1", "--corrector", "nearest"]
        argv += ["--fail-on", "doubtful", *(["--no-controls"] if verb == "run" else [])]
        assert main(argv) == code
        outputs[name] = capsys.readouterr().err
        assert out.exists(), "outputs are written before"
    assert "oubtful" not in outputs["40.fq"]
    assert "with care" not in outputs["40.fq"]
    lines = said(outputs["3.fq"])
    assert ("with care" if verb == "run" else "oubtful: ") in lines[0]
    assert lines[-1].startswith("dbgclean: error: --fail-on doubtful: the result is written, but ")


def test_a_shallow_sample_keeps_what_good_reads_show(mix, tmp_path):
    folder, (_, rare) = mix
    out = tmp_path / "out"
    argv = ["run", str(folder / "3.fq"), "-o", str(out), "-t", "1", "-q", "--no-controls"]
    assert main([*argv, "--corrector", "likelihood"]) == 0
    with open(folder / "3.fq") as lines:
        raw = set().union(*(kmers_in(line.strip()) for line in list(lines)[1::4]))
    shown = raw & kmers_in(rare)
    assert not report_of(out)["spectrum"]["fit"]["fitted"]
    assert len(shown - in_set(out)) < 0.02 * len(shown)


def test_saturated_counts_are_said_and_counted(tmp_path, capsys):
    path = tmp_path / "k.fa"
    kmers = sorted(kmers_in(random_sequence(400, 8)))
    path.write_text(
        "".join(f">{5_000_000_000 if i < 3 else 7}\n{k}\n" for i, k in enumerate(kmers))
    )
    out = tmp_path / "out"
    assert (
        main(
            [
                "run",
                "--kmers",
                str(path),
                "-o",
                str(out),
                "-q",
                "--corrector",
                "none",
                "--no-controls",
            ]
        )
        == 0
    )
    assert "3 k-mers have abundance 4,294,967,295 and none has more" in capsys.readouterr().err
    assert report_of(out)["inputs"][0]["saturated_kmers"] == 3
    with gzip.open(out / "kmers.fa.gz", "rt") as text:
        assert text.read().count(">4294967295\n") == 3
