"""The frame of the command line: verbs, exit codes, one-line errors, where words go."""

import argparse
import errno
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dbgclean import __version__
from dbgclean.__main__ import main
from dbgclean.cli import allowed_cpus, find_verbs, info, kmer_size, memory_size, thread_count
from dbgclean.errors import InputError, UsageError
from dbgclean.log import Progress, set_up_logging

EXAMPLE = Path(info.__file__).parent.parent / "example"


def error_line(capfd):
    """The only line on stderr, without its beginning."""
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("dbgclean: error: ")
    return lines[0].removeprefix("dbgclean: error: ")


@pytest.fixture
def failing(monkeypatch):
    """Make the verb ``info`` raise what it is given."""

    def fail_with(error):
        def raise_it(args):
            raise error

        monkeypatch.setattr(info, "main", raise_it)

    return fail_with


def test_help_lists_every_verb(capfd):
    assert main(["--help"]) == 0
    shown = capfd.readouterr().out
    for verb, short_help in find_verbs().items():
        assert verb in shown
        assert short_help
        assert short_help.split()[0] in shown


def test_verbs_come_in_the_order_of_the_work():
    verbs = list(find_verbs())
    assert verbs.index("count") < verbs.index("info")
    assert not any(verb.startswith("_") for verb in verbs)


@pytest.mark.parametrize("verb", find_verbs())
def test_help_of_each_verb(verb, capfd):
    assert main([verb, "--help"]) == 0
    shown = capfd.readouterr().out
    assert shown.startswith(f"usage: dbgclean {verb}")
    assert "--quiet" in shown
    assert "--debug" in shown


@pytest.mark.parametrize("verb", find_verbs())
def test_the_readme_names_each_verb(verb):
    readme = Path(__file__).parent.parent / "README.md"
    assert f"\ndbgclean {verb} " in readme.read_text(encoding="utf-8")


def test_version(capfd):
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"dbgclean {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "VERB"),
        (["correkt"], "'correkt'"),
        (["count"], "READS"),
        (["count", "x.fq", "-k", "30"], "30 is even"),
        (["count", "x.fq", "-k", "129"], "11 to 127"),
        (["count", "x.fq", "-k", "9"], "11 to 127"),
        (["count", "x.fq", "-k", "many"], "not a whole number"),
        (["count", "x.fq", "-t", "-1"], "threads"),
        (["count", "x.fq", "--memory", "lots"], "8G"),
        (["count", "x.fq", "--interleaved", "--single"], "not allowed"),
        (["info", "--colour"], "--colour"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(argv, words, capfd):
    assert main(argv) == 2
    line = error_line(capfd)
    assert words in line
    assert "--help" in line


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("a.fq: empty; give reads"), 1, "a.fq: empty; give reads"),
        (UsageError("k is even; give 31"), 2, "k is even; give 31"),
        (MemoryError(), 1, "--memory"),
        (OSError(errno.ENOSPC, "No space left on device", "out.fa"), 1, "out.fa: no space"),
        (PermissionError(errno.EACCES, "Permission denied", "out.fa"), 1, "out.fa: Permission"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_anticipated_failures_are_one_line(error, code, words, failing, capfd):
    failing(error)
    assert main(["info"]) == code
    assert words in error_line(capfd)


def test_debug_shows_the_traceback(failing, capfd):
    failing(InputError("a.fq: empty; give reads"))
    assert main(["info", "--debug"]) == 1
    assert "Traceback" in capfd.readouterr().err


def test_a_bug_is_not_hidden(failing):
    failing(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        main(["info"])


def test_a_closed_pipe_ends_quietly():
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "dbgclean", "info"],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b""


def test_kmer_size_takes_odd_numbers_only():
    assert [kmer_size(str(k)) for k in range(11, 32, 2)] == list(range(11, 32, 2))
    for wrong in ("10", "12", "32", "2.5", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            kmer_size(wrong)


@pytest.mark.parametrize(
    ("text", "size"),
    [("8G", 8 * 2**30), ("500M", 500 * 2**20), ("1.5g", 3 * 2**29), ("64", 64), ("2GiB", 2**31)],
)
def test_memory_size(text, size):
    assert memory_size(text) == size


def test_threads_zero_means_all_allowed():
    assert thread_count("0") == allowed_cpus() >= 1
    assert thread_count("3") == 3


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, ["plain", "dbgclean: warning: careful"]),
        ({"quiet": True}, ["dbgclean: warning: careful"]),
        (
            {"quiet": True, "debug": True},
            ["[dbgclean.test] detail", "plain", "dbgclean: warning: careful"],
        ),
    ],
)
def test_log_goes_to_stderr(settings, shown, capfd):
    set_up_logging(**settings)
    logger = logging.getLogger("dbgclean.test")
    logger.debug("detail")
    logger.info("plain")
    logger.warning("careful")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert untimed(captured.err) == shown


def untimed(text):
    """Lines of a log without their times, which all of them have."""
    found = [
        re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)", line) for line in text.splitlines()
    ]
    return [match[1] for match in found]


def test_on_a_terminal_lines_have_no_times(capfd, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    set_up_logging()
    logging.getLogger("dbgclean.test").warning("careful")
    assert capfd.readouterr().err == "dbgclean: warning: careful\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_away_from_a_terminal_a_stage_is_a_line(quiet, capfd):
    set_up_logging(quiet=quiet)
    with Progress(quiet=quiet) as progress:
        progress.start("Reading", total=3)
        assert list(progress.iterate("abc")) == ["a", "b", "c"]
    assert not progress.shown
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == "" if quiet else untimed(captured.err) == ["Reading: 0.0 s"]


def test_a_log_file_has_everything_with_times(tmp_path, capfd):
    log = tmp_path / "a.log"
    argv = ["count", str(EXAMPLE / "example_R1.fastq.gz"), "-o", str(tmp_path / "k.fa")]
    assert main([*argv, "--quiet", "--log", str(log)]) == 0
    assert capfd.readouterr() == ("", "")
    lines = untimed(log.read_text())
    assert lines[0].startswith(f"[dbgclean] dbgclean {__version__}: count ")
    assert any(line.endswith("Counting example_R1.fastq.gz") for line in lines)
    assert lines[-1] == f"written: {tmp_path / 'k.fa'}"
    # What goes wrong is in it, and what was in it before is not.
    assert main(["count", str(tmp_path / "no.fq"), "--log", str(log)]) == 1
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert said.removesuffix("\n") == log.read_text().splitlines()[-1].split(" ", 2)[2]


@pytest.mark.parametrize(
    ("log", "code", "words"),
    [
        ("-", 2, "on stderr anyway"),
        ("no/a.log", 1, "make that folder first"),
        ("out/a.log", 2, "in the output folder"),
        ("a.fq", 2, "an input too"),
    ],
)
def test_where_a_log_cannot_be(log, code, words, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("a.fq").write_text("@r\nACGT\n+\nIIII\n")
    Path("out").mkdir()
    assert main(["run", "a.fq", "-o", "out", "--log", log]) == code
    assert words in error_line(capfd)
    assert Path("a.fq").read_text().startswith("@r")
    assert list(Path("out").iterdir()) == []


def test_a_log_that_cannot_be_written_on_is_said_once(capfd):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    argv = ["count", str(EXAMPLE / "example_R1.fastq.gz"), "-o", os.devnull]
    assert main([*argv, "--quiet", "--log", "/dev/full"]) == 0
    assert untimed(capfd.readouterr().err) == [
        "dbgclean: warning: --log /dev/full: cannot be written any more "
        "([Errno 28] No space left on device); free some space"
    ]


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_on_a_terminal(quiet, capfd, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    set_up_logging(quiet=quiet)
    with Progress(quiet=quiet) as progress:
        assert progress.shown is not quiet
        progress.start("Reading", total=3)
        progress.start("Counting")
        assert list(progress.iterate("abc", size=len)) == ["a", "b", "c"]
    captured = capfd.readouterr()
    assert captured.out == ""
    assert ("Counting" in captured.err) is not quiet
