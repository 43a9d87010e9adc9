"""The k-mer table: arithmetic, selection, and the hash index against a dict."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dbgclean.spectrum.table as table_module
from dbgclean.spectrum.kmers import canonical, canonical_kmers, reverse_complements
from dbgclean.spectrum.table import EMPTY, KmerTable, build_index, find_row

K = 21
TOP = 2**32 - 1


@st.composite
def tables(draw: st.DrawFn, most: int = 30) -> KmerTable:
    # A small pool of keys, so that two tables share some.
    pool = st.integers(0, 60) | st.integers(0, 4**K - 1)
    raw = draw(st.lists(pool, max_size=most))
    keys = np.unique(canonical_kmers(np.array(raw, dtype=np.uint64), K))
    n = keys.size
    counts = draw(st.lists(st.integers(1, 50), min_size=n, max_size=n))
    shares = draw(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=n, max_size=n))
    reverse = [int(c * s) for c, (s, _) in zip(counts, shares, strict=True)]
    good = [int(c * s) for c, (_, s) in zip(counts, shares, strict=True)]
    return KmerTable(K, keys, *(np.array(c, dtype=np.uint32) for c in (counts, reverse, good)))


def as_dict(table: KmerTable) -> dict[int, tuple[int, ...]]:
    columns = (table.counts, table.reverse, table.high_quality)
    values = zip(*(c.tolist() for c in columns), strict=True)
    return dict(zip(table.keys.tolist(), values, strict=True))


@pytest.fixture(autouse=True, scope="module")
def small_pieces():
    """Tables of a few rows are combined in several pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_module, "_PIECE", 4)
        yield


@given(tables(), tables())
def test_combine_adds_as_dicts_do(a: KmerTable, b: KmerTable) -> None:
    expected = as_dict(a)
    for key, values in as_dict(b).items():
        old = expected.get(key, (0, 0, 0))
        expected[key] = tuple(x + y for x, y in zip(old, values, strict=True))
    together = a.combine(b)
    assert as_dict(together) == expected
    assert (np.diff(together.keys.astype(object)) > 0).all()
    assert as_dict(b.combine(a)) == expected


@given(tables(), tables())
def test_subtraction_undoes_addition(a: KmerTable, b: KmerTable) -> None:
    assert as_dict(a.combine(b).combine(b, -1)) == as_dict(a)
    assert len(a.combine(a, -1)) == 0


@given(tables(), tables())
def test_subtracting_what_is_not_there_is_an_error(a: KmerTable, b: KmerTable) -> None:
    mine, other = as_dict(a), as_dict(b)
    part = all(
        all(x >= y for x, y in zip(mine.get(key, (0, 0, 0)), values, strict=True))
        for key, values in other.items()
    )
    if part:
        assert a.combine(b, -1).total == a.total - b.total
    else:
        with pytest.raises(ValueError, match="below zero"):
            a.combine(b, -1)


def test_other_k_and_other_signs_are_refused() -> None:
    with pytest.raises(ValueError, match="k=21 table with a k=31"):
        KmerTable.empty(21).combine(KmerTable.empty(31))
    with pytest.raises(ValueError, match="sign 0"):
        KmerTable.empty(21).combine(KmerTable.empty(21), 0)


def test_counts_stay_at_the_highest() -> None:
    keys = np.array([3, 5], dtype=np.uint64)
    high = np.array([TOP - 1, 7], dtype=np.uint32)
    table = KmerTable(K, keys, high, high, high)
    both = table.combine(table)
    assert both.counts.tolist() == both.reverse.tolist() == both.high_quality.tolist() == [TOP, 14]
    assert both.combine(table).counts.tolist() == [TOP, 21]
    assert both.total == TOP + 14


@given(tables(), st.lists(st.integers(0, 60) | st.integers(0, 4**K - 1), max_size=40))
def test_lookups_equal_a_dict(table: KmerTable, extra: list[int]) -> None:
    rows = {key: row for row, key in enumerate(table.keys.tolist())}
    queries = np.concatenate((np.array(extra, dtype=np.uint64), table.keys))
    expected = [rows.get(key, -1) for key in queries.tolist()]
    assert table.find(queries).tolist() == expected
    oriented = np.concatenate((queries, reverse_complements(queries, K)))
    counts = table.counts.tolist()
    abundances = [
        counts[rows[key]] if (key := int(canonical(kmer, K))) in rows else 0 for kmer in oriented
    ]
    assert table.abundance(oriented).tolist() == abundances


def test_find_row_serves_other_kernels() -> None:
    @numba.njit
    def sum_of_rows(slots, rows, mask, keys):  # type: ignore[no-untyped-def]
        total = 0
        for key in keys:
            total += find_row(slots, rows, mask, key)
        return total

    keys = np.arange(0, 3000, 3, dtype=np.uint64)
    index = build_index(keys, K)
    assert sum_of_rows(index.slots, index.rows, index.mask, keys) == 999 * 1000 // 2
    assert sum_of_rows(index.slots, index.rows, index.mask, keys + np.uint64(1)) == -1000


def test_the_index_is_built_once_and_holds_every_key_once() -> None:
    rng = np.random.default_rng(2)
    keys = np.unique(rng.integers(0, 4**31, 50_000, dtype=np.uint64))
    ones = np.ones(keys.size, dtype=np.uint32)
    table = KmerTable(31, keys, ones, ones, ones)
    assert table.index() is table.index()
    assert int((table.index().slots != EMPTY).sum()) == keys.size
    assert (table.find(keys) == np.arange(keys.size)).all()
    absent = rng.integers(0, 4**31, 50_000, dtype=np.uint64)
    assert (table.find(absent) >= 0).tolist() == np.isin(absent, keys).tolist()


def test_an_empty_index_finds_nothing() -> None:
    assert KmerTable.empty(31).find(np.arange(5, dtype=np.uint64)).tolist() == [-1] * 5


@given(tables(), st.data())
def test_select_keeps_whole_rows(table: KmerTable, data: st.DataObject) -> None:
    mask = data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table)))
    kept = table.select(np.array(mask, dtype=bool))
    rows = as_dict(table).items()
    assert as_dict(kept) == {k: v for (k, v), m in zip(rows, mask, strict=True) if m}
    assert "KmerTable(k=21" in repr(kept)
