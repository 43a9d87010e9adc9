"""Core-seconds and bytes of each step for one base, k-mer or edit, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["OF", "Units", "units_of"]

OF = {
    "plan": "bases",
    "count": "bases",
    "merge": "k-mers in",
    "solid": "k-mers seen twice",
    "thread": "bases",
    "pool": "edits",
    "compare": "bases",
    "judge": "edits",
    "write": "bases",
    "join": "bytes",
}
"""What a step's core-seconds, and what it writes, are in proportion to."""
_HELD = {
    "count": "k-mers of a block",
    "solid": "k-mers seen twice",
    "pool": "edits",
    "judge": "edits",
}
"""What the memory that a step takes, beside what it reads, is in proportion to."""
_WRITTEN = ("plan", "thread", "compare", "judge", "write")


@dataclass(frozen=True)
class Units:
    """For one of what a step is in proportion to.

    Attributes
    ----------
    seconds
        Of one core, by step.
    written, memory
        Bytes, of some of the steps.
    by_spans
        Share of the work on the solid graph that several cores can do.
    """

    seconds: Mapping[str, float]
    written: Mapping[str, float]
    memory: Mapping[str, float]
    by_spans: float

    def to_dict(self) -> dict[str, Any]:
        """For the results: seconds for a billion of them, bytes for one."""
        return {
            "core_seconds": {
                name: f"{value * 1e9:.4g} for a billion {OF[name]}"
                for name, value in self.seconds.items()
            },
            "bytes_written": {
                name: f"{value:.4g} for each of the {OF[name]}"
                for name, value in self.written.items()
            },
            "bytes_held": {
                name: f"{value:.4g} for each of the {_HELD[name]}"
                for name, value in self.memory.items()
            },
            "share_of_solid_by_spans": round(self.by_spans, 3),
        }


def _units_of(run: Mapping[str, Any]) -> list[dict[str, float]]:
    """Of one run: seconds, bytes written, bytes held, share by spans."""
    sizes, steps = run["sizes"], run["steps"]
    amounts = {
        "bases": sizes["bases"],
        "k-mers in": sizes["block_words"] + sizes["block_rows"],
        "k-mers of a block": sizes["kmers"] / run["blocks"],
        "k-mers seen twice": sizes["twice"],
        "edits": sizes["edits"],
        "bytes": steps["join"]["nbytes"],
    }
    return [
        {step: steps[step]["cpu"] / amounts[OF[step]] for step in OF},
        {step: steps[step]["nbytes"] / amounts[OF[step]] for step in _WRITTEN},
        {step: steps[step]["grown"] / amounts[_HELD[step]] for step in _HELD},
        {"": steps["solid, by spans"]["cpu"] / steps["solid"]["cpu"]},
    ]


def units_of(runs: Sequence[Mapping[str, Any]], depth: float) -> Units:
    """Units at a depth, by straight lines between those of runs at other depths.

    What is in doubt grows with the depth: at 20x hardly an error is made twice.
    """
    runs = sorted(runs, key=lambda run: float(run["sample"]["depth"]))
    depths = [run["sample"]["depth"] for run in runs]
    found = []
    for of_runs in zip(*map(_units_of, runs), strict=True):
        found.append(
            {
                name: float(np.interp(depth, depths, [one[name] for one in of_runs]))
                for name in of_runs[0]
            }
        )
    return Units(*found[:3], found[3][""])
