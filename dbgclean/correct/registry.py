"""Which correctors are installed, told without importing any of them, nor what they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from dbgclean.errors import UsageError

__all__ = ["GROUP", "CorrectorInfo", "available_correctors", "find_corrector"]

GROUP = "dbgclean.correctors"


@dataclass(frozen=True)
class CorrectorInfo:
    """Where a corrector comes from."""

    name: str
    package: str
    version: str
    target: str


def _registered() -> dict[str, EntryPoint]:
    """Entry points by name; where a name stands twice, ours wins."""
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        if point.name not in found or point.value.startswith("dbgclean."):
            found[point.name] = point
    return found


def available_correctors() -> list[CorrectorInfo]:
    """Registered correctors by name, without importing any."""
    infos = []
    for name, point in sorted(_registered().items()):
        package = point.dist.name if point.dist else "unknown"
        version = point.dist.version if point.dist else "unknown"
        infos.append(CorrectorInfo(name, package, version, point.value))
    return infos


def find_corrector(name: str) -> EntryPoint:
    """The entry point of a corrector.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    points = _registered()
    if name not in points:
        known = ", ".join(sorted(points))
        msg = f"--corrector {name}: no such corrector is installed; choose one of {known}"
        raise UsageError(msg)
    return points[name]
