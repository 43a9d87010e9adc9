"""The benchmark of scale: its steps are those of a run, and its arithmetic agrees with counts."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.scale.costs import measured
from benchmarks.scale.paper import HUMAN, Genome, checked, needs, population
from benchmarks.scale.scenarios import changed, outcomes, stages_of
from benchmarks.scale.simulation import Cluster, simulate
from benchmarks.scale.units import OF, units_of
from benchmarks.simulators import simulate as simulator
from dbgclean.evidence.cutoffs import CORRECTION_K
from dbgclean.reads import iter_batches, plan_inputs
from dbgclean.spectrum.whole import count_kmers

LENGTH, DEPTH = 20_000, 30


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    genome = simulator.random_genome(LENGTH, seed=3)
    profile = simulator.QualityProfile(0.003)
    reads = simulator.simulate_reads(genome, depth=DEPTH, profile=profile, seed=3)
    files = simulator.write_pairs(reads, folder)
    (group,) = plan_inputs([str(path) for path in files])
    table = count_kmers(iter_batches(group), CORRECTION_K)
    found = measured(files, folder, 3)
    sample = {"depth": DEPTH, "genome_size": LENGTH}
    return table, {"sample": sample, **found}


def test_blocks_merge_to_what_is_counted_at_once(run):
    table, found = run
    assert found["sizes"]["distinct"] == len(table)
    assert found["sizes"]["twice"] == np.count_nonzero(table.counts > 1)
    assert found["sizes"]["kmers"] == table.counts.sum()
    assert {*OF} <= {*found["steps"]}
    assert found["sizes"]["edits"] > 0


def test_the_model_of_kmers_agrees_with_counts(run):
    _, found = run
    (row,) = checked(LENGTH, [found])
    assert row["distinct"] == pytest.approx(1, abs=0.1)  # errors come together at read ends
    assert row["twice"] == pytest.approx(1, abs=0.05)


def test_a_genome_without_errors_has_its_own_kmers():
    deep = Genome(1e6, 1.0, 200, 150, 0.0)
    found = population(deep)
    assert found.distinct == pytest.approx(1e6)
    assert found.twice == pytest.approx(1e6)
    # Half of the reads, half of what is seen; in so few reads hardly anything is seen twice.
    few = population(deep, share=1e-5)
    assert few.seen == pytest.approx(found.seen * 1e-5)
    assert few.twice < 0.01 * few.distinct


def test_needs_and_their_simulation(run):
    _, found = run
    units = units_of([found], HUMAN.depth)
    rows = needs(HUMAN, units, 64, [3.0, 1.0, 0.0, 4.0])
    assert [row.step for row in rows] == list(OF)
    work = sum(row.core_seconds for row in rows)
    for skewed in (False, True):
        alone = simulate(stages_of(rows, skewed), Cluster(1))
        assert math.isclose(alone.wall, work)
    by_name = {(row["scenario"], row["cores"]): row["hours"] for row in outcomes(rows)}
    assert by_name["even", 8] <= by_name["skewed", 8] <= by_name["disk", 8]
    hours = [row["hours"] for row in changed(rows) if row["cores"] == 512]
    assert hours[-1] < hours[0]
    twice = needs(replace(HUMAN, depth=60), units, 64, [1.0])
    assert twice[1].core_seconds == pytest.approx(2 * rows[1].core_seconds)
