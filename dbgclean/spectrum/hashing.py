"""One hash of k-mers for all that is drawn or looked up by them: the same on every machine."""

import numpy as np

from dbgclean._kernels import kernel

__all__ = ["GOLDEN", "hashes", "mixed", "uniform"]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: the top bits of a product with it spread neighbours apart."""
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@kernel
def mixed(value: np.uint64) -> np.uint64:
    """splitmix64's finaliser: a hash of a uint64 (Steele 2014, doi:10.1145/2660193.2660195)."""
    z = value + GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _M1
    z = (z ^ (z >> np.uint64(27))) * _M2
    return z ^ (z >> np.uint64(31))


@kernel
def hashes(values: np.ndarray) -> np.ndarray:
    """`mixed` of each of some uint64."""
    out = np.empty(len(values), np.uint64)
    for i in range(len(values)):
        out[i] = mixed(values[i])
    return out


@kernel
def uniform(salt: np.uint64, what: np.uint64) -> float:
    """A number in [0, 1) that follows from what it is drawn for."""
    return np.float64(mixed(mixed(salt) ^ what) >> np.uint64(11)) * (1.0 / 9007199254740992.0)
