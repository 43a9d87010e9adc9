"""Figures of every verb as JSON: one head, one way to name the inputs and what was dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dbgclean.report.head import files_of, head
from dbgclean.report.multiqc import write_multiqc
from dbgclean.report.summary import plain, write_json

if TYPE_CHECKING:
    from dbgclean.pipeline.options import Options
    from dbgclean.pipeline.runs import Corrected
    from dbgclean.reads import InputGroup, ReadStatistics
    from dbgclean.spectrum.tally import CountStatistics

__all__ = ["SCHEMA_VERSION", "dropped", "figures_of", "inputs_of", "write_figures"]

SCHEMA_VERSION = (0, 2)
"""Of all JSON but ``report.json``."""


def write_figures(
    kind: str,
    options: Options,
    content: Mapping[str, Any],
    json: str | None,
    multiqc: str | None = None,
) -> None:
    """Write the figures of a verb as JSON and for MultiQC, each whole or not at all.

    Parameters
    ----------
    kind
        The verb.
    options
        Say what the sample is called.
    content
        ``inputs``, and what else there is.
    json
        File; '-' is standard output.
    multiqc
        Folder of the files of `dbgclean.report.multiqc`.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    files = files_of(content["inputs"])
    begun = head(kind, SCHEMA_VERSION, files, options.sample, options.command)
    figures = plain({**begun, **content})
    if json:
        write_json(figures, json)
    if multiqc:
        write_multiqc(figures, multiqc)


def inputs_of(
    groups: Sequence[InputGroup], statistics: Sequence[ReadStatistics]
) -> list[dict[str, Any]]:
    """Each input: its files, and what was read of it."""
    return [
        {
            "files": [Path(path).name for path in group.paths],
            "layout": group.layout,
            "format": group.format,
            **tally.to_dict(),
        }
        for group, tally in zip(groups, statistics, strict=True)
    ]


def dropped(
    statistics: Sequence[ReadStatistics], windows: CountStatistics | None, kmers: int | None
) -> dict[str, int | None]:
    """What of the inputs is in no output.

    Parameters
    ----------
    statistics
        Of all inputs.
    windows
        Of counting; None where nothing was counted.
    kmers
        Distinct k-mers that are not in the result; None where it is none of k-mers.
    """
    return {
        "records": sum(tally.skipped for tally in statistics),
        "short_reads": windows.short_reads if windows else None,
        "kmers_with_n": windows.skipped_kmers if windows else None,
        "kmers": kmers,
    }


def figures_of(run: Corrected) -> dict[str, Any]:
    """What the report says of a run besides its graphs."""
    from dbgclean.pipeline.doubts import verdict

    kmers_dropped = None
    if run.graph:
        kmers_dropped = len(run.chosen.table) - int(np.count_nonzero(run.chosen.kept))
    skipped = run.windows.skipped_kmers if run.windows else 0
    return {
        "verdict": verdict(run),
        "config": run.config(),
        "inputs": inputs_of(run.groups, run.statistics),
        "dropped": dropped(run.statistics, run.windows, kmers_dropped),
        "spectrum": {**run.spectrum.to_dict(), "skipped_kmers": skipped},
        "corrections": _corrections(run, kmers_dropped),
        "alleles": _alleles(run),
        "expected_loss": run.chosen.expected_loss,
    }


def _corrections(run: Corrected, kmers_dropped: int | None) -> dict[str, Any]:
    from dbgclean.correct.corrections import refusals

    chosen = run.chosen
    result: dict[str, Any] = {"corrector": chosen.name}
    if chosen.took:
        result["judge"] = chosen.took
    if chosen.verdicts is not None and run.evidence is not None:
        gaps = run.evidence.alternatives.gaps
        result |= {"alternatives": gaps.stop, **chosen.verdicts.count()}
        result |= chosen.rewriter.statistics.to_dict()
        result |= {
            "refused": refusals(run.evidence, chosen.verdicts),
            "reads": run.evidence.reads,
        }
        if found := run.poly_g():
            result["poly_g"] = found
        result["gaps"] = {"alternatives": gaps.stop - gaps.start, **chosen.verdicts.count(gaps)}
        result |= run.policy.report(chosen.verdicts)
    return result if kmers_dropped is None else result | {"kmers_dropped": kmers_dropped}


def _alleles(run: Corrected) -> dict[str, Any] | None:
    if run.chosen.verdicts is None:
        return None
    counts = run.chosen.verdicts.count()
    return {"kept": counts["real"], "undecided": counts["undecided"]}
