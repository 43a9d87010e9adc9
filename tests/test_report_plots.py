"""The pictures: which are drawn, that they are whole SVG, and the same bytes each time."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from report_example import bare, example, parts, without_truth

from dbgclean.report import draw_plots, write_plots
from dbgclean.report.canvas import TOKENS, abundance_end, inline_svg
from dbgclean.report.plots import _spectrum


@pytest.fixture(scope="module")
def drawn():
    return draw_plots(example())


def _texts(svg: str) -> str:
    return " ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.text)


def test_every_picture_is_well_formed_svg(drawn):
    assert list(drawn) == ["spectrum", "ambiguity", "abundance", "cost"]
    for svg in drawn.values():
        assert ET.fromstring(svg).tag.endswith("svg")
        assert "<metadata>" not in svg
        assert "<dc:date>" not in svg


def test_valley_peak_and_every_column_are_named(drawn):
    assert "valley 8" in _texts(drawn["spectrum"])
    assert "peak 46.8" in _texts(drawn["spectrum"])
    for name in parts()["ambiguity"]:
        assert name in _texts(drawn["ambiguity"])
        assert name in _texts(drawn["cost"])


def test_no_mark_lies_under_the_legend():
    report = example()
    fit = report["spectrum"]["fit"]
    fit["peak"] = 0.8 * abundance_end(report)
    figure = _spectrum(report)
    figure.canvas.draw()
    (axes,) = figure.axes
    legend = axes.get_legend().get_window_extent()
    assert len(axes.texts) == 3
    for mark in axes.texts:
        assert not legend.overlaps(mark.get_window_extent()), mark.get_text()


def test_missing_parts_leave_out_pictures():
    assert list(draw_plots(bare())) == ["ambiguity"]
    assert "cost" not in draw_plots(without_truth())
    assert list(draw_plots({})) == []


def test_no_fit_draws_the_histogram_alone():
    spectrum = parts()["spectrum"] | {"fit": {"fitted": False, "reason": "too shallow"}}
    text = _texts(draw_plots(example(spectrum=spectrum))["spectrum"])
    assert "fitted" not in text
    assert "valley" not in text


def test_hostile_and_foreign_names_are_drawn_as_text():
    columns = parts()["ambiguity"]
    for name in ("$x^2$<b>&", "日本", "a\x1b[31m", "tie_tie_tie_tie_tie_tie_tie"):
        columns[name] = columns["likelihood"]
    drawn = draw_plots(example(ambiguity=columns))
    assert "$x^2$<b>&" in _texts(drawn["cost"])
    assert "\x1b" not in drawn["cost"]


@pytest.mark.parametrize("count", [0, 1, 10**12])
def test_extreme_counts_can_be_drawn(count):
    raw = dict.fromkeys(parts()["ambiguity"]["raw"], count)
    spectrum = {"k": 31, "histogram": [[1, max(count, 1)]], "fit": {}}
    assert "cost" in draw_plots(bare(ambiguity={"raw": raw}, spectrum=spectrum))


def test_inline_svg_follows_the_page(drawn):
    svg = inline_svg(drawn["spectrum"], "spectrum", 'the "peak" <at> 46.8')
    assert svg.startswith('<svg role="img" aria-label="the &#34;peak&#34; &lt;at&gt; 46.8"')
    assert "xmlns" not in svg
    assert "<style" not in svg
    assert not any(colour in svg for colour in TOKENS)
    root = ET.fromstring(svg)
    names = [node.get("id") for node in root.iter() if node.get("id")]
    assert len(names) == len(set(names))
    assert all(name.startswith("spectrum-") for name in names)
    used = {node.get("href") for node in root.iter() if node.get("href")}
    assert {name.removeprefix("#") for name in used} <= set(names)


def test_files_are_the_drawings(tmp_path, drawn):
    assert write_plots(example(), tmp_path / "plots", drawn=drawn) == [f"{n}.svg" for n in drawn]
    assert (tmp_path / "plots" / "cost.svg").read_text(encoding="utf-8") == drawn["cost"]


def test_no_pyplot_and_no_settings_left_behind():
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "import matplotlib\n"
        "def settings():  # past RcParams' own getter, which would import pyplot\n"
        "    return dict(dict.items(matplotlib.rcParams))\n"
        "before = settings()\n"
        "from report_example import example; from dbgclean.report import draw_plots\n"
        "draw_plots(example())\n"
        "assert settings() == before\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    root = __file__.rsplit("/tests/", 1)[0]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "False"
