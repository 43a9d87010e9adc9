"""A run as far as it has come: its inputs, what was counted, and a column for each corrector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dbgclean.correct.correctors import Corrector, Sample, load_corrector
from dbgclean.correct.policy import Policy
from dbgclean.correct.rewrite import Rewriter
from dbgclean.correct.verdicts import Verdicts
from dbgclean.evidence.cutoffs import depth_cutoffs
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.poly_g import TailCounter
from dbgclean.log import Progress
from dbgclean.pipeline.first_run import Compiling, start_compiling
from dbgclean.pipeline.options import Options, policy_of
from dbgclean.reads import InputGroup, ReadStatistics, iter_batches, plan_inputs, tell_pairs
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.read_depths import ReadSample
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = ["Column", "Run", "open_run", "sample_of"]

# From this depth on the usual cutoffs hold.
_DEEP = 15
# Fitted depth below which one k-mer in 30 and more is seen once by chance.
_RARE_IS_SUSPECT = 5.0
_FULL_CUTOFF = 5
_TWO_MOLECULES = 2


@dataclass
class Column:
    """One corrector's result.

    Attributes
    ----------
    name, corrector
        Which, and the object.
    verdicts
        None for correctors that leave the reads alone.
    rewriter
        Applies the verdicts; holds the counts of what was changed.
    table
        k-mers of the corrected reads, at the graph's k.
    kept
        bool, one per row of ``table``: stands in the k-mer set.
    expected_loss
        Planted alleles shown, and kept of these, by fraction
        (`dbgclean.evidence.spikes.Spikes.by_fraction`); None where none were planted.
    """

    name: str
    corrector: Corrector
    verdicts: Verdicts | None = None
    rewriter: Rewriter = field(default_factory=lambda: Rewriter(None, None))
    table: KmerTable | None = None
    kept: np.ndarray | None = None
    expected_loss: dict[str, dict[str, int]] | None = None

    @property
    def took(self) -> str:
        """Which judge a corrector took that chooses one, and why; empty for others."""
        return str(getattr(self.corrector, "choice", None) or "")

    @property
    def kmers(self) -> KmerTable:
        """The k-mer set."""
        assert self.table is not None
        assert self.kept is not None
        return self.table.select(self.kept)


@dataclass
class Run:
    """A run as far as it has come.

    Attributes
    ----------
    groups, statistics
        The inputs, and what was read of each.
    policy
        The user's rules, applied to what every corrector judges.
    correction_k
        Of the threading; chosen in the first pass where the options leave it open.
    raw, spectrum
        k-mers of the raw reads at the graph's k, and their fit.
    threading_spectrum
        Fit at ``correction_k``.
    tails
        Runs of G that reads end in, and their k-mers at ``correction_k``; None where they
        are not looked for.
    sampled, modes
        Some of the reads, and the depths around which they lie
        (`dbgclean.spectrum.read_depths`).
    evidence
        None where no column edits reads.
    columns
        By name, in the order of the report.
    checked
        The look at the corrector's weights, which goes on while reads are counted.
    compiling
        On the first run, the process that compiles the search meanwhile.
    """

    options: Options
    groups: list[InputGroup]
    progress: Progress
    policy: Policy = field(default_factory=Policy)
    statistics: list[ReadStatistics] = field(default_factory=list)
    skipped_kmers: int = 0
    correction_k: int = 0
    raw: KmerTable | None = None
    spectrum: Spectrum | None = None
    threading_spectrum: Spectrum | None = None
    tails: TailCounter | None = None
    sampled: ReadSample = field(default_factory=ReadSample)
    modes: list[int] = field(default_factory=list)
    evidence: Evidence | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    checked: Future[None] | None = None
    compiling: Compiling | None = None

    def batches(self, what: str, statistics: bool = False) -> Iterator[tuple[int, int, ReadBatch]]:
        """Yield (group, number of the first read in the run, batch) over all inputs."""
        first = 0
        for number, group in enumerate(self.groups):
            names = ", ".join(Path(path).name for path in group.paths)
            self.progress.start(f"{what} {names}")
            tally = ReadStatistics()
            for batch in iter_batches(
                group,
                reference=self.options.reference,
                threads=self.options.threads,
                statistics=tally,
            ):
                yield number, first, batch
                first += len(batch)
                self.progress.advance()
            if statistics:
                self.statistics.append(tally)
                tell_pairs(group, tally)

    def refuse(self, *, wait: bool = False) -> None:
        """Raise what is wrong with the corrector, once that is known."""
        if self.checked is not None and (wait or self.checked.done()):
            self.checked.result()

    @property
    def bases(self) -> int:
        """Bases read."""
        return sum(tally.bases for tally in self.statistics)

    @property
    def rarest(self) -> int | None:
        """Depth of a mix's rarest member, where it is too shallow for the others' cutoffs."""
        return self.modes[0] if len(self.modes) > 1 and self.modes[0] < _DEEP else None

    @property
    def depth_tells(self) -> bool:
        """Whether the depth is known, and such that a k-mer seen once is suspect."""
        return self.spectrum is not None and self.spectrum.peak >= _RARE_IS_SUSPECT

    def config(self) -> dict[str, Any]:
        """What decided the result, for the report."""
        used = self.correction_k or self.options.correction_k
        return {**self.options.to_dict(), "correction_k": used}

    @property
    def masks_poly_g(self) -> bool:
        """Whether ends called G without a signal are masked, once the reads were counted."""
        return self.tails is not None and (self.options.poly_g == "on" or self.tails.runs.artefact)

    def poly_g(self) -> dict[str, int]:
        """Ends without a signal that were masked, and what shows them; empty where none were."""
        if self.evidence is None or self.tails is None or not self.masks_poly_g:
            return {}
        reads, bases = self.evidence.changes.without_signal()
        return {"reads_masked": reads, "bases_masked": bases, **vars(self.tails.runs)}

    @property
    def chosen(self) -> Column:
        """The column of the corrector that was asked for."""
        return self.columns[self.options.corrector]


def open_run(
    reads: Sequence[str], options: Options, progress: Progress, *, graph: bool = False
) -> Run:
    """Look at the inputs and for the corrector before any work is done."""
    corrector = load_corrector(options.corrector)
    groups = plan_inputs(
        reads,
        interleaved=options.interleaved,
        single=options.single,
        paired=options.paired,
        spool_dir=options.tmp,
        reference=options.reference,
    )
    run = Run(options, groups, progress, policy_of(options))
    if corrector.edits_reads:
        run.compiling = start_compiling(graph=graph)
    # It takes a second or two until the network's and the fit's libraries are loaded.
    beside = ThreadPoolExecutor(1, thread_name_prefix="dbgclean-check")
    check = getattr(corrector, "check", None)
    if check is not None:
        run.checked = beside.submit(check, options.model)
    beside.submit(import_module, "scipy.optimize")
    beside.shutdown(wait=False)
    return run


def sample_of(run: Run, spectrum: Spectrum) -> Sample:
    """What correctors are told of the run.

    k-mers of corrected reads stand by themselves from one below the upper cutoff by depth
    (longer k-mers are seen less often than those that reads are threaded at). Where the
    sample is shallow, a mix of depths, or so uneven that no spectrum fits, two molecules
    are enough; without reads, which tell molecules, the lower cutoff.
    """
    spectrum = run.spectrum or spectrum
    upper, lower = depth_cutoffs(spectrum)
    cutoff = _TWO_MOLECULES if run.groups else lower
    if spectrum.fitted and run.rarest is None and upper > lower + 1 and upper >= _FULL_CUTOFF:
        cutoff = upper - 1
    options = run.options
    return Sample(spectrum, cutoff, options.threads, options.seed, options.model)
