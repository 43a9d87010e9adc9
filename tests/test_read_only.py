"""An installation that cannot be written, a user without a home: kernels are kept elsewhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from numba.core.caching import _CacheLocator
from small_samples import mixture

import dbgclean
from benchmarks.simulators import simulate
from dbgclean import _cache
from dbgclean.__main__ import main

PACKAGE = Path(dbgclean.__file__).parent


def unshare(command):
    """The command line that runs a shell command with mounts of its own."""
    return ["unshare", "-m", "bash", "-c", command]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The package once more, with the kernels of `count` compiled in it, and reads."""
    if not shutil.which("unshare") or subprocess.run(unshare("true"), check=False).returncode:
        pytest.skip("needs mounts of its own (unshare -m)")
    top = tmp_path_factory.mktemp("read_only")
    shutil.copytree(PACKAGE, top / "lib" / "dbgclean")
    found, _, _ = mixture(length=1500, depth=20, spacing=None, seed=21)
    simulate.write_fastq(found, top / "a.fq")
    (top / "tmp").mkdir()
    done = count(top, mounts=False)
    assert done.returncode == 0, done.stderr
    return top


def count(top, mounts=True, **environment):
    lib = top / "lib"
    read_only = f"mount --bind {lib} {lib} && mount -o remount,ro,bind {lib} && " if mounts else ""
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    set_ = {"HOME": "/proc/nohome", "TMPDIR": str(top / "tmp"), "PYTHONPATH": str(lib)}
    return subprocess.run(
        unshare(f"{read_only}exec {sys.executable} -m dbgclean count a.fq -k 21"),
        cwd=top, capture_output=True, text=True, check=False, env=kept | set_ | environment,
    )  # fmt: skip


def test_kernels_compiled_before_are_used_and_the_folder_is_told_once(tree):
    private = tree / "tmp" / f"dbgclean-kernels-{os.geteuid()}"
    expected = count(tree, mounts=False)
    first, second = count(tree), count(tree)
    assert expected.returncode == first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout == expected.stdout
    assert f"compiled kernels go to {private}" in first.stderr
    assert str(private) not in second.stderr
    kernels = [path for path in private.rglob("*") if path.suffix == ".nbc"]
    assert kernels
    assert all(path.is_symlink() for path in kernels)  # nothing was compiled once more


def test_a_cache_that_is_named_but_read_only_is_a_source_too(tree):
    warm = tree / "lib" / "warm"
    count(tree, mounts=False, NUMBA_CACHE_DIR=str(warm))
    there = tree / "elsewhere"
    there.mkdir()
    done = count(tree, NUMBA_CACHE_DIR=str(warm), TMPDIR=str(there))
    assert done.returncode == 0, done.stderr
    kernels = list(there.rglob("*.nbc"))
    assert kernels
    assert all(path.is_symlink() for path in kernels)


def test_without_any_folder_it_is_one_line(tree):
    nowhere = "/proc/nohome"
    command = f"mount -o remount,ro,bind / && cd / && exec {sys.executable} -m dbgclean count x"
    for place in ("/tmp", "/var/tmp", str(tree)):
        command = f"mount --bind {place} {place}; mount -o remount,ro,bind {place}; {command}"
    command = f"mount --bind / / ; {command}"
    environment = {**os.environ, "HOME": nowhere, "TMPDIR": nowhere}
    environment["PYTHONPATH"] = str(tree / "lib")
    done = subprocess.run(
        unshare(command), capture_output=True, text=True, check=False, env=environment
    )
    if "remount" in done.stderr or "mount:" in done.stderr:
        pytest.skip("the root cannot be made read-only here")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("dbgclean: error: ")


def test_a_user_without_name_or_home_uses_what_was_compiled(tree):
    """As in a container: user 12345, who may write below TMPDIR alone."""
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    (tree / "theirs").mkdir()
    base, packages = Path(sys.base_prefix), Path(numba.__file__).parents[1]
    python = f"python/bin/python3.{sys.version_info.minor}"
    steps = (
        "mount -t tmpfs none /mnt",
        "mkdir /mnt/python /mnt/packages /mnt/top",
        f"mount --bind {base} /mnt/python",
        f"mount --bind {packages} /mnt/packages",
        f"mount --bind {tree} /mnt/top",
        "chmod 755 /mnt /mnt/top",
        "chown 12345 /mnt/top/theirs",
        "mount -o remount,ro,bind /mnt/top",
        "mount --bind /mnt/top/theirs /mnt/top/theirs",
        "mount -o remount,rw,bind /mnt/top/theirs",
        "cd /mnt/top",
        "exec setpriv --reuid 12345 --regid 12345 --clear-groups env -i HOME=/nonexistent "
        "TMPDIR=/mnt/top/theirs PYTHONPATH=/mnt/top/lib:/mnt/packages "
        f"/mnt/{python} -m dbgclean count a.fq -k 21",
    )
    done = subprocess.run(unshare(" && ".join(steps)), capture_output=True, text=True, check=False)
    if "mount:" in done.stderr or f"{python}: " in done.stderr:
        pytest.skip("no such mounts here")
    assert done.returncode == 0, done.stderr
    assert done.stdout == count(tree, mounts=False).stdout
    kernels = list((tree / "theirs").rglob("*.nbc"))
    assert kernels
    assert all(path.is_symlink() for path in kernels)


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Settings of a process that begins, whose package cannot be written."""
    monkeypatch.setattr(_cache, "_read_only", lambda: {})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nowhere" / "cache"))
    (tmp_path / "nowhere").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", "x")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _cache.prepare_cache.cache_clear()
    yield tmp_path / f"dbgclean-kernels-{os.geteuid()}"
    _cache.prepare_cache.cache_clear()


def test_a_folder_that_others_may_write_is_not_trusted(fresh):
    fresh.mkdir()
    fresh.chmod(0o777)
    found = Path(_cache.prepare_cache())
    assert found != fresh
    assert found.stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_place_of_the_folder_is_not_followed(fresh, tmp_path):
    (tmp_path / "theirs").mkdir()
    fresh.symlink_to(tmp_path / "theirs")
    _cache.prepare_cache()
    assert os.environ["NUMBA_CACHE_DIR"] != str(fresh)


def test_a_private_folder_is_made_for_this_user_alone(fresh):
    assert _cache.prepare_cache() == str(fresh) == os.environ["NUMBA_CACHE_DIR"]
    assert fresh.stat().st_mode & 0o777 == 0o700


def test_matplotlib_keeps_its_fonts_there_too(fresh, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", "")
    monkeypatch.delenv("MPLCONFIGDIR")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/nohome")
    monkeypatch.setattr(_cache, "_writable", lambda folder: False)
    _cache.prepare_cache()
    assert os.environ["MPLCONFIGDIR"] == str(fresh / "matplotlib")
    monkeypatch.delenv("MPLCONFIGDIR")


def test_folders_are_named_as_numba_names_them():
    for module in ("reads/batch.py", "spectrum/kmers.py"):
        path = PACKAGE / module
        expected = _CacheLocator.get_suitable_cache_subpath(str(path))
        assert _cache._numbas_name(path.parent) == expected


def test_kernels_for_oneself_alone_are_no_warm_up(fresh, capfd):
    assert main(["warm-up"]) == 1
    assert "run it as whoever installed dbgclean" in capfd.readouterr().err
