"""Depth as a witness of copies: where a region has more than its usual, and where it may speak."""

import numpy as np
import pytest

from dbgclean.pipeline.inspect_inputs import _BIN, Survey
from dbgclean.variants.regions import Region


def survey(depth, spread=1.0):
    """Of a region with this depth by bin."""
    weights = np.asarray(np.array(depth) * _BIN, np.int64)
    return Survey(Region("chr", 1000, 1000 + _BIN * len(weights)), {"kept": 1}, weights, [], spread)


def noisy(levels, seed=1):
    return np.random.default_rng(seed).normal(levels, 0.12 * np.asarray(levels))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.45])
def test_copies_on_top_of_one_another_have_twice_the_usual(share):
    """However much of the region they are, short of half: the median would be in between."""
    bins = 400
    copies = np.arange(bins) < share * bins
    found = survey(noisy(np.where(copies, 80.0, 40.0)))
    assert found.depth_tells
    ratio = found.depth_ratio(1000 + _BIN * np.arange(bins) + _BIN // 2)
    assert (ratio[copies] >= 1.5).mean() > 0.98
    assert (ratio[~copies] >= 1.5).mean() < 0.02


def test_the_end_of_a_copy_is_told_by_its_inner_side():
    levels = np.where((np.arange(200) >= 80) & (np.arange(200) < 110), 80.0, 40.0)
    # Reads reach over the end of a copy only if most of them fits.
    levels[[80, 109]] = 55
    ratio = survey(levels).depth_ratio(1000 + _BIN * np.arange(200))
    assert (ratio[80:110] >= 1.5).all()
    assert (ratio[:79] < 1.5).all()
    assert (ratio[111:] < 1.5).all()


def test_amplicons_and_captured_exons_do_not_count_copies():
    even = noisy(np.full(200, 60.0))
    assert survey(even).depth_tells
    # Few places where reads begin, or no depth that most of the region has.
    assert not survey(even, spread=0.05).depth_tells
    tiles = np.repeat(np.geomspace(10, 3000, 20), 10)
    assert not survey(tiles).depth_tells
    exons = np.where(np.arange(200) % 20 < 3, 100.0, 0.0)
    assert not survey(exons).depth_tells
    assert not survey(np.zeros(20)).depth_tells


def test_places_off_the_region_count_as_its_ends():
    found = survey(np.full(40, 30.0))
    assert found.depth_ratio(np.array([0, 999, 10**6])).tolist() == [1.0, 1.0, 1.0]
