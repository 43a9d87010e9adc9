"""The solid graph: edges against a brute-force oracle over strings."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from small_samples import reverse_complement

from dbgclean.evidence.lookup import payload_of, successors
from dbgclean.evidence.solid import SolidGraph
from dbgclean.spectrum.kmers import encode
from dbgclean.spectrum.table import KmerTable

K = 5  # so short that a few k-mers make a tangle
SHARE = 0.05


def pack(kmer):
    """A k-mer as the integer that kernels take."""
    value = 0
    for code in encode(kmer).tolist():
        value = 4 * value + code
    return np.uint64(value)


def canonical(kmer):
    return min(kmer, reverse_complement(kmer))


def table_of(counts):
    """Table with these abundances by k-mer (any orientation; the last one stands)."""
    counts = {canonical(kmer): count for kmer, count in counts.items()}
    kmers = sorted(counts)
    numbers = np.array([counts[kmer] for kmer in kmers], np.uint32)
    keys = np.array([pack(kmer) for kmer in kmers], np.uint64)
    k = len(kmers[0]) if kmers else K
    return KmerTable(k, keys, numbers, np.zeros_like(numbers), numbers), counts


def one_sided(counts, kmer, cutoff, share, least):
    """Bases that may follow: deep enough, and not dwarfed by a base beside them."""
    depth = {}
    for base in "ACGT":
        count = counts.get(canonical(kmer[1:] + base), 0)
        depth[base] = count if count >= least else 0
    deepest = max(depth.values())
    return {b for b, d in depth.items() if d and d >= cutoff and d >= share * deepest}


def expected(counts, kmer, cutoff, share, least):
    """Successors that the far end agrees to."""
    agreed = set()
    for base in one_sided(counts, kmer, cutoff, share, least):
        back = one_sided(counts, reverse_complement(kmer[1:] + base), cutoff, share, least)
        if reverse_complement(kmer[0]) in back:
            agreed.add(base)
    return agreed


def letters(bits):
    return {base for i, base in enumerate("ACGT") if (int(bits) >> i) & 1}


def payload(graph, kmer):
    return payload_of(graph.nodes, pack(kmer), pack(reverse_complement(kmer)))


def found(graph, kmer, level):
    """Successors of a k-mer at a level."""
    return letters(successors(payload(graph, kmer), np.int64(level)))


def predecessors(graph, kmer, level):
    return letters((int(payload(graph, kmer)) >> (8 * level + 4)) & 15)


KMERS = st.text("ACGT", min_size=K, max_size=K)


@given(st.dictionaries(KMERS, st.integers(1, 60), max_size=80), st.integers(1, 5), st.data())
@example({"AAAAA": 9, "CCCCC": 9}, 2, None)
def test_edges_equal_a_brute_force(counts, lower, data):
    upper = lower if data is None else data.draw(st.integers(lower, 8))
    table, by_string = table_of(counts)
    graph = SolidGraph.build(table, upper, lower, SHARE)
    least = min(lower, 2)
    first = lower if upper <= 3 else upper  # so shallow that one cutoff holds for both
    for kmer, count in by_string.items():
        for strand in (kmer, reverse_complement(kmer)):
            if count < least:
                assert payload(graph, strand) == 0
                continue
            assert int(payload(graph, strand)) >> 16 == count
            for level, cutoff in enumerate((first, lower)):
                wanted = expected(by_string, strand, cutoff, SHARE, least)
                assert found(graph, strand, level) == wanted
                other = expected(by_string, reverse_complement(strand), cutoff, SHARE, least)
                before = {reverse_complement(base) for base in other}
                assert predecessors(graph, strand, level) == before


@given(st.dictionaries(KMERS, st.integers(1, 60), max_size=80))
def test_edges_go_both_ways(counts):
    """If y follows x, then x stands before y, and rc(x) follows rc(y)."""
    table, by_string = table_of(counts)
    graph = SolidGraph.build(table, 4, 2, SHARE)
    for kmer in by_string:
        for strand in (kmer, reverse_complement(kmer)):
            for level in (0, 1):
                for base in found(graph, strand, level):
                    after = strand[1:] + base
                    assert strand[0] in predecessors(graph, after, level)
                    back = found(graph, reverse_complement(after), level)
                    assert reverse_complement(strand[0]) in back


@given(st.dictionaries(KMERS, st.integers(1, 60), max_size=80), st.integers(2, 4))
def test_threads_make_no_difference(counts, threads):
    table, _ = table_of(counts)
    one = SolidGraph.build(table, 4, 2)
    for mine, other in zip(
        SolidGraph.build(table, 4, 2, threads=threads).nodes, one.nodes, strict=True
    ):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("beside", "enters"), [(1000, False), (601, False), (600, True), (30, True)]
)
def test_an_edge_needs_its_share_of_the_deepest(beside, enters):
    """30 reads are an error beside 1,000, and true beside 600 or 30."""
    counts = {"GACCT": 900, "ACCTC": beside, "ACCTT": 30}
    table, _ = table_of(counts)
    graph = SolidGraph.build(table, 5, 3, min_share=0.05)
    assert found(graph, "GACCT", 0) == ({"C", "T"} if enters else {"C"})


@pytest.mark.parametrize(("enough", "enters"), [(None, False), (31, False), (30, True)])
def test_one_copy_beside_a_deep_repeat_needs_no_share(enough, enters):
    """30 reads are as deep as the genome, whatever a repeat beside them adds up to."""
    table, _ = table_of({"GACCT": 900, "ACCTC": 1000, "ACCTT": 30})
    graph = SolidGraph.build(table, 5, 3, min_share=0.05, enough=enough)
    assert found(graph, "GACCT", 0) == ({"C", "T"} if enters else {"C"})


def test_what_was_seen_twice_carries_edges_in_a_shallow_sample():
    table, _ = table_of({"GACCT": 6, "ACCTC": 2, "CCTCA": 1})
    graph = SolidGraph.build(table, 3, 2)
    assert found(graph, "GACCT", 0) == found(graph, "GACCT", 1) == {"C"}
    assert found(graph, "ACCTC", 0) == set()
    assert found(SolidGraph.build(table, 4, 2), "GACCT", 0) == set()


def test_a_shallow_region_has_edges_of_its_own():
    counts = {"GACCT": 6, "ACCTC": 6, "CCTCA": 4}
    table, _ = table_of(counts)
    graph = SolidGraph.build(table, 5, 3)
    assert found(graph, "GACCT", 0) == {"C"}
    assert found(graph, "ACCTC", 0) == set()
    assert found(graph, "ACCTC", 1) == {"A"}


def test_an_empty_table_has_no_edges():
    table, _ = table_of({})
    graph = SolidGraph.build(table, 5, 3)
    assert payload(graph, "ACGTA") == 0
