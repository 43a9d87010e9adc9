"""The table of corrections: every change and every refusal, one row each.

Substitutions are one row per alternative. Gaps, masks and filled Ns are one row per
change and numbered by read; all reads of one insertion or deletion have one verdict.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dbgclean._files import open_output
from dbgclean.correct.policy import RULES, RuledVerdicts
from dbgclean.correct.verdicts import ERROR, NAMES, Verdicts, ties
from dbgclean.evidence.changes import DELETE, FILL, INSERT, MASK, NO_SIGNAL
from dbgclean.evidence.edits import FLANK, SUBSTITUTION
from dbgclean.evidence.gap_places import FLANK as GAP_FLANK
from dbgclean.evidence.gap_places import flanks_of
from dbgclean.spectrum.kmers import kmers_to_strings

if TYPE_CHECKING:
    from dbgclean.evidence.alternatives import Alternatives
    from dbgclean.evidence.gather import Evidence

__all__ = [
    "COLUMNS",
    "KINDS",
    "NO_SIGNAL_WHY",
    "WHY",
    "alternative_columns",
    "alternative_rows",
    "reasons",
    "refusals",
    "write_corrections",
]

COLUMNS = (
    "kind",
    "kmer",
    "raw_count",
    "position",
    "from",
    "to",
    "posterior",
    "verdict",
    "reason",
    "fragments",
    "depth",
    "read",
)
_BASES = np.array(list("ACGTN"))
_CHUNK = 100_000
KINDS = {DELETE: "deletion", INSERT: "insertion", MASK: "mask", FILL: "fill"}
WHY = {
    DELETE: "inserted base: the path goes on behind it",
    INSERT: "missing base: the path holds it",
    MASK: "no other fragment has what follows the seam",
    FILL: "unknown base read off the path",
}
NO_SIGNAL_WHY = "G to the read's end that the graph does not hold: no signal"


def reasons(evidence: Evidence, verdicts: Verdicts) -> np.ndarray:
    """Why each alternative was changed or left alone, array of str (n,).

    Where one of the user's rules settled it, the rule's name (`policy.RULES`).
    """
    why = np.array(["changed", "real", "undecided"], object)[verdicts.verdict]
    if isinstance(verdicts, RuledVerdicts):
        ruled = verdicts.rule > 0
        why[ruled] = np.array(RULES, object)[verdicts.rule[ruled]]
    why[(verdicts.verdict == ERROR) & ties(evidence.alternatives)] = "tie"
    return why


def refusals(evidence: Evidence, verdicts: Verdicts) -> dict[str, int]:
    """Edits proposed and not made, by reason; reads left alone, by reason."""
    edits = evidence.edits.substitutions()
    rows = evidence.alternatives.of_edit[: len(edits)]
    verdict = verdicts.verdict[rows]
    tie = (verdict == ERROR) & ties(evidence.alternatives)[rows]
    counts = {f"edit_{name}": int(np.count_nonzero(verdict == i)) for i, name in enumerate(NAMES)}
    del counts["edit_error"]
    if isinstance(verdicts, RuledVerdicts):
        protected = verdicts.rule[rows] == RULES.index("protected")
        counts["edit_protected"] = int(np.count_nonzero(protected))
        counts["edit_real"] -= counts["edit_protected"]
    counts["edit_tie"] = int(np.count_nonzero(tie))
    counts["read_without_anchor"] = evidence.reads["no_anchor"]
    counts["read_too_short"] = evidence.reads["too_short"]
    counts["read_partly_threaded"] = evidence.reads["partly_threaded"]
    return counts


def write_corrections(
    path: str | os.PathLike[str],
    evidence: Evidence | None,
    verdicts: Verdicts | None,
) -> None:
    """Write ``corrections.tsv.gz``, sorted by k-mer, then by read.

    Columns: ``kind`` (substitution, deletion, insertion, mask, fill); ``kmer``, the
    canonical 31-mer with the alternative in the middle; ``raw_count``, reads that
    show it; ``position``, 1-based, in the k-mer (substitution) or the read;
    ``from`` and ``to``; ``posterior``, P(real) as the corrector has it; ``verdict``
    and ``reason`` (changed, real, undecided, tie, or the rule that settled it);
    ``fragments`` and ``depth`` of the site; ``read``, 1-based in the run, for
    changes of a single read. '.' where a column does not apply.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with open_output(path, packed=True) as packed:
        packed.write(("\t".join(COLUMNS) + "\n").encode())
        if evidence is None or verdicts is None:
            return
        for block in alternative_rows(evidence, verdicts):
            packed.write(block.encode())
        packed.write(_change_rows(evidence, verdicts).encode())


def alternative_columns(
    evidence: Evidence, verdicts: Verdicts, why: np.ndarray, part: slice | np.ndarray
) -> dict[str, Any]:
    """What rows of alternatives say, by the names of ``COLUMNS``: arrays (n,).

    ``why`` is `reasons` of all; ``part`` some of the rows, substitutions first.
    An insertion or deletion has its flanks for a k-mer, with a dot at its place, and dots for
    bases.
    """
    a = evidence.alternatives.select(part)
    key, gap = a.key, a.kind != SUBSTITUTION
    kmers = kmers_to_strings(key[~gap], 2 * FLANK + 1)
    flanks = kmers_to_strings(flanks_of(key[gap]), 2 * GAP_FLANK)
    return {
        "kmer": kmers + [f"{text[:GAP_FLANK]}.{text[GAP_FLANK:]}" for text in flanks],
        "raw_count": a.column("reads").astype(int),
        "from": np.where(gap, ".", _BASES[a.base]),
        "to": np.where(gap, ".", _BASES[a.to]),
        "posterior": verdicts.posterior[part],
        "verdict": np.array(NAMES, object)[verdicts.verdict[part]],
        "reason": why[part],
        "fragments": a.fragments,
        "depth": np.rint(a.depth.sum(1)).astype(int),
    }


def alternative_rows(evidence: Evidence, verdicts: Verdicts) -> Iterator[str]:
    """Yield rows of kind ``substitution``, many at a time."""
    why = reasons(evidence, verdicts)
    last = evidence.alternatives.substitutions.stop
    for start in range(0, last, _CHUNK):
        part = slice(start, min(last, start + _CHUNK))
        columns = alternative_columns(evidence, verdicts, why, part).values()
        # Python's own numbers are formatted several times as fast as numpy's.
        rows = zip(*(c if isinstance(c, list) else c.tolist() for c in columns), strict=True)
        yield "".join(
            [
                f"substitution\t{kmer}\t{reads}\t{FLANK + 1}\t{base}\t{to}\t{p:.4g}\t"
                f"{verdict}\t{reason}\t{fragments}\t{depth}\t.\n"
                for kmer, reads, base, to, p, verdict, reason, fragments, depth in rows
            ]
        )


def _change_rows(evidence: Evidence, verdicts: Verdicts) -> str:
    """One row per gap and filled N, one per masked stretch."""
    changes, every = evidence.changes, evidence.alternatives
    gaps = every.gaps.start, every.select(every.gaps)
    out = io.StringIO()
    kind, read, position = changes.kind, changes.read, changes.position
    masked = kind == MASK
    follows = np.zeros(len(changes), bool)
    follows[1:] = (
        masked[1:] & masked[:-1] & (read[1:] == read[:-1]) & (position[1:] == position[:-1] + 1)
    ) & (changes.value[1:] == changes.value[:-1])
    heads = np.flatnonzero(~follows)
    rows = np.full(len(changes), -1)
    rows[changes.gap >= 0] = every.of_edit[changes.gap[changes.gap >= 0]]
    sizes = np.diff(np.append(heads, len(changes)))
    for i, n in zip(heads, sizes, strict=True):
        what = int(kind[i])
        before, after, why = ".", ".", WHY[what]
        if what == MASK:
            after = f"N*{n}"
            why = NO_SIGNAL_WHY if changes.value[i] == NO_SIGNAL else why
        elif what == FILL:
            before, after = "N", str(_BASES[changes.value[i]])
        elif what == INSERT:
            m = int(changes.size[i])
            bases = [(int(changes.value[i]) >> (2 * (m - 1 - j))) & 3 for j in range(m)]
            after = "".join(_BASES[bases])
        count, p, verdict, reason, fragments, depth = _pooled(gaps, int(rows[i]), verdicts)
        out.write(
            f"{KINDS[what]}\t.\t{count}\t{position[i] + 1}\t{before}\t{after}\t{p}\t{verdict}\t"
            f"{reason or why}\t{fragments}\t{depth}\t{read[i] + 1}\n"
        )
    return out.getvalue()


def _pooled(
    gaps: tuple[int, Alternatives], row: int, verdicts: Verdicts
) -> tuple[int, str, str, str, int, str]:
    """Reads, posterior, verdict, reason, fragments and depth of the gap that a change is of.

    ``gaps``: the first row of these alternatives, and these; ``row`` is -1 for none.
    """
    if row < 0:
        return 1, ".", NAMES[ERROR], "", 1, "."
    verdict = int(verdicts.verdict[row])
    reason = "" if verdict == ERROR else NAMES[verdict]
    if isinstance(verdicts, RuledVerdicts) and verdicts.rule[row]:
        reason = RULES[verdicts.rule[row]]
    first, a = gaps
    p, depth = f"{verdicts.posterior[row]:.4g}", f"{a.depth[row - first].sum():.0f}"
    reads, fragments = int(a.column("reads")[row - first]), int(a.column("fragments")[row - first])
    return reads, p, NAMES[verdict], reason, fragments, depth
