"""report.html: parses, loads nothing, survives missing parts and hostile names."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from report_example import bare, example, parts, picture, without_truth

from dbgclean.report import render_html, write_html

VOID = {"meta", "link", "br", "img", "hr", "input"}


class _Page(HTMLParser):
    """Checks nesting; keeps tags, attributes and text."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack, tag
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack[-1:] != ["style"]:
            self.text += data


def _check(text: str) -> _Page:
    page = _Page(text)
    names = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(names) == len(set(names))
    for tag, attrs in page.tags:
        assert tag not in {"script", "iframe", "object", "embed", "base"}
        for key, value in attrs.items():
            assert not key.startswith("on")
            if tag == "a" and key == "href":
                # Sections of this page, and files beside it.
                assert not urlsplit(value).scheme and not urlsplit(value).netloc  # noqa: PT018
                assert not value.startswith("#") or value[1:] in names
            elif key in {"href", "src", "xlink:href", "action", "data"}:
                assert value.startswith(("#", "data:")), (tag, key, value)
            if key == "aria-labelledby":
                assert value in names
    for address in re.findall(r"url\(([^)]*)\)|@import", text):
        assert address.startswith("#")
    assert "http://" not in text
    assert "https://" not in text
    return page


@pytest.fixture(scope="module")
def page() -> _Page:
    return _check(render_html(example()))


def test_whole_report_parses_and_loads_nothing(page):
    for words in (
        "mix60x",
        "What changed",
        "kmers.fa.gz is usable.",
        "expected loss at 5\u00a0%",
        "What it cost",
        "108,441",
        "Spectrum and its fit",
        "Refused, by reason",
        "where two paths cost nearly the same",
        "mix60x_R2.fastq.gz",
        "supplementary alignments",
        "bases other than ACGT",
        "Definitions",
        "How to cite",
        "0.243 %",
    ):
        assert words in page.text, words


def test_tables_have_captions_scopes_and_pictures_have_words(page):
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    pictures = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(pictures) == 4
    assert all(len(attrs["aria-label"]) > 20 and attrs["role"] == "img" for attrs in pictures)
    assert tags.count("h1") == 1


@pytest.mark.parametrize("part", ["spectrum", "corrections", "abundance", "alleles", "truth"])
def test_each_part_may_be_missing(part):
    _check(render_html(example(**{part: None})))


def test_outputs_are_linked_whatever_their_names():
    names = ["kmers.fa.gz", "reads/a b#1%.fq.gz", "reads/x:y?.fq", "report.json"]
    page = _check(render_html({**example(), "outputs": names}))
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a" and attrs["href"][0] != "#"]
    assert sorted(unquote(link) for link in links) == sorted(names)
    assert all(name in page.text for name in names)


def test_the_graph_is_drawn_and_its_rings_link_evidence():
    page = _check(render_html(example(picture=picture())))
    names = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    rings = [attrs for tag, attrs in page.tags if tag == "a" and "alternative" in attrs["href"]]
    assert len(rings) == 3 + 2  # two of them stand in both drawings
    assert {attrs["href"][1:] for attrs in rings} <= names
    assert {"zoom-graph_before", "zoom-graph_after", "alternative-2"} <= names
    for words in (
        "unitig 7 · 45 bp · depth 1 · removed",
        "9 unitigs · 900 bp",
        "the deepest 2 of 28 removed ones",
        "T to C, judged real, and kept: 8 of 48 fragments",
        "corrected in all reads that show it",
        "P(real) below 0.001",
    ):
        assert words in page.text, words


@pytest.mark.parametrize(
    "row",
    [
        ["0", 9, 1.0, "plain", None, 'M0 0"/><script>'],
        ["0", 9, 1.0, "unheard of", None, "M0 0L1 1"],
        ["0", 9, 1.0, "plain", 7, "M0 0L1 1"],
        ["0", 9],
    ],
)
def test_a_picture_that_is_none_is_refused(row):
    with pytest.raises(ValueError, match="picture has the row"):
        example(picture=picture() | {"after": [row]})
    with pytest.raises(ValueError, match="picture.box"):
        example(picture=picture() | {"box": None})


def test_every_cause_links_a_section_that_is_there():
    verdict = {
        "doubtful": True,
        "grade": "do not use",
        "reasons": ["no depth", "a mix", "no solid k-mer", "a fourth"],
        "causes": ["no fit", "mixture", "no anchor", "depth class"],
    }
    page = _check(render_html(example(verdict=verdict)))
    assert "Do not use kmers.fa.gz." in page.text
    assert "A mix." in page.text
    assert "A fourth" not in page.text
    assert "1 more" in page.text
    for part in ("spectrum", "corrections"):
        _check(render_html(example(verdict=verdict, **{part: None})))


def test_least_report_and_no_truth():
    assert "no truth given" in _check(render_html(without_truth())).text
    assert "Nothing was corrected" in _check(render_html(bare())).text


def test_reason_for_no_fit_is_shown_once():
    fit = {"fitted": False, "reason": "too shallow: no peak right of the errors"}
    spectrum = parts()["spectrum"] | {"fit": fit}
    assert _check(render_html(example(spectrum=spectrum))).text.count("too shallow") == 1
    spectrum = {"k": 31, "distinct": 0, "total": 0, "fit": fit, "histogram": []}
    assert _check(render_html(example(spectrum=spectrum))).text.count("too shallow") == 1


def test_hostile_names_stay_text(tmp_path):
    evil = "<script>alert(1)<!--'\"&{{ 7*7 }}.fq"
    broken = b"caf\xe9.fq".decode("utf-8", "surrogateescape")
    inputs = [{"files": [evil, broken, "a\x1b[31m\nb.fq"], evil: 4, "skipped": {evil: 2}}]
    report = example(
        inputs=inputs,
        config={evil: evil, "corrector": evil},
        ambiguity=parts()["ambiguity"] | {evil: parts()["ambiguity"]["raw"]},
        corrections={"corrector": evil, "refused": {evil: 3}, "more": {evil: 1}},
        truth={"file": evil, "reads": {"false_kmers_left": 1}},
        spectrum=parts()["spectrum"] | {"fit": {"fitted": False, "reason": evil}},
    )
    text = render_html(report, sample=evil)
    page = _check(text)
    assert page.text.count("<script>alert(1)") >= 8
    assert "{{ 7*7 }}" in page.text
    assert "\x1b" not in text
    write_html(report, tmp_path / "report.html", sample=evil)
    _check((tmp_path / "report.html").read_text(encoding="utf-8"))


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on the PATH: page not rendered")
def test_chromium_renders_without_a_word_on_the_console(tmp_path):
    write_html(example(picture=picture()), tmp_path / "report.html")
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={tmp_path / 'page.png'}",
            "--window-size=1200,3000",
            f"file://{tmp_path / 'report.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr
    # A blank page of this size compresses to a few kilobytes.
    assert (tmp_path / "page.png").stat().st_size > 50_000
