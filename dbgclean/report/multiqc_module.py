"""MultiQC's plug-in: found by its entry points where dbgclean is installed beside MultiQC.

Reads the JSON of `run` (and of verbs that count or correct), told by the tag in its first lines,
whatever the file's name. Imported by MultiQC alone, and needs no other library of dbgclean's:
``pip install --no-deps dbgclean`` is enough.
"""

import json
import logging
from typing import Any

from multiqc.base_module import BaseMultiqcModule, ModuleNoSamplesFound
from multiqc.plots import linegraph

from dbgclean.report.multiqc import (
    COLUMNS,
    SPECTRUM_PLOT,
    SPECTRUM_TEXT,
    spectrum_points,
    statistics,
)
from dbgclean.report.summary import sample_of

log = logging.getLogger("multiqc.modules.dbgclean")


class MultiqcModule(BaseMultiqcModule):
    """Columns of General Statistics, and the k-mer spectra."""

    def __init__(self) -> None:
        super().__init__(
            name="dbgclean",
            anchor="dbgclean",
            info="Corrects k-mers before assembly, and says what that cost.",
        )
        values: dict[str, dict[str, Any]] = {}
        spectra: dict[str, dict[int, int]] = {}
        for found in self.find_log_files("dbgclean"):
            try:
                report = json.loads(found["f"])
                facts, points = statistics(report), spectrum_points(report)
                name = self.clean_s_name(sample_of(report), found)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                log.warning("%s: no report of dbgclean that can be read: %r", found["fn"], error)
                continue
            if not facts:
                continue  # of `inspect`, `train` or `info`: nothing that is shown here
            # `count` and `run` of one sample are one row.
            values.setdefault(name, {}).update(facts)
            if points:
                spectra[name] = {a: n for a, n in points}
            self.add_data_source(found, name)
            self.add_software_version(report.get("version"), name)
        values, spectra = self.ignore_samples(values), self.ignore_samples(spectra)
        if not values:
            raise ModuleNoSamplesFound
        log.info("Found %d reports", len(values))
        self.write_data_file(values, "multiqc_dbgclean")
        self.general_stats_addcols(values, COLUMNS)
        if spectra:
            self.add_section(
                name="k-mer spectrum",
                anchor="dbgclean-spectrum",
                description=SPECTRUM_TEXT,
                plot=linegraph.plot(spectra, SPECTRUM_PLOT),
            )
