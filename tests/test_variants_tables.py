"""alleles.tsv.gz, the rows for the page, totals, strand bias."""

import gzip
import json
import re
from dataclasses import fields
from math import comb, log10
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_example import example_table

from dbgclean.variants import vcf
from dbgclean.variants.allele_table import CLASSES, ERROR, KINDS, VARIANT, AlleleTable
from dbgclean.variants.signs import FILTERS, strand_bias
from dbgclean.variants.tables import (
    COLUMNS,
    alleles_to_rows,
    listed_rows,
    summarise,
    write_alleles,
)


@pytest.fixture(scope="module")
def table():
    return example_table(200, seed=5)[1]


def lines_of(path):
    return [line.split("\t") for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def test_every_row_and_column_is_in_the_file(table, tmp_path):
    write_alleles(tmp_path / "alleles.tsv.gz", table)
    header, *rows = lines_of(tmp_path / "alleles.tsv.gz")
    assert tuple(header) == COLUMNS
    assert len(rows) == len(table)
    assert {len(row) for row in rows} == {len(COLUMNS)}
    renamed = {"klass": "class", "contigs": "contig", "arms": "ref_arm"}
    assert {renamed.get(f.name, f.name) for f in fields(AlleleTable)} <= set(COLUMNS)
    for i in (0, 17, 199):
        row = dict(zip(header, rows[i], strict=True))
        assert int(row["position"]) == table.position[i] + 1
        assert (row["ref"], row["alt"]) == (table.ref[i], table.alt[i])
        assert row["class"] == CLASSES[table.klass[i]]
        assert row["kind"] == KINDS[table.kind[i]]
        assert float(row["posterior"]) == pytest.approx(table.posterior[i], rel=1e-5)
        assert (row["ref_arm"], row["alt_arm"]) == table.arms[i]
        assert row["reasons"].split("; ") == list(table.reasons[i])
        assert row["normal_alt"] == "."
        assert len(row["genotype_likelihoods"].split(",")) == 3


def test_same_table_same_bytes_at_any_chunk(table, tmp_path, monkeypatch):
    write_alleles(tmp_path / "a.tsv.gz", table)
    monkeypatch.setattr("dbgclean.variants.tables._CHUNK", 7)
    write_alleles(tmp_path / "b.tsv.gz", table)
    assert (tmp_path / "a.tsv.gz").read_bytes() == (tmp_path / "b.tsv.gz").read_bytes()
    assert (tmp_path / "a.tsv.gz").read_bytes()[4:8] == bytes(4)  # no time stamp


def test_what_is_not_known_is_a_dot_and_words_keep_to_their_field(tmp_path):
    table = AlleleTable.empty(1, ["c"])
    table.reasons[0] = ("a\tb\nc", "d")
    write_alleles(tmp_path / "a.tsv.gz", table)
    header, row = lines_of(tmp_path / "a.tsv.gz")
    got = dict(zip(header, row, strict=True))
    assert got["reasons"] == "a b c; d"
    for name in ("ref", "zygosity", "quality", "likelihood", "origin", "normal_depth", "filters"):
        assert got[name] == "."
    write_alleles(tmp_path / "none.tsv.gz", AlleleTable.empty(0, ["c"]))
    assert lines_of(tmp_path / "none.tsv.gz") == [list(COLUMNS)]


def test_rows_are_plain_and_leave_out_lone_errors(table):
    rows = alleles_to_rows(table)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    lone = (table.klass == ERROR) & (table.alt_fragments < 2)
    assert lone.any()
    assert len(rows) == np.count_nonzero(~lone)
    assert [row["position"] for row in rows] == (table.position[~lone] + 1).tolist()
    assert set(rows[0]) == set(COLUMNS)
    assert rows[0]["normal_alt"] is None
    assert isinstance(rows[0]["filters"], list)
    empty = alleles_to_rows(AlleleTable.empty(1, ["c"]))
    assert empty[0]["quality"] is None
    assert empty[0]["genotype_likelihoods"] == [None] * 3


def test_a_limit_takes_the_weakest_errors_first(table):
    others = np.count_nonzero(table.klass != ERROR)
    rows = listed_rows(table, others + 5)
    assert len(rows) == others + 5
    errors = table.klass == ERROR
    kept = rows[table.klass[rows] == ERROR]
    assert len(kept) == 5
    dropped = np.setdiff1d(np.flatnonzero(errors), kept)
    assert table.alt_fragments[kept].min() >= table.alt_fragments[dropped].max()
    assert (np.diff(rows) > 0).all()
    assert (table.klass[listed_rows(table, 10)] != ERROR).all()


def test_totals(table):
    totals = summarise(table)
    assert json.loads(json.dumps(totals)) == totals
    assert totals["alleles"] == 200 == sum(totals["classes"].values())
    variants = totals["classes"]["variant"]
    assert variants == np.count_nonzero(table.klass == VARIANT)
    assert variants == sum(totals["kinds"].values()) == sum(totals["zygosities"].values())
    assert totals["listed"] == len(alleles_to_rows(table))
    assert totals["listed"] + totals["counted_only"] == 200
    assert totals["filters"]["NotReal"] == totals["classes"]["error"]
    assert totals["origins"] == {}
    nothing = summarise(AlleleTable.empty(0, []))
    assert nothing["alleles"] == nothing["listed"] == 0
    assert nothing["median_depth"] is None


def fisher(a, b, c, d):
    """By the definition, in exact integers."""
    alt, forward, n = a + b, a + c, a + b + c + d
    ways = {
        x: comb(alt, x) * comb(n - alt, forward - x)
        for x in range(max(0, forward - (n - alt)), min(alt, forward) + 1)
    }
    return sum(w for w in ways.values() if w <= ways[a]) / comb(n, forward)


counts = st.integers(0, 60)


@given(counts, counts, counts, counts)
def test_strand_bias_is_fisher_s_test(a, b, c, d):
    table = AlleleTable.empty(1, ["c"])
    for name, value in zip(("alt_forward", "alt_reverse", "ref_forward", "ref_reverse"),
                           (a, b, c, d), strict=True):  # fmt: skip
        getattr(table, name)[:] = value
    score = strand_bias(table)[0]
    if a + b < 2 or c + d == 0:
        assert score == 0
    else:
        assert score == pytest.approx(-10 * log10(fisher(a, b, c, d)), abs=1e-4)


def test_strand_bias_at_great_depth():
    table = AlleleTable.empty(2, ["c"])
    table.alt_forward[:] = (4000, 2000)
    table.alt_reverse[:] = (0, 2000)
    table.ref_forward[:] = table.ref_reverse[:] = 2000
    assert strand_bias(table).tolist() == [999.0, 0.0]


def test_every_column_and_filter_is_explained():
    page = (Path(__file__).parents[1] / "docs" / "inspect.md").read_text(encoding="utf-8")
    missing = [name for name in (*COLUMNS, *FILTERS, *CLASSES, *KINDS) if f"`{name}`" not in page]
    assert not missing
    keys = re.findall(r'"(DBG_\w+)"', Path(vcf.__file__).read_text(encoding="utf-8"))
    assert [key for key in keys if f"`{key}`" not in page] == []
