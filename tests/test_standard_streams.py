"""Standard output, input and error: full, closed, gone, unbuffered. One line, or all the bytes."""

import logging
import os
import subprocess
import sys

import pytest
from small_samples import mixture

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.log import set_up_logging

DBGCLEAN = f"exec {sys.executable} -m dbgclean"
FULL = "standard output: cannot be written: No space left on device; free some space"
CLOSED = "standard output: cannot be written: Bad file descriptor; it is closed"

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a.fq of some 300 kB in it, and a graph."""
    folder = tmp_path_factory.mktemp("streams")
    found, _, _ = mixture(length=2000, depth=60, spacing=None, seed=21)
    simulate.write_fastq(found, folder / "a.fq")
    (folder / "g.gfa").write_text("H\tVN:Z:1.0\nS\t1\tACGTTGCAACGT\n")
    return folder


def sh(command, home, **environment):
    return subprocess.run(
        ["bash", "-c", command],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


# What each writer puts out first by itself, then through a buffer of Python's or none.
WRITERS = {
    "count": "count a.fq -k 21 -q",
    "correct": "correct a.fq -q --no-spikes --corrector nearest",
    "corrections": "correct a.fq -o b.fq --corrections - -q --no-spikes --corrector likelihood",
    "graph": "graph g.gfa -q",
    "bubbles": "graph g.gfa -o x.gfa --bubbles - -q",
    "json": "graph g.gfa -o x.gfa --json - -q",
    "compare": "compare g.gfa g.gfa -q",
    "info": "info",
}


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("argv", WRITERS.values(), ids=WRITERS)
def test_a_full_disk_is_one_line(argv, unbuffered, home):
    done = sh(f"{DBGCLEAN} {argv} > /dev/full", home, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr.startswith(f"dbgclean: error: {FULL}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("argv", WRITERS.values(), ids=WRITERS)
def test_a_closed_output_is_one_line(argv, home):
    done = sh(f"{DBGCLEAN} {argv} >&-", home)
    assert done.returncode == 1
    assert done.stderr.startswith(f"dbgclean: error: {CLOSED}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["count", "correct"])
def test_a_disk_that_fills_up_is_seen_without_a_buffer(name, home):
    """A pipe or a file that takes a part of what it is given: the rest is tried, and fails."""
    command = f"ulimit -f 16; trap '' XFSZ; {DBGCLEAN} {WRITERS[name]} > out"
    done = sh(command, home, PYTHONUNBUFFERED="1")
    assert done.returncode == 1
    assert "standard output: cannot be written: File too large" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("name", ["count", "correct"])
def test_a_reader_that_goes_away_ends_it_quietly(name, unbuffered, home):
    command = (
        f"{DBGCLEAN.removeprefix('exec ')} {WRITERS[name]} | head -c 100; exit ${{PIPESTATUS[0]}}"
    )
    done = sh(command, home, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert len(done.stdout) == 100
    assert not done.stderr


@pytest.mark.parametrize("name", ["count", "correct", "compare"])
def test_all_bytes_come_without_a_buffer(name, home):
    plain = sh(f"{DBGCLEAN} {WRITERS[name]}", home)
    raw = sh(f"{DBGCLEAN} {WRITERS[name]} | cat", home, PYTHONUNBUFFERED="1")
    assert plain.returncode == raw.returncode == 0
    assert plain.stdout == raw.stdout != ""


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_that_are_not_needed_change_nothing(closed, home):
    assert sh(f"{DBGCLEAN} count a.fq -k 21 -q -o expected.fa", home).returncode == 0
    done = sh(f"{DBGCLEAN} count a.fq -k 21 -o k.fa {closed}", home)
    assert done.returncode == 0
    assert "Error" not in done.stderr
    assert (home / "k.fa").read_bytes() == (home / "expected.fa").read_bytes()


@pytest.mark.parametrize("argv", ["count - -k 21", "correct -", "graph -"])
def test_a_closed_input_is_one_line(argv, home):
    done = sh(f"{DBGCLEAN} {argv} -q <&-", home)
    assert done.returncode == 1
    assert done.stderr.startswith("dbgclean: error: -: standard input is closed")
    assert done.stderr.count("\n") == 1


def test_words_that_nobody_can_read_change_no_exit_code(home):
    assert sh(f"{DBGCLEAN} count missing.fq 2>/dev/full", home).returncode == 1
    assert sh(f"{DBGCLEAN} count a.fq -k 21 -o k.fa 2>/dev/full", home).returncode == 0


NASTY = "r\x1b]0;PWN\x07\nsecond"


@pytest.mark.parametrize(
    "argv",
    [["count", NASTY], ["count", "a.fq", f"--{NASTY}"], ["count", "a.fq", "-o", f"no/{NASTY}"]],
)
def test_names_cannot_speak_to_the_terminal(argv, home, monkeypatch, capfd):
    monkeypatch.chdir(home)
    assert main(argv) in (1, 2)
    said = capfd.readouterr().err
    assert said.splitlines()[-1].startswith("dbgclean: error: ")
    assert "\x1b" not in said
    assert "\x07" not in said
    assert not any(line.startswith("second") for line in said.splitlines())


def test_names_in_the_log_cannot_either(capfd):
    set_up_logging()
    logging.getLogger("dbgclean.any").warning("%s: odd", NASTY)
    assert (
        capfd.readouterr().err[len("2026-11-26 22:30:00 ") :]
        == "dbgclean: warning: r\ufffd]0;PWN\ufffd\ufffdsecond: odd\n"
    )
