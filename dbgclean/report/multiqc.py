"""Files that MultiQC finds by itself (``*_mqc.json``, its custom content).

MultiQC takes one plot per custom-content file, so there are two: a few headline figures
for the General Statistics table, and the abundance histogram as a line. A report that lacks
graphs (of `correct` and `count`) gives the columns that it has. Samples of
several runs merge, because the files of all runs carry the same ``id``.
Format: https://docs.seqera.io/multiqc/custom_content
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbgclean._sample import stem_of
from dbgclean.report.summary import sample_of, write_json
from dbgclean.report.words import chosen_column, printable

__all__ = ["general_statistics", "multiqc_names", "spectrum_line", "write_multiqc"]

Report = Mapping[str, Any]

_MAX_POINTS = 500  # a line of more is no clearer and swells a report of many samples
_COLUMNS: dict[str, dict[str, Any]] = {
    "depth": {
        "title": "Depth",
        "description": "Bases read over the genome's, from the k-mer spectrum",
        "scale": "Greens",
        "format": "{:,.1f}",
        "min": 0,
    },
    "error_rate": {
        "title": "Error rate",
        "description": "Errors per base read, from the k-mer spectrum",
        "scale": "Reds",
        "format": "{:,.5f}",
        "min": 0,
        "hidden": True,
    },
    "genome_size": {
        "title": "Genome size",
        "description": "Bases of the genome, from the k-mer spectrum",
        "scale": "Greys",
        "format": "{:,.0f}",
        "min": 0,
        "hidden": True,
    },
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


def general_statistics(report: Report, sample: str) -> dict[str, Any]:
    """Content of the General Statistics file: four figures, and the hidden ones.

    Depth, junctions before, junctions after, and what it cost: true k-mers lost where truth
    was given, else branches left undecided.
    """
    columns = report.get("ambiguity") or {"raw": {}}
    clean = columns[chosen_column(report)]
    fit = (report.get("spectrum") or {}).get("fit") or {}
    fit = fit if fit.get("fitted") else {}
    values = {
        "depth": fit.get("depth"),
        "error_rate": fit.get("error_rate"),
        "genome_size": fit.get("genome_size"),
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
