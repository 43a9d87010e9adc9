"""GFA, unitig FASTA and networkx: round trips, other tools' files, bad files."""

import bz2
import gzip
import lzma

import networkx as nx
import numpy as np
import pytest
from graph_shapes import SHAPES, graph_of
from hypothesis import example, given
from hypothesis import strategies as st

from dbgclean.errors import InputError, OutputError
from dbgclean.graph.ambiguity import ambiguity
from dbgclean.graph.canonical import canonical
from dbgclean.graph.gfa import read_gfa, turned_cigar, write_gfa
from dbgclean.graph.nx import from_networkx, mirror_name, to_networkx
from dbgclean.graph.text_kernels import decimal
from dbgclean.graph.unitig_fasta import read_unitigs, write_unitigs
from dbgclean.graph.unitigs import UnitigGraph

SEQUENCES = st.lists(st.text("ACGT", min_size=5, max_size=40), min_size=1, max_size=5)
ARRAYS = ("codes", "offsets", "abundance", "link_offsets", "link_targets")


def assert_equal(one: UnitigGraph, other: UnitigGraph) -> None:
    assert one.k == other.k
    for name in ARRAYS:
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name


@given(SEQUENCES)
def test_gfa_round_trip(tmp_path_factory, sequences):
    path = tmp_path_factory.mktemp("gfa") / "g.gfa"
    graph = graph_of(sequences, 5)
    write_gfa(path, graph)
    back = read_gfa(path)
    assert back.foreign is None
    assert_equal(graph, back)


@given(SEQUENCES)
def test_unitig_fasta_round_trip(tmp_path_factory, sequences):
    path = tmp_path_factory.mktemp("fasta") / "u.fa"
    graph = graph_of(sequences, 5)
    write_unitigs(path, graph)
    assert_equal(graph, read_unitigs(path, k=5))


@given(
    st.integers(0, 2**62) | st.integers(0, 10**6),
    st.sampled_from([1, 2, 3, 7, 8, 16, 1000, 2000, 16000]),
    st.sampled_from([1, 3]),
)
@example(1, 16, 3)
@example(3, 16, 3)
@example(1, 2**63, 3)
@example(8, 1000 * 1024, 3)
def test_depth_is_rounded_as_python_rounds(abundance, kmers, digits):
    depth = abundance / kmers
    out = np.zeros(40, np.uint8)
    n = decimal(out, 0, depth, digits)
    assert out[:n].tobytes().decode() == f"{depth:.{digits}f}"


@given(SEQUENCES)
def test_networkx_round_trip(sequences):
    graph = graph_of(sequences, 5)
    assert_equal(graph, from_networkx(to_networkx(graph)))


@given(SEQUENCES, st.randoms(use_true_random=False))
def test_canonical_form_undoes_order_direction_and_rotation(sequences, random):
    graph = graph_of(sequences, 5)
    assert_equal(graph, canonical(graph))
    texts = list(graph.texts())
    order = random.sample(range(len(texts)), len(texts))
    place = {unitig: i for i, unitig in enumerate(order)}
    flipped = [random.random() < 0.5 for _ in texts]
    g = to_networkx(graph)
    renamed = {
        (u, strand): (place[u], "+-"[(strand == "-") ^ flipped[u]])
        for u in place
        for strand in "+-"
    }
    for u, text in enumerate(texts):
        if graph.is_circular(u):
            n = len(text) - 4
            cut = random.randrange(n)
            ring = text[:n]
            turned_ring = (ring[cut:] + ring[:cut]) * 6
            forward = turned_ring[: len(text)]
            g.nodes[u, "+"]["sequence"] = forward
            backward = forward.translate(str.maketrans("ACGT", "TGCA"))[::-1]
            g.nodes[u, "-"]["sequence"] = backward
    assert_equal(graph, canonical(from_networkx(nx.relabel_nodes(g, renamed))))


def test_gfa_text(tmp_path):
    path = tmp_path / "g.gfa"
    write_gfa(path, graph_of(["AACCT", "AACCT", "ACCG"], 3))
    assert path.read_text() == (
        "H\tVN:Z:1.0\tks:i:3\n"
        "S\t0\tAACC\tLN:i:4\tKC:i:5\tdp:f:2.500\n"
        "S\t1\tAGG\tLN:i:3\tKC:i:2\tdp:f:2.000\n"
        "S\t2\tCCG\tLN:i:3\tKC:i:1\tdp:f:1.000\n"
        "L\t0\t+\t1\t-\t2M\n"
        "L\t0\t+\t2\t+\t2M\n"
        "L\t2\t+\t2\t-\t2M\n"
    )


def test_hairpin_is_written_once(tmp_path):
    graph = SHAPES["hairpin"]().graph()
    write_gfa(tmp_path / "g.gfa", graph)
    links = [line for line in (tmp_path / "g.gfa").read_text().splitlines() if line[0] == "L"]
    assert len(links) == 1
    assert_equal(graph, read_gfa(tmp_path / "g.gfa"))


def test_bcalm_header_lists_links_on_both_sides(tmp_path):
    graph = SHAPES["right_tip"]().graph()
    write_unitigs(tmp_path / "u.fa", graph)
    headers = (tmp_path / "u.fa").read_text().splitlines()[::2]
    assert sum(header.count("L:") for header in headers[0:]) == 2 * len(graph.links())
    assert all(
        " LN:i:" in header and " KC:i:" in header and " km:f:" in header for header in headers
    )


@pytest.mark.parametrize("name", ["bubble_chain", "hairpin", "circle", "homopolymer"])
def test_k_is_told_from_the_links(tmp_path, name):
    graph = SHAPES[name]().graph()
    write_unitigs(tmp_path / "u.fa", graph)
    assert read_unitigs(tmp_path / "u.fa").k == graph.k


def test_gz_has_no_time_stamp(tmp_path):
    graph = SHAPES["snp_bubble"]().graph()
    for name in ("a.gfa.gz", "b.gfa.gz", "a.gfa"):
        write_gfa(tmp_path / name, graph)
    packed = (tmp_path / "a.gfa.gz").read_bytes()
    assert packed == (tmp_path / "b.gfa.gz").read_bytes()
    assert packed[4:8] == bytes(4)
    assert gzip.decompress(packed) == (tmp_path / "a.gfa").read_bytes()
    assert_equal(graph, read_gfa(tmp_path / "a.gfa.gz"))


def test_nothing_under_the_final_name_on_an_error(tmp_path):
    with pytest.raises(OutputError):
        write_gfa(tmp_path / "missing" / "g.gfa", graph_of(["ACGGT"], 3))
    assert list(tmp_path.iterdir()) == []


def test_other_tools_gfa_is_kept(tmp_path):
    text = (
        "H\tVN:Z:1.0\n"
        "S\tleft\tACNGT\tLN:i:5\tdp:f:2.0\n"
        "S\tmiddle\t*\tLN:i:40\n"
        "L\tleft\t+\tmiddle\t-\t1M2D3M\n"
        "L\tmiddle\t+\tleft\t-\t3M2I1M\n"
        "L\tmiddle\t+\tmiddle\t+\t*\n"
        "P\tpath\tleft+\t*\n"
    )
    (tmp_path / "in.gfa").write_text(text)
    graph = read_gfa(tmp_path / "in.gfa")
    assert graph.k == 0
    assert graph.lengths.tolist() == [5, 40]
    assert graph.abundance.tolist() == [10, 0]
    assert len(graph.links()) == 2, "the mirror is the same link"
    assert ambiguity(graph).kmers is None
    write_gfa(tmp_path / "out.gfa", graph)
    again = read_gfa(tmp_path / "out.gfa")
    assert_equal(graph, again)
    assert again.foreign.cigars == graph.foreign.cigars == ("*", "1M2D3M", "3M2I1M")
    assert again.foreign.link_cigars.tolist() == graph.foreign.link_cigars.tolist()
    links = [line for line in (tmp_path / "out.gfa").read_text().splitlines() if line[0] == "L"]
    assert links == ["L\tleft\t+\tmiddle\t-\t1M2D3M", "L\tmiddle\t+\tmiddle\t+\t*"]


@pytest.mark.parametrize(
    ("tags", "depth"),
    [
        ("dp:i:25", 25),
        ("dp:f:2.5", 2.5),
        ("DP:i:7", 7),
        ("rd:i:31", 31),
        ("km:f:4", 4),
        ("RC:i:120", 10),
        ("FC:i:60", 5),
        ("KC:i:36", 3),
        ("LN:i:12\tKC:f:36.0\trd:i:9", 3),
        ("dp:f:nan", None),
        ("dp:f:-1", None),
        ("rd:Z:many", None),
        ("LN:i:12", None),
    ],
)
def test_depths_of_other_tools(tmp_path, tags, depth):
    """Of whatever type; unknown is written as nothing, never as 0."""
    (tmp_path / "in.gfa").write_text(f"S\te1\tACGTACGTACGT\t{tags}\n")
    graph = read_gfa(tmp_path / "in.gfa")
    assert graph.known_depth(0) == (depth is not None)
    if depth is not None:
        assert graph.depth[0] == pytest.approx(depth, abs=0.05)
    write_gfa(tmp_path / "out.gfa", graph)
    told = "" if depth is None else f"\tKC:i:{graph.abundance[0]}\tdp:f:{graph.depth[0]:.3f}"
    written = (tmp_path / "out.gfa").read_text()
    assert written == f"H\tVN:Z:1.0\nS\te1\tACGTACGTACGT\tLN:i:12{told}\n"


def test_records_of_other_tools_are_passed_over_and_said(tmp_path, caplog):
    """A of hifiasm, a and x of miniasm; P, W, J and C, which the output will not have."""
    lines = ["S\tu1\tAC.=GT", "A\tu1\t0\t+\tread", "A\tu1\t9\t-\tread", "a\tu1\t0", "x\tu1"]
    lines += ["P\tp\tu1+\t*", "W\ts\t1\tc\t0\t6\t>u1", "# of no account"]
    (tmp_path / "in.gfa").write_text("\n".join(lines) + "\n")
    graph = read_gfa(tmp_path / "in.gfa")
    assert (graph.sequence(0), len(graph)) == ("ACNNGT", 1)
    assert caplog.messages == [
        f"{tmp_path / 'in.gfa'}: passed over, and not in any output: 2 A, 1 P, 1 W, 1 a, 1 x lines"
    ]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_graphs(tmp_path, compress):
    (tmp_path / "g.gfa").write_bytes(compress(b"S\ta\tACGT\n"))
    assert read_gfa(tmp_path / "g.gfa").sequence(0) == "ACGT"


def test_turned_cigar():
    assert turned_cigar(turned_cigar("3M1I4D")) == "3M1I4D"


def test_missing_overlap_column(tmp_path):
    (tmp_path / "g.gfa").write_text("S\ta\tAC\nS\tb\tCG\nL\ta\t+\tb\t+\n")
    assert read_gfa(tmp_path / "g.gfa").foreign.cigars == ("*",)


BAD_GFA = {
    "empty": (b"", "the file is empty"),
    "no segments": (b"H\tVN:Z:1.0\n", "holds no segments"),
    "second version": (b"H\tVN:Z:2.0\n", "line 1: this is GFA 2"),
    "other text": (b"S\ta\tAC\n>read\nACGT\n", "line 2: no GFA 1 record"),
    "short segment": (b"S\ta\n", "line 1: a segment without"),
    "segment twice": (b"S\ta\tAC\nS\ta\tGG\n", "line 2: segment 'a' again"),
    "not letters": (b"S\ta\tA C\n", "line 1: segment 'a' holds other"),
    "bad length": (b"S\ta\t*\tLN:i:x\n", "line 1: length 'x'"),
    "bad k": (b"H\tks:i:x\n", "line 1: k is 'x'"),
    "link of nothing": (b"S\ta\tAC\nL\ta\t+\tb\t+\t1M\n", "line 2: a link of segment 'b'"),
    "short link": (b"S\ta\tAC\nL\ta\t+\n", "line 2: not a link"),
    "bad strand": (b"S\ta\tAC\nL\ta\t?\ta\t+\t1M\n", "line 2: not a link"),
    "bad overlap": (b"S\ta\tAC\nL\ta\t+\ta\t+\t1Q\n", "line 2: overlap '1Q'"),
    "binary": (b"S\ta\tAC\n\xff\xfe\x00", "line 2: not text"),
    "cut gzip": (gzip.compress(b"S\ta\tACGT\n" + b"#\n" * 99, mtime=0)[:-12], "damaged or cut off"),
    "cut bzip2": (bz2.compress(b"S\ta\tACGT\n")[:-9], "damaged or cut off"),
    "second version without a header": (b"S\ta\tAC\nE\t*\ta+\ta+\n", "line 2: this is GFA 2"),
    "letters beyond ASCII": ("S\ta\tACÉ\n".encode(), "line 1: segment 'a' holds other"),
}


@pytest.mark.parametrize("name", BAD_GFA)
def test_bad_gfa(tmp_path, name):
    content, words = BAD_GFA[name]
    (tmp_path / "g.gfa").write_bytes(content)
    with pytest.raises(InputError, match="^[^\n]*$") as caught:
        read_gfa(tmp_path / "g.gfa")
    assert words in str(caught.value)
    assert str(tmp_path / "g.gfa") in str(caught.value)


BAD_UNITIGS = {
    "text first": (b"ACGT\n", "line 1: 'ACGT' before any '>'"),
    "numbers": (b">1 LN:i:3 KC:i:1\nACG\n", "line 1: unitig '1' where 0 was due"),
    "letters": (b">0 LN:i:3 KC:i:1\nANG\n", "line 1: unitig 0 holds other"),
    "no total": (b">0 LN:i:3\nACG\n", "line 1: no KC:i"),
    "cut": (b">0 LN:i:3 KC:i:1 L:+:4:+\nACG\n", "leads to unitig 4 of 1"),
    "no links": (b">0 LN:i:3 KC:i:1\nACG\n", "no links to tell k from"),
    "no overlap": (b">0 LN:i:3 KC:i:1 L:+:1:+\nAAC\n>1 LN:i:3 KC:i:1\nGGG\n", "do not overlap"),
}


@pytest.mark.parametrize("name", BAD_UNITIGS)
def test_bad_unitigs(tmp_path, name):
    content, words = BAD_UNITIGS[name]
    (tmp_path / "u.fa").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_unitigs(tmp_path / "u.fa")
    assert words in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="check the path"):
        read_gfa(tmp_path / "none.gfa")
    with pytest.raises(InputError, match="a folder"):
        read_gfa(tmp_path)


def test_networkx_attributes():
    arrays = SHAPES["snp_bubble"]().graph()
    graph = to_networkx(arrays)
    assert graph.number_of_nodes() == 2 * len(arrays)
    assert graph.number_of_edges() == arrays.link_targets.size
    for source, target in graph.edges:
        assert graph.has_edge(mirror_name(target), mirror_name(source))
        overlap = graph.nodes[source]["sequence"][1 - arrays.k :]
        assert graph.nodes[target]["sequence"].startswith(overlap)
    node = graph.nodes[0, "+"]
    assert node["length"] == len(node["sequence"])
    assert node["depth"] * (node["length"] - arrays.k + 1) == pytest.approx(node["abundance"])


def test_networkx_limit():
    with pytest.raises(InputError, match="4 unitigs, more than the limit of 3"):
        SHAPES["snp_bubble"]().graph().to_networkx(limit=3)


def test_a_unitig_is_there_while_either_strand_is():
    arrays = SHAPES["snp_bubble"]().graph()
    for strand in "+-":
        one_strand = to_networkx(arrays)
        one_strand.remove_node((0, strand))
        assert_equal(arrays, from_networkx(one_strand))


def test_a_link_taken_out_on_one_strand_is_refused():
    graph = to_networkx(SHAPES["snp_bubble"]().graph())
    source, target = next(iter(graph.edges))
    graph.remove_edge(source, target)
    with pytest.raises(InputError, match="without its mirror"):
        from_networkx(graph)


def test_canonical_needs_a_de_bruijn_graph(tmp_path):
    (tmp_path / "g.gfa").write_text("S\ta\tAC\nS\tb\tCG\nL\ta\t+\tb\t+\t*\n")
    with pytest.raises(ValueError, match="De Bruijn graphs only"):
        canonical(read_gfa(tmp_path / "g.gfa"))


def test_links_once_are_all_links():
    for make in SHAPES.values():
        graph = make().graph()
        once = {tuple(link) for link in graph.links().tolist()}
        both = once | {(b ^ 1, a ^ 1) for a, b in once}
        pairs = np.column_stack([graph.link_sources, graph.link_targets]).tolist()
        assert both == {tuple(pair) for pair in pairs}
