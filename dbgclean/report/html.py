"""``report.html``: one page that holds everything, and asks the network for nothing.

Styles and pictures stand inside the page, there is no script, and a content security
policy forbids it to load anything, so that a report mailed round or kept for years
looks the same. Whatever comes from outside (file names, plug-in names) is escaped.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbgclean._files import open_text
from dbgclean.report.canvas import inline_svg
from dbgclean.report.glossary import DEFINITIONS, REFUSALS
from dbgclean.report.graph_section import graph_section
from dbgclean.report.opening import opening, tiles
from dbgclean.report.pages import template
from dbgclean.report.plots import draw_plots
from dbgclean.report.summary import sample_of
from dbgclean.report.words import (
    chosen_column,
    full,
    humanise,
    percent_fewer,
    printable,
    rows,
    sentences,
)

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["render_html", "write_html"]

Report = Mapping[str, Any]
Facts = list[tuple[str, str]]

CITATIONS = (
    (
        "dbgclean",
        "The dbgclean authors. dbgclean, version {version}. Give the version; CITATION.cff in "
        "the source has the entry for a bibliography.",
    ),
    (
        "superbubbles",
        "Onodera, Sadakane, Shibuya. Detecting superbubbles in assembly graphs. WABI 2013. "
        "doi:10.1007/978-3-642-40453-5_26. Gärtner, Müller, Stadler. Superbubbles revisited. "
        "Algorithms Mol Biol 13:16, 2018. doi:10.1186/s13015-018-0134-3",
    ),
    (
        "Eulerian paths in assembly",
        "Pevzner, Tang, Waterman. An Eulerian path approach to DNA fragment assembly. PNAS "
        "98:9748, 2001. doi:10.1073/pnas.171285098",
    ),
    (
        "compacted graphs (unitigs)",
        "Chikhi, Limasset, Medvedev. Compacting de Bruijn graphs from sequencing data quickly "
        "and in low memory. Bioinformatics 32:i201, 2016. doi:10.1093/bioinformatics/btw279",
    ),
)

_SPECTRUM_LABELS = (
    ("distinct", "distinct k-mers"),
    ("total", "k-mers in all"),
    ("skipped_kmers", "k-mers skipped (N or other letters)"),
)
_FIT_LABELS = (
    ("valley", "valley (cutoff)"),
    ("peak", "peak"),
    ("half_peak", "half peak (heterozygous)"),
    ("depth", "depth in reads"),
    ("error_rate", "errors per base"),
    ("genome_size", "genome size (bp)"),
)
_CORRECTION_LABELS = (
    ("alternatives", "low-confidence alternatives judged"),
    ("real", "judged real, and kept"),
    ("error", "judged errors, and corrected"),
    ("undecided", "undecided, left as they were"),
    ("bases_changed", "bases changed"),
    ("bases_deleted", "bases deleted"),
    ("bases_inserted", "bases inserted"),
    ("bases_masked", "bases masked"),
    ("unknown_filled", "unknown bases filled in"),
    ("reads_touched", "reads touched"),
    ("kmers_dropped", "k-mers dropped"),
)


_FIRST = ("kmers.fa.gz", "clean.gfa", "corrections.tsv.gz", "report.json")
_READ = {
    "acgt_bases": "bases that are A, C, G or T",
    "longest": "longest read",
    "shortest": "shortest read",
    "orphans": "reads without their mate",
    "without_quality": "reads without qualities",
}
_ONLY_WHERE_ANY = {"orphans", "without_quality"}
_SKIPPED = {
    "empty": "reads of no bases",
    "secondary": "secondary alignments",
    "supplementary": "supplementary alignments",
    "qc_fail": "reads that failed quality control",
    "duplicate": "duplicates",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot on the page: title, explanation below, and the drawing."""

    name: str
    title: str
    caption: str
    svg: "Markup"


@dataclass(frozen=True, slots=True)
class InputGroup:
    """One group of input files and all that was counted in it."""

    files: list[str]
    facts: Facts
    skipped: Facts


def write_html(
    report: Report,
    path: str | os.PathLike[str],
    *,
    sample: str | None = None,
    drawn: Mapping[str, str] | None = None,
) -> None:
    """Write :func:`render_html` to a file, whole or not at all.

    Raises
    ------
    OutputError
        Where the file cannot be written.
    """
    text = render_html(report, sample=sample, drawn=drawn)
    with open_text(path) as out:
        out.write(text)


def render_html(
    report: Report,
    *,
    sample: str | None = None,
    drawn: Mapping[str, str] | None = None,
) -> str:
    """Render the page.

    Parameters
    ----------
    report
        A report of :func:`dbgclean.report.build_report`; any part may be missing.
    sample
        Name of the sample; by default taken from the first input file.
    drawn
        The pictures, where :func:`dbgclean.report.draw_plots` has made them already.
    """
    drawn = draw_plots(report) if drawn is None else drawn
    if sample is None:
        sample = sample_of(report)
    names, blocks = rows(report)
    return template("report.html.j2").render(
        sample=printable(sample),
        version=printable(report.get("version") or ""),
        k=(report.get("config") or {}).get("k") or (report.get("spectrum") or {}).get("k"),
        chosen=chosen_column(report),
        opening=opening(report),
        tiles=tiles(report),
        shown=_sections(report),
        outputs=_outputs(report),
        graph=graph_section(report, drawn),
        depths=_depth_facts(report),
        sentences=sentences(report),
        names=names,
        blocks=blocks,
        truth=report.get("truth"),
        levels=_truth_levels(report),
        pictures=_pictures(report, drawn),
        spectrum=_spectrum_facts(report),
        no_fit=_no_fit(report),
        has_histogram="spectrum" in drawn,
        corrections=_correction_facts(report),
        refused=_refusals(report),
        inputs=_inputs(report),
        settings=[(humanise(k), _value(v)) for k, v in (report.get("config") or {}).items()],
        definitions=DEFINITIONS,
        citations=[(what, text.format(version=report.get("version"))) for what, text in CITATIONS],
    )


def _outputs(report: Report) -> dict[str, list[str]]:
    """Files that most look for first, and all others, each in the order of the report."""
    names = report.get("outputs") or []
    first = [name for name in names if name in _FIRST or name.startswith("reads/")]
    first.sort(key=lambda name: name not in _FIRST[:1])
    if not first:
        return {"first": names, "more": []}
    return {"first": first, "more": [name for name in names if name not in first]}


def _sections(report: Report) -> set[str]:
    """Sections that causes may link: those that the page has."""
    found = {"spectrum-facts": report.get("spectrum"), "corrections": report.get("corrections")}
    return {name for name, part in found.items() if part}


def _depth_facts(report: Report) -> Facts:
    """k-mers kept of those seen twice, by depth of the reads; nothing of one class alone."""
    classes = (report.get("verdict") or {}).get("depth_classes") or []
    facts = []
    for one in classes:
        if one["kmers_seen_twice"]:
            span = f"{one['from']} to {one['to']}" if one["to"] else f"{one['from']} and more"
            kept = f"{full(one['kmers_kept'])} of {full(one['kmers_seen_twice'])}"
            facts.append((f"reads {span} deep", kept))
    return facts if len(facts) > 1 else []


def _value(value: object) -> str:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value) or "-"
    if isinstance(value, Mapping):
        return "; ".join(f"{humanise(k)} {_value(v)}" for k, v in value.items()) or "-"
    # Settings are not counts: 1e-3 stays as it is and a seed gets no separators.
    return full(value) if value is None or isinstance(value, bool) else f"{value}"


def _known(mapping: Mapping[str, Any], labels: tuple[tuple[str, str], ...]) -> Facts:
    return [(label, full(mapping[key])) for key, label in labels if mapping.get(key) is not None]


def _spectrum_facts(report: Report) -> Facts:
    spectrum = report.get("spectrum") or {}
    facts = _known(spectrum, _SPECTRUM_LABELS)
    fit = spectrum.get("fit") or {}
    if not fit.get("fitted"):
        return facts
    facts += _known(fit, tuple(pair for pair in _FIT_LABELS if pair[0] != "error_rate"))
    for key, label in (("error_rate", "errors per base"), ("heterozygosity", "heterozygosity")):
        if fit.get(key) is not None:
            facts.append((label, f"{100 * fit[key]:.3g} %"))
    return facts


def _no_fit(report: Report) -> str:
    fit = (report.get("spectrum") or {}).get("fit") or {}
    if not fit or fit.get("fitted"):
        return ""
    return printable(fit.get("reason") or "no reason was recorded")


def _correction_facts(report: Report) -> Facts:
    corrections = report.get("corrections") or {}
    facts = _known(corrections, _CORRECTION_LABELS)
    known = {"corrector", "refused", *(key for key, _ in _CORRECTION_LABELS)}
    for key, value in corrections.items():
        if key in known or value is None:
            continue
        if isinstance(value, Mapping):
            facts += [(f"{humanise(key)}: {humanise(k)}", full(v)) for k, v in value.items()]
        else:
            facts.append((humanise(key), full(value)))
    return facts


def _refusals(report: Report) -> list[tuple[str, str, float]]:
    """Reason, count, and share of the largest (for the bar), most frequent first."""
    refused = (report.get("corrections") or {}).get("refused") or {}
    largest = max(refused.values(), default=0) or 1
    return [
        (REFUSALS.get(reason) or humanise(reason), full(count), round(100 * count / largest, 1))
        for reason, count in sorted(refused.items(), key=lambda item: (-item[1], item[0]))
    ]


def _inputs(report: Report) -> list[InputGroup]:
    groups = []
    for group in report.get("inputs") or []:
        facts, skipped = [], []
        for key, value in group.items():
            if key == "files" or value is None:
                continue
            if isinstance(value, Mapping):
                skipped += [(humanise(k), full(v)) for k, v in value.items() if v]
            elif key in _SKIPPED:
                skipped += [(_SKIPPED[key], full(value))] if value else []
            elif value or key not in _ONLY_WHERE_ANY:
                facts.append((_READ.get(key) or humanise(key), full(value)))
        if None not in (bases := group.get("bases"), acgt := group.get("acgt_bases")):
            skipped += [("bases other than ACGT", full(bases - acgt))] if bases > acgt else []
        files = [printable(name) for name in group.get("files") or []]
        groups.append(InputGroup(files, facts, skipped))
    return groups


def _truth_levels(report: Report) -> list[tuple[str, str, str]]:
    """K-mers lost and left in the corrected reads at abundance >= 1, 2, 3."""
    reads = (report.get("truth") or {}).get("reads") or {}
    levels = (("1 or more", ""), ("2 or more", "_2"), ("3 or more", "_3"))
    found = [
        (label, reads.get(f"true_kmers_lost{end}"), reads.get(f"false_kmers_left{end}"))
        for label, end in levels
    ]
    return [
        (label, full(lost), full(left))
        for label, lost, left in found
        if lost is not None or left is not None
    ]


def _pictures(report: Report, drawn: Mapping[str, str]) -> list[Picture]:
    from markupsafe import Markup

    texts = {
        "ambiguity": (
            "Ambiguity before and after",
            "Every column of the table on a logarithmic axis. Fewer is not better by itself: a "
            "cutoff that deletes real alleles also removes their bubbles.",
        ),
        "cost": (
            "What it cost, against the truth",
            "A good corrector stands at the lower left: no true k-mer lost, no false one left. "
            "Both axes are logarithmic above 1 and begin at zero.",
        ),
        "spectrum": (
            "Spectrum and its fit",
            "Distinct k-mers by abundance in the reads as they came."
            + ("" if _no_fit(report) else " The dotted lines mark what the fit found."),
        ),
        "abundance": (
            "What was kept and what was removed",
            "Raw abundance of the k-mers that the corrector kept and removed. Where the two "
            "overlap, a cutoff could not have told them apart.",
        ),
    }
    return [
        Picture(name, *texts[name], Markup(inline_svg(drawn[name], name, _alt(report, name))))
        for name in texts
        if name in drawn
    ]


def _alt(report: Report, name: str) -> str:
    """Alternative text: what a reader would take from the picture."""
    columns = report.get("ambiguity") or {}
    chosen = chosen_column(report)
    if name == "ambiguity":
        raw = (columns.get("raw") or {}).get("junctions") or 0
        parts = [
            f"{printable(n)} {full(left)} ({percent_fewer(raw, left)})"
            for n, c in columns.items()
            if n != "raw" and (left := c.get("junctions")) is not None
        ]
        return f"Dot plot of counts per column. Junctions: raw {full(raw)}; {'; '.join(parts)}."
    if name == "cost":
        parts = [
            f"{printable(n)} {full(c['false_kmers_left'])} left, {full(c['true_kmers_lost'])} lost"
            for n, c in columns.items()
            if c.get("false_kmers_left") is not None and c.get("true_kmers_lost") is not None
        ]
        return f"Scatter plot of false k-mers left and true k-mers lost: {'; '.join(parts)}."
    if name == "abundance":
        sides = report.get("abundance") or {}
        kept, removed = (sum(n for _, n in sides.get(s) or []) for s in ("kept", "removed"))
        return (
            f"Histogram of raw abundance: {full(kept)} k-mers kept and {full(removed)} removed "
            f"by {printable(chosen)}."
        )
    fit = (report.get("spectrum") or {}).get("fit") or {}
    if fit.get("fitted"):
        return (
            "Histogram of k-mer abundance with the fitted error and genome components; valley "
            f"at {full(fit.get('valley'))}, peak at {full(fit.get('peak'))}."
        )
    return "Histogram of k-mer abundance; no fit."
