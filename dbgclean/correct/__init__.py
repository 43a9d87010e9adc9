"""Correction: one verdict per alternative for the whole data set, then the reads rewritten.

Takes the `Evidence` of one pass over the reads; gives `Verdicts`, rewritten batches
and the table of corrections. Correctors stand behind one protocol and are found by
entry point (group ``dbgclean.correctors``), ours and anybody else's alike.
"""

from dbgclean._lazy import lazy

_HOME = {
    "Corrector": "correctors",
    "CorrectorInfo": "registry",
    "available_correctors": "registry",
    "load_corrector": "correctors",
    "Sample": "correctors",
    "ERROR": "verdicts",
    "REAL": "verdicts",
    "UNDECIDED": "verdicts",
    "Verdicts": "verdicts",
    "Rewriter": "rewrite",
    "write_corrections": "corrections",
}

__all__ = sorted(_HOME)


__getattr__ = lazy(__name__, _HOME)
