"""Alternatives kept small say what alternatives kept whole say."""

from dataclasses import fields

import numpy as np
import pytest
from small_samples import mixture

from benchmarks.simulators import simulate
from dbgclean.evidence.alternatives import COLUMNS, LEAST_RATIO, Alternatives
from dbgclean.evidence.compact import CompactAlternatives
from dbgclean.evidence.edits import FIRST_GAP
from dbgclean.evidence.gather import build_graph, gather_along
from dbgclean.evidence.windows import build_windows
from dbgclean.reads.tasks import over_batches
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.whole import count_kmers

K = 21
UNKNOWN = ("mean_quality", "co_edited")


@pytest.fixture(scope="module")
def both():
    """The evidence of a mixture, whole and compact."""
    reads, _, _ = mixture(length=12_000, depth=60, spacing=700, seed=77)
    batches = list(simulate.to_batches(reads, 2000))
    table = count_kmers(iter(batches), K)
    spectrum = fit_spectrum(table)
    graph = build_graph(table, spectrum)
    return [
        gather_along(over_batches(lambda: batches), graph, spectrum, seed=5, compact=compact)
        for compact in (False, True)
    ]


def slight(a):
    """Rows of one read and a low ratio."""
    return (a.column("reads") == 1) & (a.likelihood < LEAST_RATIO) & (a.kind == 0)


def test_most_are_kept_small(both):
    whole, small = (evidence.alternatives for evidence in both)
    assert isinstance(small, CompactAlternatives)
    assert len(small) == len(whole)
    assert len(small) - len(small.recurring) == np.count_nonzero(slight(whole))
    assert slight(whole).mean() > 0.5
    assert small.substitutions == whole.substitutions
    assert small.gaps == whole.gaps


def test_gaps_stand_behind(both):
    joined = []
    for evidence in both:
        a = evidence.alternatives
        gaps = Alternatives.empty(3, np.array([2, 0, 1, 1], np.int32), a.rates)
        gaps.key[:] = FIRST_GAP + np.arange(3, dtype=np.uint64)
        gaps.support[:] = 4.0
        joined.append(a.with_gaps(gaps))
    whole, small = joined
    assert small.gaps == whole.gaps == slice(len(whole) - 3, len(whole))
    for name in ("key", "support", "depth", "odds", "of_edit"):
        np.testing.assert_array_equal(getattr(small, name), getattr(whole, name), err_msg=name)
    odds = np.where(slight(whole), whole.odds, 7.0)
    np.testing.assert_array_equal(small.with_odds(odds).odds, odds)


@pytest.mark.parametrize("name", [f.name for f in fields(Alternatives)])
def test_every_column_has_the_same_bits(both, name):
    whole, small = (evidence.alternatives for evidence in both)
    expected = getattr(whole, name)
    if name in UNKNOWN:
        expected = np.where(slight(whole)[:, None], 0, expected)
    np.testing.assert_array_equal(getattr(small, name), expected)
    assert getattr(small, name).dtype == expected.dtype
    if name in ("of_edit", "rates"):
        return
    for rows in (slice(3, 90), np.array([7, 2, 400]), slight(whole), ~slight(whole)):
        np.testing.assert_array_equal(getattr(small.select(rows), name), expected[rows])


def test_columns_of_support_are_the_same(both):
    whole, small = (evidence.alternatives for evidence in both)
    for name in COLUMNS:
        np.testing.assert_array_equal(small.column(name), whole.column(name), err_msg=name)
    np.testing.assert_array_equal(small.fragments, whole.fragments)
    np.testing.assert_array_equal(small.base, whole.base)


def test_what_is_made_of_them_is_the_same(both):
    whole, small = both
    for name, value in vars(whole.context).items():
        np.testing.assert_array_equal(getattr(small.context, name), value, err_msg=name)
    np.testing.assert_array_equal(small.explained.figures, whole.explained.figures)
    np.testing.assert_array_equal(
        small.spikes.kept(np.ones(len(small.spikes.alternatives), bool)),
        whole.spikes.kept(np.ones(len(whole.spikes.alternatives), bool)),
    )
    rows = small.explained.rows
    for name in ("windows", "globals_", "observed"):
        made = [getattr(build_windows(evidence, rows), name) for evidence in both]
        np.testing.assert_array_equal(*made, err_msg=name)


def test_edits_keep_what_rewriting_needs(both):
    whole, small = both
    for name in ("key", "to", "strand", "read", "fragment", "position", "quality", "disputed"):
        np.testing.assert_array_equal(getattr(small.edits, name), getattr(whole.edits, name))
