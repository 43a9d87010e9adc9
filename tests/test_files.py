"""Outputs appear under their final names only when whole."""

import errno
import gzip
import io
import os
import random
import resource

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbgclean._bgzf import BgzfWriter
from dbgclean._files import atomic_path, open_output, open_text
from dbgclean._folder import OutputFolder
from dbgclean.errors import InputError, OutputError
from dbgclean.reads.compression import detect_compression, open_bytes

NO_SPACE = os.strerror(errno.ENOSPC)


def hidden(folder):
    return [item.name for item in folder.iterdir() if item.name.startswith(".")]


def test_file_appears_at_the_end(tmp_path):
    final = tmp_path / "a.txt"
    with atomic_path(final) as path:
        path.write_text("whole")
        assert not final.exists()
        assert path.parent == final.parent
        assert path.suffix == ".txt"
    assert final.read_text() == "whole"
    assert not hidden(tmp_path)


def test_error_leaves_the_older_file_alone(tmp_path):
    final = tmp_path / "a.txt"
    final.write_text("older")

    def fail():
        with atomic_path(final) as path:
            path.write_text("half")
            raise InputError

    with pytest.raises(InputError):
        fail()
    assert final.read_text() == "older"
    assert not hidden(tmp_path)


def test_mode_follows_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "a") as path:
            path.write_text("x")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_path(tmp_path / "link") as path:
        path.write_text("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "x"


def test_dash_is_handed_through():
    with atomic_path("-") as path:
        assert str(path) == "-"


def test_device_is_written_directly_and_stays():
    with atomic_path("/dev/null") as path:
        path.write_bytes(b"x")
    assert not os.path.isfile("/dev/null")


def test_full_disk_is_one_line():
    def fill():
        with atomic_path("/dev/full") as path, path.open("wb") as file:
            file.write(b"x" * 100_000)

    with pytest.raises(OutputError, match=f"^/dev/full: cannot be written: {NO_SPACE}; free"):
        fill()


@pytest.fixture
def small_disk():
    """No file may grow over 100 kB: the write fails after a part of it, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("small_disk")
def test_disk_that_fills_up_leaves_nothing(tmp_path):
    def one_file():
        with atomic_path(tmp_path / "a") as path, path.open("wb") as file:
            file.write(bytes(200_000))

    def one_of_a_folder():
        with OutputFolder(tmp_path / "out") as folder:
            folder.path("first").write_bytes(b"x")
            with folder.path("kmers.fa").open("wb") as file:
                file.write(bytes(200_000))

    for write in (one_file, one_of_a_folder):
        with pytest.raises(OutputError, match="cannot be written: File too large; "):
            write()
        assert not list(tmp_path.iterdir())


def test_full_disk_on_standard_output_is_one_line():
    def fill():
        with atomic_path("-"):
            raise OSError(errno.ENOSPC, NO_SPACE)

    with pytest.raises(OutputError, match="^standard output: cannot be written"):
        fill()


def test_broken_pipe_stays_a_broken_pipe():
    def leave():
        with atomic_path("-"):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        leave()


def test_error_about_another_file_stays_what_it_is(tmp_path):
    def fail():
        with atomic_path(tmp_path / "a"):
            (tmp_path / "missing").read_bytes()

    with pytest.raises(FileNotFoundError):
        fail()
    assert not hidden(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [("missing/a", "No such file or directory; make that folder"), (".", "a folder; name a file")],
)
def test_unwritable_file_is_one_line(tmp_path, name, words):
    with pytest.raises(OutputError, match=words) as caught, atomic_path(tmp_path / name):
        pass
    assert "\n" not in str(caught.value)


def test_file_below_a_file_is_refused(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match="Not a directory"), atomic_path(tmp_path / "a" / "b"):
        pass


def test_folder_appears_on_commit(tmp_path):
    with OutputFolder(tmp_path / "new" / "out") as folder:
        folder.path("report.json").write_text("{}")
        folder.path("reads/a.fq").write_text("")
        assert not (tmp_path / "new" / "out").exists()
        assert folder.commit() == tmp_path / "new" / "out"
    assert sorted(p.name for p in (tmp_path / "new" / "out").rglob("*")) == [
        "a.fq",
        "reads",
        "report.json",
    ]
    assert not hidden(tmp_path / "new")


def test_folder_without_commit_leaves_nothing(tmp_path):
    with OutputFolder(tmp_path / "out") as folder:
        folder.path("report.json").write_text("{}")
    assert not list(tmp_path.iterdir())


def test_empty_folder_is_filled(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    inode = out.stat().st_ino
    with OutputFolder(out) as folder:
        folder.path("a").write_text("1")
        folder.commit()
    assert [p.name for p in out.iterdir()] == ["a"]
    assert out.stat().st_ino == inode


def test_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(OutputError, match=r"not empty; use --force \(from Python force=True\)"):
        OutputFolder(tmp_path)
    assert not hidden(tmp_path)


def test_force_replaces_only_what_is_written_anew(tmp_path):
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "report.json").write_text("old")
    (tmp_path / "reads").mkdir()
    (tmp_path / "reads" / "old.fq").touch()
    with OutputFolder(tmp_path, force=True) as folder:
        for name in ("report.json", "reads/new.fq", "plots/a.png"):
            folder.path(name).write_text("new")
        folder.commit()
    assert (tmp_path / "notes").read_text() == "mine"
    assert (tmp_path / "report.json").read_text() == "new"
    assert sorted(p.name for p in (tmp_path / "reads").iterdir()) == ["new.fq", "old.fq"]
    assert (tmp_path / "plots" / "a.png").exists()
    assert not hidden(tmp_path)


def test_failed_run_into_a_forced_folder_changes_nothing(tmp_path):
    (tmp_path / "report.json").write_text("old")

    def fail():
        with OutputFolder(tmp_path, force=True) as folder:
            folder.path("report.json").write_text("half")
            raise OSError(errno.ENOSPC, NO_SPACE)

    with pytest.raises(OutputError, match=NO_SPACE):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "old"


def test_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="a file, not a folder"):
        OutputFolder(tmp_path / "out")


def test_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        OutputFolder(tmp_path / "a" / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_parent_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied; write to a folder that is yours"):
        OutputFolder(tmp_path / "out")


def test_messages_name_the_final_path(tmp_path):
    out = tmp_path / "out"

    def fail(action):
        with OutputFolder(out) as folder:
            action(folder)

    def missing_parent(folder):
        with atomic_path(folder.path("a").parent / "no" / "b"):
            pass

    with pytest.raises(OutputError) as caught:
        fail(missing_parent)
    assert str(caught.value).startswith(f"{out}/no/b: cannot be written")
    with pytest.raises(OutputError) as caught:
        fail(lambda folder: (folder.path("a").parent / "no" / "b").write_text(""))
    assert str(caught.value).startswith(f"{out}/no/b: cannot be written")
    assert not list(tmp_path.iterdir())


def bgzf(*pieces, threads=1):
    raw = io.BytesIO()
    with BgzfWriter(raw, threads=threads) as file:
        for piece in pieces:
            file.write(piece)
    return raw.getvalue()


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 200_000), max_size=4),
    st.sampled_from([2, 256]),
)
def test_bgzf_holds_the_bytes_however_they_are_cut(seed, sizes, alphabet):
    draw = random.Random(seed)
    pieces = [bytes(draw.choices(range(alphabet), k=size)) for size in sizes]
    whole = b"".join(pieces)
    written = bgzf(*pieces)
    assert written == bgzf(*pieces, threads=2)
    assert gzip.decompress(written) == whole
    assert written == bgzf(whole)


def test_bgzf_is_read_by_htslib(tmp_path):
    text = b"".join(b"line %d\n" % i for i in range(50_000))
    path = tmp_path / "a.gz"
    path.write_bytes(bgzf(text[:1000], text[1000:]))
    with pysam.BGZFile(str(path)) as file:
        assert file.read(len(text) + 1) == text
    assert path.read_bytes()[4:8] == bytes(4)  # no time stamp


@pytest.mark.parametrize("kind", ["gz", "bgz", "bz2", "xz", "zst"])
def test_outputs_are_compressed_as_their_suffix_says(tmp_path, kind):
    """And what is written comes back, by the same bytes each time."""
    path, text = tmp_path / f"out.fq.{kind.upper()}", "ACGT\n" * 100_000
    written = []
    for _ in range(2):
        with open_output(path) as out:
            for start in range(0, len(text), 77_777):
                out.write(memoryview(text[start : start + 77_777].encode()))
        written.append(path.read_bytes())
    assert written[0] == written[1]
    assert len(written[0]) < 10_000
    assert detect_compression(str(path)) == kind.replace("bgz", "gz")
    with open_bytes(str(path)) as file:
        assert file.read().decode() == text
    with open_text(path) as out:
        out.write("short\n")
    with open_bytes(str(path)) as file:
        assert file.read() == b"short\n"


def test_zstd_without_a_library_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("dbgclean._files.optional", lambda *names: None)
    with (
        pytest.raises(OutputError, match="pip install backports.zstd, or name it .gz"),
        open_output(tmp_path / "out.zst"),
    ):
        pass
    assert not list(tmp_path.iterdir())
