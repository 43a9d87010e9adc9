"""The front door: names, signatures, lightness; the same answers as the arrays and the files."""

import ast
import gzip
import inspect as introspection
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import networkx as nx
import numpy as np
import pysam
import pytest
from graph_shapes import SHAPES, graph_of
from hypothesis import given
from hypothesis import strategies as st
from test_graph_topology import bubble_oracle

import dbgclean as dbg
from benchmarks.simulators.aligned import reference_sequence, snv, write_bam
from dbgclean.__main__ import main
from dbgclean.errors import InputError, UsageError
from dbgclean.graph.ambiguity import ambiguity
from dbgclean.graph.gfa import write_gfa
from dbgclean.graph.nx import from_networkx, to_networkx, write_networkx
from dbgclean.graph.topology import find_bubbles, find_tips
from dbgclean.graph.unitigs import node_name
from dbgclean.pipeline import full, results
from dbgclean.pipeline.graphs import GraphOptions, load_graph
from dbgclean.pipeline.options import Options
from dbgclean.variants.tables import COLUMNS

README = Path(__file__).parents[1] / "README.md"
EXAMPLE = Path(dbg.__file__).parent / "example"
READS = [str(EXAMPLE / f"example_R{mate}.fastq.gz") for mate in (1, 2)]
SEQUENCES = st.lists(st.text("ACGT", min_size=5, max_size=40), min_size=1, max_size=5)
HEAVY = {"Bio", "jinja2", "matplotlib", "networkx", "numba", "numpy", "pysam", "scipy", "torch"}
LAYOUT = "interleaved single paired reference"
SIGNATURES = {
    "read_reads": f"reads | {LAYOUT} threads",
    "count": f"reads k | min_abundance min_quality {LAYOUT} threads memory tmp",
    "correct": "reads k | corrector correction_k model min_quality min_vaf ploidy protect poly_g "
    f"mask min_abundance spikes seed {LAYOUT} threads memory tmp",
    "build_graph": "source k | min_abundance limit threads",
    "bubbles": "graph",
    "tips": "graph max_length",
    "ambiguity": "graph",
    "compare": "a b | k min_abundance threads",
    "inspect": "bam regions | bed reference normal corrector model ploidy min_vaf "
    "min_mapping_quality soft_clips seed threads",
}
TYPES = {
    "AlleleTable", "AmbiguityReport", "Bubble", "Comparison", "Correction", "Counts",
    "DbgcleanError", "KmerTable", "ReadBatch", "Spectrum", "Tip",
}  # fmt: skip


def blocks(text):
    """Python examples of a README."""
    return re.findall(r"```python\n(.*?)```", text, re.S)


def ten_lines():
    """Those of the package's docstring."""
    return textwrap.dedent(re.search(r"::\n\n(.*?)\n\n===", dbg.__doc__, re.S)[1])


def as_arrays_say(graph):
    """Bubbles, tips and figures of the analysers on arrays, by the nodes' names."""
    found = [
        (node_name(b.source), node_name(b.sink), tuple(map(node_name, b.arms)))
        for b in find_bubbles(graph)
    ]
    ends = [(node_name(t.node), t.length, t.depth) for t in find_tips(graph)]
    return found, ends, ambiguity(graph)


def as_the_door_says(graph):
    found = [(b.source, b.sink, b.arms) for b in dbg.bubbles(graph)]
    return found, [(t.node, t.length, t.depth) for t in dbg.tips(graph)], dbg.ambiguity(graph)


def test_names():
    assert set(dbg.__all__) == SIGNATURES.keys() | TYPES
    assert set(dbg.__all__) < set(dir(dbg))
    for name in dbg.__all__:
        assert getattr(dbg, name).__doc__
        assert f"`{name}`" in dbg.__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = dbg.nonsense


@pytest.mark.parametrize("verb", SIGNATURES)
def test_signatures(verb):
    given_by = introspection.signature(getattr(dbg, verb)).parameters.values()
    plain = [one.name for one in given_by if one.kind is one.POSITIONAL_OR_KEYWORD]
    words = [one.name for one in given_by if one.kind is one.KEYWORD_ONLY]
    assert " ".join(plain + (["|", *words] if words else [])) == SIGNATURES[verb]


def test_the_verb_and_the_package_of_plugins_share_a_name():
    from dbgclean.correct import ERROR, Corrector

    assert dbg.correct.Corrector is Corrector
    assert callable(dbg.correct)
    assert ERROR == 0


def test_nothing_heavy_is_imported_before_a_verb_is_used():
    program = "import sys, dbgclean; dbgclean.correct, dir(dbgclean); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "dbgclean" in loaded
    assert not loaded & HEAVY


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the files that the examples name: the shipped reads, and a BAM."""
    folder = tmp_path_factory.mktemp("desk")
    for name, path in zip(("R1.fq.gz", "R2.fq.gz"), READS, strict=True):
        (folder / name).symlink_to(path)
    here = reference_sequence(2000)
    bam = write_bam(folder / "here.bam", here, [snv(here, 700, 0.5), snv(here, 1200, 1.0)])
    offset = 10_000_000
    text = "N" * offset + here + "N" * 48_000
    (folder / "ref.fa").write_text(f">chr20\n{text}\n")
    with pysam.AlignmentFile(bam) as source:
        head = source.header.to_dict() | {"SQ": [{"SN": "chr20", "LN": len(text)}]}
        with pysam.AlignmentFile(str(folder / "x.bam"), "wb", header=head) as out:
            for record in source:
                record.reference_start += offset
                out.write(record)
    pysam.index(str(folder / "x.bam"))
    return folder


@pytest.fixture(scope="module")
def session(desk):
    """What the names of the ten lines stand for after them."""
    names = {"dbg": dbg}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        exec(ten_lines(), names)
    return names


def test_the_ten_lines_run_as_they_stand(session, desk):
    shown = ast.unparse(ast.parse(blocks(README.read_text())[0]))
    assert shown == "import dbgclean as dbg\n" + ast.unparse(ast.parse(ten_lines()))
    assert isinstance(session["raw"], dbg.Counts)
    assert isinstance(session["raw"], dbg.KmerTable)
    assert len(session["clean"].kmers) < len(session["raw"])
    assert all(arm in session["G"] for b in dbg.bubbles(session["G"]) for arm in b.arms)
    alleles = session["alleles"].columns()
    found = alleles["class"] == "variant"
    assert alleles["position"][found].tolist() == [10_000_701, 10_001_201]
    assert set(alleles["contig"]) == {"chr20"}
    assert alleles["genotype"][found].tolist() == ["0/1", "1/1"]


def test_ten_lines_of_networkx(session, capsys):
    exec(blocks(README.read_text())[1], dict(session))
    before, after = map(
        int, re.findall(r"(\d+) bubbles, and (\d+) without", capsys.readouterr().out)[0]
    )
    assert after == before - 1


def test_count(session, desk):
    raw = session["raw"]
    assert raw.reads.reads == sum(len(batch) for batch in dbg.read_reads(READS)) > 0
    assert raw.spectrum.distinct == len(raw)
    rare = dbg.count(desk / "R1.fq.gz", 21, min_abundance=3, threads=1)
    assert (rare.k, rare.counts.min()) == (21, 3)
    assert rare.spectrum.distinct > len(rare)
    assert rare.spectrum.plot().svg.startswith("<?xml")
    with pytest.raises(dbg.DbgcleanError, match="k: found 30|even"):
        dbg.count(READS, 30)


def test_correct_gives_what_the_command_line_writes(session, tmp_path, monkeypatch):
    """Reads that are kept and reads that are made again, and the table, are those of `correct`."""
    files = [tmp_path / name for name in ("1.fq.gz", "2.fq.gz")]
    table = tmp_path / "c.tsv.gz"
    outputs = ["-o", *map(str, files), "--corrections", str(table)]
    assert main(["correct", *READS, *outputs, "-q"]) == 0
    clean = session["clean"]
    written = clean.write_reads(tmp_path / "kept")
    assert [path.name for path in written] == ["R1.fq.gz", "R2.fq.gz"]
    clean.write_corrections(tmp_path / "again.tsv.gz")
    assert (tmp_path / "again.tsv.gz").read_bytes() == table.read_bytes()
    monkeypatch.setattr(clean, "_batches", None)
    again = clean.write_reads(tmp_path / "streamed")
    for file, kept, streamed in zip(files, written, again, strict=True):
        assert file.read_bytes() == kept.read_bytes() == streamed.read_bytes()
    assert sum(len(batch) for batch in clean.reads()) == session["raw"].reads.reads
    head, *rows = [line.split("\t") for line in gzip.open(table, "rt").read().splitlines()]
    rows = [dict(zip(head, row, strict=True)) for row in rows if row[0] == "substitution"]
    columns = clean.alternatives.columns()
    for name in ("kmer", "from", "to", "verdict", "reason"):
        assert list(columns[name]) == [row[name] for row in rows]
    assert clean.statistics["bases_changed"] > 0
    assert not clean.verdict["doubtful"]
    with pytest.raises(dbg.DbgcleanError, match="not empty"):
        clean.write_reads(tmp_path / "kept")


def test_reads_are_held_as_long_as_they_are_few(monkeypatch):
    held, (batch, *_) = results.HeldReads(), list(dbg.read_reads(READS[0]))
    held.take(0, batch)
    assert held.batches == [(0, batch)]
    monkeypatch.setattr(results, "_IN_MEMORY", 10)
    held.take(0, batch)
    assert held.batches is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"min_quality": 94}, "--min-quality: 94 is not within 0 to 93"),
        ({"min_vaf": 0.7}, "--min-vaf: 0.7 is not within 0 to 0.5"),
        ({"ploidy": 0}, "--ploidy: 0 is not within 1 to 64"),
        ({"poly_g": "maybe"}, "choose auto, on or off"),
        ({"protect": "a.vcf"}, "its positions need --reference"),
        ({"corrector": "magic"}, "no such corrector is installed"),
        ({"reads": "none.fq"}, "none.fq: no such file"),
        ({"k": 32}, "k: found 32"),
    ],
)
def test_what_no_run_can_use_is_refused(given, words):
    with pytest.raises(dbg.DbgcleanError, match=words):
        dbg.correct(**({"reads": READS} | given))


def test_a_corrector_that_judges_nothing():
    clean = dbg.correct(READS, corrector="none")
    assert len(clean.alternatives) == 0
    assert len(clean.kmers) == len(clean.raw)
    assert "Doubtful" not in clean._repr_html_()


def test_inspect_gives_what_the_command_line_writes(session, desk, tmp_path):
    region, reference = "chr20:10000001-10002000", str(desk / "ref.fa")
    out = tmp_path / "out"
    arguments = ["-r", region, "--reference", reference, "-o", str(out), "-q"]
    assert main(["inspect", str(desk / "x.bam"), *arguments]) == 0
    head, *rows = gzip.open(out / "alleles.tsv.gz", "rt").read().splitlines()
    assert tuple(head.split("\t")) == COLUMNS == tuple(session["alleles"].columns())
    assert len(rows) == len(session["alleles"])
    with pytest.raises(dbg.DbgcleanError, match="judges no alleles"):
        dbg.inspect(desk / "x.bam", region, corrector="none")


@pytest.mark.parametrize("name", SHAPES)
def test_drawn_graphs_give_the_same_answers(name):
    graph = SHAPES[name]().graph()
    expected = as_arrays_say(graph)
    assert as_the_door_says(to_networkx(graph)) == expected
    assert as_the_door_says(graph) == expected


@given(SEQUENCES)
def test_any_graph_gives_the_same_answers(sequences):
    graph = graph_of(sequences, 5)
    assert as_the_door_says(to_networkx(graph)) == as_arrays_say(graph)


@given(SEQUENCES, st.data())
def test_unitigs_removed_are_gone(sequences, data):
    """Against bubbles by their definition on what is left, from either strand."""
    graph = to_networkx(graph_of(sequences, 5))
    unitigs = sorted({unitig for unitig, _ in graph})
    gone = data.draw(st.sets(st.sampled_from(unitigs)))
    graph.remove_nodes_from([(unitig, strand) for unitig in gone for strand in "+-"])
    found = {(b.source, b.sink): set(b.arms) for b in dbg.bubbles(graph)}
    expected = bubble_oracle(graph)
    assert found.items() <= expected.items()
    turn = {"+": "-", "-": "+"}
    mirrors = {((t, turn[tt]), (s, turn[ss])) for (s, ss), (t, tt) in found}
    assert found.keys() | mirrors == expected.keys()
    assert dbg.ambiguity(graph).unitigs == len(unitigs) - len(gone)


@given(SEQUENCES, st.data())
def test_a_part_along_one_strand_is_what_it_is_part_of(sequences, data):
    """Any nodes: the answers are those of the part with all their mirrors."""
    graph = to_networkx(graph_of(sequences, 5))
    nodes = data.draw(st.sets(st.sampled_from(sorted(graph)), min_size=1))
    part = graph.subgraph(nodes)
    whole = nx.DiGraph(**graph.graph)
    for unitig, _ in nodes:
        whole.add_nodes_from((n, graph.nodes[n]) for n in ((unitig, "+"), (unitig, "-")))
    turn = {"+": "-", "-": "+"}
    for (a, s), (b, t) in part.edges:
        whole.add_edges_from([((a, s), (b, t)), ((b, turn[t]), (a, turn[s]))])
    assert dbg.ambiguity(part) == dbg.ambiguity(whole)
    ends = [{(b.source[0], b.sink[0]), (b.sink[0], b.source[0])} for b in dbg.bubbles(part)]
    assert ends == [
        {(b.source[0], b.sink[0]), (b.sink[0], b.source[0])} for b in dbg.bubbles(whole)
    ]


def test_a_neighbourhood_answers_with_its_own_nodes():
    graph = to_networkx(SHAPES["bubble_chain"]().graph())
    for bubble in dbg.bubbles(graph):
        for end in (bubble.source, (bubble.sink[0], "-" if bubble.sink[1] == "+" else "+")):
            around = nx.ego_graph(graph, end, radius=2)
            assert len(around) == 4
            (found,) = dbg.bubbles(around)
            assert found.source == end
            assert {found.source, found.sink, *found.arms} == set(around)


def test_graphs_of_other_tools_give_the_same_answers(shared_data):
    paths = sorted(shared_data.glob("graphs/**/*.gfa*"))
    assert paths
    for path in paths:
        graph, _ = load_graph([str(path)], GraphOptions())
        assert as_the_door_says(to_networkx(graph)) == as_arrays_say(graph), path


def test_what_is_no_graph_of_ours_is_refused():
    with pytest.raises(InputError, match="is no oriented unitig"):
        dbg.bubbles(nx.path_graph(3, create_using=nx.DiGraph))
    graph = nx.DiGraph(k=11)
    graph.add_node((0, "+"))
    with pytest.raises(InputError, match="has no 'sequence'"):
        dbg.tips(graph)
    graph.add_node((0, "+"), sequence="ACGTACGTACGT", abundance=2)
    assert dbg.ambiguity(graph).unitigs == 1
    del graph.graph["k"]
    with pytest.raises(InputError, match="the graph has no 'k'"):
        dbg.tips(graph)
    with pytest.raises(InputError, match="more than the limit of 2"):
        dbg.build_graph(SHAPES["bubble_chain"]().graph(), limit=2)


READERS = {
    "graphml": nx.read_graphml,
    "gexf": nx.read_gexf,
    "json": lambda path: nx.node_link_graph(json.loads(path.read_text()), edges="edges"),
}


@pytest.mark.parametrize("suffix", READERS)
def test_files_for_networkx_are_read_back(suffix, tmp_path):
    graph = SHAPES["bubble_chain"]().graph()
    gfa, path = tmp_path / "g.gfa", tmp_path / f"g.{suffix}"
    write_gfa(gfa, graph)
    assert main(["graph", str(gfa), "-q", "-o", "/dev/null", "--networkx", str(path)]) == 0
    back, expected = READERS[suffix](path), to_networkx(graph)
    back.graph["k"] = graph.k  # which GEXF does not hold
    assert {(int(n[:-1]), n[-1]) for n in back} == set(expected)
    for node, data in expected.nodes(data=True):
        shown = back.nodes[f"{node[0]}{node[1]}"]
        assert {name: shown[name] for name in data} == data
    assert np.array_equal(from_networkx(back).link_targets, graph.link_targets)
    named = [f"{u}{strand}" for u, strand in dbg.bubbles(expected)[0].arms]
    assert list(dbg.bubbles(back)[0].arms) == named
    write_networkx(tmp_path / f"again.{suffix}", graph)
    assert (tmp_path / f"again.{suffix}").read_bytes() == path.read_bytes()


def test_networkx_files_are_named_by_their_format(tmp_path, capsys):
    assert main(["graph", READS[0], "--networkx", "g.txt"]) == 2
    assert "does not end in" in capsys.readouterr().err
    with pytest.raises(UsageError, match="take one of these"):
        write_networkx(tmp_path / "g.txt", SHAPES["bubble_chain"]().graph())


def test_run_writes_a_small_graph_for_networkx(tmp_path, monkeypatch):
    options = Options(corrector="none")
    full.full_run(READS, str(tmp_path / "no"), options, controls=False)
    assert not (tmp_path / "no" / "clean.graphml").exists(), "12,000 unitigs"
    options = Options(corrector="cutoff")
    report = full.full_run(READS, str(tmp_path / "yes"), options, controls=False)
    graph = nx.read_graphml(tmp_path / "yes" / "clean.graphml")
    figures = dbg.ambiguity(graph).to_dict()
    assert figures == {name: report["ambiguity"]["cutoff"][name] for name in figures}


def test_compare(tmp_path):
    shape = SHAPES["bubble_chain"]()
    graph = shape.graph()
    (tmp_path / "reads.fa").write_text("".join(f">r\n{t}\n" for t in shape.sequences))
    found = dbg.compare(tmp_path / "reads.fa", to_networkx(graph), k=11)
    assert list(found.reports) == ["reads.fa", "B"]
    assert found.reports["reads.fa"] == found.reports["B"] == ambiguity(graph)
    assert list(found.columns()) == ["what", "reads.fa", "B"]
    assert set((found.reports["B"] - found.reports["reads.fa"]).to_dict().values()) == {0}
    picture = found.plot()
    assert "junctions" in picture.svg
    picture.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == picture.svg
    with pytest.raises(dbg.DbgcleanError, match="cannot be written"):
        picture.save(tmp_path / "none" / "a.svg")
    assert dbg.build_graph(tmp_path / "reads.fa", 11).number_of_nodes() == 2 * len(graph)


def test_tables_in_notebooks_and_pandas(session, monkeypatch):
    tables = (session["raw"], session["clean"].alternatives, session["alleles"])
    fake = ModuleType("pandas")
    fake.DataFrame = dict
    for table in (*tables, dbg.ambiguity(session["G"]), dbg.compare(session["G"], session["G"])):
        monkeypatch.setitem(sys.modules, "pandas", fake)
        frame = table.to_pandas()
        assert {len(values) for values in frame.values()} == {len(table)}
        assert {getattr(values, "ndim", 1) for values in frame.values()} == {1}
        page = table._repr_html_()
        assert page.count("<tr>") == 1 + min(10, len(table))
        assert all(f"<th>{name}</th>" in page for name in frame)
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(UsageError, match="pip install pandas"):
            table.to_pandas()
        assert len(repr(table)) < 2000, "what print() shows is no dump of arrays"
    assert "alternatives" not in session["clean"]._repr_html_()
    assert session["raw"].spectrum._repr_svg_().startswith("<?xml")
    for shown in (session["clean"], session["raw"].spectrum, session["raw"].spectrum.plot()):
        assert len(repr(shown)) < 2000


def test_frames_of_pandas(session):
    pandas = pytest.importorskip("pandas")
    frame = session["alleles"].to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame.query("`class` == 'variant'")) == 2
