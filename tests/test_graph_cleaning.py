"""The classical cleaner: what it clips and pops, what it must leave."""

import numpy as np
from graph_shapes import SHAPES, Bases, graph_of, table_of, turned
from hypothesis import given
from hypothesis import strategies as st

from dbgclean.graph.ambiguity import ambiguity
from dbgclean.graph.cleaning import ClassicalSettings, classical_clean
from dbgclean.graph.compaction import compact

K = 11


def cleaned(weighted, settings=None):
    """Graph after cleaning sequences given with their depth."""
    keys, counts = table_of([text for text, depth in weighted for _ in range(depth)], K)
    kept = classical_clean(keys, counts, K, settings=settings)
    return compact(keys[kept], counts[kept], K)


def spells(graph, sequence):
    """True where the graph is this one path."""
    return len(graph) == 1 and graph.sequence(0) in (sequence, turned(sequence))


def test_weak_tip_is_clipped():
    main, tip = SHAPES["right_tip"]().sequences
    assert spells(cleaned([(main, 9), (tip[15:], 1)]), main)


def test_tip_as_deep_as_its_neighbour_goes_and_a_deeper_one_stays():
    main, tip = SHAPES["right_tip"]().sequences
    assert len(cleaned([(main, 3), (tip[15:], 3)])) == 1
    assert len(cleaned([(main, 3), (tip[15:], 30)])) > 1


def test_long_branch_stays():
    long_branch = SHAPES["fork"]().sequences
    assert len(cleaned([(long_branch[0], 9), (long_branch[1], 1)])) == 3


def test_weaker_arm_is_popped():
    one, two = SHAPES["snp_bubble"]().sequences
    assert spells(cleaned([(one, 9), (two, 2)]), one)
    assert spells(cleaned([(one, 2), (two, 9)]), two)


def test_arms_of_very_different_length_stay():
    one, two = SHAPES["insertion_bubble"]().sequences
    assert len(cleaned([(one, 9), (two, 1)])) == 4


def test_overlapping_errors_are_popped():
    """Two errors within k bases: no arm is parallel to a single unitig."""
    new = Bases()
    genome = new.fresh(80)
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    first = genome[:35] + other[genome[35]] + genome[36:]
    second = genome[:40] + other[genome[40]] + genome[41:]
    before = graph_of([genome, first, second], K)
    assert ambiguity(before).junctions == 4
    assert spells(cleaned([(genome, 9), (first, 1), (second, 1)]), genome)


def test_isolated_error_goes_and_short_deep_plasmid_stays():
    main, speck = Bases().fresh(60), Bases(seed=7).fresh(18)
    assert spells(cleaned([(main, 9), (speck, 2)]), main)
    assert len(cleaned([(main, 9), (speck, 3)])) == 2


def test_of_two_tips_one_stays():
    """A path keeps an end."""
    new = Bases().fresh
    stem, one, two = new(40), new(8 + K, first="A")[:8], new(8 + K, first="C")[:8]
    assert spells(cleaned([(stem + one, 3), (stem + two, 2)]), stem + one)


def test_settings():
    one, two = SHAPES["snp_bubble"]().sequences
    never = ClassicalSettings(rounds=0)
    assert len(cleaned([(one, 9), (two, 2)], never)) == 4


def test_nothing_to_clean():
    kept = classical_clean(np.empty(0, np.uint64), np.empty(0, np.uint32), K)
    assert kept.size == 0


@given(st.lists(st.text("ACGT", min_size=5, max_size=40), max_size=6), st.sampled_from([3, 5]))
def test_cleaning_is_repeatable_and_never_adds(sequences, k):
    keys, counts = table_of(sequences, k)
    kept = classical_clean(keys, counts, k)
    assert kept.shape == keys.shape
    assert kept.dtype == np.bool_
    assert np.array_equal(kept, classical_clean(keys, counts, k, threads=2))


def test_reads_of_a_genome_become_few_unitigs():
    """What stays are tips of 2k bases and more: two errors near the end of a read."""
    rng = np.random.default_rng(3)
    genome = "".join(rng.choice(list("ACGT"), 5000))
    reads = []
    for start in rng.integers(0, 4900, 1000):
        read = list(genome[start : start + 100])
        for place in np.flatnonzero(rng.random(100) < 0.005):
            read[place] = rng.choice(list("ACGT"))
        reads.append("".join(read))
    keys, counts = table_of(reads, 21)
    kept = classical_clean(keys, counts, 21)
    raw, clean = compact(keys, counts, 21), compact(keys[kept], counts[kept], 21)
    assert len(raw) > 500
    assert len(clean) <= 20
    assert ambiguity(clean).kmers < 5200 < ambiguity(raw).kmers
