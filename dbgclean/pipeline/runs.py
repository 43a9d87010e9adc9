"""What each pass over the reads returns: frozen, and all of the passes before it in it.

`Inputs`, `Counted`, `Judged`, `Corrected`: a k-mer set without reads goes the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
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
from dbgclean.pipeline.counting import batches_of, groups_of
from dbgclean.pipeline.engines import Engine, engine_now
from dbgclean.pipeline.first_run import Compiling, start_compiling
from dbgclean.pipeline.options import Options, policy_of
from dbgclean.reads import InputGroup, ReadStatistics
from dbgclean.reads.tasks import Each, Task
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.read_depths import ReadSample
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch
    from dbgclean.spectrum.counting import CountStatistics

__all__ = ["Cleaned", "Column", "Corrected", "Counted", "Inputs", "Judged", "open_run"]

# From this depth on the usual cutoffs hold.
_DEEP = 15
# Fitted depth below which one k-mer in 30 and more is seen once by chance.
_RARE_IS_SUSPECT = 5.0
_FULL_CUTOFF = 5
_TWO_MOLECULES = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Inputs:
    """What a run starts from: looked at, and found usable, before any work is done.

    Attributes
    ----------
    groups
        The inputs; none for a k-mer set without reads.
    policy
        The user's rules, applied to what every corrector judges.
    graph
        Whether k-mers at the graph's k are wanted besides the reads.
    checked
        The look at the corrector's weights, which goes on while reads are counted.
    compiling
        On the first run, the process that compiles the search meanwhile.
    engine
        Who goes over the reads.
    """

    options: Options
    groups: Sequence[InputGroup]
    progress: Progress
    policy: Policy = field(default_factory=Policy)
    graph: bool = False
    checked: Future[None] | None = None
    compiling: Compiling | None = None
    engine: Engine = field(default_factory=engine_now)

    def batches(
        self,
        what: str,
        statistics: list[ReadStatistics] | None = None,
        *,
        records: bool = False,
    ) -> Iterator[tuple[int, int, ReadBatch]]:
        """Go over the reads of all inputs: see `dbgclean.pipeline.counting.batches_of`."""
        return batches_of(self.groups, self.options, self.progress, what, statistics, records)

    def over(
        self, name: str, task: Task, statistics: list[ReadStatistics] | None = None
    ) -> Iterator[Any]:
        """Apply a task to all reads: see `dbgclean.pipeline.engines.Engine`."""
        return self.engine.over(self, name, task, statistics)

    def beside(
        self, name: str, task: Each, *, records: bool = False
    ) -> Iterator[tuple[tuple[int, int, ReadBatch], Any]]:
        """As `over`, each result beside its batch, as `batches` has it."""
        return self.engine.beside(self, name, task, records=records)

    def refuse(self, *, wait: bool = False) -> None:
        """Raise what is wrong with the corrector, once that is known."""
        if self.checked is not None and (wait or self.checked.done()):
            self.checked.result()

    @property
    def files(self) -> str:
        """All input files in one line."""
        return ", ".join(path for group in self.groups for path in group.paths)


@dataclass(frozen=True, eq=False, kw_only=True)
class Counted(Inputs):
    """What the first pass found, beside what it started from.

    Attributes
    ----------
    table, threading_spectrum
        k-mers at the k of the threading, and their fit.
    raw, spectrum
        k-mers at the graph's k, and their fit; without a graph empty, and the fit above.
    statistics
        What was read of each input.
    tails
        Runs of G without a signal that reads end in; None where none are masked.
    windows
        What counting passed over, at the k of the graph where there is one; None without reads.
    sampled, modes
        Some of the reads, and the depths around which they lie
        (`dbgclean.spectrum.read_depths`).
    """

    table: KmerTable
    raw: KmerTable
    spectrum: Spectrum
    threading_spectrum: Spectrum
    statistics: Sequence[ReadStatistics] = ()
    windows: CountStatistics | None = None
    tails: TailCounter | None = None
    sampled: ReadSample = field(default_factory=ReadSample)
    modes: list[int] = field(default_factory=list)

    @property
    def correction_k(self) -> int:
        """k of the threading, chosen in the first pass where the options leave it open."""
        return self.table.k

    @property
    def reads(self) -> int:
        """Number of reads."""
        return sum(tally.reads for tally in self.statistics)

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
        return self.spectrum.peak >= _RARE_IS_SUSPECT

    def config(self) -> dict[str, Any]:
        """What decided the result, for the report."""
        return {**self.options.to_dict(), "correction_k": self.correction_k}

    def sample(self) -> Sample:
        """What correctors are told of the run.

        k-mers of corrected reads stand by themselves from one below the upper cutoff by depth
        (longer k-mers are seen less often than those that reads are threaded at). Where the
        sample is shallow, a mix of depths, or so uneven that no spectrum fits, two molecules
        are enough; without reads, which tell molecules, the lower cutoff.
        """
        upper, lower = depth_cutoffs(self.spectrum)
        cutoff = _TWO_MOLECULES if self.groups else lower
        fits = self.spectrum.fitted and self.rarest is None
        if fits and upper > lower + 1 and upper >= _FULL_CUTOFF:
            cutoff = upper - 1
        options = self.options
        return Sample(self.spectrum, cutoff, options.threads, options.seed, options.model)


@dataclass(frozen=True, eq=False)
class Column:
    """One corrector's verdicts.

    Attributes
    ----------
    name, corrector
        Which, and the object.
    verdicts
        None for correctors that leave the reads alone.
    rewriter
        Applies the verdicts; that of the chosen column counts what was changed.
    expected_loss
        Planted alleles shown, and kept of these, by fraction
        (`dbgclean.evidence.spikes.Spikes.by_fraction`); None where none were planted.
    """

    name: str
    corrector: Corrector
    verdicts: Verdicts | None = None
    rewriter: Rewriter = field(default_factory=lambda: Rewriter(None, None))
    expected_loss: dict[str, dict[str, int]] | None = None

    @property
    def took(self) -> str:
        """Which judge a corrector took that chooses one, and why; empty for others."""
        return str(getattr(self.corrector, "choice", None) or "")


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged(Counted):
    """What the second pass found; ``table`` is empty from here on.

    Attributes
    ----------
    evidence
        None where no column edits reads.
    columns
        By name, in the order of the report.
    """

    evidence: Evidence | None
    columns: Mapping[str, Column]

    @property
    def chosen(self) -> Column:
        """The column of the corrector that was asked for."""
        return self.columns[self.options.corrector]

    def poly_g(self) -> dict[str, int]:
        """Ends without a signal that were masked, and what shows them; empty where none were."""
        if self.evidence is None or self.tails is None:
            return {}
        reads, bases = self.evidence.changes.without_signal()
        return {"reads_masked": reads, "bases_masked": bases, **vars(self.tails.runs)}


@dataclass(frozen=True, eq=False, kw_only=True)
class Cleaned(Column):
    """One corrector's result.

    Attributes
    ----------
    table
        k-mers of the corrected reads, at the graph's k; without a graph none.
    kept
        bool, one per row of ``table``: stands in the k-mer set.
    """

    table: KmerTable
    kept: np.ndarray

    @property
    def kmers(self) -> KmerTable:
        """The k-mer set."""
        return self.table.select(self.kept)


@dataclass(frozen=True, eq=False, kw_only=True)
class Corrected(Judged):
    """What the third pass left: every column with its k-mers."""

    columns: Mapping[str, Cleaned]

    @property
    def chosen(self) -> Cleaned:
        """The column of the corrector that was asked for."""
        return self.columns[self.options.corrector]


def open_run(
    reads: Sequence[str], options: Options, progress: Progress, *, graph: bool = False
) -> Inputs:
    """Look at the inputs and for the corrector before any work is done."""
    corrector = load_corrector(options.corrector)
    groups = groups_of(reads, options)
    policy = policy_of(options)
    compiling = start_compiling(graph=graph) if corrector.edits_reads else None
    # It takes a second or two until the network's and the fit's libraries are loaded.
    beside = ThreadPoolExecutor(1, thread_name_prefix="dbgclean-check")
    check = getattr(corrector, "check", None)
    checked = None if check is None else beside.submit(check, options.model)
    beside.submit(import_module, "scipy.optimize")
    beside.shutdown(wait=False)
    return Inputs(
        options=options,
        groups=groups,
        progress=progress,
        policy=policy,
        graph=graph,
        checked=checked,
        compiling=compiling,
    )
