"""Stopped and killed: an end within seconds, nothing left behind, or removed by the next run."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dbgclean import _temporary
from dbgclean._files import atomic_path
from dbgclean._folder import OutputFolder
from dbgclean._temporary import Temporary

# A process whose main thread does not come back to the interpreter, as in a long kernel: the
# handlers, which it would not come to, do nothing here.
STUCK = """
import ctypes, signal, sys
from dbgclean import __main__, _process
from dbgclean._folder import OutputFolder
from dbgclean._temporary import temporary_folder

def main():
    signal.signal(signal.SIGINT, lambda number, frame: None)
    temporary_folder(sys.argv[1])
    with OutputFolder(sys.argv[1] + "/out") as folder:
        folder.path("reads/a").write_text("half")
        print("ready", flush=True)
        while True:
            ctypes.CDLL(None).sleep(600)

_process._GRACE = 0.2
__main__._terminate = lambda number, frame: None
__main__.main = main
__main__.main_cli()
"""


def started(program, *arguments):
    child = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_kernel_that_does_not_come_back_is_ended(which, tmp_path):
    child = started(STUCK, tmp_path)
    assert list(tmp_path.iterdir())
    child.send_signal(which)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 128 + which
    assert said == ("dbgclean: error: interrupted\n" if which == signal.SIGINT else "")
    assert not list(tmp_path.iterdir())


# An interpreter that takes long over its own end, and lets no other thread run meanwhile.
SLOW_TO_GO = """
import atexit, ctypes, signal, sys, time
from dbgclean import __main__
from dbgclean._temporary import temporary_folder

def run(argv):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    temporary_folder(sys.argv[1])
    atexit.register(lambda: ctypes.PyDLL(None).sleep(600))
    print("ready", flush=True)
    time.sleep(600)

__main__.run_verb = run
__main__.main_cli()
"""


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_the_interpreter_is_not_waited_for(which, tmp_path):
    child = started(SLOW_TO_GO, tmp_path)
    assert list(tmp_path.iterdir())
    child.send_signal(which)
    try:
        child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 128 + which
    assert not list(tmp_path.iterdir())


HOLDS = """
import sys, time
from pathlib import Path
from dbgclean._files import atomic_path
from dbgclean._folder import OutputFolder
folder = Path(sys.argv[1])
with atomic_path(folder / "a.fa") as part, OutputFolder(folder / "out") as out:
    out.path("x").write_text("half")
    print("ready", flush=True)
    time.sleep(600)
"""


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(_temporary, "_SECONDS", 0)
    (tmp_path / "b.fa").write_text("mine")
    (tmp_path / ".dbgclean-notes.tmp.a.fa").write_text("mine")
    child = started(HOLDS, tmp_path)
    left = {path for path in tmp_path.iterdir() if ".tmp." in path.name}
    assert len(left) == 3

    def once_more():
        with atomic_path(tmp_path / "a.fa") as part, OutputFolder(tmp_path / "out") as out:
            part.write_text("whole")
            out.path("x").write_text("whole")

    once_more()
    # It lives: its files are locked.
    assert {path for path in tmp_path.iterdir() if ".tmp." in path.name} == left
    child.kill()
    child.communicate()
    once_more()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".dbgclean-notes.tmp.a.fa",
        "a.fa",
        "b.fa",
    ]


def test_what_is_young_or_of_another_machine_stays(tmp_path, monkeypatch):
    first = Temporary(tmp_path, "a")
    os.close(first._lock)
    Temporary(tmp_path, "a").remove()
    assert first.path.exists()
    monkeypatch.setattr(_temporary, "_SECONDS", 0)
    monkeypatch.setattr(_temporary, "_machine", lambda: "elsewhere")
    Temporary(tmp_path, "a").remove()
    assert first.path.exists()
    monkeypatch.undo()
    monkeypatch.setattr(_temporary, "_SECONDS", 0)
    Temporary(tmp_path, "a").remove()
    assert not first.path.exists()
    first._lock = -1
    first.forget()


def test_long_names_have_room(tmp_path):
    with atomic_path(tmp_path / ("n" * 255)) as part:
        part.write_text("x")
    assert (tmp_path / ("n" * 255)).read_text() == "x"


def test_the_compiling_child_ends_with_its_parent():
    program = (
        "import subprocess, sys, time\n"
        "inner = 'from dbgclean.pipeline import first_run as f; import time; "
        "f.compile_threading = lambda: time.sleep(600); f.compile_all(False)'\n"
        "child = subprocess.Popen([sys.executable, '-c', inner], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with open(f"/proc/{child}/stat", encoding="ascii") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.1)
    pytest.fail("the child lives on")
