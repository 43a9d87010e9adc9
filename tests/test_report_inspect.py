"""The page of an inspection: loads nothing, takes any text as text, filters in a browser."""

import base64
import hashlib
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_example import EVIL, evil_report, example_report

from dbgclean.report.bubble_picture import bubble
from dbgclean.report.inspect_page import CLASS_WORDS, render_inspect_page, write_inspect_page
from dbgclean.variants.allele_table import CLASSES

VOID = {"meta", "link", "br", "img", "hr", "input"}
RAW = {"style", "script"}


class Page(HTMLParser):
    """Checks nesting; keeps tags, attributes, text, and what stands in style and script."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack, self.tags, self.raw, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack[-1:] and self.stack[-1] in RAW:
            self.raw.append((self.stack[-1], dict(self.tags[-1][1]), data))
        else:
            self.text += data

    @property
    def data(self):
        (found,) = (data for _, attrs, data in self.raw if attrs.get("id") == "data")
        return json.loads(found)

    def rows(self):
        found = self.data
        return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def check(text):
    page = Page(text)
    names = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(names) == len(set(names))
    for tag, attrs in page.tags:
        assert tag not in {"iframe", "object", "embed", "base"}
        for key, value in attrs.items():
            assert not key.startswith("on")
            assert key != "style"  # the policy would not let it through
            if key in {"href", "src", "action"}:
                assert value.startswith(("#", "data:"))
            if key == "aria-labelledby":
                assert value in names
    assert "https://" not in text
    assert text.replace("http://www.w3.org/2000/svg", "").count("http://") == 0
    return page


@pytest.fixture(scope="module")
def page():
    return check(render_inspect_page(example_report()))


def test_says_what_was_found(page):
    report = example_report()
    for words in (
        "sample",
        "chr20:1,001-3,000",
        "52.3 mean depth",
        "1,040 reads",
        f"{report['summary']['classes']['variant']} variants:",
        "that a single fragment shows",
        "The corrector takes it for a sequencing error",
        "sample.bam",
        "min mapping quality",
    ):
        assert words in page.text, words


def test_every_class_of_the_table_has_its_button(page):
    buttons = [attrs["data-class"] for tag, attrs in page.tags if "data-class" in attrs]
    assert sorted(buttons) == sorted(CLASSES) == sorted(CLASS_WORDS)


def test_the_rows_are_all_there_with_their_bubbles(page):
    rows, given_rows = page.rows(), example_report()["alleles"]
    assert len(rows) == len(given_rows)
    for row, given_row in zip(rows, given_rows, strict=True):
        assert {key: row[key] for key in row if key != "bubble"} == {
            key: given_row[key] for key in row if key != "bubble"
        }
        left, ref, alt, right = row["bubble"]
        assert left + ref.replace("-", "") + right == given_row["ref_arm"]


def test_the_policy_names_the_one_style_and_the_one_script(page):
    (policy,) = (
        attrs["content"]
        for tag, attrs in page.tags
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "connect-src" not in policy
    blocks = [(tag, text) for tag, attrs, text in page.raw if attrs.get("id") != "data"]
    assert sorted(tag for tag, _ in blocks) == ["script", "style"]
    for tag, text in blocks:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_script_never_hands_data_to_a_parser(page):
    (script,) = (t for tag, a, t in page.raw if tag == "script" and a.get("id") != "data")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                 "new Function", "fetch(", "XMLHttpRequest", "import("):  # fmt: skip
        assert word not in script


def test_hostile_text_stays_text(tmp_path):
    text = render_inspect_page(evil_report(), sample=EVIL)
    page = check(text)
    assert [attrs.get("id") for tag, attrs in page.tags if tag == "script"] == ["data", None]
    assert page.rows()[0]["bubble"][0] == EVIL
    assert page.rows()[0]["reasons"] == [EVIL.replace("\u2028", "\ufffd")]
    assert "{{ 7*7 }}" in page.text
    assert "\x1b" not in text
    write_inspect_page(tmp_path / "report.html", evil_report(), sample=EVIL)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("part", ["config", "inputs", "regions", "summary", "alleles", "version"])
def test_each_part_may_be_missing(part):
    report = example_report()
    del report[part]
    check(render_inspect_page(report))


def test_nothing_found_and_nothing_given():
    assert "No allele is listed" in check(render_inspect_page({})).text
    assert "0 variants." in check(render_inspect_page(example_report(0))).text


def test_same_report_same_bytes():
    assert render_inspect_page(example_report()) == render_inspect_page(example_report())


def test_rows_without_numbers_can_be_drawn():
    row = {"contig": "c", "position": 5, "ref": "A", "alt": "T", "class": "undecided"}
    (got,) = check(render_inspect_page({"alleles": [row]})).rows()
    assert got["depth"] == got["posterior"] == 0
    assert got["quality"] is None
    assert got["bubble"] == ["", "A", "T", ""]


def test_without_a_reference_the_track_shows_the_contigs_of_the_alleles():
    rows = example_report(20)["alleles"]
    for i, row in enumerate(rows):
        row["contig"] = f"bubble-contig-{1 + i // 5}"
    page = check(render_inspect_page(example_report(20, alleles=rows)))
    assert "chr20:1,001-2,000" in page.text
    regions = page.data["regions"]
    assert [r["contig"] for r in regions] == list(dict.fromkeys(row["contig"] for row in rows))
    for row in rows:
        (region,) = (r for r in regions if r["contig"] == row["contig"])
        assert region["start"] < row["position"] <= region["end"]


# --- the bubble --------------------------------------------------------------------------

bases = st.text("ACGT", max_size=12)


@given(bases, bases, bases, bases, st.booleans())
def test_flanks_and_arms_spell_the_two_sequences(left, ref, alt, right, tip):
    ref, alt = left + ref + right, left + alt + right
    cut = bubble(ref, alt, tip=tip)
    assert cut.left + cut.ref.replace("-", "") + cut.right == ref
    assert cut.left + cut.alt.replace("-", "") + ("" if tip else cut.right) == alt
    assert len(cut.ref) == len(cut.alt)
    assert all(pair != ("-", "-") for pair in zip(cut.ref, cut.alt, strict=True))
    if ref == alt and not tip:
        assert cut.ref == ""
    elif not tip:
        assert cut.ref[0] != cut.alt[0]


@given(bases, bases, st.text("ACGT", min_size=1, max_size=4), st.integers(0, 4))
def test_a_gap_stands_as_far_left_as_it_goes(left, right, unit, times):
    cut = bubble(left + unit * (times + 1) + right, left + unit * times + right)
    assert "-" not in cut.ref
    assert set(cut.alt) == {"-"}
    # One base to the left and the sequence would no longer be the same.
    assert not cut.left or cut.left[-1] != cut.ref[-1]
