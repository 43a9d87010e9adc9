"""The page's part on the graph: both drawings, what their colours mean, evidence cards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbgclean.report.canvas import TOKENS, inline_svg
from dbgclean.report.graph_picture import COLOURS, WORDS, caption
from dbgclean.report.words import full, printable

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Card", "GraphSection", "graph_section"]

Report = Mapping[str, Any]

_VERDICTS = {
    "real": "judged real, and kept",
    "error": "judged an error",
    "undecided": "undecided, left as read",
}
_CLASSES = {"real": "kept", "error": "removed"}
_REASONS = {
    "changed": "corrected in all reads that show it",
    "tie": "two reads show it where two paths cost nearly the same, so it was left as read",
}
_LOW, _TOP = 15, 45  # Phred: low base quality, and the end of the scale
_LONGEST = 62  # half of the drawing of strands


@dataclass(frozen=True, slots=True)
class Card:
    """The evidence of one alternative, ready for the page.

    Attributes
    ----------
    number, hue
        Of the card, and the style variable of its colour.
    title, verdict
        One line each.
    reads, path
        The window as the reads and as the path have it: before, the base, after.
    strands
        Of the path and of the alternative: fragments along and against the k-mer, and the
        lengths of their bars; empty where no read tells.
    quality
        Places of mean and best base quality on the scale, and the words below it.
    doubts
        Weakness, share in per cent, and words.
    facts
        Label and value.
    """

    number: int
    hue: str
    title: str
    verdict: str
    reads: tuple[str, str, str]
    path: tuple[str, str, str]
    strands: list[tuple[str, str, int, int, float, float]]
    quality: tuple[float | None, float | None, str]
    doubts: list[tuple[str, float, str]]
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class GraphSection:
    """Drawings as (name, title, caption, SVG), legend as (hue, class, words), and cards."""

    sides: list[tuple[str, str, str, "Markup"]]
    legend: list[tuple[str, str, str]]
    cards: list[Card]


def graph_section(report: Report, drawn: Mapping[str, str]) -> GraphSection | None:
    """What the page shows of ``picture``; None where there is none."""
    from markupsafe import Markup

    found = report.get("picture")
    if not found:
        return None
    sides = []
    for side in ("before", "after"):
        name, text = f"graph_{side}", caption(found, side)
        svg = inline_svg(drawn[name], name, f"Drawing of the graph {side}. {text}")
        # It holds links, which a picture would hide from screen readers.
        svg = svg.replace('role="img"', 'role="group"', 1)
        svg = svg.replace("../report.html#", "#")
        total = found["unitigs"][side]
        title = f"{side.capitalize()}: {full(total)} unitig{'s' * (total != 1)}"
        sides.append((name, title, text, Markup(svg)))
    seen = {row[3] for side in ("before", "after") for row in found[side]}
    legend = [(TOKENS[COLOURS[kind]], kind, WORDS[kind]) for kind in COLOURS if kind in seen]
    cards = [_card(number, row) for number, row in enumerate(found["alternatives"])]
    return GraphSection(sides, legend, cards)


def _card(number: int, row: Report) -> Card:
    verdict, fragments = row["verdict"], row["fragments"]
    hue = TOKENS[COLOURS[_CLASSES.get(verdict, "undecided")]]
    word = _VERDICTS.get(verdict, printable(verdict))
    total = fragments + row["depth"]
    share = f" ({100 * fragments / total:.2g} %)" if total else ""
    why = row["reason"] if row["reason"] != verdict else ""
    kmer = str(row["kmer"])
    middle = len(kmer) // 2
    before, after = kmer[:middle], kmer[middle + 1 :]
    return Card(
        number,
        hue,
        f"{row['to']} to {row['from']}, {word}: {full(fragments)} of {full(total)} fragments",
        f"P(real) {_probability(row['posterior'])} · {full(fragments)} of {full(total)} "
        f"fragments{share}" + (f" · {_REASONS.get(why) or printable(why)}" if why else ""),
        (before, row["from"], after),
        (before, row["to"], after),
        _strands(row),
        _quality(row),
        _doubts(row),
        [
            ("reads that show it", full(row["raw_count"])),
            ("fragments that errors let expect", full(row["expected"])),
            ("log likelihood ratio (nats)", full(row["ratio"])),
        ],
    )


def _probability(p: float) -> str:
    if p > 0.999:  # noqa: PLR2004
        return "above 0.999"
    return "below 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004


def _strands(row: Report) -> list[tuple[str, str, int, int, float, float]]:
    if row["reverse"] is None:
        return []
    sides = [
        ("path", "ref", row["depth"] - row["other_reverse"], row["other_reverse"]),
        ("allele", "alt", row["fragments"] - row["reverse"], row["reverse"]),
    ]
    most = max(1, *(n for side in sides for n in side[2:]))
    return [
        (name, kind, max(0, f), r, _LONGEST * max(0, f) / most, _LONGEST * r / most)
        for name, kind, f, r in sides
    ]


def _quality(row: Report) -> tuple[float | None, float | None, str]:
    def at(value: float | None) -> float | None:
        return None if value is None else 9 + 242 * min(max(value, 0), _TOP) / _TOP

    mean, best = row["quality"], row["best_quality"]
    if mean is None:
        return None, None, "not known"
    return at(mean), at(best), f"mean {full(mean)}, best {full(best)}"


def _doubts(row: Report) -> list[tuple[str, float, str]]:
    n = row["fragments"]
    mates = (row["agreed"] or 0) + (row["denied"] or 0)
    known = (
        (f"below Q{_LOW}", row["low_quality"], n),
        ("near a read's end", row["near_end"], n),
        ("mate denies", row["denied"], mates),
    )
    return [
        (word, 100 * min(part or 0, of) / of if of else 0, f"{full(part)} of {full(of)}")
        if of and part is not None
        else (word, 0, "none")
        for word, part, of in known
    ]
