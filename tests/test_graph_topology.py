"""Topology on the arrays against definitions written out with networkx."""

from collections import Counter, defaultdict

import networkx as nx
import numpy as np
import pytest
from graph_shapes import SHAPES, graph_of, kmers_of, smaller, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from dbgclean.graph.ambiguity import ambiguity, n50
from dbgclean.graph.gfa import link_arrays
from dbgclean.graph.nx import mirror_name, to_networkx
from dbgclean.graph.topology import (
    chains,
    components,
    find_bubbles,
    find_superbubbles,
    find_tips,
    junctions,
)
from dbgclean.graph.unitigs import UnitigGraph, node_name

SEQUENCES = st.lists(st.text("ACGT", min_size=3, max_size=30), min_size=1, max_size=5)
ODD_K = st.sampled_from([3, 5])


@st.composite
def any_graphs(draw):
    """Any oriented unitigs linked to any others: more than k-mers can spell."""
    unitigs = draw(st.integers(1, 9))
    node = st.integers(0, 2 * unitigs - 1)
    links = np.array(draw(st.lists(st.tuples(node, node), max_size=20)), dtype=np.int64)
    blank = np.zeros(len(links), dtype=np.int32)
    offsets, targets, _ = link_arrays(links, blank, blank, unitigs)
    lengths = draw(st.lists(st.integers(3, 9), min_size=unitigs, max_size=unitigs))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    codes = np.zeros(ends[-1], dtype=np.uint8)
    return UnitigGraph(3, codes, ends, np.ones(unitigs, dtype=np.int64), offsets, targets)


@st.composite
def forward_graphs(draw):
    """Links that lead from smaller to larger unitigs on one strand: rich in superbubbles."""
    unitigs = draw(st.integers(2, 10))
    pair = st.tuples(st.integers(0, unitigs - 2), st.integers(1, 4))
    links = [(2 * a, 2 * min(a + step, unitigs - 1)) for a, step in draw(st.lists(pair))]
    blank = np.zeros(len(links), dtype=np.int32)
    offsets, targets, _ = link_arrays(np.array(links), blank, blank, unitigs)
    ends = np.arange(0, 5 * unitigs + 1, 5)
    codes = np.zeros(ends[-1], dtype=np.uint8)
    return UnitigGraph(3, codes, ends, np.ones(unitigs, dtype=np.int64), offsets, targets)


def kmer_graphs():
    return st.builds(graph_of, SEQUENCES, ODD_K)


def once(pairs):
    """One of each pair of ends and its mirror."""
    return {min((s, t), (mirror_name(t), mirror_name(s))) for s, t in pairs}


def reached(graph, start, stop):
    """Nodes on paths from `start` that do not pass `stop`."""
    found, waiting = {start}, [start]
    while waiting:
        node = waiting.pop()
        if node != stop:
            fresh = set(graph.successors(node)) - found
            found |= fresh
            waiting.extend(fresh)
    return found


def superbubble_oracle(graph):
    """Pairs of ends with the nodes inside, straight from the definition."""
    back = graph.reverse()
    found = {}
    for source in graph:
        valid = {}
        for sink in graph:
            if sink == source:
                continue
            nodes = reached(graph, source, sink)
            if sink not in nodes or nodes != reached(back, sink, source):
                continue
            if nx.is_directed_acyclic_graph(graph.subgraph(nodes)):
                valid[sink] = nodes
        for sink, nodes in valid.items():
            minimal = not any(other in nodes for other in valid if other != sink)
            if minimal and len(nodes) > 2 and sink[0] != source[0]:
                found[source, sink] = nodes - {source, sink}
    return found


def bubble_oracle(graph):
    """Ends of simple bubbles and how many arms join them."""
    arms = defaultdict(set)
    for node in graph:
        if graph.in_degree(node) == 1 == graph.out_degree(node):
            (source,), (sink,) = graph.predecessors(node), graph.successors(node)
            if source[0] != sink[0]:
                arms[source, sink].add(node)
    return {ends: nodes for ends, nodes in arms.items() if len(nodes) > 1}


def check_structure(arrays):
    graph = to_networkx(arrays)
    degrees = dict(graph.out_degree)
    assert {node_name(n) for n in junctions(arrays).tolist()} == {
        n for n, degree in degrees.items() if degree > 1
    }
    assert {node_name(tip.node) for tip in find_tips(arrays)} == {
        n
        for n, degree in degrees.items()
        if degree == 0 < graph.in_degree(n) and graph.nodes[n]["length"] < 2 * arrays.k
    }
    whole = graph.to_undirected()
    whole.add_edges_from((n, mirror_name(n)) for n in graph)
    assert np.unique(components(arrays)).size == nx.number_connected_components(whole)

    bubbles = list(find_bubbles(arrays))
    expected = bubble_oracle(graph)
    ends = [(node_name(b.source), node_name(b.sink)) for b in bubbles]
    assert once(ends) == once(expected)
    assert len(set(ends)) == len(ends) == len(once(expected))
    for pair, bubble in zip(ends, bubbles, strict=True):
        assert {node_name(n) for n in bubble.arms} == expected[pair]


def check_superbubbles(arrays):
    graph = to_networkx(arrays)
    found = list(find_superbubbles(arrays))
    expected = superbubble_oracle(graph)
    ends = [(node_name(b.source), node_name(b.sink)) for b in found]
    assert once(ends) == once(expected)
    assert len(ends) == len(once(expected))
    simple = once(bubble_oracle(graph))
    for pair, bubble in zip(ends, found, strict=True):
        assert {node_name(n) for n in bubble.inside} == expected[pair]
        rank = {node_name(n): i for i, n in enumerate(bubble.inside)}
        assert all(rank[a] < rank[b] for a, b in graph.subgraph(rank).edges)
        closed = graph.out_degree(pair[0]) == len(bubble.inside)
        arms = all(graph.in_degree(n) == 1 == graph.out_degree(n) for n in rank)
        assert (bubble.kind == "simple") == (closed and arms and once([pair]) <= simple)
        assert (bubble.kind == "insertion") == (len(rank) == 1)


def check_chains(arrays):
    found = chains(arrays)
    listed = [(b.source, b.sink) for chain in found for b in chain.bubbles]
    expected = [(b.source, b.sink) for b in find_superbubbles(arrays)]
    assert Counter(min(p, (p[1] ^ 1, p[0] ^ 1)) for p in listed) == Counter(expected)
    names = [chain.name for chain in found]
    assert len(set(names)) == len(names)
    held = {
        f"{chain.name}.{i}": {n >> 1 for n in bubble.inside}
        for chain in found
        for i, bubble in enumerate(chain.bubbles, 1)
    }
    for chain in found:
        for one, two in zip(chain.bubbles, chain.bubbles[1:], strict=False):
            assert one.sink == two.source
        around = {name for name, inside in held.items() if chain.bubbles[0].source >> 1 in inside}
        smallest = min(around, key=lambda name: len(held[name])) if around else None
        assert (chain.parent is None) == (smallest is None)
        if chain.parent is not None:
            assert len(held[chain.parent]) == len(held[smallest])


@given(kmer_graphs())
@settings(max_examples=40)
def test_kmer_graphs(arrays):
    check_structure(arrays)
    check_superbubbles(arrays)
    check_chains(arrays)


@given(any_graphs())
def test_any_graphs(arrays):
    check_structure(arrays)
    check_superbubbles(arrays)
    check_chains(arrays)


@given(forward_graphs())
@settings(max_examples=200)
def test_forward_graphs(arrays):
    check_structure(arrays)
    check_superbubbles(arrays)
    check_chains(arrays)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    arrays = SHAPES[name]().graph()
    check_structure(arrays)
    check_superbubbles(arrays)
    check_chains(arrays)


@given(SEQUENCES, ODD_K)
def test_eulerian_deficit_is_that_of_the_kmer_graph(sequences, k):
    balance = Counter()
    for kmer in kmers_of(sequences, k):
        for word in (kmer, turned(kmer)):
            balance[word[:-1]] += 1
            balance[word[1:]] -= 1
    expected = sum(map(abs, balance.values())) // 2
    assert ambiguity(graph_of(sequences, k)).eulerian_deficit == expected


@given(SEQUENCES, ODD_K)
def test_strand_has_no_say(sequences, k):
    one = ambiguity(graph_of(sequences, k))
    assert one == ambiguity(graph_of([turned(text) for text in sequences], k))
    assert one.kmers == len({smaller(kmer) for kmer in kmers_of(sequences, k)})


@given(st.lists(st.integers(1, 50), min_size=1))
def test_n50(lengths):
    spread = sorted((length for length in lengths for _ in range(length)), reverse=True)
    assert n50(np.array(lengths)) == spread[(sum(lengths) + 1) // 2 - 1]


def test_bound_on_superbubbles():
    arrays = SHAPES["nested_superbubble"]().graph()
    assert {b.kind for b in find_superbubbles(arrays)} == {"simple", "super"}
    assert {b.kind for b in find_superbubbles(arrays, max_unitigs=3)} == {"simple"}


def test_report_of_nothing():
    report = ambiguity(graph_of([]))
    assert set(report.to_dict().values()) == {0}
    assert list(report.to_dict()) == [
        "kmers",
        "unitigs",
        "total_bases",
        "n50",
        "junctions",
        "tips",
        "simple_bubbles",
        "superbubbles",
        "components",
        "eulerian_deficit",
    ]
