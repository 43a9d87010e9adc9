"""What page and terminal open with: may the result be used, why not, and six figures.

One sentence, at most three causes, and tiles: what was changed, what the graph became,
and what is expected to have been lost. Everything is of ``report.json`` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbgclean.report.planted import planted_alleles
from dbgclean.report.words import chosen_column, full, printable

__all__ = ["GRADES", "Cause", "Opening", "Tile", "opening", "tiles"]

Report = Mapping[str, Any]

GRADES = {
    "usable": "kmers.fa.gz is usable.",
    "with care": "Use kmers.fa.gz with care.",
    "do not use": "Do not use kmers.fa.gz.",
}
"""Sentence for each grade of ``verdict.grade``."""

# Where on the page a cause is looked into; what is not named here is among the corrections.
_PLACES = {"no fit": "spectrum-facts", "shallow": "spectrum-facts", "mixture": "spectrum-facts"}
_PLACES |= {"short k": "spectrum-facts", "depth class": "spectrum-facts"}
_MOST = 3
# Share of reads with a foreign end (adapters) that is worth a word.
_FOREIGN = 0.01
# Allele fraction whose expected loss is the figure of its tile.
_TOLD = 0.05


@dataclass(frozen=True, slots=True)
class Cause:
    """Why care is asked for, in words, and the section of the page that shows it."""

    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Opening:
    """Verdict first: grade, its sentence, causes, and how many there are besides."""

    grade: str
    sentence: str
    causes: tuple[Cause, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Tile:
    """One large figure: ``label``, ``value``, and ``note`` in small print."""

    label: str
    value: str
    note: str = ""


def opening(report: Report) -> Opening | None:
    """The verdict in a sentence and its causes; None where the report has no verdict.

    Reports of schema 0.2 have no grade: what is doubtful there asks for care.
    """
    verdict = report.get("verdict")
    if not verdict:
        return None
    grade = verdict.get("grade") or ("with care" if verdict.get("doubtful") else "usable")
    reasons = [printable(reason) for reason in verdict.get("reasons") or ()]
    kinds = verdict.get("causes") or []
    kinds = [*kinds, *[""] * (len(reasons) - len(kinds))]
    causes = [
        Cause(text[:1].upper() + text[1:] + ".", _PLACES.get(kind, "corrections"))
        for kind, text in zip(kinds, reasons, strict=False)
    ] + _noted(report)
    shown = tuple(causes[:_MOST])
    return Opening(grade, GRADES.get(grade) or printable(grade), shown, len(causes) - len(shown))


def _noted(report: Report) -> list[Cause]:
    """What was dealt with, and should rather be seen to before: adapters and poly-G ends."""
    corrections = report.get("corrections") or {}
    found = []
    if masked := (corrections.get("poly_g") or {}).get("reads_masked"):
        found.append(f"{full(masked)} reads end in G without a signal; these ends are masked.")
    followed = corrections.get("reads") or {}
    foreign = followed.get("foreign_part") or 0
    if foreign and foreign >= _FOREIGN * _reads(report):
        found.append(
            f"{full(foreign)} reads have an end that no other read shows: were adapters trimmed?"
        )
    return [Cause(text, "corrections") for text in found]


def tiles(report: Report) -> list[Tile]:
    """The figures below the sentence; those that the report cannot know are left out."""
    found = [
        _reads_tile(report),
        _bases_tile(report),
        _kmers_tile(report),
        _n50_tile(report),
        _bubbles_tile(report),
        _expected_tile(report),
        _truth_tile(report),
    ]
    return [tile for tile in found if tile is not None]


def _reads(report: Report) -> int:
    return sum(group.get("reads") or 0 for group in report.get("inputs") or [])


def _share(part: float, whole: float) -> str:
    """Per cent, never rounded to none or all of it.

    Examples
    --------
    >>> _share(1, 4), _share(1, 1_000_000), _share(999_999, 1_000_000), _share(3, 3)
    ('25 %', 'below 0.01 %', 'above 99.9 %', '100 %')
    """
    if not whole or part in (0, whole):
        return "0 %" if not part else "100 %"
    share = 100 * part / whole
    if share < 0.01:  # noqa: PLR2004
        return "below 0.01 %"
    return "above 99.9 %" if share > 99.9 else f"{share:.3g} %"  # noqa: PLR2004


def _reads_tile(report: Report) -> Tile | None:
    touched = (report.get("corrections") or {}).get("reads_touched")
    if touched is None:
        return None
    reads = _reads(report)
    return Tile("reads changed", full(touched), f"{_share(touched, reads)} of {full(reads)}")


def _bases_tile(report: Report) -> Tile | None:
    corrections = report.get("corrections") or {}
    changed = corrections.get("bases_changed")
    if changed is None:
        return None
    bases = sum(group.get("bases") or 0 for group in report.get("inputs") or [])
    notes = [f"{_share(changed, bases)} of {full(bases)}"]
    for name in ("inserted", "deleted", "masked"):
        if count := corrections.get(f"bases_{name}"):
            notes.append(f"{full(count)} {name}")
    return Tile("bases changed", full(changed), "; ".join(notes))


def _kmers_tile(report: Report) -> Tile | None:
    sides = report.get("abundance") or {}
    if not sides:
        return None
    kept, removed = (sum(n for _, n in sides.get(s) or []) for s in ("kept", "removed"))
    note = f"{_share(removed, kept + removed)} of {full(kept + removed)} distinct"
    return Tile("k-mers removed", full(removed), note)


def _n50_tile(report: Report) -> Tile | None:
    columns = report.get("ambiguity") or {}
    raw, clean = columns.get("raw"), columns.get(chosen_column(report))
    if not raw or not clean:
        return None
    note = f"of {full(raw['unitigs'])} unitigs before, {full(clean['unitigs'])} after"
    return Tile("unitig N50", f"{full(raw['n50'])} to {full(clean['n50'])}", note)


def _bubbles_tile(report: Report) -> Tile | None:
    """Bubbles of the result; what is solid on both arms was never judged, and is in it."""
    clean = (report.get("ambiguity") or {}).get(chosen_column(report))
    alleles = report.get("alleles") or {}
    if not clean or alleles.get("kept") is None:
        return None
    kept, undecided = alleles["kept"], alleles.get("undecided") or 0
    bubbles = clean["simple_bubbles"] + clean["superbubbles"]
    note = f"{full(kept)} rare alternative{'' if kept == 1 else 's'} judged real"
    if not kept:
        solid = "solid variants, never in question; " if bubbles else ""
        note = f"{solid}no rare alternative was judged real"
    if undecided:
        note += f"; {full(undecided)} undecided, left as read"
    if closed := clean.get("real_bubbles_closed"):
        note += f"; {full(closed)} real ones closed"
    return Tile("bubbles kept", full(bubbles), note)


def _expected_tile(report: Report) -> Tile | None:
    """Expected loss at the fraction that says most, the nearest to 5 %; the others below."""
    if not (report.get("corrections") or {}).get("alternatives"):
        return None
    loss = {f: _share(shown - kept, shown) for f, shown, kept in planted_alleles(_planted(report))}
    if not loss:
        return Tile("expected loss", "not known", "no allele was planted in these reads")
    told = min(loss, key=lambda fraction: abs(fraction - _TOLD))
    others = ", ".join(f"{lost} at {100 * f:g} %" for f, lost in loss.items() if f != told)
    note = f"of planted alleles{'; ' if others else ''}{others}"
    return Tile(f"expected loss at {100 * told:g} %", loss[told], note)


def _planted(report: Report) -> Mapping[str, Mapping[str, int]] | None:
    found: Mapping[str, Mapping[str, int]] | None = report.get("expected_loss")
    return found


def _truth_tile(report: Report) -> Tile | None:
    """Only where a truth was given: then the loss is not expected but counted."""
    clean = (report.get("ambiguity") or {}).get(chosen_column(report)) or {}
    lost, left = clean.get("true_kmers_lost"), clean.get("false_kmers_left")
    if lost is None or left is None or chosen_column(report) == "raw":
        return None
    total = (report.get("truth") or {}).get("kmers")
    of = f"of {full(total)}; " if total is not None else ""
    return Tile("true k-mers lost", full(lost), f"{of}{full(left)} false ones left")
