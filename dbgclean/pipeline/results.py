"""What the verbs for Python give back: tables, pictures, and reads that are made when asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from dbgclean._columns import ALL, Columns, Named
from dbgclean._files import open_text
from dbgclean._folder import OutputFolder
from dbgclean.graph.ambiguity import AmbiguityReport
from dbgclean.pipeline.runs import Corrected
from dbgclean.reads import ReadBatch, ReadStatistics, open_writer, output_names
from dbgclean.spectrum import histogram
from dbgclean.spectrum.table import KmerTable

__all__ = ["Comparison", "Correction", "Counts", "HeldReads", "Picture", "Spectrum"]

# Bases up to which corrected reads are kept: some four bytes each.
_IN_MEMORY = 20_000_000


@dataclass(frozen=True)
class Picture:
    """A picture as the text of an SVG file; a notebook shows it."""

    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        with open_text(path) as out:
            out.write(self.svg)


class Spectrum(histogram.Spectrum):
    """Histogram of abundances with the model fitted to it; see the base for its attributes."""

    def plot(self) -> Picture:
        """Histogram, fitted errors and genome, valley and peaks."""
        return _picture("spectrum", {"spectrum": self.to_dict()})

    def _repr_svg_(self) -> str:
        return self.plot().svg


@dataclass(frozen=True, eq=False, repr=False)
class Counts(KmerTable):
    """A `KmerTable` that knows what it was counted from.

    Attributes
    ----------
    reads : ReadStatistics
        Reads, bases, and what was left out.
    spectrum : Spectrum
        Of everything counted, also where rare k-mers are not in the table.
    """

    reads: ReadStatistics
    spectrum: Spectrum


@dataclass(frozen=True, eq=False)
class Comparison(Columns):
    """Ambiguity of several graphs, side by side.

    Attributes
    ----------
    reports : dict of str to AmbiguityReport
        By the name of the file, or ``A``, ``B`` for what has none.
    """

    reports: Mapping[str, AmbiguityReport]

    def columns(self, rows: slice = ALL) -> dict[str, Any]:
        """``what`` is counted, and a column of numbers for each graph."""
        found = {name: report.columns(rows) for name, report in self.reports.items()}
        first = next(iter(found.values()))
        return {"what": first["what"], **{name: one["number"] for name, one in found.items()}}

    def __len__(self) -> int:
        return len(next(iter(self.reports.values())))

    def plot(self) -> Picture:
        """A panel for each thing counted, a line for each graph."""
        columns = {name: report.to_dict() for name, report in self.reports.items()}
        return _picture("ambiguity", {"ambiguity": columns})


class Correction:
    """What `correct` found; the reads are kept where they are few, and made again where not.

    Attributes
    ----------
    raw, kmers : KmerTable
        k-mers of the reads as they came, and the corrected k-mer set.
    spectrum : Spectrum
        Of the raw k-mers.
    verdict : dict
        ``doubtful``, and the ``reasons`` in words (`docs/report.md`).
    statistics : dict
        Bases changed, inserted, deleted and masked, and reads touched.
    """

    def __init__(self, run: Corrected, batches: list[tuple[int, ReadBatch]] | None) -> None:
        from dbgclean.pipeline.doubts import verdict

        # Reads may be made again later, whatever folder the user is in by then.
        groups = [
            replace(group, paths=tuple(map(os.path.abspath, group.paths))) for group in run.groups
        ]
        self._run, self._batches = replace(run, groups=groups), batches
        self.raw, self.kmers = run.raw, run.chosen.kmers
        self.spectrum = Spectrum(**vars(run.spectrum))
        self.verdict = verdict(run)
        self.statistics = run.chosen.rewriter.statistics.to_dict()

    def __repr__(self) -> str:
        return f"Correction({self._run.chosen.name}: {self.alternatives!r}; {self.kmers!r})"

    @cached_property
    def alternatives(self) -> Named:
        """What reads insist on: ``kind`` (substitution, insertion, deletion: of the reads),
        ``kmer``, ``from`` and ``to``, ``posterior`` (P(real)), ``verdict``, ``reason``, and
        what they rest on, as in ``corrections.tsv.gz``; of gaps the flanks, ``ACGTACGT.TTGACCAA``.
        """
        from dbgclean.correct.corrections import alternative_columns, reasons

        evidence, verdicts = self._run.evidence, self._run.chosen.verdicts
        if evidence is None or verdicts is None:
            return Named({})
        kinds = np.array(["substitution", "insertion", "deletion"], object)
        kind = kinds[evidence.alternatives.kind]
        rest = alternative_columns(evidence, verdicts, reasons(evidence, verdicts), slice(None))
        return Named({"kind": kind, **rest})

    def reads(self) -> Iterator[ReadBatch]:
        """Yield the corrected reads in the order of the files, batch by batch."""
        return (batch for _, batch in self._corrected())

    def write_reads(self, folder: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
        """Write the corrected reads into a folder, under the names of the input files.

        The folder appears only when all of them are whole; ``force`` as on the command line.
        """
        groups = self._run.groups
        inputs = [path for group in groups for path in group.paths]
        with OutputFolder(folder, force, inputs) as out:
            with ExitStack() as stack:
                paths = [[str(out.path(n)) for n in names] for names in output_names(groups)]
                writers = [
                    stack.enter_context(
                        open_writer(group, files, threads=self._run.options.threads)
                    )
                    for group, files in zip(groups, paths, strict=True)
                ]
                for number, batch in self._corrected():
                    writers[number].write(batch)
            final = out.commit()
        return [final / name for names in output_names(groups) for name in names]

    def write_corrections(self, path: str | os.PathLike[str]) -> None:
        """Write ``corrections.tsv.gz``: insertions, deletions, masks and refusals too."""
        from dbgclean.correct.corrections import write_corrections

        chosen = self._run.chosen
        write_corrections(path, self._run.evidence, chosen.verdicts)

    def _corrected(self) -> Iterator[tuple[int, ReadBatch]]:
        if self._batches is not None:
            yield from self._batches
            return
        from dbgclean.correct.rewrite import Rewriter

        chosen = self._run.chosen
        kept = None if chosen.verdicts is None else chosen.verdicts.kept
        # One of its own: what the first pass counted stands.
        rewriter = Rewriter(self._run.evidence, kept)
        for group, first, batch in self._run.batches("Writing"):
            yield group, rewriter.rewrite(batch, first)

    def _repr_html_(self) -> str:
        reasons = "; ".join(self.verdict["reasons"])
        doubt = f"<p>Doubtful: {escape(reasons)}.</p>" if reasons else ""
        return (
            doubt
            + Named(
                {"what": list(self.statistics), "number": list(self.statistics.values())}
            )._repr_html_()
            + self.alternatives._repr_html_()
        )


class HeldReads:
    """Corrected reads, kept as long as they are few; ``batches`` is None from then on."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, ReadBatch]] | None = []
        self._bases = 0

    def take(self, group: int, batch: ReadBatch) -> None:
        """Take a batch of a group."""
        self._bases += len(batch.bases)
        if self._bases > _IN_MEMORY:
            self.batches = None
        elif self.batches is not None:
            self.batches.append((group, batch))


def _picture(name: str, report: dict[str, Any]) -> Picture:
    from dbgclean.report import draw_plots

    return Picture(draw_plots(report)[name])
