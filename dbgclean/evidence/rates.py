"""How often bases of a sample are misread, by Phred value and substitution, told by its edits."""

from __future__ import annotations

import numpy as np
from scipy import special

from dbgclean.evidence.edits import FLANK, N_QUALITIES, Edits
from dbgclean.evidence.mates import AGREES, DENIES

__all__ = [
    "MOST_WEIGHT",
    "error_rates",
    "error_weights",
    "evidence_weights",
    "mean_rates",
    "quality_ranks",
    "recurring",
    "substitution_of",
]

# An error seen this often is no longer surely an error, so it does not teach the rates;
# more often where the sample is so deep that independent errors meet.
_RECURRING = 3
_MEETING = 1e-3
# Two agreeing mates are no sequencing error, but molecules are copied with errors as well.
MOST_WEIGHT = 2e4
# Edits that are looked at at a time.
_BLOCK = 1 << 20
# What a mate shows in place of the base may be another copy of a tandem repeat.
_OTHER_COPY = 0.02


def recurring(n_edits: int, n_bases: int, depth: float) -> int:
    """Reads from which an alternative is no longer taken for independent errors.

    Parameters
    ----------
    n_edits, n_bases
        Edits over bases on a path: the error rate, from above.
    depth
        Reads over a base.
    """
    # Twice the even third: substitutions are not alike.
    met = depth * n_edits / max(1, n_bases) * 2 / 3
    size = _RECURRING
    while special.pdtrc(size - 1, met) > _MEETING:
        size += 1
    return size


def error_rates(
    edits: Edits, group_size: np.ndarray, profile: np.ndarray, depth: float = 0.0
) -> np.ndarray:
    """Rate of each substitution at each Phred value, from edits that do not recur.

    Parameters
    ----------
    group_size
        int (n_edits,): reads that propose the same alternative.
    profile
        int64 (4, 94): bases on a path by path base and quality.
    depth
        Reads over a base, 0 where it is not known: see `recurring`.

    Returns
    -------
    ndarray
        float64 (4, 4, 94): probability that a base ``x`` of the molecule is read as
        ``y`` at quality ``q``, on the strand of the read. The rate by quality and
        the share of each substitution are estimated apart and multiplied. Where a
        quality is rare the nominal 10**(-Q/10) weighs in as five bases' worth of
        prior, and each substitution as ten errors.
    """
    least = recurring(len(edits), int(profile.sum()), depth)
    seen, pairs = np.zeros(N_QUALITIES), np.zeros(16)
    for start in range(0, len(edits), _BLOCK):
        part = slice(start, start + _BLOCK)
        some = edits.select(part)
        lone = (group_size[part] < least) & (some.disputed == 0)
        seen += np.bincount(some.quality[lone], minlength=N_QUALITIES)[:N_QUALITIES]
        read_as, molecule = substitution_of(some)
        pairs += np.bincount((4 * molecule + read_as)[lone], minlength=16)
    nominal = 10 ** (-np.maximum(np.arange(N_QUALITIES), 1) / 10)
    prior = 5.0
    by_quality = (seen + prior * nominal) / (profile.sum(0) + prior)
    expected = (profile * by_quality).sum(1)[:, None] / 3
    share = (pairs.reshape(4, 4) + 10) / (expected + 10)
    np.fill_diagonal(share, 0)
    rates = share[:, :, None] * by_quality[None, None, :] / 3
    return np.clip(rates, 1e-7, 0.25)


def substitution_of(edits: Edits) -> tuple[np.ndarray, np.ndarray]:
    """The base each edit was read as and the path's base, on the strand of the read."""
    middle = (edits.key >> np.uint64(2 * FLANK)).astype(np.int64) & 3
    turned = edits.strand == 1
    return np.where(turned, 3 - middle, middle), np.where(turned, 3 - edits.to, edits.to)


def error_weights(error: np.ndarray) -> np.ndarray:
    """Likelihood of a base read with this error rate where it is there, over where it is not."""
    return np.minimum((1 - 3 * error) / error, MOST_WEIGHT)


def evidence_weights(error: np.ndarray, mate: np.ndarray, mate_quality: np.ndarray) -> np.ndarray:
    """Likelihood of each edit's reads from a molecule with the base, over one without.

    Parameters
    ----------
    error
        float64 (n_edits,): rate of the edit's own substitution at its quality.
    mate, mate_quality
        As in `Edits`.

    Returns
    -------
    ndarray
        float64 (n_edits,), at most 2e4. A mate that agrees makes an error of both
        necessary; one that denies it turns the weight against the base.
    """
    mate_error = np.clip(10 ** (-np.maximum(mate_quality, 2.0) / 10), 1e-4, 0.5)
    weight = (1 - 3 * error) / error
    weight = np.where(mate == AGREES, weight * 3 * (1 - mate_error) / mate_error, weight)
    denial = np.maximum(mate_error / (3 * (1 - mate_error)), _OTHER_COPY)
    weight = np.where(mate == DENIES, weight * denial, weight)
    return np.minimum(weight, MOST_WEIGHT)


def mean_rates(rates: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Rate of each substitution over all qualities and both strands.

    Parameters
    ----------
    rates
        From `error_rates`.
    profile
        int64 (4, 94): bases on a path by path base and quality.

    Returns
    -------
    ndarray
        float64 (4, 4): chance that a base ``x`` is read as ``y`` by a read of either
        strand.
    """
    weight = profile / np.maximum(profile.sum(1, keepdims=True), 1)
    one_strand = np.einsum("xq,xyq->xy", weight, rates)
    return (one_strand + one_strand[::-1, ::-1]) / 2


def quality_ranks(profile: np.ndarray) -> np.ndarray:
    """Place of each Phred value among the sample's bases: float64 (94,), 0 to 1.

    Ties count half, so that bases drawn at random have a mean rank of one half.
    """
    seen = profile.sum(0)
    below = np.cumsum(seen) - seen
    return (below + seen / 2) / max(1, int(seen.sum()))
