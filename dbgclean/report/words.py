"""What the numbers of a report mean, in words: labels and sentences.

Shared by the terminal table and the HTML page, so that both say the same thing.
Ambiguity removed is never shown alone: deleting the whole graph would remove all of
it: what changed stands above what it cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbgclean.errors import printable
from dbgclean.report.planted import expected_loss_sentence

__all__ = [
    "COST_ROWS",
    "JUDGED_ROWS",
    "CHANGED_ROWS",
    "Row",
    "chosen_column",
    "compact",
    "doubt_line",
    "full",
    "humanise",
    "percent_fewer",
    "ploidy_sentence",
    "printable",
    "rows",
    "sentences",
]

Report = Mapping[str, Any]

NETWORK = "autoencoder"
RIVALS = ("nearest", "likelihood")

CHANGED_ROWS = (
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
)
JUDGED_ROWS = (("alleles_kept", "judged real, kept"), ("undecided", "undecided, kept"))
_TRUTH_COSTS = ("true_kmers_lost", "false_kmers_left", "real_bubbles_closed")
_LABELS = dict(COST_ROWS)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what is counted, and a number (or None) per column."""

    key: str
    label: str
    values: tuple[float | None, ...]


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


def rows(report: Report) -> tuple[list[str], list[tuple[str, list[Row]]]]:
    """Columns, and the rows of the table in titled blocks.

    The chosen column stands second, where a phone shows it; the others as they were
    measured. A row appears where at least one column knows it. What was judged is no
    cost: it has a block of its own, for the chosen column taken from the report's
    ``alleles`` where the column itself does not say.
    """
    columns = {name: dict(column) for name, column in (report.get("ambiguity") or {}).items()}
    if (chosen := columns.get(chosen_column(report))) is not None:
        alleles = report.get("alleles") or {}
        for key, source in (("alleles_kept", "kept"), ("undecided", "undecided")):
            if alleles.get(source) is not None:
                chosen.setdefault(key, alleles[source])
    names = sorted(columns, key=lambda name: (name != "raw", name != chosen_column(report)))
    columns = {name: columns[name] for name in names}
    blocks = [
        ("what changed", _table(columns, CHANGED_ROWS)),
        ("what it cost", _table(columns, COST_ROWS)),
        ("what was judged", _table(columns, JUDGED_ROWS)),
    ]
    return names, [(title, block) for title, block in blocks if block]


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


def sentences(report: Report) -> list[str]:
    """A few plain sentences: what went, what it cost, was the network worth it."""
    found = [
        _went_sentence(report), _cost_sentence(report), _poly_g_sentence(report),
        expected_loss_sentence(report.get("expected_loss")), _judge_sentence(report),
        ploidy_sentence((report.get("spectrum") or {}).get("fit") or {}), _network_sentence(report),
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
    change = "more than before" if after > before else percent_fewer(before, after)
    return (
        f"The graph of the raw reads had {full(before)} {place}; after correction it has "
        f"{full(after)} ({change})."
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


def ploidy_sentence(fit: Mapping[str, Any]) -> str:
    """What two peaks at 1:2 say of the sample; empty where the fit has one."""
    if "heterozygosity" not in fit:
        return ""
    two = "The spectrum has two peaks at 1:2, as of a diploid"
    share = fit["heterozygosity"]
    if share is None:
        return f"{two}; its heterozygosity is not determined, for the peaks are not clear enough."
    return f"{two} whose haplotypes differ in {100 * share:.3g} % of their bases."


def _judge_sentence(report: Report) -> str:
    judge = (report.get("corrections") or {}).get("judge")
    return f"Judge: {printable(judge)}." if judge else ""


def _unknown_cost(report: Report) -> str:
    text = "No truth was given, so what this cost is not known"
    alleles = report.get("alleles") or {}
    kept, undecided = alleles.get("kept"), alleles.get("undecided")
    if kept is None:
        return text + "."
    said = f"Of the rare alternatives in question {full(kept)} were judged real and kept"
    if not kept:
        said = (
            "No rare alternative in question was judged real; variants whose k-mers are solid "
            "are never in question, and stay"
        )
    if undecided:
        said += f", and {full(undecided)} were left undecided, as they were read"
    return f"{text}. {said}."


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
        claim.format((" or " if claim.startswith("did not") else " and ").join(names))
        for verdict, claim in _CLAIMS.items()
        if (names := verdicts.get(verdict))
    ]
    figures = ", ".join(
        f"{_LABELS[key]} {' / '.join(full(c[key]) for c in (network, *rivals.values()))}"
        for key in keys
    )
    who = " / ".join(("network", *rivals))
    return f"On this sample the network ({NETWORK}) {_but(claims)}; {who}: {figures}."


def _but(claims: list[str]) -> str:
    """Join claims: what was reached and its limits with "but"."""
    limits = [claim for claim in claims if claim.startswith("did not")]
    reached = [claim for claim in claims if claim not in limits]
    return ", but ".join(" and ".join(part) for part in (reached, limits) if part)


_CLAIMS = {
    "better": "beat {}",
    "equal": "did as well as {} (the cost is the same)",
    "mixed": "did not clearly beat {} (one cost is lower, another higher)",
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
    who = f"The network ({NETWORK})"
    if all(count == mine for count in known.values()):
        return f"{who} left as many junctions as {' and '.join(known)}: {full(mine)}."
    ahead = [name for name, count in known.items() if count < mine]
    if ahead:
        return (
            f"By junctions left the network ({NETWORK}) did not beat {' or '.join(ahead)}: "
            f"{full(mine)} against {figures}; fewer is not better if real alleles went with "
            "them, which only a truth can tell."
        )
    behind = " and ".join(name for name, count in known.items() if count > mine)
    return (
        f"{who} left fewer junctions than {behind} ({full(mine)} against "
        f"{figures}); whether that is better, only a truth can tell."
    )
