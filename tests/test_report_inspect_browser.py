"""The page of an inspection in a browser: it renders, filters, unfolds, and stays quick."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest
from inspect_example import EVIL, evil_report, example_report
from markupsafe import Markup

from dbgclean.report import inspect_page
from dbgclean.report.inspect_page import write_inspect_page

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


@pytest.fixture
def with_script(monkeypatch):
    """Lets pages be written that end with a script of the test's."""
    source = inspect_page._source

    def add(more):
        def longer(names):
            return source(names) + Markup(more) if "inspect.js" in names else source(names)

        monkeypatch.setattr(inspect_page, "_source", longer)

    return add


# What a person does, one step after the other; each step's outcome is left on the page.
HAND = """
const seen = [];
const note = (what) => seen.push(what + "=" + document.getElementById("count").textContent +
  "@" + decodeURIComponent(location.hash));
const press = (name) => document.querySelector(`button[data-class=${name}]`).click();
const give = (id, value, event) => {
  document.getElementById(id).value = value;
  document.getElementById(id).dispatchEvent(new Event(event));
};
const at = (type, x, y) => {
  const box = document.getElementById("track").getBoundingClientRect();
  const options = { clientX: box.left + x, clientY: box.top + y, bubbles: true };
  document.getElementById("track").dispatchEvent(new PointerEvent(type, options));
};
press("variant"); note("without variants");
press("variant"); press("error"); note("all");
document.querySelector("#filters button").click(); note("reset");
give("kind", "snv", "change"); note("kind");
give("kind", "", "change"); give("least", "7", "input"); note("slider");
document.querySelector("#filters button").click();
const [x, y, picked] = track.points.at(3);
at("pointermove", x + 2, y); seen.push("over=" + document.getElementById("readout").textContent);
at("pointerdown", x + 2, y); at("pointerup", x + 2, y);
seen.push("picked=" + picked.id + "@" + location.hash);
at("pointerdown", 300, 80); at("pointermove", 500, 80); at("pointerup", 500, 80); note("dragged");
document.querySelector("#filters button").click();
document.getElementById("search").value = "zzz";
document.getElementById("search").dispatchEvent(new Event("input"));
setTimeout(() => {
  note("nothing");
  document.documentElement.dataset.seen = JSON.stringify(seen);
}, 400);
"""


@in_browser
def test_buttons_fields_and_the_track_do_what_they_say(profile, tmp_path, with_script):
    with_script(HAND)
    report = example_report()
    rows = report["alleles"]
    write_inspect_page(tmp_path / "page.html", report)
    _, _, text = dump(profile, tmp_path / "page.html")
    seen = dict(
        step.split("=", 1)
        for step in json.loads(unescape(re.search(r'data-seen="([^"]*)"', text).group(1)))
    )

    def count(wanted):
        return f"{sum(map(wanted, rows))} of {len(rows)} alleles"

    def usual(row):
        return row["class"] != "error"

    others = count(lambda row: row["class"] in ("undecided", "repeat"))
    assert seen["without variants"] == f"{others}@#class=undecided,repeat"
    assert seen["all"] == f"{count(lambda row: True)}@#class=all"
    assert seen["reset"] == f"{count(usual)}@"
    assert seen["kind"] == f"{count(lambda r: usual(r) and r['kind'] == 'snv')}@#kind=snv"
    assert seen["slider"] == f"{count(lambda r: usual(r) and r['posterior'] >= 0.9)}@#p=0.9"
    picked = [i for i, row in enumerate(rows) if usual(row)][3]
    assert seen["picked"] == f"{picked}@#open={picked}"
    assert seen["over"].startswith(f"chr20:{rows[picked]['position']:,} ")
    dragged = re.fullmatch(r".*@#q=chr20:([\d,]+)-([\d,]+)&open=\d+", seen["dragged"])
    start, end = (int(digits.replace(",", "")) for digits in dragged.groups())
    assert 1001 < start < end < 3000
    assert seen["dragged"].startswith(
        count(lambda r: usual(r) and r["position"] <= end and r["position"] + len(r["ref"]) > start)
    )
    assert seen["nothing"].startswith(f"0 of {len(rows)} ")


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


FAR = """
goTo(found.at(-1));
const rows = () => document.querySelectorAll("#list > li").length;
const here = [rows(), found.length - first];
document.getElementById("earlier").click();
const visible = (id) => document.getElementById(id).offsetHeight > 0;
const buttons_seen = () => ["earlier", "more"].map(visible);
const far = [...here, rows(), first, buttons_seen()];
document.querySelector("#filters button").click();
document.documentElement.dataset.far = JSON.stringify([...far, buttons_seen()]);
"""


@in_browser
def test_a_jump_to_the_far_end_draws_what_is_there(profile, tmp_path, with_script):
    with_script(FAR)
    report = example_report(3000)
    write_inspect_page(tmp_path / "page.html", report)
    _, _, text = dump(profile, tmp_path / "page.html")
    drawn, left, with_earlier, first, there, back = json.loads(
        unescape(re.search(r'data-far="([^"]*)"', text).group(1))
    )
    assert drawn == left == 11
    assert with_earlier == drawn + 100
    usual = sum(row["class"] != "error" for row in report["alleles"])
    assert first == usual - with_earlier
    assert (there, back) == ([True, False], [False, True])


@in_browser
def test_rare_alleles_do_not_lie_on_the_floor(profile, tmp_path):
    report = example_report(40)
    for row in report["alleles"]:
        row["fraction"] /= 100
    write_inspect_page(tmp_path / "page.html", report)
    assert ">0.5 %</text>" in dump(profile, tmp_path / "page.html")[2]
    assert ">1 %</text>" in dump(profile, tmp_path / "page.html")[2]


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
