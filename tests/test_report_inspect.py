"""The page of an inspection: loads nothing, takes any text as text, filters in a browser."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_example import example_report

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
        "seen in a single fragment",
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


EVIL = "</script><script>alert(1)</script><!--'\"&{{ 7*7 }}\u2028"


def evil_report():
    rows = example_report()["alleles"]
    rows[0] |= {"reasons": [EVIL], "filters": [EVIL], "ref": EVIL, "alt": EVIL, "ref_arm": EVIL,
                "alt_arm": EVIL + "x", "contig": EVIL, "genotype": EVIL, "zygosity": EVIL,
                "origin": EVIL, "kind": EVIL}  # fmt: skip
    return example_report(
        alleles=rows,
        config={EVIL: EVIL, "more": {EVIL: [EVIL]}},
        inputs=[{"files": [EVIL, "a\x1b[31m\nb.bam"], EVIL: 3}],
        regions=[{"contig": EVIL, "start": 0, "end": 9000, EVIL: EVIL}],
        summary=example_report()["summary"] | {"filter_words": {EVIL: EVIL}},
    )


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


# --- in a browser ------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
in_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not on the PATH: page not rendered"
)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=3000",
    "--window-size=1200,1600",
)


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    return tmp_path_factory.mktemp("profile")


def browse(profile, path, address, *options):
    done = subprocess.run(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", *options, f"file://{path}#{address}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


def dump(profile, path, address=""):
    """What the page shows: the words of its counter, and the list's items as (id, text)."""
    text = browse(profile, path, address, "--dump-dom")
    assert 'data-ready="yes"' in text
    count = re.search(r'<span id="count"[^>]*>([^<]*)', text).group(1)
    found = re.findall(r'<li class="allele c-(\w+)" id="allele-(\d+)">', text)
    return count, [(name, int(number)) for name, number in found], text


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    path = folder / "report.html"
    report = example_report()
    write_inspect_page(path, report)
    return path, report["alleles"]


@in_browser
def test_the_list_is_drawn_without_a_word_on_the_console(drawn, profile):
    path, rows = drawn
    count, items, text = dump(profile, path)
    # Errors wait behind their button and are offered beside the count.
    wanted = [(row["class"], i) for i, row in enumerate(rows) if row["class"] != "error"]
    assert items == wanted
    assert count == f"{len(wanted)} of {len(rows)} alleles"
    assert f"Show {len(rows) - len(wanted)} more of other classes" in text
    assert 'class="body"' not in text  # drawn only when unfolded
    assert text.count("<path") > 4


@in_browser
@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("class=variant", lambda row: row["class"] == "variant"),
        ("class=error,repeat", lambda row: row["class"] in ("error", "repeat")),
        ("class=all&p=0.9&kind=snv", lambda row: row["posterior"] >= 0.9 and row["kind"] == "snv"),
        (
            "class=all&q=below%20q15%20REVERSE",
            lambda row: "on the reverse strand" in str(row["reasons"]),
        ),
        (
            "q=chr20:1,200-1,800",
            lambda row: 1200 <= row["position"] <= 1800 and row["class"] != "error",
        ),
        ("class=nonsense&q=zzz", lambda row: False),
    ],
)
def test_filters_by_the_address(drawn, profile, address, wanted):
    path, rows = drawn
    count, items, text = dump(profile, path, address)
    expected = [i for i, row in enumerate(rows) if wanted(row)]
    assert [number for _, number in items] == expected
    assert count.startswith(f"{len(expected)} of {len(rows)} ")
    assert ('<p id="none">' in text) == (not expected)


@in_browser
def test_an_unfolded_allele_shows_its_bubble_and_its_reasons(drawn, profile):
    path, rows = drawn
    which = next(i for i, row in enumerate(rows) if row["class"] == "error")
    _, _, text = dump(profile, path, f"class=error&open={which}")
    body = text[text.index('class="body"') :]
    assert text.count('class="body"') == 1
    for words in (*rows[which]["reasons"], "Fragments by strand", "Base quality of the allele"):
        assert words in body
    assert f"reference · {rows[which]['ref_fragments']} fragments" in body
    assert re.search(r'<svg[^>]*role="img"[^>]*aria-label="Bubble: ', body)


@in_browser
def test_every_allele_can_be_drawn(drawn, profile, tmp_path):
    path, rows = drawn
    _, _, text = dump(profile, path, "class=all&open=" + ",".join(map(str, range(len(rows)))))
    assert text.count('class="body"') == len(rows)
    long = example_report(10)["alleles"]
    long[0] |= {"ref_arm": "ACGT" * 20, "alt_arm": "ACGT" * 10 + "G" * 300 + "ACGT" * 10,
                "quality": None, "mapping_quality": None, "depth": 0}  # fmt: skip
    write_inspect_page(tmp_path / "long.html", example_report(alleles=long))
    assert "columns left out" in dump(profile, tmp_path / "long.html", "class=all&open=0")[2]


@in_browser
def test_phased_neighbours_are_named(profile, tmp_path):
    report = example_report(300)
    rows = report["alleles"]
    blocks = [row["phase_set"] for row in rows]
    which = next(i for i, block in enumerate(blocks) if block and blocks.count(block) > 1)
    write_inspect_page(tmp_path / "page.html", report)
    _, _, text = dump(profile, tmp_path / "page.html", f"class=variant&open={which}")
    assert "Phased with" in text
    assert re.search("<small>(same|other) copy</small>", text)


@in_browser
def test_hostile_text_stays_text_in_the_browser(profile, tmp_path):
    write_inspect_page(tmp_path / "page.html", evil_report(), sample=EVIL)
    _, _, text = dump(profile, tmp_path / "page.html", "class=all&open=0")
    assert "alert(1)" in text
    assert len(re.findall("<script", text)) == 2


@in_browser
def test_three_thousand_alleles(profile, tmp_path):
    report = example_report(3000)
    write_inspect_page(tmp_path / "page.html", report)
    count, items, text = dump(profile, tmp_path / "page.html", "class=variant")
    variants = report["summary"]["classes"]["variant"]
    assert count == f"{variants:,} of {report['summary']['listed']:,} alleles"
    # The list grows as it is scrolled; the track has them all in a few paths.
    assert 100 <= len(items) <= 400
    assert text.count("<path") < 200
    assert (tmp_path / "page.html").stat().st_size < 2_000_000


@in_browser
def test_a_picture_of_the_page_is_not_blank(drawn, profile, tmp_path):
    browse(profile, drawn[0], "class=all&open=2", f"--screenshot={tmp_path / 'page.png'}")
    assert (tmp_path / "page.png").stat().st_size > 50_000
