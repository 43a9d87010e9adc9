"""The picture of two graphs: which part, which positions, and what of each is drawn."""

import json
import re
from collections import defaultdict

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_example import example
from report_example import picture as example_picture

from dbgclean.__main__ import main
from dbgclean.graph.compaction import compact, compact_rows
from dbgclean.graph.layout import WIDTH, polylines
from dbgclean.graph.neighbourhood import before, frame, joints, kmers_of, whole_pieces
from dbgclean.pipeline.picture import Graphs, picture, write_bandage
from dbgclean.report.graph_picture import check_picture, draw_graphs
from dbgclean.spectrum.kmers import decode, encode
from dbgclean.spectrum.whole import count_codes

K = 21


def table(sequences, k=K):
    codes = [encode(text) for text in sequences]
    offsets = np.cumsum([0, *map(len, codes)]).astype(np.int64)
    return count_codes(np.concatenate(codes), offsets, None, k)


def random_text(n, seed=1):
    return decode(np.random.default_rng(seed).integers(0, 4, n, dtype=np.uint8))


def changed(text, at):
    return text[:at] + {"A": "C", "C": "G", "G": "T", "T": "A"}[text[at]] + text[at + 1 :]


def graphs(clean, errors):
    """What `picture` takes, of the sequences that stand, and those that went."""
    kept, raw = table(clean), table([*clean, *errors])
    graph, unitig_of = compact_rows(raw.keys, raw.counts, K)
    after = compact(kept.keys, kept.counts, K)
    return Graphs(graph, after, raw.keys, unitig_of, kept.keys, None, None)


def turned(text):
    return text.translate(str.maketrans("ACGT", "TGCA"))[::-1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("AT", min_size=11, max_size=60), min_size=1, max_size=6))
def test_ends_that_are_linked_share_a_joint_and_no_others_do(sequences):
    counted = table(sequences, 11)
    graph = compact(counted.keys, counted.counts, 11)
    found = joints(graph, np.arange(len(graph)))
    ends = defaultdict(list)
    for unitig in range(len(graph)):
        text = graph.sequence(unitig)
        for side, piece in ((0, text[:10]), (1, text[-10:])):
            sides = {(piece, side), (turned(piece), 1 - side)}
            ends[min(piece, turned(piece))].append((found[unitig, side], sides))
    for piece, here in ends.items():
        sides = {side for _, some in here for text, side in some if text == piece}
        assert len({joint for joint, _ in here}) == (1 if len(sides) == 2 else len(here))


def test_kmers_of_pieces_are_those_of_the_unitigs():
    counted = table([random_text(300), changed(random_text(300), 150)])
    graph = compact(counted.keys, counted.counts, K)
    found = kmers_of(graph, whole_pieces(graph, np.arange(len(graph))))
    assert np.array_equal(np.sort(found.key), counted.keys)


def test_a_ring_is_round_and_a_chain_is_hardly_bent():
    (ring,) = polylines(np.array([4000]), np.array([[0, 0]]))
    radius = np.sqrt(((ring - (ring.min(axis=0) + ring.max(axis=0)) / 2) ** 2).sum(axis=1))
    assert radius.std() < 0.02 * radius.mean()
    chain = np.concatenate(polylines(np.array([500, 300, 900]), np.array([[0, 1], [1, 2], [2, 3]])))
    width, high = chain.max(axis=0) - chain.min(axis=0)
    assert width == pytest.approx(WIDTH)
    assert high < 0.25 * width


def test_parallel_arms_are_apart_and_joined_unitigs_touch():
    lines = polylines(np.array([400, 21, 21, 400]), np.array([[0, 1], [1, 2], [1, 2], [2, 3]]))
    assert np.allclose(lines[0][-1], lines[1][0])
    assert np.allclose(lines[1][-1], lines[2][-1])
    middle = [line[len(line) // 2] for line in lines[1:3]]
    assert np.abs(middle[0] - middle[1]).max() > 3


def test_what_stands_is_at_the_same_place_in_both():
    text = random_text(900)
    clean = [text, changed(text, 300)]
    errors = [changed(text, 600)[560:640], changed(text, 700)[660:705]]
    found = picture(graphs(clean, errors))
    check_picture(found)
    kinds = [row[3] for row in found["before"]]
    assert found["whole"]
    assert found["removed"] == kinds.count("removed") == 2
    assert [row[3] for row in found["after"]].count("kept") == 2  # the bubble's arms
    assert kinds.count("kept") == 2
    assert "removed" not in [row[3] for row in found["after"]]

    def corners(rows):
        numbers = [float(n) for row in rows for n in re.findall(r"-?[\d.]+", row[5])]
        return np.array(numbers).reshape(-1, 2)

    after = corners(found["after"])
    stand = corners([row for row in found["before"] if row[3] != "removed"])
    for x, y in after:  # every corner of the result is on what stood before
        assert np.abs(stand - [x, y]).max(axis=1).min() < 12
    assert (corners(found["before"]) >= -30).all()
    assert set(draw_graphs({"picture": found})) == {"graph_before", "graph_after"}


def test_a_large_graph_is_shown_around_its_most_tangled_place():
    clean = []
    for seed in range(60):
        text = random_text(400, seed)
        clean += [text, changed(text, 200)]
    tangle = random_text(30, 1000)
    hub = [random_text(200, 100 + i) + tangle + random_text(200, 200 + i) for i in range(4)]
    both = graphs([*clean, *hub], [changed(hub[0], 150)[100:200]])
    shown = frame(both.clean, both.raw, both.keys, both.unitig_of)
    assert not shown.whole
    assert len(shown.pieces) <= 60
    graph = nx.Graph(shown.joints.tolist())
    assert nx.is_connected(graph)
    centre = [both.clean.sequence(unitig) for unitig in shown.pieces[:, 0].tolist()]
    assert any(tangle in text or tangle in turned(text) for text in centre)
    index = both.keys, both.unitig_of
    old = before(shown, both.clean, both.raw, both.kept, index, 100)
    assert old.removed in (1, 2)
    found = picture(both)
    check_picture(found)
    assert found == picture(both)


def test_a_sample_without_alternatives_is_drawn(tmp_path):
    text = random_text(60)
    (tmp_path / "two.fa").write_text(f">a\n{text}\n>b\n{text}\n")
    assert main(["run", str(tmp_path / "two.fa"), "-o", str(tmp_path / "out"), "-q"]) == 0
    found = json.loads((tmp_path / "out" / "report.json").read_text())["picture"]
    assert [row[3] for row in found["before"]] == ["plain"]
    assert "nothing that was removed" in (tmp_path / "out" / "report.html").read_text()


def test_what_stands_may_be_a_small_part_of_a_unitig_before():
    text = random_text(300)
    found = picture(graphs([text[100:150]], [text]))
    check_picture(found)
    assert found["standing"] == 0
    assert [row[3] for row in found["after"]] == ["plain"]


def test_nothing_left_is_no_picture():
    none = table(["A" * 5])
    empty = compact(none.keys, none.counts, K)
    raw = table([random_text(50)])
    graph, unitig_of = compact_rows(raw.keys, raw.counts, K)
    assert picture(Graphs(graph, empty, raw.keys, unitig_of, none.keys, None, None)) is None


def test_every_unitig_has_a_row_for_bandage(tmp_path):
    text = random_text(900)
    both = graphs([text, changed(text, 300)], [changed(text, 600)[560:640]])
    write_bandage(both, tmp_path / "raw.csv", tmp_path / "clean.csv")
    for name, graph in (("raw", both.raw), ("clean", both.clean)):
        head, *rows = (tmp_path / f"{name}.csv").read_text().splitlines()
        assert head == "Name,Depth,Colour,Verdict"
        assert [row.split(",")[0] for row in rows] == [graph.name(u) for u in range(len(graph))]
    kinds = [row.split(",")[3] for row in (tmp_path / "raw.csv").read_text().splitlines()[1:]]
    assert kinds.count("removed") == 1


_AFTER = ("picture", "after")
_HOSTILE = "\"'><script>alert(1)</script>"


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ((*_AFTER, 0, 0), _HOSTILE, None),
        ((*_AFTER, 0, 1), _HOSTILE, "picture has the row"),
        ((*_AFTER, 0, 2), float("inf"), None),
        ((*_AFTER, 0, 4), 10**9, "picture has the row"),
        (("picture", "alternatives", 0, "quality"), _HOSTILE, "is not what dbgclean writes"),
        (("picture", "alternatives", 0, "kmer"), _HOSTILE, None),
        (("picture", "box", 0), _HOSTILE, "is not what dbgclean writes"),
        (("verdict", "depth_classes"), "12", "is not what dbgclean writes"),
        (("verdict", "reasons"), [_HOSTILE], None),
        (("abundance",), [1], "no attribute"),
        (("spectrum", "fit"), [1], "no attribute"),
        (("version",), "\ud800", "is not what dbgclean writes"),
    ],
)
def test_damaged_and_hostile_reports(tmp_path, capsys, place, value, words):
    """What is shown is escaped; what cannot be shown is one line, and no page."""
    report = example(picture=example_picture())
    *way, last = place
    part = report
    for step in way:
        part = part[step]
    part[last] = value
    (tmp_path / "report.json").write_text(json.dumps(report))
    code, said = main(["report", str(tmp_path)]), capsys.readouterr().err
    if words:
        assert (code, said.count("\n")) == (1, 1)
        assert words in said
        assert not (tmp_path / "report.html").exists()
    else:
        assert code == 0
        assert "<script" not in (tmp_path / "report.html").read_text()


def test_json_too_deep_to_read(tmp_path, capsys):
    (tmp_path / "report.json").write_text("[" * 100_000)
    assert main(["report", str(tmp_path)]) == 1
    assert "not JSON" in capsys.readouterr().err
