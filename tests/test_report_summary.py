"""report.json: its fields, its bytes, what it refuses; and the words beside it."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from report_example import bare, example, parts, without_truth

from dbgclean.errors import InputError, OutputError
from dbgclean.report import (
    AMBIGUITY_KEYS,
    ambiguity_table,
    build_report,
    histogram_pairs,
    print_summary,
    print_table,
    read_report,
    sentences,
    summary_table,
    validate_report,
    write_outputs,
    write_report,
)
from dbgclean.report.opening import opening, tiles

GOLDEN = Path(__file__).parent / "golden" / "report.json"


def _small_spectrum() -> dict:
    spectrum = parts()["spectrum"]
    return spectrum | {"histogram": spectrum["histogram"][:6], "curve": spectrum["curve"][:6]}


def _short_example() -> dict:
    """The example with short histograms, to keep the golden file readable."""
    return example(
        spectrum=_small_spectrum(), abundance={"kept": [[2, 5], [3, 7]], "removed": [[1, 9]]}
    )


def test_golden_json(tmp_path):
    write_report(_short_example(), tmp_path / "report.json")
    found = (tmp_path / "report.json").read_text()
    assert found == GOLDEN.read_text(), (
        "report.json changed: where that is meant, raise the schema version if a field went "
        f"or changed its meaning, and write {GOLDEN} anew"
    )


def test_written_report_reads_back_equal(tmp_path):
    report = example()
    write_report(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text()) == read_report(
        tmp_path / "report.json"
    )
    assert read_report(tmp_path / "report.json") == report


def test_two_writes_are_equal_byte_for_byte(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        written = write_outputs(example(), tmp_path / name)
    assert "report.html" in written
    assert {f"plots/{n}.svg" for n in ("spectrum", "ambiguity", "abundance", "cost")} <= set(
        written
    )
    for name in written:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_numpy_values_floats_and_paths_become_plain():
    raw = {key: np.int64(i) for i, key in enumerate(AMBIGUITY_KEYS)}
    report = build_report(
        config={
            "rate": np.float32(0.1),
            "bad": float("nan"),
            "truth": "/home/somebody/x.fa",
            "windows": "C:\\data\\x.fa",
            "folder": Path("/a/b/model"),
            "on": True,
        },
        inputs=[{"reads": np.uint32(3), "files": ("/data/a.fq", "sub/b.fq", "-")}],
        ambiguity={"raw": raw},
        abundance={"kept": np.array([[1, 2], [3, 4]])},
    )
    assert report["config"] == {
        "rate": 0.1,
        "bad": None,
        "truth": "x.fa",
        "windows": "x.fa",
        "folder": "model",
        "on": True,
    }
    assert report["inputs"] == [{"files": ["a.fq", "sub/b.fq", "-"], "reads": 3}]
    assert list(report["inputs"][0]) == ["files", "reads"]
    assert report["abundance"] == {"kept": [[1, 2], [3, 4]]}
    assert type(report["ambiguity"]["raw"]["kmers"]) is int
    json.dumps(report, allow_nan=False)


def test_key_order_and_sorted_reasons():
    report = example()
    assert list(report)[:3] == ["tag", "schema_version", "version"]
    assert list(report["ambiguity"]) == list(parts()["ambiguity"])
    assert list(report["ambiguity"]["raw"])[: len(AMBIGUITY_KEYS)] == list(AMBIGUITY_KEYS)
    reasons = list(report["corrections"]["refused"])
    assert reasons == sorted(reasons)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"ambiguity": {}}, "ambiguity"),
        ({"ambiguity": {"raw": {"kmers": 1}}}, "ambiguity.raw.unitigs"),
        ({"inputs": [{"reads": 1}]}, r"inputs\[0\].files"),
        ({"spectrum": {"histogram": [[3, 1], [2, 1]]}}, "spectrum.histogram"),
        ({"spectrum": {"histogram": [[3, 1, 1]]}}, "spectrum.histogram"),
        ({"spectrum": {"curve": [[1, 2]]}}, "spectrum.curve"),
        ({"spectrum": {"fit": {"fitted": False, "reason": ""}}}, "spectrum.fit.reason"),
        ({"abundance": {"kept": [[1, -4]]}}, "abundance.kept"),
        ({"corrections": {"refused": {"tie": -1}}}, "corrections.refused.tie"),
        ({"truth": 7}, "truth"),
        ({"config": {"what": object()}}, "cannot hold a object"),
    ],
)
def test_wrong_parts_are_refused_by_name(changed, field):
    with pytest.raises(ValueError, match=field):
        example(**changed)


def test_absolute_path_slipped_in_is_refused():
    report = example()
    report["config"]["model"] = "/home/somebody/model"
    with pytest.raises(ValueError, match="config.model"):
        validate_report(report)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ("[]", "no dbgclean report"),
        ('{"tag": "dbgclean report", "schema_version": [9, 0]}', "schema version"),
        ('{"tag": "dbgclean report", "schema_version": [0, 1]}', "the keys"),
    ],
)
def test_unreadable_reports_say_why_on_one_line(tmp_path, content, said):
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        read_report(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_unwritable_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError):
        write_report(bare(), tmp_path / "missing" / "report.json")
    (tmp_path / "plots").write_text("in the way")
    with pytest.raises(OutputError, match="plots"):
        write_outputs(bare(), tmp_path)


def test_histogram_pairs_leave_out_zero_and_empty_bins():
    assert histogram_pairs(np.array([9, 5, 0, 2])) == [[1, 5], [3, 2]]


def _text(report) -> str:
    out = io.StringIO()
    print_summary(report, out)
    return out.getvalue()


def test_table_shows_what_changed_above_what_it_cost():
    text = _text(example())
    lines = text.splitlines()
    names = next(line.split() for line in lines if line.split()[:1] == ["raw"])
    assert names == ["raw", "autoencoder", "cutoff", "classical", "nearest", "likelihood"]
    order = [line.strip() for line in lines]
    assert order.index("what changed") < order.index("what it cost")
    row = next(line for line in lines if line.startswith(" true k-mers lost"))
    assert row.split()[-6:] == ["0", "0", "1,188", "6,240", "310", "0"]
    row = next(line for line in lines if line.startswith(" junctions"))
    assert row.split()[-6:] == ["108,441", "584", "590", "118", "570", "602"]
    assert "\x1b" not in text
    assert text.isascii()


def test_table_without_truth_shows_what_the_corrector_itself_says():
    text = _text(without_truth())
    assert "true k-mers lost" not in text
    assert "what it cost" not in text
    assert "what was judged" in text
    assert "judged real, kept" in text
    assert "No truth was given" in text


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_table_fits_a_terminal_of_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = _Terminal()
    print_table(lambda short: summary_table(example(), short=short), out)
    text = out.getvalue()
    assert "\x1b[1m" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= 80
    assert "2.63M" in plain
    assert "autoencoder" in plain


def test_names_are_text_not_markup_or_escapes():
    column = parts()["ambiguity"]["raw"]
    out = io.StringIO()
    print_table(
        lambda short: ambiguity_table({"[red]a": column, "b\x1b[2J": column}, short=short), out
    )
    assert "[red]a" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_a_stream_that_cannot_encode_a_name_still_gets_the_table():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    report = example(ambiguity=parts()["ambiguity"] | {"größer": parts()["ambiguity"]["raw"]})
    print_summary(report, out)
    out.flush()
    assert b"gr??er" in raw.getvalue()


def _with_costs(**costs: tuple[int, int]) -> dict:
    columns = parts()["ambiguity"]
    for name, (lost, left) in costs.items():
        columns[name] |= {"true_kmers_lost": lost, "false_kmers_left": left}
        columns[name]["real_bubbles_closed"] = 0
    return example(ambiguity=columns)


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ({"nearest": (5, 9), "likelihood": (5, 9)}, "(autoencoder) beat nearest and likelihood;"),
        ({"nearest": (0, 5), "likelihood": (9, 9)}, "beat likelihood and did as well as nearest ("),
        ({"nearest": (0, 1), "likelihood": (0, 2)}, "(autoencoder) did not beat nearest or lik"),
        ({"nearest": (0, 5), "likelihood": (0, 5)}, "did as well as nearest and likelihood ("),
        ({"nearest": (9, 9), "likelihood": (0, 5)}, "beat nearest and did as well as likelihood"),
        (
            {"nearest": (9, 1), "likelihood": (0, 1)},
            "did not clearly beat nearest (one cost is lower, another higher) and did not beat",
        ),
    ],
)
def test_the_network_sentence_is_honest(costs, said):
    report = _with_costs(autoencoder=(0, 5), **costs)
    assert said in sentences(report)[-1]


def test_sentences_without_truth_and_without_correction():
    assert "did not beat nearest" in sentences(without_truth())[-1]
    assert sentences(bare()) == [
        "Nothing was corrected: the graph of the raw reads has 108,441 junctions (places where "
        "the way on is not certain)."
    ]
    clean = {key: 0 for key in AMBIGUITY_KEYS}
    empty = bare(ambiguity={"raw": clean, "cutoff": clean}, config={"corrector": "cutoff"})
    assert "there was nothing to remove" in sentences(empty)[0]


def test_importing_the_stage_loads_nothing_heavy():
    code = (
        "import sys, dbgclean.report.html, dbgclean.report.terminal, dbgclean.report.multiqc\n"
        "heavy = {'matplotlib', 'jinja2', 'rich', 'torch', 'networkx', 'pysam', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_expected_loss_is_told_and_checked():
    report = example()
    told = [text for text in sentences(report) if "planted" in text]
    assert told == [
        "Of alleles planted in copies of these reads, and shown by 3 or more, 100 of 100 at 10 %, "
        "194 of 197 at 5 % and 204 of 240 at 2 % are kept."
    ]
    tile = next(one for one in tiles(report) if one.label == "expected loss at 5 %")
    assert tile.value == "1.52 %"
    assert tile.note == "of planted alleles; 0 % at 10 %, 15 % at 2 %"
    assert not [text for text in sentences(example(expected_loss=None)) if "planted" in text]
    with pytest.raises(ValueError, match=r"expected_loss\.0\.05\.kept is None"):
        example(expected_loss={"0.05": {"shown": 3}})


def test_an_older_report_without_expected_loss_is_read(tmp_path):
    report = example()
    del report["expected_loss"]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report | {"schema_version": [0, 1]}))
    assert "expected_loss" not in read_report(path)


def test_the_judge_that_was_taken_is_told():
    judge = "likelihood (of 97 planted alleles at 5 % it keeps 96, the network 91)"
    corrections = parts()["corrections"] | {"judge": judge}
    assert f"Judge: {judge}." in sentences(example(corrections=corrections))


def test_it_opens_with_the_verdict_its_causes_and_the_figures():
    text = _text(example())
    assert text.splitlines()[0] == "kmers.fa.gz is usable."
    for label, value in (
        ("reads changed", "61,377 (30.1 % of 204,120)"),
        ("bases changed", "71,984 (0.235 % of 30,618,000)"),
        ("unitig N50", "62 to 3,041 (of 163,220 unitigs before, 1,315 after)"),
        ("bubbles kept", "235 (214 rare alternatives judged real; 137 undecided, left as read)"),
        ("true k-mers lost", "0 (of 524,231; 141 false ones left)"),
    ):
        assert f" {label} {value}" in " ".join(text.split()), label
    assert [tile.label for tile in tiles(without_truth())] == [
        "reads changed",
        "bases changed",
        "k-mers removed",
        "unitig N50",
        "bubbles kept",
        "expected loss at 5 %",
    ]
    assert tiles(bare())


def test_at_most_three_causes_and_adapters_and_poly_g_among_them():
    corrections = parts()["corrections"] | {
        "poly_g": {"reads_masked": 40, "bases_masked": 900},
        "reads": {"foreign_part": 9_000},
    }
    found = opening(example(corrections=corrections))
    assert [cause.text.split(" reads ")[0] for cause in found.causes] == ["40", "9,000"]
    old = {"doubtful": True, "reasons": ["one", "two"]}  # of schema 0.2
    found = opening(example(corrections=corrections, verdict=old))
    assert (found.grade, found.sentence) == ("with care", "Use kmers.fa.gz with care.")
    assert [cause.text for cause in found.causes[:2]] == ["One.", "Two."]
    assert (len(found.causes), found.more) == (3, 1)
    assert opening(bare()) is None


@pytest.mark.parametrize(
    ("grade", "colour"), [("usable", "32"), ("with care", "33"), ("do not use", "31")]
)
def test_the_verdict_has_a_colour_on_a_terminal(monkeypatch, grade, colour):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = _Terminal()
    print_summary(example(verdict=parts()["verdict"] | {"grade": grade}), out)
    assert out.getvalue().startswith(f"\x1b[1;{colour}m")


def test_nothing_is_called_a_loss_that_was_never_in_question():
    report = without_truth(
        alleles={"kept": 0, "undecided": 0}, corrections=parts()["corrections"] | {"real": 0}
    )
    tile = next(one for one in tiles(report) if one.label == "bubbles kept")
    assert tile.note.startswith("solid variants, never in question")
    assert "never in question, and stay." in " ".join(sentences(report))


@pytest.mark.parametrize(
    ("kept", "bubbles", "note"),
    [
        (0, 0, "no rare alternative was judged real"),
        (0, 3, "solid variants, never in question; no rare alternative was judged real"),
        (1, 3, "1 rare alternative judged real"),
        (2, 3, "2 rare alternatives judged real"),
    ],
)
def test_bubbles_are_called_solid_variants_where_there_are_any(kept, bubbles, note):
    columns = {
        name: {key: column[key] for key in AMBIGUITY_KEYS}
        | {"simple_bubbles": bubbles, "superbubbles": 0}
        for name, column in parts()["ambiguity"].items()
    }
    report = without_truth(ambiguity=columns, alleles={"kept": kept, "undecided": 0})
    (tile,) = (one for one in tiles(report) if one.label == "bubbles kept")
    assert (tile.value, tile.note) == (str(bubbles), note)


def test_no_junction_left_by_any_is_no_defeat():
    columns = parts()["ambiguity"]
    for name in ("nearest", "likelihood", "autoencoder"):
        columns[name] = {key: columns[name][key] for key in AMBIGUITY_KEYS} | {"junctions": 0}
    said = sentences(example(ambiguity=columns, truth=None))[-1]
    assert said == "The network (autoencoder) left as many junctions as nearest and likelihood: 0."
