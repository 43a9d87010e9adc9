"""The hash of k-mers: splitmix64, as its author has it."""

import numpy as np

from dbgclean.spectrum.hashing import GOLDEN, hashes, mixed, uniform


def test_the_first_numbers_of_splitmix64():
    # Of the generator with seed 0, whose state grows by GOLDEN (Vigna's splitmix64.c).
    with np.errstate(over="ignore"):
        states = np.arange(3, dtype=np.uint64) * GOLDEN
    assert [f"{value:016x}" for value in hashes(states).tolist()] == [
        "e220a8397b1dcdaf",
        "6e789e6aa1b965f4",
        "06c45d188009454f",
    ]
    assert int(mixed(np.uint64(0))) == 0xE220A8397B1DCDAF


def test_what_is_drawn_is_uniform():
    drawn = np.array([uniform(np.uint64(7), np.uint64(i)) for i in range(20_000)])
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert np.abs(np.histogram(drawn, 10, (0, 1))[0] - 2000).max() < 200
