"""The benchmark of low-frequency indels: its second haplotype and its score."""

import numpy as np

from benchmarks.simulators import simulate
from benchmarks.variants import indels
from dbgclean.spectrum.whole import count_codes


def counted(*sequences):
    offsets = np.cumsum([0, *map(len, sequences)]).astype(np.int64)
    return count_codes(np.concatenate(sequences), offsets, None, indels.K)


def test_each_indel_is_found_and_scored():
    genome = simulate.random_genome(8000, seed=2)
    other = indels.second_haplotype(genome, 2)
    runs = indels.own_kmers(other, genome)
    places = range(indels.SPACING, len(genome) - indels.SPACING, indels.SPACING)
    assert len(runs) == len(places)
    assert abs(len(other) - len(genome)) <= indels.LONGEST * len(places)
    assert all(20 <= len(kmers) <= indels.K + indels.LONGEST for kmers in runs)
    both = counted(genome, other, other)
    assert indels.kept(runs, both, both) == len(runs)
    assert indels.kept(runs, both, counted(genome)) == 0
    # What the raw reads show once only does not count.
    assert indels.kept(runs, counted(genome, other), both) == 0
