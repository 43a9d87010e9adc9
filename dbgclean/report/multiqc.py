"""Files that MultiQC finds by itself (``*_mqc.json``, its custom content).

MultiQC takes one plot per custom-content file, so there are two: three headline counts
for the General Statistics table, and the abundance histogram as a line. Samples of
several runs merge, because the files of all runs carry the same ``id``.
Format: https://docs.seqera.io/multiqc/custom_content
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbgclean.report.summary import sample_name, write_json
from dbgclean.report.words import chosen_column, printable

__all__ = ["general_statistics", "spectrum_line", "write_multiqc"]

Report = Mapping[str, Any]

_MAX_POINTS = 500  # a line of more is no clearer and swells a report of many samples
_COLUMNS: dict[str, dict[str, Any]] = {
    "junctions_raw": {
        "title": "Junctions raw",
        "description": "Junctions in the De Bruijn graph of the reads as they came",
        "scale": "Greys",
        "format": "{:,.0f}",
        "min": 0,
    },
    "junctions_clean": {
        "title": "Junctions left",
        "description": "Junctions in the De Bruijn graph after correction",
        "scale": "Blues",
        "format": "{:,.0f}",
        "min": 0,
    },
    "true_kmers_lost": {
        "title": "True k-mers lost",
        "description": "K-mers of the given truth that correction removed",
        "scale": "Reds",
        "format": "{:,.0f}",
        "min": 0,
    },
    "undecided": {
        "title": "Undecided",
        "description": "Low-confidence branches left as they were (no truth was given)",
        "scale": "Oranges",
        "format": "{:,.0f}",
        "min": 0,
    },
    "false_kmers_left": {
        "title": "False k-mers left",
        "description": "K-mers left that are not in the given truth",
        "scale": "Oranges",
        "format": "{:,.0f}",
        "min": 0,
        "hidden": True,
    },
    "bases_changed": {
        "title": "Bases changed",
        "description": "Bases changed in the reads",
        "scale": "Purples",
        "format": "{:,.0f}",
        "min": 0,
        "hidden": True,
    },
}


def write_multiqc(
    report: Report, folder: str | os.PathLike[str], *, sample: str | None = None
) -> list[str]:
    """Write ``SAMPLE.dbgclean_mqc.json`` and ``SAMPLE.dbgclean_spectrum_mqc.json``.

    The second only where the report has a histogram.

    Parameters
    ----------
    report
        A report of :func:`dbgclean.report.build_report`.
    folder
        An existing folder.
    sample
        Name of the row in MultiQC; by default taken from the first input file.

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
        sample = sample_name(name for group in report["inputs"] for name in group["files"])
    files = {f"{sample}.dbgclean_mqc.json": general_statistics(report, sample)}
    line = spectrum_line(report, sample)
    if line is not None:
        files[f"{sample}.dbgclean_spectrum_mqc.json"] = line
    for name, content in files.items():
        write_json(content, Path(folder) / name)
    return list(files)


def general_statistics(report: Report, sample: str) -> dict[str, Any]:
    """Content of the General Statistics file: three counts, and two hidden ones.

    Junctions before, junctions after, and what it cost: true k-mers lost where truth
    was given, else branches left undecided.
    """
    columns = report["ambiguity"]
    clean = columns[chosen_column(report)]
    values = {
        "junctions_raw": columns["raw"].get("junctions"),
        "junctions_clean": clean.get("junctions"),
        "true_kmers_lost": clean.get("true_kmers_lost"),
        "false_kmers_left": clean.get("false_kmers_left"),
        "bases_changed": (report.get("corrections") or {}).get("bases_changed"),
    }
    if values["true_kmers_lost"] is None:
        values["undecided"] = (report.get("alleles") or {}).get("undecided")
    known = {key: values[key] for key in _COLUMNS if values.get(key) is not None}
    return {
        "id": "dbgclean",
        "plot_type": "generalstats",
        # Every column in every file: with several samples MultiQC takes the headers of
        # the last file it reads, and drops values that have none there.
        "headers": [{key: dict(column)} for key, column in _COLUMNS.items()],
        "data": {printable(sample): known},
    }


def spectrum_line(report: Report, sample: str) -> dict[str, Any] | None:
    """Content of the histogram file, points as ``[x, y]`` pairs; None without one."""
    spectrum = report.get("spectrum") or {}
    pairs = (spectrum.get("histogram") or [])[:_MAX_POINTS]
    if not pairs:
        return None
    return {
        "id": "dbgclean_spectrum",
        "parent_id": "dbgclean_section",
        "parent_name": "dbgclean",
        "parent_description": "De Bruijn graph preprocessing: k-mers corrected before assembly.",
        "section_name": "k-mer spectrum",
        "description": (
            "Distinct k-mers by abundance, in the reads as they came. Errors make the slope at "
            "the left, the genome the peak at its depth."
        ),
        "plot_type": "linegraph",
        "pconfig": {
            "id": "dbgclean_spectrum_plot",
            "title": "dbgclean: k-mer spectrum",
            "xlab": "Abundance",
            "ylab": "Distinct k-mers",
            "ylog": True,
            "xmin": 0,
            "x_decimals": False,
        },
        "data": {printable(sample): pairs},
    }
