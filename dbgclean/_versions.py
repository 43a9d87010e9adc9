"""Versions of dbgclean and of what it stands on, without importing any of it."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version

from dbgclean import __version__

__all__ = ["LIBRARIES", "VERSIONS", "version_of", "versions_yml"]

VERSIONS = "versions.yml"
"""Name of the file in an output folder."""
LIBRARIES = (
    "torch",
    "numba",
    "numpy",
    "scipy",
    "networkx",
    "isal",
    "pysam",
    "biopython",
    "matplotlib",
    "safetensors",
)


def version_of(name: str) -> str:
    """Version of an installed package, or words that say that it is not."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def versions_yml(process: str = "dbgclean") -> str:
    """Tool and version by line under the name of a process, as nf-core's ``versions.yml`` has it.

    Examples
    --------
    >>> print(versions_yml("QC:CORRECT").splitlines()[0])
    "QC:CORRECT":
    """
    found = {"dbgclean": __version__, "python": platform.python_version()}
    found |= {name: version_of(name) for name in LIBRARIES}
    lines = [f"    {name}: {json.dumps(one)}\n" for name, one in found.items()]
    return f"{json.dumps(process)}:\n" + "".join(lines)
