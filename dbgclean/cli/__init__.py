"""The command line: one module per verb.

A verb's module has a docstring (its first line is the short help, the whole of it the
description), ``add_arguments(parser)``, where needed ``validate(args, parser)``, ``files(args)``
where the user names files (all that are written, or the folder, and all that are read), and
``main(args)``, which returns an exit code or None for 0. Adding a verb is adding a file.
Verbs are found without importing them, so ``--help`` loads nothing heavy.
"""

import ast
import pkgutil
from pathlib import Path

from dbgclean.cli._options import (
    add_kmer_size,
    add_layout,
    add_memory,
    add_output,
    add_reads,
    add_seed,
    add_threads,
    allowed_cpus,
    kmer_size,
    memory_size,
    thread_count,
)

__all__ = [
    "add_kmer_size",
    "add_layout",
    "add_memory",
    "add_output",
    "add_reads",
    "add_seed",
    "add_threads",
    "allowed_cpus",
    "find_verbs",
    "kmer_size",
    "memory_size",
    "thread_count",
]

# The order of the work; a verb that is not listed comes last.
_ORDER = ("run", "correct", "count", "train", "graph", "compare", "inspect", "info")


def find_verbs() -> dict[str, str]:
    """Short help by verb, read from the modules' docstrings without importing them."""
    names = [
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    ]
    rank = {name: place for place, name in enumerate(_ORDER)}
    names.sort(key=lambda name: (rank.get(name, len(rank)), name))
    # warm_up.py is `dbgclean warm-up`.
    return {name.replace("_", "-"): _first_line(Path(__path__[0]) / f"{name}.py") for name in names}


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return (docstring or "").split("\n", 1)[0].rstrip(".")
