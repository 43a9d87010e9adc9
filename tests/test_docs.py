"""The docs do what they say: the tutorial runs as printed, the code on the pages works."""

import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import dbgclean as dbg
from dbgclean.correct import ERROR, REAL, UNDECIDED, correctors
from dbgclean.pipeline import full
from dbgclean.report import glossary

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLE = Path(dbg.__file__).parent / "example"
READS = [EXAMPLE / "example_R1.fastq.gz", EXAMPLE / "example_R2.fastq.gz"]


def printed(notebook):
    """What each cell of code prints."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        "".join(part.text for part in cell.outputs if part.output_type == "stream")
        for cell in cells
    ]


# The client's sockets and event loop are closed when they are collected, not by us.
@pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")
@pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")
def test_the_tutorial_prints_what_it_shows(tmp_path):
    """After a change: jupyter nbconvert --to notebook --execute --inplace docs/tutorial.ipynb"""
    shown = nbformat.read(DOCS / "tutorial.ipynb", as_version=4)
    run = nbformat.read(DOCS / "tutorial.ipynb", as_version=4)
    client = NotebookClient(run, timeout=240, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert printed(run) == printed(shown)
    assert not any(name in str(shown.cells) for name in (str(DOCS), "/home/", "/tmp/"))


@pytest.fixture
def of_the_page(tmp_path, monkeypatch):
    """The corrector of docs/correctors.md, installed as far as the import system can tell."""
    page = (DOCS / "correctors.md").read_text()
    code, registered = re.findall(r"```(?:python|toml)\n(.*?)```", page, re.S)
    point = registered.splitlines()[1].replace('"', "")
    name, module = re.fullmatch(r"(\w+) = my_package\.(\w+):\w+", point).groups()
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / f"{module}.py").write_text(code)
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{correctors.GROUP}]\n{point}\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for loaded in ("my_package", f"my_package.{module}"):
        sys.modules.pop(loaded, None)


def test_the_corrector_of_the_page_judges_bases_and_gaps(of_the_page):
    clean = dbg.correct(READS, corrector=of_the_page)
    table = clean.alternatives.columns()
    kind, verdict = np.array(table["kind"]), np.array(table["verdict"])
    fragments, gap = np.array(table["fragments"]), kind != "substitution"
    names = np.array(["error", "real", "undecided"])[[ERROR, REAL, UNDECIDED]]
    assert set(verdict) <= set(names)
    assert (fragments[verdict == "real"] >= np.where(gap, 6, 3)[verdict == "real"]).all()
    assert set(kind[verdict == "undecided"]) <= {"insertion", "deletion"}
    assert 0 < len(clean.kmers) < len(clean.raw)


def test_the_corrector_of_the_page_tells_gaps_from_bases(of_the_page):
    class Rows:
        """Four fragments each, on both strands: a base, an insertion, a deletion."""

        kind = np.arange(3)
        fragments = np.full(3, 4)

        def column(self, _):
            return np.full(3, 2.0)

        def __len__(self):
            return 3

    class Evidence:
        alternatives = Rows()

    verdicts = correctors.load_corrector(of_the_page).judge(Evidence(), None)
    assert verdicts.verdict.tolist() == [REAL, UNDECIDED, UNDECIDED]


def test_the_ten_lines_are_those_of_the_readme():
    first = [
        re.search(r"```python\n(.*?)```", path.read_text(), re.S)[1]
        for path in (DOCS / "index.md", DOCS.parent / "README.md")
    ]
    plain = [re.sub(r"\s+|#.*", "", text) for text in first]
    assert plain[0] == plain[1]


def test_the_glossary_has_the_words_of_the_report():
    rows = re.findall(r"^\| ([\w][^|]*?) \|", (DOCS / "glossary.md").read_text(), re.M)[1:]
    words = [word.strip() for row in rows for word in row.split(",")]
    assert len(words) == len(set(words))
    graph = {"k-mer", "abundance", "spectrum", "unitig", "junction", "tip", "Eulerian deficit"}
    assert graph <= {word for word, _ in glossary.DEFINITIONS}
    assert graph <= set(words)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    """`folder/file.py` is in the repository, or in the package."""
    root = DOCS.parent
    named = re.findall(r"`((?:\w+/)+\w+\.(?:py|md|ini|toml))(?::\w+)?`", page.read_text())
    # Of our folders: `my_package/...` and outputs are somebody else's.
    ours = {p.name for p in (*root.iterdir(), *(root / "dbgclean").iterdir()) if p.is_dir()}
    missing = [
        name for name in named if name.split("/")[0] in ours
        and not (root / name).exists() and not (root / "dbgclean" / name).exists()
    ]  # fmt: skip
    assert missing == []


def test_the_worked_example_is_where_it_says():
    page = (DOCS / "new_column.md").read_text()
    source = Path(full.__file__).read_text()
    for line in ('"cutoff": raw.counts >= run.spectrum.cutoff', '"classical": classical'):
        assert line in page
        assert line in source
    assert "    sets = {" in source
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for test in re.findall(r"`(test_\w+)`", page):
        assert f"def {test}(" in tests
