"""Drawn shapes: what is in the picture is found, on either strand."""

import graph_shapes
import pytest
from graph_shapes import SHAPES, normal_form, turned

from dbgclean.graph.ambiguity import ambiguity
from dbgclean.graph.topology import chains


@pytest.fixture(params=SHAPES)
def shape(request):
    return SHAPES[request.param]()


def test_structure(shape):
    report = ambiguity(shape.graph()).to_dict()
    for name in (
        "unitigs",
        "junctions",
        "tips",
        "simple_bubbles",
        "superbubbles",
        "components",
        "eulerian_deficit",
    ):
        assert report[name] == getattr(shape, name), name


def test_links(shape):
    if shape.links is not None:
        assert len(shape.graph().links()) == shape.links


def test_chains(shape):
    found = [(chain.name, len(chain.bubbles)) for chain in chains(shape.graph())]
    assert found == shape.chains


def test_other_strand_gives_the_same_graph(shape):
    other = graph_shapes.graph_of([turned(text) for text in shape.sequences])
    assert normal_form(other) == normal_form(shape.graph())
    assert other.codes.tobytes() == shape.graph().codes.tobytes()
    assert other.link_targets.tobytes() == shape.graph().link_targets.tobytes()


def test_nested_chain_names_its_parent():
    outer, inner = chains(SHAPES["nested_superbubble"]().graph())
    assert (outer.parent, inner.parent) == (None, "1.1")
    assert [bubble.kind for bubble in outer.bubbles + inner.bubbles] == ["super", "simple"]


def test_chain_runs_in_one_direction():
    (chain,) = chains(SHAPES["bubble_chain"]().graph())
    first, second = chain.bubbles
    assert first.sink == second.source


def test_hairpin_is_its_own_mirror():
    graph = SHAPES["hairpin"]().graph()
    ((source, target),) = graph.links().tolist()
    assert target == source ^ 1
    assert graph.link_targets.size == 1
