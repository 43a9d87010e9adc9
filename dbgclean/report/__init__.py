"""The last stage: what went, and what it cost, in every form a reader may want.

Takes one plain dict, the *report* (built and checked by :func:`build_report`;
schema in ``docs/report.md``), and gives ``report.json``, ``report.html``,
``plots/*.svg``, two MultiQC files and a table on the terminal. Nothing here looks
at reads, k-mers or graphs: the other stages hand over numbers.

The names below load on first use, so that importing the package stays cheap:
matplotlib, jinja2 and rich are imported only by the function that needs them.
"""

from dbgclean._lazy import lazy

_HOME = {
    "AMBIGUITY_KEYS": "summary",
    "SCHEMA_VERSION": "summary",
    "TAG": "summary",
    "build_report": "summary",
    "histogram_pairs": "summary",
    "read_report": "summary",
    "sample_of": "summary",
    "validate_report": "summary",
    "write_outputs": "outputs",
    "write_report": "summary",
    "ambiguity_table": "terminal",
    "print_summary": "terminal",
    "print_table": "terminal",
    "summary_table": "terminal",
    "doubt_line": "words",
    "ploidy_sentence": "words",
    "sentences": "words",
    "TruthCost": "cost",
    "new_junctions": "cost",
    "real_bubbles_closed": "cost",
    "truth_cost": "cost",
    "draw_plots": "plots",
    "write_plots": "plots",
    "render_html": "html",
    "write_html": "html",
    "write_multiqc": "multiqc",
}

__all__ = sorted(_HOME)


__getattr__ = lazy(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
