"""Arms and dead ends of the reads' graph."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dbgclean.spectrum.kmers import encode
from dbgclean.spectrum.whole import count_codes
from dbgclean.variants.local_graph import find_arms, least_abundance
from dbgclean.variants.path_graph import build_path_graph


def arms_of(reference, others, copies=3):
    """Arms where every sequence of ``others`` was read a few times."""
    path = build_path_graph(reference)
    codes = np.concatenate([encode(text) for text in [reference, *others] for _ in range(copies)])
    lengths = np.repeat([len(text) for text in [reference, *others]], copies)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    table = count_codes(codes, offsets, None, path.k)
    least = least_abundance(np.full(len(reference), copies))
    return path, find_arms(path, table, least)


def random_text(rng, size):
    return "".join("ACGT"[i] for i in rng.integers(0, 4, size))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 30), st.integers(0, 30))
def test_every_replacement_is_an_arm(seed, gone, more):
    rng = np.random.default_rng(seed)
    reference = random_text(rng, 300)
    other = reference[:150] + random_text(rng, more) + reference[150 + gone :]
    path, (arms, _) = arms_of(reference, [other])
    if other == reference:
        assert arms == []
        return
    spelled = {
        reference[: arm.start] + "".join("ACGT"[c] for c in arm.bases) + reference[arm.end :]
        for arm in arms
        if arm.end > arm.start
    }
    assert other in spelled or any(arm.end <= arm.start for arm in arms)


def test_a_branch_without_return_is_a_dead_end():
    rng = np.random.default_rng(2)
    reference, other = random_text(rng, 300), random_text(rng, 100)
    _, (arms, ends) = arms_of(reference, [reference[:150] + other])
    assert arms == []
    assert len(ends) == 1
    # The first bases may be those of the reference by chance.
    assert 150 <= ends[0].start < 156
    assert other.endswith("".join("ACGT"[c] for c in ends[0].bases))


def test_what_was_seen_once_is_no_arm():
    rng = np.random.default_rng(5)
    reference = random_text(rng, 300)
    other = reference[:150] + "ACGTTGCA" + reference[150:]
    _, (arms, ends) = arms_of(reference, [other], copies=1)
    assert arms == []
    assert ends == []


def test_deep_places_ask_for_more():
    assert least_abundance(np.array([0, 50, 600, 9000])).tolist() == [2, 2, 2, 27]


def test_the_path_has_room_for_a_longer_repeat():
    rng = np.random.default_rng(6)
    plain = random_text(rng, 400)
    assert build_path_graph(plain).k == 25
    repeat = plain[:200] + "GT" * 12 + plain[200:]
    assert build_path_graph(repeat).k > 25
    assert not len(build_path_graph("ACGT").kmers)
