"""Which reads changed: one row per changed base, insertion, deletion and masked stretch.

In the order of the reads, in each from left to right. Applied to the reads as they came, the
rows give the reads as they are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dbgclean._kernels import helper, kernel
from dbgclean.correct.corrections import KINDS, NO_SIGNAL_WHY, WHY
from dbgclean.correct.policy import RULES, RuledVerdicts
from dbgclean.correct.rewrite import applied
from dbgclean.evidence.changes import DELETE, FILL, INSERT, MASK, NO_SIGNAL
from dbgclean.evidence.edits import WINDOW
from dbgclean.reads.names import as_names
from dbgclean.reads.text_kernels import number, word

if TYPE_CHECKING:
    from dbgclean.correct.rewrite import Rewriter
    from dbgclean.correct.verdicts import Verdicts
    from dbgclean.evidence.gather import Evidence
    from dbgclean.reads import ReadBatch

__all__ = ["COLUMNS", "ReadChanges"]

COLUMNS = ("name", "mate", "read", "kind", "position", "from", "to", "reason", "kmer")

_SUBSTITUTION = 0
# Words of a row by their codes: kinds first, then why, where no rule of the user settled it.
_KINDS = ("substitution", *(KINDS[kind] for kind in (DELETE, INSERT, MASK, FILL)))
_WHY = ("changed", *(WHY[kind] for kind in (DELETE, INSERT, MASK, FILL)), NO_SIGNAL_WHY)
_WORDS = tuple(word.encode() for word in (*_KINDS, *_WHY, *RULES))
_FIRST_WHY, _FIRST_RULE = len(_KINDS), len(_KINDS) + len(_WHY)
# Bytes of a row beside its name and bases.
_ROOM = 2 * max(map(len, _WORDS)) + WINDOW + 80
# Columns of a row: read of the batch, place in it, kind, bases taken, what is put there (2 bits
# each) and how many, code of the reason, k-mer.
_READ, _AT, _KIND, _TAKEN, _VALUE, _SIZE, _REASON, _KEY = range(8)
_LETTERS = np.frombuffer(bytearray(b"ACGT"), np.uint8)
_TAB, _LINE, _BLANK, _POINT, _STAR = 9, 10, 32, 46, 42


class ReadChanges:
    """The table of a run's changes, a batch at a time.

    Parameters
    ----------
    rewriter
        Of the verdicts that the reads are written by.
    evidence, verdicts
        As the rewriter has them; None where the corrector leaves reads alone.
    """

    header = ("\t".join(COLUMNS) + "\n").encode()

    def __init__(
        self, rewriter: Rewriter, evidence: Evidence | None, verdicts: Verdicts | None
    ) -> None:
        self._read, self._position, self._to = rewriter.substitutions
        self._others = rewriter.others
        self._reason, self._key = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._rule = np.zeros(0, np.uint8)
        if evidence is None or verdicts is None:
            return
        a = evidence.alternatives
        rule = verdicts.rule if isinstance(verdicts, RuledVerdicts) else np.zeros(len(a), np.uint8)
        rows = a.of_edit[: len(evidence.edits.substitutions())][applied(evidence, verdicts.kept)]
        self._key, self._reason = a.key[rows].astype(np.int64), _reason(rule[rows], _SUBSTITUTION)
        gap = self._others.gap
        self._rule = np.where(gap >= 0, rule[a.of_edit[np.maximum(gap, 0)]], 0).astype(np.uint8)

    def lines(self, batch: ReadBatch, first_read: int) -> memoryview:
        """The rows of a batch as text; ``first_read`` counts over the whole run."""
        rows = self._rows(first_read, len(batch))
        names = as_names(batch.names)
        sizes = np.diff(names.offsets)[rows[:, _READ]] + rows[:, _TAKEN] + rows[:, _SIZE] + _ROOM
        out = np.empty(int(sizes.sum()), np.uint8)
        words = np.frombuffer(bytearray(b"".join(_WORDS)), np.uint8)
        bounds = np.cumsum([0, *map(len, _WORDS)])
        n = _write(
            rows, (names.text, names.offsets), (batch.bases, batch.offsets), (words, bounds),
            first_read, batch.paired, out,
        )  # fmt: skip
        return out[:n].data

    def _rows(self, first_read: int, n_reads: int) -> np.ndarray:
        """Rows of the batch, int64 (n, 8), in order."""
        bounds = [first_read, first_read + n_reads]
        low, high = np.searchsorted(self._read, bounds)
        rows = np.zeros((high - low, 8), np.int64)
        rows[:, _READ], rows[:, _AT] = self._read[low:high], self._position[low:high]
        rows[:, _TAKEN] = rows[:, _SIZE] = 1
        rows[:, _VALUE], rows[:, _REASON] = self._to[low:high], self._reason[low:high]
        rows[:, _KEY] = self._key[low:high]
        rows = np.concatenate([rows, self._other_rows(*np.searchsorted(self._others.read, bounds))])
        rows[:, _READ] -= first_read
        # What is put in before a base comes before what happens to the base.
        order = np.lexsort((rows[:, _KIND] != INSERT, rows[:, _AT], rows[:, _READ]))
        return rows[order]

    def _other_rows(self, low: int, high: int) -> np.ndarray:
        """Rows of what is no substitution: stretches that are dropped or masked are one."""
        c, kind = self._others.select(slice(low, high)), self._others.kind[low:high]
        rows = np.zeros((len(c), 8), np.int64)
        rows[:, _READ], rows[:, _AT], rows[:, _KIND], rows[:, _KEY] = c.read, c.position, kind, -1
        rows[:, _TAKEN] = kind != INSERT
        put = (kind == INSERT) | (kind == FILL)
        rows[:, _VALUE], rows[:, _SIZE] = np.where(put, c.value, 0), np.where(put, c.size, 0)
        why = np.where((kind == MASK) & (c.value == NO_SIGNAL), len(KINDS) + 1, kind)
        rows[:, _REASON] = _reason(self._rule[low:high], why)
        before, after = rows[:-1], rows[1:]
        longer = np.isin(kind[1:], (DELETE, MASK)) & (before[:, _AT] + 1 == after[:, _AT])
        same = before[:, (_READ, _KIND, _REASON)] == after[:, (_READ, _KIND, _REASON)]
        head = np.flatnonzero(np.append(True, ~(longer & same.all(1)))[: len(rows)])
        rows[head, _TAKEN] *= np.diff(np.append(head, len(rows)))
        return rows[head]


def _reason(rule: np.ndarray, why: np.ndarray | int) -> np.ndarray:
    """Code of the word for a rule of the user's, or else for what else settled it."""
    return np.where(rule > 0, _FIRST_RULE + rule.astype(np.int64), _FIRST_WHY + why)


@helper
def _bases(out: np.ndarray, n: int, bases: np.ndarray) -> int:
    """Letters of a read as DNA's capitals."""
    for i in range(len(bases)):
        c = bases[i]
        if c >= 65:
            c &= 0xDF
        out[n + i] = 84 if c == 85 else c
    return n + len(bases)


@helper
def _packed(out: np.ndarray, n: int, value: int, size: int) -> int:
    """Bases of 2 bits each, the first in the highest; a point for none."""
    if size == 0:
        out[n] = _POINT
        return n + 1
    for i in range(size):
        out[n + i] = _LETTERS[(value >> (2 * (size - 1 - i))) & 3]
    return n + size


@kernel
def _write(
    rows: np.ndarray,
    names: tuple[np.ndarray, np.ndarray],
    reads: tuple[np.ndarray, np.ndarray],
    words: tuple[np.ndarray, np.ndarray],
    first_read: int,
    paired: bool,
    out: np.ndarray,
) -> int:
    """Write the rows; returns how many bytes. Each pair is a text and where its parts begin."""
    text, bounds = words
    n = 0
    for row in rows:
        read, kind, at = row[_READ], row[_KIND], reads[1][row[_READ]] + row[_AT]
        for i in range(names[1][read], names[1][read + 1]):
            c = names[0][i]
            if c == _TAB or c == _BLANK:
                break
            out[n] = c
            n += 1
        out[n], out[n + 1], out[n + 2] = _TAB, 49 + read % 2 if paired else _POINT, _TAB
        n = number(out, n + 3, first_read + read + 1)
        out[n] = _TAB
        n = word(out, n + 1, text[bounds[kind] : bounds[kind + 1]])
        out[n] = _TAB
        n = number(out, n + 1, row[_AT] + 1)
        out[n] = _TAB
        if row[_TAKEN]:
            n = _bases(out, n + 1, reads[0][at : at + row[_TAKEN]])
        else:
            n = _packed(out, n + 1, 0, 0)
        out[n] = _TAB
        if kind == MASK:
            out[n + 1], out[n + 2] = 78, _STAR
            n = number(out, n + 3, row[_TAKEN])
        else:
            n = _packed(out, n + 1, row[_VALUE], row[_SIZE])
        out[n] = _TAB
        n = word(out, n + 1, text[bounds[row[_REASON]] : bounds[row[_REASON] + 1]])
        out[n] = _TAB
        n = _packed(out, n + 1, row[_KEY], WINDOW if row[_KEY] >= 0 else 0)
        out[n] = _LINE
        n += 1
    return n
