"""What the numbers of a report mean, in words: labels, headlines, sentences.

Shared by the terminal table and the HTML page, so that both say the same thing.
Ambiguity removed is never shown alone: deleting the whole graph would remove all of
it. Every headline of what went stands beside one of what it cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbgclean.errors import printable
from dbgclean.report.planted import expected_loss_sentence, planted_alleles

__all__ = [
    "COST_ROWS",
    "WENT_ROWS",
    "Headline",
    "Row",
    "chosen_column",
    "compact",
    "doubt_line",
    "full",
    "headlines",
    "humanise",
    "percent_fewer",
    "printable",
    "rows",
    "sentences",
]

Report = Mapping[str, Any]

NETWORK = "autoencoder"
RIVALS = ("nearest", "likelihood")

WENT_ROWS = (
    ("kmers", "k-mers"),
    ("unitigs", "unitigs"),
    ("junctions", "junctions"),
    ("tips", "tips"),
    ("simple_bubbles", "simple bubbles"),
    ("superbubbles", "superbubbles"),
    ("eulerian_deficit", "Eulerian deficit"),
)
COST_ROWS = (
    ("true_kmers_lost", "true k-mers lost"),
    ("false_kmers_left", "false k-mers left"),
    ("real_bubbles_closed", "real bubbles closed"),
    ("new_junctions", "new junctions made"),
    ("alleles_kept", "alleles kept"),
    ("undecided", "branches undecided"),
)
_TRUTH_COSTS = ("true_kmers_lost", "false_kmers_left", "real_bubbles_closed")
# Allele fraction whose expected loss stands among the headlines.
_TOLD = 0.05
_LABELS = dict(WENT_ROWS + COST_ROWS)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what is counted, and a number (or None) per column."""

    key: str
    label: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """One large figure: ``label``, ``value``, and ``note`` in small print."""

    label: str
    value: str
    note: str = ""


def humanise(key: str) -> str:
    """``qc_fail`` -> ``qc fail``."""
    return printable(key).replace("_", " ")


def full(value: object) -> str:
    """A number with thousands separated; ``-`` for None; words as they are."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:,.4g}"
    return printable(value)


def compact(value: object) -> str:
    """A number in at most six characters, for narrow terminals.

    Examples
    --------
    >>> compact(7_632_030), compact(99_999), compact(None)
    ('7.63M', '99,999', '-')
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) < 100_000:
        return full(value)
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{unit}"
    return full(value)


def percent_fewer(before: float, after: float) -> str:
    """How many per cent went, never rounded up to all of it.

    Examples
    --------
    >>> percent_fewer(1000, 250), percent_fewer(1_000_000, 1), percent_fewer(10, 12)
    ('75 % fewer', '99.9 % fewer', '20 % more')
    """
    if before == after:
        return "no change"
    if before == 0:
        return f"{full(after)} more"
    share = 100 * abs(before - after) / before
    if after:
        share = min(share, 99.9) if after < before else share
    digits = f"{share:.0f}" if share >= 1000 else f"{share:.3g}"
    return f"{digits} % {'fewer' if after < before else 'more'}"


def chosen_column(report: Report) -> str:
    """The column of the corrector that wrote the outputs (``raw`` for none)."""
    columns = report.get("ambiguity") or {}
    name = (report.get("corrections") or {}).get("corrector")
    name = name or (report.get("config") or {}).get("corrector")
    if name in columns:
        return str(name)
    return "raw" if name == "none" or not columns else str(list(columns)[-1])


def rows(report: Report) -> tuple[list[str], list[Row], list[Row]]:
    """Columns in the report's order, the rows of what went and of what it cost.

    A cost row appears where at least one column knows it. Without truth the alleles
    kept and the branches undecided stand for it, taken for the chosen column from the
    report's ``alleles`` where the column itself does not say.
    """
    columns = {name: dict(column) for name, column in (report.get("ambiguity") or {}).items()}
    if (chosen := columns.get(chosen_column(report))) is not None:
        alleles = report.get("alleles") or {}
        for key, source in (("alleles_kept", "kept"), ("undecided", "undecided")):
            if alleles.get(source) is not None:
                chosen.setdefault(key, alleles[source])
    names = list(columns)
    return names, _table(columns, WENT_ROWS), _table(columns, COST_ROWS)


def _table(columns: Mapping[str, Mapping[str, Any]], wanted: tuple[tuple[str, str], ...]) -> list:
    found = (
        Row(key, label, tuple(column.get(key) for column in columns.values()))
        for key, label in wanted
    )
    return [row for row in found if any(value is not None for value in row.values)]


def doubt_line(report: Report) -> str:
    """Why the result is doubtful, in one line; empty where it is not."""
    found = report.get("verdict") or {}
    reasons = "; ".join(printable(reason) for reason in found.get("reasons") or ())
    return f"Doubtful: {reasons}." if found.get("doubtful") else ""


def headlines(report: Report) -> tuple[list[Headline], list[Headline]]:
    """The largest figures of the page: what went, and what it cost."""
    columns = report.get("ambiguity") or {}
    name = chosen_column(report)
    raw, clean = columns.get("raw") or {}, columns.get(name) or {}
    went = [
        Headline(
            f"{_LABELS[key]} left",
            full(clean[key]),
            f"of {full(raw[key])}; {percent_fewer(raw[key], clean[key])}",
        )
        for key in ("junctions", "superbubbles", "tips", "eulerian_deficit")
        if raw.get(key) is not None and clean.get(key) is not None
    ]
    cost = [
        Headline(_LABELS[key], full(clean[key]), _cost_note(report, key, raw))
        for key in (*_TRUTH_COSTS, "new_junctions")
        if clean.get(key) is not None
    ]
    if not any(clean.get(key) is not None for key in _TRUTH_COSTS):
        alleles = report.get("alleles") or {}
        cost += [
            Headline(label, full(alleles[key]), note)
            for key, label, note in (
                ("kept", "alleles kept as real", "judged real, restored in the reads"),
                ("undecided", "branches undecided", "left as they were"),
            )
            if alleles.get(key) is not None
        ]
    return went, cost + _expected_headline(report)


def _expected_headline(report: Report) -> list[Headline]:
    """Expected loss at the fraction that says most: the one nearest to 5 %."""
    nearest = sorted(
        planted_alleles(report.get("expected_loss")), key=lambda row: abs(row[0] - _TOLD)
    )[:1]
    return [
        Headline(
            f"expected loss at {100 * fraction:g} %",
            f"{100 * (1 - kept / shown):.3g} %",
            f"{full(kept)} of {full(shown)} planted alleles kept",
        )
        for fraction, shown, kept in nearest
    ]


def _cost_note(report: Report, key: str, raw: Mapping[str, Any]) -> str:
    if key == "true_kmers_lost":
        total = (report.get("truth") or {}).get("kmers")
        return f"of {full(total)} in the truth" if total is not None else ""
    if key == "false_kmers_left" and raw.get(key) is not None:
        return f"of {full(raw[key])} in the raw reads"
    return {"real_bubbles_closed": "alleles lost", "new_junctions": "not in the raw graph"}.get(
        key, ""
    )


def sentences(report: Report) -> list[str]:
    """A few plain sentences: what went, what it cost, was the network worth it."""
    found = [
        _went_sentence(report), _cost_sentence(report), _poly_g_sentence(report),
        _judge_sentence(report), expected_loss_sentence(report.get("expected_loss")),
        _network_sentence(report),
    ]  # fmt: skip
    return [sentence for sentence in found if sentence]


def _went_sentence(report: Report) -> str:
    columns = report.get("ambiguity") or {}
    name = chosen_column(report)
    before = (columns.get("raw") or {}).get("junctions")
    after = (columns.get(name) or {}).get("junctions")
    if before is None or after is None:
        return ""
    place = "junctions (places where the way on is not certain)"
    if name == "raw":
        return f"Nothing was corrected: the graph of the raw reads has {full(before)} {place}."
    if not before:
        return f"The graph of the raw reads had no {place}: there was nothing to remove."
    return (
        f"The graph of the raw reads had {full(before)} {place}; {printable(name)} left "
        f"{full(after)} ({percent_fewer(before, after)})."
    )


def _cost_sentence(report: Report) -> str:
    columns = report.get("ambiguity") or {}
    name = chosen_column(report)
    column, raw = columns.get(name) or {}, columns.get("raw") or {}
    lost, left = column.get("true_kmers_lost"), column.get("false_kmers_left")
    if lost is None or left is None:
        return "" if name == "raw" else _unknown_cost(report)
    total = (report.get("truth") or {}).get("kmers")
    of_total = f" of {full(total)}" if total is not None else ""
    were = "was" if lost == 1 and not of_total else "were"
    text = f"Measured against the truth, {full(lost)}{of_total} true k-mers {were} lost"
    closed = column.get("real_bubbles_closed")
    if closed:
        text += f", {full(closed)} real bubble{'s were' if closed != 1 else ' was'} closed"
    before = raw.get("false_kmers_left")
    of_raw = f" of {full(before)}" if before is not None and name != "raw" else ""
    return f"{text}, and {full(left)}{of_raw} false k-mers are left."


def _poly_g_sentence(report: Report) -> str:
    found = (report.get("corrections") or {}).get("poly_g") or {}
    if not found.get("reads_masked"):
        return ""
    return (
        f"{full(found['reads_masked'])} reads end in G without a signal, as two-colour machines "
        f"call it: {full(found['bases_masked'])} bases were masked with N."
    )


def _judge_sentence(report: Report) -> str:
    judge = (report.get("corrections") or {}).get("judge")
    return f"Judge: {printable(judge)}." if judge else ""


def _unknown_cost(report: Report) -> str:
    text = "No truth was given, so what this cost is not known"
    alleles = report.get("alleles") or {}
    parts = []
    if alleles.get("kept") is not None:
        parts.append(f"judged {full(alleles['kept'])} alleles real and kept them")
    if alleles.get("undecided") is not None:
        parts.append(f"left {full(alleles['undecided'])} branches undecided, as they were")
    if not parts:
        return text + "."
    return f"{text}; the corrector itself {' and '.join(parts)}."


def _network_sentence(report: Report) -> str:
    """Say plainly when the network was not worth it."""
    columns = report.get("ambiguity") or {}
    network = columns.get(NETWORK)
    rivals = {name: columns[name] for name in RIVALS if name in columns}
    if network is None or not rivals:
        return ""
    keys = [
        key
        for key in _TRUTH_COSTS
        if all(column.get(key) is not None for column in (network, *rivals.values()))
    ]
    if not keys:
        return _network_without_truth(network, rivals)
    verdicts: dict[str, list[str]] = {}
    for name, rival in rivals.items():
        verdict = _verdict([network[key] for key in keys], [rival[key] for key in keys])
        verdicts.setdefault(verdict, []).append(name)
    claims = [
        claim.format((" and " if verdict == "better" else " or ").join(names))
        for verdict, claim in _CLAIMS.items()
        if (names := verdicts.get(verdict))
    ]
    figures = ", ".join(
        f"{_LABELS[key]} {' / '.join(full(c[key]) for c in (network, *rivals.values()))}"
        for key in keys
    )
    who = " / ".join(("network", *rivals))
    return f"On this sample the network {_but(claims)}; {who}: {figures}."


def _but(claims: list[str]) -> str:
    """Join claims: a victory and its limits with "but", several limits with "and"."""
    if claims[0].startswith("beat"):
        return ", but ".join([claims[0], " and ".join(claims[1:])] if claims[1:] else claims)
    return " and ".join(claims)


_CLAIMS = {
    "better": "beat {}",
    "mixed": "did not clearly beat {} (one cost is lower, another higher)",
    "equal": "did not beat {} (the cost is the same)",
    "worse": "did not beat {}",
}


def _verdict(mine: list[float], other: list[float]) -> str:
    """Compare costs, fewer is better in each; mixed results are no victory."""
    if mine == other:
        return "equal"
    if all(a <= b for a, b in zip(mine, other, strict=True)):
        return "better"
    return "worse" if all(a >= b for a, b in zip(mine, other, strict=True)) else "mixed"


def _network_without_truth(
    network: Mapping[str, Any], rivals: Mapping[str, Mapping[str, Any]]
) -> str:
    mine = network.get("junctions")
    known = {n: r["junctions"] for n, r in rivals.items() if r.get("junctions") is not None}
    if mine is None or not known:
        return ""
    figures = ", ".join(f"{full(count)} ({name})" for name, count in known.items())
    ahead = [name for name, count in known.items() if count <= mine]
    if ahead:
        return (
            f"By junctions left the network did not beat {' or '.join(ahead)}: {full(mine)} "
            f"against {figures}; fewer is not better if real alleles went with them, which "
            "only a truth can tell."
        )
    return (
        f"The network left fewer junctions than {' and '.join(known)} ({full(mine)} against "
        f"{figures}); whether that is better, only a truth can tell."
    )
