"""Both pages: contrast, keyboard, headings, words for pictures; and that faults are found."""

import pytest
from inspect_example import example_report
from page_basics import contrast, faults
from report_example import bare, example, picture, without_truth

from dbgclean.report import render_html
from dbgclean.report.inspect_page import render_inspect_page


@pytest.mark.parametrize("report", [example(), example(picture=picture()), without_truth(), bare()])
def test_the_page_of_a_run_has_no_faults(report):
    assert faults(render_html(report)) == []


def test_the_page_of_an_inspection_has_no_faults():
    assert faults(render_inspect_page(example_report())) == []


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<h1>a</h1><h3>b</h3>", "h3 follows h1"),
        ("<h1>a</h1><a href='#x'>b</a>", "leads to nothing"),
        ("<h1>a</h1><button></button>", "no name"),
        ("<h1>a</h1><div onclick='x'></div>", "events"),
        ("<h1>a</h1><div tabindex='0'></div>", "tabindex"),
        ("<h1>a</h1><svg></svg>", "role and name"),
        ("<h1>a</h1><img src='x'>", "alternative"),
        ("<h1>a</h1><style>:root { --ink: #999999; --paper: #ffffff; }</style>", "contrast"),
    ],
)
def test_faults_are_found(text, fault):
    found = faults(text)
    assert found
    assert fault in " ".join(found)
