"""Correction: one verdict per alternative for the whole data set, then the reads rewritten.

Takes the `Evidence` of one pass over the reads; gives `Verdicts`, rewritten batches
and the table of corrections. Correctors stand behind one protocol and are found by
entry point (group ``dbgclean.correctors``), ours and anybody else's alike.
"""

from importlib import import_module
from typing import Any

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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
