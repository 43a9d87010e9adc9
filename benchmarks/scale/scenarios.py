"""The steps of a sample on clusters of several sizes, from the easiest case to the hardest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.scale.paper import Need
from benchmarks.scale.simulation import Cluster, Outcome, Stage, Step, simulate

__all__ = ["CORES", "SCENARIOS", "changed", "outcomes", "stages_of"]

CORES = (8, 64, 512)
CORES_PER_NODE = 16
DISK, LINK = 2e9, 0.5e9
"""Bytes a second: of a shared disk of middling size, and of one process on it. Assumed."""
SLOW_SHARE, SLOW_SPEED = 0.25, 0.5
LOST_EVERY, AWAY = 4 * 3600.0, 300.0
"""Seconds between losses of a node, and until it is there again. Assumed: machines that are
lent only while nobody else wants them."""
SEEDS = (1, 2, 3, 4, 5)

SCENARIOS: dict[str, dict[str, Any]] = {
    "even": {},
    "skewed": {"skewed": True},
    "disk": {"skewed": True, "disk": DISK, "link": LINK},
    "slow": {"skewed": True, "disk": DISK, "link": LINK, "slow_share": SLOW_SHARE},
    "lost": {
        "skewed": True, "disk": DISK, "link": LINK, "slow_share": SLOW_SHARE,
        "lost_every": LOST_EVERY,
    },
}  # fmt: skip
"""Each has what the one before it has, and one thing more."""


def stages_of(needs: Sequence[Need], skewed: bool) -> list[Stage]:
    """The steps one by one; without skew all of a stage are the same."""
    stages = []
    for need in needs:
        shares = need.shares if skewed and need.shares else (1 / need.parts,) * need.parts
        steps = tuple(
            Step(need.core_seconds * part, need.read * part, need.written * part, need.by_spans)
            for part in shares
        )
        stages.append(Stage(need.step, steps, need.per_node))
    return stages


def outcomes(
    needs: Sequence[Need], names: Sequence[str] = tuple(SCENARIOS)
) -> list[dict[str, Any]]:
    """Scenarios on every number of cores; of draws the mean, the least and the most."""
    rows = []
    for name in names:
        settings = dict(SCENARIOS[name])
        stages = stages_of(needs, settings.pop("skewed", False))
        for cores in CORES:
            cluster = Cluster(cores, CORES_PER_NODE, slow_speed=SLOW_SPEED, away=AWAY, **settings)
            seeds = SEEDS if name == "lost" else SEEDS[:1]
            found = [simulate(stages, replace(cluster, seed=seed)) for seed in seeds]
            rows.append({"scenario": name, "cores": cores, **_row(found, needs)})
    return rows


def changed(needs: Sequence[Need]) -> list[dict[str, Any]]:
    """The hardest scenario where steps that are one are many, change upon change."""
    parts = max(len(need.shares) for need in needs)
    blocks = next(need.parts for need in needs if need.step == "count")
    changes: dict[str, dict[str, dict[str, Any]]] = {
        "as it is": {},
        "reads come as blocks": {"plan": {"parts": blocks}},
        "and pooled and judged by key": {"pool": {"parts": parts}, "judge": {"parts": parts}},
        "and the graph built by key": {"solid": {"parts": parts, "by_spans": 0.0}},
        "and read by one node, for all": {"thread": {"per_node": 0.0}},
    }
    rows, now = [], list(needs)
    for name, of_steps in changes.items():
        now = [replace(need, **of_steps.get(need.step, {})) for need in now]
        rows += [{"change": name, **row} for row in outcomes(now, ["lost"])]
    return rows


def _row(found: Sequence[Outcome], needs: Sequence[Need]) -> dict[str, Any]:
    walls = [outcome.wall for outcome in found]
    by_stage: Mapping[str, float] = {
        name: float(np.mean([outcome.walls[name] for outcome in found])) for name in found[0].walls
    }
    serial = sum(by_stage[need.step] for need in needs if need.parts == 1)
    wall = float(np.mean(walls))
    return {
        "hours": round(wall / 3600, 3),
        "hours_from_to": [round(min(walls) / 3600, 3), round(max(walls) / 3600, 3)],
        "efficiency": round(float(np.mean([outcome.efficiency for outcome in found])), 3),
        "steps_lost": [outcome.lost for outcome in found],
        "core_hours_lost": [round(outcome.lost_seconds / 3600, 2) for outcome in found],
        "share_of_steps_that_are_one": round(serial / wall, 3),
        "hours_by_step": {name: round(seconds / 3600, 4) for name, seconds in by_stage.items()},
    }
