"""What MultiQC shows of a run: columns of General Statistics, and the spectrum as a line.

Two ways lead there, and both take the columns from here. Where dbgclean is installed beside
MultiQC, the plug-in (`dbgclean.report.multiqc_module`) reads ``report.json`` and the JSON of
other verbs. Everywhere else (MultiQC's own container) the two custom-content files do that
verbs write, one plot each; files of several runs merge, because they carry the same ``id``.
Format: https://docs.seqera.io/multiqc/custom_content
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbgclean._sample import stem_of
from dbgclean.report.canvas import abundance_end
from dbgclean.report.summary import sample_of, write_json
from dbgclean.report.words import chosen_column, printable

__all__ = [
    "COLUMNS",
    "SPECTRUM_PLOT",
    "SPECTRUM_TEXT",
    "add_search_pattern",
    "general_statistics",
    "multiqc_names",
    "spectrum_line",
    "spectrum_points",
    "statistics",
    "write_multiqc",
]

Report = Mapping[str, Any]

_COUNT = {"format": "{:,.0f}", "min": 0}
_PERCENT = {"suffix": " %", "min": 0, "max": 100}


def _column(title: str, description: str, scale: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "description": description, "scale": scale, **more}


COLUMNS: dict[str, dict[str, Any]] = {
    "verdict": {
        "title": "Verdict",
        "description": "Whether the corrected k-mers can be used; report.html says why",
        "cond_formatting_rules": {
            "pass": [{"s_eq": "usable"}],
            "warn": [{"s_eq": "with care"}],
            "fail": [{"s_eq": "do not use"}],
        },
    },
    "reads_changed": _column(
        "Reads changed", "Reads in which anything was corrected", "Purples", **_PERCENT
    ),
    "fit": {
        "title": "Fit",
        "description": "Whether a model fits the k-mer spectrum: depth, size and errors are its",
        "cond_formatting_rules": {"pass": [{"s_eq": "yes"}], "warn": [{"s_eq": "no"}]},
    },
    "depth": _column("Depth", "Bases read per base of the genome", "Blues", suffix="x", min=0),
    "genome_size": _column(
        "Genome", "Size of the genome by the spectrum", "Greys", suffix=" bp", **_COUNT
    ),
    "error_rate": _column(
        "Errors", "Errors per base in the reads", "OrRd", **{**_PERCENT, "format": "{:,.2f}"}
    ),
    "n50": _column("N50", "N50 of the unitigs after correction", "Greens", suffix=" bp", **_COUNT),
    "n50_raw": _column(
        "N50 raw", "N50 of the unitigs of the raw reads", "Greens", suffix=" bp", **_COUNT,
        hidden=True,
    ),
    **{
        f"loss_{percent}": _column(
            f"Loss at {percent} %",
            f"Alleles at {percent} % that are lost, by what was planted in this sample",
            "Reds",
            **_PERCENT,
            hidden=percent != 5,
        )
        for percent in (1, 2, 5, 10, 20)
    },
    "true_kmers_lost": _column(
        "True k-mers lost", "K-mers of the given truth that correction removed", "Reds", **_COUNT
    ),
    "false_kmers_left": _column(
        "False k-mers left", "K-mers left that are not in the given truth", "Oranges", **_COUNT
    ),
    "undecided": _column(
        "Undecided", "Low-confidence branches left as they were", "Oranges", **_COUNT, hidden=True
    ),
    "junctions_raw": _column(
        "Junctions raw", "Junctions in the graph of the raw reads", "Greys", **_COUNT, hidden=True
    ),
    "junctions": _column(
        "Junctions left", "Junctions in the graph after correction", "Blues", **_COUNT, hidden=True
    ),
    "bases_changed": _column(
        "Bases changed", "Bases changed in the reads", "Purples", **_COUNT, hidden=True
    ),
}  # fmt: skip
"""Columns of the General Statistics table, in MultiQC's words."""

SPECTRUM_PLOT: dict[str, Any] = {
    "id": "dbgclean_spectrum_plot",
    "title": "dbgclean: k-mer spectrum",
    "xlab": "Abundance",
    "ylab": "Distinct k-mers",
    "ylog": True,
    "xmin": 0,
    "x_decimals": False,
}
SPECTRUM_TEXT = (
    "Distinct k-mers by abundance, in the reads as they came. Errors make the slope at "
    "the left, the genome the peak at its depth. Repeats beyond 2.6 times the peak are not shown."
)


def write_multiqc(
    report: Report, folder: str | os.PathLike[str], *, sample: str | None = None
) -> list[str]:
    """Write ``SAMPLE.dbgclean_mqc.json`` and ``SAMPLE.dbgclean_spectrum_mqc.json``.

    The second only where the report has a histogram.

    Parameters
    ----------
    report
        A report of :func:`dbgclean.report.build_report`, or what `count` and `correct` write
        with ``--json``.
    folder
        An existing folder.
    sample
        Name of the row in MultiQC; by default the report's.

    Returns
    -------
    list of str
        The names of the files written.

    Raises
    ------
    OutputError
        Where a file cannot be written.
    """
    if sample is None:
        sample = sample_of(report)
    contents = (general_statistics(report, sample), spectrum_line(report, sample))
    written = []
    for name, content in zip(multiqc_names(sample), contents, strict=True):
        if content is not None:
            write_json(content, Path(folder) / name)
            written.append(name)
    return written


def multiqc_names(sample: str) -> tuple[str, str]:
    """Names of the two files of a sample."""
    stem = stem_of(sample)
    return f"{stem}.dbgclean_mqc.json", f"{stem}.dbgclean_spectrum_mqc.json"


def statistics(report: Report) -> dict[str, Any]:
    """Values of :data:`COLUMNS`, of a run's report or another verb's; unknown ones left out."""
    fit = (report.get("spectrum") or {}).get("fit") or {}
    corrections = report.get("corrections") or {}
    columns = report.get("ambiguity") or {}
    raw, clean = columns.get("raw") or {}, columns.get(chosen_column(report)) or {}
    reads = sum(group.get("reads") or 0 for group in report.get("inputs") or [])
    fitted = fit.get("fitted")
    values = {
        "verdict": (report.get("verdict") or {}).get("grade"),
        "reads_changed": _percent(corrections.get("reads_touched"), reads),
        "fit": None if fitted is None else "yes" if fitted else "no",
        "depth": fit.get("depth") if fitted else None,
        "genome_size": fit.get("genome_size") if fitted else None,
        "error_rate": _percent(fit.get("error_rate"), 1) if fitted else None,
        "n50": clean.get("n50"),
        "n50_raw": raw.get("n50"),
        "true_kmers_lost": clean.get("true_kmers_lost"),
        "false_kmers_left": clean.get("false_kmers_left"),
        "undecided": (report.get("alleles") or {}).get("undecided"),
        "junctions_raw": raw.get("junctions"),
        "junctions": clean.get("junctions"),
        "bases_changed": corrections.get("bases_changed"),
    }
    for fraction, found in (report.get("expected_loss") or {}).items():
        lost = found["shown"] - found["kept"]
        values[f"loss_{round(100 * float(fraction))}"] = _percent(lost, found["shown"])
    return {key: values[key] for key in COLUMNS if values.get(key) is not None}


def spectrum_points(report: Report) -> list[list[int]]:
    """The histogram as ``[abundance, distinct k-mers]`` up to where a picture of it ends."""
    end = abundance_end(report)
    histogram = (report.get("spectrum") or {}).get("histogram") or []
    return [[a, n] for a, n in histogram if a <= end]


def general_statistics(report: Report, sample: str) -> dict[str, Any]:
    """Content of the General Statistics file."""
    return {
        "id": "dbgclean",
        "plot_type": "generalstats",
        # Every column in every file: with several samples MultiQC takes the headers of
        # the last file it reads, and drops values that have none there.
        "headers": [{key: dict(column)} for key, column in COLUMNS.items()],
        "data": {printable(sample): statistics(report)},
    }


def spectrum_line(report: Report, sample: str) -> dict[str, Any] | None:
    """Content of the histogram file, points as ``[x, y]`` pairs; None without one."""
    points = spectrum_points(report)
    if not points:
        return None
    return {
        "id": "dbgclean_spectrum",
        "parent_id": "dbgclean_section",
        "parent_name": "dbgclean",
        "parent_description": "De Bruijn graph preprocessing: k-mers corrected before assembly.",
        "section_name": "k-mer spectrum",
        "description": SPECTRUM_TEXT,
        "plot_type": "linegraph",
        "pconfig": SPECTRUM_PLOT,
        "data": {printable(sample): points},
    }


def add_search_pattern() -> None:
    """Called by MultiQC once its configuration is loaded: what the plug-in looks for.

    A user's own pattern of the same name wins.
    """
    from multiqc import config

    config.sp.setdefault("dbgclean", {"contents": '"tag": "dbgclean ', "num_lines": 3})
    # The same facts stand in report.json: a row from each would be two of everything.
    custom = config.sp["custom_content"]
    custom["exclude_fn"] = [*custom.get("exclude_fn", []), "*.dbgclean*_mqc.json"]


def _percent(part: float | None, whole: float) -> float | None:
    return None if part is None or not whole else float(f"{100 * part / whole:.6g}")
