"""``report.html`` of an inspection: every listed allele, with what it was judged by.

One file that asks the network for nothing. A content security policy names its one style
and its one script by their hashes, so nothing else on the page can run or load; the alleles
stand in the page as JSON and are put on it as text, never as markup. The script is plain
JavaScript, in ``templates/inspect*.js``.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from dbgclean._files import open_text
from dbgclean.report.bubble_picture import bubble
from dbgclean.report.pages import template
from dbgclean.report.summary import sample_of
from dbgclean.report.words import full, humanise, printable

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["CLASS_WORDS", "render_inspect_page", "write_inspect_page"]

Report = Mapping[str, Any]

CLASS_WORDS = {
    "variant": "a difference that the sample has",
    "undecided": "neither real nor wrong beyond doubt",
    "repeat": "reads of another copy of a repeat, or of a paralogue",
    "error": "made by the sequencer or its chemistry",
}
"""The classes in the page's order, in words."""

# What a number of the unfolded allele is called; `docs/inspect.md` explains each.
_LABELS = (
    ("kind", "kind"),
    ("ref", "reference"),
    ("alt", "allele"),
    ("genotype", "genotype"),
    ("phase_set", "phase set"),
    ("verdict", "corrector's verdict"),
    ("posterior", "P(real)"),
    ("likelihood", "log likelihood ratio (nats)"),
    ("quality_score", "quality of the variant (Phred)"),
    ("genotype_likelihoods", "log10 likelihood of 0/0, 0/1, 1/1"),
    ("depth", "fragments over the place"),
    ("alt_reads", "reads that show the allele"),
    ("expected", "fragments expected of errors"),
    ("strand_bias", "strand bias (Phred)"),
    ("cycles", "distinct places in the read"),
    ("end_distance", "mean distance to a read's end"),
    ("near_end", "within 10 bases of a read's end"),
    ("agreed", "mates that agree"),
    ("denied", "mates that deny"),
    ("clipped", "clipped by the aligner"),
    ("others", "other alleles in the same reads"),
    ("copies", "copies of the k-mer in the region"),
    ("run", "length of the run or tandem repeat"),
    ("depth_ratio", "depth over the region's usual"),
    ("normal_alt", "normal: fragments with the allele"),
    ("normal_depth", "normal: fragments over the place"),
)
# What the script reads of a row besides; the arms are replaced by the bubble.
_READ = (
    "contig", "position", "class", "zygosity", "filters", "reasons", "origin", "fraction",
    "alt_fragments", "ref_fragments", "alt_forward", "alt_reverse", "ref_forward",
    "ref_reverse", "quality", "best_quality", "low_quality", "mapping_quality",
    "ref_mapping_quality", "mapped_nowhere_else",
)  # fmt: skip
# Stops of the slider for the least P(real).
_STOPS = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
_MOST_REGIONS = 200
_MARGIN = 30  # bases that the track shows on either side where it knows no region
_SCRIPTS = ("inspect_pictures.js", "inspect_track.js", "inspect.js")
_STYLES = ("report.css", "evidence.css", "inspect.css")


def write_inspect_page(
    path: str | os.PathLike[str], report: Report, *, sample: str | None = None
) -> None:
    """Write :func:`render_inspect_page` to a file, whole or not at all.

    Raises
    ------
    OutputError
        Where the file cannot be written.
    """
    text = render_inspect_page(report, sample=sample)
    with open_text(path) as out:
        out.write(text)


def render_inspect_page(report: Report, *, sample: str | None = None) -> str:
    """Render the page.

    Parameters
    ----------
    report
        The dict of ``report.json``: ``regions`` (mappings with ``contig``, ``start``
        0-based, ``end``, and any further facts), ``summary`` and ``alleles`` of
        `dbgclean.variants.tables`; ``config``, ``inputs`` and ``version``. Any may be
        missing.
    sample
        Name of the sample; by default taken from the first input file.
    """
    inputs = report.get("inputs") or []
    if sample is None:
        sample = sample_of(report)
    summary = report.get("summary") or {}
    rows = report.get("alleles") or []
    given = report.get("regions") or []
    regions = [{**region, "contig": printable(region["contig"])} for region in given]
    command = {"command": report["command"]} if report.get("command") else {}
    style, script = _source(_STYLES), _source(_SCRIPTS)
    return template("inspect.html.j2").render(
        sample=printable(sample),
        files=[printable(name) for group in inputs for name in group.get("files") or []],
        version=printable(report.get("version") or ""),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=_data(summary, rows, _track(regions, rows)),
        places=[_place(region) for region in regions],
        facts=_facts(summary, regions),
        cards=_cards(summary, rows),
        words=_sentences(summary, rows),
        kinds=_present(rows, "kind"),
        origins=_present(rows, "origin"),
        stops=len(_STOPS) - 1,
        region_table=_region_table(regions),
        inputs=[
            (", ".join(printable(name) for name in group.get("files") or []), _pairs(group))
            for group in inputs
        ],
        settings=_pairs({**(report.get("config") or {}), **command}),
        threaded=_pairs(report.get("reads") or {}),
        filters=sorted((summary.get("filter_words") or {}).items()),
        class_words=CLASS_WORDS,
    )


def _source(names: Sequence[str]) -> "Markup":
    from markupsafe import Markup

    folder = resources.files("dbgclean.report") / "templates"
    texts = [(folder / name).read_text(encoding="utf-8") for name in names]
    # In an element of its own; a browser takes the hash of exactly what stands there.
    return Markup("\n" + "\n".join(texts).replace("\r\n", "\n"))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(summary: Report, rows: Sequence[Report], regions: Sequence[Report]) -> "Markup":
    """All that the script reads, as JSON that cannot end its element."""
    from markupsafe import Markup

    columns = [*dict.fromkeys([*_READ, *(key for key, _ in _LABELS)])]
    value = {
        "columns": [*columns, "bubble"],
        "rows": [[_cell(row, key) for key in columns] + [_bubble(row)] for row in rows],
        "labels": _LABELS,
        "stops": _STOPS,
        "regions": [{key: region[key] for key in ("contig", "start", "end")} for region in regions],
        "filter_words": summary.get("filter_words") or {},
    }
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


# Columns that the script takes for granted; all others may be None.
_COUNTS = {
    "position", "alt_fragments", "ref_fragments", "alt_forward", "alt_reverse", "ref_forward",
    "ref_reverse", "depth", "low_quality", "mapped_nowhere_else", "clipped", "near_end",
    "agreed", "denied", "fraction", "posterior", "phase_set",
}  # fmt: skip
_TEXTS = {"contig", "class", "zygosity", "kind", "ref", "alt", "genotype", "origin"}


def _cell(row: Report, key: str) -> Any:
    value = row.get(key)
    if key in _TEXTS:
        return printable(value or "")
    if key in ("filters", "reasons"):
        return [printable(word) for word in value or []]
    return 0 if value is None and key in _COUNTS else value


def _bubble(row: Report) -> list[str]:
    ref, alt = row.get("ref_arm") or row.get("ref"), row.get("alt_arm") or row.get("alt")
    cut = bubble(str(ref or ""), str(alt or ""), tip=row.get("kind") == "tip")
    return [cut.left, cut.ref, cut.alt, cut.right]


def _track(regions: Sequence[Report], rows: Sequence[Report]) -> list[Report]:
    """What the track shows: the regions, and what alleles of other contigs span.

    Without a reference alleles stand on contigs made from the reads, in no region.
    """
    named = {region["contig"] for region in regions}
    elsewhere = [row for row in rows if printable(row.get("contig") or "") not in named]
    if not elsewhere:
        return list(regions)
    here = {printable(row.get("contig") or "") for row in rows}
    return [region for region in regions if region["contig"] in here] + _spans(elsewhere)


def _spans(rows: Sequence[Report]) -> list[Report]:
    spans: dict[str, list[int]] = {}
    for row in rows:
        at = int(row.get("position") or 1)
        span = spans.setdefault(printable(row.get("contig") or ""), [at - 1, at])
        span[:] = min(span[0], at - 1), max(span[1], at + 1)
    return [
        {"contig": name, "start": max(0, a - _MARGIN), "end": b + _MARGIN}
        for name, (a, b) in spans.items()
    ]


def _place(region: Report) -> str:
    return f"{region['contig']}:{region['start'] + 1:,}-{region['end']:,}"


def _facts(summary: Report, regions: Sequence[Report]) -> list[tuple[str, str]]:
    bases = sum(region["end"] - region["start"] for region in regions)
    facts = [("bases", full(bases))] if bases else []
    reads = [region["reads"] for region in regions if region.get("reads") is not None]
    if reads:
        facts.append(("reads", full(sum(reads))))
    depths = [(r["depth"], r["end"] - r["start"]) for r in regions if r.get("depth") is not None]
    if depths:
        mean = sum(d * n for d, n in depths) / max(1, sum(n for _, n in depths))
        facts.append(("mean depth", f"{mean:,.3g}" if mean < 1000 else f"{mean:,.0f}"))
    elif summary.get("median_depth") is not None:
        facts.append(("median depth", full(summary["median_depth"])))
    return facts


def _cards(summary: Report, rows: Sequence[Report]) -> list[tuple[str, str, str, str]]:
    """Class, its number in all, what is listed of it where that is less, its words."""
    listed: dict[str, int] = {}
    for row in rows:
        name = str(row.get("class"))
        listed[name] = listed.get(name, 0) + 1
    totals = summary.get("classes") or listed
    cards = []
    for name, words in CLASS_WORDS.items():
        total, here = totals.get(name, 0), listed.get(name, 0)
        note = f"{full(here)} listed" if here < total else ""
        cards.append((name, full(total), note, words))
    return cards


def _sentences(summary: Report, rows: Sequence[Report]) -> list[str]:
    found = []
    variants = (summary.get("classes") or {}).get("variant")
    if variants is not None:
        what = [
            f"{full(n)} {printable(name)}"
            for name, n in (summary.get("zygosities") or {}).items()
            if n
        ]
        phased = summary.get("phased_variants")
        text = f"{full(variants)} variant{'s' * (variants != 1)}"
        text += f": {', '.join(what)}" if variants and what else ""
        found.append(text + (f"; {full(phased)} of them phased." if phased else "."))
    if origins := summary.get("origins"):
        parts = [f"{full(n)} {printable(name)}" for name, n in origins.items()]
        found.append(f"Against the normal: {', '.join(parts)}.")
    if unlisted := summary.get("counted_only"):
        were = "alleles were" if unlisted != 1 else "allele was"
        found.append(
            f"{full(unlisted)} more {were} looked at and are not listed here, above all errors "
            "that a single fragment shows; they are in alleles.tsv.gz."
        )
    if not rows:
        found.append("No allele is listed: the reads follow the reference everywhere.")
    return found


def _present(rows: Sequence[Report], key: str) -> list[str]:
    return sorted({printable(row[key]) for row in rows if row.get(key)})


def _region_table(regions: Sequence[Report]) -> tuple[list[str], list[list[str]], int]:
    """Head, rows, and how many regions are left out; nothing where there is nothing to say."""
    place = {"contig", "start", "end"}
    keys = list(dict.fromkeys(key for region in regions for key in region if key not in place))
    keys = [key for key in keys if not any(isinstance(r.get(key), dict | list) for r in regions)]
    body = [[_place(r), *(full(r.get(key)) for key in keys)] for r in regions[:_MOST_REGIONS]]
    return [humanise(key) for key in keys], body, max(0, len(regions) - _MOST_REGIONS)


def _pairs(mapping: Report) -> list[tuple[str, str]]:
    """Facts as words, one level of mappings unfolded."""
    pairs = []
    for key, value in mapping.items():
        if key == "files" or value is None:
            continue
        if isinstance(value, Mapping):
            pairs += [(f"{humanise(key)}: {humanise(k)}", _plain(v)) for k, v in value.items()]
        else:
            pairs.append((humanise(key), _plain(value)))
    return pairs


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "-"
    return full(value) if value is None or isinstance(value, bool | int) else printable(value)
