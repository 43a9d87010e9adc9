"""What an inspection leaves: the report and the files of its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dbgclean import __version__
from dbgclean._files import open_output
from dbgclean._folder import OutputFolder
from dbgclean._versions import VERSIONS, versions_yml
from dbgclean.pipeline.figures import SCHEMA_VERSION, dropped
from dbgclean.pipeline.inspect_inputs import InspectInputs, InspectOptions
from dbgclean.report.head import files_of, head
from dbgclean.report.inspect_page import write_inspect_page
from dbgclean.spectrum.formats import write_kmer_fasta
from dbgclean.variants.allele_table import CLASSES, AlleleTable
from dbgclean.variants.regions import Region
from dbgclean.variants.tables import alleles_to_rows, summarise, write_alleles
from dbgclean.variants.vcf import write_vcf

__all__ = ["CONSENSUS", "OUTPUTS", "Inspected", "KmerVerdicts", "build_report", "write_files"]

# The reads' consensus, where there is no reference.
CONSENSUS = "consensus.fa.gz"


@dataclass(frozen=True, slots=True, eq=False)
class KmerVerdicts:
    """k-mers of the inspected reads, and which the verdicts keep.

    Attributes
    ----------
    k
        Length.
    keys
        uint64 (n,): canonical, sorted.
    counts
        uint32 (n,): abundances in the reads.
    kept
        bool (n,).
    """

    k: int
    keys: np.ndarray
    counts: np.ndarray
    kept: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """What came of an inspection.

    Attributes
    ----------
    alleles
        All of them, classified.
    kmers
        Of the regions' reads.
    states
        Reads by how they lie on the graph; those over two windows count in both.
    homes, consensus
        Regions and bases of the contigs that stand in for the reference, where there is none.
    letters
        Of the reference, that are ambiguous or unknown.
    clips
        Soft-clipped ends of reads that were taken, and left out.
    """

    alleles: AlleleTable
    kmers: KmerVerdicts
    states: Mapping[str, int]
    homes: Mapping[str, Region]
    consensus: Mapping[str, str]
    letters: Mapping[str, int]
    clips: Mapping[str, int]


def _command(inputs: InspectInputs) -> str:
    """The call, as far as it decides the result."""
    words = ["dbgclean inspect", Path(inputs.sample.path).name]
    words += [f"-r {survey.region}" for survey in inputs.surveys]
    files = {"reference": inputs.reference, "normal": inputs.normal}
    words += [f"--{name} {Path(file.path).name}" for name, file in files.items() if file]
    given, usual = inputs.options.to_dict(), InspectOptions().to_dict()
    options = {"min_fraction": "min-vaf", "min_mapping_quality": "min-mapping-quality"}
    words += [
        "--no-soft-clips" if name == "soft_clips" else f"--{options.get(name, name)} {value}"
        for name, value in given.items()
        if value != usual[name]
    ]
    return " ".join(words)


def build_report(inputs: InspectInputs, found: Inspected) -> dict[str, Any]:
    """The report, as in ``report.json``: plain and without times, hosts or threads."""
    reference, normal = inputs.reference, inputs.normal
    rows = [_input(inputs)]
    begun = head("inspect", SCHEMA_VERSION, files_of(rows), inputs.sample.sample, _command(inputs))
    return {
        **begun,
        "config": {
            **inputs.options.to_dict(),
            "reference": Path(reference.path).name if reference else None,
            "normal": Path(normal.path).name if normal else None,
        },
        "inputs": rows,
        "dropped": _dropped(rows[0], found.kmers),
        "odd_regions": inputs.odd_regions,
        "reference_letters": {
            name: found.letters.get(name, 0) for name in ("ambiguous", "unknown")
        },
        "soft_clipped_ends": {name: found.clips.get(name, 0) for name in ("taken", "left_out")},
        "regions": _regions(inputs, found.alleles, found.homes),
        "reads": found.states,
        "summary": summarise(found.alleles),
        "alleles": alleles_to_rows(found.alleles),
    }


def _input(inputs: InspectInputs) -> dict[str, Any]:
    """Records of the sample, over all regions."""
    counts = {
        name: sum(survey.statistics[name] for survey in inputs.surveys)
        for name in inputs.surveys[0].statistics
    }
    return {"files": [Path(inputs.sample.path).name], **counts}


def _dropped(counts: Mapping[str, Any], kmers: KmerVerdicts) -> dict[str, int | None]:
    """As in the JSON of other verbs; no window of k bases is counted here."""
    records = int(counts["records"]) - int(counts["kept"])
    return {**dropped((), None, int(np.count_nonzero(~kmers.kept))), "records": records}


def _regions(
    inputs: InspectInputs, table: AlleleTable, homes: Mapping[str, Region]
) -> list[dict[str, Any]]:
    """Each region, its reads, and its alleles by class."""
    rows = []
    for survey in inputs.surveys:
        region = survey.region
        inside = np.array([homes.get(name) == region for name in table.contigs])[table.contig]
        if region.contig in table.contigs:
            here = table.contig == table.contigs.index(region.contig)
            here &= (table.position >= region.start) & (table.position < region.end)
            inside |= here
        classes = np.bincount(table.klass[inside], minlength=len(CLASSES))
        rows.append(
            {
                "contig": region.contig,
                "start": region.start,
                "end": region.end,
                "reads": survey.reads,
                "depth": round(survey.depth, 1),
                "windows": len(survey.windows),
                **{name: int(n) for name, n in zip(CLASSES, classes, strict=True)},
            }
        )
    return rows


OUTPUTS = (
    "alleles.tsv.gz",
    "variants.vcf.gz",
    "variants.vcf.gz.tbi",
    "variants.vcf.gz.csi",
    "kmers.kept.fa.gz",
    "kmers.removed.fa.gz",
    "report.json",
    "report.html",
    VERSIONS,
)
"""Names that `write_files` may write; without a reference, CONSENSUS as well."""


def write_files(
    out: OutputFolder,
    inputs: InspectInputs,
    found: Inspected,
    report: dict[str, Any],
) -> None:
    """Write all files of the folder.

    Where contigs stand in for the reference, the VCF is on them, and they are written beside it.

    Raises
    ------
    OutputError
        If one cannot be written.
    """
    kmers = found.kmers
    write_alleles(out.path("alleles.tsv.gz"), found.alleles)
    lengths = {name: len(bases) for name, bases in found.consensus.items()}
    if inputs.reference is None:
        with open_output(out.path(CONSENSUS)) as packed:
            for name, bases in found.consensus.items():
                packed.write(f">{name}\n{bases}\n".encode())
    write_vcf(
        out.path("variants.vcf.gz"),
        found.alleles,
        contig_lengths=inputs.sample.contigs if inputs.reference else lengths,
        sample=inputs.sample.sample,
        version=__version__,
        command=report["command"],
        reference_name=Path(inputs.reference.path).name if inputs.reference else CONSENSUS,
    )
    for name, rows in (("kept", kmers.kept), ("removed", ~kmers.kept)):
        path = out.path(f"kmers.{name}.fa.gz")
        write_kmer_fasta(path, kmers.keys[rows], kmers.counts[rows], kmers.k)
    out.path(VERSIONS).write_text(versions_yml(), encoding="utf-8")
    text = json.dumps(report, indent=1, allow_nan=False) + "\n"
    out.path("report.json").write_text(text, encoding="utf-8")
    write_inspect_page(out.path("report.html"), report, sample=inputs.sample.sample)
