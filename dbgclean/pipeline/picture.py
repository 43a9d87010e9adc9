"""The graph before and after as a picture: what of it is drawn, where, and in which colour.

Everything that the page draws is in the dict that goes into ``report.json`` as ``picture``.
Beside it, the classes of all unitigs as CSV files that Bandage loads.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dbgclean._files import open_text
from dbgclean.correct.corrections import alternative_columns, reasons
from dbgclean.correct.verdicts import REAL, UNDECIDED, Verdicts
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.gather import Evidence
from dbgclean.graph.layout import WIDTH, along, between, hair, polylines
from dbgclean.graph.neighbourhood import (
    Before,
    Frame,
    before,
    frame,
    kmers_of,
    rows_of,
    whole_pieces,
)
from dbgclean.graph.topology import bubble_arms
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.report.graph_picture import COLOURS
from dbgclean.spectrum.kmers import canonical_kmers

__all__ = ["CSV_UNITIGS", "Graphs", "picture", "write_bandage"]

CSV_UNITIGS = 100_000
"""Most unitigs of a graph whose classes are written for Bandage."""

CLASSES = ("plain", "kept", "undecided", "removed")
PLAIN, KEPT, UNSURE, REMOVED = range(4)
# Removed unitigs drawn at most, unitigs that stand drawn one by one, evidence cards.
_REMOVED, _SINGLE, _CARDS = 700, 300, 40
# Longer unitigs are more than the arm of a bubble (in k).
_ARM = 4
# Columns of support on a card, and whether their numbers are counts.
_SUPPORT = {
    "reverse": True, "quality": False, "best_quality": False, "low_quality": True,
    "near_end": True, "agreed": True, "denied": True,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Graphs:
    """The graph before and after, and what was judged.

    Attributes
    ----------
    raw, clean
        The two graphs.
    keys, unitig_of
        k-mers before, sorted, and the unitig of each.
    kept
        k-mers after, sorted.
    evidence, verdicts
        None where nothing was judged.
    """

    raw: UnitigGraph
    clean: UnitigGraph
    keys: np.ndarray
    unitig_of: np.ndarray
    kept: np.ndarray
    evidence: Evidence | None
    verdicts: Verdicts | None

    @cached_property
    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        """Middle k-mers of all substitutions, sorted, and the row of each; the best seen first."""
        if self.evidence is None or self.verdicts is None:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        a, k = self.evidence.alternatives, min(self.raw.k, WINDOW)
        part = a.substitutions
        window = a.key[part] >> np.uint64(2 * (FLANK - k // 2))
        keys = canonical_kmers(window & np.uint64((1 << 2 * k) - 1), k)
        order = np.lexsort([-a.fragments[part], keys])
        keys, first = np.unique(keys[order], return_index=True)
        return keys, order[first]

    def alternative_of(self, graph: UnitigGraph, unitigs: np.ndarray) -> np.ndarray:
        """Row of the alternative that each unitig shows, or -1, int64 (n,)."""
        keys, rows = self.judged
        found = np.full(len(unitigs), -1)
        short = np.flatnonzero(graph.kmers[unitigs] <= _ARM * graph.k)
        pieces = whole_pieces(graph, unitigs[short])
        if graph.k > WINDOW:
            pieces = _own_windows(graph, pieces)
        kmers = kmers_of(graph, pieces, min(graph.k, WINDOW))
        at = rows_of(keys, kmers.key)
        of, row = kmers.of[at >= 0], rows[at[at >= 0]]
        if len(row) and self.evidence is not None:
            # In order of support: what is written last stays.
            order = np.argsort(self.evidence.alternatives.fragments[row], kind="stable")
            found[short[of[order]]] = row[order]
        return found

    def classes(self, graph: UnitigGraph, unitigs: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Class of unitigs that stand, by the alternatives that they show, int64 (n,)."""
        found = np.full(len(unitigs), PLAIN)
        if graph is self.clean:
            found[np.isin(unitigs, bubble_arms(graph)[1] >> 1)] = KEPT
        if self.verdicts is not None:
            shown = rows >= 0
            verdict = self.verdicts.verdict[rows[shown]]
            found[shown] = np.select(
                [verdict == REAL, verdict == UNDECIDED], [KEPT, UNSURE], found[shown]
            )
        return found


def _own_windows(graph: UnitigGraph, pieces: np.ndarray) -> np.ndarray:
    """Unitigs as pieces of windows of an alternative: those around bases of no other unitig.

    Where k is larger than a window, what overlaps with a neighbour holds whole ones, too.
    """
    nodes = 2 * pieces[:, :1] + [1, 0]
    shared = (graph.out_degree[nodes] > 0) * (graph.k - 1 - FLANK)
    sizes = graph.lengths[pieces[:, 0]] - (WINDOW - 1)
    last = np.maximum(sizes - shared[:, 1], shared[:, 0])
    return np.column_stack([pieces[:, 0], shared[:, 0], last])


def picture(graphs: Graphs) -> dict[str, Any] | None:
    """What the page draws, or None where nothing is left.

    Returns
    -------
    dict
        As ``picture`` of ``report.json`` (`docs/report.md`).
    """
    raw, clean = graphs.raw, graphs.clean
    if not len(clean) or not len(raw):
        return None
    shown = frame(clean, raw, graphs.keys, graphs.unitig_of)
    index = graphs.keys, graphs.unitig_of
    old = before(shown, clean, raw, graphs.kept, index, _REMOVED)
    sizes = shown.pieces[:, 2] - shown.pieces[:, 1]
    lines = polylines(sizes, shown.joints)
    strands = _hair(raw, shown, old, lines)
    after = shown.pieces[:, 0]
    alternative = graphs.alternative_of(clean, after)
    kind = graphs.classes(clean, after, alternative)
    gone = old.unitigs[old.standing :]
    removed = graphs.alternative_of(raw, gone)
    cards = _cards(graphs, alternative, removed)
    number = {row: i for i, row in enumerate(cards)}
    everything = np.concatenate([*lines, strands.reshape(-1, 2)])
    move = everything.min(axis=0)
    box = everything.max(axis=0) - move
    lines, strands = [line - move for line in lines], strands - move
    rows = [
        _row(clean, unitig, CLASSES[kind[i]], number.get(int(alternative[i])), _path(lines[i]))
        for i, unitig in enumerate(after.tolist())
    ]
    hairs = [
        _row(raw, unitig, CLASSES[REMOVED], number.get(int(removed[i])), _curve(strands[i]))
        for i, unitig in enumerate(gone.tolist())
    ]
    return {
        "whole": shown.whole,
        "box": [round(float(side), 1) for side in box],
        "depth": float(np.median(np.repeat(clean.depth[after], np.minimum(sizes, 1000)))),
        "unitigs": {"before": len(raw), "after": len(clean)},
        "standing": old.standing,
        "removed": old.removed,
        "before": _standing(raw, shown, old, lines, rows) + hairs,
        "after": rows,
        "alternatives": _evidence(graphs, cards),
    }


def _hair(raw: UnitigGraph, shown: Frame, old: Before, lines: list[np.ndarray]) -> np.ndarray:
    """Positions of what was removed, on the joints of what stands."""
    fixed = np.full((int(old.joints.max(initial=-1)) + 1, 2), np.nan)
    pieces, shares = old.place[:, 0].astype(int), _shares(shown, old)
    for piece, line in enumerate(lines):
        rows = np.flatnonzero(pieces == piece)
        fixed[old.joints[rows].ravel()] = along(line, shares[rows].ravel())
    apart = WIDTH / 100
    still = [
        along(line, np.linspace(0, 1, 2 + int(np.abs(np.diff(line, axis=0)).sum() / apart)))
        for line in lines
    ]
    gone = old.unitigs[old.standing :]
    return hair(raw.kmers[gone], old.joints[old.standing :], fixed, np.concatenate(still))


def _shares(shown: Frame, old: Before) -> np.ndarray:
    """Where on its piece each unitig that stands begins and ends, 0 to 1, float64 (n, 2)."""
    first, last = shown.pieces[old.place[:, 0].astype(int), 1:].T
    return np.clip((old.place[:, 1:] - first[:, None]) / (last - first)[:, None], 0, 1)


def _standing(
    raw: UnitigGraph, shown: Frame, old: Before, lines: list[np.ndarray], rows: list[list[Any]]
) -> list[list[Any]]:
    """Rows of what stands before: each unitig, or where there are many, what they became."""
    pieces = old.place[:, 0].astype(int)
    if old.standing > _SINGLE:
        number = np.bincount(pieces, minlength=len(rows)).tolist()
        return [
            [f"{n} unitig{'s' * (n != 1)}", *row[1:]] for n, row in zip(number, rows, strict=True)
        ]
    found = []
    for i, (unitig, share) in enumerate(
        zip(old.unitigs[: old.standing].tolist(), _shares(shown, old), strict=True)
    ):
        drawn = _path(between(lines[pieces[i]], *share.tolist()))
        found.append(_row(raw, unitig, rows[pieces[i]][3], rows[pieces[i]][4], drawn))
    return found


def _row(graph: UnitigGraph, unitig: int, kind: str, card: int | None, drawn: str) -> list[Any]:
    depth = round(float(graph.depth[unitig]), 1)
    return [graph.name(unitig), int(graph.lengths[unitig]), depth, kind, card, drawn]


def _number(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _points(points: np.ndarray) -> str:
    return " ".join(_number(value) for value in points.ravel().tolist())


def _path(line: np.ndarray) -> str:
    """SVG path of a line, without the points that it hardly bends at."""
    while len(line) > 3:  # noqa: PLR2004
        middle = (line[:-2] + line[2:]) / 2
        flat = np.abs(line[1:-1] - middle).max(axis=1) < 0.12  # noqa: PLR2004
        flat[1::2] = False
        if not flat.any():
            break
        line = line[np.concatenate([[True], ~flat, [True]])]
    return f"M{_points(line[:1])}L{_points(line[1:])}"


def _curve(strand: np.ndarray) -> str:
    """SVG path through begin, middle and end; a loop where the ends are one."""
    start, middle, end = strand
    if np.abs(start - end).max() < 0.1:  # noqa: PLR2004
        out = middle - start
        side = 0.5 * np.array([-out[1], out[0]])
        bends = start + 1.33 * out + np.array([side, -side])
        return f"M{_points(start)}C{_points(bends)} {_points(end)}"
    return f"M{_points(start)}Q{_points(2 * middle - (start + end) / 2)} {_points(end)}"


def _cards(graphs: Graphs, after: np.ndarray, removed: np.ndarray) -> list[int]:
    """Alternatives with a card: those that stand, then the best supported of the removed."""
    if graphs.evidence is None:
        return []
    fragments = graphs.evidence.alternatives.fragments
    found: list[int] = []
    for rows in (after, removed):
        some = np.unique(rows[rows >= 0])
        found += some[np.argsort(-fragments[some], kind="stable")].tolist()
    return list(dict.fromkeys(found))[:_CARDS]


def _evidence(graphs: Graphs, rows: list[int]) -> list[dict[str, Any]]:
    """What each card says."""
    if graphs.evidence is None or graphs.verdicts is None or not rows:
        return []
    part = np.array(rows)
    a = graphs.evidence.alternatives
    # Rows are picked one by one, which slices cannot say.
    why = reasons(graphs.evidence, graphs.verdicts)
    columns = alternative_columns(graphs.evidence, graphs.verdicts, why, part)
    for name, is_count in _SUPPORT.items():
        values = a.column(name)[part].tolist()
        columns[name] = [
            None if value != value else int(value) if is_count else round(value, 1)
            for value in values
        ]
    columns["other_reverse"] = np.rint(a.depth[part, 1]).astype(int)
    columns["expected"] = a.expected[part]
    columns["ratio"] = a.odds[part]
    names = list(columns)
    values = [c if isinstance(c, list) else c.tolist() for c in columns.values()]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def write_bandage(
    graphs: Graphs, raw: str | os.PathLike[str], clean: str | os.PathLike[str]
) -> None:
    """Write the classes of all unitigs as CSV files for Bandage, of graphs that are not too large.

    Columns: ``Name``, ``Depth``, ``Colour``, ``Verdict``.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    for path, graph in ((raw, graphs.raw), (clean, graphs.clean)):
        if len(graph) > CSV_UNITIGS:
            continue
        unitigs = np.arange(len(graph))
        kind = graphs.classes(graph, unitigs, graphs.alternative_of(graph, unitigs))
        if graph is graphs.raw:
            there = graphs.unitig_of[rows_of(graphs.kept, graphs.keys) >= 0]
            stand = np.bincount(there, minlength=len(graph))
            kind[2 * stand < graph.kmers] = REMOVED
        with open_text(path) as out:
            out.write("Name,Depth,Colour,Verdict\n")
            out.writelines(
                f"{graph.name(unitig)},{depth:.3f},{COLOURS[CLASSES[c]]},{CLASSES[c]}\n"
                for unitig, depth, c in zip(
                    unitigs.tolist(), graph.depth.tolist(), kind.tolist(), strict=True
                )
            )
