"""The borders of the architecture: who may import whom, and what --help may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dbgclean
from dbgclean.cli import find_verbs

PACKAGE = Path(dbgclean.__file__).parent

# reads > spectrum > evidence > model > correct > graph > report, read from left to right:
# a stage sees what is to its left. graph needs the spectrum, and opens files as reads are
# opened; report shows what it is given and knows only the graph's and the spectrum's own objects.
MAY_IMPORT = {
    "reads": set(),
    "spectrum": {"reads"},
    "evidence": {"reads", "spectrum"},
    "model": {"reads", "spectrum", "evidence"},
    "correct": {"reads", "spectrum", "evidence", "model"},
    "graph": {"reads", "spectrum"},
    "report": {"spectrum", "graph"},
    "variants": {"reads", "spectrum", "evidence", "model", "correct", "graph"},
}
FOR_ALL = {
    "errors",
    "_bgzf",
    "_cache",
    "_columns",
    "_files",
    "_kernels",
    "_lazy",
    "_memory",
    "_sample",
    "_store",
    "_temporary",
}

# Third-party libraries, and the rooms that may hold them.
BORDERS = {
    "torch": {"model", "training"},
    "safetensors": {"model", "training"},
    "networkx": {"graph", "api"},
    "matplotlib": {"report", "training"},
    "jinja2": {"report"},
    "pysam": {"reads", "variants"},
    "dask": {"pipeline"},
    "distributed": {"pipeline"},
    "dask_jobqueue": {"pipeline"},
}

HEAVY = {
    "Bio",
    "jinja2",
    "matplotlib",
    "networkx",
    "numba",
    "numpy",
    "pysam",
    "rich",
    "scipy",
    "torch",
}

SOURCES = sorted(PACKAGE.rglob("*.py"))


def imported_modules(path):
    """Full names of what a file imports, anywhere in it."""
    inside = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = inside[: len(inside) - node.level] if node.level else ()
            module = ".".join([*parents, node.module] if node.module else parents)
            # `from dbgclean import reads` names a module as much as a member.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room(path):
    """First folder or module below the package: reads, pipeline, cli, ..."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


STAGE_SOURCES = [path for path in SOURCES if room(path) in MAY_IMPORT]


def rooms_entered(path):
    """Rooms of the package that a file imports from."""
    rooms = {entry.name for entry in PACKAGE.iterdir() if entry.is_dir()}
    rooms |= {entry.stem for entry in PACKAGE.glob("*.py")}
    for name in imported_modules(path):
        parts = name.split(".")
        if parts[0] == "dbgclean" and len(parts) > 1 and parts[1] in rooms:
            yield parts[1]


@pytest.mark.parametrize("path", STAGE_SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_stages_import_only_to_the_left(path):
    here = room(path)
    wrong = set(rooms_entered(path)) - MAY_IMPORT[here] - FOR_ALL - {here}
    assert not wrong, f"{path.name} of {here}/ must not import {sorted(wrong)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_the_pipeline_or_what_stands_on_it(path):
    top = {"pipeline", "cli", "log", "training"}
    # The API stands on the pipeline as the command line does, and the package offers it lazily.
    allowed = {
        "cli": top,
        "__main__": top,
        "api": {"pipeline", "log"},
        "pipeline": {"log"},
        "training": {"pipeline", "log"},
    }.get(room(path), set())
    wrong = (set(rooms_entered(path)) & top) - allowed - {room(path)}
    assert not wrong, f"{path.name} must not import {sorted(wrong)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_third_party_borders(path):
    libraries = {name.split(".")[0] for name in imported_modules(path)}
    wrong = {name for name in libraries & BORDERS.keys() if room(path) not in BORDERS[name]}
    assert not wrong, f"{path.name} of {room(path)} must not import {sorted(wrong)}"


def test_every_stage_is_in_the_list():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - {"cli", "example", "pipeline", "training"} <= MAY_IMPORT.keys()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([verb, "--help"] for verb in find_verbs())]
)
def test_help_loads_nothing_heavy(arguments):
    program = (
        "import sys\n"
        "from dbgclean.__main__ import main\n"
        f"code = main({arguments!r})\n"
        "print('LOADED', *sys.modules)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.rsplit("LOADED", 1)[1].split()}
    assert not loaded & HEAVY
