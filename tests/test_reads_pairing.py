"""Which files are pairs: told by the names of ten reads, or by the user."""

import logging

import pytest

from dbgclean.__main__ import main
from dbgclean.errors import InputError, UsageError
from dbgclean.reads import ReadStatistics, iter_batches, plan_inputs


def fastq(names):
    return "".join(f"@{name}\nACGTACGTACGTACGT\n+\nIIIIIIIIIIIIIIII\n" for name in names)


@pytest.fixture
def put(tmp_path):
    def write(**files):
        paths = []
        for name, names in files.items():
            paths.append(str(tmp_path / f"{name}.fq"))
            (tmp_path / f"{name}.fq").write_text(fastq(names))
        return paths

    return write


def layouts(paths, **options):
    return [(len(group.paths), group.layout) for group in plan_inputs(paths, **options)]


@pytest.mark.parametrize("orphans", [[2, 7, 9, 31, 40], [2], [1, 2], range(2, 60)])
def test_orphans_in_front_of_their_pairs(put, orphans):
    """As fasterq-dump --split-3 names them, and a shell sorts them."""
    pairs = range(1, 50)
    paths = put(
        SRR9=[f"SRR9.{i}" for i in orphans],
        SRR9_1=[f"SRR9.{i}" for i in pairs],
        SRR9_2=[f"SRR9.{i}" for i in pairs],
    )
    assert layouts(paths) == [(1, "single"), (2, "paired")]
    assert layouts([paths[1], paths[2], paths[0]]) == [(2, "paired"), (1, "single")]


UNLIKE = {
    "UMI": ("r{}_ACGT", "r{}_GGTT"),
    "semicolons": ("r{}/1;1", "r{}/2;2"),
    "letters": ("r{}.F", "r{}.R"),
    "underscores": ("r{}_1:N:0:AC", "r{}_2:N:0:AC"),
}


@pytest.mark.parametrize("kind", UNLIKE)
def test_names_that_are_not_those_of_mates(put, kind, caplog, capfd, tmp_path):
    one, two = UNLIKE[kind]
    paths = put(a_R1=map(one.format, range(30)), a_R2=map(two.format, range(30)))
    assert layouts(paths) == [(1, "single"), (1, "single")]
    (message,) = caplog.messages
    assert f"{one.format(0)!r} and {two.format(0)!r} are not names of mates" in message
    assert "--paired" in message
    assert main(["correct", *paths, "-o", str(tmp_path / "o.fq")]) == 1
    assert "--paired" in capfd.readouterr().err
    statistics = ReadStatistics()
    (group,) = plan_inputs(paths, paired=True)
    (batch,) = iter_batches(group, statistics=statistics)
    assert (group.layout, batch.paired, statistics.pairs) == ("paired", True, 30)
    assert list(batch.names)[:2] == [one.format(0), two.format(0)]


def test_files_of_other_names_are_told_of_quietly(put, caplog):
    caplog.set_level(logging.INFO)
    plan_inputs(put(lane=["a", "b"], other=["c", "d"]))
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_pairs_that_the_user_names_must_be_as_many(put):
    paths = put(a=[f"a{i}" for i in range(30)], b=[f"b{i}" for i in range(29)])
    (group,) = plan_inputs(paths, paired=True)
    with pytest.raises(InputError, match="ends after 29 reads"):
        list(iter_batches(group))


def test_pairs_that_the_user_names_are_checked_where_names_tell(put):
    names = [f"r{i}" for i in range(30)]
    paths = put(a=names, b=[*names[:20], *names[21:], names[20]])
    (group,) = plan_inputs(paths, paired=True)
    with pytest.raises(InputError, match="record 21: 'r20' and 'r21' are not mates"):
        list(iter_batches(group))


def test_an_odd_number_of_files_is_no_pairs(put):
    paths = put(a=["x"], b=["x"], c=["x"])
    with pytest.raises(UsageError, match="two files for two mates, and these are 3 files"):
        plan_inputs(paths, paired=True)
    with pytest.raises(UsageError, match="both single and paired"):
        plan_inputs(paths, paired=True, single=True)


@pytest.mark.parametrize("verb", ["count", "graph"])
def test_how_many_pairs_is_said(put, verb, capfd, tmp_path):
    names = [f"r{i}" for i in range(30)]
    paths = put(a_1=names, a_2=names)
    assert main([verb, *paths, "-o", str(tmp_path / "o"), "-k", "11"]) == 0
    assert f"30 pairs from {paths[0]} and {paths[1]}" in capfd.readouterr().err
