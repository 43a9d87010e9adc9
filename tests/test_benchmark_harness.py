"""The frame of the benchmarks: every one starts, and results say what they come from."""

import argparse
import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

import benchmarks
from benchmarks.harness.command import Parser, need, record, save
from benchmarks.harness.tools import Tool, call, measured, shown, version_of

FOLDER = Path(benchmarks.__file__).parent
COMMANDS = sorted(
    ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts)
    for path in FOLDER.rglob("*.py")
    if '__name__ == "__main__"' in path.read_text() and path.name != "launch.py"
)


ROOT = FOLDER.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGES.md", FOLDER / "README.md", *ROOT.glob("docs/*.md")]
PRINTED = {
    command
    for page in PAGES
    for command in re.findall(
        r"python -m (benchmarks\.[a-z].*?)[`\n]", page.read_text().replace("\\\n", "")
    )
}


class Understood(Exception):
    """The command line was parsed."""


@pytest.mark.parametrize("command", sorted(PRINTED))
def test_commands_of_the_pages_are_understood(command, monkeypatch):
    def parse(self, args=None, namespace=None, parse=argparse.ArgumentParser.parse_args):
        parse(self, args, namespace)
        raise Understood

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    module, *words = shlex.split(command)
    name = module if module in COMMANDS else f"{module}.__main__"
    with pytest.raises(Understood):
        importlib.import_module(name).main(words)


@pytest.mark.parametrize("module", COMMANDS)
def test_every_benchmark_starts(module, capsys):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(module).main(["--help"])
    assert ended.value.code == 0
    assert f"python -m {module.removesuffix('.__main__')} " in capsys.readouterr().out


def test_results_say_what_they_come_from(tmp_path):
    parser = Parser("one", "doc", seeds=[1], output=None, model=None)
    parser.several("--sets", ("50 %", "b"))
    assert "of 50 %, b" in parser.format_help()
    target = tmp_path / "new" / "out.json"
    args = parser.parse_args(["--seeds", "1", "2", "-o", str(target), "--sets", "b"])
    absent = Tool("absent", "no-such-tool")
    save(args.output, record(args, [absent], figures=[1]))
    written = json.loads(target.read_text())
    assert written["command"] == "python -m benchmarks.one --seeds 1 2 -o out.json --sets b"
    assert written["settings"] == {"seeds": [1, 2], "model": None, "sets": ["b"]}
    assert written["versions"]["absent"] == "no-such-tool is not on the PATH"
    assert {"dbgclean", "numpy"} <= written["versions"].keys()
    assert written["machine"]["cores"] > 0
    assert written["figures"] == [1]
    assert str(tmp_path) not in target.read_text()
    save(None, {})


def test_absent_data_end_a_benchmark_with_one_line(tmp_path):
    need(tmp_path)
    with pytest.raises(SystemExit, match="^.*genomes: not there; give --data$"):
        need(tmp_path / "genomes")


def test_commands_that_fail_say_so(tmp_path):
    assert call(["echo", "a"]) == "a\n"
    for run in (lambda words: call(words), lambda words: measured(words, tmp_path, words[0])):
        with pytest.raises(RuntimeError, match="no-such-tool is not on the PATH"):
            run(["no-such-tool"])
        with pytest.raises(RuntimeError, match="false.* ended with 1: it said nothing"):
            run(["false"])
    assert version_of("no-such-tool", ()) == "not installed"
    assert shown(["tool", "/a/b.fa", "in=/c/d", "@/e/f"]) == "tool b.fa in=d @f"
