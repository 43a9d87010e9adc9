"""packaging/: what is there names options, outputs, versions and dependencies that exist.

What needs other programs (MultiQC, Snakemake, cwltool, planemo, Groovy) is in packaging/check.py.
"""

import re
import runpy
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import dbgclean
from dbgclean.__main__ import main

ROOT = Path(__file__).parents[1]
KIT = ROOT / "packaging"
TEXTS = {
    path: path.read_text()
    for folder in ("bioconda", "cwl", "galaxy", "nextflow", "snakemake")
    for path in sorted((KIT / folder).rglob("*"))
    if path.is_file() and path.suffix != ".gz"
}
# Options of other programs, by the file that they stand in.
FOREIGN = {
    "bioconda/meta.yaml": {"--no-deps", "--no-build-isolation", "--no-cache-dir"},
    "nextflow/main.nf": {"--only-assembler", "--input", "--outdir"},
    "nextflow/steps.nf": {"--plan", "--command"},  # its own, and of `dbgclean plan`
}
# What bioconda and conda-forge call what PyPI calls otherwise.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base", "isal": "python-isal"}


def _name(path):
    return str(path.relative_to(KIT))


def _help(capsys, verb):
    assert main([verb, "--help"]) == 0
    return capsys.readouterr().out


def test_every_option_is_one_of_run(capsys):
    known = set(re.findall(r"--[a-z][\w-]*", _help(capsys, "run"))) | {"--version"}
    for path, text in TEXTS.items():
        used = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text)) - FOREIGN.get(_name(path), set())
        assert used <= known, f"{_name(path)}: {used - known}"


def test_a_sample_can_be_named():
    """Links have names of ours: without one, `p_1.fastq.gz` of single reads is the sample p."""
    for path in ("galaxy/dbgclean.xml", "cwl/dbgclean-run.cwl"):
        assert "--sample" in TEXTS[KIT / path]
    module = TEXTS[KIT / "nextflow" / "modules" / "dbgclean" / "run" / "main.nf"]
    assert "--sample '${prefix}'" in module


def test_every_output_is_one_of_run(tmp_path):
    assert main(["run", "--example", "-o", str(tmp_path / "out"), "--no-controls", "-q"]) == 0
    written = {path.name for path in (tmp_path / "out").rglob("*")}
    wrapper = TEXTS[KIT / "snakemake" / "wrapper.py"]
    named = re.findall(r'^    "\w+": "(\S+)",$', wrapper, re.M)
    named += re.findall(r"glob: out/([^/\n]+)$", TEXTS[KIT / "cwl" / "dbgclean-run.cwl"], re.M)
    named += re.findall(r'from_work_dir="out/([^"]+)"', TEXTS[KIT / "galaxy" / "dbgclean.xml"])
    module = TEXTS[KIT / "nextflow" / "modules" / "dbgclean" / "run" / "main.nf"]
    named += re.findall(r"mv \$\{prefix\}/(\S+)", module)
    assert len(named) == 7 + 5 + 4 + 5
    assert set(named) <= written


def test_one_version():
    found = {
        (_name(path), version)
        for path, text in TEXTS.items()
        for version in re.findall(r"(?<![\d.])(?<!>=)0\.\d+\.\d+(?![\d.])", text)
    }
    assert {version for _, version in found} == {dbgclean.__version__}
    assert {name.split("/")[0] for name, _ in found} == {
        "bioconda", "cwl", "galaxy", "nextflow", "snakemake",
    }  # fmt: skip


def test_the_recipe_needs_what_the_package_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {f"python {project['requires-python']}"}
    for requirement in project["dependencies"]:
        name, bound = re.fullmatch(r"([\w.-]+)(>=[\w.]+)?(?:;.*)?", requirement.strip()).groups()
        needed.add(" ".join(filter(None, (CONDA.get(name, name), bound))))
    recipe = TEXTS[KIT / "bioconda" / "meta.yaml"]
    run = recipe.partition("  run:\n")[2].partition("\ntest:")[0]
    assert set(re.findall(r"^    - (.+)$", run, re.M)) == needed
    (script,) = (f"{name} = {target}" for name, target in project["scripts"].items())
    assert f"    - {script}\n" in recipe


@pytest.mark.parametrize("path", [p for p in TEXTS if p.suffix in (".cwl", ".yml", ".yaml")])
def test_yaml_is_read(path):
    yaml = pytest.importorskip("yaml")
    text = TEXTS[path]
    if "{%" in text:
        jinja2 = pytest.importorskip("jinja2")
        text = jinja2.Template(text).render(PYTHON="python", pin_subpackage=lambda *a, **k: a[0])
    assert isinstance(yaml.safe_load(text), dict)


def test_the_modules_description_names_what_it_emits():
    yaml = pytest.importorskip("yaml")
    folder = KIT / "nextflow" / "modules" / "dbgclean" / "run"
    described = yaml.safe_load(TEXTS[folder / "meta.yml"])["output"]
    lines = re.findall(r'path\("(.+?)"\).*emit: (\w+)', TEXTS[folder / "main.nf"])
    emitted = {name: path for path, name in lines}
    files = {name: list(content[0][1])[0] for name, content in described.items()}
    assert files == emitted | {"versions_dbgclean": "dbgclean"}


def test_the_galaxy_tool_is_whole():
    tool = ElementTree.parse(KIT / "galaxy" / "dbgclean.xml").getroot()
    for value in (param.get("value") for param in tool.iterfind("tests//param[@ftype]")):
        assert (KIT / "galaxy" / "test-data" / value).is_file()
    names = {param.get("name") for param in tool.iterfind("inputs//param")}
    names |= {(param.get("argument") or "").lstrip("-").replace("-", "_")
              for param in tool.iterfind("inputs//param")}  # fmt: skip
    used = re.findall(r"\$(?:library\.|sample\.)?(\w+)", tool.findtext("command"))
    assert set(used) - {"library", "layout", "files", "file", "names", "number", "suffix"} <= names


def test_what_was_checked_is_what_there_is_to_check():
    checks = [title for title, _ in runpy.run_path(str(KIT / "check.py"))["CHECKS"]]
    told = (KIT / "CHECKED.md").read_text()
    assert re.findall(r"^\| (.+?) \| (?:passed|not run: .+) \|$", told, re.M) == checks
