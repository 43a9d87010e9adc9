"""What is chosen from the spectrum: k, cutoffs, and how deep needs no share."""

from types import SimpleNamespace

import numpy as np
import pytest

from dbgclean.evidence.cutoffs import (
    choose_correction_k,
    choose_cutoffs,
    enough_depth,
    first_correction_k,
    median_depth,
)


def spectrum(peak, size=4_600_000, k=31, error_rate=0.004, curve=(), half_peak=None):
    return SimpleNamespace(
        fitted=True, k=k, peak=peak, genome_size=size, error_rate=error_rate, curve=curve,
        half_peak=half_peak,
    )  # fmt: skip


def unfitted(histogram, k=31):
    return SimpleNamespace(
        fitted=False, k=k, peak=0.0, genome_size=0, error_rate=0.0, histogram=np.array(histogram)
    )


@pytest.mark.parametrize(
    ("peak", "size", "k", "chosen"),
    [
        (40, 4_600_000, 31, 25),
        (3, 4_600_000, 31, 19),
        (3, 5_000, 31, 15),  # a phage
        (3, 100, 31, 15),  # never shorter
        (3, 3_000_000_000, 31, 23),  # a human genome
        (3, 4_600_000, 17, 17),  # never longer than the graph's
        (40, 4_600_000, 21, 21),
    ],
)
def test_correction_k(peak, size, k, chosen):
    assert choose_correction_k(spectrum(peak, size), 100.0, k) == chosen


@pytest.mark.parametrize(
    ("peak", "size", "length", "k", "chosen"),
    [
        (20.5, 2_000_000, 124.0, 31, 31),
        (19.5, 2_000_000, 124.0, 31, 25),  # too shallow
        (40, 1_900_000, 150.0, 31, 25),  # too small for repeats to matter
        (40, 4_600_000, 123.0, 31, 25),  # too many reads without a clean 31-mer
        (40, 4_600_000, 150.0, 29, 25),  # never longer than the graph's
        (40, 3_000_000_000, 150.0, 31, 31),
    ],
)
def test_correction_k_of_large_deep_genomes_is_long(peak, size, length, k, chosen):
    assert choose_correction_k(spectrum(peak, size), length, k) == chosen


@pytest.mark.parametrize(("half_peak", "chosen"), [(19.5, 25), (20.5, 31)])
def test_correction_k_of_a_diploid_goes_by_its_haplotypes(half_peak, chosen):
    assert choose_correction_k(spectrum(41, half_peak=half_peak), 150.0, 31) == chosen


@pytest.mark.parametrize(
    ("bases", "longest", "k", "first"),
    [
        (4e7, 124, 31, 31),
        (3.9e7, 150, 31, 25),
        (5e8, 150, 31, 25),
        (4e8, 123, 31, 25),
        (4e8, 0, 31, 25),  # a BAM, whose reads may be shorter than 31
        (4e8, 150, 21, 21),
    ],
)
def test_what_is_counted_first_goes_by_what_the_files_tell(bases, longest, k, first):
    assert first_correction_k(bases, longest, k) == first


def test_correction_k_is_always_odd_and_never_above_k():
    for size in np.geomspace(1, 1e11, 60).astype(int):
        for k in range(11, 32, 2):
            chosen = choose_correction_k(spectrum(2.5, int(size)), 100.0, k)
            assert chosen % 2 == 1
            assert min(k, 15) <= chosen <= min(k, 25)


def test_correction_k_looks_at_the_depth_not_at_the_k_that_was_counted():
    # 16x of reads of 100 bases: 9.9 in 31-mers, 11.0 in 25-mers; 8x: 4.9 and 5.5.
    for depth, chosen in ((16, 25), (8, 19)):
        for k in (21, 25, 31):
            peak = depth * (100 - k + 1) / 100 * (1 - 0.004) ** k
            assert choose_correction_k(spectrum(peak, k=k), 100.0, 31) == chosen


def test_correction_k_without_a_fit():
    shallow = unfitted([0, 900_000, 800_000, 700_000, 0])
    assert choose_correction_k(shallow, 100.0, 31) == 19
    deep = unfitted([0, 5_000] + [0] * 500 + [3_000])
    assert choose_correction_k(deep, 100.0, 31) == 25
    assert choose_correction_k(unfitted([0]), 100.0, 31) == 25


def test_correction_k_of_reads_too_short_for_it():
    assert choose_correction_k(spectrum(3), 25.0, 31) == 25


@pytest.mark.parametrize(
    ("peak", "cutoffs"),
    [
        (500, (5, 3)),
        (30, (5, 3)),
        (15, (5, 3)),
        (10, (4, 2)),
        (8, (3, 2)),
        (6, (2, 2)),
        (2, (2, 2)),
        (0, (2, 2)),
    ],
)
def test_cutoffs_follow_the_depth(peak, cutoffs):
    assert choose_cutoffs(spectrum(peak)) == cutoffs


@pytest.mark.parametrize(
    ("genome", "cutoffs"),
    [
        ([9, 20, 60, 200, 600], (5, 3)),  # errors outnumber true k-mers up to 4
        ([9, 20, 60, 600, 600], (4, 3)),
        ([9, 20, 600, 600, 600], (3, 3)),
        ([9, 600, 600, 600, 600], (3, 3)),
    ],
)
def test_cutoffs_where_true_kmers_outnumber_errors(genome, cutoffs):
    curve = [(abundance, 500.0, float(true)) for abundance, true in enumerate(genome, 1)]
    assert choose_cutoffs(spectrum(16, curve=curve)) == cutoffs


def test_cutoffs_without_a_fit_follow_the_median():
    """100 k-mers seen once, 100 seen 10 times: a base of the reads sees 10."""
    histogram = np.zeros(20, np.int64)
    histogram[[1, 10]] = 100
    spectrum = SimpleNamespace(fitted=False, peak=0.0, histogram=histogram)
    assert median_depth(spectrum) == 10
    assert choose_cutoffs(spectrum) == (4, 2)
    nothing = SimpleNamespace(fitted=False, peak=0.0, histogram=np.zeros(3, np.int64))
    assert median_depth(nothing) == 0
    assert choose_cutoffs(nothing) == (2, 2)


@pytest.mark.parametrize(("peak", "enough"), [(3, 3), (20, 7), (41, 15), (1000, 350)])
def test_depth_that_needs_no_share(peak, enough):
    assert enough_depth(spectrum(peak)) == enough
    assert enough_depth(unfitted([0, 5])) is None


def test_cutoffs_never_cross():
    for peak in np.linspace(0.5, 60, 120):
        upper, lower = choose_cutoffs(spectrum(peak))
        assert 2 <= lower <= upper <= 5
