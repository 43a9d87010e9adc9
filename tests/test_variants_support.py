"""Counts over places: depth by fragment, repeats, and reads that leave the reference."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_windows import random_reference, simulate, whole

from dbgclean.spectrum.kmers import encode
from dbgclean.variants.aligned_window import align_window
from dbgclean.variants.placement import OFF, Placement, first_foreign, trim_poor_ends
from dbgclean.variants.support import fragment_depth, repeat_runs


def longest_repeat(text, place):
    """Longest run of two or more copies of up to six bases over a place, by hand."""
    best = 1
    for unit in range(1, 7):
        for start in range(place + 1):
            end = start + unit
            while end < len(text) and text[end] == text[end - unit]:
                end += 1
            if end > place and end - start >= 2 * unit:
                best = max(best, end - start)
    return best


@given(st.text("ACG", min_size=1, max_size=30))
def test_runs_are_those_of_a_search(text):
    assert repeat_runs(encode(text)).tolist() == [longest_repeat(text, i) for i in range(len(text))]


spans = st.tuples(st.integers(-1, 18), st.integers(0, 12))


@given(st.lists(st.tuples(spans, spans), max_size=6), st.lists(spans, max_size=4))
def test_overlapping_mates_are_one_fragment(pairs, lone):
    reads = [read for pair in pairs for read in pair] + lone
    first = np.array([a for a, _ in reads], np.int64)
    last = np.array([-1 if a < 0 else a + n for a, n in reads], np.int64)
    found = fragment_depth((first, last, np.zeros(len(reads), np.int64)), len(pairs), 40)
    expected = np.zeros(40, np.int64)
    molecules = [list(pair) for pair in pairs] + [[read] for read in lone]
    for molecule in molecules:
        covered = {p for a, n in molecule if a >= 0 for p in range(a, a + n + 1)}
        expected[sorted(covered)] += 1
    assert found.tolist() == expected.tolist()


def test_reads_lie_where_they_come_from():
    reference = random_reference(1200, 11)
    reads, _, spans = simulate(reference, [], (1.0,), depth=20, error=0.01)
    window = align_window(reads, reference, whole(reference))
    first, last, _ = window.spans
    assert (window.placement.turned == reads.reverse).all()
    placed = (first == spans[:, 0]) & (last == spans[:, 1] - 1)
    assert placed.mean() > 0.98
    assert window.coverage.sum() == np.count_nonzero(window.placement.where >= 0)


def test_a_cluster_of_good_differences_is_foreign_and_bad_ends_are_let_go():
    reference = encode(random_reference(120, 3))
    codes, where = reference.copy(), np.arange(120, dtype=np.int32)
    quals = np.full(120, 35, np.uint8)
    placed = Placement(
        codes, quals, np.array([0, 120]), np.zeros(120, np.int32), np.zeros(1, bool), where,
        np.zeros(120, bool), np.zeros(1, bool),
    )  # fmt: skip
    codes[60:75:3] = (codes[60:75:3] + 1) % 4
    assert first_foreign(placed, reference, 0, 120, 1, True) == 60
    assert first_foreign(placed, reference, 0, 120, 1, False) == 120
    assert first_foreign(placed, reference, 119, -1, -1, True) == 72
    window = align_window(*_one_read(reference, 5))
    assert (window.placement.where[:60] >= 0).all()
    assert (window.placement.where[100:] == OFF).all()


def _one_read(reference, quality):
    """A pair of which the first read has a bad end."""
    text = "".join("ACGT"[c] for c in reference)
    reads, _, _ = simulate(text, [], (1.0,), depth=2, length=120, error=0, insert=120)
    batch = reads.batch
    codes, quals = batch.codes, batch.quals
    end = slice(80, 120) if not reads.reverse[0] else slice(0, 40)
    codes[end] = (codes[end] + 1) % 4
    quals[end] = quality
    first = reads.select(np.arange(len(reads)) == 0)
    return first, text, whole(text)


def test_trimming_takes_nothing_from_good_reads():
    reference = random_reference(800, 4)
    reads, _, _ = simulate(reference, [], (1.0,), depth=10, error=0.001)
    window = align_window(reads, reference, whole(reference))
    before = window.placement.where.copy()
    trim_poor_ends(window.placement, window.reference)
    np.testing.assert_array_equal(before, window.placement.where)
