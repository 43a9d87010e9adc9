"""Phase against all haplotypes tried out, on small sets of fragments."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_alleles import alleles, reads_of

from dbgclean.variants.phase import copies_shown, link_alleles, phase_alleles


def phase(n, seen, chosen=None, exclusive=None, contig=None):
    contig = np.zeros(n, np.int32) if contig is None else np.array(contig)
    position = np.arange(n) * 50 + 99
    chosen = np.ones(n, bool) if chosen is None else np.array(chosen)
    return phase_alleles(contig, position, reads_of(alleles(*[{}] * n), seen), chosen, exclusive)


def cost(copies, seen):
    """Minimum error correction: bases to change so that fragments fit the two copies."""
    total = 0
    for _, shown in seen:
        wrong = sum(copies[allele] != shows for allele, shows in shown.items())
        total += min(wrong, len(shown) - wrong)
    return total


@st.composite
def clean_fragments(draw):
    """Fragments without errors over up to six alleles, each over a stretch of two or three."""
    n = draw(st.integers(2, 6))
    copies = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    seen = []
    for number in range(draw(st.integers(0, 25))):
        first = draw(st.integers(0, n - 2))
        over = range(first, min(n, first + draw(st.integers(2, 3))))
        turned = draw(st.booleans())
        seen.append((number, {allele: copies[allele] != turned for allele in over}))
    return n, copies, seen


@given(clean_fragments())
def test_blocks_have_the_least_cost_of_all_haplotypes(drawn):
    n, copies, seen = drawn
    found = phase(n, seen)
    for block in set(found.phase_set) - {0}:
        members = np.flatnonzero(found.phase_set == block)
        assert block == members[0] * 50 + 100
        assert found.copy[members[0]] == 1
        within = [
            (f, {int(np.searchsorted(members, a)): s for a, s in shown.items() if a in members})
            for f, shown in seen
        ]
        best = min(cost(trial, within) for trial in product((False, True), repeat=len(members)))
        assert cost([bool(c) for c in found.copy[members]], within) == best
    assert np.array_equal(found.copy >= 0, found.phase_set > 0)


@given(clean_fragments())
def test_links_are_counted_as_by_hand(drawn):
    n, _, seen = drawn
    links = link_alleles(reads_of(alleles(*[{}] * n), seen), np.ones(n, bool))
    counted = {}
    for _, shown in seen:
        for a, b in product(shown, shown):
            if a < b:
                counted.setdefault((a, b), [0, 0])[shown[a] != shown[b]] += 1
    found = zip(links.first, links.second, links.cis, links.trans, strict=True)
    assert {(a, b): [c, t] for a, b, c, t in found} == counted


def test_two_fragments_phase_and_one_does_not():
    together = {0: True, 1: True}
    assert phase(2, [(0, together)]).phase_set.tolist() == [0, 0]
    found = phase(2, [(0, together), (1, {0: False, 1: False})])
    assert found.phase_set.tolist() == [100, 100]
    assert found.copy.tolist() == [1, 1]


def test_trans_alleles_are_on_different_copies():
    seen = [(i, {0: i % 2 == 0, 1: i % 2 == 1}) for i in range(6)]
    assert phase(2, seen).copy.tolist() == [1, 0]


def test_three_haplotypes_are_no_phase():
    seen = [(i, {0: True, 1: i % 2 == 0}) for i in range(20)]
    assert phase(2, seen).phase_set.tolist() == [0, 0]


def test_a_few_chimeras_do_not_undo_phase():
    seen = [(i, {0: True, 1: True}) for i in range(18)] + [(18, {0: True, 1: False})]
    assert phase(2, seen).copy.tolist() == [1, 1]


def test_blocks_are_joined_over_an_allele_between_them():
    seen = [(i, {0: True, 1: False}) for i in range(3)]
    seen += [(i, {1: True, 2: True}) for i in range(3, 6)]
    found = phase(3, seen)
    assert found.phase_set.tolist() == [100] * 3
    assert found.copy.tolist() == [1, 0, 0]


def test_what_is_not_chosen_is_not_phased():
    seen = [(i, {0: True, 1: True, 2: True}) for i in range(5)]
    found = phase(3, seen, chosen=[True, False, True])
    assert found.phase_set.tolist() == [100, 0, 100]
    assert found.copy.tolist() == [1, -1, 1]


def test_contigs_are_not_joined():
    seen = [(i, {0: True, 1: True}) for i in range(5)]
    assert phase(2, seen, contig=[0, 1]).phase_set.tolist() == [0, 0]


def test_alleles_that_exclude_each_other_are_on_different_copies():
    found = phase(2, [], exclusive=np.array([[0, 1]]))
    assert found.phase_set.tolist() == [100, 100]
    assert found.copy.tolist() == [1, 0]


@given(clean_fragments(), st.randoms())
def test_the_order_and_numbers_of_fragments_do_not_matter(drawn, random):
    n, _, seen = drawn
    numbers = list(range(1000, 1000 + len(seen)))
    random.shuffle(numbers)
    renamed = [(number, shown) for number, (_, shown) in zip(numbers, seen, strict=True)]
    before, after = phase(n, seen), phase(n, renamed)
    assert np.array_equal(before.phase_set, after.phase_set)
    assert np.array_equal(before.copy, after.copy)


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_phase(n):
    assert phase(n, []).phase_set.tolist() == [0] * n


@given(clean_fragments(), st.data())
def test_fragments_by_copy_are_counted_as_by_hand(drawn, data):
    n, _, seen = drawn
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    found = phase(n, seen, chosen=chosen)
    shown = copies_shown(reads_of(alleles(*[{}] * n), seen), chosen, found)
    for row in range(n):
        blocks = {}
        for _, shows in seen:
            votes = {}
            for other in shows:
                if row in shows and other != row and chosen[other]:
                    side = shows[other] == (found.copy[other] != 0)
                    block = found.block[other]
                    votes[block] = votes.get(block, 0) + (1 if side else -1)
            for block, vote in votes.items():
                cells = blocks.setdefault(block, np.zeros((2, 2), int))
                cells[int(vote > 0), int(shows[row])] += vote != 0
        expected = max(
            (blocks[block] for block in sorted(blocks)),
            key=lambda cells: cells.sum(),
            default=np.zeros((2, 2), int),
        )
        assert np.array_equal(shown[row], expected)


def test_an_error_stands_on_both_copies_and_a_rare_allele_on_one():
    het = [(i, {0: i % 2 == 0}) for i in range(20)]
    error = [(i, shown | {1: i < 4, 2: i in (0, 2, 4, 6)}) for i, shown in het]
    shown = copies_shown(
        reads_of(alleles(*[{}] * 3), error),
        np.array([True, False, False]),
        phase(3, error, chosen=[True, False, False]),
    )
    assert shown[1].tolist() == [[8, 2], [8, 2]]
    assert shown[2].tolist() == [[10, 0], [6, 4]]
