"""How deep is solid, and at which k to thread, from the fitted abundances of a sample."""

from __future__ import annotations

import numpy as np

from dbgclean.spectrum.histogram import Spectrum

__all__ = ["choose_cutoffs", "enough_depth", "median_depth"]

# The deepest cutoffs of the two threading passes, and their share of a shallow peak.
_UPPER, _LOWER = 5, 3
_UPPER_SHARE, _LOWER_SHARE = 0.35, 0.2
# Share of the peak that nobody asks of which sequence it is a share.
_ENOUGH_SHARE = 0.4


def choose_cutoffs(spectrum: Spectrum) -> tuple[int, int]:
    """Abundance cutoffs of the two threading passes, from the depth of the sample.

    5 and 3 where a base is covered 15 times or more; less where it is shallower. The
    fork rule of `SolidGraph` takes care of what is deeper. Without a fit the median
    abundance that a base of the reads sees stands in for the peak.
    """
    peak = spectrum.peak if spectrum.fitted else median_depth(spectrum)
    upper = int(np.clip(round(_UPPER_SHARE * peak), 2, _UPPER))
    lower = int(np.clip(round(_LOWER_SHARE * peak), 2, _LOWER))
    return upper, min(lower, upper)


def enough_depth(spectrum: Spectrum) -> int | None:
    """Abundance of a k-mer that the genome has, whatever stands beside it; None without a fit."""
    if not spectrum.fitted:
        return None
    return max(_UPPER, int(np.ceil(_ENOUGH_SHARE * spectrum.peak)))


def median_depth(spectrum: Spectrum) -> float:
    """Abundance of the k-mer in the middle when k-mers are weighted by abundance."""
    weight = np.cumsum(spectrum.histogram * np.arange(len(spectrum.histogram)))
    if len(weight) == 0 or weight[-1] == 0:
        return 0.0
    return float(np.searchsorted(weight, weight[-1] / 2))
