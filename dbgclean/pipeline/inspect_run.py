"""`dbgclean inspect` from end to end: inputs opened, alleles judged, the folder written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from dbgclean._folder import OutputFolder
from dbgclean.log import Progress
from dbgclean.pipeline.inspect_inputs import InspectOptions, open_inputs

__all__ = ["InspectOptions", "inspect"]


def inspect(
    bam: str,
    regions: Sequence[str],
    bed: str | None,
    output: str,
    *,
    reference: str | None = None,
    normal: str | None = None,
    options: InspectOptions | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge the alleles in regions of a BAM or CRAM file and write it all into a folder.

    Parameters
    ----------
    bam
        Sorted and indexed.
    regions, bed
        See `dbgclean.variants.regions.parse_regions`.
    output
        Folder; appears under its name only when everything in it is whole.
    reference
        FASTA; without it the consensus of the reads takes its place, and is written, too.
    normal
        BAM or CRAM of the matched normal.
    force
        Write into a folder that holds something.

    Returns
    -------
    dict
        The report, as in ``report.json``.

    Raises
    ------
    DbgcleanError
        For anything wrong with inputs, options or output; nothing is left behind.
    """
    options = options or InspectOptions()
    with ExitStack() as stack:
        progress = progress or stack.enter_context(Progress(quiet=True))
        inputs = open_inputs(stack, bam, regions, bed, reference, normal, options, progress)
        # Not above: what is wrong with the inputs is said before numba and torch are there.
        from dbgclean.pipeline.inspect import inspect_regions
        from dbgclean.pipeline.inspect_report import CONSENSUS, OUTPUTS, build_report, write_files

        read = [bam, bed, reference, normal, options.model]
        out = stack.enter_context(OutputFolder(output, force, read))
        out.claim(*OUTPUTS, *([] if reference else [CONSENSUS]))
        found = inspect_regions(inputs)
        progress.start("Writing the report")
        report = build_report(inputs, found)
        write_files(out, inputs, found, report)
        out.commit()
    return report
