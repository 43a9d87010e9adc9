"""Compaction against a plain-Python oracle, on random k-mer sets of small k."""

import numpy as np
import pytest
from graph_shapes import (
    SHAPES,
    graph_of,
    kmers_of,
    smaller,
    spelled,
    table_of,
    turned,
    unitig_oracle,
)
from hypothesis import example, given
from hypothesis import strategies as st

from dbgclean.errors import InputError
from dbgclean.graph import compaction
from dbgclean.graph.compaction import compact, compact_rows, outline
from dbgclean.graph.unitigs import UnitigGraph

SEQUENCES = st.lists(st.text("ACGT", min_size=3, max_size=40), max_size=6)
ODD_K = st.sampled_from([3, 5, 7])


def links_of(graph: UnitigGraph) -> set[tuple[str, str]]:
    """Links as oriented k-mers, those that close a circle of several k-mers left out."""
    found = set()
    for source, target in zip(graph.link_sources, graph.link_targets, strict=True):
        circle = graph.is_circular(source >> 1) and graph.kmers[source >> 1] > 1
        if not circle:
            last = graph.oriented_sequence(source)[-graph.k :]
            found.add((last, graph.oriented_sequence(target)[: graph.k]))
    return found


@given(SEQUENCES, ODD_K)
@example(["ACTTAGCGGACTTAGC"], 7)
@example(["AAAAAAA"], 3)
@example(["ACGT"], 3)
def test_equals_the_oracle(sequences, k):
    graph = graph_of(sequences, k)
    counted = kmers_of(sequences, k)
    unitigs, links = unitig_oracle(counted)
    found = [[smaller(kmer) for kmer in kmers] for _, kmers in spelled(graph)]
    assert {frozenset(kmers) for kmers in found} == unitigs
    assert sum(map(len, found)) == len(counted), "each k-mer once"
    assert links_of(graph) == links
    totals = [sum(counted[kmer] for kmer in kmers) for kmers in found]
    assert graph.abundance.tolist() == totals


@given(SEQUENCES, ODD_K)
def test_every_link_has_its_mirror_and_overlaps(sequences, k):
    graph = graph_of(sequences, k)
    pairs = set(zip(graph.link_sources.tolist(), graph.link_targets.tolist(), strict=True))
    assert len(pairs) == graph.link_targets.size
    assert {(b ^ 1, a ^ 1) for a, b in pairs} == pairs
    for a, b in pairs:
        assert graph.oriented_sequence(a)[1 - k :] == graph.oriented_sequence(b)[: k - 1]


@given(SEQUENCES, ODD_K)
def test_canonical_direction_and_order(sequences, k):
    texts = list(graph_of(sequences, k).texts())
    assert texts == sorted(texts)
    assert all(text <= turned(text) for text in texts)


@given(SEQUENCES, ODD_K)
def test_strand_has_no_say(sequences, k):
    one, other = graph_of(sequences, k), graph_of([turned(text) for text in sequences], k)
    for name in ("codes", "offsets", "abundance", "link_offsets", "link_targets"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


@given(SEQUENCES, ODD_K)
def test_abundance_is_conserved(sequences, k):
    keys, counts = table_of(sequences, k)
    graph, unitig_of = compact_rows(keys, counts, k)
    assert graph.abundance.sum() == counts.sum()
    assert graph.kmers.sum() == keys.size
    expected = np.bincount(unitig_of, weights=counts, minlength=len(graph))
    assert graph.abundance.tolist() == expected.astype(int).tolist()


def test_threads_have_no_say(monkeypatch):
    monkeypatch.setattr(compaction, "_CHUNK", 7)
    rng = np.random.default_rng(5)
    sequences = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(40)]
    keys, counts = table_of(sequences, 7)
    graphs = [compact(keys, counts, 7, threads=threads) for threads in (1, 2, 4)]
    for name in ("codes", "offsets", "abundance", "link_offsets", "link_targets"):
        assert len({getattr(graph, name).tobytes() for graph in graphs}) == 1


@given(SEQUENCES, ODD_K, st.sampled_from([1, 4]))
def test_buckets_have_no_say(sequences, k, rows):
    whole = graph_of(sequences, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "_BUCKET_ROWS", rows)
        patch.setattr(compaction, "_CHUNK", 3)
        cut = graph_of(sequences, k)
    for name in ("codes", "offsets", "abundance", "link_offsets", "link_targets"):
        assert getattr(cut, name).tobytes() == getattr(whole, name).tobytes()


def test_outline_is_the_graph_without_its_sequences():
    keys, counts = table_of(SHAPES["nested_superbubble"]().sequences, 11)
    whole, bare = compact(keys, counts, 11), outline(keys, counts, 11)
    assert bare.codes.size == 0
    for name in ("offsets", "abundance", "link_offsets", "link_targets"):
        assert getattr(bare, name).tobytes() == getattr(whole, name).tobytes()


def test_no_kmers():
    graph = graph_of([])
    assert len(graph) == 0
    assert graph.link_offsets.tolist() == [0]


def test_circle_begins_with_its_smallest_kmer():
    text = SHAPES["circle"]().graph().sequence(0)
    kmers = [text[i : i + 11] for i in range(60)]
    assert text[:11] == min(kmers + [turned(kmer) for kmer in kmers])


@pytest.mark.parametrize("k", [1, 4, 129])
def test_k_out_of_range(k):
    with pytest.raises(ValueError, match="k must be odd"):
        compact(np.empty(0, np.uint64), np.empty(0, np.uint32), k)


def test_lengths_differ():
    with pytest.raises(ValueError, match="1 k-mers but 0 counts"):
        compact(np.zeros(1, np.uint64), np.empty(0, np.uint32), 5)


def test_too_many_kmers(monkeypatch):
    monkeypatch.setattr(compaction, "MAX_KMERS", 2)
    with pytest.raises(InputError, match="raise --min-abundance"):
        graph_of(["ACGGTCA"], 3)
