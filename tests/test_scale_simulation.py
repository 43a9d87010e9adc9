"""Steps on a simulated cluster: nothing is lost, nothing is done twice, and sums are right."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale.simulation import Cluster, Stage, Step, simulate

WORK = st.floats(0.01, 1000)
STAGES = st.lists(st.lists(WORK, min_size=1, max_size=30), min_size=1, max_size=4).map(
    lambda found: [
        Stage(f"s{at}", tuple(Step(work, 1e6 * work, 3e5) for work in works), 1e7)
        for at, works in enumerate(found)
    ]
)


@given(STAGES, st.integers(1, 40), st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_every_step_is_finished_once(stages, cores, per_node, seed):
    cluster = Cluster(
        cores, per_node, disk=5e6, link=2e6, slow_share=0.3, lost_every=20_000, away=10, seed=seed
    )
    found = simulate(stages, cluster)
    for stage in stages:
        assert sorted(found.finished[stage.name]) == list(range(len(stage.steps)))
    assert math.isclose(found.work, sum(stage.work for stage in stages))
    assert (found.lost > 0) == (found.lost_seconds > 0)
    assert 0 < found.efficiency <= 1 + 1e-9
    assert found == simulate(stages, cluster)


@given(STAGES)
@settings(max_examples=60, deadline=None)
def test_one_core_takes_the_sum_of_the_work(stages):
    found = simulate(stages, Cluster(1))
    assert math.isclose(found.wall, sum(stage.work for stage in stages))
    assert math.isclose(found.efficiency, 1)


@given(STAGES, st.lists(st.integers(1, 60), min_size=2, max_size=5))
@settings(max_examples=60, deadline=None)
def test_more_cores_are_never_slower(stages, cores):
    walls = [simulate(stages, Cluster(n, 4)).wall for n in sorted(cores)]
    assert all(later <= wall * (1 + 1e-9) for wall, later in zip(walls, walls[1:], strict=False))


@given(STAGES, st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_no_faster_than_work_longest_step_and_disk_allow(stages, cores):
    found = simulate(stages, Cluster(cores, 4, disk=3e6, link=1e6))
    for stage in stages:
        moved = sum(step.read + step.written for step in stage.steps) + stage.per_node
        longest = max(step.work + (step.read + step.written) / 1e6 for step in stage.steps)
        least = max(stage.work / cores, longest, moved / 3e6)
        assert found.walls[stage.name] >= least * (1 - 1e-9)


def test_lost_nodes_cost_time_and_no_steps():
    stages = [Stage("a", (Step(50.0),) * 40), Stage("b", (Step(20.0),))]
    calm = simulate(stages, Cluster(8, 2))
    walls = []
    for seed in range(20):
        stormy = simulate(stages, Cluster(8, 2, lost_every=300, away=30, seed=seed))
        assert sorted(stormy.finished["a"]) == list(range(40))
        walls.append(stormy.wall)
        assert stormy.wall >= calm.wall
    assert np.mean(walls) > 1.1 * calm.wall


def test_a_disk_is_shared():
    """Four steps of 100 bytes each over a disk of 10 a second: 40 s, however many cores."""
    stages = [Stage("a", (Step(0.0, 100.0),) * 4)]
    for cores in (1, 2, 4, 8):
        assert simulate(stages, Cluster(cores, 8, disk=10)).wall == pytest.approx(40)
    # One core reads at its link's speed, and four of them fill the disk.
    assert simulate(stages, Cluster(1, 8, disk=10, link=5)).wall == pytest.approx(80)


def test_spans_take_the_whole_node_and_slow_nodes_come_last():
    spans = [Stage("a", (Step(100.0, by_spans=0.9),))]
    assert simulate(spans, Cluster(32, 10)).wall == pytest.approx(10 + 9)
    # Two nodes of one core, the second at half speed: of three steps it does one.
    for steps, wall in ((2, 20), (3, 20), (4, 40)):
        slow = simulate([Stage("a", (Step(10.0),) * steps)], Cluster(2, 1, slow_share=0.5))
        assert slow.wall == pytest.approx(wall)


def test_each_node_reads_once_what_its_steps_share():
    stages = [Stage("a", (Step(0.0),) * 8, per_node=100.0)]
    assert simulate(stages, Cluster(4, 4, disk=10)).wall == pytest.approx(10)
    assert simulate(stages, Cluster(4, 2, disk=10)).wall == pytest.approx(20)
