"""What is uploaded holds what it should, under one version."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import dbgclean

ROOT = Path(__file__).parents[1]
_BUILD = (
    "import sys; from setuptools import build_meta as b; out = sys.argv[1]; "
    "b.build_sdist(out); b.build_wheel(out); b.build_editable(out + '/editable')"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Names in the sdist (below its folder) and in the wheel, by kind; built from a copy."""
    pytest.importorskip("setuptools", "77")
    top = tmp_path_factory.mktemp("packaging")
    left = shutil.ignore_patterns("__pycache__", ".git", "*.egg-info", "build", "dist", ".venv")
    shutil.copytree(ROOT, top / "copy", ignore=left)
    (top / "editable").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(top)],
        cwd=top / "copy", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (sdist,), (wheel,) = top.glob("*.tar.gz"), top.glob("*.whl")
    with tarfile.open(sdist) as file:
        inside = {name.partition("/")[2] for name in file.getnames()}
    (editable,) = (top / "editable").glob("*.whl")
    names = {"sdist": inside, "names": {sdist.name, wheel.name}}
    for kind, path in (("wheel", wheel), ("editable", editable)):
        with zipfile.ZipFile(path) as file:
            names[kind] = set(file.namelist())
    return names


def _files(folder):
    """Paths below a folder of the repository, without what is compiled."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(p.relative_to(ROOT)) for p in found if "__pycache__" not in p.parts}


def test_the_wheel_holds_the_package_and_nothing_else(built):
    package = {name for name in built["wheel"] if name.startswith("dbgclean/")}
    assert package == _files("dbgclean")
    assert {name.split("/")[0] for name in built["wheel"] - package} == {
        f"dbgclean-{dbgclean.__version__}.dist-info"
    }
    for part in ("example/", "model/pretrained/", "report/templates/", "py.typed"):
        assert any(name.startswith(f"dbgclean/{part}") for name in package)


def test_an_editable_install_is_a_path(built):
    # An import hook is asked last: a folder with nothing but caches of numba, which pip leaves
    # of an earlier install, would be taken for the package.
    (path,) = (name for name in built["editable"] if ".dist-info/" not in name)
    assert path.endswith(".pth")


@pytest.mark.parametrize("folder", ["tests", "docs", "benchmarks", "data", "dbgclean", "packaging"])
def test_the_sdist_holds_all_of(folder, built):
    assert _files(folder) <= built["sdist"]


def test_the_sdist_holds_what_the_readme_needs(built):
    assert {"README.md", "CHANGES.md", "CITATION.cff", "constraints.txt"} <= built["sdist"]
    assert not [name for name in built["sdist"] if name.endswith((".pyc", ".nbi", ".nbc"))]


def test_one_version(built):
    version = dbgclean.__version__
    assert built["names"] == {f"dbgclean-{version}.tar.gz", f"dbgclean-{version}-py3-none-any.whl"}
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    told = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGES.md").read_text(), re.M)
    assert cited[1] == told[1] == version


def test_the_readme_has_no_picture_that_an_index_cannot_show():
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", (ROOT / "README.md").read_text())
    assert [path for path in pictures if not path.startswith("https://")] == []
