"""k-mers of two and of four words: against plain Python, and through the verbs that take them.

Counting and the rest of `dbgclean.spectrum` have their own tests, which draw k from 11 to 127.
"""

import gzip
import json
import shutil
import subprocess
from bisect import bisect_left
from pathlib import Path

import numpy as np
import pytest
from graph_shapes import kmers_of, smaller, spelled, turned, unitig_oracle
from hypothesis import given, settings
from hypothesis import strategies as st

import dbgclean
from dbgclean.__main__ import main
from dbgclean.errors import InputError, UsageError
from dbgclean.evidence.cutoffs import choose_graph_k
from dbgclean.graph.ambiguity import ambiguity
from dbgclean.graph.cleaning import classical_clean
from dbgclean.graph.compaction import compact
from dbgclean.graph.gfa import read_gfa
from dbgclean.pipeline.graphs import sniff
from dbgclean.pipeline.options import Options
from dbgclean.report.cost import junction_nodes
from dbgclean.spectrum.counting import KmerCounter, count_codes
from dbgclean.spectrum.formats import read_kmer_fasta, write_kmer_fasta
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.kmers import (
    canonical_kmers,
    encode,
    kmers_at,
    kmers_to_strings,
    prefixes,
    reverse_complements,
    strings_to_kmers,
)
from dbgclean.spectrum.membership import deepest_sibling, rows_among
from dbgclean.spectrum.ordering import borders, distinct, is_rising, order_of, search, sort_keys
from dbgclean.spectrum.table import build_index
from dbgclean.spectrum.words import full_keys, key_dtype, low_word

EXAMPLE = Path(dbgclean.__file__).parent / "example"
WIDE_K = st.integers(16, 63).map(lambda i: 2 * i + 1)
ANY_K = st.integers(5, 63).map(lambda i: 2 * i + 1)


@st.composite
def same_length(draw):
    """k, and k-mers of which some are repeated and some differ in a base."""
    k = draw(ANY_K)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    some = ["".join(rng.choice(list("ACGT"), k)) for _ in range(draw(st.integers(1, 60)))]
    some += ["A" * (k - 1) + base for base in "ACGT"] * draw(st.integers(0, 12))
    return k, [some[i] for i in rng.integers(0, len(some), draw(st.integers(1, 200)))]


@given(same_length())
def test_strings_go_in_and_out(given):
    k, words = given
    keys = strings_to_kmers(words)
    assert keys.dtype == key_dtype(k)
    assert kmers_to_strings(keys, k) == words
    assert kmers_to_strings(reverse_complements(keys, k), k) == [turned(word) for word in words]
    assert kmers_to_strings(canonical_kmers(keys, k), k) == [smaller(word) for word in words]
    assert kmers_to_strings(prefixes(keys), k - 1) == [word[:-1] for word in words]
    text = "".join(words)
    starts = np.arange(len(text) - k + 1)
    assert kmers_to_strings(kmers_at(encode(text), starts, k), k) == [
        text[i : i + k] for i in starts
    ]


@given(same_length())
def test_sorted_and_found_as_strings_are(given):
    k, words = given
    keys = strings_to_kmers(words)
    ranked = sorted(words)
    assert order_of(keys, stable=True).tolist() == sorted(range(len(words)), key=words.__getitem__)
    unique = distinct(keys)
    assert kmers_to_strings(unique, k) == sorted(set(words))
    assert is_rising(unique)
    sort_keys(keys)
    assert kmers_to_strings(keys, k) == ranked
    queries = strings_to_kmers(words)
    assert search(keys, queries).tolist() == [bisect_left(ranked, word) for word in words]
    half = unique[::2]
    rows = rows_among(unique, half)
    assert rows.tolist() == [i // 2 if i % 2 == 0 else -1 for i in range(len(unique))]
    assert build_index(unique, k).find(half).tolist() == list(range(0, len(unique), 2))
    assert build_index(half, k).find(unique).tolist() == rows.tolist()


def test_borders_and_the_free_mark():
    numbers = np.array([0, 1, 5], np.uint64)
    assert kmers_to_strings(borders(numbers, 2 * 97, 99), 99) == [
        first + "A" * 97 for first in ("AA", "AC", "CC")
    ]
    assert low_word(full_keys(2, key_dtype(55))).tolist() == [2**64 - 1] * 2
    with pytest.raises(ValueError, match="found uint64"):
        compact(np.zeros(1, np.uint64), np.ones(1, np.uint32), 55)


@st.composite
def tangled(draw):
    """k and sequences of few blocks in any order and strand: repeats, bubbles, circles, tips."""
    k = draw(WIDE_K)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(k // 3 + 1, 2 * k))
    blocks = ["".join(rng.choice(list("ACGT"), size)) for _ in range(draw(st.integers(1, 4)))]
    blocks += [turned(block) for block in blocks]
    blocks += [block[: size // 2] + "ACGT"[rng.integers(4)] + block[size // 2 + 1 :]
               for block in blocks]  # fmt: skip
    chosen = st.lists(st.sampled_from(blocks), min_size=1, max_size=6).map("".join)
    return k, draw(st.lists(chosen, min_size=1, max_size=4))


def table_of(sequences, k, threads=1):
    offsets = np.cumsum([0, *map(len, sequences)]).astype(np.int64)
    return count_codes(encode("".join(sequences)), offsets, None, k, threads=threads)


@settings(max_examples=60)
@given(tangled(), st.integers(1, 3))
def test_unitigs_equal_the_oracle(given, threads):
    k, sequences = given
    counted, table = kmers_of(sequences, k), table_of(sequences, k, threads)
    assert dict(zip(kmers_to_strings(table.keys, k), table.counts, strict=True)) == counted
    graph = compact(table.keys, table.counts, k, threads)
    unitigs, links = unitig_oracle(counted)
    found = [[smaller(kmer) for kmer in kmers] for _, kmers in spelled(graph)]
    assert {frozenset(kmers) for kmers in found} == unitigs
    assert graph.abundance.tolist() == [sum(counted[kmer] for kmer in kmers) for kmers in found]
    ours = set()
    for source, target in zip(graph.link_sources, graph.link_targets, strict=True):
        if not (graph.is_circular(source >> 1) and graph.kmers[source >> 1] > 1):
            last = graph.oriented_sequence(source)[-k:]
            ours.add((last, graph.oriented_sequence(target)[:k]))
    assert ours == links
    assert classical_clean(table.keys, table.counts, k).shape == (len(table),)
    nodes = {word[:-1] for word in counted} | {turned(word)[:-1] for word in counted}
    both = set(counted) | set(map(turned, counted))
    branching = {
        node
        for node in nodes
        if sum(node + base in both for base in "ACGT") > 1
        and any(base + node in both for base in "ACGT")
    }
    assert set(kmers_to_strings(junction_nodes(table.keys, k), k - 1)) == branching


@settings(max_examples=30)
@given(tangled())
def test_files_of_kmers_come_back(tmp_path_factory, given):
    k, sequences = given
    table = table_of(sequences, k)
    if len(table) < 2:
        return
    path = tmp_path_factory.mktemp("kmers") / "kmers.fa.gz"
    write_kmer_fasta(path, table.keys, table.counts, k)
    text = gzip.decompress(path.read_bytes()).decode().split()
    assert text[1::2] == kmers_to_strings(table.keys, k)
    columns = path.with_name("columns.txt")
    rows = [f"{turned(word)}\t{count[1:]}\n" for count, word in zip(*[iter(text)] * 2, strict=True)]
    columns.write_text("".join(rows))
    assert sniff(str(columns)) == "kmers"
    for file in (path, columns):
        back = read_kmer_fasta(file)
        assert back.k == k
        assert back.keys.tobytes() == table.keys.tobytes()
        assert back.counts.tolist() == table.counts.tolist()


@pytest.mark.parametrize("k", [33, 63, 65, 127])
@pytest.mark.parametrize("threads", [1, 3])
def test_disk_batches_and_threads_do_not_show(k, threads, tmp_path):
    rng = np.random.default_rng(k)
    genome = rng.integers(0, 4, 10_000, dtype=np.uint8)
    starts = rng.integers(0, genome.size - 150, 900)
    codes = genome[(starts[:, None] + np.arange(150)).ravel()]
    codes[rng.random(codes.size) < 0.004] = 0
    quals = rng.choice(np.array([11, 37], dtype=np.uint8), codes.size, p=[0.01, 0.99])
    offsets = np.arange(901, dtype=np.int64) * 150
    whole = count_codes(codes, offsets, quals, k)
    counter = KmerCounter(k, threads=threads, memory_bytes=1 << 30, tmp=tmp_path)
    counter._buffer, counter._table_bytes = np.empty(20_000, dtype=key_dtype(k)), 200_000
    for first in range(0, 900, 100):
        counter.add_codes(codes, offsets[first : first + 101], quals)
    assert counter._spill is not None
    assert counter._spill.nbytes > 0
    table = counter.finish()
    for name in ("keys", "counts", "reverse", "high_quality"):
        assert getattr(table, name).tobytes() == getattr(whole, name).tobytes()
    assert counter.tally.distinct == len(whole)
    some = whole.select(np.arange(0, len(whole), 7))
    spelled = dict(zip(kmers_to_strings(whole.keys, k), whole.counts.tolist(), strict=True))
    near = [
        max(
            spelled.get(smaller(word[:i] + base + word[i + 1 :]), 0)
            for i in range(k)
            for base in "ACGT"
            if base != word[i]
        )
        for word in kmers_to_strings(some.keys[:50], k)
    ]
    assert deepest_sibling(some.keys[:50], whole).tolist() == near


def test_a_run_at_55_corrects_at_its_own_k(tmp_path):
    main(["run", "--example", "-k", "55", "--no-controls", "-q", "-t", "2", "-o", f"{tmp_path}/a"])
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert (report["config"]["k"], report["config"]["correction_k"]) == (55, 25)
    columns = report["ambiguity"]
    assert columns["auto"]["junctions"] < 0.02 * columns["raw"]["junctions"]
    assert columns["auto"]["real_bubbles_closed"] == 0
    assert columns["auto"]["true_kmers_lost"] < 40
    graph = read_gfa(tmp_path / "a" / "clean.gfa")
    kmers = read_kmer_fasta(tmp_path / "a" / "kmers.fa.gz")
    assert (graph.k, kmers.k) == (55, 55)
    assert ambiguity(graph) == ambiguity(compact(kmers.keys, kmers.counts, 55))
    shown = report["picture"]
    assert any(row[4] is not None for row in shown["after"]), "alternatives have cards"
    main(["run", "--example", "-k", "55", "--no-controls", "-q", "-t", "1", "-o", f"{tmp_path}/b"])
    for path in sorted(p for p in (tmp_path / "a").rglob("*") if p.is_file()):
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == other.read_bytes(), path.name


def test_reads_that_are_numbered_are_no_kmers(tmp_path):
    path = tmp_path / "reads.fa"
    path.write_text("".join(f">{i}\n{'ACGTT' * 11}\n" for i in range(1, 4)))
    assert sniff(str(path)) == "reads"
    path.write_text("".join(f">{i}\n{'ACGTT' * 11}\n" for i in (7, 1, 3)))
    assert sniff(str(path)) == "kmers"


def spectrum(peak, error_rate=0.0):
    return Spectrum(31, np.zeros(2, np.int64), 1, 1, True, peak=peak, error_rate=error_rate)


def test_auto_is_the_largest_k_that_leaves_enough_depth():
    # 50x of 100 bases: 50 * 70 / 100 = 35 at k = 31, and 20 at k = 61.
    assert choose_graph_k(spectrum(35.0), 100) == 61
    assert choose_graph_k(spectrum(35.0, 0.01), 100) < 61
    assert choose_graph_k(spectrum(10.0), 100) == 31
    assert choose_graph_k(spectrum(1000.0), 250) == 127
    assert choose_graph_k(Spectrum(31, np.zeros(2, np.int64), 1, 1, reason="none"), 150) == 31


def test_auto_from_the_command_line(tmp_path, capfd):
    reads = [str(EXAMPLE / f"example_R{mate}.fastq.gz") for mate in (1, 2)]
    assert main(["graph", *reads, "-k", "auto", "-o", f"{tmp_path}/g.gfa"]) == 0
    k = read_gfa(tmp_path / "g.gfa").k
    assert k > 31
    assert f"k = {k}: 31-mers are" in capfd.readouterr().err
    assert main(["count", *reads, "-k", "auto", "-o", f"{tmp_path}/k.fa", "-q"]) == 0
    assert read_kmer_fasta(tmp_path / "k.fa").k == k
    assert main(["count", "-", "-k", "auto", "-o", f"{tmp_path}/no.fa", "-q"]) == 1
    assert "-k auto reads it twice" in capfd.readouterr().err
    assert main(["run", "--example", "-k", "auto", "-o", f"{tmp_path}/no", "--dry-run"]) == 0
    assert "k from the depth and length" in capfd.readouterr().out


def test_what_threads_reads_stays_at_31(tmp_path, capsys):
    table = table_of(["ACGTT" * 8 + "G" * 50], 55)
    write_kmer_fasta(tmp_path / "k55.fa", table.keys, table.counts, 55)
    for extra in ([], ["--dry-run"]):
        command = ["run", "--kmers", f"{tmp_path}/k55.fa", "-o", f"{tmp_path}/no", *extra]
        assert main(command) == 1
        assert "has 55 letters; k-mers of one odd length from 11 to 31" in capsys.readouterr().err
    for command in (["correct", "a.fq", "-k", "55"], ["run", "a.fq", "--correction-k", "33"]):
        assert main([*command, "-o", f"{tmp_path}/no"]) == 2
        assert "is out of range: k-mers that reads are threaded at" in capsys.readouterr().err
    with pytest.raises(UsageError, match="not within 11 to 31"):
        Options(k=55, correction_k=55)
    with pytest.raises(InputError, match="shorter than k = 127"):
        dbgclean.count(str(write_short(tmp_path)), 127)


def write_short(folder):
    path = folder / "short.fa"
    path.write_text(f">a\n{'ACGTT' * 20}\n")
    return path


def test_counts_at_63_equal_jellyfish(tmp_path):
    if shutil.which("jellyfish") is None:
        pytest.skip("jellyfish is not installed")
    for mate in (1, 2):
        packed = (EXAMPLE / f"example_R{mate}.fastq.gz").read_bytes()
        (tmp_path / f"R{mate}.fq").write_bytes(gzip.decompress(packed))
    reads = [f"{tmp_path}/R{mate}.fq" for mate in (1, 2)]
    subprocess.run(
        ["jellyfish", "count", "-m", "63", "-C", "-s", "2M", "-o", f"{tmp_path}/jf", *reads],
        check=True,
    )
    dump = ["jellyfish", "dump", "-c", "-t", f"{tmp_path}/jf"]
    theirs = subprocess.run(dump, check=True, capture_output=True, text=True).stdout.split()
    ours = dbgclean.count(reads, 63)
    spelled = kmers_to_strings(ours.keys, 63)
    found = dict(zip(spelled, map(str, ours.counts.tolist()), strict=True))
    assert found == dict(zip(*[iter(theirs)] * 2, strict=True))
