"""Whether a result is to be trusted, in words: what of the sample does not suit the method.

And what the k-mer set kept, by the depth of the reads: a cutoff that suits the deep ones
may have cost the shallow ones most of what they show.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dbgclean.evidence.cutoffs import CORRECTION_K, choose_correction_k, median_depth
from dbgclean.pipeline.runs import Corrected
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.membership import rows_among
from dbgclean.spectrum.ordering import distinct
from dbgclean.spectrum.read_depths import read_depths
from dbgclean.spectrum.table import KmerTable

__all__ = ["verdict"]

# Bounds of the depth classes, in reads over a base.
_CLASSES = (0, 5, 15, 50)
# Shares that are doubtful: reads without an anchor, and k-mers kept of a class.
_UNANCHORED, _KEPT = 0.05, 0.9
_FEWEST_KMERS = 100
# Share of the reads, or of the k-mers that several show, without which there is no result.
_MOST = 0.5

Cause = tuple[str, str]  # its kind, and a sentence without a full stop


def verdict(run: Corrected) -> dict[str, Any]:
    """Whether the result is doubtful, why, and what stands by the depth of the reads.

    Returns
    -------
    dict
        ``doubtful``, ``grade``, ``reasons`` (sentences without a full stop), ``causes``
        (their kinds, one each), ``read_depths`` (in k-mers, one number for each depth
        around which reads gather) and, where there is a k-mer set, ``depth_classes``.
    """
    found = [*_of_depth(run), *_of_reads(run)]
    result: dict[str, Any] = {"read_depths": run.modes}
    if run.groups and run.graph:
        result["depth_classes"] = classes = _depth_classes(run)
        found += _of_classes(classes)
    return {
        "doubtful": bool(found),
        "grade": _grade(run, found, result.get("depth_classes", [])),
        "reasons": [text for _, text in found],
        "causes": [kind for kind, _ in found],
        **result,
    }


def _grade(run: Corrected, found: list[Cause], classes: list[dict[str, Any]]) -> str:
    """'usable', 'with care', or 'do not use' where most of the sample is not in the result."""
    shown = sum(one["kmers_seen_twice"] for one in classes)
    kept = sum(one["kmers_kept"] for one in classes)
    n, without = _unanchored(run)
    # Where the depth tells nothing, reads without a solid k-mer keep their k-mers.
    foreign = run.depth_tells and without > _MOST * n
    if foreign or (shown >= _FEWEST_KMERS and shown - kept > _MOST * shown):
        return "do not use"
    return "with care" if found else "usable"


def _of_depth(run: Corrected) -> list[Cause]:
    spectrum, threaded = run.spectrum, run.threading_spectrum
    found = []
    if not spectrum.fitted:
        found.append(("no fit", f"no depth could be fitted ({spectrum.reason}){_all_kept(run)}"))
    elif run.groups and run.graph and not run.depth_tells:
        text = f"the depth is only {spectrum.peak:.1f} in k-mers{_all_kept(run)}"
        found.append(("shallow", text))
    if len(run.modes) > 1:
        depths = ", ".join(f"{depth:,}" for depth in run.modes)
        text = (
            f"a mix of depths: reads gather where k-mers are seen {depths} times, and no one fit "
        )
        found.append(("mixture", text + "holds for all"))
    usual = min(run.options.k, CORRECTION_K)
    if run.groups and _suitable_k(run, threaded) < usual:
        depth = threaded.peak if threaded.fitted else median_depth(threaded)
        text = (
            f"the sample is shallow, {threaded.k}-mers are only {depth:.1f} deep: reads are "
            f"threaded at k = {run.correction_k} (--correction-k overrides)"
        )
        found.append(("short k", text))
    return found


def _all_kept(run: Corrected) -> str:
    # A k-mer set without reads has no qualities to go by.
    return ", so no k-mer was dropped for being rare alone" if run.groups else ""


def _suitable_k(run: Corrected, spectrum: Spectrum) -> int:
    """The k that the depth asks for, whatever the user asked for."""
    if run.options.correction_k is None:
        return run.correction_k
    return choose_correction_k(spectrum, _mean_length(run), run.options.k)


def _mean_length(run: Corrected) -> float:
    return run.bases / max(1, run.reads)


def _of_reads(run: Corrected) -> list[Cause]:
    n, without = _unanchored(run)
    if not without or without < _UNANCHORED * n:
        return []
    text = f"{without:,} of {n:,} reads share no solid k-mer with others and stand as they came"
    return [("no anchor", text)]


def _unanchored(run: Corrected) -> tuple[int, int]:
    """Reads followed, and those of them without a solid k-mer."""
    if run.evidence is None or not run.groups:
        return 0, 0
    states = run.evidence.reads
    return sum(states.values()) - states["foreign_part"], states["no_anchor"]


def _depth_classes(run: Corrected) -> list[dict[str, Any]]:
    """Of some of the reads, by their depth: k-mers that are seen twice, and those that stand."""
    raw, chosen = run.raw, run.chosen
    mean = _mean_length(run)
    depth = read_depths(run.sampled, raw) * mean / max(1.0, mean - raw.k + 1)
    of = np.searchsorted(_CLASSES, depth, side="right") - 1
    kmers = run.sampled.kmers(raw.k)
    stands = chosen.table.keys[chosen.kept]
    result = []
    for number, low in enumerate(_CLASSES):
        keys = distinct(kmers[of == number].reshape(-1))
        shown = keys[_seen_twice(raw, keys)]
        kept = int(np.count_nonzero(rows_among(shown, stands) >= 0))
        high = _CLASSES[number + 1] if number + 1 < len(_CLASSES) else None
        result.append(
            {
                "from": low,
                "to": high,
                "reads": int(np.count_nonzero(of == number)),
                "kmers_seen_twice": len(shown),
                "kmers_kept": kept,
            }
        )
    return result


def _seen_twice(raw: KmerTable, keys: np.ndarray) -> np.ndarray:
    rows = rows_among(keys, raw.keys)
    twice = rows >= 0
    twice[twice] = raw.counts[rows[twice]] > 1
    return twice


def _of_classes(classes: list[dict[str, Any]]) -> list[Cause]:
    found = []
    for one in classes:
        shown, kept = one["kmers_seen_twice"], one["kmers_kept"]
        if shown >= _FEWEST_KMERS and kept < _KEPT * shown:
            span = f"{one['from']} to {one['to']}" if one["to"] else f"{one['from']} and more"
            text = (
                f"of the k-mers that reads {span} deep show and others share, {kept / shown:.0%} "
            )
            found.append(("depth class", text + "stand"))
    return found
