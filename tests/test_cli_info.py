"""``dbgclean info``: everything a bug report needs, whatever is installed."""

import json
import platform
import re
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from dbgclean import __version__
from dbgclean.__main__ import main
from dbgclean.cli import info
from dbgclean.errors import ModelError


def test_text_names_versions_device_and_correctors(capfd):
    assert main(["info"]) == 0
    shown = capfd.readouterr().out
    assert shown.startswith(f"dbgclean {__version__}, Python 3.")
    for words in ("device: ", "threads: ", "torch", "numba", "dbgclean.correctors"):
        assert words in shown


def test_own_correctors_are_registered(capfd):
    assert main(["info", "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    own = {one["name"] for one in facts["correctors"] if one["package"] == "dbgclean"}
    ours = {
        "none",
        "cutoff",
        "nearest",
        "ratio",
        "likelihood",
        "likelihood+",
        "autoencoder",
        "auto",
    }
    assert own == ours
    assert facts["dbgclean"] == __version__
    assert facts["threads"] >= 1


def test_a_plugin_is_named_without_being_loaded(monkeypatch):
    plugin = EntryPoint("broken", "no.such.module:Corrector", info.GROUP)
    monkeypatch.setattr("dbgclean.correct.registry.entry_points", lambda group: [plugin])
    facts = info.collect()
    assert facts["correctors"] == [
        {
            "name": "broken",
            "package": "unknown",
            "version": "unknown",
            "class": "no.such.module:Corrector",
        }
    ]
    assert "broken  unknown  unknown  no.such.module:Corrector" in info.render(facts)


def test_missing_libraries_are_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(info, "version_of", lambda name: "not installed")
    facts = info.collect()
    assert set(facts["libraries"].values()) == {"not installed"}
    assert facts["device"] == "none: torch is not installed"


def test_a_damaged_model_does_not_stop_info(monkeypatch, tmp_path):
    def refuse(folder):
        message = "config.toml: damaged; install dbgclean again"
        raise ModelError(message)

    (tmp_path / "pretrained").mkdir()
    (tmp_path / "pretrained" / "config.toml").write_text("")
    monkeypatch.setattr("dbgclean.model.read_card", refuse, raising=False)
    monkeypatch.setattr(info, "MODELS", tmp_path)
    (found,) = info._models()
    assert found == {
        "name": "pretrained",
        "card": {"damaged": "config.toml: damaged; install dbgclean again"},
    }


@pytest.mark.parametrize("nested", [{}, {"data": {"genomes": ["a", "b"]}}])
def test_cards_are_indented(nested):
    lines = list(info._card_lines({"scheme": "windows", **nested}))
    assert lines[0] == "scheme: windows"
    if nested:
        assert lines[1:] == ["data:", "  genomes: ['a', 'b']"]


def test_versions_are_nf_cores_yaml(capfd):
    """nf-core takes ``versions.yml`` of a process: its name, and tool and version below."""
    assert main(["info", "--versions", "QC:CORRECT"]) == 0
    first, *lines = capfd.readouterr().out.splitlines()
    assert first == '"QC:CORRECT":'
    found = dict(re.fullmatch(r'    (\w+): "([^"]+)"', line).groups() for line in lines)
    assert found["dbgclean"] == __version__
    assert found["python"] == platform.python_version()
    assert {"numpy", "numba", "torch", "pysam"} <= set(found)


def test_versions_import_nothing_heavy():
    program = (
        "import sys; from dbgclean.__main__ import main; main(['info', '--versions']);"
        "print(sorted({'numpy', 'numba', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"
