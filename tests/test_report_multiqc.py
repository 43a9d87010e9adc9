"""The MultiQC files: found by name, one section each, samples that merge."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from report_example import bare, example, parts, without_truth

import dbgclean
from dbgclean.__main__ import main
from dbgclean.report import write_multiqc, write_report
from dbgclean.report.multiqc import COLUMNS, spectrum_points, statistics

ROOT = Path(dbgclean.__file__).parents[1]


def _read(folder, name):
    return json.loads((folder / name).read_text())


def test_general_statistics_hold_what_a_core_asks_for(tmp_path):
    names = write_multiqc(example(), tmp_path)
    assert names == ["mix60x.dbgclean_mqc.json", "mix60x.dbgclean_spectrum_mqc.json"]
    content = _read(tmp_path, names[0])
    assert content["plot_type"] == "generalstats"
    assert content["id"] == "dbgclean"
    report, values = example(), content["data"]["mix60x"]
    fit, reads = report["spectrum"]["fit"], sum(group["reads"] for group in report["inputs"])
    assert values["verdict"] == "usable"
    assert values["fit"] == "yes"
    assert values["reads_changed"] == pytest.approx(
        100 * report["corrections"]["reads_touched"] / reads, rel=1e-5
    )
    assert values["error_rate"] == pytest.approx(100 * fit["error_rate"])
    assert values["genome_size"] == fit["genome_size"]
    assert values["junctions_raw"] == 108_441
    assert values["junctions"] == 584
    assert values["n50"] == report["ambiguity"]["autoencoder"]["n50"] > values["n50_raw"]
    assert values["true_kmers_lost"] == 0


def test_the_loss_is_of_what_was_shown():
    report = example() | {"expected_loss": {"0.01": {"shown": 0, "kept": 0},
                                            "0.05": {"shown": 40, "kept": 39}}}  # fmt: skip
    values = statistics(report)
    assert values["loss_5"] == 2.5
    assert "loss_1" not in values  # nothing was shown: not known


def test_without_a_fit_what_it_would_say_is_left_out():
    report = example()
    report["spectrum"]["fit"] |= {"fitted": False, "reason": "too shallow"}
    values = statistics(report)
    assert values["fit"] == "no"
    assert not {"depth", "genome_size", "error_rate"} & set(values)


def test_the_line_ends_past_the_peak_and_not_at_a_number_of_points():
    report = example()
    peak = report["spectrum"]["fit"]["peak"] = 700.0
    report["spectrum"]["histogram"] = [[a, 5] for a in range(1, 60_000)]
    assert spectrum_points(report)[-1] == [int(2.6 * peak), 5]


def test_headers_are_the_same_in_every_file(tmp_path):
    # MultiQC takes the headers of the last file of an id: fewer there would drop columns.
    contents = [
        _read(tmp_path, write_multiqc(report, tmp_path, sample=name)[0])
        for name, report in (("a", example()), ("b", without_truth()), ("c", bare()))
    ]
    headers = [[next(iter(column)) for column in content["headers"]] for content in contents]
    assert headers[0] == headers[1] == headers[2]
    shown = [key for column in contents[0]["headers"] for key in column]
    assert shown == list(COLUMNS)
    assert set(contents[0]["data"]["a"]) | set(contents[1]["data"]["b"]) <= set(shown)


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


def _named(make, name):
    """A report of a sample's own files."""
    group = parts()["inputs"][0] | {"files": [f"{name}_R1.fastq.gz", f"{name}_R2.fastq.gz"]}
    return make(inputs=[group])


@pytest.fixture
def samples(tmp_path):
    """Five samples: four of `run`, with what it writes for MultiQC, and one of `count`."""
    kinds = {"a": example, "b": without_truth, "c": bare, "d": example}
    reports = {name: _named(make, name) for name, make in kinds.items()}
    reports["d"]["spectrum"]["fit"] |= {"fitted": False, "reason": "no peak"}
    for name, report in reports.items():
        folder = tmp_path / "in" / name
        folder.mkdir(parents=True)
        write_report(report, folder / "report.json")
        write_multiqc(report, folder)
    reads = tmp_path / "e.fa"
    reads.write_text(">1\n" + "ACGGTCATTAGCCATGAACGTTTGCACGATCCATG" + "\n")
    to = ["-o", str(tmp_path / "e.kmers.fa"), "--json", str(tmp_path / "in" / "e.json")]
    assert main(["count", str(reads), *to, "-q"]) == 0
    return tmp_path / "in"


def _multiqc(folder, out, *, plugged):
    """Run MultiQC, with the plug-in as an installation would have it, or without; its data."""
    multiqc = shutil.which("multiqc")
    if multiqc is None:
        pytest.skip("MultiQC is not installed (packaging/README.md)")
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [
        line
        for group in ("multiqc.modules.v1", "multiqc.hooks.v1")
        for line in (f"[{group}]", *(f"{k} = {v}" for k, v in points[group].items()))
    ]
    # A distribution of our name that is found first hides one that is installed.
    beside = out / "installed"
    info = beside / "dbgclean-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dbgclean\nVersion: 0\n")
    (info / "entry_points.txt").write_text("\n".join(lines) if plugged else "")
    (beside / "dbgclean").symlink_to(ROOT / "dbgclean")
    done = subprocess.run(
        [multiqc, str(folder), "-o", str(out / "mqc"), "--data-format", "json", "--strict"],
        env=os.environ | {"PYTHONPATH": str(beside), "HOME": str(out)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (out / "mqc" / "multiqc_report.html").stat().st_size > 100_000
    return json.loads((out / "mqc" / "multiqc_data" / "multiqc_data.json").read_text())


def test_the_plug_in_reads_five_samples(samples, tmp_path):
    data = _multiqc(samples, tmp_path / "out", plugged=True)
    (rows,) = data["report_general_stats_data"].values()
    assert sorted(rows) == list("abcde")
    assert rows["a"] == statistics(_named(example, "a"))
    assert rows["d"]["fit"] == rows["e"]["fit"] == "no"
    lines = data["report_plot_data"]["dbgclean_spectrum_plot"]["datasets"][0]["lines"]
    points = {line["name"]: line["pairs"] for line in lines}
    assert sorted(points) == list("abde")
    assert points["a"] == spectrum_points(example())
    assert "custom_content" not in data["report_data_sources"]


def test_without_the_plug_in_the_files_say_the_same_of_runs(samples, tmp_path):
    data = _multiqc(samples, tmp_path / "out", plugged=False)
    (rows,) = data["report_general_stats_data"].values()
    assert rows["a"] == statistics(_named(example, "a"))
    assert sorted(rows) == list("abcd")
    assert "dbgclean_spectrum_plot" in data["report_plot_data"]


def test_what_the_plug_in_imports_needs_no_library():
    program = (
        "import sys, dbgclean.report.multiqc\n"
        "found = {name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names\n"
        "print(*found - {'__main__'})"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["dbgclean"]
