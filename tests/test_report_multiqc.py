"""The MultiQC files: found by name, one section each, samples that merge."""

import json

import pytest
from report_example import bare, example, without_truth

from dbgclean.report import write_multiqc


def _read(folder, name):
    return json.loads((folder / name).read_text())


def test_general_statistics_hold_the_headline_counts(tmp_path):
    names = write_multiqc(example(), tmp_path)
    assert names == ["mix60x.dbgclean_mqc.json", "mix60x.dbgclean_spectrum_mqc.json"]
    content = _read(tmp_path, names[0])
    assert content["plot_type"] == "generalstats"
    assert content["id"] == "dbgclean"
    values = content["data"]["mix60x"]
    assert values["junctions_raw"] == 108_441
    assert values["junctions_clean"] == 584
    assert values["true_kmers_lost"] == 0
    assert "undecided" not in values


def test_without_truth_the_cost_is_what_was_left_undecided(tmp_path):
    names = write_multiqc(without_truth(), tmp_path, sample="S1")
    values = _read(tmp_path, names[0])["data"]["S1"]
    assert values["undecided"] == 137
    assert "true_kmers_lost" not in values


def test_headers_are_the_same_in_every_file(tmp_path):
    # MultiQC takes the headers of the last file of an id: fewer there would drop columns.
    contents = [
        _read(tmp_path, write_multiqc(report, tmp_path, sample=name)[0])
        for name, report in (("a", example()), ("b", without_truth()), ("c", bare()))
    ]
    headers = [[next(iter(column)) for column in content["headers"]] for content in contents]
    assert headers[0] == headers[1] == headers[2]
    shown = [key for column in contents[0]["headers"] for key in column]
    assert set(contents[0]["data"]["a"]) | set(contents[1]["data"]["b"]) == set(shown)


def test_line_is_pairs_in_rising_order(tmp_path):
    name = write_multiqc(example(), tmp_path)[1]
    content = _read(tmp_path, name)
    assert content["plot_type"] == "linegraph"
    (points,) = content["data"].values()
    assert points == sorted(points)
    assert all(len(point) == 2 for point in points)
    assert content["id"] != "dbgclean"


@pytest.mark.parametrize("report", [bare(), bare(spectrum={"k": 31, "histogram": []})])
def test_no_histogram_no_line(tmp_path, report):
    assert write_multiqc(report, tmp_path) == ["sample.dbgclean_mqc.json"]
