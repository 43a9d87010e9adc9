"""``dbgclean graph``: every kind of input, every output, and what goes wrong."""

import gzip
import json

import pytest
from graph_shapes import SHAPES, Bases, table_of

from dbgclean.__main__ import main
from dbgclean.graph.canonical import canonical
from dbgclean.graph.gfa import read_gfa, write_gfa
from dbgclean.graph.unitig_fasta import read_unitigs, write_unitigs
from dbgclean.pipeline.graphs import GraphOptions, sniff, write_graph
from dbgclean.spectrum.formats import write_kmer_fasta

SHAPE = SHAPES["bubble_chain"]()
NUMBERS = ("unitigs", "junctions", "tips", "simple_bubbles", "superbubbles", "components")


@pytest.fixture
def inputs(tmp_path):
    """The same graph as reads, k-mers, unitigs and GFA."""
    graph = SHAPE.graph()
    keys, counts = table_of(SHAPE.sequences, SHAPE.k)
    paths = {
        "reads": tmp_path / "reads.fa",
        "fastq": tmp_path / "reads.fq.gz",
        "kmers": tmp_path / "kmers.fa.gz",
        "unitigs": tmp_path / "unitigs.fa",
        "gfa": tmp_path / "graph.gfa",
    }
    paths["reads"].write_text("".join(f">read{i}\n{t}\n" for i, t in enumerate(SHAPE.sequences)))
    records = "".join(f"@{i}\n{t}\n+\n{'I' * len(t)}\n" for i, t in enumerate(SHAPE.sequences))
    paths["fastq"].write_bytes(gzip.compress(records.encode(), mtime=0))
    write_kmer_fasta(paths["kmers"], keys, counts, SHAPE.k)
    write_unitigs(paths["unitigs"], graph)
    write_gfa(paths["gfa"], graph)
    return {kind: str(path) for kind, path in paths.items()}


@pytest.mark.parametrize("kind", ["reads", "fastq", "kmers", "unitigs", "gfa"])
def test_every_input_gives_the_same_graph(inputs, tmp_path, kind, capfd):
    out, report = tmp_path / "out.gfa", tmp_path / "out.json"
    options = ["-k", "11"] if kind in ("reads", "fastq") else []
    assert main(["graph", inputs[kind], *options, "-o", str(out), "--json", str(report)]) == 0
    graph = canonical(read_gfa(out))
    for name in ("codes", "offsets", "abundance", "link_offsets", "link_targets"):
        assert getattr(graph, name).tolist() == getattr(SHAPE.graph(), name).tolist()
    found = json.loads(report.read_text())
    assert found["tag"] == "dbgclean graph"
    assert found["kind"] == ("reads" if kind == "fastq" else kind)
    assert found["k"] == 11
    assert [found["ambiguity"][n] for n in NUMBERS] == [getattr(SHAPE, n) for n in NUMBERS]
    assert found["bubbles"] == {"simple": 2, "insertion": 0, "super": 0, "chains": 1}
    said = capfd.readouterr()
    assert said.out == ""
    assert "simple bubbles" in said.err


def test_unitigs_and_bubbles(inputs, tmp_path):
    unitigs, bubbles = tmp_path / "u.fa", tmp_path / "b.tsv.gz"
    arguments = ["--unitigs", str(unitigs), "--bubbles", str(bubbles)]
    assert main(["graph", inputs["kmers"], "-q", "-o", str(tmp_path / "o.gfa"), *arguments]) == 0
    assert read_unitigs(unitigs).codes.tolist() == SHAPE.graph().codes.tolist()
    head, *rows = [
        line.split("\t") for line in gzip.decompress(bubbles.read_bytes()).decode().splitlines()
    ]
    assert head[:4] == ["bubble", "chain", "parent", "kind"]
    assert [row[:4] for row in rows] == [["1.1", "1", ".", "simple"], ["1.2", "1", ".", "simple"]]
    assert rows[0][5] == rows[1][4], "the sink of one is the source of the next"


def test_open_bubbles_are_listed(tmp_path):
    new = Bases().fresh
    a, b, c = new(), new(), new(first="G")
    (tmp_path / "r.fa").write_text("".join(f">r\n{t}\n" for t in (a + "A" + b, a + "C" + b, a + c)))
    write_graph([str(tmp_path / "r.fa")], GraphOptions(k=11), bubbles=str(tmp_path / "b.tsv"))
    (row,) = (tmp_path / "b.tsv").read_text().splitlines()[1:]
    assert row.startswith(".\t.\t.\topen\t")


def test_gfa_to_stdout(inputs, capfd):
    assert main(["graph", inputs["kmers"], "-q"]) == 0
    said = capfd.readouterr()
    assert said.out.startswith("H\tVN:Z:1.0\tks:i:11\nS\t0\t")
    assert said.err == ""


def test_standard_input(inputs, monkeypatch, tmp_path):
    with open(inputs["gfa"], "rb") as raw:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": raw})())
        assert write_graph(["-"], GraphOptions()).simple_bubbles == 2


def test_min_abundance(inputs, tmp_path):
    text = "".join(f">r\n{SHAPE.sequences[0]}\n" for _ in range(3)) + f">r\n{SHAPE.sequences[1]}\n"
    path = tmp_path / "deep.fa"
    path.write_text(text)
    assert write_graph([str(path)], GraphOptions(k=11)).simple_bubbles == 2
    assert write_graph([str(path)], GraphOptions(k=11, min_abundance=2)).unitigs == 1


def test_auto_says_when_there_is_no_fit(inputs, tmp_path, caplog):
    write_graph([inputs["reads"]], GraphOptions(k=11, min_abundance="auto"))
    assert "cutoff: abundance 2" in caplog.text


def test_threads_have_no_say(inputs, tmp_path):
    for threads in ("1", "2"):
        out = tmp_path / f"{threads}.gfa"
        assert (
            main(["graph", inputs["fastq"], "-k", "11", "-q", "-t", threads, "-o", str(out)]) == 0
        )
    assert (tmp_path / "1.gfa").read_bytes() == (tmp_path / "2.gfa").read_bytes()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"H\tVN:Z:1.0\n", "gfa"),
        (b"#comment\n", "gfa"),
        (b"S\ta\tACGT\n", "gfa"),
        (b">0 LN:i:5 KC:i:9 km:f:1.0 L:+:0:-\nACGTA\n", "unitigs"),
        (b">12\nACGTACGTACG\n>1\nACGTACGTACT\n", "kmers"),
        (b">12\nACGTACGTACG", "kmers"),
        (b"ACGTACGTACG\t12\n", "kmers"),
        (b">12\nACGTACGTACG\n>1\nACGTACGTACTTA\n", "reads"),
        (b">1\nACGTACGTACGA\n>2\nACGTACGTACTT\n", "reads"),
        (b">read1\nACGT\n", "reads"),
        (b"@read1\nACGT\n+\nIIII\n", "reads"),
    ],
)
def test_sniff(tmp_path, content, kind):
    (tmp_path / "file").write_bytes(content)
    assert sniff(str(tmp_path / "file")) == kind
    (tmp_path / "file").write_bytes(gzip.compress(content))
    assert sniff(str(tmp_path / "file")) == kind


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{gfa}", "{reads}"], 2, "of which one file is taken"),
        (["{gfa}", "--min-abundance", "2"], 2, "--min-abundance applies to k-mers"),
        (["{unitigs}", "--min-abundance", "auto"], 2, "--min-abundance applies to k-mers"),
        (["{kmers}", "-k", "13"], 2, "holds 11-mers, not 13-mers"),
        (["{reads}", "--min-abundance", "0"], 2, "neither a number from 1 nor 'auto'"),
        (["{reads}", "-k", "12"], 2, "is even"),
        (["{reads}", "-k", "31", "-o", "x", "--json", "x"], 2, "named for two outputs"),
        (["{folder}/none"], 1, "check the path"),
        (["{folder}"], 1, "a folder"),
        (["{folder}/short.fa"], 1, "all 1 reads are shorter than k = 31 (longest 8 bases)"),
        (["{gfa}", "-o", "{folder}/no/where.gfa"], 1, "cannot be written"),
        (["{folder}/cut.gfa"], 1, "line 2"),
        (["{folder}/foreign.gfa", "--unitigs", "{folder}/u.fa"], 2, "leave --unitigs out"),
    ],
)
def test_wrong_use(inputs, tmp_path, capfd, arguments, code, words):
    (tmp_path / "short.fa").write_text(">a\nACGTACGT\n")
    (tmp_path / "cut.gfa").write_text("S\ta\tACGT\nL\ta\t+\n")
    (tmp_path / "foreign.gfa").write_text("S\ta\tACGT\n")
    before = sorted(tmp_path.iterdir())
    filled = [text.format(folder=tmp_path, **inputs) for text in arguments]
    if "-o" not in filled:
        filled += ["-o", str(tmp_path / "out.gfa")]
    assert main(["graph", *filled]) == code
    said = capfd.readouterr().err
    assert words in said
    assert said.startswith("dbgclean: error: ")
    assert said.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
