"""The same graphs as BCALM 2, the same bubbles as BubbleGun, k-mers that assemblers take.

Each test is skipped, saying so, where the program or the data is absent.
"""

import shutil
import subprocess
from collections import Counter

import numpy as np
import pytest
from graph_shapes import SHAPES, Bases, graph_of, normal_form

import dbgclean
from dbgclean.graph.canonical import canonical
from dbgclean.graph.compaction import compact
from dbgclean.graph.gfa import read_gfa, write_gfa
from dbgclean.graph.topology import find_superbubbles
from dbgclean.graph.unitig_fasta import read_unitigs
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.counting import count_codes
from dbgclean.spectrum.formats import write_kmer_fasta
from dbgclean.spectrum.kmers import encode

ARRAYS = ("codes", "offsets", "abundance", "link_offsets", "link_targets")


def program(name):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-500:]}"


def bcalm(path, k, abundance, folder, *more):
    command = [program("bcalm"), "-in", str(path), "-kmer-size", str(k), "-nb-cores", "1"]
    run([*command, "-abundance-min", str(abundance), "-out", "bcalm", *more], folder)
    return read_unitigs(folder / "bcalm.unitigs.fa", k=k)


def assert_equal(ours: UnitigGraph, theirs: UnitigGraph) -> None:
    """Equal up to reverse complement: sequences, abundances, links."""
    theirs = canonical(theirs)
    for name in ARRAYS:
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


def simulated_reads(genome, depth, error, length=150, seed=1):
    """Reads of both strands with uniform substitutions, uint8 (reads, length)."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, genome.size - length + 1, int(genome.size * depth / length))
    codes = genome[starts[:, None] + np.arange(length)]
    turned = rng.random(starts.size) < 0.5
    codes[turned] = 3 - codes[turned][:, ::-1]
    wrong = rng.random(codes.shape) < error
    codes[wrong] = (codes[wrong] + rng.integers(1, 4, wrong.sum())) % 4
    return codes


@pytest.fixture(scope="module")
def k12_reads(shared_data, tmp_path_factory):
    """20x reads of a 100 kb slice of K-12: their table and their FASTA."""
    import gzip

    path = shared_data / "genomes" / "ecoli_K12_MG1655_NC_000913.3.fna.gz"
    with gzip.open(path, "rt") as lines:
        next(lines)
        genome = encode("".join(line.strip() for line in lines)[1_000_000:1_100_000])
    codes = simulated_reads(genome, depth=20, error=0.005)
    fasta = tmp_path_factory.mktemp("k12") / "reads.fa"
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[codes]
    fasta.write_bytes(b"".join(b">%d\n%s\n" % (i, row.tobytes()) for i, row in enumerate(letters)))
    ends = np.arange(0, codes.size + 1, codes.shape[1], dtype=np.int64)
    return count_codes(codes.reshape(-1), ends, None, 31), fasta


@pytest.mark.parametrize("abundance", [1, 2, 3])
def test_unitigs_of_reads_equal_bcalm(k12_reads, tmp_path, abundance):
    table, fasta = k12_reads
    kept = table.select(table.counts >= abundance)
    ours = compact(kept.keys, kept.counts, 31, threads=2)
    assert_equal(ours, bcalm(fasta, 31, abundance, tmp_path))


@pytest.mark.parametrize("k", [55, 99])
def test_unitigs_of_longer_kmers_equal_bcalm(k12_reads, tmp_path, k):
    _, fasta = k12_reads
    table = dbgclean.count(fasta, k, min_abundance=2)
    ours = compact(table.keys, table.counts, k, threads=2)
    assert_equal(ours, bcalm(fasta, k, 2, tmp_path))


@pytest.mark.parametrize("k", [5, 7, 11, 21])
@pytest.mark.parametrize("name", ["minitip", "test1", "test2", "test3", "tiny_read"])
def test_unitigs_of_bcalm_examples(shared_data, tmp_path, name, k):
    path = shared_data / "graphs" / "bcalm" / f"{name}.fa"
    sequences = [line for line in path.read_text().split("\n") if line and line[0] != ">"]
    if k > max(map(len, sequences)):
        pytest.skip(f"{name} is shorter than {k}")
    ours = graph_of(sequences, k)
    theirs = bcalm(path, k, 1, tmp_path, "-minimizer-size", str(min(k - 2, 8)))
    assert_equal(ours, theirs)


@pytest.mark.parametrize("name", SHAPES)
def test_unitigs_of_shapes_equal_bcalm(tmp_path, name):
    shape = SHAPES[name]()
    path = tmp_path / "shape.fa"
    path.write_text("".join(f">s\n{text}\n" for text in shape.sequences))
    theirs = bcalm(path, shape.k, 1, tmp_path, "-minimizer-size", "8")
    assert_equal(shape.graph(), theirs)
    assert normal_form(shape.graph()) == normal_form(theirs), "told in another way"


@pytest.mark.parametrize("assembler", ["bcalm", "minia", "megahit"])
def test_kmer_fasta_goes_into_assemblers(tmp_path, assembler):
    program(assembler)
    genome = encode(Bases(k=31).fresh(3000))
    table = count_codes(np.tile(genome, 4), np.arange(0, 12001, 3000, dtype=np.int64), None, 31)
    write_kmer_fasta(tmp_path / "kmers.fa.gz", table.keys, table.counts, 31)
    if assembler == "megahit":
        command = ["megahit", "-r", "kmers.fa.gz", "--k-list", "29", "--min-count", "1"]
        run([*command, "-t", "1", "-o", "out"], tmp_path)
        contigs = tmp_path / "out" / "final.contigs.fa"
    else:
        command = [assembler, "-in", "kmers.fa.gz", "-kmer-size", "31", "-abundance-min", "1"]
        run([*command, "-nb-cores", "1", "-out", "out"], tmp_path)
        contigs = tmp_path / ("out.unitigs.fa" if assembler == "bcalm" else "out.contigs.fa")
    lines = contigs.read_text().splitlines()
    assert [len(line) for line in lines if line[0] != ">"] == [3000]


def bubblegun_bubbles(path):
    """Kind and unitigs inside, by the unordered pair of ends."""
    module = pytest.importorskip("BubbleGun.find_bubbles", reason="BubbleGun is not installed")
    from BubbleGun.Graph import Graph

    graph = Graph(str(path))
    module.find_bubbles(graph)
    found = {}
    for bubble in graph.bubbles.values():
        kind = "simple" if bubble.is_simple() else "super"
        kind = "insertion" if bubble.is_insertion() else kind
        inside = frozenset(node.id for node in bubble.inside)
        found[frozenset((bubble.source.id, bubble.sink.id))] = (kind, inside)
    return found


def our_bubbles(graph):
    """The same of ours, by BubbleGun's definitions where docs/graph-definitions.md differs."""
    found = {}
    for bubble in find_superbubbles(graph, max_unitigs=10**9):
        inside = frozenset(graph.name(node >> 1) for node in bubble.inside)
        # Three or more parallel arms: ours is a simple bubble, BubbleGun's has two.
        kind = "super" if bubble.kind == "simple" and len(inside) > 2 else bubble.kind
        ends = frozenset((graph.name(bubble.source >> 1), graph.name(bubble.sink >> 1)))
        found.setdefault(ends, set()).add((kind, inside))
    return found


def for_bubblegun(text, path):
    """Write a GFA as BubbleGun can read it: an overlap of one number on every link."""
    lines = []
    for line in text.splitlines():
        fields = line.split("\t")
        lines.append("\t".join([*fields[:5], "0M"]) if fields[0] == "L" else line)
    path.write_text("\n".join(lines) + "\n")
    return path


def check_against_bubblegun(path, graph):
    theirs, ours = bubblegun_bubbles(path), our_bubbles(graph)
    assert ours.keys() == theirs.keys()
    for ends, found in ours.items():
        # Two bubbles with the same two unitigs at their ends are one to BubbleGun.
        assert theirs[ends] in found
    return theirs


GFAS = {
    "MT.gfa": {"insertion": 2},
    "minigraph_m_xanthus_10_assemblies_pangenome.gfa.gz": {
        "simple": 655,
        "super": 314,
        "insertion": 75,
    },
    "paper_example2.gfa": {"simple": 3, "super": 1},
    "povu/DRB1-3123.gfa": {"simple": 1141, "super": 265, "insertion": 102},
    "povu/LPA.max120.gfa": {"simple": 13, "insertion": 37},
}


@pytest.mark.parametrize("name", GFAS)
def test_bubbles_equal_bubblegun(shared_data, tmp_path, name):
    from dbgclean.graph.textfiles import numbered_lines

    path = shared_data / "graphs" / name
    text = "\n".join(line for _, line in numbered_lines(path))
    theirs = check_against_bubblegun(for_bubblegun(text, tmp_path / "g.gfa"), read_gfa(path))
    assert Counter(kind for kind, _ in theirs.values()) == GFAS[name]
    assert len(theirs) == sum(map(len, our_bubbles(read_gfa(path)).values()))


def test_bubbles_of_synthetic_graphs_equal_bubblegun(shared_data, tmp_path):
    paths = sorted((shared_data / "graphs" / "povu" / "synthetic").glob("*.gfa"))
    assert paths
    for path in paths:
        plain = for_bubblegun(path.read_text(), tmp_path / "g.gfa")
        check_against_bubblegun(plain, read_gfa(path))


def diploid(k=31):
    """Two haplotypes of 40 kb with SNPs, indels and a repeat, and reads' errors on top."""
    rng = np.random.default_rng(11)
    one = rng.choice(list("ACGT"), 40_000)
    one[30_000:30_400] = one[10_000:10_400]
    two = one.copy()
    sites = rng.choice(one.size, 120, replace=False)
    for site in sites[:100]:
        two[site] = rng.choice([base for base in "ACGT" if base != one[site]])
    two = list(two)
    for site in sorted(sites[100:], reverse=True):
        two[site : site + rng.integers(1, 6)] = rng.choice(list("ACGT"), rng.integers(0, 4))
    haplotypes = ["".join(one), "".join(two)]
    errors = []
    for _ in range(400):
        start = rng.integers(0, 39_000)
        read = list(haplotypes[rng.integers(2)][start : start + 150])
        read[rng.integers(len(read))] = rng.choice(list("ACGT"))
        errors.append("".join(read))
    return graph_of(haplotypes + errors, k)


def test_bubbles_of_a_diploid_graph_equal_bubblegun(tmp_path):
    graph = diploid()
    write_gfa(tmp_path / "g.gfa", graph)
    theirs = check_against_bubblegun(tmp_path / "g.gfa", graph)
    assert len(theirs) > 50
    kinds = Counter(kind for kind, _ in theirs.values())
    assert kinds["simple"] > 20
    assert kinds["super"] > 5


@pytest.mark.parametrize("name", SHAPES)
def test_bubbles_of_shapes_equal_bubblegun(tmp_path, name):
    graph = SHAPES[name]().graph()
    write_gfa(tmp_path / "g.gfa", graph)
    check_against_bubblegun(tmp_path / "g.gfa", graph)


def test_bubblegun_takes_a_weak_superbubble(tmp_path):
    """The sink links back to the source: a cycle, so no superbubble by Onodera's definition."""
    links = ["sa", "sb", "at", "bt", "ts", "tx"]
    lines = [f"S\t{name}\tACGTACGT" for name in "sabtx"]
    lines += [f"L\t{a}\t+\t{b}\t+\t3M" for a, b in links]
    path = tmp_path / "g.gfa"
    path.write_text("\n".join(lines) + "\n")
    assert bubblegun_bubbles(path).keys() == {frozenset("st")}
    assert our_bubbles(read_gfa(path)) == {}


def test_bubbles_of_a_plasmid_graph_equal_bubblegun(tmp_path):
    """Circular, so that two bubbles have the same two ends: BubbleGun keeps one of them."""
    graph = SHAPES["ring_of_bubbles"]().graph()
    write_gfa(tmp_path / "g.gfa", graph)
    theirs = check_against_bubblegun(tmp_path / "g.gfa", graph)
    assert (len(theirs), sum(map(len, our_bubbles(graph).values()))) == (1, 2)
