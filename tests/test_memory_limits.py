"""Limits on address space: one line and an end, never a hang, an abort or a traceback."""

import subprocess
import sys

import pytest
from small_samples import mixture

from benchmarks.simulators import simulate

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs ulimit -v")


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    path = tmp_path_factory.mktemp("memory") / "a.fq"
    found, _, _ = mixture(length=1500, depth=20, spacing=None, seed=21)
    simulate.write_fastq(found, path)
    return path


def limited(kilobytes, argv):
    command = f"ulimit -v {kilobytes}; exec {sys.executable} -m dbgclean {argv}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("kilobytes", [150_000, 600_000, 1_000_000])
@pytest.mark.parametrize("verb", ["count", "correct", "run"])
def test_too_little_is_said_at_once(verb, kilobytes, reads, tmp_path):
    done = limited(kilobytes, f"{verb} {reads} -o {tmp_path / 'out'} -k 21 -t 2")
    assert done.returncode == 1
    assert "not enough memory: the limit on address space" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_training_needs_more_than_judging(reads, tmp_path):
    assert limited(1_100_000, f"run {reads} -o {tmp_path / 'out'} -t 2").returncode == 0
    done = limited(1_700_000, f"train {reads} -o {tmp_path / 'model'} -t 2")
    assert done.returncode == 1
    assert "train needs at least 1,792 MB" in done.stderr


def test_a_count_under_a_limit_has_the_same_bytes(reads, tmp_path):
    free, capped = tmp_path / "free.fa", tmp_path / "capped.fa"
    assert limited("unlimited", f"count {reads} -o {free} -t 2").returncode == 0
    assert limited(1_100_000, f"count {reads} -o {capped} -t 2").returncode == 0
    assert free.read_bytes() == capped.read_bytes()
