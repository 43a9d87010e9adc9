"""``--memory``: the same bytes however little it is, or one line before the work is begun."""

import re

import pytest
from small_samples import mixture

import dbgclean.spectrum.counting as counting
from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.pipeline import room
from dbgclean.spectrum.spill import SpillFile


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    path = tmp_path_factory.mktemp("memory") / "reads.fq"
    found, _, _ = mixture(length=8000, depth=50, spacing=900, seed=31)
    simulate.write_fastq(found, path)
    return path


def corrected(reads, folder, *more):
    """Bytes of all files that `correct` writes."""
    folder.mkdir()
    names = ["c.fq", "corrections.tsv", "changes.tsv", "figures.json"]
    out, corrections, changes, figures = (str(folder / name) for name in names)
    argv = ["correct", str(reads), "-o", out, "--corrections", corrections, "--changes", changes]
    assert main([*argv, "--json", figures, "--correction-k", "21", "-q", *more]) == 0
    return [(folder / name).read_bytes() for name in names]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_what_spills_has_the_same_bytes(reads, tmp_path, monkeypatch, threads):
    expected = corrected(reads, tmp_path / "free", "-t", "1")
    opened = []
    kept = SpillFile.open
    monkeypatch.setattr(SpillFile, "open", lambda self: opened.append(self) or kept(self))
    monkeypatch.setattr(counting, "SMALLEST_BUFFER", 1 << 15)
    monkeypatch.setattr(counting, "CHUNK_BASES", 1 << 12)
    monkeypatch.setattr(room, "share_of", lambda memory: 1 << 30)
    spill = tmp_path / "spill"
    spill.mkdir()
    small = corrected(
        reads, tmp_path / "small", "-t", threads, "--memory", "800K", "--tmp", str(spill)
    )
    assert small == expected
    assert opened
    assert not list(spill.iterdir())


@pytest.mark.parametrize("verb", ["correct", "run"])
def test_what_does_not_fit_is_said_before_it_is_begun(reads, tmp_path, capfd, monkeypatch, verb):
    monkeypatch.setattr(room, "BESIDES", 0)
    argv = [verb, str(reads), "-o", str(tmp_path / "out"), "--memory", "200K", "-t", "1"]
    assert main([*argv, "-k", "21"]) == 1
    words = capfd.readouterr().err
    line = words.splitlines()[-1]
    assert re.search(r"threading reads along [\d,]+ 21-mers, with about [\d,]+ errors, takes", line)
    assert "--memory is 200KB; give --memory 1G" in line
    assert "Threading" not in words
    assert not list(tmp_path.iterdir())


def test_what_fits_is_what_is_not_refused():
    for memory in (1 << 30, 8 << 30, 100 << 30):
        kmers = room.most_kmers(memory)
        assert room.threading_bytes(kmers, 0) <= room.share_of(memory)
        assert room.threading_bytes(kmers + 1, 0) > room.share_of(memory)


def test_a_dry_run_says_how_much_fits(reads, capfd):
    assert main(["correct", str(reads), "-o", "-", "--memory", "8G", "--dry-run"]) == 0
    most = f"{room.most_kmers(8 << 30):,}"
    assert (
        f"do: reads threaded where no more than {most} k-mers are seen twice"
        in capfd.readouterr().out
    )
