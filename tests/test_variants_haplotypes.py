"""Alleles named in one way, aligned as dynamic programming would, spelled into clusters."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dbgclean.variants.haplotypes import (
    Allele,
    build_clusters,
    candidate_of,
    normalise,
    primitive_alleles,
)
from dbgclean.variants.placement import INSERTED

codes = st.lists(st.integers(0, 3), max_size=12).map(lambda x: np.array(x, np.uint8))


def applied(reference, alleles):
    text, at = [], 0
    for allele in alleles:
        text += [*reference[at : allele.start], *allele.alt]
        at = allele.end
    return [*text, *reference[at:]]


@st.composite
def replacements(draw):
    """A reference of few letters, so that it repeats itself, and a stretch to replace."""
    reference = np.array(draw(st.lists(st.integers(0, 1), min_size=4, max_size=24)), np.uint8)
    start = draw(st.integers(1, len(reference) - 1))
    end = draw(st.integers(start, len(reference) - 1))
    return reference, start, end, draw(codes.map(lambda x: x % 2))


@given(replacements())
def test_a_normalised_allele_means_the_same(case):
    reference, start, end, alt = case
    expected = [*reference[:start], *alt, *reference[end:]]
    allele = normalise(reference, start, end, alt)
    if allele is None:
        assert expected == list(reference)
        return
    assert applied(reference, [allele]) == expected


@given(replacements())
def test_equal_gaps_have_one_name(case):
    reference, start, end, alt = case
    allele = normalise(reference, start, end, alt)
    if allele is None or (allele.alt and allele.end > allele.start):
        return
    result = applied(reference, [allele])
    gone, more = allele.end - allele.start, len(allele.alt)
    for place in range(1, len(reference) - gone + 1):
        for_insert = np.array(result[place : place + more], np.uint8)
        other = normalise(reference, place, place + gone, for_insert)
        if other is not None and applied(reference, [other]) == result:
            assert other == allele


@given(replacements())
def test_primitive_alleles_spell_the_same_and_do_not_touch(case):
    reference, start, end, alt = case
    expected = [*reference[:start], *alt, *reference[end:]]
    alleles = primitive_alleles(reference, start, end, alt)
    assert applied(reference, alleles) == expected
    assert all(a.end <= b.start for a, b in zip(alleles, alleles[1:], strict=False))


def encoded(text):
    return np.array(["ACGT".index(c) for c in text], np.uint8)


def test_neighbouring_substitutions_stay_single_bases():
    reference = encoded("TTTTACGTACCTTTT")
    found = primitive_alleles(reference, 4, 11, encoded("GCGTTCC"))
    assert found == (Allele(4, 5, b"\x02"), Allele(8, 9, b"\x03"))


def test_two_gaps_are_likelier_than_a_gap_and_two_mismatches():
    # As in a known place of a human genome: G>GCA and GT>G two bases on.
    reference = encoded("ATTCGGTAAC")
    alt = encoded("ATTCGCAGAAC")
    found = primitive_alleles(reference, 0, len(reference), alt)
    assert [(a.start, a.end, a.alt) for a in found] == [(5, 5, b"\x01\x00"), (6, 7, b"")]


def test_candidates_close_together_share_a_cluster_and_are_combined():
    rng = np.random.default_rng(4)
    reference = rng.integers(0, 4, 300).astype(np.uint8)
    near = [Allele(100, 102, b""), Allele(108, 108, bytes([3 - reference[107]]))]
    far = Allele(200, 203, b"")
    candidates = [candidate_of(reference, (a,), 5) for a in [*near, far]]
    clusters = build_clusters(reference, [c for c in candidates if c is not None])
    assert len(clusters) == 2
    assert clusters.alleles[0] == ()
    assert tuple(near) in clusters.alleles
    for row, alleles in enumerate(clusters.alleles):
        c = int(np.searchsorted(clusters.texts.first, row, side="right")) - 1
        start, end = clusters.texts.start[c], clusters.texts.end[c]
        part = slice(clusters.texts.text_first[row], clusters.texts.text_first[row + 1])
        whole = applied(reference, alleles)
        grown = len(whole) - len(reference)
        assert list(clusters.texts.text[part]) == whole[start : end + grown]
        where = clusters.texts.where[part]
        placed = where[where != INSERTED]
        assert (np.diff(placed) > 0).all()
        assert placed[0] == start
        assert placed[-1] == end - 1
