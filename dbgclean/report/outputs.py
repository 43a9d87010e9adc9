"""Everything a run says, written into one folder with one call."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dbgclean.report.html import write_html
from dbgclean.report.multiqc import write_multiqc
from dbgclean.report.plots import draw_plots, write_plots
from dbgclean.report.summary import write_report

__all__ = ["write_outputs"]


def write_outputs(
    report: Mapping[str, Any],
    folder: str | os.PathLike[str],
    *,
    sample: str | None = None,
    linked: Sequence[str] = (),
) -> list[str]:
    """Write ``report.json``, ``report.html``, ``plots/*.svg`` and the MultiQC files.

    The page is made of what is in ``report.json`` alone: `write_html` makes it again.

    Parameters
    ----------
    report
        A report of :func:`dbgclean.report.build_report`.
    folder
        An existing folder.
    sample
        Name of the sample; by default taken from the first input file.
    linked
        Other files in the folder that the page links, relative to it.

    Returns
    -------
    list of str
        Names of the files written, relative to ``folder``.

    Raises
    ------
    ValueError
        Where the report does not follow the schema.
    OutputError
        Where a file cannot be written.
    """
    folder = Path(folder)
    drawn = draw_plots(report)
    plots = write_plots(report, folder / "plots", drawn=drawn) if drawn else []
    multiqc = write_multiqc(report, folder, sample=sample)
    beside = [*(f"plots/{name}" for name in plots), *multiqc]
    report = {**report, "outputs": sorted({*linked, *beside, "report.json"})}
    write_report(report, folder / "report.json")
    write_html(report, folder / "report.html", sample=sample, drawn=drawn)
    return ["report.json", "report.html", *beside]
