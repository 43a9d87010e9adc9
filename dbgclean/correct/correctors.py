"""Correctors behind one protocol, and the door for everybody else's.

A corrector says whether reads are threaded at all, judges the pooled alternatives,
and decides which k-mers of the corrected reads stand in the k-mer set. A package
registers its own class under the entry-point group ``dbgclean.correctors``::

    [project.entry-points."dbgclean.correctors"]
    mine = "my_package:MyCorrector"

and ``--corrector mine`` finds it; subclassing `Corrector` gives the usual
behaviour for whatever is not overridden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dbgclean.correct.registry import (
    GROUP,
    CorrectorInfo,
    available_correctors,
    find_corrector,
)
from dbgclean.correct.verdicts import (
    ERROR,
    REAL,
    UNDECIDED,
    Verdicts,
    all_errors,
    explained_verdicts,
    likelihood_verdicts,
    network_verdicts,
    rule_verdicts,
    spare_clear,
)
from dbgclean.errors import DbgcleanError, ModelError, UsageError
from dbgclean.evidence.edits import WINDOW
from dbgclean.evidence.windows import CHANNELS, GLOBALS, SCHEME
from dbgclean.spectrum.histogram import Spectrum
from dbgclean.spectrum.membership import rows_among
from dbgclean.spectrum.table import KmerTable

if TYPE_CHECKING:
    from dbgclean.evidence.gather import Evidence

__all__ = [
    "GROUP",
    "AutoencoderCorrector",
    "Corrector",
    "CorrectorInfo",
    "CutoffCorrector",
    "LikelihoodCorrector",
    "NearestCorrector",
    "NoCorrector",
    "RatioCorrector",
    "RuleCorrector",
    "Sample",
    "available_correctors",
    "load_corrector",
]

PRETRAINED = Path(__file__).parent.parent / "model" / "pretrained"
_EVIDENCE: Any = {
    "positions": WINDOW, "channels": CHANNELS, "globals_": len(GLOBALS), "scheme": SCHEME
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """What a corrector is told of the run.

    Attributes
    ----------
    spectrum
        Of the raw reads at the graph's k.
    cutoff
        Abundance from which a k-mer of corrected reads stands by itself.
    threads, seed
        Of the run; a result must not depend on ``threads``.
    model
        Folder of the network's weights; None for those that ship.
    judged
        What other correctors made of the same alternatives already, by name.
    """

    spectrum: Spectrum
    cutoff: int
    threads: int = 1
    seed: int = 1
    model: str | None = None
    judged: dict[str, Verdicts] = field(default_factory=dict)


class Corrector:
    """Base of the correctors: threads reads, calls everything weak an error.

    Attributes
    ----------
    edits_reads
        False for correctors that leave the reads alone; `judge` is then not called.
    """

    edits_reads: bool = True

    @property
    def judges(self) -> bool:
        """Whether it has a judgement of its own."""
        return type(self).judge is not Corrector.judge

    def check(self, model: str | None) -> None:
        """Refuse what cannot work, before any read is read; may raise DbgcleanError."""

    def judge(self, evidence: Evidence, sample: Sample) -> Verdicts:
        """One verdict per alternative, in the order of ``evidence.alternatives``.

        Gaps are among them: ``evidence.alternatives.kind`` tells insertions and deletions
        from substitutions.
        """
        return all_errors(evidence.alternatives)

    def keep(self, table: KmerTable, kept_alternatives: np.ndarray, sample: Sample) -> np.ndarray:
        """Which k-mers of the corrected reads stand in the k-mer set: bool (n,).

        Parameters
        ----------
        table
            Abundances in the corrected reads, at the graph's k.
        kept_alternatives
            As the table's keys, sorted canonical k-mers over bases that were judged real or left
            undecided; they stand however rare they are.
        """
        return (table.counts >= sample.cutoff) | (rows_among(table.keys, kept_alternatives) >= 0)


class NoCorrector(Corrector):
    """Leaves reads and k-mers as they came."""

    edits_reads = False

    def keep(self, table: KmerTable, kept_alternatives: np.ndarray, sample: Sample) -> np.ndarray:
        """Everything."""
        return np.ones(len(table), bool)


class CutoffCorrector(Corrector):
    """Drops k-mers below the valley of the spectrum; reads stay as they came."""

    edits_reads = False

    def keep(self, table: KmerTable, kept_alternatives: np.ndarray, sample: Sample) -> np.ndarray:
        """k-mers at or above the spectrum's cutoff."""
        return table.counts >= sample.spectrum.cutoff


class NearestCorrector(Corrector):
    """Threads reads through the solid graph and judges nothing: the path is the truth."""


class RatioCorrector(Corrector):
    """Judges each alternative by its plain likelihood ratio: real, or independent errors."""

    def judge(self, evidence: Evidence, sample: Sample) -> Verdicts:
        """See `likelihood_verdicts`."""
        return likelihood_verdicts(evidence.alternatives, evidence.context.prior)


class RuleCorrector(Corrector):
    """The plain ratio, less what stands on one strand or on low qualities."""

    def judge(self, evidence: Evidence, sample: Sample) -> Verdicts:
        """See `rule_verdicts`."""
        return rule_verdicts(evidence.alternatives, evidence.context.prior)


class LikelihoodCorrector(Corrector):
    """Judges each alternative by a likelihood ratio that knows of errors that recur."""

    def judge(self, evidence: Evidence, sample: Sample) -> Verdicts:
        """See `explained_verdicts`."""
        return spare_clear(evidence.alternatives, explained_verdicts(evidence))


class AutoencoderCorrector(Corrector):
    """Judges each alternative by its likelihood ratio, which the network corrects within bounds."""

    def check(self, model: str | None) -> None:
        """The weights are there and take our windows."""
        from dbgclean.model import check_model

        folder = Path(model) if model else PRETRAINED
        check_model(folder, **_EVIDENCE)
        self._thresholds(folder)

    def judge(self, evidence: Evidence, sample: Sample) -> Verdicts:
        """See `network_verdicts`; thresholds come with the weights."""
        from dbgclean.model import load_model

        folder = Path(sample.model) if sample.model else PRETRAINED
        model = load_model(folder, **_EVIDENCE)
        judged = network_verdicts(evidence, model, *self._thresholds(folder), sample.threads)
        return spare_clear(evidence.alternatives, judged)

    def _thresholds(self, folder: Path) -> tuple[float, float]:
        """Posteriors that the model's card gives: at most an error, at least real."""
        from dbgclean.model import read_card

        card = read_card(folder).card
        try:
            return float(card["error_threshold"]), float(card["real_threshold"])
        except (KeyError, TypeError, ValueError):
            msg = (
                f"{folder / 'config.toml'}: the model's card gives no error_threshold and "
                "real_threshold; train the model again with `python -m benchmarks.training`"
            )
            raise ModelError(msg) from None


_REMEDY = "; repair or remove the package"


class _Guarded(Corrector):
    """Somebody else's corrector: what goes wrong in it is said in one line that names it."""

    def __init__(self, name: str, target: str, inner: Corrector) -> None:
        self._who, self._inner = f"--corrector {name}: {target}", inner
        self.edits_reads = inner.edits_reads

    @property
    def judges(self) -> bool:
        """Whether the other one has."""
        return getattr(type(self._inner), "judge", None) is not Corrector.judge

    def check(self, model: str | None) -> None:
        """As the other one does, where it does."""
        if hasattr(self._inner, "check"):
            self._call(self._inner.check, model)

    def judge(self, evidence: Evidence, sample: Sample) -> Verdicts:
        """The other one's verdicts: one of ours for each alternative, and a probability."""
        found = self._call(self._inner.judge, evidence, sample)
        n = len(evidence.alternatives)
        shapes = [np.shape(getattr(found, part, ())) for part in ("verdict", "posterior")]
        if shapes != [(n,), (n,)]:
            msg = f"{self._who}.judge() gave {shapes} verdicts and posteriors for {n} alternatives"
            raise DbgcleanError(msg + _REMEDY)
        known = np.isin(found.verdict, (ERROR, REAL, UNDECIDED)).all()
        if not known or not np.all((found.posterior >= 0) & (found.posterior <= 1)):
            msg = f"{self._who}.judge() gave an unknown verdict, or a posterior not within 0 to 1"
            raise DbgcleanError(msg + _REMEDY)
        return found

    def keep(self, table: KmerTable, kept_alternatives: np.ndarray, sample: Sample) -> np.ndarray:
        """The other one's choice: bool, one for each k-mer."""
        found = self._call(self._inner.keep, table, kept_alternatives, sample)
        if np.shape(found) != (len(table),) or np.asarray(found).dtype != bool:
            msg = f"{self._who}.keep() gave no bool for each of {len(table)} k-mers"
            raise DbgcleanError(msg + _REMEDY)
        return found

    def _call(self, method: Callable[..., Any], *given: Any) -> Any:
        try:
            return method(*given)
        except (DbgcleanError, MemoryError):
            raise
        except Exception as error:
            msg = f"{self._who}.{method.__name__}() failed ({type(error).__name__}: {error})"
            msg += f"{_REMEDY} (--debug shows where)"
            raise DbgcleanError(msg) from error


def load_corrector(name: str) -> Corrector:
    """Make the corrector registered under ``name``.

    Raises
    ------
    UsageError
        If there is none, or it cannot be imported or made.
    """
    point = find_corrector(name)
    try:
        corrector = point.load()()
    except Exception as error:
        msg = (
            f"--corrector {name}: {point.value} cannot be loaded "
            f"({type(error).__name__}: {error}); repair or remove the package"
        )
        raise UsageError(msg) from error
    lacking = [part for part in ("judge", "keep", "edits_reads") if not hasattr(corrector, part)]
    if lacking:
        msg = (
            f"--corrector {name}: {point.value} lacks {', '.join(lacking)}; "
            "a corrector follows dbgclean.correct.Corrector"
        )
        raise UsageError(msg)
    if point.value.startswith("dbgclean."):
        return corrector
    return _Guarded(name, point.value, corrector)
